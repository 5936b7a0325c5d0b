/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One peer's sending half and receiving half: keys by key id, packet ids, replay windows, usage, counters.
 * They share nothing, so each can live on its own thread. No I/O. Sealing takes bursts from where the bytes
 * lie to where the train is built; opening works in place.
 */
#ifndef ADIT_PLANE_TXRX_H
#define ADIT_PLANE_TXRX_H

#include "plane/format.h"
#include "wire/packet.h"

enum {
    ADIT_DATA_HEAD_MAX = 4,
    ADIT_DATA_OVERHEAD_MAX = 128, /* any format, header included */
};

struct adit_tx_key {
    const struct adit_format_ops *format; /* NULL: empty slot */
    struct adit_half *half;
    struct adit_usage usage;
    bool has_usage_limit;
};

struct adit_tx {
    uint8_t current; /* key id in use */
    bool has_current;
    uint32_t peer_id;        /* in the header of DATA_V2; ADIT_PEER_ID_NONE: DATA_V1 */
    uint64_t packets, bytes; /* sealed, all keys, payload bytes */
    struct adit_tx_key keys[ADIT_KEY_IDS];
};

struct adit_rx_key {
    const struct adit_format_ops *format;
    struct adit_half *half;
    struct adit_replay replay;
    uint64_t *replay_bits; /* owned */
    struct adit_usage usage;
    bool has_usage_limit;
};

struct adit_rx {
    uint32_t replay_window, replay_s;
    uint64_t packets, bytes; /* opened, payload bytes */
    struct adit_rx_key keys[ADIT_KEY_IDS];
};

void adit_tx_init(struct adit_tx *t, uint32_t peer_id);
void adit_tx_fini(struct adit_tx *t);
void adit_rx_init(struct adit_rx *r, uint32_t replay_window, uint32_t replay_s);
void adit_rx_fini(struct adit_rx *r);

/* Installs one direction of the keys under their key id, replacing what was there. Reads `keys` only. */
ADIT_MUST_USE adit_err adit_tx_install(struct adit_tx *t, const struct adit_data_keys *keys);
ADIT_MUST_USE adit_err adit_rx_install(struct adit_rx *r, const struct adit_data_keys *keys);

/* From now on this key seals. ADIT_E_NO_KEY if it is not installed. */
ADIT_MUST_USE adit_err adit_tx_use(struct adit_tx *t, uint8_t key_id);

void adit_tx_drop(struct adit_tx *t, uint8_t key_id);
void adit_rx_drop(struct adit_rx *r, uint8_t key_id);

struct adit_seal_op {
    adit_bytes payload;
    uint8_t *dst; /* disjoint from the payload */
    size_t cap;
    size_t n;     /* out: bytes of the packet */
    adit_err err; /* out */
};

struct adit_open_op {
    uint8_t *packet; /* overwritten */
    size_t n;
    adit_bytes payload; /* out: inside packet; never empty if err is ADIT_OK */
    adit_err err;       /* out: ADIT_E_NO_KEY, _MALFORMED, _AUTH, _REPLAY, _EMPTY */
};

/* Bytes by which a sealed packet is longer than its payload, at the most; 0: there is no key yet. */
size_t adit_tx_overhead(const struct adit_tx *t);

void adit_tx_seal(struct adit_tx *t, struct adit_seal_op *ops, size_t n, adit_now now);
void adit_rx_open(struct adit_rx *r, struct adit_open_op *ops, size_t n, adit_now now);

/*
 * Asks the processor for what the next packet under this key will touch: in a burst of packets of many peers,
 * each step is made for all of them before the one that follows, which needs what it has asked for. Changes
 * nothing, and wants nothing: a key that is not there is passed over.
 */
enum {
    ADIT_WARM_STEPS = 1 + ADIT_FORMAT_WARM_STEPS,
};

void adit_tx_warm(const struct adit_tx *t, unsigned step); /* under the key in use */
void adit_rx_warm(const struct adit_rx *r, uint8_t key_id, unsigned step);

/* The peer id in a DATA_V2 packet; false for DATA_V1 or a packet that is too short. */
bool adit_data_peer_id(adit_bytes packet, uint32_t *peer_id);

struct adit_usage_limit {
    uint64_t bytes, packets; /* of both directions together; 0: none */
};

/* Is a key worn: by its limits, by the AEAD limit (7/8 of it), or by its packet ids (7.3, 7.8, K04)? */
bool adit_key_is_worn(const struct adit_tx *t, const struct adit_rx *r, uint8_t key_id,
                      const struct adit_usage_limit *limit);

/* Payloads that are not for the device. Protocol text: 7.11, 7.12. */
enum adit_payload_kind {
    ADIT_PAYLOAD_PACKET,
    ADIT_PAYLOAD_PING,
    ADIT_PAYLOAD_OCC_REQUEST,
    ADIT_PAYLOAD_OCC_EXIT,
    ADIT_PAYLOAD_OCC_OTHER,
};

enum adit_payload_kind adit_payload_kind_of(adit_bytes payload);
extern const uint8_t adit_ping_payload[16];
extern const uint8_t adit_occ_exit_payload[17];

#endif
