/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the OpenSSL engine share: tls_ossl.c runs connections, tls_ctx.c builds the context,
 * tls_cred.c loads keys and certificates, tls_verify.c judges the peer's certificates. Nobody else includes
 * this.
 */
#ifndef ADIT_PROTO_TLS_PARTS_H
#define ADIT_PROTO_TLS_PARTS_H

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "proto/tls_ossl.h"
#include "proto/tls_pipe.h"

enum {
    ADIT_TLS_LINE_MAX = 1024, /* a line for a person, with NUL */
    ADIT_TLS_DEPTH_MAX = 16,  /* a certificate at this depth is refused */
};

struct adit_tls_ctx {
    SSL_CTX *ssl;
    BIO_METHOD *bio;
    const struct adit_env *env;
    X509_STORE *anchors; /* the same CAs without CRLs: what set_crl starts from; NULL: no CA */
    char *ca_path;
    bool is_server, has_ca;

    enum adit_x509_name_rule name_rule;
    char *name;
    char *eku;
    bool want_ku;
    uint16_t *kus;
    size_t n_kus;
    uint8_t (*fingerprints)[32];
    size_t n_fingerprints;
};

struct adit_tls {
    const struct adit_tls_ctx *ctx;
    const char *subject; /* of log lines; lent, may be NULL */
    SSL *ssl;
    struct adit_tls_pipe pipe;
    enum adit_tls_state state;
    adit_err why;         /* of FAILED */
    bool is_cert_refused; /* `text` has the reason already */
    bool is_crl_warned;
    char *text; /* describe(); NULL: none */
    struct adit_identity id;
};

/* A line that says what is wrong, why, and what to do; `why` may be NULL. */
void adit_tls_say(char *why, size_t cap, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* The newest reason of OpenSSL's queue in its own words, and empties the queue; never NULL. */
const char *adit_tls_reason(char *dst, size_t cap);

/* tls_cred.c: trusted CAs, own certificate, key and chain, pkcs12, DH. False: `why` is filled. */
bool adit_tls_load_credentials(struct adit_tls_ctx *ctx, const struct adit_tls_params *p, char *why,
                               size_t cap);
/* A new store with the CAs of `ctx` and these CRLs; NULL: `why` is filled. */
X509_STORE *adit_tls_store_make(const struct adit_tls_ctx *ctx, adit_bytes crl, char *why, size_t cap);

/* tls_verify.c: hangs the judgement on the context. */
void adit_tls_verify_install(struct adit_tls_ctx *ctx, enum adit_verify_client mode);

#endif
