/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every end of a route that is a name has a query of its own. The lists for the callback are written once
 * nobody is waited for any more.
 */
#include "host/names.h"

#include "base/mem.h"
#include "linux/resolve.h"

enum {
    ENDS = 2,       /* of a route: network and gateway */
    END_ADDRS = 16, /* of one name */
};

struct query {
    struct adit_names *all;
    const struct adit_conf_route *route;
    const struct adit_route_end *end; /* NULL: no name stands there */
    struct adit_resolve *resolve;
    struct adit_ip ips[END_ADDRS];
    size_t n;
};

struct adit_names {
    struct adit_host *h;
    struct adit_tunnel_net net;
    adit_names_cb cb;
    void *arg;
    struct query *queries; /* ENDS for each route, IPv4 first */
    size_t n_queries, n_due;
    struct adit_conf_routes v4, v6; /* for the callback */
};

/* ---- the lists ---- */

static void put_end(const struct query *q, struct adit_route_end *end, size_t i)
{
    if (!q->end)
        return;
    end->ip = q->ips[i];
    end->kind = ADIT_ROUTE_END_IP;
}

/* One route for each address of its network; none if a name of it was not found. */
static void put_routes(const struct adit_conf_route *r, const struct query q[ENDS],
                       struct adit_conf_routes *out)
{
    size_t n = q[0].end ? q[0].n : 1;

    if (q[1].end && q[1].n == 0)
        return;
    for (size_t i = 0; i < n; i++) {
        struct adit_conf_route one = *r;

        put_end(&q[0], &one.net, i);
        put_end(&q[1], &one.gateway, 0);
        out->v[out->n++] = one;
    }
}

static size_t room_for(const struct adit_names *n)
{
    size_t room = 0;

    for (size_t i = 0; i < n->n_queries; i += ENDS)
        room += n->queries[i].end ? n->queries[i].n : 1;
    return room;
}

/* Short of memory the lists stay as they are; whoever sets them leaves names out, and says so. */
static void make_lists(struct adit_names *n)
{
    const struct query *q = n->queries;
    struct adit_conf_route *all = adit_alloc((room_for(n) + 1) * sizeof *all);

    if (!all)
        return;
    n->v4.v = all;
    for (size_t i = 0; i < n->net.routes->n; i++, q += ENDS)
        put_routes(&n->net.routes->v[i], q, &n->v4);
    n->v6.v = all + n->v4.n;
    for (size_t i = 0; i < n->net.routes_v6->n; i++, q += ENDS)
        put_routes(&n->net.routes_v6->v[i], q, &n->v6);
    n->net.routes = &n->v4;
    n->net.routes_v6 = &n->v6;
}

static void free_names(struct adit_names *n)
{
    adit_free(n->v4.v);
    adit_free(n->queries);
    adit_free(n);
}

static void answer(struct adit_names *n)
{
    make_lists(n);
    n->cb(n->arg, &n->net);
    free_names(n);
}

/* ---- the queries ---- */

static void left_out(const struct query *q, const char *why)
{
    const struct adit_log *log = &q->all->h->env.log;

    adit_warn(log, NULL, "RESOLVE: %s", why);
    adit_warn(log, NULL,
              "OpenVPN ROUTE: failed to parse/resolve route for host/network: %s; the route of %s:%u is left "
              "out",
              q->route->net.name, q->route->at.file ? q->route->at.file : "", q->route->at.line);
}

static void on_answer(void *arg, const struct adit_resolved *r)
{
    struct query *q = arg;

    q->resolve = NULL;
    if (r->err != ADIT_OK)
        left_out(q, r->why);
    for (size_t i = 0; r->err == ADIT_OK && i < r->n && q->n < END_ADDRS; i++)
        q->ips[q->n++] = r->addrs[i].ip;
    if (--q->all->n_due == 0)
        answer(q->all);
}

static struct query *ask_route(struct adit_names *n, struct query *q, const struct adit_conf_route *r,
                               enum adit_family family)
{
    const struct adit_route_end *ends[ENDS] = {&r->net, &r->gateway};

    for (size_t i = 0; i < ENDS; i++, q++) {
        q->all = n;
        q->route = r;
        if (ends[i]->kind != ADIT_ROUTE_END_NAME)
            continue;
        q->end = ends[i];
        q->resolve = adit_resolve_start(&n->h->loop, ends[i]->name, NULL, family, on_answer, q);
        if (q->resolve)
            n->n_due++;
        else
            left_out(q, "it cannot be looked up");
    }
    return q;
}

static bool has_name(const struct adit_conf_routes *l)
{
    for (size_t i = 0; i < l->n; i++) {
        if (l->v[i].net.kind == ADIT_ROUTE_END_NAME || l->v[i].gateway.kind == ADIT_ROUTE_END_NAME)
            return true;
    }
    return false;
}

struct adit_names *adit_names_find(struct adit_host *h, const struct adit_tunnel_net *net, adit_names_cb cb,
                                   void *arg)
{
    struct adit_names *n;
    struct query *q;

    if (net->is_route_noexec || (!has_name(net->routes) && !has_name(net->routes_v6))) {
        cb(arg, net);
        return NULL;
    }
    n = adit_alloc(sizeof *n);
    if (n) {
        *n = (struct adit_names){.h = h, .net = *net, .cb = cb, .arg = arg};
        n->n_queries = (net->routes->n + net->routes_v6->n) * ENDS;
        n->queries = adit_alloc(n->n_queries * sizeof *n->queries);
    }
    if (!n || !n->queries) {
        adit_free(n);
        cb(arg, net);
        return NULL;
    }
    q = n->queries;
    for (size_t i = 0; i < net->routes->n; i++)
        q = ask_route(n, q, &net->routes->v[i], ADIT_AF_V4);
    for (size_t i = 0; i < net->routes_v6->n; i++)
        q = ask_route(n, q, &net->routes_v6->v[i], ADIT_AF_V6);
    if (n->n_due > 0)
        return n;
    answer(n);
    return NULL;
}

void adit_names_cancel(struct adit_names *n)
{
    if (!n)
        return;
    for (size_t i = 0; i < n->n_queries; i++)
        adit_resolve_cancel(n->queries[i].resolve);
    free_names(n);
}
