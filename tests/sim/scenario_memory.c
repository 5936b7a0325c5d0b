/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scenarios again, with one allocation failing: the first of the server's, its second, and so on until a
 * run has no failure any more; then client 1's. Nothing may break, nothing may be forgotten, and who is up in
 * the end without the failure is up in the end with it, if later. The stand-in for TLS is what makes this
 * complete: OpenSSL allocates on its own.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "scenario.h"

enum {
    GRACE_MS = 200 * 1000, /* a client may have to begin again: hand-window and the pauses between attempts */
    LOOK_MS = 1000,
    EVENTS_MAX = 30 * 1000, /* of one row and one host, without --deep: then only some allocations fail */
    TRIES_MAX = 12,
    DEEP_EVENTS_MAX = 20 * 1000 * 1000,
};

#define NEVER (1ULL << 60)

struct tally {
    uint64_t n_runs, n_failed;
};

static uint32_t last_ms(const struct sim_scenario *row)
{
    uint32_t ms = 0;

    for (size_t i = 0; i < SIM_MUSTS_MAX && row->musts[i].fact != SIM_NOTHING_MORE; i++)
        ms = row->musts[i].by_ms;
    return ms;
}

/* What the row says of being up at the end: the last word on each host. */
static bool is_end_wanted(const struct sim_scenario *row, const struct sim_must *m)
{
    for (const struct sim_must *later = m + 1;
         later < row->musts + SIM_MUSTS_MAX && later->fact != SIM_NOTHING_MORE; later++) {
        if (later->fact == m->fact && (later->who == m->who || later->who == SIM_ALL))
            return false;
    }
    return (m->fact == SIM_IS_UP || m->fact == SIM_N_UP) && m->value > 0;
}

static bool are_all_up(struct sim_world *w, const struct sim_scenario *row, uint32_t shift_ms)
{
    for (size_t i = 0; i < SIM_MUSTS_MAX && row->musts[i].fact != SIM_NOTHING_MORE; i++) {
        if (is_end_wanted(row, &row->musts[i]) && !sim_must_is(w, &row->musts[i], shift_ms))
            return false;
    }
    return true;
}

struct outcome {
    uint64_t n_failed, n_events;
    uint64_t n_left; /* allocations that the host would still have had to make for one to fail */
    char what[SIM_BROKEN_MAX];
};

static void run(const struct sim_scenario *row, const struct sim_scenario_job *job, struct outcome *out)
{
    static struct sim_world w;
    struct sim_plan plan;
    uint32_t shift_ms = sim_scenario_plan(row, 0, job->is_deep, &plan);
    uint64_t at, end;

    if (sim_world_init(&w, &plan, job->is_traced))
        w.hosts[job->who].fail_in = job->nth;
    at = w.start_ns + (uint64_t)(last_ms(row) + shift_ms) * ADIT_NS_PER_MS;
    end = at + GRACE_MS * ADIT_NS_PER_MS;
    for (sim_world_until(&w, at); !w.broken[0] && at < end && !are_all_up(&w, row, shift_ms);) {
        at += LOOK_MS * ADIT_NS_PER_MS;
        sim_world_until(&w, at);
    }
    if (!w.broken[0] && !are_all_up(&w, row, shift_ms))
        sim_break(&w, "who should be up in the end is not");
    out->n_failed = sim_mem.n_failed - w.mem_at_start.n_failed;
    out->n_left = w.hosts[job->who].fail_in;
    out->n_events = w.n_events;
    sim_world_fini(&w);
    memcpy(out->what, w.broken, SIM_BROKEN_MAX);
}

static void tell(const struct sim_scenario *row, const struct sim_scenario_job *job, const char *what)
{
    printf("BROKEN: %s, allocation %" PRIu64 " of host %" PRIu32 " fails: %s\n", row->name, job->nth,
           job->who, what);
    printf("  replay: adit-sim --no-memory --only \"%s\" --host %" PRIu32 " --nth %" PRIu64 "%s --trace\n",
           row->name, job->who, job->nth, job->is_deep ? " --deep" : "");
    fflush(stdout);
}

/* True: nothing broke. */
static bool try_one(const struct sim_scenario *row, const struct sim_scenario_job *job, struct tally *t)
{
    struct outcome o;

    run(row, job, &o);
    t->n_runs++;
    t->n_failed += o.n_failed;
    if (o.what[0])
        tell(row, job, o.what);
    return !o.what[0];
}

/*
 * Each allocation that the host makes in a run without failure; or, where that would take long, some of them:
 * other ones in each row, so that rows that are much alike cover all of them together.
 */
static bool sweep(const struct sim_scenario *row, struct sim_scenario_job job, size_t number, struct tally *t)
{
    uint64_t most = job.is_deep ? DEEP_EVENTS_MAX : EVENTS_MAX, tries, n;
    struct outcome o;

    job.nth = NEVER;
    run(row, &job, &o);
    t->n_runs++;
    if (o.what[0]) {
        tell(row, &job, o.what);
        return false;
    }
    n = NEVER - o.n_left;
    tries = most / (o.n_events + 1);
    if (!job.is_deep && tries > TRIES_MAX)
        tries = TRIES_MAX;
    if (tries > n)
        tries = n;
    for (uint64_t i = 0; i < tries; i++) {
        job.nth = 1 + (i * n / tries + number * 7) % n;
        if (!try_one(row, &job, t))
            return false; /* the others of the row are likely to tell the same */
    }
    return true;
}

static bool try_row(const struct sim_scenario *row, struct sim_scenario_job job, size_t number,
                    struct tally *t)
{
    uint32_t last = job.has_who ? job.who : 1;
    bool is_good = true;

    for (job.who = job.has_who ? job.who : SIM_SERVER; job.who <= last; job.who++)
        is_good &= job.nth > 0 ? try_one(row, &job, t) : sweep(row, job, number, t);
    return is_good;
}

size_t sim_scenarios_run_no_memory(const struct sim_scenario_job *job)
{
    size_t n_rows = 0, n_broken = 0;
    const struct sim_scenario *row;
    struct tally t = {0};

    for (size_t i = 0; (row = sim_scenario_at(i)); i++) {
        if (!sim_scenario_is_wanted(row, job))
            continue;
        n_rows++;
        n_broken += !try_row(row, *job, i, &t);
    }
    printf("%zu scenarios in %" PRIu64 " runs with %" PRIu64 " failing allocations, %zu broken\n", n_rows,
           t.n_runs, t.n_failed, n_broken);
    return n_rows > 0 ? n_broken : 1;
}
