/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The user-space plane on loopback and socket pairs, with a device that is a socket pair, too. Most tests run
 * the worker in the test's own thread, turn by turn; those about order run it in its own.
 */
#include "../unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "linux/userplane.h"
#include "plane/routes.h"

enum {
    LINK = 1,
    LINK_2 = 2,
    WAIT_MS = 10000, /* against hanging only */
    INNER_LEN = 60,
};

/* ---- a device ---- */

struct fake_device {
    struct adit_device d; /* first */
    int fd;               /* the plane's end */
};

static adit_err fake_read(struct adit_device *d, struct adit_train *t)
{
    ssize_t n = recv(((struct fake_device *)d)->fd, t->b, t->cap, MSG_DONTWAIT);

    if (n < 0)
        return errno == EAGAIN ? ADIT_E_EMPTY : ADIT_E_OS;
    t->n = (size_t)n;
    t->segment = 0;
    return ADIT_OK;
}

static adit_err fake_write(struct adit_device *d, const struct adit_train *t)
{
    if (send(((struct fake_device *)d)->fd, t->b, t->n, MSG_DONTWAIT) >= 0)
        return ADIT_OK;
    return errno == EAGAIN ? ADIT_E_QUEUE : ADIT_E_OS;
}

static int fake_wait_fd(const struct adit_device *d)
{
    return ((const struct fake_device *)d)->fd;
}

static void fake_free(struct adit_device *d)
{
    close(((struct fake_device *)d)->fd);
}

static const struct adit_device_ops fake_ops = {fake_read, fake_write, fake_wait_fd, fake_free};

/* ---- one end ---- */

struct end {
    struct adit_plane *plane;
    struct fake_device device;
    int inner; /* the other end of the device */
    bool has_thread;
    struct adit_env env;
    uint64_t seed;
    struct adit_counters counters; /* of the last COUNTERS or GONE note */
};

static void end_start(struct end *e, bool is_client, bool has_thread, bool want_c2c)
{
    struct adit_userplane_params p = {
        .env = &e->env,
        .device = &e->device.d,
        .want_thread = has_thread,
        .is_single_peer = is_client,
        .want_client_to_client = want_c2c,
        .tun_mtu = 1500,
    };
    int fds[2];

    *e = (struct end){.has_thread = has_thread, .seed = 42};
    e->env.rng = adit_rng_seeded(&e->seed);
    assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, fds), 0);
    e->device = (struct fake_device){.d.ops = &fake_ops, .fd = fds[0]};
    e->inner = fds[1];
    e->plane = adit_userplane_new(&p);
    assert_non_null(e->plane);
}

static void end_stop(struct end *e)
{
    e->plane->ops->free(e->plane);
    e->device.d.ops->free(&e->device.d);
    close(e->inner);
}

static void post(struct end *e, struct adit_cmd *cmd)
{
    assert_int_equal(e->plane->ops->post(e->plane, cmd), ADIT_OK);
}

static uint64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* A turn of each plane that has no thread, or a short sleep where all have. */
static void pump(struct end *a, struct end *b)
{
    struct pollfd none = {.fd = -1};

    if (a && !a->has_thread)
        adit_userplane_turn(a->plane);
    if (b && !b->has_thread)
        adit_userplane_turn(b->plane);
    if ((a && a->has_thread) || (b && b->has_thread))
        poll(&none, 1, 1);
}

static void pump_some(struct end *a, struct end *b)
{
    for (int i = 0; i < 20; i++)
        pump(a, b);
}

static bool expect_inner(struct end *e, struct end *other, uint8_t *dst, size_t *n)
{
    uint64_t until = now_ms() + WAIT_MS;

    while (now_ms() < until) {
        ssize_t got = recv(e->inner, dst, 2048, MSG_DONTWAIT);

        if (got > 0) {
            *n = (size_t)got;
            return true;
        }
        pump(e, other);
    }
    return false;
}

static bool has_inner(struct end *e)
{
    uint8_t b[2048];

    return recv(e->inner, b, sizeof b, MSG_DONTWAIT) > 0;
}

/* The next note of this kind; others are passed over. */
static void expect_note(struct end *e, struct end *other, enum adit_note_kind kind, struct adit_note *note)
{
    uint64_t until = now_ms() + WAIT_MS;

    while (now_ms() < until) {
        while (e->plane->ops->next_note(e->plane, note))
            if (note->kind == kind)
                return;
        pump(e, other);
    }
    fail_msg("no note of kind %d", (int)kind);
}

static int count_notes(struct end *e, enum adit_note_kind kind)
{
    static struct adit_note note;
    int n = 0;

    while (e->plane->ops->next_note(e->plane, &note))
        n += note.kind == kind;
    return n;
}

static uint64_t drops(struct end *e, adit_peer peer, adit_err why)
{
    static struct adit_note note;
    struct adit_cmd cmd = {.kind = ADIT_CMD_COUNT, .peer = peer};

    post(e, &cmd);
    expect_note(e, NULL, ADIT_NOTE_COUNTERS, &note);
    assert_int_equal(note.peer, peer);
    e->counters = note.counters;
    return note.counters.drops[why];
}

/* ---- sockets ---- */

static int udp(struct adit_addr *at)
{
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof sa;
    int fd = socket(AF_INET, SOCK_DGRAM, 0), big = 1 << 20;

    assert_true(fd >= 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &big, sizeof big);
    assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof sa), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &n), 0);
    *at = (struct adit_addr){.ip = adit_ip_v4(INADDR_LOOPBACK), .port = ntohs(sa.sin_port)};
    return fd;
}

static void send_raw(int fd, const struct adit_addr *to, const void *b, size_t n)
{
    struct sockaddr_in sa = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
        .sin_port = htons(to->port),
    };

    assert_int_equal(sendto(fd, b, n, 0, (struct sockaddr *)&sa, sizeof sa), n);
}

static void link_add(struct end *e, int name, int fd, bool is_stream)
{
    struct adit_cmd cmd = {.kind = ADIT_CMD_LINK_ADD};

    cmd.link = (struct adit_link_spec){.link = name, .fd = fd, .is_stream = is_stream};
    post(e, &cmd);
}

static void link_del(struct end *e, int name)
{
    struct adit_cmd cmd = {.kind = ADIT_CMD_LINK_DEL};

    cmd.link.link = name;
    post(e, &cmd);
}

/* ---- keys and peers ---- */

static struct adit_data_keys keys_of(bool is_server, uint8_t key_id, uint8_t salt)
{
    struct adit_data_keys k = {.key_id = key_id, .is_server = is_server, .format = ADIT_FORMAT_AEAD};

    k.cipher = adit_cipher_find("AES-256-GCM");
    assert_non_null(k.cipher);
    steps(k.block.b, sizeof k.block.b, salt);
    return k;
}

static void key_new(struct end *e, adit_peer peer, bool is_server, uint8_t key_id, uint8_t salt)
{
    struct adit_cmd cmd = {.kind = ADIT_CMD_KEY_NEW, .peer = peer};

    cmd.keys = keys_of(is_server, key_id, salt);
    post(e, &cmd);
    assert_int_equal(cmd.keys.block.b[1] | cmd.keys.block.b[77], 0); /* moved, and wiped here */
}

static void key_use(struct end *e, adit_peer peer, uint8_t key_id)
{
    struct adit_cmd cmd = {.kind = ADIT_CMD_KEY_USE, .peer = peer};

    cmd.key_id = key_id;
    post(e, &cmd);
}

static struct adit_peer_spec spec_of(adit_peer peer, int link, const struct adit_addr *remote)
{
    struct adit_peer_spec s = {
        .peer = peer, .link = link, .wire_peer_id = peer, .replay_window = 64, .replay_s = 15};

    if (remote)
        s.remote = *remote;
    return s;
}

static void peer_cmd(struct end *e, enum adit_cmd_kind kind, const struct adit_peer_spec *spec)
{
    struct adit_cmd cmd = {.kind = kind, .peer = spec->peer};

    cmd.spec = *spec;
    post(e, &cmd);
}

static void plain_cmd(struct end *e, enum adit_cmd_kind kind, adit_peer peer)
{
    struct adit_cmd cmd = {.kind = kind, .peer = peer};

    post(e, &cmd);
}

static void route(struct end *e, enum adit_cmd_kind kind, adit_peer peer, const char *prefix)
{
    struct adit_cmd cmd = {.kind = kind, .peer = peer};

    assert_int_equal(adit_prefix_parse(prefix, &cmd.route), ADIT_OK);
    post(e, &cmd);
}

/* An IPv4 packet with a number in it. */
static size_t inner_packet(uint8_t *b, uint32_t src, uint32_t dst, uint32_t number)
{
    struct adit_wr w = adit_wr_of(b, INNER_LEN);

    memset(b, 0, INNER_LEN);
    adit_wr_u16(&w, 0x4500);
    adit_wr_u16(&w, INNER_LEN);
    adit_wr_u32(&w, number);
    adit_wr_u32(&w, 0x40fd0000); /* TTL, a protocol without meaning */
    adit_wr_u32(&w, src);
    adit_wr_u32(&w, dst);
    return INNER_LEN;
}

static uint32_t number_of(const uint8_t *b)
{
    struct adit_rd r = adit_rd_of(adit_bytes_of(b + 4, 4));

    return adit_rd_u32(&r);
}

enum {
    SERVER_IP = 0x0a080001,
    CLIENT_IP = 0x0a080002, /* of peer 0; then upward */
};

static void say_inner(struct end *e, uint32_t src, uint32_t dst, uint32_t number)
{
    uint8_t b[INNER_LEN];
    size_t n = inner_packet(b, src, dst, number);

    assert_int_equal(send(e->inner, b, n, 0), n);
}

static void assert_inner(struct end *e, struct end *other, uint32_t number)
{
    uint8_t b[2048];
    size_t n;

    assert_true(expect_inner(e, other, b, &n));
    assert_int_equal(n, INNER_LEN);
    assert_int_equal(number_of(b), number);
}

/* A server with one peer per client, as policy would set it up. */
static struct adit_peer_spec server_peer(struct end *server, adit_peer id, const struct adit_addr *remote,
                                         uint8_t salt)
{
    struct adit_peer_spec s = spec_of(id, LINK, remote);
    struct adit_cmd cmd = {.kind = ADIT_CMD_ROUTE_ADD, .peer = id};

    s.check_source = true;
    s.may_float = true;
    peer_cmd(server, ADIT_CMD_PEER_NEW, &s);
    cmd.route = (struct adit_prefix){.ip = adit_ip_v4(CLIENT_IP + id), .bits = 32};
    post(server, &cmd);
    key_new(server, id, true, 0, salt);
    return s;
}

struct duo {
    struct end server, client;
    struct adit_addr server_at, client_at;
    struct adit_peer_spec on_server, on_client;
};

static void duo_start(struct duo *d, bool has_thread, uint32_t wire_id)
{
    end_start(&d->server, false, has_thread, false);
    end_start(&d->client, true, has_thread, false);
    link_add(&d->server, LINK, udp(&d->server_at), false);
    link_add(&d->client, LINK, udp(&d->client_at), false);
    d->on_server = server_peer(&d->server, 0, &d->client_at, 3);
    d->on_client = spec_of(0, LINK, &d->server_at);
    d->on_client.wire_peer_id = wire_id;
    peer_cmd(&d->client, ADIT_CMD_PEER_NEW, &d->on_client);
    key_new(&d->client, 0, false, 0, 3);
}

static void duo_stop(struct duo *d)
{
    end_stop(&d->server);
    end_stop(&d->client);
}

/* ---- the peer as the test plays it itself ---- */

struct raw {
    int fd;
    struct adit_addr at;
    struct adit_tx tx;
    struct adit_rx rx;
};

static void raw_start(struct raw *r, adit_peer id, uint8_t salt)
{
    struct adit_data_keys k = keys_of(false, 0, salt);

    r->fd = udp(&r->at);
    adit_tx_init(&r->tx, id);
    adit_rx_init(&r->rx, 64, 15);
    assert_int_equal(adit_tx_install(&r->tx, &k), ADIT_OK);
    assert_int_equal(adit_rx_install(&r->rx, &k), ADIT_OK);
}

static void raw_stop(struct raw *r)
{
    close(r->fd);
    adit_tx_fini(&r->tx);
    adit_rx_fini(&r->rx);
}

static size_t raw_seal(struct raw *r, adit_bytes payload, uint8_t *dst, size_t cap)
{
    struct adit_seal_op op = {.payload = payload, .dst = dst, .cap = cap};

    adit_tx_seal(&r->tx, &op, 1, (adit_now){0});
    assert_int_equal(op.err, ADIT_OK);
    return op.n;
}

static size_t raw_inner(struct raw *r, uint32_t src, uint32_t dst, uint32_t number, uint8_t *packet)
{
    uint8_t b[INNER_LEN];
    size_t n = inner_packet(b, src, dst, number);

    return raw_seal(r, adit_bytes_of(b, n), packet, 2048);
}

static void raw_say(struct raw *r, const struct adit_addr *to, adit_bytes payload)
{
    uint8_t packet[2048];

    send_raw(r->fd, to, packet, raw_seal(r, payload, packet, sizeof packet));
}

/* ---- tests ---- */

static void packets_go_both_ways(bool has_thread, uint32_t wire_id)
{
    struct duo d;

    duo_start(&d, has_thread, wire_id);
    for (uint32_t i = 0; i < 100; i++) {
        say_inner(&d.client, CLIENT_IP, SERVER_IP, i);
        assert_inner(&d.server, &d.client, i);
        say_inner(&d.server, SERVER_IP, CLIENT_IP, 1000 + i);
        assert_inner(&d.client, &d.server, 1000 + i);
    }
    assert_int_equal(drops(&d.server, 0, ADIT_E_AUTH), 0);
    assert_int_equal(d.server.counters.rx_packets, 100);
    assert_int_equal(d.server.counters.rx_bytes, 100 * INNER_LEN);
    assert_int_equal(d.server.counters.tx_packets, 100);
    assert_int_equal(d.server.counters.link_tx_bytes, 100 * (INNER_LEN + 24));
    duo_stop(&d);
}

static void packets_go_both_ways_in_one_thread(void **state)
{
    (void)state;
    packets_go_both_ways(false, 0);
}

static void packets_go_both_ways_with_worker_threads(void **state)
{
    (void)state;
    packets_go_both_ways(true, 0);
}

static void version_one_finds_its_peer_by_address(void **state)
{
    (void)state;
    packets_go_both_ways(false, ADIT_PEER_ID_NONE);
}

static void control_bytes_go_up_and_down(void **state)
{
    struct duo d;
    struct adit_cmd cmd = {.kind = ADIT_CMD_CTRL_TX};
    struct adit_note note;

    (void)state;
    duo_start(&d, false, 0);
    cmd.ctrl.link = LINK;
    cmd.ctrl.remote = d.server_at;
    cmd.ctrl.n = ADIT_CTRL_PACKET_MAX;
    steps(cmd.ctrl.b, sizeof cmd.ctrl.b, 0x20);
    post(&d.client, &cmd);
    expect_note(&d.server, &d.client, ADIT_NOTE_CTRL_RX, &note);
    assert_int_equal(note.ctrl.link, LINK);
    assert_true(adit_addr_eq(&note.ctrl.remote, &d.client_at));
    assert_int_equal(note.ctrl.n, ADIT_CTRL_PACKET_MAX);
    assert_memory_equal(note.ctrl.b, cmd.ctrl.b, ADIT_CTRL_PACKET_MAX);
    cmd.ctrl.n++;
    assert_int_equal(d.client.plane->ops->post(d.client.plane, &cmd), ADIT_E_TOO_BIG);
    cmd.ctrl.n = 20;
    cmd.ctrl.link = 77; /* gone, or never there: lost, not wrong */
    post(&d.client, &cmd);
    assert_int_equal(drops(&d.client, ADIT_NO_PEER, ADIT_E_STATE), 1);
    duo_stop(&d);
}

/* Policy does not look, strangers send: data still passes, and the notes about peers, too. */
static void a_flood_of_control_packets_starves_nobody(void **state)
{
    struct duo d;
    struct raw stranger;
    uint8_t ctrl[100] = {0x38};
    struct adit_note note;

    (void)state;
    duo_start(&d, false, 0);
    raw_start(&stranger, 0, 9);
    for (uint32_t i = 0; i < 40; i++) {
        for (int k = 0; k < 50; k++)
            send_raw(stranger.fd, &d.server_at, ctrl, sizeof ctrl);
        say_inner(&d.client, CLIENT_IP, SERVER_IP, i);
        assert_inner(&d.server, &d.client, i);
    }
    expect_note(&d.server, NULL, ADIT_NOTE_PEER_ACTIVE, &note);
    count_notes(&d.server, ADIT_NOTE_CTRL_RX);
    assert_true(drops(&d.server, ADIT_NO_PEER, ADIT_E_QUEUE) > 0);
    raw_stop(&stranger);
    duo_stop(&d);
}

static void opcodes_of_nobody_are_counted(void **state)
{
    struct duo d;
    struct raw stranger;
    uint8_t b[40] = {0x08};

    (void)state;
    duo_start(&d, false, 0);
    raw_start(&stranger, 0, 9);
    send_raw(stranger.fd, &d.server_at, b, sizeof b);
    send_raw(stranger.fd, &d.server_at, b, 0);
    b[0] = 0x48, b[3] = 99;
    send_raw(stranger.fd, &d.server_at, b, sizeof b);
    pump_some(&d.server, NULL);
    assert_int_equal(drops(&d.server, ADIT_NO_PEER, ADIT_E_OPCODE), 1);
    assert_int_equal(drops(&d.server, ADIT_NO_PEER, ADIT_E_NO_PEER), 1);
    raw_stop(&stranger);
    duo_stop(&d);
}

static void a_replayed_packet_is_delivered_once(void **state)
{
    struct end s;
    struct adit_addr at;
    struct raw r;
    uint8_t packet[2048];
    size_t n;

    (void)state;
    end_start(&s, false, false, false);
    raw_start(&r, 0, 3);
    link_add(&s, LINK, udp(&at), false);
    server_peer(&s, 0, &r.at, 3);
    n = raw_inner(&r, CLIENT_IP, SERVER_IP, 5, packet);
    for (int i = 0; i < 3; i++)
        send_raw(r.fd, &at, packet, n);
    assert_inner(&s, NULL, 5);
    pump_some(&s, NULL);
    assert_false(has_inner(&s));
    assert_int_equal(drops(&s, 0, ADIT_E_REPLAY), 2);
    raw_stop(&r);
    end_stop(&s);
}

static void a_peer_moves_with_its_first_authentic_packet(void **state)
{
    struct duo d;
    struct raw elsewhere;
    struct adit_peer_spec moved;
    struct adit_addr new_at;
    struct adit_note note;
    uint8_t forged[80] = {0x48, 0, 0, 0, 0, 0, 9, 9};

    (void)state;
    duo_start(&d, false, 0);
    say_inner(&d.client, CLIENT_IP, SERVER_IP, 1);
    assert_inner(&d.server, &d.client, 1);
    /* A forged packet from elsewhere changes nothing. */
    raw_start(&elsewhere, 0, 77);
    send_raw(elsewhere.fd, &d.server_at, forged, sizeof forged);
    pump_some(&d.server, NULL);
    assert_int_equal(drops(&d.server, 0, ADIT_E_AUTH), 1);
    assert_int_equal(count_notes(&d.server, ADIT_NOTE_PEER_FLOATED), 0);
    say_inner(&d.server, SERVER_IP, CLIENT_IP, 2);
    assert_inner(&d.client, &d.server, 2);
    /* The client gets another socket. */
    link_add(&d.client, LINK_2, udp(&new_at), false);
    moved = d.on_client;
    moved.link = LINK_2;
    peer_cmd(&d.client, ADIT_CMD_PEER_SET, &moved);
    link_del(&d.client, LINK);
    say_inner(&d.client, CLIENT_IP, SERVER_IP, 3);
    assert_inner(&d.server, &d.client, 3);
    expect_note(&d.server, NULL, ADIT_NOTE_PEER_FLOATED, &note);
    assert_int_equal(note.peer, 0);
    assert_int_equal(note.moved.link, LINK);
    assert_true(adit_addr_eq(&note.moved.remote, &new_at));
    say_inner(&d.server, SERVER_IP, CLIENT_IP, 4);
    assert_inner(&d.client, &d.server, 4);
    /* A change of something else, written before policy knew of the move, does not undo it. */
    d.on_server.ping_s = 600;
    peer_cmd(&d.server, ADIT_CMD_PEER_SET, &d.on_server);
    say_inner(&d.server, SERVER_IP, CLIENT_IP, 5);
    assert_inner(&d.client, &d.server, 5);
    raw_stop(&elsewhere);
    duo_stop(&d);
}

static void nobody_floats_onto_another_peer(void **state)
{
    struct end s;
    struct adit_addr at;
    struct raw a, b;
    struct adit_note note;
    uint8_t packet[2048];
    size_t n;

    (void)state;
    end_start(&s, false, false, false);
    raw_start(&a, 0, 3);
    raw_start(&b, 1, 4);
    link_add(&s, LINK, udp(&at), false);
    server_peer(&s, 0, &a.at, 3);
    server_peer(&s, 1, &b.at, 4);
    n = raw_inner(&a, CLIENT_IP, SERVER_IP, 1, packet);
    send_raw(b.fd, &at, packet, n);
    expect_note(&s, NULL, ADIT_NOTE_FLOAT_CLASH, &note);
    assert_int_equal(note.peer, 0);
    assert_int_equal(note.moved.other, 1);
    assert_true(adit_addr_eq(&note.moved.remote, &b.at));
    assert_false(has_inner(&s));
    assert_int_equal(drops(&s, 0, ADIT_E_FLOAT), 1);
    /* Both are where they were. */
    say_inner(&s, SERVER_IP, CLIENT_IP, 1);
    say_inner(&s, SERVER_IP, CLIENT_IP + 1, 1);
    pump_some(&s, NULL);
    assert_true(recv(a.fd, packet, sizeof packet, MSG_DONTWAIT) > 0);
    assert_true(recv(b.fd, packet, sizeof packet, MSG_DONTWAIT) > 0);
    /* When the other is gone, the way is free. */
    plain_cmd(&s, ADIT_CMD_PEER_DEL, 1);
    n = raw_inner(&a, CLIENT_IP, SERVER_IP, 2, packet);
    send_raw(b.fd, &at, packet, n);
    assert_inner(&s, NULL, 2);
    expect_note(&s, NULL, ADIT_NOTE_PEER_FLOATED, &note);
    raw_stop(&a);
    raw_stop(&b);
    end_stop(&s);
}

static void without_leave_to_float_a_strange_address_is_refused(void **state)
{
    struct duo d;
    struct raw r;
    uint8_t packet[2048];

    (void)state;
    duo_start(&d, false, 0);
    raw_start(&r, 0, 3);
    d.on_server.may_float = false;
    peer_cmd(&d.server, ADIT_CMD_PEER_SET, &d.on_server);
    send_raw(r.fd, &d.server_at, packet, raw_inner(&r, CLIENT_IP, SERVER_IP, 1, packet));
    pump_some(&d.server, NULL);
    assert_false(has_inner(&d.server));
    assert_int_equal(drops(&d.server, 0, ADIT_E_FLOAT), 1);
    raw_stop(&r);
    duo_stop(&d);
}

/* A few packets in flight, so that no socket overflows; every one must arrive, in order. */
static void a_key_switch_loses_nothing(void **state)
{
    const uint32_t total = 4000, window = 16;
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

static void sources_and_destinations_are_checked(void **state)
{
    struct duo d;

    (void)state;
    duo_start(&d, false, 0);
    say_inner(&d.client, CLIENT_IP + 5, SERVER_IP, 1);
    say_inner(&d.client, SERVER_IP, SERVER_IP, 2);
    say_inner(&d.server, SERVER_IP, CLIENT_IP + 9, 3);
    assert_int_equal(send(d.client.inner, "not IP", 6, 0), 6);
    pump_some(&d.server, &d.client);
    assert_false(has_inner(&d.server));
    assert_false(has_inner(&d.client));
    assert_int_equal(drops(&d.server, 0, ADIT_E_SOURCE), 2);
    assert_int_equal(drops(&d.server, ADIT_NO_PEER, ADIT_E_NO_ROUTE), 1);
    assert_int_equal(drops(&d.client, ADIT_NO_PEER, ADIT_E_MALFORMED), 1);
    /* A network behind the client. */
    route(&d.server, ADIT_CMD_ROUTE_ADD, 0, "192.168.5.0/24");
    say_inner(&d.client, 0xc0a80507, SERVER_IP, 4);
    assert_inner(&d.server, &d.client, 4);
    say_inner(&d.server, SERVER_IP, 0xc0a80508, 5);
    assert_inner(&d.client, &d.server, 5);
    route(&d.server, ADIT_CMD_ROUTE_DEL, 0, "192.168.5.0/24");
    say_inner(&d.client, 0xc0a80507, SERVER_IP, 6);
    pump_some(&d.server, &d.client);
    assert_int_equal(drops(&d.server, 0, ADIT_E_SOURCE), 3);
    duo_stop(&d);
}

static void a_new_peer_inherits_nothing(void **state)
{
    struct duo d;
    struct adit_note note;

    (void)state;
    duo_start(&d, false, 0);
    say_inner(&d.client, CLIENT_IP, SERVER_IP, 1);
    assert_inner(&d.server, &d.client, 1);
    plain_cmd(&d.server, ADIT_CMD_PEER_DEL, 0);
    expect_note(&d.server, NULL, ADIT_NOTE_PEER_GONE, &note);
    assert_int_equal(note.counters.rx_packets, 1);
    peer_cmd(&d.server, ADIT_CMD_PEER_NEW, &d.on_server);
    say_inner(&d.client, CLIENT_IP, SERVER_IP, 2);
    pump_some(&d.server, &d.client);
    assert_int_equal(drops(&d.server, 0, ADIT_E_NO_KEY), 1);
    key_new(&d.server, 0, true, 0, 3);
    say_inner(&d.client, CLIENT_IP, SERVER_IP, 3);
    pump_some(&d.server, &d.client);
    assert_int_equal(drops(&d.server, 0, ADIT_E_SOURCE), 1); /* no route either */
    assert_false(has_inner(&d.server));
    duo_stop(&d);
}

static void clients_reach_each_other_when_told(void **state)
{
    struct end s;
    struct adit_addr at;
    struct raw a, b;
    uint8_t packet[2048];
    struct adit_open_op op = {.packet = packet};

    (void)state;
    for (int want = 0; want < 2; want++) {
        end_start(&s, false, false, want);
        raw_start(&a, 0, 3);
        raw_start(&b, 1, 4);
        link_add(&s, LINK, udp(&at), false);
        server_peer(&s, 0, &a.at, 3);
        server_peer(&s, 1, &b.at, 4);
        send_raw(a.fd, &at, packet, raw_inner(&a, CLIENT_IP, CLIENT_IP + 1, 8, packet));
        pump_some(&s, NULL);
        op.n = (size_t)recv(b.fd, packet, sizeof packet, MSG_DONTWAIT);
        if (want) {
            adit_rx_open(&b.rx, &op, 1, (adit_now){0});
            assert_int_equal(op.err, ADIT_OK);
            assert_int_equal(number_of(op.payload.p), 8);
            assert_false(has_inner(&s));
        } else {
            assert_int_equal(op.n, (size_t)-1);
            assert_inner(&s, NULL, 8);
        }
        raw_stop(&a);
        raw_stop(&b);
        end_stop(&s);
    }
}

static void the_tunnel_does_not_carry_itself(void **state)
{
    struct duo d;
    uint8_t b[INNER_LEN];
    struct adit_wr w;

    (void)state;
    duo_start(&d, false, 0);
    inner_packet(b, CLIENT_IP, INADDR_LOOPBACK, 1);
    b[9] = IPPROTO_UDP;
    w = adit_wr_of(b + 22, 2);
    adit_wr_u16(&w, d.server_at.port);
    assert_int_equal(send(d.client.inner, b, sizeof b, 0), sizeof b);
    b[9] = IPPROTO_TCP;
    assert_int_equal(send(d.client.inner, b, sizeof b, 0), sizeof b);
    pump_some(&d.client, &d.server);
    assert_int_equal(drops(&d.client, 0, ADIT_E_RECURSIVE), 1);
    assert_int_equal(d.client.counters.tx_packets, 1);
    duo_stop(&d);
}

/* A TCP SYN with an MSS of 1460. */
static const char *const syn_hex = "4500002c 00000000 40060000 0a080002 0a080001"
                                   "1000 0050 00000001 00000000 6002 ffff 0000 0000 020405b4";

static void syns_are_lowered_in_both_directions(void **state)
{
    struct duo d;
    uint8_t b[2048];
    size_t n;

    (void)state;
    duo_start(&d, false, 0);
    d.on_client.mss4 = 1300;
    d.on_server.mss4 = 1200;
    peer_cmd(&d.client, ADIT_CMD_PEER_SET, &d.on_client);
    n = unhex(syn_hex, b, sizeof b);
    assert_int_equal(send(d.client.inner, b, n, 0), n);
    assert_true(expect_inner(&d.server, &d.client, b, &n));
    assert_int_equal(b[42] << 8 | b[43], 1300);
    peer_cmd(&d.server, ADIT_CMD_PEER_SET, &d.on_server);
    n = unhex(syn_hex, b, sizeof b);
    assert_int_equal(send(d.client.inner, b, n, 0), n);
    assert_true(expect_inner(&d.server, &d.client, b, &n));
    assert_int_equal(b[42] << 8 | b[43], 1200);
    duo_stop(&d);
}

static void pings_and_exit_messages_stay_inside(void **state)
{
    struct end s;
    struct adit_addr at;
    struct raw r;
    struct adit_note note;

    (void)state;
    end_start(&s, false, false, false);
    raw_start(&r, 0, 3);
    link_add(&s, LINK, udp(&at), false);
    server_peer(&s, 0, &r.at, 3);
    raw_say(&r, &at, adit_bytes_of(adit_ping_payload, sizeof adit_ping_payload));
    expect_note(&s, NULL, ADIT_NOTE_PEER_ACTIVE, &note);
    assert_int_equal(note.key_id, 0);
    raw_say(&r, &at, adit_bytes_of(adit_occ_exit_payload, sizeof adit_occ_exit_payload));
    raw_say(&r, &at, adit_bytes_of(adit_occ_exit_payload, sizeof adit_occ_exit_payload));
    pump_some(&s, NULL);
    assert_int_equal(count_notes(&s, ADIT_NOTE_PEER_EXIT), 1);
    assert_false(has_inner(&s));
    assert_int_equal(drops(&s, 0, ADIT_E_MALFORMED), 0);
    assert_int_equal(s.counters.rx_packets, 0);
    assert_true(s.counters.link_rx_bytes > 0);
    raw_stop(&r);
    end_stop(&s);
}

static void saying_exit_is_heard(void **state)
{
    struct duo d;
    struct adit_note note;

    (void)state;
    duo_start(&d, false, 0);
    plain_cmd(&d.client, ADIT_CMD_SAY_EXIT, 0);
    expect_note(&d.server, &d.client, ADIT_NOTE_PEER_EXIT, &note);
    assert_int_equal(note.peer, 0);
    duo_stop(&d);
}

static void an_idle_peer_pings_and_a_mute_one_is_reported(void **state)
{
    struct duo d;
    struct adit_note note;

    (void)state;
    duo_start(&d, true, 0);
    d.on_client.ping_s = 1;
    d.on_client.silent_s = 1;
    peer_cmd(&d.client, ADIT_CMD_PEER_SET, &d.on_client);
    expect_note(&d.server, NULL, ADIT_NOTE_PEER_ACTIVE, &note); /* only a ping can be it */
    expect_note(&d.client, NULL, ADIT_NOTE_PEER_SILENT, &note);
    assert_int_equal(note.peer, 0);
    expect_note(&d.client, NULL, ADIT_NOTE_PEER_SILENT, &note);
    duo_stop(&d);
}

static void a_worn_key_is_told_once(void **state)
{
    struct duo d;
    struct adit_note note;

    (void)state;
    duo_start(&d, false, 0);
    d.on_client.limit.packets = 10;
    peer_cmd(&d.client, ADIT_CMD_PEER_SET, &d.on_client);
    for (uint32_t i = 0; i < 9; i++) {
        say_inner(&d.client, CLIENT_IP, SERVER_IP, i);
        assert_inner(&d.server, &d.client, i);
    }
    assert_int_equal(count_notes(&d.client, ADIT_NOTE_KEY_WORN), 0);
    say_inner(&d.server, SERVER_IP, CLIENT_IP, 100); /* counts for both directions */
    assert_inner(&d.client, &d.server, 100);
    expect_note(&d.client, NULL, ADIT_NOTE_KEY_WORN, &note);
    assert_int_equal(note.key_id, 0);
    say_inner(&d.client, CLIENT_IP, SERVER_IP, 11);
    assert_inner(&d.server, &d.client, 11);
    assert_int_equal(count_notes(&d.client, ADIT_NOTE_KEY_WORN), 0);
    /* The next key starts anew. */
    key_new(&d.client, 0, false, 1, 8);
    key_use(&d.client, 0, 1);
    key_new(&d.server, 0, true, 1, 8);
    for (uint32_t i = 0; i < 10; i++) {
        say_inner(&d.client, CLIENT_IP, SERVER_IP, i);
        assert_inner(&d.server, &d.client, i);
    }
    expect_note(&d.client, NULL, ADIT_NOTE_KEY_WORN, &note);
    assert_int_equal(note.key_id, 1);
    duo_stop(&d);
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

static void trouble_on_the_path_is_counted_and_passes(void **state)
{
    struct duo d;
    struct adit_cmd cmd = {.kind = ADIT_CMD_LINK_ADD};
    struct adit_addr at, nobody;
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd, dead = udp(&nobody);

    (void)state;
    close(dead);
    duo_start(&d, false, 0);
    /* A connected socket whose other side does not listen: ECONNREFUSED comes back. */
    fd = udp(&at);
    sa.sin_port = htons(nobody.port);
    assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof sa), 0);
    cmd.link = (struct adit_link_spec){.link = LINK_2, .fd = fd, .is_connected = true};
    post(&d.client, &cmd);
    d.on_client.link = LINK_2;
    peer_cmd(&d.client, ADIT_CMD_PEER_SET, &d.on_client);
    for (uint32_t i = 0; i < 10; i++) {
        say_inner(&d.client, CLIENT_IP, SERVER_IP, i);
        pump_some(&d.client, &d.server);
    }
    assert_true(drops(&d.client, 0, ADIT_E_OS) + drops(&d.client, ADIT_NO_PEER, ADIT_E_OS) > 0);
    d.on_client.link = LINK;
    peer_cmd(&d.client, ADIT_CMD_PEER_SET, &d.on_client);
    say_inner(&d.client, CLIENT_IP, SERVER_IP, 77);
    assert_inner(&d.server, &d.client, 77);
    duo_stop(&d);
}

static void a_device_can_come_later_and_go(void **state)
{
    struct duo d;

    (void)state;
    for (int has_thread = 0; has_thread < 2; has_thread++) {
        duo_start(&d, has_thread, 0);
        adit_userplane_attach(d.server.plane, NULL);
        say_inner(&d.client, CLIENT_IP, SERVER_IP, 1);
        for (int i = 0; i < 1000 && drops(&d.server, 0, ADIT_E_STATE) == 0; i++)
            pump(&d.server, &d.client);
        assert_int_equal(drops(&d.server, 0, ADIT_E_STATE), 1);
        adit_userplane_attach(d.server.plane, &d.server.device.d);
        say_inner(&d.client, CLIENT_IP, SERVER_IP, 2);
        assert_inner(&d.server, &d.client, 2);
        say_inner(&d.server, SERVER_IP, CLIENT_IP, 3);
        assert_inner(&d.client, &d.server, 3);
        duo_stop(&d);
    }
}

/* The address that the client spoke to is the one that answers. */
static void answers_come_from_the_address_spoken_to(void **state)
{
    struct end s;
    struct raw r;
    struct sockaddr_in any = {.sin_family = AF_INET}, from;
    socklen_t n = sizeof any;
    int fd = socket(AF_INET, SOCK_DGRAM, 0), on = 1;
    struct adit_peer_spec spec;
    struct adit_note note;
    uint8_t b[2048] = {0x38};

    (void)state;
    end_start(&s, false, false, false);
    raw_start(&r, 0, 3);
    assert_int_equal(setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on), 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&any, sizeof any), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&any, &n), 0);
    link_add(&s, LINK, fd, false);
    any.sin_addr.s_addr = htonl(0x7f000009);
    assert_int_equal(sendto(r.fd, b, 30, 0, (struct sockaddr *)&any, sizeof any), 30);
    expect_note(&s, NULL, ADIT_NOTE_CTRL_RX, &note);
    assert_int_equal(adit_ip_v4_host(&note.ctrl.local.ip), 0x7f000009);
    assert_int_equal(note.ctrl.local.port, ntohs(any.sin_port));
    spec = server_peer(&s, 0, &r.at, 3);
    spec.local = note.ctrl.local;
    peer_cmd(&s, ADIT_CMD_PEER_SET, &spec);
    say_inner(&s, SERVER_IP, CLIENT_IP, 1);
    pump_some(&s, NULL);
    n = sizeof from;
    assert_true(recvfrom(r.fd, b, sizeof b, MSG_DONTWAIT, (struct sockaddr *)&from, &n) > 0);
    assert_int_equal(ntohl(from.sin_addr.s_addr), 0x7f000009);
    raw_stop(&r);
    end_stop(&s);
}

/* An IPv4 client on a dual-stack socket is an IPv4 client. */
static void a_dual_stack_socket_speaks_both(void **state)
{
    struct end s;
    struct raw r;
    struct sockaddr_in6 sa = {.sin6_family = AF_INET6};
    socklen_t n = sizeof sa;
    int fd = socket(AF_INET6, SOCK_DGRAM, 0), off = 0;
    struct adit_addr at = {.ip = adit_ip_v4(INADDR_LOOPBACK)};
    struct adit_note note;
    uint8_t b[2048] = {0x38};

    (void)state;
    if (fd < 0 || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) != 0 ||
        bind(fd, (struct sockaddr *)&sa, sizeof sa) != 0)
        skip();
    assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &n), 0);
    at.port = ntohs(sa.sin6_port);
    end_start(&s, false, false, false);
    raw_start(&r, 0, 3);
    link_add(&s, LINK, fd, false);
    send_raw(r.fd, &at, b, 30);
    expect_note(&s, NULL, ADIT_NOTE_CTRL_RX, &note);
    assert_true(adit_addr_eq(&note.ctrl.remote, &r.at));
    server_peer(&s, 0, &r.at, 3);
    send_raw(r.fd, &at, b, raw_inner(&r, CLIENT_IP, SERVER_IP, 1, b));
    assert_inner(&s, NULL, 1);
    say_inner(&s, SERVER_IP, CLIENT_IP, 2);
    pump_some(&s, NULL);
    assert_true(recv(r.fd, b, sizeof b, MSG_DONTWAIT) > 0);
    raw_stop(&r);
    end_stop(&s);
}

/* ---- streams ---- */

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
        for (int i = 0; i < 10; i++) /* what a socket pair holds */
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
        while (sent < 3000 && sent - got < 16)
            say_inner(&c, CLIENT_IP, SERVER_IP, sent++);
        assert_inner(&s, &c, got);
    }
    end_stop(&s);
    end_stop(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packets_go_both_ways_in_one_thread),
        cmocka_unit_test(packets_go_both_ways_with_worker_threads),
        cmocka_unit_test(version_one_finds_its_peer_by_address),
        cmocka_unit_test(control_bytes_go_up_and_down),
        cmocka_unit_test(a_flood_of_control_packets_starves_nobody),
        cmocka_unit_test(opcodes_of_nobody_are_counted),
        cmocka_unit_test(a_replayed_packet_is_delivered_once),
        cmocka_unit_test(a_peer_moves_with_its_first_authentic_packet),
        cmocka_unit_test(nobody_floats_onto_another_peer),
        cmocka_unit_test(without_leave_to_float_a_strange_address_is_refused),
        cmocka_unit_test(a_key_switch_loses_nothing),
        cmocka_unit_test(a_key_posted_before_its_packet_is_never_missed),
        cmocka_unit_test(sources_and_destinations_are_checked),
        cmocka_unit_test(a_new_peer_inherits_nothing),
        cmocka_unit_test(clients_reach_each_other_when_told),
        cmocka_unit_test(the_tunnel_does_not_carry_itself),
        cmocka_unit_test(syns_are_lowered_in_both_directions),
        cmocka_unit_test(pings_and_exit_messages_stay_inside),
        cmocka_unit_test(saying_exit_is_heard),
        cmocka_unit_test(an_idle_peer_pings_and_a_mute_one_is_reported),
        cmocka_unit_test(a_worn_key_is_told_once),
        cmocka_unit_test(more_commands_than_the_ring_holds_keep_their_order),
        cmocka_unit_test(a_thread_that_waits_for_its_notes_to_be_read_goes_on),
        cmocka_unit_test(stopping_with_work_left_loses_no_descriptor),
        cmocka_unit_test(trouble_on_the_path_is_counted_and_passes),
        cmocka_unit_test(a_device_can_come_later_and_go),
        cmocka_unit_test(answers_come_from_the_address_spoken_to),
        cmocka_unit_test(a_dual_stack_socket_speaks_both),
        cmocka_unit_test(a_stream_may_be_cut_anywhere),
        cmocka_unit_test(streams_end_at_eof_bad_length_and_bad_opcode),
        cmocka_unit_test(a_slow_stream_drops_data_but_no_control),
        cmocka_unit_test(a_stream_that_takes_no_control_is_given_up),
        cmocka_unit_test(streams_carry_bulk_between_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
