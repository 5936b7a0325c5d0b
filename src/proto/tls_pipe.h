/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two byte queues behind one OpenSSL BIO: what the peer sent, and what it must get. Unlike a memory BIO a
 * queue gives its memory back as soon as it is empty, which is nearly always: an idle connection holds none.
 */
#ifndef ADIT_PROTO_TLS_PIPE_H
#define ADIT_PROTO_TLS_PIPE_H

#include <openssl/bio.h>

#include "base/bytes.h"

struct adit_tls_queue {
    uint8_t *b;
    size_t at, n, cap; /* content is b[at .. n) */
};

struct adit_tls_pipe {
    struct adit_tls_queue in, out;
};

void adit_tls_pipe_fini(struct adit_tls_pipe *p); /* wipes */

ADIT_MUST_USE adit_err adit_tls_queue_put(struct adit_tls_queue *q, adit_bytes b);
size_t adit_tls_queue_take(struct adit_tls_queue *q, uint8_t *dst, size_t cap);
size_t adit_tls_queue_len(const struct adit_tls_queue *q);

/* The method is made once per context; a BIO of it lends the pipe. NULL: out of memory. */
BIO_METHOD *adit_tls_pipe_method(void);
BIO *adit_tls_pipe_bio(const BIO_METHOD *m, struct adit_tls_pipe *p);

#endif
