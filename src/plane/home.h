/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server's clients are divided between workers. Each has a home, the only worker with its keys: its peer-id
 * modulo workers, and the first worker for one that is known by its address. All workers know whose an inner
 * address is, by a mark that names the home, too. What comes to another worker is handed over by a ring
 * between the two, once: a packet that was handed over is not handed on.
 */
#ifndef ADIT_PLANE_HOME_H
#define ADIT_PLANE_HOME_H

#include "base/addr.h"
#include "plane/ring.h"

enum {
    ADIT_MARK_ID_BITS = 24, /* a peer's id, and above it its home */
    ADIT_MARK_ID = 0xffffff,
};

static inline uint32_t adit_mark(unsigned home, uint32_t peer)
{
    return peer | (uint32_t)home << ADIT_MARK_ID_BITS;
}

static inline unsigned adit_mark_home(uint32_t mark)
{
    return mark >> ADIT_MARK_ID_BITS;
}

static inline uint32_t adit_mark_id(uint32_t mark)
{
    return mark & ADIT_MARK_ID;
}

/* wire_peer_id: ADIT_PEER_ID_NONE if its packets name none. */
unsigned adit_home_of_peer(uint32_t wire_peer_id, unsigned n_workers);
unsigned adit_home_of_datagram(adit_bytes packet, unsigned n_workers);

/* A slot of the ring between two workers. */
struct adit_handed {
    bool is_inner; /* for a peer; else a datagram that came by this link, from `remote` to `local` */
    int link_name;
    struct adit_addr remote, local;
    uint32_t n;
    uint8_t b[];
};

/*
 * The packet in the ring's next slot, to be completed and then published. NULL: *why is ADIT_E_QUEUE, or
 * ADIT_E_TOO_BIG for the slot.
 */
struct adit_handed *adit_hand_claim(struct adit_ring *r, adit_bytes packet, adit_err *why);

#endif
