/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets are those of this machine, or of clients: nothing in them is believed before it was checked against
 * their real length. Whoever cannot be told for sure not to be an ICMP error gets no answer, so that two
 * tunnels never answer each other.
 */
#include "plane/toobig.h"

#include <string.h>

#include "wire/csum.h"
#include "wire/ip.h"

enum {
    V4_HEAD_MIN = 20,
    V4_MTU_MIN = 68,
    V4_ANSWER_MAX = 576,
    V4_LEN_AT = 2,
    V4_OFFSET_AT = 6,
    V4_SUM_AT = 10,
    V4_DF = 0x4000,
    V4_MF = 0x2000,
    V4_OFFSET = 0x1FFF,
    V4_MULTICAST = 224, /* and above: multicast, reserved, broadcast */
    V4_LOOPBACK = 127,
    V4_OPTION_COPIED = 0x80,
    V4_OPTION_END = 0,
    V4_OPTION_NOP = 1,

    V6_HEAD = 40,
    V6_MTU_MIN = 1280,
    V6_MULTICAST = 0xFF,

    ICMP_HEAD = 8,
    ICMP_SUM_AT = 2,
    TTL = 64,
    TOS_CONTROL = 0xC0, /* internetwork control (RFC 1812, 4.3.2.5) */

    PROTO_HOP_OPTIONS = 0,
    PROTO_ICMP = 1,
    PROTO_ROUTING = 43,
    PROTO_FRAGMENT = 44,
    PROTO_AH = 51,
    PROTO_ICMPV6 = 58,
    PROTO_OPTIONS = 60,

    UNREACHABLE = 3,
    FRAGMENTATION_NEEDED = 4,
    V6_PACKET_TOO_BIG = 2,
    V6_REDIRECT = 137,
    V6_INFORMATIONAL = 128, /* and above */
};

/* ---- who is answered ---- */

/* Only these five tell of errors (RFC 1122, 3.2.2); what is cut off before its type might be one. */
static bool is_icmp_error(struct adit_rd r)
{
    switch (adit_rd_u8(&r)) {
    case 3:
    case 4:
    case 5:
    case 11:
    case 12:
        return true;
    default:
        return r.bad;
    }
}

static bool is_icmpv6_error(struct adit_rd r)
{
    uint8_t type = adit_rd_u8(&r);

    return r.bad || type < V6_INFORMATIONAL || type == V6_REDIRECT;
}

static bool is_host_v4(const struct adit_ip *ip)
{
    return ip->b[0] != 0 && ip->b[0] != V4_LOOPBACK && ip->b[0] < V4_MULTICAST;
}

static bool is_host_v6(const struct adit_ip *ip)
{
    static const uint8_t zeros[15];
    bool is_special = memcmp(ip->b, zeros, sizeof zeros) == 0 && ip->b[15] <= 1; /* unspecified, loopback */

    return !is_special && ip->b[0] != V6_MULTICAST;
}

static bool answers_v4(adit_bytes packet, const struct adit_ip_peek *peek)
{
    struct adit_rd r = adit_rd_of(packet);
    size_t head_len = (size_t)(adit_rd_u8(&r) & 15) * 4;
    uint16_t fragment;
    uint8_t protocol;

    (void)adit_rd_take(&r, 5);
    fragment = adit_rd_u16(&r);
    (void)adit_rd_u8(&r);
    protocol = adit_rd_u8(&r);
    (void)adit_rd_take(&r, head_len - 10); /* peeking has seen that the header is there */
    if (!(fragment & V4_DF) || fragment & V4_OFFSET)
        return false;
    return is_host_v4(&peek->src) && is_host_v4(&peek->dst) && !(protocol == PROTO_ICMP && is_icmp_error(r));
}

/* Behind one extension header; false if there is none, or it is of a fragment that is not the first. */
static bool skip_extension(struct adit_rd *r, uint8_t *protocol)
{
    uint8_t kind = *protocol, len;

    switch (kind) {
    case PROTO_HOP_OPTIONS:
    case PROTO_ROUTING:
    case PROTO_OPTIONS:
    case PROTO_AH:
        *protocol = adit_rd_u8(r);
        len = adit_rd_u8(r);
        (void)adit_rd_take(r, kind == PROTO_AH ? (size_t)len * 4 + 6 : (size_t)len * 8 + 6);
        return !r->bad;
    case PROTO_FRAGMENT:
        *protocol = adit_rd_u8(r);
        (void)adit_rd_u8(r);
        r->bad |= (adit_rd_u16(r) & 0xFFF8) != 0;
        (void)adit_rd_u32(r);
        return !r->bad;
    default:
        return false;
    }
}

static bool answers_v6(adit_bytes packet, const struct adit_ip_peek *peek)
{
    struct adit_rd r = adit_rd_of(packet);
    uint8_t protocol;

    (void)adit_rd_take(&r, 6);
    protocol = adit_rd_u8(&r);
    (void)adit_rd_take(&r, V6_HEAD - 7);
    while (skip_extension(&r, &protocol))
        continue;
    return !r.bad && packet.n > V6_MTU_MIN && is_host_v6(&peek->src) && is_host_v6(&peek->dst) &&
           !(protocol == PROTO_ICMPV6 && is_icmpv6_error(r));
}

/* ---- the answer ---- */

static void put_sum(uint8_t *at, uint64_t sum)
{
    uint16_t v = (uint16_t)~adit_csum_fold(sum);

    memcpy(at, &v, sizeof v);
}

static size_t write_v4(adit_bytes packet, size_t mtu, const struct adit_ip_peek *to,
                       const struct adit_ip *source, uint8_t *dst)
{
    size_t room = V4_ANSWER_MAX - V4_HEAD_MIN - ICMP_HEAD, n = packet.n < room ? packet.n : room;
    struct adit_wr w = adit_wr_of(dst, V4_ANSWER_MAX);
    uint8_t *icmp = dst + V4_HEAD_MIN;

    adit_wr_u16(&w, 0x4500 | TOS_CONTROL);
    adit_wr_u16(&w, (uint16_t)(V4_HEAD_MIN + ICMP_HEAD + n));
    adit_wr_u32(&w, V4_DF); /* whole, so that it needs no identification (RFC 6864) */
    adit_wr_u32(&w, TTL << 24 | PROTO_ICMP << 16);
    adit_wr_bytes(&w, adit_bytes_of(source->b, 4));
    adit_wr_bytes(&w, adit_bytes_of(to->src.b, 4));
    adit_wr_u32(&w, UNREACHABLE << 24 | FRAGMENTATION_NEEDED << 16);
    adit_wr_u32(&w, (uint32_t)(mtu < V4_MTU_MIN ? V4_MTU_MIN : mtu > UINT16_MAX ? UINT16_MAX : mtu));
    adit_wr_bytes(&w, adit_bytes_of(packet.p, n));
    if (adit_wr_end(&w))
        return 0;
    put_sum(dst + V4_SUM_AT, adit_csum_add(0, dst, V4_HEAD_MIN));
    put_sum(icmp + ICMP_SUM_AT, adit_csum_add(0, icmp, ICMP_HEAD + n));
    return adit_wr_len(&w);
}

static size_t write_v6(adit_bytes packet, size_t mtu, const struct adit_ip_peek *to,
                       const struct adit_ip *source, uint8_t *dst)
{
    size_t room = ADIT_TOO_BIG_LEN_MAX - V6_HEAD - ICMP_HEAD, n = packet.n < room ? packet.n : room;
    struct adit_wr w = adit_wr_of(dst, ADIT_TOO_BIG_LEN_MAX);
    uint8_t *icmp = dst + V6_HEAD;
    uint64_t sum;

    adit_wr_u32(&w, 6u << 28);
    adit_wr_u16(&w, (uint16_t)(ICMP_HEAD + n));
    adit_wr_u16(&w, PROTO_ICMPV6 << 8 | TTL);
    adit_wr_bytes(&w, adit_bytes_of(source->b, 16));
    adit_wr_bytes(&w, adit_bytes_of(to->src.b, 16));
    adit_wr_u32(&w, V6_PACKET_TOO_BIG << 24);
    adit_wr_u32(&w, (uint32_t)(mtu < V6_MTU_MIN ? V6_MTU_MIN : mtu));
    adit_wr_bytes(&w, adit_bytes_of(packet.p, n));
    if (adit_wr_end(&w))
        return 0;
    sum = adit_csum_pseudo(dst, PROTO_ICMPV6, ICMP_HEAD + n);
    put_sum(icmp + ICMP_SUM_AT, adit_csum_add(sum, icmp, ICMP_HEAD + n));
    return adit_wr_len(&w);
}

size_t adit_too_big_answer(adit_bytes packet, size_t mtu, const struct adit_ip *source,
                           uint8_t dst[ADIT_TOO_BIG_LEN_MAX])
{
    struct adit_ip_peek peek;

    if (packet.n <= mtu || adit_ip_peek(packet, &peek) || peek.src.family != source->family)
        return 0;
    if (source->family == ADIT_AF_V4)
        return answers_v4(packet, &peek) ? write_v4(packet, mtu, &peek, source, dst) : 0;
    return answers_v6(packet, &peek) ? write_v6(packet, mtu, &peek, source, dst) : 0;
}

/* ---- fragments ---- */

/* Options without the "copied" flag are for the first fragment only; the others have as many bytes of
 * nothing. */
static void blank_options(uint8_t *options, size_t n)
{
    for (size_t i = 0; i < n && options[i] != V4_OPTION_END;) {
        size_t len = options[i] == V4_OPTION_NOP ? 1 : i + 1 < n ? options[i + 1] : 0;

        if (len == 0 || len > n - i)
            return;
        if (!(options[i] & V4_OPTION_COPIED))
            memset(options + i, V4_OPTION_NOP, len);
        i += len;
    }
}

bool adit_fragments_begin(struct adit_fragments *f, uint8_t *packet, size_t n, size_t mtu)
{
    struct adit_rd r = adit_rd_of(adit_bytes_of(packet, n));
    uint8_t first = adit_rd_u8(&r);
    size_t head_len = (size_t)(first & 15) * 4, total;
    uint16_t fragment;

    (void)adit_rd_u8(&r);
    total = adit_rd_u16(&r);
    (void)adit_rd_u16(&r);
    fragment = adit_rd_u16(&r);
    if (r.bad || first >> 4 != 4 || head_len < V4_HEAD_MIN || total <= head_len || total > n)
        return false;
    if (fragment & V4_DF || mtu < head_len + 8 || (size_t)(fragment & V4_OFFSET) * 8 + total > UINT16_MAX)
        return false;
    *f = (struct adit_fragments){
        .b = packet,
        .at = head_len,
        .n = total,
        .head_len = head_len,
        .piece = (mtu - head_len) & ~(size_t)7,
        .offset = fragment & V4_OFFSET,
        .goes_on = (fragment & V4_MF) != 0,
    };
    memcpy(f->head, packet, head_len);
    return true;
}

bool adit_fragments_next(struct adit_fragments *f, uint8_t **packet, size_t *n)
{
    size_t left = f->n - f->at, payload = left < f->piece ? left : f->piece;
    bool is_last = payload == left, is_first = f->at == f->head_len;
    uint8_t *ip = f->b + f->at - f->head_len;
    struct adit_wr w;

    if (left == 0)
        return false;
    w = adit_wr_of(f->head + V4_LEN_AT, 2);
    adit_wr_u16(&w, (uint16_t)(f->head_len + payload));
    w = adit_wr_of(f->head + V4_OFFSET_AT, 2);
    adit_wr_u16(&w, (uint16_t)(f->offset | (is_last && !f->goes_on ? 0 : V4_MF)));
    memset(f->head + V4_SUM_AT, 0, 2);
    put_sum(f->head + V4_SUM_AT, adit_csum_add(0, f->head, f->head_len));
    memcpy(ip, f->head, f->head_len);
    *packet = ip;
    *n = f->head_len + payload;
    if (is_first)
        blank_options(f->head + V4_HEAD_MIN, f->head_len - V4_HEAD_MIN);
    f->at += payload;
    f->offset = (uint16_t)(f->offset + payload / 8);
    return true;
}
