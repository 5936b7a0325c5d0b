/* SPDX-License-Identifier: Apache-2.0 */
/*
 * First byte: how many bytes come at a time; the rest is the stream. The packets must be those that one finds
 * in the whole stream at once.
 */
#include <stdlib.h>
#include <string.h>

#include "wire/stream.h"

enum {
    PACKET_MAX = 600,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Compares a packet with what stands at the reader's place in the stream. */
static void check(struct adit_rd *whole, const uint8_t *packet, size_t n)
{
    size_t want = adit_rd_u16(whole);

    if (want != n || !adit_bytes_eq(adit_rd_take(whole, want), adit_bytes_of(packet, n)))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    uint8_t buf[ADIT_STREAM_HEAD_LEN + PACKET_MAX], *packet;
    size_t segment, at = 1, len;
    struct adit_rd whole;
    struct adit_stream s;
    uint16_t next;

    if (n == 0)
        return 0;
    segment = 1U + data[0];
    whole = adit_rd_of(adit_bytes_of(data + 1, n - 1));
    adit_stream_init(&s, buf, sizeof buf, PACKET_MAX);
    while (at < n) {
        size_t room;
        uint8_t *space = adit_stream_space(&s, &room);

        if (room == 0)
            abort();
        len = n - at < segment ? n - at : segment;
        len = len < room ? len : room;
        memcpy(space, data + at, len);
        adit_stream_filled(&s, len);
        at += len;
        for (;;) {
            if (adit_stream_next(&s, &packet, &len) != ADIT_OK) {
                next = adit_rd_u16(&whole);
                if (next != 0 && next <= PACKET_MAX)
                    abort();
                return 0;
            }
            if (!packet)
                break;
            check(&whole, packet, len);
        }
    }
    /* What is left over must be less than a packet. */
    next = adit_rd_u16(&whole);
    if (!whole.bad && adit_rd_left(&whole) >= next)
        abort();
    return 0;
}
