/* SPDX-License-Identifier: Apache-2.0 */
/*
 * X.509 v3 through OpenSSL. The extensions are those that RFC 5280 asks of a CA and of end entities, which is
 * what -x509_strict checks: key identifiers on everything, key usage fitting the role and the kind of key,
 * and exactly one extended key usage, which is what keeps a client from posing as the server.
 */
#include "pki/authority.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/addr.h"
#include "base/mem.h"
#include "crypto/pem.h"

enum {
    DAY_S = 86400,
    BACKDATE_S = 3600,
    ALT_NAME_MAX = 300,
};

struct adit_authority {
    X509 *cert;
    EVP_PKEY *key;
};

/* ---- pieces ---- */

static EVP_PKEY *make_key(enum adit_pki_alg alg)
{
    switch (alg) {
    case ADIT_PKI_P256:
        return EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    case ADIT_PKI_ED25519:
        return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    case ADIT_PKI_RSA:
        return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)3072);
    }
    return NULL;
}

/* Ed25519 brings its own hash. */
static const EVP_MD *digest_for(const EVP_PKEY *key)
{
    return EVP_PKEY_is_a(key, "ED25519") ? NULL : EVP_sha256();
}

static adit_err draw_serial(const struct adit_rng *rng, struct adit_pki_serial *s)
{
    adit_err e = adit_rng_fill(rng, s->b, sizeof s->b);

    s->b[0] = (uint8_t)((s->b[0] & 0x7f) | 0x40); /* positive, and always of full length */
    return e;
}

static ASN1_INTEGER *serial_asn1(const struct adit_pki_serial *s)
{
    BIGNUM *bn = BN_bin2bn(s->b, sizeof s->b, NULL);
    ASN1_INTEGER *a = bn ? BN_to_ASN1_INTEGER(bn, NULL) : NULL;

    BN_free(bn);
    return a;
}

const char *adit_pki_serial_str(const struct adit_pki_serial *s, char dst[ADIT_PKI_SERIAL_STR])
{
    size_t from = 0;

    while (from + 1 < sizeof s->b && s->b[from] == 0)
        from++;
    for (size_t i = from; i < sizeof s->b; i++)
        snprintf(dst + 2 * (i - from), 3, "%02X", s->b[i]);
    return dst;
}

static int64_t time_of(const ASN1_TIME *t)
{
    struct tm tm;

    return ASN1_TIME_to_tm(t, &tm) ? (int64_t)timegm(&tm) : 0;
}

static bool is_name_good(const char *name)
{
    size_t n = name ? strlen(name) : 0;

    for (size_t i = 0; i < n; i++)
        if ((unsigned char)name[i] < 0x20 || name[i] == 0x7f)
            return false;
    return n > 0 && n <= ADIT_PKI_CN_MAX;
}

/* `issuer` may be `x` itself. */
static bool add_ext(X509 *x, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509_EXTENSION *e;
    bool ok;

    X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
    X509V3_set_ctx_nodb(&ctx);
    e = X509V3_EXT_nconf_nid(NULL, &ctx, nid, value);
    ok = e && X509_add_ext(x, e, -1);
    X509_EXTENSION_free(e);
    return ok;
}

/* A name may hold no character with a meaning in OpenSSL's extension syntax. */
static bool add_alt_name(X509 *x, const char *name)
{
    char value[ALT_NAME_MAX];
    struct adit_ip ip;
    bool is_ip = adit_ip_parse(name, &ip) == ADIT_OK;
    int n;

    if (strpbrk(name, ",;@ \n\r") || (!is_ip && strchr(name, ':')))
        return false;
    n = snprintf(value, sizeof value, "%s:%s", is_ip ? "IP" : "DNS", name);
    return n > 0 && n < ALT_NAME_MAX && add_ext(x, x, NID_subject_alt_name, value);
}

/* Everything but extensions and signature. */
static X509 *make_blank(const char *name, EVP_PKEY *key, const struct adit_pki_serial *serial, int64_t from,
                        int64_t to)
{
    X509 *x = X509_new();
    ASN1_INTEGER *number = serial_asn1(serial);
    const unsigned char *cn = (const unsigned char *)name;
    bool ok =
        x && number && X509_set_version(x, X509_VERSION_3) && X509_set_serialNumber(x, number) &&
        ASN1_TIME_set(X509_getm_notBefore(x), (time_t)from) &&
        ASN1_TIME_set(X509_getm_notAfter(x), (time_t)to) && X509_set_pubkey(x, key) &&
        X509_NAME_add_entry_by_NID(X509_get_subject_name(x), NID_commonName, MBSTRING_UTF8, cn, -1, -1, 0);

    ASN1_INTEGER_free(number);
    if (ok)
        return x;
    X509_free(x);
    return NULL;
}

static void put_bio(BIO *bio, bool ok, struct adit_wr *w)
{
    char *text = NULL;
    long n = ok ? BIO_get_mem_data(bio, &text) : 0;

    if (n > 0)
        adit_wr_bytes(w, adit_bytes_of(text, (size_t)n));
    else
        w->bad = true;
    if (n > 0)
        adit_wipe(text, (size_t)n);
    BIO_free(bio);
}

static void write_cert(X509 *x, struct adit_wr *w)
{
    BIO *bio = BIO_new(BIO_s_secmem());

    put_bio(bio, bio && PEM_write_bio_X509(bio, x), w);
}

static void write_key(EVP_PKEY *key, struct adit_wr *w)
{
    BIO *bio = BIO_new(BIO_s_secmem());

    put_bio(bio, bio && PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL), w);
}

static adit_err openssl_refused(void)
{
    ERR_clear_error();
    return ADIT_E_CRYPTO;
}

/* ---- the authority itself ---- */

adit_err adit_authority_make(const struct adit_pki_subject *subject, const struct adit_rng *rng, adit_now now,
                             struct adit_authority **out)
{
    struct adit_pki_serial serial;
    struct adit_authority *a;
    adit_err e;
    X509 *x;

    *out = NULL;
    if (!is_name_good(subject->common_name) || subject->days == 0 || subject->days > ADIT_PKI_DAYS_MAX)
        return ADIT_E_CONFIG;
    e = draw_serial(rng, &serial);
    if (e != ADIT_OK)
        return e;
    a = adit_alloc(sizeof *a);
    if (!a)
        return ADIT_E_MEMORY;
    a->key = make_key(subject->alg);
    x = a->cert = a->key ? make_blank(subject->common_name, a->key, &serial, now.wall_s - BACKDATE_S,
                                      now.wall_s + (int64_t)subject->days * DAY_S)
                         : NULL;
    if (!x || !X509_set_issuer_name(x, X509_get_subject_name(x)) ||
        !add_ext(x, x, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") ||
        !add_ext(x, x, NID_key_usage, "critical,keyCertSign,cRLSign") ||
        !add_ext(x, x, NID_subject_key_identifier, "hash") ||
        !add_ext(x, x, NID_authority_key_identifier, "keyid:always") ||
        !X509_sign(x, a->key, digest_for(a->key))) {
        adit_authority_free(a);
        return openssl_refused();
    }
    *out = a;
    return ADIT_OK;
}

static const char *why_not(const struct adit_authority *a, bool was_asked, bool has_password)
{
    if (!a->cert)
        return "the CA's certificate cannot be read";
    if (!a->key && was_asked)
        return has_password ? "the password of the CA's key is wrong" : "the CA's key is encrypted";
    if (!a->key)
        return "the CA's key cannot be read";
    if (X509_check_ca(a->cert) <= 0)
        return "the CA's certificate is not that of a CA";
    if (!X509_check_private_key(a->cert, a->key))
        return "the CA's key does not belong to its certificate";
    return NULL;
}

adit_err adit_authority_load(adit_bytes cert_pem, adit_bytes key_pem, const char *password,
                             struct adit_authority **out, const char **reason)
{
    struct adit_authority *a = adit_alloc(sizeof *a);
    bool was_asked;
    BIO *bio;

    *out = NULL;
    *reason = "";
    if (!a)
        return ADIT_E_MEMORY;
    bio = adit_pem_open(cert_pem);
    a->cert = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    BIO_free(bio);
    a->key = adit_pem_read_key(key_pem, password, &was_asked);
    *reason = why_not(a, was_asked, password);
    ERR_clear_error();
    if (*reason) {
        adit_authority_free(a);
        return ADIT_E_KEY_FILE;
    }
    *out = a;
    return ADIT_OK;
}

void adit_authority_free(struct adit_authority *a)
{
    if (!a)
        return;
    X509_free(a->cert);
    EVP_PKEY_free(a->key);
    adit_free(a);
}

void adit_authority_write_cert(const struct adit_authority *a, struct adit_wr *w)
{
    write_cert(a->cert, w);
}

/* For certificates like its own; of other kinds of keys (a CA from elsewhere) the default. */
enum adit_pki_alg adit_authority_alg(const struct adit_authority *a)
{
    if (EVP_PKEY_is_a(a->key, "ED25519"))
        return ADIT_PKI_ED25519;
    return EVP_PKEY_is_a(a->key, "RSA") ? ADIT_PKI_RSA : ADIT_PKI_P256;
}

void adit_authority_sha256(const struct adit_authority *a, uint8_t dst[32])
{
    if (!X509_digest(a->cert, EVP_sha256(), dst, NULL))
        memset(dst, 0, 32);
}

void adit_authority_write_key(const struct adit_authority *a, struct adit_wr *w)
{
    write_key(a->key, w);
}

/* ---- issuing ---- */

static X509 *make_leaf(const struct adit_authority *a, const struct adit_pki_issue *what, EVP_PKEY *key,
                       const struct adit_pki_serial *serial, int64_t now_s)
{
    bool is_server = what->role == ADIT_PKI_SERVER, is_rsa = EVP_PKEY_is_a(key, "RSA");
    int64_t to = now_s + (int64_t)what->subject.days * DAY_S, last = time_of(X509_get0_notAfter(a->cert));
    X509 *x = make_blank(what->subject.common_name, key, serial, now_s - BACKDATE_S, to < last ? to : last);

    if (x && X509_set_issuer_name(x, X509_get_subject_name(a->cert)) &&
        add_ext(x, a->cert, NID_basic_constraints, "critical,CA:FALSE") &&
        add_ext(x, a->cert, NID_key_usage,
                is_server && is_rsa ? "critical,digitalSignature,keyEncipherment"
                                    : "critical,digitalSignature") &&
        add_ext(x, a->cert, NID_ext_key_usage, is_server ? "serverAuth" : "clientAuth") &&
        add_ext(x, a->cert, NID_subject_key_identifier, "hash") &&
        add_ext(x, a->cert, NID_authority_key_identifier, "keyid:always") &&
        (!what->alt_name || add_alt_name(x, what->alt_name)) && X509_sign(x, a->key, digest_for(a->key)))
        return x;
    X509_free(x);
    return NULL;
}

adit_err adit_authority_issue(const struct adit_authority *a, const struct adit_pki_issue *what,
                              const struct adit_rng *rng, adit_now now, struct adit_wr *cert,
                              struct adit_wr *key, struct adit_pki_facts *facts)
{
    EVP_PKEY *own;
    X509 *x = NULL;
    adit_err e;

    *facts = (struct adit_pki_facts){0};
    if (!is_name_good(what->subject.common_name) || what->subject.days == 0 ||
        what->subject.days > ADIT_PKI_DAYS_MAX || time_of(X509_get0_notAfter(a->cert)) <= now.wall_s)
        return ADIT_E_CONFIG;
    e = draw_serial(rng, &facts->serial);
    if (e != ADIT_OK)
        return e;
    own = make_key(what->subject.alg);
    if (own)
        x = make_leaf(a, what, own, &facts->serial, now.wall_s);
    if (x && X509_digest(x, EVP_sha256(), facts->sha256, NULL)) {
        facts->not_after_s = time_of(X509_get0_notAfter(x));
        write_cert(x, cert);
        write_key(own, key);
        e = cert->bad || key->bad ? ADIT_E_NO_ROOM : ADIT_OK;
    } else {
        e = openssl_refused();
    }
    X509_free(x);
    EVP_PKEY_free(own);
    return e;
}

/* ---- revocation lists ---- */

static bool add_revoked(X509_CRL *crl, const struct adit_pki_revoked *r)
{
    X509_REVOKED *entry = X509_REVOKED_new();
    ASN1_INTEGER *serial = serial_asn1(&r->serial);
    ASN1_TIME *when = ASN1_TIME_set(NULL, (time_t)r->when_s);
    bool ok = entry && serial && when && X509_REVOKED_set_serialNumber(entry, serial) &&
              X509_REVOKED_set_revocationDate(entry, when) && X509_CRL_add0_revoked(crl, entry);

    if (!ok)
        X509_REVOKED_free(entry);
    ASN1_INTEGER_free(serial);
    ASN1_TIME_free(when);
    return ok;
}

static bool add_crl_exts(X509_CRL *crl, X509 *issuer, uint64_t number)
{
    ASN1_INTEGER *n = ASN1_INTEGER_new();
    X509V3_CTX ctx;
    X509_EXTENSION *aki;
    bool ok;

    X509V3_set_ctx(&ctx, issuer, NULL, NULL, crl, 0);
    X509V3_set_ctx_nodb(&ctx);
    aki = X509V3_EXT_nconf_nid(NULL, &ctx, NID_authority_key_identifier, "keyid:always");
    ok = n && aki && ASN1_INTEGER_set_uint64(n, number) && X509_CRL_add_ext(crl, aki, -1) &&
         X509_CRL_add1_ext_i2d(crl, NID_crl_number, n, 0, 0);
    X509_EXTENSION_free(aki);
    ASN1_INTEGER_free(n);
    return ok;
}

adit_err adit_authority_write_crl(const struct adit_authority *a, const struct adit_pki_revoked *list,
                                  size_t n, uint64_t number, adit_now now, struct adit_wr *out)
{
    X509_CRL *crl = X509_CRL_new();
    ASN1_TIME *from = ASN1_TIME_set(NULL, (time_t)(now.wall_s - BACKDATE_S));
    BIO *bio = NULL;
    bool ok = crl && from && X509_CRL_set_version(crl, X509_CRL_VERSION_2) &&
              X509_CRL_set_issuer_name(crl, X509_get_subject_name(a->cert)) &&
              X509_CRL_set1_lastUpdate(crl, from) &&
              X509_CRL_set1_nextUpdate(crl, X509_get0_notAfter(a->cert));

    for (size_t i = 0; ok && i < n; i++)
        ok = add_revoked(crl, &list[i]);
    ok = ok && X509_CRL_sort(crl) && add_crl_exts(crl, a->cert, number) &&
         X509_CRL_sign(crl, a->key, digest_for(a->key)) > 0 && (bio = BIO_new(BIO_s_mem())) &&
         PEM_write_bio_X509_CRL(bio, crl);
    X509_CRL_free(crl);
    ASN1_TIME_free(from);
    if (!ok) {
        BIO_free(bio);
        return openssl_refused();
    }
    put_bio(bio, true, out);
    return out->bad ? ADIT_E_NO_ROOM : ADIT_OK;
}

adit_err adit_pki_crl_number(adit_bytes crl_pem, uint64_t *number)
{
    BIO *bio = crl_pem.n <= INT_MAX ? BIO_new_mem_buf(crl_pem.p, (int)crl_pem.n) : NULL;
    X509_CRL *crl = bio ? PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL) : NULL;
    ASN1_INTEGER *n = crl ? X509_CRL_get_ext_d2i(crl, NID_crl_number, NULL, NULL) : NULL;
    bool ok = n && ASN1_INTEGER_get_uint64(number, n);

    ASN1_INTEGER_free(n);
    X509_CRL_free(crl);
    BIO_free(bio);
    ERR_clear_error();
    return ok ? ADIT_OK : ADIT_E_KEY_FILE;
}
