/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The authority's book: which certificates were issued to whom, and which were revoked. As text it is
 * OpenSSL's index.txt, so that openssl ca and easy-rsa can read it and go on from it. Text in, text out; no
 * files.
 */
#ifndef ADIT_PKI_BOOK_H
#define ADIT_PKI_BOOK_H

#include "base/now.h"
#include "pki/authority.h"

enum { ADIT_BOOK_MAX = 1000000 }; /* entries */

struct adit_book_entry {
    struct adit_pki_serial serial;
    char name[ADIT_PKI_CN_MAX + 1];
    int64_t not_after_s;
    int64_t revoked_s; /* 0: not revoked */
};

struct adit_book {
    struct adit_book_entry *all; /* in the order of issue */
    size_t n, cap;
};

void adit_book_fini(struct adit_book *b); /* zeros are allowed */

/*
 * Fills an empty book. ADIT_E_MALFORMED: *line is the number of the first bad line (from 1), and the book
 * stays empty. Serials longer than ours are refused, shorter ones are taken.
 */
ADIT_MUST_USE adit_err adit_book_read(adit_bytes text, struct adit_book *b, size_t *line);
void adit_book_write(const struct adit_book *b, struct adit_wr *w);
size_t adit_book_text_max(const struct adit_book *b); /* room that adit_book_write() surely fits in */

ADIT_MUST_USE adit_err adit_book_add(struct adit_book *b, const char *name,
                                     const struct adit_pki_facts *facts);

/* The newest entry of that name, or NULL; lent until the book changes. */
struct adit_book_entry *adit_book_find(const struct adit_book *b, const char *name);

/* Fills `list` (room for b->n) with what a revocation list must hold; the number of entries. */
size_t adit_book_revoked(const struct adit_book *b, struct adit_pki_revoked *list);

#endif
