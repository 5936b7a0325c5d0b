/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One TLS connection: OpenSSL between two byte queues. A connection goes HANDSHAKE, UP, and at any time
 * FAILED, which is final; what is in the outgoing queue then (the alert) can still be drained. Protocol
 * text: 5.
 */
#include "proto/tls_parts.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"

/* ---- making and freeing ---- */

static void free_tls(struct adit_tls *t)
{
    if (!t)
        return;
    SSL_free(t->ssl);
    adit_tls_pipe_fini(&t->pipe);
    adit_free(t->text);
    adit_free(t);
}

static struct adit_tls *make_tls(void *arg, bool is_server, adit_now now)
{
    const struct adit_tls_ctx *ctx = arg;
    struct adit_tls *t = adit_alloc(sizeof *t);
    BIO *bio = NULL;

    if (!t)
        return NULL;
    t->ctx = ctx;
    t->ssl = SSL_new(ctx->ssl);
    if (!t->ssl || !(bio = adit_tls_pipe_bio(ctx->bio, &t->pipe))) {
        free_tls(t);
        return NULL;
    }
    SSL_set_bio(t->ssl, bio, bio);
    SSL_set_app_data(t->ssl, t);
    X509_VERIFY_PARAM_set_time(SSL_get0_param(t->ssl), (time_t)now.wall_s);
    if (is_server)
        SSL_set_accept_state(t->ssl);
    else
        SSL_set_connect_state(t->ssl);
    return t;
}

static void name_tls(struct adit_tls *t, const char *subject)
{
    t->subject = subject;
}

/* ---- failing ---- */

static const char *hint_of(int reason)
{
    switch (reason) {
    case SSL_R_NO_SHARED_CIPHER:
        return "the two ends have no cipher in common: compare tls-cipher, tls-ciphersuites and the kind of "
               "key";
    case SSL_R_NO_SUITABLE_KEY_SHARE:
    case SSL_R_NO_SUITABLE_GROUPS:
        return "the two ends have no group in common: compare tls-groups";
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_NO_PROTOCOLS_AVAILABLE:
    case SSL_R_VERSION_TOO_LOW:
        return "the two ends have no TLS version in common: compare tls-version-min and tls-version-max";
    case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
    case SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS:
        return "the peer cannot check this end's kind of certificate: compare tls-cert-profile";
    default:
        return NULL;
    }
}

/* What the peer's alert means to the person at this end. */
static const char *alert_hint(int alert)
{
    switch (alert) {
    case SSL_AD_CERTIFICATE_EXPIRED:
        return "this end's certificate (cert) has expired, or the peer's clock is wrong";
    case SSL_AD_CERTIFICATE_REVOKED:
        return "this end's certificate (cert) was revoked";
    case SSL_AD_UNKNOWN_CA:
        return "the peer does not trust the CA that issued this end's certificate (cert)";
    case SSL_AD_UNSUPPORTED_CERTIFICATE:
        return "this end's certificate (cert) is not meant for this role";
    case SSL_AD_BAD_CERTIFICATE:
    case SSL_AD_CERTIFICATE_UNKNOWN:
        return "the peer refused this end's certificate (cert); its log says why";
    case SSL_AD_CERTIFICATE_REQUIRED:
        return "the peer wants a certificate: give cert and key";
    case SSL_AD_PROTOCOL_VERSION:
        return "no TLS version in common: compare tls-version-min and tls-version-max";
    default:
        return "the peer's log says why";
    }
}

static void set_text(struct adit_tls *t, const char *line)
{
    adit_free(t->text);
    t->text = adit_strdup(line);
}

static adit_err fail_by_alert(struct adit_tls *t, int alert)
{
    char line[ADIT_TLS_LINE_MAX];

    snprintf(line, sizeof line, "the peer sent the alert \"%s\" (%s)", SSL_alert_desc_string_long(alert),
             alert_hint(alert));
    set_text(t, line);
    return ADIT_E_TLS_ALERT;
}

static adit_err fail_by_error(struct adit_tls *t, unsigned long e)
{
    int reason = ERR_GET_REASON(e);
    const char *hint = hint_of(reason);
    char line[ADIT_TLS_LINE_MAX], error[256];

    if (ERR_GET_LIB(e) == ERR_LIB_SSL && reason == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE) {
        set_text(t, "the peer sent no certificate (verify-client-cert optional or none would let "
                    "it log in "
                    "without one)");
        return ADIT_E_CERTIFICATE;
    }
    if (ERR_GET_LIB(e) != ERR_LIB_SSL)
        hint = NULL;
    ERR_error_string_n(e, error, sizeof error);
    snprintf(line, sizeof line, "OpenSSL: %s%s%s%s", e ? error : "the connection broke off without a reason",
             hint ? " (" : "", hint ? hint : "", hint ? ")" : "");
    set_text(t, line);
    return ADIT_E_TLS;
}

/* After OpenSSL returned an error that is not "more bytes, please". */
static adit_err fail(struct adit_tls *t, int ssl_error)
{
    unsigned long e = ERR_peek_error();

    t->state = ADIT_TLS_FAILED;
    if (t->is_cert_refused)
        t->why = ADIT_E_CERTIFICATE;
    else if (ssl_error == SSL_ERROR_ZERO_RETURN)
        t->why = fail_by_alert(t, SSL_AD_CLOSE_NOTIFY);
    else if (ERR_GET_LIB(e) == ERR_LIB_SSL && ERR_GET_REASON(e) >= SSL_AD_REASON_OFFSET)
        t->why = fail_by_alert(t, ERR_GET_REASON(e) - SSL_AD_REASON_OFFSET);
    else
        t->why = fail_by_error(t, e);
    ERR_clear_error();
    return t->why;
}

static bool wants_more(int ssl_error)
{
    return ssl_error == SSL_ERROR_WANT_READ || ssl_error == SSL_ERROR_WANT_WRITE;
}

/* ---- the line when it is up ---- */

static int put_key(char *dst, size_t cap, EVP_PKEY *key)
{
    char group[64] = "";
    bool is_ec = EVP_PKEY_is_a(key, "EC");
    const char *type = EVP_PKEY_get0_type_name(key);

    if (is_ec && !EVP_PKEY_get_group_name(key, group, sizeof group, NULL))
        group[0] = '\0';
    return snprintf(dst, cap, "%d bits %s%s", EVP_PKEY_get_bits(key), type ? type : "?", group);
}

static void describe_up(struct adit_tls *t)
{
    const SSL_CIPHER *c = SSL_get_current_cipher(t->ssl);
    X509 *x = SSL_get0_peer_certificate(t->ssl);
    EVP_PKEY *temp = NULL;
    char line[ADIT_TLS_DESC_MAX], key[96];
    size_t n;

    snprintf(line, sizeof line, "Control Channel: %s, cipher %s %s", SSL_get_version(t->ssl),
             SSL_CIPHER_get_version(c), SSL_CIPHER_get_name(c));
    if (x) {
        n = strlen(line);
        put_key(key, sizeof key, X509_get0_pubkey(x));
        snprintf(line + n, sizeof line - n, ", peer certificate: %s, signature: %s", key,
                 OBJ_nid2sn(X509_get_signature_nid(x)));
    }
    if (SSL_get_peer_tmp_key(t->ssl, &temp)) {
        n = strlen(line);
        put_key(key, sizeof key, temp);
        snprintf(line + n, sizeof line - n, ", peer temporary key: %s", key);
        EVP_PKEY_free(temp);
    }
    ERR_clear_error();
    set_text(t, line);
}

/* ---- the table ---- */

static adit_err feed_tls(struct adit_tls *t, adit_bytes in)
{
    return adit_tls_queue_put(&t->pipe.in, in);
}

static enum adit_tls_state step_tls(struct adit_tls *t, adit_err *why)
{
    if (t->state == ADIT_TLS_HANDSHAKE) {
        int r, e;

        ERR_clear_error();
        r = SSL_do_handshake(t->ssl);
        e = r == 1 ? SSL_ERROR_NONE : SSL_get_error(t->ssl, r);
        if (r == 1) {
            t->state = ADIT_TLS_UP;
            describe_up(t);
        } else if (!wants_more(e)) {
            fail(t, e);
        }
    }
    *why = t->state == ADIT_TLS_FAILED ? t->why : ADIT_OK;
    return t->state;
}

static size_t drain_tls(struct adit_tls *t, uint8_t *dst, size_t cap)
{
    return adit_tls_queue_take(&t->pipe.out, dst, cap);
}

static size_t pending_tls(const struct adit_tls *t)
{
    return adit_tls_queue_len(&t->pipe.out);
}

/* OpenSSL never joins two records in one read, which is what makes a record a message here. */
static adit_err read_tls(struct adit_tls *t, uint8_t *dst, size_t cap, size_t *n)
{
    int r, e;

    *n = 0;
    if (t->state == ADIT_TLS_FAILED)
        return t->why;
    if (t->state != ADIT_TLS_UP || cap == 0)
        return ADIT_OK;
    ERR_clear_error();
    r = SSL_read_ex(t->ssl, dst, cap, n);
    if (r == 1)
        return ADIT_OK;
    *n = 0;
    e = SSL_get_error(t->ssl, r);
    return wants_more(e) ? ADIT_OK : fail(t, e);
}

static adit_err write_tls(struct adit_tls *t, adit_bytes record)
{
    size_t n = 0;
    int r;

    if (t->state != ADIT_TLS_UP)
        return ADIT_E_STATE;
    if (record.n == 0)
        return ADIT_E_EMPTY;
    if (record.n > SSL3_RT_MAX_PLAIN_LENGTH)
        return ADIT_E_TOO_BIG;
    ERR_clear_error();
    r = SSL_write_ex(t->ssl, record.p, record.n, &n);
    if (r == 1)
        return ADIT_OK;
    return fail(t, SSL_get_error(t->ssl, r));
}

static adit_err export_tls(struct adit_tls *t, const char *label, uint8_t *dst, size_t n)
{
    if (t->state != ADIT_TLS_UP)
        return ADIT_E_STATE;
    if (SSL_export_keying_material(t->ssl, dst, n, label, strlen(label), NULL, 0, 0) == 1)
        return ADIT_OK;
    ERR_clear_error();
    adit_wipe(dst, n);
    return ADIT_E_CRYPTO;
}

static const struct adit_identity *identity_tls(const struct adit_tls *t)
{
    return &t->id;
}

static const char *describe_tls(const struct adit_tls *t)
{
    return t->text ? t->text : "";
}

const struct adit_tls_ops adit_tls_ossl = {
    .make = make_tls,
    .name = name_tls,
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
