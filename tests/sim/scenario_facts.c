/* SPDX-License-Identifier: Apache-2.0 */
/* What a row of the table can ask of a world, and the sentence that says what it got instead. */
#include <inttypes.h>
#include <stdio.h>

#include "conf/pushed.h"
#include "scenario.h"

enum {
    UNDER_WAY_MS = 1000, /* packets so young may still arrive */
    NOTHING_SENT = -1,
};

static bool is_up(struct sim_world *w, const struct sim_host *client)
{
    const struct sim_server *sv = &sim_server_of(w)->server;

    if (!client->client.is_up || !client->client.session || !sv->is_on)
        return false;
    for (uint32_t i = 0; i < sv->max_callers; i++) {
        const struct sim_caller *c = &sv->callers[i];

        if (c->is_used && c->is_up && adit_sid_eq(&c->sid, adit_session_local_sid(client->client.session)))
            return adit_session_is_up(c->session) && adit_session_is_up(client->client.session);
    }
    return false;
}

static int64_t count_up(struct sim_world *w)
{
    int64_t n = 0;

    for (uint32_t i = 1; i <= w->plan->n_clients; i++)
        n += is_up(w, &w->hosts[i]);
    return n;
}

static int64_t count_ends(const struct sim_host *h)
{
    int64_t n = 0;

    for (unsigned i = 0; i < ADIT_ERR_COUNT; i++)
        n += h->facts.ends[i];
    return n;
}

static int64_t count_inner(struct sim_world *w, const struct sim_must *m, uint32_t who, uint32_t shift_ms)
{
    uint64_t from = w->start_ns + (m->from_ms + shift_ms) * ADIT_NS_PER_MS;
    uint64_t to = w->start_ns + (m->by_ms + shift_ms - UNDER_WAY_MS) * ADIT_NS_PER_MS;
    uint64_t n_sent, n_lost = sim_traffic_lost(w, who, from, to, &n_sent);

    if (m->fact == SIM_INNER_PASSED)
        return (int64_t)(n_sent - n_lost);
    return n_sent > 0 ? (int64_t)n_lost : NOTHING_SENT;
}

static int64_t value_of(struct sim_world *w, const struct sim_must *m, uint32_t who, uint32_t shift_ms)
{
    const struct sim_host *h = &w->hosts[who];

    switch (m->fact) {
    case SIM_IS_UP:
        return is_up(w, h);
    case SIM_IS_OFF:
        return h->client.phase == SIM_CLIENT_OFF;
    case SIM_N_UP:
        return count_up(w);
    case SIM_SESSIONS:
        return h->facts.n_sessions;
    case SIM_UPS:
        return h->facts.n_ups;
    case SIM_KEYS:
        return h->facts.n_keys;
    case SIM_ENDS:
        return h->facts.ends[m->reason];
    case SIM_ALL_ENDS:
        return count_ends(h);
    case SIM_INNER_LOST:
    case SIM_INNER_PASSED:
        return count_inner(w, m, who, shift_ms);
    case SIM_ROUTES:
        return h->client.pushed ? (int64_t)h->client.pushed->routes.n : 0;
    case SIM_CALLERS:
        return h->server.n_callers;
    case SIM_LEASES:
        return h->server.is_on ? adit_directory_count(h->server.directory) : 0;
    case SIM_MERGED:
        return (int64_t)h->facts.n_merged;
    case SIM_UNMERGED:
        return (int64_t)h->facts.n_unmerged;
    case SIM_HANDED:
        return h->crew ? (int64_t)h->crew->n_handed : 0;
    case SIM_RINGS_FULL:
        return h->crew ? (int64_t)h->crew->n_full : 0;
    case SIM_NOTHING_MORE:
        break;
    }
    return 0;
}

void sim_must_range(struct sim_world *w, const struct sim_must *m, uint32_t shift_ms, struct sim_range *range)
{
    uint32_t first = m->who == SIM_ALL ? 1 : m->who, last = m->who == SIM_ALL ? w->plan->n_clients : m->who;

    for (uint32_t i = first; i <= last; i++) {
        int64_t seen = value_of(w, m, i, shift_ms);

        if (!range->has_any || seen < range->low)
            range->low = seen;
        if (!range->has_any || seen > range->high)
            range->high = seen;
        range->has_any = true;
    }
}

static const char *name_of(enum sim_fact fact)
{
    static const char *const names[] = {
        [SIM_NOTHING_MORE] = "nothing",
        [SIM_IS_UP] = "is up at both ends",
        [SIM_IS_OFF] = "is off",
        [SIM_N_UP] = "clients up at both ends",
        [SIM_SESSIONS] = "sessions begun",
        [SIM_UPS] = "times up",
        [SIM_KEYS] = "keys",
        [SIM_ENDS] = "ends",
        [SIM_ALL_ENDS] = "ends of any kind",
        [SIM_INNER_LOST] = "inner packets lost",
        [SIM_INNER_PASSED] = "inner packets passed",
        [SIM_ROUTES] = "routes",
        [SIM_CALLERS] = "callers",
        [SIM_LEASES] = "leases",
        [SIM_MERGED] = "inner packets merged",
        [SIM_UNMERGED] = "super-packets refused",
        [SIM_HANDED] = "packets handed over",
        [SIM_RINGS_FULL] = "packets for full rings",
    };

    return names[fact];
}

static bool holds(const struct sim_must *m, int64_t seen)
{
    if (m->fact == SIM_INNER_LOST && seen == NOTHING_SENT)
        return false;
    return m->how == SIM_EXACTLY    ? seen == m->value
           : m->how == SIM_AT_LEAST ? seen >= m->value
                                    : seen <= m->value;
}

static const char *const hows[] = {"exactly", "at least", "at most"};

void sim_must_print(const struct sim_must *m, const struct sim_range *range)
{
    printf("  %8.3f s, host %2d: %s%s%s: %s %" PRId64 ", seen %" PRId64 " to %" PRId64 "\n",
           m->by_ms / 1000.0, m->who == SIM_ALL ? -1 : (int)m->who, name_of(m->fact),
           m->fact == SIM_ENDS ? ", reason: " : "", m->fact == SIM_ENDS ? adit_err_text(m->reason) : "",
           hows[m->how], m->value, range->low, range->high);
}

static void check_one(struct sim_world *w, const struct sim_must *m, uint32_t who, uint32_t shift_ms)
{
    int64_t seen = value_of(w, m, who, shift_ms);

    if (holds(m, seen))
        return;
    sim_break(w, "%s: %s%s%s: %s %" PRId64 " expected, %" PRId64 " seen%s", w->hosts[who].name,
              name_of(m->fact), m->fact == SIM_ENDS ? ", reason: " : "",
              m->fact == SIM_ENDS ? adit_err_text(m->reason) : "", hows[m->how], m->value, seen,
              m->fact == SIM_INNER_LOST && seen == NOTHING_SENT ? " (none was sent)" : "");
}

bool sim_must_is(struct sim_world *w, const struct sim_must *m, uint32_t shift_ms)
{
    if (m->who != SIM_ALL)
        return holds(m, value_of(w, m, m->who, shift_ms));
    for (uint32_t i = 1; i <= w->plan->n_clients; i++) {
        if (!holds(m, value_of(w, m, i, shift_ms)))
            return false;
    }
    return true;
}

void sim_must_check(struct sim_world *w, const struct sim_must *m, uint32_t shift_ms)
{
    if (m->who != SIM_ALL) {
        check_one(w, m, m->who, shift_ms);
        return;
    }
    for (uint32_t i = 1; i <= w->plan->n_clients; i++)
        check_one(w, m, i, shift_ms);
}
