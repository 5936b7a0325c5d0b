/* SPDX-License-Identifier: Apache-2.0 */
/* Looking into inner IP packets: addresses for routing, and the MSS option of TCP SYNs. Protocol
 * text: 7.9, 11.2. */
#ifndef ADIT_WIRE_IP_H
#define ADIT_WIRE_IP_H

#include "base/addr.h"
#include "base/bytes.h"

enum {
    ADIT_IPV4_PROTOCOL_AT = 9,
    ADIT_IPV6_NEXT_AT = 6,
    ADIT_IPV6_HEAD_LEN = 40, /* no IPv4 packet with TCP is shorter, either */
};

struct adit_ip_peek {
    struct adit_ip src, dst;
};

/* ADIT_E_MALFORMED: neither an IPv4 nor an IPv6 header, or shorter than that header. */
ADIT_MUST_USE adit_err adit_ip_peek(adit_bytes packet, struct adit_ip_peek *out);

/* Where the header says what it carries, of a packet that has one. */
static inline size_t adit_ip_protocol_at(uint8_t first)
{
    return first >> 4 == 4 ? ADIT_IPV4_PROTOCOL_AT : ADIT_IPV6_NEXT_AT;
}

/* False: what it carries is surely something else than TCP behind a base header. */
static inline bool adit_ip_may_be_tcp(const uint8_t *packet, size_t n)
{
    return n >= ADIT_IPV6_HEAD_LEN && packet[adit_ip_protocol_at(packet[0])] == 6;
}

/*
 * Lowers the MSS option of a TCP SYN to mss4 or mss6 (0: leave alone), and mends the checksum. Anything
 * that is not a well-formed TCP SYN with a larger MSS option is left as it is. True if it changed something.
 * IPv4 with any header length, fragment offset 0 only; IPv6 only when TCP follows the base header.
 */
bool adit_mss_lower(uint8_t *packet, size_t n, uint16_t mss4, uint16_t mss6);

#endif
