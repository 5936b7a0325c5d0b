/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between socket addresses and ours. An IPv4 address is an IPv4 address everywhere, also on a dual-stack
 * socket, where only the kernel sees it mapped into IPv6.
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

bool adit_up_name_of(const struct adit_addr *a, int domain, struct adit_up_train *t)
{
    if (a->ip.family == ADIT_AF_NONE || (a->ip.family == ADIT_AF_V6 && domain == AF_INET))
        return false;
    if (domain == AF_INET6) {
        t->to.v6 = (struct sockaddr_in6){
            .sin6_family = AF_INET6,
            .sin6_port = htons(a->port),
            .sin6_addr = v6_of(&a->ip),
            .sin6_scope_id = a->scope,
        };
        t->to_len = sizeof t->to.v6;
        return true;
    }
    t->to.v4 = (struct sockaddr_in){
        .sin_family = AF_INET,
        .sin_port = htons(a->port),
        .sin_addr = v4_of(&a->ip),
    };
    t->to_len = sizeof t->to.v4;
    return true;
}

/* Behind what is there already. */
static void put_control(struct msghdr *m, int type, const void *info, size_t n)
{
    struct cmsghdr *c = (struct cmsghdr *)((uint8_t *)m->msg_control + m->msg_controllen);

    memset(c, 0, CMSG_SPACE(n));
    c->cmsg_level = type == IPV6_PKTINFO ? IPPROTO_IPV6 : IPPROTO_IP;
    c->cmsg_type = type;
    c->cmsg_len = CMSG_LEN(n);
    memcpy(CMSG_DATA(c), info, n);
    m->msg_controllen += CMSG_SPACE(n);
}

/* Answers leave from the address that was spoken to. */
void adit_up_put_source(struct msghdr *m, int domain, const struct adit_addr *from)
{
    if (domain == AF_INET6) {
        struct in6_pktinfo info = {.ipi6_addr = v6_of(&from->ip), .ipi6_ifindex = from->scope};

        put_control(m, IPV6_PKTINFO, &info, sizeof info);
    } else {
        struct in_pktinfo info = {.ipi_spec_dst = v4_of(&from->ip)};

        put_control(m, IP_PKTINFO, &info, sizeof info);
    }
}
