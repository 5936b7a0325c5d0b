/* SPDX-License-Identifier: Apache-2.0 */
/*
 * adit-sim: runs random worlds, shrinks one that breaks, and prints the line that replays it; or runs the
 * table of scenarios, as they are or with allocations that fail.
 *
 *   adit-sim [--seed N] [--runs M] [--seconds S] [--without A,B,...] [--trace]
 *   adit-sim --list
 *   adit-sim --scenarios [--only PART] [--element N] [--deep] [--values] [--trace]
 *   adit-sim --no-memory [--only PART] [--host N] [--nth N] [--deep] [--trace]
 *   adit-sim --bench
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "scenario.h"

enum {
    WITHOUT_MAX = 256,
    TOLD_MAX = 10, /* broken worlds that are shrunk and told; the rest is counted */
};

enum mode {
    MODE_WORLDS,
    MODE_LIST,
    MODE_SCENARIOS,
    MODE_NO_MEMORY,
    MODE_BENCH,
};

struct job {
    enum mode mode;
    struct sim_scenario_job scenario;
    uint64_t seed, runs;
    double seconds; /* 0: no limit */
    uint32_t without[WITHOUT_MAX];
    size_t n_without;
    bool is_traced;
};

static void make_plan(struct sim_plan *p, uint64_t seed, const uint32_t *without, size_t n)
{
    sim_plan_random(p, seed);
    for (size_t i = 0; i < n; i++)
        sim_plan_reduce(p, without[i]);
}

/* True: it held. `what` (SIM_BROKEN_MAX bytes) says what did not. */
static bool run(const struct sim_plan *p, bool is_traced, char *what)
{
    static struct sim_world w;

    if (sim_world_run(&w, p, is_traced))
        sim_check_all_up(&w);
    sim_world_fini(&w);
    memcpy(what, w.broken, SIM_BROKEN_MAX);
    return !what[0];
}

/* Takes out whatever the world breaks without, until nothing more can go. */
static size_t shrink(uint64_t seed, uint32_t *without, size_t n)
{
    char what[SIM_BROKEN_MAX];
    struct sim_plan p, probe;
    bool has_shrunk = true;

    while (has_shrunk && n + 1 < WITHOUT_MAX) {
        has_shrunk = false;
        for (uint32_t i = 0; i < sim_plan_reductions() && n + 1 < WITHOUT_MAX; i++) {
            make_plan(&p, seed, without, n);
            probe = p;
            if (!sim_plan_reduce(&probe, i) || run(&probe, false, what))
                continue;
            without[n++] = i;
            has_shrunk = true;
        }
    }
    return n;
}

static void tell(uint64_t seed, const struct job *job)
{
    uint32_t without[WITHOUT_MAX];
    char what[SIM_BROKEN_MAX];
    struct sim_plan p;
    size_t n = job->n_without;

    memcpy(without, job->without, sizeof without);
    n = shrink(seed, without, n);
    make_plan(&p, seed, without, n);
    run(&p, false, what);
    printf("BROKEN: %s\n", what);
    sim_plan_print(&p);
    printf("  replay: adit-sim --seed %" PRIu64 " --runs 1 --trace", seed);
    for (size_t i = 0; i < n; i++)
        printf("%s%u", i == 0 ? " --without " : ",", without[i]);
    printf("\n");
    fflush(stdout);
}

static int usage(const char *what)
{
    fprintf(stderr,
            "adit-sim: %s\n"
            "usage: adit-sim [--seed N] [--runs M] [--seconds S] [--without A,B,...] [--trace]\n"
            "       adit-sim --list\n"
            "       adit-sim --scenarios [--only PART] [--element N] [--deep] [--values] [--trace]\n"
            "       adit-sim --no-memory [--only PART] [--host N] [--nth N] [--deep] [--trace]\n"
            "       adit-sim --bench\n",
            what);
    return 2;
}

static bool read_number(const char *text, uint64_t *out)
{
    char *end;

    errno = 0;
    *out = strtoull(text, &end, 0);
    return errno == 0 && end != text && *end == '\0';
}

static bool read_list(const char *text, struct job *job)
{
    while (*text && job->n_without < WITHOUT_MAX) {
        char *end;

        job->without[job->n_without++] = (uint32_t)strtoul(text, &end, 10);
        if (end == text || (*end && *end != ','))
            return false;
        text = *end ? end + 1 : end;
    }
    return true;
}

/* Words without a value. */
static bool read_flag(const char *word, struct job *job)
{
    if (strcmp(word, "--trace") == 0)
        job->is_traced = job->scenario.is_traced = true;
    else if (strcmp(word, "--list") == 0)
        job->mode = MODE_LIST;
    else if (strcmp(word, "--scenarios") == 0)
        job->mode = MODE_SCENARIOS;
    else if (strcmp(word, "--no-memory") == 0)
        job->mode = MODE_NO_MEMORY;
    else if (strcmp(word, "--bench") == 0)
        job->mode = MODE_BENCH;
    else if (strcmp(word, "--deep") == 0)
        job->scenario.is_deep = true;
    else if (strcmp(word, "--values") == 0)
        job->scenario.want_values = true;
    else
        return false;
    return true;
}

static bool read_value(const char *word, const char *value, struct job *job)
{
    struct sim_scenario_job *sc = &job->scenario;
    uint64_t n = 0;

    if (strcmp(word, "--only") == 0) {
        sc->only = value;
        return *value != '\0';
    }
    if (strcmp(word, "--without") == 0)
        return read_list(value, job);
    if (!read_number(value, &n))
        return false;
    if (strcmp(word, "--seed") == 0)
        job->seed = n;
    else if (strcmp(word, "--runs") == 0)
        job->runs = n;
    else if (strcmp(word, "--seconds") == 0)
        job->seconds = (double)n;
    else if (strcmp(word, "--element") == 0)
        sc->element = (uint32_t)n, sc->has_element = true;
    else if (strcmp(word, "--host") == 0)
        sc->who = n > 0;
    else if (strcmp(word, "--nth") == 0)
        sc->nth = n;
    else
        return false;
    return true;
}

static bool read_args(int argc, char **argv, struct job *job)
{
    for (int i = 1; i < argc; i++) {
        if (read_flag(argv[i], job))
            continue;
        if (!read_value(argv[i], i + 1 < argc ? argv[i + 1] : "", job))
            return false;
        i++;
    }
    return true;
}

static double elapsed_s(const struct timespec *since)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - since->tv_sec) + (double)(now.tv_nsec - since->tv_nsec) / 1e9;
}

static uint64_t run_worlds(const struct job *job)
{
    uint64_t n_worlds = 0, n_broken = 0;
    char what[SIM_BROKEN_MAX];
    struct timespec start;

    clock_gettime(CLOCK_MONOTONIC, &start);
    for (uint64_t i = 0; i < job->runs && (job->seconds == 0 || elapsed_s(&start) < job->seconds); i++) {
        struct sim_plan p;

        make_plan(&p, job->seed + i, job->without, job->n_without);
        n_worlds++;
        if (run(&p, job->is_traced, what))
            continue;
        if (n_broken++ < TOLD_MAX && !job->is_traced)
            tell(job->seed + i, job);
    }
    printf("%" PRIu64 " worlds, %" PRIu64 " broken\n", n_worlds, n_broken);
    return n_broken;
}

int main(int argc, char **argv)
{
    struct job job = {.seed = 1, .runs = 1000};

    if (!read_args(argc, argv, &job))
        return usage("not understood");
    switch (job.mode) {
    case MODE_WORLDS:
        return run_worlds(&job) > 0;
    case MODE_LIST:
        sim_scenarios_list();
        return 0;
    case MODE_SCENARIOS:
        return sim_scenarios_run(&job.scenario) > 0;
    case MODE_NO_MEMORY:
        return sim_scenarios_run_no_memory(&job.scenario) > 0;
    case MODE_BENCH:
        return !sim_bench();
    }
    return 2;
}
