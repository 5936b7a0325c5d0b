/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AEAD over Intel's multi-buffer library, by its direct calls: AES-GCM and ChaCha20-Poly1305 at a third of
 * the time of EVP per packet. The direct calls see keys, contexts and packets, never the library's manager;
 * so the manager lives only long enough to pick the functions for this CPU, and what stays is a table of
 * pointers that nobody writes to again. (The library resets an error number of its own with each call, which
 * is global and which nobody reads.)
 */
#include "crypto/aead_parts.h"

#include <assert.h>
#include <limits.h>
#include <string.h>

#include <intel-ipsec-mb.h>

#include "base/warm.h"

const char adit_aead_imb_name[] = "ipsec-mb " IMB_VERSION_STR;

struct gcm_calls {
    aes_gcm_pre_t expand;
    aes_gcm_enc_dec_t seal, open;
};

static struct {
    struct gcm_calls gcm128, gcm192, gcm256;
    chacha_poly_init_t chacha_init;
    chacha_poly_enc_dec_update_t chacha_seal, chacha_open;
    chacha_poly_finalize_t chacha_end;
} calls;

/* ---- bursts ---- */

/* One packet in the direction of the key: dst, and the tag that belongs to it. */
typedef void run_fn(struct adit_aead *a, const struct adit_aead_op *op, uint8_t *tag);

/* Inlined into each user, so that the compiler sees which function it calls. */
static inline void seal_each(struct adit_aead *a, struct adit_aead_op *ops, size_t n, run_fn *run)
{
    for (struct adit_aead_op *op = ops; op < ops + n; op++) {
        op->err = op->src.n > INT_MAX ? ADIT_E_TOO_BIG : ADIT_OK;
        if (op->err)
            continue;
        run(a, op, op->tag);
        adit_aead_written(op->dst, op->src.n);
        adit_aead_written(op->tag, ADIT_AEAD_TAG_LEN);
    }
}

static inline void open_each(struct adit_aead *a, struct adit_aead_op *ops, size_t n, run_fn *run)
{
    uint8_t is[ADIT_AEAD_TAG_LEN];

    for (struct adit_aead_op *op = ops; op < ops + n; op++) {
        op->err = op->src.n > INT_MAX ? ADIT_E_TOO_BIG : ADIT_OK;
        if (op->err)
            continue;
        /* Should the library refuse a call, then it writes nothing: what lay here must not be taken for a
         * tag. */
        for (size_t i = 0; i < sizeof is; i++)
            is[i] = (uint8_t)~op->tag[i];
        run(a, op, is);
        adit_aead_written(op->dst, op->src.n);
        adit_aead_written(is, sizeof is);
        if (!adit_bytes_eq_secret(adit_bytes_of(op->tag, sizeof is), adit_bytes_of(is, sizeof is)))
            op->err = ADIT_E_AUTH;
    }
}

/* ---- AES-GCM ---- */

enum {
    GCM_WARM_LEN = 128, /* eight powers */
};

struct gcm {
    struct gcm_key_data key;
    struct gcm_context_data
        ctx; /* of one packet; here, since it holds key stream and is wiped with the key */
    aes_gcm_enc_dec_t run;
};

static_assert(sizeof(struct gcm) <= ADIT_AEAD_ROOM_MAX, "the room for an expanded key is too small");

static const struct gcm_calls *gcm_calls_of(const struct adit_cipher *c)
{
    return c->key_len == 16 ? &calls.gcm128 : c->key_len == 24 ? &calls.gcm192 : &calls.gcm256;
}

static adit_err gcm_expand(struct adit_aead *a, void *room)
{
    const struct gcm_calls *c = gcm_calls_of(a->cipher);
    struct gcm *g = room;

    c->expand(a->key, &g->key);
    adit_aead_written(&g->key, sizeof g->key);
    g->run = a->is_seal ? c->seal : c->open;
    a->state = g;
    return ADIT_OK;
}

/* A short packet takes the round keys, which come first, and the lowest powers of the hash key, which come
 * last. */
static void gcm_warm(const void *state)
{
    const struct gcm *g = state;

    adit_warm(g->key.expanded_keys, sizeof g->key.expanded_keys);
    adit_warm((const uint8_t *)&g->ctx - GCM_WARM_LEN, GCM_WARM_LEN);
    __builtin_prefetch(&g->ctx);
    __builtin_prefetch(&g->run);
}

static void gcm_run(struct adit_aead *a, const struct adit_aead_op *op, uint8_t *tag)
{
    struct gcm *g = a->state;

    g->run(&g->key, &g->ctx, op->dst, op->src.p, op->src.n, op->nonce, op->aad.p, op->aad.n, tag,
           ADIT_AEAD_TAG_LEN);
}

static void gcm_seal(struct adit_aead *a, struct adit_aead_op *ops, size_t n)
{
    seal_each(a, ops, n, gcm_run);
}

static void gcm_open(struct adit_aead *a, struct adit_aead_op *ops, size_t n)
{
    open_each(a, ops, n, gcm_run);
}

/* ---- ChaCha20-Poly1305 ---- */

static_assert(sizeof(struct chacha20_poly1305_context_data) <= ADIT_AEAD_ROOM_MAX, "the room is too small");

static adit_err chacha_expand(struct adit_aead *a, void *room)
{
    a->state = room; /* the context of one packet; the key is used as it is */
    return ADIT_OK;
}

static void chacha_run(struct adit_aead *a, const struct adit_aead_op *op, uint8_t *tag)
{
    struct chacha20_poly1305_context_data *ctx = a->state;

    calls.chacha_init(a->key, ctx, op->nonce, op->aad.p, op->aad.n);
    (a->is_seal ? calls.chacha_seal : calls.chacha_open)(a->key, ctx, op->dst, op->src.p, op->src.n);
    calls.chacha_end(ctx, tag, ADIT_AEAD_TAG_LEN);
}

static void chacha_seal(struct adit_aead *a, struct adit_aead_op *ops, size_t n)
{
    seal_each(a, ops, n, chacha_run);
}

static void chacha_open(struct adit_aead *a, struct adit_aead_op *ops, size_t n)
{
    open_each(a, ops, n, chacha_run);
}

/* ---- the engine ---- */

/* Everything is in the room, which its owner wipes. */
static void drop(struct adit_aead *a)
{
    (void)a;
}

const struct adit_aead_ops *adit_aead_imb_ops(const struct adit_cipher *c)
{
    static const struct adit_aead_ops gcm_ops = {.room = sizeof(struct gcm),
                                                 .expand = gcm_expand,
                                                 .drop = drop,
                                                 .warm = gcm_warm,
                                                 .seal = gcm_seal,
                                                 .open = gcm_open};
    static const struct adit_aead_ops chacha_ops = {.room = sizeof(struct chacha20_poly1305_context_data),
                                                    .expand = chacha_expand,
                                                    .drop = drop,
                                                    .seal = chacha_seal,
                                                    .open = chacha_open};

    if (strcmp(c->name, "CHACHA20-POLY1305") == 0)
        return &chacha_ops;
    if (strcmp(c->name, "AES-128-GCM") == 0 || strcmp(c->name, "AES-192-GCM") == 0 ||
        strcmp(c->name, "AES-256-GCM") == 0)
        return &gcm_ops;
    return NULL;
}

static void take_calls(const IMB_MGR *m)
{
    calls.gcm128 = (struct gcm_calls){m->gcm128_pre, m->gcm128_enc, m->gcm128_dec};
    calls.gcm192 = (struct gcm_calls){m->gcm192_pre, m->gcm192_enc, m->gcm192_dec};
    calls.gcm256 = (struct gcm_calls){m->gcm256_pre, m->gcm256_enc, m->gcm256_dec};
    calls.chacha_init = m->chacha20_poly1305_init;
    calls.chacha_seal = m->chacha20_poly1305_enc_update;
    calls.chacha_open = m->chacha20_poly1305_dec_update;
    calls.chacha_end = m->chacha20_poly1305_finalize;
}

/* Without these the library computes AES in plain C, and far slower than OpenSSL. */
static const char *missing_feature(uint64_t features)
{
    if (!(features & IMB_FEATURE_SSE4_2))
        return "the CPU has no SSE 4.2";
    if (!(features & IMB_FEATURE_AESNI))
        return "the CPU has no AES instructions";
    if (!(features & IMB_FEATURE_PCLMULQDQ))
        return "the CPU has no carry-less multiplication";
    return NULL;
}

static const char *trouble_of(IMB_MGR *m, IMB_ARCH arch)
{
    uint64_t tested = m->features & (IMB_FEATURE_SELF_TEST | IMB_FEATURE_SELF_TEST_PASS);

    if (imb_get_errno(m) != 0 || arch < IMB_ARCH_SSE)
        return "ipsec-mb did not start";
    if (tested == IMB_FEATURE_SELF_TEST)
        return "ipsec-mb failed its own test";
    return NULL;
}

static const char *arch_text(const IMB_MGR *m, IMB_ARCH arch)
{
    bool has_vaes = (m->features & IMB_FEATURE_VAES) != 0;

    if (arch >= IMB_ARCH_AVX512)
        return has_vaes ? "AVX512 with VAES" : "AVX512";
    if (arch == IMB_ARCH_AVX2)
        return has_vaes ? "AVX2 with VAES" : "AVX2";
    return arch == IMB_ARCH_AVX ? "AVX" : "SSE";
}

bool adit_aead_imb_start(const char **text)
{
    IMB_ARCH arch = IMB_ARCH_NONE;
    bool is_ready;
    IMB_MGR *m;

    *text = missing_feature(imb_get_feature_flags());
    if (*text)
        return false;
    m = alloc_mb_mgr(0);
    if (!m) {
        *text = "out of memory for ipsec-mb";
        return false;
    }
    init_mb_mgr_auto(m, &arch);
    *text = trouble_of(m, arch);
    is_ready = !*text;
    if (is_ready) {
        take_calls(m);
        *text = arch_text(m, arch);
    }
    free_mb_mgr(m);
    return is_ready;
}
