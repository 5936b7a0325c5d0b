/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes and the two cursors that are the only way between bytes and values.
 *
 * Both cursors are sticky: reading past the end yields zero, writing past the end writes nothing, and
 * either latches `bad`. A parser is written straight through and judged once, by adit_rd_end(); a builder
 * is judged once, by adit_wr_end(). Integers are big-endian, as everything on the wire is.
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

uint8_t adit_rd_u8(struct adit_rd *r);
uint16_t adit_rd_u16(struct adit_rd *r);
uint32_t adit_rd_u32(struct adit_rd *r);
uint64_t adit_rd_u64(struct adit_rd *r);

/* The next n bytes, lent from the input; empty and `bad` if there are fewer. */
adit_bytes adit_rd_take(struct adit_rd *r, size_t n);

/* Copies the next n bytes; zeros and `bad` if there are fewer. */
void adit_rd_copy(struct adit_rd *r, void *dst, size_t n);

/* Everything that is left. */
adit_bytes adit_rd_rest(struct adit_rd *r);

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

void adit_wr_u8(struct adit_wr *w, uint8_t v);
void adit_wr_u16(struct adit_wr *w, uint16_t v);
void adit_wr_u32(struct adit_wr *w, uint32_t v);
void adit_wr_u64(struct adit_wr *w, uint64_t v);
void adit_wr_bytes(struct adit_wr *w, adit_bytes b);

/* Room for n bytes, to be filled by the caller; NULL and `bad` if there is less. */
uint8_t *adit_wr_reserve(struct adit_wr *w, size_t n);

/* ADIT_OK, or ADIT_E_NO_ROOM if something did not fit. */
ADIT_MUST_USE adit_err adit_wr_end(const struct adit_wr *w);

#endif
