/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AEAD over OpenSSL's EVP: every AEAD cipher, on every machine. The key schedule is made once; a packet sets
 * only its nonce, which is what makes the difference between half a microsecond and a whole one. A context is
 * more than a kilobyte of the library's heap, which is why it is made at the first use. The library wipes it.
 */
#include "crypto/aead_parts.h"

#include <limits.h>

#include <openssl/evp.h>

static adit_err expand(struct adit_aead *a, void *room)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    EVP_CIPHER *evp = EVP_CIPHER_fetch(NULL, a->cipher->evp_name, NULL);
    bool is_made = ctx && evp && EVP_CipherInit_ex2(ctx, evp, a->key, NULL, a->is_seal, NULL) == 1;

    (void)room;
    EVP_CIPHER_free(evp);
    if (is_made) {
        a->state = ctx;
        return ADIT_OK;
    }
    EVP_CIPHER_CTX_free(ctx);
    return ctx ? ADIT_E_CRYPTO : ADIT_E_MEMORY;
}

static void drop(struct adit_aead *a)
{
    EVP_CIPHER_CTX_free(a->state);
}

/* Sets the nonce and runs the associated data and the text through the cipher; all but the tag. */
static adit_err run(EVP_CIPHER_CTX *ctx, const struct adit_aead_op *op)
{
    int n_out = 0;

    if (op->src.n > INT_MAX || op->aad.n > INT_MAX)
        return ADIT_E_TOO_BIG;
    if (EVP_CipherInit_ex(ctx, NULL, NULL, NULL, op->nonce, -1) != 1)
        return ADIT_E_CRYPTO;
    if (op->aad.n > 0 && EVP_CipherUpdate(ctx, NULL, &n_out, op->aad.p, (int)op->aad.n) != 1)
        return ADIT_E_CRYPTO;
    if (op->src.n > 0 && EVP_CipherUpdate(ctx, op->dst, &n_out, op->src.p, (int)op->src.n) != 1)
        return ADIT_E_CRYPTO;
    adit_aead_written(op->dst, op->src.n);
    return ADIT_OK;
}

static adit_err seal_one(EVP_CIPHER_CTX *ctx, const struct adit_aead_op *op)
{
    uint8_t none[EVP_MAX_BLOCK_LENGTH];
    int n_out = 0;
    adit_err err = run(ctx, op);

    if (err)
        return err;
    if (EVP_CipherFinal_ex(ctx, none, &n_out) != 1 ||
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, ADIT_AEAD_TAG_LEN, op->tag) != 1)
        return ADIT_E_CRYPTO;
    adit_aead_written(op->tag, ADIT_AEAD_TAG_LEN);
    return ADIT_OK;
}

static adit_err open_one(EVP_CIPHER_CTX *ctx, const struct adit_aead_op *op)
{
    uint8_t none[EVP_MAX_BLOCK_LENGTH];
    int n_out = 0;
    adit_err err = run(ctx, op);

    if (err)
        return err;
    if (EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, ADIT_AEAD_TAG_LEN, op->tag) != 1)
        return ADIT_E_CRYPTO;
    return EVP_CipherFinal_ex(ctx, none, &n_out) == 1 ? ADIT_OK : ADIT_E_AUTH;
}

static void seal(struct adit_aead *a, struct adit_aead_op *ops, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ops[i].err = seal_one(a->state, &ops[i]);
}

static void open_all(struct adit_aead *a, struct adit_aead_op *ops, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ops[i].err = open_one(a->state, &ops[i]);
}

const struct adit_aead_ops *adit_aead_evp_ops(const struct adit_cipher *c)
{
    static const struct adit_aead_ops evp_ops = {
        .room = 0, .expand = expand, .drop = drop, .seal = seal, .open = open_all};
    EVP_CIPHER *evp;
    bool is_served;

    if (c->kind != ADIT_CIPHER_AEAD)
        return NULL;
    evp = EVP_CIPHER_fetch(NULL, c->evp_name, NULL);
    is_served = evp && EVP_CIPHER_get_key_length(evp) == c->key_len &&
                EVP_CIPHER_get_iv_length(evp) == ADIT_AEAD_NONCE_LEN;
    EVP_CIPHER_free(evp);
    return is_served ? &evp_ops : NULL;
}
