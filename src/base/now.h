/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time is a value that is passed in. The host reads both clocks once per turn of its loop; nothing below
 * linux/ ever asks what time it is. Timers use mono_ns only; the wall clock is there because packet-id
 * timestamps, tokens and certificates need it.
 */
#ifndef ADIT_BASE_NOW_H
#define ADIT_BASE_NOW_H

#include <stdint.h>

typedef struct adit_now {
    uint64_t mono_ns; /* nanoseconds of a clock that never goes back */
    int64_t wall_s;   /* seconds since 1970-01-01 UTC; may jump */
} adit_now;

/* A deadline that never comes. */
#define ADIT_NEVER UINT64_MAX

#define ADIT_NS_PER_S  1000000000ULL
#define ADIT_NS_PER_MS 1000000ULL

/* `s` seconds after `now`; ADIT_NEVER instead of an overflow. */
static inline uint64_t adit_now_after_s(adit_now now, uint64_t s)
{
    return s > (ADIT_NEVER - now.mono_ns) / ADIT_NS_PER_S ? ADIT_NEVER : now.mono_ns + s * ADIT_NS_PER_S;
}

static inline uint64_t adit_earlier(uint64_t a_ns, uint64_t b_ns)
{
    return a_ns < b_ns ? a_ns : b_ns;
}

#endif
