/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How far two cores are from each other: the time in which a line of cache goes to the other one and comes
 * back. A hypervisor may move the cores of a virtual machine, and then everything is slower at once.
 *
 *   bench-cores         prints the best of some rounds, for the first two cores that we may use
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "gen.h"

enum {
    TRIPS = 2000,
    ROUNDS = 10,
    SPIN_MAX = 50000000, /* whoever is not answered so long has lost the other core to somebody */
};

static _Alignas(128) atomic_uint ball;
static int cores[2];

static void pin(int core)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET((size_t)core, &set);
    if (sched_setaffinity(0, sizeof set, &set) != 0)
        gen_stop_errno("sched_setaffinity");
}

static void await(unsigned value)
{
    for (unsigned spins = 0; atomic_load_explicit(&ball, memory_order_acquire) != value; spins++) {
        if (spins == SPIN_MAX)
            gen_stop("the other core is too busy to answer");
    }
}

static void *answer(void *unused)
{
    (void)unused;
    pin(cores[1]);
    for (unsigned i = 0; i < TRIPS * ROUNDS; i++) {
        await(2 * i + 1);
        atomic_store_explicit(&ball, 2 * i + 2, memory_order_release);
    }
    return NULL;
}

static double best_round(void)
{
    double best = 1e9;
    unsigned i = 0;

    for (unsigned round = 0; round < ROUNDS; round++) {
        uint64_t start = gen_now_ns();
        double ns;

        for (unsigned trip = 0; trip < TRIPS; trip++, i++) {
            atomic_store_explicit(&ball, 2 * i + 1, memory_order_release);
            await(2 * i + 2);
        }
        ns = (double)(gen_now_ns() - start) / TRIPS;
        best = ns < best ? ns : best;
    }
    return best;
}

int main(void)
{
    cpu_set_t set;
    pthread_t other;
    int n = 0;
    double ns;

    gen_name = "bench-cores";
    if (sched_getaffinity(0, sizeof set, &set) != 0)
        gen_stop_errno("sched_getaffinity");
    for (int core = 0; core < CPU_SETSIZE && n < 2; core++) {
        if (CPU_ISSET((size_t)core, &set))
            cores[n++] = core;
    }
    if (n < 2)
        gen_stop("there is only one core");
    pin(cores[0]);
    if (pthread_create(&other, NULL, answer, NULL) != 0)
        gen_stop("no thread");
    ns = best_round();
    pthread_join(other, NULL);
    printf("{\"round_trip_ns\": %.1f}\n", ns);
    return 0;
}
