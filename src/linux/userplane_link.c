/* SPDX-License-Identifier: Apache-2.0 */
/* Links: UDP sockets and TCP streams by the name that policy gave them, and the reading of datagrams. */
#include "linux/userplane_parts.h"

#include <errno.h>
#include <netinet/udp.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/mem.h"

#define link_of_name(node) ((struct adit_up_link *)((char *)(node)-offsetof(struct adit_up_link, by_name)))

struct adit_up_link *adit_up_link_find(const struct adit_up_worker *w, int name)
{
    struct adit_up_node *n = adit_up_map_find(&w->links, (uint32_t)name);

    return n ? link_of_name(n) : NULL; /* the hash is the name */
}

static void learn_socket(struct adit_up_link *link)
{
    struct sockaddr_storage ss = {0};
    socklen_t n = sizeof ss;
    struct adit_addr a;

    if (getsockname(link->fd, (struct sockaddr *)&ss, &n) != 0)
        return;
    link->domain = ss.ss_family;
    link->local_port = adit_sockaddr_get((struct sockaddr *)&ss, n, &a) ? a.port : 0;
}

/* The kernel takes trains, and gives what it has put together. */
static void ask_for_trains(const struct adit_up_worker *w, struct adit_up_link *link)
{
    const int on = 1;
    int segment;
    socklen_t n = sizeof segment;

    link->has_trains =
        !w->params.is_udp_out_single && getsockopt(link->fd, SOL_UDP, UDP_SEGMENT, &segment, &n) == 0;
    link->has_long_trains = true;
    if (!w->params.is_udp_in_single)
        (void)setsockopt(link->fd, SOL_UDP, UDP_GRO, &on, sizeof on);
}

static void free_link(struct adit_up_link *link)
{
    adit_free(link->rest);
    adit_free(link->out);
    adit_free(link);
}

adit_err adit_up_link_add(struct adit_up_worker *w, const struct adit_link_spec *spec)
{
    struct adit_up_link *link = adit_up_link_find(w, spec->link);

    if (link)
        adit_up_link_bury(w, link);
    link = adit_alloc(sizeof *link);
    if (!link)
        return ADIT_E_MEMORY;
    link->name = spec->link;
    link->serial = w->n_links_made++;
    link->fd = spec->fd;
    link->is_stream = spec->is_stream;
    link->is_connected = spec->is_connected;
    link->is_send_only = spec->is_send_only;
    learn_socket(link);
    if (!link->is_stream) {
        ask_for_trains(w, link);
        adit_up_path_learn_socket(link);
    }
    if (link->is_stream)
        link->rest = adit_alloc(w->stream_packet_max + ADIT_STREAM_HEAD_LEN);
    if (link->is_stream && !link->rest) {
        free_link(link);
        return ADIT_E_MEMORY;
    }
    if (adit_up_worker_watch(w, link)) {
        free_link(link);
        return ADIT_E_OS;
    }
    adit_up_map_add(&w->links, &link->by_name, (uint32_t)link->name);
    return ADIT_OK;
}

static void unlink_dirty(struct adit_up_worker *w, struct adit_up_link *link)
{
    for (struct adit_up_link **at = &w->dirty; *at; at = &(*at)->next_dirty) {
        if (*at != link)
            continue;
        *at = link->next_dirty;
        link->is_dirty = false;
        return;
    }
}

void adit_up_link_bury(struct adit_up_worker *w, struct adit_up_link *link)
{
    /* What was said before the link goes, like a refusal, should still be heard. */
    adit_up_batch_flush(w);
    link->stalls[ADIT_UP_TX].is_over = true;
    if (link->is_stream && !link->is_down)
        adit_up_stream_flush(w, link);
    unlink_dirty(w, link);
    for (struct adit_up_peer *p = link->is_stream ? link->peer : w->all; p;
         p = link->is_stream ? NULL : p->next)
        if (p->link == link)
            p->link = NULL;
    link->peer = NULL;
    epoll_ctl(w->epoll_fd, EPOLL_CTL_DEL, link->fd, NULL);
    close(link->fd);
    link->fd = -1;
    adit_up_map_del(&w->links, &link->by_name);
    link->next_buried = w->buried_links;
    w->buried_links = link;
}

void adit_up_link_end(struct adit_up_worker *w, struct adit_up_link *link)
{
    if (link->is_down)
        return;
    link->is_down = true;
    link->out_start = link->out_end = 0;
    epoll_ctl(w->epoll_fd, EPOLL_CTL_DEL, link->fd, NULL);
    link->owes_down = !adit_up_note_link_down(w, link->name);
    w->owes_links |= link->owes_down;
}

static void prepare_slot(struct adit_up_worker *w, unsigned i)
{
    struct adit_up_rx *rx = &w->rx;

    rx->iov[i] = (struct iovec){.iov_base = rx->room + i * ADIT_UP_RX_STRIDE, .iov_len = ADIT_UP_RX_LEN};
    rx->msgs[i].msg_hdr = (struct msghdr){
        .msg_name = &rx->from[i],
        .msg_namelen = sizeof rx->from[i],
        .msg_iov = &rx->iov[i],
        .msg_iovlen = 1,
        .msg_control = rx->control[i].b,
        .msg_controllen = sizeof rx->control[i].b,
    };
    rx->from[i].ss_family = AF_UNSPEC;
}

/* Bytes of each datagram of a train but the last; 0: it is one datagram. */
static size_t segment_of(struct msghdr *m)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
        int size;

        if (c->cmsg_level != SOL_UDP || c->cmsg_type != UDP_GRO)
            continue;
        memcpy(&size, CMSG_DATA(c), sizeof size);
        return size > 0 ? (size_t)size : 0;
    }
    return 0;
}

static void take_datagram(struct adit_up_worker *w, struct adit_up_link *link, adit_up_span d,
                          const struct adit_addr *remote, const struct adit_addr *local)
{
    if (d.n > w->packet_cap) {
        adit_up_drop(w, NULL, ADIT_E_TOO_BIG);
        return;
    }
    if (!w->gremlin || adit_up_gremlin_rx(w, link, &d, remote, local))
        adit_up_packet_rx(w, link, d.b, d.n, remote, local);
}

static void take_train(struct adit_up_worker *w, struct adit_up_link *link, unsigned i)
{
    struct mmsghdr *m = &w->rx.msgs[i];
    struct adit_addr remote, local = adit_pktinfo_get(&m->msg_hdr);
    size_t segment = segment_of(&m->msg_hdr), left = m->msg_len;
    uint8_t *b = w->rx.iov[i].iov_base;

    if (m->msg_hdr.msg_flags & MSG_TRUNC) {
        adit_up_drop(w, NULL, ADIT_E_TOO_BIG);
        return;
    }
    local.port = link->local_port;
    (void)adit_sockaddr_get((struct sockaddr *)&w->rx.from[i], m->msg_hdr.msg_namelen, &remote);
    adit_haul_add(&w->hauls.receives, segment > 0 ? (left + segment - 1) / segment : 1, left);
    while (left > 0 && link->fd >= 0) {
        size_t n = segment > 0 && segment < left ? segment : left;

        take_datagram(w, link, (adit_up_span){.b = b, .n = n}, &remote, &local);
        b += n;
        left -= n;
    }
}

static bool are_long_trains(const struct adit_up_rx *rx, unsigned n)
{
    size_t bytes = 0;

    for (unsigned i = 0; i < n; i++)
        bytes += rx->msgs[i].msg_len;
    return bytes > (size_t)n * ADIT_UP_BURST_LEN;
}

static int receive_some(struct adit_up_worker *w, struct adit_up_link *link, unsigned max)
{
    int n;

    for (unsigned i = 0; i < w->rx.n_used; i++)
        prepare_slot(w, i);
    n = recvmmsg(link->fd, w->rx.msgs, max, MSG_DONTWAIT, NULL);
    w->rx.n_used = n > 0 ? (unsigned)n : 0;
    if (n > 0)
        w->rx.has_long_trains = are_long_trains(&w->rx, w->rx.n_used);
    if (n >= 0 || errno == EAGAIN || errno == EINTR)
        return n;
    /* An ICMP answer to something sent earlier: consumed by the call, counted, and reading goes on. */
    if (link->is_connected && (errno == ECONNREFUSED || errno == EHOSTUNREACH))
        adit_up_note_os(w, errno);
    adit_up_drop(w, NULL, ADIT_E_OS);
    return 0;
}

/*
 * Where IP_RECVERR is on, errors queue up, and keep the socket ready until they are taken. What they say of a
 * path the kernel has learned, too, and says when it is asked (userplane_path.c).
 */
void adit_up_link_errors(struct adit_up_link *link)
{
    uint8_t scrap[64];
    struct iovec iov = {.iov_base = scrap, .iov_len = sizeof scrap};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};

    for (int i = 0; i < ADIT_UP_PER_TURN; i++)
        if (recvmsg(link->fd, &m, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
            return;
}

void adit_up_link_rx(struct adit_up_worker *w, struct adit_up_link *link)
{
    for (int left = ADIT_UP_PER_TURN; left > 0;) {
        int max = w->rx.has_long_trains ? ADIT_UP_RX_TRAINS : ADIT_UP_RX_MSGS;
        int n = receive_some(w, link, (unsigned)max);

        if (n < 0)
            return;
        adit_up_warm_received(w, n > 0 ? (unsigned)n : 0);
        for (int i = 0; i < n && link->fd >= 0; i++)
            take_train(w, link, (unsigned)i);
        /* The buffers are used again. */
        adit_up_device_flush(w);
        if (link->fd < 0 || (n > 0 && n < max))
            return;
        left -= max;
    }
}
