/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inner packets, and the book of them: nothing arrives that was not sent, nothing twice, nothing changed, and
 * nothing under another client's address.
 */
#include <stdlib.h>
#include <string.h>

#include "book.h"
#include "plane/segment.h"

enum {
    HEAD = 20,
    SERIAL_AT = 20,
    LEN_MIN = HEAD + 8,
    SERVER_INNER = 0x0a080001, /* 10.8.0.1 */
    KERNEL_UDP_MAX = 64,       /* packets of a UDP super-packet that any kernel takes */
};

struct sim_inner {
    uint64_t hash, at_ns;
    uint32_t from, src; /* host, IPv4 */
    uint32_t client;    /* whose tunnel it takes first */
    uint32_t dst;
    uint32_t flow, train;
    uint64_t entered; /* when it came into the host where it is, in a count of all that did */
    bool is_v6, is_spoofed, is_delivered;
};

enum role { ORIGIN, RELAY, TARGET, ROLES };

/* What of a flow left the hosts on its way last. */
struct sim_exit {
    uint64_t entered[ROLES];
    uint32_t train[ROLES];
};

static uint64_t hash_of(const uint8_t *b, size_t n)
{
    uint64_t h = 0xcbf29ce484222325ULL ^ n, word;

    /* Every step can be undone, so no change of one word is lost. */
    for (; n >= sizeof word; b += sizeof word, n -= sizeof word) {
        memcpy(&word, b, sizeof word);
        h = (h ^ word) * 0xff51afd7ed558ccdULL;
        h ^= h >> 32;
    }
    for (; n > 0; b++, n--)
        h = (h ^ *b) * 0x100000001b3ULL;
    return h;
}

static struct sim_inner *enter(struct sim_world *w)
{
    if (w->n_inner == w->cap_inner) {
        w->cap_inner = w->cap_inner ? 2 * w->cap_inner : 64;
        w->inner = realloc(w->inner, w->cap_inner * sizeof *w->inner);
        if (!w->inner)
            abort();
    }
    return &w->inner[w->n_inner++];
}

/* Of an IPv6 address the last part, which tells them apart here. */
static uint32_t number_of(const struct adit_ip *ip)
{
    struct adit_rd r = adit_rd_of(adit_bytes_of(ip->b + (ip->family == ADIT_AF_V6 ? 12 : 0), 4));

    return adit_rd_u32(&r);
}

void sim_book_enter(const struct sim_way *way, bool is_v6, uint32_t flow, adit_bytes packet)
{
    struct sim_world *w = way->from->w;

    *enter(w) = (struct sim_inner){.hash = hash_of(packet.p, packet.n),
                                   .at_ns = w->now.mono_ns,
                                   .from = way->from->id,
                                   .client = way->client->id,
                                   .src = number_of(&way->src[is_v6]),
                                   .dst = number_of(&way->dst[is_v6]),
                                   .flow = flow,
                                   .train = w->n_trains,
                                   .entered = ++w->n_entered,
                                   .is_v6 = is_v6,
                                   .is_spoofed = way->is_spoofed};
    way->from->facts.n_sent++;
}

static void send_plain(const struct sim_way *way)
{
    struct sim_world *w = way->from->w;
    uint32_t most = w->plan->traffic_bytes > LEN_MIN ? w->plan->traffic_bytes : LEN_MIN + 1;
    size_t n = LEN_MIN + sim_below(&w->chance, most - LEN_MIN);
    uint64_t serial = w->n_inner;
    uint8_t packet[SIM_PACKET_MAX];
    struct adit_wr wr = adit_wr_of(packet, sizeof packet);

    adit_wr_u32(&wr, 0x45000000U | (uint32_t)n);
    adit_wr_u32(&wr, 0);
    adit_wr_u32(&wr, 0x40110000U);
    adit_wr_u32(&wr, number_of(&way->src[0]));
    adit_wr_u32(&wr, number_of(&way->dst[0]));
    adit_wr_u64(&wr, serial);
    for (size_t i = LEN_MIN; i < n; i++)
        packet[i] = (uint8_t)(serial + i);
    sim_book_enter(way, false, SIM_NO_FLOW, adit_bytes_of(packet, n));
    sim_host_device(way->from, SIM_NO_FLOW, packet, n, &(struct adit_offload){0});
    sim_host_stir(way->from);
}

static void send(const struct sim_way *way)
{
    struct sim_world *w = way->from->w;

    if (w->plan->trains.most > 0 && sim_below(&w->chance, 3) > 0)
        sim_train_send(way);
    else
        send_plain(way);
}

static uint32_t inner_of(const struct sim_host *h)
{
    return h->client.inner.family == ADIT_AF_V4 ? adit_ip_v4_host(&h->client.inner) : 0;
}

/* Of a client, as it knows it. */
static void put_inner(const struct sim_host *h, struct adit_ip ip[2])
{
    ip[0] = h->client.inner;
    ip[1] = h->client.inner6;
}

static void put_server(struct adit_ip ip[2])
{
    static const uint8_t v6[16] = {0xfd, [15] = 1};

    ip[0] = adit_ip_v4(SERVER_INNER);
    ip[1] = adit_ip_v6(v6);
}

/* The server sends to the address that it has leased, whatever the client knows of it. */
static void send_down(struct sim_host *client)
{
    struct sim_host *server = sim_server_of(client->w);
    struct sim_caller *c =
        server->server.is_on ? sim_server_caller_named(server, client->tls.common_name) : NULL;

    struct sim_way way = {.from = server, .client = client, .to = client->id};

    if (!c || c->lease.v4.family != ADIT_AF_V4 || server->paused_until_ns > client->w->now.mono_ns)
        return;
    put_server(way.src);
    way.dst[0] = c->lease.v4;
    way.dst[1] = c->lease.v6;
    send(&way);
}

void sim_traffic(struct sim_host *h)
{
    struct sim_world *w = h->w;
    struct sim_host *other = &w->hosts[1 + sim_below(&w->chance, w->plan->n_clients)];
    struct sim_way way = {.from = h, .client = h};

    sim_queue_put(&w->queue, w->now.mono_ns + w->plan->traffic_ms * ADIT_NS_PER_MS, SIM_EV_TRAFFIC, h->id, 0);
    if (w->is_silent)
        return;
    send_down(h);
    if (!h->is_plane_on || !h->client.is_up)
        return;
    put_inner(h, way.src);
    put_server(way.dst);
    send(&way);
    if (!w->plan->want_client_to_client || !inner_of(other) || other == h)
        return;
    put_inner(other, way.dst);
    way.to = other->id;
    send(&way);
}

void sim_traffic_spoof(struct sim_host *h)
{
    struct sim_world *w = h->w;
    struct sim_host *other = &w->hosts[1 + sim_below(&w->chance, w->plan->n_clients)];
    struct sim_way way = {.from = h, .client = h, .is_spoofed = true};

    put_server(way.dst);
    way.src[0] = adit_ip_v4(0x0a08fffe);
    if (other != h && inner_of(other))
        put_inner(other, way.src);
    if (h->is_plane_on && h->client.is_up && inner_of(h) != number_of(&way.src[0]))
        send(&way);
}

/* ---- on the way ---- */

/* Plain packets have theirs where ports would be, the first of which is never zero otherwise. */
bool sim_book_serial(adit_bytes packet, uint64_t *serial)
{
    size_t at = packet.n > 0 ? (size_t)(packet.p[0] & 15) * 4 : 0;
    struct adit_rd r = adit_rd_of(packet);
    uint8_t protocol;

    if (packet.n < SERIAL_AT + 8)
        return false;
    protocol = packet.p[packet.p[0] >> 4 == 6 ? 6 : 9];
    if (packet.p[0] >> 4 == 6)
        at = 40;
    adit_rd_take(&r, at);
    if (adit_rd_left(&r) >= 20 && protocol == 6)
        adit_rd_take(&r, (size_t)(r.p[12] >> 4) * 4);
    else if (adit_rd_left(&r) >= 16 && (r.p[0] | r.p[1]) != 0)
        adit_rd_take(&r, 8);
    *serial = adit_rd_u64(&r);
    return !r.bad;
}

static struct sim_inner *row_of(struct sim_world *w, adit_bytes packet, uint64_t *serial)
{
    return sim_book_serial(packet, serial) && *serial < w->n_inner ? &w->inner[*serial] : NULL;
}

/* Queues that are chosen by chance keep the order within a train only. */
static bool keeps_order(const struct sim_host *h, enum role role)
{
    return role != ORIGIN || h->id != SIM_SERVER || h->w->plan->trains.workers < 2 ||
           h->w->plan->trains.steering == SIM_STEERED;
}

static void leaves(struct sim_host *h, const struct sim_inner *row, enum role role, uint64_t serial)
{
    struct sim_world *w = h->w;
    uint32_t hosts = w->plan->n_clients + 1;
    struct sim_exit *x;

    if (row->flow == SIM_NO_FLOW)
        return;
    if (!w->exits)
        w->exits = calloc((size_t)hosts * hosts * 4, sizeof *w->exits);
    if (!w->exits)
        abort();
    x = &w->exits[row->flow];
    if (row->entered < x->entered[role] && (keeps_order(h, role) || x->train[role] == row->train))
        sim_break(w, "%s: inner packet %llu was overtaken", h->name, (unsigned long long)serial);
    x->entered[role] = row->entered;
    x->train[role] = row->train;
}

void sim_traffic_sealed(struct sim_host *h, adit_bytes packet)
{
    uint64_t serial;
    const struct sim_inner *row = row_of(h->w, packet, &serial);

    if (row)
        leaves(h, row, row->from == h->id ? ORIGIN : RELAY, serial);
}

void sim_traffic_opened(void *ctx, adit_bytes packet)
{
    struct sim_host *h = ctx;
    uint64_t serial;
    struct sim_inner *row = row_of(h->w, packet, &serial);

    if (row)
        row->entered = ++h->w->n_entered;
}

/* ---- at the other end ---- */

static void judge(struct sim_host *h, adit_peer from, struct sim_inner *row, uint64_t serial)
{
    struct sim_world *w = h->w;
    const struct sim_server *sv = &h->server;

    if (row->is_delivered)
        sim_break(w, "%s: inner packet %llu arrived twice", h->name, (unsigned long long)serial);
    if (row->is_spoofed)
        sim_break(w, "%s: inner packet %llu arrived under another client's address", h->name,
                  (unsigned long long)serial);
    if (row->from == h->id)
        sim_break(w, "%s: inner packet %llu came back to its sender", h->name, (unsigned long long)serial);
    if (h->id != SIM_SERVER && h->client.is_up &&
        row->dst != number_of(row->is_v6 ? &h->client.inner6 : &h->client.inner))
        sim_break(w, "%s: inner packet %llu was for somebody else", h->name, (unsigned long long)serial);
    if (h->id == SIM_SERVER && !w->plan->is_duplicate_cn && !w->plan->has_threads) {
        const struct sim_caller *c = sv->by_peer[from] != UINT32_MAX ? &sv->callers[sv->by_peer[from]] : NULL;

        if (!c || strcmp(c->name, w->hosts[row->from].tls.common_name) != 0)
            sim_break(w, "server: inner packet %llu came from another client than it says",
                      (unsigned long long)serial);
    }
}

static void take(struct sim_host *h, adit_peer from, adit_bytes packet)
{
    struct sim_world *w = h->w;
    uint64_t serial;
    struct sim_inner *row = row_of(w, packet, &serial);

    if (!row || row->hash != hash_of(packet.p, packet.n)) {
        sim_break(w, "%s: %zu bytes arrived that nobody sent", h->name, packet.n);
        return;
    }
    judge(h, from, row, serial);
    leaves(h, row, TARGET, serial);
    row->is_delivered = true;
    w->n_delivered++;
    h->facts.n_delivered++;
    h->facts.last_delivery_ns = w->now.mono_ns;
    if (h->id == SIM_SERVER)
        w->hosts[w->inner[serial].from].facts.last_delivery_ns = w->now.mono_ns;
}

static bool is_refused(const struct sim_world *w, const struct adit_gather *g)
{
    uint32_t kind = g->offload.gso == ADIT_GSO_UDP ? SIM_NO_UDP : g->is_v6 ? SIM_NO_TCP6 : SIM_NO_TCP4;

    return g->offload.gso != ADIT_GSO_NONE && (w->plan->trains.refused & kind);
}

/* As a kernel would, the device takes super-packets apart. */
adit_err sim_traffic_device(void *ctx, adit_peer from, const struct adit_gather *g)
{
    struct sim_host *h = ctx;
    struct sim_world *w = h->w;
    struct adit_segments s;
    unsigned n_packets = 0;
    uint8_t *packet;
    size_t n;

    if (g->offload.gso == ADIT_GSO_NONE && g->n_parts == 1 && g->packets == 1) {
        take(h, from, g->parts[0]);
        return ADIT_OK;
    }
    if (is_refused(w, g)) {
        h->facts.n_unmerged++;
        return ADIT_E_UNSUPPORTED;
    }
    h->facts.n_merged += g->packets;
    n = g->n <= ADIT_MERGE_LEN_MAX ? adit_gather_copy(g, w->device_room) : 0;
    if (n != g->n || adit_segments_begin(&s, w->device_room, n, &g->offload) != ADIT_OK) {
        sim_break(w, "%s: a super-packet that no device takes", h->name);
        return ADIT_OK;
    }
    for (; adit_segments_next(&s, &packet, &n); n_packets++)
        take(h, from, adit_bytes_of(packet, n));
    if (n_packets != g->packets || (g->offload.gso == ADIT_GSO_UDP && n_packets > KERNEL_UDP_MAX))
        sim_break(w, "%s: a super-packet of %u packets, not %u", h->name, n_packets, g->packets);
    return ADIT_OK;
}

uint64_t sim_traffic_lost(const struct sim_world *w, uint32_t who, uint64_t from_ns, uint64_t to_ns,
                          uint64_t *n_sent)
{
    uint64_t n_lost = 0;

    *n_sent = 0;
    for (uint64_t i = 0; i < w->n_inner; i++) {
        const struct sim_inner *row = &w->inner[i];

        if (row->is_spoofed || row->at_ns < from_ns || row->at_ns >= to_ns ||
            (who != SIM_SERVER && row->client != who))
            continue;
        ++*n_sent;
        n_lost += !row->is_delivered;
    }
    return n_lost;
}
