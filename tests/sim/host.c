/* SPDX-License-Identifier: Apache-2.0 */
/* What a client and a server have in common: configuration, the plane behind its rings, turns, timers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/pem.h"
#include "conf/conf.h"
#include "proto/tls_ossl.h"
#include "wire/ip.h"
#include "world.h"

enum {
    RING_SLOTS_CLIENT = 32,
    RING_SLOTS_SERVER = 64,
    NOTES_PER_TURN = 64,
    TURN_JITTER_US = 1500, /* between a message and the other side's looking at it */
    CONF_MAX = 96 * 1024,
    HANDED_SLOTS = 16,
};

adit_now sim_host_now(const struct sim_host *h)
{
    adit_now now = h->w->now;

    now.wall_s += h->wall_s;
    return now;
}

/* ---- configuration ---- */

static void add_push(char *text, size_t cap, uint32_t bytes)
{
    size_t n = strlen(text);

    for (uint32_t i = 0; bytes > 0 && n + 128 < cap; i++) {
        int k = snprintf(text + n, cap - n, "push \"route 172.%u.%u.0 255.255.255.0\"\n", 16 + i / 256 % 16,
                         i % 256);

        n += (size_t)k;
        bytes -= bytes > 32 ? 32 : bytes;
    }
}

static void server_text(const struct sim_plan *p, char *text, size_t cap)
{
    uint32_t max = p->max_clients ? p->max_clients : p->n_clients + 8;

    snprintf(text, cap,
             "proto %s\ndev tun\ntopology subnet\nserver 10.8.0.0 255.255.0.0\nserver-ipv6 fd00::/64\n"
             "ca [inline]\ncert [inline]\nkey "
             "[inline]\n<ca>\nx\n</ca>\n<cert>\nx\n</cert>\n<key>\nx\n</key>\ndh none\n"
             "max-clients %u\nreneg-sec %u\nhand-window %u\ntran-window %u\ndata-ciphers %s\n"
             "connect-freq-initial %u 10\nverb 4\n%s%s",
             p->is_tcp ? "tcp-server" : "udp", max, p->reneg_s, p->hand_window_s ? p->hand_window_s : 60,
             p->tran_window_s ? p->tran_window_s : 3600, p->cipher ? p->cipher : "AES-256-GCM",
             p->connect_freq_initial ? p->connect_freq_initial : 100 + 2 * p->n_clients,
             p->is_duplicate_cn ? "duplicate-cn\n" : "",
             p->want_client_to_client ? "client-to-client\n" : "");
    if (p->ping_s > 0)
        snprintf(text + strlen(text), cap - strlen(text), "keepalive %u %u\n", p->ping_s, p->ping_restart_s);
    if (p->reneg_packets > 0)
        snprintf(text + strlen(text), cap - strlen(text), "reneg-pkts %u\n", p->reneg_packets);
    if (p->want_prf)
        snprintf(text + strlen(text), cap - strlen(text), "adit-key-derivation prf\n");
    add_push(text, cap, p->push_bytes);
}

static void client_text(const struct sim_plan *p, char *text, size_t cap)
{
    snprintf(text, cap,
             "client\nproto %s\ndev tun\nremote 192.0.2.1 1194\nnobind\n"
             "<ca>\nx\n</ca>\n<cert>\nx\n</cert>\n<key>\nx\n</key>\n"
             "reneg-sec %u\nhand-window %u\ntran-window %u\ndata-ciphers %s\nverb 4\n",
             p->is_tcp ? "tcp-client" : "udp", p->client_reneg_s, p->hand_window_s ? p->hand_window_s : 60,
             p->tran_window_s ? p->tran_window_s : 3600, p->cipher ? p->cipher : "AES-256-GCM");
    if (p->own_ping_restart_s > 0)
        snprintf(text + strlen(text), cap - strlen(text), "ping-restart %u\n", p->own_ping_restart_s);
}

static struct adit_tls_ctx *real_tls(struct sim_world *w, struct sim_end *end, bool is_server)
{
    struct adit_tls_params p = {
        .ca = adit_bytes_str(pem_ca),
        .cert = adit_bytes_str(is_server ? pem_server_cert : pem_client_cert),
        .key = adit_bytes_str(is_server ? pem_server_key : pem_client_key),
        .remote_cert_eku = is_server ? "TLS Web Client Authentication" : "TLS Web Server Authentication",
        .want_ku = true,
    };
    char why[512] = "";
    struct adit_tls_ctx *ctx;

    end->env.rng = adit_rng_seeded(&w->chance);
    ctx = adit_tls_ctx_new(&p, &end->env, is_server, why, sizeof why);
    if (!ctx)
        sim_break(w, "OpenSSL's context: %s", why);
    return ctx;
}

static bool read_conf(struct sim_world *w, struct sim_end *end, const char *text)
{
    struct adit_conf_source source = {0};
    struct adit_conf_report report = {0};
    struct adit_log quiet = {0};
    char line[640];

    if (adit_conf_parse("plan", adit_bytes_str(text), &source, &report, &end->conf) != ADIT_OK) {
        for (size_t i = 0; i < report.n; i++)
            sim_break(w, "the plan's configuration: %s",
                      adit_conf_diag_str(&report.diags[i], line, sizeof line));
        adit_conf_report_fini(&report);
        return false;
    }
    adit_conf_report_fini(&report);
    if (adit_terms_init(&end->terms, end->conf, &quiet) != ADIT_OK) {
        sim_break(w, "the plan's terms");
        return false;
    }
    return true;
}

static bool end_init(struct sim_world *w, struct sim_end *end, bool is_server)
{
    char *text = malloc(CONF_MAX);
    const struct adit_conf_conn *conn;
    bool is_read;

    if (!text)
        abort();
    if (is_server)
        server_text(w->plan, text, CONF_MAX);
    else
        client_text(w->plan, text, CONF_MAX);
    is_read = read_conf(w, end, text);
    free(text);
    if (!is_read)
        return false;
    conn = is_server ? &end->conf->conn : &end->conf->conns[0];
    adit_terms_for(&end->terms, conn, w->plan->is_tcp);
    end->params = adit_terms_params(&end->terms, conn);
    end->params.tls = w->plan->is_real_tls ? &adit_tls_ossl : &sim_tls_ops;
    if (w->plan->is_real_tls)
        end->real_tls = real_tls(w, end, is_server);
    return !w->plan->is_real_tls || end->real_tls;
}

static bool wraps_init(struct sim_world *w)
{
    const struct adit_digest *sha1 = adit_digest_find("SHA1");
    struct adit_wrap_key **c = &w->client_end.wrap, **s = &w->server_end.wrap;

    switch (w->plan->wrap) {
    case SIM_TLS_AUTH:
        *c = adit_wrap_key_auth(&w->static_key, sha1, ADIT_KEYDIR_1);
        *s = adit_wrap_key_auth(&w->static_key, sha1, ADIT_KEYDIR_0);
        return *c && *s;
    case SIM_TLS_CRYPT:
        *c = adit_wrap_key_crypt(&w->static_key, false);
        *s = adit_wrap_key_crypt(&w->static_key, true);
        return *c && *s;
    case SIM_V2:
    case SIM_V2_COOKIE:
        w->v2_client.kc = w->static_key;
        *c = adit_wrap_key_crypt(&w->static_key, false);
        return *c &&
               adit_wkc_wrap(&w->v2_server, adit_bytes_of("\1\0\0\0\0e\0\0\0", 9), &w->v2_client) == ADIT_OK;
    default:
        return true;
    }
}

bool sim_ends_init(struct sim_world *w)
{
    struct adit_rng rng = adit_rng_seeded(&w->chance);

    rng.fill(rng.ctx, w->static_key.b, sizeof w->static_key.b);
    rng.fill(rng.ctx, w->v2_server.b, sizeof w->v2_server.b);
    return end_init(w, &w->server_end, true) && end_init(w, &w->client_end, false) && wraps_init(w);
}

void sim_ends_fini(struct sim_world *w)
{
    struct sim_end *ends[] = {&w->server_end, &w->client_end};

    for (size_t i = 0; i < 2; i++) {
        adit_wrap_key_free(ends[i]->wrap);
        adit_tls_ctx_free(ends[i]->real_tls);
        adit_conf_free(ends[i]->conf);
    }
}

/* ---- a host ---- */

static void put_log(void *ctx, enum adit_log_kind kind, int verb, const char *line)
{
    struct sim_host *h = ctx;

    (void)kind;
    (void)verb;
    sim_trace(h->w, h, "%s", line);
}

void sim_host_init(struct sim_world *w, uint32_t id)
{
    const struct sim_plan *p = w->plan;
    struct sim_host *h = &w->hosts[id];

    h->w = w;
    h->id = id;
    snprintf(h->name, sizeof h->name, "%s%u", id == SIM_SERVER ? "server" : "client", id % 100000);
    h->end = id == SIM_SERVER ? &w->server_end : &w->client_end;
    h->chance = p->seed ^ (0x5851f42d4c957f2dULL * (id + 1));
    h->env.rng = adit_rng_seeded(&h->chance);
    if (w->is_traced)
        h->env.log = (struct adit_log){.put = put_log, .ctx = h, .verb = 4};
    h->tls = (struct sim_tls_ctx){
        .rng = &h->env.rng,
        .shape = p->is_tls_12 ? sim_tls_12() : sim_tls_13(),
        .common_name = (p->is_duplicate_cn || p->is_real_tls) && id != SIM_SERVER ? "client" : h->name,
        .authority = 1,
        .trusted_authority = 1,
        .not_before_s = 0,
        .not_after_s = INT64_MAX,
        .has_cert = true,
        .wants_cert = true,
    };
    h->params = h->end->params;
    h->params.tls_ctx = p->is_real_tls ? (void *)h->end->real_tls : &h->tls;
    h->tick_ns = ADIT_NEVER;
}

/* ---- the plane ---- */

bool sim_host_open_plane(struct sim_host *h)
{
    const struct sim_plan *p = h->w->plan;
    bool is_server = h->id == SIM_SERVER;
    struct sim_plane_params params = {
        .max_peers = is_server ? h->end->conf->max_clients : 1,
        .max_streams = !p->is_tcp  ? 0
                       : is_server ? h->end->conf->max_clients + SIM_PENDING
                                   : 1,
        .ring_slots = is_server ? RING_SLOTS_SERVER : RING_SLOTS_CLIENT,
        .is_single_peer = !is_server,
        .want_client_to_client = p->want_client_to_client,
        .want_merge = p->trains.most > 0,
    };
    struct sim_crew_params crew = {.n_workers = p->trains.workers,
                                   .handed_slots = p->trains.handed ? p->trains.handed : HANDED_SLOTS};
    struct sim_plane_out out = {.ctx = h,
                                .packet = sim_net_out,
                                .device = sim_traffic_device,
                                .opened = sim_traffic_opened,
                                .refused = sim_check_refused,
                                .link_closed = sim_net_link_closed};

    if (is_server && crew.n_workers > 1) {
        h->crew = sim_crew_new(&h->plane, &params, &out, &crew);
        h->is_plane_on = h->crew != NULL;
    } else {
        h->is_plane_on = sim_plane_init(&h->plane, &params, &out);
    }
    return h->is_plane_on;
}

void sim_host_close_plane(struct sim_host *h)
{
    if (h->crew)
        sim_crew_free(h->crew);
    else if (h->is_plane_on)
        sim_plane_fini(&h->plane);
    h->crew = NULL;
    h->is_plane_on = false;
}

struct sim_plane *sim_host_member(struct sim_host *h, unsigned i)
{
    if (!h->is_plane_on)
        return NULL;
    if (h->crew)
        return i < h->crew->n ? h->crew->members[i] : NULL;
    return i == 0 ? &h->plane : NULL;
}

struct sim_plane *sim_host_member_of(struct sim_host *h, int link)
{
    return h->crew ? h->crew->members[sim_crew_of_stream(h->crew, link)] : &h->plane;
}

static struct adit_plane *seam_of(struct sim_host *h)
{
    return h->crew ? &h->crew->base : &h->plane.base;
}

/* Where the network card, or the device's queue, puts a packet whose peer lives at `home`. */
static struct sim_plane *steer(struct sim_host *h, unsigned home)
{
    struct sim_crew *c = h->crew;

    switch (h->w->plan->trains.steering) {
    case SIM_STEERED:
        return c->members[home];
    case SIM_BY_CHANCE:
        return c->members[sim_below(&h->w->chance, c->n_workers)];
    case SIM_ASTRAY:
        break;
    }
    return c->members[home == c->n - 1 ? home : (home + 1) % c->n_workers];
}

void sim_host_device(struct sim_host *h, uint32_t flow, uint8_t *packet, size_t n,
                     const struct adit_offload *offload)
{
    struct sim_plane *to = &h->plane;
    struct adit_ip_peek peek;
    uint32_t mark = ADIT_NO_PEER;

    if (h->crew && adit_ip_peek(adit_bytes_of(packet, n), &peek) == ADIT_OK)
        mark = adit_routes_find(to->routes, &peek.dst);
    /* A flow's queue is where its answers come from in the end; until that is known, any that stays. */
    if (h->crew && h->w->plan->trains.steering == SIM_STEERED)
        to = h->crew->members[flow % h->crew->n_workers];
    else if (h->crew)
        to = steer(h, mark == ADIT_NO_PEER ? 0 : adit_mark_home(mark));
    sim_plane_device(to, packet, n, offload, sim_host_now(h));
}

void sim_host_datagram(struct sim_host *h, const struct adit_addr *from, uint8_t *packet, size_t n,
                       uint64_t key)
{
    struct sim_plane *to = &h->plane;

    if (h->crew && n > 0)
        to = steer(h, adit_packet_is_data(packet[0])
                          ? adit_home_of_datagram(adit_bytes_of(packet, n), h->crew->n_workers)
                          : h->crew->n - 1);
    sim_plane_datagram(to, 0, from, packet, n, key, sim_host_now(h));
}

void sim_host_flush_merged(struct sim_host *h)
{
    struct sim_plane *p;

    for (unsigned i = 0; (p = sim_host_member(h, i)); i++)
        sim_plane_flush(p);
}

void sim_host_post(struct sim_host *h, struct adit_cmd *cmd)
{
    (void)!seam_of(h)->ops->post(seam_of(h), cmd); /* control bytes that find no room are lost */
}

void sim_host_flush(struct sim_host *h, struct adit_session *s, int link, const struct adit_addr *to)
{
    struct adit_cmd cmd; /* too long to be zeroed every time */

    cmd.kind = ADIT_CMD_CTRL_TX;
    cmd.peer = ADIT_NO_PEER;
    cmd.ctrl.link = link;
    cmd.ctrl.remote = to ? *to : (struct adit_addr){.port = 0};
    cmd.ctrl.local = (struct adit_addr){.port = 0};
    for (;;) {
        struct adit_wr w = adit_wr_of(cmd.ctrl.b, sizeof cmd.ctrl.b);

        if (!adit_session_next_tx(s, sim_host_now(h), &w))
            return;
        /* The budget of 1.9: what goes out fits max-packet-size with IP and UDP headers around it. */
        if (adit_wr_len(&w) + 28 > h->params.max_packet_size)
            sim_break(h->w, "%s: a control packet of %zu bytes", h->name, adit_wr_len(&w));
        cmd.ctrl.n = (uint16_t)adit_wr_len(&w);
        sim_host_post(h, &cmd);
    }
}

/* ---- turns ---- */

static uint64_t jitter_ns(struct sim_host *h)
{
    return 1000ULL * sim_below(&h->w->chance, TURN_JITTER_US);
}

static void plan_tick(struct sim_host *h)
{
    uint64_t at = ADIT_NEVER;
    struct sim_plane *p;

    for (unsigned i = 0; (p = sim_host_member(h, i)); i++)
        at = adit_earlier(at, sim_plane_deadline(p));
    sim_host_plan(h, at, &h->tick_ns, &h->tick_serial, 0);
}

void sim_host_policy(struct sim_host *h)
{
    struct adit_note note;

    for (unsigned i = 0; h->is_plane_on && i < NOTES_PER_TURN; i++) {
        if (!seam_of(h)->ops->next_note(seam_of(h), &note))
            return;
        if (h->id == SIM_SERVER)
            sim_server_on_note(h, &note);
        else
            sim_client_on_note(h, &note);
    }
}

void sim_host_worker(struct sim_host *h, unsigned member)
{
    struct sim_plane *p = sim_host_member(h, member);
    bool has_threads = h->w->plan->has_threads;

    if (!p)
        return;
    sim_plane_commands(p, has_threads ? 1 + sim_below(&h->w->chance, 8) : UINT32_MAX, sim_host_now(h));
    if (p->crew)
        sim_crew_take(p, has_threads ? 1 + sim_below(&h->w->chance, 8) : UINT32_MAX, sim_host_now(h));
}

static bool has_work(struct sim_plane *p)
{
    return sim_plane_has_commands(p) || (p->crew && sim_crew_has_handed(p));
}

static bool has_notes(struct sim_host *h)
{
    struct sim_plane *p;

    for (unsigned i = 0; (p = sim_host_member(h, i)); i++) {
        if (sim_plane_has_notes(p))
            return true;
    }
    return false;
}

/* The members that have something to do, a bit each. */
static uint32_t have_work(struct sim_host *h)
{
    struct sim_plane *p;
    uint32_t set = 0;

    for (unsigned i = 0; (p = sim_host_member(h, i)); i++)
        set |= (uint32_t)has_work(p) << i;
    return set;
}

/* Without threads both sides go on until nobody has anything to say. */
static void stir_at_once(struct sim_host *h)
{
    while (has_notes(h) || have_work(h)) {
        for (unsigned i = 0; sim_host_member(h, i); i++)
            sim_host_worker(h, i);
        sim_host_policy(h);
    }
}

static void stir_by_chance(struct sim_host *h)
{
    uint32_t due;

    if (!h->is_plane_on)
        return;
    if (!h->is_policy_due && has_notes(h)) {
        h->is_policy_due = true;
        sim_queue_put(&h->w->queue, h->w->now.mono_ns + jitter_ns(h), SIM_EV_POLICY, h->id, 0);
    }
    due = have_work(h) & ~h->workers_due;
    h->workers_due |= due;
    for (unsigned i = 0; due >> i; i++) {
        if (due >> i & 1)
            sim_queue_put(&h->w->queue, h->w->now.mono_ns + jitter_ns(h), SIM_EV_WORKER, h->id, i);
    }
}

void sim_host_stir(struct sim_host *h)
{
    if (h->w->plan->has_threads)
        stir_by_chance(h);
    else
        stir_at_once(h);
    plan_tick(h);
}

void sim_host_tick(struct sim_host *h)
{
    struct sim_plane *p;

    for (unsigned i = 0; (p = sim_host_member(h, i)); i++)
        sim_plane_tick(p, sim_host_now(h));
}

void sim_host_plan(struct sim_host *h, uint64_t deadline_ns, uint64_t *timer_ns, uint64_t *timer_serial,
                   uint64_t arg)
{
    uint8_t kind = timer_ns == &h->tick_ns ? SIM_EV_TICK : SIM_EV_SESSION;

    /* One that comes too early does no harm: it plans the next. */
    if (deadline_ns == ADIT_NEVER || *timer_ns <= deadline_ns)
        return;
    *timer_ns = deadline_ns;
    if (deadline_ns < h->w->now.mono_ns)
        deadline_ns = h->w->now.mono_ns;
    *timer_serial = sim_queue_put(&h->w->queue, deadline_ns, kind, h->id, arg);
}
