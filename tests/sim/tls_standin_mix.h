/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mixing for the stand-in: a checksum of 128 bits and a key stream, both as fast as a simulation wants and
 * neither of them cryptography. Bytes are mixed as words of the machine: a seed gives the same bytes on all
 * machines of the same byte order.
 */
#ifndef ADIT_SIM_TLS_STANDIN_MIX_H
#define ADIT_SIM_TLS_STANDIN_MIX_H

#include <string.h>

#include "base/bytes.h"

struct mix {
    uint64_t a, b;
};

#define GOLDEN 0x9e3779b97f4a7c15ULL
#define ODD_A  0xff51afd7ed558ccdULL
#define ODD_B  0xc4ceb9fe1a85ec53ULL

static inline uint64_t rotate(uint64_t v, int n)
{
    return v << n | v >> (64 - n);
}

/* The end of splitmix64: one to one, and every bit depends on every bit. */
static inline uint64_t scramble(uint64_t z)
{
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
    return z ^ z >> 31;
}

/* One to one in the state for given words, and in the words for a given state: a change of one block can
 * never be undone by the same blocks after it, so no single damage gives the same tag. */
static inline struct mix mix_words(struct mix m, uint64_t v, uint64_t w)
{
    m.a = (m.a ^ v) * ODD_A;
    m.b = (m.b ^ w) * ODD_B;
    m.a ^= rotate(m.b, 31);
    m.b += rotate(m.a, 17);
    return m;
}

static inline struct mix mix_bytes(struct mix m, adit_bytes in)
{
    uint64_t w[2], n = in.n;

    for (; in.n >= sizeof w; in.p += sizeof w, in.n -= sizeof w) {
        memcpy(w, in.p, sizeof w);
        m = mix_words(m, w[0], w[1]);
    }
    w[0] = w[1] = 0;
    if (in.n > 0)
        memcpy(w, in.p, in.n);
    m = mix_words(m, w[0], w[1]);
    return mix_words(m, n, GOLDEN);
}

static inline struct mix mix_end(struct mix m)
{
    m.a ^= scramble(m.b + GOLDEN);
    m.b ^= scramble(m.a);
    m.a ^= scramble(m.b);
    return m;
}

static inline struct mix mix_of(const char *purpose)
{
    return mix_bytes((struct mix){GOLDEN, ODD_A}, adit_bytes_str(purpose));
}

static inline void xor_stream(struct mix key, uint8_t *dst, size_t n)
{
    uint64_t v, w;

    for (; n >= sizeof v; dst += sizeof v, n -= sizeof v) {
        memcpy(&v, dst, sizeof v);
        v ^= scramble(key.a += GOLDEN) ^ key.b;
        memcpy(dst, &v, sizeof v);
    }
    w = scramble(key.a + GOLDEN) ^ key.b;
    for (; n > 0; n--, w >>= 8)
        *dst++ ^= (uint8_t)w;
}

static inline void fill_stream(struct mix key, uint8_t *dst, size_t n)
{
    if (n == 0)
        return;
    memset(dst, 0, n);
    xor_stream(key, dst, n);
}

#endif
