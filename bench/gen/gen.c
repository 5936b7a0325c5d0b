/* SPDX-License-Identifier: Apache-2.0 */
#include "gen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    BUFFER_LEN = 8 << 20,
};

const char *gen_name = "bench";

void gen_stop(const char *what)
{
    fprintf(stderr, "%s: %s\n", gen_name, what);
    exit(1);
}

void gen_stop_errno(const char *what)
{
    fprintf(stderr, "%s: %s: %s\n", gen_name, what, strerror(errno));
    exit(1);
}

uint64_t gen_now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * GEN_S_NS + (uint64_t)t.tv_nsec;
}

double gen_number(const char *text, double min, double max)
{
    char *end;
    double value = strtod(text, &end);

    if (end == text || *end != '\0' || !(value >= min && value <= max))
        gen_stop("a number is wrong; see the top of the source");
    return value;
}

struct gen_address gen_address_of(const char *ip, const char *port)
{
    struct gen_address a = {0};
    struct sockaddr_in *v4 = (struct sockaddr_in *)&a.sa;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&a.sa;
    in_port_t number = htons((uint16_t)gen_number(port, 0, 65535));

    if (inet_pton(AF_INET, ip, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = number;
        a.n = sizeof *v4;
    } else if (inet_pton(AF_INET6, ip, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = number;
        a.n = sizeof *v6;
    } else {
        gen_stop("not an address");
    }
    return a;
}

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

double gen_quantile(uint32_t *values, size_t n, double share)
{
    if (n == 0)
        return 0;
    qsort(values, n, sizeof *values, compare);
    return values[(size_t)(share * (double)(n - 1) + 0.5)];
}

void gen_grow_buffers(int fd)
{
    int len = BUFFER_LEN;

    /* The second needs no privilege, and gives less. */
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &len, sizeof len) != 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &len, sizeof len);
}
