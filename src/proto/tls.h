/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The TLS seam. A session talks to TLS only through this table of functions, so that a deterministic
 * stand-in can replace OpenSSL in simulation. Byte streams in and out, no I/O. Protocol text: 5.
 */
#ifndef ADIT_PROTO_TLS_H
#define ADIT_PROTO_TLS_H

#include "base/env.h"
#include "base/now.h"

enum {
    ADIT_TLS_NAME_MAX = 256, /* common name or user name field, with NUL */
    ADIT_TLS_SUBJECT_MAX = 512,
    ADIT_TLS_DESC_MAX = 256,
};

/* Who the peer proved to be; all zero and empty without a certificate. */
struct adit_identity {
    bool has_cert;
    char common_name[ADIT_TLS_NAME_MAX]; /* cleaned: printable only */
    char subject[ADIT_TLS_SUBJECT_MAX];  /* "C=XX, O=Org, CN=client" */
    uint8_t sha256[32];                  /* of the leaf's DER */
    uint8_t chain_sha256[32]; /* over the hashes of all depths; must not change in renegotiations */
};

enum adit_tls_state {
    ADIT_TLS_HANDSHAKE, /* needs more bytes from the peer, or has some to send */
    ADIT_TLS_UP,
    ADIT_TLS_FAILED, /* maybe with an alert left to send */
};

struct adit_tls; /* one TLS connection; what is behind it belongs to the engine */

struct adit_tls_ops {
    /* `ctx` is the engine's shared context (certificates, rules); NULL if out of memory. */
    struct adit_tls *(*make)(void *ctx, bool is_server, adit_now now);
    void (*free)(struct adit_tls *t);

    /* What its log lines begin with; lent until free or the next call. NULL: an engine that logs nothing. */
    void (*name)(struct adit_tls *t, const char *subject);

    /* Bytes from the peer's control channel, in order. ADIT_E_MEMORY. */
    adit_err (*feed)(struct adit_tls *t, adit_bytes in);

    /*
     * Moves the handshake on. state afterwards; when FAILED, *why says the cause as an adit_err
     * (ADIT_E_TLS, ADIT_E_TLS_ALERT, ADIT_E_CERTIFICATE) and describe() has the text.
     */
    enum adit_tls_state (*step)(struct adit_tls *t, adit_err *why);

    /* Takes at most cap bytes that the peer must get; the number taken. Works in every state. */
    size_t (*drain)(struct adit_tls *t, uint8_t *dst, size_t cap);
    size_t (*pending)(const struct adit_tls *t); /* bytes that drain() could take */

    /* One record of plaintext, if a whole one has arrived: n > 0. 0: none yet. After an error what step()
     * says too. */
    adit_err (*read)(struct adit_tls *t, uint8_t *dst, size_t cap, size_t *n);
    /* One record, written whole. Only in state UP. */
    adit_err (*write)(struct adit_tls *t, adit_bytes record);

    /* RFC 5705 without context. ADIT_E_UNSUPPORTED, ADIT_E_CRYPTO. Only in state UP. */
    adit_err (*export_key)(struct adit_tls *t, const char *label, uint8_t *dst, size_t n);

    /* Lent until free. */
    const struct adit_identity *(*identity)(const struct adit_tls *t);

    /* One line for a person: the negotiated parameters when UP, the failure's cause when FAILED; ""
     * otherwise. */
    const char *(*describe)(const struct adit_tls *t);
};

#endif
