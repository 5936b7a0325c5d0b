/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the generators of the benchmark share. Each is a small program that prints one line of JSON a result;
 * whatever goes wrong ends it with a line on stderr and status 1, since half a measurement is none.
 */
#ifndef ADIT_BENCH_GEN_H
#define ADIT_BENCH_GEN_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

enum {
    GEN_SKIP_MS = 200, /* of the beginning are not counted: a tunnel wakes up, queues fill */
};

#define GEN_S_NS UINT64_C(1000000000)

struct gen_address {
    struct sockaddr_storage sa;
    socklen_t n;
};

/* The name of the program, for gen_stop(). */
extern const char *gen_name;

_Noreturn void gen_stop(const char *what);
_Noreturn void gen_stop_errno(const char *what);
uint64_t gen_now_ns(void);
/* An IPv4 or IPv6 address in numbers, and a port. */
struct gen_address gen_address_of(const char *ip, const char *port);
double gen_number(const char *text, double min, double max);
/* Sorts the values, and gives the one below which `share` of them lie. */
double gen_quantile(uint32_t *values, size_t n, double share);
/* As large as the machine lets us, so that a burst is not lost for want of a buffer of ours. */
void gen_grow_buffers(int fd);

#endif
