/* SPDX-License-Identifier: Apache-2.0 */
/* Packets and time in the simulated plane; commands and notes stand in plane_seam.c. */
#include "plane.h"

#include <stdlib.h>
#include <string.h>

#include "crew.h"
#include "plane/segment.h"
#include "plane_parts.h"
#include "wire/ip.h"

enum { TICK_NS = 1000000000 }; /* what is due is looked at once a second at the most, as in the program */

struct sim_peer *sim_plane_peer(struct sim_plane *p, adit_peer id)
{
    return id < p->n_peers && p->peers[id].is_used ? &p->peers[id] : NULL;
}

static struct sim_peer *peer_at(struct sim_plane *p, int link, const struct adit_addr *remote)
{
    for (uint32_t i = 0; i < p->n_peers; i++) {
        struct sim_peer *peer = &p->peers[i];

        if (peer->is_used && peer->link == link && adit_addr_eq(&peer->remote, remote))
            return peer;
    }
    return NULL;
}

static struct sim_peer *peer_on(struct sim_plane *p, int link)
{
    for (uint32_t i = 0; i < p->n_peers; i++) {
        if (p->peers[i].is_used && p->peers[i].link == link)
            return &p->peers[i];
    }
    return NULL;
}

struct sim_plane_stream *sim_plane_stream_of(struct sim_plane *p, int link)
{
    for (uint32_t i = 0; i < p->p.max_streams; i++) {
        if (p->streams[i].link == link && p->streams[i].buf)
            return &p->streams[i];
    }
    return NULL;
}

static struct sim_peer *owner_of(struct sim_plane *p, int link, adit_bytes packet,
                                 const struct adit_addr *from)
{
    uint32_t id;

    if (p->p.is_single_peer)
        return sim_plane_peer(p, 0);
    if (link != 0)
        return peer_on(p, link);
    if (adit_data_peer_id(packet, &id) && id != ADIT_PEER_ID_NONE)
        return sim_plane_peer(p, id);
    return peer_at(p, link, from);
}

/* ---- out ---- */

void sim_plane_drop(struct sim_plane *p, struct sim_peer *peer, adit_err why)
{
    p->drops[why]++;
    if (peer)
        peer->counters.drops[why]++;
}

/* A note is as long as a control packet: it is not zeroed, and made only if it is wanted. */
static bool tell(struct sim_plane *p, enum adit_note_kind kind, const struct sim_peer *peer, uint8_t key_id)
{
    struct adit_note note;

    note.kind = kind;
    note.peer = peer->spec.peer;
    note.key_id = key_id;
    return sim_plane_note(p, &note);
}

static void check_wear(struct sim_plane *p, struct sim_peer *peer, uint8_t key_id)
{
    uint8_t bit = (uint8_t)(1U << key_id);

    if (!(peer->worn_keys & bit) && adit_key_is_worn(&peer->tx, &peer->rx, key_id, &peer->spec.limit) &&
        tell(p, ADIT_NOTE_KEY_WORN, peer, key_id))
        peer->worn_keys |= bit;
}

void sim_plane_send(struct sim_plane *p, struct sim_peer *peer, adit_bytes payload, adit_now now)
{
    uint8_t packet[SIM_PACKET_MAX];
    struct adit_seal_op op = {.payload = payload, .dst = packet, .cap = sizeof packet};

    adit_tx_seal(&peer->tx, &op, 1, now);
    if (op.err) {
        sim_plane_drop(p, peer, op.err);
        return;
    }
    peer->tx_ns = now.mono_ns;
    peer->counters.tx_packets++;
    p->out.packet(p->out.ctx, peer->link, &peer->remote, adit_bytes_of(packet, op.n),
                  &(struct sim_sealed){.key = peer->key_marks[peer->tx.current], .inner = payload});
    check_wear(p, peer, peer->tx.current);
}

/* A mark: who, and at which worker. */
static uint32_t route_of(struct sim_plane *p, const struct adit_ip *ip, adit_now now)
{
    uint32_t mark = adit_routes_find(p->routes, ip);

    if (mark != ADIT_NO_PEER || !sim_plane_has_commands(p))
        return mark;
    sim_plane_commands(p, UINT32_MAX, now);
    return adit_routes_find(p->routes, ip);
}

static bool is_elsewhere(const struct sim_plane *p, uint32_t mark)
{
    return mark != ADIT_NO_PEER && adit_mark_home(mark) != p->index;
}

void sim_plane_device(struct sim_plane *p, uint8_t *packet, size_t n, const struct adit_offload *offload,
                      adit_now now)
{
    struct sim_peer *peer = NULL;
    struct adit_segments s;
    struct adit_ip_peek peek;
    uint32_t mark = 0;

    if (adit_ip_peek(adit_bytes_of(packet, n), &peek) != ADIT_OK ||
        adit_segments_begin(&s, packet, n, offload) != ADIT_OK) {
        sim_plane_drop(p, NULL, ADIT_E_MALFORMED);
        return;
    }
    if (!p->p.is_single_peer)
        mark = route_of(p, &peek.dst, now);
    if (!is_elsewhere(p, mark) && mark != ADIT_NO_PEER)
        peer = sim_plane_peer(p, adit_mark_id(mark));
    while (adit_segments_next(&s, &packet, &n)) {
        if (is_elsewhere(p, mark))
            sim_crew_hand_inner(p, adit_mark_home(mark), adit_bytes_of(packet, n));
        else if (peer)
            sim_plane_send(p, peer, adit_bytes_of(packet, n), now);
        else
            sim_plane_drop(p, NULL, ADIT_E_NO_ROUTE);
    }
}

/* ---- in ---- */

/* Whose a merged packet is: not a pointer, since the place may be another's when the packet goes out. */
static void *owner_name(const struct sim_peer *peer)
{
    return (void *)(uintptr_t)((uint64_t)peer->life << ADIT_MARK_ID_BITS | peer->spec.peer);
}

static adit_err write_once(void *plane, const struct adit_gather *g)
{
    struct sim_plane *p = plane;

    return p->out.device(p->out.ctx, adit_mark_id((uint32_t)(uintptr_t)g->owner), g);
}

static void stop_merging(struct sim_plane *p, const struct adit_gather *g)
{
    if (g->offload.gso == ADIT_GSO_UDP)
        p->merge->want_udp = false;
    else if (g->is_v6)
        p->merge->want_tcp6 = false;
    else
        p->merge->want_tcp4 = false;
}

static void write_merged(void *plane, const struct adit_gather *g)
{
    struct sim_plane *p = plane;
    adit_err err = write_once(p, g);

    if (err == ADIT_E_UNSUPPORTED && g->offload.gso != ADIT_GSO_NONE) {
        stop_merging(p, g);
        err = adit_gather_split(g, p->spare_room, write_once, p);
    }
    if (err)
        sim_plane_drop(p, NULL, err);
}

void sim_plane_merge(struct sim_plane *p)
{
    p->merge = calloc(1, sizeof *p->merge);
    p->spare_room = malloc(ADIT_MERGE_LEN_MAX);
    if (!p->merge || !p->spare_room)
        abort();
    p->merge->sink = write_merged;
    p->merge->ctx = p;
    p->merge->want_tcp4 = p->merge->want_tcp6 = p->merge->want_udp = true;
}

void sim_plane_flush(struct sim_plane *p)
{
    if (p->merge)
        adit_merge_flush(p->merge);
}

static void give(struct sim_plane *p, const struct sim_peer *peer, uint8_t *packet, size_t n)
{
    adit_bytes part = adit_bytes_of(packet, n);

    if (p->merge) {
        adit_merge_add(p->merge, packet, n, owner_name(peer));
        return;
    }
    write_once(p, &(struct adit_gather){
                      .parts = &part, .n_parts = 1, .n = n, .packets = 1, .owner = owner_name(peer)});
}

/* Straight to another client. False: it is not for one. */
static bool relay(struct sim_plane *p, const struct sim_peer *peer, const struct adit_ip *dst,
                  adit_bytes packet, adit_now now)
{
    uint32_t mark = adit_routes_find(p->routes, dst);
    struct sim_peer *to;

    if (mark == ADIT_NO_PEER || mark == adit_mark(p->index, peer->spec.peer))
        return false;
    if (is_elsewhere(p, mark)) {
        sim_crew_hand_inner(p, adit_mark_home(mark), packet);
        return true;
    }
    to = sim_plane_peer(p, adit_mark_id(mark));
    if (to)
        sim_plane_send(p, to, packet, now);
    return to;
}

static void deliver(struct sim_plane *p, struct sim_peer *peer, uint8_t *b, size_t n, adit_now now)
{
    adit_bytes packet = adit_bytes_of(b, n);
    uint32_t life = peer->life;
    struct adit_ip_peek peek;

    if (adit_ip_peek(packet, &peek) != ADIT_OK) {
        sim_plane_drop(p, peer, ADIT_E_MALFORMED);
        return;
    }
    if (peer->spec.check_source && route_of(p, &peek.src, now) != adit_mark(p->index, peer->spec.peer)) {
        sim_plane_drop(p, peer, ADIT_E_SOURCE);
        return;
    }
    if (!peer->is_used || peer->life != life)
        return; /* by one of the commands just executed */
    peer->counters.rx_packets++;
    if (!p->p.want_client_to_client || !relay(p, peer, &peek.dst, packet, now))
        give(p, peer, b, n);
}

static void take_payload(struct sim_plane *p, struct sim_peer *peer, uint8_t *b, size_t n, adit_now now)
{
    switch (adit_payload_kind_of(adit_bytes_of(b, n))) {
    case ADIT_PAYLOAD_PACKET:
        deliver(p, peer, b, n, now);
        break;
    case ADIT_PAYLOAD_OCC_EXIT:
        if (!peer->said_exit)
            peer->said_exit = tell(p, ADIT_NOTE_PEER_EXIT, peer, 0);
        break;
    case ADIT_PAYLOAD_PING:
    case ADIT_PAYLOAD_OCC_REQUEST:
    case ADIT_PAYLOAD_OCC_OTHER:
        break;
    }
}

/* False: another peer is there already. */
static bool follow_float(struct sim_plane *p, struct sim_peer *peer, int link, const struct adit_addr *from)
{
    struct sim_peer *other = peer_at(p, link, from);
    struct adit_note note = {.kind = ADIT_NOTE_PEER_FLOATED,
                             .peer = peer->spec.peer,
                             .moved = {.remote = *from, .other = ADIT_NO_PEER, .link = link}};

    if (other) {
        note.kind = ADIT_NOTE_FLOAT_CLASH;
        note.moved.other = other->spec.peer;
        sim_plane_drop(p, peer, ADIT_E_FLOAT);
    } else {
        peer->remote = *from;
    }
    sim_plane_note(p, &note);
    return !other;
}

static void opened(struct sim_plane *p, struct sim_peer *peer, int link, const struct adit_addr *from,
                   const struct adit_open_op *op, uint8_t key_id, adit_now now)
{
    uint8_t bit = (uint8_t)(1U << key_id);

    if (link == 0 && !adit_addr_eq(&peer->remote, from) && !follow_float(p, peer, link, from))
        return;
    peer->rx_ns = now.mono_ns;
    if (!(peer->active_keys & bit) && tell(p, ADIT_NOTE_PEER_ACTIVE, peer, key_id))
        peer->active_keys |= bit;
    check_wear(p, peer, key_id);
    if (p->merge)
        p->out.opened(p->out.ctx, op->payload);
    take_payload(p, peer, op->packet + (op->payload.p - op->packet), op->payload.n, now);
}

static struct sim_peer *try_open(struct sim_plane *p, int link, const struct adit_addr *from,
                                 struct adit_open_op *op, adit_now now)
{
    struct sim_peer *peer = owner_of(p, link, adit_bytes_of(op->packet, op->n), from);

    if (!peer)
        op->err = ADIT_E_NO_PEER;
    else if (link == 0 && !peer->spec.may_float && !adit_addr_eq(&peer->remote, from))
        op->err = ADIT_E_FLOAT;
    else
        adit_rx_open(&peer->rx, op, 1, now);
    return peer;
}

static void data_in(struct sim_plane *p, int link, const struct adit_addr *from, struct adit_open_op *op,
                    uint64_t key, adit_now now)
{
    uint8_t key_id = adit_packet_key_id(op->packet[0]);
    struct sim_peer *peer = try_open(p, link, from, op, now);

    if ((op->err == ADIT_E_NO_PEER || op->err == ADIT_E_NO_KEY) && sim_plane_has_commands(p)) {
        sim_plane_commands(p, UINT32_MAX, now);
        peer = try_open(p, link, from, op, now);
    }
    if (op->err == ADIT_OK) {
        opened(p, peer, link, from, op, key_id, now);
        return;
    }
    sim_plane_drop(p, peer, op->err);
    p->out.refused(p->out.ctx, op->err, peer && key != 0 && peer->key_marks[key_id] == key);
}

static void control_in(struct sim_plane *p, int link, const struct adit_addr *from, adit_bytes packet)
{
    struct adit_note note; /* too long to be zeroed for every packet */

    if (packet.n > ADIT_CTRL_PACKET_MAX) {
        sim_plane_drop(p, NULL, ADIT_E_TOO_BIG);
        return;
    }
    note.kind = ADIT_NOTE_CTRL_RX;
    note.peer = ADIT_NO_PEER;
    note.ctrl.link = link;
    note.ctrl.n = (uint16_t)packet.n;
    note.ctrl.remote = *from;
    note.ctrl.local = (struct adit_addr){.port = 0};
    memcpy(note.ctrl.b, packet.p, packet.n);
    sim_plane_note(p, &note);
}

/* False: nothing that belongs here. */
static bool packet_in(struct sim_plane *p, int link, const struct adit_addr *from, uint8_t *packet, size_t n,
                      uint64_t key, adit_now now)
{
    struct adit_open_op op = {.packet = packet, .n = n};

    if (n > 0 && adit_packet_is_data(packet[0]))
        data_in(p, link, from, &op, key, now);
    else if (n > 0 && adit_packet_is_control(packet[0]))
        control_in(p, link, from, adit_bytes_of(packet, n));
    else
        sim_plane_drop(p, NULL, ADIT_E_OPCODE);
    return n > 0 && (adit_packet_is_data(packet[0]) || adit_packet_is_control(packet[0]));
}

void sim_plane_datagram(struct sim_plane *p, int link, const struct adit_addr *from, uint8_t *packet,
                        size_t n, uint64_t key, adit_now now)
{
    if (!p->crew || n == 0 || !adit_packet_is_data(packet[0]) ||
        !sim_crew_hand_datagram(p, link, from, adit_bytes_of(packet, n), key))
        packet_in(p, link, from, packet, n, key, now);
}

/* ---- streams ---- */

void sim_plane_stream_open(struct sim_plane *p, int link)
{
    for (uint32_t i = 0; i < p->p.max_streams; i++) {
        struct sim_plane_stream *s = &p->streams[i];

        if (s->buf)
            continue;
        s->link = link;
        s->buf = malloc(SIM_STREAM_CAP);
        if (!s->buf)
            abort();
        adit_stream_init(&s->in, s->buf, SIM_STREAM_CAP, SIM_PACKET_MAX);
        return;
    }
}

void sim_plane_stream_close(struct sim_plane *p, int link)
{
    struct sim_plane_stream *s = sim_plane_stream_of(p, link);

    if (!s)
        return;
    sim_plane_flush(p); /* it may hold packets of the buffer */
    free(s->buf);
    *s = (struct sim_plane_stream){.link = ADIT_LINK_NONE};
    p->out.link_closed(p->out.ctx, link);
}

void sim_plane_stream_down(struct sim_plane *p, int link)
{
    struct adit_note note = {.kind = ADIT_NOTE_LINK_DOWN, .link = link};

    if (sim_plane_stream_of(p, link))
        sim_plane_note(p, &note);
}

static void bytes_in(struct sim_plane *p, int link, adit_bytes bytes, adit_now now)
{
    struct sim_plane_stream *s = sim_plane_stream_of(p, link);
    struct adit_addr nobody = {.port = 0};

    while (s && bytes.n > 0) {
        size_t room, n;
        uint8_t *space = adit_stream_space(&s->in, &room), *packet;

        n = bytes.n < room ? bytes.n : room;
        memcpy(space, bytes.p, n);
        adit_stream_filled(&s->in, n);
        bytes = adit_bytes_of(bytes.p + n, bytes.n - n);
        for (;;) {
            if (adit_stream_next(&s->in, &packet, &n) != ADIT_OK) {
                sim_plane_stream_down(p, link);
                return;
            }
            if (!packet)
                break;
            if (!packet_in(p, link, &nobody, packet, n, 0, now)) {
                sim_plane_stream_down(p, link);
                return;
            }
            s = sim_plane_stream_of(p, link); /* a command may have closed it */
            if (!s)
                return;
        }
        sim_plane_flush(p); /* the buffer is used again */
    }
}

void sim_plane_bytes(struct sim_plane *p, int link, adit_bytes bytes, adit_now now)
{
    bytes_in(p, link, bytes, now);
    sim_plane_flush(p);
}

/* ---- time ---- */

static uint64_t due_ns(const struct sim_peer *peer)
{
    uint64_t at = ADIT_NEVER;

    if (peer->spec.ping_s > 0 && peer->tx.has_current)
        at = peer->tx_ns + peer->spec.ping_s * ADIT_NS_PER_S;
    if (peer->spec.silent_s > 0)
        at = adit_earlier(at, adit_earlier(ADIT_NEVER, peer->silent_ns));
    return at;
}

uint64_t sim_plane_deadline(const struct sim_plane *p)
{
    uint64_t at = ADIT_NEVER;

    for (uint32_t i = 0; i < p->n_peers; i++) {
        if (p->peers[i].is_used)
            at = adit_earlier(at, due_ns(&p->peers[i]));
    }
    return at;
}

static void tick_peer(struct sim_plane *p, struct sim_peer *peer, adit_now now)
{
    if (peer->spec.ping_s > 0 && peer->tx.has_current &&
        now.mono_ns >= peer->tx_ns + peer->spec.ping_s * ADIT_NS_PER_S) {
        sim_plane_send(p, peer, adit_bytes_of(adit_ping_payload, sizeof adit_ping_payload), now);
        peer->tx_ns = now.mono_ns; /* also if there was no way to send it */
    }
    if (peer->spec.silent_s == 0 || now.mono_ns < peer->silent_ns)
        return;
    if (now.mono_ns >= peer->rx_ns + peer->spec.silent_s * ADIT_NS_PER_S) {
        tell(p, ADIT_NOTE_PEER_SILENT, peer, 0);
        peer->silent_ns = now.mono_ns + TICK_NS;
    } else {
        peer->silent_ns = peer->rx_ns + peer->spec.silent_s * ADIT_NS_PER_S;
    }
}

void sim_plane_tick(struct sim_plane *p, adit_now now)
{
    for (uint32_t i = 0; i < p->n_peers; i++) {
        if (p->peers[i].is_used && due_ns(&p->peers[i]) <= now.mono_ns)
            tick_peer(p, &p->peers[i], now);
    }
}
