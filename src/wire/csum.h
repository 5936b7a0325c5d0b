/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Internet checksum (RFC 1071) over whole payloads: the widest vectors that the processor has. Sums are
 * kept unfolded, so that the parts of a packet can be added up in any order; a part of odd length must be the
 * last one. Nothing here is on a wire by itself.
 */
#ifndef ADIT_WIRE_CSUM_H
#define ADIT_WIRE_CSUM_H

#include "base/bytes.h"

/* sum + the bytes, as if the memory were 16-bit words in memory order. */
uint64_t adit_csum_add(uint64_t sum, const uint8_t *p, size_t n);

/* The same on a processor without AVX2: named, so that tests reach it on any. */
uint64_t adit_csum_add_plain(uint64_t sum, const uint8_t *p, size_t n);

/* Folded, not complemented: in memory order, to be stored with memcpy(). */
uint16_t adit_csum_fold(uint64_t sum);

/* The pseudo-header of a TCP or UDP packet in IPv4 or IPv6; `ip` points to a whole IP header. len: of the
 * transport header and what follows. */
uint64_t adit_csum_pseudo(const uint8_t *ip, uint8_t protocol, size_t len);

#endif
