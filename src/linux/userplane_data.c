/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One packet's way through the plane. Inward: owner, key, address, kind of payload, source, then the device
 * or another peer. Outward: destination, MSS, seal, link. When something is not known, the commands that came
 * meanwhile are executed once before the packet is given up: a key is never missed because its message was
 * still in the ring. Protocol text: 7, 11.2, 12.
 */
#include "linux/userplane_parts.h"

#include "plane/segment.h"
#include "wire/ip.h"

/* On a server a peer is named by the id in its packets, else by where it speaks from. */
static struct adit_up_peer *owner_of(struct adit_up_worker *w, struct adit_up_link *link, adit_bytes packet,
                                     const struct adit_addr *remote)
{
    uint32_t id;

    if (link->is_stream)
        return link->peer;
    if (w->params.is_single_peer)
        return w->only;
    if (adit_data_peer_id(packet, &id) && id != ADIT_PEER_ID_NONE)
        return adit_up_peer_find(w, id);
    return adit_up_peer_at(w, link, remote);
}

static bool is_at_home(const struct adit_up_peer *peer, const struct adit_up_link *link,
                       const struct adit_addr *remote)
{
    if (peer->link_name != link->name)
        return false;
    return link->is_stream || link->is_connected || adit_addr_eq(&peer->remote, remote);
}

static bool may_move(const struct adit_up_peer *peer, const struct adit_up_link *link)
{
    return peer->spec.may_float && !link->is_stream && !link->is_connected &&
           !(peer->link && peer->link->is_stream);
}

/* Finds the owner and opens the packet; one try. The verdict is in op->err. */
static struct adit_up_peer *try_open(struct adit_up_worker *w, struct adit_up_link *link,
                                     struct adit_open_op *op, const struct adit_addr *remote)
{
    struct adit_up_peer *peer = owner_of(w, link, adit_bytes_of(op->packet, op->n), remote);

    if (!peer)
        op->err = ADIT_E_NO_PEER;
    else if (!is_at_home(peer, link, remote) && !may_move(peer, link))
        op->err = ADIT_E_FLOAT;
    else
        adit_rx_open(&peer->rx, op, 1, w->now);
    return peer;
}

/* Tells once per key id that it is time for another. */
static void check_wear(struct adit_up_worker *w, struct adit_up_peer *peer, uint8_t key_id)
{
    const struct adit_usage_limit *limit = &peer->spec.limit;
    uint8_t bit = (uint8_t)(1U << key_id);

    /* What wears one direction alone (the cipher's own limits) its worker sees by itself. */
    if (w->does_in != w->does_out && (limit->bytes > 0 || limit->packets > 0))
        adit_up_hand_usage(w, peer, key_id);
    if ((peer->worn_keys & bit) || !adit_key_is_worn(&peer->tx, &peer->rx, key_id, limit))
        return;
    if (adit_up_note_key(w, ADIT_NOTE_KEY_WORN, peer->spec.peer, key_id))
        peer->worn_keys |= bit;
}

static void tell_active(struct adit_up_worker *w, struct adit_up_peer *peer, uint8_t key_id)
{
    uint8_t bit = (uint8_t)(1U << key_id);

    if (!(peer->active_keys & bit) && adit_up_note_key(w, ADIT_NOTE_PEER_ACTIVE, peer->spec.peer, key_id))
        peer->active_keys |= bit;
}

/* The packet was authentic, so the peer is there now, unless somebody else is. False: refused. */
static bool follow_float(struct adit_up_worker *w, struct adit_up_peer *peer, struct adit_up_link *link,
                         const struct adit_addr *remote, const struct adit_addr *local)
{
    struct adit_up_peer *other = adit_up_peer_at(w, link, remote);

    if (!other) {
        adit_up_peer_move(w, peer, link, remote, local);
        peer->owes_float = !adit_up_note_moved(w, ADIT_NOTE_PEER_FLOATED, peer, link, remote, ADIT_NO_PEER);
        if (peer->owes_float)
            adit_up_tick_soon(w, peer);
        return true;
    }
    adit_up_drop(w, peer, ADIT_E_FLOAT);
    if (peer->clash_ns == 0 || w->now.mono_ns - peer->clash_ns >= ADIT_NS_PER_S) {
        peer->clash_ns = w->now.mono_ns;
        adit_up_note_moved(w, ADIT_NOTE_FLOAT_CLASH, peer, link, remote, other->spec.peer);
    }
    return false;
}

/* Whose inner address is it? The commands are looked at again before the answer is "nobody's". */
static uint32_t route_of(struct adit_up_worker *w, const struct adit_ip *ip)
{
    uint32_t mark = adit_routes_find(w->routes, ip);

    if (mark == ADIT_NO_PEER && adit_up_cmd_drain(w))
        mark = adit_routes_find(w->routes, ip);
    return mark;
}

static void seal(struct adit_up_worker *w, struct adit_up_peer *peer, adit_bytes payload, bool is_traffic)
{
    struct adit_up_link *link = adit_up_peer_link(w, peer);
    struct adit_seal_op op = {.payload = payload, .cap = payload.n + ADIT_DATA_OVERHEAD_MAX};

    if (!link || link->is_down) {
        adit_up_drop(w, peer, ADIT_E_STATE);
        return;
    }
    if (op.cap > w->packet_cap) {
        adit_up_drop(w, peer, ADIT_E_TOO_BIG);
        return;
    }
    op.dst = link->is_stream ? adit_up_stream_claim(link, op.cap, false) : adit_up_dgram_claim(w);
    if (!op.dst) {
        adit_up_drop(w, peer, ADIT_E_QUEUE);
        return;
    }
    adit_tx_seal(&peer->tx, &op, 1, w->now);
    if (op.err) {
        adit_up_drop(w, peer, op.err);
        return;
    }
    if (link->is_stream)
        adit_up_stream_commit(w, link, op.n);
    else if (!adit_up_dgram_join(w, op.n, link, peer))
        adit_up_dgram_commit(w, op.n, &(struct adit_up_dest){link, peer, &peer->remote, &peer->local});
    peer->tx_ns = w->now.mono_ns;
    peer->counters.link_tx_bytes += op.n;
    peer->counters.tx_packets += is_traffic;
    peer->counters.tx_bytes += is_traffic ? payload.n : 0;
}

void adit_up_send(struct adit_up_worker *w, struct adit_up_peer *peer, adit_bytes payload, bool is_traffic)
{
    seal(w, peer, payload, is_traffic);
    check_wear(w, peer, peer->tx.current);
}

/* An inner packet to a peer, as one of a burst: after it, check_wear(). */
static void carry(struct adit_up_worker *w, struct adit_up_peer *peer, adit_up_span packet, size_t max,
                  bool *is_told)
{
    if (!adit_up_fits(adit_bytes_of(packet.b, packet.n), max)) {
        adit_up_too_big(w, peer, packet, max, is_told);
        return;
    }
    adit_up_lower_mss(w, peer, packet.b, packet.n);
    seal(w, peer, adit_bytes_of(packet.b, packet.n), true);
}

/* Straight to another client, without the kernel. False: it is not for one. */
static bool relay(struct adit_up_worker *w, struct adit_up_peer *from, const struct adit_ip *dst, uint8_t *b,
                  size_t n)
{
    uint32_t mark = adit_routes_find(w->routes, dst);
    bool is_here = adit_mark_home(mark) == w->home, is_told = false;
    struct adit_up_peer *to;

    if (mark == ADIT_NO_PEER || mark == adit_up_mark(w, from->spec.peer))
        return false;
    to = is_here ? adit_up_peer_find(w, adit_mark_id(mark)) : NULL;
    if (is_here && !to)
        return false;
    from->counters.rx_packets++;
    from->counters.rx_bytes += n;
    if (!is_here) {
        adit_up_hand_inner(w, adit_mark_home(mark), adit_bytes_of(b, n));
        return true;
    }
    carry(w, to, (adit_up_span){b, n}, adit_up_inner_max(w, to), &is_told);
    check_wear(w, to, to->tx.current);
    return true;
}

static void deliver(struct adit_up_worker *w, struct adit_up_peer *peer, uint8_t *b, size_t n)
{
    struct adit_ip_peek peek;

    if (adit_ip_peek(adit_bytes_of(b, n), &peek)) {
        adit_up_drop(w, peer, ADIT_E_MALFORMED);
        return;
    }
    if (peer->spec.check_source && route_of(w, &peek.src) != adit_up_mark(w, peer->spec.peer)) {
        adit_up_drop(w, peer, ADIT_E_SOURCE);
        return;
    }
    if (peer->is_gone)
        return; /* by one of the commands just executed */
    adit_up_lower_mss(w, peer, b, n);
    if (w->params.want_client_to_client && relay(w, peer, &peek.dst, b, n))
        return;
    adit_merge_add(&w->merge, b, n, peer);
}

static void take_payload(struct adit_up_worker *w, struct adit_up_peer *peer, uint8_t *b, size_t n)
{
    switch (adit_payload_kind_of(adit_bytes_of(b, n))) {
    case ADIT_PAYLOAD_PACKET:
        deliver(w, peer, b, n);
        break;
    case ADIT_PAYLOAD_OCC_EXIT:
        if (!peer->said_exit)
            peer->owes_exit = !adit_up_note_plain(w, ADIT_NOTE_PEER_EXIT, peer->spec.peer);
        if (peer->owes_exit)
            adit_up_tick_soon(w, peer);
        peer->said_exit = true;
        break;
    case ADIT_PAYLOAD_PING:
    case ADIT_PAYLOAD_OCC_REQUEST:
    case ADIT_PAYLOAD_OCC_OTHER:
        break;
    }
}

static void data_rx(struct adit_up_worker *w, struct adit_up_link *link, struct adit_open_op *op,
                    const struct adit_addr *remote, const struct adit_addr *local)
{
    uint8_t key_id = adit_packet_key_id(op->packet[0]);
    struct adit_up_peer *peer = try_open(w, link, op, remote);

    if ((op->err == ADIT_E_NO_PEER || op->err == ADIT_E_NO_KEY) && adit_up_cmd_drain(w)) {
        if (link->fd < 0)
            return;
        peer = try_open(w, link, op, remote);
    }
    if (op->err) {
        adit_up_drop(w, peer, op->err);
        return;
    }
    if (!is_at_home(peer, link, remote) && !follow_float(w, peer, link, remote, local))
        return;
    peer->rx_ns = w->now.mono_ns;
    peer->counters.link_rx_bytes += op->n;
    tell_active(w, peer, key_id);
    check_wear(w, peer, key_id);
    take_payload(w, peer, op->packet + (op->payload.p - op->packet), op->payload.n);
}

bool adit_up_packet_rx(struct adit_up_worker *w, struct adit_up_link *link, uint8_t *packet, size_t n,
                       const struct adit_addr *remote, const struct adit_addr *local)
{
    struct adit_open_op op = {.packet = packet, .n = n};

    if (n == 0)
        return true;
    if (adit_packet_is_data(packet[0])) {
        if (!w->crew || link->is_stream ||
            !adit_up_hand_datagram(w, link, adit_bytes_of(packet, n), remote, local))
            data_rx(w, link, &op, remote, local);
        return true;
    }
    if (adit_packet_is_control(packet[0])) {
        adit_up_note_ctrl(w, link, adit_bytes_of(packet, n), remote, local);
        return true;
    }
    adit_up_drop(w, link->peer, ADIT_E_OPCODE);
    return false;
}

/* Would the packet come back to the tunnel for ever? It does if it goes to the very socket that carries it.
 */
static bool is_recursive(const struct adit_up_peer *peer, adit_bytes packet, const struct adit_ip *dst)
{
    struct adit_rd r = adit_rd_of(packet);
    uint8_t want = peer->link && peer->link->is_stream ? IPPROTO_TCP : IPPROTO_UDP, protocol;
    size_t head_len = (size_t)(adit_rd_u8(&r) & 15) * 4;

    if (!adit_ip_eq(dst, &peer->remote.ip))
        return false;
    if (dst->family == ADIT_AF_V6)
        head_len = ADIT_IPV6_HEAD_LEN;
    adit_rd_take(&r, adit_ip_protocol_at(packet.p[0]) - 1);
    protocol = adit_rd_u8(&r);
    adit_rd_take(&r, head_len - (size_t)(r.p - packet.p));
    adit_rd_u16(&r); /* source port */
    return protocol == want && adit_rd_u16(&r) == peer->remote.port && !r.bad;
}

/* Each of them to its peer's worker. */
static void hand_over(struct adit_up_worker *w, unsigned home, struct adit_segments *s)
{
    size_t max = w->packet_cap - ADIT_DATA_OVERHEAD_MAX; /* of any peer; there it may be less */
    adit_up_span packet;
    bool is_told = false;

    while (adit_segments_next(s, &packet.b, &packet.n)) {
        if (packet.n > max)
            adit_up_too_big(w, NULL, packet, max, &is_told);
        else
            adit_up_hand_inner(w, home, adit_bytes_of(packet.b, packet.n));
    }
}

static void send_segments(struct adit_up_worker *w, struct adit_up_peer *peer, struct adit_segments *s)
{
    size_t max = adit_up_inner_max(w, peer);
    adit_up_span packet;
    bool is_told = false;

    while (adit_segments_next(s, &packet.b, &packet.n))
        carry(w, peer, packet, max, &is_told);
    check_wear(w, peer, peer->tx.current);
}

static void send_to_only(struct adit_up_worker *w, const struct adit_ip *dst, struct adit_segments *s)
{
    struct adit_up_peer *peer = w->only;

    if (!peer)
        adit_up_drop(w, NULL, ADIT_E_NO_PEER);
    else if (!w->params.want_recursive && is_recursive(peer, adit_bytes_of(s->b, s->n), dst))
        adit_up_drop(w, peer, ADIT_E_RECURSIVE);
    else
        send_segments(w, peer, s);
}

static void send_to_owner(struct adit_up_worker *w, const struct adit_ip *dst, struct adit_segments *s)
{
    uint32_t mark = route_of(w, dst);
    struct adit_up_peer *peer;

    if (mark != ADIT_NO_PEER && adit_mark_home(mark) != w->home) {
        hand_over(w, adit_mark_home(mark), s);
        return;
    }
    peer = mark == ADIT_NO_PEER ? NULL : adit_up_peer_find(w, adit_mark_id(mark));
    if (peer)
        send_segments(w, peer, s);
    else
        adit_up_drop(w, NULL, ADIT_E_NO_ROUTE);
}

/* A packet of the device, or several in one. */
void adit_up_inner_rx(struct adit_up_worker *w, const struct adit_train *t)
{
    struct adit_segments s;
    struct adit_ip_peek peek;

    if (adit_ip_peek(adit_bytes_of(t->b, t->n), &peek) || adit_segments_begin(&s, t->b, t->n, &t->offload)) {
        adit_up_drop(w, NULL, ADIT_E_MALFORMED);
        return;
    }
    if (!w->taken)
        adit_haul_add(&w->hauls.reads, s.count, s.n + (s.count > 1 ? (s.count - 1) * s.head_len : 0));
    if (w->params.is_single_peer)
        send_to_only(w, &peek.dst, &s);
    else
        send_to_owner(w, &peek.dst, &s);
}
