/* SPDX-License-Identifier: Apache-2.0 */
/* What goes wrong, when its time has come. */
#include <stdio.h>
#include <string.h>

#include "world.h"

enum {
    LATE_START_S = 60, /* after the calm */
};

static uint64_t back_at(const struct sim_world *w, int64_t ms)
{
    return ms == 0 ? ADIT_NEVER : w->now.mono_ns + (uint64_t)ms * ADIT_NS_PER_MS;
}

static void pause_host(struct sim_host *h, int64_t ms)
{
    uint64_t until_ns = h->w->now.mono_ns + (uint64_t)ms * ADIT_NS_PER_MS;

    /* A pause in a pause does not shorten it: what was put off is planned for its end. */
    if (h->paused_until_ns <= h->w->now.mono_ns)
        h->n_held = 0;
    if (until_ns > h->paused_until_ns)
        h->paused_until_ns = until_ns;
}

static void crash(struct sim_host *h, int64_t ms)
{
    struct sim_world *w = h->w;

    if (h->id == SIM_SERVER) {
        for (uint32_t i = 1; i <= w->plan->n_clients; i++)
            sim_net_hang_up(&w->hosts[i], true);
        sim_server_crash(h);
    } else {
        sim_net_hang_up(h, false);
        sim_client_crash(h);
    }
    h->is_policy_due = false;
    h->workers_due = 0;
    h->tick_ns = ADIT_NEVER;
    if (ms > 0)
        sim_queue_put(&w->queue, back_at(w, ms), SIM_EV_START, h->id, 0);
}

static void leave(struct sim_host *h, int64_t ms)
{
    if (h->id == SIM_SERVER)
        sim_server_leave(h, back_at(h->w, ms));
    else
        sim_client_leave(h, back_at(h->w, ms));
    sim_host_stir(h);
}

static void exhaust(struct sim_plane *p, int64_t left)
{
    for (uint32_t i = 0; i < p->n_peers; i++) {
        struct sim_peer *peer = &p->peers[i];
        struct adit_tx_key *k = &peer->tx.keys[peer->tx.current];

        if (peer->is_used && peer->tx.has_current && k->format)
            k->format->skip_to(k->half, 0xffffffffULL - (uint64_t)left);
    }
}

static void cut(struct sim_host *h, bool is_up, bool is_down)
{
    h->up.is_cut |= is_up;
    h->down.is_cut |= is_down;
}

static void set_line(struct sim_host *h, const struct sim_line *line)
{
    sim_pipe_set(&h->up, &line->up, h->w->now.mono_ns);
    sim_pipe_set(&h->down, &line->down, h->w->now.mono_ns);
}

static void mask(struct sim_host *h, enum sim_act_kind kind, uint64_t bits)
{
    bool is_up = kind == SIM_ACT_LOSE_UP || kind == SIM_ACT_TWICE_UP || kind == SIM_ACT_LATE_UP ||
                 kind == SIM_ACT_DAMAGE_UP;
    struct sim_pipe *pipe = is_up ? &h->up : &h->down;
    /* Several kinds for the same packets: those given while none of them has passed. */
    struct sim_pipe_masks m = pipe->n_masked == 0 ? pipe->masks : (struct sim_pipe_masks){0};

    switch (kind) {
    case SIM_ACT_LOSE_UP:
    case SIM_ACT_LOSE_DOWN:
        m.lose = bits;
        break;
    case SIM_ACT_TWICE_UP:
    case SIM_ACT_TWICE_DOWN:
        m.twice = bits;
        break;
    case SIM_ACT_LATE_UP:
    case SIM_ACT_LATE_DOWN:
        m.late = bits;
        break;
    default:
        m.damage = bits;
        break;
    }
    sim_pipe_mask(pipe, &m);
}

static void make_calm(struct sim_world *w)
{
    static const struct sim_line good = {.up = {.latency_us = 20000}, .down = {.latency_us = 20000}};

    w->refused[0] = w->revoked[0] = '\0';
    w->is_silent = false;
    w->is_calm = true;
    for (uint32_t i = 0; i <= w->plan->n_clients; i++) {
        struct sim_host *h = &w->hosts[i];

        h->tls.fault = SIM_TLS_NONE;
        h->tls.not_after_s = INT64_MAX;
        h->tls.revoked = NULL;
        h->paused_until_ns = 0;
        h->fail_in = 0;
        if (i != SIM_SERVER) {
            set_line(h, &good);
            sim_pipe_mask(&h->up, &(struct sim_pipe_masks){0});
            sim_pipe_mask(&h->down, &(struct sim_pipe_masks){0});
            h->up.is_cut = h->down.is_cut = false;
            h->stream.stalled_until_ns = 0;
        }
        sim_queue_put(&w->queue, w->now.mono_ns, SIM_EV_START, i, 0);
        /* Who hears only now that it was refused before is started once more. */
        sim_queue_put(&w->queue, adit_now_after_s(w->now, LATE_START_S), SIM_EV_START, i, 0);
    }
}

static void act_on_link(struct sim_host *h, const struct sim_act *act)
{
    struct sim_world *w = h->w;

    switch (act->kind) {
    case SIM_ACT_LINE:
        set_line(h, &w->plan->lines[act->value]);
        break;
    case SIM_ACT_CUT_UP:
    case SIM_ACT_CUT_DOWN:
    case SIM_ACT_CUT:
        cut(h, act->kind != SIM_ACT_CUT_DOWN, act->kind != SIM_ACT_CUT_UP);
        break;
    case SIM_ACT_JOIN:
        h->up.is_cut = h->down.is_cut = false;
        break;
    case SIM_ACT_REBIND:
    case SIM_ACT_REBIND_PORT:
        sim_net_rebind(h, act->kind == SIM_ACT_REBIND_PORT);
        break;
    case SIM_ACT_RESET:
        sim_net_hang_up(h, true);
        break;
    case SIM_ACT_STALL:
        h->stream.stalled_until_ns = back_at(w, act->value);
        break;
    case SIM_ACT_REPLAY:
        sim_net_replay(h, (unsigned)act->value);
        break;
    case SIM_ACT_SPOOF:
        for (int64_t i = 0; i < act->value; i++)
            sim_traffic_spoof(h);
        sim_host_stir(h);
        break;
    default:
        mask(h, act->kind, (uint64_t)act->value);
        break;
    }
}

static void act_on_host(struct sim_host *h, const struct sim_act *act)
{
    switch (act->kind) {
    case SIM_ACT_PAUSE:
        pause_host(h, act->value);
        break;
    case SIM_ACT_CRASH:
        crash(h, act->value);
        break;
    case SIM_ACT_LEAVE:
        leave(h, act->value);
        break;
    case SIM_ACT_START:
        sim_queue_put(&h->w->queue, h->w->now.mono_ns, SIM_EV_START, h->id, 0);
        break;
    case SIM_ACT_CLOCK:
        h->wall_s += act->value;
        break;
    case SIM_ACT_NO_MEMORY:
        h->fail_in = (uint64_t)act->value;
        break;
    case SIM_ACT_RENEGOTIATE:
        if (h->id == SIM_SERVER && h->server.is_on)
            sim_server_renegotiate(h);
        else if (h->id != SIM_SERVER)
            sim_client_renegotiate(h);
        sim_host_stir(h);
        break;
    case SIM_ACT_EXHAUST:
        for (unsigned i = 0; sim_host_member(h, i); i++)
            exhaust(sim_host_member(h, i), act->value);
        break;
    case SIM_ACT_STRANGER:
        sim_net_strangers(h, (unsigned)act->value);
        break;
    case SIM_ACT_EXPIRE:
        h->tls.not_after_s = sim_host_now(h).wall_s;
        break;
    case SIM_ACT_RENEW:
        h->tls.not_after_s = INT64_MAX;
        break;
    case SIM_ACT_TLS_FAULT:
        h->tls.fault = (enum sim_tls_fault)act->value;
        break;
    default:
        if (h->id != SIM_SERVER)
            act_on_link(h, act);
        break;
    }
}

static void act_on_world(struct sim_world *w, const struct sim_act *act)
{
    switch (act->kind) {
    case SIM_ACT_REVOKE:
        snprintf(w->revoked, sizeof w->revoked, "client%u", (unsigned)act->value);
        sim_server_of(w)->tls.revoked = w->revoked;
        break;
    case SIM_ACT_REFUSE:
        snprintf(w->refused, sizeof w->refused, "client%u", (unsigned)act->value);
        break;
    case SIM_ACT_ALLOW:
        w->refused[0] = w->revoked[0] = '\0';
        sim_server_of(w)->tls.revoked = NULL;
        break;
    case SIM_ACT_SILENCE:
        w->is_silent = act->value != 0;
        break;
    default:
        make_calm(w);
        break;
    }
}

static bool is_of_world(enum sim_act_kind kind)
{
    return kind == SIM_ACT_REVOKE || kind == SIM_ACT_REFUSE || kind == SIM_ACT_ALLOW ||
           kind == SIM_ACT_SILENCE || kind == SIM_ACT_CALM;
}

void sim_act(struct sim_world *w, const struct sim_act *act)
{
    if (act->kind == SIM_ACT_NOTHING)
        return;
    sim_trace(w, NULL, "-- %s, host %d, value %lld", sim_act_name(act->kind),
              act->who == SIM_ALL ? -1 : (int)act->who, (long long)act->value);
    if (is_of_world(act->kind)) {
        act_on_world(w, act);
        return;
    }
    for (uint32_t i = 0; i <= w->plan->n_clients; i++) {
        if (act->who == i || (act->who == SIM_ALL && i != SIM_SERVER))
            act_on_host(&w->hosts[i], act);
    }
}
