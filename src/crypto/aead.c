/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AEAD: the choice of the engine, and what both engines share. ipsec-mb is used only after it has given the
 * same bytes as OpenSSL for every cipher it serves, once per process; whatever speaks against it is kept as a
 * text, and OpenSSL does the work. A sealing key is expanded when it is first used, so that an idle one costs
 * little; an opening key at once, since what arrives may be anybody's.
 */
#include "crypto/aead.h"

#include <stdalign.h>
#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "base/mem.h"
#include "crypto/aead_parts.h"

/* ---- each engine against the other ---- */

enum {
    TRIAL_MAX = 9000,
};

static const char *const trial_ciphers[] = {"AES-128-GCM", "AES-192-GCM", "AES-256-GCM", "CHACHA20-POLY1305"};
static const size_t trial_lens[] = {0, 1, 15, 16, 17, 64, 1399, 1400, TRIAL_MAX};
static const size_t trial_aad_lens[] = {4, 8}; /* in turn */

/* Not from the heap: a program that has hardly any shall not end up with another engine for it. */
static struct trial {
    alignas(ADIT_AEAD_ALIGN) uint8_t seal_room[ADIT_AEAD_ROOM_MAX];
    alignas(ADIT_AEAD_ALIGN) uint8_t open_room[ADIT_AEAD_ROOM_MAX];
    struct adit_aead seal, open, evp;
    uint8_t plain[TRIAL_MAX], text[TRIAL_MAX], evp_text[TRIAL_MAX];
} trial;

static adit_err run_one(struct adit_aead *a, struct adit_aead_op *op)
{
    (a->is_seal ? a->ops->seal : a->ops->open)(a, op, 1);
    return op->err;
}

/* A key that seals with EVP; the same with ipsec-mb, and one that opens. All without the heap of base/mem.h.
 */
static bool begin_trial(struct trial *t, const struct adit_cipher *c)
{
    struct adit_aead a = {.ops = adit_aead_imb_ops(c), .cipher = c, .is_seal = true};

    if (!a.ops || a.ops->room > ADIT_AEAD_ROOM_MAX)
        return false;
    for (size_t i = 0; i < sizeof a.key; i++)
        a.key[i] = (uint8_t)(i * 5 + c->key_len);
    t->seal = t->open = t->evp = a;
    t->open.is_seal = false;
    t->evp.ops = adit_aead_evp_ops(c);
    return t->evp.ops && !t->evp.ops->expand(&t->evp, NULL) && !t->seal.ops->expand(&t->seal, t->seal_room) &&
           !t->open.ops->expand(&t->open, t->open_room);
}

static void end_trial(struct trial *t)
{
    struct adit_aead *all[] = {&t->seal, &t->open, &t->evp};

    for (size_t i = 0; i < 3; i++) {
        if (all[i]->state)
            all[i]->ops->drop(all[i]);
        all[i]->state = NULL;
    }
}

/* Sealed alike, opened again, and refused with one bit of the tag changed. */
static bool agree_on(struct trial *t, size_t n, size_t aad_n)
{
    uint8_t tag[ADIT_AEAD_TAG_LEN], evp_tag[ADIT_AEAD_TAG_LEN];
    struct adit_aead_op op = {
        .nonce = {(uint8_t)n, (uint8_t)(n >> 8), (uint8_t)aad_n, 7},
        .aad = adit_bytes_of(t->plain, aad_n),
        .src = adit_bytes_of(t->plain, n),
        .dst = t->text,
        .tag = tag,
    };
    struct adit_aead_op evp_op = op;

    evp_op.dst = t->evp_text;
    evp_op.tag = evp_tag;
    if (run_one(&t->seal, &op) || run_one(&t->evp, &evp_op))
        return false;
    if (!adit_bytes_eq(adit_bytes_of(t->text, n), adit_bytes_of(t->evp_text, n)) ||
        !adit_bytes_eq(adit_bytes_of(tag, sizeof tag), adit_bytes_of(evp_tag, sizeof evp_tag)))
        return false;
    op.src = adit_bytes_of(t->text, n);
    if (run_one(&t->open, &op) || !adit_bytes_eq(adit_bytes_of(t->text, n), adit_bytes_of(t->plain, n)))
        return false;
    op.src = adit_bytes_of(t->evp_text, n);
    tag[n % ADIT_AEAD_TAG_LEN] ^= 1;
    return run_one(&t->open, &op) == ADIT_E_AUTH;
}

/* The length at which they part; -1: at none. */
static long try_lengths(struct trial *t)
{
    for (size_t i = 0; i < sizeof trial_lens / sizeof *trial_lens; i++) {
        if (!agree_on(t, trial_lens[i], trial_aad_lens[i % 2]))
            return (long)trial_lens[i];
    }
    return -1;
}

/* ---- the choice ---- */

static struct {
    CRYPTO_ONCE once;
    enum adit_aead_engine wanted;
    bool is_imb; /* ipsec-mb works, and agrees */
    char text[128];
} choice = {.once = CRYPTO_ONCE_STATIC_INIT};

/* False, and choice.text says why. */
static bool engines_agree(struct trial *t)
{
    for (size_t i = 0; i < TRIAL_MAX; i++)
        t->plain[i] = (uint8_t)(i * 131 >> 3);
    for (size_t i = 0; i < sizeof trial_ciphers / sizeof *trial_ciphers; i++) {
        const struct adit_cipher *c = adit_cipher_find(trial_ciphers[i]);
        long differs_at = 0;

        /* What OpenSSL does not have is never asked for. */
        if (!c)
            continue;
        if (begin_trial(t, c))
            differs_at = try_lengths(t);
        end_trial(t);
        if (differs_at >= 0) {
            snprintf(choice.text, sizeof choice.text, "OpenSSL (ipsec-mb differs: %s, %ld bytes)", c->name,
                     differs_at);
            return false;
        }
    }
    return true;
}

static void choose(void)
{
    const char *about;

    if (EVP_default_properties_is_fips_enabled(NULL)) {
        snprintf(choice.text, sizeof choice.text, "OpenSSL (FIPS is asked for)");
        return;
    }
    if (!adit_aead_imb_start(&about)) {
        snprintf(choice.text, sizeof choice.text, "OpenSSL (%s)", about);
        return;
    }
    if (!engines_agree(&trial))
        return;
    choice.is_imb = true;
    snprintf(choice.text, sizeof choice.text, "%s (%s, agrees with OpenSSL)", adit_aead_imb_name, about);
}

void adit_aead_prefer(enum adit_aead_engine e)
{
    choice.wanted = e;
}

static bool is_imb_used(void)
{
    return choice.wanted == ADIT_AEAD_BEST && CRYPTO_THREAD_run_once(&choice.once, choose) && choice.is_imb;
}

const char *adit_aead_engine_name(void)
{
    if (choice.wanted == ADIT_AEAD_EVP)
        return "OpenSSL (asked for)";
    is_imb_used();
    return choice.text;
}

/* ---- keys ---- */

static const struct adit_aead_ops *ops_of(const struct adit_cipher *c)
{
    const struct adit_aead_ops *ops = is_imb_used() ? adit_aead_imb_ops(c) : NULL;

    return ops ? ops : adit_aead_evp_ops(c);
}

static size_t block_len(const struct adit_aead *a)
{
    return a->ops->room + ADIT_AEAD_ALIGN - 1;
}

static adit_err expand(struct adit_aead *a)
{
    uintptr_t at;

    if (a->ops->room > 0 && !a->block) {
        a->block = adit_alloc(block_len(a));
        if (!a->block)
            return ADIT_E_MEMORY;
    }
    at = ((uintptr_t)a->block + ADIT_AEAD_ALIGN - 1) / ADIT_AEAD_ALIGN * ADIT_AEAD_ALIGN;
    return a->ops->expand(a, (void *)at);
}

void adit_aead_free(struct adit_aead *a)
{
    if (!a)
        return;
    if (a->state)
        a->ops->drop(a);
    adit_free_secret(a->block, block_len(a));
    adit_free_secret(a, sizeof *a);
}

struct adit_aead *adit_aead_new(const struct adit_cipher *cipher, const uint8_t *key, bool is_seal)
{
    const struct adit_aead_ops *ops = ops_of(cipher);
    struct adit_aead *a;

    if (!ops || cipher->key_len > ADIT_AEAD_KEY_MAX)
        return NULL;
    a = adit_alloc(sizeof *a);
    if (!a)
        return NULL;
    *a = (struct adit_aead){.ops = ops, .cipher = cipher, .is_seal = is_seal};
    memcpy(a->key, key, cipher->key_len);
    /* What arrives may be anybody's, and must not be what takes memory. */
    if (is_seal || expand(a) == ADIT_OK)
        return a;
    adit_aead_free(a);
    return NULL;
}

/* ---- packets ---- */

void adit_aead_warm(const struct adit_aead *a, unsigned step)
{
    if (step == 0)
        __builtin_prefetch(a);
    else if (a->state && a->ops->warm)
        a->ops->warm(a->state);
}

static adit_err make_ready(struct adit_aead *a, bool is_seal)
{
    if (a->is_seal != is_seal)
        return ADIT_E_CRYPTO;
    return a->state ? ADIT_OK : expand(a);
}

static void refuse(struct adit_aead_op *ops, size_t n, adit_err err)
{
    for (size_t i = 0; i < n; i++)
        ops[i].err = err;
}

void adit_aead_seal_many(struct adit_aead *a, struct adit_aead_op *ops, size_t n)
{
    adit_err err = make_ready(a, true);

    if (err)
        refuse(ops, n, err);
    else
        a->ops->seal(a, ops, n);
}

void adit_aead_open_many(struct adit_aead *a, struct adit_aead_op *ops, size_t n)
{
    adit_err err = make_ready(a, false);

    if (err)
        refuse(ops, n, err);
    else
        a->ops->open(a, ops, n);
}

adit_err adit_aead_seal(struct adit_aead *a, const uint8_t nonce[ADIT_AEAD_NONCE_LEN], adit_bytes aad,
                        const uint8_t *src, size_t n, uint8_t *dst, uint8_t tag[ADIT_AEAD_TAG_LEN])
{
    struct adit_aead_op op = {.aad = aad, .src = adit_bytes_of(src, n), .dst = dst, .tag = tag};

    memcpy(op.nonce, nonce, ADIT_AEAD_NONCE_LEN);
    adit_aead_seal_many(a, &op, 1);
    return op.err;
}

adit_err adit_aead_open(struct adit_aead *a, const uint8_t nonce[ADIT_AEAD_NONCE_LEN], adit_bytes aad,
                        const uint8_t *src, size_t n, const uint8_t tag[ADIT_AEAD_TAG_LEN], uint8_t *dst)
{
    /* Opening only reads the tag; an op has none that is const. */
    struct adit_aead_op op = {
        .aad = aad, .src = adit_bytes_of(src, n), .dst = dst, .tag = (uint8_t *)(uintptr_t)tag};

    memcpy(op.nonce, nonce, ADIT_AEAD_NONCE_LEN);
    adit_aead_open_many(a, &op, 1);
    return op.err;
}
