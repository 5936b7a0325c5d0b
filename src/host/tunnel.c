/* SPDX-License-Identifier: Apache-2.0 */
#include "host/tunnel.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* ---- the device ---- */

static adit_err open_queue(struct adit_tunnel *t, const struct adit_priv_req *req, struct adit_priv_res *res)
{
    struct adit_device *queue;

    if (adit_priv_do(t->priv, req, res) != ADIT_OK)
        return res->err;
    queue = adit_tun_device_new(&res->tun);
    if (!queue) {
        close(res->tun.fd);
        return ADIT_E_MEMORY;
    }
    t->queues[t->n_queues++] = queue;
    return ADIT_OK;
}

/* One queue is enough to work with: what cannot be had beyond that is not an error. */
static void open_more(struct adit_tunnel *t, struct adit_priv_req *req, unsigned n_queues)
{
    struct adit_priv_res res;

    snprintf(req->tun.name, sizeof req->tun.name, "%s", t->ifname);
    req->tun.is_further_queue = true;
    while (t->n_queues < n_queues && open_queue(t, req, &res) == ADIT_OK)
        continue;
}

/* Done now, since rights are given up soon. */
static void steer_queues(struct adit_tunnel *t)
{
    struct adit_priv_req req = {.kind = ADIT_PRIV_STEER_LOAD, .n_prefixes = ADIT_STEER_PREFIXES_MAX};
    struct adit_priv_res res;

    if (adit_priv_do(t->priv, &req, &res) == ADIT_OK)
        t->steer = adit_steer_new(&res.steer, t->queues[0]->ops->wait_fd(t->queues[0]), t->log, &res.fail);
    if (t->steer)
        adit_info(t->log, NULL, "eBPF gives each packet of %s to the worker of its client", t->ifname);
    else
        adit_info(t->log, NULL, "the kernel spreads the packets of %s over its queues by flow: %s", t->ifname,
                  res.fail.text);
}

adit_err adit_tunnel_open(struct adit_tunnel *t, const struct adit_conf *c,
                          const struct adit_host_offload *offload, unsigned n_queues, struct adit_priv *priv,
                          const struct adit_log *log)
{
    struct adit_priv_req req = {.kind = ADIT_PRIV_TUN_OPEN};
    struct adit_priv_res res;
    adit_err err;

    *t = (struct adit_tunnel){.priv = priv, .log = log, .is_null = c->dev_type == ADIT_DEV_NULL};
    if (t->is_null) {
        t->queues[0] = adit_null_device_new();
        t->n_queues = t->queues[0] != NULL;
        snprintf(t->ifname, sizeof t->ifname, "null");
        return t->n_queues > 0 ? ADIT_OK : ADIT_E_MEMORY;
    }
    snprintf(req.tun.name, sizeof req.tun.name, "%s", c->dev ? c->dev : "tun");
    snprintf(req.tun.node, sizeof req.tun.node, "%s", c->dev_node ? c->dev_node : "");
    req.tun.is_tap = c->dev_type == ADIT_DEV_TAP;
    req.tun.want_in_trains = !req.tun.is_tap && offload->tun_in;
    req.tun.want_out_trains = !req.tun.is_tap && offload->tun_out;
    req.tun.want_out_udp = req.tun.want_out_trains && offload->tun_out_udp;
    req.tun.want_queues = n_queues > 1;
    err = open_queue(t, &req, &res);
    if (err) {
        adit_error(log, NULL, "%s", err == ADIT_E_MEMORY ? adit_err_text(err) : res.fail.text);
        return err;
    }
    snprintf(t->ifname, sizeof t->ifname, "%s", res.tun.name);
    if (res.tun.has_queues)
        open_more(t, &req, n_queues < ADIT_TUNNEL_QUEUES_MAX ? n_queues : ADIT_TUNNEL_QUEUES_MAX);
    adit_note(log, NULL, "TUN/TAP device %s opened", t->ifname);
    if (t->n_queues > 1 && !req.tun.is_tap && c->steer == ADIT_STEER_AUTO)
        steer_queues(t);
    else if (t->n_queues < n_queues)
        adit_info(log, NULL, "%s has %u of %u queues: some workers get its packets from others", t->ifname,
                  t->n_queues, n_queues);
    return ADIT_OK;
}

void adit_tunnel_close(struct adit_tunnel *t)
{
    if (t->n_queues > 0 && !t->is_null)
        adit_note(t->log, NULL, "Closing TUN/TAP interface");
    adit_steer_free(t->steer);
    while (t->n_queues > 0) {
        struct adit_device *queue = t->queues[--t->n_queues];

        queue->ops->free(queue);
    }
    *t = (struct adit_tunnel){0};
}

/* ---- what it is to be ---- */

struct adit_tunnel_net adit_tunnel_net_of_conf(const struct adit_conf *c)
{
    return (struct adit_tunnel_net){
        .v4 = c->ifconfig,
        .v6 = c->ifconfig_ipv6,
        .topology = c->topology,
        .is_tap = c->dev_type == ADIT_DEV_TAP,
        .mtu = c->conn.tun_mtu,
        .txqueuelen = c->txqueuelen,
        .gateway = c->route_gateway,
        .gateway_v6 = c->route_gateway_ipv6,
        .routes = &c->routes,
        .routes_v6 = &c->routes_ipv6,
        .metric = c->route_metric,
        .redirect = c->redirect,
        .is_ifconfig_noexec = c->is_ifconfig_noexec,
        .is_route_noexec = c->is_route_noexec,
    };
}

struct adit_tunnel_net adit_tunnel_net_of_push(const struct adit_conf *c, const struct adit_pushed *p)
{
    return (struct adit_tunnel_net){
        .v4 = p->ifconfig,
        .v6 = p->ifconfig_ipv6,
        .topology = p->topology,
        .is_tap = c->dev_type == ADIT_DEV_TAP,
        .mtu = p->tun_mtu,
        .txqueuelen = c->txqueuelen,
        .gateway = p->route_gateway,
        .gateway_v6 = p->route_gateway_ipv6,
        .routes = &p->routes,
        .routes_v6 = &p->routes_ipv6,
        .metric = p->route_metric,
        .redirect = p->redirect,
        .is_ifconfig_noexec = p->is_ifconfig_noexec,
        .is_route_noexec = c->is_route_noexec,
    };
}

/* Does the second word of ifconfig mean a netmask? */
static bool has_netmask(const struct adit_tunnel_net *net)
{
    return net->is_tap || net->topology == ADIT_TOPOLOGY_SUBNET;
}

static struct adit_ip vpn_gateway(const struct adit_tunnel_net *net)
{
    if (net->gateway.family != ADIT_AF_NONE || !net->v4.is_set || has_netmask(net))
        return net->gateway;
    return net->v4.remote_or_mask;
}

/* ---- addresses ---- */

static adit_err set_link(struct adit_tunnel *t, const struct adit_tunnel_net *net)
{
    struct adit_priv_req req = {.kind = ADIT_PRIV_LINK_SET};
    struct adit_priv_res res;

    memcpy(req.link.ifname, t->ifname, sizeof req.link.ifname);
    req.link.want_up = true;
    req.link.mtu = net->mtu;
    req.link.txqueue = net->txqueuelen;
    if (adit_priv_do(t->priv, &req, &res) != ADIT_OK)
        adit_error(t->log, NULL, "%s", res.fail.text);
    return res.err;
}

static adit_err add_addr(struct adit_tunnel *t, const struct adit_prefix *local, const struct adit_ip *peer)
{
    struct adit_priv_req req = {.kind = ADIT_PRIV_ADDR_ADD};
    struct adit_priv_res res;
    char text[ADIT_IP_STR_MAX], other[ADIT_IP_STR_MAX];

    memcpy(req.addr.ifname, t->ifname, sizeof req.addr.ifname);
    req.addr.local = *local;
    req.addr.peer = *peer;
    if (adit_priv_do(t->priv, &req, &res) != ADIT_OK)
        adit_error(t->log, NULL, "%s", res.fail.text);
    else if (peer->family != ADIT_AF_NONE)
        adit_info(t->log, NULL, "net_addr_ptp_v%d_add: %s peer %s dev %s", local->ip.family,
                  adit_ip_str(&local->ip, text, sizeof text), adit_ip_str(peer, other, sizeof other),
                  t->ifname);
    else
        adit_info(t->log, NULL, "net_addr_v%d_add: %s/%u dev %s", local->ip.family,
                  adit_ip_str(&local->ip, text, sizeof text), local->bits, t->ifname);
    return res.err;
}

static adit_err set_v4(struct adit_tunnel *t, const struct adit_tunnel_net *net)
{
    struct adit_prefix local = {.ip = net->v4.local, .bits = 32};
    struct adit_ip peer = {.family = ADIT_AF_NONE};

    if (!net->v4.is_set)
        return ADIT_OK;
    if (!has_netmask(net))
        peer = net->v4.remote_or_mask;
    else if (!adit_netmask_bits(&net->v4.remote_or_mask, &local.bits)) {
        adit_error(t->log, NULL,
                   "ifconfig: the second word must be a netmask with topology subnet and with tap");
        return ADIT_E_CONFIG;
    }
    return add_addr(t, &local, &peer);
}

static adit_err set_v6(struct adit_tunnel *t, const struct adit_tunnel_net *net)
{
    struct adit_prefix local = {.ip = net->v6.local, .bits = net->v6.bits};
    struct adit_ip none = {.family = ADIT_AF_NONE};

    return net->v6.is_set ? add_addr(t, &local, &none) : ADIT_OK;
}

adit_err adit_tunnel_configure(struct adit_tunnel *t, const struct adit_tunnel_net *net)
{
    adit_err e;

    t->is_configured = true;
    if (t->is_null || net->is_ifconfig_noexec)
        return ADIT_OK;
    e = set_link(t, net);
    if (e == ADIT_OK)
        e = set_v4(t, net);
    if (e == ADIT_OK)
        e = set_v6(t, net);
    return e;
}

void adit_tunnel_unconfigure(struct adit_tunnel *t)
{
    if (t->is_configured && t->priv)
        adit_priv_undo_all(t->priv);
    t->is_configured = false;
}

/* ---- routes ---- */

static bool net_gateway(struct adit_tunnel *t, enum adit_family family, struct adit_priv_route *out)
{
    struct adit_priv_req req = {.kind = ADIT_PRIV_GATEWAY_GET};
    struct adit_priv_res res;

    req.route.dst.ip.family = (uint8_t)family;
    if (adit_priv_do(t->priv, &req, &res) != ADIT_OK)
        return false;
    *out = res.route;
    return true;
}

static bool add_route(struct adit_tunnel *t, const struct adit_priv_route *route)
{
    struct adit_priv_req req = {.kind = ADIT_PRIV_ROUTE_ADD, .route = *route};
    struct adit_priv_res res;
    char text[ADIT_IP_STR_MAX], via[ADIT_IP_STR_MAX];

    snprintf(via, sizeof via, "%s", route->dst.ip.family == ADIT_AF_V6 ? "::" : "0.0.0.0");
    if (route->gateway.family != ADIT_AF_NONE)
        adit_ip_str(&route->gateway, via, sizeof via);
    if (adit_priv_do(t->priv, &req, &res) != ADIT_OK) {
        adit_error(t->log, NULL, "%s", res.fail.text);
        return false;
    }
    if (res.is_existing)
        adit_warn(t->log, NULL, "%s", res.fail.text);
    else
        adit_info(t->log, NULL, "net_route_v%d_add: %s/%u via %s dev %s table 0 metric %lld",
                  route->dst.ip.family, adit_ip_str(&route->dst.ip, text, sizeof text), route->dst.bits, via,
                  route->ifname, (long long)route->metric);
    return true;
}

/* Through the tunnel: by its gateway if it has one, else straight into the device. */
static bool add_into_tunnel(struct adit_tunnel *t, struct adit_prefix dst, const struct adit_ip *gateway,
                            int64_t metric)
{
    struct adit_priv_route route = {.dst = adit_prefix_masked(dst), .metric = metric};

    memcpy(route.ifname, t->ifname, sizeof route.ifname);
    route.gateway = *gateway;
    return add_route(t, &route);
}

static bool add_via_net_gateway(struct adit_tunnel *t, struct adit_prefix dst, int64_t metric)
{
    struct adit_priv_route old, route = {.dst = adit_prefix_masked(dst), .metric = metric};
    char text[ADIT_IP_STR_MAX];

    if (!net_gateway(t, dst.ip.family, &old)) {
        adit_warn(t->log, NULL, "route to %s: this machine has no default gateway to send it by",
                  adit_ip_str(&dst.ip, text, sizeof text));
        return false;
    }
    route.gateway = old.gateway;
    memcpy(route.ifname, old.ifname, sizeof route.ifname);
    return add_route(t, &route);
}

static bool add_conf_route(struct adit_tunnel *t, const struct adit_tunnel_net *net,
                           const struct adit_conf_route *r, bool is_v6)
{
    int64_t metric = r->metric >= 0 ? r->metric : net->metric;
    struct adit_prefix dst = {.ip = r->net.ip, .bits = r->bits};
    struct adit_ip gateway = is_v6 ? (struct adit_ip){.family = ADIT_AF_NONE} : vpn_gateway(net);

    if (r->net.kind == ADIT_ROUTE_END_REMOTE_HOST)
        dst.ip = net->server;
    else if (r->net.kind == ADIT_ROUTE_END_VPN_GATEWAY)
        dst.ip = gateway;
    if (dst.ip.family == ADIT_AF_NONE) {
        adit_error(t->log, NULL, "route: '%s' stands for no address here", r->net.name ? r->net.name : "");
        return false;
    }
    if (r->gateway.kind == ADIT_ROUTE_END_NET_GATEWAY)
        return add_via_net_gateway(t, dst, metric);
    if (r->gateway.kind == ADIT_ROUTE_END_IP)
        gateway = r->gateway.ip;
    else if (r->gateway.kind == ADIT_ROUTE_END_REMOTE_HOST)
        gateway = net->server;
    if (!is_v6 && gateway.family == ADIT_AF_NONE && has_netmask(net)) {
        char text[ADIT_IP_STR_MAX];

        adit_error(t->log, NULL, "route %s: no gateway; give one in the route, or route-gateway",
                   adit_ip_str(&dst.ip, text, sizeof text));
        return false;
    }
    return add_into_tunnel(t, dst, &gateway, metric);
}

/* ---- redirect-gateway ---- */

struct half {
    const char *net;
    uint8_t bits;
};

static const struct half v4_halves[] = {{"0.0.0.0", 1}, {"128.0.0.0", 1}};
static const struct half v4_all[] = {{"0.0.0.0", 0}};
static const struct half v6_parts[] = {{"::", 3}, {"2000::", 4}, {"3000::", 4}, {"fc00::", 7}};

static unsigned add_parts(struct adit_tunnel *t, const struct half *parts, size_t n,
                          const struct adit_ip *gateway)
{
    unsigned n_failed = 0;

    for (size_t i = 0; i < n; i++) {
        struct adit_prefix dst = {.bits = parts[i].bits};

        if (adit_ip_parse(parts[i].net, &dst.ip) != ADIT_OK || !add_into_tunnel(t, dst, gateway, -1))
            n_failed++;
    }
    return n_failed;
}

/* The way to the server itself must not go into the tunnel; a server on this link needs no route (autolocal).
 */
static bool keep_way_to_server(struct adit_tunnel *t, const struct adit_tunnel_net *net)
{
    struct adit_prefix host = {.ip = net->server, .bits = net->server.family == ADIT_AF_V6 ? 128 : 32};
    struct adit_priv_req req = {.kind = ADIT_PRIV_ROUTE_GET};
    struct adit_priv_res res;

    if (net->redirect & ADIT_REDIRECT_LOCAL || net->server.family == ADIT_AF_NONE)
        return true;
    req.route.dst = host;
    if (adit_priv_do(t->priv, &req, &res) != ADIT_OK)
        return true;
    if (res.route.is_local ||
        (res.route.gateway.family == ADIT_AF_NONE && net->redirect & ADIT_REDIRECT_AUTOLOCAL))
        return true;
    req.kind = ADIT_PRIV_ROUTE_ADD;
    req.route = (struct adit_priv_route){.dst = host, .gateway = res.route.gateway, .metric = -1};
    memcpy(req.route.ifname, res.route.ifname, sizeof req.route.ifname);
    return add_route(t, &req.route);
}

static bool drop_default(struct adit_tunnel *t)
{
    struct adit_priv_req req = {.kind = ADIT_PRIV_ROUTE_DEL};
    struct adit_priv_res res;
    struct adit_priv_route old;

    if (!net_gateway(t, ADIT_AF_V4, &old))
        return true;
    req.route = old;
    if (adit_priv_do(t->priv, &req, &res) != ADIT_OK)
        adit_error(t->log, NULL, "redirect-gateway: %s", res.fail.text);
    return res.err == ADIT_OK;
}

static unsigned redirect(struct adit_tunnel *t, const struct adit_tunnel_net *net)
{
    struct adit_ip gateway = vpn_gateway(net), none = {.family = ADIT_AF_NONE};
    bool is_def1 = net->redirect & ADIT_REDIRECT_DEF1;
    unsigned n_failed = 0;

    if (!(net->redirect & ADIT_REDIRECT_ON))
        return 0;
    if (!keep_way_to_server(t, net)) {
        adit_error(t->log, NULL,
                   "redirect-gateway: the way to the server could not be kept, so nothing is redirected");
        return 1;
    }
    if (!(net->redirect & ADIT_REDIRECT_GATEWAY))
        return 0;
    if (!(net->redirect & ADIT_REDIRECT_NO_IPV4)) {
        if (gateway.family == ADIT_AF_NONE) {
            adit_error(t->log, NULL,
                       "redirect-gateway: no gateway inside the tunnel is known (route-gateway, ifconfig)");
            n_failed++;
        } else if (is_def1) {
            n_failed += add_parts(t, v4_halves, 2, &gateway);
        } else if (drop_default(t)) {
            n_failed += add_parts(t, v4_all, 1, &gateway);
        }
    }
    if (net->redirect & ADIT_REDIRECT_IPV6)
        n_failed += add_parts(t, v6_parts, 4, &none);
    if (net->redirect & ADIT_REDIRECT_BLOCK_LOCAL)
        adit_warn(
            t->log, NULL,
            "redirect-gateway block-local is known, not supported yet: the local network stays reachable");
    return n_failed;
}

void adit_tunnel_route(struct adit_tunnel *t, const struct adit_tunnel_net *net, unsigned *n_failed)
{
    *n_failed = 0;
    if (t->is_null || net->is_route_noexec)
        return;
    for (size_t i = 0; i < net->routes->n; i++)
        *n_failed += !add_conf_route(t, net, &net->routes->v[i], false);
    for (size_t i = 0; i < net->routes_v6->n; i++)
        *n_failed += !add_conf_route(t, net, &net->routes_v6->v[i], true);
    *n_failed += redirect(t, net);
}
