/* SPDX-License-Identifier: Apache-2.0 */
/* Several workers: every packet finds its peer's, wherever it came in, and policy sees one plane. */
#include "userplane_rig.h"

#include <malloc.h>
#include <sys/resource.h>

enum {
    WORKERS = 3,
    CLIENTS = 7,
    ROUNDS = 40,
};

/* ---- a server with workers, clients without a plane ---- */

struct hall {
    struct end s;
    struct adit_addr at;
    struct raw clients[CLIENTS];
};

static void hall_start(struct hall *h, bool want_c2c)
{
    end_begin(&h->s, (struct adit_userplane_params){
                         .want_thread = true, .n_workers = WORKERS, .want_client_to_client = want_c2c});
    link_add(&h->s, LINK, udp(&h->at), false);
    for (adit_peer i = 0; i < CLIENTS; i++) {
        raw_start(&h->clients[i], i, (uint8_t)(3 + i));
        server_peer(&h->s, i, &h->clients[i].at, (uint8_t)(3 + i));
    }
}

static void hall_stop(struct hall *h)
{
    for (int i = 0; i < CLIENTS; i++)
        raw_stop(&h->clients[i]);
    end_stop(&h->s);
}

static void say(struct hall *h, int client, uint32_t dst, uint32_t number)
{
    struct raw *r = &h->clients[client];
    uint8_t packet[2048];

    send_raw(r->fd, &h->at, packet, raw_inner(r, CLIENT_IP + (uint32_t)client, dst, number, packet));
}

/* The next inner packet that reaches a client; its number. */
static uint32_t hear(struct hall *h, int client)
{
    struct raw *r = &h->clients[client];
    uint8_t b[2048];
    ssize_t n;

    for (uint64_t until = now_ms() + WAIT_MS; now_ms() < until; pump(&h->s, NULL)) {
        struct adit_open_op op = {.packet = b};

        n = recv(r->fd, b, sizeof b, MSG_DONTWAIT);
        if (n <= 0)
            continue;
        op.n = (size_t)n;
        adit_rx_open(&r->rx, &op, 1, (adit_now){0});
        assert_int_equal(op.err, ADIT_OK);
        assert_int_equal(op.payload.n, INNER_LEN);
        return number_of(op.payload.p);
    }
    fail_msg("client %d hears nothing", client);
    return 0;
}

static unsigned foreign_to_first_worker(void)
{
    unsigned n = 0;

    for (unsigned i = 0; i < CLIENTS; i++)
        n += i % WORKERS != 0;
    return n;
}

/* The first worker has the only socket that is read and the only queue: what is another's was handed over. */
static void assert_each_packet_is_counted_once(struct hall *h)
{
    const struct adit_hauls *n = &h->s.hauls;

    drops(&h->s, ADIT_NO_PEER, ADIT_E_NO_PEER);
    assert_int_equal(n->receives.packets, ROUNDS * CLIENTS);
    assert_int_equal(n->receives.bytes, ROUNDS * CLIENTS * (INNER_LEN + 24));
    assert_int_equal(n->writes.packets, ROUNDS * CLIENTS);
    assert_int_equal(n->writes.bytes, ROUNDS * CLIENTS * INNER_LEN);
    assert_int_equal(n->reads.packets, ROUNDS * CLIENTS);
    assert_int_equal(n->reads.bytes, ROUNDS * CLIENTS * INNER_LEN);
    assert_int_equal(n->sends.packets, ROUNDS * CLIENTS);
    assert_int_equal(n->sends.bytes, ROUNDS * CLIENTS * (INNER_LEN + 24));
    assert_int_equal(n->handed, 2 * ROUNDS * foreign_to_first_worker());
}

/* One round after the other, because rings between workers are bounded and nothing may be lost here. */
static void every_packet_finds_its_worker(void **state)
{
    struct hall h;
    uint8_t b[2048];
    size_t n;

    (void)state;
    hall_start(&h, false);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        bool has_come[CLIENTS] = {false};

        for (int i = 0; i < CLIENTS; i++)
            say(&h, i, SERVER_IP, round << 8 | (uint32_t)i);
        for (int i = 0; i < CLIENTS; i++) {
            assert_true(expect_inner(&h.s, NULL, b, &n));
            assert_int_equal(number_of(b) >> 8, round);
            assert_false(has_come[number_of(b) & 0xff]);
            has_come[number_of(b) & 0xff] = true;
        }
        for (uint32_t i = 0; i < CLIENTS; i++)
            say_inner(&h.s, SERVER_IP, CLIENT_IP + i, round << 8 | i);
        for (int i = 0; i < CLIENTS; i++)
            assert_int_equal(hear(&h, i), round << 8 | (uint32_t)i);
    }
    for (adit_peer i = 0; i < CLIENTS; i++) {
        for (int e = ADIT_OK + 1; e < ADIT_ERR_COUNT; e++)
            assert_int_equal(drops(&h.s, i, (adit_err)e), 0);
        assert_int_equal(h.s.counters.rx_packets, ROUNDS);
        assert_int_equal(h.s.counters.tx_packets, ROUNDS);
    }
    for (int e = ADIT_OK + 1; e < ADIT_ERR_COUNT; e++)
        assert_int_equal(drops(&h.s, ADIT_NO_PEER, (adit_err)e), 0);
    assert_each_packet_is_counted_once(&h);
    hall_stop(&h);
}

static void clients_meet_across_workers(void **state)
{
    struct hall h;

    (void)state;
    hall_start(&h, true);
    for (int from = 0; from < CLIENTS; from++) {
        for (int to = 0; to < CLIENTS; to++) {
            if (from == to)
                continue;
            say(&h, from, CLIENT_IP + (uint32_t)to, (uint32_t)(from << 8 | to));
            assert_int_equal(hear(&h, to), from << 8 | to);
        }
    }
    assert_false(has_inner(&h.s));
    hall_stop(&h);
}

/* From one worker's client to another's, which cannot have it: the answer goes back to the first worker. */
static void an_answer_finds_the_way_back(void **state)
{
    struct hall h;
    uint8_t inner[2200] = {0}, b[2400];
    struct adit_wr w = adit_wr_of(inner, sizeof inner);
    struct adit_open_op op = {.packet = b};
    struct pollfd from;
    ssize_t n;

    (void)state;
    hall_start(&h, true);
    adit_wr_u32(&w, 0x45000000 | (uint32_t)sizeof inner);
    adit_wr_u32(&w, 0x00004000); /* not to be fragmented */
    adit_wr_u32(&w, 0x40fd0000);
    adit_wr_u32(&w, CLIENT_IP);
    adit_wr_u32(&w, CLIENT_IP + 1);
    drops(&h.s, ADIT_NO_PEER, ADIT_E_NO_PEER); /* all of them are there */
    send_raw(h.clients[0].fd, &h.at, b,
             raw_seal(&h.clients[0], adit_bytes_of(inner, sizeof inner), b, sizeof b));
    from = (struct pollfd){.fd = h.clients[0].fd, .events = POLLIN};
    assert_int_equal(poll(&from, 1, WAIT_MS), 1);
    n = recv(h.clients[0].fd, b, sizeof b, 0);
    assert_true(n > 0);
    op.n = (size_t)n;
    adit_rx_open(&h.clients[0].rx, &op, 1, (adit_now){0});
    assert_int_equal(op.err, ADIT_OK);
    assert_int_equal(op.payload.n, 576);
    assert_memory_equal(op.payload.p + 20, "\x03\x04", 2);
    assert_memory_equal(op.payload.p + 28, inner, 576 - 28);
    assert_int_equal(drops(&h.s, 1, ADIT_E_TOO_BIG), 1);
    hall_stop(&h);
}

static void inner_sources_are_checked_by_every_worker(void **state)
{
    struct hall h;

    (void)state;
    hall_start(&h, false);
    for (int i = 0; i < CLIENTS; i++) {
        struct raw *r = &h.clients[i];
        uint8_t packet[2048];

        send_raw(r->fd, &h.at, packet,
                 raw_inner(r, CLIENT_IP + (uint32_t)((i + 1) % CLIENTS), SERVER_IP, 1, packet));
        say(&h, i, SERVER_IP, 2);
        assert_inner(&h.s, NULL, 2);
        assert_int_equal(drops(&h.s, (adit_peer)i, ADIT_E_SOURCE), 1);
    }
    hall_stop(&h);
}

static void a_peer_that_is_deleted_is_gone_everywhere(void **state)
{
    static struct adit_note note;
    struct hall h;

    (void)state;
    hall_start(&h, false);
    say(&h, 1, SERVER_IP, 1);
    assert_inner(&h.s, NULL, 1);
    plain_cmd(&h.s, ADIT_CMD_PEER_DEL, 1);
    expect_note(&h.s, NULL, ADIT_NOTE_PEER_GONE, &note);
    assert_int_equal(note.peer, 1);
    assert_int_equal(note.counters.rx_packets, 1);
    say_inner(&h.s, SERVER_IP, CLIENT_IP + 1, 7);
    say(&h, 1, SERVER_IP, 8);
    for (uint64_t until = now_ms() + WAIT_MS;
         now_ms() < until &&
         (drops(&h.s, ADIT_NO_PEER, ADIT_E_NO_ROUTE) == 0 || drops(&h.s, ADIT_NO_PEER, ADIT_E_NO_PEER) == 0);)
        pump(&h.s, NULL);
    assert_int_equal(drops(&h.s, ADIT_NO_PEER, ADIT_E_NO_ROUTE), 1);
    assert_int_equal(drops(&h.s, ADIT_NO_PEER, ADIT_E_NO_PEER), 1);

    /* The id is given again, with another key. */
    server_peer(&h.s, 1, &h.clients[1].at, 99);
    say(&h, 1, SERVER_IP, 9);
    for (uint64_t until = now_ms() + WAIT_MS; now_ms() < until && drops(&h.s, 1, ADIT_E_AUTH) == 0;)
        pump(&h.s, NULL);
    assert_int_equal(drops(&h.s, 1, ADIT_E_AUTH), 1);
    assert_false(has_inner(&h.s));
    hall_stop(&h);
}

/* What a link has said last is heard by policy from any worker, and control bytes go out by its address. */
static void control_packets_come_and_go(void **state)
{
    static struct adit_note note;
    struct adit_cmd cmd = {.kind = ADIT_CMD_CTRL_TX};
    uint8_t hello[] = {0x38, 1, 2, 3}, b[64];
    struct hall h;

    (void)state;
    hall_start(&h, false);
    for (int i = 0; i < CLIENTS; i++) {
        send_raw(h.clients[i].fd, &h.at, hello, sizeof hello);
        expect_note(&h.s, NULL, ADIT_NOTE_CTRL_RX, &note);
        assert_int_equal(note.ctrl.link, LINK);
        assert_true(adit_addr_eq(&note.ctrl.remote, &h.clients[i].at));
        cmd.ctrl = note.ctrl;
        post(&h.s, &cmd);
        adit_userplane_turn(h.s.plane);
        assert_int_equal(recv(h.clients[i].fd, b, sizeof b, 0), sizeof hello);
        assert_memory_equal(b, hello, sizeof hello);
    }
    hall_stop(&h);
}

/* A server's socket that not every worker gets a copy of is nobody's: its port is free again. */
static void a_socket_that_cannot_be_shared_is_closed(void **state)
{
    struct adit_cmd cmd = {.kind = ADIT_CMD_LINK_ADD};
    struct rlimit limit, small;
    struct adit_addr at;
    struct end s;
    int next;

    (void)state;
    end_begin(&s, (struct adit_userplane_params){.want_thread = true, .n_workers = WORKERS});
    cmd.link = (struct adit_link_spec){.link = LINK, .fd = udp(&at), .more = {udp(&at)}, .n_more = 1};
    next = dup(0);
    close(next);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    small = (struct rlimit){.rlim_cur = (rlim_t)next, .rlim_max = limit.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &small), 0);
    assert_int_equal(s.plane->ops->post(s.plane, &cmd), ADIT_E_OS);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(fcntl(cmd.link.fd, F_GETFD), -1);
    assert_int_equal(fcntl(cmd.link.more[0], F_GETFD), -1);
    end_stop(&s);
}

static size_t resident_bytes(void)
{
    size_t all = 0, resident = 0;
    FILE *f = fopen("/proc/self/statm", "r");

    assert_non_null(f);
    assert_int_equal(fscanf(f, "%zu %zu", &all, &resident), 2);
    fclose(f);
    return resident * (size_t)sysconf(_SC_PAGESIZE);
}

/* Each has a ring to each: that may cost memory when packets go astray, not before. */
static void many_workers_cost_little_memory(void **state)
{
    struct end s;
    size_t before = resident_bytes();

    (void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    skip(); /* what they write down of memory is larger than that */
#endif
    mallopt(M_PERTURB, 0); /* which would write everywhere */
    end_begin(&s, (struct adit_userplane_params){.want_thread = true, .n_workers = ADIT_UP_WORKERS_MAX});
    assert_in_range(resident_bytes() - before, 0, 64 << 20);
    end_stop(&s);
}

/* ---- one peer, a worker for each direction ---- */

static void split_start(struct duo *d)
{
    end_start(&d->server, false, true, false);
    end_begin(&d->client,
              (struct adit_userplane_params){.want_thread = true, .n_workers = 2, .is_single_peer = true});
    duo_join(d, 0);
}

static void both_directions_of_one_peer(void **state)
{
    struct duo d;
    uint8_t id = 0;

    (void)state;
    split_start(&d);
    for (uint32_t i = 0; i < 1000; i++) {
        say_inner(&d.client, CLIENT_IP, SERVER_IP, i);
        say_inner(&d.server, SERVER_IP, CLIENT_IP, i);
        assert_inner(&d.server, &d.client, i);
        assert_inner(&d.client, &d.server, i);
        if (i % 100 == 99) {
            id = id == 7 ? 1 : (uint8_t)(id + 1);
            key_new(&d.server, 0, true, id, (uint8_t)(50 + id));
            key_new(&d.client, 0, false, id, (uint8_t)(50 + id));
            key_use(&d.client, 0, id);
            key_use(&d.server, 0, id);
        }
    }
    for (int e = ADIT_OK + 1; e < ADIT_ERR_COUNT; e++)
        assert_int_equal(drops(&d.client, 0, (adit_err)e), 0);
    assert_int_equal(d.client.counters.rx_packets, 1000);
    assert_int_equal(d.client.counters.tx_packets, 1000);
    duo_stop(&d);
}

/* One worker may be done with a second question before the other has looked at the first. */
static void answers_are_added_to_the_question_they_answer(void **state)
{
    static struct adit_note note;
    struct duo d;

    (void)state;
    split_start(&d);
    for (uint32_t i = 0; i < 50; i++) {
        say_inner(&d.client, CLIENT_IP, SERVER_IP, i);
        assert_inner(&d.server, &d.client, i);
        say_inner(&d.server, SERVER_IP, CLIENT_IP, i);
        assert_inner(&d.client, &d.server, i);
    }
    for (int i = 0; i < 40; i++) {
        plain_cmd(&d.client, ADIT_CMD_COUNT, 0);
        plain_cmd(&d.client, ADIT_CMD_COUNT, 0);
        for (int answer = 0; answer < 2; answer++) {
            expect_note(&d.client, &d.server, ADIT_NOTE_COUNTERS, &note);
            assert_int_equal(note.counters.rx_packets, 50);
            assert_int_equal(note.counters.tx_packets, 50);
        }
    }
    duo_stop(&d);
}

static void talk(struct duo *d, uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i++) {
        say_inner(&d->client, CLIENT_IP, SERVER_IP, i);
        assert_inner(&d->server, &d->client, i);
        say_inner(&d->server, SERVER_IP, CLIENT_IP, i);
        assert_inner(&d->client, &d->server, i);
    }
}

/* From the key's first packet on, whenever the limit came. */
static void both_directions_wear_one_key(void **state)
{
    static struct adit_note note;
    struct duo d;

    (void)state;
    split_start(&d);
    talk(&d, 0, 30);
    d.on_client.limit.packets = 100;
    peer_cmd(&d.client, ADIT_CMD_PEER_SET, &d.on_client);
    drops(&d.client, 0, ADIT_E_OS); /* both have heard it */
    talk(&d, 30, 45);
    assert_int_equal(count_notes(&d.client, ADIT_NOTE_KEY_WORN), 0);
    talk(&d, 45, 60);
    expect_note(&d.client, &d.server, ADIT_NOTE_KEY_WORN, &note);
    assert_int_equal(note.key_id, 0);
    pump_some(&d.client, &d.server);
    assert_int_equal(count_notes(&d.client, ADIT_NOTE_KEY_WORN), 0);
    duo_stop(&d);
}

static void a_single_peer_that_moves_is_answered_there(void **state)
{
    static struct adit_note note;
    struct adit_peer_spec spec;
    uint8_t packet[2048];
    struct adit_addr at;
    struct raw one, other;
    struct end s;

    (void)state;
    end_begin(&s,
              (struct adit_userplane_params){.want_thread = true, .n_workers = 2, .is_single_peer = true});
    raw_start(&one, ADIT_PEER_ID_NONE, 3);
    raw_start(&other, ADIT_PEER_ID_NONE, 3);
    link_add(&s, LINK, udp(&at), false);
    spec = spec_of(0, LINK, &one.at);
    spec.wire_peer_id = ADIT_PEER_ID_NONE;
    spec.may_float = true;
    peer_cmd(&s, ADIT_CMD_PEER_NEW, &spec);
    key_new(&s, 0, true, 0, 3);
    adit_tx_fini(&other.tx);
    other.tx = one.tx; /* the same end, from another place */
    send_raw(other.fd, &at, packet, raw_inner(&other, CLIENT_IP, SERVER_IP, 1, packet));
    assert_inner(&s, NULL, 1);
    expect_note(&s, NULL, ADIT_NOTE_PEER_FLOATED, &note);
    assert_true(adit_addr_eq(&note.moved.remote, &other.at));
    pump_some(&s, NULL);
    say_inner(&s, SERVER_IP, CLIENT_IP, 2);
    assert_true(recv(other.fd, packet, sizeof packet, 0) > 0);
    assert_int_equal(recv(one.fd, packet, sizeof packet, MSG_DONTWAIT), -1);
    adit_tx_init(&one.tx, 0); /* it is the other's */
    raw_stop(&one);
    raw_stop(&other);
    end_stop(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_packet_finds_its_worker),
        cmocka_unit_test(clients_meet_across_workers),
        cmocka_unit_test(an_answer_finds_the_way_back),
        cmocka_unit_test(inner_sources_are_checked_by_every_worker),
        cmocka_unit_test(a_peer_that_is_deleted_is_gone_everywhere),
        cmocka_unit_test(control_packets_come_and_go),
        cmocka_unit_test(a_socket_that_cannot_be_shared_is_closed),
        cmocka_unit_test(many_workers_cost_little_memory),
        cmocka_unit_test(both_directions_of_one_peer),
        cmocka_unit_test(answers_are_added_to_the_question_they_answer),
        cmocka_unit_test(both_directions_wear_one_key),
        cmocka_unit_test(a_single_peer_that_moves_is_answered_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
