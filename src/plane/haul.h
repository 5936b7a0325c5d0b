/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much a kernel call carries. Calls are what packets cost, so a worker counts, at each of its four doors,
 * calls that carried something, and the packets and bytes in them; it alone writes its counters.
 */
#ifndef ADIT_PLANE_HAUL_H
#define ADIT_PLANE_HAUL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct adit_haul {
    uint64_t calls, packets, bytes;
};

struct adit_hauls {
    struct adit_haul reads, sends; /* outward: of the device; to sockets, a train is one */
    struct adit_haul receives,
        writes;      /* inward: of sockets, what the kernel put together is one; to the device */
    uint64_t handed; /* packets that came to one worker and were another's */
};

enum {
    ADIT_HAULS_TEXT_MAX = 320,
};

static inline void adit_haul_add(struct adit_haul *h, uint64_t packets, uint64_t bytes)
{
    h->calls++;
    h->packets += packets;
    h->bytes += bytes;
}

void adit_hauls_sum(struct adit_hauls *to, const struct adit_hauls *h);
bool adit_hauls_any(const struct adit_hauls *h);

/* "sent 1.2 GB in 820000 packets, 41.0 per read, 40.8 per send; received ..."; returns dst. */
const char *adit_hauls_text(const struct adit_hauls *h, char *dst, size_t cap);

#endif
