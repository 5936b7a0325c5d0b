/* SPDX-License-Identifier: Apache-2.0 */
/* Asks the processor to fetch what will be touched soon. Changes nothing, and reads nothing by itself. */
#ifndef ADIT_BASE_WARM_H
#define ADIT_BASE_WARM_H

#include <stddef.h>

enum {
    ADIT_CACHE_LINE = 64,
};

static inline void adit_warm(const void *p, size_t n)
{
    for (size_t at = 0; at < n; at += ADIT_CACHE_LINE)
        __builtin_prefetch((const char *)p + at);
}

#endif
