/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client and a server session, joined by two queues of packets that the input delivers, loses, repeats,
 * reorders, damages and invents, while time passes and hosts speak. A stand-in for TLS neither hides nor
 * protects anything, and where the control channel is wrapped, damaged and invented packets are wrapped again
 * with the right key: the input reaches what lies behind the authentication. The input is a list of steps;
 * its first byte says what kind of pair it is, and so does the second if the first is above 0x7f.
 *
 * Checked after every step: the host comes to rest (no deadline in the past, no packets without end); a
 * session that has not ended has a deadline, unless it is up or waits for its host; what TLS has not read is
 * bounded; a key is used only after it was given out, and never dropped while it sends; nothing follows the
 * end.
 */
#include <stdlib.h>
#include <string.h>

#include "core/door.h"
#include "core/session.h"
#include "crypto/cipher.h"
#include "plain_tls.h"
#include "wire/ctrl.h"

enum {
    QUEUE = 48,
    UNREAD_MAX = 65536 + 16 * 2048, /* an unfinished record and a receive window */
    TURNS_MAX = 40,
    PACKETS_MAX = 400,
    STEPS_MAX = 600,
    LONG_PUSH_OPTIONS = 12, /* several PUSH_REPLY */
    LONG_PUSH_LEN = 200,
    IP_UDP_V4 = 28,
    IP_UDP_V6 = 48,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* ---- two ends and their hosts ---- */

enum protection {
    BARE,
    TLS_AUTH,
    TLS_CRYPT,
    TLS_CRYPT_V2,
    N_PROTECTIONS,
};

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
    int first_out; /* first byte of the first packet that followed the last one heard; -1: none */
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
    enum protection how;
    bool is_tcp, is_ipv6; /* without is_tcp the server has a door */
    struct adit_door door;
    bool has_door;
    adit_bytes push;
};

static const char push[] = "ping 10\0ifconfig 10.8.0.2 255.255.255.0";

/* What all runs share: making keys is slow. */
static struct keys {
    struct adit_static_key fixed;
    struct adit_v2_server_key v2;
    struct adit_v2_client_key v2_client;
    struct adit_wrap_key *client[N_PROTECTIONS], *server[N_PROTECTIONS];
    struct adit_wrap_key *client_dyn[2], *server_dyn[2]; /* without and with a fixed key below */
    char long_push[LONG_PUSH_OPTIONS * LONG_PUSH_LEN];
} keys;

static void make_dynamic(bool has_fixed)
{
    struct adit_static_key k;

    for (size_t i = 0; i < sizeof k.b; i++)
        k.b[i] =
            (uint8_t)(ADIT_EXPORT_TLS_CRYPT[9] ^ (has_fixed ? keys.fixed.b[i] : 0)); /* see export_tls() */
    keys.client_dyn[has_fixed] = adit_wrap_key_crypt(&k, false);
    keys.server_dyn[has_fixed] = adit_wrap_key_crypt(&k, true);
}

static void make_keys(void)
{
    const struct adit_digest *sha256 = adit_digest_find("SHA256");

    for (size_t i = 0; i < sizeof keys.fixed.b; i++)
        keys.fixed.b[i] = (uint8_t)(i * 5);
    memset(keys.v2.b, 3, sizeof keys.v2.b);
    keys.v2_client.kc = keys.fixed;
    check(adit_wkc_wrap(&keys.v2, adit_bytes_of("\1\0\0\0\0\0\0\0\1", 9), &keys.v2_client) == ADIT_OK);
    keys.client[TLS_AUTH] = adit_wrap_key_auth(&keys.fixed, sha256, ADIT_KEYDIR_1);
    keys.server[TLS_AUTH] = adit_wrap_key_auth(&keys.fixed, sha256, ADIT_KEYDIR_0);
    keys.client[TLS_CRYPT] = keys.client[TLS_CRYPT_V2] = adit_wrap_key_crypt(&keys.fixed, false);
    keys.server[TLS_CRYPT] = keys.server[TLS_CRYPT_V2] = adit_wrap_key_crypt(&keys.fixed, true);
    make_dynamic(false);
    make_dynamic(true);
    for (size_t i = 0; i < sizeof keys.long_push; i++)
        keys.long_push[i] = (char)((i + 1) % LONG_PUSH_LEN ? 'a' + i / LONG_PUSH_LEN : '\0');
}

static void answer(struct world *w, struct end *e)
{
    adit_err err = ADIT_OK;

    if (e->is_closed || !e->s)
        return;
    if (e->owes_auth && w->wants_refusal)
        err = adit_session_refuse(e->s, "no", w->now);
    else if (e->owes_auth)
        err = adit_session_admit(e->s, &w->agreed, w->push, w->now);
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
        check(e->params.max_packet_size < 1250 ||
              adit_wr_len(&out) + (w->is_ipv6 ? IP_UDP_V6 : IP_UDP_V4) <= e->params.max_packet_size);
        if (e->first_out < 0)
            e->first_out = buf[0];
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

/* A session for a client whose packet the door (or, over TCP, the connection) has let in. */
static void begin_server(struct world *w, const struct adit_admission *adm)
{
    struct adit_session_start st = {.is_tcp = w->is_tcp, .is_ipv6 = w->is_ipv6, .is_v2 = adm->is_v2};
    struct end *e = &w->server;

    st.wrap = keys.server[w->how];
    if (adm->is_v2) {
        st.wrap = adit_wrap_key_crypt(&adm->kc, true);
        st.owns_wrap = true;
        st.wrap_static = &adm->kc;
    } else if (w->how != BARE) {
        st.wrap_static = &keys.fixed;
    }
    adit_session_free(e->s);
    e->is_closed = e->is_up = e->owes_auth = e->owes_apply = false;
    e->keys = 0;
    e->tx_key = -1;
    e->s = adit_session_accept(&e->params, &st, &adm->remote, adm->has_cookie ? &adm->cookie : NULL, &e->env,
                               w->now);
    check(e->s != NULL);
}

static bool is_for_session(const struct world *w, adit_bytes packet)
{
    const struct adit_session *s = w->server.s;

    return s && packet.n >= ADIT_CTRL_HEAD_LEN &&
           memcmp(packet.p + 1, adit_session_remote_sid(s)->b, ADIT_SID_LEN) == 0;
}

/* Is there a session that shall get the packet? */
static bool pass_door(struct world *w, adit_bytes packet)
{
    static const struct adit_addr from = {.ip = {.family = ADIT_AF_V4, .b = {198, 51, 100, 1}}, .port = 1194};
    uint8_t buf[ADIT_CTRL_PACKET_MAX];
    struct adit_wr reply = adit_wr_of(buf, sizeof buf);
    enum adit_door_verdict verdict;
    struct adit_admission adm;
    adit_err why = ADIT_OK;

    if (!w->has_door || is_for_session(w, packet))
        return true;
    if (w->is_tcp && w->server.s)
        return true; /* one connection, one session */
    verdict = w->is_tcp ? adit_door_recv_stream(&w->door, packet, w->now, &adm, &why)
                        : adit_door_recv(&w->door, &from, packet, w->now, &reply, &adm, &why);
    if (verdict == ADIT_DOOR_REPLY)
        put(&w->server, adit_wr_view(&reply));
    if (verdict == ADIT_DOOR_ADMIT)
        begin_server(w, &adm);
    return verdict == ADIT_DOOR_ADMIT;
}

static void begin_unasked(struct world *w, adit_bytes packet)
{
    struct adit_admission adm = {0};

    if (packet.n < ADIT_CTRL_HEAD_LEN)
        return;
    memcpy(adm.remote.b, packet.p + 1, sizeof adm.remote.b);
    begin_server(w, &adm);
}

/* What must not be accepted, whatever is in it: another session's packet, an ack of what we never sent. */
static bool is_foreign(const struct end *to, adit_bytes packet)
{
    const struct adit_sid *remote = adit_session_remote_sid(to->s);
    enum adit_op op = packet.n > 0 ? adit_packet_op(packet.p[0]) : ADIT_OP_ACK_V1;

    if (packet.n < ADIT_CTRL_HEAD_LEN)
        return true;
    if (adit_sid_is_zero(remote))
        return !adit_packet_is_hard_reset(op) || adit_packet_key_id(packet.p[0]) != 0;
    return memcmp(packet.p + 1, remote->b, ADIT_SID_LEN) != 0;
}

static bool acks_another_session(const struct world *w, const struct end *to, adit_bytes packet)
{
    adit_bytes body = adit_bytes_of(packet.p + ADIT_CTRL_HEAD_LEN, packet.n - ADIT_CTRL_HEAD_LEN);
    struct adit_ctrl c;

    if (w->how != BARE || adit_packet_key_id(packet.p[0]) != 0)
        return false; /* not to be read from outside */
    return adit_ctrl_parse(body, adit_packet_op(packet.p[0]) == ADIT_OP_ACK_V1, &c) == ADIT_OK &&
           c.n_acks > 0 && !adit_sid_eq(&c.ack_sid, adit_session_local_sid(to->s));
}

static void hear(struct world *w, struct end *to, adit_bytes packet)
{
    bool must_refuse = is_foreign(to, packet) || acks_another_session(w, to, packet);
    adit_err e = adit_session_recv(to->s, packet, w->now);

    check(e != ADIT_OK || !must_refuse);
    to->first_out = -1;
    turn(w, to);
    /* What answers an accepted packet is of the same key: an older key's packet is none of the session's. */
    if (e == ADIT_OK && to->first_out >= 0)
        check(adit_packet_key_id((uint8_t)to->first_out) == adit_packet_key_id(packet.p[0]));
}

static void arrive(struct world *w, struct end *to, adit_bytes packet)
{
    /* An exact allocation, so that a sanitizer sees a read one byte too far. */
    uint8_t *copy = malloc(packet.n > 0 ? packet.n : 1);

    check(copy != NULL);
    if (packet.n > 0)
        memcpy(copy, packet.p, packet.n);
    packet.p = copy;
    if (to == &w->server && !w->has_door && !to->s)
        begin_unasked(w, packet);
    if ((to == &w->client || pass_door(w, packet)) && to->s && !to->is_closed)
        hear(w, to, packet);
    free(copy);
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

/* The keys that both ends use for a packet with this first byte. */
static void keys_for(const struct world *w, const struct end *from, uint8_t first, struct adit_wrap_key **tx,
                     struct adit_wrap_key **rx)
{
    bool is_client = from == &w->client, has_fixed = w->how != BARE;
    bool is_dyn = w->agreed.want_dyn_tls_crypt && adit_packet_key_id(first) > 0;
    struct adit_wrap_key *client = is_dyn ? keys.client_dyn[has_fixed] : keys.client[w->how];
    struct adit_wrap_key *server = is_dyn ? keys.server_dyn[has_fixed] : keys.server[w->how];

    *tx = is_client ? client : server;
    *rx = is_client ? server : client;
}

/* Takes the wrapping off a packet; what it was is told by head. A WKc at the end is left out. */
static bool unwrap(const struct world *w, const struct end *from, const struct packet *p,
                   struct adit_wrap_head *head, uint8_t *body, size_t *n)
{
    uint8_t scratch[ADIT_CTRL_PACKET_MAX];
    adit_bytes packet = adit_bytes_of(p->b, p->n), wkc, got;
    struct adit_wrap_key *tx, *rx;

    if (p->n < ADIT_CTRL_HEAD_LEN)
        return false;
    if (adit_packet_has_wkc(adit_packet_op(p->b[0])) && adit_wkc_split(packet, &packet, &wkc) != ADIT_OK)
        return false;
    keys_for(w, from, p->b[0], &tx, &rx);
    if (adit_wrap_open_with(rx, packet, scratch, head, &got) != ADIT_OK)
        return false;
    if (got.n > 0)
        memcpy(body, got.p, got.n);
    *n = got.n;
    return true;
}

static void wrap_again(const struct world *w, const struct end *from, const struct adit_wrap_head *head,
                       adit_bytes body, struct packet *p)
{
    struct adit_wr wr = adit_wr_of(p->b, sizeof p->b);
    struct adit_wrap_key *tx, *rx;

    keys_for(w, from, head->first, &tx, &rx);
    check(adit_wrap_seal_with(tx, head, body, &wr) == ADIT_OK || wr.bad);
    if (adit_packet_has_wkc(adit_packet_op(head->first)))
        adit_wr_bytes(&wr, adit_bytes_of(keys.v2_client.wkc, keys.v2_client.wkc_len));
    p->n = adit_wr_len(&wr);
}

static void damage(struct world *w, struct end *from, bool is_raw)
{
    size_t at = adit_rd_u8(&w->in), n;
    uint8_t with = adit_rd_u8(&w->in), body[ADIT_CTRL_PACKET_MAX];
    struct adit_wrap_head head;
    struct packet *p = &from->out[0];

    if (from->n_out == 0 || p->n == 0)
        return;
    if (w->how == BARE && !w->agreed.want_dyn_tls_crypt)
        is_raw = true;
    if (is_raw) {
        p->b[at % p->n] ^= with;
    } else if (unwrap(w, from, p, &head, body, &n) && n > 0) {
        body[at % n] ^= with;
        wrap_again(w, from, &head, adit_bytes_of(body, n), p);
    }
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

/* A packet with the right session ids, the rest from the input. Wrapped, it takes the place of another. */
static void invent(struct world *w, struct end *from, struct end *to)
{
    struct adit_wrap_head head = {.replay_id = 1};
    struct packet p;
    uint8_t buf[ADIT_CTRL_PACKET_MAX];
    struct adit_wr wr = adit_wr_of(buf, sizeof buf);
    struct adit_ctrl c = {0};
    uint8_t first = adit_rd_u8(&w->in), shape = adit_rd_u8(&w->in);
    size_t n;

    if (!to->s || to->is_closed)
        return;
    c.is_ack_only = adit_packet_op(first) == ADIT_OP_ACK_V1;
    c.n_acks = shape & 7;
    for (size_t i = 0; i < c.n_acks; i++)
        c.acks[i] = adit_rd_u8(&w->in);
    c.ack_sid = *adit_session_local_sid(to->s);
    c.packet_id = adit_rd_u8(&w->in);
    c.payload = adit_rd_take(&w->in, shape >> 3);
    adit_ctrl_build(&c, &wr);
    if (from->n_out > 0 && w->how != BARE && unwrap(w, from, &from->out[0], &head, p.b, &n))
        take_front(from);
    head.first = first;
    head.sid = from->s ? *adit_session_local_sid(from->s) : *adit_session_remote_sid(to->s);
    wrap_again(w, from, &head, adit_wr_view(&wr), &p);
    arrive(w, to, adit_bytes_of(p.b, p.n));
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

/* What nobody asked for is refused, and an end is not put off by another. */
static void answer_unasked(struct world *w, struct end *e)
{
    uint64_t at;

    if (!e->owes_auth && e->params.role != ADIT_ROLE_CLIENT) /* a client is never asked */
        check(adit_session_admit(e->s, &w->agreed, w->push, w->now) == ADIT_E_STATE);
    if (!e->owes_apply)
        check(adit_session_apply(e->s, &w->agreed, w->now) == ADIT_E_STATE);
    adit_session_end(e->s, ADIT_E_STATE, 5, w->now);
    at = adit_session_deadline(e->s);
    adit_session_end(e->s, ADIT_E_SHUTDOWN, 100, w->now);
    check(adit_session_deadline(e->s) == at);
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
    else if (what < 0xd8)
        answer_unasked(w, e);
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
        damage(w, from, b & 8);
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

static void set_params(struct world *w, uint8_t kind)
{
    bool is_p2p = kind & 1;

    w->client.params = (struct adit_session_params){
        .role = is_p2p ? ADIT_ROLE_P2P_CLIENT : ADIT_ROLE_CLIENT,
        .tls = &plain_tls,
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
}

static void open_door(struct world *w)
{
    struct adit_door_params p = {
        .wrap = w->how == TLS_CRYPT_V2 ? NULL : keys.server[w->how],
        .v2 = w->how == TLS_CRYPT_V2 ? &keys.v2 : NULL,
        .is_bare_allowed = w->how == BARE,
        .hand_window_s = 60,
        .initial_n = 100,
        .initial_s = 10,
        .replay_window = 64,
        .replay_s = 15,
    };

    check(adit_door_init(&w->door, &p, &w->server.env.rng) == ADIT_OK);
    w->has_door = true;
}

/* The second byte: what protects the control channel, and how the server is reached. */
static void set_protection(struct world *w, uint8_t more, struct adit_session_start *st)
{
    w->how = (enum protection)(more % N_PROTECTIONS);
    w->is_tcp = more & 4;
    w->is_ipv6 = more & 16;
    w->agreed.want_dyn_tls_crypt = more & 8;
    w->agreed.want_cc_exit = more & 32;
    if (more & 64)
        w->client.params.user = w->client.params.password = "name";
    if (more & 128)
        w->push = adit_bytes_of(keys.long_push, sizeof keys.long_push);
    open_door(w);
    st->is_tcp = w->is_tcp;
    st->is_ipv6 = w->is_ipv6;
    st->wrap = keys.client[w->how];
    st->wrap_static = w->how == BARE ? NULL : &keys.fixed;
    st->is_v2 = w->how == TLS_CRYPT_V2;
    if (st->is_v2)
        st->wkc = adit_bytes_of(keys.v2_client.wkc, keys.v2_client.wkc_len);
}

static void set_up(struct world *w, adit_bytes input)
{
    struct adit_session_start st = {.is_tcp = true};
    uint8_t kind;

    *w = (struct world){.seed = 1, .now = {.mono_ns = 1000 * ADIT_NS_PER_S, .wall_s = 1800000000}};
    w->in = adit_rd_of(input);
    kind = adit_rd_u8(&w->in);
    w->is_tcp = true;
    w->agreed = (struct adit_agreed){.cipher = adit_cipher_find("AES-256-GCM"),
                                     .peer_id = kind & 1 ? ADIT_PEER_ID_P2P : 3};
    w->agreed.want_ekm = kind & 2;
    w->is_slow_host = kind & 4;
    w->push = adit_bytes_of(push, sizeof push);
    set_params(w, kind);
    w->client.who = w->server.who = 1;
    w->client.tx_key = w->server.tx_key = -1;
    w->client.env.rng = w->server.env.rng = adit_rng_seeded(&w->seed);
    if (kind & 128)
        set_protection(w, adit_rd_u8(&w->in), &st);
    w->client.s = adit_session_connect(&w->client.params, &st, &w->client.env, w->now);
    check(w->client.s != NULL);
    turn(w, &w->client);
    if (kind & 64)
        settle(w, 20);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct world w;

    if (!keys.client[TLS_AUTH])
        make_keys();
    n_unread = 0;
    set_up(&w, adit_bytes_of(data, n));
    for (int i = 0; i < STEPS_MAX && adit_rd_left(&w.in) > 0; i++)
        step(&w);
    adit_session_free(w.client.s);
    adit_session_free(w.server.s);
    adit_door_fini(&w.door);
    return 0;
}
