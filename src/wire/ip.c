/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inner packets come from whoever uses the tunnel: nothing in them is believed before it was checked against
 * the packet's real length. Protocol text: 7.9, 11.2.
 */
#include "wire/ip.h"

#include <string.h>

enum {
    IPV4_HEAD_MIN = 20,
    IPV4_SRC_AT = 12,
    IPV4_LEN = 4, /* of an address */
    IPV6_HEAD = 40,
    IPV6_SRC_AT = 8,
    IPV6_LEN = 16,
    TCP_HEAD_MIN = 20,
    PROTO_TCP = 6,
    TCP_SYN = 0x02,
    OPTION_END = 0,
    OPTION_NOP = 1,
    OPTION_MSS = 2,
    OPTION_MSS_VALUE_LEN = 2,
    TCP_CHECKSUM_AT = 16,
};

static size_t ipv4_head_len(uint8_t first)
{
    return (size_t)(first & 15) * 4;
}

static void take(struct adit_ip *ip, enum adit_family family, const uint8_t *b, size_t n)
{
    *ip = (struct adit_ip){.family = (uint8_t)family};
    memcpy(ip->b, b, n);
}

/* Once a packet: the header is known to be there, and is read without a cursor. */
adit_err adit_ip_peek(adit_bytes packet, struct adit_ip_peek *out)
{
    uint8_t version = packet.n > 0 ? packet.p[0] >> 4 : 0;
    size_t head;

    if (version == 4) {
        head = ipv4_head_len(packet.p[0]);
        if (head < IPV4_HEAD_MIN || packet.n < head)
            return ADIT_E_MALFORMED;
        take(&out->src, ADIT_AF_V4, packet.p + IPV4_SRC_AT, IPV4_LEN);
        take(&out->dst, ADIT_AF_V4, packet.p + IPV4_SRC_AT + IPV4_LEN, IPV4_LEN);
        return ADIT_OK;
    }
    if (version != 6 || packet.n < IPV6_HEAD)
        return ADIT_E_MALFORMED;
    take(&out->src, ADIT_AF_V6, packet.p + IPV6_SRC_AT, IPV6_LEN);
    take(&out->dst, ADIT_AF_V6, packet.p + IPV6_SRC_AT + IPV6_LEN, IPV6_LEN);
    return ADIT_OK;
}

/* The TCP segment of an IPv4 packet; empty if there is none, or not its first fragment. */
static adit_bytes tcp_of_v4(adit_bytes packet)
{
    struct adit_rd r = adit_rd_of(packet);
    size_t head = ipv4_head_len(adit_rd_u8(&r)), total;
    uint16_t fragment;
    uint8_t protocol;

    (void)adit_rd_u8(&r);
    total = adit_rd_u16(&r);
    (void)adit_rd_u16(&r);
    fragment = adit_rd_u16(&r);
    (void)adit_rd_u8(&r);
    protocol = adit_rd_u8(&r);
    if (r.bad || head < IPV4_HEAD_MIN || total < head || total > packet.n)
        return adit_bytes_of(packet.p, 0);
    if (protocol != PROTO_TCP || (fragment & 0x1FFF) != 0)
        return adit_bytes_of(packet.p, 0);
    return adit_bytes_of(packet.p + head, total - head);
}

static adit_bytes tcp_of_v6(adit_bytes packet)
{
    struct adit_rd r = adit_rd_of(packet);
    size_t len;
    uint8_t next;

    (void)adit_rd_u32(&r);
    len = adit_rd_u16(&r);
    next = adit_rd_u8(&r);
    if (r.bad || packet.n < IPV6_HEAD || len > packet.n - IPV6_HEAD || next != PROTO_TCP)
        return adit_bytes_of(packet.p, 0);
    return adit_bytes_of(packet.p + IPV6_HEAD, len);
}

/* The options of a TCP SYN; empty if it is none, or malformed. */
static adit_bytes options_of_syn(adit_bytes tcp)
{
    struct adit_rd r = adit_rd_of(tcp);
    size_t head;
    uint8_t flags;

    (void)adit_rd_take(&r, 12);
    head = (size_t)(adit_rd_u8(&r) >> 4) * 4;
    flags = adit_rd_u8(&r);
    if (r.bad || !(flags & TCP_SYN) || head < TCP_HEAD_MIN || head > tcp.n)
        return adit_bytes_of(tcp.p, 0);
    return adit_bytes_of(tcp.p + TCP_HEAD_MIN, head - TCP_HEAD_MIN);
}

/* Goes on to the next MSS option and takes its value; false at the end, or `bad` if the options are
 * malformed. */
static bool take_mss(struct adit_rd *options, adit_bytes *value)
{
    while (adit_rd_left(options) > 0) {
        uint8_t kind = adit_rd_u8(options), len;

        if (kind == OPTION_END)
            return false;
        if (kind == OPTION_NOP)
            continue;
        len = adit_rd_u8(options);
        if (len < 2 || (kind == OPTION_MSS && len != 2 + OPTION_MSS_VALUE_LEN))
            options->bad = true;
        *value = adit_rd_take(options, len - 2U);
        if (options->bad)
            return false;
        if (kind == OPTION_MSS)
            return true;
    }
    return false;
}

static uint16_t swapped(uint16_t v)
{
    return (uint16_t)(v << 8 | v >> 8);
}

static void put_u16(uint8_t *at, uint16_t v)
{
    struct adit_wr w = adit_wr_of(at, 2);

    adit_wr_u16(&w, v);
}

/*
 * Replaces the u16 at `at` in a TCP header and mends the checksum as RFC 1624 says: HC' = ~(~HC + ~m + m').
 * A value at an odd offset lies across two words of the sum, which is the same as adding it swapped.
 */
static void replace_in_tcp(uint8_t *tcp, size_t at, uint16_t old, uint16_t new)
{
    struct adit_rd r = adit_rd_of(adit_bytes_of(tcp + TCP_CHECKSUM_AT, 2));
    bool is_odd = at % 2 != 0;
    uint32_t sum = (uint16_t)~adit_rd_u16(&r);

    sum += (uint16_t) ~(is_odd ? swapped(old) : old);
    sum += is_odd ? swapped(new) : new;
    sum = (sum & 0xFFFF) + (sum >> 16);
    sum = (sum & 0xFFFF) + (sum >> 16);
    put_u16(tcp + TCP_CHECKSUM_AT, (uint16_t)~sum);
    put_u16(tcp + at, new);
}

bool adit_mss_lower(uint8_t *packet, size_t n, uint16_t mss4, uint16_t mss6)
{
    adit_bytes in = adit_bytes_of(packet, n), tcp, options, value;
    bool is_v4 = n > 0 && packet[0] >> 4 == 4, has_changed = false;
    uint16_t limit = is_v4 ? mss4 : mss6;
    struct adit_rd r;

    if (limit == 0 || n == 0 || (!is_v4 && packet[0] >> 4 != 6))
        return false;
    tcp = is_v4 ? tcp_of_v4(in) : tcp_of_v6(in);
    options = options_of_syn(tcp);

    /* First all options are looked at, so that a malformed packet stays as it is. */
    r = adit_rd_of(options);
    while (take_mss(&r, &value))
        ;
    if (r.bad)
        return false;

    r = adit_rd_of(options);
    while (take_mss(&r, &value)) {
        struct adit_rd v = adit_rd_of(value);
        uint16_t old = adit_rd_u16(&v);

        if (old <= limit)
            continue;
        replace_in_tcp(packet + (tcp.p - packet), (size_t)(value.p - tcp.p), old, limit);
        has_changed = true;
    }
    return has_changed;
}
