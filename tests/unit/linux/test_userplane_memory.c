/* SPDX-License-Identifier: Apache-2.0 */
/* No memory in the worker: whatever command fails for it, policy is told, and nothing is left half done. */
#include "userplane_rig.h"

#include "../../sim/mem.h"

static void start(struct end *s, struct adit_addr *at)
{
    end_start(s, false, false, false);
    link_add(s, LINK, udp(at), false);
    pump_some(s, NULL);
}

/* The next allocation fails, which is one of the worker's: nothing was allocated to post. */
static void pump_without_memory(struct end *s)
{
    sim_mem.fail_in = 1;
    sim_mem.n_failed = 0;
    pump_some(s, NULL);
    assert_int_equal(sim_mem.n_failed, 1);
    sim_mem.fail_in = 0;
}

static void expect_refused(struct end *s, enum adit_cmd_kind cmd, adit_peer peer)
{
    struct adit_note note;

    expect_note(s, NULL, ADIT_NOTE_REFUSED, &note);
    assert_int_equal(note.refused.cmd, cmd);
    assert_int_equal(note.refused.why, ADIT_E_MEMORY);
    assert_int_equal(note.peer, peer);
}

static void a_peer_that_was_refused_is_told_gone_all_the_same(void **state)
{
    struct adit_addr at, from = {.ip = adit_ip_v4(INADDR_LOOPBACK), .port = 9};
    struct adit_peer_spec spec = spec_of(7, LINK, &from);
    struct adit_note note;
    struct end s;

    (void)state;
    start(&s, &at);
    peer_cmd(&s, ADIT_CMD_PEER_NEW, &spec);
    pump_without_memory(&s);
    expect_refused(&s, ADIT_CMD_PEER_NEW, 7);
    plain_cmd(&s, ADIT_CMD_PEER_DEL, 7);
    expect_note(&s, NULL, ADIT_NOTE_PEER_GONE, &note);
    assert_int_equal(note.peer, 7);
    end_stop(&s);
}

static void a_route_that_was_refused_leads_nowhere(void **state)
{
    struct adit_addr at, from = {.ip = adit_ip_v4(INADDR_LOOPBACK), .port = 9};
    struct end s;

    (void)state;
    start(&s, &at);
    server_peer(&s, 0, &from, 3);
    pump_some(&s, NULL);
    route(&s, ADIT_CMD_ROUTE_ADD, 0, "192.168.7.0/24");
    pump_without_memory(&s);
    expect_refused(&s, ADIT_CMD_ROUTE_ADD, 0);
    assert_int_equal(drops(&s, 0, ADIT_E_MEMORY), 1);
    say_inner(&s, SERVER_IP, 0xc0a80707, 1);
    pump_some(&s, NULL);
    assert_int_equal(drops(&s, ADIT_NO_PEER, ADIT_E_NO_ROUTE), 1);
    assert_int_equal(drops(&s, 0, ADIT_E_NO_ROUTE), 0);
    end_stop(&s);
}

/* Neither of its directions, and not the key that was under its id before. */
static void keys_that_were_refused_are_not_there(void **state)
{
    uint8_t packet[2048];
    struct adit_addr at;
    struct raw r;
    struct end s;

    (void)state;
    start(&s, &at);
    raw_start(&r, 0, 3);
    server_peer(&s, 0, &r.at, 3);
    pump_some(&s, NULL);
    key_new(&s, 0, true, 0, 3);
    pump_without_memory(&s);
    expect_refused(&s, ADIT_CMD_KEY_NEW, 0);
    send_raw(r.fd, &at, packet, raw_inner(&r, CLIENT_IP, SERVER_IP, 1, packet));
    say_inner(&s, SERVER_IP, CLIENT_IP, 2);
    pump_some(&s, NULL);
    assert_false(has_inner(&s));
    assert_int_equal(drops(&s, 0, ADIT_E_NO_KEY), 2);
    raw_stop(&r);
    end_stop(&s);
}

static void a_stream_that_was_refused_is_closed(void **state)
{
    struct adit_note note;
    struct adit_addr at;
    int fds[2];
    struct end s;
    char b;

    (void)state;
    start(&s, &at);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    link_add(&s, LINK_2, fds[0], true);
    pump_without_memory(&s);
    expect_note(&s, NULL, ADIT_NOTE_REFUSED, &note);
    assert_int_equal(note.refused.cmd, ADIT_CMD_LINK_ADD);
    assert_int_equal(note.refused.why, ADIT_E_MEMORY);
    assert_int_equal(note.refused.link, LINK_2);
    assert_int_equal(note.peer, ADIT_NO_PEER);
    assert_int_equal(recv(fds[1], &b, 1, MSG_DONTWAIT), 0);
    close(fds[1]);
    end_stop(&s);
}

/* Each allocation that a new client costs fails in turn. */
static void nothing_fails_in_silence(void **state)
{
    struct adit_addr at, from = {.ip = adit_ip_v4(INADDR_LOOPBACK), .port = 9};
    uint64_t k = 0;

    (void)state;
    do {
        struct end s;
        struct sim_mem before = sim_mem;

        start(&s, &at);
        sim_mem.fail_in = ++k;
        sim_mem.n_failed = 0;
        server_peer(&s, 0, &from, 3);
        pump_some(&s, NULL);
        sim_mem.fail_in = 0;
        assert_int_equal(count_notes(&s, ADIT_NOTE_REFUSED), sim_mem.n_failed);
        plain_cmd(&s, ADIT_CMD_PEER_DEL, 0);
        pump_some(&s, NULL);
        assert_int_equal(count_notes(&s, ADIT_NOTE_PEER_GONE), 1);
        end_stop(&s);
        assert_int_equal(sim_mem.n_blocks, before.n_blocks);
    } while (sim_mem.n_failed > 0);
    assert_in_range(k, 5, 50); /* the peer, its route, the halves of its keys */
}

/* No note can say that it failed, so it is not over yet: by then there may be memory. */
static void what_fails_while_nobody_can_be_told_is_tried_again(void **state)
{
    struct adit_addr at, from = {.ip = adit_ip_v4(INADDR_LOOPBACK), .port = 9};
    struct adit_peer_spec spec = spec_of(7, LINK, &from);
    struct end s;
    int n = 0;

    (void)state;
    start(&s, &at);
    for (int i = 0; i < 256; i++) { /* the plane's slots for notes */
        plain_cmd(&s, ADIT_CMD_COUNT, ADIT_NO_PEER);
        if (i % 100 == 99)
            pump_some(&s, NULL);
    }
    pump_some(&s, NULL);
    peer_cmd(&s, ADIT_CMD_PEER_NEW, &spec);
    plain_cmd(&s, ADIT_CMD_SAY_EXIT, 8);
    pump_without_memory(&s);
    for (; n < 256; pump(&s, NULL))
        n += count_notes(&s, ADIT_NOTE_COUNTERS);
    pump_some(&s, NULL);
    assert_int_equal(count_notes(&s, ADIT_NOTE_REFUSED), 0);
    assert_int_equal(drops(&s, 7, ADIT_E_MEMORY), 0);
    assert_int_equal(s.counters.drops[ADIT_E_NO_PEER], 0); /* those of a peer, not those of nobody */
    assert_int_equal(drops(&s, ADIT_NO_PEER, ADIT_E_NO_PEER), 1);
    end_stop(&s);
}

/* Of those that policy counts on; true: that needed memory, and there was none. */
static bool post_without_memory(struct end *s, enum adit_cmd_kind kind, adit_err *err)
{
    struct adit_cmd cmd = {.kind = kind, .peer = ADIT_NO_PEER};

    sim_mem.fail_in = 1;
    sim_mem.n_failed = 0;
    *err = s->plane->ops->post(s->plane, &cmd);
    sim_mem.fail_in = 0;
    return sim_mem.n_failed > 0;
}

/* The worker does not get a turn, so the ring fills, and what does not fit needs memory to wait in. */
static void some_commands_can_wait_without_memory(void **state)
{
    struct adit_addr at;
    struct end s;
    int n = 0, n_waiting = 0;
    adit_err err = ADIT_OK;

    (void)state;
    start(&s, &at);
    for (; n < 10000 && !err; n++)
        n_waiting += post_without_memory(&s, ADIT_CMD_COUNT, &err);
    assert_int_equal(err, ADIT_E_MEMORY);
    assert_in_range(n_waiting, 5, 50); /* and one that could not */
    plain_cmd(&s, ADIT_CMD_COUNT, ADIT_NO_PEER);
    for (int left = n; left > 0;) { /* one was not taken, one came after it */
        pump(&s, NULL);
        left -= count_notes(&s, ADIT_NOTE_COUNTERS);
        assert_true(left >= 0);
    }
    pump_some(&s, NULL);
    assert_int_equal(count_notes(&s, ADIT_NOTE_COUNTERS), 0);
    /* What waited has given its place back. */
    for (err = ADIT_OK, n = 0; n < 300 && !err; n++)
        n_waiting -= post_without_memory(&s, ADIT_CMD_COUNT, &err);
    assert_int_equal(n_waiting, 0);
    end_stop(&s);
}

static unsigned open_descriptors(void)
{
    unsigned n = 0;

    for (int fd = 0; fd < 256; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

/* Whatever it has made by then is given back, and nothing besides: standard input is a descriptor, too. */
static void a_plane_that_cannot_be_made_leaves_nothing(void **state)
{
    struct end e = {.seed = 42};
    struct adit_userplane_params p = {.env = &e.env, .want_thread = true, .n_workers = 2, .tun_mtu = 1500};
    int standard_input = open("/dev/null", O_RDONLY | O_CLOEXEC);
    unsigned n_open = open_descriptors();
    size_t n_blocks = sim_mem.n_blocks;
    struct adit_plane *plane;
    uint64_t k = 0;

    (void)state;
    e.env.rng = adit_rng_seeded(&e.seed);
    do {
        sim_mem.fail_in = ++k;
        sim_mem.n_failed = 0;
        plane = adit_userplane_new(&p);
        sim_mem.fail_in = 0;
        assert_int_equal(plane == NULL, sim_mem.n_failed > 0);
        if (plane)
            plane->ops->free(plane);
        assert_int_equal(open_descriptors(), n_open);
        assert_int_equal(sim_mem.n_blocks, n_blocks);
    } while (!plane);
    assert_true(k > 10);
    close(standard_input);
}

/* Policy's own memory: there is nobody else who could close what was moved. */
static void a_socket_that_cannot_be_posted_is_closed_and_refused(void **state)
{
    struct adit_cmd cmd = {.kind = ADIT_CMD_LINK_ADD};
    struct adit_note note;
    struct adit_addr at;
    struct end s;
    int fd;

    (void)state;
    start(&s, &at);
    for (int i = 0; i < 300; i++)
        plain_cmd(&s, ADIT_CMD_KEY_DEL, 0); /* more than the ring holds */
    fd = udp(&at);
    cmd.link = (struct adit_link_spec){.link = LINK_2, .fd = fd};
    sim_mem.fail_in = 1;
    post(&s, &cmd);
    assert_int_equal(sim_mem.fail_in, 0);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
    expect_note(&s, NULL, ADIT_NOTE_REFUSED, &note);
    assert_int_equal(note.refused.cmd, ADIT_CMD_LINK_ADD);
    assert_int_equal(note.refused.link, LINK_2);
    end_stop(&s);
}

static void crew_start(struct end *s, struct adit_addr *at)
{
    end_begin(s, (struct adit_userplane_params){.want_thread = true, .n_workers = 2});
    link_add(s, LINK, udp(at), false);
    drops(s, ADIT_NO_PEER, ADIT_E_OS); /* all have done it */
}

static void post_refused(struct end *s, struct adit_cmd *cmd)
{
    sim_mem.fail_in = 1;
    post(s, cmd);
    assert_int_equal(sim_mem.fail_in, 0);
}

/* Whose a client is, and its addresses, is written down before a worker is told. */
static void what_a_crew_cannot_write_down_is_refused(void **state)
{
    struct adit_addr at, from = {.ip = adit_ip_v4(INADDR_LOOPBACK), .port = 9};
    struct adit_cmd cmd = {.kind = ADIT_CMD_PEER_NEW, .peer = 7};
    struct adit_note note;
    int fds[2];
    struct end s;
    char b;

    (void)state;
    crew_start(&s, &at);
    cmd.spec = spec_of(7, LINK, &from);
    post_refused(&s, &cmd);
    expect_refused(&s, ADIT_CMD_PEER_NEW, 7);
    plain_cmd(&s, ADIT_CMD_PEER_DEL, 7);
    expect_note(&s, NULL, ADIT_NOTE_PEER_GONE, &note);

    server_peer(&s, 3, &from, 3);
    drops(&s, 3, ADIT_E_OS);
    cmd = (struct adit_cmd){.kind = ADIT_CMD_ROUTE_ADD, .peer = 3};
    assert_int_equal(adit_prefix_parse("192.168.7.0/24", &cmd.route), ADIT_OK);
    post_refused(&s, &cmd);
    expect_refused(&s, ADIT_CMD_ROUTE_ADD, 3);

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    cmd = (struct adit_cmd){.kind = ADIT_CMD_LINK_ADD, .peer = ADIT_NO_PEER};
    cmd.link = (struct adit_link_spec){.link = LINK_2, .fd = fds[0], .is_stream = true};
    post_refused(&s, &cmd);
    expect_note(&s, NULL, ADIT_NOTE_REFUSED, &note);
    assert_int_equal(note.refused.link, LINK_2);
    assert_int_equal(recv(fds[1], &b, 1, MSG_DONTWAIT), 0);
    close(fds[1]);
    end_stop(&s);
}

static void the_answers_of_a_crew_are_added_up_without_memory(void **state)
{
    struct adit_cmd cmd = {.kind = ADIT_CMD_COUNT, .peer = ADIT_NO_PEER};
    struct adit_note note;
    struct adit_addr at;
    struct end s;

    (void)state;
    crew_start(&s, &at);
    for (int i = 0; i < 5; i++) {
        post_refused(&s, &cmd);
        post_refused(&s, &cmd);
        expect_note(&s, NULL, ADIT_NOTE_COUNTERS, &note);
        expect_note(&s, NULL, ADIT_NOTE_COUNTERS, &note);
    }
    end_stop(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_peer_that_was_refused_is_told_gone_all_the_same),
        cmocka_unit_test(a_route_that_was_refused_leads_nowhere),
        cmocka_unit_test(keys_that_were_refused_are_not_there),
        cmocka_unit_test(a_stream_that_was_refused_is_closed),
        cmocka_unit_test(nothing_fails_in_silence),
        cmocka_unit_test(what_fails_while_nobody_can_be_told_is_tried_again),
        cmocka_unit_test(some_commands_can_wait_without_memory),
        cmocka_unit_test(a_plane_that_cannot_be_made_leaves_nothing),
        cmocka_unit_test(a_socket_that_cannot_be_posted_is_closed_and_refused),
        cmocka_unit_test(what_a_crew_cannot_write_down_is_refused),
        cmocka_unit_test(the_answers_of_a_crew_are_added_up_without_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
