/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reliability layer. All ids are compared modulo 2^32, by their distance from the edge of a window.
 * Protocol text: 4.1 to 4.4.
 *
 * Invariants: every used out[] has an id in [next_out_id - ADIT_SEND_WINDOW, next_out_id), every used in[]
 * one in [next_in_id, next_in_id + ADIT_RECV_WINDOW), no id twice; so a place is always free for an id that
 * the window allows. An id is in `pending` until an acknowledgement of it was built, then in `recent`.
 */
#include "proto/reliable.h"

#include <string.h>

#include "base/mem.h"

enum {
    FAST_RETRANSMIT_AFTER = 3, /* later packets acknowledged */
    EAGER_TRIES = 8,           /* with T between them; then it is the line that is dead, and 2T will do */
};

static uint64_t add_ns(uint64_t a, uint64_t b)
{
    return b > ADIT_NEVER - a ? ADIT_NEVER : a + b;
}

/* A copy of a payload; *copy is NULL for an empty one. */
static adit_err copy_payload(adit_bytes payload, uint8_t **copy)
{
    *copy = NULL;
    if (payload.n == 0)
        return ADIT_OK;
    *copy = adit_alloc(payload.n);
    if (!*copy)
        return ADIT_E_MEMORY;
    memcpy(*copy, payload.p, payload.n);
    return ADIT_OK;
}

void adit_reliable_init(struct adit_reliable *r, uint64_t timeout_ns)
{
    *r = (struct adit_reliable){.timeout_ns = timeout_ns};
}

void adit_reliable_fini(struct adit_reliable *r)
{
    for (size_t i = 0; i < ADIT_SEND_WINDOW; i++)
        adit_free(r->out[i].payload);
    for (size_t i = 0; i < ADIT_RECV_WINDOW; i++)
        adit_free(r->in[i].payload);
    adit_free(r->lent);
    *r = (struct adit_reliable){0};
}

void adit_reliable_resume(struct adit_reliable *r)
{
    r->next_out_id = 1;
    r->next_in_id = 1;
    r->recent[0] = 0;
    r->n_recent = 1;
}

/* ---- sending ---- */

/* How many ids the oldest unacknowledged packet lies behind the next new one; 0 if there is none. */
static uint32_t out_span(const struct adit_reliable *r)
{
    uint32_t span = 0;

    for (size_t i = 0; i < ADIT_SEND_WINDOW; i++) {
        uint32_t behind = r->next_out_id - r->out[i].id;

        if (r->out[i].is_used && behind > span)
            span = behind;
    }
    return span;
}

bool adit_reliable_can_send(const struct adit_reliable *r)
{
    return out_span(r) < ADIT_SEND_WINDOW;
}

bool adit_reliable_all_acked(const struct adit_reliable *r)
{
    return out_span(r) == 0;
}

adit_err adit_reliable_send(struct adit_reliable *r, enum adit_op op, adit_bytes payload, adit_now now)
{
    struct adit_reliable_out *o = r->out;
    uint8_t *copy;
    adit_err e;

    if (!adit_reliable_can_send(r))
        return ADIT_E_QUEUE;
    e = copy_payload(payload, &copy);
    if (e != ADIT_OK)
        return e;
    while (o->is_used)
        o++;
    *o = (struct adit_reliable_out){
        .is_used = true,
        .op = op,
        .id = r->next_out_id++,
        .next_try_ns = now.mono_ns,
        .payload = copy,
        .n = payload.n,
    };
    return ADIT_OK;
}

static struct adit_reliable_out *find_sent(struct adit_reliable *r, uint32_t id)
{
    for (size_t i = 0; i < ADIT_SEND_WINDOW; i++)
        if (r->out[i].is_used && r->out[i].was_sent && r->out[i].id == id)
            return &r->out[i];
    return NULL;
}

/* Only the first acknowledgement of an id counts, since lists repeat old ones. */
static void count_later_ack(struct adit_reliable *r, uint32_t id, adit_now now)
{
    for (size_t i = 0; i < ADIT_SEND_WINDOW; i++) {
        struct adit_reliable_out *o = &r->out[i];
        bool is_earlier = o->is_used && r->next_out_id - o->id > r->next_out_id - id;

        if (!is_earlier)
            continue;
        o->later_acks++;
        if (o->later_acks == FAST_RETRANSMIT_AFTER)
            o->next_try_ns = now.mono_ns;
    }
}

void adit_reliable_acked(struct adit_reliable *r, const uint32_t *ids, size_t n, adit_now now)
{
    for (size_t i = 0; i < n; i++) {
        struct adit_reliable_out *o = find_sent(r, ids[i]);

        if (!o)
            continue;
        adit_free(o->payload);
        *o = (struct adit_reliable_out){0};
        count_later_ack(r, ids[i], now);
    }
}

void adit_reliable_retry_all(struct adit_reliable *r, adit_now now)
{
    for (size_t i = 0; i < ADIT_SEND_WINDOW; i++) {
        if (!r->out[i].is_used)
            continue;
        r->out[i].next_try_ns = now.mono_ns;
        r->out[i].n_tries = 0;
    }
}

/* ---- acknowledging ---- */

static bool has_id(const uint32_t *ids, size_t n, uint32_t id)
{
    for (size_t i = 0; i < n; i++)
        if (ids[i] == id)
            return true;
    return false;
}

/* With no place left the peer will send again, and then its acknowledgement finds one. */
static void want_ack(struct adit_reliable *r, uint32_t id)
{
    if (r->n_pending < ADIT_ACKS_MAX && !has_id(r->pending, r->n_pending, id))
        r->pending[r->n_pending++] = id;
}

/* Puts an id in front of `recent`; its older mention, or else the oldest id, leaves. */
static void remember_ack(struct adit_reliable *r, uint32_t id)
{
    size_t at = 0;

    while (at < r->n_recent && r->recent[at] != id)
        at++;
    if (at == r->n_recent && r->n_recent < ADIT_ACKS_MAX)
        r->n_recent++;
    if (at == ADIT_ACKS_MAX)
        at--;
    memmove(r->recent + 1, r->recent, at * sizeof r->recent[0]);
    r->recent[0] = id;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* The ids that wait come first; places that they leave are filled with older ones, the newest first. */
static void take_acks(struct adit_reliable *r, size_t max_acks, struct adit_ctrl *out)
{
    size_t n_taken = smaller(max_acks, r->n_pending);

    for (size_t i = 0; i < n_taken; i++)
        remember_ack(r, r->pending[i]);
    r->n_pending -= n_taken;
    memmove(r->pending, r->pending + n_taken, r->n_pending * sizeof r->pending[0]);
    out->n_acks = smaller(max_acks, r->n_recent);
    memcpy(out->acks, r->recent, out->n_acks * sizeof out->acks[0]);
}

size_t adit_reliable_ack_count(const struct adit_reliable *r, size_t max_acks)
{
    size_t n_taken = smaller(max_acks, r->n_pending), n = r->n_recent;

    for (size_t i = 0; i < n_taken; i++)
        n += !has_id(r->recent, r->n_recent, r->pending[i]);
    return smaller(smaller(n, ADIT_ACKS_MAX), max_acks);
}

bool adit_reliable_next_ack(struct adit_reliable *r, size_t max_acks, struct adit_ctrl *out)
{
    if (r->n_pending == 0 || max_acks == 0)
        return false;
    *out = (struct adit_ctrl){.is_ack_only = true};
    take_acks(r, max_acks, out);
    return true;
}

/* The packet with the lowest id among those that are due. */
static struct adit_reliable_out *find_due(struct adit_reliable *r, adit_now now)
{
    struct adit_reliable_out *due = NULL;

    for (size_t i = 0; i < ADIT_SEND_WINDOW; i++) {
        struct adit_reliable_out *o = &r->out[i];

        if (!o->is_used || o->next_try_ns > now.mono_ns)
            continue;
        if (!due || r->next_out_id - o->id > r->next_out_id - due->id)
            due = o;
    }
    return due;
}

bool adit_reliable_next_out(struct adit_reliable *r, adit_now now, size_t max_acks, enum adit_op *op,
                            struct adit_ctrl *out)
{
    struct adit_reliable_out *o = find_due(r, now);

    if (!o)
        return false;
    o->was_sent = true;
    o->later_acks = 0;
    o->n_tries += o->n_tries < EAGER_TRIES + 1;
    o->next_try_ns = add_ns(now.mono_ns, r->timeout_ns);
    if (o->n_tries > EAGER_TRIES)
        o->next_try_ns = add_ns(o->next_try_ns, r->timeout_ns);
    *op = o->op;
    *out = (struct adit_ctrl){.packet_id = o->id, .payload = adit_bytes_of(o->payload, o->n)};
    take_acks(r, max_acks, out);
    return true;
}

uint64_t adit_reliable_deadline(const struct adit_reliable *r)
{
    uint64_t at = ADIT_NEVER;

    if (r->n_pending > 0)
        return 0;
    for (size_t i = 0; i < ADIT_SEND_WINDOW; i++)
        if (r->out[i].is_used)
            at = adit_earlier(at, r->out[i].next_try_ns);
    return at;
}

/* ---- receiving ---- */

static bool is_kept(const struct adit_reliable *r, uint32_t id)
{
    for (size_t i = 0; i < ADIT_RECV_WINDOW; i++)
        if (r->in[i].is_used && r->in[i].id == id)
            return true;
    return false;
}

adit_err adit_reliable_received(struct adit_reliable *r, uint32_t id, adit_bytes payload)
{
    struct adit_reliable_in *in = r->in;
    uint32_t ahead = id - r->next_in_id;
    bool is_past = ahead > INT32_MAX;
    uint8_t *copy;
    adit_err e;

    if (is_past || is_kept(r, id)) {
        want_ack(r, id);
        return ADIT_E_REPLAY;
    }
    if (ahead >= ADIT_RECV_WINDOW)
        return ADIT_E_WINDOW;
    if (payload.n > ADIT_CTRL_PAYLOAD_MAX)
        return ADIT_E_TOO_BIG;
    e = copy_payload(payload, &copy);
    if (e != ADIT_OK)
        return e;
    while (in->is_used)
        in++;
    *in = (struct adit_reliable_in){.is_used = true, .id = id, .payload = copy, .n = payload.n};
    want_ack(r, id);
    return ADIT_OK;
}

bool adit_reliable_next_in(struct adit_reliable *r, uint32_t *id, adit_bytes *payload)
{
    adit_free(r->lent);
    r->lent = NULL;
    for (size_t i = 0; i < ADIT_RECV_WINDOW; i++) {
        struct adit_reliable_in *in = &r->in[i];

        if (!in->is_used || in->id != r->next_in_id)
            continue;
        *id = r->next_in_id++;
        *payload = adit_bytes_of(in->payload, in->n);
        r->lent = in->payload;
        *in = (struct adit_reliable_in){0};
        return true;
    }
    return false;
}
