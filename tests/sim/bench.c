/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How fast the simulator is, in whole, ordinary worlds with everything checked, by the time of the process;
 * and how the handshake does on a line that is bad in every way at once.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "world.h"

enum {
    HOURS = 1000,
    CROWD = 100,       /* clients of one server */
    CROWDS = 50,       /* worlds of them */
    HANDSHAKES = 1000, /* on the bad line, for each wrapping */
    UP_WITHIN_S = 60,
};

static double cpu_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static bool has_held(const struct sim_world *w, const char *what)
{
    if (w->broken[0])
        printf("%s: BROKEN: %s\n", what, w->broken);
    return !w->broken[0];
}

static struct sim_plan plan_of(uint64_t seed, uint32_t n_clients, uint32_t until_s)
{
    return (struct sim_plan){
        .seed = seed,
        .wrap = SIM_TLS_CRYPT,
        .n_clients = n_clients,
        .ping_s = 10,
        .ping_restart_s = 60,
        .reneg_s = 3600,
        .client_reneg_s = 3600,
        .lines = {{.up = {.latency_us = 20000}, .down = {.latency_us = 20000}}},
        .n_lines = 1,
        .until_s = until_s,
    };
}

/* One client that has nothing to say. */
static bool bench_hours(struct sim_world *w)
{
    struct sim_plan p = plan_of(1, 1, HOURS * 3600U);
    double start = cpu_s(), took;
    uint32_t n_keys;
    bool is_held;

    if (sim_world_run(w, &p, false) && (w->hosts[1].facts.n_ups != 1 || !w->hosts[1].client.is_up))
        sim_break(w, "the client was up %u times", w->hosts[1].facts.n_ups);
    n_keys = w->hosts ? w->hosts[1].facts.n_keys : 0;
    sim_world_fini(w);
    took = cpu_s() - start;
    is_held = has_held(w, "hours");
    if (is_held)
        printf("established tunnel, keepalive 10 60, reneg-sec 3600: %.0f hours per second (%u hours, %u "
               "keys, %llu events, %.2f s)\n",
               HOURS / took, HOURS, n_keys, (unsigned long long)w->n_events, took);
    return is_held;
}

/* How many clients are up at both ends. */
static uint32_t count_up(struct sim_world *w)
{
    uint32_t n = 0;

    for (uint32_t i = 1; i <= w->plan->n_clients; i++) {
        struct sim_caller *c = sim_server_caller_named(sim_server_of(w), w->hosts[i].tls.common_name);

        n += w->hosts[i].client.is_up && w->hosts[i].facts.n_sessions == 1 && c && c->is_up;
    }
    return n;
}

static bool bench_handshakes(struct sim_world *w)
{
    double start = cpu_s(), took;
    uint32_t n = 0;

    for (uint64_t seed = 1; seed <= CROWDS; seed++) {
        struct sim_plan p = plan_of(seed, CROWD, 30);

        p.wrap = (enum sim_wrap)(seed % SIM_WRAPS);
        p.start_ms = 5000;
        if (sim_world_run(w, &p, false))
            n += count_up(w);
        sim_world_fini(w);
        if (!has_held(w, "handshakes"))
            return false;
    }
    took = cpu_s() - start;
    printf("stand-in handshakes, up at both ends: %.0f per second (%u of %u, %.2f s)\n", n / took, n,
           CROWD * CROWDS, took);
    return n == CROWD * CROWDS;
}

/* ---- the bad line ---- */

static bool bench_bad_line(struct sim_world *w, enum sim_wrap wrap)
{
    struct sim_pipe_spec bad = {
        .latency_us = 20000,
        .faults = {.loss_ppm = 300000,
                   .dup_ppm = 200000,
                   .late_ppm = 300000,
                   .late_ns = 100 * ADIT_NS_PER_MS},
    };
    uint64_t slowest_ns = 0, sum_ns = 0;
    uint32_t n = 0;

    for (uint64_t seed = 1; seed <= HANDSHAKES; seed++) {
        struct sim_plan p = plan_of((uint64_t)wrap * HANDSHAKES + seed, 1, UP_WITHIN_S);

        p.wrap = wrap;
        p.lines[0] = (struct sim_line){.up = bad, .down = bad};
        if (sim_world_run(w, &p, false) && count_up(w) == 1) {
            uint64_t took_ns = w->hosts[1].facts.last_up_ns - w->start_ns;

            n++;
            sum_ns += took_ns;
            slowest_ns = took_ns > slowest_ns ? took_ns : slowest_ns;
        }
        sim_world_fini(w);
        if (!has_held(w, "bad line"))
            return false;
    }
    printf("30 %% lost, 20 %% twice, 30 %% late, each way, %s: %u of %u up within %u s, %.1f s on average, "
           "%.1f s at most\n",
           sim_wrap_name(wrap), n, HANDSHAKES, UP_WITHIN_S, (double)sum_ns / 1e9 / (n ? n : 1),
           (double)slowest_ns / 1e9);
    return n == HANDSHAKES;
}

bool sim_bench(void)
{
    static struct sim_world w;
    bool is_good = bench_hours(&w);

    is_good &= bench_handshakes(&w);
    for (int wrap = 0; wrap < SIM_WRAPS; wrap++)
        is_good &= bench_bad_line(&w, (enum sim_wrap)wrap);
    return is_good;
}
