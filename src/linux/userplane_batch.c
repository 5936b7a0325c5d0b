/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Datagrams on their way out. What the kernel charges for is the call and the buffer, not the byte, so
 * packets to one place are handed over as a train (UDP_SEGMENT): the kernel makes the datagrams of it, as
 * late as it can. Packets are sealed into one arena and sent when the turn ends or the arena is full: nothing
 * waits for company.
 *
 * A train that the kernel or the path refuses goes singly, and for a while no other of its kind is tried
 * (plane/probation.h).
 */
#include "linux/userplane_parts.h"

#include <errno.h>
#include <netinet/udp.h>
#include <string.h>

enum {
    RETRY_S = 600, /* a path that refused trains is asked again after so long */
};

/* ---- collecting ---- */

uint8_t *adit_up_dgram_claim(struct adit_up_worker *w)
{
    struct adit_up_batch *b = &w->batch;

    if (b->n_pieces == ADIT_UP_TX_PIECES || b->n_trains == ADIT_UP_TX_TRAINS ||
        b->n_bytes + w->packet_cap > ADIT_UP_TX_BYTES)
        adit_up_batch_flush(w);
    return b->arena + b->n_bytes;
}

static bool may_join(const struct adit_up_train *t, uint32_t n, const struct adit_up_link *link)
{
    return !t->is_closed && t->link == link && n <= t->segment && t->n_packets < t->packets_max &&
           t->n_bytes + n <= ADIT_UP_TRAIN_BYTES;
}

/* It may be one that has refused them, long ago. */
static bool takes_trains(const struct adit_up_worker *w, struct adit_up_link *link)
{
    if (!link->has_trains)
        link->has_trains = adit_probation_is_over(&link->trains_off, w->now);
    return link->has_trains;
}

/* May others follow in the same train? */
static bool starts_train(struct adit_up_worker *w, uint32_t n, const struct adit_up_dest *to)
{
    struct adit_up_peer *peer = to->peer;

    if (!peer || !takes_trains(w, to->link))
        return false;
    if (peer->segment_max > 0 && w->now.mono_ns >= peer->segment_ns)
        peer->segment_max = 0;
    return peer->segment_max == 0 || n <= peer->segment_max;
}

/* Trains may overtake each other, and should then not fall out of the peer's replay window. */
static uint32_t packets_max(const struct adit_up_dest *to)
{
    bool is_wide = to->peer && to->peer->spec.peer_window >= 2 * ADIT_UP_TRAIN_PACKETS_MAX;

    return is_wide && to->link->has_long_trains ? ADIT_UP_TRAIN_PACKETS_MAX : ADIT_UP_TRAIN_PACKETS;
}

static struct adit_up_train *new_train(struct adit_up_worker *w, uint32_t n, const struct adit_up_dest *to)
{
    struct adit_up_batch *b = &w->batch;
    struct adit_up_train *t = &b->trains[b->n_trains];

    t->to_len = 0;
    t->from.ip.family = ADIT_AF_NONE;
    if (!to->link->is_connected) {
        if (!adit_sockaddr_put(to->remote, to->link->domain, &t->to, &t->to_len))
            return NULL;
        t->from = *to->local;
    }
    t->link = to->link;
    t->peer = to->peer;
    t->n_packets = t->n_bytes = t->n_pieces = 0;
    t->segment = n;
    t->packets_max = packets_max(to);
    t->is_closed = !starts_train(w, n, to);
    b->n_trains++;
    if (to->peer)
        to->peer->train = b->n_trains;
    return t;
}

/* What was put last lies just in front of it. */
static void put_piece(struct adit_up_batch *b, struct adit_up_train *t, uint32_t n)
{
    uint32_t train = (uint32_t)(t - b->trains);
    struct adit_up_piece *last = b->n_pieces > 0 ? &b->pieces[b->n_pieces - 1] : NULL;

    if (last && last->train == train) {
        last->n += n;
    } else {
        b->pieces[b->n_pieces++] = (struct adit_up_piece){.at = b->n_bytes, .n = n, .train = train};
        t->n_pieces++;
    }
    b->n_bytes += n;
}

static void put(struct adit_up_batch *b, struct adit_up_train *t, uint32_t n)
{
    put_piece(b, t, n);
    t->n_packets++;
    t->n_bytes += n;
    t->is_closed |= n < t->segment;
}

/* The train of the peer that has a place for the packet; NULL: there is none. */
static struct adit_up_train *open_train(struct adit_up_batch *b, uint32_t n, const struct adit_up_link *link,
                                        const struct adit_up_peer *peer)
{
    struct adit_up_train *t = peer && peer->train > 0 ? &b->trains[peer->train - 1] : NULL;

    return t && may_join(t, n, link) ? t : NULL;
}

bool adit_up_dgram_join(struct adit_up_worker *w, size_t n, const struct adit_up_link *link,
                        const struct adit_up_peer *peer)
{
    struct adit_up_train *t = w->gremlin ? NULL : open_train(&w->batch, (uint32_t)n, link, peer);

    if (t)
        put(&w->batch, t, (uint32_t)n);
    return t != NULL;
}

void adit_up_dgram_put(struct adit_up_worker *w, size_t n, const struct adit_up_dest *to)
{
    struct adit_up_batch *b = &w->batch;
    struct adit_up_train *t = open_train(b, (uint32_t)n, to->link, to->peer);

    if (!t)
        t = new_train(w, (uint32_t)n, to);
    if (t)
        put(b, t, (uint32_t)n);
    else
        adit_up_drop(w, to->peer, ADIT_E_OS);
}

void adit_up_dgram_commit(struct adit_up_worker *w, size_t n, const struct adit_up_dest *to)
{
    if (!w->gremlin || adit_up_gremlin_tx(w, &n, to))
        adit_up_dgram_put(w, n, to);
}

/* ---- sending ---- */

/* Each train's pieces side by side. */
static void lay_out(struct adit_up_batch *b)
{
    uint32_t at = 0;

    for (uint32_t i = 0; i < b->n_trains; i++) {
        b->trains[i].iov_at = at;
        b->trains[i].n_iov = 0;
        at += b->trains[i].n_pieces;
    }
    for (uint32_t i = 0; i < b->n_pieces; i++) {
        const struct adit_up_piece *p = &b->pieces[i];
        struct adit_up_train *t = &b->trains[p->train];

        b->iov[t->iov_at + t->n_iov++] = (struct iovec){.iov_base = b->arena + p->at, .iov_len = p->n};
    }
}

/* Answers leave from the address that was spoken to. */
static void address(struct adit_up_train *t, struct msghdr *m)
{
    *m = (struct msghdr){.msg_control = t->control.b};
    if (t->to_len > 0) {
        m->msg_name = &t->to;
        m->msg_namelen = t->to_len;
    }
    adit_pktinfo_add(m, &t->from, t->link->domain);
}

static void fill_message(struct adit_up_batch *b, uint32_t i)
{
    struct adit_up_train *t = &b->trains[i];
    struct msghdr *m = &b->msgs[i].msg_hdr;
    uint16_t segment = (uint16_t)t->segment;

    address(t, m);
    m->msg_iov = &b->iov[t->iov_at];
    m->msg_iovlen = t->n_iov;
    if (t->n_packets > 1)
        adit_cmsg_add(m, SOL_UDP, UDP_SEGMENT, adit_bytes_of(&segment, sizeof segment));
}

adit_err adit_up_errno_drop(int os_errno)
{
    switch (os_errno) {
    case EAGAIN:
    case ENOBUFS:
    case ENOMEM:
        return ADIT_E_QUEUE;
    case EMSGSIZE:
        return ADIT_E_TOO_BIG;
    default:
        return ADIT_E_OS;
    }
}

static void on_single_refusal(struct adit_up_worker *w, struct adit_up_train *t, const struct msghdr *m,
                              uint32_t n)
{
    int os_errno = errno;

    if (os_errno == EMSGSIZE) {
        adit_up_path_refused(w, t, n);
        if (adit_up_path_force(t, m, n))
            return;
    }
    adit_up_drop(w, t->peer, adit_up_errno_drop(os_errno));
}

/* head: where to, and what goes with it. */
static void send_one(struct adit_up_worker *w, struct adit_up_train *t, const struct msghdr *head,
                     uint8_t *packet, size_t n)
{
    struct iovec iov = {.iov_base = packet, .iov_len = n};
    struct msghdr m = *head;

    m.msg_iov = &iov;
    m.msg_iovlen = 1;
    if (sendmsg(t->link->fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
        on_single_refusal(w, t, &m, (uint32_t)n);
    else
        adit_haul_add(&w->hauls.sends, 1, n);
}

static void send_singly(struct adit_up_worker *w, uint32_t train)
{
    struct adit_up_batch *b = &w->batch;
    struct adit_up_train *t = &b->trains[train];
    struct msghdr head;

    address(t, &head);
    for (uint32_t i = 0; i < t->n_iov; i++) {
        const struct iovec *piece = &b->iov[t->iov_at + i];

        for (size_t at = 0; at < piece->iov_len; at += t->segment) {
            size_t left = piece->iov_len - at;

            send_one(w, t, &head, (uint8_t *)piece->iov_base + at, left < t->segment ? left : t->segment);
        }
    }
}

static void stop_trains(struct adit_up_worker *w, struct adit_up_link *link, int os_errno)
{
    if (!link->has_trains)
        return; /* said for another train of the same batch */
    link->has_trains = false;
    adit_probation_begin(&link->trains_off, w->now);
    adit_note(
        &w->params.env->log, NULL,
        "UDP segmentation offload is off for this socket for %u minutes: the kernel refused it (errno %d)",
        link->trains_off.wait_s / 60, os_errno);
}

static void stop_long_trains(struct adit_up_worker *w, struct adit_up_link *link)
{
    if (link->has_long_trains)
        adit_note(&w->params.env->log, NULL,
                  "UDP trains are of %d packets at the most: the kernel takes no more",
                  ADIT_UP_TRAIN_PACKETS);
    link->has_long_trains = false;
}

/* Was it the train that was refused, and not the packets? Then others like it are not tried for a while. */
static bool learn_refusal(struct adit_up_worker *w, struct adit_up_train *t, int os_errno)
{
    uint32_t max;

    if (t->n_packets == 1)
        return false;
    switch (os_errno) {
    case EMSGSIZE: /* the path is narrower than the segments */
    case EINVAL: /* ... which kernels before Linux 6.14 say so, at one peer's packets, of all peers' socket */
        max = adit_up_path_ask(t);
        if (os_errno == EMSGSIZE || (max > 0 && max < t->segment)) {
            t->peer->segment_max = max > 0 && max < t->segment ? max : t->segment - 1;
            t->peer->segment_ns = w->now.mono_ns + RETRY_S * ADIT_NS_PER_S;
            return true;
        }
        if (t->n_packets > ADIT_UP_TRAIN_PACKETS) { /* older kernels take no more */
            stop_long_trains(w, t->link);
            return true;
        }
        /* fall through */
    case EIO:
    case EOPNOTSUPP:
        stop_trains(w, t->link, os_errno);
        return true;
    default:
        return false;
    }
}

/* Trouble of the path or of the queue costs the packets that met it, never the peer or the batch. */
static void on_refusal(struct adit_up_worker *w, uint32_t train)
{
    struct adit_up_train *t = &w->batch.trains[train];
    int os_errno = errno;

    if (learn_refusal(w, t, os_errno)) {
        send_singly(w, train);
        return;
    }
    if (t->n_packets == 1) {
        on_single_refusal(w, t, &w->batch.msgs[train].msg_hdr, t->n_bytes);
        return;
    }
    for (uint32_t i = 0; i < t->n_packets; i++)
        adit_up_drop(w, t->peer, adit_up_errno_drop(os_errno));
}

/*
 * Trains [first, end) leave by one socket. An ICMP answer to something earlier, perhaps to somebody else, is
 * told to the next call that uses the socket, and gone: only a second refusal is believed to be about this
 * train.
 */
static void send_by(struct adit_up_worker *w, uint32_t first, uint32_t end)
{
    struct adit_up_batch *b = &w->batch;
    bool is_second = false;

    while (first < end) {
        int sent =
            sendmmsg(b->trains[first].link->fd, b->msgs + first, end - first, MSG_DONTWAIT | MSG_NOSIGNAL);

        for (int i = 0; i < sent; i++, first++)
            adit_haul_add(&w->hauls.sends, b->trains[first].n_packets, b->trains[first].n_bytes);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0 && !is_second && adit_up_errno_drop(errno) != ADIT_E_QUEUE) {
            is_second = true;
            continue;
        }
        if (sent < 0)
            on_refusal(w, first++);
        is_second = false;
    }
}

void adit_up_batch_flush(struct adit_up_worker *w)
{
    struct adit_up_batch *b = &w->batch;

    lay_out(b);
    for (uint32_t i = 0; i < b->n_trains; i++) {
        fill_message(b, i);
        if (b->trains[i].peer)
            b->trains[i].peer->train = 0;
    }
    for (uint32_t i = 0, end; i < b->n_trains; i = end) {
        for (end = i + 1; end < b->n_trains && b->trains[end].link == b->trains[i].link;)
            end++;
        send_by(w, i, end);
    }
    b->n_bytes = b->n_pieces = b->n_trains = 0;
}
