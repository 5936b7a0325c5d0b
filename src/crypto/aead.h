/* SPDX-License-Identifier: Apache-2.0 */
/* AEAD ciphers of the data channel over EVP. One context per key and direction, made once per key. */
#ifndef ADIT_CRYPTO_AEAD_H
#define ADIT_CRYPTO_AEAD_H

#include "crypto/cipher.h"

enum {
    ADIT_AEAD_TAG_LEN = 16,
    ADIT_AEAD_NONCE_LEN = 12,
};

struct adit_aead; /* opaque; owned by the caller of _new */

/* NULL if out of memory or if the library refuses. `key` has cipher->key_len bytes and is copied. */
struct adit_aead *adit_aead_new(const struct adit_cipher *cipher, const uint8_t *key, bool is_seal);
void adit_aead_free(struct adit_aead *a); /* wipes; NULL allowed */

/* Source and destination may be equal or disjoint, not partly overlapping. Writes n bytes and the tag. */
ADIT_MUST_USE adit_err adit_aead_seal(struct adit_aead *a, const uint8_t nonce[ADIT_AEAD_NONCE_LEN],
                                      adit_bytes aad, const uint8_t *src, size_t n, uint8_t *dst,
                                      uint8_t tag[ADIT_AEAD_TAG_LEN]);

/* ADIT_E_AUTH if the tag does not match; dst is then undefined and must not be used. */
ADIT_MUST_USE adit_err adit_aead_open(struct adit_aead *a, const uint8_t nonce[ADIT_AEAD_NONCE_LEN],
                                      adit_bytes aad, const uint8_t *src, size_t n,
                                      const uint8_t tag[ADIT_AEAD_TAG_LEN], uint8_t *dst);

#endif
