/* SPDX-License-Identifier: Apache-2.0 */
/* Whole conversations of a client and a server, with real TLS, in virtual time over a link that misbehaves.
 */
#include "../unit.h"

#include "pair.h"

static struct pair p;

static void start(enum pair_wrap wrap, uint64_t seed)
{
    pair_init(&p, wrap, seed);
    pair_start(&p);
}

static void finish(void)
{
    pair_fini(&p);
}

static bool is_client_closed(struct pair *q)
{
    return q->client.is_closed;
}

static bool both_have_key_3(struct pair *q)
{
    return q->client.tx_key == 3 && q->server.tx_key == 3;
}

static void every_wrapping_comes_up(void **state)
{
    (void)state;
    for (int wrap = PAIR_BARE; wrap <= PAIR_TLS_CRYPT_V2; wrap++) {
        start((enum pair_wrap)wrap, 1);
        assert_true(pair_run(&p, 60, pair_is_up));
        assert_true(pair_run(&p, 2, NULL));
        assert_true(pair_has_same_keys(&p, 0));
        assert_string_equal(p.client.pushed, "route 192.0.2.0 255.255.255.0");
        assert_int_equal(p.n_admitted, 1);
        assert_int_equal(p.n_dropped, 0);
        finish();
    }
}

static void streams_need_no_cookie(void **state)
{
    (void)state;
    for (int wrap = PAIR_BARE; wrap <= PAIR_TLS_CRYPT_V2; wrap++) {
        pair_init(&p, (enum pair_wrap)wrap, 2);
        p.is_tcp = true;
        pair_start(&p);
        assert_true(pair_run(&p, 60, pair_is_up));
        assert_true(pair_has_same_keys(&p, 0));
        finish();
    }
}

/* Each of the first twelve packets of either direction lost, one at a time. */
static void any_single_loss_is_repaired(void **state)
{
    (void)state;
    for (int wrap = PAIR_BARE; wrap <= PAIR_TLS_CRYPT_V2; wrap++) {
        for (unsigned i = 0; i < 24; i++) {
            pair_init(&p, (enum pair_wrap)wrap, 3);
            (i < 12 ? &p.client : &p.server)->out.lose_mask = 1ULL << i % 12;
            pair_start(&p);
            assert_true(pair_run(&p, 60, pair_is_up));
            assert_true(pair_has_same_keys(&p, 0));
            assert_int_equal(p.n_admitted, 1);
            finish();
        }
    }
}

static void heavy_weather_is_survived(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        pair_init(&p, (enum pair_wrap)(seed % 4), seed);
        p.client.out.loss_percent = p.server.out.loss_percent = 30;
        p.client.out.dup_percent = p.server.out.dup_percent = 20;
        p.client.out.reorder_percent = p.server.out.reorder_percent = 20;
        p.client.params.hand_window_s = p.server.params.hand_window_s = 600;
        p.door.p.hand_window_s = 600;
        pair_start(&p);
        if (!pair_run(&p, 600, pair_is_up))
            fail_msg("seed %u did not come up", (unsigned)seed);
        assert_true(pair_has_same_keys(&p, 0));
        finish();
    }
}

static void both_derivations_agree(void **state)
{
    (void)state;
    pair_init(&p, PAIR_TLS_CRYPT, 4);
    p.agreed.want_ekm = false;
    pair_start(&p);
    assert_true(pair_run(&p, 60, pair_is_up));
    assert_true(pair_has_same_keys(&p, 0));
    finish();
}

static void renew_three_times(struct pair_end *starter)
{
    for (int i = 1; i <= 3; i++) {
        assert_true(pair_run(&p, 120, NULL));
        adit_session_renegotiate(starter->s, p.now);
        assert_true(pair_run(&p, 3, NULL));
        assert_true(pair_has_same_keys(&p, (uint8_t)i));
        assert_true(pair_has_same_keys(&p, (uint8_t)(i - 1)));
    }
    assert_true(pair_run(&p, 120, both_have_key_3));
    assert_false(p.client.is_closed || p.server.is_closed);
}

static void either_side_renews_keys(void **state)
{
    (void)state;
    for (int wrap = PAIR_BARE; wrap <= PAIR_TLS_CRYPT_V2; wrap++) {
        start((enum pair_wrap)wrap, 5);
        assert_true(pair_run(&p, 60, pair_is_up));
        renew_three_times(wrap % 2 ? &p.client : &p.server);
        /* The server was asked at every key id, the client got one push reply. */
        assert_int_equal(p.server.n_wanted, 4);
        finish();
    }
}

static void both_sides_renew_at_once(void **state)
{
    (void)state;
    start(PAIR_TLS_CRYPT, 6);
    assert_true(pair_run(&p, 60, pair_is_up));
    assert_true(pair_run(&p, 120, NULL));
    adit_session_renegotiate(p.client.s, p.now);
    adit_session_renegotiate(p.server.s, p.now);
    assert_true(pair_run(&p, 5, NULL));
    assert_true(pair_has_same_keys(&p, 1));
    assert_int_equal(p.client.n_keys, 2);
    assert_int_equal(p.server.n_keys, 2);
    finish();
}

/* W33: 0, 1, ... 7, 1. */
static void key_ids_wrap_to_one(void **state)
{
    (void)state;
    pair_init(&p, PAIR_TLS_AUTH, 7);
    p.client.params.reneg_max_s = 100;
    pair_start(&p);
    assert_true(pair_run(&p, 60, pair_is_up));
    assert_true(pair_run(&p, 850, NULL));
    assert_int_equal(p.client.n_keys, 9);
    assert_true(pair_has_same_keys(&p, 1));
    assert_true(pair_has_same_keys(&p, 7));
    assert_false(p.client.has_keys[2]);
    finish();
}

static void the_old_key_dies_after_the_transition_window(void **state)
{
    (void)state;
    pair_init(&p, PAIR_BARE, 8);
    p.client.params.tran_window_s = p.server.params.tran_window_s = 100;
    pair_start(&p);
    assert_true(pair_run(&p, 60, pair_is_up));
    assert_true(pair_run(&p, 100, NULL));
    adit_session_renegotiate(p.client.s, p.now);
    assert_true(pair_run(&p, 99, NULL));
    assert_true(p.client.has_keys[0] && p.server.has_keys[0]);
    assert_int_equal(p.client.tx_key, 1);
    assert_true(pair_run(&p, 5, NULL));
    assert_false(p.client.has_keys[0] || p.server.has_keys[0]);
    finish();
}

static void lose_all(bool from_client, bool from_server)
{
    p.client.out.loss_percent = from_client ? 100 : 0;
    p.server.out.loss_percent = from_server ? 100 : 0;
}

static bool both_send_with_0(void)
{
    return !p.client.is_closed && !p.server.is_closed && p.client.tx_key == 0 && p.server.tx_key == 0 &&
           pair_has_same_keys(&p, 0);
}

static bool both_have_key_1(struct pair *q)
{
    return q->client.tx_key == 1 && q->server.tx_key == 1;
}

static bool both_have_a_new_key(struct pair *q)
{
    return q->client.tx_key > 0 && q->client.tx_key == q->server.tx_key &&
           pair_has_same_keys(q, (uint8_t)q->client.tx_key);
}

/* Nothing, only one direction, or only the first packets of a renewal arrive for longer than a hand-window.
 */
static void a_failed_renewal_costs_nothing(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 24; i++) {
        start((enum pair_wrap)(i % 4), 20 + i);
        assert_true(pair_run(&p, 60, pair_is_up));
        assert_true(pair_run(&p, 120, NULL));
        lose_all(i / 4 % 3 != 0, i / 4 % 3 != 1);
        adit_session_renegotiate((i < 12 ? &p.client : &p.server)->s, p.now);
        assert_true(pair_run(&p, 110, NULL));
        assert_true(both_send_with_0());
        lose_all(false, false);
        assert_true(pair_run(&p, 400, both_have_key_1));
        assert_true(pair_has_same_keys(&p, 1));
        /* The last attempt is the one that counts: the next one is an hour away. */
        assert_true(pair_run(&p, 1000, NULL));
        assert_true(both_have_key_1(&p));
        finish();
    }
}

/* Whatever was the last that the starter has heard: one end may have finished, or neither, and both go on. */
static void a_renewal_may_break_off_anywhere(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 40; i++) {
        struct pair_end *starter = i % 2 ? &p.client : &p.server, *other = i % 2 ? &p.server : &p.client;

        start((enum pair_wrap)(i % 4), 80 + i);
        assert_true(pair_run(&p, 60, pair_is_up));
        assert_true(pair_run(&p, 120, NULL));
        assert_in_range(other->out.n_sent, 0, 40);
        other->out.lose_mask = ~0ULL << (other->out.n_sent + i / 4);
        adit_session_renegotiate(starter->s, p.now);
        assert_true(pair_run(&p, 70, NULL));
        other->out.lose_mask = 0;
        assert_false(starter->is_closed || other->is_closed);
        assert_true(pair_run(&p, 300, both_have_a_new_key));
        finish();
    }
}

static void the_session_ends_when_the_old_key_dies_without_a_successor(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct pair_end *starter = i ? &p.client : &p.server;

        pair_init(&p, PAIR_TLS_CRYPT, 50);
        p.client.params.tran_window_s = p.server.params.tran_window_s = 500;
        pair_start(&p);
        assert_true(pair_run(&p, 60, pair_is_up));
        assert_true(pair_run(&p, 120, NULL));
        lose_all(true, true);
        adit_session_renegotiate(starter->s, p.now);
        assert_true(pair_run(&p, 499, NULL));
        assert_true(both_send_with_0());
        /* An attempt that is under way then may still succeed: its hand-window decides. */
        assert_true(pair_run(&p, 61, NULL));
        assert_true(starter->is_closed);
        assert_int_equal(starter->reason, ADIT_E_HAND_WINDOW);
        finish();
    }
}

static void a_renewal_may_succeed_at_the_last_moment(void **state)
{
    (void)state;
    pair_init(&p, PAIR_TLS_CRYPT, 51);
    p.client.params.tran_window_s = p.server.params.tran_window_s = 150;
    pair_start(&p);
    assert_true(pair_run(&p, 60, pair_is_up));
    assert_true(pair_run(&p, 120, NULL));
    lose_all(true, true);
    adit_session_renegotiate(p.client.s, p.now);
    /* The second attempt says its reset again at 152, when the old key is overdue. */
    assert_true(pair_run(&p, 149, NULL));
    assert_true(both_send_with_0());
    lose_all(false, false);
    assert_true(pair_run(&p, 5, NULL));
    assert_true(pair_has_same_keys(&p, 1));
    assert_int_equal(p.server.tx_key, 0);
    assert_true(pair_run(&p, 60, both_have_key_1));
    /* The client keeps the old key for as long as the server sends with it. */
    assert_true(p.client.has_keys[0]);
    assert_true(pair_run(&p, 5, NULL));
    assert_false(p.client.is_closed || p.client.has_keys[0]);
    finish();
}

/* A server's certificate that is not good enough any more, and then is. */
static void a_renewal_that_tls_refuses_costs_nothing(void **state)
{
    struct adit_tls_ctx *good, *strict;

    (void)state;
    start(PAIR_TLS_CRYPT, 52);
    assert_true(pair_run(&p, 60, pair_is_up));
    assert_true(pair_run(&p, 120, NULL));
    good = p.client.tls;
    strict = pair_tls_refusing_servers(&p);
    p.client.params.tls_ctx = strict;
    adit_session_renegotiate(p.client.s, p.now);
    assert_true(pair_run(&p, 50, NULL));
    assert_true(both_send_with_0());
    p.client.params.tls_ctx = good;
    assert_true(pair_run(&p, 130, both_have_a_new_key));
    assert_int_equal(p.client.tx_key, 2); /* both have seen the attempt at key id 1 */
    finish();
    adit_tls_ctx_free(strict);
}

static void a_long_push_list_arrives_whole(void **state)
{
    static char list[8192], want[8192];
    size_t n = 0;

    (void)state;
    for (unsigned i = 0; i < 100; i++)
        n += (size_t)snprintf(list + n, sizeof list - n, "route 10.%u.0.0 255.255.0.0", i) + 1;
    memcpy(want, list, n);
    pair_init(&p, PAIR_TLS_CRYPT, 9);
    p.push = list;
    p.push_n = n;
    pair_start(&p);
    assert_true(pair_run(&p, 60, pair_is_up));
    assert_memory_equal(p.client.pushed, want, n);
    finish();
}

static void a_refusal_is_told(void **state)
{
    (void)state;
    pair_init(&p, PAIR_TLS_CRYPT, 10);
    p.refuse = "no such user";
    pair_start(&p);
    assert_true(pair_run(&p, 10, is_client_closed));
    assert_int_equal(p.client.reason, ADIT_E_AUTH_FAILED);
    assert_string_equal(p.client.text, "no such user");
    assert_false(p.server.is_closed);
    assert_true(pair_run(&p, 6, NULL));
    assert_int_equal(p.server.reason, ADIT_E_AUTH_DENIED);
    assert_int_equal(p.server.n_keys, 0);
    finish();
}

static void goodbye_ends_both(void **state)
{
    (void)state;
    start(PAIR_TLS_CRYPT, 11);
    assert_true(pair_run(&p, 60, pair_is_up));
    assert_int_equal(adit_session_say(p.client.s, "EXIT", p.now), ADIT_OK);
    assert_true(pair_run(&p, 1, NULL));
    assert_true(adit_session_is_quiet(p.client.s));
    assert_true(pair_run(&p, 6, NULL));
    assert_true(p.server.is_closed);
    assert_int_equal(p.server.reason, ADIT_E_PEER_EXIT);
    finish();
}

static void a_dead_server_is_given_up(void **state)
{
    (void)state;
    pair_init(&p, PAIR_BARE, 12);
    p.client.out.lose_mask = UINT64_MAX;
    pair_start(&p);
    assert_false(pair_run(&p, 59, is_client_closed));
    assert_true(pair_run(&p, 2, is_client_closed));
    assert_int_equal(p.client.reason, ADIT_E_HAND_WINDOW);
    finish();
}

static void a_stranger_changes_nothing(void **state)
{
    uint8_t junk[200];
    struct adit_rng rng;
    uint64_t deadline;

    (void)state;
    start(PAIR_TLS_CRYPT, 13);
    assert_true(pair_run(&p, 60, pair_is_up));
    assert_true(pair_run(&p, 5, NULL));
    rng = adit_rng_seeded(&p.seed);
    deadline = adit_session_deadline(p.server.s);
    for (unsigned i = 0; i < 20000; i++) {
        size_t n = adit_rng_below(&rng, sizeof junk);

        assert_int_equal(adit_rng_fill(&rng, junk, sizeof junk), ADIT_OK);
        junk[0] = (uint8_t)(adit_rng_below(&rng, 12) << 3);
        if (i % 2)
            memcpy(junk + 1, adit_session_remote_sid(p.server.s)->b, ADIT_SID_LEN);
        assert_int_equal(adit_err_fate(adit_session_recv(p.server.s, adit_bytes_of(junk, n), p.now)),
                         ADIT_FATE_DROP);
    }
    assert_true(adit_session_deadline(p.server.s) == deadline);
    adit_session_renegotiate(p.client.s, p.now);
    assert_true(pair_run(&p, 5, NULL));
    assert_true(pair_has_same_keys(&p, 1));
    finish();
}

struct lines {
    const char *subject; /* what every line must begin with; NULL: with no blank */
    unsigned n, n_verify;
};

static void check_line(void *ctx, enum adit_log_kind kind, int verb, const char *line)
{
    struct lines *l = ctx;

    (void)kind;
    (void)verb;
    l->n++;
    if (strstr(line, "VERIFY"))
        l->n_verify++;
    if (l->subject)
        assert_memory_equal(line, l->subject, strlen(l->subject));
    else
        assert_int_not_equal(line[0], ' ');
}

static void log_lines_begin_with_who_it_is_about(void **state)
{
    struct lines client = {.subject = NULL}, server = {.subject = "198.51.100.1:40000 "};

    (void)state;
    pair_init(&p, PAIR_TLS_CRYPT, 60);
    p.client.env.log = (struct adit_log){.put = check_line, .ctx = &client, .verb = 11};
    p.server.env.log = (struct adit_log){.put = check_line, .ctx = &server, .verb = 11};
    pair_start(&p);
    assert_true(pair_run(&p, 60, pair_is_up));
    assert_true(client.n_verify > 0 && server.n_verify > 0);
    server.subject = "alice/198.51.100.1:40000 ";
    server.n_verify = 0;
    adit_session_name(p.server.s, "alice/198.51.100.1:40000");
    assert_true(pair_run(&p, 5, NULL));
    adit_session_renegotiate(p.client.s, p.now);
    assert_true(pair_run(&p, 5, NULL));
    assert_true(server.n_verify > 0);
    server.subject = NULL;
    server.n = 0;
    adit_session_name(p.server.s, NULL);
    adit_session_renegotiate(p.server.s, p.now);
    assert_true(server.n > 0);
    finish();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_wrapping_comes_up),
        cmocka_unit_test(streams_need_no_cookie),
        cmocka_unit_test(any_single_loss_is_repaired),
        cmocka_unit_test(heavy_weather_is_survived),
        cmocka_unit_test(both_derivations_agree),
        cmocka_unit_test(either_side_renews_keys),
        cmocka_unit_test(both_sides_renew_at_once),
        cmocka_unit_test(key_ids_wrap_to_one),
        cmocka_unit_test(the_old_key_dies_after_the_transition_window),
        cmocka_unit_test(a_failed_renewal_costs_nothing),
        cmocka_unit_test(a_renewal_may_break_off_anywhere),
        cmocka_unit_test(the_session_ends_when_the_old_key_dies_without_a_successor),
        cmocka_unit_test(a_renewal_may_succeed_at_the_last_moment),
        cmocka_unit_test(a_renewal_that_tls_refuses_costs_nothing),
        cmocka_unit_test(a_long_push_list_arrives_whole),
        cmocka_unit_test(a_refusal_is_told),
        cmocka_unit_test(goodbye_ends_both),
        cmocka_unit_test(a_dead_server_is_given_up),
        cmocka_unit_test(a_stranger_changes_nothing),
        cmocka_unit_test(log_lines_begin_with_who_it_is_about),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
