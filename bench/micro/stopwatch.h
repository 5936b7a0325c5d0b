/* SPDX-License-Identifier: Apache-2.0 */
/* The clock of the small measurements, and the order of what it says. */
#ifndef ADIT_BENCH_STOPWATCH_H
#define ADIT_BENCH_STOPWATCH_H

#include <stdlib.h>
#include <time.h>

static inline double now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static inline int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

/* From the shortest to the longest. */
static inline void sort_times(double *ns, size_t n)
{
    qsort(ns, n, sizeof *ns, by_value);
}

#endif
