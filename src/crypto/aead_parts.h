/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between aead.c and the engines. An engine is a table of functions for the ciphers that it serves; aead.c
 * gives it memory for the expanded key, and never mixes the states of two engines.
 */
#ifndef ADIT_CRYPTO_AEAD_PARTS_H
#define ADIT_CRYPTO_AEAD_PARTS_H

#include "crypto/aead.h"

enum {
    ADIT_AEAD_KEY_MAX = 32,
    ADIT_AEAD_ALIGN = 64, /* of the room for an expanded key */
    ADIT_AEAD_ROOM_MAX = 1280,
};

struct adit_aead_ops {
    size_t room; /* bytes that expand() wants; 0: it has memory of its own */

    /* Makes a->state from a->key; `room` is zeroed and, if not 0 bytes, outlives the state. */
    adit_err (*expand)(struct adit_aead *a, void *room);
    void (*drop)(struct adit_aead *a); /* what expand() made outside of its room; wipes */
    void (*warm)(const void *state);   /* the step behind the key; NULL: none */
    void (*seal)(struct adit_aead *a, struct adit_aead_op *ops, size_t n);
    void (*open)(struct adit_aead *a, struct adit_aead_op *ops, size_t n);
};

/* Under a hundred bytes, since a server has two for each key of each client, and most of them are idle. */
struct adit_aead {
    const struct adit_aead_ops *ops;
    const struct adit_cipher *cipher;
    void *state; /* the engine's; NULL until the first use */
    void *block; /* what the room is cut from; may be NULL */
    bool is_seal;
    uint8_t key[ADIT_AEAD_KEY_MAX];
};

/* NULL: the engine does not serve this cipher. */
const struct adit_aead_ops *adit_aead_evp_ops(const struct adit_cipher *c);
const struct adit_aead_ops *adit_aead_imb_ops(const struct adit_cipher *c);

/*
 * Makes ipsec-mb ready, once per process; false if it cannot be used here. Either way `text` is what there is
 * to say about it: "the CPU has no AES instructions", or "AVX512 with VAES".
 */
bool adit_aead_imb_start(const char **text);

/* "ipsec-mb 1.3.0" */
extern const char adit_aead_imb_name[];

/*
 * The memory sanitizer does not see what is written by assembly, or by a library that it has not
 * instrumented.
 */
#if defined __has_feature
#if __has_feature(memory_sanitizer)
#define ADIT_AEAD_MSAN 1
#endif
#endif
#ifdef ADIT_AEAD_MSAN
void __msan_unpoison(const volatile void *p, size_t n);
static inline void adit_aead_written(const void *p, size_t n)
{
    __msan_unpoison(p, n);
}
#else
static inline void adit_aead_written(const void *p, size_t n)
{
    (void)p;
    (void)n;
}
#endif

#endif
