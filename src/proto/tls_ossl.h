/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenSSL behind the TLS seam: one context per configuration, shared by its sessions. Protocol
 * text: 5.1, 5.4. All material is given as text or bytes; reading files is the host's work.
 */
#ifndef ADIT_PROTO_TLS_OSSL_H
#define ADIT_PROTO_TLS_OSSL_H

#include "proto/tls.h"

enum adit_verify_client { /* verify-client-cert */
                          ADIT_VERIFY_REQUIRE,
                          ADIT_VERIFY_OPTIONAL,
                          ADIT_VERIFY_NONE,
};

enum adit_x509_name_rule { /* verify-x509-name */
                           ADIT_X509_ANY,
                           ADIT_X509_SUBJECT,
                           ADIT_X509_NAME,
                           ADIT_X509_PREFIX,
};

struct adit_tls_params {
    /* PEM text; empty where not given. */
    adit_bytes ca, cert, key, extra_certs, crl, dh;
    adit_bytes pkcs12;        /* DER; instead of ca, cert, key */
    int64_t wall_s;           /* now, to warn of an own certificate out of its time; 0: no warning */
    const char *key_password; /* NULL: none known */
    const char *ca_path;      /* directory of hashed CAs, or NULL */
    const char *version_min, *version_max; /* "1.2" ...; NULL: 1.2 and no maximum */
    bool version_min_or_highest;
    const char *cipher_list;  /* tls-cipher; NULL: default */
    const char *ciphersuites; /* tls-ciphersuites; NULL: default */
    const char *groups;       /* tls-groups; NULL: default */
    const char *cert_profile; /* insecure, legacy, preferred, suiteb; NULL: legacy */

    enum adit_verify_client verify_client; /* server role only */
    const uint8_t (*fingerprints)[32];     /* peer-fingerprint; makes ca optional */
    size_t n_fingerprints;
    enum adit_x509_name_rule name_rule;
    const char *name;
    const char *remote_cert_eku; /* long name or dotted OID, or NULL */
    bool want_ku;                /* remote-cert-ku (remote-cert-tls sets it): the extension must exist ... */
    const uint16_t *kus;         /* ... and one of these values be a subset of it; none: any */
    size_t n_kus;
};

struct adit_tls_ctx;

/*
 * Copies or parses everything it keeps. On failure NULL, and `why` (of why_cap bytes) holds one line for the
 * user which names the option ("cert", "ca", "key", ...), the cause and what to do.
 */
struct adit_tls_ctx *adit_tls_ctx_new(const struct adit_tls_params *p, const struct adit_env *env,
                                      bool is_server, char *why, size_t why_cap);
void adit_tls_ctx_free(struct adit_tls_ctx *ctx); /* NULL allowed; after all its connections */

/*
 * Takes a new revocation list for handshakes from now on (PEM; empty: none). ADIT_E_CONFIG: nothing changed,
 * and `why` is filled. No other thread may use the context meanwhile.
 */
ADIT_MUST_USE adit_err adit_tls_ctx_set_crl(struct adit_tls_ctx *ctx, adit_bytes crl, char *why,
                                            size_t why_cap);

extern const struct adit_tls_ops adit_tls_ossl; /* with an adit_tls_ctx as `ctx` */

#endif
