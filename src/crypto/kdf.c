/* SPDX-License-Identifier: Apache-2.0 */
/* Key derivation over EVP_KDF, which implements both the TLS 1.0 PRF and HKDF. Protocol text: 6.5, 7.4. */
#include "crypto/kdf.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

enum {
    SEED_PARTS_MAX = 8,
    HKDF_N_MAX = 255 * 32,
    LABEL_INFO_MAX = 2 + 1 + 255 + 1,
};

/* The library only reads these; its interface has no const. */
static OSSL_PARAM text_param(const char *key, const char *value)
{
    return OSSL_PARAM_construct_utf8_string(key, (char *)(uintptr_t)value, 0);
}

static OSSL_PARAM bytes_param(const char *key, adit_bytes value)
{
    static const uint8_t nothing[1];

    /* An empty value still needs an address: without one the library takes the parameter for absent. */
    return OSSL_PARAM_construct_octet_string(key, (void *)(uintptr_t)(value.n > 0 ? value.p : nothing),
                                             value.n);
}

static adit_err derive(const char *kdf_name, const OSSL_PARAM *params, uint8_t *out, size_t n)
{
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, kdf_name, NULL);
    EVP_KDF_CTX *ctx = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
    bool is_done = ctx && EVP_KDF_derive(ctx, out, n, params) == 1;

    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
    return is_done ? ADIT_OK : ADIT_E_CRYPTO;
}

adit_err adit_prf(adit_bytes secret, const char *label, const adit_bytes *seed, size_t n_seed, uint8_t *out,
                  size_t n)
{
    OSSL_PARAM params[2 + 1 + SEED_PARTS_MAX + 1];
    size_t at = 0;

    if (n_seed > SEED_PARTS_MAX)
        return ADIT_E_CRYPTO;
    /* The combined digest makes the library split the secret as TLS 1.0 does. */
    params[at++] = text_param(OSSL_KDF_PARAM_DIGEST, "MD5-SHA1");
    params[at++] = bytes_param(OSSL_KDF_PARAM_SECRET, secret);
    /* Several seed parameters are joined in their order. */
    if (label[0])
        params[at++] = bytes_param(OSSL_KDF_PARAM_SEED, adit_bytes_str(label));
    for (size_t i = 0; i < n_seed; i++) {
        if (seed[i].n > 0)
            params[at++] = bytes_param(OSSL_KDF_PARAM_SEED, seed[i]);
    }
    params[at] = OSSL_PARAM_construct_end();
    return derive("TLS1-PRF", params, out, n);
}

adit_err adit_hkdf_expand(adit_bytes prk, adit_bytes info, uint8_t *out, size_t n)
{
    int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
        text_param(OSSL_KDF_PARAM_DIGEST, "SHA256"),
        bytes_param(OSSL_KDF_PARAM_KEY, prk),
        bytes_param(OSSL_KDF_PARAM_INFO, info),
        OSSL_PARAM_construct_end(),
    };

    if (n > HKDF_N_MAX)
        return ADIT_E_CRYPTO;
    return derive("HKDF", params, out, n);
}

adit_err adit_hkdf_label(adit_bytes secret, const char *label, uint8_t *out, size_t n)
{
    static const char prefix[] = "ovpn ";
    size_t label_len = sizeof prefix - 1 + strlen(label);
    uint8_t info[LABEL_INFO_MAX];
    struct adit_wr w = adit_wr_of(info, sizeof info);

    if (label_len > UINT8_MAX || n > HKDF_N_MAX)
        return ADIT_E_CRYPTO;
    adit_wr_u16(&w, (uint16_t)n);
    adit_wr_u8(&w, (uint8_t)label_len);
    adit_wr_bytes(&w, adit_bytes_str(prefix));
    adit_wr_bytes(&w, adit_bytes_str(label));
    adit_wr_u8(&w, 0);
    if (adit_wr_end(&w))
        return ADIT_E_CRYPTO;
    return adit_hkdf_expand(secret, adit_wr_view(&w), out, n);
}
