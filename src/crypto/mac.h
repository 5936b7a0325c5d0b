/* SPDX-License-Identifier: Apache-2.0 */
/* HMAC with any digest of the library, digests, and AES-256-CTR for tls-crypt. */
#ifndef ADIT_CRYPTO_MAC_H
#define ADIT_CRYPTO_MAC_H

#include "base/bytes.h"

enum {
    ADIT_DIGEST_MAX = 64,
};

struct adit_digest {
    const char *name; /* OpenVPN's spelling: "SHA256" */
    uint8_t len;      /* bytes */
};

/* Case-insensitive ("sha-256" is not accepted, "sha256" and "RSA-SHA256" are); NULL if unknown. */
const struct adit_digest *adit_digest_find(const char *name);
const struct adit_digest *adit_digest_at(size_t i); /* for --show-digests; NULL past the end */

/* A keyed HMAC, made once per key. */
struct adit_mac;

struct adit_mac *adit_mac_new(const struct adit_digest *d,
                              adit_bytes key); /* NULL: out of memory or refused */
void adit_mac_free(struct adit_mac *m);        /* NULL allowed */

/* HMAC over the parts in order; writes digest->len bytes. */
ADIT_MUST_USE adit_err adit_mac_of(struct adit_mac *m, const adit_bytes *parts, size_t n_parts, uint8_t *out);

ADIT_MUST_USE adit_err adit_digest_of(const struct adit_digest *d, adit_bytes in, uint8_t *out);

/* AES-256-CTR; key 32 bytes, iv 16 bytes; src and dst may be equal. */
ADIT_MUST_USE adit_err adit_aes256_ctr(const uint8_t key[32], const uint8_t iv[16], adit_bytes src,
                                       uint8_t *dst);

/* The same with the key set up once; per call only the iv is set, and nothing is allocated. */
struct adit_ctr;

struct adit_ctr *adit_ctr_new(const uint8_t key[32]); /* NULL: out of memory or refused */
void adit_ctr_free(struct adit_ctr *c);               /* wipes; NULL allowed */
ADIT_MUST_USE adit_err adit_ctr_of(struct adit_ctr *c, const uint8_t iv[16], adit_bytes src, uint8_t *dst);

#endif
