/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TCP framing: a u16 length before each packet, in both directions. Protocol text: 1.2.
 *
 * The reader keeps an incomplete packet between calls in a buffer of the caller. Usage: write new bytes to
 * adit_stream_space(), tell how many with adit_stream_filled(), then take packets until there is none.
 */
#ifndef ADIT_WIRE_STREAM_H
#define ADIT_WIRE_STREAM_H

#include "base/bytes.h"

enum {
    ADIT_STREAM_HEAD_LEN = 2,
};

struct adit_stream {
    uint8_t *buf;
    size_t cap;        /* at least ADIT_STREAM_HEAD_LEN + packet_max */
    size_t packet_max; /* a longer packet makes the stream unusable */
    size_t start, end; /* bytes not yet taken: buf[start..end) */
};

void adit_stream_init(struct adit_stream *s, uint8_t *buf, size_t cap, size_t packet_max);

/* Where to put received bytes (moves a partial packet to the front first). Invalidates packets taken before.
 */
uint8_t *adit_stream_space(struct adit_stream *s, size_t *room);
void adit_stream_filled(struct adit_stream *s, size_t n);

/*
 * The next whole packet, writable and lent until the next adit_stream_space(): *packet NULL if there is none
 * yet. ADIT_E_MALFORMED: a length of 0 or above packet_max; the connection must be closed.
 */
ADIT_MUST_USE adit_err adit_stream_next(struct adit_stream *s, uint8_t **packet, size_t *n);

static inline void adit_stream_head(uint8_t head[ADIT_STREAM_HEAD_LEN], size_t packet_len)
{
    head[0] = (uint8_t)(packet_len >> 8);
    head[1] = (uint8_t)packet_len;
}

#endif
