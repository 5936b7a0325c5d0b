/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AEAD ciphers of the data channel. Two engines do the work: ipsec-mb, where it was built in, the CPU has
 * what it needs and it agrees with OpenSSL; OpenSSL's EVP everywhere else. One object per key and direction,
 * used by one thread at a time; different objects may be used by different threads at once.
 */
#ifndef ADIT_CRYPTO_AEAD_H
#define ADIT_CRYPTO_AEAD_H

#include "crypto/cipher.h"

enum {
    ADIT_AEAD_TAG_LEN = 16,
    ADIT_AEAD_NONCE_LEN = 12,
    ADIT_AEAD_NONCE_ROOM = 16,
};

enum adit_aead_engine {
    ADIT_AEAD_BEST, /* the fastest there is that agrees with OpenSSL */
    ADIT_AEAD_EVP,  /* OpenSSL, whatever else there is */
};

/* For the keys made from now on; to be called once, before there are threads. */
void adit_aead_prefer(enum adit_aead_engine e);

/*
 * Which engine new keys get, and why: for one line of the log. "ipsec-mb 1.3.0 (AVX512 with VAES, agrees with
 * OpenSSL)", "OpenSSL (the CPU has no AES instructions)". Never NULL, and stays. The first call, or the first
 * key, makes the engines check each other, which takes about a millisecond.
 */
const char *adit_aead_engine_name(void);

struct adit_aead; /* opaque; owned by the caller of _new */

/*
 * NULL if out of memory, or if the cipher is no AEAD that the library has. `key` has cipher->key_len bytes
 * and is copied; the memory for working with it (1 KiB) a sealing key takes when it is first used, an opening
 * key at once: strangers' packets take none.
 */
struct adit_aead *adit_aead_new(const struct adit_cipher *cipher, const uint8_t *key, bool is_seal);
void adit_aead_free(struct adit_aead *a); /* wipes; NULL allowed */

/*
 * Asks the processor for what the next packet will touch; changes nothing. Step 0 is the key itself, step 1
 * what lies behind it, which can only be asked for when the key is there: in a burst for many keys step 0 is
 * for all of them, and then step 1.
 */
enum {
    ADIT_AEAD_WARM_STEPS = 2,
};

void adit_aead_warm(const struct adit_aead *a, unsigned step);

/* One packet of a burst. */
struct adit_aead_op {
    uint8_t nonce[ADIT_AEAD_NONCE_ROOM]; /* its first ADIT_AEAD_NONCE_LEN bytes */
    adit_err err;                        /* out */
    adit_bytes aad, src;
    uint8_t *dst; /* src.n bytes; the source itself or disjoint from it, not partly overlapping */
    uint8_t *tag; /* ADIT_AEAD_TAG_LEN bytes: sealing writes them, opening reads them */
};

/*
 * Each op gets its own verdict. ADIT_E_AUTH: the tag does not match. ADIT_E_MEMORY: no memory for the first
 * sealing; the next call tries again. After an error dst is undefined and must not be used.
 */
void adit_aead_seal_many(struct adit_aead *a, struct adit_aead_op *ops, size_t n);
void adit_aead_open_many(struct adit_aead *a, struct adit_aead_op *ops, size_t n);

/* The same for one packet. */
ADIT_MUST_USE adit_err adit_aead_seal(struct adit_aead *a, const uint8_t nonce[ADIT_AEAD_NONCE_LEN],
                                      adit_bytes aad, const uint8_t *src, size_t n, uint8_t *dst,
                                      uint8_t tag[ADIT_AEAD_TAG_LEN]);
ADIT_MUST_USE adit_err adit_aead_open(struct adit_aead *a, const uint8_t nonce[ADIT_AEAD_NONCE_LEN],
                                      adit_bytes aad, const uint8_t *src, size_t n,
                                      const uint8_t tag[ADIT_AEAD_TAG_LEN], uint8_t *dst);

#endif
