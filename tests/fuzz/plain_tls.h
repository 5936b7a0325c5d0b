/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stand-in for TLS that neither hides nor protects: a record is a kind, a length and its content in clear,
 * a handshake is one hello from each side. So what the fuzzer changes in a packet arrives behind TLS. The
 * context is one byte, who the holder shows itself as.
 */
#ifndef ADIT_FUZZ_PLAIN_TLS_H
#define ADIT_FUZZ_PLAIN_TLS_H

#include <stdlib.h>
#include <string.h>

#include "proto/tls.h"

enum {
    RECORD_HEAD = 3, /* kind, length */
};

static void check(bool is_right)
{
    if (!is_right)
        abort();
}

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

static size_t n_unread; /* the most that ever waited in front of TLS */

static adit_err feed_tls(struct adit_tls *t, adit_bytes in)
{
    pipe_put(&t->in, in.p, in.n);
    n_unread = t->in.n > n_unread ? t->in.n : n_unread;
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

static const struct adit_tls_ops plain_tls = {
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

#endif
