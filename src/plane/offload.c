/* SPDX-License-Identifier: Apache-2.0 */
/*
 * struct virtio_net_hdr, byte by byte: flags, kind, then four u16 in the machine's order (as long as nobody
 * asks for TUNSETVNETLE): header length, segment size, start and place of the checksum. What the kernel
 * itself would refuse of somebody else is refused of it, too.
 */
#include "plane/offload.h"

#include <string.h>

enum {
    FLAG_NEEDS_CSUM = 1,
    KIND_NONE = 0,
    KIND_TCP4 = 1,
    KIND_TCP6 = 4,
    KIND_UDP = 5, /* 3 is UDP in IP fragments, which is never asked for */
    KIND_ECN = 0x80,
    HEAD_LEN_AT = 2,
    SEGMENT_AT = 4,
    CSUM_START_AT = 6,
    CSUM_PLACE_AT = 8,
};

static uint16_t get_u16(const uint8_t *at)
{
    uint16_t v;

    memcpy(&v, at, sizeof v);
    return v;
}

static void put_u16(uint8_t *at, uint16_t v)
{
    memcpy(at, &v, sizeof v);
}

static adit_err read_kind(uint8_t kind, struct adit_offload *o)
{
    o->has_cwr = kind & KIND_ECN;
    switch (kind & ~KIND_ECN) {
    case KIND_NONE:
        o->gso = ADIT_GSO_NONE;
        break;
    case KIND_TCP4:
    case KIND_TCP6:
        o->gso = ADIT_GSO_TCP;
        break;
    case KIND_UDP:
        o->gso = ADIT_GSO_UDP;
        break;
    default:
        return ADIT_E_UNSUPPORTED;
    }
    return o->has_cwr && o->gso != ADIT_GSO_TCP ? ADIT_E_MALFORMED : ADIT_OK;
}

adit_err adit_vnet_read(adit_bytes head, struct adit_offload *out)
{
    struct adit_offload o = {0};
    adit_err e;

    if (head.n < ADIT_VNET_LEN)
        return ADIT_E_MALFORMED;
    e = read_kind(head.p[1], &o);
    if (e)
        return e;
    o.head_len = get_u16(head.p + HEAD_LEN_AT);
    if (o.gso != ADIT_GSO_NONE) {
        o.segment = get_u16(head.p + SEGMENT_AT);
        if (o.segment == 0)
            return ADIT_E_MALFORMED;
    }
    o.needs_csum = head.p[0] & FLAG_NEEDS_CSUM;
    if (o.needs_csum) {
        o.csum_start = get_u16(head.p + CSUM_START_AT);
        o.csum_at = get_u16(head.p + CSUM_PLACE_AT);
    }
    *out = o;
    return ADIT_OK;
}

static uint8_t kind_of(const struct adit_offload *o, bool is_v6)
{
    switch (o->gso) {
    case ADIT_GSO_TCP:
        return (uint8_t)((is_v6 ? KIND_TCP6 : KIND_TCP4) | (o->has_cwr ? KIND_ECN : 0));
    case ADIT_GSO_UDP:
        return KIND_UDP;
    case ADIT_GSO_NONE:
        break;
    }
    return KIND_NONE;
}

void adit_vnet_write(const struct adit_offload *o, bool is_v6, uint8_t head[ADIT_VNET_LEN])
{
    head[0] = o->needs_csum ? FLAG_NEEDS_CSUM : 0;
    head[1] = kind_of(o, is_v6);
    put_u16(head + HEAD_LEN_AT, o->head_len);
    put_u16(head + SEGMENT_AT, o->gso == ADIT_GSO_NONE ? 0 : o->segment);
    put_u16(head + CSUM_START_AT, o->needs_csum ? o->csum_start : 0);
    put_u16(head + CSUM_PLACE_AT, o->needs_csum ? o->csum_at : 0);
}
