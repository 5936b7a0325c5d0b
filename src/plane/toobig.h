/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inner packets that do not fit into the tunnel, treated as a router treats them: IPv6, and IPv4 that must
 * not be fragmented, is answered with the size that fits (RFC 792 with RFC 1191, RFC 4443), so that its
 * sender makes smaller ones; other IPv4 is fragmented (RFC 791), since its sender would never hear of an
 * answer.
 */
#ifndef ADIT_PLANE_TOOBIG_H
#define ADIT_PLANE_TOOBIG_H

#include "base/addr.h"
#include "base/bytes.h"

enum {
    ADIT_TOO_BIG_LEN_MAX = 1280, /* an answer: IPv6's smallest MTU; of IPv4 it is 576 at the most */
    ADIT_FRAGMENT_HEAD_MAX = 60,
};

/*
 * Writes the answer to `packet`, which is longer than mtu, as it comes from `source`. The bytes; 0: there is
 * to be no answer, because the packet is malformed, is or may be an ICMP error itself, is a fragment but not
 * the first, is not from one host to one host, may be fragmented, or is IPv6 and no longer than what every
 * path must carry. IPv6 is never told less than that, IPv4 never less than 68.
 *
 * `source` should be the destination, or what is behind the tunnel with it. A host takes such an answer from
 * anybody, but not from its own addresses: by those Linux drops a packet that arrives at a device.
 */
size_t adit_too_big_answer(adit_bytes packet, size_t mtu, const struct adit_ip *source,
                           uint8_t dst[ADIT_TOO_BIG_LEN_MAX]);

/*
 * An IPv4 packet cut to pieces, each built in place over the end of the one before: it is to be consumed
 * before the next is asked for.
 */
struct adit_fragments {
    uint8_t *b;
    size_t at, n; /* payload not given out yet */
    size_t head_len, piece;
    uint16_t offset; /* flags, and the offset of `at` in units of eight bytes */
    bool goes_on;    /* the packet is a fragment itself, and not the last */
    uint8_t head[ADIT_FRAGMENT_HEAD_MAX];
};

/* False: not IPv4, malformed, must not be fragmented, or mtu has no room for its header and eight bytes. */
bool adit_fragments_begin(struct adit_fragments *f, uint8_t *packet, size_t n, size_t mtu);
bool adit_fragments_next(struct adit_fragments *f, uint8_t **packet, size_t *n); /* false: no more */

#endif
