/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses, prefixes and masks as text, and the cleaning of a peer's text: what is read is printed and read
 * again as the same, and nothing that a terminal would obey comes through.
 */
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check(bool is_right)
{
    if (!is_right)
        abort();
}

static void read_ip(const char *text)
{
    char again[ADIT_IP_STR_MAX], addr[ADIT_ADDR_STR_MAX];
    struct adit_addr a = {.port = 65535};
    struct adit_ip ip;
    uint8_t bits;

    if (adit_ip_parse(text, &a.ip) != ADIT_OK)
        return;
    check(a.ip.family == ADIT_AF_V4 || a.ip.family == ADIT_AF_V6);
    check(adit_ip_parse(adit_ip_str(&a.ip, again, sizeof again), &ip) == ADIT_OK && adit_ip_eq(&ip, &a.ip));
    check(strncmp(adit_addr_str(&a, addr, sizeof addr), again, strlen(again)) == 0);
    if (adit_netmask_bits(&a.ip, &bits)) {
        struct adit_ip mask = adit_netmask_of(bits);

        check(bits <= 32 && adit_ip_eq(&mask, &a.ip));
    }
}

static void read_prefix(const char *text)
{
    struct adit_prefix p, masked, twice;

    if (adit_prefix_parse(text, &p) != ADIT_OK)
        return;
    check(p.bits <= (p.ip.family == ADIT_AF_V4 ? 32 : 128));
    masked = adit_prefix_masked(p);
    twice = adit_prefix_masked(masked);
    check(adit_ip_eq(&masked.ip, &twice.ip) && adit_prefix_has(&masked, &p.ip) &&
          adit_prefix_has(&p, &masked.ip));
    if (p.bits > 0) {
        masked.ip.b[(p.bits - 1) / 8] ^= (uint8_t)(0x80 >> (p.bits - 1) % 8);
        check(!adit_prefix_has(&p, &masked.ip));
    }
}

static void clean(adit_bytes text, size_t cap)
{
    char *dst = malloc(cap);
    size_t n;

    check(dst != NULL);
    adit_log_clean(text, dst, cap);
    n = strlen(dst);
    check(n == (text.n < cap - 1 ? text.n : cap - 1));
    for (size_t i = 0; i < n; i++)
        check(dst[i] == (char)text.p[i] ? dst[i] >= 0x20 && dst[i] < 0x7f : dst[i] == '_');
    free(dst);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char *text = malloc(n + 1);

    check(text != NULL);
    if (n > 0)
        memcpy(text, data, n);
    text[n] = '\0';
    read_ip(text);
    read_prefix(text);
    clean(adit_bytes_of(data, n), 1 + n / 2);
    clean(adit_bytes_of(data, n), n + 9);
    free(text);
    return 0;
}
