/* SPDX-License-Identifier: Apache-2.0 */
/* From a row to its runs: what the sweep changes, what is filled in, and the judgement at each moment. */
#include "scenario.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    ALL_MASKS = 1 << SIM_MASK_BITS,
    SOME_MASKS = 48,
    PAIRS = SIM_MASK_BITS * (SIM_MASK_BITS - 1) / 2,
};

static const struct sim_table *const tables[] = {
    &sim_table_handshake, &sim_table_renewal, &sim_table_moves, &sim_table_life,
    &sim_table_ends,      &sim_table_stream,  &sim_table_crowd, &sim_table_trains,
};

const struct sim_scenario *sim_scenario_at(size_t i)
{
    for (size_t t = 0; t < sizeof tables / sizeof tables[0]; t++) {
        if (i < tables[t]->n)
            return &tables[t]->rows[i];
        i -= tables[t]->n;
    }
    return NULL;
}

/* ---- sweeps ---- */

uint32_t sim_sweep_elements(const struct sim_sweep *s, bool is_deep)
{
    uint32_t step = is_deep && s->deep_step ? s->deep_step : s->step;

    switch (s->kind) {
    case SIM_ONCE:
        return 1;
    case SIM_ONE_OF_12:
        return SIM_MASK_BITS;
    case SIM_TWO_OF_12:
        return PAIRS;
    case SIM_ONE_EACH:
        return SIM_MASK_BITS * SIM_MASK_BITS;
    case SIM_ANY_OF_12:
        return is_deep ? ALL_MASKS : SOME_MASKS;
    case SIM_MOMENTS:
    case SIM_VALUES:
        return (s->to - s->from) / step + 1;
    case SIM_SEEDS:
        return s->to;
    }
    return 0;
}

static int64_t pair_of(uint32_t number)
{
    uint32_t low = 0, n = SIM_MASK_BITS - 1;

    while (number >= n) {
        number -= n--;
        low++;
    }
    return 1LL << low | 1LL << (low + 1 + number);
}

static uint32_t move(struct sim_plan *p, const struct sim_sweep *s, uint32_t by_ms)
{
    uint32_t n = s->n_acts ? s->n_acts : p->n_acts - s->act;

    for (uint32_t i = s->act; i < s->act + n; i++)
        p->acts[i].at_ms += by_ms;
    return by_ms;
}

static uint32_t apply(struct sim_plan *p, const struct sim_sweep *s, uint32_t element, bool is_deep)
{
    uint32_t at = s->from + element * (is_deep && s->deep_step ? s->deep_step : s->step);
    struct sim_act *act = &p->acts[s->act];

    switch (s->kind) {
    case SIM_ONCE:
        break;
    case SIM_ONE_OF_12:
        act->value = 1LL << element;
        break;
    case SIM_TWO_OF_12:
        act->value = pair_of(element);
        break;
    case SIM_ONE_EACH:
        act[0].value = 1LL << element / SIM_MASK_BITS;
        act[1].value = 1LL << element % SIM_MASK_BITS;
        break;
    case SIM_ANY_OF_12:
        act->value = is_deep ? element : (int64_t)(element * 2654435761U >> 7) % ALL_MASKS;
        break;
    case SIM_MOMENTS:
        return move(p, s, at);
    case SIM_VALUES:
        act->value = at;
        break;
    case SIM_SEEDS:
        p->seed = element + 1;
        break;
    }
    return 0;
}

/* What a row leaves open is ordinary. */
static void fill_in(struct sim_plan *p)
{
    static const struct sim_line ordinary = {.up = {.latency_us = 20000}, .down = {.latency_us = 20000}};

    p->seed = 1;
    p->n_clients = p->n_clients ? p->n_clients : 1;
    p->reneg_s = p->reneg_s ? p->reneg_s : 3600;
    p->traffic_bytes = p->traffic_bytes ? p->traffic_bytes : 300;
    if (p->n_lines == 0) {
        p->lines[0] = ordinary;
        p->n_lines = 1;
    }
    while (p->n_acts < SIM_ACTS_MAX && p->acts[p->n_acts].kind != SIM_ACT_NOTHING)
        p->n_acts++;
}

uint32_t sim_scenario_plan(const struct sim_scenario *row, uint32_t element, bool is_deep,
                           struct sim_plan *out)
{
    uint32_t shift_ms;

    *out = row->plan;
    fill_in(out);
    shift_ms = apply(out, &row->sweep, element, is_deep);
    for (size_t i = 0; i < SIM_MUSTS_MAX && row->musts[i].fact != SIM_NOTHING_MORE; i++)
        out->until_s = (row->musts[i].by_ms + shift_ms) / 1000 + 1;
    return shift_ms;
}

/* ---- runs ---- */

static void run(const struct sim_scenario *row, uint32_t element, const struct sim_scenario_job *job,
                struct sim_range *ranges, char *what)
{
    static struct sim_world w;
    struct sim_plan plan;
    uint32_t shift_ms = sim_scenario_plan(row, element, job->is_deep, &plan);

    sim_world_init(&w, &plan, job->is_traced);
    for (size_t i = 0; i < SIM_MUSTS_MAX && row->musts[i].fact != SIM_NOTHING_MORE && !w.broken[0]; i++) {
        sim_world_until(&w, w.start_ns + (row->musts[i].by_ms + shift_ms) * ADIT_NS_PER_MS);
        if (job->want_values)
            sim_must_range(&w, &row->musts[i], shift_ms, &ranges[i]);
        if (!w.broken[0])
            sim_must_check(&w, &row->musts[i], shift_ms);
    }
    sim_world_fini(&w);
    memcpy(what, w.broken, SIM_BROKEN_MAX);
}

static void tell(const struct sim_scenario *row, uint32_t element, uint32_t n_broken,
                 const struct sim_scenario_job *job, const char *what)
{
    printf("BROKEN: %s: %s\n", row->name, what);
    if (n_broken > 1)
        printf("  and %" PRIu32 " more of its %" PRIu32 " runs\n", n_broken - 1,
               sim_sweep_elements(&row->sweep, job->is_deep));
    printf("  replay: adit-sim --scenarios --only \"%s\" --element %" PRIu32 "%s --trace\n", row->name,
           element, job->is_deep ? " --deep" : "");
    fflush(stdout);
}

static void print_values(const struct sim_scenario *row, const struct sim_range *ranges)
{
    printf("%s\n", row->name);
    for (size_t i = 0; i < SIM_MUSTS_MAX && row->musts[i].fact != SIM_NOTHING_MORE; i++)
        sim_must_print(&row->musts[i], &ranges[i]);
}

/* How many of the row's runs broke; the first is told. */
static uint32_t run_row(const struct sim_scenario *row, const struct sim_scenario_job *job, uint64_t *n_runs)
{
    uint32_t n = sim_sweep_elements(&row->sweep, job->is_deep), n_broken = 0, first = 0;
    char what[SIM_BROKEN_MAX], first_what[SIM_BROKEN_MAX] = "";
    struct sim_range ranges[SIM_MUSTS_MAX] = {{0}};

    for (uint32_t i = 0; i < n; i++) {
        if (job->has_element && i != job->element)
            continue;
        run(row, i, job, ranges, what);
        ++*n_runs;
        if (what[0] && n_broken++ == 0) {
            first = i;
            memcpy(first_what, what, sizeof what);
        }
    }
    if (job->want_values)
        print_values(row, ranges);
    if (n_broken > 0)
        tell(row, first, n_broken, job, first_what);
    return n_broken;
}

static bool is_a_name(const char *name)
{
    const struct sim_scenario *row;

    for (size_t i = 0; (row = sim_scenario_at(i)); i++) {
        if (strcmp(row->name, name) == 0)
            return true;
    }
    return false;
}

bool sim_scenario_is_wanted(const struct sim_scenario *row, const struct sim_scenario_job *job)
{
    if (!job->only)
        return true;
    return is_a_name(job->only) ? strcmp(row->name, job->only) == 0 : strstr(row->name, job->only) != NULL;
}

void sim_scenarios_list(void)
{
    const struct sim_scenario *row;

    for (size_t i = 0; (row = sim_scenario_at(i)); i++)
        printf("%-72s %5" PRIu32 " runs\n", row->name, sim_sweep_elements(&row->sweep, false));
}

size_t sim_scenarios_run(const struct sim_scenario_job *job)
{
    size_t n_rows = 0, n_broken = 0;
    const struct sim_scenario *row;
    uint64_t n_runs = 0;

    for (size_t i = 0; (row = sim_scenario_at(i)); i++) {
        if (!sim_scenario_is_wanted(row, job))
            continue;
        n_rows++;
        n_broken += run_row(row, job, &n_runs) > 0;
    }
    printf("%zu scenarios in %" PRIu64 " runs, %zu broken\n", n_rows, n_runs, n_broken);
    return n_rows > 0 ? n_broken : 1;
}
