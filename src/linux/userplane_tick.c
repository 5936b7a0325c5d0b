/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Once a second, while there are peers: keepalive, silence, the notes that did not fit, idle streams'
 * buffers. Peers wait in a wheel (plane/wheel.h) and are looked at when their time has come, not each second.
 * A packet does not move its peer in the wheel, because it only makes deadlines later: the peer is looked at
 * too early then, and put back. Whatever makes a deadline earlier says so, by adit_up_tick_arm() or
 * adit_up_tick_soon().
 *
 * The ticks of a worker are a second apart; what is due in between is done by the tick after it. A ping's
 * deadline is half a second early, so that it is the nearest tick's.
 */
#include "linux/userplane_parts.h"

#include <stddef.h>
#include <sys/timerfd.h>

#include "base/mem.h"

#define peer_of_tick(node) ((struct adit_up_peer *)((char *)(node)-offsetof(struct adit_up_peer, by_tick)))
#define link_of_name(node) ((struct adit_up_link *)((char *)(node)-offsetof(struct adit_up_link, by_name)))

/* ---- the timer ---- */

static uint64_t tick_now(const struct adit_up_worker *w)
{
    return (w->now.mono_ns - w->tick_base_ns) / ADIT_NS_PER_S;
}

void adit_up_tick_start(struct adit_up_worker *w)
{
    struct itimerspec t = {.it_interval.tv_sec = 1};
    uint64_t first_ns;

    if (w->is_ticking)
        return;
    if (w->wheel.n == 0) {
        adit_wheel_init(&w->wheel, 0);
        w->tick_base_ns = w->now.mono_ns;
    }
    first_ns = w->tick_base_ns + (tick_now(w) + 1) * ADIT_NS_PER_S;
    t.it_value.tv_sec = (time_t)(first_ns / ADIT_NS_PER_S);
    t.it_value.tv_nsec = (long)(first_ns % ADIT_NS_PER_S);
    w->is_ticking = timerfd_settime(w->timer_fd, TFD_TIMER_ABSTIME, &t, NULL) == 0;
}

void adit_up_tick_stop(struct adit_up_worker *w)
{
    const struct itimerspec none = {0};

    w->is_ticking = false;
    timerfd_settime(w->timer_fd, 0, &none, NULL);
}

/* ---- deadlines ---- */

static uint64_t ping_due(const struct adit_up_worker *w, const struct adit_up_peer *p)
{
    if (!w->does_out || p->spec.ping_s == 0 || !p->tx.has_current)
        return ADIT_NEVER;
    return p->tx_ns + p->spec.ping_s * ADIT_NS_PER_S - ADIT_NS_PER_S / 2;
}

static uint64_t silence_due(const struct adit_up_worker *w, const struct adit_up_peer *p)
{
    if (!w->does_in || p->spec.silent_s == 0)
        return ADIT_NEVER;
    return p->rx_ns + p->spec.silent_s * ADIT_NS_PER_S;
}

/* The first tick that is not before. */
static uint64_t tick_of(const struct adit_up_worker *w, uint64_t due_ns)
{
    return due_ns <= w->tick_base_ns ? 0 : (due_ns - w->tick_base_ns + ADIT_NS_PER_S - 1) / ADIT_NS_PER_S;
}

static bool is_wanted_each_second(const struct adit_up_peer *p)
{
    return p->owes_float || p->owes_exit || (p->link && p->link->is_stream && p->link->out);
}

void adit_up_tick_arm(struct adit_up_worker *w, struct adit_up_peer *p)
{
    uint64_t due_ns = is_wanted_each_second(p) ? 0 : adit_earlier(ping_due(w, p), silence_due(w, p));

    if (due_ns == ADIT_NEVER)
        adit_wheel_del(&w->wheel, &p->by_tick);
    else
        adit_wheel_put(&w->wheel, &p->by_tick, tick_of(w, due_ns));
}

void adit_up_tick_soon(struct adit_up_worker *w, struct adit_up_peer *p)
{
    if (!adit_wheel_has(&p->by_tick) || p->by_tick.tick > w->wheel.now + 1)
        adit_wheel_put(&w->wheel, &p->by_tick, w->wheel.now + 1);
}

/* ---- the tick ---- */

static void pay_notes(struct adit_up_worker *w, struct adit_up_peer *p)
{
    if (p->owes_float && p->link)
        p->owes_float = !adit_up_note_moved(w, ADIT_NOTE_PEER_FLOATED, p, p->link, &p->remote, ADIT_NO_PEER);
    if (p->owes_exit)
        p->owes_exit = !adit_up_note_plain(w, ADIT_NOTE_PEER_EXIT, p->spec.peer);
}

static void visit(struct adit_up_worker *w, struct adit_up_peer *p)
{
    pay_notes(w, p);
    if (w->now.mono_ns >= ping_due(w, p))
        adit_up_send(w, p, adit_bytes_of(adit_ping_payload, sizeof adit_ping_payload), false);
    if (w->now.mono_ns >= silence_due(w, p))
        adit_up_note_plain(w, ADIT_NOTE_PEER_SILENT, p->spec.peer);
    if (p->link && p->link->is_stream && p->link->out_end == 0) {
        adit_free(p->link->out);
        p->link->out = NULL;
        p->link->out_cap = 0;
    }
    adit_up_tick_arm(w, p);
}

static void pay_links(struct adit_up_worker *w)
{
    w->owes_links = false;
    for (uint32_t i = 0; i < w->links.n_buckets; i++) {
        for (struct adit_up_node *n = w->links.buckets[i]; n; n = n->next) {
            struct adit_up_link *link = link_of_name(n);

            if (link->owes_down)
                link->owes_down = !adit_up_note_link_down(w, link->name);
            w->owes_links |= link->owes_down;
        }
    }
}

void adit_up_tick(struct adit_up_worker *w)
{
    struct adit_wheel_node *node;

    adit_wheel_turn(&w->wheel, tick_now(w));
    while ((node = adit_wheel_next(&w->wheel)))
        visit(w, peer_of_tick(node));
    adit_up_merge_again(w);
    if (w->owes_links)
        pay_links(w);
}
