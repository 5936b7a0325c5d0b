/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CLOCK_BOOTTIME rather than CLOCK_MONOTONIC: it goes on while the machine sleeps, so that a laptop notices
 * at once after waking that its peer has not been heard for hours.
 */
#include "linux/clock.h"

#include <time.h>

adit_now adit_clock_now(void)
{
    struct timespec mono = {0}, wall = {0};

    clock_gettime(CLOCK_BOOTTIME, &mono);
    clock_gettime(CLOCK_REALTIME, &wall);
    return (adit_now){
        .mono_ns = (uint64_t)mono.tv_sec * ADIT_NS_PER_S + (uint64_t)mono.tv_nsec,
        .wall_s = (int64_t)wall.tv_sec,
    };
}
