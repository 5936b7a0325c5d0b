/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A data format is a table of functions: how the packets of one key look on the wire. Classic AEAD is one;
 * CBC with HMAC, the epoch format and the rest are further tables, never a branch. Protocol text: 7.
 */
#ifndef ADIT_PLANE_FORMAT_H
#define ADIT_PLANE_FORMAT_H

#include "base/now.h"
#include "proto/keys.h"
#include "proto/replay.h"

/* What one key has carried in one direction, for renegotiation by use. */
struct adit_usage {
    uint64_t packets, bytes;
    uint64_t blocks; /* 16-byte blocks of plaintext + packets (7.8) */
    uint64_t failed; /* verifications that failed */
};

enum {
    ADIT_FORMAT_WARM_STEPS = 3,
};

struct adit_half; /* one key, one direction; what is behind it belongs to the format */

struct adit_format_ops {
    const char *name;
    size_t head_len;  /* bytes between the opcode header and the payload */
    size_t tail_max;  /* bytes behind the payload at the most */
    uint64_t worn_id; /* a sender that has come to this packet id wants a new key */

    /* NULL: out of memory or refused by the library. `keys` is only read. */
    struct adit_half *(*make)(const struct adit_data_keys *keys, bool is_tx);
    void (*free)(struct adit_half *h); /* wipes; NULL allowed */

    /* Asks the processor for what the next packet will touch: step 0 the half itself, and so on behind its
     * pointers up to ADIT_FORMAT_WARM_STEPS. Changes nothing. */
    void (*warm)(const struct adit_half *h, unsigned step);

    /*
     * Seals one payload behind `header` (1 byte for DATA_V1, 4 for V2; the format decides what of it is
     * authenticated). Writes header, head, ciphertext, tail to dst (disjoint from src), *out_n bytes.
     * ADIT_E_NO_ROOM; ADIT_E_KEYS_USED_UP: the packet id would wrap.
     */
    adit_err (*seal)(struct adit_half *h, adit_bytes header, adit_bytes payload, uint8_t *dst, size_t cap,
                     size_t *out_n);

    /*
     * Authenticates and decrypts in place. *id is the packet id (for the replay window, checked by the caller
     * before and marked after). *payload points into the packet.
     */
    adit_err (*open)(struct adit_half *h, size_t header_len, uint8_t *packet, size_t n, adit_bytes *payload);

    /* The packet id of a packet that is not yet authenticated. ADIT_E_MALFORMED: too short. */
    adit_err (*peek_id)(const struct adit_half *h, size_t header_len, adit_bytes packet, uint64_t *id);

    /* The id that the next sealed packet gets. */
    uint64_t (*next_id)(const struct adit_half *h);

    /* Continues from `id`, for a peer that moves here. Only forward: a nonce is never used twice. */
    void (*skip_to)(struct adit_half *h, uint64_t id);
};

const struct adit_format_ops *adit_format_of(enum adit_format f);

extern const struct adit_format_ops adit_format_aead;

#endif
