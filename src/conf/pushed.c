/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A push reply on top of a configuration: the configuration is copied, the pushed options fill the copy
 * through the same rows as a file does, under the permissions of those rows, and what a server may change is
 * taken from there. Protocol text: 9.2, 10.
 */
#include "conf/pushed.h"

#include <string.h>

#include "base/mem.h"
#include "conf/fill.h"

/* What stands behind the pointer that users have. */
struct frozen {
    struct adit_pushed pushed; /* first: the pointers are the same */
    struct adit_arena arena;
};

/* The copy's arrays must be its own before they grow. */
static void copy_conf(struct adit_arena *a, const struct adit_conf *from, struct adit_conf *c)
{
    *c = *from;
    c->routes.v = adit_arena_clone(a, from->routes.v, from->routes.n, sizeof *from->routes.v);
    c->routes_ipv6.v =
        adit_arena_clone(a, from->routes_ipv6.v, from->routes_ipv6.n, sizeof *from->routes_ipv6.v);
    c->dns_lines.v = adit_arena_clone(a, from->dns_lines.v, from->dns_lines.n, sizeof *from->dns_lines.v);
    c->env.v = adit_arena_clone(a, from->env.v, from->env.n, sizeof *from->env.v);
}

/* The first filter whose text the option begins with decides; none: accepted. */
static const struct adit_pull_filter *filter_of(const struct adit_conf *c, adit_bytes option)
{
    for (size_t i = 0; i < c->pull_filters.n; i++) {
        const struct adit_pull_filter *p = &c->pull_filters.v[i];
        size_t n = strlen(p->prefix);

        if (option.n >= n && memcmp(option.p, p->prefix, n) == 0)
            return p;
    }
    return NULL;
}

static bool passes_filters(struct adit_fill *f, adit_bytes option)
{
    const struct adit_pull_filter *p = filter_of(f->c, option);

    if (!p || p->verdict == ADIT_PULL_ACCEPT)
        return true;
    if (p->verdict == ADIT_PULL_IGNORE) {
        adit_fill_note(f, "pull-filter", "a pushed option was ignored, as `pull-filter ignore \"%s\"` asks",
                       p->prefix);
        return false;
    }
    adit_fill_note(f, "pull-filter", "a pushed option was rejected by `pull-filter reject \"%s\"`",
                   p->prefix);
    f->pushed->is_rejected = true;
    f->pushed->rejected_by = p->prefix;
    return false;
}

/*
 * Framing is not built: what asks for it would make every packet unreadable. stub-v2 changes nothing for IP
 * packets, whose first byte is never its escape byte.
 */
static bool take_compression(struct adit_fill *f, const struct adit_words *w)
{
    if (strcmp(w->v[0], "compress") != 0 && strcmp(w->v[0], "comp-lzo") != 0)
        return false;
    if (w->n == 2 && strcmp(w->v[0], "compress") == 0 && strcmp(w->v[1], "stub-v2") == 0 &&
        f->c->dev_type != ADIT_DEV_TAP)
        return true;
    f->is_refused = true;
    adit_conf_report_add(
        f->report, ADIT_CONF_ERROR, f->at.file, f->at.line, "push-refused",
        "the server asks for compression framing, which is not supported yet; remove `%s` there",
        *w->v[0] == 'c' && strcmp(w->v[0], "comp-lzo") == 0 ? "comp-lzo" : "compress");
    return true;
}

static void read_option(struct adit_fill *f, adit_bytes option)
{
    struct adit_words w;
    enum adit_lex_fault fault;

    while (option.n > 0 && (*option.p == ' ' || *option.p == '\t'))
        option = adit_bytes_of(option.p + 1, option.n - 1);
    if (option.n == 0 || !passes_filters(f, option))
        return;
    if (option.n > ADIT_LEX_LINE_MAX + 1) {
        adit_fill_note(f, "push-length", "a pushed option of %zu characters was ignored: it is too long",
                       option.n);
        return;
    }
    fault = adit_lex_words(f->a, option, &w);
    if (fault) {
        adit_fill_note(f, "syntax", "a pushed option was ignored: %s", adit_lex_fault_text(fault));
        return;
    }
    if (w.n > 0 && !take_compression(f, &w))
        adit_fill_option(f, &w);
}

static void read_options(struct adit_fill *f, adit_bytes options)
{
    while (options.n > 0 && !f->pushed->is_rejected) {
        const uint8_t *end = memchr(options.p, 0, options.n);
        size_t n = end ? (size_t)(end - options.p) : options.n;

        f->at.line++;
        read_option(f, adit_bytes_of(options.p, n));
        options = adit_bytes_of(options.p + n + (end != NULL), options.n - n - (end != NULL));
    }
}

static void take_fields(const struct adit_conf *c, const struct adit_conf_conn *conn, struct adit_pushed *p)
{
    p->ifconfig = c->ifconfig;
    p->ifconfig_ipv6 = c->ifconfig_ipv6;
    p->topology = c->topology;
    p->route_gateway = c->route_gateway;
    p->route_gateway_ipv6 = c->route_gateway_ipv6;
    p->is_route_gateway_dhcp = c->is_route_gateway_dhcp;
    p->routes = c->routes;
    p->routes_ipv6 = c->routes_ipv6;
    p->route_metric = c->route_metric;
    p->has_route_delay = c->has_route_delay;
    p->route_delay_s = c->route_delay_s;
    p->route_delay_window_s = c->route_delay_window_s;
    p->redirect = c->redirect;
    p->is_ifconfig_noexec = c->is_ifconfig_noexec;
    p->is_ifconfig_nowarn = c->is_ifconfig_nowarn;
    p->is_persist_tun = c->is_persist_tun;
    p->ping_s = c->ping_s;
    p->ping_restart_s = c->ping_restart_s;
    p->ping_exit_s = c->ping_exit_s;
    p->is_ping_timer_rem = c->is_ping_timer_rem;
    p->inactive_s = c->inactive_s;
    p->inactive_bytes = c->inactive_bytes;
    p->session_timeout_s = c->session_timeout_s;
    p->exit_notify = conn->exit_notify;
    p->tun_mtu = conn->tun_mtu;
    p->dns_lines = c->dns_lines;
    p->env = c->env;
    p->sndbuf = c->sndbuf;
    p->rcvbuf = c->rcvbuf;
    p->want_tcp_nodelay = c->want_tcp_nodelay;
    p->verb = c->verb;
    p->mute = c->mute;
}

/* The epoch format finds a peer by its id alone. */
static void check_epoch(struct adit_fill *f)
{
    if (!(f->pushed->flags & ADIT_PUSHED_AEAD_EPOCH) || f->pushed->peer_id != ADIT_PUSHED_NO_PEER_ID)
        return;
    f->is_refused = true;
    adit_conf_report_add(f->report, ADIT_CONF_ERROR, f->at.file, f->at.line, "push-refused",
                         "the server asks for aead-epoch without a peer-id");
}

/* Own strings of the configuration are lent: the configuration outlives what was pushed on top of it. */
adit_err adit_pushed_new(const struct adit_conf *c, const struct adit_conf_conn *conn, adit_bytes options,
                         struct adit_conf_report *report, const struct adit_pushed **out)
{
    struct frozen *z = adit_alloc(sizeof *z);
    struct adit_conf *copy = adit_alloc(sizeof *copy);
    adit_err err = ADIT_OK;

    *out = NULL;
    if (!z || !copy) {
        adit_free(z);
        adit_free(copy);
        return ADIT_E_MEMORY;
    }
    copy_conf(&z->arena, c, copy);
    copy->conn = *conn;
    z->pushed.peer_id = ADIT_PUSHED_NO_PEER_ID;
    struct adit_fill f = {.a = &z->arena,
                          .c = copy,
                          .conn = &copy->conn,
                          .pushed = &z->pushed,
                          .report = report,
                          .at = {.file = "[push]"}};
    if (!z->arena.is_short) /* else the copy has lost its arrays */
        read_options(&f, options);
    if (!z->pushed.is_rejected)
        check_epoch(&f);
    take_fields(copy, &copy->conn, &z->pushed);
    if (z->arena.is_short)
        err = ADIT_E_MEMORY;
    else if (f.is_refused)
        err = ADIT_E_PUSH_REFUSED;
    else
        *out = &z->pushed;
    adit_free_secret(copy, sizeof *copy);
    if (err)
        adit_pushed_free(&z->pushed);
    return err;
}

void adit_pushed_free(const struct adit_pushed *p)
{
    struct frozen *z = (struct frozen *)(uintptr_t)p;

    if (!z)
        return;
    adit_arena_fini(&z->arena);
    adit_free_secret(z, sizeof *z);
}
