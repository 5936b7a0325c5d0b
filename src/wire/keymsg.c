/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Key method 2. A string is u16 length, then that many bytes of which the last is NUL and counted; an empty
 * string is the length 0 alone. Protocol text: 6.1, 6.2.
 */
#include "wire/keymsg.h"

#include <string.h>

enum {
    KEY_METHOD = 2,
    KEY_METHOD_MASK = 0x0F,
};

/* The last byte counts as NUL whatever it is, and the text ends at the first one. */
static adit_bytes cut_text(adit_bytes field)
{
    const uint8_t *nul;

    if (field.n == 0)
        return adit_bytes_of("", 0);
    field.n--;
    nul = field.n > 0 ? memchr(field.p, 0, field.n) : NULL;
    if (nul)
        field.n = (size_t)(nul - field.p);
    return field;
}

/* Fields behind the options string may be missing altogether; a field that was begun must be whole. */
static adit_bytes read_optional(struct adit_rd *r, bool *was_there)
{
    if (adit_rd_left(r) == 0) {
        *was_there = false;
        return adit_bytes_of("", 0);
    }
    *was_there = true;
    return cut_text(adit_rd_take(r, adit_rd_u16(r)));
}

static void read_source(struct adit_rd *r, bool from_client, struct adit_key_source *source)
{
    if (from_client)
        adit_rd_copy(r, source->pre_master, ADIT_PRE_MASTER_LEN);
    adit_rd_copy(r, source->random1, ADIT_RANDOM_LEN);
    adit_rd_copy(r, source->random2, ADIT_RANDOM_LEN);
}

adit_err adit_keymsg_parse(adit_bytes record, bool from_client, struct adit_keymsg *out)
{
    struct adit_rd r = adit_rd_of(record);
    struct adit_keymsg m = {0};
    size_t options_len;
    uint8_t method;
    bool ignored;

    (void)adit_rd_u32(&r); /* zero, and nobody looks */
    method = adit_rd_u8(&r);
    read_source(&r, from_client, &m.source);
    options_len = adit_rd_u16(&r);
    m.options = cut_text(adit_rd_take(&r, options_len));
    m.user = read_optional(&r, &m.has_user_field);
    m.password = read_optional(&r, &ignored);
    m.peer_info = read_optional(&r, &ignored);
    if (r.bad || (method & KEY_METHOD_MASK) != KEY_METHOD || options_len > ADIT_OPTIONS_MAX) {
        adit_wipe(&m, sizeof m);
        return ADIT_E_KEY_METHOD;
    }
    *out = m;
    adit_wipe(&m, sizeof m);
    return ADIT_OK;
}

static void write_text(struct adit_wr *w, adit_bytes text)
{
    if (text.n >= UINT16_MAX) {
        w->bad = true;
        return;
    }
    if (text.n == 0) {
        adit_wr_u16(w, 0);
        return;
    }
    adit_wr_u16(w, (uint16_t)(text.n + 1));
    adit_wr_bytes(w, text);
    adit_wr_u8(w, 0);
}

void adit_keymsg_build(const struct adit_keymsg *m, bool from_client, struct adit_wr *w)
{
    if (m->options.n + 1 > ADIT_OPTIONS_MAX) {
        w->bad = true;
        return;
    }
    adit_wr_u32(w, 0);
    adit_wr_u8(w, KEY_METHOD);
    if (from_client)
        adit_wr_bytes(w, adit_bytes_of(m->source.pre_master, ADIT_PRE_MASTER_LEN));
    adit_wr_bytes(w, adit_bytes_of(m->source.random1, ADIT_RANDOM_LEN));
    adit_wr_bytes(w, adit_bytes_of(m->source.random2, ADIT_RANDOM_LEN));
    write_text(w, m->options);
    write_text(w, m->user);
    write_text(w, m->password);
    write_text(w, m->peer_info);
}
