/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A super-packet taken apart: the packets that a network card with segmentation offload would have sent. Each
 * is built in place, its header written in front of its payload and over the end of the one before, so that a
 * packet is to be consumed before the next is asked for, and nothing is copied but headers.
 *
 * As the kernel does it: IPv4 identification counts up, CWR stays in the first TCP segment only, FIN and PSH
 * in the last only, sequence numbers go on, everything else (an urgent pointer, too) is the same in all;
 * lengths and checksums are the packet's own. Where the checksum is left to us, what stands in its place is
 * taken for the sum of the pseudo-header, since only the sender knows the last stop of a routing header. A
 * UDP checksum of zero stays zero (RFC 768, RFC 6935), a computed one of zero becomes all ones.
 */
#ifndef ADIT_PLANE_SEGMENT_H
#define ADIT_PLANE_SEGMENT_H

#include "plane/offload.h"

enum {
    ADIT_SEGMENT_HEAD_MAX = 256, /* IP with options or extension headers, and TCP with options */
};

struct adit_segments {
    uint8_t *b;
    size_t n; /* without what follows the IP packet */
    struct adit_offload offload;
    uint8_t head[ADIT_SEGMENT_HEAD_MAX]; /* zero where packets differ */
    size_t ip_len, head_len;             /* IP header with options; up to the payload */
    size_t at;                           /* payload not given out yet */
    uint32_t count, n_given;             /* of packets */
    bool is_v6, has_csum;
    uint64_t ip_sum, head_sum; /* of what is the same in each packet's checksums */
    uint32_t seq;              /* TCP: of the next packet */
    uint16_t tcp_flags;        /* with the data offset */
    uint16_t id;               /* IPv4: of the next packet */
};

/*
 * b is overwritten. ADIT_E_MALFORMED: what is said about the packet does not fit its bytes; ADIT_E_TOO_BIG:
 * its headers are longer than ADIT_SEGMENT_HEAD_MAX. Of a packet that is one (ADIT_GSO_NONE, or no more
 * payload than fits into one), adit_segments_next() gives just that, with its checksum completed. Bytes
 * behind the end that the IP header names are cut off, if there was something to be done.
 */
ADIT_MUST_USE adit_err adit_segments_begin(struct adit_segments *s, uint8_t *b, size_t n,
                                           const struct adit_offload *o);

/* False: there are no more. *packet points into b. */
bool adit_segments_next(struct adit_segments *s, uint8_t **packet, size_t *n);

#endif
