/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of merging share: packets of many flows from a seed or from a fuzzer's bytes, a splitter
 * that takes what was merged apart again, slow and without any cleverness, and the question whether that is
 * what went in. What is wrong is said in words; NULL is right.
 */
#ifndef ADIT_TESTS_MERGE_RIG_H
#define ADIT_TESTS_MERGE_RIG_H

#include <string.h>

#include "plane/merge.h"

enum {
    RIG_PACKETS = 512,
    RIG_BYTES = 4 << 20,
    RIG_FLOWS = 24,
};

/* ---- lists of packets ---- */

struct rig_list {
    unsigned count;
    size_t used;
    struct {
        size_t at, n;
        void *owner;
    } e[RIG_PACKETS];
    uint8_t bytes[RIG_BYTES];
};

static inline void rig_clear(struct rig_list *l)
{
    l->count = 0;
    l->used = 0;
}

static inline bool rig_add(struct rig_list *l, const uint8_t *b, size_t n, void *owner)
{
    if (l->count == RIG_PACKETS || l->used + n > RIG_BYTES)
        return false;
    if (n > 0)
        memcpy(l->bytes + l->used, b, n);
    l->e[l->count].at = l->used;
    l->e[l->count].n = n;
    l->e[l->count++].owner = owner;
    l->used += n;
    return true;
}

static inline uint8_t *rig_at(struct rig_list *l, unsigned i)
{
    return l->bytes + l->e[i].at;
}

/* ---- fields and sums, one byte at a time ---- */

static inline uint32_t rig_get(const uint8_t *p, unsigned len)
{
    uint32_t v = 0;

    while (len-- > 0)
        v = v << 8 | *p++;
    return v;
}

static inline void rig_put(uint8_t *p, uint32_t v, unsigned len)
{
    while (len-- > 0) {
        p[len] = (uint8_t)v;
        v >>= 8;
    }
}

static inline uint32_t rig_sum(uint32_t sum, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        sum += i % 2 == 0 ? (uint32_t)p[i] << 8 : p[i];
        sum = (sum & 0xFFFF) + (sum >> 16);
    }
    return sum;
}

static inline uint32_t rig_pseudo(const uint8_t *b, uint8_t protocol, size_t len)
{
    bool is_v6 = b[0] >> 4 == 6;

    return rig_sum((uint32_t)len + protocol, b + (is_v6 ? 8 : 12), is_v6 ? 32 : 8);
}

static inline uint16_t rig_csum_v4(const uint8_t *b)
{
    uint8_t head[60];
    size_t n = (size_t)(b[0] & 15) * 4;

    memcpy(head, b, n);
    rig_put(head + 10, 0, 2);
    return (uint16_t)~rig_sum(0, head, n);
}

/* Fills in the checksum of the TCP or UDP packet that begins at `at` and goes on to the end. */
static inline void rig_put_csum(uint8_t *b, size_t n, size_t at, uint8_t protocol)
{
    uint8_t *field = b + at + (protocol == 6 ? 16 : 6);
    uint16_t v;

    rig_put(field, 0, 2);
    v = (uint16_t)~rig_sum(rig_pseudo(b, protocol, n - at), b + at, n - at);
    rig_put(field, protocol == 17 && v == 0 ? 0xFFFF : v, 2);
}

/* ---- taking apart ---- */

static inline const char *rig_check_offload(const struct adit_gather *g, const uint8_t *b, size_t ip_len)
{
    uint8_t protocol = g->is_v6 ? b[6] : b[9];
    size_t csum_at = protocol == 6 ? 16 : 6;
    const struct adit_offload *o = &g->offload;

    if (o->gso != (protocol == 6 ? ADIT_GSO_TCP : ADIT_GSO_UDP))
        return "the kind of a super-packet is not that of its header";
    if (!o->needs_csum || o->has_cwr || o->csum_start != ip_len || o->csum_at != csum_at)
        return "what is said about the checksum is wrong";
    if (o->head_len != ip_len + (protocol == 6 ? (size_t)(b[ip_len + 12] >> 4) * 4 : 8))
        return "the length of the head is wrong";
    if (g->is_v6 ? rig_get(b + 4, 2) != g->n - 40 : rig_get(b + 2, 2) != g->n)
        return "the length in the IP header is wrong";
    if (!g->is_v6 && rig_get(b + 10, 2) != rig_csum_v4(b))
        return "the checksum of the IPv4 header is wrong";
    if (protocol == 17 && rig_get(b + ip_len + 4, 2) != g->n - ip_len)
        return "the length in the UDP header is wrong";
    if (rig_get(b + ip_len + csum_at, 2) != rig_pseudo(b, protocol, g->n - ip_len))
        return "the sum of the pseudo-header is wrong";
    if (o->segment == 0 || g->n <= o->head_len + (size_t)o->segment)
        return "a super-packet of one";
    return NULL;
}

static inline const char *rig_split_merged(const struct adit_gather *g, const uint8_t *all,
                                           struct rig_list *out)
{
    static uint8_t one[65536];
    size_t ip_len = g->is_v6 ? 40 : 20, head = g->offload.head_len, at = head;
    uint8_t protocol = g->is_v6 ? all[6] : all[9];
    unsigned nth = 0;

    while (at < g->n) {
        size_t len = g->n - at < g->offload.segment ? g->n - at : g->offload.segment, n = head + len;
        bool is_last = at + len == g->n;

        memcpy(one, all, head);
        memcpy(one + head, all + at, len);
        if (g->is_v6) {
            rig_put(one + 4, (uint32_t)(n - 40), 2);
        } else {
            rig_put(one + 2, (uint32_t)n, 2);
            rig_put(one + 4, rig_get(all + 4, 2) + nth, 2);
            rig_put(one + 10, rig_csum_v4(one), 2);
        }
        if (protocol == 17) {
            rig_put(one + ip_len + 4, (uint32_t)(n - ip_len), 2);
        } else {
            rig_put(one + ip_len + 4, rig_get(all + ip_len + 4, 4) + (uint32_t)(at - head), 4);
            if (!is_last)
                one[ip_len + 13] &= 0xF7;
        }
        rig_put_csum(one, n, ip_len, protocol);
        if (!rig_add(out, one, n, g->owner))
            return "more came out than went in";
        at += len;
        nth++;
    }
    return nth == g->packets ? NULL : "it stands for another number of packets";
}

static inline const char *rig_split(const struct adit_gather *g, struct rig_list *out)
{
    static const struct adit_offload none;
    static uint8_t all[2 * 65536];
    size_t n = 0;
    const char *wrong;

    for (unsigned i = 0; i < g->n_parts; i++) {
        if (g->parts[i].n > sizeof all - n)
            return "far too long";
        if (g->parts[i].n > 0)
            memcpy(all + n, g->parts[i].p, g->parts[i].n);
        n += g->parts[i].n;
    }
    if (n != g->n)
        return "the parts have another length than is said";
    if (g->is_v6 != (n > 0 && all[0] >> 4 == 6))
        return "IPv6 or not is wrong";
    if (g->offload.gso == ADIT_GSO_NONE) {
        if (g->n_parts != 1 || g->packets != 1 || memcmp(&g->offload, &none, sizeof none) != 0)
            return "a single packet with something said about it";
        return rig_add(out, all, n, g->owner) ? NULL : "more came out than went in";
    }
    if (n > ADIT_MERGE_LEN_MAX || g->packets > ADIT_MERGE_PARTS ||
        (g->offload.gso == ADIT_GSO_UDP && g->packets > ADIT_MERGE_UDP_PARTS))
        return "more than allowed";
    wrong = rig_check_offload(g, all, g->is_v6 ? 40 : 20);
    return wrong ? wrong : rig_split_merged(g, all, out);
}

/* ---- comparing ---- */

static inline bool rig_has_ports(const uint8_t *b, size_t n)
{
    if (n >= 28 && b[0] == 0x45)
        return (rig_get(b + 6, 2) & 0xBFFF) == 0 && ((b[9] == 6 && n >= 40) || b[9] == 17);
    return n >= 48 && b[0] >> 4 == 6 && ((b[6] == 6 && n >= 60) || b[6] == 17);
}

/* Whether the order of the two must stay. Without ports a packet may belong to anything between its
 * addresses. */
static inline bool rig_is_ordered(struct rig_list *l, unsigned i, unsigned j)
{
    const uint8_t *a = rig_at(l, i), *b = rig_at(l, j);
    size_t n = l->e[i].n < l->e[j].n ? l->e[i].n : l->e[j].n;
    bool is_v6;

    if (l->e[i].owner != l->e[j].owner || n < 20 || a[0] >> 4 != b[0] >> 4)
        return false;
    is_v6 = a[0] >> 4 == 6;
    if (is_v6 ? n < 40 || memcmp(a + 8, b + 8, 32) != 0 : memcmp(a + 12, b + 12, 8) != 0)
        return false;
    if (!rig_has_ports(a, l->e[i].n) || !rig_has_ports(b, l->e[j].n))
        return true;
    return is_v6 ? a[6] == b[6] && memcmp(a + 40, b + 40, 4) == 0
                 : a[9] == b[9] && memcmp(a + 20, b + 20, 4) == 0;
}

/* The same packets, none lost, none twice, and in order where order matters. */
static inline const char *rig_compare(struct rig_list *in, struct rig_list *out)
{
    static unsigned place[RIG_PACKETS];
    static bool is_taken[RIG_PACKETS];

    if (in->count != out->count)
        return in->count < out->count ? "more came out than went in" : "something is lost";
    memset(is_taken, 0, sizeof is_taken);
    for (unsigned i = 0; i < in->count; i++) {
        unsigned k = 0;

        while (k < out->count &&
               (is_taken[k] || out->e[k].n != in->e[i].n || out->e[k].owner != in->e[i].owner ||
                (in->e[i].n > 0 && memcmp(rig_at(out, k), rig_at(in, i), in->e[i].n) != 0)))
            k++;
        if (k == out->count)
            return "a packet came out otherwise than it went in";
        is_taken[k] = true;
        place[i] = k;
    }
    for (unsigned j = 0; j < in->count; j++) {
        for (unsigned i = 0; i < j; i++) {
            if (place[i] > place[j] && rig_is_ordered(in, i, j))
                return "the order within a flow is lost";
        }
    }
    return NULL;
}

/* ---- chance, or a fuzzer's bytes ---- */

struct rig_chance {
    uint64_t state; /* 0: from the bytes, and zeros when they have ended */
    const uint8_t *p;
    size_t n;
};

static inline uint32_t rig_below(struct rig_chance *c, uint32_t bound)
{
    uint32_t v = 0;

    if (c->state != 0) {
        c->state = c->state * 6364136223846793005U + 1442695040888963407U;
        return (uint32_t)((c->state >> 33) % bound);
    }
    for (uint32_t left = bound - 1; left > 0 && c->n > 0; left >>= 8, c->n--)
        v = v << 8 | *c->p++;
    return v % bound;
}

static inline bool rig_is_over(const struct rig_chance *c)
{
    return c->state == 0 && c->n == 0;
}

/* ---- flows ---- */

struct rig_flow {
    bool is_v6, is_tcp, is_df, is_vxlan;
    uint8_t addr, tos, ttl, options_len;
    uint16_t sport, dport, id, id_step, window;
    uint32_t seq, ack;
    size_t segment;
    void *owner;
};

enum rig_deed {
    RIG_PLAIN,
    RIG_PUSH,
    RIG_SHORT,
    RIG_LONG,
    RIG_EMPTY,
    RIG_LOST,
    RIG_TWICE,
    RIG_SWAPPED,
    RIG_ACK_MOVES,
    RIG_WINDOW_MOVES,
    RIG_MARKED, /* congestion experienced */
    RIG_TTL,
    RIG_OTHER_OPTIONS,
    RIG_FLAGS,
    RIG_URGENT,
    RIG_RESERVED,
    RIG_NO_CSUM,
    RIG_BAD_CSUM,
    RIG_BAD_HEAD_CSUM,
    RIG_CSUM_ONES,
    RIG_BAD_LEN,
    RIG_TRAILER,
    RIG_CUT,
    RIG_FRAGMENT,
    RIG_IP_OPTIONS, /* IPv6: an extension header */
    RIG_OTHER_PROTOCOL,
    RIG_BYTE,
    RIG_DEEDS,
};

static inline void rig_flow_init(struct rig_flow *f, struct rig_chance *c)
{
    static const uint16_t segments[] = {1400, 1460, 1, 2, 7, 8, 9, 33, 100, 536, 1400, 9000, 30000, 65000};

    *f = (struct rig_flow){.is_v6 = rig_below(c, 2) > 0, .is_tcp = rig_below(c, 3) > 0};
    f->is_df = rig_below(c, 3) > 0;
    f->addr = (uint8_t)rig_below(c, 3);
    f->tos = rig_below(c, 3) == 0 ? (uint8_t)rig_below(c, 256) : 2;
    f->ttl = (uint8_t)(2 + rig_below(c, 254));
    f->options_len = rig_below(c, 2) > 0 ? 12 : (uint8_t)(rig_below(c, 11) * 4);
    f->is_vxlan = !f->is_tcp && rig_below(c, 4) == 0;
    f->sport = (uint16_t)(1000 + rig_below(c, 4));
    f->dport = f->is_vxlan ? 4789 : (uint16_t)(2000 + rig_below(c, 2));
    f->id = rig_below(c, 2) > 0 ? (uint16_t)(0xFFF0 + rig_below(c, 20)) : (uint16_t)rig_below(c, 65536);
    f->id_step = rig_below(c, 8) > 0 ? 1 : (uint16_t)rig_below(c, 3);
    f->window = (uint16_t)rig_below(c, 65536);
    f->seq = rig_below(c, 2) > 0 ? 0U - rig_below(c, 30000) : rig_below(c, 0x10000000);
    f->segment = segments[rig_below(c, sizeof segments / sizeof *segments)];
}

/* The packet as it is meant: what is wrong with it comes later. */
static inline size_t rig_build(const struct rig_flow *f, uint8_t *b, size_t payload, uint8_t flags,
                               uint8_t mark)
{
    size_t ip_len = f->is_v6 ? 40 : 20, head = ip_len + (f->is_tcp ? 20U + f->options_len : 8U),
           n = head + payload;
    uint8_t *t = b + ip_len;

    memset(b, 0, head);
    if (f->is_v6) {
        rig_put(b, 0x60000000U | (uint32_t)f->tos << 20 | 0x1234, 4);
        rig_put(b + 4, (uint32_t)(n - 40), 2);
        b[6] = f->is_tcp ? 6 : 17;
        b[7] = f->ttl;
        memcpy(b + 8, (const uint8_t[]){0xFD, 1}, 2);
        memcpy(b + 24, (const uint8_t[]){0xFD, 2}, 2);
        b[39] = f->addr;
    } else {
        b[0] = 0x45;
        b[1] = f->tos;
        rig_put(b + 2, (uint32_t)n, 2);
        rig_put(b + 4, f->id, 2);
        b[6] = f->is_df ? 0x40 : 0;
        b[8] = f->ttl;
        b[9] = f->is_tcp ? 6 : 17;
        memcpy(b + 12, (const uint8_t[]){10, 1, 0, 1, 10, 2, 0, (uint8_t)(f->addr + 1)}, 8);
        rig_put(b + 10, rig_csum_v4(b), 2);
    }
    rig_put(t, f->sport, 2);
    rig_put(t + 2, f->dport, 2);
    for (size_t i = 0; i < payload; i++)
        b[head + i] = (uint8_t)(mark * 37U + i * 13U + (i >> 8));
    if (f->is_vxlan && payload > 50) {
        memset(b + head, 0, 50);
        b[head] = 8;
        memcpy(b + head + 20, (const uint8_t[]){8, 0, 0x45}, 3);
    }
    if (f->is_tcp) {
        rig_put(t + 4, f->seq, 4);
        rig_put(t + 8, f->ack, 4);
        t[12] = (uint8_t)((20U + f->options_len) / 4 << 4);
        t[13] = flags;
        rig_put(t + 14, f->window, 2);
        memset(t + 20, 1, f->options_len);
        if (f->options_len >= 12)
            memcpy(t + 20, (const uint8_t[]){1, 1, 8, 10, 0, 0, 0, 9, 0, 0, 0, 7}, 12);
    } else {
        rig_put(t + 4, (uint32_t)(n - ip_len), 2);
    }
    rig_put_csum(b, n, ip_len, f->is_tcp ? 6 : 17);
    return n;
}

/* Puts eight bytes of options or of an extension header behind the IP header. */
static inline size_t rig_widen(const struct rig_flow *f, uint8_t *b, size_t n, bool is_fragment)
{
    size_t at = f->is_v6 ? 40 : 20;

    if (n + 8 > 65535)
        return n;
    memmove(b + at + 8, b + at, n - at);
    if (!f->is_v6) {
        memset(b + at, 1, 8);
        b[0] = 0x47;
        rig_put(b + 2, (uint32_t)(n + 8), 2);
        rig_put(b + 10, rig_csum_v4(b), 2);
        return n + 8;
    }
    memcpy(b + at, (const uint8_t[]){b[6], 0, 1, 4, 0, 0, 0, 0}, 8);
    if (is_fragment)
        memcpy(b + at + 2, (const uint8_t[]){0, 9, 0, 0, f->addr, 1}, 6);
    b[6] = is_fragment ? 44 : 60;
    rig_put(b + 4, (uint32_t)(n + 8 - 40), 2);
    return n + 8;
}

static inline void rig_finish(const struct rig_flow *f, uint8_t *b, size_t n)
{
    size_t ip_len = f->is_v6 ? 40 : 20;

    if (!f->is_v6)
        rig_put(b + 10, rig_csum_v4(b), 2);
    rig_put_csum(b, n, ip_len, f->is_tcp ? 6 : 17);
}

/* Something unusual, after which the packet is nevertheless what somebody could have sent. */
static inline void rig_vary(const struct rig_flow *f, struct rig_chance *c, uint8_t *b, size_t n,
                            enum rig_deed deed)
{
    uint8_t *t = b + (f->is_v6 ? 40 : 20);

    if (deed == RIG_MARKED) {
        if (f->is_v6)
            b[1] |= 0x30;
        else
            b[1] |= 3;
    } else if (deed == RIG_TTL) {
        b[f->is_v6 ? 7 : 8] ^= 1;
        b[f->is_v6 ? 7 : 8] |= 2;
    } else if (deed == RIG_OTHER_OPTIONS && f->is_tcp && f->options_len > 0) {
        t[20 + rig_below(c, f->options_len)] ^= 1;
    } else if (deed == RIG_FLAGS && f->is_tcp) {
        t[13] ^= (uint8_t)(1U << rig_below(c, 8));
    } else if (deed == RIG_URGENT && f->is_tcp) {
        t[19] = 1;
    } else if (deed == RIG_RESERVED) {
        if (f->is_tcp && rig_below(c, 2) > 0)
            t[12] |= (uint8_t)(1U << rig_below(c, 4));
        else if (!f->is_v6)
            b[6] |= 0x80;
        else
            b[3] ^= 1; /* flow label */
    }
    rig_finish(f, b, n);
}

/* Changes the end of the payload, so that the checksum would be zero. */
static inline void rig_bend(uint8_t *b, size_t n, const uint8_t *csum)
{
    uint8_t *at = b + n - 2 - (n & 1);

    rig_put(at, rig_sum(rig_get(at, 2), csum, 2), 2);
}

/* Something wrong; the packet's length after it. */
static inline size_t rig_spoil(const struct rig_flow *f, struct rig_chance *c, uint8_t *b, size_t n,
                               enum rig_deed deed)
{
    size_t ip_len = f->is_v6 ? 40 : 20;
    uint8_t *csum = b + ip_len + (f->is_tcp ? 16 : 6);

    if (deed == RIG_NO_CSUM || deed == RIG_CSUM_ONES) {
        if (n > ip_len + 40 && rig_below(c, 4) > 0)
            rig_bend(b, n, csum);
        rig_put(csum, deed == RIG_NO_CSUM ? 0 : 0xFFFF, 2);
    } else if (deed == RIG_BAD_CSUM) {
        csum[rig_below(c, 2)] ^= (uint8_t)(1U << rig_below(c, 8));
    } else if (deed == RIG_BAD_HEAD_CSUM) {
        b[f->is_v6 ? 7 : 11] ^= 4;
    } else if (deed == RIG_BAD_LEN) {
        b[rig_below(c, 2) > 0 && !f->is_tcp ? ip_len + 5
          : f->is_v6                        ? 5
                                            : 3] ^= (uint8_t)(1U << rig_below(c, 3));
        if (!f->is_v6)
            rig_put(b + 10, rig_csum_v4(b), 2);
    } else if (deed == RIG_TRAILER && n + 4 <= 65535) {
        memset(b + n, 0, 4);
        return n + 4;
    } else if (deed == RIG_CUT) {
        return n - 1 - rig_below(c, (uint32_t)n);
    } else if (deed == RIG_FRAGMENT && !f->is_v6) {
        b[6] = rig_below(c, 2) > 0 ? 0x20 : 0;
        b[7] = (uint8_t)(rig_below(c, 2) + (b[6] == 0));
        rig_put(b + 10, rig_csum_v4(b), 2);
    } else if (deed == RIG_IP_OPTIONS || deed == RIG_FRAGMENT) {
        return rig_widen(f, b, n, deed == RIG_FRAGMENT);
    } else if (deed == RIG_OTHER_PROTOCOL) {
        b[f->is_v6 ? 6 : 9] = 132;
        if (!f->is_v6)
            rig_put(b + 10, rig_csum_v4(b), 2);
    } else if (deed == RIG_BYTE) {
        size_t at = rig_below(c, 3) > 0 ? rig_below(c, 80) : rig_below(c, 65536);

        b[at % n] ^= (uint8_t)(1 + rig_below(c, 255));
    }
    return n;
}

static inline void rig_swap_last(struct rig_list *l)
{
    size_t at, n;
    void *owner;

    if (l->count < 2)
        return;
    at = l->e[l->count - 1].at;
    n = l->e[l->count - 1].n;
    owner = l->e[l->count - 1].owner;
    l->e[l->count - 1] = l->e[l->count - 2];
    l->e[l->count - 2].at = at;
    l->e[l->count - 2].n = n;
    l->e[l->count - 2].owner = owner;
}

/* The flow's next packet. */
static inline void rig_emit(struct rig_list *l, struct rig_flow *f, struct rig_chance *c, enum rig_deed deed)
{
    static uint8_t b[65536 + 64];
    size_t room = 65535U - (f->is_v6 ? 40 : 20) - (f->is_tcp ? 20U + f->options_len : 8U);
    size_t payload = f->segment < room ? f->segment : room, n;

    if (deed == RIG_SHORT)
        payload = rig_below(c, (uint32_t)payload) + 1;
    if (deed == RIG_LONG && payload < room)
        payload++;
    if (deed == RIG_EMPTY)
        payload = 0;
    f->ack += deed == RIG_ACK_MOVES;
    f->window = (uint16_t)(f->window + (deed == RIG_WINDOW_MOVES));
    n = rig_build(f, b, payload, deed == RIG_PUSH ? 0x18 : 0x10, (uint8_t)l->count);
    f->seq += (uint32_t)payload;
    f->id = (uint16_t)(f->id + f->id_step);
    if (deed == RIG_LOST)
        return;
    if (deed >= RIG_MARKED && deed <= RIG_RESERVED)
        rig_vary(f, c, b, n, deed);
    else if (deed > RIG_RESERVED)
        n = rig_spoil(f, c, b, n, deed);
    rig_add(l, b, n, f->owner);
    if (deed == RIG_TWICE)
        rig_add(l, b, n, f->owner);
    if (deed == RIG_SWAPPED)
        rig_swap_last(l);
}

/* A burst of up to `count` packets of several flows, most of them as one would wish. */
static inline void rig_burst(struct rig_list *l, struct rig_chance *c, unsigned count, size_t segment_max)
{
    static struct rig_flow flows[RIG_FLOWS];
    static char owners[2];
    unsigned n_flows = 1 + rig_below(c, rig_below(c, 4) > 0 ? 4 : RIG_FLOWS), at = 0;

    for (unsigned i = 0; i < n_flows; i++) {
        rig_flow_init(&flows[i], c);
        flows[i].owner = &owners[rig_below(c, 8) == 0];
        if (flows[i].segment > segment_max)
            flows[i].segment = segment_max;
    }
    while (count-- > 0 && !rig_is_over(c)) {
        bool is_odd = rig_below(c, 10) == 9;

        if (rig_below(c, 4) == 3)
            at = rig_below(c, n_flows);
        rig_emit(l, &flows[at], c, is_odd ? (enum rig_deed)rig_below(c, RIG_DEEDS) : RIG_PLAIN);
    }
}

#endif
