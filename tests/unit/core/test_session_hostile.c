/* SPDX-License-Identifier: Apache-2.0 */
/* Peers that lie, stall and flood: what a session must not spend on them, and what it must not forget. */
#include "../unit.h"

#include "core/session_parts.h"
#include "pair.h"

static struct pair p;

static void start(enum pair_wrap wrap, uint64_t seed)
{
    pair_init(&p, wrap, seed);
    pair_start(&p);
    assert_true(pair_run(&p, 60, pair_is_up));
    assert_true(pair_run(&p, 2, NULL));
}

static struct adit_sid sid_of(uint8_t first)
{
    struct adit_sid sid;

    steps(sid.b, sizeof sid.b, first);
    return sid;
}

/* A packet without wrapping, made by hand. */
static adit_err send_raw(struct adit_session *s, enum adit_op op, uint8_t key_id, const struct adit_sid *from,
                         const struct adit_ctrl *c)
{
    uint8_t body_buf[ADIT_CTRL_PACKET_MAX], buf[ADIT_CTRL_PACKET_MAX];
    struct adit_wr body = adit_wr_of(body_buf, sizeof body_buf), w = adit_wr_of(buf, sizeof buf);
    struct adit_wrap_head head = {.first = adit_packet_first(op, key_id), .sid = *from};

    adit_ctrl_build(c, &body);
    assert_int_equal(adit_wrap_seal_with(NULL, &head, adit_wr_view(&body), &w), ADIT_OK);
    return adit_session_recv(s, adit_wr_view(&w), p.now);
}

/* Does what a host does in one turn; afterwards nothing may be due at once, or the host would spin. */
static void assert_rests(struct adit_session *s)
{
    uint8_t buf[ADIT_CTRL_PACKET_MAX];
    struct adit_event ev;

    adit_session_tick(s, p.now);
    while (adit_session_next_event(s, &ev))
        continue;
    for (;;) {
        struct adit_wr w = adit_wr_of(buf, sizeof buf);

        if (!adit_session_next_tx(s, p.now, &w))
            break;
    }
    assert_true(adit_session_deadline(s) > p.now.mono_ns);
}

static void pass(uint64_t seconds)
{
    p.now.mono_ns += seconds * ADIT_NS_PER_S;
    p.now.wall_s += (int64_t)seconds;
}

/* Somebody on a stream who never acknowledges our reset gets no memory beyond the receive window. */
static void nothing_piles_up_before_the_reset_is_acknowledged(void **state)
{
    static uint8_t junk[1000];
    struct adit_session_start st = {.is_tcp = true};
    struct adit_sid from = sid_of(1);
    struct adit_session *s;

    (void)state;
    pair_init(&p, PAIR_BARE, 1);
    s = adit_session_accept(&p.server.params, &st, &from, NULL, &p.server.env, p.now);
    assert_non_null(s);
    assert_int_equal(send_raw(s, ADIT_OP_HARD_RESET_CLIENT_V2, 0, &from, &(struct adit_ctrl){.packet_id = 0}),
                     ADIT_OK);
    for (uint32_t id = 1; id < 1000; id++) {
        struct adit_ctrl c = {.packet_id = id, .payload = adit_bytes_of(junk, sizeof junk)};

        assert_int_equal(send_raw(s, ADIT_OP_CONTROL_V1, 0, &from, &c),
                         id < ADIT_RECV_WINDOW ? ADIT_OK : ADIT_E_WINDOW);
    }
    adit_session_free(s);
    pair_fini(&p);
}

/* A client that asks for its options, and then stalls a renegotiation that it began. */
static void a_stalled_renegotiation_lets_the_host_rest(void **state)
{
    (void)state;
    start(PAIR_TLS_CRYPT, 2);
    assert_int_equal(adit_session_say(p.client.s, "PUSH_REQUEST", p.now), ADIT_OK);
    assert_true(pair_run(&p, 1, NULL));
    p.server.out.loss_percent = 100;
    adit_session_renegotiate(p.client.s, p.now);
    assert_true(pair_run(&p, 1, NULL));
    pass(40);
    assert_rests(p.server.s);
    pass(60); /* the renegotiation has failed, the old key is still good */
    assert_rests(p.server.s);
    assert_true(adit_session_is_up(p.server.s));
    pair_fini(&p);
}

static size_t queued(const struct adit_session *s)
{
    return s->p->tls->pending(s->primary.tls);
}

/* A client that keeps asking, and never acknowledges an answer. */
static void repeated_push_replies_do_not_pile_up(void **state)
{
    (void)state;
    start(PAIR_TLS_CRYPT, 3);
    p.server.s->primary.renew_ns = ADIT_NEVER;
    for (int i = 0; i < 200; i++) {
        p.server.s->push_wanted = true;
        pass(31);
        assert_rests(p.server.s);
    }
    assert_true(queued(p.server.s) < 1000);
    pair_fini(&p);
}

/* reneg-sec shorter than the wait for a push reply. */
static void a_renewal_that_cannot_begin_lets_the_host_rest(void **state)
{
    (void)state;
    pair_init(&p, PAIR_BARE, 4);
    p.server.params.role = ADIT_ROLE_P2P_SERVER; /* it never answers PUSH_REQUEST */
    p.client.params.reneg_max_s = 5;
    pair_start(&p);
    assert_true(pair_run(&p, 4, NULL));
    assert_true(p.client.s->primary.is_active);
    pass(10);
    assert_rests(p.client.s);
    pair_fini(&p);
}

/* The pair fails a test in which a key is dropped that still sends. */
static void the_sending_key_is_never_dropped(void **state)
{
    (void)state;
    start(PAIR_TLS_CRYPT, 5);
    assert_true(pair_run(&p, 120, NULL));
    adit_session_renegotiate(p.client.s, p.now);
    assert_true(pair_run(&p, 2, NULL));
    assert_int_equal(p.client.tx_key, 0);
    adit_session_renegotiate(p.client.s, p.now);
    assert_true(pair_run(&p, 3, NULL));
    assert_int_equal(p.client.tx_key, 2); /* the key before it was too young to be preferred (4.10) */
    assert_int_equal(p.server.tx_key, 2);
    pair_fini(&p);
}

static void a_short_transition_hands_over_in_time(void **state)
{
    (void)state;
    pair_init(&p, PAIR_TLS_CRYPT, 6);
    p.client.params.tran_window_s = p.server.params.tran_window_s = 5;
    pair_start(&p);
    assert_true(pair_run(&p, 120, NULL));
    adit_session_renegotiate(p.server.s, p.now);
    assert_true(pair_run(&p, 3, NULL));
    assert_int_equal(p.client.tx_key, 0);
    assert_true(pair_run(&p, 4, NULL));
    assert_int_equal(p.client.tx_key, 1);
    assert_int_equal(p.server.tx_key, 1);
    assert_false(p.client.has_keys[0] || p.server.has_keys[0]);
    pair_fini(&p);
}

/* ---- somebody else in mid-session ---- */

static bool is_other; /* the next connections show another certificate */

static const struct adit_identity *other_identity(const struct adit_tls *t)
{
    static struct adit_identity other;

    if (!is_other)
        return adit_tls_ossl.identity(t);
    other = *adit_tls_ossl.identity(t);
    other.chain_sha256[0] ^= 1;
    return &other;
}

static void another_certificate_ends_the_session(void **state)
{
    struct adit_tls_ops ops = adit_tls_ossl;

    (void)state;
    ops.identity = other_identity;
    is_other = false;
    pair_init(&p, PAIR_TLS_CRYPT, 7);
    p.server.params.tls = &ops;
    pair_start(&p);
    assert_true(pair_run(&p, 60, pair_is_up));
    adit_session_renegotiate(p.client.s, p.now);
    assert_true(pair_run(&p, 3, NULL));
    assert_true(pair_has_same_keys(&p, 1));
    is_other = true;
    adit_session_renegotiate(p.client.s, p.now);
    assert_true(pair_run(&p, 3, NULL));
    assert_true(p.server.is_closed);
    assert_int_equal(p.server.reason, ADIT_E_IDENTITY);
    pair_fini(&p);
}

/* Whom a float is compared with: not nobody, only because a handshake is under way. */
static void the_identity_outlives_renegotiations(void **state)
{
    (void)state;
    start(PAIR_TLS_CRYPT, 8);
    p.server.out.loss_percent = 100;
    adit_session_renegotiate(p.client.s, p.now);
    assert_true(pair_run(&p, 1, NULL));
    assert_false(p.server.s->primary.is_tls_up);
    assert_string_equal(adit_session_identity(p.server.s)->common_name, "client");
    pair_fini(&p);
}

/* ---- no memory ---- */

static bool is_out_of_memory;

static struct adit_tls *make_or_not(void *ctx, bool is_server, adit_now now)
{
    return is_out_of_memory ? NULL : adit_tls_ossl.make(ctx, is_server, now);
}

static void no_memory_for_a_renegotiation_ends_the_session(void **state)
{
    struct adit_tls_ops ops = adit_tls_ossl;

    (void)state;
    ops.make = make_or_not;
    for (int by_client = 0; by_client < 2; by_client++) {
        is_out_of_memory = false;
        pair_init(&p, PAIR_TLS_CRYPT, 9);
        p.server.params.tls = &ops;
        pair_start(&p);
        assert_true(pair_run(&p, 60, pair_is_up));
        assert_true(pair_run(&p, 120, NULL));
        is_out_of_memory = true;
        adit_session_renegotiate(by_client ? p.client.s : p.server.s, p.now);
        assert_true(pair_run(&p, 3, NULL));
        assert_true(p.server.is_closed);
        assert_int_equal(p.server.reason, ADIT_E_MEMORY);
        pair_fini(&p);
    }
}

/* ---- packets that are almost right ---- */

static void a_soft_reset_begins_at_message_0(void **state)
{
    struct adit_sid from;

    (void)state;
    start(PAIR_BARE, 10);
    p.server.s->agreed.want_dyn_tls_crypt = false;
    from = *adit_session_remote_sid(p.server.s);
    adit_wrap_key_free(p.server.s->own_wrap_dyn);
    p.server.s->own_wrap_dyn = NULL;
    assert_int_equal(
        send_raw(p.server.s, ADIT_OP_SOFT_RESET_V1, 1, &from, &(struct adit_ctrl){.packet_id = 3}),
        ADIT_E_MALFORMED);
    assert_int_equal(p.server.s->primary.key_id, 0);
    assert_int_equal(
        send_raw(p.server.s, ADIT_OP_SOFT_RESET_V1, 1, &from, &(struct adit_ctrl){.packet_id = 0}), ADIT_OK);
    assert_int_equal(p.server.s->primary.key_id, 1);
    assert_int_equal(
        send_raw(p.server.s, ADIT_OP_SOFT_RESET_V1, 0, &from, &(struct adit_ctrl){.packet_id = 0}),
        ADIT_E_KEY_ID);
    pair_fini(&p);
}

static void the_key_before_is_not_begun_again(void **state)
{
    struct adit_sid from;

    (void)state;
    start(PAIR_BARE, 14);
    from = *adit_session_remote_sid(p.server.s);
    adit_session_renegotiate(p.client.s, p.now);
    assert_true(pair_run(&p, 3, NULL));
    assert_int_equal(p.server.s->primary.key_id, 1);
    assert_int_equal(
        send_raw(p.server.s, ADIT_OP_SOFT_RESET_V1, 0, &from, &(struct adit_ctrl){.packet_id = 0}),
        ADIT_E_KEY_ID);
    assert_int_equal(p.server.s->primary.key_id, 1);
    pair_fini(&p);
}

/* The last acknowledgement may ride on a packet that is refused for its number. */
static void acks_count_on_a_packet_beyond_the_window(void **state)
{
    struct adit_sid from;
    struct adit_ctrl c = {.packet_id = 1000, .n_acks = ADIT_SEND_WINDOW};

    (void)state;
    start(PAIR_BARE, 11);
    from = *adit_session_remote_sid(p.server.s);
    c.ack_sid = *adit_session_local_sid(p.server.s);
    p.server.out.loss_percent = 100;
    for (int i = 0; i < ADIT_SEND_WINDOW + 1; i++)
        assert_int_equal(adit_session_say(p.server.s, "INFO,hello", p.now), ADIT_OK);
    assert_true(pair_run(&p, 1, NULL));
    assert_true(queued(p.server.s) > 0);
    for (uint32_t i = 0; i < ADIT_SEND_WINDOW; i++)
        c.acks[i] = p.server.s->primary.rel.next_out_id - 1 - i;
    assert_int_equal(send_raw(p.server.s, ADIT_OP_CONTROL_V1, 0, &from, &c), ADIT_E_WINDOW);
    assert_int_equal(queued(p.server.s), 0);
    pair_fini(&p);
}

static unsigned n_lines;

static void count_line(void *ctx, enum adit_log_kind kind, int verb, const char *line)
{
    (void)ctx;
    (void)kind;
    (void)verb;
    n_lines += strstr(line, "ignored") != NULL;
}

static void garbage_is_reported_once_a_record(void **state)
{
    uint8_t record[1000];

    (void)state;
    start(PAIR_BARE, 12);
    p.server.s->env.log = (struct adit_log){.put = count_line, .verb = 3};
    for (size_t i = 0; i < sizeof record; i++)
        record[i] = i % 2 ? 0 : 7;
    n_lines = 0;
    assert_int_equal(adit_tls_ossl.write(p.client.s->primary.tls, adit_bytes_of(record, sizeof record)),
                     ADIT_OK);
    assert_int_equal(adit_session_say(p.client.s, "INFO,go", p.now), ADIT_OK);
    assert_true(pair_run(&p, 2, NULL));
    assert_int_equal(n_lines, 1);
    pair_fini(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_piles_up_before_the_reset_is_acknowledged),
        cmocka_unit_test(a_stalled_renegotiation_lets_the_host_rest),
        cmocka_unit_test(repeated_push_replies_do_not_pile_up),
        cmocka_unit_test(a_renewal_that_cannot_begin_lets_the_host_rest),
        cmocka_unit_test(the_sending_key_is_never_dropped),
        cmocka_unit_test(a_short_transition_hands_over_in_time),
        cmocka_unit_test(another_certificate_ends_the_session),
        cmocka_unit_test(the_identity_outlives_renegotiations),
        cmocka_unit_test(no_memory_for_a_renegotiation_ends_the_session),
        cmocka_unit_test(a_soft_reset_begins_at_message_0),
        cmocka_unit_test(the_key_before_is_not_begun_again),
        cmocka_unit_test(acks_count_on_a_packet_beyond_the_window),
        cmocka_unit_test(garbage_is_reported_once_a_record),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
