/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `gremlin`: faults on purpose (plane/fault.h), at the places where packets come from a link and go to it.
 *
 * A datagram may be lost, damaged, doubled, or held back in a bounded queue; what is held names its link and
 * peer, and dies with them. A stream would not survive any of that but time: it is not read, or not written,
 * for as long as its bytes are on the way or the link is cut, and loses nothing. The fates are drawn in the
 * order of the packets of one direction, all links together, so that a new link does not begin anew.
 */
#include "linux/userplane_parts.h"

#include <stdio.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/mem.h"
#include "plane/fault.h"

enum {
    HELD_MAX = 4096,
    HELD_BYTES_MAX = 16 * 1024 * 1024,
    SLOTS_MIN = 64,
    NO_SLOT = UINT32_MAX >> 1,
};

/* A packet in a slot, or (slot NO_SLOT) a stream that waits. */
struct held {
    uint64_t due_ns, order; /* order: of those due at the same time */
    enum adit_up_way way;
    int link_name;
    uint32_t link_serial, slot;
};

struct slot {
    struct adit_addr remote, local;
    adit_peer peer; /* ADIT_NO_PEER: of nobody */
    size_t n;
    uint32_t next_free;
};

struct adit_up_gremlin {
    struct adit_fault datagrams[ADIT_UP_WAYS], streams[ADIT_UP_WAYS];
    struct held *heap; /* the next one due first */
    uint32_t n, cap;
    struct slot *slots;
    uint8_t *room; /* of the slots, packet_cap bytes each */
    uint32_t n_slots, free_slot;
    uint64_t order, n_overrun;
    int timer_fd;
    uint64_t armed_ns;
};

/* A datagram at the door. */
struct crossing {
    enum adit_up_way way;
    struct adit_up_link *link;
    struct adit_up_peer *peer; /* NULL: of nobody */
    uint8_t *b;
    size_t n;
    const struct adit_addr *remote, *local;
};

/* ---- what waits ---- */

static bool is_before(const struct held *a, const struct held *b)
{
    return a->due_ns != b->due_ns ? a->due_ns < b->due_ns : a->order < b->order;
}

static bool push(struct adit_up_gremlin *g, struct held h)
{
    uint32_t at = g->n;

    if (g->n == g->cap)
        return false;
    h.order = g->order++;
    g->n++;
    for (; at > 0 && is_before(&h, &g->heap[(at - 1) / 2]); at = (at - 1) / 2)
        g->heap[at] = g->heap[(at - 1) / 2];
    g->heap[at] = h;
    return true;
}

static struct held pop(struct adit_up_gremlin *g)
{
    struct held first = g->heap[0], last = g->heap[--g->n];
    uint32_t at = 0, child;

    while ((child = 2 * at + 1) < g->n) {
        if (child + 1 < g->n && is_before(&g->heap[child + 1], &g->heap[child]))
            child++;
        if (!is_before(&g->heap[child], &last))
            break;
        g->heap[at] = g->heap[child];
        at = child;
    }
    g->heap[at] = last;
    return first;
}

static uint8_t *room_of(const struct adit_up_worker *w, uint32_t slot)
{
    return w->gremlin->room + slot * w->packet_cap;
}

/* A packet for which there is no room is lost, as in any queue of a network. */
static void hold(struct adit_up_worker *w, const struct crossing *c, uint64_t delay_ns)
{
    struct adit_up_gremlin *g = w->gremlin;
    uint32_t at = g->free_slot;
    struct held h = {
        .due_ns = w->now.mono_ns + delay_ns,
        .way = c->way,
        .link_name = c->link->name,
        .link_serial = c->link->serial,
        .slot = at,
    };

    if (at == NO_SLOT || c->n > w->packet_cap || !push(g, h)) {
        g->n_overrun++;
        adit_up_drop(w, c->peer, ADIT_E_QUEUE);
        return;
    }
    g->free_slot = g->slots[at].next_free;
    g->slots[at] = (struct slot){
        .remote = *c->remote,
        .local = *c->local,
        .peer = c->peer ? c->peer->spec.peer : ADIT_NO_PEER,
        .n = c->n,
    };
    memcpy(room_of(w, at), c->b, c->n);
}

/* ---- datagrams ---- */

/* True: the packet, damaged perhaps, goes on now. */
static bool pass(struct adit_up_worker *w, struct crossing *c)
{
    struct adit_fault *f = &w->gremlin->datagrams[c->way];
    struct adit_fault_fate fate = adit_fault_judge(f, w->now.mono_ns);
    bool goes_on = false;

    if (fate.kind != ADIT_FATE_PASS) {
        adit_up_drop(w, c->peer, ADIT_E_GREMLIN);
        return false;
    }
    if (fate.is_corrupt && c->n > 0)
        c->n = adit_fault_corrupt(f, c->b, c->n);
    for (unsigned i = 0; i < fate.copies; i++) {
        if (fate.delay_ns[i] == 0 && !goes_on)
            goes_on = true;
        else
            hold(w, c, fate.delay_ns[i]);
    }
    return goes_on;
}

bool adit_up_gremlin_rx(struct adit_up_worker *w, struct adit_up_link *link, adit_up_span *packet,
                        const struct adit_addr *remote, const struct adit_addr *local)
{
    struct crossing c = {
        .way = ADIT_UP_RX,
        .link = link,
        .peer = w->params.is_single_peer ? w->only : NULL,
        .b = packet->b,
        .n = packet->n,
        .remote = remote,
        .local = local,
    };
    bool goes_on = pass(w, &c);

    packet->n = c.n;
    return goes_on;
}

bool adit_up_gremlin_tx(struct adit_up_worker *w, size_t *n, const struct adit_up_dest *to)
{
    struct crossing c = {
        .way = ADIT_UP_TX,
        .link = to->link,
        .peer = to->peer,
        .b = adit_up_dgram_claim(w),
        .n = *n,
        .remote = to->remote,
        .local = to->local,
    };
    bool goes_on = pass(w, &c);

    *n = c.n;
    return goes_on;
}

/* False: its peer has gone meanwhile. */
static bool send_held(struct adit_up_worker *w, struct adit_up_link *link, uint32_t at)
{
    const struct slot *s = &w->gremlin->slots[at];
    struct adit_up_peer *peer = s->peer == ADIT_NO_PEER ? NULL : adit_up_peer_find(w, s->peer);

    if (!peer && s->peer != ADIT_NO_PEER)
        return false;
    memcpy(adit_up_dgram_claim(w), room_of(w, at), s->n);
    adit_up_dgram_put(w, s->n, &(struct adit_up_dest){link, peer, &s->remote, &s->local});
    return true;
}

static void receive_held(struct adit_up_worker *w, struct adit_up_link *link, uint32_t at)
{
    const struct slot *s = &w->gremlin->slots[at];

    adit_up_packet_rx(w, link, room_of(w, at), s->n, &s->remote, &s->local);
    adit_up_device_flush(w); /* the slot is used again */
}

static void let_packet_go(struct adit_up_worker *w, struct adit_up_link *link, const struct held *h)
{
    struct adit_up_gremlin *g = w->gremlin;
    struct slot *s = &g->slots[h->slot];
    bool is_lost = !link;

    if (link && h->way == ADIT_UP_RX)
        receive_held(w, link, h->slot);
    else if (link)
        is_lost = !send_held(w, link, h->slot);
    if (is_lost)
        adit_up_drop(w, NULL, ADIT_E_GREMLIN);
    s->next_free = g->free_slot;
    g->free_slot = h->slot;
}

/* ---- streams ---- */

bool adit_up_gremlin_stalls(struct adit_up_worker *w, struct adit_up_link *link, enum adit_up_way way)
{
    struct adit_up_gremlin *g = w->gremlin;
    struct adit_fault *f = &g->streams[way];
    struct adit_up_stall *s = &link->stalls[way];
    struct held h = {.way = way, .link_name = link->name, .link_serial = link->serial, .slot = NO_SLOT};
    struct adit_fault_fate fate;
    uint64_t wait_ns;

    if (s->is_over) {
        s->is_over = false;
        return false;
    }
    if (s->is_held)
        return true;
    fate = adit_fault_judge(f, w->now.mono_ns);
    wait_ns = fate.kind == ADIT_FATE_CUT ? adit_fault_cut_left(f, w->now.mono_ns) : fate.delay_ns[0];
    h.due_ns = w->now.mono_ns + wait_ns;
    if (wait_ns == 0 || !push(g, h))
        return false;
    s->is_held = true;
    if (adit_up_worker_watch(w, link))
        adit_up_link_end(w, link);
    return true;
}

static void let_stream_go(struct adit_up_worker *w, struct adit_up_link *link, struct held h)
{
    struct adit_up_gremlin *g = w->gremlin;
    uint64_t left_ns = adit_fault_cut_left(&g->streams[h.way], w->now.mono_ns);

    if (!link || link->is_down)
        return;
    h.due_ns = w->now.mono_ns + left_ns;
    if (left_ns > 0 && push(g, h))
        return;
    link->stalls[h.way] = (struct adit_up_stall){.is_over = true};
    if (adit_up_worker_watch(w, link)) {
        adit_up_link_end(w, link);
        return;
    }
    /* What there is to read is told by the descriptor. */
    if (h.way == ADIT_UP_TX)
        adit_up_stream_flush(w, link);
}

/* ---- the turn ---- */

static struct adit_up_link *link_of(const struct adit_up_worker *w, const struct held *h)
{
    struct adit_up_link *link = adit_up_link_find(w, h->link_name);

    return link && link->serial == h->link_serial ? link : NULL;
}

static void arm(struct adit_up_gremlin *g)
{
    uint64_t due_ns = g->n > 0 ? g->heap[0].due_ns : ADIT_NEVER;
    struct itimerspec t = {
        .it_value.tv_sec = (time_t)(due_ns / ADIT_NS_PER_S),
        .it_value.tv_nsec = (long)(due_ns % ADIT_NS_PER_S),
    };

    if (due_ns < g->armed_ns && timerfd_settime(g->timer_fd, TFD_TIMER_ABSTIME, &t, NULL) == 0)
        g->armed_ns = due_ns;
}

void adit_up_gremlin_turn(struct adit_up_worker *w)
{
    struct adit_up_gremlin *g = w->gremlin;
    uint64_t count;

    if (g->armed_ns <= w->now.mono_ns) {
        (void)!read(g->timer_fd, &count, sizeof count);
        g->armed_ns = ADIT_NEVER;
    }
    while (g->n > 0 && g->heap[0].due_ns <= w->now.mono_ns) {
        struct held h = pop(g);
        struct adit_up_link *link = link_of(w, &h);

        if (h.slot == NO_SLOT)
            let_stream_go(w, link, h);
        else
            let_packet_go(w, link, &h);
    }
    arm(g);
}

/* ---- life ---- */

static adit_err make_rooms(struct adit_up_gremlin *g, size_t packet_cap)
{
    size_t n = HELD_BYTES_MAX / packet_cap;

    n = n > HELD_MAX ? HELD_MAX : n < SLOTS_MIN ? SLOTS_MIN : n;
    g->n_slots = (uint32_t)n;
    g->cap = 2 * g->n_slots; /* streams that wait need no slot */
    g->heap = adit_alloc(g->cap * sizeof *g->heap);
    g->slots = adit_alloc(n * sizeof *g->slots);
    g->room = adit_alloc(n * packet_cap);
    if (!g->heap || !g->slots || !g->room)
        return ADIT_E_MEMORY;
    g->free_slot = NO_SLOT;
    for (uint32_t i = g->n_slots; i-- > 0; g->free_slot = i)
        g->slots[i].next_free = g->free_slot;
    return ADIT_OK;
}

static void init_faults(struct adit_up_gremlin *g, const struct adit_userplane_params *p, uint64_t now_ns)
{
    struct adit_fault_spec of_streams = *p->faults;

    of_streams.loss_ppm = of_streams.burst_ppm = of_streams.dup_ppm = of_streams.corrupt_ppm = 0;
    for (unsigned way = 0; way < ADIT_UP_WAYS; way++) {
        adit_fault_init(&g->datagrams[way], p->faults, p->fault_seed * 4 + way, now_ns);
        adit_fault_init(&g->streams[way], &of_streams, p->fault_seed * 4 + ADIT_UP_WAYS + way, now_ns);
    }
}

adit_err adit_up_gremlin_new(struct adit_up_worker *w, int *timer_fd)
{
    struct adit_up_gremlin *g = adit_alloc(sizeof *g);

    if (!g)
        return ADIT_E_MEMORY;
    w->gremlin = g;
    g->armed_ns = ADIT_NEVER;
    g->timer_fd = *timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (g->timer_fd < 0)
        return ADIT_E_OS;
    init_faults(g, &w->params, adit_up_mono_ns());
    return make_rooms(g, w->packet_cap);
}

static void report_way(const struct adit_log *log, const struct adit_fault *f, const char *what)
{
    if (f->n_seen > 0)
        adit_note(
            log, NULL,
            "gremlin: of %llu %s: %llu lost, %llu met a cut link, %llu doubled, %llu damaged, %llu late",
            (unsigned long long)f->n_seen, what, (unsigned long long)f->n_lost, (unsigned long long)f->n_cut,
            (unsigned long long)f->n_doubled, (unsigned long long)f->n_corrupt,
            (unsigned long long)f->n_late);
}

void adit_up_gremlin_report(const struct adit_up_worker *w)
{
    const struct adit_up_gremlin *g = w->gremlin;
    const struct adit_log *log = &w->params.env->log;

    report_way(log, &g->datagrams[ADIT_UP_RX], "packets in");
    report_way(log, &g->datagrams[ADIT_UP_TX], "packets out");
    report_way(log, &g->streams[ADIT_UP_RX], "readings of streams");
    report_way(log, &g->streams[ADIT_UP_TX], "writings to streams");
    if (g->n_overrun > 0)
        adit_note(log, NULL, "gremlin: %llu packets found no room to wait, and were lost",
                  (unsigned long long)g->n_overrun);
}

void adit_up_gremlin_free(struct adit_up_worker *w)
{
    struct adit_up_gremlin *g = w->gremlin;

    if (!g)
        return;
    if (g->timer_fd >= 0)
        close(g->timer_fd);
    adit_free(g->heap);
    adit_free(g->slots);
    adit_free(g->room);
    adit_free(g);
    w->gremlin = NULL;
}
