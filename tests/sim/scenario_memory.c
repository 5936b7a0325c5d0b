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
    /* without --deep: */
    EVENTS_MAX = 15 * 1000, /* of one row and one host; then only some allocations fail */
    TRIES_MAX = 6,
    CROWD = 20, /* more clients than that are left out */
};

#define NEVER (1ULL << 60)

struct tally {
    uint64_t n_rows, n_runs, n_failed;
};

static uint32_t last_ms(const struct sim_scenario *row)
{
    uint32_t ms = 0;

    for (size_t i = 0; i < SIM_MUSTS_MAX && row->musts[i].fact != SIM_NOTHING_MORE; i++)
        ms = row->musts[i].by_ms;
    return ms;
}

static bool is_of_being_up(const struct sim_must *m)
{
    return m->fact == SIM_IS_UP || m->fact == SIM_N_UP;
}

/* What the row says of being up at the end: the last word on each host. */
static bool is_end_wanted(const struct sim_scenario *row, const struct sim_must *m)
{
    for (const struct sim_must *later = m + 1;
         later < row->musts + SIM_MUSTS_MAX && later->fact != SIM_NOTHING_MORE; later++) {
        if (is_of_being_up(later) &&
            (later->who == SIM_ALL || later->fact == SIM_N_UP || later->who == m->who))
            return false;
    }
    return is_of_being_up(m) && m->value > 0;
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
    uint64_t n_left[2]; /* until an allocation of the server, of client 1, would have failed */
    char what[SIM_BROKEN_MAX];
};

/* `fail_in`: of the server, of client 1. */
static void run(const struct sim_scenario *row, const struct sim_scenario_job *job, const uint64_t fail_in[2],
                struct outcome *out)
{
    static struct sim_world w;
    struct sim_plan plan;
    uint32_t shift_ms = sim_scenario_plan(row, 0, job->is_deep, &plan);
    uint64_t at, end;

    sim_world_init(&w, &plan, job->is_traced);
    for (size_t i = 0; i < 2; i++)
        w.hosts[i].fail_in = fail_in[i];
    at = w.start_ns + (uint64_t)(last_ms(row) + shift_ms) * ADIT_NS_PER_MS;
    end = at + GRACE_MS * ADIT_NS_PER_MS;
    for (sim_world_until(&w, at); !w.broken[0] && at < end && !are_all_up(&w, row, shift_ms);) {
        at += LOOK_MS * ADIT_NS_PER_MS;
        sim_world_until(&w, at);
    }
    if (!w.broken[0] && !are_all_up(&w, row, shift_ms))
        sim_break(&w, "who should be up in the end is not");
    *out = (struct outcome){.n_failed = sim_mem.n_failed - w.mem_at_start.n_failed,
                            .n_events = w.n_events,
                            .n_left = {w.hosts[0].fail_in, w.hosts[1].fail_in}};
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
    uint64_t fail_in[2] = {0, 0};
    struct outcome o;

    fail_in[job->who] = job->nth;
    run(row, job, fail_in, &o);
    t->n_runs++;
    t->n_failed += o.n_failed;
    if (o.what[0])
        tell(row, job, o.what);
    return !o.what[0];
}

/*
 * One after the other of `n`; or, where that would take long, some of them: other ones in each row, so that
 * rows that are much alike cover all of them together. The first that breaks is told: the others of the row
 * are likely to say the same.
 */
static bool sweep(const struct sim_scenario *row, struct sim_scenario_job job, uint64_t n, uint64_t tries,
                  struct tally *t)
{
    if (tries > n)
        tries = n;
    for (uint64_t i = 0; i < tries; i++) {
        job.nth = 1 + (i * n / tries + t->n_rows * 7) % n;
        if (!try_one(row, &job, t))
            return false;
    }
    return true;
}

static bool sweep_both(const struct sim_scenario *row, struct sim_scenario_job job, struct tally *t)
{
    uint64_t tries = UINT64_MAX;
    bool is_good = true;
    struct outcome o;

    run(row, &job, (const uint64_t[]){NEVER, NEVER}, &o);
    t->n_runs++;
    if (o.what[0]) {
        tell(row, &job, o.what);
        return false;
    }
    if (!job.is_deep)
        tries = o.n_events * TRIES_MAX > EVENTS_MAX ? EVENTS_MAX / o.n_events : TRIES_MAX;
    for (uint32_t who = 0; who < 2; who++) {
        job.who = who;
        is_good &= sweep(row, job, NEVER - o.n_left[who], tries, t);
    }
    return is_good;
}

size_t sim_scenarios_run_no_memory(const struct sim_scenario_job *job)
{
    const struct sim_scenario *row;
    struct tally t = {0};
    size_t n_broken = 0;

    for (size_t i = 0; (row = sim_scenario_at(i)); i++) {
        if (!sim_scenario_is_wanted(row, job) || (row->plan.n_clients > CROWD && !job->is_deep))
            continue;
        t.n_rows++;
        n_broken += job->nth > 0 ? !try_one(row, job, &t) : !sweep_both(row, *job, &t);
    }
    printf("%" PRIu64 " scenarios in %" PRIu64 " runs with %" PRIu64 " failing allocations, %zu broken\n",
           t.n_rows, t.n_runs, t.n_failed, n_broken);
    return t.n_rows > 0 ? n_broken : 1;
}
