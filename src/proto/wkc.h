/* SPDX-License-Identifier: Apache-2.0 */
/* tls-crypt-v2: wrapping a client key under the server key, and cutting it off a packet. Protocol
 * text: 2.4, 2.5. */
#ifndef ADIT_PROTO_WKC_H
#define ADIT_PROTO_WKC_H

#include "crypto/keyfile.h"

enum {
    ADIT_WKC_USER = 0x00,      /* metadata types */
    ADIT_WKC_TIMESTAMP = 0x01, /* s64 seconds */
};

struct adit_wkc_metadata {
    uint8_t b[ADIT_WKC_METADATA_MAX]; /* type byte, then data */
    size_t n;                         /* 0: none */
};

/* Fills wkc->wkc from wkc->kc. ADIT_E_TOO_BIG: metadata above the limit. */
ADIT_MUST_USE adit_err adit_wkc_wrap(const struct adit_v2_server_key *server, adit_bytes metadata,
                                     struct adit_v2_client_key *key);

/* ADIT_E_MALFORMED: length field wrong; ADIT_E_AUTH: not wrapped by this server key. */
ADIT_MUST_USE adit_err adit_wkc_unwrap(const struct adit_v2_server_key *server, adit_bytes wkc,
                                       struct adit_static_key *kc, struct adit_wkc_metadata *metadata);

/*
 * Splits a packet with opcode 10 or 11 into the tls-crypt packet and the WKc at its end, by the length in its
 * last two bytes. ADIT_E_MALFORMED if that length cannot be right.
 */
ADIT_MUST_USE adit_err adit_wkc_split(adit_bytes packet, adit_bytes *inner, adit_bytes *wkc);

#endif
