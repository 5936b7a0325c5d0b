/* SPDX-License-Identifier: Apache-2.0 */
/* The 256 bytes of data key material of one key id: derived, moved, wiped. Protocol text: 6.6, 6.7. */
#ifndef ADIT_PROTO_KEYS_H
#define ADIT_PROTO_KEYS_H

#include "crypto/cipher.h"
#include "crypto/mac.h"
#include "wire/keymsg.h"

enum {
    ADIT_KEY_BLOCK_LEN = 256,
    ADIT_KEY_PART_LEN = 64,
};

/* Client to server: cipher key at 0, HMAC key or implicit IV at 64; server to client: at 128 and 192. */
struct adit_key_block {
    uint8_t b[ADIT_KEY_BLOCK_LEN];
};

/* The classic derivation: two steps of the TLS 1.0 PRF. ADIT_E_CRYPTO. */
ADIT_MUST_USE adit_err adit_keys_prf(const struct adit_key_source *client,
                                     const struct adit_key_source *server, const struct adit_sid *client_sid,
                                     const struct adit_sid *server_sid, struct adit_key_block *out);

#define ADIT_EXPORT_DATA_KEYS "EXPORTER-OpenVPN-datakeys"
#define ADIT_EXPORT_TLS_CRYPT "EXPORTER-OpenVPN-dynamic-tls-crypt"
#define ADIT_EXPORT_P2P_ID    "EXPORTER-OpenVPN-p2p-peerid"

/* The data format that a key is for. */
enum adit_format {
    ADIT_FORMAT_AEAD, /* classic: 32-bit packet id, tag before the ciphertext (7.3) */
};

/* What leaves a session for the plane. Secret; moved, never copied: the receiver wipes it. */
struct adit_data_keys {
    uint8_t key_id;
    bool is_server; /* which half of the block is for sending */
    enum adit_format format;
    const struct adit_cipher *cipher;
    const struct adit_digest *digest; /* NULL for AEAD */
    struct adit_key_block block;
};

static inline const uint8_t *adit_keys_tx_cipher(const struct adit_data_keys *k)
{
    return k->block.b + (k->is_server ? 2 * ADIT_KEY_PART_LEN : 0);
}

static inline const uint8_t *adit_keys_rx_cipher(const struct adit_data_keys *k)
{
    return k->block.b + (k->is_server ? 0 : 2 * ADIT_KEY_PART_LEN);
}

static inline const uint8_t *adit_keys_tx_hmac(const struct adit_data_keys *k)
{
    return adit_keys_tx_cipher(k) + ADIT_KEY_PART_LEN;
}

static inline const uint8_t *adit_keys_rx_hmac(const struct adit_data_keys *k)
{
    return adit_keys_rx_cipher(k) + ADIT_KEY_PART_LEN;
}

#endif
