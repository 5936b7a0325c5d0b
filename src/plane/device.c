/* SPDX-License-Identifier: Apache-2.0 */
#include "plane/device.h"

#include <string.h>

size_t adit_gather_copy(const struct adit_gather *g, uint8_t *dst)
{
    size_t n = 0;

    for (unsigned i = 0; i < g->n_parts; i++) {
        memcpy(dst + n, g->parts[i].p, g->parts[i].n);
        n += g->parts[i].n;
    }
    return n;
}
