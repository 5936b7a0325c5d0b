/* SPDX-License-Identifier: Apache-2.0 */
/* What the server does about a client for whom the data plane could not carry out a command. */
#include "rig.h"

static void refuse(struct rig *r, enum adit_cmd_kind cmd)
{
    struct adit_note note = {.kind = ADIT_NOTE_REFUSED, .peer = PEER};

    note.refused.cmd = cmd;
    note.refused.why = ADIT_E_MEMORY;
    adit_caller_on_note(&r->sv, &note);
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
