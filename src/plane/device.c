/* SPDX-License-Identifier: Apache-2.0 */
#include "plane/device.h"

#include <string.h>

#include "plane/segment.h"

size_t adit_gather_copy(const struct adit_gather *g, uint8_t *dst)
{
    size_t n = 0;

    for (unsigned i = 0; i < g->n_parts; i++) {
        memcpy(dst + n, g->parts[i].p, g->parts[i].n);
        n += g->parts[i].n;
    }
    return n;
}

adit_err adit_gather_split(const struct adit_gather *g, uint8_t *room,
                           adit_err (*write)(void *ctx, const struct adit_gather *single), void *ctx)
{
    struct adit_segments s;
    adit_err err = adit_segments_begin(&s, room, adit_gather_copy(g, room), &g->offload);
    uint8_t *packet;
    size_t n;

    while (!err && adit_segments_next(&s, &packet, &n)) {
        adit_bytes part = adit_bytes_of(packet, n);
        struct adit_gather single = adit_gather_single(&part, g->owner);

        err = write(ctx, &single);
    }
    return err;
}
