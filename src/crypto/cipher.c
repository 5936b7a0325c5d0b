/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of ciphers: one row each, in the order in which --show-ciphers prints them within a kind. A row
 * is known only while the linked library provides the cipher, so every look-up asks it. block_len is the
 * block of the underlying cipher also where the mode works on bytes: sizes and limits are counted in it.
 * Protocol text: 6.8.
 */
#include "crypto/cipher.h"

#include <strings.h>

#include <openssl/err.h>
#include <openssl/evp.h>

#define AEAD(name, key, block, limit)                                                                        \
    {                                                                                                        \
        name, name, ADIT_CIPHER_AEAD, key, 12, block, limit                                                  \
    }
#define CBC(name, key, block)                                                                                \
    {                                                                                                        \
        name, name, ADIT_CIPHER_CBC, key, block, block, false                                                \
    }
#define STREAM(name, key, block)                                                                             \
    {                                                                                                        \
        name, name, ADIT_CIPHER_CFB_OFB, key, block, block, false                                            \
    }

/* clang-format off */
static const struct adit_cipher ciphers[] = {
    AEAD("AES-128-GCM", 16, 16, true),
    AEAD("AES-192-GCM", 24, 16, true),
    AEAD("AES-256-GCM", 32, 16, true),
    AEAD("ARIA-128-GCM", 16, 16, true),
    AEAD("ARIA-192-GCM", 24, 16, true),
    AEAD("ARIA-256-GCM", 32, 16, true),
    AEAD("CHACHA20-POLY1305", 32, 1, false),
    CBC("AES-128-CBC", 16, 16),
    STREAM("AES-128-CFB", 16, 16),
    STREAM("AES-128-CFB1", 16, 16),
    STREAM("AES-128-CFB8", 16, 16),
    STREAM("AES-128-OFB", 16, 16),
    CBC("AES-192-CBC", 24, 16),
    STREAM("AES-192-CFB", 24, 16),
    STREAM("AES-192-CFB1", 24, 16),
    STREAM("AES-192-CFB8", 24, 16),
    STREAM("AES-192-OFB", 24, 16),
    CBC("AES-256-CBC", 32, 16),
    STREAM("AES-256-CFB", 32, 16),
    STREAM("AES-256-CFB1", 32, 16),
    STREAM("AES-256-CFB8", 32, 16),
    STREAM("AES-256-OFB", 32, 16),
    CBC("ARIA-128-CBC", 16, 16),
    STREAM("ARIA-128-CFB", 16, 16),
    STREAM("ARIA-128-CFB1", 16, 16),
    STREAM("ARIA-128-CFB8", 16, 16),
    STREAM("ARIA-128-OFB", 16, 16),
    CBC("ARIA-192-CBC", 24, 16),
    STREAM("ARIA-192-CFB", 24, 16),
    STREAM("ARIA-192-CFB1", 24, 16),
    STREAM("ARIA-192-CFB8", 24, 16),
    STREAM("ARIA-192-OFB", 24, 16),
    CBC("ARIA-256-CBC", 32, 16),
    STREAM("ARIA-256-CFB", 32, 16),
    STREAM("ARIA-256-CFB1", 32, 16),
    STREAM("ARIA-256-CFB8", 32, 16),
    STREAM("ARIA-256-OFB", 32, 16),
    CBC("CAMELLIA-128-CBC", 16, 16),
    STREAM("CAMELLIA-128-CFB", 16, 16),
    STREAM("CAMELLIA-128-CFB1", 16, 16),
    STREAM("CAMELLIA-128-CFB8", 16, 16),
    STREAM("CAMELLIA-128-OFB", 16, 16),
    CBC("CAMELLIA-192-CBC", 24, 16),
    STREAM("CAMELLIA-192-CFB", 24, 16),
    STREAM("CAMELLIA-192-CFB1", 24, 16),
    STREAM("CAMELLIA-192-CFB8", 24, 16),
    STREAM("CAMELLIA-192-OFB", 24, 16),
    CBC("CAMELLIA-256-CBC", 32, 16),
    STREAM("CAMELLIA-256-CFB", 32, 16),
    STREAM("CAMELLIA-256-CFB1", 32, 16),
    STREAM("CAMELLIA-256-CFB8", 32, 16),
    STREAM("CAMELLIA-256-OFB", 32, 16),
    CBC("SM4-CBC", 16, 16),
    STREAM("SM4-CFB", 16, 16),
    STREAM("SM4-OFB", 16, 16),
    CBC("SEED-CBC", 16, 16),
    STREAM("SEED-CFB", 16, 16),
    STREAM("SEED-OFB", 16, 16),
    CBC("DES-EDE-CBC", 16, 8),
    STREAM("DES-EDE-CFB", 16, 8),
    STREAM("DES-EDE-OFB", 16, 8),
    CBC("DES-EDE3-CBC", 24, 8),
    STREAM("DES-EDE3-CFB", 24, 8),
    STREAM("DES-EDE3-CFB1", 24, 8),
    STREAM("DES-EDE3-CFB8", 24, 8),
    STREAM("DES-EDE3-OFB", 24, 8),
    CBC("BF-CBC", 16, 8),
    STREAM("BF-CFB", 16, 8),
    STREAM("BF-OFB", 16, 8),
    CBC("CAST5-CBC", 16, 8),
    STREAM("CAST5-CFB", 16, 8),
    STREAM("CAST5-OFB", 16, 8),
};

/* Names of the library for the same ciphers, which configurations of older releases carry. */
static const struct alias {
    const char *name, *is;
} aliases[] = {
    { "AES128", "AES-128-CBC" },
    { "AES192", "AES-192-CBC" },
    { "AES256", "AES-256-CBC" },
    { "id-aes128-GCM", "AES-128-GCM" },
    { "id-aes192-GCM", "AES-192-GCM" },
    { "id-aes256-GCM", "AES-256-GCM" },
    { "CAMELLIA128", "CAMELLIA-128-CBC" },
    { "CAMELLIA192", "CAMELLIA-192-CBC" },
    { "CAMELLIA256", "CAMELLIA-256-CBC" },
    { "DES3", "DES-EDE3-CBC" },
    { "BF", "BF-CBC" },
    { "blowfish", "BF-CBC" },
    { "CAST", "CAST5-CBC" },
};
/* clang-format on */

static const struct adit_cipher none = {"none", NULL, ADIT_CIPHER_NONE, 0, 0, 0, false};

enum {
    N_CIPHERS = sizeof ciphers / sizeof ciphers[0],
    N_ALIASES = sizeof aliases / sizeof aliases[0],
};

static bool is_provided(const struct adit_cipher *c)
{
    EVP_CIPHER *evp;

    /* A refusal must leave nothing in the error queue, which TLS looks at. */
    ERR_set_mark();
    evp = EVP_CIPHER_fetch(NULL, c->evp_name, NULL);
    ERR_pop_to_mark();
    EVP_CIPHER_free(evp);
    return evp != NULL;
}

const struct adit_cipher *adit_cipher_find(const char *name)
{
    if (strcasecmp(name, none.name) == 0)
        return &none;
    for (size_t i = 0; i < N_ALIASES; i++) {
        if (strcasecmp(name, aliases[i].name) == 0)
            name = aliases[i].is;
    }
    for (size_t i = 0; i < N_CIPHERS; i++) {
        if (strcasecmp(name, ciphers[i].name) == 0)
            return is_provided(&ciphers[i]) ? &ciphers[i] : NULL;
    }
    return NULL;
}

const struct adit_cipher *adit_cipher_at(size_t i)
{
    for (size_t row = 0; row < N_CIPHERS; row++) {
        if (is_provided(&ciphers[row]) && i-- == 0)
            return &ciphers[row];
    }
    return NULL;
}
