/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses as values, without socket headers. IPv4 is kept in the first four bytes. */
#ifndef ADIT_BASE_ADDR_H
#define ADIT_BASE_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum adit_family {
    ADIT_AF_NONE = 0,
    ADIT_AF_V4 = 4,
    ADIT_AF_V6 = 6,
};

struct adit_ip {
    uint8_t b[16];  /* network order; v4: b[0..3], rest zero */
    uint8_t family; /* enum adit_family */
};

struct adit_addr {
    struct adit_ip ip;
    uint16_t port;  /* host order */
    uint32_t scope; /* interface index of a link-local v6 address, else 0 */
};

struct adit_prefix {
    struct adit_ip ip;
    uint8_t bits; /* 0..32 or 0..128 */
};

enum {
    ADIT_IP_STR_MAX = 46,   /* with NUL */
    ADIT_ADDR_STR_MAX = 64, /* with NUL */
};

struct adit_ip adit_ip_v4(uint32_t host_order);
struct adit_ip adit_ip_v6(const uint8_t b[16]);
uint32_t adit_ip_v4_host(const struct adit_ip *ip); /* host order */

bool adit_ip_eq(const struct adit_ip *a, const struct adit_ip *b);
bool adit_addr_eq(const struct adit_addr *a, const struct adit_addr *b);

/* ip + n, wrapping; for pools. */
struct adit_ip adit_ip_add(struct adit_ip ip, uint32_t n);

/* "192.0.2.1", "2001:db8::1". ADIT_E_MALFORMED if it is neither. */
ADIT_MUST_USE adit_err adit_ip_parse(const char *s, struct adit_ip *out);

/* "2001:db8::/64", "10.0.0.0/8"; host bits may be set. */
ADIT_MUST_USE adit_err adit_prefix_parse(const char *s, struct adit_prefix *out);

/* Dotted netmask to prefix length; false if the ones are not contiguous. */
bool adit_netmask_bits(const struct adit_ip *mask, uint8_t *bits);
struct adit_ip adit_netmask_of(uint8_t bits); /* v4 */

bool adit_prefix_has(const struct adit_prefix *p, const struct adit_ip *ip);

/* The prefix with its host bits cleared. */
struct adit_prefix adit_prefix_masked(struct adit_prefix p);

/* All write into dst (ADIT_*_STR_MAX bytes) and return it. */
const char *adit_ip_str(const struct adit_ip *ip, char *dst, size_t cap);

/* OpenVPN's form: "192.0.2.1:1194", "2001:db8::1:1194" (no brackets). */
const char *adit_addr_str(const struct adit_addr *a, char *dst, size_t cap);

#endif
