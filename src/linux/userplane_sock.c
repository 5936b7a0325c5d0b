/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between socket addresses and ours, and datagrams collected for one system call. An IPv4 address is an IPv4
 * address everywhere, also on a dual-stack socket, where only the kernel sees it mapped into IPv6.
 */
#include "linux/userplane_parts.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

static const uint8_t mapped_head[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static struct adit_ip ip_of_v4(const struct in_addr *a)
{
    return adit_ip_v4(ntohl(a->s_addr));
}

static struct adit_ip ip_of_v6(const struct in6_addr *a)
{
    struct in_addr v4;

    if (memcmp(a->s6_addr, mapped_head, sizeof mapped_head) != 0)
        return adit_ip_v6(a->s6_addr);
    memcpy(&v4, a->s6_addr + sizeof mapped_head, sizeof v4);
    return ip_of_v4(&v4);
}

struct adit_addr adit_up_addr_of(const struct sockaddr *sa)
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;

    if (sa->sa_family == AF_INET) {
        memcpy(&v4, sa, sizeof v4);
        return (struct adit_addr){.ip = ip_of_v4(&v4.sin_addr), .port = ntohs(v4.sin_port)};
    }
    if (sa->sa_family == AF_INET6) {
        memcpy(&v6, sa, sizeof v6);
        return (struct adit_addr){
            .ip = ip_of_v6(&v6.sin6_addr),
            .port = ntohs(v6.sin6_port),
            .scope = v6.sin6_scope_id,
        };
    }
    return (struct adit_addr){0};
}

struct adit_addr adit_up_local_of(struct msghdr *m, uint16_t port)
{
    struct adit_addr local = {0};

    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
        struct in_pktinfo v4;
        struct in6_pktinfo v6;

        if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
            memcpy(&v4, CMSG_DATA(c), sizeof v4);
            return (struct adit_addr){.ip = ip_of_v4(&v4.ipi_spec_dst), .port = port};
        }
        if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
            memcpy(&v6, CMSG_DATA(c), sizeof v6);
            local = (struct adit_addr){.ip = ip_of_v6(&v6.ipi6_addr), .port = port};
            if (IN6_IS_ADDR_LINKLOCAL(&v6.ipi6_addr))
                local.scope = (uint32_t)v6.ipi6_ifindex;
        }
    }
    return local;
}

static struct in_addr v4_of(const struct adit_ip *ip)
{
    return (struct in_addr){.s_addr = htonl(adit_ip_v4_host(ip))};
}

static struct in6_addr v6_of(const struct adit_ip *ip)
{
    struct in6_addr a;

    if (ip->family == ADIT_AF_V6) {
        memcpy(a.s6_addr, ip->b, sizeof a.s6_addr);
        return a;
    }
    memcpy(a.s6_addr, mapped_head, sizeof mapped_head);
    memcpy(a.s6_addr + sizeof mapped_head, ip->b, 4);
    return a;
}

static void set_name(struct msghdr *m, struct adit_up_dgram *d, int domain, const struct adit_addr *to)
{
    m->msg_name = &d->to;
    if (domain == AF_INET6) {
        d->to.v6 = (struct sockaddr_in6){
            .sin6_family = AF_INET6,
            .sin6_port = htons(to->port),
            .sin6_addr = v6_of(&to->ip),
            .sin6_scope_id = to->scope,
        };
        m->msg_namelen = sizeof d->to.v6;
        return;
    }
    d->to.v4 = (struct sockaddr_in){
        .sin_family = AF_INET,
        .sin_port = htons(to->port),
        .sin_addr = v4_of(&to->ip),
    };
    m->msg_namelen = sizeof d->to.v4;
}

static void put_control(struct msghdr *m, struct adit_up_dgram *d, int type, const void *info, size_t n)
{
    struct cmsghdr *c;

    m->msg_control = d->control.b;
    m->msg_controllen = CMSG_SPACE(n);
    memset(d->control.b, 0, sizeof d->control.b);
    c = CMSG_FIRSTHDR(m);
    c->cmsg_level = type == IPV6_PKTINFO ? IPPROTO_IPV6 : IPPROTO_IP;
    c->cmsg_type = type;
    c->cmsg_len = CMSG_LEN(n);
    memcpy(CMSG_DATA(c), info, n);
}

/* Answers leave from the address that was spoken to. */
static void set_source(struct msghdr *m, struct adit_up_dgram *d, int domain, const struct adit_addr *from)
{
    if (domain == AF_INET6) {
        struct in6_pktinfo info = {.ipi6_addr = v6_of(&from->ip), .ipi6_ifindex = from->scope};

        put_control(m, d, IPV6_PKTINFO, &info, sizeof info);
    } else {
        struct in_pktinfo info = {.ipi_spec_dst = v4_of(&from->ip)};

        put_control(m, d, IP_PKTINFO, &info, sizeof info);
    }
}

struct adit_up_dgram *adit_up_dgram_claim(struct adit_up_worker *w, struct adit_up_link *link, uint8_t **room)
{
    struct adit_up_batch *b = &w->batch;

    if (b->n == ADIT_UP_BATCH || (b->n > 0 && b->link != link))
        adit_up_batch_flush(w);
    b->link = link;
    *room = b->room + b->n * w->packet_cap;
    return &b->slots[b->n];
}

void adit_up_dgram_commit(struct adit_up_worker *w, size_t n, struct adit_up_peer *peer,
                          const struct adit_addr *remote, const struct adit_addr *local)
{
    if (!w->gremlin || adit_up_gremlin_tx(w, &n, peer, remote, local))
        adit_up_dgram_put(w, n, peer, remote, local);
}

void adit_up_dgram_put(struct adit_up_worker *w, size_t n, struct adit_up_peer *peer,
                       const struct adit_addr *remote, const struct adit_addr *local)
{
    struct adit_up_batch *b = &w->batch;
    struct adit_up_dgram *d = &b->slots[b->n];
    struct msghdr *m = &b->msgs[b->n].msg_hdr;

    d->iov = (struct iovec){.iov_base = b->room + b->n * w->packet_cap, .iov_len = n};
    d->peer = peer;
    *m = (struct msghdr){.msg_iov = &d->iov, .msg_iovlen = 1};
    if (!b->link->is_connected) {
        if (remote->ip.family == ADIT_AF_NONE ||
            (remote->ip.family == ADIT_AF_V6 && b->link->domain == AF_INET)) {
            adit_up_drop(w, peer, ADIT_E_OS);
            return;
        }
        set_name(m, d, b->link->domain, remote);
        if (local->ip.family != ADIT_AF_NONE)
            set_source(m, d, b->link->domain, local);
    }
    b->n++;
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

/* Trouble of the path or of the queue costs the one packet that met it, never the peer or the batch. */
void adit_up_batch_flush(struct adit_up_worker *w)
{
    struct adit_up_batch *b = &w->batch;
    unsigned done = 0;

    while (done < b->n) {
        int sent = sendmmsg(b->link->fd, b->msgs + done, b->n - done, MSG_DONTWAIT | MSG_NOSIGNAL);

        if (sent > 0) {
            done += (unsigned)sent;
            continue;
        }
        if (sent < 0 && errno == EINTR)
            continue;
        adit_up_drop(w, b->slots[done].peer, adit_up_errno_drop(errno));
        done++;
    }
    b->n = 0;
}
