/* SPDX-License-Identifier: Apache-2.0 */
/* Opcodes, session ids and key ids. Protocol text: 1.5 to 1.7. */
#include "wire/packet.h"

bool adit_packet_is_control(uint8_t first)
{
    switch (adit_packet_op(first)) {
    case ADIT_OP_SOFT_RESET_V1:
    case ADIT_OP_CONTROL_V1:
    case ADIT_OP_ACK_V1:
    case ADIT_OP_HARD_RESET_CLIENT_V2:
    case ADIT_OP_HARD_RESET_SERVER_V2:
    case ADIT_OP_HARD_RESET_CLIENT_V3:
    case ADIT_OP_CONTROL_WKC_V1:
        return true;
    default:
        return false;
    }
}

bool adit_packet_is_hard_reset(enum adit_op op)
{
    return op == ADIT_OP_HARD_RESET_CLIENT_V2 || op == ADIT_OP_HARD_RESET_SERVER_V2 ||
           op == ADIT_OP_HARD_RESET_CLIENT_V3;
}

bool adit_packet_has_wkc(enum adit_op op)
{
    return op == ADIT_OP_HARD_RESET_CLIENT_V3 || op == ADIT_OP_CONTROL_WKC_V1;
}

bool adit_sid_is_zero(const struct adit_sid *s)
{
    static const struct adit_sid zero;

    return adit_sid_eq(s, &zero);
}

bool adit_sid_eq(const struct adit_sid *a, const struct adit_sid *b)
{
    return adit_bytes_eq_secret(adit_bytes_of(a->b, ADIT_SID_LEN), adit_bytes_of(b->b, ADIT_SID_LEN));
}

uint8_t adit_key_id_next(uint8_t id)
{
    /* Key id 0 means "first key of this session", so it never comes back. */
    return id >= ADIT_KEY_IDS - 1 ? 1 : (uint8_t)(id + 1);
}
