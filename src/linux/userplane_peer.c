/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Peers by id and by address, their routes, and their moves. An address in the table names exactly one peer
 * on one link; a peer on a stream is found through the stream. Protocol text: 12.
 */
#include "linux/userplane_parts.h"

#include <stddef.h>
#include <string.h>

#include "base/mem.h"

#define peer_of_id(node)   ((struct adit_up_peer *)((char *)(node)-offsetof(struct adit_up_peer, by_id)))
#define peer_of_addr(node) ((struct adit_up_peer *)((char *)(node)-offsetof(struct adit_up_peer, by_addr)))

/* Spreads all bits over all bits (the finalizer of splitmix64). */
static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
    return x ^ x >> 31;
}

/* Seeded, because strangers choose addresses. */
static uint32_t hash_addr(const struct adit_up_worker *w, int link_name, const struct adit_addr *a)
{
    uint64_t hi, lo;

    memcpy(&hi, a->ip.b, sizeof hi);
    memcpy(&lo, a->ip.b + 8, sizeof lo);
    return (uint32_t)mix(mix(mix(w->hash_seed ^ hi) ^ lo) ^ ((uint64_t)(uint32_t)link_name << 32 | a->port));
}

void adit_up_drop(struct adit_up_worker *w, struct adit_up_peer *peer, adit_err why)
{
    struct adit_counters *c = peer ? &peer->counters : &w->orphans;

    c->drops[why]++;
}

struct adit_up_peer *adit_up_peer_find(const struct adit_up_worker *w, adit_peer id)
{
    struct adit_up_node *n = adit_up_map_find(&w->peers, id);

    return n ? peer_of_id(n) : NULL; /* the hash is the id */
}

struct adit_up_peer *adit_up_peer_at(const struct adit_up_worker *w, const struct adit_up_link *link,
                                     const struct adit_addr *remote)
{
    uint32_t hash = hash_addr(w, link->name, remote);

    for (struct adit_up_node *n = adit_up_map_find(&w->addrs, hash); n; n = adit_up_map_next(n)) {
        struct adit_up_peer *peer = peer_of_addr(n);

        if (peer->link_name == link->name && adit_addr_eq(&peer->remote, remote))
            return peer;
    }
    return NULL;
}

struct adit_up_link *adit_up_peer_link(struct adit_up_worker *w, struct adit_up_peer *peer)
{
    if (peer->link)
        return peer->link;
    peer->link = adit_up_link_find(w, peer->link_name);
    if (!peer->link || !peer->link->is_stream)
        return peer->link;
    /* A stream has one peer; the newest owns it. */
    if (peer->link->peer)
        peer->link->peer->link = NULL;
    peer->link->peer = peer;
    if (peer->link->out)
        adit_up_tick_soon(w, peer);
    return peer->link;
}

static void leave_address(struct adit_up_worker *w, struct adit_up_peer *peer)
{
    if (peer->has_addr)
        adit_up_map_del(&w->addrs, &peer->by_addr);
    peer->has_addr = false;
    if (peer->link && peer->link->peer == peer)
        peer->link->peer = NULL;
    peer->link = NULL;
    peer->train = 0; /* what goes there now is none of this place's */
    peer->segment_max = 0;
    adit_up_path_set(w, peer, 0);
}

static void take_address(struct adit_up_worker *w, struct adit_up_peer *peer, int link_name)
{
    struct adit_up_link *link;

    peer->link_name = link_name;
    link = adit_up_peer_link(w, peer);
    if ((link && link->is_stream) || peer->remote.ip.family == ADIT_AF_NONE)
        return;
    adit_up_map_add(&w->addrs, &peer->by_addr, hash_addr(w, link_name, &peer->remote));
    peer->has_addr = true;
}

void adit_up_peer_move(struct adit_up_worker *w, struct adit_up_peer *peer, struct adit_up_link *link,
                       const struct adit_addr *remote, const struct adit_addr *local)
{
    leave_address(w, peer);
    peer->remote = *remote;
    /* Only a peer that was pinned to a local address gets pinned to the new one. */
    if (peer->local.ip.family != ADIT_AF_NONE)
        peer->local = *local;
    take_address(w, peer, link->name);
}

adit_err adit_up_peer_add(struct adit_up_worker *w, const struct adit_peer_spec *spec)
{
    struct adit_up_peer *peer = adit_alloc(sizeof *peer);

    if (!peer)
        return ADIT_E_MEMORY;
    adit_up_tick_start(w);
    adit_up_map_add(&w->peers, &peer->by_id, spec->peer);
    peer->spec = *spec;
    peer->remote = spec->remote;
    peer->local = spec->local;
    peer->tx_ns = peer->rx_ns = w->now.mono_ns;
    adit_tx_init(&peer->tx, spec->wire_peer_id);
    adit_rx_init(&peer->rx, spec->replay_window, spec->replay_s);
    take_address(w, peer, spec->link);
    peer->next = w->all;
    if (w->all)
        w->all->prev = peer;
    w->all = w->only = peer;
    adit_up_tick_arm(w, peer);
    return ADIT_OK;
}

void adit_up_peer_set(struct adit_up_worker *w, struct adit_up_peer *peer, const struct adit_peer_spec *spec)
{
    struct adit_peer_spec old = peer->spec;

    peer->spec = *spec;
    /* A spec that says the old place may have crossed with a float: then the peer stays where it went. */
    if (old.link != spec->link || !adit_addr_eq(&old.remote, &spec->remote) ||
        !adit_addr_eq(&old.local, &spec->local)) {
        leave_address(w, peer);
        peer->remote = spec->remote;
        peer->local = spec->local;
        take_address(w, peer, spec->link);
    }
    peer->tx.peer_id = spec->wire_peer_id;
    peer->rx.replay_window = spec->replay_window;
    peer->rx.replay_s = spec->replay_s;
    /* A new limit of silence does not reach back. */
    if (old.silent_s != spec->silent_s)
        peer->rx_ns = w->now.mono_ns;
    adit_up_tick_arm(w, peer);
}

void adit_up_route_free(struct adit_up_route **at)
{
    struct adit_up_route *r = *at;

    *at = r->next;
    adit_free(r);
}

void adit_up_routes_forget(struct adit_up_route **list, const struct adit_prefix *p)
{
    struct adit_prefix want = adit_prefix_masked(*p);

    while (*list) {
        if ((*list)->prefix.bits == want.bits && adit_ip_eq(&(*list)->prefix.ip, &want.ip))
            adit_up_route_free(list);
        else
            list = &(*list)->next;
    }
}

static void leave_routes(struct adit_up_worker *w, struct adit_up_peer *peer)
{
    while (peer->routes) {
        adit_routes_del(w->routes, &peer->routes->prefix, adit_up_mark(w, peer->spec.peer));
        adit_up_route_free(&peer->routes);
    }
}

void adit_up_peer_bury(struct adit_up_worker *w, struct adit_up_peer *peer)
{
    leave_address(w, peer);
    leave_routes(w, peer);
    adit_tx_fini(&peer->tx);
    adit_rx_fini(&peer->rx);
    adit_up_map_del(&w->peers, &peer->by_id);
    adit_wheel_del(&w->wheel, &peer->by_tick);
    if (peer->prev)
        peer->prev->next = peer->next;
    else
        w->all = peer->next;
    if (peer->next)
        peer->next->prev = peer->prev;
    if (w->only == peer)
        w->only = w->all;
    peer->is_gone = true;
    peer->next_buried = w->buried_peers;
    w->buried_peers = peer;
}

adit_err adit_up_route_add(struct adit_up_worker *w, adit_peer id, const struct adit_prefix *p)
{
    struct adit_up_peer *peer = adit_up_peer_find(w, id);
    struct adit_up_route *r;
    adit_err err;

    if (!peer)
        return ADIT_E_NO_PEER;
    r = adit_alloc(sizeof *r);
    if (!r)
        return ADIT_E_MEMORY;
    err = adit_routes_add(w->routes, p, adit_up_mark(w, id));
    if (err) {
        adit_free(r);
        return err;
    }
    *r = (struct adit_up_route){.next = peer->routes, .prefix = adit_prefix_masked(*p)};
    peer->routes = r;
    return ADIT_OK;
}

void adit_up_route_del(struct adit_up_worker *w, adit_peer id, const struct adit_prefix *p)
{
    struct adit_up_peer *peer = adit_up_peer_find(w, id);

    adit_routes_del(w->routes, p, adit_up_mark(w, id));
    if (peer)
        adit_up_routes_forget(&peer->routes, p);
}
