/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reliability layer of one key id: control packets in order, once, over a link that loses and reorders.
 * Knows nothing of sessions or TLS. Protocol text: 4.1 to 4.4.
 *
 *   send window 6, receive window 12; retransmission eight times after T, then every 2T, and at once when
 *   three later packets were acknowledged; acks repeat the last eight ids, newest first.
 *
 * Others double the time with every try (4.4). With that a line that loses much, or that is cut for a while,
 * leaves a packet so few tries in a hand-window of 60 s that the negotiation fails; the peer cannot tell the
 * difference.
 */
#ifndef ADIT_PROTO_RELIABLE_H
#define ADIT_PROTO_RELIABLE_H

#include "base/now.h"
#include "wire/ctrl.h"

enum {
    ADIT_SEND_WINDOW = 6,
    ADIT_RECV_WINDOW = 12,
    ADIT_CTRL_PAYLOAD_MAX = 2048, /* payload of one received packet that is kept */
};

struct adit_reliable_out {
    bool is_used;
    enum adit_op op;
    uint32_t id;
    uint64_t next_try_ns;
    unsigned n_tries;    /* since it was new, or the peer showed up; not counted for ever */
    unsigned later_acks; /* later packets acknowledged since the last try */
    bool was_sent;
    uint8_t *payload; /* owned */
    size_t n;
};

struct adit_reliable_in {
    bool is_used;
    uint32_t id;
    uint8_t *payload; /* owned */
    size_t n;
};

struct adit_reliable {
    struct adit_reliable_out out[ADIT_SEND_WINDOW];
    struct adit_reliable_in in[ADIT_RECV_WINDOW];
    uint32_t next_out_id;            /* id of the next new packet */
    uint32_t next_in_id;             /* id that is delivered next */
    uint64_t timeout_ns;             /* T */
    uint32_t pending[ADIT_ACKS_MAX]; /* ids to acknowledge, oldest first */
    size_t n_pending;
    uint32_t recent[ADIT_ACKS_MAX]; /* ids acknowledged already, newest first */
    size_t n_recent;
    uint8_t *lent; /* owned: what adit_reliable_next_in() gave out last */
};

void adit_reliable_init(struct adit_reliable *r, uint64_t timeout_ns);
void adit_reliable_fini(struct adit_reliable *r);

/*
 * For a session that begins behind the stateless door, right after init: our packet 0 counts as sent and
 * acknowledged, the peer's packet 0 as delivered. Repeats of it are acknowledged again.
 */
void adit_reliable_resume(struct adit_reliable *r);

/* May a new packet be queued: is the window open? */
bool adit_reliable_can_send(const struct adit_reliable *r);

/* Queues a packet (payload copied). ADIT_E_QUEUE: window closed; ADIT_E_MEMORY. */
ADIT_MUST_USE adit_err adit_reliable_send(struct adit_reliable *r, enum adit_op op, adit_bytes payload,
                                          adit_now now);

/* Ids that the peer acknowledged; unknown ones are ignored. */
void adit_reliable_acked(struct adit_reliable *r, const uint32_t *ids, size_t n, adit_now now);

/* Is everything that was queued acknowledged? */
bool adit_reliable_all_acked(const struct adit_reliable *r);

/*
 * A packet that arrived, authenticated. Kept and acknowledged if inside the window; acknowledged again if
 * seen before (ADIT_E_REPLAY); ADIT_E_WINDOW beyond the window, not acknowledged; ADIT_E_TOO_BIG;
 * ADIT_E_MEMORY.
 */
ADIT_MUST_USE adit_err adit_reliable_received(struct adit_reliable *r, uint32_t id, adit_bytes payload);

/*
 * The next payload in order, or false. *payload (maybe empty) is lent until the next call to this function on
 * the same object; calling again releases it.
 */
bool adit_reliable_next_in(struct adit_reliable *r, uint32_t *id, adit_bytes *payload);

/*
 * The next packet that is due for (re)transmission, or false. Fills everything but ack_sid: acks that ride
 * along are chosen (at most max_acks) and count as sent. *op tells the opcode.
 */
bool adit_reliable_next_out(struct adit_reliable *r, adit_now now, size_t max_acks, enum adit_op *op,
                            struct adit_ctrl *out);

/* A pure acknowledgement, if any id waits for one. */
bool adit_reliable_next_ack(struct adit_reliable *r, size_t max_acks, struct adit_ctrl *out);

/* Acks that would ride on the next packet, for the size budget (1.9). */
size_t adit_reliable_ack_count(const struct adit_reliable *r, size_t max_acks);

/* Everything unacknowledged is due now, with its tries counted anew: the peer has just shown up (4.4
 * "burst"). */
void adit_reliable_retry_all(struct adit_reliable *r, adit_now now);

/* When the next retransmission is due; ADIT_NEVER if nothing is under way. Pending acks are due at once (0).
 */
uint64_t adit_reliable_deadline(const struct adit_reliable *r);

#endif
