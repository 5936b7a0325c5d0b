/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Super-packets as a kernel gives them to a device. Every packet of one is written here by hand, whole and
 * with its checksums, and booked so; the super-packet is the first one's header and all payloads. Nothing of
 * that is the library's, which is to find the same packets.
 */
#include <stdlib.h>
#include <string.h>

#include "book.h"

enum {
    TRAIN_LEN_MAX = 65000,
    PROTO_TCP = 6,
    PROTO_UDP = 17,
    TCP_FIN = 1,
    TCP_PSH = 8,
    TCP_ACK = 16,
    TCP_CWR = 128,
    SEGMENT_MIN = 16,
    LAST_MIN = 8, /* the serial number */
    ONLY_MAX = 20,
};

enum { TCP4, TCP6, UDP4, UDP6, KINDS };

/* Where the next train of a flow goes on. */
struct sim_flow {
    uint32_t seq;
    uint16_t id;
};

struct train {
    const struct sim_way *way;
    bool is_v6, is_tcp, has_stamps, has_ip_options, is_df, ends, pushes, has_cwr, has_no_csum;
    uint32_t flow, count, seq;
    uint16_t id, segment, last;
    size_t ip_len, head_len;
};

/* ---- the packets ---- */

static uint32_t add(uint32_t sum, const uint8_t *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        sum += i % 2 ? b[i] : (uint32_t)b[i] << 8;
    return sum;
}

static uint16_t fold(uint32_t sum)
{
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

static void put16(uint8_t *at, size_t v)
{
    at[0] = (uint8_t)(v >> 8);
    at[1] = (uint8_t)v;
}

static uint16_t pseudo(const struct train *t, size_t len)
{
    size_t n = t->is_v6 ? 16 : 4;
    uint32_t sum = add(0, t->way->src[t->is_v6].b, n);

    sum = add(sum, t->way->dst[t->is_v6].b, n);
    return fold(sum + (t->is_tcp ? PROTO_TCP : PROTO_UDP) + (uint32_t)len);
}

static void write_ip(const struct train *t, uint8_t *b, size_t n, uint16_t id)
{
    size_t len = t->is_v6 ? 16 : 4;
    uint8_t *addresses = b + (t->is_v6 ? 8 : 12);

    memset(b, 0, t->ip_len);
    memcpy(addresses, t->way->src[t->is_v6].b, len);
    memcpy(addresses + len, t->way->dst[t->is_v6].b, len);
    if (t->is_v6) {
        b[0] = 0x60;
        put16(b + 4, n - 40);
        b[6] = t->is_tcp ? PROTO_TCP : PROTO_UDP;
        b[7] = 64;
        return;
    }
    b[0] = (uint8_t)(0x40 | t->ip_len / 4);
    put16(b + 2, n);
    put16(b + 4, id);
    b[6] = t->is_df ? 0x40 : 0;
    b[8] = 64;
    b[9] = t->is_tcp ? PROTO_TCP : PROTO_UDP;
    memset(b + 20, 1, t->ip_len - 20); /* no operation */
    put16(b + 10, (uint16_t)~fold(add(0, b, t->ip_len)));
}

static void write_tcp(const struct train *t, uint8_t *tcp, uint32_t i)
{
    uint32_t seq = t->seq + i * t->segment;

    memset(tcp, 0, t->head_len - t->ip_len);
    put16(tcp, 40000 + t->flow % 1000);
    put16(tcp + 2, 5001);
    put16(tcp + 4, seq >> 16);
    put16(tcp + 6, seq);
    put16(tcp + 10, 77);
    tcp[12] = (uint8_t)((t->head_len - t->ip_len) / 4 << 4);
    tcp[13] = (uint8_t)(TCP_ACK | (i == 0 && t->has_cwr ? TCP_CWR : 0) |
                        (i + 1 == t->count && t->ends ? TCP_FIN : 0) |
                        (i + 1 == t->count && t->pushes ? TCP_PSH : 0));
    put16(tcp + 14, 500);
    if (t->has_stamps)
        memcpy(tcp + 20, "\1\1\10\12\0\0\1\2\0\0\3\4", 12);
}

static void write_udp(const struct train *t, uint8_t *udp, size_t len)
{
    put16(udp, 40000 + t->flow % 1000);
    put16(udp + 2, 443);
    put16(udp + 4, len);
    put16(udp + 6, 0);
}

/* A computed zero becomes all ones, but for the packets that a TCP super-packet is taken apart into: so do
 * kernels, which use two ways for the two. */
static void write_csum(const struct train *t, uint8_t *transport, size_t len)
{
    uint16_t sum = (uint16_t)~fold(add(pseudo(t, len), transport, len));

    if (t->has_no_csum)
        return;
    put16(transport + (t->is_tcp ? 16 : 6), sum || (t->is_tcp && t->count > 1) ? sum : 0xffff);
}

/* Packet i, whole. Its length. */
static size_t write_packet(const struct train *t, uint32_t i, uint64_t serial, uint8_t *b)
{
    size_t payload = i + 1 == t->count ? t->last : t->segment, n = t->head_len + payload;
    struct adit_wr w = adit_wr_of(b + t->head_len, payload);

    adit_wr_u64(&w, serial);
    for (size_t at = 8; at < payload; at++)
        b[t->head_len + at] = (uint8_t)(serial * 7 + at);
    write_ip(t, b, n, (uint16_t)(t->id + i));
    if (t->is_tcp)
        write_tcp(t, b + t->ip_len, i);
    else
        write_udp(t, b + t->ip_len, n - t->ip_len);
    write_csum(t, b + t->ip_len, n - t->ip_len);
    return n;
}

/* ---- the train ---- */

static struct sim_flow *flow_of(struct sim_world *w, const struct sim_way *way, uint32_t kind, uint32_t *no)
{
    uint32_t hosts = w->plan->n_clients + 1;

    if (!w->flows)
        w->flows = calloc((size_t)hosts * hosts * KINDS, sizeof *w->flows);
    if (!w->flows)
        abort();
    *no = (way->from->id * hosts + way->to) * KINDS + kind;
    return &w->flows[*no];
}

/* Rare things are rare. */
static void choose_marks(struct train *t, uint64_t *c)
{
    t->has_stamps = t->is_tcp && sim_below(c, 2);
    t->has_ip_options = !t->is_v6 && sim_below(c, 16) == 0;
    t->is_df = sim_below(c, 2);
    t->ends = t->is_tcp && sim_below(c, 8) == 0;
    t->pushes = t->is_tcp && sim_below(c, 2);
    t->has_cwr = t->is_tcp && sim_below(c, 16) == 0;
}

static void choose(struct train *t, struct sim_world *w)
{
    const struct sim_way *way = t->way;
    uint64_t *c = &w->chance;
    uint32_t kind = sim_below(c, KINDS), most = w->plan->trains.most, room;
    struct sim_flow *f;

    if (way->src[1].family == ADIT_AF_NONE || way->dst[1].family == ADIT_AF_NONE)
        kind &= ~1U;
    t->is_v6 = kind & 1;
    t->is_tcp = kind < UDP4;
    choose_marks(t, c);
    t->ip_len = t->is_v6 ? 40 : t->has_ip_options ? 24 : 20;
    t->head_len = t->ip_len + (t->is_tcp ? t->has_stamps ? 32 : 20 : 8);
    room = w->plan->traffic_bytes > t->head_len + SEGMENT_MIN ? w->plan->traffic_bytes - (uint32_t)t->head_len
                                                              : SEGMENT_MIN;
    t->segment = (uint16_t)(SEGMENT_MIN + sim_below(c, room - SEGMENT_MIN + 1));
    if (sim_below(c, 3) == 0)
        t->segment = (uint16_t)room;
    t->count = sim_below(c, 4) == 0 ? 1 : 1 + sim_below(c, most < 64 ? most : 64);
    if (t->count * t->segment > TRAIN_LEN_MAX - t->head_len)
        t->count = (uint32_t)(TRAIN_LEN_MAX - t->head_len) / t->segment;
    t->last = (uint16_t)(sim_below(c, 2) ? t->segment : LAST_MIN + sim_below(c, t->segment - LAST_MIN));
    t->has_no_csum = t->count == 1 && kind == UDP4 && sim_below(c, 4) == 0;
    f = flow_of(w, way, kind, &t->flow);
    t->seq = f->seq;
    t->id = f->id;
    f->seq += (t->count - 1) * t->segment + t->last;
    f->id = (uint16_t)(f->id + t->count);
}

/* The first packet's header becomes that of all, its checksum the pseudo-header's sum. */
static struct adit_offload make_super(const struct train *t, uint8_t *b, size_t n)
{
    uint8_t *transport = b + t->ip_len;
    struct adit_offload o = {.needs_csum = true,
                             .head_len = (uint16_t)t->head_len,
                             .csum_start = (uint16_t)t->ip_len,
                             .csum_at = t->is_tcp ? 16 : 6};

    if (t->count > 1) {
        o.gso = t->is_tcp ? ADIT_GSO_TCP : ADIT_GSO_UDP;
        o.segment = t->segment;
        o.has_cwr = t->has_cwr;
        write_ip(t, b, n, t->id);
        if (t->is_tcp)
            transport[13] |= (uint8_t)((t->ends ? TCP_FIN : 0) | (t->pushes ? TCP_PSH : 0));
        else
            put16(transport + 4, n - t->ip_len);
    }
    put16(transport + o.csum_at, pseudo(t, n - t->ip_len));
    return o;
}

void sim_train_send(const struct sim_way *way)
{
    struct sim_world *w = way->from->w;
    struct adit_offload offload = {0};
    struct train t = {.way = way};
    uint8_t packet[SIM_PACKET_MAX];
    size_t n = 0;

    choose(&t, w);
    w->n_trains++;
    for (uint32_t i = 0; i < t.count; i++) {
        size_t len = write_packet(&t, i, w->n_inner, packet), skipped = i == 0 ? 0 : t.head_len;

        sim_book_enter(way, t.is_v6, t.flow, adit_bytes_of(packet, len));
        memcpy(w->train_room + n, packet + skipped, len - skipped);
        n += len - skipped;
    }
    if (!t.has_no_csum && (t.count > 1 || sim_below(&w->chance, 2)))
        offload = make_super(&t, w->train_room, n);
    sim_trace(w, way->from, "a train of %u packets of %u bytes, flow %u", t.count, t.segment, t.flow);
    sim_host_device(way->from, t.flow, w->train_room, n, &offload);
    sim_host_stir(way->from);
}
