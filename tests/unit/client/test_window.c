/* SPDX-License-Identifier: Apache-2.0 */
/* What a server says of its replay window reaches the plane. */
#include "rig.h"

#include "../core/pair.h"
#include "../fake_plane.h"

/* The specification of a peer that is added on top of `pushed`, which may be NULL. */
static struct adit_peer_spec add_peer(const struct adit_pushed *pushed)
{
    static struct pair pair;
    static struct rig r;
    struct fake_plane plane = {.base.ops = &fake_ops};

    pair_init(&pair, PAIR_TLS_CRYPT, 1);
    pair_start(&pair);
    assert_true(pair_run(&pair, 30, pair_is_up));
    start(&r);
    r.h.plane = &plane.base;
    r.conf.replay_window = 512;
    r.c.conn = &r.conf.conn;
    r.c.session = pair.client.s;
    r.c.pushed = pushed;
    adit_client_add_peer(&r.c);
    stop(&r);
    pair_fini(&pair);
    assert_int_equal(plane.n, 1);
    assert_int_equal(plane.seen[0].kind, ADIT_CMD_PEER_NEW);
    return plane.seen[0].spec;
}

static void the_servers_window_is_known_once_it_is_pushed(void **state)
{
    const struct adit_pushed pushed = {.peer_window = 1024}, silent = {.ping_s = 10};

    (void)state;
    assert_int_equal(add_peer(&pushed).peer_window, 1024);
    assert_int_equal(add_peer(&pushed).replay_window, 512);
    assert_int_equal(add_peer(&silent).peer_window, 0);
}

static void of_a_peer_that_pushes_nothing_it_is_not(void **state)
{
    (void)state;
    assert_int_equal(add_peer(NULL).peer_window, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_servers_window_is_known_once_it_is_pushed),
        cmocka_unit_test(of_a_peer_that_pushes_nothing_it_is_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
