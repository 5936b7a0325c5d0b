/* SPDX-License-Identifier: Apache-2.0 */
/* Reading and writing the words of lists, peer info and options strings: shared by nego.c and occ.c only. */
#ifndef ADIT_PROTO_WORDS_H
#define ADIT_PROTO_WORDS_H

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"

/* Takes what stands before the next separator, which is skipped. False at the end. */
static inline bool take_word(struct adit_rd *r, char separator, adit_bytes *word)
{
    size_t left = adit_rd_left(r);
    const uint8_t *end;

    if (left == 0)
        return false;
    end = memchr(r->p, separator, left);
    *word = adit_rd_take(r, end ? (size_t)(end - r->p) : left);
    if (end)
        (void)adit_rd_u8(r);
    return true;
}

static inline bool has_prefix(adit_bytes text, const char *prefix)
{
    size_t n = strlen(prefix);

    return text.n >= n && memcmp(text.p, prefix, n) == 0;
}

static inline adit_bytes without_first(adit_bytes text, size_t n)
{
    return adit_bytes_of(text.p + n, text.n - n);
}

static inline bool is_word(adit_bytes text, const char *word)
{
    return adit_bytes_eq(text, adit_bytes_str(word));
}

static inline void write_str(struct adit_wr *w, const char *s)
{
    adit_wr_bytes(w, adit_bytes_str(s));
}

static inline void write_number(struct adit_wr *w, uint32_t v)
{
    char digits[12];

    snprintf(digits, sizeof digits, "%u", (unsigned)v);
    write_str(w, digits);
}

#endif
