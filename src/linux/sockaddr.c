/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses between struct adit_addr and the kernel's forms, including the control data of multihome. */
#include <netinet/in.h>
#include <string.h>

#include "base/bytes.h"
#include "linux/sock.h"

static void put_v6_bytes(const struct adit_ip *ip, struct in6_addr *out)
{
    memset(out, 0, sizeof *out);
    if (ip->family == ADIT_AF_V6) {
        memcpy(out->s6_addr, ip->b, 16);
        return;
    }
    out->s6_addr[10] = out->s6_addr[11] = 0xff;
    memcpy(out->s6_addr + 12, ip->b, 4);
}

static struct adit_ip get_v6_bytes(const struct in6_addr *in)
{
    struct adit_ip ip = {.family = ADIT_AF_V6};

    if (!IN6_IS_ADDR_V4MAPPED(in))
        return adit_ip_v6(in->s6_addr);
    ip.family = ADIT_AF_V4;
    memcpy(ip.b, in->s6_addr + 12, 4);
    return ip;
}

bool adit_sockaddr_put(const struct adit_addr *a, int socket_family, struct sockaddr_storage *out,
                       socklen_t *len)
{
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons(a->port)};
    struct sockaddr_in6 sin6 = {
        .sin6_family = AF_INET6, .sin6_port = htons(a->port), .sin6_scope_id = a->scope};

    if (a->ip.family == ADIT_AF_NONE)
        return false;
    if (socket_family == AF_INET) {
        if (a->ip.family != ADIT_AF_V4)
            return false;
        memcpy(&sin.sin_addr, a->ip.b, 4);
        memcpy(out, &sin, sizeof sin);
        *len = sizeof sin;
        return true;
    }
    if (socket_family != AF_INET6)
        return false;
    put_v6_bytes(&a->ip, &sin6.sin6_addr);
    memcpy(out, &sin6, sizeof sin6);
    *len = sizeof sin6;
    return true;
}

bool adit_sockaddr_get(const struct sockaddr *sa, socklen_t len, struct adit_addr *out)
{
    struct sockaddr_in sin;
    struct sockaddr_in6 sin6;

    memset(out, 0, sizeof *out);
    if (len >= sizeof sin && sa->sa_family == AF_INET) {
        memcpy(&sin, sa, sizeof sin);
        out->ip.family = ADIT_AF_V4;
        memcpy(out->ip.b, &sin.sin_addr, 4);
        out->port = ntohs(sin.sin_port);
        return true;
    }
    if (len < sizeof sin6 || sa->sa_family != AF_INET6)
        return false;
    memcpy(&sin6, sa, sizeof sin6);
    out->ip = get_v6_bytes(&sin6.sin6_addr);
    out->port = ntohs(sin6.sin6_port);
    /* The kernel fills in the interface only where it means something; a global address must compare equal.
     */
    if (IN6_IS_ADDR_LINKLOCAL(&sin6.sin6_addr))
        out->scope = sin6.sin6_scope_id;
    return true;
}

struct adit_addr adit_pktinfo_get(const struct msghdr *msg)
{
    struct adit_addr local = {0};
    struct msghdr *m = (struct msghdr *)msg; /* the macros want it; nothing is written */

    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
        struct in_pktinfo p4;
        struct in6_pktinfo p6;

        if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO && c->cmsg_len >= CMSG_LEN(sizeof p4)) {
            memcpy(&p4, CMSG_DATA(c), sizeof p4);
            local = (struct adit_addr){.ip.family = ADIT_AF_V4};
            /* ipi_spec_dst rather than ipi_addr: it is one of ours even if the datagram was a broadcast. */
            memcpy(local.ip.b, &p4.ipi_spec_dst, 4);
        }
        if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO &&
            c->cmsg_len >= CMSG_LEN(sizeof p6)) {
            memcpy(&p6, CMSG_DATA(c), sizeof p6);
            local = (struct adit_addr){.ip = get_v6_bytes(&p6.ipi6_addr)};
            if (IN6_IS_ADDR_LINKLOCAL(&p6.ipi6_addr))
                local.scope = p6.ipi6_ifindex;
        }
    }
    return local;
}

void adit_cmsg_add(struct msghdr *msg, int level, int type, adit_bytes data)
{
    struct cmsghdr *c = (struct cmsghdr *)((uint8_t *)msg->msg_control + msg->msg_controllen);

    memset(c, 0, CMSG_SPACE(data.n));
    c->cmsg_level = level;
    c->cmsg_type = type;
    c->cmsg_len = CMSG_LEN(data.n);
    memcpy(CMSG_DATA(c), data.p, data.n);
    msg->msg_controllen += CMSG_SPACE(data.n);
}

void adit_pktinfo_add(struct msghdr *msg, const struct adit_addr *from, int socket_family)
{
    struct in_pktinfo p4 = {0};
    struct in6_pktinfo p6 = {.ipi6_ifindex = from->scope};

    _Static_assert(CMSG_SPACE(sizeof p6) <= ADIT_PKTINFO_SPACE, "room for the control data");
    if (from->ip.family == ADIT_AF_NONE)
        return;
    if (socket_family == AF_INET && from->ip.family == ADIT_AF_V4) {
        memcpy(&p4.ipi_spec_dst, from->ip.b, 4);
        adit_cmsg_add(msg, IPPROTO_IP, IP_PKTINFO, adit_bytes_of(&p4, sizeof p4));
    }
    if (socket_family == AF_INET6) {
        put_v6_bytes(&from->ip, &p6.ipi6_addr);
        adit_cmsg_add(msg, IPPROTO_IPV6, IPV6_PKTINFO, adit_bytes_of(&p6, sizeof p6));
    }
}
