/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HMAC, digests and AES-256-CTR over EVP. What is keyed is fetched and keyed once and only started again per
 * packet. The digest table holds what can key an HMAC; a row is known only while the library provides it.
 */
#include "crypto/mac.h"

#include <limits.h>
#include <strings.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "base/mem.h"

static const struct adit_digest digests[] = {
    {"SHA1", 20},       {"SHA224", 28},     {"SHA256", 32},     {"SHA384", 48},    {"SHA512", 64},
    {"SHA512-224", 28}, {"SHA512-256", 32}, {"SHA3-224", 28},   {"SHA3-256", 32},  {"SHA3-384", 48},
    {"SHA3-512", 64},   {"BLAKE2s256", 32}, {"BLAKE2b512", 64}, {"SM3", 32},       {"RIPEMD160", 20},
    {"MD5", 16},        {"MD5-SHA1", 36},   {"MD4", 16},        {"whirlpool", 64},
};

enum {
    N_DIGESTS = sizeof digests / sizeof digests[0],
};

static bool is_provided(const struct adit_digest *d)
{
    EVP_MD *md;

    /* A refusal must leave nothing in the error queue, which TLS looks at. */
    ERR_set_mark();
    md = EVP_MD_fetch(NULL, d->name, NULL);
    ERR_pop_to_mark();
    EVP_MD_free(md);
    return md != NULL;
}

const struct adit_digest *adit_digest_find(const char *name)
{
    /* Old configurations name the signature algorithm and mean its digest. */
    if (strncasecmp(name, "RSA-", 4) == 0)
        name += 4;
    for (size_t i = 0; i < N_DIGESTS; i++) {
        if (strcasecmp(name, digests[i].name) == 0)
            return is_provided(&digests[i]) ? &digests[i] : NULL;
    }
    return NULL;
}

const struct adit_digest *adit_digest_at(size_t i)
{
    for (size_t row = 0; row < N_DIGESTS; row++) {
        if (is_provided(&digests[row]) && i-- == 0)
            return &digests[row];
    }
    return NULL;
}

adit_err adit_digest_of(const struct adit_digest *d, adit_bytes in, uint8_t *out)
{
    size_t n = 0;

    if (EVP_Q_digest(NULL, d->name, NULL, in.p, in.n, out, &n) != 1 || n != d->len)
        return ADIT_E_CRYPTO;
    return ADIT_OK;
}

struct adit_mac {
    EVP_MAC_CTX *ctx;
    size_t len; /* of the digest */
};

struct adit_mac *adit_mac_new(const struct adit_digest *d, adit_bytes key)
{
    OSSL_PARAM params[] = {
        /* The library only reads the name; its interface has no const. */
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)(uintptr_t)d->name, 0),
        OSSL_PARAM_construct_end(),
    };
    struct adit_mac *m = adit_alloc(sizeof *m);
    EVP_MAC *hmac;

    if (!m)
        return NULL;
    hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    m->ctx = hmac ? EVP_MAC_CTX_new(hmac) : NULL;
    EVP_MAC_free(hmac);
    m->len = d->len;
    /* Without this the library would take an empty key for "the key as before". */
    if (m->ctx && EVP_MAC_init(m->ctx, key.n > 0 ? key.p : (const uint8_t *)"", key.n, params) == 1 &&
        EVP_MAC_CTX_get_mac_size(m->ctx) == d->len)
        return m;
    adit_mac_free(m);
    return NULL;
}

void adit_mac_free(struct adit_mac *m)
{
    if (!m)
        return;
    EVP_MAC_CTX_free(m->ctx);
    adit_free(m);
}

adit_err adit_mac_of(struct adit_mac *m, const adit_bytes *parts, size_t n_parts, uint8_t *out)
{
    size_t n = 0;

    if (EVP_MAC_init(m->ctx, NULL, 0, NULL) != 1)
        return ADIT_E_CRYPTO;
    for (size_t i = 0; i < n_parts; i++) {
        if (parts[i].n > 0 && EVP_MAC_update(m->ctx, parts[i].p, parts[i].n) != 1)
            return ADIT_E_CRYPTO;
    }
    return EVP_MAC_final(m->ctx, out, &n, m->len) == 1 && n == m->len ? ADIT_OK : ADIT_E_CRYPTO;
}

struct adit_ctr {
    EVP_CIPHER_CTX *ctx;
};

struct adit_ctr *adit_ctr_new(const uint8_t key[32])
{
    struct adit_ctr *c = adit_alloc(sizeof *c);
    EVP_CIPHER *evp;
    bool is_made;

    if (!c)
        return NULL;
    c->ctx = EVP_CIPHER_CTX_new();
    evp = EVP_CIPHER_fetch(NULL, "AES-256-CTR", NULL);
    is_made = c->ctx && evp && EVP_EncryptInit_ex2(c->ctx, evp, key, NULL, NULL) == 1;
    EVP_CIPHER_free(evp);
    if (is_made)
        return c;
    adit_ctr_free(c);
    return NULL;
}

void adit_ctr_free(struct adit_ctr *c)
{
    if (!c)
        return;
    EVP_CIPHER_CTX_free(c->ctx);
    adit_free(c);
}

adit_err adit_ctr_of(struct adit_ctr *c, const uint8_t iv[16], adit_bytes src, uint8_t *dst)
{
    int n_out = 0;

    if (src.n > INT_MAX)
        return ADIT_E_TOO_BIG;
    if (EVP_EncryptInit_ex2(c->ctx, NULL, NULL, iv, NULL) != 1)
        return ADIT_E_CRYPTO;
    if (src.n > 0 && EVP_EncryptUpdate(c->ctx, dst, &n_out, src.p, (int)src.n) != 1)
        return ADIT_E_CRYPTO;
    return (size_t)n_out == src.n ? ADIT_OK : ADIT_E_CRYPTO;
}

adit_err adit_aes256_ctr(const uint8_t key[32], const uint8_t iv[16], adit_bytes src, uint8_t *dst)
{
    struct adit_ctr *c = adit_ctr_new(key);
    adit_err e = c ? adit_ctr_of(c, iv, src, dst) : ADIT_E_CRYPTO;

    adit_ctr_free(c);
    return e;
}
