/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The body of a control packet and the TLVs of a server reset, in wire order. Parsing fills *out only when
 * the whole body is well formed. Protocol text: 1.8, 2.5.1.
 */
#include "wire/ctrl.h"

enum {
    TLV_EARLY_FLAGS = 0x0001,
    TLV_EARLY_FLAGS_LEN = 2,
};

adit_err adit_ctrl_parse(adit_bytes body, bool is_ack_only, struct adit_ctrl *out)
{
    struct adit_rd r = adit_rd_of(body);
    struct adit_ctrl c = {.is_ack_only = is_ack_only, .n_acks = adit_rd_u8(&r)};

    if (c.n_acks > ADIT_ACKS_MAX)
        return ADIT_E_MALFORMED;
    for (size_t i = 0; i < c.n_acks; i++)
        c.acks[i] = adit_rd_u32(&r);
    if (c.n_acks > 0)
        adit_rd_copy(&r, c.ack_sid.b, ADIT_SID_LEN);
    if (!is_ack_only) {
        c.packet_id = adit_rd_u32(&r);
        c.payload = adit_rd_rest(&r);
    }
    if (adit_rd_end(&r) != ADIT_OK)
        return ADIT_E_MALFORMED;
    *out = c;
    return ADIT_OK;
}

void adit_ctrl_build(const struct adit_ctrl *c, struct adit_wr *w)
{
    if (c->n_acks > ADIT_ACKS_MAX) {
        w->bad = true;
        return;
    }
    adit_wr_u8(w, (uint8_t)c->n_acks);
    for (size_t i = 0; i < c->n_acks; i++)
        adit_wr_u32(w, c->acks[i]);
    if (c->n_acks > 0)
        adit_wr_bytes(w, adit_bytes_of(c->ack_sid.b, ADIT_SID_LEN));
    if (c->is_ack_only)
        return;
    adit_wr_u32(w, c->packet_id);
    adit_wr_bytes(w, c->payload);
}

adit_err adit_early_parse(adit_bytes payload, uint16_t *flags)
{
    struct adit_rd r = adit_rd_of(payload);
    uint16_t found = 0;

    while (adit_rd_left(&r) > 0) {
        uint16_t type = adit_rd_u16(&r);
        struct adit_rd value = adit_rd_sub(&r, adit_rd_u16(&r));

        if (r.bad)
            return ADIT_E_MALFORMED;
        if (type != TLV_EARLY_FLAGS)
            continue;
        found = adit_rd_u16(&value);
        if (adit_rd_end(&value) != ADIT_OK)
            return ADIT_E_MALFORMED;
    }
    *flags = found;
    return ADIT_OK;
}

void adit_early_build(uint16_t flags, struct adit_wr *w)
{
    adit_wr_u16(w, TLV_EARLY_FLAGS);
    adit_wr_u16(w, TLV_EARLY_FLAGS_LEN);
    adit_wr_u16(w, flags);
}
