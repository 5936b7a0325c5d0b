/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

void *adit_alloc(size_t n)
{
    return calloc(1, n);
}

void *adit_realloc(void *p, size_t n)
{
    return realloc(p, n);
}

char *adit_strdup(const char *s)
{
    return strdup(s);
}

void adit_free(void *p)
{
    free(p);
}

void adit_free_secret(void *p, size_t n)
{
    if (!p)
        return;
    adit_wipe(p, n);
    free(p);
}
