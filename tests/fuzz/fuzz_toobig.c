/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two bytes of MTU and a packet. An answer is a sound packet that is itself never answered; fragments fit,
 * follow one another, and hold the packet's payload.
 */
#include <stdlib.h>
#include <string.h>

#include "plane/toobig.h"
#include "wire/csum.h"
#include "wire/ip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check(bool is_right)
{
    if (!is_right)
        abort();
}

static void check_answer(const uint8_t *answer, size_t n, const struct adit_ip_peek *asked)
{
    uint8_t again[ADIT_TOO_BIG_LEN_MAX];
    struct adit_ip_peek peek;
    bool is_v4 = answer[0] >> 4 == 4;
    size_t head = is_v4 ? 20 : 40;
    uint64_t sum = is_v4 ? 0 : adit_csum_pseudo(answer, 58, n - head);

    check(n > head && n <= ADIT_TOO_BIG_LEN_MAX && !adit_ip_peek(adit_bytes_of(answer, n), &peek));
    check(adit_ip_eq(&peek.src, &asked->dst) && adit_ip_eq(&peek.dst, &asked->src));
    check(adit_csum_fold(adit_csum_add(sum, answer + head, n - head)) == 0xFFFF);
    check(!is_v4 || adit_csum_fold(adit_csum_add(0, answer, head)) == 0xFFFF);
    check(adit_too_big_answer(adit_bytes_of(answer, n), 0, &peek.dst, again) == 0);
}

static void check_fragments(const uint8_t *packet, size_t n, size_t mtu)
{
    uint8_t *work = malloc(n > 0 ? n : 1), *b;
    size_t len, at = 0, count = 0;
    struct adit_fragments f;

    check(work != NULL);
    if (n > 0)
        memcpy(work, packet, n);
    if (adit_fragments_begin(&f, work, n, mtu)) {
        for (at = f.head_len; adit_fragments_next(&f, &b, &len); count++) {
            check(len > f.head_len && len <= mtu && b >= work && b + len <= work + n);
            check(memcmp(b + f.head_len, packet + at, len - f.head_len) == 0);
            check(adit_csum_fold(adit_csum_add(0, b, f.head_len)) == 0xFFFF);
            at += len - f.head_len;
        }
        check(at == f.n && count > 0);
    }
    free(work);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    uint8_t answer[ADIT_TOO_BIG_LEN_MAX];
    struct adit_ip_peek peek;
    size_t mtu, len;
    adit_bytes packet;

    if (n < 2 || n > 65537)
        return 0;
    mtu = (size_t)(data[0] << 8 | data[1]);
    packet = adit_bytes_of(data + 2, n - 2);
    check_fragments(packet.p, packet.n, mtu);
    if (adit_ip_peek(packet, &peek))
        return 0;
    len = adit_too_big_answer(packet, mtu, &peek.dst, answer);
    check(len == 0 || packet.n > mtu);
    if (len > 0)
        check_answer(answer, len, &peek);
    return 0;
}
