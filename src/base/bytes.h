/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes and the two cursors that are the only way between bytes and values.
 *
 * Both cursors are sticky: reading past the end yields zero, writing past the end writes nothing, and
 * either latches `bad`. A parser is written straight through and judged once, by adit_rd_end(); a builder
 * is judged once, by adit_wr_end(). Integers are big-endian, as everything on the wire is. What every packet
 * of the data channel goes through is inline.
 *
 * Ownership: an adit_bytes lends; it never owns. What adit_rd_take() returns points into the input.
 */
#ifndef ADIT_BASE_BYTES_H
#define ADIT_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

typedef struct adit_bytes {
    const uint8_t *p;
    size_t n; /* bytes */
} adit_bytes;

static inline adit_bytes adit_bytes_of(const void *p, size_t n)
{
    return (adit_bytes){.p = p, .n = n};
}

/* The characters of `s`, without its NUL. */
adit_bytes adit_bytes_str(const char *s);

bool adit_bytes_eq(adit_bytes a, adit_bytes b);

/* Constant time in the content (not in the lengths): for tags, cookies and keys. */
bool adit_bytes_eq_secret(adit_bytes a, adit_bytes b);

/* Overwrites memory in a way that the compiler may not drop. */
void adit_wipe(void *p, size_t n);

/* ---- reading ---- */

struct adit_rd {
    const uint8_t *p, *end;
    bool bad;
};

static inline struct adit_rd adit_rd_of(adit_bytes in)
{
    return (struct adit_rd){.p = in.p, .end = in.n > 0 ? in.p + in.n : in.p};
}

static inline size_t adit_rd_left(const struct adit_rd *r)
{
    return (size_t)(r->end - r->p);
}

/* Steps over the next n bytes; NULL and `bad` if there are fewer. The others are made of it. */
static inline const uint8_t *adit_rd_step(struct adit_rd *r, size_t n)
{
    const uint8_t *at = r->p;

    if (r->bad || adit_rd_left(r) < n) {
        r->bad = true;
        r->p = r->end;
        return NULL;
    }
    r->p += n;
    return at;
}

static inline uint8_t adit_rd_u8(struct adit_rd *r)
{
    const uint8_t *b = adit_rd_step(r, 1);

    return b ? b[0] : 0;
}

static inline uint16_t adit_rd_u16(struct adit_rd *r)
{
    const uint8_t *b = adit_rd_step(r, 2);

    return (uint16_t)(b ? b[0] << 8 | b[1] : 0);
}

static inline uint32_t adit_rd_u32(struct adit_rd *r)
{
    const uint8_t *b = adit_rd_step(r, 4);

    return b ? (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3] : 0;
}

static inline uint64_t adit_rd_u64(struct adit_rd *r)
{
    uint64_t high = adit_rd_u32(r);

    return high << 32 | adit_rd_u32(r);
}

/* The next n bytes, lent from the input; empty and `bad` if there are fewer. */
static inline adit_bytes adit_rd_take(struct adit_rd *r, size_t n)
{
    const uint8_t *b = adit_rd_step(r, n);

    return adit_bytes_of(b, b ? n : 0);
}

/* Copies the next n bytes; zeros and `bad` if there are fewer. */
void adit_rd_copy(struct adit_rd *r, void *dst, size_t n);

/* Everything that is left. */
static inline adit_bytes adit_rd_rest(struct adit_rd *r)
{
    return adit_rd_take(r, adit_rd_left(r));
}

/* A nested block of n bytes with its own end; empty and both `bad` if there are fewer. */
struct adit_rd adit_rd_sub(struct adit_rd *r, size_t n);

/* ADIT_OK only if nothing failed and nothing is left; otherwise ADIT_E_MALFORMED. */
ADIT_MUST_USE adit_err adit_rd_end(const struct adit_rd *r);

/* ---- writing ---- */

struct adit_wr {
    uint8_t *start, *p, *end;
    bool bad;
};

static inline struct adit_wr adit_wr_of(void *buf, size_t cap)
{
    uint8_t *b = buf;
    return (struct adit_wr){.start = b, .p = b, .end = cap > 0 ? b + cap : b};
}

static inline size_t adit_wr_len(const struct adit_wr *w)
{
    return (size_t)(w->p - w->start);
}

static inline size_t adit_wr_left(const struct adit_wr *w)
{
    return (size_t)(w->end - w->p);
}

/* What was written so far, lent. */
static inline adit_bytes adit_wr_view(const struct adit_wr *w)
{
    return adit_bytes_of(w->start, adit_wr_len(w));
}

/* Room for n bytes, to be filled by the caller; NULL and `bad` if there is less. */
static inline uint8_t *adit_wr_reserve(struct adit_wr *w, size_t n)
{
    uint8_t *at = w->p;

    if (w->bad || adit_wr_left(w) < n) {
        w->bad = true;
        return NULL;
    }
    w->p += n;
    return at;
}

static inline void adit_wr_u8(struct adit_wr *w, uint8_t v)
{
    uint8_t *b = adit_wr_reserve(w, 1);

    if (b)
        b[0] = v;
}

static inline void adit_wr_u16(struct adit_wr *w, uint16_t v)
{
    uint8_t *b = adit_wr_reserve(w, 2);

    if (!b)
        return;
    b[0] = (uint8_t)(v >> 8);
    b[1] = (uint8_t)v;
}

static inline void adit_wr_u32(struct adit_wr *w, uint32_t v)
{
    uint8_t *b = adit_wr_reserve(w, 4);

    if (!b)
        return;
    b[0] = (uint8_t)(v >> 24);
    b[1] = (uint8_t)(v >> 16);
    b[2] = (uint8_t)(v >> 8);
    b[3] = (uint8_t)v;
}

static inline void adit_wr_u64(struct adit_wr *w, uint64_t v)
{
    uint8_t *b = adit_wr_reserve(w, 8);

    if (!b)
        return;
    for (int i = 0; i < 8; i++)
        b[i] = (uint8_t)(v >> (56 - 8 * i));
}

void adit_wr_bytes(struct adit_wr *w, adit_bytes b);

/* ADIT_OK, or ADIT_E_NO_ROOM if something did not fit. */
ADIT_MUST_USE adit_err adit_wr_end(const struct adit_wr *w);

#endif
