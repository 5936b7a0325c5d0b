/* SPDX-License-Identifier: Apache-2.0 */
/* The TLS stand-in with bytes that are not what the peer sent, and with every allocation failing in turn. */
#include "mem.h"
#include "tls_link.h"
#include "tls_standin_parts.h"

static struct tls_link link_a, link_b; /* too large for the stack */

/* Flights as short as they can be, so that every bit of them can be tried. */
static struct sim_tls_shape small_shape(bool is_two_round_trips)
{
    return (struct sim_tls_shape){.is_two_round_trips = is_two_round_trips,
                                  .client_hello = 40,
                                  .server_flight = 240,
                                  .client_flight = 100,
                                  .server_finish = 50,
                                  .wants_ticket = !is_two_round_trips};
}

static void each_shape(void (*test)(struct sim_tls_shape shape))
{
    test(sim_tls_13());
    test(sim_tls_12());
}

/* ---- bytes that are not what the peer sent ---- */

/* Whoever receives the damage notices it and says so, and the other end hears it. */
static void check_damage(struct tls_link *l, struct sim_tls_shape shape, const struct tls_damage *d)
{
    tls_link_set_up(l, shape, 50);
    l->damage = *d;
    tls_link_open(l);
    if (l->state[CLIENT] != ADIT_TLS_FAILED && l->state[SERVER] != ADIT_TLS_FAILED)
        fail_msg("nobody noticed: from %d, byte %zu, bits %02x, cut %zu, twice %zu", d->from, d->at, d->flip,
                 d->n_cut, d->n_repeat);
    for (int i = 0; i < 2; i++)
        if (l->state[i] == ADIT_TLS_FAILED)
            assert_true(*ops->describe(l->tls[i]) != '\0');
    assert_int_equal(l->state[!d->from], ADIT_TLS_FAILED);
    assert_int_equal(l->why[!d->from], ADIT_E_TLS);
    assert_int_equal(l->state[d->from], ADIT_TLS_FAILED);
    assert_int_equal(l->why[d->from], ADIT_E_TLS_ALERT);
    tls_link_close(l);
}

static void check_flips(struct sim_tls_shape shape, size_t stride)
{
    struct tls_link *l = &link_a;
    size_t n[2];

    tls_link_set_up(l, shape, 50);
    tls_link_open(l);
    assert_link_up(l);
    for (int i = 0; i < 2; i++)
        n[i] = l->n_stream[i];
    tls_link_close(l);
    for (int from = 0; from < 2; from++)
        for (size_t bit = 0; bit < n[from] * 8; bit += stride)
            check_damage(l, shape,
                         &(struct tls_damage){.from = from, .at = bit / 8, .flip = (uint8_t)(1u << bit % 8)});
}

static void every_flipped_bit_shows(void **state)
{
    (void)state;
    check_flips(small_shape(false), 1);
    check_flips(small_shape(true), 1);
    check_flips(sim_tls_13(), 509);
    check_flips(sim_tls_12(), 509);
}

/* A record that is cut out or comes twice, and bytes of one that do. */
static void missing_and_repeated_bytes_show(void **state)
{
    enum { HELLO = 40 + 21, SERVER_HELLO = 122 + 21 };
    struct tls_link *l = &link_a;
    struct sim_tls_shape shape = small_shape(false);

    (void)state;
    check_damage(l, shape, &(struct tls_damage){.from = SERVER, .at = 0, .n_cut = SERVER_HELLO});
    check_damage(l, shape,
                 &(struct tls_damage){.from = SERVER, .at = SERVER_HELLO, .n_cut = 240 - 122 - 36 + 21});
    check_damage(l, shape, &(struct tls_damage){.from = SERVER, .at = 0, .n_repeat = SERVER_HELLO});
    check_damage(l, shape, &(struct tls_damage){.from = CLIENT, .at = 0, .n_repeat = HELLO});
    check_damage(l, shape, &(struct tls_damage){.from = CLIENT, .at = HELLO, .n_repeat = 100 - 36 + 21});
    for (size_t at = 0; at < SERVER_HELLO; at++) {
        check_damage(l, shape, &(struct tls_damage){.from = SERVER, .at = at, .n_cut = 1});
        check_damage(l, shape, &(struct tls_damage){.from = SERVER, .at = at, .n_repeat = 1});
    }
}

/* What one session sent, fed to an end of another that has come as far. */
static void check_foreign(struct sim_tls_shape shape)
{
    struct tls_link *l = &link_a, *other = &link_b;
    uint8_t b[256];
    size_t n;

    for (int who = 0; who < 2; who++) {
        tls_link_set_up(l, shape, 60);
        tls_link_set_up(other, shape, 61);
        tls_link_open(l);
        tls_link_open(other);
        assert_int_equal(ops->write(other->tls[!who], adit_bytes_str("not for you")), ADIT_OK);
        n = ops->drain(other->tls[!who], b, sizeof b);
        assert_true(n > 0);
        tls_link_deliver(l, who, b, n);
        assert_int_equal(l->n_got[who], 0);
        tls_link_run(l);
        assert_link_failed(l, who, ADIT_E_TLS, "checksum", "bad record mac");
        tls_link_close(l);
        tls_link_close(other);
    }
}

static void foreign_records_are_refused(void **state)
{
    (void)state;
    each_shape(check_foreign);
}

/* The client's second record has the number that it expects from the server next. */
static void own_records_are_foreign(void **state)
{
    struct tls_link *l = &link_a;
    uint8_t b[64];
    size_t n = 0;

    (void)state;
    tls_link_set_up(l, sim_tls_13(), 62);
    tls_link_open(l);
    assert_int_equal(l->tls[CLIENT]->tx_seq + 1, l->tls[CLIENT]->rx_seq);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(ops->write(l->tls[CLIENT], adit_bytes_str("back to you")), ADIT_OK);
        n = ops->drain(l->tls[CLIENT], b, sizeof b);
    }
    tls_link_deliver(l, CLIENT, b, n);
    assert_int_equal(l->state[CLIENT], ADIT_TLS_FAILED);
    assert_int_equal(l->why[CLIENT], ADIT_E_TLS);
    assert_has(ops->describe(l->tls[CLIENT]), "checksum");
    tls_link_close(l);
}

static void replayed_and_reordered_records_are_refused(void **state)
{
    struct tls_link *l = &link_a;
    uint8_t b[2][64];
    size_t n[2];

    (void)state;
    for (int order = 0; order < 2; order++) {
        tls_link_set_up(l, sim_tls_13(), 63);
        tls_link_open(l);
        for (int i = 0; i < 2; i++) {
            assert_int_equal(ops->write(l->tls[CLIENT], adit_bytes_of(i ? "two" : "one", 3)), ADIT_OK);
            n[i] = ops->drain(l->tls[CLIENT], b[i], sizeof b[i]);
        }
        tls_link_deliver(l, SERVER, b[order], n[order]);
        assert_int_equal(l->n_got[SERVER], order == 0 ? 3 : 0);
        tls_link_deliver(l, SERVER, b[0], n[0]);
        assert_int_equal(l->n_got[SERVER], order == 0 ? 3 : 0);
        tls_link_run(l);
        assert_link_failed(l, SERVER, ADIT_E_TLS, "out of order", "decode error");
        tls_link_close(l);
    }
}

/* A whole stream that was recorded: the server answers the hello, and trusts nothing after it. */
static void a_recorded_client_is_refused(void **state)
{
    struct tls_link *l = &link_a, *again = &link_b;

    (void)state;
    tls_link_set_up(l, sim_tls_13(), 64);
    tls_link_open(l);
    assert_link_up(l);
    tls_link_set_up(again, sim_tls_13(), 65);
    assert_true(tls_link_connect(again));
    tls_link_deliver(again, SERVER, l->stream[CLIENT], l->n_stream[CLIENT]);
    assert_int_equal(again->state[SERVER], ADIT_TLS_FAILED);
    assert_int_equal(again->why[SERVER], ADIT_E_TLS);
    tls_link_close(l);
    tls_link_close(again);
}

static void strangers_bytes_are_refused(void **state)
{
    struct tls_link *l = &link_a;
    uint64_t seed = 66;
    struct adit_rng rng = adit_rng_seeded(&seed);
    uint8_t b[64];

    (void)state;
    for (int i = 0; i < 400; i++) {
        int who = i & 1;

        tls_link_set_up(l, sim_tls_13(), 66);
        assert_true(tls_link_connect(l));
        assert_int_equal(adit_rng_fill(&rng, b, sizeof b), ADIT_OK);
        tls_link_turn(l, CLIENT);
        tls_link_deliver(l, who, b, sizeof b);
        assert_int_equal(l->state[who], ADIT_TLS_FAILED);
        assert_int_equal(l->why[who], ADIT_E_TLS);
        assert_true(ops->pending(l->tls[who]) > 0);
        tls_link_close(l);
    }
}

/* Before the keys an alert is plain, after them a plain one is not believed. */
static void a_plain_alert_counts_only_before_sealed_records(void **state)
{
    struct tls_link *l = &link_a, *other = &link_b;
    uint8_t alert[64];
    size_t n;

    (void)state;
    tls_link_set_up(other, sim_tls_13(), 67);
    other->ctx[SERVER].fault = SIM_TLS_FAIL_AT_HELLO;
    assert_true(tls_link_connect(other));
    tls_link_turn(other, CLIENT);
    tls_link_carry(other, CLIENT);
    n = ops->drain(other->tls[SERVER], alert, sizeof alert);
    assert_int_equal(n, 5 + 2 + 16);
    for (int is_late = 0; is_late < 2; is_late++) {
        tls_link_set_up(l, sim_tls_13(), 68);
        assert_true(tls_link_connect(l));
        tls_link_turn(l, CLIENT);
        if (is_late)
            tls_link_run(l);
        tls_link_deliver(l, CLIENT, alert, n);
        assert_int_equal(l->state[CLIENT], ADIT_TLS_FAILED);
        assert_int_equal(l->why[CLIENT], is_late ? ADIT_E_TLS : ADIT_E_TLS_ALERT);
        tls_link_close(l);
    }
    tls_link_close(other);
}

/* ---- what only a peer with the keys could do ---- */

/* A record in plain, in its right place in the stream of `t`. */
static void forge_plain(struct adit_tls *t, uint8_t type, adit_bytes body)
{
    uint8_t *room = sim_tls_queue_room(&t->out, HEAD_LEN + body.n + TAG_LEN);

    assert_non_null(room);
    memcpy(room + HEAD_LEN, body.p, body.n);
    t->has_keys = false;
    sim_tls_seal(t, room, type, body.n);
    t->has_keys = true;
}

static void plain_records_are_refused_once_there_are_keys(void **state)
{
    static const uint8_t no_certificate[] = {MSG_CERTIFICATE, 0, 0, 0}, alert[] = {2, ALERT_INTERNAL};
    struct tls_link *l = &link_a;

    (void)state;
    for (int who = 0; who < 2; who++) {
        tls_link_set_up(l, sim_tls_13(), 80);
        tls_link_open(l);
        forge_plain(l->tls[!who], REC_ALERT, adit_bytes_of(alert, sizeof alert));
        tls_link_run(l);
        assert_link_failed(l, who, ADIT_E_TLS, "not expected", "unexpected message");
        tls_link_close(l);
    }
    tls_link_set_up(l, sim_tls_13(), 81);
    assert_true(tls_link_connect(l));
    tls_link_turn(l, CLIENT);
    tls_link_carry(l, CLIENT);
    forge_plain(l->tls[CLIENT], REC_HANDSHAKE, adit_bytes_of(no_certificate, sizeof no_certificate));
    tls_link_carry(l, CLIENT);
    assert_int_equal(l->state[SERVER], ADIT_TLS_FAILED);
    assert_int_equal(l->why[SERVER], ADIT_E_TLS);
    assert_has(ops->describe(l->tls[SERVER]), "not expected");
    tls_link_close(l);
}

/* Whose handshake differs from what the server saw is not let in, however well sealed its records are. */
static void check_transcripts(struct sim_tls_shape shape)
{
    struct tls_link *l = &link_a;

    tls_link_set_up(l, shape, 82);
    assert_true(tls_link_connect(l));
    tls_link_turn(l, CLIENT);
    tls_link_carry(l, CLIENT);
    l->tls[SERVER]->transcript.a ^= 1;
    tls_link_run(l);
    assert_link_failed(l, SERVER, ADIT_E_TLS, "different handshakes", "decrypt error");
    tls_link_close(l);
}

static void unlike_transcripts_are_refused(void **state)
{
    (void)state;
    each_shape(check_transcripts);
}

/* ---- memory ---- */

static void use_once(struct tls_link *l, struct sim_tls_shape shape, size_t piece)
{
    tls_link_set_up(l, shape, 70);
    l->piece = piece;
    if (!tls_link_connect(l)) {
        l->has_no_memory = true;
        return;
    }
    tls_link_run(l);
    for (int i = 0; i < 2; i++)
        if (l->state[i] == ADIT_TLS_UP) {
            adit_err e = ops->write(l->tls[i], adit_bytes_str("x"));

            assert_true(e == ADIT_OK || e == ADIT_E_MEMORY);
            tls_link_note(l, e);
        }
    tls_link_run(l);
}

static void check_memory(struct sim_tls_shape shape, size_t piece)
{
    struct tls_link *l = &link_a;
    uint64_t n_calls = sim_mem.n_calls;

    use_once(l, shape, piece);
    assert_link_up(l);
    tls_link_close(l);
    n_calls = sim_mem.n_calls - n_calls;
    assert_true(n_calls >= 8);
    for (uint64_t i = 1; i <= n_calls; i++) {
        uint64_t n_failed = sim_mem.n_failed;

        sim_mem.fail_in = i;
        use_once(l, shape, piece);
        sim_mem.fail_in = 0;
        assert_int_equal(sim_mem.n_failed, n_failed + 1);
        assert_true(l->has_no_memory);
        tls_link_close(l);
        assert_int_equal(sim_mem.n_blocks, 0);
    }
}

static void survives_every_failed_allocation(void **state)
{
    struct sim_tls_shape spanning = {.client_hello = 100, .server_flight = 40000, .client_flight = 20000};

    (void)state;
    check_memory(sim_tls_13(), WHOLE);
    check_memory(sim_tls_13(), 500);
    check_memory(sim_tls_12(), 500);
    check_memory(spanning, 1100);
}

static void an_idle_connection_holds_one_block(void **state)
{
    struct tls_link *l = &link_a;

    (void)state;
    tls_link_set_up(l, sim_tls_13(), 71);
    tls_link_open(l);
    assert_link_up(l);
    assert_int_equal(l->ctx[CLIENT].n_live, 1);
    assert_int_equal(sim_mem.n_blocks, 2);
    tls_link_close(l);
    assert_int_equal(sim_mem.n_blocks, 0);
    ops->free(NULL);
}

static int tear_down(void **state)
{
    (void)state;
    return sim_mem.n_blocks == 0 ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_flipped_bit_shows),
        cmocka_unit_test(missing_and_repeated_bytes_show),
        cmocka_unit_test(foreign_records_are_refused),
        cmocka_unit_test(own_records_are_foreign),
        cmocka_unit_test(replayed_and_reordered_records_are_refused),
        cmocka_unit_test(a_recorded_client_is_refused),
        cmocka_unit_test(strangers_bytes_are_refused),
        cmocka_unit_test(a_plain_alert_counts_only_before_sealed_records),
        cmocka_unit_test(plain_records_are_refused_once_there_are_keys),
        cmocka_unit_test(unlike_transcripts_are_refused),
        cmocka_unit_test(survives_every_failed_allocation),
        cmocka_unit_test(an_idle_connection_holds_one_block),
    };

    return cmocka_run_group_tests(tests, NULL, tear_down);
}
