/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What merging costs, in ns a packet: bursts as a receiver gets them, the sink throws away. Built a second
 * time with WITHOUT_CSUM the checksums are not looked at, which leaves the cost of everything else.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plane/merge.h"
#include "stopwatch.h"
#include "wire/csum.h"

enum {
    BURST = 44,  /* one super-packet of the largest kind */
    ROOM = 1472, /* not a multiple of a page, as packets of a train */
    ROUNDS = 100,
    TRIES = 400,
    HEADS_MAX = 128,
};

#ifdef WITHOUT_CSUM
uint64_t adit_csum_add(uint64_t sum, const uint8_t *p, size_t n)
{
    (void)p;
    (void)n;
    return sum;
}

/* Right, whatever it is. */
uint16_t adit_csum_fold(uint64_t sum)
{
    (void)sum;
    return 0xFFFF;
}

uint64_t adit_csum_pseudo(const uint8_t *ip, uint8_t protocol, size_t len)
{
    (void)ip;
    (void)protocol;
    (void)len;
    return 0;
}
#endif

struct load {
    const char *name;
    bool is_v6, is_tcp;
    size_t n;         /* bytes of a packet */
    unsigned n_flows; /* that take turns */
};

static const struct load loads[] = {
    {"TCP, IPv4, 1400 B", false, true, 1400, 1},
    {"TCP, IPv6, 1400 B", true, true, 1400, 1},
    {"UDP, IPv4, 1400 B", false, false, 1400, 1},
    {"UDP, IPv6, 1400 B", true, false, 1400, 1},
    {"UDP, IPv4, 64 B", false, false, 64, 1},
    {"TCP, IPv4, 1400 B, 4 flows", false, true, 1400, 4},
    {"TCP, IPv4, 1400 B, 11 flows", false, true, 1400, 11},
    {"UDP, IPv4, 64 B, 11 flows", false, false, 64, 11},
    {"UDP, IPv4, 64 B, each another flow", false, false, 64, BURST},
    {"TCP, IPv4, acknowledgments", false, true, 52, 1},
};

static uint8_t packets[BURST][ROOM], heads[BURST][HEADS_MAX];
static struct adit_merge merge;
static unsigned long n_given;

static void take(void *ctx, const struct adit_gather *g)
{
    (void)ctx;
    (void)g;
    n_given++;
}

static void put(uint8_t *p, uint32_t v, unsigned len)
{
    while (len-- > 0) {
        p[len] = (uint8_t)v;
        v >>= 8;
    }
}

/* Zero, which is what the stand-in makes of everything, would be no checksum. */
static void put_sum(uint8_t *at, uint64_t sum)
{
    uint16_t v = (uint16_t)~adit_csum_fold(sum);

    v = v ? v : 0x1234;
    memcpy(at, &v, sizeof v);
}

static void build(const struct load *l, unsigned i)
{
    uint8_t *b = packets[i], *t;
    size_t ip_len = l->is_v6 ? 40 : 20, head_len = ip_len + (l->is_tcp ? 32 : 8);
    unsigned nth = i / l->n_flows, flow = i % l->n_flows;

    memset(b, 0x5A, ROOM);
    memset(b, 0, head_len);
    t = b + ip_len;
    if (l->is_v6) {
        b[0] = 0x60;
        put(b + 4, (uint32_t)(l->n - ip_len), 2);
        b[6] = l->is_tcp ? 6 : 17;
        b[7] = 64;
        b[8] = b[24] = 0xFD;
        b[39] = (uint8_t)flow;
    } else {
        b[0] = 0x45;
        put(b + 2, (uint32_t)l->n, 2);
        put(b + 4, nth, 2);
        b[6] = 0x40;
        b[8] = 64;
        b[9] = l->is_tcp ? 6 : 17;
        put(b + 12, 0x0A000001, 4);
        put(b + 16, 0x0A000100 + flow, 4);
        put_sum(b + 10, adit_csum_add(0, b, 20));
    }
    put(t, 1000 + flow, 2);
    put(t + 2, 443, 2);
    if (l->is_tcp) {
        put(t + 4, (uint32_t)(nth * (l->n - head_len)), 4);
        t[12] = 0x80;
        t[13] = 0x10;
    } else {
        put(t + 4, (uint32_t)(l->n - ip_len), 2);
    }
    put_sum(t + (l->is_tcp ? 16 : 6),
            adit_csum_add(adit_csum_pseudo(b, l->is_tcp ? 6 : 17, l->n - ip_len), t, l->n - ip_len));
    memcpy(heads[i], b, HEADS_MAX);
}

/* Only the first packet of each flow was written over, and is made good again. */
static double run(const struct load *l)
{
    double best = 1e9;

    for (int try = 0; try < TRIES; try++) {
        double start = now_ns(), ns;

        for (int round = 0; round < ROUNDS; round++) {
            for (unsigned i = 0; i < l->n_flows; i++)
                memcpy(packets[i], heads[i], HEADS_MAX);
            for (unsigned i = 0; i < BURST; i++)
                adit_merge_add(&merge, packets[i], l->n, NULL);
            adit_merge_flush(&merge);
        }
        ns = (now_ns() - start) / ROUNDS / BURST;
        best = ns < best ? ns : best;
    }
    return best;
}

int main(void)
{
    merge = (struct adit_merge){.sink = take, .want_tcp4 = true, .want_tcp6 = true, .want_udp = true};
    for (size_t k = 0; k < sizeof loads / sizeof *loads; k++) {
        double ns;

        for (unsigned i = 0; i < BURST; i++)
            build(&loads[k], i);
        n_given = 0;
        ns = run(&loads[k]);
        printf("%-36s %7.1f ns a packet, %5.1f packets a write\n", loads[k].name, ns,
               (double)TRIES * ROUNDS * BURST / (double)n_given);
    }
    return 0;
}
