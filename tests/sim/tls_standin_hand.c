/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The handshake messages of the stand-in: both roles, one and two round trips, certificates. What may come
 * next is one message type at any time; all messages up to the last go into the transcript of both ends,
 * which the two FINISHED compare.
 */
#include "tls_standin_parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- sending handshake messages ---- */

/*
 * The message is written behind the place of all its record heads and tags, then moved down record by record:
 * what a record takes is never more than what was moved before, so nothing is overwritten that is still
 * needed.
 */
static void spread(struct adit_tls *t, uint8_t *room, const uint8_t *msg, size_t n)
{
    while (n > 0) {
        size_t k = n < BODY_MAX ? n : BODY_MAX;

        memmove(room + HEAD_LEN, msg, k);
        sim_tls_seal(t, room, REC_HANDSHAKE, k);
        room += HEAD_LEN + k + TAG_LEN;
        msg += k;
        n -= k;
    }
}

/* `size` is that of the whole message, which is padded; a message that is longer anyway stays as it is. */
static bool send_msg(struct adit_tls *t, uint8_t type, adit_bytes body, size_t size)
{
    size_t least = MSG_HEAD_LEN + body.n, n, spare;
    struct adit_wr w;
    uint8_t *room;

    n = size < least ? least : size > MSG_MAX ? MSG_MAX : size;
    spare = (n + BODY_MAX - 1) / BODY_MAX * (HEAD_LEN + TAG_LEN);
    room = sim_tls_queue_room(&t->out, spare + n);
    if (!room)
        return sim_tls_fail_memory(t);
    w = adit_wr_of(room + spare, n);
    adit_wr_u32(&w, (uint32_t)type << 24 | (uint32_t)(n - MSG_HEAD_LEN));
    adit_wr_bytes(&w, body);
    fill_stream(mix_end(mix_bytes(mix_of("padding"), body)), w.p, adit_wr_left(&w));
    if (t->state == ADIT_TLS_HANDSHAKE)
        t->transcript = mix_bytes(t->transcript, adit_bytes_of(room + spare, n));
    spread(t, room, room + spare, n);
    return true;
}

static size_t less(size_t size, size_t taken)
{
    return size > taken ? size - taken : 0;
}

static bool put_random(struct adit_tls *t, struct adit_wr *w)
{
    uint8_t random[RANDOM_LEN];

    if (adit_rng_fill(t->ctx->rng, random, sizeof random) != ADIT_OK)
        return sim_tls_fail(t, ADIT_E_TLS, ALERT_INTERNAL, "stand-in: the random generator failed");
    adit_wr_bytes(w, adit_bytes_of(random, sizeof random));
    return true;
}

bool sim_tls_hello(struct adit_tls *t)
{
    uint8_t body[64];
    struct adit_wr w = adit_wr_of(body, sizeof body);

    t->was_hello_sent = true;
    t->expected = MSG_SERVER_HELLO;
    adit_wr_u8(&w, t->version);
    if (!put_random(t, &w) || !send_msg(t, MSG_CLIENT_HELLO, adit_wr_view(&w), t->ctx->shape.client_hello))
        return false;
    t->is_stalled = t->ctx->fault == SIM_TLS_STALL;
    return true;
}

static bool send_server_hello(struct adit_tls *t)
{
    uint8_t body[64];
    struct adit_wr w = adit_wr_of(body, sizeof body);

    adit_wr_u8(&w, t->version);
    adit_wr_u8(
        &w, (uint8_t)((t->ctx->wants_cert ? FLAG_WANTS_CERT : 0) | (t->ctx->has_cert ? FLAG_HAS_CERT : 0)));
    return put_random(t, &w) && send_msg(t, MSG_SERVER_HELLO, adit_wr_view(&w), SERVER_HELLO_SIZE);
}

static bool send_certificate(struct adit_tls *t, size_t size)
{
    const struct sim_tls_ctx *c = t->ctx;
    adit_bytes name = adit_bytes_str(c->common_name ? c->common_name : "");
    uint8_t body[32 + UINT8_MAX];
    struct adit_wr w = adit_wr_of(body, sizeof body);

    if (!c->has_cert)
        return send_msg(t, MSG_CERTIFICATE, adit_bytes_of(NULL, 0), 0);
    if (name.n > UINT8_MAX)
        name.n = UINT8_MAX;
    adit_wr_u8(&w, (uint8_t)name.n);
    adit_wr_bytes(&w, name);
    adit_wr_u64(&w, c->authority);
    adit_wr_u64(&w, (uint64_t)c->not_before_s);
    adit_wr_u64(&w, (uint64_t)c->not_after_s);
    return send_msg(t, MSG_CERTIFICATE, adit_wr_view(&w), size);
}

static void put_verify(const struct adit_tls *t, bool from_server, uint8_t out[VERIFY_LEN])
{
    struct mix m = mix_words(t->transcript, t->secret.a, t->secret.b);

    fill_stream(mix_end(mix_words(m, from_server ? 4 : 3, GOLDEN)), out, VERIFY_LEN);
}

static bool send_finished(struct adit_tls *t, size_t size)
{
    uint8_t verify[VERIFY_LEN];

    put_verify(t, t->is_server, verify);
    return send_msg(t, MSG_FINISHED, adit_bytes_of(verify, sizeof verify), size);
}

/* ---- the course of the handshake ---- */

/* After both hellos: they are all that the keys depend on. */
static void make_keys(struct adit_tls *t)
{
    t->secret = mix_end(t->transcript);
    t->tx_key = sim_tls_key_of(t->secret, t->is_server);
    t->rx_key = sim_tls_key_of(t->secret, !t->is_server);
    t->has_keys = true;
}

static bool go_up(struct adit_tls *t)
{
    t->state = ADIT_TLS_UP;
    t->expected = t->is_server ? 0 : MSG_TICKET;
    snprintf(t->text, sizeof t->text, "Control Channel: SIMv1.%u, cipher SIM-MIX-128%s%.100s", t->version,
             t->id.has_cert ? ", peer certificate: " : "", t->id.subject);
    return true;
}

static bool send_server_flight(struct adit_tls *t)
{
    const struct sim_tls_shape *shape = &t->ctx->shape;
    bool is_two = t->version == TWO_ROUND_TRIPS;
    size_t rest = less(shape->server_flight, SERVER_HELLO_SIZE + (is_two ? MSG_HEAD_LEN : FINISHED_SIZE));

    if (!send_server_hello(t))
        return false;
    make_keys(t);
    t->expected = t->ctx->wants_cert ? MSG_CERTIFICATE : MSG_FINISHED;
    if (t->ctx->has_cert && !send_certificate(t, rest))
        return false;
    return is_two ? send_msg(t, MSG_DONE, adit_bytes_of(NULL, 0), 0) : send_finished(t, FINISHED_SIZE);
}

static bool send_client_flight(struct adit_tls *t)
{
    if (t->has_cert_request && !send_certificate(t, less(t->ctx->shape.client_flight, FINISHED_SIZE)))
        return false;
    return send_finished(t, FINISHED_SIZE);
}

static bool send_ticket(struct adit_tls *t)
{
    return !t->ctx->shape.wants_ticket || send_msg(t, MSG_TICKET, adit_bytes_of(NULL, 0), TICKET_SIZE);
}

static bool on_client_hello(struct adit_tls *t, struct adit_rd *r)
{
    uint8_t offered = adit_rd_u8(r);

    (void)adit_rd_take(r, RANDOM_LEN);
    if (r->bad)
        return sim_tls_fail_decode(t);
    if (offered != ONE_ROUND_TRIP && offered != TWO_ROUND_TRIPS)
        return sim_tls_fail(t, ADIT_E_TLS, ALERT_VERSION, "stand-in: no version in common");
    if (t->ctx->fault == SIM_TLS_FAIL_AT_HELLO)
        return sim_tls_fail(t, ADIT_E_TLS, ALERT_HANDSHAKE_FAILURE,
                            "stand-in: the client's hello was refused");
    if (offered < t->version)
        t->version = offered;
    return send_server_flight(t);
}

static bool on_server_hello(struct adit_tls *t, struct adit_rd *r)
{
    uint8_t version = adit_rd_u8(r), flags = adit_rd_u8(r);

    (void)adit_rd_take(r, RANDOM_LEN);
    if (r->bad)
        return sim_tls_fail_decode(t);
    if (version < TWO_ROUND_TRIPS || version > t->version)
        return sim_tls_fail(t, ADIT_E_TLS, ALERT_VERSION, "stand-in: no version in common");
    if (t->ctx->fault == SIM_TLS_FAIL_AT_HELLO)
        return sim_tls_fail(t, ADIT_E_TLS, ALERT_HANDSHAKE_FAILURE,
                            "stand-in: the server's hello was refused");
    t->version = version;
    t->has_cert_request = flags & FLAG_WANTS_CERT;
    make_keys(t);
    t->expected = version == TWO_ROUND_TRIPS ? MSG_DONE : MSG_FINISHED;
    if (flags & FLAG_HAS_CERT)
        t->expected = MSG_CERTIFICATE;
    return true;
}

/* ---- certificates ---- */

struct certificate {
    adit_bytes name; /* lent */
    uint64_t authority;
    int64_t not_before_s, not_after_s;
};

static void clean(adit_bytes src, char *dst, size_t cap)
{
    size_t i = 0;

    for (; i < src.n && i + 1 < cap; i++)
        dst[i] = src.p[i] < 0x20 || src.p[i] == 0x7f ? '_' : (char)src.p[i];
    dst[i] = '\0';
}

static bool refuse(struct adit_tls *t, enum alert alert, const char *error, const struct certificate *c)
{
    char name[NAME_MAX_LEN + 1], line[ADIT_TLS_DESC_MAX];

    clean(c->name, name, sizeof name);
    snprintf(line, sizeof line, "VERIFY ERROR: depth=0, error=%s: CN=%s, authority=%" PRIu64, error, name,
             c->authority);
    return sim_tls_fail(t, ADIT_E_CERTIFICATE, alert, line);
}

static void keep_identity(struct adit_tls *t, const struct certificate *c)
{
    struct mix m = mix_bytes(mix_of("certificate"), c->name);

    t->id.has_cert = true;
    clean(c->name, t->id.common_name, sizeof t->id.common_name);
    snprintf(t->id.subject, sizeof t->id.subject, "CN=%s", t->id.common_name);
    m = mix_words(m, c->authority, 0);
    fill_stream(mix_end(m), t->id.sha256, sizeof t->id.sha256);
    m = mix_words(m, c->authority, 1);
    fill_stream(mix_end(m), t->id.chain_sha256, sizeof t->id.chain_sha256);
}

/* In the order in which OpenSSL would find the faults. c is NULL if the peer has no certificate. */
static bool judge(struct adit_tls *t, const struct certificate *c)
{
    const struct sim_tls_ctx *ctx = t->ctx;

    t->has_judged = true;
    if (ctx->fault == SIM_TLS_FAIL_AT_CERTIFICATE)
        return sim_tls_fail(t, ADIT_E_CERTIFICATE, ALERT_BAD_CERTIFICATE,
                            "VERIFY ERROR: refused by the stand-in");
    if (!c && ctx->wants_cert)
        return sim_tls_fail(t, ADIT_E_CERTIFICATE, ALERT_CERT_REQUIRED, "the peer sent no certificate");
    if (!c)
        return true;
    if (c->authority != ctx->trusted_authority)
        return refuse(t, ALERT_UNKNOWN_CA, "unable to get local issuer certificate", c);
    if (ctx->revoked && adit_bytes_eq(c->name, adit_bytes_str(ctx->revoked)))
        return refuse(t, ALERT_REVOKED, "certificate revoked", c);
    if (t->wall_s < c->not_before_s)
        return refuse(t, ALERT_BAD_CERTIFICATE, "certificate is not yet valid", c);
    if (t->wall_s > c->not_after_s)
        return refuse(t, ALERT_EXPIRED, "certificate has expired", c);
    if (c->name.n == 0 || c->name.n > NAME_MAX_LEN)
        return refuse(t, ALERT_BAD_CERTIFICATE, "could not extract a common name of 1 to 64 characters", c);
    keep_identity(t, c);
    return true;
}

static bool on_certificate(struct adit_tls *t, struct adit_rd *r)
{
    bool is_empty = adit_rd_left(r) == 0;
    struct certificate c = {0};

    if (!is_empty) {
        c.name = adit_rd_take(r, adit_rd_u8(r));
        c.authority = adit_rd_u64(r);
        c.not_before_s = (int64_t)adit_rd_u64(r);
        c.not_after_s = (int64_t)adit_rd_u64(r);
        if (r->bad)
            return sim_tls_fail_decode(t);
    }
    t->expected = !t->is_server && t->version == TWO_ROUND_TRIPS ? MSG_DONE : MSG_FINISHED;
    return judge(t, is_empty ? NULL : &c);
}

/* ---- the end of the handshake ---- */

static bool on_done(struct adit_tls *t)
{
    if (!t->has_judged && !judge(t, NULL))
        return false;
    t->expected = MSG_FINISHED;
    return send_client_flight(t);
}

/* `verify` is what the message had to say: made before the message itself went into the transcript. */
static bool on_finished(struct adit_tls *t, struct adit_rd *r, const uint8_t verify[VERIFY_LEN])
{
    adit_bytes got = adit_rd_take(r, VERIFY_LEN);

    if (!t->has_judged && !judge(t, NULL))
        return false;
    if (t->ctx->fault == SIM_TLS_STALL_AT_FINISH) {
        t->is_stalled = true;
        return true;
    }
    if (t->ctx->fault == SIM_TLS_FAIL_AT_FINISH ||
        !adit_bytes_eq_secret(got, adit_bytes_of(verify, VERIFY_LEN)))
        return sim_tls_fail(t, ADIT_E_TLS, ALERT_DECRYPT, "stand-in: the two ends saw different handshakes");
    if (!t->is_server && t->version == ONE_ROUND_TRIP && !send_client_flight(t))
        return false;
    if (t->is_server && t->version == TWO_ROUND_TRIPS && !send_finished(t, t->ctx->shape.server_finish))
        return false;
    return go_up(t) && (!t->is_server || send_ticket(t));
}

static bool on_msg(struct adit_tls *t, adit_bytes msg)
{
    struct adit_rd r = adit_rd_of(msg);
    uint8_t type = (uint8_t)(adit_rd_u32(&r) >> 24), verify[VERIFY_LEN];

    if (type != t->expected || type == 0)
        return sim_tls_fail_unexpected(t);
    put_verify(t, !t->is_server, verify);
    if (t->state == ADIT_TLS_HANDSHAKE)
        t->transcript = mix_bytes(t->transcript, msg);
    switch (type) {
    case MSG_CLIENT_HELLO:
        return on_client_hello(t, &r);
    case MSG_SERVER_HELLO:
        return on_server_hello(t, &r);
    case MSG_CERTIFICATE:
        return on_certificate(t, &r);
    case MSG_DONE:
        return on_done(t);
    case MSG_FINISHED:
        return on_finished(t, &r, verify);
    default:
        return true; /* a ticket: nobody resumes here */
    }
}

/* Handles the whole messages at the head of `in`; *used is how far that went. */
bool sim_tls_take_msgs(struct adit_tls *t, adit_bytes in, size_t *used)
{
    *used = 0;
    while (!t->is_stalled && in.n - *used >= MSG_HEAD_LEN) {
        struct adit_rd r = adit_rd_of(adit_bytes_of(in.p + *used, MSG_HEAD_LEN));
        size_t n = MSG_HEAD_LEN + (adit_rd_u32(&r) & 0xffffff);

        if (n > MSG_MAX)
            return sim_tls_fail_decode(t);
        if (n > in.n - *used)
            return true;
        if (!on_msg(t, adit_bytes_of(in.p + *used, n)))
            return false;
        *used += n;
    }
    return true;
}
