/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/mtu.h"

enum {
    OPCODE_V1 = 1,
    OPCODE_V2 = 4,
    PACKET_ID = 4,
    AEAD_TAG = 16,
    TCP_LENGTH = 2,
    INNER_V4 = 40, /* IPv4 and TCP headers */
    INNER_V6 = 60,
};

/* Everything around the plaintext except padding. */
static unsigned header_part(const struct adit_path *p)
{
    unsigned n = p->is_v2 ? OPCODE_V2 : OPCODE_V1;

    switch (p->cipher->kind) {
    case ADIT_CIPHER_AEAD:
        return n + PACKET_ID + AEAD_TAG;
    case ADIT_CIPHER_CBC:
        return n + p->digest_len + p->cipher->iv_len;
    case ADIT_CIPHER_CFB_OFB:
        return n + p->digest_len + p->cipher->iv_len + 8;
    case ADIT_CIPHER_NONE:
        break;
    }
    return n + p->digest_len + PACKET_ID;
}

static uint16_t clamp(unsigned n, unsigned taken)
{
    return n > taken ? (uint16_t)(n - taken) : 0;
}

struct adit_mss adit_mss_of(enum adit_mss_rule rule, unsigned n, const struct adit_path *p)
{
    unsigned encap = (p->is_ipv6 ? 40U : 20U) + (p->is_tcp ? 20U : 8U);
    unsigned taken = header_part(p) + (p->is_tcp ? TCP_LENGTH : 0);
    unsigned inside = 0;

    if (rule == ADIT_MSS_RULE_OFF || n == 0)
        return (struct adit_mss){0, 0};
    if (rule == ADIT_MSS_RULE_FIXED)
        return (struct adit_mss){clamp(n, INNER_V4), clamp(n, INNER_V6)};
    if (rule == ADIT_MSS_RULE_MTU)
        taken += encap;
    n = n > taken ? n - taken : 0;
    if (p->cipher->kind == ADIT_CIPHER_CBC && n > 0) {
        n = n / p->cipher->block_len * p->cipher->block_len;
        n = n > 0 ? n - 1 : 0;
        inside = PACKET_ID;
    }
    return (struct adit_mss){clamp(n, inside + INNER_V4), clamp(n, inside + INNER_V6)};
}
