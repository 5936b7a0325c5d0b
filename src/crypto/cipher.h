/* SPDX-License-Identifier: Apache-2.0 */
/* The data channel ciphers by name: what the protocol needs to know of each. Protocol text: 6.8. */
#ifndef ADIT_CRYPTO_CIPHER_H
#define ADIT_CRYPTO_CIPHER_H

#include "base/bytes.h"

enum adit_cipher_kind {
    ADIT_CIPHER_AEAD,
    ADIT_CIPHER_CBC,
    ADIT_CIPHER_CFB_OFB,
    ADIT_CIPHER_NONE,
};

struct adit_cipher {
    const char *name;     /* OpenVPN's (and the wire's) spelling, upper case: "AES-256-GCM" */
    const char *evp_name; /* what EVP_CIPHER_fetch() wants */
    enum adit_cipher_kind kind;
    uint8_t key_len, iv_len, block_len; /* bytes */
    bool has_usage_limit;               /* GCM: blocks and packets per key are bounded (7.8) */
};

/* Case-insensitive, known aliases included ("chacha20-poly1305"); NULL if unknown or not in the linked
 * library. */
const struct adit_cipher *adit_cipher_find(const char *name);

/* For --show-ciphers: the i-th known cipher, NULL past the end. */
const struct adit_cipher *adit_cipher_at(size_t i);

#endif
