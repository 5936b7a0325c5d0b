/* SPDX-License-Identifier: Apache-2.0 */
/* What stands in the metadata of a client key: only our own form is read, and it has one spelling. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "pki/tag.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check(bool is_right)
{
    if (!is_right)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const struct adit_pki_tag none;
    uint8_t out[ADIT_PKI_TAG_MAX];
    struct adit_wr w = adit_wr_of(out, sizeof out);
    struct adit_pki_tag tag;

    if (adit_pki_tag_read(adit_bytes_of(data, n), &tag) != ADIT_OK) {
        check(memcmp(&tag, &none, sizeof none) == 0);
        return 0;
    }
    adit_pki_tag_write(&tag, &w);
    check(adit_wr_end(&w) == ADIT_OK && adit_bytes_eq(adit_wr_view(&w), adit_bytes_of(data, n)));
    return 0;
}
