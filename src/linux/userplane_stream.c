/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TCP streams. Reading: one large buffer of the worker for all, in which packets are found and opened in
 * place; a stream keeps only the beginning of an unfinished packet. Writing: frames are built where they
 * wait, and go out once per turn; data packets are dropped when too much waits, control packets never, up to
 * a hard bound at which the stream is given up. Protocol text: 1.2.
 */
#include "linux/userplane_parts.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/mem.h"

enum {
    OUT_FIRST = 16 * 1024,
};

/* Takes the whole packets that have arrived. False: the stream is over, or was deleted by a command. */
static bool take_packets(struct adit_up_worker *w, struct adit_up_link *link, struct adit_stream *s)
{
    const struct adit_addr none = {0};

    for (;;) {
        uint8_t *packet;
        size_t n;

        if (adit_stream_next(s, &packet, &n)) {
            adit_up_drop(w, link->peer, ADIT_E_MALFORMED);
            adit_up_link_end(w, link);
            return false;
        }
        if (!packet)
            return true;
        w->hauls.receives.packets++;
        if (!adit_up_packet_rx(w, link, packet, n, &none, &none)) {
            adit_up_link_end(w, link);
            return false;
        }
        if (link->fd < 0 || link->is_down)
            return false;
    }
}

/* Bytes read; 0: nothing more now, or the end (then the link is down). */
static size_t read_some(struct adit_up_worker *w, struct adit_up_link *link, uint8_t *dst, size_t room)
{
    ssize_t n = recv(link->fd, dst, room, MSG_DONTWAIT);

    if (n > 0) {
        adit_haul_add(&w->hauls.receives, 0, (uint64_t)n);
        return (size_t)n;
    }
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    adit_up_link_end(w, link);
    return 0;
}

void adit_up_stream_rx(struct adit_up_worker *w, struct adit_up_link *link)
{
    struct adit_stream s;
    size_t room, n, left = ADIT_UP_STREAM_READ;
    bool goes_on;
    uint8_t *dst;

    if (link->is_down || (w->gremlin && adit_up_gremlin_stalls(w, link, ADIT_UP_RX)))
        return;
    adit_stream_init(&s, w->stream_room, w->stream_room_cap, w->stream_packet_max);
    memcpy(adit_stream_space(&s, &room), link->rest, link->rest_n);
    adit_stream_filled(&s, link->rest_n);
    do {
        dst = adit_stream_space(&s, &room);
        room = room < left ? room : left;
        n = read_some(w, link, dst, room);
        if (n == 0)
            break;
        left -= n;
        adit_stream_filled(&s, n);
        goes_on = take_packets(w, link, &s);
        adit_up_device_flush(w); /* the buffer is used again */
        if (!goes_on)
            return;
    } while (n == room && left > 0);
    link->rest_n = s.end - s.start;
    memcpy(link->rest, s.buf + s.start, link->rest_n);
}

static bool make_room(struct adit_up_link *link, size_t n)
{
    size_t waiting = link->out_end - link->out_start, cap = link->out_cap > 0 ? link->out_cap : OUT_FIRST;
    uint8_t *fresh;

    if (link->out_cap - link->out_end >= n)
        return true;
    if (link->out_start > 0) {
        memmove(link->out, link->out + link->out_start, waiting);
        link->out_start = 0;
        link->out_end = waiting;
    }
    while (cap - waiting < n)
        cap *= 2;
    if (cap == link->out_cap)
        return true;
    fresh = adit_realloc(link->out, cap);
    if (!fresh)
        return false;
    link->out = fresh;
    link->out_cap = cap;
    return true;
}

uint8_t *adit_up_stream_claim(struct adit_up_link *link, size_t n, bool is_control)
{
    size_t waiting = link->out_end - link->out_start;

    if (waiting + n > (is_control ? ADIT_UP_BACKLOG_MAX : ADIT_UP_BACKLOG_DATA))
        return NULL;
    if (!make_room(link, ADIT_STREAM_HEAD_LEN + n))
        return NULL;
    return link->out + link->out_end + ADIT_STREAM_HEAD_LEN;
}

void adit_up_stream_commit(struct adit_up_worker *w, struct adit_up_link *link, size_t n)
{
    adit_stream_head(link->out + link->out_end, n);
    link->out_end += ADIT_STREAM_HEAD_LEN + n;
    link->out_frames++;
    if (link->is_dirty)
        return;
    link->is_dirty = true;
    link->next_dirty = w->dirty;
    w->dirty = link;
    if (link->peer)
        adit_up_tick_soon(w, link->peer); /* to free the buffer, if nothing follows */
}

/* EPOLLOUT only while something waits. */
static void watch_out(struct adit_up_worker *w, struct adit_up_link *link)
{
    bool wants_out = link->out_end > link->out_start;

    if (wants_out == link->wants_out)
        return;
    link->wants_out = wants_out;
    if (adit_up_worker_watch(w, link))
        adit_up_link_end(w, link);
}

void adit_up_stream_flush(struct adit_up_worker *w, struct adit_up_link *link)
{
    if (w->gremlin && link->out_start < link->out_end && adit_up_gremlin_stalls(w, link, ADIT_UP_TX))
        return;
    while (!link->is_down && link->out_start < link->out_end) {
        ssize_t n = send(link->fd, link->out + link->out_start, link->out_end - link->out_start,
                         MSG_DONTWAIT | MSG_NOSIGNAL);

        if (n > 0) {
            adit_haul_add(&w->hauls.sends, link->out_frames, (uint64_t)n);
            link->out_frames = 0;
            link->out_start += (size_t)n;
            continue;
        }
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            break;
        /* The other side is gone. Reading finds that out, too, after what it said last. */
        link->out_start = link->out_end;
    }
    if (link->out_start == link->out_end)
        link->out_start = link->out_end = 0;
    if (!link->is_down)
        watch_out(w, link);
}

void adit_up_stream_flush_dirty(struct adit_up_worker *w)
{
    while (w->dirty) {
        struct adit_up_link *link = w->dirty;

        w->dirty = link->next_dirty;
        link->is_dirty = false;
        adit_up_stream_flush(w, link);
    }
}
