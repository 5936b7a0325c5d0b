/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates for tests, made on the spot with OpenSSL: any kind of key, any mistake. */
#ifndef ADIT_TESTS_PROTO_CERTS_H
#define ADIT_TESTS_PROTO_CERTS_H

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "base/bytes.h"

enum { DAY = 86400 };
#define TEST_NOW 1800000000LL /* 2027-01-15 */

struct test_pair {
    X509 *cert;
    EVP_PKEY *key;
    char cert_pem[4096], key_pem[4096];
};

struct test_want {
    const char *kind; /* "RSA", "EC", "ED25519" */
    const char *cn;   /* NULL: none */
    const char *eku;  /* NULL: none */
    const char *ku;   /* NULL: none */
    bool is_ca;
    int64_t from, to; /* 0: TEST_NOW -/+ a year */
};

static inline void pem_of(BIO *bio, char *dst, size_t cap)
{
    char *p;
    long n = BIO_get_mem_data(bio, &p);

    assert_true(n > 0 && (size_t)n < cap);
    memcpy(dst, p, (size_t)n);
    dst[n] = '\0';
    BIO_free(bio);
}

static inline EVP_PKEY *test_key(const char *kind)
{
    if (strcmp(kind, "RSA") == 0)
        return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
    if (strcmp(kind, "RSA1024") == 0)
        return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)1024);
    if (strcmp(kind, "EC") == 0)
        return EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
}

static inline void add_ext(X509 *x, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509_EXTENSION *e;

    X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
    e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    assert_non_null(e);
    assert_int_equal(X509_add_ext(x, e, -1), 1);
    X509_EXTENSION_free(e);
}

static inline void add_name(X509_NAME *n, const char *field, const char *value)
{
    assert_int_equal(
        X509_NAME_add_entry_by_txt(n, field, MBSTRING_UTF8, (const unsigned char *)value, -1, -1, 0), 1);
}

/* issuer NULL: self-signed. */
static inline struct test_pair *test_pair_new(const struct test_pair *issuer, const struct test_want *w)
{
    struct test_pair *p = calloc(1, sizeof *p);
    X509 *x = X509_new();
    EVP_PKEY *sign;
    uint8_t serial[8];
    BIO *bio;

    p->cert = x;
    p->key = test_key(w->kind);
    assert_non_null(p->key);
    sign = issuer ? issuer->key : p->key;
    X509_set_version(x, X509_VERSION_3);
    RAND_bytes(serial, sizeof serial);
    ASN1_INTEGER_set_uint64(X509_get_serialNumber(x), (serial[0] | 1u) + ((uint64_t)serial[1] << 8) +
                                                          ((uint64_t)serial[2] << 16) +
                                                          ((uint64_t)serial[3] << 24));
    ASN1_TIME_set(X509_getm_notBefore(x), w->from ? w->from : TEST_NOW - 365 * DAY);
    ASN1_TIME_set(X509_getm_notAfter(x), w->to ? w->to : TEST_NOW + 365 * DAY);
    add_name(X509_get_subject_name(x), "C", "XX");
    add_name(X509_get_subject_name(x), "O", "Org");
    if (w->cn)
        add_name(X509_get_subject_name(x), "CN", w->cn);
    X509_set_issuer_name(x, X509_get_subject_name(issuer ? issuer->cert : x));
    X509_set_pubkey(x, p->key);
    add_ext(x, x, NID_subject_key_identifier, "hash");
    add_ext(x, x, NID_basic_constraints, w->is_ca ? "critical,CA:TRUE" : "CA:FALSE");
    if (w->eku)
        add_ext(x, x, NID_ext_key_usage, w->eku);
    if (w->ku)
        add_ext(x, x, NID_key_usage, w->ku);
    assert_true(X509_sign(x, sign, EVP_PKEY_is_a(sign, "ED25519") ? NULL : EVP_sha256()) > 0);
    bio = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(bio, x);
    pem_of(bio, p->cert_pem, sizeof p->cert_pem);
    bio = BIO_new(BIO_s_mem());
    PEM_write_bio_PrivateKey(bio, p->key, NULL, NULL, 0, NULL, NULL);
    pem_of(bio, p->key_pem, sizeof p->key_pem);
    return p;
}

static inline struct test_pair *test_ca(const char *kind, const char *cn)
{
    return test_pair_new(
        NULL,
        &(struct test_want){.kind = kind, .cn = cn, .is_ca = true, .ku = "critical,keyCertSign,cRLSign"});
}

static inline void test_pair_free(struct test_pair *p)
{
    if (!p)
        return;
    X509_free(p->cert);
    EVP_PKEY_free(p->key);
    free(p);
}

/* A list of one revoked certificate (or none), valid around TEST_NOW, or long out of date. */
static inline void test_crl(const struct test_pair *ca, const struct test_pair *revoked, bool is_old,
                            char *dst, size_t cap)
{
    X509_CRL *crl = X509_CRL_new();
    ASN1_TIME *t = ASN1_TIME_set(NULL, TEST_NOW - 300 * DAY);
    BIO *bio = BIO_new(BIO_s_mem());

    X509_CRL_set_version(crl, 1);
    X509_CRL_set_issuer_name(crl, X509_get_subject_name(ca->cert));
    X509_CRL_set1_lastUpdate(crl, t);
    if (revoked) {
        X509_REVOKED *r = X509_REVOKED_new();

        X509_REVOKED_set_serialNumber(r, X509_get_serialNumber(revoked->cert));
        X509_REVOKED_set_revocationDate(r, t);
        X509_CRL_add0_revoked(crl, r);
    }
    ASN1_TIME_set(t, is_old ? TEST_NOW - DAY : TEST_NOW + DAY);
    X509_CRL_set1_nextUpdate(crl, t);
    X509_CRL_sort(crl);
    assert_true(X509_CRL_sign(crl, ca->key, EVP_sha256()) > 0);
    PEM_write_bio_X509_CRL(bio, crl);
    pem_of(bio, dst, cap);
    X509_CRL_free(crl);
    ASN1_TIME_free(t);
}

#endif
