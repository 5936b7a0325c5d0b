/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Helper directives become the options that they stand for, as openvpn does it, and defaults that depend on
 * other options are settled. Afterwards every field says what holds. Clients get `push` lines first, then
 * those of server-ipv6, server, keepalive and tcp-nodelay, in this order (as seen on the wire).
 *
 * A server's topology is subnet unless the configuration says otherwise, as in OpenVPN 2.7 (2.6: net30).
 */
#include <string.h>

#include "conf/fill.h"

enum {
    PRE_PULL_PING_RESTART_S = 120, /* until the server pushes its own */
    POOL_MAX_NET_BITS = 16,        /* openvpn's pools have 65536 addresses at most */
};

#define DEFAULT_PORT "1194"

/* A line that a helper directive stands for, for adit_conf_print(). */
#define SAY(f, name, ...) adit_fill_line((f), adit_opt_find(name), adit_arena_format((f)->a, __VA_ARGS__))

static void push(struct adit_fill *f, const char *option)
{
    if (!option)
        return;
    adit_strs_add(f->a, &f->c->push, option);
    SAY(f, "push", "push \"%s\"", option);
}

static bool begins(const char *s, const char *prefix)
{
    return strncmp(s, prefix, strlen(prefix)) == 0;
}

/* The type is told by dev-type, else by how the name begins. */
static void settle_device(struct adit_fill *f)
{
    struct adit_conf *c = f->c;
    const struct adit_place *p = adit_fill_given(f, "dev");

    if (c->dev && begins(c->dev, "null"))
        c->dev_type = ADIT_DEV_NULL;
    if (!c->dev || adit_fill_given(f, "dev-type") || c->dev_type == ADIT_DEV_NULL)
        return;
    if (begins(c->dev, "tap"))
        c->dev_type = ADIT_DEV_TAP;
    else if (!begins(c->dev, "tun") && p) {
        f->at = *p;
        adit_fill_error(f, "dev-type",
                        "the name `%s` does not tell what device it is; add dev-type tun or dev-type tap",
                        c->dev);
    }
}

static void settle_role(struct adit_fill *f)
{
    struct adit_conf *c = f->c;

    if (adit_fill_given(f, "server") || adit_fill_given(f, "server-ipv6")) {
        c->mode = ADIT_MODE_SERVER;
        c->is_tls_server = true;
        SAY(f, "mode", "mode server");
        SAY(f, "tls-server", "tls-server");
    }
    if (adit_fill_given(f, "client")) {
        SAY(f, "pull", "pull");
        SAY(f, "tls-client", "tls-client");
    }
    if (c->topology == ADIT_TOPOLOGY_UNSET)
        c->topology = c->mode == ADIT_MODE_SERVER ? ADIT_TOPOLOGY_SUBNET : ADIT_TOPOLOGY_NET30;
}

/* ---- server ---- */

static const char *v4_str(struct adit_fill *f, const struct adit_ip *ip)
{
    char text[ADIT_IP_STR_MAX];
    const char *copy = adit_arena_str(f->a, adit_ip_str(ip, text, sizeof text));

    return copy ? copy : "";
}

static void set_pool(struct adit_fill *f, uint32_t first, uint32_t last, const struct adit_ip *mask)
{
    struct adit_conf *c = f->c;

    c->pool_mask = *mask;
    if (f->is_nopool)
        return;
    c->has_pool = true;
    c->pool_start = adit_ip_v4(first);
    c->pool_end = adit_ip_v4(last);
    SAY(f, "ifconfig-pool", "ifconfig-pool %s %s%s%s", v4_str(f, &c->pool_start), v4_str(f, &c->pool_end),
        mask->family ? " " : "", mask->family ? v4_str(f, mask) : "");
}

/* Every client has a link of its own to the server, whose end is the network's first pair of addresses. */
static void expand_server_p2p(struct adit_fill *f, uint32_t net, uint32_t last, uint8_t bits)
{
    struct adit_conf *c = f->c;
    struct adit_conf_route own = {
        .net = {.kind = ADIT_ROUTE_END_IP, .ip = c->server_net}, .bits = bits, .metric = -1};
    const struct adit_ip no_mask = {0};
    struct adit_conf_route *v;

    c->ifconfig = (struct adit_ifconfig){
        .is_set = true, .local = adit_ip_v4(net + 1), .remote_or_mask = adit_ip_v4(net + 2)};
    set_pool(f, net + 4, bits < 29 ? last - 4 : last, &no_mask);
    v = adit_arena_grow(f->a, c->routes.v, c->routes.n, sizeof *v);
    if (v) {
        own.net.name = v4_str(f, &c->server_net);
        c->routes.v = v;
        c->routes.v[c->routes.n++] = own;
        SAY(f, "route", "route %s %s", own.net.name, v4_str(f, &c->server_mask));
    }
    if (c->is_client_to_client)
        push(f,
             adit_arena_format(f->a, "route %s %s", v4_str(f, &c->server_net), v4_str(f, &c->server_mask)));
    else if (c->topology == ADIT_TOPOLOGY_NET30)
        push(f, adit_arena_format(f->a, "route %s", v4_str(f, &c->ifconfig.local)));
}

/* All clients are in one network with the server. */
static void expand_server_subnet(struct adit_fill *f, uint32_t net, uint32_t last)
{
    struct adit_conf *c = f->c;

    c->ifconfig = (struct adit_ifconfig){
        .is_set = true, .local = adit_ip_v4(net + 1), .remote_or_mask = c->server_mask};
    set_pool(f, net + 2, last - 1, &c->server_mask);
    push(f, adit_arena_format(f->a, "route-gateway %s", v4_str(f, &c->ifconfig.local)));
    if (c->dev_type == ADIT_DEV_TUN && c->route_gateway.family == ADIT_AF_NONE && !c->is_route_gateway_dhcp) {
        c->route_gateway = adit_ip_v4(net + 2);
        SAY(f, "route-gateway", "route-gateway %s", v4_str(f, &c->route_gateway));
    }
}

static void expand_server(struct adit_fill *f)
{
    static const char *const names[] = {"net30", "p2p", "subnet"};
    const struct adit_place *p = adit_fill_given(f, "server");
    struct adit_conf *c = f->c;
    bool is_tun = c->dev_type == ADIT_DEV_TUN;
    uint8_t bits = 0;
    uint32_t net, last;

    if (!p)
        return;
    f->at = *p;
    if (!adit_netmask_bits(&c->server_mask, &bits) || bits > (is_tun ? 29 : 30) ||
        (bits < POOL_MAX_NET_BITS && !f->is_nopool) || bits == 0) {
        adit_fill_error(f, "server-netmask", "`server`: the netmask must be between 255.255.0.0 (/16) and %s",
                        is_tun ? "255.255.255.248 (/29)" : "255.255.255.252 (/30)");
        return;
    }
    net = adit_ip_v4_host(&c->server_net);
    last = net | (uint32_t)(0xffffffffULL >> bits);
    if (is_tun && c->topology != ADIT_TOPOLOGY_SUBNET)
        expand_server_p2p(f, net, last, bits);
    else
        expand_server_subnet(f, net, last);
    SAY(f, "ifconfig", "ifconfig %s %s", v4_str(f, &c->ifconfig.local),
        v4_str(f, &c->ifconfig.remote_or_mask));
    if (is_tun)
        push(f, adit_arena_format(f->a, "topology %s", names[c->topology]));
}

static void expand_server_ipv6(struct adit_fill *f)
{
    struct adit_conf *c = f->c;
    struct adit_prefix net = c->server_ipv6;
    char local[ADIT_IP_STR_MAX], remote[ADIT_IP_STR_MAX], pool[ADIT_IP_STR_MAX];

    if (!adit_fill_given(f, "server-ipv6"))
        return;
    c->ifconfig_ipv6 = (struct adit_ifconfig){.is_set = true,
                                              .local = adit_ip_add(net.ip, 1),
                                              .remote_or_mask = adit_ip_add(net.ip, 2),
                                              .bits = net.bits};
    c->pool_ipv6 =
        (struct adit_prefix){.ip = adit_ip_add(net.ip, net.bits < 112 ? 0x1000 : 2), .bits = net.bits};
    SAY(f, "ifconfig-ipv6", "ifconfig-ipv6 %s/%u %s",
        adit_ip_str(&c->ifconfig_ipv6.local, local, sizeof local), net.bits,
        adit_ip_str(&c->ifconfig_ipv6.remote_or_mask, remote, sizeof remote));
    SAY(f, "ifconfig-ipv6-pool", "ifconfig-ipv6-pool %s/%u", adit_ip_str(&c->pool_ipv6.ip, pool, sizeof pool),
        net.bits);
    push(f, "tun-ipv6");
}

/* The server waits twice as long as its clients, so that they notice first. */
static void expand_keepalive(struct adit_fill *f)
{
    struct adit_conf *c = f->c;

    if (f->keepalive_s > 0) {
        c->ping_s = f->keepalive_s;
        c->ping_exit_s = 0;
        c->ping_restart_s = f->keepalive_timeout_s;
        if (c->mode == ADIT_MODE_SERVER) {
            c->ping_restart_s *= 2;
            push(f, adit_arena_format(f->a, "ping %u", f->keepalive_s));
            push(f, adit_arena_format(f->a, "ping-restart %u", f->keepalive_timeout_s));
        }
        SAY(f, "ping", "ping %u", c->ping_s);
        SAY(f, "ping-restart", "ping-restart %u", c->ping_restart_s);
    } else if (c->want_pull && !adit_fill_given(f, "ping-restart") && !adit_fill_given(f, "ping-exit"))
        c->ping_restart_s = PRE_PULL_PING_RESTART_S;
}

void adit_conf_expand(struct adit_fill *f)
{
    settle_device(f);
    settle_role(f);
    expand_server_ipv6(f);
    expand_server(f);
    expand_keepalive(f);
    if (f->c->mode == ADIT_MODE_SERVER && adit_fill_given(f, "tcp-nodelay"))
        push(f, "socket-flags TCP_NODELAY");
    f->at = (struct adit_place){0};
}

/* ---- connections ---- */

static void settle_proto(struct adit_fill *f, struct adit_conf_conn *conn)
{
    if (conn->proto != ADIT_PROTO_TCP)
        return;
    if (f->c->mode == ADIT_MODE_SERVER)
        conn->proto = ADIT_PROTO_TCP_SERVER;
    else if (conn->remote && !f->c->is_tls_server)
        conn->proto = ADIT_PROTO_TCP_CLIENT;
    else {
        if (adit_fill_given(f, "proto"))
            f->at = *adit_fill_given(f, "proto");
        adit_fill_error(f, "proto-tcp",
                        "`proto tcp` does not tell who calls; write tcp-client or tcp-server");
        conn->proto = f->c->is_tls_server ? ADIT_PROTO_TCP_SERVER : ADIT_PROTO_TCP_CLIENT;
    }
}

static void settle_binding(const struct adit_fill *f, struct adit_conf_conn *conn)
{
    bool is_asked = conn->is_bind_given || conn->is_lport_given || conn->local;

    conn->is_bound =
        !conn->is_nobind_given && (is_asked || (!f->c->want_pull && conn->proto != ADIT_PROTO_TCP_CLIENT));
    if (!conn->is_bound)
        conn->lport = NULL;
    else if (!conn->lport)
        conn->lport = DEFAULT_PORT;
    if (!conn->rport)
        conn->rport = DEFAULT_PORT;
}

static void settle_mssfix(struct adit_conf_conn *conn)
{
    if (conn->is_mssfix_given)
        return;
    conn->mss_kind = conn->tun_mtu == 1500 ? ADIT_MSS_MTU : ADIT_MSS_FIXED;
    conn->mss = conn->tun_mtu == 1500 ? 1492 : conn->tun_mtu;
}

static void settle_conn(struct adit_fill *f, struct adit_conf_conn *conn)
{
    settle_proto(f, conn);
    settle_binding(f, conn);
    settle_mssfix(conn);
    /* What this end was told to use it also takes from a push. */
    if (conn->tun_mtu_max < conn->tun_mtu)
        conn->tun_mtu_max = conn->tun_mtu;
}

static void add_conn(struct adit_fill *f, const struct adit_conf_conn *conn)
{
    struct adit_conf_conn *v = adit_arena_grow(f->a, f->c->conns, f->c->n_conns, sizeof *v);

    if (!v)
        return;
    f->c->conns = v;
    f->c->conns[f->c->n_conns++] = *conn;
}

/* With <connection> blocks openvpn looks at no `remote` outside of them. */
static void list_connections(struct adit_fill *f)
{
    if (f->c->n_conns > 0) {
        if (f->n_remotes > 0) {
            f->at = *adit_fill_given(f, "remote");
            adit_fill_warn(f, "connection-remote",
                           "`remote` outside of <connection> has no effect beside such blocks");
        }
        return;
    }
    for (size_t i = 0; i < f->n_remotes; i++) {
        const struct adit_conf_remote *r = &f->remotes[i];
        struct adit_conf_conn conn = f->c->conn;

        conn.remote = r->host;
        conn.rport = r->port ? r->port : conn.rport;
        conn.proto = r->has_proto ? r->proto : conn.proto;
        conn.family = r->has_proto ? r->family : conn.family;
        add_conn(f, &conn);
    }
    if (f->c->n_conns == 0)
        add_conn(f, &f->c->conn);
}

static void keep_forced_proto(struct adit_fill *f)
{
    struct adit_conf *c = f->c;
    bool want_udp = c->proto_force && strcmp(c->proto_force, "udp") == 0;
    size_t n = 0;

    if (!c->proto_force)
        return;
    for (size_t i = 0; i < c->n_conns; i++)
        if ((c->conns[i].proto == ADIT_PROTO_UDP) == want_udp)
            c->conns[n++] = c->conns[i];
    c->n_conns = n;
    if (n > 0)
        return;
    f->at = *adit_fill_given(f, "proto-force");
    adit_fill_error(f, "proto-force", "no remote uses %s, as proto-force asks", c->proto_force);
}

void adit_conf_resolve(struct adit_fill *f)
{
    list_connections(f);
    for (size_t i = 0; i < f->c->n_conns; i++)
        settle_conn(f, &f->c->conns[i]);
    if (f->n_remotes == 0 && f->c->n_conns == 1 && !f->c->conns[0].remote)
        f->c->conn = f->c->conns[0];
    else if (f->c->conn.proto != ADIT_PROTO_TCP)
        settle_conn(f, &f->c->conn);
    else {
        f->c->conn.proto = ADIT_PROTO_TCP_CLIENT;
        settle_conn(f, &f->c->conn);
    }
    keep_forced_proto(f);
    f->at = (struct adit_place){0};
}
