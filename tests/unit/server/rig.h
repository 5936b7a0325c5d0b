/* SPDX-License-Identifier: Apache-2.0 */
/* A server with one client that is up, before a plane that only writes down what it is told. */
#ifndef ADIT_TESTS_SERVER_RIG_H
#define ADIT_TESTS_SERVER_RIG_H

#include "server/parts.h"

#include <stdlib.h>

#include "../core/pair.h"
#include "../fake_plane.h"
#include "../said.h"
#include "../unit.h"
#include "plane/routes.h"

enum {
    LINK = 0,
    PEER = 2,
};

struct rig {
    struct pair pair;
    struct fake_plane plane;
    struct adit_host h;
    struct adit_conf conf;
    struct adit_log log;
    struct adit_server sv;
    struct adit_caller *c;
    char said[SAID_MAX];
};

static inline void start_server(struct rig *r)
{
    struct adit_pool_spec pool = {.v4_start = adit_ip_v4(0x0a080002), .v4_end = adit_ip_v4(0x0a080009)};

    r->plane.base.ops = &fake_ops;
    r->conf.max_clients = 4;
    r->conf.hand_window_s = 60;
    r->log = (struct adit_log){.put = keep_said, .ctx = r->said, .verb = 3};
    r->h.plane = &r->plane.base;
    assert_int_equal(uv_loop_init(&r->h.loop), 0);
    r->sv = (struct adit_server){.h = &r->h, .conf = &r->conf, .log = &r->log};
    r->sv.directory = adit_directory_new(4, &pool);
    r->sv.by_peer = calloc(4, sizeof *r->sv.by_peer);
    r->sv.gone_due = calloc(4, sizeof *r->sv.gone_due);
}

/* A client that is up. */
static inline struct rig *start(void)
{
    struct rig *r = calloc(1, sizeof *r);
    struct adit_way way = {.link = LINK, .remote = {.ip = adit_ip_v4(0xc6336401), .port = 40000}};

    assert_non_null(r);
    pair_init(&r->pair, PAIR_TLS_CRYPT, 1);
    pair_start(&r->pair);
    assert_true(pair_run(&r->pair, 30, pair_is_up));
    pair_run(&r->pair, 5, NULL);
    start_server(r);
    r->c = adit_caller_new(&r->sv, &way, false);
    assert_non_null(r->c);
    HASH_ADD(hh, r->sv.callers, key, sizeof r->c->key, r->c);
    r->c->session = r->pair.server.s;
    r->pair.server.s = NULL;
    r->c->is_admitted = r->c->is_up = true;
    r->c->lease.peer_id = PEER;
    r->sv.by_peer[PEER] = r->c;
    adit_place_take(r->c);
    return r;
}

static inline void stop(struct rig *r)
{
    if (r->c)
        adit_caller_end(r->c);
    uv_run(&r->h.loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&r->h.loop), 0);
    adit_directory_free(r->sv.directory);
    free(r->sv.by_peer);
    free(r->sv.gone_due);
    pair_fini(&r->pair);
    free(r);
}

static inline size_t count(const struct rig *r, enum adit_cmd_kind kind)
{
    size_t n = 0;

    for (size_t i = 0; i < r->plane.n; i++)
        n += r->plane.seen[i].kind == kind;
    return n;
}

#endif
