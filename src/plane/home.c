/* SPDX-License-Identifier: Apache-2.0 */
#include "plane/home.h"

#include <string.h>

#include "plane/txrx.h"

unsigned adit_home_of_peer(uint32_t wire_peer_id, unsigned n_workers)
{
    return wire_peer_id == ADIT_PEER_ID_NONE ? 0 : wire_peer_id % n_workers;
}

unsigned adit_home_of_datagram(adit_bytes packet, unsigned n_workers)
{
    uint32_t id;

    return adit_data_peer_id(packet, &id) ? adit_home_of_peer(id, n_workers) : 0;
}

struct adit_handed *adit_hand_claim(struct adit_ring *r, adit_bytes packet, adit_err *why)
{
    struct adit_handed *h = adit_ring_claim(r);

    *why = ADIT_E_QUEUE;
    if (!h)
        return NULL;
    *why = ADIT_E_TOO_BIG;
    if (packet.n > r->slot_len - sizeof *h)
        return NULL;
    h->n = (uint32_t)packet.n;
    memcpy(h->b, packet.p, packet.n);
    return h;
}
