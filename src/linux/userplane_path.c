/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a path can carry. The kernel learns it from devices and from ICMP answers, and refuses datagrams that
 * must not be fragmented and are longer (EMSGSIZE); then it is asked how long they may be, and until that is
 * forgotten inner packets that would not fit are answered, or cut, before they are sealed. What nobody can
 * make smaller is fragmented on the wire.
 *
 * The error queue (IP_RECVERR) would tell no more than the kernel's route knows, and is left off: on a socket
 * that many peers share it lets an ICMP answer to one of them fail a call that is about another, and
 * strangers fill a queue.
 */
#include "linux/userplane_parts.h"

#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <unistd.h>

#include "plane/toobig.h"
#include "wire/ip.h"

enum {
    RETRY_S = 600, /* as long as the kernel remembers what a path told it */
    V4_HEADS = 20 + 8,
    V6_HEADS = 40 + 8,
    MSS_OF_V4 = 20 + 20,
    MSS_OF_V6 = 40 + 20,
    V6_MTU_MIN = 1280,
    ANSWERS_PER_S = 100, /* to one peer's senders: each of its flows needs one, now and then */
};

/* ---- the kernel's knowledge ---- */

static bool is_v4_path(const struct adit_up_link *link, const struct adit_up_train *t)
{
    struct sockaddr_storage ss = {0};
    socklen_t n = sizeof ss;
    struct adit_addr to;

    if (link->domain == AF_INET)
        return true;
    if (t->to_len > 0)
        ss = t->to;
    else if (getpeername(link->fd, (struct sockaddr *)&ss, &n) != 0)
        return false;
    return adit_sockaddr_get((struct sockaddr *)&ss, n, &to) && to.ip.family == ADIT_AF_V4;
}

static uint32_t ask_socket(int fd, bool is_v4)
{
    int mtu = 0, heads = is_v4 ? V4_HEADS : V6_HEADS;
    socklen_t n = sizeof mtu;

    if (getsockopt(fd, is_v4 ? IPPROTO_IP : IPPROTO_IPV6, is_v4 ? IP_MTU : IPV6_MTU, &mtu, &n) != 0)
        return 0;
    return mtu > heads ? (uint32_t)(mtu - heads) : 0;
}

/* What leads to another route belongs to the question. */
static bool copy_route_options(int from, int to)
{
    char name[IFNAMSIZ] = "";
    socklen_t n = sizeof name;
    int mark = 0;

    if (getsockopt(from, SOL_SOCKET, SO_BINDTODEVICE, name, &n) == 0 && n > 0 && name[0] != '\0' &&
        setsockopt(to, SOL_SOCKET, SO_BINDTODEVICE, name, n) != 0)
        return false;
    n = sizeof mark;
    return getsockopt(from, SOL_SOCKET, SO_MARK, &mark, &n) != 0 || mark == 0 ||
           setsockopt(to, SOL_SOCKET, SO_MARK, &mark, n) == 0;
}

static bool bind_source(int fd, int domain, const struct adit_addr *from)
{
    struct adit_addr any_port = *from;
    struct sockaddr_storage name;
    socklen_t n;

    if (from->ip.family == ADIT_AF_NONE)
        return true;
    any_port.port = 0;
    return adit_sockaddr_put(&any_port, domain, &name, &n) && bind(fd, (struct sockaddr *)&name, n) == 0;
}

/* Only a connected socket knows a route, and a connected one would hear nobody else: so another one asks. */
static uint32_t ask_route(const struct adit_up_link *link, const struct adit_up_train *t)
{
    int fd = socket(link->domain, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    uint32_t max = 0;

    if (fd < 0)
        return 0;
    if (copy_route_options(link->fd, fd) && bind_source(fd, link->domain, &t->from) &&
        connect(fd, (struct sockaddr *)&t->to, t->to_len) == 0)
        max = ask_socket(fd, is_v4_path(link, t));
    close(fd);
    return max;
}

uint32_t adit_up_path_ask(const struct adit_up_train *t)
{
    int os_errno = errno;
    uint32_t max = t->to_len > 0 ? ask_route(t->link, t) : ask_socket(t->link->fd, is_v4_path(t->link, t));

    errno = os_errno;
    return max;
}

/* ---- what is learned of it ---- */

static bool only_sends(const struct adit_up_worker *w)
{
    return w->does_out && !w->does_in;
}

static bool only_receives(const struct adit_up_worker *w)
{
    return w->does_in && !w->does_out;
}

void adit_up_path_set(struct adit_up_worker *w, struct adit_up_peer *peer, uint32_t max)
{
    peer->path_max = max;
    if (only_sends(w))
        atomic_store_explicit(&w->shared->path_max, max, memory_order_relaxed);
}

/* Of a single peer's two workers the sending one learns what the path carries, and when to forget it. */
static void hear_path(struct adit_up_worker *w, struct adit_up_peer *peer)
{
    if (!only_receives(w))
        return;
    peer->path_max = atomic_load_explicit(&w->crew->shared[!w->index]->path_max, memory_order_relaxed);
    peer->path_ns = ADIT_NEVER;
}

/* A datagram of n bytes was refused by itself. */
void adit_up_path_refused(struct adit_up_worker *w, const struct adit_up_train *t, uint32_t n)
{
    struct adit_up_peer *peer = t->peer;
    uint32_t max;

    if (!peer || (peer->path_max > 0 && n > peer->path_max))
        return; /* sealed before it was known */
    max = adit_up_path_ask(t);
    if (max == 0)
        max = n - n / 8; /* nobody knows: down by steps */
    if (n <= max)
        return;
    adit_up_path_set(w, peer, max);
    peer->path_ns = w->now.mono_ns + RETRY_S * ADIT_NS_PER_S;
}

static void read_disc(struct adit_up_link *link, int level, int name, int *value)
{
    socklen_t n = sizeof *value;

    if (getsockopt(link->fd, level, name, value, &n) != 0)
        *value = -1;
}

void adit_up_path_learn_socket(struct adit_up_link *link)
{
    link->disc4 = link->disc6 = -1;
    read_disc(link, IPPROTO_IP, IP_MTU_DISCOVER, &link->disc4);
    if (link->domain == AF_INET6)
        read_disc(link, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &link->disc6);
}

static void set_disc(const struct adit_up_link *link, int v4, int v6)
{
    if (link->disc4 >= 0)
        (void)setsockopt(link->fd, IPPROTO_IP, IP_MTU_DISCOVER, &v4, sizeof v4);
    if (link->disc6 >= 0)
        (void)setsockopt(link->fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &v6, sizeof v6);
}

bool adit_up_path_force(struct adit_up_train *t, const struct msghdr *m, uint32_t n)
{
    struct adit_up_link *link = t->link;
    int os_errno = errno;
    bool is_sent;

    if (t->peer && n > V6_MTU_MIN + adit_tx_overhead(&t->peer->tx))
        return false;
    set_disc(link, IP_PMTUDISC_WANT, IPV6_PMTUDISC_WANT);
    is_sent = sendmsg(link->fd, m, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
    set_disc(link, link->disc4, link->disc6);
    errno = os_errno;
    return is_sent;
}

bool adit_up_fits(adit_bytes packet, size_t max)
{
    return packet.n <= max || (packet.n <= V6_MTU_MIN && packet.p[0] >> 4 == 6);
}

size_t adit_up_inner_max(struct adit_up_worker *w, struct adit_up_peer *peer)
{
    const struct adit_up_link *link = adit_up_peer_link(w, peer);
    size_t max = link && link->is_stream ? UINT16_MAX : ADIT_UP_TRAIN_BYTES, overhead;

    if (peer->path_max > 0 && w->now.mono_ns >= peer->path_ns)
        adit_up_path_set(w, peer, 0);
    if (peer->path_max > 0 && max > peer->path_max)
        max = peer->path_max;
    overhead = adit_tx_overhead(&peer->tx);
    max = max > overhead ? max - overhead : 0;
    return max < w->packet_cap - ADIT_DATA_OVERHEAD_MAX ? max : w->packet_cap - ADIT_DATA_OVERHEAD_MAX;
}

/* `mssfix` follows the path, as openvpn's does; off it stays off. */
void adit_up_lower_mss(struct adit_up_worker *w, struct adit_up_peer *peer, uint8_t *b, size_t n)
{
    uint16_t mss4 = peer->spec.mss4, mss6 = peer->spec.mss6;
    size_t max;

    if (!adit_ip_may_be_tcp(b, n))
        return;
    hear_path(w, peer);
    if (peer->path_max > 0) {
        max = adit_up_inner_max(w, peer);
        if (max > MSS_OF_V4 && mss4 > max - MSS_OF_V4)
            mss4 = (uint16_t)(max - MSS_OF_V4);
        if (max > MSS_OF_V6 && mss6 > max - MSS_OF_V6)
            mss6 = (uint16_t)(max - MSS_OF_V6);
    }
    adit_mss_lower(b, n, mss4, mss6);
}

/* ---- packets that do not fit ---- */

static void write_answer(struct adit_up_worker *w, adit_bytes answer)
{
    struct adit_gather g = adit_gather_single(&answer, NULL);
    adit_err err = adit_up_write_once(w, &g);

    if (err)
        adit_up_drop(w, NULL, err);
}

/* To a client through its tunnel, to all others through the device, from which their packets came. */
static void route_answer(struct adit_up_worker *w, adit_bytes answer, const struct adit_ip *to)
{
    uint32_t mark = w->params.is_single_peer ? ADIT_NO_PEER : adit_routes_find(w->routes, to);
    const struct adit_handed *taken = w->taken;
    struct adit_up_peer *peer;

    if (mark == ADIT_NO_PEER) {
        write_answer(w, answer);
        return;
    }
    if (adit_mark_home(mark) != w->home) {
        w->taken = NULL; /* the answer is not what was handed over */
        adit_up_hand_inner(w, adit_mark_home(mark), answer);
        w->taken = taken;
        return;
    }
    peer = adit_up_peer_find(w, adit_mark_id(mark));
    if (peer)
        adit_up_send(w, peer, answer, true);
}

/*
 * The answer comes from the packet's own destination. Its host takes it from anybody who saw the packet, and
 * that address is the one that certainly lies behind the tunnel, whatever filters of reverse paths think; the
 * tunnel's address on this side would be thrown away, as no packet comes in from an address of one's own.
 */
static void answer(struct adit_up_worker *w, struct adit_rate *rate, adit_bytes packet, size_t max)
{
    uint8_t b[ADIT_TOO_BIG_LEN_MAX];
    struct adit_ip_peek peek;
    size_t n;

    if (adit_ip_peek(packet, &peek) || !adit_rate_take(rate, ANSWERS_PER_S, 1, w->now))
        return;
    n = adit_too_big_answer(packet, max, &peek.dst, b);
    if (n > 0)
        route_answer(w, adit_bytes_of(b, n), &peek.src);
    else
        adit_rate_give_back(rate);
}

void adit_up_too_big(struct adit_up_worker *w, struct adit_up_peer *peer, adit_up_span packet, size_t max,
                     bool *is_told)
{
    struct adit_fragments f;
    uint8_t *piece;
    size_t n;

    if (peer && adit_fragments_begin(&f, packet.b, packet.n, max)) {
        while (adit_fragments_next(&f, &piece, &n))
            adit_up_send(w, peer, adit_bytes_of(piece, n), true);
        return;
    }
    adit_up_drop(w, peer, ADIT_E_TOO_BIG);
    if (!*is_told)
        answer(w, peer ? &peer->answers : &w->answers, adit_bytes_of(packet.b, packet.n), max);
    *is_told = true;
}
