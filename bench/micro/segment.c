/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nanoseconds per packet of the Internet checksum alone, and of taking super-packets apart with all that
 * belongs to it (headers, checksums), by size of the packets. Several super-packets in turns, as a worker has
 * them after reading. Prints the best and the middle round; on a busy machine only the best means something.
 *
 * bench-segment [ROUNDS]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plane/segment.h"
#include "stopwatch.h"
#include "wire/csum.h"

enum {
    BUFFERS = 4, /* together more than the first cache, less than the second */
    BUFFER = 65536,
    ROUNDS_MAX = 100000,
};

typedef uint64_t (*adder)(uint64_t sum, const uint8_t *p, size_t n);

static uint8_t buffers[BUFFERS][BUFFER];
static double ns[ROUNDS_MAX];
static volatile uint64_t sink; /* so that nothing is left out */

static void stop(const char *why)
{
    fprintf(stderr, "bench-segment: %s\n", why);
    exit(1);
}

static void print(const char *what, size_t len, int rounds)
{
    sort_times(ns, (size_t)rounds);
    printf("  %-18s %5zu   %7.1f %7.1f\n", what, len, ns[0], ns[rounds / 2]);
}

static void measure_sum(const char *what, adder add, size_t len, int rounds)
{
    size_t count = BUFFER / len;

    for (int i = 0; i < rounds; i++) {
        const uint8_t *b = buffers[i % BUFFERS];
        double start = now_ns();

        for (size_t k = 0; k < count; k++)
            sink += adit_csum_fold(add(0, b + k * len, len));
        ns[i] = (now_ns() - start) / (double)count;
    }
    print(what, len, rounds);
}

/* Headers in front of a payload that fills the packet; what is said about it. */
static size_t make(bool is_v6, bool is_tcp, size_t segment, uint8_t *b, struct adit_offload *o)
{
    size_t ip = is_v6 ? 40 : 20, head = ip + (is_tcp ? 32 : 8), n = 65000 / segment * segment + head;
    struct adit_wr w = adit_wr_of(b, head);

    memset(b, 0, head);
    if (is_v6) {
        adit_wr_u32(&w, 0x60000000);
        adit_wr_u16(&w, (uint16_t)(n - ip));
        adit_wr_u16(&w, is_tcp ? 0x0640 : 0x1140);
    } else {
        adit_wr_u16(&w, 0x4500);
        adit_wr_u16(&w, (uint16_t)n);
        adit_wr_u32(&w, 0x00014000);
        adit_wr_u16(&w, is_tcp ? 0x4006 : 0x4011);
    }
    b[ip + 12] = is_tcp ? 0x80 : b[ip + 12];
    *o = (struct adit_offload){.gso = is_tcp ? ADIT_GSO_TCP : ADIT_GSO_UDP,
                               .needs_csum = true,
                               .segment = (uint16_t)segment,
                               .csum_start = (uint16_t)ip,
                               .csum_at = is_tcp ? 16 : 6};
    return n;
}

static void measure_segments(const char *what, bool is_v6, bool is_tcp, size_t segment, int rounds)
{
    for (int i = 0; i < rounds; i++) {
        struct adit_offload o;
        struct adit_segments s;
        uint8_t *b = buffers[i % BUFFERS], *packet;
        size_t n = make(is_v6, is_tcp, segment, b, &o), len, count = 0;
        double start = now_ns();

        if (adit_segments_begin(&s, b, n, &o) != ADIT_OK)
            stop("a super-packet was refused");
        for (; adit_segments_next(&s, &packet, &len); count++)
            sink += packet[len - 1];
        ns[i] = (now_ns() - start) / (double)count;
    }
    print(what, segment, rounds);
}

int main(int argc, char **argv)
{
    static const size_t lens[] = {64, 512, 1400};
    int rounds = argc > 1 ? atoi(argv[1]) : 2000;

    if (rounds < 1 || rounds > ROUNDS_MAX)
        stop("ROUNDS is a number from 1 to 100000");
    memset(buffers, 0x5a, sizeof buffers);
    printf("  %-18s %5s   %15s\n", "ns per packet", "bytes", "best, mid");
    for (size_t l = 0; l < sizeof lens / sizeof *lens; l++) {
        measure_sum("checksum", adit_csum_add, lens[l], rounds);
        measure_sum("checksum, plain", adit_csum_add_plain, lens[l], rounds);
        measure_segments("TCP in IPv4", false, true, lens[l], rounds);
        measure_segments("TCP in IPv6", true, true, lens[l], rounds);
        measure_segments("UDP in IPv4", false, false, lens[l], rounds);
        measure_segments("UDP in IPv6", true, false, lens[l], rounds);
    }
    return 0;
}
