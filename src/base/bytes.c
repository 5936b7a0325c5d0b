/* SPDX-License-Identifier: Apache-2.0 */
#include "base/bytes.h"

#include <string.h>

adit_bytes adit_bytes_str(const char *s)
{
    return adit_bytes_of(s, strlen(s));
}

bool adit_bytes_eq(adit_bytes a, adit_bytes b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool adit_bytes_eq_secret(adit_bytes a, adit_bytes b)
{
    uint8_t diff = 0;

    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++)
        diff |= (uint8_t)(a.p[i] ^ b.p[i]);
    /* Reading through a volatile keeps the compiler from turning the loop into an early exit. */
    return *(volatile uint8_t *)&diff == 0;
}

void adit_wipe(void *p, size_t n)
{
    if (n == 0)
        return;
    memset(p, 0, n);
    __asm__ __volatile__("" : : "r"(p) : "memory");
}

static const uint8_t *rd_advance(struct adit_rd *r, size_t n)
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

uint8_t adit_rd_u8(struct adit_rd *r)
{
    const uint8_t *b = rd_advance(r, 1);

    return b ? b[0] : 0;
}

uint16_t adit_rd_u16(struct adit_rd *r)
{
    const uint8_t *b = rd_advance(r, 2);

    return (uint16_t)(b ? b[0] << 8 | b[1] : 0);
}

uint32_t adit_rd_u32(struct adit_rd *r)
{
    const uint8_t *b = rd_advance(r, 4);

    return b ? (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3] : 0;
}

uint64_t adit_rd_u64(struct adit_rd *r)
{
    uint64_t high = adit_rd_u32(r);

    return high << 32 | adit_rd_u32(r);
}

adit_bytes adit_rd_take(struct adit_rd *r, size_t n)
{
    const uint8_t *b = rd_advance(r, n);

    return adit_bytes_of(b, b ? n : 0);
}

void adit_rd_copy(struct adit_rd *r, void *dst, size_t n)
{
    const uint8_t *b = rd_advance(r, n);

    if (n == 0)
        return;
    if (b)
        memcpy(dst, b, n);
    else
        memset(dst, 0, n);
}

adit_bytes adit_rd_rest(struct adit_rd *r)
{
    return adit_rd_take(r, adit_rd_left(r));
}

struct adit_rd adit_rd_sub(struct adit_rd *r, size_t n)
{
    adit_bytes block = adit_rd_take(r, n);
    struct adit_rd sub = adit_rd_of(block);

    sub.bad = r->bad;
    return sub;
}

adit_err adit_rd_end(const struct adit_rd *r)
{
    return r->bad || r->p != r->end ? ADIT_E_MALFORMED : ADIT_OK;
}

uint8_t *adit_wr_reserve(struct adit_wr *w, size_t n)
{
    uint8_t *at = w->p;

    if (w->bad || adit_wr_left(w) < n) {
        w->bad = true;
        return NULL;
    }
    w->p += n;
    return at;
}

void adit_wr_u8(struct adit_wr *w, uint8_t v)
{
    uint8_t *b = adit_wr_reserve(w, 1);

    if (b)
        b[0] = v;
}

void adit_wr_u16(struct adit_wr *w, uint16_t v)
{
    adit_wr_u8(w, (uint8_t)(v >> 8));
    adit_wr_u8(w, (uint8_t)v);
}

void adit_wr_u32(struct adit_wr *w, uint32_t v)
{
    adit_wr_u16(w, (uint16_t)(v >> 16));
    adit_wr_u16(w, (uint16_t)v);
}

void adit_wr_u64(struct adit_wr *w, uint64_t v)
{
    adit_wr_u32(w, (uint32_t)(v >> 32));
    adit_wr_u32(w, (uint32_t)v);
}

void adit_wr_bytes(struct adit_wr *w, adit_bytes b)
{
    uint8_t *at = adit_wr_reserve(w, b.n);

    if (at && b.n > 0)
        memcpy(at, b.p, b.n);
}

adit_err adit_wr_end(const struct adit_wr *w)
{
    return w->bad ? ADIT_E_NO_ROOM : ADIT_OK;
}
