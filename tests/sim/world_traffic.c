/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inner packets, and the book of them: nothing arrives that was not sent, nothing twice, nothing changed, and
 * nothing under another client's address.
 */
#include <stdlib.h>
#include <string.h>

#include "world.h"

enum {
    HEAD = 20,
    SERIAL_AT = 20,
    LEN_MIN = HEAD + 8,
    SERVER_INNER = 0x0a080001, /* 10.8.0.1 */
};

struct sim_inner {
    uint64_t hash, at_ns;
    uint32_t from, src; /* host, IPv4 */
    uint32_t client;    /* whose tunnel it takes first */
    uint32_t dst;
    bool is_spoofed, is_delivered;
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

static void send(struct sim_host *from, const struct sim_host *client, uint32_t src, uint32_t dst,
                 bool is_spoofed)
{
    struct sim_world *w = from->w;
    uint32_t most = w->plan->traffic_bytes > LEN_MIN ? w->plan->traffic_bytes : LEN_MIN + 1;
    size_t n = LEN_MIN + sim_below(&w->chance, most - LEN_MIN);
    uint64_t serial = w->n_inner;
    uint8_t packet[SIM_PACKET_MAX];
    struct adit_wr wr = adit_wr_of(packet, sizeof packet);

    adit_wr_u32(&wr, 0x45000000U | (uint32_t)n);
    adit_wr_u32(&wr, 0);
    adit_wr_u32(&wr, 0x40110000U);
    adit_wr_u32(&wr, src);
    adit_wr_u32(&wr, dst);
    adit_wr_u64(&wr, serial);
    for (size_t i = LEN_MIN; i < n; i++)
        packet[i] = (uint8_t)(serial + i);
    *enter(w) = (struct sim_inner){.hash = hash_of(packet, n),
                                   .at_ns = w->now.mono_ns,
                                   .from = from->id,
                                   .client = client->id,
                                   .src = src,
                                   .dst = dst,
                                   .is_spoofed = is_spoofed};
    from->facts.n_sent++;
    sim_plane_device(&from->plane, packet, n, sim_host_now(from));
    sim_host_stir(from);
}

static uint32_t inner_of(const struct sim_host *h)
{
    return h->client.inner.family == ADIT_AF_V4 ? adit_ip_v4_host(&h->client.inner) : 0;
}

/* The server sends to the address that it has leased, whatever the client knows of it. */
static void send_down(struct sim_host *client)
{
    struct sim_host *server = sim_server_of(client->w);
    struct sim_caller *c =
        server->server.is_on ? sim_server_caller_named(server, client->tls.common_name) : NULL;

    if (c && c->lease.v4.family == ADIT_AF_V4 && server->paused_until_ns <= client->w->now.mono_ns)
        send(server, client, SERVER_INNER, adit_ip_v4_host(&c->lease.v4), false);
}

void sim_traffic(struct sim_host *h)
{
    struct sim_world *w = h->w;
    struct sim_host *other = &w->hosts[1 + sim_below(&w->chance, w->plan->n_clients)];

    sim_queue_put(&w->queue, w->now.mono_ns + w->plan->traffic_ms * ADIT_NS_PER_MS, SIM_EV_TRAFFIC, h->id, 0);
    if (w->is_silent)
        return;
    send_down(h);
    if (!h->is_plane_on || !h->client.is_up)
        return;
    send(h, h, inner_of(h), SERVER_INNER, false);
    if (w->plan->want_client_to_client && inner_of(other) && other != h)
        send(h, h, inner_of(h), inner_of(other), false);
}

void sim_traffic_spoof(struct sim_host *h)
{
    struct sim_world *w = h->w;
    struct sim_host *other = &w->hosts[1 + sim_below(&w->chance, w->plan->n_clients)];
    uint32_t src = other != h && inner_of(other) ? inner_of(other) : 0x0a08fffe;

    if (h->is_plane_on && h->client.is_up && inner_of(h) != src)
        send(h, h, src, SERVER_INNER, true);
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
    if (h->id != SIM_SERVER && row->dst != inner_of(h) && h->client.is_up)
        sim_break(w, "%s: inner packet %llu was for somebody else", h->name, (unsigned long long)serial);
    if (h->id == SIM_SERVER && !w->plan->is_duplicate_cn && !w->plan->has_threads) {
        const struct sim_caller *c = sv->by_peer[from] != UINT32_MAX ? &sv->callers[sv->by_peer[from]] : NULL;

        if (!c || strcmp(c->name, w->hosts[row->from].tls.common_name) != 0)
            sim_break(w, "server: inner packet %llu came from another client than it says",
                      (unsigned long long)serial);
    }
}

void sim_traffic_device(void *ctx, adit_peer from, adit_bytes packet)
{
    struct sim_host *h = ctx;
    struct sim_world *w = h->w;
    struct adit_rd r = adit_rd_of(packet);
    uint64_t serial;

    adit_rd_take(&r, SERIAL_AT);
    serial = adit_rd_u64(&r);
    if (r.bad || serial >= w->n_inner || w->inner[serial].hash != hash_of(packet.p, packet.n)) {
        sim_break(w, "%s: %zu bytes arrived that nobody sent", h->name, packet.n);
        return;
    }
    judge(h, from, &w->inner[serial], serial);
    w->inner[serial].is_delivered = true;
    w->n_delivered++;
    h->facts.n_delivered++;
    h->facts.last_delivery_ns = w->now.mono_ns;
    if (h->id == SIM_SERVER)
        w->hosts[w->inner[serial].from].facts.last_delivery_ns = w->now.mono_ns;
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
