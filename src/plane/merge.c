/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A packet is looked at once: its length is compared with all that the reading below needs, so that the rest
 * reads fixed places without asking again. What must be alike in the packets of a super-packet, and what
 * makes a flow, are masks over the headers, compared eight bytes at a time.
 *
 * A flow's first packet is proven (its checksums verified) only when a second one would join it, so that
 * traffic in which there is nothing to merge costs no checksum.
 */
#include "plane/merge.h"

#include <string.h>

#include "wire/csum.h"

enum {
    IPV4_HEAD = 20,
    IPV6_HEAD = 40,
    UDP_HEAD = 8,
    TCP_HEAD_MIN = 20,
    TCP4_URGENT = IPV4_HEAD + 18,
    TCP6_URGENT = IPV6_HEAD + 18,
    TCP_CHECKSUM_AT = 16,
    UDP_CHECKSUM_AT = 6,
    PROTO_TCP = 6,
    PROTO_UDP = 17,
    TCP_PSH = 0x08,
    TCP_ACK = 0x10,
    IPV4_DF = 0x4000,
    CSUM_ONES = 0xFFFF,
    WORD = 8,
    SAME_WORDS = 7,
    NOT_FOUND = -1,
    MOVED_MAX = 256, /* payload: a longer one costs more to move than to name */
};

enum kind_name { TCP4, UDP4, TCP6, UDP6, NO_KIND };

struct kind {
    bool is_v6, is_tcp;
    uint8_t ip_len, protocol;
    uint8_t same[SAME_WORDS * WORD]; /* alike in all packets, besides the rest of a TCP header */
};

/* clang-format off */
static const struct kind kinds[] = {
    [TCP4] = {
        .is_tcp = true, .ip_len = IPV4_HEAD, .protocol = PROTO_TCP,
        .same = {
            [0 ... 1] = 0xFF,   /* version, header length, TOS */
            [6 ... 9] = 0xFF,   /* DF, TTL, protocol */
            [12 ... 23] = 0xFF, /* addresses, ports */
            [28 ... 32] = 0xFF, [33] = 0xFF & ~TCP_PSH, [34 ... 35] = 0xFF, /* acknowledgment to window */
        },
    },
    [UDP4] = {
        .ip_len = IPV4_HEAD, .protocol = PROTO_UDP,
        .same = {[0 ... 1] = 0xFF, [6 ... 9] = 0xFF, [12 ... 23] = 0xFF},
    },
    [TCP6] = {
        .is_v6 = true, .is_tcp = true, .ip_len = IPV6_HEAD, .protocol = PROTO_TCP,
        .same = {
            [0 ... 3] = 0xFF,  /* version, traffic class, flow label */
            [6 ... 43] = 0xFF, /* next header, hop limit, addresses, ports */
            [48 ... 52] = 0xFF, [53] = 0xFF & ~TCP_PSH, [54 ... 55] = 0xFF,
        },
    },
    [UDP6] = {
        .is_v6 = true, .ip_len = IPV6_HEAD, .protocol = PROTO_UDP,
        .same = {[0 ... 3] = 0xFF, [6 ... 43] = 0xFF},
    },
};

/* What makes a flow: addresses and ports. */
static const uint8_t flow_v4[3 * WORD] = {[12 ... 23] = 0xFF}, flow_v6[6 * WORD] = {[8 ... 43] = 0xFF};
/* clang-format on */

struct packet {
    uint8_t *b;
    size_t n;
    void *owner;
    enum kind_name kind; /* NO_KIND: it shows no ports */
    bool can_merge;
    bool is_last; /* nothing may follow it in a super-packet */
    uint16_t head_len, payload;
};

static uint16_t get_u16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t get_u32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint64_t get_word(const uint8_t *p)
{
    uint64_t w;

    memcpy(&w, p, sizeof w);
    return w;
}

static void put_u16(uint8_t *p, size_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

/* Inlined where the mask is a constant one, so that no loop is left of it. */
static inline __attribute__((always_inline)) bool is_alike(const uint8_t *a, const uint8_t *b,
                                                           const uint8_t *mask, unsigned words)
{
    uint64_t diff = 0;

#pragma GCC unroll 8
    for (unsigned i = 0; i < words; i++)
        diff |= (get_word(a + i * WORD) ^ get_word(b + i * WORD)) & get_word(mask + i * WORD);
    return diff == 0;
}

/* ---- looking at a packet ---- */

static enum kind_name kind_of(const uint8_t *b, size_t n)
{
    if (n >= IPV4_HEAD + UDP_HEAD && b[0] == 0x45) {
        if ((get_u16(b + 6) & ~IPV4_DF) != 0)
            return NO_KIND;
        if (b[9] == PROTO_TCP && n >= IPV4_HEAD + TCP_HEAD_MIN)
            return TCP4;
        return b[9] == PROTO_UDP ? UDP4 : NO_KIND;
    }
    if (n < IPV6_HEAD + UDP_HEAD || b[0] >> 4 != 6)
        return NO_KIND;
    if (b[6] == PROTO_TCP && n >= IPV6_HEAD + TCP_HEAD_MIN)
        return TCP6;
    return b[6] == PROTO_UDP ? UDP6 : NO_KIND;
}

static bool has_right_len(const struct packet *p)
{
    return kinds[p->kind].is_v6 ? get_u16(p->b + 4) == p->n - IPV6_HEAD : get_u16(p->b + 2) == p->n;
}

/* Not FIN, which could end a super-packet, and not CWR, which could begin one: rare, and kernels have
 * differed in what they make of them. */
static void look_at_tcp(struct packet *p)
{
    const uint8_t *tcp = p->b + kinds[p->kind].ip_len;
    size_t tcp_len = (size_t)(tcp[12] >> 4) * 4;
    size_t head_len = kinds[p->kind].ip_len + tcp_len;

    if (tcp_len < TCP_HEAD_MIN || head_len >= p->n)
        return;
    if ((tcp[12] & 15) != 0 || (tcp[13] & ~TCP_PSH) != TCP_ACK)
        return;
    p->head_len = (uint16_t)head_len;
    p->payload = (uint16_t)(p->n - head_len);
    p->is_last = (tcp[13] & TCP_PSH) != 0;
    p->can_merge = true;
}

static void look_at_udp(struct packet *p)
{
    size_t ip_len = kinds[p->kind].ip_len;
    const uint8_t *udp = p->b + ip_len;

    if (get_u16(udp + 4) != p->n - ip_len || p->n <= ip_len + UDP_HEAD)
        return;
    if (get_u16(udp + UDP_CHECKSUM_AT) == 0)
        return;
    p->head_len = (uint16_t)(ip_len + UDP_HEAD);
    p->payload = (uint16_t)(p->n - p->head_len);
    p->can_merge = true;
}

static bool is_wanted(const struct adit_merge *m, enum kind_name kind)
{
    return kind == TCP4 ? m->want_tcp4 : kind == TCP6 ? m->want_tcp6 : m->want_udp;
}

static void look_at(const struct adit_merge *m, struct packet *p)
{
    p->kind = kind_of(p->b, p->n);
    if (p->kind == NO_KIND || p->n > ADIT_MERGE_LEN_MAX || !is_wanted(m, p->kind) || !has_right_len(p))
        return;
    if (kinds[p->kind].is_tcp)
        look_at_tcp(p);
    else
        look_at_udp(p);
}

static bool is_head_proven(const uint8_t *b)
{
    uint64_t sum = 0;
    uint32_t half;

    for (size_t i = 0; i < IPV4_HEAD; i += sizeof half) {
        memcpy(&half, b + i, sizeof half);
        sum += half;
    }
    /* Zero and all ones are the same sum, of which a kernel writes zero; so it does in TCP. */
    return get_u16(b + 10) != CSUM_ONES && adit_csum_fold(sum) == CSUM_ONES;
}

/* pseudo: the sum of the addresses and the protocol, which is the same for all of a flow. */
static bool is_proven(enum kind_name kind, uint64_t pseudo, const uint8_t *b, size_t n)
{
    const struct kind *k = &kinds[kind];
    const uint8_t *transport = b + k->ip_len;
    size_t len = n - k->ip_len;
    uint8_t len_field[] = {(uint8_t)(len >> 8), (uint8_t)len};
    uint16_t len_word;

    if (!k->is_v6 && !is_head_proven(b))
        return false;
    if (k->is_tcp && get_u16(transport + TCP_CHECKSUM_AT) == CSUM_ONES)
        return false;
    memcpy(&len_word, len_field, sizeof len_word);
    return adit_csum_fold(adit_csum_add(pseudo + len_word, transport, len)) == CSUM_ONES;
}

/* ---- giving out ---- */

static void give_single(const struct adit_merge *m, uint8_t *b, size_t n, void *owner)
{
    adit_bytes part = adit_bytes_of(b, n);
    struct adit_gather g = adit_gather_single(&part, owner);

    m->sink(m->ctx, &g);
}

/* The first packet's header becomes that of all. The transport checksum is left to whoever takes the packet
 * apart: in its place goes the sum of the pseudo-header, not complemented. */
static void write_head(const struct adit_merge_flow *f)
{
    const struct kind *k = &kinds[f->kind];
    uint8_t *transport = f->head + k->ip_len;
    size_t len = f->n - k->ip_len;
    uint16_t sum;

    if (k->is_v6) {
        put_u16(f->head + 4, len);
    } else {
        put_u16(f->head + 2, f->n);
        put_u16(f->head + 10, 0);
        sum = (uint16_t)~adit_csum_fold(adit_csum_add(0, f->head, IPV4_HEAD));
        memcpy(f->head + 10, &sum, sizeof sum);
    }
    if (!k->is_tcp)
        put_u16(transport + 4, len);
    sum = adit_csum_fold(adit_csum_pseudo(f->head, k->protocol, len));
    memcpy(transport + (k->is_tcp ? TCP_CHECKSUM_AT : UDP_CHECKSUM_AT), &sum, sizeof sum);
}

static void give_merged(const struct adit_merge *m, const struct adit_merge_flow *f)
{
    const struct kind *k = &kinds[f->kind];
    struct adit_gather g = {.is_v6 = k->is_v6,
                            .parts = f->parts,
                            .n_parts = f->n_parts,
                            .n = f->n,
                            .packets = f->n_packets,
                            .owner = f->owner};

    write_head(f);
    g.offload = (struct adit_offload){.gso = k->is_tcp ? ADIT_GSO_TCP : ADIT_GSO_UDP,
                                      .needs_csum = true,
                                      .segment = f->segment,
                                      .head_len = f->head_len,
                                      .csum_start = k->ip_len,
                                      .csum_at = k->is_tcp ? TCP_CHECKSUM_AT : UDP_CHECKSUM_AT};
    m->sink(m->ctx, &g);
}

static void flush_flow(struct adit_merge *m, unsigned slot)
{
    struct adit_merge_flow *f = &m->flows[slot];
    unsigned at = 0;

    while (m->order[at] != slot)
        at++;
    m->n_flows--;
    memmove(m->order + at, m->order + at + 1, m->n_flows - at);
    m->used &= (uint16_t) ~(1U << slot);
    if (f->n_packets > 1)
        give_merged(m, f);
    else
        give_single(m, f->head, f->n, f->owner);
}

/* All between the packet's two addresses. */
static void flush_pair(struct adit_merge *m, const struct packet *p)
{
    bool is_v6 = p->n > 0 && p->b[0] >> 4 == 6;
    size_t at = is_v6 ? 8 : 12, len = is_v6 ? 32 : 8;

    if (p->n < at + len)
        return;
    for (unsigned i = 0; i < m->n_flows;) {
        const struct adit_merge_flow *f = &m->flows[m->order[i]];

        if (f->owner == p->owner && kinds[f->kind].is_v6 == is_v6 &&
            memcmp(f->head + at, p->b + at, len) == 0)
            flush_flow(m, m->order[i]);
        else
            i++;
    }
}

/* ---- flows ---- */

static uint32_t tag_of(const struct packet *p)
{
    const struct kind *k = &kinds[p->kind];
    uint64_t h = get_u32(p->b + k->ip_len);

    for (unsigned i = k->is_v6 ? 8 : 12; i < k->ip_len; i += WORD)
        h = (h ^ get_word(p->b + i)) * 0x9E3779B97F4A7C15U;
    return (uint32_t)(h >> 32) + k->protocol;
}

static bool is_of_flow(const uint8_t *a, const uint8_t *b, bool is_v6)
{
    return is_v6 ? is_alike(a, b, flow_v6, 6) : is_alike(a, b, flow_v4, 3);
}

static int find(const struct adit_merge *m, const struct packet *p, uint32_t tag)
{
    const struct kind *k = &kinds[p->kind];

    for (unsigned i = 0; i < m->n_flows; i++) {
        const struct adit_merge_flow *f = &m->flows[m->order[i]];

        if (m->tags[m->order[i]] == tag && f->kind == p->kind && f->owner == p->owner &&
            is_of_flow(f->head, p->b, k->is_v6))
            return m->order[i];
    }
    return NOT_FOUND;
}

/* The urgent pointer and the options, which are behind what the mask covers. */
static bool has_same_rest(const uint8_t *a, const uint8_t *b, size_t len)
{
    uint32_t diff = (uint32_t)(get_u16(a) ^ get_u16(b));

    for (size_t i = 2; i < len; i += 4)
        diff |= get_u32(a + i) ^ get_u32(b + i);
    return diff == 0;
}

static bool has_same_head(const struct adit_merge_flow *f, const struct packet *p)
{
    const uint8_t *a = f->head, *b = p->b;

    if (f->kind != p->kind || f->owner != p->owner || f->head_len != p->head_len)
        return false;
    switch (p->kind) {
    case TCP4:
        return is_alike(a, b, kinds[TCP4].same, 5) &&
               has_same_rest(a + TCP4_URGENT, b + TCP4_URGENT, p->head_len - TCP4_URGENT);
    case TCP6:
        return is_alike(a, b, kinds[TCP6].same, 7) &&
               has_same_rest(a + TCP6_URGENT, b + TCP6_URGENT, p->head_len - TCP6_URGENT);
    case UDP4:
        return is_alike(a, b, kinds[UDP4].same, 3);
    case UDP6:
        return is_alike(a, b, kinds[UDP6].same, 6);
    case NO_KIND:
        break;
    }
    return false;
}

static bool is_next(const struct adit_merge_flow *f, const struct packet *p)
{
    const struct kind *k = &kinds[p->kind];

    if (p->payload > f->segment || f->n + p->payload > ADIT_MERGE_LEN_MAX)
        return false;
    if (!k->is_v6 && get_u16(p->b + 4) != f->next_id)
        return false;
    return !k->is_tcp || get_u32(p->b + k->ip_len + 4) == f->next_seq;
}

/* Behind what the flow has already, if that is near and the way short; else as a part of its own. */
static void take_payload(struct adit_merge_flow *f, const struct packet *p, size_t gap_max)
{
    const uint8_t *payload = p->b + p->head_len;
    bool is_near = gap_max > 0 && p->b >= f->end && (size_t)(p->b - f->end) <= gap_max;

    if (is_near && p->payload <= MOVED_MAX) {
        memmove(f->tail, payload, p->payload);
        f->parts[f->n_parts - 1].n += p->payload;
        f->tail += p->payload;
    } else {
        f->parts[f->n_parts++] = adit_bytes_of(payload, p->payload);
        f->tail = p->b + p->n;
    }
    f->end = p->b + p->n;
    f->n_packets++;
}

/* Of the first packet only what is known anyway: a wrong checksum costs it its company, not its way. */
static bool append(const struct adit_merge *m, struct adit_merge_flow *f, struct packet *p)
{
    const struct kind *k = &kinds[p->kind];

    if (!is_next(f, p))
        return false;
    if (!f->is_proven) {
        f->pseudo = adit_csum_fold(adit_csum_pseudo(f->head, k->protocol, 0));
        f->is_proven = is_proven(p->kind, f->pseudo, f->head, f->n);
    }
    if (!f->is_proven || !is_proven(p->kind, f->pseudo, p->b, p->n))
        return false;
    take_payload(f, p, m->gap_max);
    f->n += p->payload;
    f->next_seq += p->payload;
    f->next_id++;
    if (p->is_last)
        f->head[k->ip_len + 13] |= TCP_PSH;
    p->is_last = p->is_last || p->payload < f->segment ||
                 f->n_packets == (k->is_tcp ? ADIT_MERGE_PARTS : ADIT_MERGE_UDP_PARTS);
    return true;
}

static void start(struct adit_merge *m, const struct packet *p, uint32_t tag)
{
    const struct kind *k = &kinds[p->kind];
    struct adit_merge_flow *f;
    unsigned slot;

    if (m->n_flows == ADIT_MERGE_FLOWS)
        flush_flow(m, m->order[0]);
    slot = (unsigned)__builtin_ctz(~(unsigned)m->used);
    m->used |= (uint16_t)(1U << slot);
    m->order[m->n_flows++] = (uint8_t)slot;
    m->tags[slot] = tag;
    m->recent = (uint8_t)slot;
    f = &m->flows[slot];
    f->owner = p->owner;
    f->head = p->b;
    f->kind = (uint8_t)p->kind;
    f->is_proven = false;
    f->head_len = p->head_len;
    f->segment = p->payload;
    f->next_id = k->is_v6 ? 0 : (uint16_t)(get_u16(p->b + 4) + 1);
    f->next_seq = k->is_tcp ? get_u32(p->b + k->ip_len + 4) + p->payload : 0;
    f->n = (uint32_t)p->n;
    f->n_packets = f->n_parts = 1;
    f->end = f->tail = p->b + p->n;
    f->parts[0] = adit_bytes_of(p->b, p->n);
}

void adit_merge_add(struct adit_merge *m, uint8_t *packet, size_t n, void *owner)
{
    struct packet p = {.b = packet, .n = n, .owner = owner};
    uint32_t tag;
    int at;

    look_at(m, &p);
    if (p.kind == NO_KIND) {
        flush_pair(m, &p);
        give_single(m, packet, n, owner);
        return;
    }
    /* Most follow the one before them. */
    if (p.can_merge && (m->used >> m->recent & 1) && has_same_head(&m->flows[m->recent], &p) &&
        append(m, &m->flows[m->recent], &p)) {
        if (p.is_last)
            flush_flow(m, m->recent);
        return;
    }
    tag = tag_of(&p);
    at = find(m, &p, tag);
    if (at != NOT_FOUND && at != m->recent && p.can_merge && has_same_head(&m->flows[at], &p) &&
        append(m, &m->flows[at], &p)) {
        m->recent = (uint8_t)at;
        if (p.is_last)
            flush_flow(m, (unsigned)at);
        return;
    }
    if (at != NOT_FOUND)
        flush_flow(m, (unsigned)at);
    if (p.can_merge && !p.is_last)
        start(m, &p, tag);
    else
        give_single(m, packet, n, owner);
}

void adit_merge_flush(struct adit_merge *m)
{
    while (m->n_flows > 0)
        flush_flow(m, m->order[0]);
}
