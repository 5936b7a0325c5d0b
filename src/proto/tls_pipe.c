/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Byte queues and the BIO over them. Invariant: a queue without content has no memory. The content of the
 * outgoing queue is ciphertext, but the incoming one may belong to a handshake that is refused: both are
 * wiped.
 */
#include "proto/tls_pipe.h"

#include <limits.h>
#include <string.h>

#include "base/mem.h"

enum {
    QUEUE_STEP = 2048,
    OUT_MAX = 256 * 1024, /* far above the largest flight and push reply */
};

static void reset(struct adit_tls_queue *q)
{
    adit_free_secret(q->b, q->n);
    *q = (struct adit_tls_queue){0};
}

void adit_tls_pipe_fini(struct adit_tls_pipe *p)
{
    reset(&p->in);
    reset(&p->out);
}

size_t adit_tls_queue_len(const struct adit_tls_queue *q)
{
    return q->n - q->at;
}

adit_err adit_tls_queue_put(struct adit_tls_queue *q, adit_bytes b)
{
    if (b.n == 0)
        return ADIT_OK;
    if (q->at > 0) {
        memmove(q->b, q->b + q->at, q->n - q->at);
        q->n -= q->at;
        q->at = 0;
    }
    if (b.n > q->cap - q->n) {
        size_t cap = (q->n + b.n + QUEUE_STEP - 1) / QUEUE_STEP * QUEUE_STEP;
        uint8_t *p = adit_realloc(q->b, cap);

        if (!p)
            return ADIT_E_MEMORY;
        q->b = p;
        q->cap = cap;
    }
    memcpy(q->b + q->n, b.p, b.n);
    q->n += b.n;
    return ADIT_OK;
}

size_t adit_tls_queue_take(struct adit_tls_queue *q, uint8_t *dst, size_t cap)
{
    size_t n = adit_tls_queue_len(q);

    if (n > cap)
        n = cap;
    if (n == 0)
        return 0;
    memcpy(dst, q->b + q->at, n);
    q->at += n;
    if (q->at == q->n)
        reset(q);
    return n;
}

static int read_bio(BIO *bio, char *dst, int n)
{
    struct adit_tls_pipe *p = BIO_get_data(bio);
    size_t got = n > 0 ? adit_tls_queue_take(&p->in, (uint8_t *)dst, (size_t)n) : 0;

    BIO_clear_retry_flags(bio);
    if (got > 0)
        return (int)got;
    BIO_set_retry_read(bio);
    return -1;
}

static int write_bio(BIO *bio, const char *src, int n)
{
    struct adit_tls_pipe *p = BIO_get_data(bio);

    BIO_clear_retry_flags(bio);
    if (n <= 0)
        return 0;
    /* A peer that asks for much and acknowledges nothing ends its own session, not our memory. */
    if (adit_tls_queue_len(&p->out) + (size_t)n > OUT_MAX)
        return -1;
    return adit_tls_queue_put(&p->out, adit_bytes_of(src, (size_t)n)) == ADIT_OK ? n : -1;
}

static long ctrl_bio(BIO *bio, int cmd, long num, void *ptr)
{
    struct adit_tls_pipe *p = BIO_get_data(bio);

    (void)num;
    (void)ptr;
    switch (cmd) {
    case BIO_CTRL_FLUSH:
        return 1;
    case BIO_CTRL_PENDING:
        return (long)adit_tls_queue_len(&p->in);
    case BIO_CTRL_WPENDING:
        return (long)adit_tls_queue_len(&p->out);
    default:
        return 0;
    }
}

BIO_METHOD *adit_tls_pipe_method(void)
{
    BIO_METHOD *m = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "control channel");

    if (m && BIO_meth_set_read(m, read_bio) && BIO_meth_set_write(m, write_bio) &&
        BIO_meth_set_ctrl(m, ctrl_bio))
        return m;
    BIO_meth_free(m);
    return NULL;
}

BIO *adit_tls_pipe_bio(const BIO_METHOD *m, struct adit_tls_pipe *p)
{
    BIO *bio = BIO_new(m);

    if (!bio)
        return NULL;
    BIO_set_data(bio, p);
    BIO_set_init(bio, 1);
    return bio;
}
