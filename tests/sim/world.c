/* SPDX-License-Identifier: Apache-2.0 */
/* A world's life, and the one loop in which everything happens. */
#include "world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    HELD_MAX = 64,             /* packets that a paused host's sockets keep */
    AT_ONCE_MAX = 1000 * 1000, /* so many events at one moment are a loop without end */
};

uint32_t sim_below(uint64_t *chance, uint32_t bound)
{
    uint64_t x = *chance += 0x9e3779b97f4a7c15ULL; /* splitmix64 */

    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
    x ^= x >> 31;
    return (uint32_t)((x >> 32) * bound >> 32);
}

void sim_break(struct sim_world *w, const char *fmt, ...)
{
    va_list ap;
    int n;

    if (w->broken[0])
        return;
    n = snprintf(w->broken, sizeof w->broken,
                 "at %.6f s: ", (double)(w->now.mono_ns - w->start_ns) / (double)ADIT_NS_PER_S);
    va_start(ap, fmt);
    vsnprintf(w->broken + n, sizeof w->broken - (size_t)n, fmt, ap);
    va_end(ap);
    sim_trace(w, NULL, "BROKEN: %s", w->broken);
}

void sim_trace(struct sim_world *w, const struct sim_host *h, const char *fmt, ...)
{
    va_list ap;

    if (!w->is_traced)
        return;
    printf("%14.6f %-9s ", (double)(w->now.mono_ns - w->start_ns) / (double)ADIT_NS_PER_S, h ? h->name : "");
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    putchar('\n');
}

/* ---- life ---- */

static void plan_acts(struct sim_world *w)
{
    for (uint32_t i = 0; i < w->plan->n_acts; i++)
        sim_queue_put(&w->queue, w->start_ns + w->plan->acts[i].at_ms * ADIT_NS_PER_MS, SIM_EV_ACT, 0, i);
}

static void plan_clients(struct sim_world *w)
{
    for (uint32_t i = 1; i <= w->plan->n_clients; i++) {
        uint64_t ms = sim_below(&w->chance, w->plan->start_ms + 1);

        sim_queue_put(&w->queue, w->start_ns + ms * ADIT_NS_PER_MS, SIM_EV_START, i, 0);
        if (w->plan->traffic_ms > 0)
            sim_queue_put(&w->queue, w->start_ns + ms * ADIT_NS_PER_MS + sim_below(&w->chance, 1000000),
                          SIM_EV_TRAFFIC, i, 0);
    }
}

static void make_rooms(struct sim_world *w)
{
    w->train_room = malloc(ADIT_MERGE_LEN_MAX);
    w->device_room = malloc(ADIT_MERGE_LEN_MAX);
    w->burst_room = malloc(SIM_BURST_MAX * SIM_PACKET_MAX);
    if (!w->train_room || !w->device_room || !w->burst_room)
        abort();
}

bool sim_world_init(struct sim_world *w, const struct sim_plan *plan, bool is_traced)
{
    *w = (struct sim_world){.plan = plan, .is_traced = is_traced, .chance = plan->seed};
    w->mem_at_start = sim_mem;
    sim_mem.fail_in = 0;
    w->start_ns = 1000 * ADIT_NS_PER_S;
    w->now = (struct adit_now){.mono_ns = w->start_ns, .wall_s = 1800000000};
    w->until_ns = w->start_ns + plan->until_s * ADIT_NS_PER_S;
    w->digest = 0xcbf29ce484222325ULL;
    w->free_packets = UINT32_MAX;
    w->hosts = calloc(plan->n_clients + 1, sizeof *w->hosts);
    if (!w->hosts)
        abort();
    if (plan->trains.most > 0)
        make_rooms(w);
    if (!sim_ends_init(w))
        return false;
    for (uint32_t i = 0; i <= plan->n_clients; i++)
        sim_host_init(w, i);
    sim_net_init(w);
    plan_acts(w);
    plan_clients(w);
    if (!sim_server_start(sim_server_of(w)))
        sim_break(w, "the server cannot start");
    return !w->broken[0];
}

static void check_all_returned(struct sim_world *w)
{
    if (sim_mem.n_blocks != w->mem_at_start.n_blocks || sim_mem.n_bytes != w->mem_at_start.n_bytes)
        sim_break(w, "memory: %zd blocks, %zd bytes did not return",
                  (ssize_t)(sim_mem.n_blocks - w->mem_at_start.n_blocks),
                  (ssize_t)(sim_mem.n_bytes - w->mem_at_start.n_bytes));
    for (uint32_t i = 0; i <= w->plan->n_clients; i++) {
        if (w->hosts[i].tls.n_live != 0)
            sim_break(w, "%s: %u TLS connections were forgotten", w->hosts[i].name, w->hosts[i].tls.n_live);
    }
}

void sim_world_fini(struct sim_world *w)
{
    sim_mem.fail_in = 0;
    for (uint32_t i = 0; w->hosts && i <= w->plan->n_clients; i++) {
        if (!w->hosts[i].w)
            continue;
        if (i == SIM_SERVER)
            sim_server_crash(&w->hosts[i]);
        else
            sim_client_crash(&w->hosts[i]);
    }
    sim_ends_fini(w);
    if (w->hosts)
        check_all_returned(w);
    sim_queue_fini(&w->queue);
    free(w->hosts);
    free(w->packets);
    free(w->inner);
    free(w->flows);
    free(w->exits);
    free(w->train_room);
    free(w->device_room);
    free(w->burst_room);
    free(w->keys);
    w->hosts = NULL;
    w->packets = NULL;
    w->inner = NULL;
    w->flows = NULL;
    w->exits = NULL;
    w->train_room = w->device_room = w->burst_room = NULL;
    w->keys = NULL;
}

/* ---- what happens next ---- */

/* A host that is paused does it later; its sockets keep only so much. True: not now. */
static bool is_put_off(struct sim_world *w, struct sim_host *h, const struct sim_event *ev)
{
    bool is_packet = ev->kind == SIM_EV_PACKET;

    if (h->paused_until_ns <= w->now.mono_ns || ev->kind == SIM_EV_ACT)
        return false;
    if (is_packet && h->n_held >= HELD_MAX) {
        sim_packet_free(w, (uint32_t)ev->arg);
        return true;
    }
    h->n_held += is_packet;
    if (ev->kind == SIM_EV_TICK)
        h->tick_serial = sim_queue_put(&w->queue, h->paused_until_ns, ev->kind, ev->host, ev->arg);
    else if (ev->kind == SIM_EV_SESSION && h->id == SIM_SERVER && h->server.is_on)
        h->server.callers[ev->arg].timer_serial =
            sim_queue_put(&w->queue, h->paused_until_ns, ev->kind, ev->host, ev->arg);
    else if (ev->kind == SIM_EV_SESSION && h->id != SIM_SERVER)
        h->client.timer_serial = sim_queue_put(&w->queue, h->paused_until_ns, ev->kind, ev->host, ev->arg);
    else if (ev->kind == SIM_EV_RETRY && h->id != SIM_SERVER)
        h->client.retry_serial = sim_queue_put(&w->queue, h->paused_until_ns, ev->kind, ev->host, ev->arg);
    else
        sim_queue_put(&w->queue, h->paused_until_ns, ev->kind, ev->host, ev->arg);
    return true;
}

static bool is_stale(const struct sim_host *h, const struct sim_event *ev)
{
    if (ev->kind == SIM_EV_TICK)
        return ev->serial != h->tick_serial;
    if (ev->kind == SIM_EV_SESSION && h->id == SIM_SERVER)
        return !h->server.is_on || !h->server.callers[ev->arg].is_used ||
               h->server.callers[ev->arg].timer_serial != ev->serial;
    if (ev->kind == SIM_EV_SESSION)
        return h->client.timer_serial != ev->serial;
    if (ev->kind == SIM_EV_RETRY && h->id != SIM_SERVER)
        return h->client.phase != SIM_CLIENT_WAITS || h->client.retry_serial != ev->serial;
    return false;
}

static void on_server_gone(struct sim_host *h)
{
    uint64_t back_ns = h->server.back_ns;

    if (!h->server.is_leaving)
        return;
    sim_check_end(h, ADIT_E_SHUTDOWN);
    sim_server_crash(h);
    if (back_ns != ADIT_NEVER)
        sim_queue_put(&h->w->queue, adit_earlier(back_ns, h->w->now.mono_ns), SIM_EV_START, h->id, 0);
}

static void start_host(struct sim_host *h)
{
    if (h->id != SIM_SERVER) {
        sim_client_start(h);
    } else if (!sim_server_start(h)) {
        /* As a service manager would. */
        sim_queue_put(&h->w->queue, adit_now_after_s(h->w->now, 1), SIM_EV_START, h->id, 0);
    }
}

static void run_event(struct sim_world *w, struct sim_host *h, struct sim_event *ev)
{
    switch ((enum sim_event_kind)ev->kind) {
    case SIM_EV_PACKET:
    case SIM_EV_BYTES:
        sim_net_arrive(h, ev);
        break;
    case SIM_EV_STREAM_OPEN:
    case SIM_EV_STREAM_DOWN:
        sim_net_stream_event(h, ev);
        break;
    case SIM_EV_POLICY:
        h->is_policy_due = false;
        sim_host_policy(h);
        break;
    case SIM_EV_WORKER:
        h->workers_due &= ~(1U << ev->arg);
        sim_host_worker(h, (unsigned)ev->arg);
        break;
    case SIM_EV_TICK:
        h->tick_ns = ADIT_NEVER;
        sim_host_tick(h);
        break;
    case SIM_EV_SESSION:
        if (h->id == SIM_SERVER)
            sim_server_tick(h, (uint32_t)ev->arg);
        else
            sim_client_tick(h);
        break;
    case SIM_EV_RETRY:
        if (h->id == SIM_SERVER)
            on_server_gone(h);
        else
            sim_client_retry(h);
        break;
    case SIM_EV_TRAFFIC:
        sim_traffic(h);
        break;
    case SIM_EV_START:
        start_host(h);
        break;
    case SIM_EV_ACT:
        sim_act(w, &w->plan->acts[ev->arg]);
        break;
    }
    if (ev->kind != SIM_EV_ACT)
        sim_host_stir(h);
}

/* The host's own allocations count towards the one that is to fail. */
static void run_with_memory(struct sim_world *w, struct sim_host *h, struct sim_event *ev)
{
    sim_mem.fail_in = h->fail_in;
    run_event(w, h, ev);
    if (ev->kind != SIM_EV_ACT)
        h->fail_in = sim_mem.fail_in;
    sim_mem.fail_in = 0;
}

static void digest(struct sim_world *w, const struct sim_event *ev)
{
    uint64_t facts[] = {ev->at_ns, ev->serial, ev->arg, (uint64_t)ev->host << 8 | ev->kind};

    for (size_t i = 0; i < sizeof facts / sizeof facts[0]; i++)
        w->digest = (w->digest ^ facts[i]) * 0x100000001b3ULL;
}

void sim_world_until(struct sim_world *w, uint64_t at_ns)
{
    uint32_t n_at_once = 0;
    struct sim_event ev;

    while (!w->broken[0] && sim_queue_next_ns(&w->queue) <= at_ns && sim_queue_take(&w->queue, &ev)) {
        struct sim_host *h = &w->hosts[ev.host];

        if (w->n_burst > 0)
            sim_net_end_burst(w, &ev);
        n_at_once = ev.at_ns == w->now.mono_ns ? n_at_once + 1 : 0;
        w->now.wall_s += (int64_t)(ev.at_ns / ADIT_NS_PER_S) - (int64_t)(w->now.mono_ns / ADIT_NS_PER_S);
        w->now.mono_ns = ev.at_ns;
        if (is_stale(h, &ev) || is_put_off(w, h, &ev))
            continue;
        digest(w, &ev);
        run_with_memory(w, h, &ev);
        w->n_events++;
        if (n_at_once > AT_ONCE_MAX)
            sim_break(w, "time stands still");
    }
    if (w->n_burst > 0 && !w->broken[0])
        sim_net_end_burst(w, NULL);
    if (!w->broken[0] && at_ns > w->now.mono_ns) {
        w->now.wall_s += (int64_t)(at_ns / ADIT_NS_PER_S) - (int64_t)(w->now.mono_ns / ADIT_NS_PER_S);
        w->now.mono_ns = at_ns;
    }
}

bool sim_world_run(struct sim_world *w, const struct sim_plan *plan, bool is_traced)
{
    if (sim_world_init(w, plan, is_traced))
        sim_world_until(w, w->until_ns);
    return !w->broken[0];
}
