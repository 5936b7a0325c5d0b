/* SPDX-License-Identifier: Apache-2.0 */
/* The text in a client key's metadata. It is read only after its tag was verified, but parsed as a
 * stranger's. */
#include "pki/tag.h"

#include <string.h>

static void put_hex(adit_bytes b, struct adit_wr *w)
{
    static const char digits[] = "0123456789ABCDEF";

    for (size_t i = 0; i < b.n; i++) {
        adit_wr_u8(w, (uint8_t)digits[b.p[i] >> 4]);
        adit_wr_u8(w, (uint8_t)digits[b.p[i] & 15]);
    }
}

static int digit_of(uint8_t c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool read_word(struct adit_rd *r, const char *word)
{
    return adit_bytes_eq(adit_rd_take(r, strlen(word)), adit_bytes_str(word));
}

static bool read_hex(struct adit_rd *r, uint8_t *dst, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int high = digit_of(adit_rd_u8(r)), low = digit_of(adit_rd_u8(r));

        if (high < 0 || low < 0)
            return false;
        dst[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

void adit_pki_tag_write(const struct adit_pki_tag *tag, struct adit_wr *w)
{
    adit_wr_bytes(w, adit_bytes_str("serial="));
    put_hex(adit_bytes_of(tag->serial.b, sizeof tag->serial.b), w);
    adit_wr_bytes(w, adit_bytes_str(" ca="));
    put_hex(adit_bytes_of(tag->ca_sha256, sizeof tag->ca_sha256), w);
}

adit_err adit_pki_tag_read(adit_bytes text, struct adit_pki_tag *tag)
{
    struct adit_rd r = adit_rd_of(text);
    struct adit_pki_tag t;

    *tag = (struct adit_pki_tag){0};
    if (!read_word(&r, "serial=") || !read_hex(&r, t.serial.b, sizeof t.serial.b) || !read_word(&r, " ca=") ||
        !read_hex(&r, t.ca_sha256, sizeof t.ca_sha256) || adit_rd_end(&r) != ADIT_OK)
        return ADIT_E_MALFORMED;
    *tag = t;
    return ADIT_OK;
}
