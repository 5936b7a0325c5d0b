/* SPDX-License-Identifier: Apache-2.0 */
#include "base/addr.h"

/* For inet_pton() and inet_ntop(), which are pure; no socket is made here. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

struct adit_ip adit_ip_v4(uint32_t h)
{
    return (struct adit_ip){
        .family = ADIT_AF_V4,
        .b = {(uint8_t)(h >> 24), (uint8_t)(h >> 16), (uint8_t)(h >> 8), (uint8_t)h},
    };
}

struct adit_ip adit_ip_v6(const uint8_t b[16])
{
    struct adit_ip ip = {.family = ADIT_AF_V6};

    memcpy(ip.b, b, sizeof ip.b);
    return ip;
}

uint32_t adit_ip_v4_host(const struct adit_ip *ip)
{
    return (uint32_t)ip->b[0] << 24 | (uint32_t)ip->b[1] << 16 | (uint32_t)ip->b[2] << 8 | ip->b[3];
}

bool adit_ip_eq(const struct adit_ip *a, const struct adit_ip *b)
{
    return a->family == b->family && memcmp(a->b, b->b, sizeof a->b) == 0;
}

bool adit_addr_eq(const struct adit_addr *a, const struct adit_addr *b)
{
    return a->port == b->port && a->scope == b->scope && adit_ip_eq(&a->ip, &b->ip);
}

struct adit_ip adit_ip_add(struct adit_ip ip, uint32_t n)
{
    int last = ip.family == ADIT_AF_V6 ? 15 : 3;
    uint64_t carry = n;

    for (int i = last; i >= 0 && carry > 0; i--) {
        carry += ip.b[i];
        ip.b[i] = (uint8_t)carry;
        carry >>= 8;
    }
    return ip;
}

adit_err adit_ip_parse(const char *s, struct adit_ip *out)
{
    struct adit_ip ip = {0};

    if (inet_pton(AF_INET, s, ip.b) == 1)
        ip.family = ADIT_AF_V4;
    else if (inet_pton(AF_INET6, s, ip.b) == 1)
        ip.family = ADIT_AF_V6;
    else
        return ADIT_E_MALFORMED;
    *out = ip;
    return ADIT_OK;
}

adit_err adit_prefix_parse(const char *s, struct adit_prefix *out)
{
    char host[ADIT_IP_STR_MAX];
    const char *slash = strchr(s, '/');
    unsigned bits = 0;
    struct adit_prefix p;

    if (!slash || slash[1] == '\0' || (size_t)(slash - s) >= sizeof host)
        return ADIT_E_MALFORMED;
    memcpy(host, s, (size_t)(slash - s));
    host[slash - s] = '\0';
    for (const char *d = slash + 1; *d; d++) {
        if (*d < '0' || *d > '9' || bits > 128)
            return ADIT_E_MALFORMED;
        bits = bits * 10 + (unsigned)(*d - '0');
    }
    if (adit_ip_parse(host, &p.ip) != ADIT_OK)
        return ADIT_E_MALFORMED;
    if (bits > (p.ip.family == ADIT_AF_V4 ? 32U : 128U))
        return ADIT_E_MALFORMED;
    p.bits = (uint8_t)bits;
    *out = p;
    return ADIT_OK;
}

bool adit_netmask_bits(const struct adit_ip *mask, uint8_t *bits)
{
    uint32_t inverted = ~adit_ip_v4_host(mask);
    uint8_t zeros = 0;

    if (mask->family != ADIT_AF_V4 || (inverted & (inverted + 1)) != 0)
        return false;
    for (; inverted; inverted >>= 1)
        zeros++;
    *bits = (uint8_t)(32 - zeros);
    return true;
}

struct adit_ip adit_netmask_of(uint8_t bits)
{
    return adit_ip_v4(bits == 0 ? 0 : ~0U << (32 - bits));
}

struct adit_prefix adit_prefix_masked(struct adit_prefix p)
{
    unsigned width = p.ip.family == ADIT_AF_V4 ? 32 : 128;

    for (unsigned bit = p.bits; bit < width; bit++)
        p.ip.b[bit / 8] &= (uint8_t) ~(0x80U >> bit % 8);
    return p;
}

bool adit_prefix_has(const struct adit_prefix *p, const struct adit_ip *ip)
{
    unsigned whole = p->bits / 8, rest = p->bits % 8;

    if (p->ip.family != ip->family || memcmp(p->ip.b, ip->b, whole) != 0)
        return false;
    return rest == 0 || (uint8_t)(p->ip.b[whole] ^ ip->b[whole]) >> (8 - rest) == 0;
}

const char *adit_ip_str(const struct adit_ip *ip, char *dst, size_t cap)
{
    int family = ip->family == ADIT_AF_V4 ? AF_INET : AF_INET6;

    if (ip->family == ADIT_AF_NONE || !inet_ntop(family, ip->b, dst, (socklen_t)cap))
        snprintf(dst, cap, "(none)");
    return dst;
}

const char *adit_addr_str(const struct adit_addr *a, char *dst, size_t cap)
{
    char ip[ADIT_IP_STR_MAX];

    snprintf(dst, cap, "%s:%u", adit_ip_str(&a->ip, ip, sizeof ip), a->port);
    return dst;
}
