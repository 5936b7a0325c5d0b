/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where each packet of a burst belongs to another of a thousand peers, what belongs to a peer has left the
 * nearer caches since its last packet, and is found by one pointer behind the other. So the processor is
 * asked for all of it before the first packet is worked on: a step for every packet, then the step behind it,
 * whose pointer has come meanwhile. Nothing is decided here; a packet whose peer is not found is worked on
 * like the others.
 */
#include "linux/userplane_parts.h"

#include <stddef.h>

#include "base/warm.h"
#include "wire/ip.h"

enum {
    BURST_MAX = ADIT_UP_RX_MSGS > ADIT_UP_BURST ? ADIT_UP_RX_MSGS : ADIT_UP_BURST,
};

/* Whom a packet is from or for, as far as it is known. */
struct wanted {
    adit_peer id; /* ADIT_NO_PEER: nobody */
    uint8_t key_id;
    const struct adit_up_peer *peer;
};

/* What is touched of a peer whichever way a packet goes; its keys come later. */
static void warm_peer(const struct adit_up_peer *peer)
{
    adit_warm(peer, offsetof(struct adit_up_peer, counters.drops));
    __builtin_prefetch(&peer->tx);
    __builtin_prefetch(&peer->rx);
}

static void find_peers(const struct adit_up_worker *w, struct wanted *all, unsigned n)
{
    for (unsigned step = 0; step < ADIT_UP_MAP_WARM_STEPS; step++) {
        for (unsigned i = 0; i < n; i++) {
            if (all[i].id != ADIT_NO_PEER)
                adit_up_map_warm(&w->peers, all[i].id, step);
        }
    }
    for (unsigned i = 0; i < n; i++) {
        all[i].peer = all[i].id != ADIT_NO_PEER ? adit_up_peer_find(w, all[i].id) : NULL;
        if (all[i].peer)
            warm_peer(all[i].peer);
    }
}

/* One peer's things stay where they are from packet to packet, and one packet waits for nobody. */
static bool is_worth_it(const struct adit_up_worker *w, unsigned n)
{
    return n > 1 && !w->params.is_single_peer;
}

void adit_up_warm_received(struct adit_up_worker *w, unsigned n)
{
    struct wanted all[BURST_MAX];

    if (!is_worth_it(w, n))
        return;
    for (unsigned i = 0; i < n; i++) {
        adit_bytes packet = adit_bytes_of(w->rx.iov[i].iov_base, w->rx.msgs[i].msg_len);

        all[i].id = ADIT_NO_PEER;
        if (adit_data_peer_id(packet, &all[i].id))
            all[i].key_id = adit_packet_key_id(packet.p[0]);
    }
    find_peers(w, all, n);
    for (unsigned step = 0; step < ADIT_WARM_STEPS; step++) {
        for (unsigned i = 0; i < n; i++) {
            if (all[i].peer)
                adit_rx_warm(&all[i].peer->rx, all[i].key_id, step);
        }
    }
}

static adit_peer peer_at(const struct adit_up_worker *w, const struct adit_train *t)
{
    struct adit_ip_peek peek;
    uint32_t mark;

    if (adit_ip_peek(adit_bytes_of(t->b, t->n), &peek))
        return ADIT_NO_PEER;
    mark = adit_routes_find(w->routes, &peek.dst);
    return mark != ADIT_NO_PEER && adit_mark_home(mark) == w->home ? adit_mark_id(mark) : ADIT_NO_PEER;
}

void adit_up_warm_read(struct adit_up_worker *w, const struct adit_train *burst, unsigned n)
{
    struct wanted all[BURST_MAX];

    if (!is_worth_it(w, n))
        return;
    for (unsigned i = 0; i < n; i++)
        all[i].id = peer_at(w, &burst[i]);
    find_peers(w, all, n);
    for (unsigned step = 0; step < ADIT_WARM_STEPS; step++) {
        for (unsigned i = 0; i < n; i++) {
            if (all[i].peer)
                adit_tx_warm(&all[i].peer->tx, step);
        }
    }
}
