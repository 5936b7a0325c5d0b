/* SPDX-License-Identifier: Apache-2.0 */
/* The first byte of every packet, and the fixed numbers of the protocol. Protocol text: 1.5 to 1.9, 19. */
#ifndef ADIT_WIRE_PACKET_H
#define ADIT_WIRE_PACKET_H

#include "base/bytes.h"

enum adit_op {
    ADIT_OP_HARD_RESET_CLIENT_V1 = 1, /* obsolete: key method 1 */
    ADIT_OP_HARD_RESET_SERVER_V1 = 2, /* obsolete */
    ADIT_OP_SOFT_RESET_V1 = 3,
    ADIT_OP_CONTROL_V1 = 4,
    ADIT_OP_ACK_V1 = 5,
    ADIT_OP_DATA_V1 = 6,
    ADIT_OP_HARD_RESET_CLIENT_V2 = 7,
    ADIT_OP_HARD_RESET_SERVER_V2 = 8,
    ADIT_OP_DATA_V2 = 9,
    ADIT_OP_HARD_RESET_CLIENT_V3 = 10, /* tls-crypt-v2: WKc appended */
    ADIT_OP_CONTROL_WKC_V1 = 11,       /* tls-crypt-v2: WKc appended */
};

enum {
    ADIT_SID_LEN = 8,
    ADIT_CTRL_HEAD_LEN = 1 + ADIT_SID_LEN,
    ADIT_ACKS_MAX = 8,      /* ids in one packet, on receipt and in ACK_V1 */
    ADIT_ACKS_CTRL_MAX = 4, /* ids that ride on a packet with content */
    ADIT_KEY_IDS = 8,
    ADIT_CTRL_PACKET_MAX = 2304, /* largest control packet accepted, WKc included */
    ADIT_RECORD_MAX = 2048,      /* plaintext of one TLS record: key method 2 or one text message */
};

#define ADIT_PEER_ID_NONE 0xFFFFFFU
#define ADIT_PEER_ID_P2P  0x76706EU /* two ends without push, unless the exporter gives one (8.5) */

/* 8 random bytes, never all zero. */
struct adit_sid {
    uint8_t b[ADIT_SID_LEN];
};

static inline enum adit_op adit_packet_op(uint8_t first)
{
    return (enum adit_op)(first >> 3);
}

static inline uint8_t adit_packet_key_id(uint8_t first)
{
    return first & 7;
}

static inline uint8_t adit_packet_first(enum adit_op op, uint8_t key_id)
{
    return (uint8_t)((unsigned)op << 3 | key_id);
}

static inline bool adit_packet_is_data(uint8_t first)
{
    return adit_packet_op(first) == ADIT_OP_DATA_V1 || adit_packet_op(first) == ADIT_OP_DATA_V2;
}

/* The opcodes that carry the control channel today: 3..5, 7, 8, 10, 11. */
bool adit_packet_is_control(uint8_t first);

bool adit_packet_is_hard_reset(enum adit_op op); /* 7, 8, 10 */
bool adit_packet_has_wkc(enum adit_op op);       /* 10, 11 */

bool adit_sid_is_zero(const struct adit_sid *s);
bool adit_sid_eq(const struct adit_sid *a, const struct adit_sid *b); /* constant time */

/* The key id after `id`: 0, 1, 2, ... 7, 1, 2, ... */
uint8_t adit_key_id_next(uint8_t id);

#endif
