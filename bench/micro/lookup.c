/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nanoseconds per packet of finding the owner of an inner address, among few and many clients, and of the
 * replay window. Addresses are asked for in an order without a pattern, so that many clients cost what they
 * do on a server: memory that is not in the cache. Prints the best and the middle round; on a busy machine
 * only the best means something.
 *
 * bench-lookup [ROUNDS]
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/rng.h"
#include "plane/routes.h"
#include "proto/replay.h"

enum {
    LOOKUPS = 4096, /* per round */
    WINDOW = 2048,
    ROUNDS_MAX = 100000,
};

static double ns[ROUNDS_MAX];
static volatile uint64_t sink; /* so that nothing is left out */

static double now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static void print(const char *what, int rounds)
{
    qsort(ns, (size_t)rounds, sizeof *ns, by_value);
    printf("  %-44s %7.1f %7.1f\n", what, ns[0], ns[rounds / 2]);
}

static struct adit_ip address(bool is_v6, uint32_t i)
{
    struct adit_ip ip = adit_ip_v4(0x0a000000 + i);

    if (!is_v6)
        return ip;
    ip = (struct adit_ip){.family = ADIT_AF_V6, .b = {0xfd, 0x99}};
    ip.b[13] = (uint8_t)(i >> 16);
    ip.b[14] = (uint8_t)(i >> 8);
    ip.b[15] = (uint8_t)i;
    return ip;
}

/* Addresses of a pool, or as many networks of 16 addresses each behind clients. */
static void measure_routes(bool is_v6, uint32_t n, bool is_networks, int rounds)
{
    struct adit_routes *r = adit_routes_new();
    static struct adit_ip asked[LOOKUPS];
    uint64_t rng_state = 1;
    struct adit_rng rng = adit_rng_seeded(&rng_state);
    char what[64];

    for (uint32_t i = 0; r && i < n; i++) {
        uint32_t at = is_networks ? i << 4 : i;
        struct adit_prefix p = {.ip = address(is_v6, at), .bits = is_v6 ? 128 : 32};

        p.bits = (uint8_t)(p.bits - (is_networks ? 4 : 0));
        if (adit_routes_add(r, &p, i) != ADIT_OK)
            abort();
    }
    for (int i = 0; i < rounds; i++) {
        double start;

        for (int k = 0; k < LOOKUPS; k++)
            asked[k] = address(is_v6, adit_rng_below(&rng, is_networks ? n << 4 : n));
        start = now_ns();
        for (int k = 0; k < LOOKUPS; k++)
            sink += adit_routes_find(r, &asked[k]);
        ns[i] = (now_ns() - start) / LOOKUPS;
    }
    snprintf(what, sizeof what, "%s, %u %s", is_v6 ? "IPv6" : "IPv4", (unsigned)n,
             is_networks ? "networks" : "addresses");
    print(what, rounds);
    adit_routes_free(r);
}

static void measure_replay(bool is_shuffled, int rounds)
{
    static uint64_t bits[WINDOW / 64 + 2];
    struct adit_replay replay;
    uint64_t id = 1;

    if (adit_replay_words(WINDOW) > sizeof bits / sizeof bits[0])
        abort();
    adit_replay_init(&replay, bits, WINDOW, 15);
    for (int i = 0; i < rounds; i++) {
        double start = now_ns();

        for (uint64_t k = 0; k < LOOKUPS; k++) {
            /* Shuffled: in groups of eight, backwards. */
            uint64_t at = id + (is_shuffled ? k ^ 7 : k);

            sink += adit_replay_check(&replay, at);
            adit_replay_mark(&replay, at, (adit_now){.mono_ns = 1});
        }
        id += LOOKUPS;
        ns[i] = (now_ns() - start) / LOOKUPS;
    }
    print(is_shuffled ? "replay window, packets out of order" : "replay window, packets in order", rounds);
}

int main(int argc, char **argv)
{
    static const uint32_t counts[] = {10, 1000, 50000};
    int rounds = argc > 1 ? atoi(argv[1]) : 300;

    if (rounds < 1 || rounds > ROUNDS_MAX) {
        fprintf(stderr, "bench-lookup: ROUNDS is 1 to %d\n", ROUNDS_MAX);
        return 1;
    }
    printf("  %-44s %7s %7s\n", "ns per packet", "best", "middle");
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        measure_routes(false, counts[i], false, rounds);
        measure_routes(true, counts[i], false, rounds);
        measure_routes(false, counts[i], true, rounds);
    }
    measure_replay(false, rounds);
    measure_replay(true, rounds);
    return 0;
}
