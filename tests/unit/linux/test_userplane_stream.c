/* SPDX-License-Identifier: Apache-2.0 */
/* Streams: framing cut anywhere, ends, backlog. */
#include "userplane_rig.h"

struct tcp {
    struct end s;
    int far;      /* the test's end of the stream */
    struct raw r; /* its keys */
};

static void tcp_start(struct tcp *t)
{
    int fds[2], small = 8192;
    struct adit_peer_spec spec = spec_of(0, LINK, NULL);
    struct adit_cmd cmd = {.kind = ADIT_CMD_ROUTE_ADD};

    end_start(&t->s, false, false, false);
    raw_start(&t->r, 0, 3);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    t->far = fds[1];
    link_add(&t->s, LINK, fds[0], true);
    spec.check_source = true;
    peer_cmd(&t->s, ADIT_CMD_PEER_NEW, &spec);
    cmd.route = (struct adit_prefix){.ip = adit_ip_v4(CLIENT_IP), .bits = 32};
    post(&t->s, &cmd);
    key_new(&t->s, 0, true, 0, 3);
}

static void tcp_stop(struct tcp *t)
{
    close(t->far);
    raw_stop(&t->r);
    end_stop(&t->s);
}

static size_t frame(uint8_t *dst, const uint8_t *packet, size_t n)
{
    dst[0] = (uint8_t)(n >> 8);
    dst[1] = (uint8_t)n;
    memcpy(dst + 2, packet, n);
    return n + 2;
}

static size_t data_frame(struct tcp *t, uint32_t number, uint8_t *dst)
{
    uint8_t packet[2048];

    return frame(dst, packet, raw_inner(&t->r, CLIENT_IP, SERVER_IP, number, packet));
}

static void say(struct tcp *t, const void *b, size_t n)
{
    assert_int_equal(send(t->far, b, n, MSG_NOSIGNAL), n);
}

static void a_stream_may_be_cut_anywhere(void **state)
{
    struct tcp t;
    uint8_t b[512], ctrl[30] = {0x20};
    struct adit_note note;
    size_t total = 1;

    (void)state;
    tcp_start(&t);
    for (size_t cut = 0; cut < total; cut++) {
        size_t n = data_frame(&t, (uint32_t)cut, b);

        n += frame(b + n, ctrl, sizeof ctrl);
        n += data_frame(&t, (uint32_t)cut + 5000, b + n);
        total = n;
        if (cut > 0)
            say(&t, b, cut);
        pump(&t.s, NULL);
        pump(&t.s, NULL);
        say(&t, b + cut, n - cut);
        assert_inner(&t.s, NULL, (uint32_t)cut);
        assert_inner(&t.s, NULL, (uint32_t)cut + 5000);
        expect_note(&t.s, NULL, ADIT_NOTE_CTRL_RX, &note);
        assert_int_equal(note.ctrl.n, sizeof ctrl);
    }
    /* And byte by byte. */
    total = data_frame(&t, 9999, b);
    for (size_t i = 0; i < total; i++) {
        assert_false(has_inner(&t.s));
        say(&t, b + i, 1);
        pump(&t.s, NULL);
        pump(&t.s, NULL);
    }
    assert_inner(&t.s, NULL, 9999);
    tcp_stop(&t);
}

static void frames_of_one_write_are_counted_as_such(void **state)
{
    struct tcp t;
    uint8_t b[1024];
    size_t n = 0;

    (void)state;
    tcp_start(&t);
    for (uint32_t i = 0; i < 3; i++) {
        say_inner(&t.s, SERVER_IP, CLIENT_IP, i);
        n += data_frame(&t, i, b + n);
    }
    say(&t, b, n);
    pump_some(&t.s, NULL);
    drops(&t.s, ADIT_NO_PEER, ADIT_E_OS);
    assert_int_equal(t.s.hauls.sends.calls, 1);
    assert_int_equal(t.s.hauls.sends.packets, 3);
    assert_int_equal(t.s.hauls.sends.bytes, n);
    assert_int_equal(t.s.hauls.receives.calls, 1);
    assert_int_equal(t.s.hauls.receives.packets, 3);
    assert_int_equal(t.s.hauls.receives.bytes, n);
    tcp_stop(&t);
}

static void a_stream_ends_after_its_last_words(const uint8_t *tail, size_t n, bool closes)
{
    struct tcp t;
    uint8_t b[256], ctrl[20] = {0x28};
    struct adit_note note;
    size_t len = frame(b, ctrl, sizeof ctrl);

    tcp_start(&t);
    if (n > 0)
        memcpy(b + len, tail, n);
    say(&t, b, len + n);
    if (closes)
        shutdown(t.far, SHUT_RDWR);
    /* The first of the two kinds must be the control bytes. */
    while (!t.s.plane->ops->next_note(t.s.plane, &note))
        pump(&t.s, NULL);
    assert_int_equal(note.kind, ADIT_NOTE_CTRL_RX);
    expect_note(&t.s, NULL, ADIT_NOTE_LINK_DOWN, &note);
    assert_int_equal(note.link, LINK);
    pump_some(&t.s, NULL);
    assert_int_equal(count_notes(&t.s, ADIT_NOTE_LINK_DOWN), 0);
    say_inner(&t.s, SERVER_IP, CLIENT_IP, 1);
    pump_some(&t.s, NULL);
    assert_int_equal(drops(&t.s, 0, ADIT_E_STATE), 1);
    link_del(&t.s, LINK);
    pump_some(&t.s, NULL);
    assert_int_equal(recv(t.far, b, sizeof b, MSG_DONTWAIT), 0); /* closed */
    tcp_stop(&t);
}

static void streams_end_at_eof_bad_length_and_bad_opcode(void **state)
{
    static const uint8_t zero[] = {0, 0}, huge[] = {0xff, 0xff, 0x20}, odd[] = {0, 3, 0xf8, 0, 0};

    (void)state;
    a_stream_ends_after_its_last_words(NULL, 0, true);
    a_stream_ends_after_its_last_words(zero, sizeof zero, false);
    a_stream_ends_after_its_last_words(huge, sizeof huge, false);
    a_stream_ends_after_its_last_words(odd, sizeof odd, false);
}

/* Reads one frame at the far end; its length, 0 if nothing is there. */
static size_t hear(struct tcp *t, uint8_t *b)
{
    uint8_t head[2];
    size_t want, have = 0;

    if (recv(t->far, head, 2, MSG_DONTWAIT) <= 0)
        return 0;
    want = (size_t)(head[0] << 8 | head[1]);
    for (int i = 0; have < want && i < 1000; i++) {
        ssize_t n = recv(t->far, b + have, want - have, MSG_DONTWAIT);

        if (n > 0)
            have += (size_t)n;
        else
            pump(&t->s, NULL);
    }
    assert_int_equal(have, want);
    return want;
}

static void a_slow_stream_drops_data_but_no_control(void **state)
{
    struct tcp t;
    struct adit_cmd cmd = {.kind = ADIT_CMD_CTRL_TX};
    uint8_t b[4096];
    size_t n;
    uint32_t sent = 0, last = 0;
    int n_data = 0, n_ctrl = 0;

    (void)state;
    tcp_start(&t);
    while (sent < 20000 && drops(&t.s, 0, ADIT_E_QUEUE) == 0) {
        for (int i = 0; i < 8; i++) /* what a socket pair holds */
            say_inner(&t.s, SERVER_IP, CLIENT_IP, ++sent);
        pump(&t.s, NULL);
    }
    assert_true(drops(&t.s, 0, ADIT_E_QUEUE) > 0);
    for (int i = 0; i < 50; i++) {
        cmd.ctrl = (struct adit_ctrl_bytes){.link = LINK, .n = 1000, .b = {0x20, (uint8_t)i}};
        post(&t.s, &cmd);
    }
    pump_some(&t.s, NULL);
    for (int idle = 0; idle < 50; idle++) {
        while ((n = hear(&t, b)) > 0) {
            struct adit_open_op op = {.packet = b, .n = n};

            idle = 0;
            if (b[0] == 0x20) {
                assert_int_equal(b[1], n_ctrl);
                n_ctrl++;
                continue;
            }
            adit_rx_open(&t.r.rx, &op, 1, (adit_now){0});
            assert_int_equal(op.err, ADIT_OK);
            assert_true(number_of(op.payload.p) > last);
            last = number_of(op.payload.p);
            n_data++;
        }
        pump(&t.s, NULL);
    }
    assert_int_equal(n_ctrl, 50);
    assert_int_equal(drops(&t.s, 0, ADIT_E_QUEUE) + (uint64_t)n_data, sent);
    /* It has recovered. */
    say_inner(&t.s, SERVER_IP, CLIENT_IP, 1 << 20);
    pump_some(&t.s, NULL);
    assert_true(hear(&t, b) > 0);
    tcp_stop(&t);
}

static void a_stream_that_takes_no_control_is_given_up(void **state)
{
    struct tcp t;
    struct adit_cmd cmd = {.kind = ADIT_CMD_CTRL_TX};
    struct adit_note note;

    (void)state;
    tcp_start(&t);
    for (int i = 0; i < 400; i++) {
        cmd.ctrl = (struct adit_ctrl_bytes){.link = LINK, .n = 2000, .b = {0x20}};
        post(&t.s, &cmd);
        pump(&t.s, NULL);
    }
    expect_note(&t.s, NULL, ADIT_NOTE_LINK_DOWN, &note);
    tcp_stop(&t);
}

static void streams_carry_bulk_between_threads(void **state)
{
    struct end s, c;
    struct adit_peer_spec spec = spec_of(0, LINK, NULL);
    int fds[2];
    uint32_t sent = 0;

    (void)state;
    end_start(&s, false, true, false);
    end_start(&c, true, true, false);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    link_add(&s, LINK, fds[0], true);
    link_add(&c, LINK, fds[1], true);
    peer_cmd(&s, ADIT_CMD_PEER_NEW, &spec);
    peer_cmd(&c, ADIT_CMD_PEER_NEW, &spec);
    key_new(&s, 0, true, 0, 3);
    key_new(&c, 0, false, 0, 3);
    for (uint32_t got = 0; got < 3000; got++) {
        while (sent < 3000 && sent - got < 8)
            say_inner(&c, CLIENT_IP, SERVER_IP, sent++);
        assert_inner(&s, &c, got);
    }
    end_stop(&s);
    end_stop(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stream_may_be_cut_anywhere),
        cmocka_unit_test(frames_of_one_write_are_counted_as_such),
        cmocka_unit_test(streams_end_at_eof_bad_length_and_bad_opcode),
        cmocka_unit_test(a_slow_stream_drops_data_but_no_control),
        cmocka_unit_test(a_stream_that_takes_no_control_is_given_up),
        cmocka_unit_test(streams_carry_bulk_between_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
