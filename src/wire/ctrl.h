/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The body of a control packet: what stands behind opcode and session id once the wrapping is off.
 * Protocol text: 1.8; the TLVs of a server reset: 2.5.1.
 */
#ifndef ADIT_WIRE_CTRL_H
#define ADIT_WIRE_CTRL_H

#include "wire/packet.h"

struct adit_ctrl {
    uint32_t acks[ADIT_ACKS_MAX];
    size_t n_acks;
    struct adit_sid ack_sid; /* whose packets are acknowledged; only if n_acks > 0 */
    bool is_ack_only;        /* ACK_V1: no packet id, no payload */
    uint32_t packet_id;      /* the message id of the reliability layer */
    adit_bytes payload;      /* lent from the input */
};

/* ADIT_E_MALFORMED: too short, more than ADIT_ACKS_MAX acks, or bytes after an ACK. */
ADIT_MUST_USE adit_err adit_ctrl_parse(adit_bytes body, bool is_ack_only, struct adit_ctrl *out);

/* Errors latch in `w`. */
void adit_ctrl_build(const struct adit_ctrl *c, struct adit_wr *w);

enum {
    ADIT_EARLY_RESEND_WKC = 0x0001, /* flags of the early negotiation TLV */
    ADIT_EARLY_TLV_LEN = 6,
};

/*
 * The payload of a hard reset as TLVs. Unknown types are skipped; *flags is 0 if there is none.
 * ADIT_E_MALFORMED: truncated, or a flags TLV that is not two bytes long.
 */
ADIT_MUST_USE adit_err adit_early_parse(adit_bytes payload, uint16_t *flags);
void adit_early_build(uint16_t flags, struct adit_wr *w);

#endif
