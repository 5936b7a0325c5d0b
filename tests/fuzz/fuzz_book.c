/* SPDX-License-Identifier: Apache-2.0 */
/* The authority's book: what is read and written again must read as the same, and damage must leave nothing.
 */
#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "pki/book.h"
#include "pki/tag.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void assert_same(const struct adit_book *a, const struct adit_book *b)
{
    assert(a->n == b->n);
    for (size_t i = 0; i < a->n; i++) {
        assert(strcmp(a->all[i].name, b->all[i].name) == 0);
        assert(memcmp(&a->all[i].serial, &b->all[i].serial, sizeof a->all[i].serial) == 0);
        assert(a->all[i].not_after_s == b->all[i].not_after_s && a->all[i].revoked_s == b->all[i].revoked_s);
    }
}

static void rewrite(const struct adit_book *b)
{
    size_t cap = adit_book_text_max(b), line;
    struct adit_book again = {0};
    uint8_t *text = adit_alloc(cap);
    struct adit_wr w = adit_wr_of(text, cap);

    assert(text);
    adit_book_write(b, &w);
    assert(adit_wr_end(&w) == ADIT_OK);
    assert(adit_book_read(adit_wr_view(&w), &again, &line) == ADIT_OK);
    assert_same(b, &again);
    adit_book_fini(&again);
    adit_free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct adit_book b = {0};
    struct adit_pki_tag tag;
    size_t line;

    if (adit_book_read(adit_bytes_of(data, n), &b, &line) == ADIT_OK)
        rewrite(&b);
    else
        assert(b.n == 0 && !b.all);
    adit_book_fini(&b);
    if (adit_pki_tag_read(adit_bytes_of(data, n), &tag) == ADIT_OK)
        assert(n == strlen("serial= ca=") + 2 * (16 + 32));
    return 0;
}
