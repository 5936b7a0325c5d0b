/* SPDX-License-Identifier: Apache-2.0 */
/* Setters of addresses, routes, DNS and a server's pools. */
#include <string.h>

#include "conf/set.h"

bool adit_set_ifconfig(struct adit_fill *f, const struct adit_words *w)
{
    struct adit_ifconfig i = {.is_set = true};

    if (!adit_fill_v4(f, w->v[1], &i.local) || !adit_fill_v4(f, w->v[2], &i.remote_or_mask))
        return false;
    f->c->ifconfig = i;
    return true;
}

bool adit_set_ifconfig_ipv6(struct adit_fill *f, const struct adit_words *w)
{
    struct adit_ifconfig i = {.is_set = true};
    struct adit_prefix p;

    if (!adit_fill_prefix6(f, w->v[1], &p) || !adit_fill_v6(f, w->v[2], &i.remote_or_mask))
        return false;
    if (p.bits < 64 || p.bits > 124)
        return adit_fill_error(f, "number", "`ifconfig-ipv6`: /%u is not between /64 and /124", p.bits);
    i.local = p.ip;
    i.bits = p.bits;
    f->c->ifconfig_ipv6 = i;
    return true;
}

/* ---- routes ---- */

/*
 * A name is what host names are made of; whether it exists is found out later. Digits and dots alone are an
 * address with a slip in it.
 */
static bool is_host_name(const char *s)
{
    size_t n = strlen(s);

    return n > 0 && n < 256 && strspn(s, "0123456789.") < n &&
           strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") == n;
}

/* As openvpn: what a server pushes is looked up only where allow-pull-fqdn trusts it that far. */
static bool is_name_allowed(const struct adit_fill *f, const char *text)
{
    return is_host_name(text) && (!f->pushed || f->c->can_pull_names);
}

static bool read_end(struct adit_fill *f, const char *text, enum adit_family family,
                     struct adit_route_end *out)
{
    *out = (struct adit_route_end){.name = text};
    if (strcmp(text, "default") == 0)
        out->kind = ADIT_ROUTE_END_DEFAULT;
    else if (strcmp(text, "vpn_gateway") == 0)
        out->kind = ADIT_ROUTE_END_VPN_GATEWAY;
    else if (strcmp(text, "net_gateway") == 0)
        out->kind = ADIT_ROUTE_END_NET_GATEWAY;
    else if (strcmp(text, "remote_host") == 0)
        out->kind = ADIT_ROUTE_END_REMOTE_HOST;
    else if (adit_ip_parse(text, &out->ip) == ADIT_OK && out->ip.family == family)
        out->kind = ADIT_ROUTE_END_IP;
    else if (family == ADIT_AF_V4 && is_name_allowed(f, text))
        out->kind = ADIT_ROUTE_END_NAME;
    else if (family == ADIT_AF_V4 && is_host_name(text))
        return adit_fill_error(f, "address",
                               "`%s`: `%s` is a host's name; allow-pull-fqdn here would let it be looked up",
                               f->row->name, text);
    else
        return adit_fill_error(f, "address", "`%s`: `%s` is no address that a route can have", f->row->name,
                               text);
    return true;
}

static bool read_metric(struct adit_fill *f, const char *text, int *out)
{
    uint64_t v;

    if (strcmp(text, "default") == 0)
        return true;
    if (!adit_fill_num(f, text, 0, INT32_MAX, &v))
        return false;
    *out = (int)v;
    return true;
}

static bool read_netmask(struct adit_fill *f, const char *text, uint8_t *bits)
{
    struct adit_ip mask;

    if (strcmp(text, "default") == 0)
        return true;
    if (!adit_fill_v4(f, text, &mask))
        return false;
    if (!adit_netmask_bits(&mask, bits))
        return adit_fill_error(f, "netmask", "`%s`: `%s` is no netmask; write it as 255.255.255.0",
                               f->row->name, text);
    return true;
}

static bool add_route(struct adit_fill *f, struct adit_conf_routes *l, const struct adit_conf_route *r)
{
    struct adit_conf_route *v = adit_arena_grow(f->a, l->v, l->n, sizeof *v);

    if (!v)
        return true; /* the arena remembers */
    l->v = v;
    l->v[l->n++] = *r;
    return true;
}

bool adit_set_route(struct adit_fill *f, const struct adit_words *w)
{
    struct adit_conf_route r = {.bits = 32, .metric = -1, .at = f->at};
    struct adit_prefix p;

    if (!read_end(f, w->v[1], ADIT_AF_V4, &r.net))
        return false;
    if (r.net.kind == ADIT_ROUTE_END_DEFAULT)
        return adit_fill_error(f, "address",
                               "`route` needs a network; write 0.0.0.0 0.0.0.0 for the default route");
    if (w->n > 2 && !read_netmask(f, w->v[2], &r.bits))
        return false;
    if (w->n > 3 && !read_end(f, w->v[3], ADIT_AF_V4, &r.gateway))
        return false;
    if (w->n > 4 && !read_metric(f, w->v[4], &r.metric))
        return false;
    p = (struct adit_prefix){.ip = r.net.ip, .bits = r.bits};
    if (r.net.kind == ADIT_ROUTE_END_IP) {
        struct adit_prefix masked = adit_prefix_masked(p);

        if (!adit_ip_eq(&masked.ip, &p.ip))
            adit_fill_warn(f, "route-host-bits",
                           "`route %s`: the address has bits outside of its netmask; they are cleared",
                           w->v[1]);
        r.net.ip = masked.ip;
    }
    return add_route(f, &f->c->routes, &r);
}

/* NAME/BITS, read as ::/BITS with a name. False: it is not of that kind. */
static bool read_name6(struct adit_fill *f, const char *text, struct adit_route_end *net,
                       struct adit_prefix *p)
{
    const char *slash = strchr(text, '/');
    const char *name, *unnamed;

    if (!slash)
        return false;
    name = adit_arena_format(f->a, "%.*s", (int)(slash - text), text);
    unnamed = adit_arena_format(f->a, "::%s", slash);
    if (!name || !unnamed || !is_name_allowed(f, name) || adit_prefix_parse(unnamed, p) != ADIT_OK)
        return false;
    *net = (struct adit_route_end){.kind = ADIT_ROUTE_END_NAME, .name = name};
    return true;
}

static bool read_net6(struct adit_fill *f, const char *text, struct adit_conf_route *r)
{
    struct adit_prefix p;

    if (!read_name6(f, text, &r->net, &p)) {
        if (!adit_fill_prefix6(f, text, &p))
            return false;
        r->net =
            (struct adit_route_end){.kind = ADIT_ROUTE_END_IP, .ip = adit_prefix_masked(p).ip, .name = text};
    }
    r->bits = p.bits;
    return true;
}

bool adit_set_route_ipv6(struct adit_fill *f, const struct adit_words *w)
{
    struct adit_conf_route r = {.metric = -1, .at = f->at};

    if (!read_net6(f, w->v[1], &r))
        return false;
    if (w->n > 2 && !read_end(f, w->v[2], ADIT_AF_V6, &r.gateway))
        return false;
    if (w->n > 3 && !read_metric(f, w->v[3], &r.metric))
        return false;
    return add_route(f, &f->c->routes_ipv6, &r);
}

bool adit_set_route_gateway(struct adit_fill *f, const struct adit_words *w)
{
    if (strcmp(w->v[1], "dhcp") == 0) {
        f->c->is_route_gateway_dhcp = true;
        return true;
    }
    if (!adit_fill_v4(f, w->v[1], &f->c->route_gateway))
        return false;
    f->c->is_route_gateway_dhcp = false;
    return true;
}

bool adit_set_route_ipv6_gateway(struct adit_fill *f, const struct adit_words *w)
{
    return adit_fill_v6(f, w->v[1], &f->c->route_gateway_ipv6);
}

bool adit_set_route_metric(struct adit_fill *f, const struct adit_words *w)
{
    return read_metric(f, w->v[1], &f->c->route_metric);
}

bool adit_set_route_delay(struct adit_fill *f, const struct adit_words *w)
{
    uint32_t delay = 0, window = f->c->route_delay_window_s;

    if (w->n > 1 && !adit_fill_num32(f, w->v[1], 0, 86400, &delay))
        return false;
    if (w->n > 2 && !adit_fill_num32(f, w->v[2], 0, 86400, &window))
        return false;
    f->c->has_route_delay = true;
    f->c->route_delay_s = delay;
    f->c->route_delay_window_s = window;
    return true;
}

static bool add_redirect(struct adit_fill *f, const struct adit_words *w, uint32_t flags)
{
    static const struct adit_opt_word words[] = {
        {"local", ADIT_REDIRECT_LOCAL},
        {"autolocal", ADIT_REDIRECT_AUTOLOCAL},
        {"def1", ADIT_REDIRECT_DEF1},
        {"bypass-dhcp", ADIT_REDIRECT_BYPASS_DHCP},
        {"bypass-dns", ADIT_REDIRECT_BYPASS_DNS},
        {"block-local", ADIT_REDIRECT_BLOCK_LOCAL},
        {"ipv6", ADIT_REDIRECT_IPV6},
        {"!ipv4", ADIT_REDIRECT_NO_IPV4},
        {0},
    };

    for (size_t i = 1; i < w->n; i++) {
        const struct adit_opt_word *p = words;

        while (p->name && strcmp(p->name, w->v[i]) != 0)
            p++;
        if (!p->name)
            return adit_fill_error(f, "value", "`%s`: `%s` is none of %s", f->row->name, w->v[i],
                                   "local autolocal def1 bypass-dhcp bypass-dns block-local ipv6 !ipv4");
        flags |= (uint32_t)p->value;
    }
    f->c->redirect |= flags;
    return true;
}

bool adit_set_redirect_gateway(struct adit_fill *f, const struct adit_words *w)
{
    return add_redirect(f, w, ADIT_REDIRECT_ON | ADIT_REDIRECT_GATEWAY);
}

bool adit_set_redirect_private(struct adit_fill *f, const struct adit_words *w)
{
    return add_redirect(f, w, ADIT_REDIRECT_ON);
}

/* ---- DNS ---- */

static bool is_dhcp_type(const char *type)
{
    static const char *const types[] = {"DNS",
                                        "DNS6",
                                        "DOMAIN",
                                        "ADAPTER_DOMAIN_SUFFIX",
                                        "DOMAIN-SEARCH",
                                        "WINS",
                                        "NBDD",
                                        "NTP",
                                        "NBT",
                                        "NBS",
                                        "DISABLE-NBT",
                                        "PROXY_HTTP",
                                        "PROXY_HTTPS",
                                        "PROXY_BYPASS",
                                        "PROXY_AUTO_CONFIG_URL"};

    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (strcmp(types[i], type) == 0)
            return true;
    return false;
}

/* Unknown types travel on to scripts, as in openvpn; addresses that are none do not. */
bool adit_set_dhcp_option(struct adit_fill *f, const struct adit_words *w)
{
    struct adit_ip ip;

    if (!is_dhcp_type(w->v[1]))
        adit_fill_note(f, "dhcp-option", "`dhcp-option %s` is of an unknown type", w->v[1]);
    else if (w->n < 3 && strcmp(w->v[1], "DISABLE-NBT") != 0)
        return adit_fill_error(f, "words", "`dhcp-option %s` needs a value", w->v[1]);
    else if (strcmp(w->v[1], "DNS6") == 0 && !adit_fill_v6(f, w->v[2], &ip))
        return false;
    else if (strcmp(w->v[1], "DNS") == 0 && adit_ip_parse(w->v[2], &ip))
        return adit_fill_error(f, "address", "`dhcp-option DNS`: `%s` is no address", w->v[2]);
    adit_strs_add(f->a, &f->c->dns_lines, adit_words_line(f->a, w, 0));
    return true;
}

static bool is_one_of(const char *s, const char *a, const char *b, const char *c)
{
    return strcmp(s, a) == 0 || strcmp(s, b) == 0 || strcmp(s, c) == 0;
}

/* ADDR, ADDR:PORT, [ADDR6]:PORT or ADDR6. */
static bool is_dns_address(const char *text)
{
    struct adit_ip ip;
    char host[ADIT_IP_STR_MAX];
    const char *start = *text == '[' ? text + 1 : text;
    const char *end = *text == '[' ? strchr(text, ']') : strchr(text, ':');

    if (adit_ip_parse(text, &ip) == ADIT_OK)
        return true;
    if (!end || (size_t)(end - start) >= sizeof host)
        return false;
    memcpy(host, start, (size_t)(end - start));
    host[end - start] = 0;
    if (adit_ip_parse(host, &ip) || (*text == '[') != (ip.family == ADIT_AF_V6))
        return false;
    end += *text == '[';
    return *end == 0 || (*end == ':' && end[1] != 0 && strlen(end + 1) <= 5 &&
                         strspn(end + 1, "0123456789") == strlen(end + 1));
}

static bool check_dns_server(struct adit_fill *f, const struct adit_words *w)
{
    const char *what = w->v[3];
    const char *n = w->v[2];
    uint64_t priority;

    if (*n == '-' && !f->pushed)
        n++;
    if (!adit_fill_num(f, n, 0, n == w->v[2] ? 127 : 128, &priority))
        return false;
    if (strcmp(what, "address") == 0) {
        for (size_t i = 4; i < w->n; i++)
            if (!is_dns_address(w->v[i]))
                return adit_fill_error(f, "address", "`dns server`: `%s` is no address", w->v[i]);
        return true;
    }
    if (strcmp(what, "resolve-domains") == 0)
        return true;
    if (w->n == 5 && strcmp(what, "sni") == 0)
        return true;
    if (w->n == 5 && strcmp(what, "dnssec") == 0 && is_one_of(w->v[4], "yes", "no", "optional"))
        return true;
    if (w->n == 5 && strcmp(what, "transport") == 0 && is_one_of(w->v[4], "plain", "DoT", "DoH"))
        return true;
    return adit_fill_error(f, "value", "`dns server N %s` is not understood; see --help", what);
}

bool adit_set_dns(struct adit_fill *f, const struct adit_words *w)
{
    bool is_search = w->n >= 3 && strcmp(w->v[1], "search-domains") == 0;
    bool is_server = w->n >= 5 && strcmp(w->v[1], "server") == 0;

    if (!is_search && !is_server)
        return adit_fill_error(f, "words",
                               "write `dns search-domains DOMAIN...` or `dns server N address ADDR...`");
    if (is_server && !check_dns_server(f, w))
        return false;
    adit_strs_add(f->a, &f->c->dns_lines, adit_words_line(f->a, w, 0));
    return true;
}

/* ---- a server's addresses ---- */

bool adit_set_server(struct adit_fill *f, const struct adit_words *w)
{
    struct adit_ip net, mask;
    struct adit_prefix p;

    if (!adit_fill_v4(f, w->v[1], &net) || !adit_fill_v4(f, w->v[2], &mask))
        return false;
    p.ip = net;
    if (!adit_netmask_bits(&mask, &p.bits))
        return adit_fill_error(f, "netmask", "`server`: `%s` is no netmask; write it as 255.255.255.0",
                               w->v[2]);
    p = adit_prefix_masked(p);
    if (!adit_ip_eq(&p.ip, &net))
        return adit_fill_error(
            f, "netmask", "`server`: %s has bits outside of netmask %s; write the network's first address",
            w->v[1], w->v[2]);
    if (w->n > 3 && strcmp(w->v[3], "nopool") != 0)
        return adit_fill_error(f, "value", "`server`: the third word can only be nopool, not `%s`", w->v[3]);
    f->c->server_net = net;
    f->c->server_mask = mask;
    f->is_nopool = w->n > 3;
    return true;
}

bool adit_set_server_ipv6(struct adit_fill *f, const struct adit_words *w)
{
    struct adit_prefix p;

    if (!adit_fill_prefix6(f, w->v[1], &p))
        return false;
    if (p.bits < 64 || p.bits > 124)
        return adit_fill_error(f, "number",
                               "`server-ipv6`: the network must be between /64 and /124, not /%u", p.bits);
    f->c->server_ipv6 = p;
    return true;
}

bool adit_set_ifconfig_pool(struct adit_fill *f, const struct adit_words *w)
{
    struct adit_ip start, end, mask = {0};
    uint8_t bits;

    if (!adit_fill_v4(f, w->v[1], &start) || !adit_fill_v4(f, w->v[2], &end))
        return false;
    if (w->n > 3 && !adit_fill_v4(f, w->v[3], &mask))
        return false;
    if (w->n > 3 && !adit_netmask_bits(&mask, &bits))
        return adit_fill_error(f, "netmask", "`ifconfig-pool`: `%s` is no netmask; write it as 255.255.255.0",
                               w->v[3]);
    if (adit_ip_v4_host(&start) > adit_ip_v4_host(&end))
        return adit_fill_error(f, "ifconfig-pool", "`ifconfig-pool`: it ends before it starts");
    if (adit_ip_v4_host(&end) - adit_ip_v4_host(&start) >= 65536)
        return adit_fill_error(f, "ifconfig-pool", "`ifconfig-pool`: more than 65536 addresses");
    f->c->has_pool = true;
    f->c->pool_start = start;
    f->c->pool_end = end;
    f->c->pool_mask = mask;
    return true;
}

bool adit_set_ifconfig_ipv6_pool(struct adit_fill *f, const struct adit_words *w)
{
    struct adit_prefix p;

    if (!adit_fill_prefix6(f, w->v[1], &p))
        return false;
    if (p.bits < 64 || p.bits > 124)
        return adit_fill_error(
            f, "number", "`ifconfig-ipv6-pool`: the network must be between /64 and /124, not /%u", p.bits);
    f->c->pool_ipv6 = p;
    return true;
}

bool adit_set_pool_persist(struct adit_fill *f, const struct adit_words *w)
{
    if (w->n > 2 && !adit_fill_num32(f, w->v[2], 0, INT32_MAX, &f->c->pool_persist_s))
        return false;
    f->c->pool_persist_file = w->v[1];
    return true;
}

bool adit_set_push(struct adit_fill *f, const struct adit_words *w)
{
    if (strchr(w->v[1], ',') || strchr(w->v[1], '\n'))
        return adit_fill_error(
            f, "push-comma", "`push \"%s\"`: an option with a comma or a line end cannot be pushed", w->v[1]);
    adit_strs_add(f->a, &f->c->push, w->v[1]);
    return true;
}

bool adit_set_connect_freq(struct adit_fill *f, const struct adit_words *w)
{
    uint32_t n, s;

    if (!adit_fill_num32(f, w->v[1], 1, INT32_MAX, &n) || !adit_fill_num32(f, w->v[2], 1, INT32_MAX, &s))
        return false;
    f->c->connect_freq_n = n;
    f->c->connect_freq_s = s;
    return true;
}

bool adit_set_connect_freq_initial(struct adit_fill *f, const struct adit_words *w)
{
    uint32_t n, s;

    if (!adit_fill_num32(f, w->v[1], 1, INT32_MAX, &n) || !adit_fill_num32(f, w->v[2], 1, INT32_MAX, &s))
        return false;
    f->c->connect_freq_initial_n = n;
    f->c->connect_freq_initial_s = s;
    return true;
}
