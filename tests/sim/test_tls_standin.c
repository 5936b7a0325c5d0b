/* SPDX-License-Identifier: Apache-2.0 */
/* What the TLS stand-in does for two ends that mean well, and how it fails where a fault is wanted. */
#include "tls_link.h"

static struct tls_link link_a, link_b; /* too large for the stack */

static void each_shape(void (*test)(struct sim_tls_shape shape))
{
    test(sim_tls_13());
    test(sim_tls_12());
}

static void assert_refused_by(struct tls_link *l, int who, adit_err why, const char *text, const char *alert)
{
    tls_link_open(l);
    assert_link_failed(l, who, why, text, alert);
    assert_int_equal(ops->write(l->tls[who], adit_bytes_str("x")), ADIT_E_STATE);
    assert_false(ops->identity(l->tls[who])->has_cert && why == ADIT_E_CERTIFICATE);
    tls_link_close(l);
}

/* ---- what works ---- */

static void check_exchange(struct tls_link *l, int from)
{
    static uint8_t sent[STREAM_MAX];

    l->n_got[!from] = l->n_records[!from] = 0;
    steps(sent, 3000, (uint8_t)(7 + from));
    assert_int_equal(ops->write(l->tls[from], adit_bytes_of(sent, 2000)), ADIT_OK);
    assert_int_equal(ops->write(l->tls[from], adit_bytes_of(sent + 2000, 1000)), ADIT_OK);
    tls_link_run(l);
    assert_link_up(l);
    assert_int_equal(l->n_records[!from], 2);
    assert_int_equal(l->n_got[!from], 3000);
    assert_memory_equal(l->got[!from], sent, 3000);
}

static void check_pieces(struct sim_tls_shape shape)
{
    static const size_t pieces[] = {1, 7, 1100, WHOLE};
    struct tls_link *l = &link_a;

    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        tls_link_set_up(l, shape, 1);
        l->piece = pieces[i];
        tls_link_open(l);
        assert_link_up(l);
        assert_true(tls_link_is_agreed(l));
        check_exchange(l, CLIENT);
        check_exchange(l, SERVER);
        tls_link_close(l);
    }
}

static void comes_up_with_pieces_of_any_size(void **state)
{
    (void)state;
    each_shape(check_pieces);
}

static void drains_in_single_bytes(void **state)
{
    struct tls_link *l = &link_a;

    (void)state;
    tls_link_set_up(l, sim_tls_13(), 2);
    assert_true(tls_link_connect(l));
    for (bool moved = true; moved;) {
        moved = false;
        for (int i = 0; i < 2; i++) {
            uint8_t b;

            tls_link_turn(l, i);
            if (ops->drain(l->tls[i], &b, 1) == 1) {
                tls_link_deliver(l, !i, &b, 1);
                moved = true;
            }
        }
    }
    assert_link_up(l);
    assert_true(tls_link_is_agreed(l));
    tls_link_close(l);
}

static void a_flight_is_as_long_as_its_shape_says(void **state)
{
    enum { RECORD_EXTRA = 5 + 16 };
    struct tls_link *l = &link_a;
    struct sim_tls_shape shape = sim_tls_13();

    (void)state;
    tls_link_set_up(l, shape, 3);
    assert_true(tls_link_connect(l));
    tls_link_turn(l, CLIENT);
    assert_int_equal(ops->pending(l->tls[CLIENT]), shape.client_hello + RECORD_EXTRA);
    tls_link_carry(l, CLIENT);
    assert_int_equal(ops->pending(l->tls[SERVER]), shape.server_flight + 3 * RECORD_EXTRA);
    assert_int_equal(l->state[SERVER], ADIT_TLS_HANDSHAKE);
    tls_link_carry(l, SERVER);
    assert_int_equal(l->state[CLIENT], ADIT_TLS_UP);
    assert_int_equal(ops->pending(l->tls[CLIENT]), shape.client_flight + 2 * RECORD_EXTRA);
    tls_link_carry(l, CLIENT);
    assert_int_equal(l->state[SERVER], ADIT_TLS_UP);
    assert_int_equal(ops->pending(l->tls[SERVER]), 250 + RECORD_EXTRA);
    tls_link_close(l);

    shape = sim_tls_12();
    tls_link_set_up(l, shape, 3);
    assert_true(tls_link_connect(l));
    tls_link_turn(l, CLIENT);
    tls_link_carry(l, CLIENT);
    assert_int_equal(ops->pending(l->tls[SERVER]), shape.server_flight + 3 * RECORD_EXTRA);
    tls_link_carry(l, SERVER);
    assert_int_equal(l->state[CLIENT], ADIT_TLS_HANDSHAKE);
    assert_int_equal(ops->pending(l->tls[CLIENT]), shape.client_flight + 2 * RECORD_EXTRA);
    tls_link_carry(l, CLIENT);
    assert_int_equal(l->state[SERVER], ADIT_TLS_UP);
    assert_int_equal(ops->pending(l->tls[SERVER]), shape.server_finish + RECORD_EXTRA);
    tls_link_carry(l, SERVER);
    assert_int_equal(l->state[CLIENT], ADIT_TLS_UP);
    tls_link_close(l);
}

static void a_message_may_span_records(void **state)
{
    struct tls_link *l = &link_a;
    struct sim_tls_shape shape = {.client_hello = 16384, .server_flight = 50000, .client_flight = 16385 + 36};

    (void)state;
    for (int i = 0; i < 2; i++) {
        tls_link_set_up(l, shape, 4);
        l->piece = i == 0 ? 999 : WHOLE;
        tls_link_open(l);
        assert_link_up(l);
        assert_true(tls_link_is_agreed(l));
        tls_link_close(l);
    }
}

static void unlike_shapes_take_two_round_trips(void **state)
{
    struct tls_link *l = &link_a;

    (void)state;
    for (int i = 0; i < 2; i++) {
        tls_link_set_up(l, sim_tls_13(), 5);
        l->ctx[i].shape = sim_tls_12();
        tls_link_open(l);
        assert_link_up(l);
        assert_true(tls_link_is_agreed(l));
        for (int end = 0; end < 2; end++)
            assert_has(ops->describe(l->tls[end]), "Control Channel: SIMv1.2, ");
        tls_link_close(l);
    }
}

static void says_who_the_peer_is(void **state)
{
    struct tls_link *l = &link_a;
    struct adit_identity first, second;

    (void)state;
    for (int i = 0; i < 3; i++) {
        const struct adit_identity *id;

        tls_link_set_up(l, i == 1 ? sim_tls_12() : sim_tls_13(), 6 + (uint64_t)i);
        l->ctx[CLIENT].common_name = i == 2 ? "cli\nent" : "client";
        tls_link_open(l);
        assert_link_up(l);
        id = ops->identity(l->tls[SERVER]);
        assert_true(id->has_cert);
        assert_string_equal(id->common_name, i == 2 ? "cli_ent" : "client");
        assert_string_equal(id->subject, i == 2 ? "CN=cli_ent" : "CN=client");
        assert_string_equal(ops->identity(l->tls[CLIENT])->common_name, "server");
        assert_has(ops->describe(l->tls[SERVER]),
                   i == 1 ? "Control Channel: SIMv1.2, " : "Control Channel: SIMv1.3, ");
        assert_has(ops->describe(l->tls[SERVER]), id->subject);
        if (i == 0)
            first = *id;
        second = *id;
        assert_int_equal(memcmp(&first, &second, sizeof first) == 0, i < 2);
        assert_memory_not_equal(id->sha256, id->chain_sha256, 32);
        assert_memory_not_equal(id->sha256, ops->identity(l->tls[CLIENT])->sha256, 32);
        tls_link_close(l);
    }
    tls_link_set_up(l, sim_tls_13(), 6);
    l->ctx[CLIENT].authority = l->ctx[SERVER].trusted_authority = 8;
    tls_link_open(l);
    assert_link_up(l);
    assert_string_equal(ops->identity(l->tls[SERVER])->subject, first.subject);
    assert_memory_not_equal(ops->identity(l->tls[SERVER])->sha256, first.sha256, 32);
    assert_memory_not_equal(ops->identity(l->tls[SERVER])->chain_sha256, first.chain_sha256, 32);
    tls_link_close(l);
}

static void check_without_certificate(struct sim_tls_shape shape)
{
    struct tls_link *l = &link_a;

    for (int who = 0; who < 2; who++) {
        tls_link_set_up(l, shape, 9);
        l->ctx[who].wants_cert = false;
        l->ctx[!who].has_cert = false;
        tls_link_open(l);
        assert_link_up(l);
        assert_true(tls_link_is_agreed(l));
        assert_false(ops->identity(l->tls[who])->has_cert);
        assert_string_equal(ops->identity(l->tls[who])->common_name, "");
        assert_true(ops->identity(l->tls[!who])->has_cert);
        tls_link_close(l);
    }
    /* A server that asks for none learns of none. */
    tls_link_set_up(l, shape, 9);
    l->ctx[SERVER].wants_cert = false;
    tls_link_open(l);
    assert_link_up(l);
    assert_false(ops->identity(l->tls[SERVER])->has_cert);
    tls_link_close(l);
}

static void needs_no_certificate_where_none_is_wanted(void **state)
{
    (void)state;
    each_shape(check_without_certificate);
}

static void exports_by_label_and_session(void **state)
{
    struct tls_link *l = &link_a, *other = &link_b;
    uint8_t a[EXPORT_LEN], b[EXPORT_LEN], c[EXPORT_LEN], d[EXPORT_LEN];

    (void)state;
    tls_link_set_up(l, sim_tls_13(), 10);
    tls_link_set_up(other, sim_tls_13(), 11);
    assert_true(tls_link_connect(l));
    assert_int_equal(ops->export_key(l->tls[CLIENT], "one", a, sizeof a), ADIT_E_STATE);
    tls_link_run(l);
    tls_link_open(other);
    tls_link_export(l, CLIENT, "one", a);
    tls_link_export(l, SERVER, "one", b);
    tls_link_export(l, CLIENT, "two", c);
    tls_link_export(other, CLIENT, "one", d);
    assert_memory_equal(a, b, sizeof a);
    assert_memory_not_equal(a, c, sizeof a);
    assert_memory_not_equal(a, d, sizeof a);
    assert_memory_not_equal(a, a + EXPORT_LEN / 2, EXPORT_LEN / 2);
    tls_link_close(l);
    tls_link_close(other);
}

static bool has_bytes(const uint8_t *p, size_t n, const char *text)
{
    return memmem(p, n, text, strlen(text)) != NULL;
}

static void nothing_that_is_written_shows(void **state)
{
    static const char text[] = "PUSH_REQUEST of a session";
    struct tls_link *l = &link_a;

    (void)state;
    tls_link_set_up(l, sim_tls_13(), 12);
    tls_link_open(l);
    assert_int_equal(ops->write(l->tls[CLIENT], adit_bytes_str(text)), ADIT_OK);
    tls_link_run(l);
    assert_true(has_bytes(l->got[SERVER], l->n_got[SERVER], text));
    assert_false(has_bytes(l->stream[CLIENT], l->n_stream[CLIENT], text));
    assert_false(has_bytes(l->stream[SERVER], l->n_stream[SERVER], "server"));
    tls_link_close(l);
}

static void equal_records_look_unlike(void **state)
{
    struct tls_link *l = &link_a;
    uint8_t b[2][64];

    (void)state;
    tls_link_set_up(l, sim_tls_13(), 12);
    tls_link_open(l);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(ops->write(l->tls[CLIENT], adit_bytes_str("PUSH_REQUEST")), ADIT_OK);
        assert_int_equal(ops->drain(l->tls[CLIENT], b[i], sizeof b[i]), 5 + 12 + 16);
    }
    assert_memory_not_equal(b[0] + 5, b[1] + 5, 12);
    assert_memory_not_equal(b[0] + 5 + 12, b[1] + 5 + 12, 16);
    tls_link_close(l);
}

static void a_small_room_gets_a_record_in_parts(void **state)
{
    struct tls_link *l = &link_a;
    uint8_t b[8] = {0};
    size_t n;

    (void)state;
    tls_link_set_up(l, sim_tls_13(), 13);
    tls_link_open(l);
    assert_int_equal(ops->write(l->tls[CLIENT], adit_bytes_str("0123456789")), ADIT_OK);
    assert_int_equal(ops->write(l->tls[CLIENT], adit_bytes_str("x")), ADIT_OK);
    n = ops->drain(l->tls[CLIENT], l->got[0], STREAM_MAX);
    assert_int_equal(ops->feed(l->tls[SERVER], adit_bytes_of(l->got[0], n)), ADIT_OK);
    assert_int_equal(ops->read(l->tls[SERVER], b, 0, &n), ADIT_OK);
    assert_int_equal(n, 0);
    assert_int_equal(ops->read(l->tls[SERVER], b, 8, &n), ADIT_OK);
    assert_int_equal(n, 8);
    assert_memory_equal(b, "01234567", 8);
    assert_int_equal(ops->read(l->tls[SERVER], b, 8, &n), ADIT_OK);
    assert_int_equal(n, 2);
    assert_memory_equal(b, "89", 2);
    assert_int_equal(ops->read(l->tls[SERVER], b, 8, &n), ADIT_OK);
    assert_int_equal(n, 1);
    assert_int_equal(ops->read(l->tls[SERVER], b, 8, &n), ADIT_OK);
    assert_int_equal(n, 0);
    tls_link_close(l);
}

static void writes_only_what_fits_a_record(void **state)
{
    static uint8_t big[16385];
    struct tls_link *l = &link_a;
    size_t n = 0;

    (void)state;
    tls_link_set_up(l, sim_tls_13(), 14);
    assert_true(tls_link_connect(l));
    assert_int_equal(ops->write(l->tls[CLIENT], adit_bytes_str("x")), ADIT_E_STATE);
    tls_link_run(l);
    assert_int_equal(ops->write(l->tls[CLIENT], adit_bytes_of(big, 0)), ADIT_E_EMPTY);
    assert_int_equal(ops->write(l->tls[CLIENT], adit_bytes_of(big, 16385)), ADIT_E_TOO_BIG);
    assert_int_equal(ops->write(l->tls[CLIENT], adit_bytes_of(big, 16384)), ADIT_OK);
    tls_link_run(l);
    assert_link_up(l);
    assert_int_equal(l->n_got[SERVER], 16384);
    /* A peer that takes nothing ends its own session, not our memory. */
    while (ops->write(l->tls[CLIENT], adit_bytes_of(big, 16384)) == ADIT_OK)
        n++;
    assert_int_equal(n, 15);
    assert_int_equal(ops->step(l->tls[CLIENT], &l->why[CLIENT]), ADIT_TLS_FAILED);
    assert_int_equal(l->why[CLIENT], ADIT_E_TLS);
    tls_link_close(l);
}

static void the_same_seed_gives_the_same_bytes(void **state)
{
    struct tls_link *l = &link_a, *other = &link_b;

    (void)state;
    for (uint64_t seed = 20; seed < 22; seed++) {
        tls_link_set_up(l, sim_tls_13(), 20);
        tls_link_set_up(other, sim_tls_13(), seed);
        other->piece = 13;
        tls_link_open(l);
        tls_link_open(other);
        for (int i = 0; i < 2; i++) {
            assert_int_equal(l->n_stream[i], other->n_stream[i]);
            assert_int_equal(memcmp(l->stream[i], other->stream[i], l->n_stream[i]) == 0, seed == 20);
        }
        tls_link_close(l);
        tls_link_close(other);
    }
}

/* ---- certificates that are refused ---- */

static void check_refusals(struct sim_tls_shape shape)
{
    static const char *const names[2] = {"client", "server"};
    char too_long[64 + 2] = {0};
    struct tls_link *l = &link_a;

    memset(too_long, 'x', sizeof too_long - 1);
    for (int who = 0; who < 2; who++) {
        tls_link_set_up(l, shape, 30);
        l->ctx[!who].authority = 8;
        assert_refused_by(l, who, ADIT_E_CERTIFICATE, "unable to get local issuer", "unknown CA");

        tls_link_set_up(l, shape, 30);
        l->ctx[!who].not_after_s = WALL_S - 1;
        assert_refused_by(l, who, ADIT_E_CERTIFICATE, "has expired", "certificate expired");

        tls_link_set_up(l, shape, 30);
        l->ctx[!who].not_before_s = WALL_S + 1;
        assert_refused_by(l, who, ADIT_E_CERTIFICATE, "not yet valid", "bad certificate");

        tls_link_set_up(l, shape, 30);
        l->ctx[who].revoked = names[!who];
        assert_refused_by(l, who, ADIT_E_CERTIFICATE, "certificate revoked", "certificate revoked");

        tls_link_set_up(l, shape, 30);
        l->ctx[!who].has_cert = false;
        assert_refused_by(l, who, ADIT_E_CERTIFICATE, "no certificate", "certificate required");

        tls_link_set_up(l, shape, 30);
        l->ctx[!who].common_name = NULL;
        assert_refused_by(l, who, ADIT_E_CERTIFICATE, "common name", "bad certificate");

        tls_link_set_up(l, shape, 30);
        l->ctx[!who].common_name = too_long;
        assert_refused_by(l, who, ADIT_E_CERTIFICATE, "common name", "bad certificate");

        tls_link_set_up(l, shape, 30);
        l->ctx[!who].not_before_s = l->ctx[!who].not_after_s = WALL_S;
        l->ctx[!who].common_name = too_long + 1;
        l->ctx[who].revoked = "somebody else";
        tls_link_open(l);
        assert_link_up(l);
        tls_link_close(l);
    }
}

static void refuses_certificates(void **state)
{
    (void)state;
    each_shape(check_refusals);
}

/* ---- faults ---- */

static void check_faults(struct sim_tls_shape shape)
{
    struct tls_link *l = &link_a;

    for (int who = 0; who < 2; who++) {
        tls_link_set_up(l, shape, 40);
        l->ctx[who].fault = SIM_TLS_FAIL_AT_HELLO;
        assert_refused_by(l, who, ADIT_E_TLS, "hello was refused", "handshake failure");

        for (int has_cert = 0; has_cert < 2; has_cert++) {
            tls_link_set_up(l, shape, 40);
            l->ctx[who].fault = SIM_TLS_FAIL_AT_CERTIFICATE;
            l->ctx[who].wants_cert = l->ctx[!who].has_cert = has_cert;
            assert_refused_by(l, who, ADIT_E_CERTIFICATE, "refused", "bad certificate");
        }
        tls_link_set_up(l, shape, 40);
        l->ctx[who].fault = SIM_TLS_FAIL_AT_FINISH;
        assert_refused_by(l, who, ADIT_E_TLS, "different handshakes", "decrypt error");
    }
}

static void fails_at_each_step_and_tells_the_peer(void **state)
{
    (void)state;
    each_shape(check_faults);
}

static void fails_at_the_first_record(void **state)
{
    struct tls_link *l = &link_a;

    (void)state;
    for (int who = 0; who < 2; who++) {
        tls_link_set_up(l, sim_tls_12(), 41);
        l->ctx[who].fault = SIM_TLS_FAIL_AT_READ;
        tls_link_open(l);
        assert_link_up(l);
        assert_int_equal(ops->write(l->tls[!who], adit_bytes_str("x")), ADIT_OK);
        tls_link_run(l);
        assert_link_failed(l, who, ADIT_E_TLS, "checksum", "bad record mac");
        tls_link_close(l);
    }
}

static void an_exporter_may_fail(void **state)
{
    struct tls_link *l = &link_a;
    uint8_t b[EXPORT_LEN];

    (void)state;
    tls_link_set_up(l, sim_tls_13(), 42);
    l->ctx[CLIENT].fault = SIM_TLS_FAIL_AT_EXPORT;
    tls_link_open(l);
    assert_link_up(l);
    assert_int_equal(ops->export_key(l->tls[CLIENT], "one", b, sizeof b), ADIT_E_CRYPTO);
    assert_int_equal(ops->export_key(l->tls[SERVER], "one", b, sizeof b), ADIT_OK);
    tls_link_close(l);
}

static void check_stalls(struct sim_tls_shape shape)
{
    struct tls_link *l = &link_a;

    for (int who = 0; who < 2; who++) {
        bool peer_is_up = shape.is_two_round_trips ? who == CLIENT : who == SERVER;

        tls_link_set_up(l, shape, 43);
        l->ctx[who].fault = SIM_TLS_STALL;
        tls_link_open(l);
        assert_int_equal(l->state[who], ADIT_TLS_HANDSHAKE);
        assert_int_equal(l->state[!who], ADIT_TLS_HANDSHAKE);
        assert_int_equal(l->n_stream[who] > 0, who == CLIENT);
        tls_link_close(l);

        tls_link_set_up(l, shape, 43);
        l->ctx[who].fault = SIM_TLS_STALL_AT_FINISH;
        tls_link_open(l);
        assert_int_equal(l->state[who], ADIT_TLS_HANDSHAKE);
        assert_int_equal(l->state[!who], peer_is_up ? ADIT_TLS_UP : ADIT_TLS_HANDSHAKE);
        tls_link_close(l);
    }
}

static void may_stop_answering(void **state)
{
    (void)state;
    each_shape(check_stalls);
}

static bool fill_nothing(void *ctx, uint8_t *dst, size_t n)
{
    (void)ctx;
    (void)dst;
    (void)n;
    return false;
}

static void survives_a_generator_that_fails(void **state)
{
    struct tls_link *l = &link_a;

    (void)state;
    for (int who = 0; who < 2; who++) {
        tls_link_set_up(l, sim_tls_13(), 44);
        l->rng[who].fill = fill_nothing;
        assert_refused_by(l, who, ADIT_E_TLS, "random generator", "internal error");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_up_with_pieces_of_any_size),
        cmocka_unit_test(drains_in_single_bytes),
        cmocka_unit_test(a_flight_is_as_long_as_its_shape_says),
        cmocka_unit_test(a_message_may_span_records),
        cmocka_unit_test(unlike_shapes_take_two_round_trips),
        cmocka_unit_test(says_who_the_peer_is),
        cmocka_unit_test(needs_no_certificate_where_none_is_wanted),
        cmocka_unit_test(exports_by_label_and_session),
        cmocka_unit_test(nothing_that_is_written_shows),
        cmocka_unit_test(equal_records_look_unlike),
        cmocka_unit_test(a_small_room_gets_a_record_in_parts),
        cmocka_unit_test(writes_only_what_fits_a_record),
        cmocka_unit_test(the_same_seed_gives_the_same_bytes),
        cmocka_unit_test(refuses_certificates),
        cmocka_unit_test(fails_at_each_step_and_tells_the_peer),
        cmocka_unit_test(fails_at_the_first_record),
        cmocka_unit_test(an_exporter_may_fail),
        cmocka_unit_test(may_stop_answering),
        cmocka_unit_test(survives_a_generator_that_fails),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
