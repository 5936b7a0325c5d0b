/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Super-packets: one IP packet that stands for several, as kernels hand them over, and what is said about it
 * beside its bytes. The wire form is the kernel's struct virtio_net_hdr (10 bytes, the machine's byte order).
 */
#ifndef ADIT_PLANE_OFFLOAD_H
#define ADIT_PLANE_OFFLOAD_H

#include "base/bytes.h"

enum {
    ADIT_VNET_LEN = 10,
};

enum adit_gso {
    ADIT_GSO_NONE, /* one packet */
    ADIT_GSO_TCP,  /* IPv4 or IPv6, as the packet itself says */
    ADIT_GSO_UDP,
};

/* All zero: one packet, with its checksum as it is. */
struct adit_offload {
    enum adit_gso gso;
    bool needs_csum;              /* the transport checksum holds the pseudo-header's sum only */
    bool has_cwr;                 /* TCP: CWR is set in the first segment only (ECN) */
    uint16_t segment;             /* payload bytes of each packet but the last; 0 with NONE */
    uint16_t head_len;            /* up to the payload; a hint of the kernel, not to be believed */
    uint16_t csum_start, csum_at; /* the sum is over [csum_start, end), its place csum_start + csum_at */
};

/* ADIT_E_MALFORMED: shorter than a header. ADIT_E_UNSUPPORTED: a kind that was not asked for. */
ADIT_MUST_USE adit_err adit_vnet_read(adit_bytes head, struct adit_offload *out);
void adit_vnet_write(const struct adit_offload *o, bool is_v6, uint8_t head[ADIT_VNET_LEN]);

#endif
