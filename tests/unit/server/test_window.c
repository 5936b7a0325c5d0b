/* SPDX-License-Identifier: Apache-2.0 */
/* What a client says of its replay window reaches the plane. */
#include "rig.h"

#define OPENVPN "IV_VER=2.6.14\nIV_NCP=2\nIV_CIPHERS=AES-256-GCM\nIV_PROTO=990\n"

static void prepare(struct rig *r)
{
    r->conf.mode = ADIT_MODE_SERVER;
    r->conf.data_ciphers = "AES-256-GCM";
    r->conf.replay_window = 1024;
    assert_int_equal(adit_terms_init(&r->sv.terms, &r->conf, &r->log), ADIT_OK);
}

/* As if it came only now. */
static void forget(struct rig *r)
{
    adit_place_leave(r->c);
    r->sv.by_peer[PEER] = NULL;
    r->c->is_admitted = r->c->is_up = false;
}

static void say(struct rig *r, const char *peer_info, bool is_renewal)
{
    struct adit_event ev = {
        .kind = ADIT_EV_AUTH_WANTED,
        .is_renewal = is_renewal,
        .identity = adit_session_identity(r->c->session),
        .peer_info = adit_bytes_str(peer_info),
    };

    adit_caller_admit(r->c, &ev);
}

/* The last specification that the plane was given. */
static const struct adit_cmd *last_spec(const struct rig *r)
{
    const struct adit_cmd *found = NULL;

    for (size_t i = 0; i < r->plane.n; i++)
        if (r->plane.seen[i].kind == ADIT_CMD_PEER_NEW || r->plane.seen[i].kind == ADIT_CMD_PEER_SET)
            found = &r->plane.seen[i];
    assert_non_null(found);
    return found;
}

static void a_new_client_brings_its_window(void **state)
{
    struct rig *r = start();

    (void)state;
    prepare(r);
    forget(r);
    say(r, OPENVPN "IV_REPLAY_WINDOW=512\n", false);
    assert_int_equal(last_spec(r)->kind, ADIT_CMD_PEER_NEW);
    assert_int_equal(last_spec(r)->spec.peer_window, 512);
    assert_int_equal(last_spec(r)->spec.replay_window, 1024);
    adit_caller_open(r->c);
    assert_int_equal(last_spec(r)->kind, ADIT_CMD_PEER_SET);
    assert_int_equal(last_spec(r)->spec.peer_window, 512);
    stop(r);
}

static void that_of_openvpn_is_not_known(void **state)
{
    struct rig *r = start();

    (void)state;
    prepare(r);
    forget(r);
    r->c->peer_window = 77;
    say(r, OPENVPN, false);
    assert_int_equal(last_spec(r)->spec.peer_window, 0);
    stop(r);
}

static void what_is_said_last_counts(void **state)
{
    struct rig *r = start();

    (void)state;
    prepare(r);
    r->c->agreed = *adit_session_agreed(r->c->session);
    r->c->peer_window = 512;
    say(r, OPENVPN "IV_REPLAY_WINDOW=512\n", true);
    assert_int_equal(count(r, ADIT_CMD_PEER_SET), 0);
    say(r, OPENVPN "IV_REPLAY_WINDOW=64\n", true);
    assert_int_equal(count(r, ADIT_CMD_PEER_SET), 1);
    assert_int_equal(last_spec(r)->spec.peer_window, 64);
    say(r, OPENVPN, true);
    assert_int_equal(count(r, ADIT_CMD_PEER_SET), 2);
    assert_int_equal(last_spec(r)->spec.peer_window, 0);
    stop(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_client_brings_its_window),
        cmocka_unit_test(that_of_openvpn_is_not_known),
        cmocka_unit_test(what_is_said_last_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
