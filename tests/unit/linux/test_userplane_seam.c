/* SPDX-License-Identifier: Apache-2.0 */
/* Commands and notes: order against packets, full rings, stopping. */
#include "userplane_rig.h"

#include <netinet/udp.h>

#include "linux/userplane_parts.h"

/* A few packets in flight, so that no socket overflows; every one must arrive, in order. */
static void a_key_switch_loses_nothing(void **state)
{
    const uint32_t total = 4000, window = 8;
    struct duo d;
    uint32_t sent = 0, got = 0;
    uint8_t id = 0;

    (void)state;
    duo_start(&d, true, 0);
    while (got < total) {
        while (sent < total && sent - got < window)
            say_inner(&d.client, CLIENT_IP, SERVER_IP, sent++);
        assert_inner(&d.server, &d.client, got++);
        if (got % 500 == 0) {
            id = id == 7 ? 1 : (uint8_t)(id + 1);
            key_new(&d.server, 0, true, id, (uint8_t)(50 + id));
            key_new(&d.client, 0, false, id, (uint8_t)(50 + id));
            key_use(&d.client, 0, id);
        }
    }
    for (int e = ADIT_OK + 1; e < ADIT_ERR_COUNT; e++)
        assert_int_equal(drops(&d.server, 0, (adit_err)e), 0);
    assert_int_equal(drops(&d.server, ADIT_NO_PEER, ADIT_E_NO_PEER), 0);
    duo_stop(&d);
}

enum {
    FILLER = 1000000, /* the number of a packet that is there to make others wait no longer */
};

/* Commands that come while a batch of packets is being worked on: whenever so many packets wait for the
 * device that they are written before the batch has ended. */
struct midway {
    struct end s;
    struct adit_addr at;
    struct raw a, b;
    void (*act)(struct midway *m);
    int n_writes, n_acts;
    uint32_t got[8]; /* numbers of packets that are no fillers */
    size_t n_got;
};

static void midway_take(struct midway *m)
{
    uint8_t b[2048];

    while (recv(m->s.inner, b, sizeof b, MSG_DONTWAIT) > 0) {
        if (number_of(b) == FILLER)
            continue;
        assert_true(m->n_got < sizeof m->got / sizeof *m->got);
        m->got[m->n_got++] = number_of(b);
    }
}

/* The device holds few packets, so what it has is taken at once. */
static void midway_write(void *ctx)
{
    struct midway *m = ctx;

    midway_take(m);
    if (m->n_writes++ % ADIT_UP_WAITING == 0)
        m->act(m);
}

static void midway_start(struct midway *m, void (*act)(struct midway *m))
{
    const int yes = 1;
    int fd = udp(&m->at);

    assert_int_equal(setsockopt(fd, SOL_UDP, UDP_GRO, &yes, sizeof yes), 0);
    m->act = act;
    m->n_writes = m->n_acts = 0;
    m->n_got = 0;
    end_start(&m->s, false, false, false);
    m->s.device.on_write = midway_write;
    m->s.device.ctx = m;
    raw_start(&m->a, 0, 3);
    raw_start(&m->b, 1, 4);
    link_add(&m->s, LINK, fd, false);
    server_peer(&m->s, 0, &m->a.at, 3);
    pump_some(&m->s, NULL);
}

static void midway_stop(struct midway *m)
{
    raw_stop(&m->a);
    raw_stop(&m->b);
    end_stop(&m->s);
}

static void midway_say(struct midway *m, struct raw *r, uint32_t src, uint32_t number)
{
    uint8_t packet[2048];

    send_raw(r->fd, &m->at, packet, raw_inner(r, src, SERVER_IP, number, packet));
}

/* As many as can wait, in one train: the packet behind them makes them leave. */
static void midway_fill(struct midway *m)
{
    uint8_t train[ADIT_UP_WAITING * 256 + 2048]; /* sealing is told of 2048 bytes */
    int segment = 0, none = 0;
    size_t n = 0;

    for (int i = 0; i < ADIT_UP_WAITING; i++) {
        segment = (int)raw_inner(&m->a, CLIENT_IP, SERVER_IP, FILLER, train + n);
        n += (size_t)segment;
    }
    assert_int_equal(setsockopt(m->a.fd, SOL_UDP, UDP_SEGMENT, &segment, sizeof segment), 0);
    send_raw(m->a.fd, &m->at, train, n);
    assert_int_equal(setsockopt(m->a.fd, SOL_UDP, UDP_SEGMENT, &none, sizeof none), 0);
}

static void midway_expect(struct midway *m, size_t n)
{
    uint64_t until = now_ms() + WAIT_MS;

    while (m->n_got < n && now_ms() < until) {
        pump(&m->s, NULL);
        midway_take(m);
    }
    assert_int_equal(m->n_got, n);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(m->got[i], i + 1);
}

static void bring_key_and_peer(struct midway *m)
{
    if (m->n_acts++ == 0)
        key_new(&m->s, 0, true, 1, 9);
    else if (m->n_acts == 2)
        server_peer(&m->s, 1, &m->b.at, 4);
    else if (m->n_acts == 3)
        route(&m->s, ADIT_CMD_ROUTE_ADD, 1, "192.168.7.0/24");
}

static void a_batch_sees_the_commands_that_came_during_it(void **state)
{
    struct adit_data_keys k = keys_of(false, 1, 9);
    struct midway m;

    (void)state;
    midway_start(&m, bring_key_and_peer);
    midway_fill(&m);
    midway_say(&m, &m.a, CLIENT_IP, 1); /* brings key id 1 */
    assert_int_equal(adit_tx_install(&m.a.tx, &k), ADIT_OK);
    assert_int_equal(adit_tx_use(&m.a.tx, 1), ADIT_OK);
    midway_fill(&m);
    midway_say(&m, &m.a, CLIENT_IP, 2); /* brings the second peer */
    midway_say(&m, &m.b, CLIENT_IP + 1, 3);
    midway_fill(&m); /* brings its network */
    midway_say(&m, &m.b, 0xc0a80707, 4);
    midway_expect(&m, 4);
    midway_stop(&m);
}

static void delete_everything(struct midway *m)
{
    if (m->n_acts++ > 0)
        return;
    plain_cmd(&m->s, ADIT_CMD_PEER_DEL, 0);
    link_del(&m->s, LINK);
}

static void a_link_may_be_deleted_under_its_batch(void **state)
{
    struct adit_data_keys k = keys_of(false, 1, 9);
    struct midway m;

    (void)state;
    midway_start(&m, delete_everything);
    midway_fill(&m);
    midway_say(&m, &m.a, CLIENT_IP, 1);
    assert_int_equal(adit_tx_install(&m.a.tx, &k), ADIT_OK);
    assert_int_equal(adit_tx_use(&m.a.tx, 1), ADIT_OK);
    for (uint32_t i = 2; i < 6; i++)
        midway_say(&m, &m.a, CLIENT_IP, i);
    midway_expect(&m, 1);
    pump_some(&m.s, NULL);
    midway_take(&m);
    assert_int_equal(m.n_got, 1);
    assert_int_equal(count_notes(&m.s, ADIT_NOTE_PEER_GONE), 1);
    midway_stop(&m);
}

/* The packet under a key may overtake the wake-up of the command that brings the key. */
static void a_key_posted_before_its_packet_is_never_missed(void **state)
{
    struct end s;
    struct adit_addr at;
    struct raw r;
    uint8_t packet[2048];

    (void)state;
    end_start(&s, false, true, false);
    raw_start(&r, 0, 3);
    link_add(&s, LINK, udp(&at), false);
    server_peer(&s, 0, &r.at, 3);
    for (uint32_t i = 0; i < 1000; i++) {
        uint8_t id = (uint8_t)(1 + i % 7);
        struct adit_data_keys k = keys_of(false, id, (uint8_t)i);
        size_t n;

        assert_int_equal(adit_tx_install(&r.tx, &k), ADIT_OK);
        assert_int_equal(adit_tx_use(&r.tx, id), ADIT_OK);
        n = raw_inner(&r, CLIENT_IP, SERVER_IP, i, packet);
        key_new(&s, 0, true, id, (uint8_t)i);
        send_raw(r.fd, &at, packet, n);
        assert_inner(&s, NULL, i);
    }
    assert_int_equal(drops(&s, 0, ADIT_E_NO_KEY), 0);
    raw_stop(&r);
    end_stop(&s);
}

static void more_commands_than_the_ring_holds_keep_their_order(void **state)
{
    struct end s;
    struct adit_cmd ctrl = {.kind = ADIT_CMD_CTRL_TX};
    struct adit_note note;
    adit_peer next = 0;

    (void)state;
    end_start(&s, false, false, false);
    for (adit_peer i = 0; i < 3000; i++) {
        struct adit_peer_spec spec = spec_of(i, LINK, NULL);

        peer_cmd(&s, ADIT_CMD_PEER_NEW, &spec);
        key_new(&s, i, true, 0, 1);
        plain_cmd(&s, ADIT_CMD_PEER_DEL, i);
    }
    ctrl.ctrl.n = 1;
    assert_int_equal(s.plane->ops->post(s.plane, &ctrl), ADIT_E_QUEUE);
    while (next < 3000) {
        expect_note(&s, NULL, ADIT_NOTE_PEER_GONE, &note);
        assert_int_equal(note.peer, next);
        next++;
    }
    assert_int_equal(drops(&s, ADIT_NO_PEER, ADIT_E_NO_PEER), 0);
    end_stop(&s);
}

/* Serves the plane only when its descriptors ask for it, until the note comes. */
static void serve_until(struct end *e, enum adit_note_kind kind, adit_peer peer)
{
    static struct adit_note note;
    struct pollfd fds[2] = {
        {.fd = adit_userplane_worker_fd(e->plane), .events = POLLIN},
        {.fd = adit_userplane_note_fd(e->plane), .events = POLLIN},
    };

    uint64_t until = now_ms() + WAIT_MS;

    while (now_ms() < until && poll(fds, 2, 2000) > 0) {
        if (fds[0].revents)
            adit_userplane_turn(e->plane);
        while (fds[1].revents && e->plane->ops->next_note(e->plane, &note))
            if (note.kind == kind && note.peer == peer)
                return;
    }
    fail_msg("the note has not come");
}

static void the_descriptors_tell_of_all_work(void **state)
{
    struct adit_peer_spec spec = spec_of(7, LINK, NULL);
    struct end s;

    (void)state;
    end_start(&s, false, false, false);
    /* More answers than the ring of notes holds. */
    for (adit_peer i = 0; i < 3000; i++)
        plain_cmd(&s, ADIT_CMD_COUNT, i);
    serve_until(&s, ADIT_NOTE_COUNTERS, 2999);
    /* More commands than their ring holds, of which only the last is answered. */
    peer_cmd(&s, ADIT_CMD_PEER_NEW, &spec);
    for (int i = 0; i < 3000; i++)
        plain_cmd(&s, ADIT_CMD_KEY_DEL, 7);
    plain_cmd(&s, ADIT_CMD_PEER_DEL, 7);
    serve_until(&s, ADIT_NOTE_PEER_GONE, 7);
    end_stop(&s);
}

static void a_thread_that_waits_for_its_notes_to_be_read_goes_on(void **state)
{
    struct end s;
    struct adit_note note;

    (void)state;
    end_start(&s, false, true, false);
    for (adit_peer i = 0; i < 3000; i++)
        plain_cmd(&s, ADIT_CMD_COUNT, i);
    for (adit_peer i = 0; i < 3000; i++) {
        expect_note(&s, NULL, ADIT_NOTE_COUNTERS, &note);
        assert_int_equal(note.peer, i);
    }
    end_stop(&s);
}

static void stopping_with_work_left_loses_no_descriptor(void **state)
{
    struct end s;
    struct adit_addr at;
    int fd;

    (void)state;
    for (int has_thread = 0; has_thread < 2; has_thread++) {
        end_start(&s, false, has_thread, false);
        fd = udp(&at);
        for (adit_peer i = 0; i < 2000; i++)
            plain_cmd(&s, ADIT_CMD_COUNT, i);
        link_add(&s, LINK, fd, false);
        server_peer(&s, 0, &at, 1);
        end_stop(&s);
        assert_int_equal(fcntl(fd, F_GETFD), -1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_switch_loses_nothing),
        cmocka_unit_test(a_batch_sees_the_commands_that_came_during_it),
        cmocka_unit_test(a_link_may_be_deleted_under_its_batch),
        cmocka_unit_test(a_key_posted_before_its_packet_is_never_missed),
        cmocka_unit_test(more_commands_than_the_ring_holds_keep_their_order),
        cmocka_unit_test(the_descriptors_tell_of_all_work),
        cmocka_unit_test(a_thread_that_waits_for_its_notes_to_be_read_goes_on),
        cmocka_unit_test(stopping_with_work_left_loses_no_descriptor),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
