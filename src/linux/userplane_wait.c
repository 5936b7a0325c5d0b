/* SPDX-License-Identifier: Apache-2.0 */
/* Between two turns: how the last one went; sleep, or with `adit-busy-poll` look for work for a while before
 * (plane/linger.h). */
#include "linux/userplane_parts.h"

#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>

enum {
    SHORT_MAX = 2,    /* packets in a short turn: one that came, and its answer */
    PAUSE_NS = 50000, /* longer than a short turn takes */
};

uint64_t adit_up_mono_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * ADIT_NS_PER_S + (uint64_t)t.tv_nsec;
}

/* Was the core taken from this thread since it was last asked? */
static bool is_core_wanted(struct adit_up_worker *w)
{
    struct rusage use;
    long before = w->n_preempted;

    if (getrusage(RUSAGE_THREAD, &use) != 0)
        return false;
    w->n_preempted = use.ru_nivcsw;
    return use.ru_nivcsw != before;
}

static int look_until(struct adit_up_worker *w, struct epoll_event *events, int max, uint64_t end_ns)
{
    int n;

    do
        n = epoll_wait(w->epoll_fd, events, max, 0);
    while (n == 0 && adit_up_mono_ns() < end_ns);
    if (is_core_wanted(w))
        adit_linger_rest(&w->linger, end_ns);
    return n;
}

int adit_up_wait(struct adit_up_worker *w, struct epoll_event *events, int max)
{
    uint64_t start, window;
    int n = 0;

    if (w->linger.max_ns == 0)
        return epoll_wait(w->epoll_fd, events, max, -1);
    start = adit_up_mono_ns();
    window = adit_linger_window(&w->linger, start);
    if (window > 0)
        n = look_until(w, events, max, start + window);
    if (n == 0)
        n = epoll_wait(w->epoll_fd, events, max, -1);
    adit_linger_learn(&w->linger, adit_up_mono_ns() - start);
    return n;
}

void adit_up_pace_begin(struct adit_up_worker *w, bool has_device)
{
    struct adit_up_pace *p = &w->pace;

    if (p->is_quiet && p->has_written && has_device && w->now.mono_ns - p->turn_ns < PAUSE_NS)
        p->is_answered = true;
    p->is_quiet = p->was_short && w->now.mono_ns - p->turn_ns >= PAUSE_NS;
    p->turn_ns = w->now.mono_ns;
}

void adit_up_pace_end(struct adit_up_worker *w)
{
    const struct adit_hauls *h = &w->hauls;
    struct adit_up_pace *p = &w->pace;
    uint64_t all = h->sends.packets + h->receives.packets, packets = all - p->packets;

    if (w->linger.max_ns > 0)
        adit_linger_turn(&w->linger, w->now.mono_ns, packets,
                         h->sends.calls != p->sends ? ADIT_LINGER_AFTER_SENDING : ADIT_LINGER_AFTER_OTHER);
    p->was_short = packets <= SHORT_MAX;
    p->has_written = h->writes.calls != p->writes;
    p->packets = all;
    p->sends = h->sends.calls;
    p->writes = h->writes.calls;
}
