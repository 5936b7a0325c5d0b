/* SPDX-License-Identifier: Apache-2.0 */
/*
 * First the packet is read by its own bytes, with bounds; what is said about it beside them must agree, and
 * leads to no memory. Then a template of the headers is made, with zeros where packets will differ, and its
 * sums are taken, so that per packet there is only the payload to be added up.
 */
#include "plane/segment.h"

#include <endian.h>
#include <string.h>

#include "wire/csum.h"

enum {
    IPV4_HEAD_MIN = 20,
    IPV4_TOTAL_AT = 2,
    IPV4_ID_AT = 4,
    IPV4_SUM_AT = 10,
    IPV4_FRAGMENT = 0x3FFF, /* more of them, or not the first */
    IPV6_HEAD = 40,
    IPV6_LEN_AT = 4,
    IP_LEN_MAX = 65535,

    PROTO_HOP_OPTIONS = 0,
    PROTO_TCP = 6,
    PROTO_UDP = 17,
    PROTO_ROUTING = 43,
    PROTO_OPTIONS = 60,

    TCP_HEAD_MIN = 20,
    TCP_SEQ_AT = 4,
    TCP_FLAGS_AT = 12,
    TCP_SUM_AT = 16,
    TCP_FIN = 0x01,
    TCP_PSH = 0x08,
    TCP_CWR = 0x80,

    UDP_HEAD = 8,
    UDP_LEN_AT = 4,
    UDP_SUM_AT = 6,
};

/* Where the parts of an IP packet are. */
struct parts {
    bool is_v6;
    uint8_t protocol;
    size_t transport, end;
};

static uint16_t get_u16(const uint8_t *at)
{
    struct adit_rd r = adit_rd_of(adit_bytes_of(at, 2));

    return adit_rd_u16(&r);
}

static inline void put_u16(uint8_t *at, uint16_t v)
{
    v = htobe16(v);
    memcpy(at, &v, sizeof v);
}

static inline void put_u32(uint8_t *at, uint32_t v)
{
    v = htobe32(v);
    memcpy(at, &v, sizeof v);
}

/* As it stands, in memory order. */
static uint16_t get_sum(const uint8_t *at)
{
    uint16_t v;

    memcpy(&v, at, sizeof v);
    return v;
}

static inline void put_sum(uint8_t *at, uint16_t v)
{
    memcpy(at, &v, sizeof v);
}

/* A length that does not fit its field is written as none, of a super-packet: then it is all there is. */
static size_t end_of(size_t named, size_t n, enum adit_gso gso)
{
    return named == 0 && gso == ADIT_GSO_TCP ? n : named;
}

static adit_err find_in_v4(adit_bytes b, enum adit_gso gso, struct parts *out)
{
    struct adit_rd r = adit_rd_of(b);
    size_t head = (size_t)(adit_rd_u8(&r) & 15) * 4, total;
    uint16_t fragment;

    (void)adit_rd_u8(&r);
    total = end_of(adit_rd_u16(&r), b.n, gso);
    (void)adit_rd_u16(&r);
    fragment = adit_rd_u16(&r);
    (void)adit_rd_u8(&r);
    *out = (struct parts){.protocol = adit_rd_u8(&r), .transport = head, .end = total};
    if (r.bad || head < IPV4_HEAD_MIN || total < head || total > b.n || fragment & IPV4_FRAGMENT)
        return ADIT_E_MALFORMED;
    return ADIT_OK;
}

static bool is_extension(uint8_t protocol)
{
    return protocol == PROTO_HOP_OPTIONS || protocol == PROTO_ROUTING || protocol == PROTO_OPTIONS;
}

static adit_err find_in_v6(adit_bytes b, enum adit_gso gso, struct parts *out)
{
    struct adit_rd r = adit_rd_of(b), extensions;
    size_t len;

    *out = (struct parts){.is_v6 = true};
    (void)adit_rd_u32(&r);
    len = adit_rd_u16(&r);
    out->protocol = adit_rd_u8(&r);
    (void)adit_rd_take(&r, IPV6_HEAD - 7);
    if (len == 0 && out->protocol == PROTO_HOP_OPTIONS)
        return ADIT_E_MALFORMED; /* its length is in an option, which its segments must not have */
    len = end_of(len, adit_rd_left(&r), gso);
    extensions = adit_rd_sub(&r, len);
    while (is_extension(out->protocol) && !extensions.bad) {
        out->protocol = adit_rd_u8(&extensions);
        (void)adit_rd_take(&extensions, (size_t)adit_rd_u8(&extensions) * 8 + 6);
    }
    if (r.bad || extensions.bad)
        return ADIT_E_MALFORMED;
    out->transport = IPV6_HEAD + len - adit_rd_left(&extensions);
    out->end = IPV6_HEAD + len;
    return ADIT_OK;
}

static adit_err find_parts(adit_bytes b, enum adit_gso gso, struct parts *out)
{
    switch (b.n > 0 ? b.p[0] >> 4 : 0) {
    case 4:
        return find_in_v4(b, gso, out);
    case 6:
        return find_in_v6(b, gso, out);
    default:
        return ADIT_E_MALFORMED;
    }
}

/* Only the place of the checksum is needed, of whatever protocol. */
static adit_err begin_single(struct adit_segments *s)
{
    const struct adit_offload *o = &s->offload;
    struct parts parts;

    s->count = 1;
    if (!o->needs_csum)
        return ADIT_OK;
    if (find_parts(adit_bytes_of(s->b, s->n), ADIT_GSO_NONE, &parts) == ADIT_OK)
        s->n = parts.end;
    return (size_t)o->csum_start + o->csum_at + 2 <= s->n ? ADIT_OK : ADIT_E_MALFORMED;
}

/* The length of the transport header; 0 if it is not there, or not what was said. */
static size_t transport_len(const struct adit_segments *s, const struct parts *parts)
{
    const struct adit_offload *o = &s->offload;
    bool is_tcp = o->gso == ADIT_GSO_TCP;
    size_t len = is_tcp ? TCP_HEAD_MIN : UDP_HEAD, left = parts->end - parts->transport;

    if (parts->protocol != (is_tcp ? PROTO_TCP : PROTO_UDP) || left < len)
        return 0;
    if (o->needs_csum &&
        (o->csum_start != parts->transport || o->csum_at != (is_tcp ? TCP_SUM_AT : UDP_SUM_AT)))
        return 0;
    if (is_tcp)
        len = (size_t)(s->b[parts->transport + TCP_FLAGS_AT] >> 4) * 4;
    return len >= (is_tcp ? TCP_HEAD_MIN : UDP_HEAD) && len <= left ? len : 0;
}

static void take_ip(struct adit_segments *s)
{
    if (s->is_v6)
        return;
    s->id = get_u16(s->head + IPV4_ID_AT);
    put_u16(s->head + IPV4_TOTAL_AT, 0);
    put_u16(s->head + IPV4_ID_AT, 0);
    put_u16(s->head + IPV4_SUM_AT, 0);
    /* Folded, so that what is added for each packet cannot carry out of it. */
    s->ip_sum = adit_csum_fold(adit_csum_add(0, s->head, s->ip_len));
}

/* The pseudo-header without a length: what the sender left, less the length in it, or made anew. */
static uint64_t take_pseudo(const struct adit_segments *s, size_t csum_at, size_t len)
{
    const uint8_t *transport = s->head + s->ip_len;

    if (s->offload.needs_csum)
        return (uint64_t)get_sum(transport + csum_at) + (uint32_t)~htobe32((uint32_t)len);
    return adit_csum_pseudo(s->head, s->offload.gso == ADIT_GSO_TCP ? PROTO_TCP : PROTO_UDP, 0);
}

static void take_tcp(struct adit_segments *s)
{
    uint8_t *tcp = s->head + s->ip_len;
    struct adit_rd r = adit_rd_of(adit_bytes_of(tcp + TCP_SEQ_AT, 4));
    uint64_t pseudo = take_pseudo(s, TCP_SUM_AT, s->n - s->ip_len);

    s->has_csum = true;
    s->seq = adit_rd_u32(&r);
    s->tcp_flags = get_u16(tcp + TCP_FLAGS_AT);
    put_u32(tcp + TCP_SEQ_AT, 0);
    put_u16(tcp + TCP_FLAGS_AT, 0);
    put_u16(tcp + TCP_SUM_AT, 0);
    s->head_sum = adit_csum_add(pseudo, tcp, s->head_len - s->ip_len);
}

static void take_udp(struct adit_segments *s)
{
    uint8_t *udp = s->head + s->ip_len;
    uint64_t pseudo = take_pseudo(s, UDP_SUM_AT, get_u16(udp + UDP_LEN_AT));

    s->has_csum = s->offload.needs_csum || get_sum(udp + UDP_SUM_AT) != 0;
    put_u16(udp + UDP_LEN_AT, 0);
    put_u16(udp + UDP_SUM_AT, 0);
    s->head_sum = adit_csum_add(pseudo, udp, UDP_HEAD);
}

static adit_err begin_super(struct adit_segments *s)
{
    struct parts parts;
    size_t len, segment = s->offload.segment;
    adit_err e = find_parts(adit_bytes_of(s->b, s->n), s->offload.gso, &parts);

    if (e)
        return e;
    len = transport_len(s, &parts);
    if (len == 0 || segment == 0)
        return ADIT_E_MALFORMED;
    s->n = parts.end;
    s->is_v6 = parts.is_v6;
    s->ip_len = parts.transport;
    s->head_len = s->at = parts.transport + len;
    if (s->n - s->head_len <= segment) {
        s->offload.gso = ADIT_GSO_NONE;
        s->count = 1;
        return ADIT_OK;
    }
    if (s->head_len > sizeof s->head)
        return ADIT_E_TOO_BIG;
    if (s->head_len + segment > IP_LEN_MAX + (s->is_v6 ? (size_t)IPV6_HEAD : 0))
        return ADIT_E_MALFORMED;
    s->count = (uint32_t)((s->n - s->head_len + segment - 1) / segment);
    memcpy(s->head, s->b, s->head_len);
    take_ip(s);
    if (s->offload.gso == ADIT_GSO_TCP)
        take_tcp(s);
    else
        take_udp(s);
    return ADIT_OK;
}

adit_err adit_segments_begin(struct adit_segments *s, uint8_t *b, size_t n, const struct adit_offload *o)
{
    s->b = b;
    s->n = n;
    s->offload = *o;
    s->count = s->n_given = 0;
    return o->gso == ADIT_GSO_NONE ? begin_single(s) : begin_super(s);
}

static void give_single(const struct adit_segments *s)
{
    size_t start = s->offload.csum_start;
    uint16_t sum;

    if (!s->offload.needs_csum)
        return;
    sum = (uint16_t)~adit_csum_fold(adit_csum_add(0, s->b + start, s->n - start));
    put_sum(s->b + start + s->offload.csum_at, sum ? sum : UINT16_MAX);
}

static void write_ip(struct adit_segments *s, uint8_t *ip, size_t n)
{
    uint16_t total = (uint16_t)n;

    if (s->is_v6) {
        put_u16(ip + IPV6_LEN_AT, (uint16_t)(n - IPV6_HEAD));
        return;
    }
    put_u16(ip + IPV4_TOTAL_AT, total);
    put_u16(ip + IPV4_ID_AT, s->id);
    put_sum(ip + IPV4_SUM_AT, (uint16_t)~adit_csum_fold(s->ip_sum + htobe16(total) + htobe16(s->id)));
    s->id++;
}

/* sum: over the payload, and the length in the pseudo-header. */
static void write_tcp(struct adit_segments *s, uint8_t *tcp, uint64_t sum)
{
    uint16_t flags = s->tcp_flags;

    if (s->n_given > 0)
        flags &= (uint16_t)~TCP_CWR;
    if (s->n_given + 1 < s->count)
        flags &= (uint16_t) ~(TCP_FIN | TCP_PSH);
    put_u32(tcp + TCP_SEQ_AT, s->seq);
    put_u16(tcp + TCP_FLAGS_AT, flags);
    put_sum(tcp + TCP_SUM_AT, (uint16_t)~adit_csum_fold(sum + htobe32(s->seq) + htobe16(flags)));
    s->seq += s->offload.segment;
}

static void write_udp(const struct adit_segments *s, uint8_t *udp, uint64_t sum, size_t len)
{
    uint16_t check;

    put_u16(udp + UDP_LEN_AT, (uint16_t)len);
    if (!s->has_csum)
        return;
    check = (uint16_t)~adit_csum_fold(sum + htobe16((uint16_t)len));
    put_sum(udp + UDP_SUM_AT, check ? check : UINT16_MAX);
}

bool adit_segments_next(struct adit_segments *s, uint8_t **packet, size_t *n)
{
    size_t payload = s->offload.segment, len;
    uint64_t sum = 0;

    if (s->n_given == s->count)
        return false;
    *packet = s->b;
    *n = s->n;
    if (s->offload.gso == ADIT_GSO_NONE) {
        give_single(s);
        s->n_given++;
        return true;
    }
    if (payload > s->n - s->at)
        payload = s->n - s->at;
    *packet = s->b + s->at - s->head_len;
    *n = s->head_len + payload;
    len = *n - s->ip_len;
    if (s->has_csum)
        sum = adit_csum_add(s->head_sum, s->b + s->at, payload);
    memcpy(*packet, s->head, s->head_len);
    write_ip(s, *packet, *n);
    /* Sums of sums do not overflow: what is added here has 32 bits. */
    sum = adit_csum_fold(sum) + (uint64_t)htobe16((uint16_t)len);
    if (s->offload.gso == ADIT_GSO_TCP)
        write_tcp(s, *packet + s->ip_len, sum);
    else
        write_udp(s, *packet + s->ip_len, sum, len);
    s->at += payload;
    s->n_given++;
    return true;
}
