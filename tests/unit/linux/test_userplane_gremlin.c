/* SPDX-License-Identifier: Apache-2.0 */
/* Faults on purpose: what is lost, damaged, doubled and held back, on datagrams; what waits, on streams. */
#include "userplane_rig.h"

#define MS ADIT_NS_PER_MS

enum {
    LOG_LINES = 8,
};

/* ---- datagrams ---- */

static void spoilt_start(struct duo *d, const struct adit_fault_spec *of_client,
                         const struct adit_fault_spec *of_server, uint64_t seed)
{
    end_begin(&d->server, (struct adit_userplane_params){.faults = of_server, .fault_seed = seed});
    end_begin(&d->client, (struct adit_userplane_params){
                              .is_single_peer = true, .faults = of_client, .fault_seed = seed});
    duo_join(d, 0);
    pump_some(&d->client, &d->server);
}

static int take_inner(struct end *e, uint32_t *numbers, int cap)
{
    uint8_t b[2048];
    int n = 0;

    while (n < cap && recv(e->inner, b, sizeof b, MSG_DONTWAIT) > 0)
        numbers[n++] = number_of(b);
    return n;
}

/* Sends `total` packets from the client; the numbers of those that arrive at once, in their order. */
static int run(struct duo *d, uint32_t *arrived, uint32_t total)
{
    int n = 0;

    for (uint32_t i = 0; i < total; i++) {
        say_inner(&d->client, CLIENT_IP, SERVER_IP, i);
        pump(&d->client, &d->server);
        n += take_inner(&d->server, arrived + n, (int)(total - (uint32_t)n));
    }
    pump_some(&d->client, &d->server);
    return n + take_inner(&d->server, arrived + n, (int)(total - (uint32_t)n));
}

enum {
    MANY = 2000,
};

static const struct adit_fault_spec rough = {.loss_ppm = 100000, .dup_ppm = 100000, .corrupt_ppm = 100000};

static void the_seed_decides(bool is_client, bool is_server)
{
    static uint32_t arrived[3][MANY];
    int n[3];

    for (unsigned i = 0; i < 3; i++) {
        struct duo d;

        spoilt_start(&d, is_client ? &rough : NULL, is_server ? &rough : NULL, i < 2 ? 7 : 8);
        n[i] = run(&d, arrived[i], MANY);
        /* 81 % of them: 3 deviations are 53. */
        assert_in_range(n[i], MANY * 81 / 100 - 80, MANY * 81 / 100 + 80);
        /* A tenth of what is not lost is doubled, and a tenth of that is not replayed but refused. */
        assert_in_range(drops(&d.server, 0, ADIT_E_REPLAY), MANY * 9 / 100 * 6 / 10,
                        MANY * 9 / 100 * 12 / 10);
        if (is_client)
            assert_in_range(drops(&d.client, 0, ADIT_E_GREMLIN), MANY / 10 - 60, MANY / 10 + 60);
        else
            assert_in_range(drops(&d.server, ADIT_NO_PEER, ADIT_E_GREMLIN), MANY / 10 - 60, MANY / 10 + 60);
        duo_stop(&d);
    }
    assert_int_equal(n[0], n[1]);
    assert_memory_equal(arrived[0], arrived[1], (size_t)n[0] * sizeof arrived[0][0]);
    assert_memory_not_equal(arrived[0], arrived[2], 1000 * sizeof arrived[0][0]);
}

static void the_seed_decides_on_the_way_out(void **state)
{
    (void)state;
    the_seed_decides(true, false);
}

static void the_seed_decides_on_the_way_in(void **state)
{
    (void)state;
    the_seed_decides(false, true);
}

static void a_cut_link_carries_nothing(void **state)
{
    /* Cut for all but the first nanosecond of a day. */
    const struct adit_fault_spec cut = {.cut_every_ns = 86400 * ADIT_NS_PER_S,
                                        .cut_ns = 86400 * ADIT_NS_PER_S - 1};
    struct adit_cmd cmd = {.kind = ADIT_CMD_CTRL_TX};
    struct duo d;
    uint32_t arrived[20];

    (void)state;
    spoilt_start(&d, &cut, NULL, 1);
    assert_int_equal(run(&d, arrived, 20), 0);
    assert_int_equal(drops(&d.client, 0, ADIT_E_GREMLIN), 20);
    cmd.ctrl = (struct adit_ctrl_bytes){.link = LINK, .remote = d.server_at, .n = 1, .b = {0x38}};
    post(&d.client, &cmd);
    pump_some(&d.client, &d.server);
    assert_int_equal(count_notes(&d.server, ADIT_NOTE_CTRL_RX), 0);
    /* Inward, it is nobody's before it is opened; at a client it is the one peer's. */
    say_inner(&d.server, SERVER_IP, CLIENT_IP, 1);
    pump_some(&d.server, &d.client);
    assert_false(has_inner(&d.client));
    assert_int_equal(drops(&d.client, 0, ADIT_E_GREMLIN), 21);
    duo_stop(&d);
}

static void delayed_packets_come_later_and_in_order(bool has_thread)
{
    const struct adit_fault_spec out = {.delay_ns = 30 * MS}, in = {.delay_ns = 20 * MS};
    struct duo d;
    uint64_t start;

    end_begin(&d.server, (struct adit_userplane_params){.want_thread = has_thread, .faults = &in});
    end_begin(&d.client, (struct adit_userplane_params){
                             .want_thread = has_thread, .is_single_peer = true, .faults = &out});
    duo_join(&d, 0);
    start = now_ms();
    for (uint32_t i = 0; i < 30; i++)
        say_inner(&d.client, CLIENT_IP, SERVER_IP, i);
    for (uint32_t i = 0; i < 30; i++)
        assert_inner(&d.server, &d.client, i);
    assert_true(now_ms() - start >= 49);
    say_inner(&d.server, SERVER_IP, CLIENT_IP, 77);
    assert_inner(&d.client, &d.server, 77);
    assert_true(now_ms() - start >= 99);
    duo_stop(&d);
}

static void delayed_packets_come_later_in_one_thread(void **state)
{
    (void)state;
    delayed_packets_come_later_and_in_order(false);
}

static void delayed_packets_come_later_with_worker_threads(void **state)
{
    (void)state;
    delayed_packets_come_later_and_in_order(true);
}

static void late_packets_are_overtaken(void **state)
{
    const struct adit_fault_spec late = {.late_ppm = 300000, .late_ns = 40 * MS};
    struct duo d;
    uint32_t arrived[40], last = 0;
    uint64_t seen = 0, until = now_ms() + WAIT_MS;
    int n, overtaken = 0;

    (void)state;
    spoilt_start(&d, &late, NULL, 5);
    n = run(&d, arrived, 40);
    while (n < 40 && now_ms() < until) {
        pump(&d.client, &d.server);
        n += take_inner(&d.server, arrived + n, 40 - n);
    }
    assert_int_equal(n, 40);
    for (int i = 0; i < 40; i++) {
        seen |= 1ULL << arrived[i];
        overtaken += arrived[i] < last;
        last = arrived[i] > last ? arrived[i] : last;
    }
    assert_true(seen == (1ULL << 40) - 1);
    assert_true(overtaken >= 3);
    duo_stop(&d);
}

static void both_copies_are_damaged_alike(void **state)
{
    const struct adit_fault_spec damage = {.corrupt_ppm = 1000000, .dup_ppm = 1000000};
    struct duo d;
    struct raw stranger;
    struct adit_note a, b;
    uint8_t ctrl[64] = {0x38};

    (void)state;
    spoilt_start(&d, NULL, &damage, 3);
    raw_start(&stranger, 0, 9);
    for (int i = 0; i < 20; i++) {
        send_raw(stranger.fd, &d.server_at, ctrl, sizeof ctrl);
        pump_some(&d.server, NULL);
        if (!d.server.plane->ops->next_note(d.server.plane, &a))
            continue; /* its opcode was hit */
        expect_note(&d.server, NULL, ADIT_NOTE_CTRL_RX, &b);
        assert_int_equal(a.ctrl.n, b.ctrl.n);
        assert_memory_equal(a.ctrl.b, b.ctrl.b, a.ctrl.n);
        assert_true(a.ctrl.n < sizeof ctrl || memcmp(a.ctrl.b, ctrl, sizeof ctrl) != 0);
    }
    raw_stop(&stranger);
    duo_stop(&d);
}

/* ---- what is held dies with its link and its peer ---- */

static const struct adit_fault_spec slow = {.delay_ns = 30 * MS};

static void sleep_ms(int ms)
{
    struct pollfd none = {.fd = -1};

    poll(&none, 1, ms);
}

static void held_packets_die_with_their_link(void **state)
{
    struct duo d;
    struct adit_addr elsewhere;
    uint32_t arrived[8];

    (void)state;
    spoilt_start(&d, &slow, &slow, 1);
    assert_int_equal(run(&d, arrived, 8), 0);
    link_del(&d.client, LINK);
    link_add(&d.client, LINK, udp(&elsewhere), false); /* of the same name, not the same */
    pump_some(&d.client, &d.server);
    sleep_ms(40);
    pump_some(&d.client, &d.server);
    sleep_ms(40);
    pump_some(&d.client, &d.server);
    assert_false(has_inner(&d.server));
    assert_int_equal(drops(&d.client, ADIT_NO_PEER, ADIT_E_GREMLIN), 8);
    duo_stop(&d);
}

static void held_packets_die_with_their_peer(void **state)
{
    struct duo d;
    uint32_t arrived[8];

    (void)state;
    spoilt_start(&d, &slow, &slow, 1);
    assert_int_equal(run(&d, arrived, 4), 0);
    plain_cmd(&d.client, ADIT_CMD_PEER_DEL, 0);
    pump_some(&d.client, &d.server);
    sleep_ms(40);
    pump_some(&d.client, &d.server);
    assert_int_equal(drops(&d.client, ADIT_NO_PEER, ADIT_E_GREMLIN), 4);
    duo_stop(&d);
    /* Inward: the packet waits at the server, whose peer goes. */
    spoilt_start(&d, NULL, &slow, 1);
    assert_int_equal(run(&d, arrived, 4), 0);
    plain_cmd(&d.server, ADIT_CMD_PEER_DEL, 0);
    pump_some(&d.server, NULL);
    sleep_ms(40);
    pump_some(&d.server, NULL);
    assert_int_equal(drops(&d.server, ADIT_NO_PEER, ADIT_E_NO_PEER), 4);
    duo_stop(&d);
}

static void what_does_not_fit_the_queue_is_lost(void **state)
{
    const struct adit_fault_spec hour = {.delay_ns = 3600 * ADIT_NS_PER_S};
    struct duo d;

    (void)state;
    spoilt_start(&d, &hour, NULL, 1);
    for (uint32_t i = 0; i < 4096 + 50; i++) {
        say_inner(&d.client, CLIENT_IP, SERVER_IP, i);
        pump(&d.client, NULL);
    }
    assert_int_equal(drops(&d.client, 0, ADIT_E_QUEUE), 50);
    duo_stop(&d); /* with all that is held */
}

/* ---- the last word ---- */

struct lines {
    char text[LOG_LINES][256];
    int n;
};

static void keep_line(void *ctx, enum adit_log_kind kind, int verb, const char *line)
{
    struct lines *l = ctx;

    (void)kind, (void)verb;
    if (l->n < LOG_LINES)
        snprintf(l->text[l->n++], sizeof l->text[0], "%s", line);
}

static void the_log_has_the_sums(void **state)
{
    const struct adit_fault_spec none_passes = {.loss_ppm = 1000000};
    struct duo d;
    struct lines lines = {0};
    uint32_t arrived[10];

    (void)state;
    spoilt_start(&d, &none_passes, NULL, 1);
    assert_int_equal(run(&d, arrived, 10), 0);
    d.client.env.log = (struct adit_log){.put = keep_line, .ctx = &lines, .verb = 1};
    duo_stop(&d);
    assert_int_equal(lines.n, 1);
    assert_string_equal(
        lines.text[0], "gremlin: of 10 packets out: 10 lost, 0 met a cut link, 0 doubled, 0 damaged, 0 late");
}

/* ---- streams ---- */

struct tcp {
    struct end s;
    int far;
    struct raw r;
};

static void tcp_start(struct tcp *t, const struct adit_fault_spec *faults)
{
    struct adit_peer_spec spec = spec_of(0, LINK, NULL);
    int fds[2];

    end_begin(&t->s, (struct adit_userplane_params){.is_single_peer = true, .faults = faults});
    raw_start(&t->r, 0, 3);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    t->far = fds[1];
    link_add(&t->s, LINK, fds[0], true);
    peer_cmd(&t->s, ADIT_CMD_PEER_NEW, &spec);
    key_new(&t->s, 0, true, 0, 3);
    pump_some(&t->s, NULL);
}

static void tcp_stop(struct tcp *t)
{
    if (t->far >= 0)
        close(t->far);
    raw_stop(&t->r);
    end_stop(&t->s);
}

static void say_frame(struct tcp *t, uint32_t number)
{
    uint8_t b[2048];
    size_t n = raw_inner(&t->r, CLIENT_IP, SERVER_IP, number, b + 2);

    b[0] = (uint8_t)(n >> 8);
    b[1] = (uint8_t)n;
    assert_int_equal(send(t->far, b, n + 2, MSG_NOSIGNAL), n + 2);
}

/* Reads whole frames off the far end, until there are n. */
static void expect_frames(struct tcp *t, uint32_t first, uint32_t n)
{
    uint8_t b[64 * 1024];
    size_t got = 0, at = 0;
    uint64_t until = now_ms() + WAIT_MS;

    for (uint32_t i = 0; i < n;) {
        ssize_t more = recv(t->far, b + got, sizeof b - got, MSG_DONTWAIT);
        size_t len = got - at >= 2 ? (size_t)b[at] << 8 | b[at + 1] : 0;
        struct adit_open_op op = {.packet = b + at + 2, .n = len};

        got += more > 0 ? (size_t)more : 0;
        if (len == 0 || got - at < len + 2) {
            assert_true(now_ms() < until);
            pump(&t->s, NULL);
            continue;
        }
        adit_rx_open(&t->r.rx, &op, 1, (adit_now){0});
        assert_int_equal(op.err, ADIT_OK);
        assert_int_equal(number_of(op.payload.p), first + i++);
        at += len + 2;
    }
}

static bool far_has_bytes(struct tcp *t)
{
    uint8_t b;

    return recv(t->far, &b, 1, MSG_DONTWAIT | MSG_PEEK) > 0;
}

static void a_stream_waits_and_loses_nothing(void **state)
{
    const struct adit_fault_spec bad = {.loss_ppm = 500000,
                                        .corrupt_ppm = 500000,
                                        .dup_ppm = 500000,
                                        .delay_ns = 5 * MS,
                                        .jitter_ns = 5 * MS,
                                        .late_ppm = 100000,
                                        .late_ns = 10 * MS};
    struct tcp t;

    (void)state;
    tcp_start(&t, &bad);
    for (uint32_t round = 0; round < 20; round++) {
        for (uint32_t i = 0; i < 5; i++) {
            say_frame(&t, round * 5 + i);
            say_inner(&t.s, SERVER_IP, CLIENT_IP, round * 5 + i);
        }
        for (uint32_t i = 0; i < 5; i++)
            assert_inner(&t.s, NULL, round * 5 + i);
        expect_frames(&t, round * 5, 5);
    }
    assert_int_equal(drops(&t.s, 0, ADIT_E_AUTH), 0);
    tcp_stop(&t);
}

static void a_stream_waits_as_long_as_it_should(void **state)
{
    struct tcp t;
    uint64_t start = now_ms();

    (void)state;
    tcp_start(&t, &slow);
    say_frame(&t, 1);
    assert_inner(&t.s, NULL, 1);
    assert_true(now_ms() - start >= 29);
    start = now_ms();
    say_inner(&t.s, SERVER_IP, CLIENT_IP, 2);
    expect_frames(&t, 2, 1);
    assert_true(now_ms() - start >= 29);
    tcp_stop(&t);
}

static void a_cut_stream_stands_still(void **state)
{
    const struct adit_fault_spec cut = {.cut_every_ns = 200 * MS, .cut_ns = 200 * MS - 1};
    struct tcp t;
    uint64_t start = now_ms();

    (void)state;
    tcp_start(&t, &cut);
    say_frame(&t, 1);
    say_inner(&t.s, SERVER_IP, CLIENT_IP, 2);
    pump_some(&t.s, NULL);
    if (now_ms() - start < 150) {
        assert_false(has_inner(&t.s));
        assert_false(far_has_bytes(&t));
    }
    /* It is hardly ever whole, and not given up for that. */
    sleep_ms(50);
    pump_some(&t.s, NULL);
    assert_int_equal(count_notes(&t.s, ADIT_NOTE_LINK_DOWN), 0);
    tcp_stop(&t);
}

static void the_end_of_a_stream_comes_after_its_bytes(void **state)
{
    struct tcp t;
    struct adit_note note;

    (void)state;
    tcp_start(&t, &slow);
    say_frame(&t, 1);
    close(t.far);
    t.far = -1;
    assert_inner(&t.s, NULL, 1);
    expect_note(&t.s, NULL, ADIT_NOTE_LINK_DOWN, &note);
    assert_int_equal(note.link, LINK);
    tcp_stop(&t);
}

static void last_words_on_a_stream_are_said(void **state)
{
    const struct adit_fault_spec hour = {.delay_ns = 3600 * ADIT_NS_PER_S};
    struct tcp t;

    (void)state;
    tcp_start(&t, &hour);
    say_inner(&t.s, SERVER_IP, CLIENT_IP, 5);
    pump_some(&t.s, NULL);
    assert_false(far_has_bytes(&t));
    link_del(&t.s, LINK);
    expect_frames(&t, 5, 1);
    tcp_stop(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_seed_decides_on_the_way_out),
        cmocka_unit_test(the_seed_decides_on_the_way_in),
        cmocka_unit_test(a_cut_link_carries_nothing),
        cmocka_unit_test(delayed_packets_come_later_in_one_thread),
        cmocka_unit_test(delayed_packets_come_later_with_worker_threads),
        cmocka_unit_test(late_packets_are_overtaken),
        cmocka_unit_test(both_copies_are_damaged_alike),
        cmocka_unit_test(held_packets_die_with_their_link),
        cmocka_unit_test(held_packets_die_with_their_peer),
        cmocka_unit_test(what_does_not_fit_the_queue_is_lost),
        cmocka_unit_test(the_log_has_the_sums),
        cmocka_unit_test(a_stream_waits_and_loses_nothing),
        cmocka_unit_test(a_stream_waits_as_long_as_it_should),
        cmocka_unit_test(a_cut_stream_stands_still),
        cmocka_unit_test(the_end_of_a_stream_comes_after_its_bytes),
        cmocka_unit_test(last_words_on_a_stream_are_said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
