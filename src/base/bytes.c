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
    uint64_t diff = 0, x, y;
    size_t i = 0;

    if (a.n != b.n)
        return false;
    for (; a.n - i >= sizeof x; i += sizeof x) {
        memcpy(&x, a.p + i, sizeof x);
        memcpy(&y, b.p + i, sizeof y);
        diff |= x ^ y;
    }
    for (; i < a.n; i++)
        diff |= (uint8_t)(a.p[i] ^ b.p[i]);
    /* Reading through a volatile keeps the compiler from turning the loops into an early exit. */
    return *(volatile uint64_t *)&diff == 0;
}

void adit_wipe(void *p, size_t n)
{
    if (n == 0)
        return;
    memset(p, 0, n);
    __asm__ __volatile__("" : : "r"(p) : "memory");
}

void adit_rd_copy(struct adit_rd *r, void *dst, size_t n)
{
    const uint8_t *b = adit_rd_step(r, n);

    if (n == 0)
        return;
    if (b)
        memcpy(dst, b, n);
    else
        memset(dst, 0, n);
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
