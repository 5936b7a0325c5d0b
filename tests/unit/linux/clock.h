/* SPDX-License-Identifier: Apache-2.0 */
/* The program's clock is the kernel's and a difference, so that a test can be minutes later. To be included
 * once. */
#ifndef ADIT_TESTS_CLOCK_H
#define ADIT_TESTS_CLOCK_H

#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static _Atomic time_t clock_ahead_s;     /* threads read it */
static _Atomic uint64_t clock_stands_ns; /* not 0: it does not move */

/* In place of the library's. */
int clock_gettime(clockid_t id, struct timespec *t)
{
    int err = (int)syscall(SYS_clock_gettime, id, t);

    if (clock_stands_ns > 0)
        *t = (struct timespec){.tv_sec = (time_t)(clock_stands_ns / 1000000000),
                               .tv_nsec = (long)(clock_stands_ns % 1000000000)};
    t->tv_sec += clock_ahead_s;
    return err;
}

#endif
