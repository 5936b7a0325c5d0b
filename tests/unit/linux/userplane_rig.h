/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of the user-space plane share: loopback sockets, a device that is a socket pair, peers with
 * fixed keys. Most tests run the worker in their own thread, turn by turn; those about order give it its own.
 */
#ifndef ADIT_TESTS_USERPLANE_RIG_H
#define ADIT_TESTS_USERPLANE_RIG_H

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
    /* Called in the middle of the worker's turn, when a packet is written. */
    void (*on_write)(void *ctx);
    void *ctx;
};

static inline adit_err fake_read(struct adit_device *d, struct adit_train *t)
{
    ssize_t n = recv(((struct fake_device *)d)->fd, t->b, t->cap, MSG_DONTWAIT);

    if (n < 0)
        return errno == EAGAIN ? ADIT_E_EMPTY : ADIT_E_OS;
    t->n = (size_t)n;
    return ADIT_OK;
}

static inline adit_err fake_write(struct adit_device *d, const struct adit_gather *g)
{
    struct fake_device *f = (struct fake_device *)d;
    uint8_t whole[ADIT_MERGE_LEN_MAX];
    size_t n = adit_gather_copy(g, whole);

    if (f->on_write)
        f->on_write(f->ctx);
    if (send(f->fd, whole, n, MSG_DONTWAIT) >= 0)
        return ADIT_OK;
    return errno == EAGAIN ? ADIT_E_QUEUE : ADIT_E_OS;
}

static inline int fake_wait_fd(const struct adit_device *d)
{
    return ((const struct fake_device *)d)->fd;
}

static inline void fake_free(struct adit_device *d)
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
    struct adit_hauls hauls;       /* likewise */
};

static inline void end_begin(struct end *e, struct adit_userplane_params p)
{
    int fds[2];

    *e = (struct end){.has_thread = p.want_thread, .seed = 42};
    p.env = &e->env;
    p.device = &e->device.d;
    p.tun_mtu = 1500;
    e->env.rng = adit_rng_seeded(&e->seed);
    assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, fds), 0);
    e->device = (struct fake_device){.d.ops = &fake_ops, .fd = fds[0]};
    e->inner = fds[1];
    e->plane = adit_userplane_new(&p);
    assert_non_null(e->plane);
}

static inline void end_start(struct end *e, bool is_client, bool has_thread, bool want_c2c)
{
    end_begin(e, (struct adit_userplane_params){.want_thread = has_thread,
                                                .is_single_peer = is_client,
                                                .want_client_to_client = want_c2c});
}

static inline void end_stop(struct end *e)
{
    e->plane->ops->free(e->plane);
    e->device.d.ops->free(&e->device.d);
    close(e->inner);
}

static inline void post(struct end *e, struct adit_cmd *cmd)
{
    assert_int_equal(e->plane->ops->post(e->plane, cmd), ADIT_OK);
}

static inline uint64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* A turn of what each plane has in this thread, or a short sleep where threads do all. */
static inline void pump(struct end *a, struct end *b)
{
    struct pollfd none = {.fd = -1};

    if (a && adit_userplane_worker_fd(a->plane) >= 0)
        adit_userplane_turn(a->plane);
    if (b && adit_userplane_worker_fd(b->plane) >= 0)
        adit_userplane_turn(b->plane);
    if ((a && a->has_thread) || (b && b->has_thread))
        poll(&none, 1, 1);
}

static inline void pump_some(struct end *a, struct end *b)
{
    struct pollfd none = {.fd = -1};

    for (int i = 0; i < 20; i++) {
        pump(a, b);
        if (i % 5 == 4) /* the kernel may deliver a little later */
            poll(&none, 1, 1);
    }
}

static inline bool expect_inner(struct end *e, struct end *other, uint8_t *dst, size_t *n)
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

static inline bool has_inner(struct end *e)
{
    uint8_t b[2048];

    return recv(e->inner, b, sizeof b, MSG_DONTWAIT) > 0;
}

/* The next note of this kind; others are passed over. */
static inline void expect_note(struct end *e, struct end *other, enum adit_note_kind kind,
                               struct adit_note *note)
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

static inline int count_notes(struct end *e, enum adit_note_kind kind)
{
    static struct adit_note note;
    int n = 0;

    while (e->plane->ops->next_note(e->plane, &note))
        n += note.kind == kind;
    return n;
}

static inline uint64_t drops(struct end *e, adit_peer peer, adit_err why)
{
    static struct adit_note note;
    struct adit_cmd cmd = {.kind = ADIT_CMD_COUNT, .peer = peer};

    post(e, &cmd);
    expect_note(e, NULL, ADIT_NOTE_COUNTERS, &note);
    assert_int_equal(note.peer, peer);
    e->counters = note.counters;
    e->hauls = note.hauls;
    return note.counters.drops[why];
}

/* ---- sockets ---- */

static inline int udp(struct adit_addr *at)
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

static inline void send_raw(int fd, const struct adit_addr *to, const void *b, size_t n)
{
    struct sockaddr_in sa = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
        .sin_port = htons(to->port),
    };

    assert_int_equal(sendto(fd, b, n, 0, (struct sockaddr *)&sa, sizeof sa), n);
}

static inline void link_add(struct end *e, int name, int fd, bool is_stream)
{
    struct adit_cmd cmd = {.kind = ADIT_CMD_LINK_ADD};

    cmd.link = (struct adit_link_spec){.link = name, .fd = fd, .is_stream = is_stream};
    post(e, &cmd);
}

static inline void link_del(struct end *e, int name)
{
    struct adit_cmd cmd = {.kind = ADIT_CMD_LINK_DEL};

    cmd.link.link = name;
    post(e, &cmd);
}

/* ---- keys and peers ---- */

static inline struct adit_data_keys keys_of(bool is_server, uint8_t key_id, uint8_t salt)
{
    struct adit_data_keys k = {.key_id = key_id, .is_server = is_server, .format = ADIT_FORMAT_AEAD};

    k.cipher = adit_cipher_find("AES-256-GCM");
    assert_non_null(k.cipher);
    steps(k.block.b, sizeof k.block.b, salt);
    return k;
}

static inline void key_new(struct end *e, adit_peer peer, bool is_server, uint8_t key_id, uint8_t salt)
{
    struct adit_cmd cmd = {.kind = ADIT_CMD_KEY_NEW, .peer = peer};

    cmd.keys = keys_of(is_server, key_id, salt);
    post(e, &cmd);
    assert_int_equal(cmd.keys.block.b[1] | cmd.keys.block.b[77], 0); /* moved, and wiped here */
}

static inline void key_use(struct end *e, adit_peer peer, uint8_t key_id)
{
    struct adit_cmd cmd = {.kind = ADIT_CMD_KEY_USE, .peer = peer};

    cmd.key_id = key_id;
    post(e, &cmd);
}

static inline struct adit_peer_spec spec_of(adit_peer peer, int link, const struct adit_addr *remote)
{
    struct adit_peer_spec s = {
        .peer = peer, .link = link, .wire_peer_id = peer, .replay_window = 64, .replay_s = 15};

    if (remote)
        s.remote = *remote;
    return s;
}

static inline void peer_cmd(struct end *e, enum adit_cmd_kind kind, const struct adit_peer_spec *spec)
{
    struct adit_cmd cmd = {.kind = kind, .peer = spec->peer};

    cmd.spec = *spec;
    post(e, &cmd);
}

static inline void plain_cmd(struct end *e, enum adit_cmd_kind kind, adit_peer peer)
{
    struct adit_cmd cmd = {.kind = kind, .peer = peer};

    post(e, &cmd);
}

static inline void route(struct end *e, enum adit_cmd_kind kind, adit_peer peer, const char *prefix)
{
    struct adit_cmd cmd = {.kind = kind, .peer = peer};

    assert_int_equal(adit_prefix_parse(prefix, &cmd.route), ADIT_OK);
    post(e, &cmd);
}

/* An IPv4 packet with a number in it. */
static inline size_t inner_packet(uint8_t *b, uint32_t src, uint32_t dst, uint32_t number)
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

static inline uint32_t number_of(const uint8_t *b)
{
    struct adit_rd r = adit_rd_of(adit_bytes_of(b + 4, 4));

    return adit_rd_u32(&r);
}

enum {
    SERVER_IP = 0x0a080001,
    CLIENT_IP = 0x0a080002, /* of peer 0; then upward */
};

static inline void say_inner(struct end *e, uint32_t src, uint32_t dst, uint32_t number)
{
    uint8_t b[INNER_LEN];
    size_t n = inner_packet(b, src, dst, number);

    assert_int_equal(send(e->inner, b, n, 0), n);
}

static inline void assert_inner(struct end *e, struct end *other, uint32_t number)
{
    uint8_t b[2048];
    size_t n;

    assert_true(expect_inner(e, other, b, &n));
    assert_int_equal(n, INNER_LEN);
    assert_int_equal(number_of(b), number);
}

/* A server with one peer per client, as policy would set it up. */
static inline struct adit_peer_spec server_peer(struct end *server, adit_peer id,
                                                const struct adit_addr *remote, uint8_t salt)
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

/* With sockets whose addresses are known. */
static inline void duo_join_by(struct duo *d, uint32_t wire_id, int server_fd, int client_fd)
{
    link_add(&d->server, LINK, server_fd, false);
    link_add(&d->client, LINK, client_fd, false);
    d->on_server = server_peer(&d->server, 0, &d->client_at, 3);
    d->on_client = spec_of(0, LINK, &d->server_at);
    d->on_client.wire_peer_id = wire_id;
    peer_cmd(&d->client, ADIT_CMD_PEER_NEW, &d->on_client);
    key_new(&d->client, 0, false, 0, 3);
}

static inline void duo_join(struct duo *d, uint32_t wire_id)
{
    int server_fd = udp(&d->server_at), client_fd = udp(&d->client_at);

    duo_join_by(d, wire_id, server_fd, client_fd);
}

static inline void duo_start(struct duo *d, bool has_thread, uint32_t wire_id)
{
    end_start(&d->server, false, has_thread, false);
    end_start(&d->client, true, has_thread, false);
    duo_join(d, wire_id);
}

static inline void duo_stop(struct duo *d)
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

static inline void raw_start(struct raw *r, adit_peer id, uint8_t salt)
{
    struct adit_data_keys k = keys_of(false, 0, salt);

    r->fd = udp(&r->at);
    adit_tx_init(&r->tx, id);
    adit_rx_init(&r->rx, 64, 15);
    assert_int_equal(adit_tx_install(&r->tx, &k), ADIT_OK);
    assert_int_equal(adit_rx_install(&r->rx, &k), ADIT_OK);
}

static inline void raw_stop(struct raw *r)
{
    close(r->fd);
    adit_tx_fini(&r->tx);
    adit_rx_fini(&r->rx);
}

static inline size_t raw_seal(struct raw *r, adit_bytes payload, uint8_t *dst, size_t cap)
{
    struct adit_seal_op op = {.payload = payload, .dst = dst, .cap = cap};

    adit_tx_seal(&r->tx, &op, 1, (adit_now){0});
    assert_int_equal(op.err, ADIT_OK);
    return op.n;
}

static inline size_t raw_inner(struct raw *r, uint32_t src, uint32_t dst, uint32_t number, uint8_t *packet)
{
    uint8_t b[INNER_LEN];
    size_t n = inner_packet(b, src, dst, number);

    return raw_seal(r, adit_bytes_of(b, n), packet, 2048);
}

static inline void raw_say(struct raw *r, const struct adit_addr *to, adit_bytes payload)
{
    uint8_t packet[2048];

    send_raw(r->fd, to, packet, raw_seal(r, payload, packet, sizeof packet));
}

#endif
