/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's header and a packet: taken apart in place, it must give what the slow way gives. */
#include <stdlib.h>
#include <string.h>

#include "../unit/plane/plain_segment.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check(bool is_right)
{
    if (!is_right)
        abort();
}

static void take_apart(const uint8_t *packet, size_t n, const struct adit_offload *o)
{
    static uint8_t want[PLAIN_PACKET_MAX];
    struct adit_segments s;
    struct plain plain;
    uint8_t *b = malloc(n > 0 ? n : 1), *got; /* an exact block, so that a sanitizer sees a byte too far */
    adit_err e = plain_begin(&plain, packet, n, o);
    size_t len;

    check(b != NULL);
    if (n > 0)
        memcpy(b, packet, n);
    check(adit_segments_begin(&s, b, n, o) == e);
    for (size_t k = 0; !e && k < plain.count; k++) {
        size_t want_n = plain_packet(&plain, k, want);

        check(adit_segments_next(&s, &got, &len));
        check(len == want_n && (len == 0 || memcmp(got, want, len) == 0));
    }
    check(e || !adit_segments_next(&s, &got, &len));
    free(b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    uint8_t again[ADIT_VNET_LEN];
    struct adit_offload o, back;
    bool is_v6;

    if (n > ADIT_VNET_LEN + 65600 || adit_vnet_read(adit_bytes_of(data, n), &o) != ADIT_OK)
        return 0;
    is_v6 = (data[1] & 0x7F) == 4;
    adit_vnet_write(&o, is_v6, again);
    check(adit_vnet_read(adit_bytes_of(again, sizeof again), &back) == ADIT_OK);
    check(back.gso == o.gso && back.needs_csum == o.needs_csum && back.has_cwr == o.has_cwr &&
          back.segment == o.segment && back.head_len == o.head_len && back.csum_start == o.csum_start &&
          back.csum_at == o.csum_at);
    take_apart(data + ADIT_VNET_LEN, n - ADIT_VNET_LEN, &o);
    return 0;
}
