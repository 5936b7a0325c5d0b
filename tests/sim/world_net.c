/* SPDX-License-Identifier: Apache-2.0 */
/* What lies between the hosts: lines with a NAT at the client's side, connections of TCP, strangers. */
#include <stdlib.h>
#include <string.h>

#include "wire/packet.h"
#include "world.h"

enum {
    NONE = 0xffffffff,
    FIRST_PORT = 20000,
    PIECE_MAX = 900, /* a stream arrives in pieces of at most so many bytes */
    BURST_BYTES = SIM_BURST_MAX * SIM_PACKET_MAX,
    SECOND_TRAIN_NS = 1000,   /* a train that comes twice comes again so much later */
    RETRANSMIT_MS = 300,      /* a lost piece of a stream comes so much later */
    STRANGER_IP = 0xcb007105, /* 203.0.113.5 */
};

static struct adit_addr server_address(void)
{
    return (struct adit_addr){.ip = adit_ip_v4(0xc0000201), .port = 1194};
}

/* ---- packets ---- */

uint32_t sim_packet_new(struct sim_world *w)
{
    uint32_t i = w->free_packets;

    if (i == NONE && w->n_packets == w->cap_packets) {
        w->cap_packets = w->cap_packets ? 2 * w->cap_packets : 32;
        w->packets = realloc(w->packets, w->cap_packets * sizeof *w->packets);
        if (!w->packets)
            abort();
    }
    if (i == NONE)
        i = w->n_packets++;
    else
        w->free_packets = w->packets[i].next_free;
    w->packets[i].n = 0;
    w->packets[i].key = 0;
    w->packets[i].is_strange = false;
    w->n_packets_used++;
    return i;
}

void sim_packet_free(struct sim_world *w, uint32_t i)
{
    w->packets[i].next_free = w->free_packets;
    w->free_packets = i;
    w->n_packets_used--;
}

static uint32_t copy_of(struct sim_world *w, adit_bytes b, const struct adit_addr *from, uint64_t key)
{
    uint32_t i = sim_packet_new(w);

    memcpy(w->packets[i].b, b.p, b.n);
    w->packets[i].n = (uint32_t)b.n;
    w->packets[i].from = *from;
    w->packets[i].key = key;
    return i;
}

/* ---- addresses ---- */

/* The address tells whose it is, and after how many changes. */
static struct adit_addr address_of(uint32_t client, uint16_t n_rebinds, uint16_t n_ports)
{
    return (struct adit_addr){.ip = adit_ip_v4(0x64000000U + (uint32_t)n_rebinds * 0x20000U + client),
                              .port = (uint16_t)(FIRST_PORT + n_ports)};
}

static struct sim_host *client_at(struct sim_world *w, const struct adit_addr *a)
{
    uint32_t client = (adit_ip_v4_host(&a->ip) - 0x64000000U) & 0x1ffffU;
    struct sim_host *h = client >= 1 && client <= w->plan->n_clients ? &w->hosts[client] : NULL;

    return h && adit_addr_eq(&h->address, a) ? h : NULL;
}

void sim_net_init(struct sim_world *w)
{
    const struct sim_line *line = &w->plan->lines[0];

    for (uint32_t i = 1; i <= w->plan->n_clients; i++) {
        struct sim_host *h = &w->hosts[i];

        h->address = address_of(i, 0, 0);
        sim_pipe_init(&h->up, &line->up, w->plan->seed * 2 + i * 0x10001ULL, w->now.mono_ns);
        sim_pipe_init(&h->down, &line->down, w->plan->seed * 3 + i * 0x20003ULL, w->now.mono_ns);
        memset(h->last_passed, 0xff, sizeof h->last_passed);
    }
}

void sim_net_rebind(struct sim_host *h, bool is_port_only)
{
    h->n_rebinds++;
    h->address =
        is_port_only ? address_of(h->id, 0, h->n_rebinds) : address_of(h->id, h->n_rebinds, h->n_rebinds);
    h->stream.is_dead = true; /* the NAT knows nothing of the connection any more */
    sim_trace(h->w, h, "is behind another address now, port %u", h->address.port);
}

/* ---- datagrams ---- */

static void remember(struct sim_host *client, bool is_up, uint32_t packet)
{
    unsigned at = client->n_passed++ % 8;
    struct sim_world *w = client->w;
    const struct sim_packet *p;
    uint32_t copy;

    if (!is_up)
        return;
    copy = sim_packet_new(w); /* the pool may move: look then */
    p = &w->packets[packet];
    memcpy(w->packets[copy].b, p->b, p->n);
    w->packets[copy].n = p->n;
    w->packets[copy].from = p->from;
    w->packets[copy].key = p->key;
    if (client->last_passed[at] != NONE)
        sim_packet_free(w, client->last_passed[at]);
    client->last_passed[at] = copy;
}

/* What was sent at the same moment is a train, and may have its fate together. */
static void with_train(struct sim_host *client, bool is_up, struct sim_passage *way)
{
    struct sim_world *w = client->w;
    const struct sim_trains *t = &w->plan->trains;
    uint32_t dice;

    if ((t->lost_ppm == 0 && t->twice_ppm == 0) || w->is_calm)
        return;
    if (client->train[is_up].at_ns != w->now.mono_ns) {
        dice = sim_below(&w->chance, 1000000);
        client->train[is_up].at_ns = w->now.mono_ns;
        client->train[is_up].is_lost = dice < t->lost_ppm;
        client->train[is_up].is_twice = !client->train[is_up].is_lost && dice < t->lost_ppm + t->twice_ppm;
    }
    if (client->train[is_up].is_lost)
        way->kind = SIM_LOST;
    if (!client->train[is_up].is_twice || way->copies > 1)
        return;
    way->copies = 2;
    way->at_ns[1] = way->at_ns[0] + SECOND_TRAIN_NS;
}

static void carry(struct sim_host *client, bool is_up, adit_bytes packet, uint64_t key)
{
    struct sim_world *w = client->w;
    struct sim_pipe *pipe = is_up ? &client->up : &client->down;
    struct adit_addr from = is_up ? client->address : server_address();
    struct sim_passage way = sim_pipe_send(pipe, packet.n, w->now.mono_ns);

    with_train(client, is_up, &way);
    if (way.kind != SIM_PASSES) {
        sim_trace(w, client, "%s: %zu bytes of opcode %u are lost", is_up ? "up" : "down", packet.n,
                  packet.p[0] >> 3);
        return;
    }
    for (unsigned i = 0; i < way.copies; i++) {
        uint32_t copy = copy_of(w, packet, &from, key);

        if (way.is_damaged) {
            w->packets[copy].n = (uint32_t)adit_fault_corrupt(&pipe->fault, w->packets[copy].b, packet.n);
            w->packets[copy].key = 0;
        }
        if (w->plan->n_acts > 0 && i == 0)
            remember(client, is_up, copy);
        sim_queue_put(&w->queue, way.at_ns[i], SIM_EV_PACKET, is_up ? SIM_SERVER : client->id, copy);
    }
}

/* ---- streams ---- */

/* When a piece arrives: never before the one before it. */
static uint64_t piece_time(struct sim_host *client, bool is_up)
{
    struct sim_world *w = client->w;
    struct sim_pipe *pipe = is_up ? &client->up : &client->down;
    uint64_t *last = is_up ? &client->stream.up_ns : &client->stream.down_ns;
    uint64_t at = w->now.mono_ns + pipe->spec.latency_us * 1000ULL;

    for (unsigned tries = 0; tries < 6; tries++) {
        struct adit_fault_fate fate = adit_fault_judge(&pipe->fault, w->now.mono_ns);

        at += fate.delay_ns[0];
        if (fate.kind == ADIT_FATE_PASS && !fate.is_corrupt)
            break;
        at += (RETRANSMIT_MS << tries) * ADIT_NS_PER_MS;
    }
    if (client->stream.stalled_until_ns > at)
        at = client->stream.stalled_until_ns;
    if (*last > at)
        at = *last;
    *last = at;
    return at;
}

static void carry_bytes(struct sim_host *client, bool is_up, adit_bytes bytes)
{
    struct sim_world *w = client->w;
    struct adit_addr nobody = {.port = 0};

    while (bytes.n > 0) {
        size_t n = 1 + sim_below(&w->chance, PIECE_MAX);
        uint32_t copy;

        if (n > bytes.n)
            n = bytes.n;
        copy = copy_of(w, adit_bytes_of(bytes.p, n), &nobody, 0);
        w->packets[copy].stream = client->stream.generation;
        sim_queue_put(&w->queue, piece_time(client, is_up), SIM_EV_BYTES, is_up ? SIM_SERVER : client->id,
                      (uint64_t)client->id << 32 | copy);
        bytes = adit_bytes_of(bytes.p + n, bytes.n - n);
    }
}

static void send_frame(struct sim_host *client, bool is_up, adit_bytes packet)
{
    uint8_t frame[SIM_PACKET_MAX + ADIT_STREAM_HEAD_LEN];

    if (!client->stream.is_open || client->stream.is_dead || (is_up ? client->up : client->down).is_cut)
        return; /* a cut of a connection lasts until it is given up */
    adit_stream_head(frame, packet.n);
    memcpy(frame + ADIT_STREAM_HEAD_LEN, packet.p, packet.n);
    carry_bytes(client, is_up, adit_bytes_of(frame, packet.n + ADIT_STREAM_HEAD_LEN));
}

static struct sim_host *client_on(struct sim_world *w, int link)
{
    for (uint32_t i = 1; i <= w->plan->n_clients; i++) {
        if (w->hosts[i].stream.is_open && w->hosts[i].stream.is_accepted &&
            w->hosts[i].stream.server_link == link)
            return &w->hosts[i];
    }
    return NULL;
}

static void put_stream_event(struct sim_host *client, uint8_t kind, uint32_t at_host, uint64_t at_ns)
{
    sim_queue_put(&client->w->queue, at_ns, kind, at_host,
                  (uint64_t)client->stream.generation << 32 | client->id);
}

void sim_net_dial(struct sim_host *h)
{
    h->stream.generation++;
    h->stream.is_open = h->stream.is_dead = h->stream.is_accepted = false;
    h->stream.up_ns = h->stream.down_ns = h->stream.stalled_until_ns = 0;
    put_stream_event(h, SIM_EV_STREAM_OPEN, SIM_SERVER, piece_time(h, true));
}

/* The server's kernel accepts, or not; then the client hears of it. */
static void on_dialled(struct sim_host *server, struct sim_host *client)
{
    bool is_reachable = !client->up.is_cut && !client->down.is_cut;

    client->stream.is_open = is_reachable && server->server.is_on && !server->server.is_leaving;
    if (client->stream.is_open) {
        client->stream.is_accepted = true;
        sim_server_on_stream(server, client->id);
    }
    put_stream_event(client, SIM_EV_STREAM_OPEN, client->id, piece_time(client, false));
}

void sim_net_stream_event(struct sim_host *h, const struct sim_event *ev)
{
    struct sim_host *client = &h->w->hosts[(uint32_t)ev->arg];

    if (client->stream.generation != ev->arg >> 32)
        return;
    if (ev->kind == SIM_EV_STREAM_OPEN && h->id == SIM_SERVER)
        on_dialled(h, client);
    else if (ev->kind == SIM_EV_STREAM_OPEN)
        sim_client_on_stream(h);
    else if (h->id == SIM_SERVER && h->is_plane_on)
        sim_plane_stream_down(sim_host_member_of(h, client->stream.server_link), client->stream.server_link);
    else if (h->is_plane_on)
        sim_plane_stream_down(&h->plane, 1);
}

void sim_net_hang_up(struct sim_host *client, bool by_server)
{
    uint64_t at;

    if (!client->stream.is_open)
        return;
    at = piece_time(client, !by_server);
    client->stream.is_open = false;
    if (!client->stream.is_dead)
        put_stream_event(client, SIM_EV_STREAM_DOWN, by_server ? client->id : SIM_SERVER, at);
}

void sim_net_link_closed(void *ctx, int link)
{
    struct sim_host *h = ctx;
    struct sim_host *client = h->id == SIM_SERVER ? client_on(h->w, link) : h;

    if (client)
        sim_net_hang_up(client, h->id == SIM_SERVER);
}

/* ---- both ---- */

void sim_net_out(void *ctx, int link, const struct adit_addr *to, adit_bytes packet,
                 const struct sim_sealed *sealed)
{
    struct sim_host *h = ctx;
    struct sim_host *client = h;

    if (sealed)
        sim_check_seal(h, sealed->key);
    if (sealed && h->w->plan->trains.most > 0)
        sim_traffic_sealed(h, sealed->inner);
    if (h->id == SIM_SERVER)
        client = h->w->plan->is_tcp ? client_on(h->w, link) : client_at(h->w, to);
    if (!client)
        return; /* the NAT has no such mapping any more */
    if (h->w->plan->is_tcp)
        send_frame(client, h->id != SIM_SERVER, packet);
    else
        carry(client, h->id != SIM_SERVER, packet, sealed ? sealed->key : 0);
}

static void arrive_strange(struct sim_host *h, struct sim_packet p)
{
    uint64_t before, after;

    sim_host_stir(h);
    before = sim_check_picture(h);
    sim_host_datagram(h, &p.from, p.b, p.n, 0);
    sim_host_flush_merged(h); /* of p, there is nothing left */
    sim_host_stir(h);
    after = sim_check_picture(h);
    /* After a pause it is the packet that makes the host look at what is overdue. */
    if (before != after && !h->w->plan->has_threads && h->paused_until_ns != h->w->now.mono_ns)
        sim_break(h->w, "%s: a stranger's packet changed something", h->name);
}

/* With trains one reading gives all that has come: further pieces of the same moment are taken, too. */
static adit_bytes gather_pieces(struct sim_world *w, const struct sim_event *ev, adit_bytes first,
                                uint32_t generation)
{
    adit_bytes all = {.p = w->burst_room, .n = first.n};
    struct sim_event more;

    memcpy(w->burst_room, first.p, first.n);
    while (w->queue.n > 0 && all.n + SIM_PACKET_MAX <= BURST_BYTES) {
        const struct sim_event *next = &w->queue.heap[0];
        const struct sim_packet *p = &w->packets[(uint32_t)next->arg];

        if (next->kind != SIM_EV_BYTES || next->at_ns != ev->at_ns || next->host != ev->host ||
            next->arg >> 32 != ev->arg >> 32 || p->stream != generation)
            break;
        memcpy(w->burst_room + all.n, p->b, p->n);
        all.n += p->n;
        sim_queue_take(&w->queue, &more);
        sim_packet_free(w, (uint32_t)more.arg);
    }
    return all;
}

static void stream_in(struct sim_host *h, int link, adit_bytes bytes)
{
    sim_plane_bytes(sim_host_member_of(h, link), link, bytes, sim_host_now(h));
}

/* Where a datagram stays until the burst is over; NULL: it ends with each. */
static uint8_t *room_in_burst(struct sim_host *h)
{
    struct sim_world *w = h->w;

    if (!w->burst_room)
        return NULL;
    w->burst_host = h->id;
    return w->burst_room + (size_t)SIM_PACKET_MAX * w->n_burst++;
}

void sim_net_end_burst(struct sim_world *w, const struct sim_event *next)
{
    if (next && next->kind == SIM_EV_PACKET && next->host == w->burst_host && next->at_ns == w->now.mono_ns &&
        w->n_burst < SIM_BURST_MAX)
        return;
    w->n_burst = 0;
    sim_host_flush_merged(&w->hosts[w->burst_host]);
}

void sim_net_arrive(struct sim_host *h, struct sim_event *ev)
{
    struct sim_world *w = h->w;
    uint32_t i = (uint32_t)ev->arg;
    struct sim_packet *p = &w->packets[i];
    struct sim_host *client = ev->kind == SIM_EV_BYTES ? &w->hosts[ev->arg >> 32] : NULL;
    uint8_t own[SIM_PACKET_MAX], *bytes = own, *room;
    struct adit_addr from = p->from;
    uint32_t n = p->n;
    uint64_t key = p->key;

    if (h->n_held > 0)
        h->n_held--;
    if (!h->is_plane_on) {
        sim_packet_free(w, i);
    } else if (p->is_strange) {
        struct sim_packet strange = *p;

        sim_packet_free(w, i);
        arrive_strange(h, strange);
    } else {
        /* What it causes may move the pool of packets. */
        bool is_current = !client || (client->stream.generation == p->stream && !client->stream.is_dead);

        room = client ? NULL : room_in_burst(h);
        if (room)
            bytes = room;
        memcpy(bytes, p->b, n);
        sim_packet_free(w, i);
        if (!client)
            sim_host_datagram(h, &from, bytes, n, key);
        else if (is_current)
            stream_in(h, h->id == SIM_SERVER ? client->stream.server_link : 1,
                      w->burst_room ? gather_pieces(w, ev, adit_bytes_of(bytes, n), client->stream.generation)
                                    : adit_bytes_of(bytes, n));
    }
}

/* ---- strangers ---- */

static void scribble(struct sim_world *w, struct sim_packet *p)
{
    for (uint32_t i = 0; i < p->n; i++)
        p->b[i] = (uint8_t)sim_below(&w->chance, 256);
}

/* Noise, a reset under no key or a wrong one, a packet that passed with a few bytes changed. */
static void make_strange(struct sim_world *w, struct sim_host *to, struct sim_packet *p)
{
    static const uint8_t first[] = {ADIT_OP_HARD_RESET_CLIENT_V2 << 3,
                                    ADIT_OP_HARD_RESET_CLIENT_V3 << 3,
                                    ADIT_OP_CONTROL_V1 << 3,
                                    ADIT_OP_ACK_V1 << 3,
                                    ADIT_OP_SOFT_RESET_V1 << 3,
                                    ADIT_OP_HARD_RESET_SERVER_V2 << 3,
                                    ADIT_OP_DATA_V2 << 3};
    struct sim_host *victim = to->id == SIM_SERVER && w->plan->n_clients > 0
                                  ? &w->hosts[1 + sim_below(&w->chance, w->plan->n_clients)]
                                  : to;
    uint32_t old = victim->last_passed[sim_below(&w->chance, 8)];
    bool is_spoofed = sim_below(&w->chance, 2);

    p->n = 1 + sim_below(&w->chance, 1400);
    p->is_strange = true;
    p->from = (struct adit_addr){.ip = adit_ip_v4(STRANGER_IP),
                                 .port = (uint16_t)(1024 + sim_below(&w->chance, 60000))};
    if (is_spoofed)
        p->from = to->id == SIM_SERVER ? victim->address : server_address();
    scribble(w, p);
    if (old == NONE || sim_below(&w->chance, 3) == 0 || w->plan->wrap == SIM_BARE) {
        p->b[0] = (uint8_t)(first[sim_below(&w->chance, sizeof first)] | sim_below(&w->chance, 8));
        return;
    }
    memcpy(p->b, w->packets[old].b, w->packets[old].n);
    p->n = w->packets[old].n;
    p->b[p->n - 1 - sim_below(&w->chance, p->n > 16 ? 16 : p->n)] ^=
        (uint8_t)(1 + sim_below(&w->chance, 255));
}

void sim_net_strangers(struct sim_host *h, unsigned n)
{
    struct sim_world *w = h->w;

    if (w->plan->is_tcp)
        return;
    for (unsigned i = 0; i < n; i++) {
        uint32_t packet = sim_packet_new(w);

        make_strange(w, h, &w->packets[packet]);
        sim_queue_put(&w->queue, w->now.mono_ns + i * ADIT_NS_PER_MS, SIM_EV_PACKET, h->id, packet);
    }
}

void sim_net_replay(struct sim_host *client, unsigned n)
{
    struct sim_world *w = client->w;

    for (unsigned i = 0; i < n && !w->plan->is_tcp; i++) {
        uint32_t old = client->last_passed[sim_below(&w->chance, 8)], copy;
        struct sim_packet p;

        if (old == NONE)
            continue;
        p = w->packets[old];
        copy = copy_of(w, adit_bytes_of(p.b, p.n), &p.from, p.key);
        sim_queue_put(&w->queue, w->now.mono_ns + i * ADIT_NS_PER_MS, SIM_EV_PACKET, SIM_SERVER, copy);
    }
}
