/* SPDX-License-Identifier: Apache-2.0 */
/* Key derivation: the TLS 1.0 PRF (6.5) and HKDF-Expand with the protocol's labels (7.4). */
#ifndef ADIT_CRYPTO_KDF_H
#define ADIT_CRYPTO_KDF_H

#include "base/bytes.h"

/* PRF(secret, label || seed parts). */
ADIT_MUST_USE adit_err adit_prf(adit_bytes secret, const char *label, const adit_bytes *seed, size_t n_seed,
                                uint8_t *out, size_t n);

/* RFC 5869 HKDF-Expand with SHA-256; n <= 255 * 32. */
ADIT_MUST_USE adit_err adit_hkdf_expand(adit_bytes prk, adit_bytes info, uint8_t *out, size_t n);

/* Expand with the label form of the epoch format: info = u16 n, u8 length, "ovpn " label, u8 0. */
ADIT_MUST_USE adit_err adit_hkdf_label(adit_bytes secret, const char *label, uint8_t *out, size_t n);

#endif
