/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Round trips to a kernel: ICMP echo, one after the other. The far end answers without waking a program, so
 * that what a tunnel adds is all there is between two of these figures.
 *
 *   bench-rtt ADDRESS SECONDS INTERVAL_US
 *
 * Waits INTERVAL_US between an answer and the next request. IPv4; the group must be in ping_group_range.
 */
#include <arpa/inet.h>
#include <netinet/ip_icmp.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "gen.h"

enum {
    SAMPLES_MAX = 1 << 20,
    PAYLOAD_LEN = 56, /* as of ping */
    PATIENCE_MS = 200,
};

static uint32_t samples[SAMPLES_MAX]; /* tens of nanoseconds */

/* The round trip of one request, or 0 if it was lost. */
static uint64_t ask(int fd, uint16_t number)
{
    uint8_t out[sizeof(struct icmphdr) + PAYLOAD_LEN] = {0}, in[256];
    struct icmphdr head = {.type = ICMP_ECHO, .un.echo.sequence = htons(number)};
    uint64_t sent = gen_now_ns();

    memcpy(out, &head, sizeof head);
    if (send(fd, out, sizeof out, 0) < 0)
        gen_stop_errno("send");
    while (recv(fd, in, sizeof in, 0) >= (ssize_t)sizeof head) {
        uint64_t now = gen_now_ns();

        memcpy(&head, in, sizeof head);
        if (head.type == ICMP_ECHOREPLY && ntohs(head.un.echo.sequence) == number)
            return now - sent;
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct timeval patience = {.tv_usec = PATIENCE_MS * 1000};
    struct timespec nap;
    struct gen_address to;
    uint64_t end, lost = 0, ns;
    size_t n = 0;
    double quantiles[3];
    int fd;

    gen_name = "bench-rtt";
    if (argc != 4)
        gen_stop("ADDRESS SECONDS INTERVAL_US");
    to = gen_address_of(argv[1], "0");
    nap = (struct timespec){.tv_nsec = (long)(gen_number(argv[3], 0, 999999) * 1000)};
    fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_ICMP);
    if (fd < 0 || connect(fd, (struct sockaddr *)&to.sa, to.n) != 0)
        gen_stop_errno("an ICMP socket");
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    end = gen_now_ns() + (uint64_t)(gen_number(argv[2], 0.01, 3600) * 1e9);
    for (uint16_t number = 1; gen_now_ns() < end && n < SAMPLES_MAX; number++) {
        ns = ask(fd, number);
        if (ns > 0)
            samples[n++] = (uint32_t)(ns / 10);
        else
            lost++;
        nanosleep(&nap, NULL);
    }
    for (size_t i = 0; i < 3; i++)
        quantiles[i] = gen_quantile(samples, n, (double[]){0.5, 0.9, 0.99}[i]) / 100;
    printf("{\"answers\": %zu, \"lost\": %llu, \"p50_us\": %.2f, \"p90_us\": %.2f, \"p99_us\": %.2f}\n", n,
           (unsigned long long)lost, quantiles[0], quantiles[1], quantiles[2]);
    close(fd);
    return 0;
}
