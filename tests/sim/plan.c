/* SPDX-License-Identifier: Apache-2.0 */
#include "plan.h"

#include <stdio.h>

#include "world.h"

enum {
    CHAOS_S = 120,         /* random worlds: faults begin within so long */
    TRAFFIC_MS_MAX = 8000, /* of trains */
    CALM_S = 400,          /* ... and after the calm everybody has so long to come back */
};

const char *sim_act_name(enum sim_act_kind kind)
{
    static const char *const names[SIM_ACTS] = {
        "nothing",   "line",        "cut up",     "cut down",    "cut",       "join",      "lose up",
        "lose down", "twice up",    "twice down", "late up",     "late down", "damage up", "damage down",
        "rebind",    "rebind port", "reset",      "stall",       "pause",     "crash",     "leave",
        "start",     "clock",       "no memory",  "renegotiate", "exhaust",   "stranger",  "replay",
        "spoof",     "expire",      "renew",      "revoke",      "refuse",    "allow",     "tls fault",
        "silence",   "calm",
    };

    return names[kind];
}

const char *sim_wrap_name(enum sim_wrap wrap)
{
    static const char *const names[SIM_WRAPS] = {"bare", "tls-auth", "tls-crypt", "tls-crypt-v2",
                                                 "tls-crypt-v2 with cookie"};

    return names[wrap];
}

/* ---- random ---- */

static bool one_in(uint64_t *chance, uint32_t n)
{
    return sim_below(chance, n) == 0;
}

static struct sim_pipe_spec random_pipe(uint64_t *c)
{
    struct sim_pipe_spec p = {.latency_us = 500 + sim_below(c, one_in(c, 4) ? 300000 : 40000)};
    struct adit_fault_spec *f = &p.faults;

    if (one_in(c, 3))
        f->loss_ppm = sim_below(c, 300000);
    if (one_in(c, 5))
        f->burst_ppm = sim_below(c, 20000), f->burst_n = 2 + sim_below(c, 20);
    if (one_in(c, 4))
        f->dup_ppm = sim_below(c, 200000);
    if (one_in(c, 5))
        f->corrupt_ppm = sim_below(c, 100000);
    if (one_in(c, 4)) {
        f->late_ppm = sim_below(c, 300000);
        f->late_ns = (1 + sim_below(c, 400)) * ADIT_NS_PER_MS;
    }
    if (one_in(c, 3))
        f->jitter_ns = sim_below(c, 50) * ADIT_NS_PER_MS;
    if (one_in(c, 8)) {
        f->cut_every_ns = (20 + sim_below(c, 60)) * ADIT_NS_PER_S;
        f->cut_ns = sim_below(c, 15) * ADIT_NS_PER_S;
    }
    if (one_in(c, 8))
        p.kbit_s = 64 + sim_below(c, 10000), p.queue_bytes = 8000 + sim_below(c, 100000);
    if (one_in(c, 10))
        p.mtu = (uint16_t)(1280 + sim_below(c, 221)), p.tells_mtu = one_in(c, 2);
    return p;
}

static int64_t random_value(const struct sim_plan *p, uint64_t *c, enum sim_act_kind kind)
{
    switch (kind) {
    case SIM_ACT_LINE:
        return sim_below(c, p->n_lines);
    case SIM_ACT_PAUSE:
    case SIM_ACT_STALL:
        return 50 + sim_below(c, one_in(c, 3) ? 90000 : 3000);
    case SIM_ACT_CRASH:
    case SIM_ACT_LEAVE:
        return 1 + sim_below(c, one_in(c, 3) ? 60000 : 3000);
    case SIM_ACT_CLOCK:
        return (int64_t)sim_below(c, 200000) - 100000;
    case SIM_ACT_NO_MEMORY:
        return 1 + sim_below(c, 60);
    case SIM_ACT_EXHAUST:
        return 1 + sim_below(c, 200);
    case SIM_ACT_STRANGER:
    case SIM_ACT_REPLAY:
        return 1 + sim_below(c, 40);
    case SIM_ACT_SPOOF:
        return 1 + sim_below(c, 5);
    case SIM_ACT_REVOKE:
    case SIM_ACT_REFUSE:
        return 1 + sim_below(c, p->n_clients);
    case SIM_ACT_TLS_FAULT:
        return 1 + sim_below(c, SIM_TLS_STALL_AT_FINISH);
    case SIM_ACT_SILENCE:
        return sim_below(c, 2);
    default:
        return (int64_t)sim_below(c, 0xffffffff);
    }
}

static void random_act(struct sim_plan *p, uint64_t *c, uint32_t until_ms)
{
    struct sim_act *a = &p->acts[p->n_acts++];

    a->kind = 1 + sim_below(c, SIM_ACT_CALM - 1);
    a->at_ms = one_in(c, 3) ? sim_below(c, 1500) : sim_below(c, until_ms);
    a->who = one_in(c, 4) ? SIM_SERVER : one_in(c, 5) ? SIM_ALL : 1 + sim_below(c, p->n_clients);
    a->value = random_value(p, c, a->kind);
}

/* One world in three; short trains mostly, and few that fill the largest packet. */
static void random_trains(struct sim_plan *p, uint64_t *c)
{
    struct sim_trains *t = &p->trains;

    if (!one_in(c, 3))
        return;
    t->most = 1 + sim_below(c, one_in(c, 4) ? 64 : 12);
    /* Longer ones at a greater distance. */
    p->traffic_ms *= 2 + t->most / 8;
    if (p->traffic_ms > TRAFFIC_MS_MAX)
        p->traffic_ms = TRAFFIC_MS_MAX;
    t->lost_ppm = one_in(c, 3) ? sim_below(c, 100000) : 0;
    t->twice_ppm = one_in(c, 3) ? sim_below(c, 100000) : 0;
    t->refused = one_in(c, 3) ? sim_below(c, 8) : 0;
    if (p->is_real_tls || one_in(c, 3))
        return;
    t->workers = 2 + sim_below(c, 4);
    t->steering = (enum sim_steering)sim_below(c, 3);
    /* Clients that send in step would take each other's place in a short ring for ever, as none does outside.
     */
    t->handed = 4U << sim_below(c, one_in(c, 3) ? 2 : 5);
    while (p->n_clients > 1 && t->handed < t->most * p->n_clients)
        t->handed *= 2;
    p->has_threads = !one_in(c, 4);
}

void sim_plan_random(struct sim_plan *p, uint64_t seed)
{
    uint64_t chance = seed ^ 0xa0761d6478bd642fULL, *c = &chance;
    uint32_t n_acts, chaos_s;

    *p = (struct sim_plan){.seed = seed, .wrap = sim_below(c, SIM_WRAPS)};
    p->is_real_tls = one_in(c, 100);
    p->is_tcp = one_in(c, 5);
    p->is_tls_12 = one_in(c, 3);
    p->want_prf = one_in(c, 4);
    p->has_threads = one_in(c, 3);
    p->n_clients = p->is_real_tls ? 1 : one_in(c, 10) ? 1 + sim_below(c, 12) : 1 + sim_below(c, 3);
    p->want_client_to_client = one_in(c, 3);
    p->start_ms = sim_below(c, 3000);
    p->push_bytes = one_in(c, 6) ? sim_below(c, 6000) : 0;
    p->ping_s = 1 + sim_below(c, 15);
    p->ping_restart_s = p->ping_s * (2 + sim_below(c, 4)) + 5;
    p->reneg_s = one_in(c, 2) ? 20 + sim_below(c, 200) : 3600;
    p->client_reneg_s = one_in(c, 2) ? 20 + sim_below(c, 200) : 0;
    p->reneg_packets = one_in(c, 8) ? 50 + sim_below(c, 400) : 0;
    p->hand_window_s = 20 + sim_below(c, 60);
    p->tran_window_s = one_in(c, 3) ? 30 + sim_below(c, 100) : 3600;
    p->traffic_ms = 100 + sim_below(c, 3000);
    p->traffic_bytes = 40 + sim_below(c, 1360);
    p->cipher = one_in(c, 4) ? "CHACHA20-POLY1305" : "AES-128-GCM";
    p->n_lines = 1 + sim_below(c, 3);
    for (uint32_t i = 0; i < p->n_lines; i++)
        p->lines[i] = (struct sim_line){.up = random_pipe(c), .down = random_pipe(c)};
    chaos_s = 5 + sim_below(c, CHAOS_S);
    n_acts = sim_below(c, one_in(c, 4) ? SIM_ACTS_MAX - 1 : 8);
    while (p->n_acts < n_acts)
        random_act(p, c, chaos_s * 1000);
    p->acts[p->n_acts++] = (struct sim_act){.kind = SIM_ACT_CALM, .at_ms = (chaos_s + 90) * 1000};
    p->until_s = chaos_s + 90 + CALM_S;
    random_trains(p, c);
}

/* ---- for a person ---- */

static void print_pipe(const char *name, const struct sim_pipe_spec *s)
{
    const struct adit_fault_spec *f = &s->faults;

    printf(
        "  %-5s latency %u us, jitter %llu ms, %u kbit/s, queue %u, mtu %u%s; ppm: loss %u, burst %u of %u, "
        "twice %u, damage %u, late %u by %llu ms; cut %llu of %llu s\n",
        name, s->latency_us, (unsigned long long)(f->jitter_ns / ADIT_NS_PER_MS), s->kbit_s, s->queue_bytes,
        s->mtu, s->tells_mtu ? " told" : "", f->loss_ppm, f->burst_ppm, f->burst_n, f->dup_ppm,
        f->corrupt_ppm, f->late_ppm, (unsigned long long)(f->late_ns / ADIT_NS_PER_MS),
        (unsigned long long)(f->cut_ns / ADIT_NS_PER_S),
        (unsigned long long)(f->cut_every_ns / ADIT_NS_PER_S));
}

static void print_trains(const struct sim_trains *t)
{
    static const char *const steerings[] = {"steered", "by chance", "astray"};

    if (t->most > 0)
        printf("  trains of up to %u packets; ppm: lost %u, twice %u; the device refuses%s%s%s%s\n", t->most,
               t->lost_ppm, t->twice_ppm, t->refused & SIM_NO_TCP4 ? " TCP over IPv4" : "",
               t->refused & SIM_NO_TCP6 ? " TCP over IPv6" : "", t->refused & SIM_NO_UDP ? " UDP" : "",
               t->refused ? "" : " nothing");
    if (t->workers > 1)
        printf("  %u workers, packets come to them %s, rings of %u between them\n", t->workers,
               steerings[t->steering], t->handed);
}

void sim_plan_print(const struct sim_plan *p)
{
    printf("  seed %llu, %s, %s, %s%s%s%s, %u clients, for %u s\n", (unsigned long long)p->seed,
           sim_wrap_name(p->wrap), p->is_tcp ? "TCP" : "UDP",
           p->is_real_tls ? "OpenSSL"
           : p->is_tls_12 ? "two round trips"
                          : "one round trip",
           p->want_prf ? ", PRF" : "", p->has_threads ? ", threads" : "",
           p->want_client_to_client ? ", client-to-client" : "", p->n_clients, p->until_s);
    printf("  keepalive %u %u, reneg-sec %u and %u, reneg-pkts %u, hand-window %u, tran-window %u, push %u "
           "bytes, "
           "traffic every %u ms\n",
           p->ping_s, p->ping_restart_s, p->reneg_s, p->client_reneg_s, p->reneg_packets, p->hand_window_s,
           p->tran_window_s, p->push_bytes, p->traffic_ms);
    print_trains(&p->trains);
    for (uint32_t i = 0; i < p->n_lines; i++) {
        print_pipe("up", &p->lines[i].up);
        print_pipe("down", &p->lines[i].down);
    }
    for (uint32_t i = 0; i < p->n_acts; i++) {
        const struct sim_act *a = &p->acts[i];

        if (a->kind != SIM_ACT_NOTHING)
            printf("  %8.3f s: %s, host %d, value %lld\n", a->at_ms / 1000.0, sim_act_name(a->kind),
                   a->who == SIM_ALL ? -1 : (int)a->who, (long long)a->value);
    }
}

/* ---- shrinking ---- */

static bool clear_u32(uint32_t *v)
{
    bool was = *v != 0;

    *v = 0;
    return was;
}

static bool clear_flag(bool *v)
{
    bool was = *v;

    *v = false;
    return was;
}

static bool clear_faults(struct sim_pipe_spec *s, uint32_t which)
{
    struct adit_fault_spec *f = &s->faults;
    uint32_t *const rates[] = {&f->loss_ppm,    &f->burst_ppm, &f->dup_ppm,
                               &f->corrupt_ppm, &f->late_ppm,  &s->kbit_s};
    bool was;

    if (which < 6)
        return clear_u32(rates[which]);
    was = f->cut_every_ns || f->jitter_ns || s->mtu;
    f->cut_every_ns = f->jitter_ns = 0;
    s->mtu = 0;
    return was;
}

enum { PER_PIPE = 7, FLAGS = 14 };

uint32_t sim_plan_reductions(void)
{
    return SIM_ACTS_MAX + SIM_LINES_MAX * 2 * PER_PIPE + FLAGS;
}

static bool reduce_trains(struct sim_trains *t, uint32_t n)
{
    bool was;

    switch (n) {
    case 0:
        return clear_u32(&t->workers);
    case 1:
        return clear_u32(&t->most);
    case 2:
        return clear_u32(&t->lost_ppm);
    case 3:
        return clear_u32(&t->twice_ppm);
    case 4:
        return clear_u32(&t->refused);
    default:
        was = t->steering != SIM_STEERED;
        t->steering = SIM_STEERED;
        return was;
    }
}

bool sim_plan_reduce(struct sim_plan *p, uint32_t number)
{
    uint32_t n = number - SIM_ACTS_MAX;
    bool was;

    if (number < SIM_ACTS_MAX) {
        was = number < p->n_acts && p->acts[number].kind != SIM_ACT_NOTHING &&
              p->acts[number].kind != SIM_ACT_CALM;
        if (was)
            p->acts[number].kind = SIM_ACT_NOTHING;
        return was;
    }
    if (n < SIM_LINES_MAX * 2 * PER_PIPE) {
        struct sim_line *line = &p->lines[n / (2 * PER_PIPE)];

        return clear_faults(n / PER_PIPE % 2 ? &line->down : &line->up, n % PER_PIPE);
    }
    switch (n - SIM_LINES_MAX * 2 * PER_PIPE) {
    case 0:
        return clear_flag(&p->has_threads);
    case 1:
        return clear_flag(&p->is_tcp);
    case 2:
        return clear_flag(&p->want_client_to_client);
    case 3:
        return clear_flag(&p->want_prf);
    case 4:
        return clear_u32(&p->push_bytes);
    case 5:
        return clear_u32(&p->client_reneg_s);
    case 6:
        return clear_u32(&p->reneg_packets);
    case 7:
        return clear_flag(&p->is_tls_12);
    default:
        return reduce_trains(&p->trains, n - SIM_LINES_MAX * 2 * PER_PIPE - 8);
    }
}
