/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TCP framing. Invariant: start <= end <= cap, and what lies in buf[start..end) begins with a length field.
 * Since cap has room for one whole packet, taking packets until there is none always leaves room to read
 * more. Protocol text: 1.2.
 */
#include "wire/stream.h"

#include <assert.h>
#include <string.h>

void adit_stream_init(struct adit_stream *s, uint8_t *buf, size_t cap, size_t packet_max)
{
    assert(packet_max > 0 && packet_max <= UINT16_MAX);
    assert(cap >= ADIT_STREAM_HEAD_LEN + packet_max);
    *s = (struct adit_stream){.buf = buf, .cap = cap, .packet_max = packet_max};
}

uint8_t *adit_stream_space(struct adit_stream *s, size_t *room)
{
    size_t kept = s->end - s->start;

    if (s->start > 0 && kept > 0)
        memmove(s->buf, s->buf + s->start, kept);
    s->start = 0;
    s->end = kept;
    *room = s->cap - kept;
    return s->buf + kept;
}

void adit_stream_filled(struct adit_stream *s, size_t n)
{
    assert(n <= s->cap - s->end);
    s->end += n;
}

adit_err adit_stream_next(struct adit_stream *s, uint8_t **packet, size_t *n)
{
    struct adit_rd r = adit_rd_of(adit_bytes_of(s->buf + s->start, s->end - s->start));
    size_t len = adit_rd_u16(&r);

    *packet = NULL;
    *n = 0;
    if (r.bad)
        return ADIT_OK;
    if (len == 0 || len > s->packet_max)
        return ADIT_E_MALFORMED;
    if (adit_rd_left(&r) < len)
        return ADIT_OK;
    *packet = s->buf + s->start + ADIT_STREAM_HEAD_LEN;
    *n = len;
    s->start += ADIT_STREAM_HEAD_LEN + len;
    return ADIT_OK;
}
