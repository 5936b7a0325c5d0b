/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order of an addition: write it into the state file, do it, remember it. So a crash at any point leaves
 * at most a line about something that was never done, which cleaning up passes over: it deletes only what
 * bears our mark.
 */
#include "linux/priv.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "linux/netns_list.h"
#include "linux/priv_netlink.h"
#include "linux/priv_text.h"
#include "linux/statefile.h"

enum { OWN_MAX = 8 };

struct adit_priv {
    struct adit_netlink *nl;
    struct adit_statefile *state; /* NULL: none is kept */
    struct adit_log log;
    struct adit_undo *undo; /* oldest first */
    size_t n_undo, cap_undo;
    char own[OWN_MAX]
            [ADIT_IFNAME_MAX]; /* devices that vanish with this process, and all that hangs on them */
    size_t n_own;
    bool has_failed_undo; /* the state file stays for the next start */
};

/* ---- what is remembered ---- */

static bool is_own(const struct adit_priv *p, const char *ifname)
{
    for (size_t i = 0; i < p->n_own; i++)
        if (strcmp(p->own[i], ifname) == 0)
            return true;
    return false;
}

static void note(struct adit_priv *p, struct adit_undo *u)
{
    char line[ADIT_UNDO_LINE_MAX];
    const char *ifname = u->kind == ADIT_UNDO_ADDR ? u->addr.ifname : u->route.ifname;

    if (!p->state || (u->kind != ADIT_UNDO_RESTORE && is_own(p, ifname)))
        return;
    adit_undo_write(u, line);
    u->is_noted = adit_statefile_add(p->state, line) == ADIT_OK;
    if (!u->is_noted)
        adit_warn(&p->log, NULL, "WARNING: cannot note '%s' in the state file; a crash would leave it behind",
                  line);
}

static void unnote(struct adit_priv *p, struct adit_undo *u)
{
    char line[ADIT_UNDO_LINE_MAX];

    if (!u->is_noted)
        return;
    adit_undo_write(u, line);
    if (adit_statefile_remove(p->state, line) == ADIT_OK)
        u->is_noted = false;
}

/* Room is made before the act, so that what was done is never forgotten. */
static adit_err make_room(struct adit_priv *p)
{
    size_t cap = p->cap_undo ? p->cap_undo * 2 : 32;
    struct adit_undo *bigger;

    if (p->n_undo < p->cap_undo)
        return ADIT_OK;
    bigger = adit_realloc(p->undo, cap * sizeof *bigger);
    if (!bigger)
        return ADIT_E_MEMORY;
    p->undo = bigger;
    p->cap_undo = cap;
    return ADIT_OK;
}

static void forget(struct adit_priv *p, size_t i)
{
    unnote(p, &p->undo[i]);
    memmove(&p->undo[i], &p->undo[i + 1], (p->n_undo - i - 1) * sizeof p->undo[0]);
    p->n_undo--;
}

static bool is_gone_error(int os_errno)
{
    return os_errno == ESRCH || os_errno == ENODEV || os_errno == EADDRNOTAVAIL || os_errno == ENOENT ||
           os_errno == ENETDOWN;
}

static int undo_one(struct adit_priv *p, const struct adit_undo *u)
{
    int os_errno;

    switch (u->kind) {
    case ADIT_UNDO_ADDR:
        os_errno = adit_netlink_addr_del(p->nl, &u->addr);
        break;
    case ADIT_UNDO_ROUTE:
        os_errno = adit_netlink_route_del(p->nl, &u->route, ADIT_ROUTE_PROTO);
        break;
    default:
        os_errno = adit_netlink_route_add(p->nl, &u->route, u->route.proto);
        /* Somebody has put a route there since: theirs counts. */
        return os_errno == EEXIST ? 0 : os_errno;
    }
    return is_gone_error(os_errno) ? 0 : os_errno;
}

/* ---- words ---- */

static const char *hint_for(int os_errno)
{
    switch (os_errno) {
    case EPERM:
    case EACCES:
        return "needs CAP_NET_ADMIN: run as root, or give the program that capability";
    case ENETUNREACH:
    case EHOSTUNREACH:
        return "no interface leads to the gateway";
    case ENODEV:
        return "no interface of that name, or it is down";
    case ENETDOWN:
        return "the interface is down";
    case EOPNOTSUPP:
    case EAFNOSUPPORT:
        return "this machine has IPv6 switched off";
    default:
        return NULL;
    }
}

static adit_err refuse(struct adit_priv_res *res, int os_errno, const char *act, const char *object)
{
    adit_err e = os_errno == ENOMEM ? ADIT_E_MEMORY : ADIT_E_OS;

    return adit_fail_set(&res->fail, e, os_errno, hint_for(os_errno), "%s %s", act, object);
}

static adit_err say_existing(struct adit_priv_res *res, const char *act, const char *object)
{
    res->is_existing = true;
    return adit_fail_set(&res->fail, ADIT_OK, 0, NULL, "%s %s: already exists, left as it is", act, object);
}

/* ---- the acts ---- */

static adit_err open_tun(struct adit_priv *p, const struct adit_tun_spec *spec, struct adit_priv_res *res)
{
    adit_err e = adit_tun_open(spec, &res->tun, &res->fail);

    if (e == ADIT_OK && !res->tun.is_persistent && !is_own(p, res->tun.name) && p->n_own < OWN_MAX)
        snprintf(p->own[p->n_own++], ADIT_IFNAME_MAX, "%s", res->tun.name);
    return e;
}

static adit_err set_link(struct adit_priv *p, const struct adit_priv_link *link, struct adit_priv_res *res)
{
    int os_errno = adit_netlink_link_set(p->nl, link);

    return os_errno == 0 ? ADIT_OK : refuse(res, os_errno, "set up interface", link->ifname);
}

static adit_err add_addr(struct adit_priv *p, const struct adit_priv_addr *addr, struct adit_priv_res *res)
{
    struct adit_undo u = {.kind = ADIT_UNDO_ADDR, .addr = *addr};
    char text[ADIT_UNDO_LINE_MAX];
    int os_errno;

    if (make_room(p) != ADIT_OK)
        return ADIT_E_MEMORY;
    note(p, &u);
    os_errno = adit_netlink_addr_add(p->nl, addr);
    if (os_errno != 0) {
        unnote(p, &u);
        adit_priv_addr_str(addr, text);
        return os_errno == EEXIST ? say_existing(res, "address add:", text)
                                  : refuse(res, os_errno, "address add:", text);
    }
    p->undo[p->n_undo++] = u;
    return ADIT_OK;
}

static adit_err delete_addr(struct adit_priv *p, const struct adit_priv_addr *addr, struct adit_priv_res *res)
{
    char text[ADIT_UNDO_LINE_MAX];
    int os_errno = adit_netlink_addr_del(p->nl, addr);

    if (os_errno != 0 && !is_gone_error(os_errno))
        return refuse(res, os_errno, "address delete:", adit_priv_addr_str(addr, text));
    for (size_t i = p->n_undo; i > 0; i--) {
        const struct adit_undo *u = &p->undo[i - 1];

        if (u->kind == ADIT_UNDO_ADDR && strcmp(u->addr.ifname, addr->ifname) == 0 &&
            adit_ip_eq(&u->addr.local.ip, &addr->local.ip))
            forget(p, i - 1);
    }
    return ADIT_OK;
}

/* Which interface a gateway is on decides whether the route outlives us; the kernel is asked if the request
 * is silent. */
static void find_interface(struct adit_priv *p, struct adit_priv_route *r)
{
    struct adit_priv_route to_gateway;

    if (r->ifname[0] || r->gateway.family == ADIT_AF_NONE)
        return;
    if (adit_netlink_route_get(p->nl, &r->gateway, &to_gateway) == 0 && !to_gateway.is_local &&
        to_gateway.gateway.family == ADIT_AF_NONE)
        memcpy(r->ifname, to_gateway.ifname, sizeof r->ifname);
}

static adit_err add_route(struct adit_priv *p, const struct adit_priv_route *route, struct adit_priv_res *res)
{
    struct adit_undo u = {.kind = ADIT_UNDO_ROUTE, .route = *route};
    char text[ADIT_UNDO_LINE_MAX];
    int os_errno;

    if (make_room(p) != ADIT_OK)
        return ADIT_E_MEMORY;
    u.route.dst = adit_prefix_masked(route->dst);
    u.route.proto = ADIT_ROUTE_PROTO;
    find_interface(p, &u.route);
    note(p, &u);
    os_errno = adit_netlink_route_add(p->nl, &u.route, ADIT_ROUTE_PROTO);
    if (os_errno != 0) {
        unnote(p, &u);
        adit_priv_route_str(&u.route, text);
        return os_errno == EEXIST ? say_existing(res, "route add:", text)
                                  : refuse(res, os_errno, "route add:", text);
    }
    p->undo[p->n_undo++] = u;
    return ADIT_OK;
}

static bool is_same_route(const struct adit_priv_route *have, const struct adit_priv_route *want)
{
    struct adit_prefix dst = adit_prefix_masked(want->dst);

    return have->dst.bits == dst.bits && adit_ip_eq(&have->dst.ip, &dst.ip) && have->table == want->table &&
           (want->metric < 0 || want->metric == have->metric) &&
           (want->gateway.family == ADIT_AF_NONE || adit_ip_eq(&want->gateway, &have->gateway)) &&
           (want->ifname[0] == '\0' || strcmp(want->ifname, have->ifname) == 0);
}

static adit_err delete_foreign_route(struct adit_priv *p, const struct adit_priv_route *route,
                                     struct adit_priv_res *res)
{
    struct adit_undo u = {.kind = ADIT_UNDO_RESTORE};
    struct adit_priv_route want = *route;
    char text[ADIT_UNDO_LINE_MAX];
    int os_errno;

    want.dst = adit_prefix_masked(route->dst);
    if (make_room(p) != ADIT_OK)
        return ADIT_E_MEMORY;
    if (adit_netlink_route_find(p->nl, &want, &u.route) != 0)
        return adit_fail_set(&res->fail, ADIT_E_NO_ROUTE, ESRCH, NULL, "route delete: %s",
                             adit_priv_route_str(route, text));
    want.table = u.route.table;
    if (!is_same_route(&u.route, &want))
        return adit_fail_set(&res->fail, ADIT_E_NO_ROUTE, ESRCH, NULL, "route delete: %s",
                             adit_priv_route_str(route, text));
    if (u.route.has_more_gateways)
        return adit_fail_set(&res->fail, ADIT_E_UNSUPPORTED, 0,
                             "it has several gateways, and could not be put back; use redirect-gateway def1",
                             "route delete: %s", adit_priv_route_str(route, text));
    note(p, &u);
    os_errno = adit_netlink_route_del(p->nl, &u.route, u.route.proto);
    if (os_errno != 0) {
        unnote(p, &u);
        return refuse(res, os_errno, "route delete:", adit_priv_route_str(route, text));
    }
    p->undo[p->n_undo++] = u;
    return ADIT_OK;
}

static adit_err delete_route(struct adit_priv *p, const struct adit_priv_route *route,
                             struct adit_priv_res *res)
{
    char text[ADIT_UNDO_LINE_MAX];

    for (size_t i = p->n_undo; i > 0; i--) {
        const struct adit_undo *u = &p->undo[i - 1];
        int os_errno;

        if (u->kind != ADIT_UNDO_ROUTE || !is_same_route(&u->route, route))
            continue;
        os_errno = undo_one(p, u);
        if (os_errno != 0)
            return refuse(res, os_errno, "route delete:", adit_priv_route_str(route, text));
        forget(p, i - 1);
        return ADIT_OK;
    }
    return delete_foreign_route(p, route, res);
}

static adit_err ask_route(struct adit_priv *p, const struct adit_priv_req *req, struct adit_priv_res *res)
{
    struct adit_priv_route want = {.dst.ip.family = req->route.dst.ip.family, .metric = -1};
    char text[ADIT_IP_STR_MAX];
    int os_errno;

    if (req->kind == ADIT_PRIV_GATEWAY_GET) {
        os_errno = adit_netlink_route_find(p->nl, &want, &res->route);
        if (os_errno != 0)
            return adit_fail_set(&res->fail, ADIT_E_NO_ROUTE, os_errno, NULL, "default route");
        return ADIT_OK;
    }
    os_errno = adit_netlink_route_get(p->nl, &req->route.dst.ip, &res->route);
    if (os_errno != 0)
        return adit_fail_set(&res->fail, ADIT_E_NO_ROUTE, os_errno, NULL, "route to %s",
                             adit_ip_str(&req->route.dst.ip, text, sizeof text));
    return ADIT_OK;
}

adit_err adit_priv_do(struct adit_priv *p, const struct adit_priv_req *req, struct adit_priv_res *res)
{
    *res = (struct adit_priv_res){.err = ADIT_E_UNSUPPORTED};
    switch (req->kind) {
    case ADIT_PRIV_TUN_OPEN:
        return res->err = open_tun(p, &req->tun, res);
    case ADIT_PRIV_LINK_SET:
        return res->err = set_link(p, &req->link, res);
    case ADIT_PRIV_ADDR_ADD:
        return res->err = add_addr(p, &req->addr, res);
    case ADIT_PRIV_ADDR_DEL:
        return res->err = delete_addr(p, &req->addr, res);
    case ADIT_PRIV_ROUTE_ADD:
        return res->err = add_route(p, &req->route, res);
    case ADIT_PRIV_ROUTE_DEL:
        return res->err = delete_route(p, &req->route, res);
    case ADIT_PRIV_ROUTE_GET:
    case ADIT_PRIV_GATEWAY_GET:
        return res->err = ask_route(p, req, res);
    case ADIT_PRIV_SOCKET_OPEN:
        return res->err = adit_socket_open(&req->socket, &res->fd, &res->fail);
    case ADIT_PRIV_STEER_LOAD:
        return res->err = adit_steer_load(req->n_prefixes, &res->steer, &res->fail);
    }
    return res->err;
}

/* ---- start and end ---- */

void adit_priv_undo_all(struct adit_priv *p)
{
    char line[ADIT_UNDO_LINE_MAX];

    for (; p->n_undo > 0; p->n_undo--) {
        struct adit_undo *u = &p->undo[p->n_undo - 1];
        int os_errno = undo_one(p, u);

        if (os_errno == 0) {
            unnote(p, u);
            continue;
        }
        p->has_failed_undo = p->has_failed_undo || u->is_noted;
        adit_undo_write(u, line);
        adit_warn(&p->log, NULL, "WARNING: cannot undo '%s': %s", line, strerrordesc_np(os_errno));
    }
}

static void clean_up_after_crash(struct adit_priv *p)
{
    size_t n = 0;
    const char *line;
    bool is_clean = true;

    while (adit_statefile_leftover(p->state, n))
        n++;
    for (size_t i = n; i > 0; i--) {
        struct adit_undo u;
        int os_errno;

        line = adit_statefile_leftover(p->state, i - 1);
        if (adit_undo_parse(line, &u) != ADIT_OK)
            continue;
        os_errno = undo_one(p, &u);
        if (os_errno == 0) {
            adit_note(&p->log, NULL, "left by a run that crashed, put right: %s", line);
            continue;
        }
        is_clean = false;
        adit_warn(&p->log, NULL, "WARNING: left by a run that crashed: '%s' cannot be put right: %s", line,
                  strerrordesc_np(os_errno));
    }
    if (n == 0)
        return;
    /* What could not be put right now is kept for a start that may; nothing new is noted in that file till
     * then. */
    if (is_clean && adit_statefile_clear(p->state) == ADIT_OK)
        return;
    adit_statefile_abandon(p->state);
    p->state = NULL;
}

static void open_state(struct adit_priv *p, const char *path)
{
    struct adit_fail fail = {0};
    struct adit_netns_list namespaces = {0};
    unsigned n_swept;

    if (!path)
        return;
    n_swept = adit_statefile_sweep(path, adit_netns_is_gone, &namespaces);
    adit_netns_list_fini(&namespaces);
    if (n_swept > 0)
        adit_info(&p->log, NULL, "%u state files of programs that are gone are removed", n_swept);
    if (adit_statefile_open(path, &p->state, &fail) == ADIT_OK)
        clean_up_after_crash(p);
    else
        adit_info(&p->log, NULL, "NOTE: no state file, so a crash might leave routes behind: %s", fail.text);
}

adit_err adit_priv_new(const char *state_path, const struct adit_log *log, struct adit_priv **out,
                       struct adit_fail *fail)
{
    struct adit_priv *p = adit_alloc(sizeof *p);
    int os_errno;

    *out = NULL;
    if (!p)
        return ADIT_E_MEMORY;
    if (log)
        p->log = *log;
    os_errno = adit_netlink_open(&p->nl);
    if (os_errno != 0) {
        adit_free(p);
        return adit_fail_set(fail, ADIT_E_OS, os_errno, NULL, "cannot open a netlink socket");
    }
    open_state(p, state_path);
    *out = p;
    return ADIT_OK;
}

size_t adit_priv_count(const struct adit_priv *p)
{
    return p->n_undo;
}

void adit_priv_free(struct adit_priv *p)
{
    if (!p)
        return;
    adit_priv_undo_all(p);
    if (p->has_failed_undo)
        adit_statefile_abandon(p->state);
    else
        adit_statefile_close(p->state);
    adit_netlink_close(p->nl);
    adit_free(p->undo);
    adit_free(p);
}
