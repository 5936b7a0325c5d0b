/* SPDX-License-Identifier: Apache-2.0 */
/* The input as a record of text messages, and as a list of options to push. */
#include <stdlib.h>
#include <string.h>

#include "wire/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void read_record(adit_bytes in)
{
    struct adit_rd r = adit_rd_of(in);
    adit_bytes text, rest;
    adit_err e;

    while (adit_text_next(&r, &text, &e)) {
        if (text.n == 0 || text.p < in.p || text.p + text.n > in.p + in.n)
            abort();
        if (e != ADIT_OK)
            continue;
        for (size_t i = 0; i < text.n; i++)
            if (text.p[i] < 0x20 || text.p[i] == 0x7F)
                abort();
        (void)adit_text_kind_of(text, &rest);
        if (rest.n > text.n)
            abort();
    }
}

static void push_list(adit_bytes in)
{
    size_t at = 0, before;
    bool is_done = false;

    for (;;) {
        uint8_t message[ADIT_TEXT_MAX];
        struct adit_wr w = adit_wr_of(message, sizeof message - 1);

        before = at;
        if (!adit_push_chunk(in, &at, &is_done, &w))
            break;
        if (at > in.n || (at == before && !is_done))
            abort();
    }
    if (!is_done)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    read_record(adit_bytes_of(data, n));
    push_list(adit_bytes_of(data, n));
    return 0;
}
