/* SPDX-License-Identifier: Apache-2.0 */
/*
 * First two bytes: the MSS limit; the rest is a packet. Lowering must be idempotent, must not touch
 * addresses, and must leave the sum of all 16-bit words of the TCP segment as it was.
 */
#include <stdlib.h>
#include <string.h>

#include "wire/ip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Ones' complement sum from `at` to the end, where 0xffff and 0 are the same. */
static uint32_t sum_of(const uint8_t *p, size_t n, size_t at)
{
    uint32_t sum = 0;

    for (size_t i = at; i < n; i++)
        sum += (i - at) % 2 ? p[i] : (uint32_t)p[i] << 8;
    return sum % 0xFFFF;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct adit_ip_peek before, after;
    uint8_t *packet;
    uint16_t limit;
    adit_err e;

    if (n < 2 || n > 2048)
        return 0;
    limit = (uint16_t)(data[0] << 8 | data[1]);
    n -= 2;
    /* An exact block, so that a sanitizer sees a byte too far. */
    packet = malloc(n > 0 ? n : 1);
    if (!packet)
        return 0;
    memcpy(packet, data + 2, n);
    e = adit_ip_peek(adit_bytes_of(packet, n), &before);
    if (adit_mss_lower(packet, n, limit, limit)) {
        size_t tcp = packet[0] >> 4 == 4 ? (size_t)(packet[0] & 15) * 4 : 40;

        if (e != ADIT_OK || adit_ip_peek(adit_bytes_of(packet, n), &after) != ADIT_OK)
            abort();
        if (!adit_ip_eq(&before.src, &after.src) || !adit_ip_eq(&before.dst, &after.dst))
            abort();
        if (sum_of(packet, n, tcp) != sum_of(data + 2, n, tcp))
            abort();
        if (adit_mss_lower(packet, n, limit, limit))
            abort();
    } else if (memcmp(packet, data + 2, n) != 0) {
        abort();
    }
    free(packet);
    return 0;
}
