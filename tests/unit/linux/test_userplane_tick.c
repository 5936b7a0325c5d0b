/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The second hand of a worker: who is looked at, and that everything happens at the tick at which it would if
 * everybody were looked at. The worker's clock is set by the test here, so that no test waits.
 */
#include "userplane_rig.h"

#include "linux/userplane_policy.h"

enum {
    CROWD = 1000,
    PING_S = 10,
    SECONDS = 60,
};

/* ---- a worker with a clock of ours ---- */

struct rig {
    struct end e;
    struct adit_up_worker *w;
    struct adit_addr at, far_at;
    int far; /* where all peers are */
};

static void start(struct rig *r)
{
    end_start(&r->e, false, false, false);
    r->w = &((struct adit_userplane *)r->e.plane)->members[0].worker;
    r->far = udp(&r->far_at);
    link_add(&r->e, LINK, udp(&r->at), false);
    adit_userplane_turn(r->e.plane);
}

static void stop(struct rig *r)
{
    end_stop(&r->e);
    close(r->far);
}

static void add(struct rig *r, adit_peer id, uint32_t ping_s, uint32_t silent_s)
{
    struct adit_addr at = r->far_at;
    struct adit_peer_spec spec;

    at.port = (uint16_t)(1024 + id); /* an address is one peer's; nobody needs to hear them */
    spec = spec_of(id, LINK, &at);
    spec.ping_s = ping_s;
    spec.silent_s = silent_s;
    peer_cmd(&r->e, ADIT_CMD_PEER_NEW, &spec);
    adit_up_cmd_drain(r->w);
}

static void give_key(struct rig *r, adit_peer id)
{
    key_new(&r->e, id, true, 0, 3);
    adit_up_cmd_drain(r->w);
}

static void set_clock(struct rig *r, uint64_t second, uint64_t ns)
{
    r->w->now.mono_ns = r->w->tick_base_ns + second * ADIT_NS_PER_S + ns;
}

static void tick(struct rig *r, uint64_t second)
{
    set_clock(r, second, 0);
    adit_up_tick(r->w);
    adit_up_batch_flush(r->w);
    adit_up_stream_flush_dirty(r->w);
}

/* ---- what it costs ---- */

static void idle_peers_are_looked_at_once_a_period(void **state)
{
    struct rig r;
    uint64_t pings = 0;

    (void)state;
    start(&r);
    for (adit_peer i = 0; i < CROWD; i++) {
        add(&r, i, PING_S, 0);
        give_key(&r, i);
    }
    for (uint64_t s = 1; s <= SECONDS; s++)
        tick(&r, s);
    for (const struct adit_up_peer *p = r.w->all; p; p = p->next)
        pings += p->counters.link_tx_bytes / (sizeof adit_ping_payload + 24);
    assert_int_equal(pings, CROWD * SECONDS / PING_S);
    assert_int_equal(r.w->wheel.n_given, pings);
    stop(&r);
}

static void busy_peers_are_looked_at_once_a_period(void **state)
{
    struct rig r;

    (void)state;
    start(&r);
    for (adit_peer i = 0; i < CROWD; i++) {
        add(&r, i, PING_S, 6 * PING_S);
        give_key(&r, i);
    }
    for (uint64_t s = 1; s <= SECONDS; s++) {
        set_clock(&r, s, 0);
        for (struct adit_up_peer *p = r.w->all; p; p = p->next)
            p->tx_ns = p->rx_ns = r.w->now.mono_ns - 1; /* as packets do */
        tick(&r, s);
    }
    assert_in_range(r.w->wheel.n_given, 1, CROWD * (SECONDS / PING_S + 1));
    assert_int_equal(count_notes(&r.e, ADIT_NOTE_PEER_SILENT), 0);
    for (const struct adit_up_peer *p = r.w->all; p; p = p->next)
        assert_int_equal(p->counters.link_tx_bytes, 0);
    stop(&r);
}

static void who_has_no_deadline_is_never_looked_at(void **state)
{
    struct rig r;

    (void)state;
    start(&r);
    add(&r, 0, 0, 0);
    add(&r, 1, PING_S, 0); /* without a key it cannot ping */
    for (uint64_t s = 1; s <= SECONDS; s++)
        tick(&r, s);
    assert_int_equal(r.w->wheel.n_given, 0);
    give_key(&r, 0);
    give_key(&r, 1);
    tick(&r, SECONDS + 1);
    assert_int_equal(r.w->wheel.n_given, 1);
    assert_int_equal(adit_up_peer_find(r.w, 1)->tx_ns, r.w->now.mono_ns);
    assert_int_equal(adit_up_peer_find(r.w, 0)->counters.link_tx_bytes, 0);
    stop(&r);
}

static void another_key_lets_it_ping_again(void **state)
{
    struct adit_cmd cmd = {.kind = ADIT_CMD_KEY_DEL};
    struct rig r;

    (void)state;
    start(&r);
    add(&r, 0, PING_S, 0);
    give_key(&r, 0);
    key_new(&r.e, 0, true, 1, 4); /* it receives with it, but does not send yet */
    post(&r.e, &cmd);
    adit_up_cmd_drain(r.w);
    for (uint64_t s = 1; s <= 2 * PING_S; s++)
        tick(&r, s);
    assert_int_equal(adit_up_peer_find(r.w, 0)->counters.link_tx_bytes, 0);
    key_use(&r.e, 0, 1);
    adit_up_cmd_drain(r.w);
    tick(&r, 2 * PING_S + 1);
    assert_int_equal(adit_up_peer_find(r.w, 0)->counters.link_tx_bytes, sizeof adit_ping_payload + 24);
    stop(&r);
}

/* ---- against a look at everybody, each second ---- */

enum {
    PEERS = 40,
    HOURS_S = 4000,
};

struct model {
    struct rig r;
    uint64_t chance;
    bool has_key[PEERS];
};

static uint32_t dice(struct model *m, uint32_t below)
{
    m->chance = m->chance * 6364136223846793005ULL + 1442695040888963407ULL;
    return (uint32_t)(m->chance >> 33) % below;
}

static void change(struct model *m, struct adit_up_peer *p)
{
    struct adit_peer_spec spec = p->spec;

    spec.ping_s = dice(m, 2) ? dice(m, 8) : spec.ping_s;
    spec.silent_s = dice(m, 2) ? dice(m, 8) : spec.silent_s;
    if (dice(m, 50) == 0)
        spec.ping_s = 600 + dice(m, 3000); /* more than a round of the wheel */
    peer_cmd(&m->r.e, ADIT_CMD_PEER_SET, &spec);
}

static void change_key(struct model *m, adit_peer id)
{
    struct adit_cmd cmd = {.kind = ADIT_CMD_KEY_DEL, .peer = id};

    if (m->has_key[id])
        post(&m->r.e, &cmd);
    else
        key_new(&m->r.e, id, true, 0, 3);
    m->has_key[id] = !m->has_key[id];
}

/* Somebody deletes it, and makes it anew. */
static void renew(struct model *m, adit_peer id)
{
    plain_cmd(&m->r.e, ADIT_CMD_PEER_DEL, id);
    adit_up_cmd_drain(m->r.w);
    add(&m->r, id, dice(m, 5), dice(m, 5));
    m->has_key[id] = false;
}

static void something_happens(struct model *m)
{
    adit_peer id = dice(m, PEERS);
    struct adit_up_peer *p = adit_up_peer_find(m->r.w, id);

    switch (dice(m, 16)) {
    case 0:
        change(m, p);
        break;
    case 1:
        change_key(m, id);
        break;
    case 2:
        renew(m, id);
        break;
    default:
        if (dice(m, 2))
            p->tx_ns = m->r.w->now.mono_ns;
        else
            p->rx_ns = m->r.w->now.mono_ns;
        break;
    }
    adit_up_cmd_drain(m->r.w);
}

static void expect(const struct model *m, bool pings[PEERS], bool silences[PEERS])
{
    const struct adit_up_worker *w = m->r.w;

    for (const struct adit_up_peer *p = w->all; p; p = p->next) {
        uint64_t now = w->now.mono_ns;

        pings[p->spec.peer] = w->does_out && p->spec.ping_s > 0 && m->has_key[p->spec.peer] &&
                              now + ADIT_NS_PER_S / 2 >= p->tx_ns + p->spec.ping_s * ADIT_NS_PER_S;
        silences[p->spec.peer] =
            w->does_in && p->spec.silent_s > 0 && now >= p->rx_ns + p->spec.silent_s * ADIT_NS_PER_S;
    }
}

static void tick_and_compare(struct model *m, uint64_t second)
{
    static struct adit_note note;
    bool pings[PEERS] = {false}, silences[PEERS] = {false}, told[PEERS] = {false};
    uint64_t sent[PEERS];

    set_clock(&m->r, second, 0);
    expect(m, pings, silences);
    while (m->r.e.plane->ops->next_note(m->r.e.plane, &note))
        assert_int_not_equal(note.kind, ADIT_NOTE_PEER_SILENT); /* only a tick may tell */
    for (const struct adit_up_peer *p = m->r.w->all; p; p = p->next)
        sent[p->spec.peer] = p->counters.link_tx_bytes;
    tick(&m->r, second);
    while (m->r.e.plane->ops->next_note(m->r.e.plane, &note)) {
        assert_int_equal(note.kind, ADIT_NOTE_PEER_SILENT);
        assert_false(told[note.peer]);
        told[note.peer] = true;
    }
    for (const struct adit_up_peer *p = m->r.w->all; p; p = p->next) {
        assert_int_equal(p->counters.link_tx_bytes > sent[p->spec.peer], pings[p->spec.peer]);
        assert_int_equal(told[p->spec.peer], silences[p->spec.peer]);
    }
}

static void it_is_as_if_everybody_were_looked_at(bool does_in, bool does_out)
{
    struct model m = {.chance = 11};
    struct adit_up_shared *both[2];
    struct adit_up_crew crew = {.n = 2, .n_workers = 2, .shared = both};

    start(&m.r);
    both[0] = both[1] = m.r.w->shared; /* the other direction's worker has nothing to say */
    m.r.w->crew = &crew;
    m.r.w->does_in = does_in;
    m.r.w->does_out = does_out;
    for (adit_peer i = 0; i < PEERS; i++)
        add(&m.r, i, dice(&m, 8), dice(&m, 8));
    for (uint64_t s = 0; s < HOURS_S; s++) {
        uint32_t n = dice(&m, 6);

        for (uint32_t i = 0; i < n; i++) {
            set_clock(&m.r, s, (uint64_t)(i + 1) * ADIT_NS_PER_S / (n + 1) + dice(&m, 1000000));
            something_happens(&m);
        }
        tick_and_compare(&m, s + 1);
    }
    assert_true(m.r.w->wheel.n_given < (uint64_t)PEERS * HOURS_S);
    m.r.w->does_in = m.r.w->does_out = true;
    m.r.w->crew = NULL;
    stop(&m.r);
}

static void everything_happens_at_its_tick(void **state)
{
    (void)state;
    it_is_as_if_everybody_were_looked_at(true, true);
}

static void a_worker_of_one_direction_does_its_part(void **state)
{
    (void)state;
    it_is_as_if_everybody_were_looked_at(true, false);
    it_is_as_if_everybody_were_looked_at(false, true);
}

static void after_a_pause_everything_is_done_once(void **state)
{
    struct rig r;

    (void)state;
    start(&r);
    add(&r, 0, 1, 1);
    give_key(&r, 0);
    tick(&r, 5000); /* the machine slept */
    assert_int_equal(count_notes(&r.e, ADIT_NOTE_PEER_SILENT), 1);
    assert_int_equal(adit_up_peer_find(r.w, 0)->counters.link_tx_bytes, sizeof adit_ping_payload + 24);
    tick(&r, 5001);
    assert_int_equal(count_notes(&r.e, ADIT_NOTE_PEER_SILENT), 1);
    stop(&r);
}

/* ---- what is owed, and streams ---- */

static void a_note_that_did_not_fit_is_paid(void **state)
{
    struct rig r;
    struct raw peer;
    uint64_t s = 0;

    (void)state;
    start(&r);
    raw_start(&peer, 200, 3);
    for (adit_peer i = 0; i < 100; i++)
        add(&r, i, 0, 1);
    server_peer(&r.e, 200, &peer.at, 3);
    adit_up_cmd_drain(r.w);
    while (adit_ring_room(&r.w->shared->notes) > 0)
        tick(&r, ++s); /* nobody reads what is told of the silent ones */
    raw_say(&peer, &r.at, adit_bytes_of(adit_occ_exit_payload, sizeof adit_occ_exit_payload));
    while (!adit_up_peer_find(r.w, 200)->said_exit)
        adit_up_link_rx(r.w, adit_up_link_find(r.w, LINK));
    tick(&r, ++s);
    tick(&r, ++s);
    assert_int_equal(count_notes(&r.e, ADIT_NOTE_PEER_EXIT), 0);
    tick(&r, ++s);
    assert_int_equal(count_notes(&r.e, ADIT_NOTE_PEER_EXIT), 1);
    tick(&r, ++s);
    assert_int_equal(count_notes(&r.e, ADIT_NOTE_PEER_EXIT), 0);
    assert_false(adit_wheel_has(&adit_up_peer_find(r.w, 200)->by_tick)); /* nothing is left to be done */
    raw_stop(&peer);
    stop(&r);
}

static void an_idle_stream_gives_its_buffer_back(void **state)
{
    static const uint8_t packet[1000];
    struct adit_peer_spec spec = spec_of(7, LINK_2, NULL);
    struct adit_up_link *link;
    struct adit_up_peer *p;
    struct rig r;
    int fds[2], small = 4096;
    uint8_t b[65536];

    (void)state;
    start(&r);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    link_add(&r.e, LINK_2, fds[0], true);
    peer_cmd(&r.e, ADIT_CMD_PEER_NEW, &spec);
    adit_up_cmd_drain(r.w);
    give_key(&r, 7);
    link = adit_up_link_find(r.w, LINK_2);
    p = adit_up_peer_find(r.w, 7);
    adit_up_send(r.w, p, adit_bytes_of(packet, sizeof packet), true);
    adit_up_stream_flush_dirty(r.w);
    assert_non_null(link->out);
    tick(&r, 1);
    assert_null(link->out);
    assert_false(adit_wheel_has(&p->by_tick));

    /* While something waits in it, it stays; and so it does for the next peer. */
    for (int i = 0; i < 100; i++)
        adit_up_send(r.w, p, adit_bytes_of(packet, sizeof packet), true);
    adit_up_stream_flush_dirty(r.w);
    tick(&r, 2);
    tick(&r, 3);
    assert_true(link->out_end > 0);
    plain_cmd(&r.e, ADIT_CMD_PEER_DEL, 7);
    peer_cmd(&r.e, ADIT_CMD_PEER_NEW, &spec);
    adit_up_cmd_drain(r.w);
    while (link->out_end > 0) {
        assert_true(recv(fds[1], b, sizeof b, MSG_DONTWAIT) > 0);
        adit_up_stream_flush(r.w, link);
    }
    tick(&r, 4);
    assert_null(link->out);
    close(fds[1]);
    stop(&r);
}

/* Control bytes wait in it when its peer is seen there for the first time. */
static void a_buffer_of_nobody_finds_its_peer(void **state)
{
    static const uint8_t packet[100];
    struct adit_peer_spec spec = spec_of(7, LINK_2, NULL);
    struct adit_cmd cmd = {.kind = ADIT_CMD_CTRL_TX};
    struct rig r;
    int fds[2];

    (void)state;
    start(&r);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    peer_cmd(&r.e, ADIT_CMD_PEER_NEW, &spec);
    adit_up_cmd_drain(r.w);
    give_key(&r, 7);
    link_add(&r.e, LINK_2, fds[0], true);
    cmd.ctrl.link = LINK_2;
    cmd.ctrl.n = 20;
    post(&r.e, &cmd);
    adit_up_cmd_drain(r.w);
    assert_non_null(adit_up_link_find(r.w, LINK_2)->out);
    assert_null(adit_up_link_find(r.w, LINK_2)->peer);
    adit_up_send(r.w, adit_up_peer_find(r.w, 7), adit_bytes_of(packet, sizeof packet), true);
    adit_up_stream_flush_dirty(r.w);
    tick(&r, 1);
    assert_null(adit_up_link_find(r.w, LINK_2)->out);
    close(fds[1]);
    stop(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(idle_peers_are_looked_at_once_a_period),
        cmocka_unit_test(busy_peers_are_looked_at_once_a_period),
        cmocka_unit_test(who_has_no_deadline_is_never_looked_at),
        cmocka_unit_test(another_key_lets_it_ping_again),
        cmocka_unit_test(everything_happens_at_its_tick),
        cmocka_unit_test(a_worker_of_one_direction_does_its_part),
        cmocka_unit_test(after_a_pause_everything_is_done_once),
        cmocka_unit_test(a_note_that_did_not_fit_is_paid),
        cmocka_unit_test(an_idle_stream_gives_its_buffer_back),
        cmocka_unit_test(a_buffer_of_nobody_finds_its_peer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
