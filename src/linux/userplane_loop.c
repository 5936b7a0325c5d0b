/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The worker's turn: wait, read the clocks once, execute commands, serve what is ready within bounds, send
 * what was collected, tell policy, bury the dead.
 */
#include "linux/userplane_parts.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"

#define link_of_name(node) ((struct adit_up_link *)((char *)(node)-offsetof(struct adit_up_link, by_name)))

enum {
    EVENTS = 64,
    CTRL_LEN_MIN = 2248, /* what a stream must accept whatever the MTU (1.2) */
};

/* What an epoll event is about; links are named, not pointed to, because they may be gone when it is served.
 */
enum source {
    FROM_COMMANDS,
    FROM_TIMER,
    FROM_DEVICE,
    FROM_LINK,
    FROM_GREMLIN,
};

static uint64_t tag(enum source s, int name)
{
    return (uint64_t)s << 32 | (uint32_t)name;
}

static adit_err watch(struct adit_up_worker *w, int fd, enum source s)
{
    struct epoll_event e = {.events = EPOLLIN, .data.u64 = tag(s, 0)};

    return epoll_ctl(w->epoll_fd, EPOLL_CTL_ADD, fd, &e) == 0 ? ADIT_OK : ADIT_E_OS;
}

adit_err adit_up_worker_watch(struct adit_up_worker *w, struct adit_up_link *link)
{
    bool reads = w->does_in && !link->is_send_only && !link->stalls[ADIT_UP_RX].is_held;
    bool writes = link->wants_out && !link->stalls[ADIT_UP_TX].is_held;
    struct epoll_event e = {
        .events = (reads ? EPOLLIN : 0) | (writes ? EPOLLOUT : 0),
        .data.u64 = tag(FROM_LINK, link->name),
    };

    /* Even without events a descriptor would tell of its end, again and again. */
    if (!e.events) {
        epoll_ctl(w->epoll_fd, EPOLL_CTL_DEL, link->fd, NULL);
        return ADIT_OK;
    }
    if (epoll_ctl(w->epoll_fd, EPOLL_CTL_MOD, link->fd, &e) == 0)
        return ADIT_OK;
    if (errno == ENOENT && epoll_ctl(w->epoll_fd, EPOLL_CTL_ADD, link->fd, &e) == 0)
        return ADIT_OK;
    return ADIT_E_OS;
}

static void stop_watching_device(struct adit_up_worker *w)
{
    if (w->device_fd >= 0)
        epoll_ctl(w->epoll_fd, EPOLL_CTL_DEL, w->device_fd, NULL);
    w->device_fd = -1;
}

static void start_watching_device(struct adit_up_worker *w)
{
    int fd = w->device && w->is_device_read ? w->device->ops->wait_fd(w->device) : -1;

    w->is_device_off = false;
    if (fd >= 0 && !watch(w, fd, FROM_DEVICE))
        w->device_fd = fd;
    else if (fd >= 0)
        adit_up_note_os(w, errno);
}

void adit_up_worker_device(struct adit_up_worker *w, struct adit_device *device, bool is_read)
{
    stop_watching_device(w);
    w->device = device;
    w->is_device_read = is_read;
    w->merge.want_tcp4 = device && device->takes_tcp4;
    w->merge.want_tcp6 = device && device->takes_tcp6;
    w->merge.want_udp = device && device->takes_udp;
    memset(w->merge_off, 0, sizeof w->merge_off);
    start_watching_device(w);
}

void adit_up_worker_device_rest(struct adit_up_worker *w)
{
    stop_watching_device(w);
    w->is_device_off = true;
    adit_up_tick_start(w);
}

static void read_clocks(struct adit_up_worker *w)
{
    struct timespec wall;

    clock_gettime(CLOCK_REALTIME_COARSE, &wall);
    w->now.mono_ns = adit_up_mono_ns();
    w->now.wall_s = wall.tv_sec;
}

/* ---- once a second ---- */

static void tick(struct adit_up_worker *w)
{
    adit_up_tick(w);
    if (w->is_device_off)
        start_watching_device(w);
    if (!w->all && !w->owes_links && !w->is_device_off)
        adit_up_tick_stop(w);
}

/* ---- the turn ---- */

static void serve_link(struct adit_up_worker *w, const struct epoll_event *e)
{
    struct adit_up_link *link = adit_up_link_find(w, (int)(uint32_t)e->data.u64);

    if (!link)
        return;
    if ((e->events & EPOLLOUT) && link->is_stream)
        adit_up_stream_flush(w, link);
    if (!w->does_in || !(e->events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
        return;
    if (link->is_stream) {
        adit_up_stream_rx(w, link);
        return;
    }
    if (e->events & EPOLLERR)
        adit_up_link_errors(link);
    adit_up_link_rx(w, link);
}

static void serve(struct adit_up_worker *w, const struct epoll_event *e)
{
    uint64_t count;

    switch ((enum source)(e->data.u64 >> 32)) {
    case FROM_COMMANDS:
        break; /* done before everything else */
    case FROM_TIMER:
        if (read(w->timer_fd, &count, sizeof count) > 0)
            tick(w);
        break;
    case FROM_DEVICE:
        adit_up_device_rx(w);
        break;
    case FROM_LINK:
        serve_link(w, e);
        break;
    case FROM_GREMLIN:
        break; /* looked after in every turn */
    }
}

static void hear_policy(struct adit_up_worker *w, bool has_fired)
{
    struct adit_up_shared *s = w->shared;
    uint64_t count;

    if (has_fired || atomic_load(&s->is_kicked)) {
        /*
         * Lowering the flag before looking at the ring: what comes later kicks again. A kick whose write
         * comes after our read is seen by its event, with the flag already down.
         */
        (void)!read(s->cmd_fd, &count, sizeof count);
        atomic_store(&s->is_kicked, false);
    }
    if (atomic_load(&s->asks_device)) {
        adit_up_worker_device(w, s->device, s->is_reading_device);
        atomic_store(&s->asks_device, false);
        sem_post(&s->device_taken);
    }
    adit_up_cmd_drain(w);
}

static void bury_dead(struct adit_up_worker *w)
{
    while (w->buried_peers) {
        struct adit_up_peer *p = w->buried_peers;

        w->buried_peers = p->next_buried;
        adit_free_secret(p, sizeof *p);
    }
    while (w->buried_links) {
        struct adit_up_link *link = w->buried_links;

        w->buried_links = link->next_buried;
        adit_free(link->rest);
        adit_free(link->out);
        adit_free(link);
    }
}

static void tell_policy(struct adit_up_worker *w)
{
    const uint64_t one = 1;

    if (w->has_noted)
        (void)!write(w->shared->note_fd, &one, sizeof one);
    w->has_noted = false;
}

void adit_up_flush(struct adit_up_worker *w)
{
    adit_up_batch_flush(w);
    adit_up_stream_flush_dirty(w);
}

static bool has_source(const struct epoll_event *events, int n, enum source source)
{
    for (int i = 0; i < n; i++) {
        if ((enum source)(events[i].data.u64 >> 32) == source)
            return true;
    }
    return false;
}

/* The kernel answers some packets, a ping, while they are being written: no need to wait to be told. */
static void take_answer(struct adit_up_worker *w)
{
    uint64_t reads = w->hauls.reads.calls;

    if (!w->pace.is_quiet || !w->pace.is_answered || w->device_fd < 0 ||
        w->hauls.writes.calls == w->pace.writes)
        return;
    adit_up_device_rx(w);
    adit_up_flush(w);
    w->pace.is_answered = w->hauls.reads.calls != reads;
}

void adit_up_worker_turn(struct adit_up_worker *w, bool may_sleep)
{
    struct epoll_event events[EVENTS];
    int n = may_sleep ? adit_up_wait(w, events, EVENTS) : epoll_wait(w->epoll_fd, events, EVENTS, 0);

    read_clocks(w);
    adit_up_pace_begin(w, has_source(events, n, FROM_DEVICE));
    w->ctrl_left = ADIT_UP_CTRL_PER_TURN;
    hear_policy(w, has_source(events, n, FROM_COMMANDS));
    if (w->crew)
        adit_up_hand_take(w);
    for (int i = 0; i < n; i++)
        serve(w, &events[i]);
    if (w->gremlin)
        adit_up_gremlin_turn(w);
    adit_up_flush(w);
    take_answer(w);
    if (w->crew)
        adit_up_hand_wake(w);
    adit_up_pace_end(w);
    bury_dead(w);
    tell_policy(w);
}

/* ---- life ---- */

static size_t sealed_max(const struct adit_userplane_params *p)
{
    return (size_t)p->tun_mtu + 2 * ADIT_DATA_OVERHEAD_MAX;
}

size_t adit_up_packet_cap(const struct adit_userplane_params *p)
{
    size_t inner = sealed_max(p), cap = inner > ADIT_CTRL_PACKET_MAX ? inner : ADIT_CTRL_PACKET_MAX;

    return (cap + 63) & ~(size_t)63;
}

/* Not zeroed: its pages are taken when they are first used, and a quiet client uses few of them. */
static uint8_t *room(size_t n)
{
    return adit_realloc(NULL, n);
}

static adit_err make_rooms(struct adit_up_worker *w)
{
    size_t inner = sealed_max(&w->params);

    w->packet_cap = adit_up_packet_cap(&w->params);
    w->stream_packet_max = inner > CTRL_LEN_MIN ? inner : CTRL_LEN_MIN;
    if (w->stream_packet_max < ADIT_CTRL_PACKET_MAX)
        w->stream_packet_max = ADIT_CTRL_PACKET_MAX;
    if (w->stream_packet_max > UINT16_MAX)
        w->stream_packet_max = UINT16_MAX;
    w->stream_room_cap = ADIT_UP_STREAM_READ + ADIT_STREAM_HEAD_LEN + w->stream_packet_max;
    w->rx.room = room((size_t)ADIT_UP_RX_MSGS * ADIT_UP_RX_STRIDE);
    w->rx.n_used = ADIT_UP_RX_MSGS;
    w->batch.arena = room(ADIT_UP_TX_BYTES);
    w->tun_room = room(adit_up_tun_room());
    w->spare_room = room(ADIT_MERGE_LEN_MAX);
    w->stream_room = room(w->stream_room_cap);
    w->routes = adit_routes_new();
    if (!w->rx.room || !w->batch.arena || !w->tun_room || !w->spare_room || !w->stream_room || !w->routes)
        return ADIT_E_MEMORY;
    return ADIT_OK;
}

static adit_err make_maps(struct adit_up_worker *w)
{
    adit_err err = adit_up_map_init(&w->links);

    if (!err)
        err = adit_up_map_init(&w->peers);
    if (!err)
        err = adit_up_map_init(&w->addrs);
    return err;
}

static adit_err start_gremlin(struct adit_up_worker *w)
{
    int timer_fd = -1;
    adit_err err = adit_up_gremlin_new(w, &timer_fd);

    return err ? err : watch(w, timer_fd, FROM_GREMLIN);
}

adit_err adit_up_worker_init(struct adit_up_worker *w, const struct adit_userplane_params *p,
                             struct adit_up_shared *shared)
{
    adit_err err;

    w->shared = shared;
    w->params = *p;
    adit_linger_init(&w->linger, p->want_thread ? p->busy_poll_us * UINT64_C(1000) : 0);
    w->epoll_fd = w->timer_fd = w->device_fd = -1;
    w->merge.sink = adit_up_device_write;
    w->merge.ctx = w;
    w->merge.gap_max = ADIT_MERGE_GAP_MAX; /* packets of a train, or of a stream, lie behind each other */
    err = adit_rng_fill(&p->env->rng, &w->hash_seed, sizeof w->hash_seed);
    if (!err)
        err = make_rooms(w);
    if (!err)
        err = make_maps(w);
    if (err)
        return err;
    w->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    w->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (w->epoll_fd < 0 || w->timer_fd < 0)
        return ADIT_E_OS;
    err = watch(w, shared->cmd_fd, FROM_COMMANDS);
    if (!err)
        err = watch(w, w->timer_fd, FROM_TIMER);
    if (!err && p->faults)
        err = start_gremlin(w);
    if (!err)
        adit_up_worker_device(w, shared->device, shared->is_reading_device);
    return err;
}

void adit_up_worker_fini(struct adit_up_worker *w)
{
    struct adit_up_node *n;

    while (w->all)
        adit_up_peer_bury(w, w->all);
    while ((n = adit_up_map_any(&w->links)))
        adit_up_link_bury(w, link_of_name(n));
    bury_dead(w);
    adit_up_gremlin_free(w);
    adit_up_map_fini(&w->links);
    adit_up_map_fini(&w->peers);
    adit_up_map_fini(&w->addrs);
    adit_routes_free(w->routes);
    adit_free(w->rx.room);
    adit_free(w->batch.arena);
    adit_free(w->tun_room);
    adit_free(w->spare_room);
    adit_free(w->stream_room);
    if (w->epoll_fd >= 0)
        close(w->epoll_fd);
    if (w->timer_fd >= 0)
        close(w->timer_fd);
}
