/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What must always hold. Keys: who has which, by the mark that is the same at both ends if the keys are.
 * Timers: never in the past, never forgotten. Ends: never without a reason. Strangers: nothing but counters.
 */
#include <stdlib.h>
#include <string.h>

#include "world.h"

struct sim_key_row {
    uint64_t mark;
    struct adit_sid local, remote; /* of the end that had it first */
    uint32_t host;
    uint8_t key_id;
    bool has_second, is_forgotten; /* the other end has it, too; the first end's session is over */
};

static struct sim_key_row *find_key(struct sim_world *w, uint64_t mark)
{
    for (uint32_t i = w->n_keys; i > 0; i--) {
        if (w->keys[i - 1].mark == mark)
            return &w->keys[i - 1];
    }
    return NULL;
}

/* Rows of sessions that are over make room. */
static void tidy(struct sim_world *w)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < w->n_keys; i++) {
        if (!w->keys[i].is_forgotten)
            w->keys[n++] = w->keys[i];
    }
    w->n_keys = n;
}

/* A session has at most three keys; what is older is of no interest. */
static void forget_oldest(struct sim_world *w, const struct adit_session *s, uint8_t key_id)
{
    for (uint32_t i = 0; i < w->n_keys; i++) {
        struct sim_key_row *row = &w->keys[i];

        if (row->key_id == key_id && (adit_sid_eq(&row->local, adit_session_local_sid(s)) ||
                                      adit_sid_eq(&row->remote, adit_session_local_sid(s))))
            row->is_forgotten = true;
    }
}

/* The server's session of this id; NULL: there is none. */
static const struct adit_session *server_session(struct sim_world *w, const struct adit_sid *local)
{
    const struct sim_server *sv = &sim_server_of(w)->server;

    for (uint32_t i = 0; sv->is_on && i < sv->max_callers; i++) {
        const struct adit_session *s = sv->callers[i].session;

        if (s && adit_sid_eq(adit_session_local_sid(s), local))
            return s;
    }
    return NULL;
}

void sim_check_keys(struct sim_host *h, const struct adit_session *s, const struct adit_data_keys *keys)
{
    struct sim_world *w = h->w;
    uint64_t mark = sim_key_mark(keys);
    struct sim_key_row *row = find_key(w, mark);

    if (row) {
        if (row->has_second || row->host == h->id)
            sim_break(w, "%s: a key for the second time", h->name);
        if (!adit_sid_eq(&row->local, adit_session_remote_sid(s)) ||
            !adit_sid_eq(&row->remote, adit_session_local_sid(s)))
            sim_break(w, "%s: two sessions have one key", h->name);
        row->has_second = true;
        return;
    }
    forget_oldest(w, s, keys->key_id);
    tidy(w);
    if (w->n_keys == w->cap_keys) {
        w->cap_keys = w->cap_keys ? 2 * w->cap_keys : 16;
        w->keys = realloc(w->keys, w->cap_keys * sizeof *w->keys);
        if (!w->keys)
            abort();
    }
    w->keys[w->n_keys++] = (struct sim_key_row){.mark = mark,
                                                .local = *adit_session_local_sid(s),
                                                .remote = *adit_session_remote_sid(s),
                                                .host = h->id,
                                                .key_id = keys->key_id};
    /* A stalled stream may bring the last message when the server has long forgotten key and session. */
    if (h->id != SIM_SERVER && !server_session(w, adit_session_remote_sid(s)))
        w->keys[w->n_keys - 1].is_forgotten = true;
}

/* The session is over: data under its keys is nobody's business any more. */
void sim_check_forget_keys(struct sim_host *h, const struct adit_session *s)
{
    struct sim_world *w = h->w;

    for (uint32_t i = 0; i < w->n_keys; i++) {
        if (adit_sid_eq(&w->keys[i].local, adit_session_local_sid(s)) ||
            adit_sid_eq(&w->keys[i].remote, adit_session_local_sid(s)))
            w->keys[i].is_forgotten = true;
    }
}

/* The client has acknowledged all that a key is made of; the push reply that makes it derive it is under way.
 */
static bool is_first_key_pushed(const struct sim_host *h, const struct sim_key_row *row)
{
    const struct sim_server *sv = &h->server;

    for (uint32_t i = 0; h->id == SIM_SERVER && row->key_id == 0 && i < sv->max_callers; i++) {
        if (sv->callers[i].is_up && adit_sid_eq(adit_session_local_sid(sv->callers[i].session), &row->local))
            return true;
    }
    return false;
}

static bool is_damaging(const struct sim_pipe_spec *s)
{
    return s->faults.corrupt_ppm > 0;
}

/* Without a wrapping a damaged packet reaches TLS, which may give up at the very last message. */
static bool is_tls_damaged(const struct sim_plan *p)
{
    bool is_damaged = false;

    for (uint32_t i = 0; i < p->n_lines; i++)
        is_damaged |= is_damaging(&p->lines[i].up) || is_damaging(&p->lines[i].down);
    for (uint32_t i = 0; i < p->n_acts; i++)
        is_damaged |= p->acts[i].kind == SIM_ACT_DAMAGE_UP || p->acts[i].kind == SIM_ACT_DAMAGE_DOWN;
    return p->wrap == SIM_BARE && is_damaged;
}

/* ... or it does so of its own. */
static bool is_tls_failing(const struct sim_act *act)
{
    return act->kind == SIM_ACT_TLS_FAULT &&
           (act->value == SIM_TLS_FAIL_AT_READ || act->value == SIM_TLS_FAIL_AT_EXPORT);
}

/* An end that has both messages may still be unable to derive the key: no memory, no exporter, damage. */
static bool can_have_failed(const struct sim_world *w)
{
    bool has_failed = is_tls_damaged(w->plan) || sim_mem.n_failed != w->mem_at_start.n_failed;

    for (uint32_t i = 0; i < w->plan->n_acts; i++)
        has_failed |= is_tls_failing(&w->plan->acts[i]);
    return has_failed;
}

/* A server says its part of the key before it refuses the renewed log-in; the client learns that later. */
static bool is_refused(struct sim_world *w, const struct sim_key_row *row)
{
    const struct adit_session *s = row->host != SIM_SERVER ? server_session(w, &row->remote) : NULL;

    return s && !adit_session_is_up(s);
}

void sim_check_seal(struct sim_host *h, uint64_t key)
{
    struct sim_key_row *row = find_key(h->w, key);

    if (row && !row->is_forgotten && !row->has_second && !is_first_key_pushed(h, row) &&
        !is_refused(h->w, row) && !can_have_failed(h->w))
        sim_break(h->w, "%s: data under key id %u, which the peer cannot have yet", h->name, row->key_id);
}

void sim_check_refused(void *ctx, adit_err why, bool is_own_key)
{
    struct sim_host *h = ctx;

    h->w->n_refused++;
    if (is_own_key && why != ADIT_E_REPLAY && why != ADIT_E_FLOAT)
        sim_break(h->w, "%s: a packet under its own key is refused: %s", h->name, adit_err_text(why));
}

void sim_check_session(struct sim_host *h, const struct adit_session *s, bool is_ticked)
{
    uint64_t deadline = adit_session_deadline(s);

    /* 0: it ends at the next look, which is due at once. */
    if (is_ticked && deadline != 0 && deadline < h->w->now.mono_ns)
        sim_break(h->w, "%s: a session's deadline has passed and nothing was done", h->name);
    if (deadline == ADIT_NEVER && !adit_session_is_up(s))
        sim_break(h->w, "%s: a session is not up and waits for nothing", h->name);
    if (deadline == ADIT_NEVER && h->params.reneg_max_s > 0)
        sim_break(h->w, "%s: a session's renegotiation is forgotten", h->name);
}

void sim_check_end(struct sim_host *h, adit_err reason)
{
    if (reason == ADIT_OK || (unsigned)reason >= ADIT_ERR_COUNT)
        sim_break(h->w, "%s: a session ended without a reason", h->name);
    else
        h->facts.ends[reason]++;
}

uint64_t sim_check_picture(struct sim_host *h)
{
    uint64_t p = 0xcbf29ce484222325ULL;

    p = (p ^ sim_mem.n_blocks) * 0x100000001b3ULL;
    p = (p ^ sim_mem.n_bytes) * 0x100000001b3ULL;
    p = (p ^ h->facts.n_sessions) * 0x100000001b3ULL;
    for (uint32_t i = 0; h->id == SIM_SERVER && h->server.is_on && i < h->server.max_callers; i++) {
        const struct sim_caller *c = &h->server.callers[i];

        if (!c->is_used)
            continue;
        p = (p ^ c->remote.port ^ (uint64_t)adit_ip_v4_host(&c->remote.ip) << 16) * 0x100000001b3ULL;
        p = (p ^ (c->session ? adit_session_deadline(c->session) : 0)) * 0x100000001b3ULL;
    }
    if (h->id != SIM_SERVER && h->client.session)
        p = (p ^ adit_session_deadline(h->client.session)) * 0x100000001b3ULL;
    return p;
}

/* After calm: everybody is up, at both ends, and packets pass. */
void sim_check_all_up(struct sim_world *w)
{
    for (uint32_t i = 1; i <= w->plan->n_clients && !w->broken[0]; i++) {
        struct sim_host *h = &w->hosts[i];
        bool is_known = sim_server_of(w)->server.is_on &&
                        sim_server_caller_named(sim_server_of(w), h->tls.common_name) != NULL;

        if (!h->client.is_up || !is_known)
            sim_break(w, "%s is %s after the calm", h->name,
                      h->client.is_up ? "unknown to the server" : "not up");
        else if (w->plan->traffic_ms > 0 && w->now.mono_ns - h->facts.last_delivery_ns > 30 * ADIT_NS_PER_S)
            sim_break(w, "%s is up, but nothing passes after the calm", h->name);
    }
}
