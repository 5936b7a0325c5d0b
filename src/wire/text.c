/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text messages of the control channel. Nothing with control characters gets past adit_text_next(), so that
 * what peers say can be logged and handed to scripts. Protocol text: 9.1, 9.2.
 */
#include "wire/text.h"

#include <string.h>

#define REPLY_WORD      "PUSH_REPLY"
#define MORE_FOLLOW     ",push-continuation 2"
#define LAST_OF_SEVERAL ",push-continuation 1"

static adit_bytes without_line_end(adit_bytes text)
{
    while (text.n > 0 && (text.p[text.n - 1] == '\r' || text.p[text.n - 1] == '\n'))
        text.n--;
    return text;
}

/* ASCII without controls; bytes from 0x80 on are let through, since pushed options may hold UTF-8. */
static bool is_printable(adit_bytes text)
{
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] < 0x20 || text.p[i] == 0x7F)
            return false;
    return true;
}

bool adit_text_next(struct adit_rd *record, adit_bytes *text, adit_err *e)
{
    while (adit_rd_left(record) > 0) {
        const uint8_t *nul = memchr(record->p, 0, adit_rd_left(record));
        adit_bytes message;

        if (!nul) {
            *text = adit_rd_rest(record);
            *e = ADIT_E_TEXT;
            return true;
        }
        message = without_line_end(adit_rd_take(record, (size_t)(nul - record->p)));
        (void)adit_rd_u8(record);
        if (message.n == 0)
            continue;
        *text = message;
        *e = is_printable(message) ? ADIT_OK : ADIT_E_TEXT;
        return true;
    }
    return false;
}

enum adit_text_kind adit_text_kind_of(adit_bytes text, adit_bytes *rest)
{
    /* INFO_PRE stands before INFO, which is its prefix. */
    static const struct {
        const char *word;
        enum adit_text_kind kind;
    } words[] = {
        {"AUTH_FAILED", ADIT_TEXT_AUTH_FAILED},
        {"PUSH_REQUEST", ADIT_TEXT_PUSH_REQUEST},
        {"PUSH_REPLY", ADIT_TEXT_PUSH_REPLY},
        {"PUSH_UPDATE", ADIT_TEXT_PUSH_UPDATE},
        {"RESTART", ADIT_TEXT_RESTART},
        {"HALT", ADIT_TEXT_HALT},
        {"INFO_PRE", ADIT_TEXT_INFO_PRE},
        {"INFO", ADIT_TEXT_INFO},
        {"CR_RESPONSE", ADIT_TEXT_CR_RESPONSE},
        {"AUTH_PENDING", ADIT_TEXT_AUTH_PENDING},
        {"EXIT", ADIT_TEXT_EXIT},
    };

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        size_t n = strlen(words[i].word);

        if (text.n < n || memcmp(text.p, words[i].word, n) != 0)
            continue;
        if (n < text.n && text.p[n] == ',')
            n++;
        *rest = adit_bytes_of(text.p + n, text.n - n);
        return words[i].kind;
    }
    *rest = adit_bytes_of("", 0);
    return ADIT_TEXT_UNKNOWN;
}

/* The next NUL-terminated option; a last one without its NUL counts, too. */
static adit_bytes take_option(struct adit_rd *r)
{
    const uint8_t *nul = memchr(r->p, 0, adit_rd_left(r));
    adit_bytes option = adit_rd_take(r, nul ? (size_t)(nul - r->p) : adit_rd_left(r));

    if (nul)
        (void)adit_rd_u8(r);
    return option;
}

bool adit_push_chunk(adit_bytes options, size_t *at, bool *is_done, struct adit_wr *w)
{
    struct adit_rd r = adit_rd_of(options);
    size_t len = strlen(REPLY_WORD);
    bool is_first = *at == 0, is_full = false;

    if (*is_done)
        return false;
    (void)adit_rd_take(&r, *at);
    adit_wr_bytes(w, adit_bytes_str(REPLY_WORD));
    while (adit_rd_left(&r) > 0) {
        adit_bytes option = take_option(&r);

        /* Longer options are refused where they are configured; here nothing must be lost in silence. */
        if (option.n > ADIT_PUSH_OPTION_MAX) {
            w->bad = true;
            break;
        }
        is_full = len + 1 + option.n > ADIT_PUSH_CHUNK_MAX;
        if (is_full)
            break;
        *at = options.n - adit_rd_left(&r);
        if (option.n == 0)
            continue;
        adit_wr_u8(w, ',');
        adit_wr_bytes(w, option);
        len += 1 + option.n;
    }
    if (is_full)
        adit_wr_bytes(w, adit_bytes_str(MORE_FOLLOW));
    else if (!is_first)
        adit_wr_bytes(w, adit_bytes_str(LAST_OF_SEVERAL));
    *is_done = !is_full;
    return true;
}
