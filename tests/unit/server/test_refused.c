/* SPDX-License-Identifier: Apache-2.0 */
/* What the server does about a client for whom the data plane could not carry out a command. */
#include "server/parts.h"

#include <stdlib.h>

#include "../core/pair.h"
#include "../unit.h"
#include "plane/routes.h"

enum {
    LINK = 0,
    PEER = 2,
    SEEN_MAX = 64,
};

/* A plane that only writes down what it is told. */
struct fake_plane {
    struct adit_plane base; /* first */
    struct adit_cmd seen[SEEN_MAX];
    size_t n;
};

static adit_err post(struct adit_plane *base, struct adit_cmd *cmd)
{
    struct fake_plane *f = (struct fake_plane *)base;

    assert_in_range(f->n, 0, SEEN_MAX - 1);
    f->seen[f->n++] = *cmd;
    return ADIT_OK;
}

static const struct adit_plane_ops fake_ops = {.post = post};

struct rig {
    struct pair pair;
    struct fake_plane plane;
    struct adit_host h;
    struct adit_conf conf;
    struct adit_log log;
    struct adit_server sv;
    struct adit_caller *c;
    char said[2048];
};

static void put_line(void *ctx, enum adit_log_kind kind, int verb, const char *line)
{
    struct rig *r = ctx;
    size_t n = strlen(r->said);

    (void)kind;
    (void)verb;
    snprintf(r->said + n, sizeof r->said - n, "%s\n", line);
}

static void start_server(struct rig *r)
{
    struct adit_pool_spec pool = {.v4_start = adit_ip_v4(0x0a080002), .v4_end = adit_ip_v4(0x0a080009)};

    r->plane.base.ops = &fake_ops;
    r->conf.max_clients = 4;
    r->conf.hand_window_s = 60;
    r->log = (struct adit_log){.put = put_line, .ctx = r, .verb = 3};
    r->h.plane = &r->plane.base;
    assert_int_equal(uv_loop_init(&r->h.loop), 0);
    r->sv = (struct adit_server){.h = &r->h, .conf = &r->conf, .log = &r->log};
    r->sv.directory = adit_directory_new(4, &pool);
    r->sv.by_peer = calloc(4, sizeof *r->sv.by_peer);
    r->sv.gone_due = calloc(4, sizeof *r->sv.gone_due);
}

/* A client that is up. */
static struct rig *start(void)
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
    return r;
}

static void stop(struct rig *r)
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

static void refuse(struct rig *r, enum adit_cmd_kind cmd)
{
    struct adit_note note = {.kind = ADIT_NOTE_REFUSED, .peer = PEER};

    note.refused.cmd = cmd;
    note.refused.why = ADIT_E_MEMORY;
    adit_caller_on_note(&r->sv, &note);
}

static size_t count(const struct rig *r, enum adit_cmd_kind kind)
{
    size_t n = 0;

    for (size_t i = 0; i < r->plane.n; i++)
        n += r->plane.seen[i].kind == kind;
    return n;
}

/* What the server has sent reaches the client. */
static void deliver(struct rig *r)
{
    for (size_t i = 0; i < r->plane.n; i++) {
        const struct adit_cmd *cmd = &r->plane.seen[i];

        if (cmd->kind == ADIT_CMD_CTRL_TX)
            assert_int_equal(
                adit_session_recv(r->pair.client.s, adit_bytes_of(cmd->ctrl.b, cmd->ctrl.n), r->pair.now),
                ADIT_OK);
    }
}

static void a_client_without_an_address_is_told_to_come_back(void **state)
{
    struct rig *r = start();

    (void)state;
    refuse(r, ADIT_CMD_ROUTE_ADD);
    assert_non_null(strstr(r->said, "refused an address of the peer: out of memory"));
    assert_int_equal(count(r, ADIT_CMD_PEER_DEL), 0); /* RESTART may have to be sent again */
    deliver(r);
    pair_run(&r->pair, 1, NULL);
    assert_true(r->pair.client.is_closed);
    assert_int_equal(r->pair.client.reason, ADIT_E_PEER_RESTART);
    stop(r);
}

static void it_is_told_once(void **state)
{
    struct rig *r = start();
    size_t n;

    (void)state;
    refuse(r, ADIT_CMD_ROUTE_ADD);
    n = r->plane.n;
    assert_int_equal(count(r, ADIT_CMD_CTRL_TX), n);
    refuse(r, ADIT_CMD_ROUTE_ADD);
    refuse(r, ADIT_CMD_KEY_NEW);
    assert_int_equal(r->plane.n, n);
    stop(r);
}

static void after_a_while_it_ends_with_the_reason(void **state)
{
    struct rig *r = start();
    adit_now later;

    (void)state;
    refuse(r, ADIT_CMD_KEY_NEW);
    later = adit_clock_now();
    later.mono_ns += 60 * ADIT_NS_PER_S;
    adit_session_tick(r->c->session, later);
    adit_caller_service(r->c);
    r->c = NULL;
    assert_null(r->sv.callers);
    assert_null(r->sv.by_peer[PEER]);
    assert_int_equal(count(r, ADIT_CMD_PEER_DEL), 1);
    assert_non_null(strstr(r->said, "refused keys: out of memory"));
    assert_non_null(strstr(r->said, "client ended: out of memory"));
    stop(r);
}

/* The number has gone to somebody else; the note is about who had it before. */
static void a_refusal_of_the_peer_before_means_nothing(void **state)
{
    struct rig *r = start();

    (void)state;
    r->sv.gone_due[PEER] = 1;
    refuse(r, ADIT_CMD_ROUTE_ADD);
    assert_int_equal(r->plane.n, 0);
    assert_string_equal(r->said, "");
    stop(r);
}

static void a_stream_that_was_refused_is_forgotten(void **state)
{
    struct adit_way way = {.link = 5, .remote = {.ip = adit_ip_v4(0xc6336402), .port = 40000}};
    struct adit_note note = {.kind = ADIT_NOTE_REFUSED, .peer = ADIT_NO_PEER};
    struct rig *r = start();

    (void)state;
    r->sv.is_tcp = true;
    assert_non_null(adit_caller_new(&r->sv, &way, true));
    note.refused.cmd = ADIT_CMD_LINK_ADD;
    note.refused.why = ADIT_E_MEMORY;
    note.refused.link = 5;
    adit_caller_on_refused(adit_caller_of_link(&r->sv, 5), &note);
    assert_null(adit_caller_of_link(&r->sv, 5));
    assert_int_equal(count(r, ADIT_CMD_LINK_DEL), 1);
    assert_non_null(strstr(r->said, "refused a socket: out of memory"));
    stop(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_without_an_address_is_told_to_come_back),
        cmocka_unit_test(it_is_told_once),
        cmocka_unit_test(after_a_while_it_ends_with_the_reason),
        cmocka_unit_test(a_refusal_of_the_peer_before_means_nothing),
        cmocka_unit_test(a_stream_that_was_refused_is_forgotten),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
