/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client and a server session, joined by two queues of packets that the input delivers, loses, repeats,
 * reorders, damages and invents, while time passes and hosts speak. No wrapping, and a stand-in for TLS that
 * neither hides nor protects anything, so that the input reaches what lies behind the authentication. The
 * input is a list of steps; its first byte says what kind of pair it is.
 *
 * Checked after every step: the host comes to rest (no deadline in the past, no packets without end); a
 * session that has not ended has a deadline, unless it is up or waits for its host; what TLS has not read is
 * bounded; a key is used only after it was given out, and never dropped while it sends; nothing follows the
 * end.
 */
#include <stdlib.h>
#include <string.h>

#include "core/session.h"
#include "crypto/cipher.h"
#include "wire/ctrl.h"

enum {
    QUEUE = 48,
    RECORD_HEAD = 3,                /* kind, length */
    UNREAD_MAX = 65536 + 16 * 2048, /* an unfinished record and a receive window */
    TURNS_MAX = 40,
    PACKETS_MAX = 400,
    STEPS_MAX = 600,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check(bool is_right)
{
    if (!is_right)
        abort();
}

/* ---- a stand-in for TLS: records in clear, hello from both sides, then it is up ---- */

enum kind {
    KIND_HELLO,
    KIND_DATA,
    KIND_ALERT,
};

struct pipe {
    uint8_t *b;
    size_t n, cap;
};

struct adit_tls {
    bool is_server;
    enum adit_tls_state state;
    struct pipe in, out;
    struct adit_identity id;
};

static void pipe_put(struct pipe *p, const void *b, size_t n)
{
    if (p->n + n > p->cap) {
        p->cap = 2 * (p->n + n);
        p->b = realloc(p->b, p->cap);
        check(p->b != NULL);
    }
    memcpy(p->b + p->n, b, n);
    p->n += n;
}

static size_t pipe_take(struct pipe *p, void *dst, size_t n)
{
    n = n < p->n ? n : p->n;
    if (n == 0)
        return 0;
    memcpy(dst, p->b, n);
    memmove(p->b, p->b + n, p->n - n);
    p->n -= n;
    return n;
}

static void put_record(struct adit_tls *t, enum kind kind, const void *b, size_t n)
{
    const uint8_t head[RECORD_HEAD] = {(uint8_t)kind, (uint8_t)(n >> 8), (uint8_t)n};

    pipe_put(&t->out, head, sizeof head);
    if (n > 0)
        pipe_put(&t->out, b, n);
}

static struct adit_tls *make_tls(void *ctx, bool is_server, adit_now now)
{
    struct adit_tls *t = calloc(1, sizeof *t);
    uint8_t *who = ctx;

    (void)now;
    check(t != NULL);
    t->is_server = is_server;
    t->state = ADIT_TLS_HANDSHAKE;
    t->id.has_cert = true;
    strcpy(t->id.common_name, is_server ? "client" : "server");
    t->id.chain_sha256[0] = *who;
    if (!is_server)
        put_record(t, KIND_HELLO, "hello", 5);
    return t;
}

static void free_tls(struct adit_tls *t)
{
    free(t->in.b);
    free(t->out.b);
    free(t);
}

static adit_err feed_tls(struct adit_tls *t, adit_bytes in)
{
    pipe_put(&t->in, in.p, in.n);
    return ADIT_OK;
}

/* The next whole record, its content in dst; false: none yet. Long ones are cut. */
static bool take_record(struct adit_tls *t, enum kind *kind, uint8_t *dst, size_t cap, size_t *n)
{
    size_t len = t->in.n >= RECORD_HEAD ? (size_t)t->in.b[1] << 8 | t->in.b[2] : 0;
    static uint8_t all[65536];

    if (t->in.n < RECORD_HEAD + len)
        return false;
    *kind = (enum kind)(t->in.b[0] % 3);
    pipe_take(&t->in, all, RECORD_HEAD);
    pipe_take(&t->in, all, len);
    *n = len < cap ? len : cap;
    memcpy(dst, all, *n);
    return true;
}

static enum adit_tls_state step_tls(struct adit_tls *t, adit_err *why)
{
    uint8_t scratch[16];
    enum kind kind;
    size_t n;

    while (t->state == ADIT_TLS_HANDSHAKE && take_record(t, &kind, scratch, sizeof scratch, &n)) {
        t->state = kind == KIND_HELLO ? ADIT_TLS_UP : ADIT_TLS_FAILED;
        put_record(t, kind == KIND_HELLO && t->is_server ? KIND_HELLO : KIND_ALERT, "", 0);
        if (t->state == ADIT_TLS_UP && !t->is_server)
            t->out.n -= RECORD_HEAD; /* the client has said hello before */
    }
    *why = ADIT_E_TLS;
    return t->state;
}

static size_t drain_tls(struct adit_tls *t, uint8_t *dst, size_t cap)
{
    return pipe_take(&t->out, dst, cap);
}

static size_t pending_tls(const struct adit_tls *t)
{
    return t->out.n;
}

static adit_err read_tls(struct adit_tls *t, uint8_t *dst, size_t cap, size_t *n)
{
    enum kind kind;

    *n = 0;
    if (t->state == ADIT_TLS_FAILED)
        return ADIT_E_TLS;
    while (t->state == ADIT_TLS_UP && take_record(t, &kind, dst, cap, n)) {
        if (kind == KIND_ALERT) {
            t->state = ADIT_TLS_FAILED;
            *n = 0;
            return ADIT_E_TLS_ALERT;
        }
        if (kind == KIND_DATA && *n > 0)
            return ADIT_OK;
        *n = 0;
    }
    return ADIT_OK;
}

static adit_err write_tls(struct adit_tls *t, adit_bytes record)
{
    if (t->state != ADIT_TLS_UP)
        return ADIT_E_STATE;
    put_record(t, KIND_DATA, record.p, record.n);
    return ADIT_OK;
}

static adit_err export_tls(struct adit_tls *t, const char *label, uint8_t *dst, size_t n)
{
    if (t->state != ADIT_TLS_UP)
        return ADIT_E_STATE;
    memset(dst, label[9], n);
    return ADIT_OK;
}

static const struct adit_identity *identity_tls(const struct adit_tls *t)
{
    return &t->id;
}

static const char *describe_tls(const struct adit_tls *t)
{
    return t->state == ADIT_TLS_UP ? "up" : "";
}

static size_t n_unread; /* the most that ever waited in front of TLS */

static adit_err feed_counted(struct adit_tls *t, adit_bytes in)
{
    adit_err e = feed_tls(t, in);

    n_unread = t->in.n > n_unread ? t->in.n : n_unread;
    return e;
}

static const struct adit_tls_ops ops = {
    .make = make_tls,
    .free = free_tls,
    .feed = feed_counted,
    .step = step_tls,
    .drain = drain_tls,
    .pending = pending_tls,
    .read = read_tls,
    .write = write_tls,
    .export_key = export_tls,
    .identity = identity_tls,
    .describe = describe_tls,
};

/* ---- two ends and their hosts ---- */

struct packet {
    uint8_t b[ADIT_CTRL_PACKET_MAX];
    size_t n;
};

struct end {
    struct adit_session *s;
    struct adit_session_params params;
    struct adit_env env;
    uint8_t who; /* the identity that TLS shows */
    struct packet out[QUEUE];
    size_t n_out;
    bool is_closed, is_up;
    bool owes_auth, owes_apply; /* the host has not answered yet */
    unsigned keys;              /* bit per key id that the plane has */
    int tx_key;
};

struct world {
    struct end client, server;
    adit_now now;
    uint64_t seed;
    struct adit_agreed agreed;
    struct adit_rd in;
    bool is_slow_host; /* answers only when a step says so */
    bool wants_refusal;
};

static const char push[] = "ping 10\0ifconfig 10.8.0.2 255.255.255.0";

static void answer(struct world *w, struct end *e)
{
    adit_err err = ADIT_OK;

    if (e->is_closed || !e->s)
        return;
    if (e->owes_auth && w->wants_refusal)
        err = adit_session_refuse(e->s, "no", w->now);
    else if (e->owes_auth)
        err = adit_session_admit(e->s, &w->agreed, adit_bytes_of(push, sizeof push), w->now);
    else if (e->owes_apply)
        err = adit_session_apply(e->s, &w->agreed, w->now);
    e->owes_auth = e->owes_apply = false;
    if (err != ADIT_OK)
        adit_session_end(e->s, ADIT_E_STATE, 0, w->now);
}

static void handle(struct world *w, struct end *e, const struct adit_event *ev)
{
    unsigned bit = 1U << ev->key_id;

    check(!e->is_closed);
    switch (ev->kind) {
    case ADIT_EV_KEYS:
        check(!(e->keys & bit));
        e->keys |= bit;
        e->tx_key = e->tx_key < 0 ? ev->key_id : e->tx_key;
        break;
    case ADIT_EV_KEY_USE:
        check(e->keys & bit);
        e->tx_key = ev->key_id;
        break;
    case ADIT_EV_KEY_DROP:
        check((e->keys & bit) && e->tx_key != ev->key_id);
        e->keys &= ~bit;
        break;
    case ADIT_EV_UP:
        check(!e->is_up && e->keys);
        e->is_up = true;
        break;
    case ADIT_EV_AUTH_WANTED:
        check(ev->identity->has_cert && ev->identity->chain_sha256[0] == 1);
        e->owes_auth = true;
        break;
    case ADIT_EV_PUSHED:
        e->owes_apply = true;
        break;
    case ADIT_EV_CLOSED:
        e->is_closed = true;
        break;
    case ADIT_EV_TLS_UP:
    case ADIT_EV_TEXT:
        check(ev->text.n < 4096);
        break;
    }
    if (!w->is_slow_host)
        answer(w, e);
}

static void put(struct end *e, adit_bytes packet)
{
    struct packet *p = &e->out[e->n_out];

    if (e->n_out == QUEUE)
        return;
    memcpy(p->b, packet.p, packet.n);
    p->n = packet.n;
    e->n_out++;
}

static void pump(struct world *w, struct end *e)
{
    uint8_t buf[ADIT_CTRL_PACKET_MAX];
    struct adit_event ev;

    while (adit_session_next_event(e->s, &ev))
        handle(w, e, &ev);
    for (int i = 0;; i++) {
        struct adit_wr out = adit_wr_of(buf, sizeof buf);

        check(i < PACKETS_MAX);
        if (!adit_session_next_tx(e->s, w->now, &out))
            break;
        put(e, adit_wr_view(&out));
    }
}

/* What the host's loop does until it may sleep. */
static void turn(struct world *w, struct end *e)
{
    uint64_t at;

    if (!e->s || e->is_closed)
        return;
    pump(w, e);
    for (int i = 0; !e->is_closed && adit_session_deadline(e->s) <= w->now.mono_ns; i++) {
        check(i < TURNS_MAX);
        adit_session_tick(e->s, w->now);
        pump(w, e);
    }
    if (e->is_closed)
        return;
    at = adit_session_deadline(e->s);
    check(at != ADIT_NEVER || e->is_up || e->owes_auth || e->owes_apply);
    check(n_unread <= UNREAD_MAX);
}

/* ---- steps ---- */

static void begin_server(struct world *w, adit_bytes packet)
{
    struct adit_session_start st = {.is_tcp = true};
    struct adit_sid remote;

    if (packet.n < ADIT_CTRL_HEAD_LEN)
        return;
    memcpy(remote.b, packet.p + 1, sizeof remote.b);
    w->server.s = adit_session_accept(&w->server.params, &st, &remote, NULL, &w->server.env, w->now);
    check(w->server.s != NULL);
}

static void arrive(struct world *w, struct end *to, adit_bytes packet)
{
    uint8_t *copy;

    if (to == &w->server && !to->s)
        begin_server(w, packet);
    if (!to->s || to->is_closed)
        return;
    /* An exact allocation, so that a sanitizer sees a read one byte too far. */
    copy = malloc(packet.n > 0 ? packet.n : 1);
    check(copy != NULL);
    memcpy(copy, packet.p, packet.n);
    (void)!adit_session_recv(to->s, adit_bytes_of(copy, packet.n), w->now);
    free(copy);
    turn(w, to);
}

static void take_front(struct end *from)
{
    from->n_out--;
    memmove(from->out, from->out + 1, from->n_out * sizeof from->out[0]);
}

static void deliver(struct world *w, struct end *from, struct end *to, bool is_kept)
{
    struct packet p;

    if (from->n_out == 0)
        return;
    p = from->out[0];
    if (!is_kept)
        take_front(from);
    arrive(w, to, adit_bytes_of(p.b, p.n));
}

static void damage(struct world *w, struct end *from)
{
    size_t at = adit_rd_u8(&w->in);
    uint8_t with = adit_rd_u8(&w->in);

    if (from->n_out > 0 && from->out[0].n > 0)
        from->out[0].b[at % from->out[0].n] ^= with;
}

static void rotate(struct end *from)
{
    struct packet p;

    if (from->n_out < 2)
        return;
    p = from->out[0];
    take_front(from);
    from->out[from->n_out++] = p;
}

/* A packet with the right session ids, the rest from the input. */
static void invent(struct world *w, struct end *from, struct end *to)
{
    uint8_t buf[ADIT_CTRL_PACKET_MAX];
    struct adit_wr wr = adit_wr_of(buf, sizeof buf);
    struct adit_ctrl c = {0};
    uint8_t first = adit_rd_u8(&w->in), shape = adit_rd_u8(&w->in);

    if (!to->s || to->is_closed)
        return;
    c.is_ack_only = adit_packet_op(first) == ADIT_OP_ACK_V1;
    c.n_acks = shape & 7;
    for (size_t i = 0; i < c.n_acks; i++)
        c.acks[i] = adit_rd_u8(&w->in);
    c.ack_sid = *adit_session_local_sid(to->s);
    c.packet_id = adit_rd_u8(&w->in);
    c.payload = adit_rd_take(&w->in, shape >> 3);
    adit_wr_u8(&wr, first);
    adit_wr_bytes(
        &wr, adit_bytes_of((from->s ? adit_session_local_sid(from->s) : adit_session_remote_sid(to->s))->b,
                           ADIT_SID_LEN));
    adit_ctrl_build(&c, &wr);
    if (adit_wr_end(&wr) == ADIT_OK)
        arrive(w, to, adit_wr_view(&wr));
}

static void pass_time(struct world *w)
{
    static const uint32_t spans_ms[] = {1, 100, 1000, 2000, 5000, 31000, 61000, 400000};
    uint64_t ms = spans_ms[adit_rd_u8(&w->in) % 8];

    w->now.mono_ns += ms * ADIT_NS_PER_MS;
    w->now.wall_s += (int64_t)(ms / 1000);
    turn(w, &w->client);
    turn(w, &w->server);
}

static void act(struct world *w, struct end *e)
{
    static const char *const texts[] = {"PUSH_REQUEST",
                                        "AUTH_FAILED,SESSION:x",
                                        "RESTART,[N]",
                                        "EXIT",
                                        "PUSH_REPLY,ping 5,push-continuation 2",
                                        "PUSH_REPLY,ping 5,push-continuation 1",
                                        "PUSH_REPLY",
                                        "INFO,x",
                                        "HALT",
                                        "AUTH_PENDING,timeout 5",
                                        "CR_RESPONSE,x",
                                        "\x01"};
    uint8_t what = adit_rd_u8(&w->in);

    if (!e->s || e->is_closed)
        return;
    if (what < 0x80)
        (void)!adit_session_say(e->s, texts[what % 12], w->now);
    else if (what < 0xa0)
        adit_session_renegotiate(e->s, w->now);
    else if (what < 0xc0)
        answer(w, e);
    else if (what < 0xc8)
        e->who ^= 2; /* the next handshakes show somebody else */
    else if (what < 0xcc)
        adit_session_end(e->s, ADIT_E_STATE, what & 1 ? 5 : 0, w->now);
    else if (what < 0xd0)
        w->wants_refusal = !w->wants_refusal;
    turn(w, e);
}

static void step(struct world *w)
{
    uint8_t b = adit_rd_u8(&w->in);
    struct end *from = b & 0x80 ? &w->server : &w->client, *to = b & 0x80 ? &w->client : &w->server;

    switch (b & 7) {
    case 0:
        deliver(w, from, to, false);
        break;
    case 1:
        deliver(w, from, to, true);
        break;
    case 2:
        if (from->n_out > 0)
            take_front(from);
        break;
    case 3:
        damage(w, from);
        break;
    case 4:
        rotate(from);
        break;
    case 5:
        invent(w, from, to);
        break;
    case 6:
        pass_time(w);
        break;
    default:
        act(w, from);
        break;
    }
}

/* All that is under way arrives: most inputs should come up, and spend their steps on what is behind. */
static void settle(struct world *w, unsigned rounds)
{
    for (unsigned i = 0; i < rounds; i++) {
        deliver(w, &w->client, &w->server, false);
        deliver(w, &w->server, &w->client, false);
    }
}

static void set_up(struct world *w, uint8_t kind)
{
    struct adit_session_start st = {.is_tcp = true};
    bool is_p2p = kind & 1;

    *w = (struct world){.seed = 1, .now = {.mono_ns = 1000 * ADIT_NS_PER_S, .wall_s = 1800000000}};
    w->agreed = (struct adit_agreed){.cipher = adit_cipher_find("AES-256-GCM"),
                                     .peer_id = is_p2p ? ADIT_PEER_ID_P2P : 3};
    w->agreed.want_ekm = kind & 2;
    w->is_slow_host = kind & 4;
    w->client.params = (struct adit_session_params){
        .role = is_p2p ? ADIT_ROLE_P2P_CLIENT : ADIT_ROLE_CLIENT,
        .tls = &ops,
        .hand_window_s = 60,
        .tran_window_s = kind & 8 ? 5 : 3600,
        .reneg_max_s = kind & 16 ? 0 : 300,
        .tls_timeout_s = 2,
        .replay_window = 64,
        .replay_s = 15,
        .max_packet_size = kind & 32 ? 154 : 1250,
        .options = "V4,dev-type tun",
        .peer_info = "IV_PROTO=990\n",
    };
    w->server.params = w->client.params;
    w->server.params.role = is_p2p ? ADIT_ROLE_P2P_SERVER : ADIT_ROLE_SERVER;
    w->client.params.tls_ctx = &w->client.who;
    w->server.params.tls_ctx = &w->server.who;
    w->client.who = w->server.who = 1;
    w->client.tx_key = w->server.tx_key = -1;
    w->client.env.rng = w->server.env.rng = adit_rng_seeded(&w->seed);
    w->client.s = adit_session_connect(&w->client.params, &st, &w->client.env, w->now);
    check(w->client.s != NULL);
    turn(w, &w->client);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct world w;
    uint8_t kind = n > 0 ? data[0] : 0;

    n_unread = 0;
    set_up(&w, kind);
    w.in = adit_rd_of(adit_bytes_of(data, n));
    (void)adit_rd_u8(&w.in);
    if (kind & 64)
        settle(&w, 20);
    for (int i = 0; i < STEPS_MAX && adit_rd_left(&w.in) > 0; i++)
        step(&w);
    adit_session_free(w.client.s);
    adit_session_free(w.server.s);
    return 0;
}
