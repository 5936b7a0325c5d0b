/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets that came to the wrong worker. Sockets and queues are steered (linux/steer.h, the kernel's flow
 * tables), so that it is rare; but no packet is lost because it was not. A peer's home is the worker that its
 * mark names, or without one its id (plane/home.h). What does not fit into the ring is dropped and counted.
 */
#include "linux/userplane_parts.h"

#include <string.h>

enum {
    TAKEN_AT_ONCE = 16, /* packets of a ring that may be merged with each other */
};

static struct adit_handed *claim(struct adit_up_worker *w, unsigned home, adit_bytes packet)
{
    adit_err why = ADIT_E_NO_PEER;
    struct adit_handed *h = NULL;

    if (home < w->crew->n_workers)
        h = adit_hand_claim(&w->crew->shared[home]->handed[w->index], packet, &why);
    if (!h)
        adit_up_drop(w, NULL, why);
    return h;
}

/* Woken at the end of the turn, all at once; but when half of the ring is full, now. */
static void deliver(struct adit_up_worker *w, unsigned home)
{
    struct adit_ring *r = &w->crew->shared[home]->handed[w->index];

    adit_ring_publish(r);
    w->hauls.handed++;
    if (adit_ring_room(r) <= (r->mask + 1) / 2) {
        adit_up_kick(w->crew->shared[home]);
        return;
    }
    w->handed_to |= 1U << home;
}

bool adit_up_hand_datagram(struct adit_up_worker *w, const struct adit_up_link *link, adit_bytes packet,
                           const struct adit_addr *remote, const struct adit_addr *local)
{
    struct adit_handed *h;
    unsigned home;

    if (w->params.is_single_peer || w->taken)
        return false;
    home = adit_home_of_datagram(packet, w->crew->n_workers);
    if (home == w->index)
        return false;
    h = claim(w, home, packet);
    if (!h)
        return true;
    h->is_inner = false;
    h->link_name = link->name;
    h->remote = *remote;
    h->local = *local;
    deliver(w, home);
    return true;
}

void adit_up_hand_inner(struct adit_up_worker *w, unsigned home, adit_bytes packet)
{
    struct adit_handed *h;

    /* Whoever handed it over thought that it was ours: while a route changes, two may think so. */
    if (w->taken && w->taken->is_inner) {
        adit_up_drop(w, NULL, ADIT_E_NO_ROUTE);
        return;
    }
    h = claim(w, home, packet);
    if (!h)
        return;
    h->is_inner = true;
    deliver(w, home);
}

static void take(struct adit_up_worker *w, struct adit_handed *h)
{
    struct adit_train t = {.b = h->b, .n = h->n, .cap = w->packet_cap};
    struct adit_up_link *link;

    if (h->is_inner) {
        adit_up_inner_rx(w, &t);
        return;
    }
    link = adit_up_link_find(w, h->link_name);
    if (link)
        adit_up_packet_rx(w, link, h->b, h->n, &h->remote, &h->local);
}

/* Some packets, which may become one for the device; their slots are free when that has gone. */
static uint32_t take_some(struct adit_up_worker *w, struct adit_ring *r)
{
    struct adit_handed *h;
    uint32_t n = 0;

    for (; n < TAKEN_AT_ONCE && (h = adit_ring_peek(r, n)); n++) {
        w->taken = h;
        take(w, h);
    }
    adit_up_device_flush(w);
    w->taken = NULL;
    for (uint32_t i = 0; i < n; i++)
        adit_ring_release(r);
    return n;
}

/* At most a ring's length of each, so that no member keeps another one from its own work. */
static void take_from(struct adit_up_worker *w, struct adit_ring *r)
{
    for (uint32_t n, all = 0; all <= r->mask && (n = take_some(w, r)) > 0; all += n)
        continue;
}

void adit_up_hand_take(struct adit_up_worker *w)
{
    for (unsigned i = 0; w->shared->handed && i < w->crew->n; i++) {
        if (i != w->index)
            take_from(w, &w->shared->handed[i]);
    }
}

void adit_up_hand_wake(struct adit_up_worker *w)
{
    for (unsigned i = 0; w->handed_to != 0; i++, w->handed_to >>= 1) {
        if (w->handed_to & 1)
            adit_up_kick(w->crew->shared[i]);
    }
}

/*
 * The directions of a single peer's key are used by two workers, and wear it together. Each tells the other
 * what it has used, and keeps what it hears in the half that it has no other use for.
 */
void adit_up_hand_usage(struct adit_up_worker *w, struct adit_up_peer *peer, uint8_t key_id)
{
    struct adit_usage *own = w->does_out ? &peer->tx.keys[key_id].usage : &peer->rx.keys[key_id].usage;
    struct adit_usage *other = w->does_out ? &peer->rx.keys[key_id].usage : &peer->tx.keys[key_id].usage;
    struct adit_up_shared *theirs = w->crew->shared[!w->index];

    atomic_store_explicit(&w->shared->used_packets[key_id], own->packets, memory_order_relaxed);
    atomic_store_explicit(&w->shared->used_bytes[key_id], own->bytes, memory_order_relaxed);
    other->packets = atomic_load_explicit(&theirs->used_packets[key_id], memory_order_relaxed);
    other->bytes = atomic_load_explicit(&theirs->used_bytes[key_id], memory_order_relaxed);
}
