/* SPDX-License-Identifier: Apache-2.0 */
/* Super-packets as a kernel hands them over, of all forms, out of a description. */
#ifndef ADIT_TESTS_SUPER_H
#define ADIT_TESTS_SUPER_H

#include "../unit.h"
#include "plain_segment.h"

enum {
    FIN = 0x01,
    PSH = 0x08,
    ACK = 0x10,
    URG = 0x20,
    ECE = 0x40,
    CWR = 0x80,
};

struct super_form {
    bool is_v6, is_udp, has_no_csum;
    size_t payload;
    uint16_t segment;
    const char *ip_options;  /* hex; of IPv6: extension headers */
    uint8_t first_extension; /* the number of the first */
    const char *options;     /* TCP, hex */
    uint8_t flags;
    uint16_t id, fragment, urgent;
    uint32_t seq;
};

/* From 10.1.0.9 to 10.2.0.8, or from fd00:1::9 to fd00:2::8. */
static const uint8_t super_v4[8] = {10, 1, 0, 9, 10, 2, 0, 8};
static const uint8_t super_v6[32] = {[0] = 0xfd, [3] = 1, [15] = 9, [16] = 0xfd, [19] = 2, [31] = 8};

static inline size_t super_put_ip(const struct super_form *f, uint8_t protocol, size_t len, uint8_t *b)
{
    uint8_t extra[256];
    size_t n = f->ip_options ? unhex(f->ip_options, extra, sizeof extra) : 0, head = f->is_v6 ? 40 : 20;

    memset(b, 0, 40);
    if (f->is_v6) {
        b[0] = 0x6a;
        b[1] = 0xb1;
        plain_put(b + 4, n + len);
        b[6] = n > 0 ? f->first_extension : protocol;
        b[7] = 63;
        memcpy(b + 8, super_v6, sizeof super_v6);
    } else {
        b[0] = (uint8_t)(0x45 + n / 4);
        b[1] = 0x2a;
        plain_put(b + 2, 20 + n + len);
        plain_put(b + 4, f->id);
        plain_put(b + 6, f->fragment);
        b[8] = 63;
        b[9] = protocol;
        memcpy(b + 12, super_v4, sizeof super_v4);
    }
    memcpy(b + head, extra, n);
    if (!f->is_v6)
        plain_put(b + 10, 0xFFFF - plain_sum(0, b, head + n));
    return head + n;
}

/* The packet into PLAIN_PACKET_MAX bytes at b, and what is said about it; its length. */
static inline size_t super_make(const struct super_form *f, uint8_t *b, struct adit_offload *o)
{
    uint8_t options[40], *t;
    size_t n_options = f->options ? unhex(f->options, options, sizeof options) : 0;
    size_t head = f->is_udp ? 8 : 20 + n_options, len = head + f->payload;
    uint8_t protocol = f->is_udp ? 17 : 6;
    size_t at = super_put_ip(f, protocol, len, b), place = f->is_udp ? 6 : 16;

    t = b + at;
    memset(t, 0, head);
    steps(t, 4, 0x70);
    if (f->is_udp) {
        plain_put(t + 4, len);
    } else {
        plain_put(t + 4, f->seq >> 16);
        plain_put(t + 6, f->seq);
        steps(t + 8, 4, 0x31);
        t[12] = (uint8_t)((20 + n_options) / 4 << 4);
        t[13] = f->flags;
        plain_put(t + 14, 501);
        plain_put(t + 18, f->urgent);
        memcpy(t + 20, options, n_options);
    }
    for (size_t i = 0; i < f->payload; i++)
        t[head + i] = (uint8_t)(i * 7 + i / 251);
    *o = (struct adit_offload){.gso = f->is_udp ? ADIT_GSO_UDP : ADIT_GSO_TCP, .segment = f->segment};
    if (!f->has_no_csum) {
        plain_put(t + place, plain_pseudo(b, protocol, len));
        o->needs_csum = true;
        o->csum_start = (uint16_t)at;
        o->csum_at = (uint16_t)place;
    }
    return at + len;
}

#endif
