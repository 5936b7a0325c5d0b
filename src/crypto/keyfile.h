/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Key files as text: "OpenVPN Static key V1" and the PEM forms of tls-crypt-v2. Text in, keys out and back;
 * reading and writing the file is the host's. Protocol text: 2.1, 2.4.
 */
#ifndef ADIT_CRYPTO_KEYFILE_H
#define ADIT_CRYPTO_KEYFILE_H

#include "base/bytes.h"
#include "base/rng.h"

enum {
    ADIT_STATIC_KEY_LEN = 256,
    ADIT_V2_SERVER_KEY_LEN = 128,
    ADIT_WKC_MIN = 290,
    ADIT_WKC_MAX = 1024,
    ADIT_WKC_METADATA_MAX = 734, /* with the type byte */
    ADIT_KEYFILE_TEXT_MAX = 4096,
};

struct adit_static_key {
    uint8_t b[ADIT_STATIC_KEY_LEN];
};

struct adit_v2_server_key {
    uint8_t b[ADIT_V2_SERVER_KEY_LEN];
};

struct adit_v2_client_key {
    struct adit_static_key kc;
    uint8_t wkc[ADIT_WKC_MAX];
    size_t wkc_len;
};

/*
 * The readers skip what stands before the header line. ADIT_E_KEY_FILE: no header of this kind, a character
 * that does not belong, a wrong length, or no footer; *reason then says which in a few words.
 */
ADIT_MUST_USE adit_err adit_static_key_read(adit_bytes text, struct adit_static_key *out,
                                            const char **reason);
ADIT_MUST_USE adit_err adit_v2_server_key_read(adit_bytes text, struct adit_v2_server_key *out,
                                               const char **reason);
ADIT_MUST_USE adit_err adit_v2_client_key_read(adit_bytes text, struct adit_v2_client_key *out,
                                               const char **reason);

/* The writers produce what openvpn 2.6 --genkey produces, byte for byte in form. Errors latch in `w`. */
void adit_static_key_write(const struct adit_static_key *k, struct adit_wr *w);
void adit_v2_server_key_write(const struct adit_v2_server_key *k, struct adit_wr *w);
void adit_v2_client_key_write(const struct adit_v2_client_key *k, struct adit_wr *w);
/* 128 random bytes under the label "OpenVPN auth-token server key". */
void adit_auth_token_key_write(const uint8_t key[128], struct adit_wr *w);

#endif
