/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bounded ring of fixed-size slots between two threads: one produces, one consumes, neither waits. Messages
 * are written and read where they lie, so that a large slot that is mostly empty costs only what is used.
 *
 * Every index is stored and loaded sequentially consistent: users combine a ring with a flag of the kind
 * "the other side is asleep", and that only works if the two are seen in one order.
 */
#ifndef ADIT_PLANE_RING_H
#define ADIT_PLANE_RING_H

#include <stdatomic.h>

#include "base/bytes.h"

struct adit_ring {
    uint8_t *slots; /* owned */
    size_t slot_len;
    uint32_t mask;
    uint8_t pad0[44];      /* the two indexes live on cache lines of their own */
    _Atomic uint32_t head; /* next to read; written by the consumer only */
    uint8_t pad1[60];
    _Atomic uint32_t tail; /* next to write; written by the producer only */
    uint32_t n_used;       /* slots that were ever claimed; of the producer */
    uint8_t pad2[56];
};

/* `slots`: a power of two. ADIT_E_MEMORY. */
ADIT_MUST_USE adit_err adit_ring_init(struct adit_ring *r, size_t slot_len, uint32_t slots);
/* One that may never be used: its pages are taken when they are needed, and not at once. */
ADIT_MUST_USE adit_err adit_ring_init_sparse(struct adit_ring *r, size_t slot_len, uint32_t slots);
void adit_ring_fini(struct adit_ring *r); /* wipes what was used; zeros allowed */

/* Producer: the slot to fill, NULL if the ring is full; it becomes visible with adit_ring_publish(). */
void *adit_ring_claim(struct adit_ring *r);
void adit_ring_publish(struct adit_ring *r);
uint32_t adit_ring_room(const struct adit_ring *r); /* free slots; the consumer can only add to them */
/* More than a quarter is free, which is kept for what must not be lost: others may write, too. */
bool adit_ring_is_roomy(const struct adit_ring *r);

/* Consumer: the oldest message, NULL if there is none; adit_ring_release() gives its slot back. */
void *adit_ring_front(struct adit_ring *r);
void *adit_ring_peek(struct adit_ring *r, uint32_t i); /* the ith behind it, NULL if there are no more */
void adit_ring_release(struct adit_ring *r);

#endif
