/* SPDX-License-Identifier: Apache-2.0 */
#include "host/host.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "crypto/aead.h"
#include "linux/process.h"
#include "linux/userplane.h"

enum {
    NOTES_PER_TURN = 256,
    WORKERS_UNASKED = 4,
    CORES_FOR_TWO_WAYS = 4,
    CLOSING_TURNS = 8,
};

static const int signal_numbers[ADIT_HOST_SIGNALS] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2};

/* ---- the loop ---- */

/*
 * Between the end of one loop and the beginning of the next, or of the program's end, our signals wait: their
 * default would kill the process half-way through taking its routes back, and with a status that is not its
 * own.
 */
static void hold_signals(int how)
{
    sigset_t set;

    sigemptyset(&set);
    for (int i = 0; i < ADIT_HOST_SIGNALS; i++)
        sigaddset(&set, signal_numbers[i]);
    pthread_sigmask(how, &set, NULL);
}

static void on_signal(uv_signal_t *handle, int signum)
{
    struct adit_host *h = handle->data;

    if (h->role)
        h->role->on_signal(h->role_ctx, signum);
}

static void put_setting(void *ctx, const char *line)
{
    adit_log(ctx, ADIT_LOG_INFO, 4, NULL, "  %s", line);
}

static void log_settings(struct adit_host *h)
{
    if (h->env.log.verb < 4)
        return;
    adit_log(&h->env.log, ADIT_LOG_INFO, 4, NULL, "Current Parameter Settings:");
    adit_conf_print(h->conf, put_setting, &h->env.log);
}

adit_err adit_host_init(struct adit_host *h, const struct adit_conf *c, const struct adit_env *env)
{
    *h = (struct adit_host){.conf = c, .env = *env};
    log_settings(h);
    if (uv_loop_init(&h->loop) != 0)
        return ADIT_E_OS;
    for (int i = 0; i < ADIT_HOST_SIGNALS; i++) {
        h->signals[i].data = h;
        if (uv_signal_init(&h->loop, &h->signals[i]) != 0 ||
            uv_signal_start(&h->signals[i], on_signal, signal_numbers[i]) != 0)
            return ADIT_E_OS;
    }
    hold_signals(SIG_UNBLOCK);
    return ADIT_OK;
}

static void on_notes(uv_poll_t *handle, int status, int events)
{
    struct adit_host *h = handle->data;
    struct adit_note note;

    (void)status;
    (void)events;
    /* Bounded, so that a flood of strangers leaves time for timers and signals; the rest wakes the loop
     * again. */
    for (int i = 0; i < NOTES_PER_TURN && h->plane && h->plane->ops->next_note(h->plane, &note); i++) {
        if (h->role)
            h->role->on_note(h->role_ctx, &note);
    }
}

static void on_worker(uv_poll_t *handle, int status, int events)
{
    struct adit_host *h = handle->data;

    (void)status;
    (void)events;
    adit_userplane_turn(h->plane);
}

static struct adit_fault_spec faults_of(const struct adit_conf_gremlin *g)
{
    return (struct adit_fault_spec){
        .loss_ppm = g->loss_ppm,
        .burst_ppm = g->burst_ppm,
        .burst_n = g->burst_n,
        .dup_ppm = g->dup_ppm,
        .corrupt_ppm = g->corrupt_ppm,
        .late_ppm = g->late_ppm,
        .late_ns = g->late_ns,
        .delay_ns = g->delay_ns,
        .jitter_ns = g->jitter_ns,
        .cut_every_ns = g->cut_every_ns,
        .cut_ns = g->cut_ns,
    };
}

/* At verb 0, too: whoever wonders about this tunnel must find it. */
static void warn_of_gremlin(const struct adit_host *h, const struct adit_fault_spec *faults)
{
    char text[ADIT_FAULT_STR_MAX];

    adit_log(
        &h->env.log, ADIT_LOG_WARN, 0, NULL,
        "WARNING: gremlin: the packets of this tunnel are lost and spoilt ON PURPOSE, in each direction: "
        "%s (seed %llu)",
        adit_fault_spec_str(faults, text, sizeof text), (unsigned long long)h->conf->gremlin.seed);
}

/* Of which one is left to policy. A single peer's directions need cores beside those that use the tunnel. */
static unsigned workers_unasked(unsigned cores, bool is_single_peer)
{
    if (is_single_peer)
        return cores < CORES_FOR_TWO_WAYS ? 1 : 2;
    if (cores < 2)
        return 1;
    return cores - 1 < WORKERS_UNASKED ? cores - 1 : WORKERS_UNASKED;
}

/*
 * On one core a second thread would only add switches: the one worker runs in this loop. More than a few
 * workers have to be asked for: units of services allow ten threads. The gremlin's seed tells the same story
 * each time only to one, and queues of the device that nobody reads would be lost.
 */
static unsigned workers_of(const struct adit_conf *c, bool is_single_peer)
{
    unsigned n = c->workers > 0 ? c->workers : workers_unasked(uv_available_parallelism(), is_single_peer);

    if (c->gremlin.is_on)
        return 1;
    if (is_single_peer && n > 2)
        n = 2; /* one for each direction */
    return n < ADIT_UP_WORKERS_MAX ? n : ADIT_UP_WORKERS_MAX;
}

static struct adit_userplane_params plane_params(struct adit_host *h, bool is_single_peer)
{
    const struct adit_conf_conn *conn = &h->conf->conn;

    return (struct adit_userplane_params){
        .env = &h->env,
        .device = h->tunnel.queues[0],
        .want_thread = h->conf->workers > 0 || uv_available_parallelism() > 1,
        .n_workers = workers_of(h->conf, is_single_peer),
        .is_single_peer = is_single_peer,
        .want_client_to_client = h->conf->is_client_to_client,
        .tun_mtu = conn->tun_mtu > conn->tun_mtu_max ? conn->tun_mtu : conn->tun_mtu_max,
        .is_udp_in_single = !h->offload.udp_in,
        .is_udp_out_single = !h->offload.udp_out,
        .busy_poll_us = h->conf->busy_poll,
        .fault_seed = h->conf->gremlin.seed,
    };
}

static adit_err watch_plane(struct adit_host *h)
{
    int worker_fd = adit_userplane_worker_fd(h->plane);

    h->note_poll.data = h->worker_poll.data = h;
    if (uv_poll_init(&h->loop, &h->note_poll, adit_userplane_note_fd(h->plane)) != 0)
        return ADIT_E_OS;
    uv_poll_start(&h->note_poll, UV_READABLE, on_notes);
    if (worker_fd < 0)
        return ADIT_OK;
    if (uv_poll_init(&h->loop, &h->worker_poll, worker_fd) != 0)
        return ADIT_E_OS;
    h->has_worker_poll = true;
    uv_poll_start(&h->worker_poll, UV_READABLE, on_worker);
    return ADIT_OK;
}

static adit_err start_plane(struct adit_host *h, bool is_single_peer)
{
    struct adit_fault_spec faults = faults_of(&h->conf->gremlin);
    struct adit_userplane_params p = plane_params(h, is_single_peer);

    p.faults = h->conf->gremlin.is_on ? &faults : NULL;
    if (p.faults)
        warn_of_gremlin(h, p.faults);
    adit_aead_prefer(h->conf->engine == ADIT_ENGINE_EVP ? ADIT_AEAD_EVP : ADIT_AEAD_BEST);
    h->plane = adit_userplane_new(&p);
    if (!h->plane) {
        adit_error(&h->env.log, NULL, "the data plane cannot start: %s", strerror(errno));
        return ADIT_E_OS;
    }
    if (h->tunnel.n_queues > 1)
        adit_userplane_attach_queues(h->plane, h->tunnel.queues, h->tunnel.n_queues);
    adit_userplane_steer(h->plane, h->tunnel.steer);
    return watch_plane(h);
}

/* One state file per configuration, so that the next start of the same one finds what a crash left behind. */
void adit_host_state_path(const struct adit_conf *c, char *dst, size_t cap)
{
    char folder[1024] = "";
    size_t n = sizeof folder;
    uint64_t hash = 0xcbf29ce484222325ULL;
    const char *parts[] = {folder,
                           "/",
                           c->config_name ? c->config_name : "",
                           "/",
                           c->dev ? c->dev : "",
                           "/",
                           c->conn.lport ? c->conn.lport : "",
                           c->n_conns > 0 && c->conns[0].remote ? c->conns[0].remote : ""};

    uv_cwd(folder, &n);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        for (const char *p = parts[i]; *p; p++)
            hash = (hash ^ (uint8_t)*p) * 0x100000001b3ULL;
    }
    snprintf(dst, cap, "/run/adit/%016llx.state", (unsigned long long)hash);
}

adit_err adit_host_open(struct adit_host *h, bool is_single_peer)
{
    struct adit_fail fail = {0};
    struct adit_quirks quirks = adit_quirks_here();
    char state[ADIT_HOST_STATE_PATH_MAX];
    adit_err e;

    adit_host_state_path(h->conf, state, sizeof state);
    e = adit_priv_new(state, &h->env.log, &h->priv, &fail);
    if (e != ADIT_OK) {
        adit_error(&h->env.log, NULL, "%s", fail.text);
        return e;
    }
    h->offload = adit_host_offload(h->conf, &quirks, &h->env.log);
    e = adit_tunnel_open(&h->tunnel, h->conf, &h->offload, is_single_peer ? 1 : workers_of(h->conf, false),
                         h->priv, &h->env.log);
    if (e != ADIT_OK)
        return e;
    return start_plane(h, is_single_peer);
}

void adit_host_run(struct adit_host *h, const struct adit_role *role, void *ctx)
{
    h->role = role;
    h->role_ctx = ctx;
    uv_run(&h->loop, UV_RUN_DEFAULT);
    h->role = NULL;
}

void adit_host_stop(struct adit_host *h, enum adit_host_end end, int exit_status)
{
    h->end = end;
    h->exit_status = exit_status;
    h->is_stopping = true;
    uv_stop(&h->loop);
}

static void close_handle(uv_handle_t *handle, void *arg)
{
    (void)arg;
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

/* A look-up in the system's resolver cannot be called back and may take many seconds: an end does not wait
 * for it. */
static void close_loop(struct adit_host *h)
{
    if (h->end == ADIT_HOST_EXIT) {
        for (int i = 0; i < CLOSING_TURNS && uv_loop_alive(&h->loop); i++)
            uv_run(&h->loop, UV_RUN_NOWAIT);
        h->has_straggler = uv_loop_alive(&h->loop);
    } else {
        uv_run(&h->loop, UV_RUN_DEFAULT);
    }
    if (!h->has_straggler)
        uv_loop_close(&h->loop);
}

void adit_host_fini(struct adit_host *h)
{
    hold_signals(SIG_BLOCK);
    /* Handles first: they watch descriptors of the plane. */
    uv_walk(&h->loop, close_handle, NULL);
    close_loop(h);
    if (h->plane)
        h->plane->ops->free(h->plane);
    h->plane = NULL;
    adit_tunnel_unconfigure(&h->tunnel);
    adit_priv_free(h->priv);
    h->priv = NULL;
    adit_tunnel_close(&h->tunnel);
}

void adit_host_started(struct adit_host *h)
{
    if (h->on_ready)
        h->on_ready(h->on_ready_ctx);
    h->on_ready = NULL;
    adit_notify_ready();
}

void adit_host_ready(struct adit_host *h, const char *how)
{
    adit_info(&h->env.log, NULL, "data packets are sealed by %s", adit_aead_engine_name());
    adit_note(&h->env.log, NULL, "Initialization Sequence Completed%s", how);
}

/* ---- commands ---- */

static void post(struct adit_host *h, struct adit_cmd *cmd)
{
    adit_err e = h->plane->ops->post(h->plane, cmd);

    if (e == ADIT_OK || cmd->kind == ADIT_CMD_CTRL_TX)
        return;
    adit_error(&h->env.log, NULL, "the data plane did not take a command: %s", adit_err_text(e));
    /* Nobody can tell any more what the plane knows. */
    if (h->role && !h->is_stopping) {
        adit_note(&h->env.log, NULL, "SIGHUP[soft,data-plane] received, process restarting");
        adit_host_stop(h, ADIT_HOST_RESTART, 0);
    }
}

const char *adit_host_refused_what(enum adit_cmd_kind cmd)
{
    switch (cmd) {
    case ADIT_CMD_LINK_ADD:
        return "a socket";
    case ADIT_CMD_PEER_NEW:
        return "a peer";
    case ADIT_CMD_KEY_NEW:
        return "keys";
    case ADIT_CMD_ROUTE_ADD:
        return "an address of the peer";
    default:
        return "a command";
    }
}

void adit_host_add_link(struct adit_host *h, int link, int fd, bool is_stream, bool is_connected)
{
    struct adit_cmd cmd = {.kind = ADIT_CMD_LINK_ADD};

    cmd.link =
        (struct adit_link_spec){.link = link, .fd = fd, .is_stream = is_stream, .is_connected = is_connected};
    post(h, &cmd);
}

unsigned adit_host_sockets(const struct adit_host *h)
{
    return adit_userplane_sockets(h->plane);
}

void adit_host_add_port(struct adit_host *h, int link, const int *fds, unsigned n)
{
    struct adit_cmd cmd = {.kind = ADIT_CMD_LINK_ADD};

    cmd.link.link = link;
    cmd.link.fd = fds[0];
    cmd.link.n_more = n - 1;
    memcpy(cmd.link.more, fds + 1, (n - 1) * sizeof *fds);
    post(h, &cmd);
}

void adit_host_del_link(struct adit_host *h, int link)
{
    struct adit_cmd cmd = {.kind = ADIT_CMD_LINK_DEL};

    cmd.link.link = link;
    post(h, &cmd);
}

void adit_host_set_peer(struct adit_host *h, const struct adit_peer_spec *spec, bool is_new)
{
    struct adit_cmd cmd = {.kind = is_new ? ADIT_CMD_PEER_NEW : ADIT_CMD_PEER_SET, .peer = spec->peer};

    cmd.spec = *spec;
    post(h, &cmd);
}

void adit_host_new_key(struct adit_host *h, adit_peer peer, struct adit_data_keys *keys)
{
    struct adit_cmd cmd = {.kind = ADIT_CMD_KEY_NEW, .peer = peer};

    cmd.keys = *keys;
    adit_wipe(keys, sizeof *keys);
    post(h, &cmd);
    adit_wipe(&cmd, sizeof cmd);
}

void adit_host_key(struct adit_host *h, enum adit_cmd_kind kind, adit_peer peer, uint8_t key_id)
{
    struct adit_cmd cmd = {.kind = kind, .peer = peer};

    cmd.key_id = key_id;
    post(h, &cmd);
}

void adit_host_route(struct adit_host *h, enum adit_cmd_kind kind, adit_peer peer,
                     const struct adit_prefix *p)
{
    struct adit_cmd cmd = {.kind = kind, .peer = peer};

    cmd.route = *p;
    post(h, &cmd);
}

void adit_host_cmd(struct adit_host *h, enum adit_cmd_kind kind, adit_peer peer)
{
    struct adit_cmd cmd = {.kind = kind, .peer = peer};

    post(h, &cmd);
}

void adit_host_move_peer(struct adit_host *h, adit_peer peer, const struct adit_way *way)
{
    struct adit_cmd cmd = {.kind = ADIT_CMD_PEER_MOVED, .peer = peer};

    cmd.spec.link = way->link;
    cmd.spec.remote = way->remote;
    cmd.spec.local = way->local;
    post(h, &cmd);
}

void adit_host_send(struct adit_host *h, const struct adit_way *way, adit_bytes packet)
{
    struct adit_cmd cmd;

    if (packet.n > sizeof cmd.ctrl.b)
        return;
    cmd.kind = ADIT_CMD_CTRL_TX;
    cmd.peer = 0;
    cmd.ctrl.link = way->link;
    cmd.ctrl.remote = way->remote;
    cmd.ctrl.local = way->local;
    cmd.ctrl.n = (uint16_t)packet.n;
    memcpy(cmd.ctrl.b, packet.p, packet.n);
    post(h, &cmd);
}

void adit_host_flush(struct adit_host *h, struct adit_session *s, const struct adit_way *way, adit_now now)
{
    uint8_t buf[ADIT_CTRL_PACKET_MAX];

    for (;;) {
        struct adit_wr w = adit_wr_of(buf, sizeof buf);

        if (!adit_session_next_tx(s, now, &w))
            return;
        adit_host_send(h, way, adit_wr_view(&w));
    }
}

uint64_t adit_host_wait_ms(uint64_t deadline_ns, adit_now now)
{
    if (deadline_ns <= now.mono_ns)
        return 0;
    /* Rounded up, so that the timer does not fire just before its deadline. */
    return (deadline_ns - now.mono_ns + ADIT_NS_PER_MS - 1) / ADIT_NS_PER_MS;
}
