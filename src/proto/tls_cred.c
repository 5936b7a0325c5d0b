/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates, keys and CRLs from text into OpenSSL's objects. Every message names the option, the cause and
 * what to do. Our own chain is built here, once, without its root: the peer must have that one anyway.
 * Protocol text: 5.1, 5.4.
 */
#include "proto/tls_parts.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "crypto/pem.h"

static void free_certs(STACK_OF(X509) * certs)
{
    sk_X509_pop_free(certs, X509_free);
}

/* All certificates of a PEM text; at least one, else NULL and `why`. */
static STACK_OF(X509) * read_certs(const char *option, adit_bytes text, char *why, size_t cap)
{
    STACK_OF(X509) *certs = sk_X509_new_null();
    BIO *bio = adit_pem_open(text);
    unsigned line = 1;
    char reason[256];
    X509 *x;

    if (!certs || !bio) {
        adit_tls_say(why, cap, "%s: out of memory", option);
        goto fail;
    }
    while ((x = PEM_read_bio_X509_AUX(bio, NULL, NULL, NULL))) {
        line = adit_pem_line(text, bio);
        if (!sk_X509_push(certs, x)) {
            X509_free(x);
            adit_tls_say(why, cap, "%s: out of memory", option);
            goto fail;
        }
    }
    if (!adit_pem_is_at_end()) {
        adit_tls_say(why, cap,
                     "%s: the certificate that begins at or after line %u is damaged (%s): copy it again",
                     option, line, adit_tls_reason(reason, sizeof reason));
        goto fail;
    }
    ERR_clear_error();
    if (sk_X509_num(certs) == 0) {
        adit_tls_say(why, cap,
                     "%s: no certificate found in it: it must hold -----BEGIN CERTIFICATE----- (PEM form)",
                     option);
        goto fail;
    }
    BIO_free(bio);
    return certs;

fail:
    BIO_free(bio);
    free_certs(certs);
    return NULL;
}

/* ---- the private key ---- */

static EVP_PKEY *read_key(const struct adit_tls_params *p, char *why, size_t cap)
{
    bool was_asked;
    EVP_PKEY *key = adit_pem_read_key(p->key, p->key_password, &was_asked);
    char reason[256];

    if (key)
        return key;
    if (was_asked && !p->key_password)
        adit_tls_say(why, cap,
                     "key: encrypted, and no password was given: use askpass, or decrypt the file with "
                     "openssl pkey");
    else if (was_asked)
        adit_tls_say(why, cap, "key: cannot be decrypted: the password is wrong, or the file damaged");
    else
        adit_tls_say(why, cap,
                     "key: no private key could be read (%s): it must hold -----BEGIN PRIVATE KEY----- "
                     "or the like (PEM form)",
                     adit_tls_reason(reason, sizeof reason));
    ERR_clear_error();
    return NULL;
}

/* ---- what goes into the context ---- */

static bool use_leaf(struct adit_tls_ctx *ctx, const char *option, X509 *leaf, char *why, size_t cap)
{
    char reason[256];

    if (SSL_CTX_use_certificate(ctx->ssl, leaf))
        return true;
    adit_tls_say(why, cap,
                 "%s: OpenSSL refuses it (%s): issue a new certificate, or set tls-cert-profile insecure",
                 option, adit_tls_reason(reason, sizeof reason));
    return false;
}

/* Every peer would refuse it: better said here, at the start, than only at the other end. */
static void warn_about_dates(const struct adit_tls_ctx *ctx, const char *option, const X509 *leaf,
                             int64_t wall_s)
{
    time_t now = (time_t)wall_s;

    if (wall_s == 0)
        return;
    if (X509_cmp_time(X509_get0_notAfter(leaf), &now) < 0)
        adit_warn(&ctx->env->log, NULL,
                  "WARNING: Your certificate has expired! (%s): peers will refuse it; issue a new one",
                  option);
    else if (X509_cmp_time(X509_get0_notBefore(leaf), &now) > 0)
        adit_warn(&ctx->env->log, NULL,
                  "WARNING: Your certificate is not yet valid! (%s): check this machine's clock", option);
}

static bool use_key(struct adit_tls_ctx *ctx, const char *option, X509 *leaf, EVP_PKEY *key, char *why,
                    size_t cap)
{
    char reason[256];

    if (!X509_check_private_key(leaf, key)) {
        ERR_clear_error();
        adit_tls_say(why, cap,
                     "%s: does not belong to the certificate (cert): the two must have been made together",
                     option);
        return false;
    }
    if (SSL_CTX_use_PrivateKey(ctx->ssl, key))
        return true;
    adit_tls_say(why, cap, "%s: OpenSSL refuses it (%s)", option, adit_tls_reason(reason, sizeof reason));
    return false;
}

static bool add_chain(struct adit_tls_ctx *ctx, const char *option, STACK_OF(X509) * certs, int from,
                      char *why, size_t cap)
{
    char reason[256];

    for (int i = from; certs && i < sk_X509_num(certs); i++) {
        if (SSL_CTX_add1_chain_cert(ctx->ssl, sk_X509_value(certs, i)))
            continue;
        adit_tls_say(why, cap, "%s: OpenSSL refuses certificate %d of it (%s)", option, i + 1,
                     adit_tls_reason(reason, sizeof reason));
        return false;
    }
    return true;
}

/* Adds CAs to the anchors and, for a server, to the names that it sends to clients. */
static bool trust(struct adit_tls_ctx *ctx, STACK_OF(X509) * certs)
{
    if (!ctx->anchors && !(ctx->anchors = X509_STORE_new()))
        return false;
    for (int i = 0; i < sk_X509_num(certs); i++) {
        X509 *x = sk_X509_value(certs, i);

        if (!X509_STORE_add_cert(ctx->anchors, x) || (ctx->is_server && !SSL_CTX_add_client_CA(ctx->ssl, x)))
            return false;
        ctx->has_ca = true;
    }
    return true;
}

static bool load_ca(struct adit_tls_ctx *ctx, const struct adit_tls_params *p, char *why, size_t cap)
{
    STACK_OF(X509) * certs;
    bool ok;

    ctx->has_ca = p->ca_path != NULL;
    if (p->ca.n == 0)
        return true;
    certs = read_certs("ca", p->ca, why, cap);
    if (!certs)
        return false;
    ok = trust(ctx, certs);
    free_certs(certs);
    if (!ok)
        adit_tls_say(why, cap, "ca: out of memory");
    return ok;
}

static bool load_cert_and_key(struct adit_tls_ctx *ctx, const struct adit_tls_params *p, char *why,
                              size_t cap)
{
    STACK_OF(X509) * certs;
    EVP_PKEY *key = NULL;
    bool ok = false;

    if (p->cert.n == 0 && p->key.n == 0) {
        if (!ctx->is_server)
            return true; /* a client may log in with user name and password alone */
        adit_tls_say(why, cap, "cert: missing: a TLS server needs cert and key (or pkcs12)");
        return false;
    }
    if (p->cert.n == 0 || p->key.n == 0) {
        adit_tls_say(why, cap, "%s: missing: cert and key go together", p->cert.n == 0 ? "cert" : "key");
        return false;
    }
    certs = read_certs("cert", p->cert, why, cap);
    if (certs && (key = read_key(p, why, cap)))
        ok = use_leaf(ctx, "cert", sk_X509_value(certs, 0), why, cap) &&
             use_key(ctx, "key", sk_X509_value(certs, 0), key, why, cap) &&
             add_chain(ctx, "cert", certs, 1, why, cap);
    if (ok)
        warn_about_dates(ctx, "cert", sk_X509_value(certs, 0), p->wall_s);
    EVP_PKEY_free(key);
    free_certs(certs);
    return ok;
}

static void say_pkcs12(const struct adit_tls_params *p, char *why, size_t cap)
{
    unsigned long e = ERR_peek_last_error();
    bool is_mac = ERR_GET_LIB(e) == ERR_LIB_PKCS12 && ERR_GET_REASON(e) == PKCS12_R_MAC_VERIFY_FAILURE;
    char reason[256];

    if (is_mac && !p->key_password)
        adit_tls_say(why, cap, "pkcs12: encrypted, and no password was given: use askpass");
    else if (is_mac)
        adit_tls_say(why, cap, "pkcs12: cannot be decrypted: the password is wrong");
    else
        adit_tls_say(
            why, cap,
            "pkcs12: cannot be read (%s): if it was made with old algorithms such as RC2, convert it with "
            "openssl pkcs12 -legacy -nodes, then openssl pkcs12 -export",
            adit_tls_reason(reason, sizeof reason));
    ERR_clear_error();
}

static bool load_pkcs12(struct adit_tls_ctx *ctx, const struct adit_tls_params *p, char *why, size_t cap)
{
    BIO *bio = adit_pem_open(p->pkcs12);
    PKCS12 *p12 = bio ? d2i_PKCS12_bio(bio, NULL) : NULL;
    EVP_PKEY *key = NULL;
    X509 *leaf = NULL;
    STACK_OF(X509) *others = NULL;
    bool ok = false;

    if (!p12 || !PKCS12_parse(p12, p->key_password ? p->key_password : "", &key, &leaf, &others)) {
        say_pkcs12(p, why, cap);
    } else if (!leaf || !key) {
        adit_tls_say(why, cap, "pkcs12: holds no %s: export certificate and key together",
                     leaf ? "key" : "certificate");
    } else {
        ERR_clear_error();
        ok = use_leaf(ctx, "pkcs12", leaf, why, cap) && use_key(ctx, "pkcs12", leaf, key, why, cap) &&
             add_chain(ctx, "pkcs12", others, 0, why, cap);
        if (ok)
            warn_about_dates(ctx, "pkcs12", leaf, p->wall_s);
        /* As in openvpn: the CAs in the file are trusted, unless ca names others. */
        if (ok && p->ca.n == 0 && others && !trust(ctx, others)) {
            adit_tls_say(why, cap, "pkcs12: out of memory");
            ok = false;
        }
    }
    free_certs(others);
    X509_free(leaf);
    EVP_PKEY_free(key);
    PKCS12_free(p12);
    BIO_free(bio);
    return ok;
}

static bool load_extra(struct adit_tls_ctx *ctx, const struct adit_tls_params *p, char *why, size_t cap)
{
    STACK_OF(X509) * certs;
    bool ok;

    if (p->extra_certs.n == 0)
        return true;
    certs = read_certs("extra-certs", p->extra_certs, why, cap);
    ok = certs && add_chain(ctx, "extra-certs", certs, 0, why, cap);
    free_certs(certs);
    return ok;
}

/* Orders and completes the chain that we send; what cannot be completed is sent as it was given. */
static bool build_chain(struct adit_tls_ctx *ctx, char *why, size_t cap)
{
    char reason[256];

    if (!SSL_CTX_get0_certificate(ctx->ssl))
        return true;
    if (ctx->anchors && !SSL_CTX_set1_chain_cert_store(ctx->ssl, ctx->anchors))
        return false;
    if (SSL_CTX_build_cert_chain(ctx->ssl, SSL_BUILD_CHAIN_FLAG_UNTRUSTED | SSL_BUILD_CHAIN_FLAG_NO_ROOT |
                                               SSL_BUILD_CHAIN_FLAG_IGNORE_ERROR |
                                               SSL_BUILD_CHAIN_FLAG_CLEAR_ERROR))
        return true;
    adit_tls_say(why, cap,
                 "cert: its chain is refused (%s): issue new certificates, or set tls-cert-profile insecure",
                 adit_tls_reason(reason, sizeof reason));
    return false;
}

static bool load_dh(struct adit_tls_ctx *ctx, const struct adit_tls_params *p, char *why, size_t cap)
{
    BIO *bio;
    EVP_PKEY *dh;
    char reason[256];

    if (p->dh.n == 0)
        return true;
    bio = adit_pem_open(p->dh);
    dh = bio ? PEM_read_bio_Parameters(bio, NULL) : NULL;
    BIO_free(bio);
    if (dh && SSL_CTX_set0_tmp_dh_pkey(ctx->ssl, dh))
        return true;
    EVP_PKEY_free(dh);
    adit_tls_say(why, cap,
                 "dh: no usable Diffie-Hellman parameters (%s): make them with openssl dhparam 2048, or say "
                 "dh none",
                 adit_tls_reason(reason, sizeof reason));
    return false;
}

bool adit_tls_load_credentials(struct adit_tls_ctx *ctx, const struct adit_tls_params *p, char *why,
                               size_t cap)
{
    bool has_pkcs12 = p->pkcs12.n > 0;

    return load_ca(ctx, p, why, cap) &&
           (has_pkcs12 ? load_pkcs12(ctx, p, why, cap) : load_cert_and_key(ctx, p, why, cap)) &&
           load_extra(ctx, p, why, cap) && build_chain(ctx, why, cap) && load_dh(ctx, p, why, cap);
}

/* ---- the store that peers are verified against ---- */

static bool copy_anchors(X509_STORE *dst, X509_STORE *src)
{
    STACK_OF(X509_OBJECT) *all = X509_STORE_get0_objects(src);

    for (int i = 0; i < sk_X509_OBJECT_num(all); i++) {
        X509 *x = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(all, i));

        if (x && !X509_STORE_add_cert(dst, x))
            return false;
    }
    return true;
}

static bool add_crls(X509_STORE *store, adit_bytes text, char *why, size_t cap)
{
    BIO *bio = adit_pem_open(text);
    char reason[256];
    unsigned n = 0;
    X509_CRL *crl;

    while (bio && (crl = PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL))) {
        bool ok = X509_STORE_add_crl(store, crl);

        X509_CRL_free(crl);
        if (!ok)
            break;
        n++;
    }
    BIO_free(bio);
    if (n == 0 || !adit_pem_is_at_end()) {
        adit_tls_say(why, cap, "crl-verify: %s (%s): it must hold -----BEGIN X509 CRL----- (PEM form)",
                     n == 0 ? "no revocation list could be read" : "damaged",
                     adit_tls_reason(reason, sizeof reason));
        return false;
    }
    ERR_clear_error();
    return true;
}

X509_STORE *adit_tls_store_make(const struct adit_tls_ctx *ctx, adit_bytes crl, char *why, size_t cap)
{
    X509_STORE *store = X509_STORE_new();
    char reason[256];

    if (!store || (ctx->anchors && !copy_anchors(store, ctx->anchors)))
        adit_tls_say(why, cap, "ca: out of memory");
    else if (ctx->ca_path && !X509_STORE_load_path(store, ctx->ca_path))
        adit_tls_say(why, cap, "capath: %s cannot be used (%s)", ctx->ca_path,
                     adit_tls_reason(reason, sizeof reason));
    else if (crl.n == 0 || add_crls(store, crl, why, cap)) {
        /* A capath may hold lists as well (HASH.rN), and they count: openvpn checks them, too. */
        if (crl.n > 0 || ctx->ca_path)
            X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
        return store;
    }
    ERR_clear_error();
    X509_STORE_free(store);
    return NULL;
}
