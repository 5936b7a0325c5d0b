/* SPDX-License-Identifier: Apache-2.0 */
/* What a packet costs on the way, and the MSS that follows from it. Protocol text: 11.1, 11.2. */
#ifndef ADIT_PROTO_MTU_H
#define ADIT_PROTO_MTU_H

#include "crypto/cipher.h"

enum adit_mss_rule { /* the forms of mssfix */
                     ADIT_MSS_RULE_OFF,
                     ADIT_MSS_RULE_PACKET, /* N counts our packet, without IP and UDP */
                     ADIT_MSS_RULE_MTU,    /* N counts IP, UDP and packet */
                     ADIT_MSS_RULE_FIXED,  /* N is the inner MTU */
};

struct adit_path {
    const struct adit_cipher *cipher;
    uint8_t digest_len; /* of the HMAC; 0 with AEAD */
    bool is_v2, is_tcp, is_ipv6;
};

struct adit_mss {
    uint16_t v4, v6; /* 0: leave alone */
};

struct adit_mss adit_mss_of(enum adit_mss_rule rule, unsigned n, const struct adit_path *path);

#endif
