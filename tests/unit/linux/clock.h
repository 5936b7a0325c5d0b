/* SPDX-License-Identifier: Apache-2.0 */
/* The program's clock is the kernel's and a difference, so that a test can be minutes later. To be included
 * once. */
#ifndef ADIT_TESTS_CLOCK_H
#define ADIT_TESTS_CLOCK_H

#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static _Atomic time_t clock_ahead_s; /* threads read it */

/* In place of the library's. */
int clock_gettime(clockid_t id, struct timespec *t)
{
    int err = (int)syscall(SYS_clock_gettime, id, t);

    t->tv_sec += clock_ahead_s;
    return err;
}

#endif
