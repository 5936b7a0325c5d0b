/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stream of UDP packets, and its receiver: what iperf3 cannot do is to send with UDP_SEGMENT and to receive
 * with UDP_GRO, and its cost a packet hides that of a tunnel.
 *
 *   bench-udp recv ADDRESS PORT SECONDS
 *   bench-udp send ADDRESS PORT SECONDS SIZE SEGMENTS RATE
 *
 * The receiver says "listening", waits for the first packet, leaves out GEN_SKIP_MS and counts for SECONDS.
 * The sender sends packets with SIZE bytes of payload, SEGMENTS of them with one call (1: singly), RATE a
 * second (0: as fast as it goes), for a little longer than the receiver counts.
 */
#include <errno.h>
#include <linux/sock_diag.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "gen.h"

enum {
    READS = 32, /* messages of one call */
    MESSAGE_LEN = 65536,
    PATIENCE_MS = 5000, /* with which the first packet is awaited, and the last */
    MARGIN_MS = 300,    /* that the sender goes on after the receiver is through */
    SEGMENTS_MAX = 64,  /* what every kernel with UDP_SEGMENT takes */
    BATCH = 64,         /* packets between two looks at the clock */
};

struct counts {
    uint64_t packets, bytes, reads;
};

static uint8_t room[READS][MESSAGE_LEN];

/* How many packets a message stands for. */
static uint64_t packets_of(struct msghdr *h, size_t n)
{
    int segment = 0;

    for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
        if (c->cmsg_level == SOL_UDP && c->cmsg_type == UDP_GRO)
            memcpy(&segment, CMSG_DATA(c), sizeof segment);
    }
    return segment > 0 ? (n + (size_t)segment - 1) / (size_t)segment : 1;
}

static void take(int fd, struct counts *counts)
{
    static struct mmsghdr messages[READS];
    static struct iovec parts[READS];
    static uint8_t control[READS][CMSG_SPACE(sizeof(int))];
    int n;

    for (int i = 0; i < READS; i++) {
        parts[i] = (struct iovec){room[i], MESSAGE_LEN};
        messages[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i],
                                              .msg_iovlen = 1,
                                              .msg_control = control[i],
                                              .msg_controllen = sizeof control[i]};
    }
    n = recvmmsg(fd, messages, READS, MSG_WAITFORONE, NULL);
    if (n < 0 && errno != EAGAIN && errno != EINTR)
        gen_stop_errno("recvmmsg");
    for (int i = 0; i < n; i++) {
        counts->packets += packets_of(&messages[i].msg_hdr, messages[i].msg_len);
        counts->bytes += messages[i].msg_len;
        counts->reads++;
    }
}

/* Packets that had no room in our own buffer: if there are many, it is us that was measured. */
static uint32_t count_drops(int fd)
{
    uint32_t info[SK_MEMINFO_VARS] = {0};
    socklen_t n = sizeof info;

    return getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info, &n) == 0 ? info[SK_MEMINFO_DROPS] : 0;
}

static int receive_socket(const struct gen_address *at)
{
    int fd = socket(at->sa.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0), one = 1;
    struct timeval nap = {.tv_usec = 50000};

    if (fd < 0 || bind(fd, (const struct sockaddr *)&at->sa, at->n) != 0)
        gen_stop_errno("bind");
    if (setsockopt(fd, SOL_UDP, UDP_GRO, &one, sizeof one) != 0)
        gen_stop_errno("UDP_GRO");
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &nap, sizeof nap);
    gen_grow_buffers(fd);
    return fd;
}

static void receive(const struct gen_address *at, double seconds)
{
    int fd = receive_socket(at);
    uint64_t length = (uint64_t)(seconds * 1e9), now, start, end;
    struct counts all = {0}, before;
    uint32_t drops;

    puts("listening");
    fflush(stdout);
    end = gen_now_ns() + UINT64_C(1000000) * PATIENCE_MS;
    while (all.packets == 0 && gen_now_ns() < end)
        take(fd, &all);
    end = gen_now_ns() + UINT64_C(1000000) * GEN_SKIP_MS;
    while ((start = gen_now_ns()) < end)
        take(fd, &all);
    before = all;
    drops = count_drops(fd);
    while ((now = gen_now_ns()) < start + length)
        take(fd, &all);
    printf("{\"packets\": %llu, \"bytes\": %llu, \"reads\": %llu, \"dropped\": %u, \"seconds\": %.6f}\n",
           (unsigned long long)(all.packets - before.packets), (unsigned long long)(all.bytes - before.bytes),
           (unsigned long long)(all.reads - before.reads), (unsigned)(count_drops(fd) - drops),
           (double)(now - start) / 1e9);
    close(fd);
}

/* Waits until the clock has come to what was sent. */
static void keep_rate(uint64_t start, uint64_t packets, double rate)
{
    uint64_t due = start + (uint64_t)((double)packets / rate * 1e9), now = gen_now_ns();
    struct timespec t = {.tv_sec = (time_t)(due / GEN_S_NS), .tv_nsec = (long)(due % GEN_S_NS)};

    if (rate > 0 && due > now)
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}

static int send_socket(const struct gen_address *to, size_t size, size_t segments)
{
    int fd = socket(to->sa.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0), segment = (int)size;

    if (fd < 0 || connect(fd, (const struct sockaddr *)&to->sa, to->n) != 0)
        gen_stop_errno("connect");
    if (segments > 1 && setsockopt(fd, SOL_UDP, UDP_SEGMENT, &segment, sizeof segment) != 0)
        gen_stop_errno("UDP_SEGMENT");
    return fd;
}

static void transmit(const struct gen_address *to, double seconds, size_t size, size_t segments, double rate)
{
    int fd = send_socket(to, size, segments);
    uint64_t start = gen_now_ns(), now = start, packets = 0, refused = 0;
    uint64_t end = start + (uint64_t)(seconds * 1e9) + UINT64_C(1000000) * (GEN_SKIP_MS + MARGIN_MS);
    /* At a rate, one call and then a wait; else the clock is read seldom. */
    size_t calls = rate > 0 || segments >= BATCH ? 1 : BATCH / segments;

    for (; now < end; now = gen_now_ns()) {
        for (size_t i = 0; i < calls; i++) {
            if (send(fd, room[0], size * segments, 0) < 0)
                refused += segments;
            else
                packets += segments;
        }
        keep_rate(start, packets + refused, rate);
    }
    printf("{\"packets\": %llu, \"refused\": %llu, \"seconds\": %.6f}\n", (unsigned long long)packets,
           (unsigned long long)refused, (double)(now - start) / 1e9);
    close(fd);
}

int main(int argc, char **argv)
{
    struct gen_address a;
    double seconds;

    gen_name = "bench-udp";
    if (argc < 5)
        gen_stop("recv ADDRESS PORT SECONDS, or send ADDRESS PORT SECONDS SIZE SEGMENTS RATE");
    a = gen_address_of(argv[2], argv[3]);
    seconds = gen_number(argv[4], 0.01, 3600);
    if (strcmp(argv[1], "recv") == 0 && argc == 5) {
        receive(&a, seconds);
    } else if (strcmp(argv[1], "send") == 0 && argc == 8) {
        size_t size = (size_t)gen_number(argv[5], 1, 9000);
        size_t segments = (size_t)gen_number(argv[6], 1, SEGMENTS_MAX);

        if (size * segments > 65507)
            segments = 65507 / size;
        transmit(&a, seconds, size, segments, gen_number(argv[7], 0, 1e9));
    } else {
        gen_stop("recv or send, and as many words as they take");
    }
    return 0;
}
