/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ones' complement sum does not mind where its carries are added, so the bytes are taken in the widest
 * words there are: lanes of 64 bits, each of which counts as two halves of 32. The loop is written once, in
 * vectors of four lanes, and compiled twice; without AVX2 the compiler makes two or four instructions of one.
 */
#include "wire/csum.h"

#include <string.h>

typedef uint64_t lanes __attribute__((vector_size(32)));

/* Sums of whole lanes modulo 2^64, and of their upper halves, which cannot overflow: together they give the
 * sums of the lower halves without masking each. */
struct lane_sums {
    lanes whole, upper;
};

#define add_lanes(s, p)                                                                                      \
    do {                                                                                                     \
        lanes v_;                                                                                            \
        memcpy(&v_, (p), sizeof v_);                                                                         \
        (s).whole += v_;                                                                                     \
        (s).upper += v_ >> 32;                                                                               \
    } while (0)

static inline uint64_t add_carry(uint64_t a, uint64_t b)
{
    a += b;
    return a + (a < b);
}

/* Fewer bytes than a vector, at the end. */
static inline __attribute__((always_inline)) uint64_t add_rest(uint64_t sum, const uint8_t *p, size_t n)
{
    uint64_t v8;
    uint32_t v4;
    uint16_t v2;

    for (; n >= sizeof v8; p += sizeof v8, n -= sizeof v8) {
        memcpy(&v8, p, sizeof v8);
        sum = add_carry(sum, v8);
    }
    if (n & 4) {
        memcpy(&v4, p, sizeof v4);
        sum = add_carry(sum, v4);
        p += sizeof v4;
    }
    if (n & 2) {
        memcpy(&v2, p, sizeof v2);
        sum = add_carry(sum, v2);
        p += sizeof v2;
    }
    if (n & 1) {
        v2 = 0;
        memcpy(&v2, p, 1);
        sum = add_carry(sum, v2);
    }
    return sum;
}

static inline __attribute__((always_inline)) uint64_t add_all(uint64_t sum, const uint8_t *p, size_t n)
{
    struct lane_sums a = {0}, b = {0};
    lanes lower;

    if (n < 2 * sizeof(lanes))
        return add_rest(sum, p, n);
    for (; n >= 4 * sizeof(lanes); p += 4 * sizeof(lanes), n -= 4 * sizeof(lanes)) {
        add_lanes(a, p);
        add_lanes(b, p + sizeof(lanes));
        add_lanes(a, p + 2 * sizeof(lanes));
        add_lanes(b, p + 3 * sizeof(lanes));
    }
    for (; n >= sizeof(lanes); p += sizeof(lanes), n -= sizeof(lanes))
        add_lanes(a, p);
    a.whole += b.whole;
    a.upper += b.upper;
    lower = a.whole - (a.upper << 32);
    for (size_t i = 0; i < sizeof(lanes) / sizeof(uint64_t); i++)
        sum = add_carry(sum, lower[i] + a.upper[i]);
    return add_rest(sum, p, n);
}

uint64_t adit_csum_add_plain(uint64_t sum, const uint8_t *p, size_t n)
{
    return add_all(sum, p, n);
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static uint64_t add_wide(uint64_t sum, const uint8_t *p, size_t n)
{
    return add_all(sum, p, n);
}

static inline bool has_wide(void)
{
    return __builtin_cpu_supports("avx2");
}
#else
static uint64_t add_wide(uint64_t sum, const uint8_t *p, size_t n)
{
    return adit_csum_add_plain(sum, p, n);
}

static inline bool has_wide(void)
{
    return false;
}
#endif

uint64_t adit_csum_add(uint64_t sum, const uint8_t *p, size_t n)
{
    return has_wide() ? add_wide(sum, p, n) : adit_csum_add_plain(sum, p, n);
}

uint16_t adit_csum_fold(uint64_t sum)
{
    sum = (sum & 0xFFFFFFFF) + (sum >> 32);
    sum = (sum & 0xFFFF) + (sum >> 16);
    sum = (sum & 0xFFFF) + (sum >> 16);
    sum = (sum & 0xFFFF) + (sum >> 16);
    return (uint16_t)sum;
}

uint64_t adit_csum_pseudo(const uint8_t *ip, uint8_t protocol, size_t len)
{
    bool is_v4 = ip[0] >> 4 == 4;
    uint8_t rest[] = {
        (uint8_t)(len >> 24), (uint8_t)(len >> 16), (uint8_t)(len >> 8), (uint8_t)len, 0, 0, 0, protocol};
    uint64_t sum = add_rest(0, rest, sizeof rest);

    return is_v4 ? add_rest(sum, ip + 12, 8) : add_rest(sum, ip + 8, 32);
}
