/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stand-in for TLS. It is not cryptography: what looks like it is a fast mixing function, good enough
 * that every damaged, foreign, repeated or reordered byte shows.
 *
 *   one round trip    C: hello   S: hello [certificate] finished   C: [certificate] finished   S: [ticket]
 *   two round trips   C: hello   S: hello [certificate] done       C: [certificate] finished   S: finished
 *
 * A record is a head (type, check, length), a body and a tag. The check covers the head alone, so that a
 * damaged length is an error at once and not a wait for bytes that never come. The hellos are plain, all
 * else is sealed with keys from the two hellos. An end that fails before it has keys sends its alert in
 * plain, which is taken as long as nothing sealed has come.
 *
 * Invariants: FAILED is final. Nothing is freed between make and free but queues that are empty, so a view
 * of the input stays valid while a record is handled.
 */
#include "tls_standin_parts.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

/* ---- queues ---- */

static size_t queue_len(const struct queue *q)
{
    return q->n - q->at;
}

static void queue_reset(struct queue *q)
{
    adit_free_secret(q->b, q->n);
    *q = (struct queue){0};
}

static void queue_drop(struct queue *q, size_t n)
{
    q->at += n;
    if (q->at == q->n)
        queue_reset(q);
}

uint8_t *sim_tls_queue_room(struct queue *q, size_t n)
{
    if (q->at > 0) {
        memmove(q->b, q->b + q->at, q->n - q->at);
        q->n -= q->at;
        q->at = 0;
    }
    if (n > q->cap - q->n) {
        size_t cap = (q->n + n + QUEUE_STEP - 1) / QUEUE_STEP * QUEUE_STEP;
        uint8_t *p = adit_realloc(q->b, cap);

        if (!p)
            return NULL;
        q->b = p;
        q->cap = cap;
    }
    q->n += n;
    return q->b + q->n - n;
}

static bool queue_put(struct queue *q, adit_bytes b)
{
    uint8_t *room;

    if (b.n == 0)
        return true;
    room = sim_tls_queue_room(q, b.n);
    if (room)
        memcpy(room, b.p, b.n);
    return room != NULL;
}

/* ---- records ---- */

/* Every factor is odd: a change of one field alone always shows. */
static uint16_t check_head(uint8_t type, size_t len, uint64_t seq)
{
    return (uint16_t)(type * 0x9e37u + len * 0x85ebu + seq * 0xc2b3u + 0x5a5au);
}

struct mix sim_tls_key_of(struct mix secret, bool from_server)
{
    return mix_end(mix_words(secret, from_server ? 2 : 1, GOLDEN));
}

/* Whoever sends in plain, both ends know this key: it only makes damage show. */
static struct mix record_key(const struct mix *sealed, bool from_server, uint8_t type, uint64_t seq)
{
    struct mix key = type & REC_SEALED ? *sealed : sim_tls_key_of(mix_of("plain"), from_server);

    return mix_end(mix_words(key, seq, type));
}

static void put_tag(struct mix key, adit_bytes body, uint8_t tag[TAG_LEN])
{
    struct mix m = mix_end(mix_bytes(key, body));

    memcpy(tag, &m.a, sizeof m.a);
    memcpy(tag + sizeof m.a, &m.b, sizeof m.b);
}

void sim_tls_seal(struct adit_tls *t, uint8_t *record, uint8_t type, size_t n)
{
    uint8_t *body = record + HEAD_LEN;
    struct adit_wr w = adit_wr_of(record, HEAD_LEN);
    struct mix key;

    if (t->has_keys)
        type |= REC_SEALED;
    adit_wr_u8(&w, type);
    adit_wr_u16(&w, check_head(type, n + TAG_LEN, t->tx_seq));
    adit_wr_u16(&w, (uint16_t)(n + TAG_LEN));
    key = record_key(&t->tx_key, t->is_server, type, t->tx_seq++);
    if (t->has_keys)
        xor_stream(key, body, n);
    put_tag(key, adit_bytes_of(body, n), body + n);
}

static bool put_record(struct adit_tls *t, uint8_t type, adit_bytes body)
{
    uint8_t *room = sim_tls_queue_room(&t->out, HEAD_LEN + body.n + TAG_LEN);

    if (!room)
        return false;
    memcpy(room + HEAD_LEN, body.p, body.n);
    sim_tls_seal(t, room, type, body.n);
    return true;
}

/* ---- failing ---- */

static const char *alert_text(uint8_t alert)
{
    switch (alert) {
    case ALERT_UNEXPECTED:
        return "unexpected message";
    case ALERT_BAD_RECORD:
        return "bad record mac";
    case ALERT_HANDSHAKE_FAILURE:
        return "handshake failure";
    case ALERT_BAD_CERTIFICATE:
        return "bad certificate";
    case ALERT_REVOKED:
        return "certificate revoked";
    case ALERT_EXPIRED:
        return "certificate expired";
    case ALERT_UNKNOWN_CA:
        return "unknown CA";
    case ALERT_DECODE:
        return "decode error";
    case ALERT_DECRYPT:
        return "decrypt error";
    case ALERT_VERSION:
        return "protocol version";
    case ALERT_INTERNAL:
        return "internal error";
    case ALERT_CERT_REQUIRED:
        return "certificate required";
    default:
        return "unknown";
    }
}

bool sim_tls_fail(struct adit_tls *t, adit_err why, enum alert alert, const char *text)
{
    uint8_t body[2] = {2, (uint8_t)alert};

    t->state = ADIT_TLS_FAILED;
    t->why = why;
    snprintf(t->text, sizeof t->text, "%s", text);
    (void)put_record(t, REC_ALERT, adit_bytes_of(body, sizeof body));
    return false;
}

bool sim_tls_fail_memory(struct adit_tls *t)
{
    return sim_tls_fail(t, ADIT_E_MEMORY, ALERT_INTERNAL, "out of memory");
}

bool sim_tls_fail_unexpected(struct adit_tls *t)
{
    return sim_tls_fail(t, ADIT_E_TLS, ALERT_UNEXPECTED, "stand-in: a message that is not expected now");
}

bool sim_tls_fail_decode(struct adit_tls *t)
{
    return sim_tls_fail(t, ADIT_E_TLS, ALERT_DECODE, "stand-in: a malformed handshake message");
}

static bool take_alert(struct adit_tls *t, adit_bytes body)
{
    struct adit_rd r = adit_rd_of(body);
    uint8_t alert;

    (void)adit_rd_u8(&r);
    alert = adit_rd_u8(&r);
    if (adit_rd_end(&r) != ADIT_OK)
        return sim_tls_fail_decode(t);
    t->state = ADIT_TLS_FAILED;
    t->why = ADIT_E_TLS_ALERT;
    snprintf(t->text, sizeof t->text, "the peer sent the alert \"%s\"", alert_text(alert));
    return false;
}

/* ---- receiving ---- */

/* A message may span records, and a record may hold several messages. Mostly it is one and one, without a
 * copy. */
static bool take_fragment(struct adit_tls *t, adit_bytes body)
{
    size_t used;

    if (queue_len(&t->part) == 0) {
        if (!sim_tls_take_msgs(t, body, &used))
            return false;
        return queue_put(&t->part, adit_bytes_of(body.p + used, body.n - used)) || sim_tls_fail_memory(t);
    }
    if (!queue_put(&t->part, body))
        return sim_tls_fail_memory(t);
    if (!sim_tls_take_msgs(t, adit_bytes_of(t->part.b, t->part.n), &used))
        return false;
    queue_drop(&t->part, used);
    return true;
}

/* May a record of this type come now? */
static bool may_come(const struct adit_tls *t, uint8_t type)
{
    bool is_sealed = type & REC_SEALED;

    if (is_sealed ? !t->has_keys : t->was_sealed_seen)
        return false;
    switch (type & ~REC_SEALED) {
    case REC_ALERT:
        return true;
    case REC_HANDSHAKE:
        return is_sealed == t->has_keys;
    case REC_DATA:
        return is_sealed && t->state == ADIT_TLS_UP && queue_len(&t->part) == 0;
    default:
        return false;
    }
}

/* Opens the next record in place and leaves its body, of *n bytes, at the head of `in`. False: it is not
 * whole yet, or failed. */
static bool open_record(struct adit_tls *t, uint8_t *type, size_t *n)
{
    uint8_t *at = t->in.b + t->in.at, tag[TAG_LEN];
    struct adit_rd r = adit_rd_of(adit_bytes_of(at, queue_len(&t->in)));
    uint16_t check;
    struct mix key;
    size_t len;

    *type = adit_rd_u8(&r);
    check = adit_rd_u16(&r);
    len = adit_rd_u16(&r);
    if (r.bad)
        return false;
    if (check != check_head(*type, len, t->rx_seq) || len <= TAG_LEN || len > BODY_MAX + TAG_LEN)
        return sim_tls_fail(t, ADIT_E_TLS, ALERT_DECODE, "stand-in: a record is damaged or out of order");
    if (!may_come(t, *type))
        return sim_tls_fail_unexpected(t);
    if (adit_rd_left(&r) < len)
        return false;
    *n = len - TAG_LEN;
    at += HEAD_LEN;
    key = record_key(&t->rx_key, !t->is_server, *type, t->rx_seq++);
    put_tag(key, adit_bytes_of(at, *n), tag);
    if (!adit_bytes_eq_secret(adit_bytes_of(tag, TAG_LEN), adit_bytes_of(at + *n, TAG_LEN)))
        return sim_tls_fail(t, ADIT_E_TLS, ALERT_BAD_RECORD, "stand-in: the checksum of a record is wrong");
    if (*type & REC_SEALED) {
        t->was_sealed_seen = true;
        xor_stream(key, at, *n);
    }
    t->in.at += HEAD_LEN;
    return true;
}

/* True if there may be more to do. */
static bool take_record(struct adit_tls *t)
{
    uint8_t type = 0;
    adit_bytes body;
    size_t n = 0;
    bool ok;

    if (t->is_stalled || queue_len(&t->in) == 0 || !open_record(t, &type, &n))
        return false;
    type &= (uint8_t)~REC_SEALED;
    if (t->state == ADIT_TLS_UP && type != REC_ALERT && t->ctx->fault == SIM_TLS_FAIL_AT_READ)
        return sim_tls_fail(t, ADIT_E_TLS, ALERT_BAD_RECORD, "stand-in: the checksum of a record is wrong");
    if (type == REC_DATA) {
        t->data_left = n;
        return true;
    }
    body = adit_bytes_of(t->in.b + t->in.at, n);
    ok = type == REC_ALERT ? take_alert(t, body) : take_fragment(t, body);
    queue_drop(&t->in, n + TAG_LEN);
    return ok;
}

/* ---- the table ---- */

static void free_tls(struct adit_tls *t)
{
    if (!t)
        return;
    t->ctx->n_live--;
    queue_reset(&t->in);
    queue_reset(&t->out);
    queue_reset(&t->part);
    adit_free_secret(t, sizeof *t);
}

static struct adit_tls *make_tls(void *arg, bool is_server, adit_now now)
{
    struct sim_tls_ctx *ctx = arg;
    struct adit_tls *t = adit_alloc(sizeof *t);

    if (!t)
        return NULL;
    t->ctx = ctx;
    t->is_server = is_server;
    t->is_stalled = is_server && ctx->fault == SIM_TLS_STALL;
    t->version = ctx->shape.is_two_round_trips ? TWO_ROUND_TRIPS : ONE_ROUND_TRIP;
    t->expected = is_server ? MSG_CLIENT_HELLO : 0;
    t->wall_s = now.wall_s;
    t->transcript = mix_of("transcript");
    ctx->n_live++;
    return t;
}

/* What nobody will look at is not kept. */
static adit_err feed_tls(struct adit_tls *t, adit_bytes in)
{
    if (t->state == ADIT_TLS_FAILED || t->is_stalled)
        return ADIT_OK;
    return queue_put(&t->in, in) ? ADIT_OK : ADIT_E_MEMORY;
}

static enum adit_tls_state step_tls(struct adit_tls *t, adit_err *why)
{
    bool ok = true;

    if (t->state == ADIT_TLS_HANDSHAKE && !t->is_server && !t->was_hello_sent)
        ok = sim_tls_hello(t);
    while (ok && t->state == ADIT_TLS_HANDSHAKE)
        ok = take_record(t);
    *why = t->state == ADIT_TLS_FAILED ? t->why : ADIT_OK;
    return t->state;
}

static size_t drain_tls(struct adit_tls *t, uint8_t *dst, size_t cap)
{
    size_t n = queue_len(&t->out);

    if (n > cap)
        n = cap;
    if (n == 0)
        return 0;
    memcpy(dst, t->out.b + t->out.at, n);
    queue_drop(&t->out, n);
    return n;
}

static size_t pending_tls(const struct adit_tls *t)
{
    return queue_len(&t->out);
}

/* A record that is larger than the caller's room comes in pieces, as from OpenSSL. */
static adit_err read_tls(struct adit_tls *t, uint8_t *dst, size_t cap, size_t *n)
{
    bool ok = true;

    *n = 0;
    while (ok && t->state == ADIT_TLS_UP && t->data_left == 0 && cap > 0)
        ok = take_record(t);
    if (t->state == ADIT_TLS_FAILED)
        return t->why;
    if (t->data_left == 0 || cap == 0)
        return ADIT_OK;
    *n = t->data_left < cap ? t->data_left : cap;
    memcpy(dst, t->in.b + t->in.at, *n);
    t->data_left -= *n;
    queue_drop(&t->in, *n + (t->data_left == 0 ? TAG_LEN : 0));
    return ADIT_OK;
}

static adit_err write_tls(struct adit_tls *t, adit_bytes record)
{
    if (t->state != ADIT_TLS_UP)
        return ADIT_E_STATE;
    if (record.n == 0)
        return ADIT_E_EMPTY;
    if (record.n > BODY_MAX)
        return ADIT_E_TOO_BIG;
    if (queue_len(&t->out) + HEAD_LEN + record.n + TAG_LEN > OUT_MAX)
        sim_tls_fail(t, ADIT_E_TLS, ALERT_INTERNAL, "stand-in: the peer takes nothing of what it must get");
    else if (!put_record(t, REC_DATA, record))
        sim_tls_fail_memory(t);
    return t->state == ADIT_TLS_FAILED ? t->why : ADIT_OK;
}

static adit_err export_tls(struct adit_tls *t, const char *label, uint8_t *dst, size_t n)
{
    struct mix m;

    if (t->state != ADIT_TLS_UP)
        return ADIT_E_STATE;
    adit_wipe(dst, n);
    if (t->ctx->fault == SIM_TLS_FAIL_AT_EXPORT)
        return ADIT_E_CRYPTO;
    m = mix_bytes(mix_words(mix_of("exporter"), t->secret.a, t->secret.b), adit_bytes_str(label));
    fill_stream(mix_end(m), dst, n);
    return ADIT_OK;
}

static const struct adit_identity *identity_tls(const struct adit_tls *t)
{
    return &t->id;
}

static const char *describe_tls(const struct adit_tls *t)
{
    return t->text;
}

const struct adit_tls_ops sim_tls_ops = {
    .make = make_tls,
    .free = free_tls,
    .feed = feed_tls,
    .step = step_tls,
    .drain = drain_tls,
    .pending = pending_tls,
    .read = read_tls,
    .write = write_tls,
    .export_key = export_tls,
    .identity = identity_tls,
    .describe = describe_tls,
};

/* ---- shapes ---- */

/* Six control packets of at most 1170 bytes are under way at once: the server's flight needs a seventh. */
struct sim_tls_shape sim_tls_13(void)
{
    return (struct sim_tls_shape){.client_hello = 320,
                                  .server_flight = 7400,
                                  .client_flight = 3600,
                                  .server_finish = 250,
                                  .wants_ticket = true};
}

struct sim_tls_shape sim_tls_12(void)
{
    struct sim_tls_shape shape = sim_tls_13();

    shape.is_two_round_trips = true;
    shape.wants_ticket = false;
    return shape;
}
