/* SPDX-License-Identifier: Apache-2.0 */
#include "../unit.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#include "pki/authority.h"

enum { DAY = 86400 };
static const adit_now now = {.wall_s = 1800000000};
static uint64_t seed = 1;

static const enum adit_pki_alg algs[] = {ADIT_PKI_P256, ADIT_PKI_ED25519, ADIT_PKI_RSA};

static struct adit_authority *authority(enum adit_pki_alg alg)
{
    struct adit_rng rng = adit_rng_seeded(&seed);
    struct adit_pki_subject s = {.common_name = "Test CA", .alg = alg, .days = 3650};
    struct adit_authority *a = NULL;

    assert_int_equal(adit_authority_make(&s, &rng, now, &a), ADIT_OK);
    assert_non_null(a);
    return a;
}

static X509 *x509_of(adit_bytes pem)
{
    BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
    X509 *x = PEM_read_bio_X509(bio, NULL, NULL, NULL);

    assert_non_null(x);
    BIO_free(bio);
    return x;
}

static X509 *ca_cert(const struct adit_authority *a)
{
    uint8_t pem[ADIT_PKI_PEM_MAX];
    struct adit_wr w = adit_wr_of(pem, sizeof pem);

    adit_authority_write_cert(a, &w);
    assert_int_equal(adit_wr_end(&w), ADIT_OK);
    return x509_of(adit_wr_view(&w));
}

struct issued {
    X509 *cert;
    EVP_PKEY *key;
    struct adit_pki_facts facts;
};

static struct issued issue(const struct adit_authority *a, enum adit_pki_role role, enum adit_pki_alg alg,
                           const char *alt)
{
    struct adit_pki_issue what = {
        .subject = {.common_name = "alice", .alg = alg, .days = 825},
        .role = role,
        .alt_name = alt,
    };
    struct adit_rng rng = adit_rng_seeded(&seed);
    uint8_t cert[ADIT_PKI_PEM_MAX], key[ADIT_PKI_PEM_MAX];
    struct adit_wr wc = adit_wr_of(cert, sizeof cert), wk = adit_wr_of(key, sizeof key);
    struct issued out;
    BIO *bio;

    assert_int_equal(adit_authority_issue(a, &what, &rng, now, &wc, &wk, &out.facts), ADIT_OK);
    out.cert = x509_of(adit_wr_view(&wc));
    bio = BIO_new_mem_buf(key, (int)adit_wr_len(&wk));
    out.key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    assert_non_null(out.key);
    BIO_free(bio);
    return out;
}

static void drop(struct issued *i)
{
    X509_free(i->cert);
    EVP_PKEY_free(i->key);
}

static int verify(X509 *ca, X509 *leaf, X509_CRL *crl, const char *purpose, int64_t when)
{
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *sc = X509_STORE_CTX_new();
    X509_VERIFY_PARAM *p;
    int error;

    X509_STORE_add_cert(store, ca);
    if (crl)
        X509_STORE_add_crl(store, crl);
    assert_true(X509_STORE_CTX_init(sc, store, leaf, NULL));
    assert_true(X509_STORE_CTX_set_default(sc, purpose));
    p = X509_STORE_CTX_get0_param(sc);
    X509_VERIFY_PARAM_set_flags(p, X509_V_FLAG_X509_STRICT | (crl ? X509_V_FLAG_CRL_CHECK : 0));
    X509_VERIFY_PARAM_set_time(p, (time_t)when);
    X509_verify_cert(sc);
    error = X509_STORE_CTX_get_error(sc);
    X509_STORE_CTX_free(sc);
    X509_STORE_free(store);
    return error;
}

static void certificates_of_every_kind_pass_the_strict_check(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct adit_authority *a = authority(algs[i]);
        X509 *ca = ca_cert(a);
        struct issued s = issue(a, ADIT_PKI_SERVER, algs[i], "vpn.example.org");
        struct issued c = issue(a, ADIT_PKI_CLIENT, algs[i], NULL);

        assert_int_equal(verify(ca, s.cert, NULL, "ssl_server", now.wall_s), X509_V_OK);
        assert_int_equal(verify(ca, c.cert, NULL, "ssl_client", now.wall_s), X509_V_OK);
        assert_int_equal(verify(ca, c.cert, NULL, "ssl_server", now.wall_s), X509_V_ERR_INVALID_PURPOSE);
        assert_int_equal(verify(ca, s.cert, NULL, "ssl_client", now.wall_s), X509_V_ERR_INVALID_PURPOSE);
        assert_int_equal(verify(ca, c.cert, NULL, "ssl_client", now.wall_s + 826 * DAY),
                         X509_V_ERR_CERT_HAS_EXPIRED);
        assert_int_equal(X509_check_private_key(s.cert, s.key), 1);
        assert_int_equal(X509_check_private_key(c.cert, s.key), 0);
        assert_int_equal(X509_check_host(s.cert, "vpn.example.org", 0, 0, NULL), 1);
        drop(&s);
        drop(&c);
        X509_free(ca);
        adit_authority_free(a);
    }
}

static void facts_are_what_the_certificate_says(void **state)
{
    struct adit_authority *a = authority(ADIT_PKI_P256);
    struct issued c = issue(a, ADIT_PKI_CLIENT, ADIT_PKI_P256, NULL);
    struct issued d = issue(a, ADIT_PKI_CLIENT, ADIT_PKI_P256, "192.0.2.7");
    const ASN1_INTEGER *n = X509_get0_serialNumber(c.cert);
    char hex[ADIT_PKI_SERIAL_STR], name[80];
    uint8_t hash[32];

    (void)state;
    assert_int_equal(ASN1_STRING_length((const ASN1_STRING *)n), ADIT_PKI_SERIAL_LEN);
    assert_memory_equal(ASN1_STRING_get0_data((const ASN1_STRING *)n), c.facts.serial.b, ADIT_PKI_SERIAL_LEN);
    assert_memory_not_equal(c.facts.serial.b, d.facts.serial.b, ADIT_PKI_SERIAL_LEN);
    assert_int_equal(strlen(adit_pki_serial_str(&c.facts.serial, hex)), 32);
    assert_int_equal(c.facts.not_after_s, now.wall_s + 825 * DAY);
    X509_digest(c.cert, EVP_sha256(), hash, NULL);
    assert_memory_equal(hash, c.facts.sha256, 32);
    X509_NAME_get_text_by_NID(X509_get_subject_name(c.cert), NID_commonName, name, sizeof name);
    assert_string_equal(name, "alice");
    assert_int_equal(X509_check_ip_asc(d.cert, "192.0.2.7", 0), 1);
    drop(&c);
    drop(&d);
    adit_authority_free(a);
}

static void an_authority_is_loaded_from_what_it_wrote(void **state)
{
    struct adit_authority *a = authority(ADIT_PKI_ED25519), *b = NULL, *other = authority(ADIT_PKI_P256);
    uint8_t cert[ADIT_PKI_PEM_MAX], key[ADIT_PKI_PEM_MAX], wrong[ADIT_PKI_PEM_MAX];
    struct adit_wr wc = adit_wr_of(cert, sizeof cert), wk = adit_wr_of(key, sizeof key),
                   ww = adit_wr_of(wrong, sizeof wrong);
    const char *reason;
    struct issued c;
    X509 *ca;

    (void)state;
    adit_authority_write_cert(a, &wc);
    adit_authority_write_key(a, &wk);
    adit_authority_write_key(other, &ww);
    assert_int_equal(adit_authority_load(adit_wr_view(&wc), adit_wr_view(&wk), NULL, &b, &reason), ADIT_OK);
    ca = ca_cert(b);
    c = issue(b, ADIT_PKI_CLIENT, ADIT_PKI_P256, NULL);
    assert_int_equal(verify(ca, c.cert, NULL, "ssl_client", now.wall_s), X509_V_OK);
    adit_authority_free(b);
    assert_int_equal(adit_authority_load(adit_wr_view(&wc), adit_wr_view(&ww), NULL, &b, &reason),
                     ADIT_E_KEY_FILE);
    assert_string_equal(reason, "the CA's key does not belong to its certificate");
    assert_null(b);
    assert_int_equal(adit_authority_load(adit_wr_view(&wc), adit_bytes_str("x"), NULL, &b, &reason),
                     ADIT_E_KEY_FILE);
    assert_string_equal(reason, "the CA's key cannot be read");
    assert_int_equal(adit_authority_load(adit_wr_view(&wk), adit_wr_view(&wk), NULL, &b, &reason),
                     ADIT_E_KEY_FILE);
    assert_string_equal(reason, "the CA's certificate cannot be read");
    drop(&c);
    X509_free(ca);
    adit_authority_free(a);
    adit_authority_free(other);
}

/* The key of an authority in PEM, under a password if there is one. */
static size_t key_pem(EVP_PKEY *key, const char *password, char *dst, size_t cap)
{
    BIO *bio = BIO_new(BIO_s_mem());
    int n;

    assert_int_equal(PEM_write_bio_PKCS8PrivateKey(bio, key, password ? EVP_aes_256_cbc() : NULL, password,
                                                   password ? (int)strlen(password) : 0, NULL, NULL),
                     1);
    n = BIO_read(bio, dst, (int)cap);
    BIO_free(bio);
    assert_true(n > 0 && (size_t)n < cap);
    return (size_t)n;
}

static adit_err load(adit_bytes cert, EVP_PKEY *key, const char *has, const char *given, const char **reason)
{
    char pem[4096];
    size_t n = key_pem(key, has, pem, sizeof pem);
    struct adit_authority *a;
    adit_err e = adit_authority_load(cert, adit_bytes_of(pem, n), given, &a, reason);

    adit_authority_free(a);
    return e;
}

static void an_authority_opens_with_its_password_only(void **state)
{
    struct adit_authority *a = authority(ADIT_PKI_P256);
    uint8_t cert[ADIT_PKI_PEM_MAX], pem[ADIT_PKI_PEM_MAX];
    struct adit_wr c = adit_wr_of(cert, sizeof cert), k = adit_wr_of(pem, sizeof pem);
    BIO *bio;
    EVP_PKEY *key;
    const char *reason;

    (void)state;
    adit_authority_write_cert(a, &c);
    adit_authority_write_key(a, &k);
    bio = BIO_new_mem_buf(pem, (int)adit_wr_len(&k));
    key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    BIO_free(bio);
    assert_non_null(key);
    assert_int_equal(load(adit_wr_view(&c), key, "open sesame", "open sesame", &reason), ADIT_OK);
    assert_int_equal(load(adit_wr_view(&c), key, "open sesame", "sesame", &reason), ADIT_E_KEY_FILE);
    assert_non_null(strstr(reason, "password of the CA's key is wrong"));
    assert_int_equal(load(adit_wr_view(&c), key, "open sesame", NULL, &reason), ADIT_E_KEY_FILE);
    assert_non_null(strstr(reason, "is encrypted"));
    assert_int_equal(load(adit_bytes_str("x"), key, NULL, NULL, &reason), ADIT_E_KEY_FILE);
    assert_non_null(strstr(reason, "certificate cannot be read"));
    EVP_PKEY_free(key);
    adit_authority_free(a);
}

static void a_certificate_that_is_no_authoritys_is_refused(void **state)
{
    struct adit_authority *a = authority(ADIT_PKI_P256);
    struct issued i = issue(a, ADIT_PKI_CLIENT, ADIT_PKI_P256, NULL);
    BIO *bio = BIO_new(BIO_s_mem());
    char pem[4096];
    const char *reason;
    int n;

    (void)state;
    assert_int_equal(PEM_write_bio_X509(bio, i.cert), 1);
    n = BIO_read(bio, pem, sizeof pem);
    BIO_free(bio);
    assert_int_equal(load(adit_bytes_of(pem, (size_t)n), i.key, NULL, NULL, &reason), ADIT_E_KEY_FILE);
    assert_non_null(strstr(reason, "is not that of a CA"));
    drop(&i);
    adit_authority_free(a);
}

static void an_authority_knows_its_kind_and_its_fingerprint(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof algs / sizeof algs[0]; i++) {
        struct adit_authority *a = authority(algs[i]);
        uint8_t got[32], want[32];
        X509 *x = ca_cert(a);

        assert_int_equal(adit_authority_alg(a), algs[i]);
        assert_int_equal(X509_digest(x, EVP_sha256(), want, NULL), 1);
        adit_authority_sha256(a, got);
        assert_memory_equal(got, want, sizeof got);
        X509_free(x);
        adit_authority_free(a);
    }
}

static void a_list_revokes_exactly_what_it_names(void **state)
{
    struct adit_authority *a = authority(ADIT_PKI_P256);
    struct issued bad = issue(a, ADIT_PKI_CLIENT, ADIT_PKI_P256, NULL);
    struct issued good = issue(a, ADIT_PKI_CLIENT, ADIT_PKI_P256, NULL);
    struct adit_pki_revoked r = {.serial = bad.facts.serial, .when_s = now.wall_s};
    uint8_t pem[ADIT_PKI_PEM_MAX];
    struct adit_wr w = adit_wr_of(pem, sizeof pem), small = adit_wr_of(pem, 10);
    X509 *ca = ca_cert(a);
    uint64_t number = 0;
    X509_CRL *crl;
    BIO *bio;

    (void)state;
    assert_int_equal(adit_authority_write_crl(a, &r, 1, 7, now, &small), ADIT_E_NO_ROOM);
    assert_int_equal(adit_authority_write_crl(a, &r, 1, 7, now, &w), ADIT_OK);
    assert_int_equal(adit_pki_crl_number(adit_wr_view(&w), &number), ADIT_OK);
    assert_int_equal(number, 7);
    assert_int_equal(adit_pki_crl_number(adit_bytes_str("x"), &number), ADIT_E_KEY_FILE);
    bio = BIO_new_mem_buf(pem, (int)adit_wr_len(&w));
    crl = PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL);
    assert_int_equal(verify(ca, bad.cert, crl, "ssl_client", now.wall_s), X509_V_ERR_CERT_REVOKED);
    assert_int_equal(verify(ca, good.cert, crl, "ssl_client", now.wall_s), X509_V_OK);
    assert_int_equal(verify(ca, good.cert, crl, "ssl_client", now.wall_s + 800 * DAY), X509_V_OK);
    BIO_free(bio);
    X509_CRL_free(crl);
    X509_free(ca);
    drop(&bad);
    drop(&good);
    adit_authority_free(a);
}

static void what_cannot_be_issued_is_refused(void **state)
{
    struct adit_authority *a = authority(ADIT_PKI_P256);
    struct adit_rng rng = adit_rng_seeded(&seed);
    uint8_t pem[2][ADIT_PKI_PEM_MAX];
    struct adit_wr w[2] = {adit_wr_of(pem[0], sizeof pem[0]), adit_wr_of(pem[1], sizeof pem[1])};
    struct adit_pki_issue what = {.subject = {.common_name = "", .days = 1}};
    struct adit_pki_facts f;
    char long_name[80];

    (void)state;
    assert_int_equal(adit_authority_issue(a, &what, &rng, now, &w[0], &w[1], &f), ADIT_E_CONFIG);
    memset(long_name, 'x', sizeof long_name);
    long_name[65] = '\0';
    what.subject.common_name = long_name;
    assert_int_equal(adit_authority_issue(a, &what, &rng, now, &w[0], &w[1], &f), ADIT_E_CONFIG);
    long_name[64] = '\0';
    assert_int_equal(adit_authority_issue(a, &what, &rng, now, &w[0], &w[1], &f), ADIT_OK);
    what.subject.common_name = "a\nb";
    assert_int_equal(adit_authority_issue(a, &what, &rng, now, &w[0], &w[1], &f), ADIT_E_CONFIG);
    what.subject.common_name = "a";
    what.subject.days = 0;
    assert_int_equal(adit_authority_issue(a, &what, &rng, now, &w[0], &w[1], &f), ADIT_E_CONFIG);
    what.subject.days = 5000; /* not longer than the authority */
    assert_int_equal(adit_authority_issue(a, &what, &rng, now, &w[0], &w[1], &f), ADIT_OK);
    assert_int_equal(f.not_after_s, now.wall_s + 3650LL * DAY);
    what.alt_name = "a,DNS:evil";
    assert_int_equal(adit_authority_issue(a, &what, &rng, now, &w[0], &w[1], &f), ADIT_E_CRYPTO);
    what.alt_name = NULL;
    assert_int_equal(adit_authority_issue(a, &what, &rng, (adit_now){.wall_s = now.wall_s + 3651LL * DAY},
                                          &w[0], &w[1], &f),
                     ADIT_E_CONFIG);
    w[1] = adit_wr_of(pem[1], 20);
    assert_int_equal(adit_authority_issue(a, &what, &rng, now, &w[0], &w[1], &f), ADIT_E_NO_ROOM);
    adit_authority_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(certificates_of_every_kind_pass_the_strict_check),
        cmocka_unit_test(facts_are_what_the_certificate_says),
        cmocka_unit_test(an_authority_is_loaded_from_what_it_wrote),
        cmocka_unit_test(an_authority_opens_with_its_password_only),
        cmocka_unit_test(a_certificate_that_is_no_authoritys_is_refused),
        cmocka_unit_test(an_authority_knows_its_kind_and_its_fingerprint),
        cmocka_unit_test(a_list_revokes_exactly_what_it_names),
        cmocka_unit_test(what_cannot_be_issued_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
