/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets of one burst put together to super-packets, by the rules of the kernel's GRO: what comes out, taken
 * apart again, is what went in, byte for byte and boundary for boundary; if that is not certain, the packet
 * stays alone. Order within a flow is kept. Nothing waits beyond the burst, and long payloads are not copied:
 * a super-packet is the first packet's header (rewritten in place) and the payloads where they lie. Short
 * ones that lie close behind each other are moved together, which is cheaper than to name each to a kernel.
 *
 * TCP: same addresses, ports, TOS, TTL, DF, acknowledgment, window, urgent pointer, options; consecutive
 * sequence numbers; no flag but ACK, and PSH which ends; nothing larger after something smaller. UDP: same
 * addresses, ports, TOS, TTL, DF; equal sizes, a shorter one ends. IPv4 identification counts up by one, with
 * DF as without, for that is what a kernel writes when it takes a super-packet apart. Checksums are verified
 * before, as soon as there is something to merge with. A UDP packet without a checksum stays alone: a kernel
 * would give each of its parts one.
 */
#ifndef ADIT_PLANE_MERGE_H
#define ADIT_PLANE_MERGE_H

#include "plane/offload.h"

enum {
    ADIT_MERGE_FLOWS = 16,
    ADIT_MERGE_PARTS = 128,    /* packets of one super-packet at the most */
    ADIT_MERGE_UDP_PARTS = 64, /* ... of UDP: what a kernel with UDP segmentation takes, the first ones too */
    ADIT_MERGE_LEN_MAX = 65535,
    ADIT_MERGE_GAP_MAX = 28, /* nothing that is held lies in so small a gap: UDP with a byte has 29 */
};

/* What is to be written to the device at once. Lent until the sink returns. */
struct adit_gather {
    struct adit_offload offload;
    bool is_v6;
    const adit_bytes *parts; /* their bytes one after the other */
    unsigned n_parts;
    size_t n;         /* bytes, all parts */
    unsigned packets; /* that it stands for */
    void *owner;      /* as given to adit_merge_add() */
};

/* One packet as it is; `packet` is lent like the rest. */
static inline struct adit_gather adit_gather_single(const adit_bytes *packet, void *owner)
{
    return (struct adit_gather){.is_v6 = packet->n > 0 && packet->p[0] >> 4 == 6,
                                .parts = packet,
                                .n_parts = 1,
                                .n = packet->n,
                                .packets = 1,
                                .owner = owner};
}

/* Adds nothing to the same merge. */
typedef void (*adit_merge_sink)(void *ctx, const struct adit_gather *g);

struct adit_merge_flow {
    void *owner;
    uint8_t *head;  /* the first packet, as it came until it goes out */
    uint8_t kind;   /* IPv4 or IPv6, TCP or UDP */
    bool is_proven; /* the first packet's checksums were verified */
    uint16_t head_len;
    uint16_t segment; /* payload of the first packet */
    uint16_t next_id; /* IPv4 identification */
    uint16_t pseudo;  /* sum of addresses and protocol, once it is needed */
    uint32_t next_seq;
    uint32_t n; /* bytes, all parts */
    unsigned n_packets, n_parts;
    uint8_t *tail;      /* end of the last part */
    const uint8_t *end; /* ... of the last packet, where it was */
    adit_bytes parts[ADIT_MERGE_PARTS];
};

/* All zero but for the sink and what is wanted: nothing is held. */
struct adit_merge {
    adit_merge_sink sink;
    void *ctx;
    bool want_tcp4, want_tcp6, want_udp; /* what the device takes; the others pass singly */
    /*
     * A packet that begins up to so many bytes behind the end of another shares its memory, and what lies
     * between may be overwritten; 0: nothing is moved. At most ADIT_MERGE_GAP_MAX.
     */
    uint8_t gap_max;
    uint8_t recent; /* the flow that was touched last */
    uint16_t used;  /* one bit a flow */
    unsigned n_flows;
    uint8_t order[ADIT_MERGE_FLOWS]; /* the used ones, oldest first */
    uint32_t tags[ADIT_MERGE_FLOWS]; /* a hash of addresses and ports */
    struct adit_merge_flow flows[ADIT_MERGE_FLOWS];
};

/*
 * The packet stays where it is, and may be changed, until the flush. One that cannot be merged goes to the
 * sink at once, after what its flow had; one that shows no ports (a fragment, another protocol, extension
 * headers) after all that its addresses had. Packets of different owners are never merged.
 */
void adit_merge_add(struct adit_merge *m, uint8_t *packet, size_t n, void *owner);
void adit_merge_flush(struct adit_merge *m);

#endif
