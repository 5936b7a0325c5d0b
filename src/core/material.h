/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The key material that a configuration names, made ready: the TLS context, the wrapping keys of a connection
 * entry, the log-in. Whoever calls gives the texts, since nothing here opens a file. Every failure is one
 * line in the log that names the option, the file and what to do.
 */
#ifndef ADIT_CORE_MATERIAL_H
#define ADIT_CORE_MATERIAL_H

#include "conf/conf.h"
#include "core/session.h"
#include "proto/tls_ossl.h"
#include "proto/wkc.h"

/* A file's bytes, or an inline block's. */
struct adit_material_text {
    adit_bytes b;
    uint8_t *owned; /* NULL: lent by the configuration */
};

void adit_material_forget(struct adit_material_text *t); /* wipes; zeros allowed */

/* Where texts come from: the file system of a program, or nothing but the configuration. */
struct adit_material_source {
    /* An option that was not given is an empty text. On failure the log has got its line, *t is zeros. */
    adit_err (*fetch)(const struct adit_file_ref *ref, const char *option, const struct adit_log *log,
                      struct adit_material_text *t);
    /* A secret was used: a warning if others can read its file. */
    void (*warn_if_open)(const struct adit_file_ref *ref, const struct adit_log *log);
    /* The pass phrase of `key`, if that is encrypted; "" if none is known. */
    adit_err (*passphrase)(const struct adit_conf *c, adit_bytes key, const struct adit_log *log, char *dst,
                           size_t cap);
};

/* One connection entry's protection of the control channel. */
struct adit_wraps {
    struct adit_wrap_key *key;          /* tls-auth, tls-crypt, or our tls-crypt-v2 client key; NULL: none */
    struct adit_static_key *static_key; /* behind `key`; secret; NULL: none */
    struct adit_v2_server_key *v2_server; /* tls-crypt-v2 of a server */
    struct adit_v2_client_key *v2_client; /* tls-crypt-v2 of a client */
};

/* digest: of `auth`, for tls-auth. ADIT_E_CONFIG, ADIT_E_KEY_FILE, ADIT_E_FILE, ADIT_E_MEMORY. */
ADIT_MUST_USE adit_err adit_wraps_make(struct adit_wraps *w, const struct adit_conf *c,
                                       const struct adit_conf_conn *conn, const struct adit_digest *digest,
                                       const struct adit_material_source *src, const struct adit_log *log);
void adit_wraps_free(struct adit_wraps *w); /* wipes; zeros allowed */

/* now: for certificates that are out of date. NULL after the log got its line. */
struct adit_tls_ctx *adit_tls_make(const struct adit_conf *c, const struct adit_material_source *src,
                                   const struct adit_env *env, adit_now now);

/* Name and password for auth-user-pass; secret. */
struct adit_login {
    char user[ADIT_USERPASS_MAX], password[ADIT_USERPASS_MAX];
};

/* The first two lines; "" where there is none. */
void adit_login_read(struct adit_login *l, adit_bytes text);

#endif
