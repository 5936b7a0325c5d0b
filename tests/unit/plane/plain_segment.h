/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Super-packets taken apart slowly: the kth packet is made of the untouched original into memory of its own,
 * and its checksums word by word over all of it. What adit_segments_next() gives must be the same bytes.
 */
#ifndef ADIT_TESTS_PLAIN_SEGMENT_H
#define ADIT_TESTS_PLAIN_SEGMENT_H

#include <string.h>

#include "plane/segment.h"

enum {
    PLAIN_PACKET_MAX = 66000,
};

struct plain {
    const uint8_t *b;
    struct adit_offload offload;
    bool is_v6;
    size_t transport, payload, end, count;
};

static inline uint32_t plain_u16(const uint8_t *p)
{
    return (uint32_t)p[0] << 8 | p[1];
}

static inline void plain_put(uint8_t *p, size_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

/* RFC 1071, folded at each step. */
static inline uint32_t plain_sum(uint32_t sum, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
        sum = (sum & 0xFFFF) + (sum >> 16);
    }
    return sum;
}

/* The pseudo-header as RFC 9293 and RFC 8200 draw it. */
static inline uint32_t plain_pseudo(const uint8_t *ip, uint8_t protocol, size_t len)
{
    bool is_v6 = ip[0] >> 4 == 6;
    uint8_t tail[8] = {
        (uint8_t)(len >> 24), (uint8_t)(len >> 16), (uint8_t)(len >> 8), (uint8_t)len, 0, 0, 0, protocol};
    uint32_t sum = is_v6 ? plain_sum(0, ip + 8, 32) : plain_sum(0, ip + 12, 8);

    return plain_sum(sum, tail, sizeof tail);
}

/* The protocol, where it begins, and where the packet ends; false if that is not all inside of n bytes. */
static inline bool plain_walk(const uint8_t *b, size_t n, bool may_lack_len, uint8_t *protocol, size_t *at,
                              size_t *end)
{
    if (n >= 20 && b[0] >> 4 == 4) {
        *at = (b[0] & 15u) * 4;
        *end = plain_u16(b + 2);
        *protocol = b[9];
        if (*end == 0 && may_lack_len)
            *end = n;
        return *at >= 20 && *at <= *end && *end <= n && (plain_u16(b + 6) & 0x3FFF) == 0;
    }
    if (n < 40 || b[0] >> 4 != 6)
        return false;
    *at = 40;
    *end = 40 + plain_u16(b + 4);
    *protocol = b[6];
    if (*end == 40 && *protocol == 0)
        return false;
    if (*end == 40 && may_lack_len)
        *end = n;
    if (*end > n)
        return false;
    while (*protocol == 0 || *protocol == 43 || *protocol == 60) {
        size_t len = *at + 2 <= *end ? (b[*at + 1] + 1u) * 8 : SIZE_MAX;

        if (len > *end - *at)
            return false;
        *protocol = b[*at];
        *at += len;
    }
    return true;
}

static inline adit_err plain_begin(struct plain *p, const uint8_t *b, size_t n, const struct adit_offload *o)
{
    uint8_t protocol;
    size_t place = o->gso == ADIT_GSO_TCP ? 16 : 6;

    *p = (struct plain){.b = b, .offload = *o, .end = n, .count = 1};
    if (o->gso == ADIT_GSO_NONE && !o->needs_csum)
        return ADIT_OK;
    if (!plain_walk(b, n, o->gso == ADIT_GSO_TCP, &protocol, &p->transport, &p->end)) {
        p->end = n;
        if (o->gso != ADIT_GSO_NONE)
            return ADIT_E_MALFORMED;
    }
    if (o->needs_csum && (size_t)o->csum_start + o->csum_at + 2 > p->end)
        return ADIT_E_MALFORMED;
    if (o->gso == ADIT_GSO_NONE)
        return ADIT_OK;
    p->is_v6 = b[0] >> 4 == 6;
    p->payload = p->transport + 8;
    if (o->gso == ADIT_GSO_TCP) {
        if (p->transport + 20 > p->end || b[p->transport + 12] >> 4 < 5)
            return ADIT_E_MALFORMED;
        p->payload = p->transport + (b[p->transport + 12] >> 4) * 4u;
    }
    if (protocol != (o->gso == ADIT_GSO_TCP ? 6 : 17) || p->payload > p->end || o->segment == 0)
        return ADIT_E_MALFORMED;
    if (o->needs_csum && (o->csum_start != p->transport || o->csum_at != place))
        return ADIT_E_MALFORMED;
    if (p->end - p->payload <= o->segment) {
        p->offload.gso = ADIT_GSO_NONE;
        return ADIT_OK;
    }
    if (p->payload > ADIT_SEGMENT_HEAD_MAX)
        return ADIT_E_TOO_BIG;
    if (p->payload + o->segment - (p->is_v6 ? 40 : 0) > 65535)
        return ADIT_E_MALFORMED;
    while (p->count * o->segment < p->end - p->payload)
        p->count++;
    return ADIT_OK;
}

/* The checksum of a packet whose place of the checksum is zero now. */
static inline uint32_t plain_transport_check(const struct plain *p, const uint8_t *packet, size_t n)
{
    bool is_tcp = p->offload.gso == ADIT_GSO_TCP;
    const uint8_t *was = p->b + p->transport;
    size_t len = n - p->transport, len_was = is_tcp ? p->end - p->transport : plain_u16(was + 4);
    uint32_t sum = plain_pseudo(packet, is_tcp ? 6 : 17, len);

    if (p->offload.needs_csum) {
        /* What was left there, with another length: minus is plus the complement. */
        uint8_t change[8] = {0};

        plain_put(change, plain_u16(was + (is_tcp ? 16 : 6)));
        plain_put(change + 2, ~len_was);
        plain_put(change + 4, ~(len_was >> 16));
        plain_put(change + 6, len);
        sum = plain_sum(0, change, sizeof change);
    }
    return 0xFFFF - plain_sum(sum, packet + p->transport, len);
}

static inline void plain_tcp(const struct plain *p, size_t k, uint8_t *packet, size_t n)
{
    const uint8_t *was = p->b + p->transport;
    uint8_t *tcp = packet + p->transport;
    uint32_t seq = plain_u16(was + 4) << 16 | plain_u16(was + 6);

    seq += (uint32_t)(k * p->offload.segment);
    plain_put(tcp + 4, seq >> 16);
    plain_put(tcp + 6, seq);
    if (k > 0)
        tcp[13] &= 0x7F;
    if (k + 1 < p->count)
        tcp[13] &= 0xF6;
    plain_put(tcp + 16, 0);
    plain_put(tcp + 16, plain_transport_check(p, packet, n));
}

static inline void plain_udp(const struct plain *p, uint8_t *packet, size_t n)
{
    uint8_t *udp = packet + p->transport;
    bool has_check = p->offload.needs_csum || plain_u16(udp + 6) != 0;
    uint32_t check;

    plain_put(udp + 4, n - p->transport);
    plain_put(udp + 6, 0);
    if (!has_check)
        return;
    check = plain_transport_check(p, packet, n);
    plain_put(udp + 6, check ? check : 0xFFFF);
}

/* The kth packet, in PLAIN_PACKET_MAX bytes at `packet`; its length. */
static inline size_t plain_packet(const struct plain *p, size_t k, uint8_t *packet)
{
    size_t from = p->payload + k * p->offload.segment, n, start = p->offload.csum_start;

    if (p->offload.gso == ADIT_GSO_NONE) {
        uint32_t check;

        memcpy(packet, p->b, p->end);
        if (!p->offload.needs_csum)
            return p->end;
        check = 0xFFFF - plain_sum(0, packet + start, p->end - start);
        plain_put(packet + start + p->offload.csum_at, check ? check : 0xFFFF);
        return p->end;
    }
    n = p->end - from < p->offload.segment ? p->end - from : p->offload.segment;
    memcpy(packet, p->b, p->payload);
    memcpy(packet + p->payload, p->b + from, n);
    n += p->payload;
    if (p->is_v6) {
        plain_put(packet + 4, n - 40);
    } else {
        plain_put(packet + 2, n);
        plain_put(packet + 4, plain_u16(p->b + 4) + k);
        plain_put(packet + 10, 0);
        plain_put(packet + 10, 0xFFFF - plain_sum(0, packet, (packet[0] & 15u) * 4));
    }
    if (p->offload.gso == ADIT_GSO_TCP)
        plain_tcp(p, k, packet, n);
    else
        plain_udp(p, packet, n);
    return n;
}

#endif
