/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AEAD over EVP. The key schedule is made once; a packet sets only its nonce, which is what makes the
 * difference between half a microsecond and a whole one. Nothing is allocated per packet.
 */
#include "crypto/aead.h"

#include <limits.h>

#include <openssl/evp.h>

#include "base/mem.h"

struct adit_aead {
    EVP_CIPHER_CTX *ctx;
    bool is_seal;
};

struct adit_aead *adit_aead_new(const struct adit_cipher *cipher, const uint8_t *key, bool is_seal)
{
    struct adit_aead *a;
    EVP_CIPHER *evp;
    bool is_made;

    if (cipher->kind != ADIT_CIPHER_AEAD)
        return NULL;
    a = adit_alloc(sizeof *a);
    if (!a)
        return NULL;

    a->is_seal = is_seal;
    a->ctx = EVP_CIPHER_CTX_new();
    evp = EVP_CIPHER_fetch(NULL, cipher->evp_name, NULL);
    is_made = a->ctx && evp && EVP_CipherInit_ex2(a->ctx, evp, key, NULL, is_seal, NULL) == 1 &&
              EVP_CIPHER_CTX_get_key_length(a->ctx) == cipher->key_len &&
              EVP_CIPHER_CTX_get_iv_length(a->ctx) == ADIT_AEAD_NONCE_LEN;
    EVP_CIPHER_free(evp);
    if (is_made)
        return a;
    adit_aead_free(a);
    return NULL;
}

void adit_aead_free(struct adit_aead *a)
{
    if (!a)
        return;
    EVP_CIPHER_CTX_free(a->ctx);
    adit_free(a);
}

/* Sets the nonce and runs the associated data and the text through the cipher; all but the tag. */
static adit_err run(struct adit_aead *a, const uint8_t *nonce, adit_bytes aad, adit_bytes src, uint8_t *dst)
{
    int n_out = 0;

    if (src.n > INT_MAX || aad.n > INT_MAX)
        return ADIT_E_TOO_BIG;
    if (EVP_CipherInit_ex(a->ctx, NULL, NULL, NULL, nonce, -1) != 1)
        return ADIT_E_CRYPTO;
    if (aad.n > 0 && EVP_CipherUpdate(a->ctx, NULL, &n_out, aad.p, (int)aad.n) != 1)
        return ADIT_E_CRYPTO;
    if (src.n > 0 && EVP_CipherUpdate(a->ctx, dst, &n_out, src.p, (int)src.n) != 1)
        return ADIT_E_CRYPTO;
    return ADIT_OK;
}

adit_err adit_aead_seal(struct adit_aead *a, const uint8_t nonce[ADIT_AEAD_NONCE_LEN], adit_bytes aad,
                        const uint8_t *src, size_t n, uint8_t *dst, uint8_t tag[ADIT_AEAD_TAG_LEN])
{
    uint8_t none[EVP_MAX_BLOCK_LENGTH];
    int n_out = 0;
    adit_err e;

    if (!a->is_seal)
        return ADIT_E_CRYPTO;
    e = run(a, nonce, aad, adit_bytes_of(src, n), dst);
    if (e)
        return e;
    if (EVP_CipherFinal_ex(a->ctx, none, &n_out) != 1 ||
        EVP_CIPHER_CTX_ctrl(a->ctx, EVP_CTRL_AEAD_GET_TAG, ADIT_AEAD_TAG_LEN, tag) != 1)
        return ADIT_E_CRYPTO;
    return ADIT_OK;
}

adit_err adit_aead_open(struct adit_aead *a, const uint8_t nonce[ADIT_AEAD_NONCE_LEN], adit_bytes aad,
                        const uint8_t *src, size_t n, const uint8_t tag[ADIT_AEAD_TAG_LEN], uint8_t *dst)
{
    uint8_t none[EVP_MAX_BLOCK_LENGTH];
    int n_out = 0;
    adit_err e;

    if (a->is_seal)
        return ADIT_E_CRYPTO;
    e = run(a, nonce, aad, adit_bytes_of(src, n), dst);
    if (e)
        return e;
    /* The library only reads the tag; its interface has no const. */
    if (EVP_CIPHER_CTX_ctrl(a->ctx, EVP_CTRL_AEAD_SET_TAG, ADIT_AEAD_TAG_LEN, (void *)(uintptr_t)tag) != 1)
        return ADIT_E_CRYPTO;
    return EVP_CipherFinal_ex(a->ctx, none, &n_out) == 1 ? ADIT_OK : ADIT_E_AUTH;
}
