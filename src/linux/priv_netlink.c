/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libnl folds the kernel's errno into codes of its own, and several into one; people need the real one, so a
 * callback keeps it. The socket belongs to the network namespace it was opened in.
 */
#include "linux/priv_netlink.h"

#include <errno.h>
#include <net/if.h>
#include <string.h>

#include <linux/rtnetlink.h>
#include <netlink/errno.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/nexthop.h>
#include <netlink/route/route.h>

#include "base/mem.h"

struct adit_netlink {
    struct nl_sock *sock;
    int os_errno; /* of the answer to the request under way */
};

static int keep_errno(struct sockaddr_nl *from, struct nlmsgerr *msg, void *arg)
{
    struct adit_netlink *nl = arg;

    (void)from;
    nl->os_errno = -msg->error;
    return NL_STOP;
}

/* What an answer of libnl means. */
static int judge(struct adit_netlink *nl, int result)
{
    int os_errno = nl->os_errno;

    nl->os_errno = 0;
    if (result >= 0)
        return 0;
    if (os_errno != 0)
        return os_errno;
    switch (-result) {
    case NLE_NOMEM:
        return ENOMEM;
    case NLE_EXIST:
        return EEXIST;
    case NLE_PERM:
        return EPERM;
    case NLE_NODEV:
    case NLE_OBJ_NOTFOUND:
        return ENODEV;
    default:
        return EIO;
    }
}

int adit_netlink_open(struct adit_netlink **out)
{
    struct adit_netlink *nl = adit_alloc(sizeof *nl);
    int result;

    *out = NULL;
    if (!nl)
        return ENOMEM;
    nl->sock = nl_socket_alloc();
    if (!nl->sock) {
        adit_free(nl);
        return ENOMEM;
    }
    result = nl_connect(nl->sock, NETLINK_ROUTE);
    if (result < 0) {
        adit_netlink_close(nl);
        return -result == NLE_NOMEM ? ENOMEM : EPROTONOSUPPORT;
    }
    nl_socket_modify_err_cb(nl->sock, NL_CB_CUSTOM, keep_errno, nl);
    *out = nl;
    return 0;
}

void adit_netlink_close(struct adit_netlink *nl)
{
    if (!nl)
        return;
    nl_socket_free(nl->sock);
    adit_free(nl);
}

int adit_netlink_link_set(struct adit_netlink *nl, const struct adit_priv_link *link)
{
    unsigned index = if_nametoindex(link->ifname);
    struct rtnl_link *which, *change;
    struct nl_addr *mac = NULL;
    int result = -NLE_NOMEM;

    if (index == 0)
        return ENODEV;
    which = rtnl_link_alloc();
    change = rtnl_link_alloc();
    if (link->has_mac)
        mac = nl_addr_build(AF_LLC, link->mac, sizeof link->mac);
    if (which && change && (mac || !link->has_mac)) {
        rtnl_link_set_ifindex(which, (int)index);
        if (link->mtu > 0)
            rtnl_link_set_mtu(change, link->mtu);
        if (link->txqueue > 0)
            rtnl_link_set_txqlen(change, link->txqueue);
        if (mac)
            rtnl_link_set_addr(change, mac);
        if (link->want_up)
            rtnl_link_set_flags(change, IFF_UP);
        result = rtnl_link_change(nl->sock, which, change, 0);
    }
    nl_addr_put(mac);
    rtnl_link_put(change);
    rtnl_link_put(which);
    return judge(nl, result);
}

/* ---- addresses ---- */

static struct nl_addr *build_addr(const struct adit_ip *ip, unsigned bits)
{
    bool is_v4 = ip->family == ADIT_AF_V4;
    struct nl_addr *a = nl_addr_build(is_v4 ? AF_INET : AF_INET6, ip->b, is_v4 ? 4 : 16);

    if (a)
        nl_addr_set_prefixlen(a, (int)bits);
    return a;
}

static struct adit_ip read_addr(struct nl_addr *a)
{
    struct adit_ip ip = {.family = ADIT_AF_NONE};
    unsigned n = a ? nl_addr_get_len(a) : 0;

    if (n == 4 || n == 16) {
        ip.family = n == 4 ? ADIT_AF_V4 : ADIT_AF_V6;
        memcpy(ip.b, nl_addr_get_binary_addr(a), n);
    }
    return ip;
}

static int change_addr(struct adit_netlink *nl, const struct adit_priv_addr *addr, bool want_add)
{
    unsigned index = if_nametoindex(addr->ifname);
    bool has_peer = addr->peer.family != ADIT_AF_NONE;
    struct rtnl_addr *a;
    struct nl_addr *local, *peer = NULL;
    int result = -NLE_NOMEM;

    if (index == 0)
        return ENODEV;
    a = rtnl_addr_alloc();
    local = build_addr(&addr->local.ip, addr->local.bits);
    if (has_peer)
        peer = build_addr(&addr->peer, addr->local.bits);
    if (a && local && (peer || !has_peer)) {
        rtnl_addr_set_ifindex(a, (int)index);
        result = rtnl_addr_set_local(a, local);
        if (result >= 0 && peer)
            result = rtnl_addr_set_peer(a, peer);
        if (result >= 0)
            result = want_add ? rtnl_addr_add(nl->sock, a, NLM_F_EXCL) : rtnl_addr_delete(nl->sock, a, 0);
    }
    nl_addr_put(peer);
    nl_addr_put(local);
    rtnl_addr_put(a);
    return judge(nl, result);
}

int adit_netlink_addr_add(struct adit_netlink *nl, const struct adit_priv_addr *addr)
{
    return change_addr(nl, addr, true);
}

int adit_netlink_addr_del(struct adit_netlink *nl, const struct adit_priv_addr *addr)
{
    return change_addr(nl, addr, false);
}

/* ---- routes ---- */

static int set_nexthop(struct rtnl_route *route, const struct adit_priv_route *r, unsigned index)
{
    struct rtnl_nexthop *hop = rtnl_route_nh_alloc();
    struct nl_addr *gateway;

    if (!hop)
        return -NLE_NOMEM;
    if (index > 0)
        rtnl_route_nh_set_ifindex(hop, (int)index);
    if (r->gateway.family != ADIT_AF_NONE) {
        gateway = build_addr(&r->gateway, r->gateway.family == ADIT_AF_V4 ? 32 : 128);
        if (!gateway) {
            rtnl_route_nh_free(hop);
            return -NLE_NOMEM;
        }
        rtnl_route_nh_set_gateway(hop, gateway);
        nl_addr_put(gateway);
    }
    rtnl_route_add_nexthop(route, hop); /* takes it */
    return 0;
}

static int fill_route(struct rtnl_route *route, const struct adit_priv_route *r, unsigned index,
                      uint8_t proto)
{
    struct nl_addr *dst = build_addr(&r->dst.ip, r->dst.bits), *source;
    int result;

    if (!dst)
        return -NLE_NOMEM;
    rtnl_route_set_family(route, r->dst.ip.family == ADIT_AF_V4 ? AF_INET : AF_INET6);
    result = rtnl_route_set_dst(route, dst);
    nl_addr_put(dst);
    if (result < 0)
        return result;
    rtnl_route_set_table(route, r->table ? r->table : RT_TABLE_MAIN);
    rtnl_route_set_protocol(route, proto);
    if (r->metric >= 0)
        rtnl_route_set_priority(route, (uint32_t)r->metric);
    if (r->is_onlink)
        rtnl_route_set_flags(route, RTNH_F_ONLINK);
    if (r->source.family != ADIT_AF_NONE) {
        source = build_addr(&r->source, r->source.family == ADIT_AF_V4 ? 32 : 128);
        if (!source)
            return -NLE_NOMEM;
        result = rtnl_route_set_pref_src(route, source);
        nl_addr_put(source);
    }
    return result < 0 ? result : set_nexthop(route, r, index);
}

static int change_route(struct adit_netlink *nl, const struct adit_priv_route *r, uint8_t proto,
                        bool want_add)
{
    struct adit_priv_route masked = *r;
    struct rtnl_route *route;
    unsigned index = 0;
    int result;

    masked.dst = adit_prefix_masked(r->dst);
    if (r->ifname[0] && (index = if_nametoindex(r->ifname)) == 0)
        return ENODEV;
    route = rtnl_route_alloc();
    if (!route)
        return ENOMEM;
    result = fill_route(route, &masked, index, proto);
    if (result >= 0)
        result =
            want_add ? rtnl_route_add(nl->sock, route, NLM_F_EXCL) : rtnl_route_delete(nl->sock, route, 0);
    rtnl_route_put(route);
    return judge(nl, result);
}

int adit_netlink_route_add(struct adit_netlink *nl, const struct adit_priv_route *r, uint8_t proto)
{
    return change_route(nl, r, proto, true);
}

int adit_netlink_route_del(struct adit_netlink *nl, const struct adit_priv_route *r, uint8_t proto)
{
    return change_route(nl, r, proto, false);
}

/* ---- queries ---- */

struct query {
    const struct adit_priv_route *want; /* exact prefix and table; NULL: the answer is the first message */
    struct adit_priv_route found;
    bool has_found;
};

static void read_route(struct rtnl_route *route, struct adit_priv_route *out)
{
    struct rtnl_nexthop *hop = rtnl_route_get_nnexthops(route) > 0 ? rtnl_route_nexthop_n(route, 0) : NULL;
    struct nl_addr *dst = rtnl_route_get_dst(route);
    uint32_t metric = rtnl_route_get_priority(route);

    *out = (struct adit_priv_route){
        .source = read_addr(rtnl_route_get_pref_src(route)),
        .metric = metric,
        .table = rtnl_route_get_table(route),
        .proto = rtnl_route_get_protocol(route),
        .is_local = rtnl_route_get_type(route) == RTN_LOCAL,
        .has_more_gateways = rtnl_route_get_nnexthops(route) > 1,
    };
    out->dst.ip = read_addr(dst);
    out->dst.bits = dst ? (uint8_t)nl_addr_get_prefixlen(dst) : 0;
    out->dst.ip.family = rtnl_route_get_family(route) == AF_INET ? ADIT_AF_V4 : ADIT_AF_V6;
    if (!hop)
        return;
    out->gateway = read_addr(rtnl_route_nh_get_gateway(hop));
    out->is_onlink = ((rtnl_route_nh_get_flags(hop) | rtnl_route_get_flags(route)) & RTNH_F_ONLINK) != 0;
    if (!if_indextoname((unsigned)rtnl_route_nh_get_ifindex(hop), out->ifname))
        out->ifname[0] = '\0';
}

static bool is_wanted(const struct query *q, const struct adit_priv_route *r)
{
    uint32_t table = q->want->table ? q->want->table : RT_TABLE_MAIN;

    return r->table == table && r->dst.bits == q->want->dst.bits &&
           adit_ip_eq(&r->dst.ip, &q->want->dst.ip) &&
           (q->want->metric < 0 || q->want->metric == r->metric) &&
           (!q->has_found || r->metric < q->found.metric);
}

static int on_route(struct nl_msg *msg, void *arg)
{
    struct query *q = arg;
    struct nlmsghdr *head = nlmsg_hdr(msg);
    struct rtmsg rtm;
    struct rtnl_route *route = NULL;
    struct adit_priv_route r;

    if (head->nlmsg_type != RTM_NEWROUTE || nlmsg_datalen(head) < (int)sizeof rtm)
        return NL_OK;
    memcpy(&rtm, nlmsg_data(head), sizeof rtm);
    /* Judged before it is parsed: a table may have a million routes, and one of them is wanted. */
    if (q->want && (rtm.rtm_dst_len != q->want->dst.bits || rtm.rtm_type != RTN_UNICAST ||
                    (rtm.rtm_flags & (RTNH_F_DEAD | RTNH_F_LINKDOWN | RTM_F_CLONED))))
        return NL_OK;
    if (rtm.rtm_type != RTN_UNICAST && rtm.rtm_type != RTN_LOCAL)
        return NL_OK;
    if (rtnl_route_parse(head, &route) < 0)
        return NL_OK;
    read_route(route, &r);
    rtnl_route_put(route);
    if (!q->want || is_wanted(q, &r)) {
        q->found = r;
        q->has_found = true;
    }
    return NL_OK;
}

static int receive(struct adit_netlink *nl, struct query *q)
{
    struct nl_cb *own = nl_socket_get_cb(nl->sock);
    struct nl_cb *cb = nl_cb_clone(own);
    int result;

    nl_cb_put(own);
    if (!cb)
        return -NLE_NOMEM;
    nl_cb_set(cb, NL_CB_VALID, NL_CB_CUSTOM, on_route, q);
    result = nl_recvmsgs(nl->sock, cb);
    nl_cb_put(cb);
    return result;
}

static int finish_query(struct adit_netlink *nl, const struct query *q, int result,
                        struct adit_priv_route *out)
{
    int os_errno = judge(nl, result);

    if (os_errno != 0)
        return os_errno;
    if (!q->has_found)
        return ENETUNREACH;
    *out = q->found;
    return 0;
}

int adit_netlink_route_get(struct adit_netlink *nl, const struct adit_ip *to, struct adit_priv_route *out)
{
    bool is_v4 = to->family == ADIT_AF_V4;
    /* FIB_MATCH: the entry itself, with prefix and metric, and not what the kernel made of it for one
     * address. */
    struct rtmsg rtm = {
        .rtm_family = is_v4 ? AF_INET : AF_INET6,
        .rtm_dst_len = is_v4 ? 32 : 128,
        .rtm_flags = RTM_F_FIB_MATCH | RTM_F_LOOKUP_TABLE,
    };
    struct nl_msg *msg = nlmsg_alloc_simple(RTM_GETROUTE, NLM_F_REQUEST);
    struct query q = {0};
    int result;

    if (!msg)
        return ENOMEM;
    result = nlmsg_append(msg, &rtm, sizeof rtm, NLMSG_ALIGNTO);
    if (result >= 0)
        result = nla_put(msg, RTA_DST, is_v4 ? 4 : 16, to->b);
    if (result >= 0)
        result = nl_send_auto(nl->sock, msg);
    nlmsg_free(msg);
    if (result >= 0)
        result = receive(nl, &q);
    /* After an answer comes its acknowledgement; after an error nothing. */
    if (result >= 0)
        result = nl_wait_for_ack(nl->sock);
    return finish_query(nl, &q, result, out);
}

int adit_netlink_route_find(struct adit_netlink *nl, const struct adit_priv_route *r,
                            struct adit_priv_route *out)
{
    struct rtmsg rtm = {.rtm_family = r->dst.ip.family == ADIT_AF_V4 ? AF_INET : AF_INET6};
    struct query q = {.want = r};
    int result = nl_send_simple(nl->sock, RTM_GETROUTE, NLM_F_DUMP, &rtm, sizeof rtm);

    if (result >= 0)
        result = receive(nl, &q);
    return finish_query(nl, &q, result, out);
}
