/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Judges the peer's certificates. OpenSSL builds and checks the chain (dates, purpose, revocation); then the
 * chain is walked once from root to leaf for the rules of the configuration, and the identity is filled. The
 * lines are openvpn's, since people and programs look for them; a hint in brackets follows. Protocol
 * text: 5.4.
 */
#include "proto/tls_parts.h"

#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

enum {
    SERIAL_MAX = 64,
    USER_FIELD_MAX = 64, /* openvpn's limit of the common name */
};

/* ---- text of certificates ---- */

/* Copies with control characters replaced; UTF-8 stays, as in openvpn. */
static void clean(const char *src, size_t n, char *dst, size_t cap)
{
    size_t i = 0;

    for (; i < n && i + 1 < cap; i++) {
        unsigned char c = (unsigned char)src[i];

        dst[i] = c < 0x20 || c == 0x7f ? '_' : (char)c;
    }
    dst[i] = '\0';
}

static void subject_text(X509 *x, char *dst, size_t cap)
{
    unsigned long flags =
        XN_FLAG_SEP_CPLUS_SPC | XN_FLAG_FN_SN | ASN1_STRFLGS_UTF8_CONVERT | ASN1_STRFLGS_ESC_CTRL;
    BIO *bio = BIO_new(BIO_s_mem());
    char *text = NULL;
    long n = 0;

    if (bio && X509_NAME_print_ex(bio, X509_get_subject_name(x), 0, flags) >= 0)
        n = BIO_get_mem_data(bio, &text);
    clean(text ? text : "", n > 0 ? (size_t)n : 0, dst, cap);
    BIO_free(bio);
}

/* The last common name, as openvpn takes it. False: none, empty, or too long. */
static bool common_name(X509 *x, char *dst, size_t cap)
{
    X509_NAME *name = X509_get_subject_name(x);
    int at = -1, last = -1, n;
    unsigned char *utf8 = NULL;

    while ((at = X509_NAME_get_index_by_NID(name, NID_commonName, at)) >= 0)
        last = at;
    if (last < 0)
        return false;
    n = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, last)));
    if (n > 0 && n <= USER_FIELD_MAX)
        clean((const char *)utf8, (size_t)n, dst, cap);
    OPENSSL_free(utf8);
    return n > 0 && n <= USER_FIELD_MAX;
}

static void serial_text(X509 *x, char *dst, size_t cap)
{
    BIGNUM *bn = ASN1_INTEGER_to_BN(X509_get0_serialNumber(x), NULL);
    char *dec = bn ? BN_bn2dec(bn) : NULL;

    snprintf(dst, cap, "%s", dec ? dec : "?");
    OPENSSL_free(dec);
    BN_free(bn);
}

/* ---- refusing ---- */

static int refuse(struct adit_tls *t, X509_STORE_CTX *sc, int x509_error, const char *line)
{
    if (!t->is_cert_refused) {
        adit_free(t->text);
        t->text = adit_strdup(line);
        t->is_cert_refused = true;
    }
    X509_STORE_CTX_set_error(sc, x509_error); /* chooses the alert */
    return 0;
}

static const char *hint_of(int error)
{
    switch (error) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
        return "it needs a new certificate; or this machine's clock is wrong";
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return "this machine's clock is behind, or the issuer's was ahead";
    case X509_V_ERR_CERT_REVOKED:
        return "it is on the list of crl-verify";
    case X509_V_ERR_CRL_HAS_EXPIRED:
        return "the list of crl-verify is out of date: issue a new one";
    case X509_V_ERR_CRL_NOT_YET_VALID:
        return "the list of crl-verify is dated in the future: check this machine's clock";
    case X509_V_ERR_INVALID_PURPOSE:
        return "a server needs a server certificate and a client a client certificate";
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        return "no CA that is trusted here (ca) has issued it";
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
        return "its CA is not among those trusted here (ca)";
    case X509_V_ERR_EE_KEY_TOO_SMALL:
    case X509_V_ERR_CA_KEY_TOO_SMALL:
    case X509_V_ERR_CA_MD_TOO_WEAK:
        return "too weak for tls-cert-profile";
    default:
        return NULL;
    }
}

static int refuse_chain(struct adit_tls *t, X509_STORE_CTX *sc, X509 *x, int error, int depth)
{
    char line[ADIT_TLS_LINE_MAX], subject[ADIT_TLS_SUBJECT_MAX] = "", serial[SERIAL_MAX] = "?";
    const char *hint = hint_of(error);

    if (x) {
        subject_text(x, subject, sizeof subject);
        serial_text(x, serial, sizeof serial);
    }
    snprintf(line, sizeof line, "VERIFY ERROR: depth=%d, error=%s: %s, serial=%s%s%s%s", depth,
             X509_verify_cert_error_string(error), subject, serial, hint ? " (" : "", hint ? hint : "",
             hint ? ")" : "");
    return refuse(t, sc, error, line);
}

/* ---- called by OpenSSL while it checks the chain ---- */

static void warn_no_crl(struct adit_tls *t, X509 *x, int depth)
{
    char subject[ADIT_TLS_SUBJECT_MAX] = "";

    if (t->is_crl_warned)
        return;
    t->is_crl_warned = true;
    if (x)
        subject_text(x, subject, sizeof subject);
    adit_warn(&t->ctx->env->log, t->subject, "VERIFY WARNING: depth=%d, unable to get certificate CRL: %s",
              depth, subject);
}

static int judge_step(int ok, X509_STORE_CTX *sc)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(sc, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct adit_tls *t = SSL_get_app_data(ssl);
    X509 *x = X509_STORE_CTX_get_current_cert(sc);
    int depth = X509_STORE_CTX_get_error_depth(sc);
    int error = X509_STORE_CTX_get_error(sc);

    if (ok)
        return 1;
    if (error == X509_V_ERR_UNABLE_TO_GET_CRL) {
        warn_no_crl(t, x, depth);
    } else if (t->ctx->n_fingerprints == 0 || t->ctx->has_ca) {
        return refuse_chain(t, sc, x, error, depth);
    }
    /* With fingerprints and without a CA only the fingerprint counts. */
    X509_STORE_CTX_set_error(sc, X509_V_OK);
    return 1;
}

/* ---- the rules for the leaf ---- */

static bool has_fingerprint(const struct adit_tls_ctx *ctx, const uint8_t hash[32])
{
    for (size_t i = 0; i < ctx->n_fingerprints; i++)
        if (memcmp(ctx->fingerprints[i], hash, 32) == 0)
            return true;
    return ctx->n_fingerprints == 0;
}

static int refuse_fingerprint(struct adit_tls *t, X509_STORE_CTX *sc)
{
    char hex[32 * 3], line[ADIT_TLS_LINE_MAX];

    for (size_t i = 0; i < 32; i++)
        snprintf(hex + 3 * i, sizeof hex - 3 * i, i < 31 ? "%02x:" : "%02x", t->id.sha256[i]);
    snprintf(
        line, sizeof line,
        "TLS Error: --tls-verify/--peer-fingerprint certificate hash verification failed. (got certificate "
        "fingerprint: %s) (%s is not listed in peer-fingerprint)",
        hex, t->id.subject);
    return refuse(t, sc, X509_V_ERR_CERT_REJECTED, line);
}

static int check_ku(struct adit_tls *t, X509_STORE_CTX *sc, X509 *x)
{
    const struct adit_tls_ctx *ctx = t->ctx;
    uint32_t ku = X509_get_key_usage(x);
    char line[ADIT_TLS_LINE_MAX];
    bool ok = ku != UINT32_MAX && ctx->n_kus == 0;

    if (!ctx->want_ku)
        return 1;
    for (size_t i = 0; ku != UINT32_MAX && i < ctx->n_kus; i++)
        ok = ok || (ku & ctx->kus[i]) == ctx->kus[i];
    if (ok) {
        adit_note(&ctx->env->log, t->subject, "VERIFY KU OK");
        return 1;
    }
    if (ku == UINT32_MAX)
        snprintf(line, sizeof line,
                 "VERIFY KU ERROR: %s: the certificate has no key usage extension "
                 "(remote-cert-tls and remote-cert-ku need one)",
                 t->id.subject);
    else
        snprintf(line, sizeof line,
                 "VERIFY KU ERROR: %s: the certificate has key usage %04x, which is none of "
                 "those that remote-cert-ku lists",
                 t->id.subject, ku);
    return refuse(t, sc, X509_V_ERR_INVALID_PURPOSE, line);
}

static int check_eku(struct adit_tls *t, X509_STORE_CTX *sc, X509 *x)
{
    EXTENDED_KEY_USAGE *list;
    char name[128], line[ADIT_TLS_LINE_MAX], first[128] = "none";
    bool ok = false;

    if (!t->ctx->eku)
        return 1;
    list = X509_get_ext_d2i(x, NID_ext_key_usage, NULL, NULL);
    for (int i = 0; !ok && i < sk_ASN1_OBJECT_num(list); i++) {
        for (int as_oid = 0; !ok && as_oid <= 1; as_oid++) {
            OBJ_obj2txt(name, sizeof name, sk_ASN1_OBJECT_value(list, i), as_oid);
            ok = strcmp(name, t->ctx->eku) == 0;
            if (i == 0 && !as_oid)
                snprintf(first, sizeof first, "%s", name);
        }
    }
    EXTENDED_KEY_USAGE_free(list);
    if (ok) {
        adit_note(&t->ctx->env->log, t->subject, "VERIFY EKU OK");
        return 1;
    }
    snprintf(line, sizeof line,
             "VERIFY EKU ERROR: %s: the certificate's extended key usage is %s, expected %s "
             "(remote-cert-tls, remote-cert-eku)",
             t->id.subject, first, t->ctx->eku);
    return refuse(t, sc, X509_V_ERR_INVALID_PURPOSE, line);
}

static bool name_fits(const struct adit_tls_ctx *ctx, const struct adit_identity *id)
{
    switch (ctx->name_rule) {
    case ADIT_X509_SUBJECT:
        return strcmp(id->subject, ctx->name) == 0;
    case ADIT_X509_NAME:
        return strcmp(id->common_name, ctx->name) == 0;
    case ADIT_X509_PREFIX:
        return strncmp(id->common_name, ctx->name, strlen(ctx->name)) == 0;
    case ADIT_X509_ANY:
        break;
    }
    return true;
}

static int check_name(struct adit_tls *t, X509_STORE_CTX *sc)
{
    static const char *const kinds[] = {"", "subject", "name", "name-prefix"};
    char line[ADIT_TLS_LINE_MAX];

    if (t->ctx->name_rule == ADIT_X509_ANY)
        return 1;
    if (name_fits(t->ctx, &t->id)) {
        adit_note(&t->ctx->env->log, t->subject, "VERIFY X509NAME OK: %s", t->id.subject);
        return 1;
    }
    snprintf(line, sizeof line, "VERIFY X509NAME ERROR: %s, must be %s (verify-x509-name, compared as %s)",
             t->id.subject, t->ctx->name, kinds[t->ctx->name_rule]);
    return refuse(t, sc, X509_V_ERR_HOSTNAME_MISMATCH, line);
}

static int judge_leaf(struct adit_tls *t, X509_STORE_CTX *sc, X509 *x)
{
    char line[ADIT_TLS_LINE_MAX];

    if (!common_name(x, t->id.common_name, sizeof t->id.common_name)) {
        snprintf(line, sizeof line,
                 "VERIFY ERROR: could not extract CN from X509 subject string ('%s') -- note that "
                 "the field length is limited to 64 characters",
                 t->id.subject);
        return refuse(t, sc, X509_V_ERR_CERT_REJECTED, line);
    }
    if (!has_fingerprint(t->ctx, t->id.sha256))
        return refuse_fingerprint(t, sc);
    return check_ku(t, sc, x) && check_eku(t, sc, x) && check_name(t, sc);
}

/* ---- the whole chain ---- */

/* Hashes every depth and walks from root to leaf, the order in which openvpn reports. */
static int walk(struct adit_tls *t, X509_STORE_CTX *sc)
{
    STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(sc);
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    bool ok = md && EVP_DigestInit_ex(md, EVP_sha256(), NULL);
    int depth = sk_X509_num(chain) - 1;

    if (depth >= ADIT_TLS_DEPTH_MAX) {
        EVP_MD_CTX_free(md);
        return refuse_chain(t, sc, sk_X509_value(chain, depth), X509_V_ERR_CERT_CHAIN_TOO_LONG, depth);
    }
    for (; ok && depth >= 0; depth--) {
        X509 *x = sk_X509_value(chain, depth);

        subject_text(x, t->id.subject, sizeof t->id.subject);
        ok = X509_digest(x, EVP_sha256(), t->id.sha256, NULL) && EVP_DigestUpdate(md, t->id.sha256, 32) &&
             (depth > 0 || judge_leaf(t, sc, x));
        if (ok)
            adit_note(&t->ctx->env->log, t->subject, "VERIFY OK: depth=%d, %s", depth, t->id.subject);
    }
    ok = ok && EVP_DigestFinal_ex(md, t->id.chain_sha256, NULL);
    EVP_MD_CTX_free(md);
    if (!ok && !t->is_cert_refused)
        return refuse(t, sc, X509_V_ERR_OUT_OF_MEM, "VERIFY ERROR: out of memory");
    t->id.has_cert = ok;
    return ok;
}

static int judge(X509_STORE_CTX *sc, void *arg)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(sc, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct adit_tls *t = SSL_get_app_data(ssl);

    (void)arg;
    t->id = (struct adit_identity){0};
    if (X509_verify_cert(sc) <= 0) {
        if (!t->is_cert_refused)
            refuse_chain(t, sc, X509_STORE_CTX_get0_cert(sc), X509_STORE_CTX_get_error(sc), 0);
        return 0;
    }
    if (walk(t, sc))
        return 1;
    t->id = (struct adit_identity){0};
    return 0;
}

void adit_tls_verify_install(struct adit_tls_ctx *ctx, enum adit_verify_client mode)
{
    int flags = SSL_VERIFY_PEER;

    if (ctx->is_server && mode == ADIT_VERIFY_NONE)
        flags = SSL_VERIFY_NONE;
    else if (ctx->is_server && mode == ADIT_VERIFY_REQUIRE)
        flags |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    SSL_CTX_set_verify(ctx->ssl, flags, judge_step);
    SSL_CTX_set_verify_depth(ctx->ssl, ADIT_TLS_DEPTH_MAX);
    SSL_CTX_set_cert_verify_callback(ctx->ssl, judge, NULL);
}
