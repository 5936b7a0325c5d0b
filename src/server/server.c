/* SPDX-License-Identifier: Apache-2.0 */
/* The server's life: it starts, hears signals and notes, says goodbye, ends. */
#include "server/parts.h"

#include <signal.h>
#include <string.h>

#include "base/mem.h"
#include "host/outside.h"

enum {
    GOODBYE_S = 2, /* between RESTART to the clients and the end (7.13) */
};

/* ---- notes ---- */

static void on_link_down(struct adit_server *sv, int link)
{
    struct adit_caller *c = adit_caller_of_link(sv, link);

    if (!c)
        return;
    adit_note(sv->log, c->subject, "Connection reset, restarting [0]");
    adit_caller_say_gone(c, "SIGUSR1[soft,connection-reset]");
    adit_caller_end(c);
}

static void on_refused(struct adit_server *sv, const struct adit_note *note)
{
    struct adit_caller *c;

    if (note->refused.cmd != ADIT_CMD_LINK_ADD) {
        adit_caller_on_note(sv, note);
        return;
    }
    c = adit_caller_of_link(sv, note->refused.link);
    if (c) {
        adit_caller_on_refused(c, note);
    } else if (!sv->is_tcp) {
        adit_error(sv->log, NULL, "the data plane refused the server's socket: %s",
                   adit_err_text(note->refused.why));
        adit_host_stop(sv->h, ADIT_HOST_EXIT, 1);
    }
}

static void on_note(void *ctx, const struct adit_note *note)
{
    struct adit_server *sv = ctx;

    switch (note->kind) {
    case ADIT_NOTE_CTRL_RX:
        adit_server_on_control(sv, &note->ctrl);
        break;
    case ADIT_NOTE_LINK_DOWN:
        on_link_down(sv, note->link);
        break;
    case ADIT_NOTE_REFUSED:
        on_refused(sv, note);
        break;
    case ADIT_NOTE_OS:
        adit_warn(sv->log, NULL, "the device or a socket failed: %s", strerror(note->os_errno));
        break;
    case ADIT_NOTE_COUNTERS:
        adit_caller_on_note(sv, note);
        adit_server_counted(sv, note);
        break;
    case ADIT_NOTE_PEER_GONE:
        adit_caller_on_note(sv, note);
        adit_server_counted_last(sv, &note->counters);
        break;
    case ADIT_NOTE_PEER_ACTIVE:
        break;
    default:
        adit_caller_on_note(sv, note);
        break;
    }
}

/* ---- goodbye ---- */

static void end_all(struct adit_server *sv)
{
    struct adit_caller *c, *next;

    HASH_ITER(hh, sv->callers, c, next)
    {
        adit_caller_end(c);
    }
}

static unsigned say_restart(struct adit_server *sv)
{
    const char *text = sv->conf->conn.exit_notify == 2 ? "RESTART,[N]" : "RESTART";
    struct adit_caller *c, *next;
    unsigned n = 0;

    if (sv->conf->conn.exit_notify == 0 || sv->is_tcp)
        return 0;
    HASH_ITER(hh, sv->callers, c, next)
    {
        if (!c->is_up || adit_session_say(c->session, text, adit_clock_now()) != ADIT_OK)
            continue;
        n++;
        adit_caller_service(c);
    }
    return n;
}

static void on_exit_timer(uv_timer_t *timer)
{
    struct adit_server *sv = timer->data;

    adit_note(sv->log, NULL, "SIGTERM[hard,] received, process exiting");
    adit_host_stop(sv->h, ADIT_HOST_EXIT, 0);
}

static void leave(struct adit_server *sv, const char *signal_name)
{
    if (sv->is_leaving || say_restart(sv) == 0) {
        adit_note(sv->log, NULL, "SIG%s[hard,] received, process exiting", signal_name);
        adit_host_stop(sv->h, ADIT_HOST_EXIT, 0);
        return;
    }
    adit_note(sv->log, NULL, "SIG%s received, telling the clients to reconnect", signal_name);
    sv->is_leaving = true;
    uv_timer_start(&sv->exit_timer, on_exit_timer, GOODBYE_S * 1000, 0);
}

/* ---- signals ---- */

static void restart_clients(struct adit_server *sv)
{
    if (!sv->is_open)
        return;
    adit_note(sv->log, NULL, "SIGUSR1[hard,] received, process restarting");
    say_restart(sv);
    end_all(sv);
    adit_host_ready(sv->h, "");
}

static void on_signal(void *ctx, int signum)
{
    struct adit_server *sv = ctx;

    if (signum == SIGUSR1 && sv->conf->remap_usr1 == ADIT_USR1_AS_HUP)
        signum = SIGHUP;
    else if (signum == SIGUSR1 && sv->conf->remap_usr1 == ADIT_USR1_AS_TERM)
        signum = SIGTERM;
    switch (signum) {
    case SIGTERM:
    case SIGINT:
        leave(sv, signum == SIGTERM ? "TERM" : "INT");
        break;
    case SIGHUP:
        adit_note(sv->log, NULL, "SIGHUP[hard,] received, process restarting");
        adit_host_stop(sv->h, ADIT_HOST_RESTART, 0);
        break;
    case SIGUSR1:
        restart_clients(sv);
        break;
    case SIGUSR2:
        sv->wants_log_stats = true;
        adit_server_count(sv);
        break;
    default:
        break;
    }
}

/* ---- start ---- */

static adit_err make_directory(struct adit_server *sv)
{
    const struct adit_conf *c = sv->conf;
    struct adit_pool_spec pool = {
        .is_net30 = c->topology == ADIT_TOPOLOGY_NET30 && c->dev_type == ADIT_DEV_TUN,
        .v6 = c->pool_ipv6,
    };

    if (c->has_pool) {
        pool.v4_start = c->pool_start;
        pool.v4_end = c->pool_end;
    }
    if (pool.v6.bits > 0)
        pool.v6_start = pool.v6.ip;
    sv->directory = adit_directory_new(c->max_clients, &pool);
    sv->by_peer = adit_alloc(c->max_clients * sizeof *sv->by_peer);
    sv->gone_due = adit_alloc(c->max_clients * sizeof *sv->gone_due);
    return sv->directory && sv->by_peer && sv->gone_due ? ADIT_OK : ADIT_E_MEMORY;
}

static adit_err make_door(struct adit_server *sv)
{
    struct adit_door_params p = adit_outside_door(sv->conf, &sv->conf->conn, &sv->wraps);

    return adit_door_init(&sv->door, &p, &sv->h->env.rng);
}

static bool prepare(struct adit_server *sv)
{
    const struct adit_conf *c = sv->conf;
    adit_err wraps;

    sv->listener = -1;
    sv->is_tcp = c->conn.proto != ADIT_PROTO_UDP;
    if (adit_terms_init(&sv->terms, c, sv->log) != ADIT_OK)
        return false;
    adit_terms_for(&sv->terms, &c->conn, sv->is_tcp);
    wraps = adit_wraps_load(&sv->wraps, c, &c->conn, sv->terms.auth, sv->log);
    sv->tls = adit_material_tls(c, &sv->h->env);
    if (wraps != ADIT_OK || !sv->tls)
        return false;
    sv->params = adit_terms_params(&sv->terms, &c->conn);
    sv->params.tls = &adit_tls_ossl;
    sv->params.tls_ctx = sv->tls;
    adit_material_refresh_crl(c, sv->tls, &sv->crl_stamp, sv->log);
    return make_directory(sv) == ADIT_OK && make_door(sv) == ADIT_OK;
}

static void fail_start(struct adit_server *sv)
{
    adit_note(sv->log, NULL, "Exiting due to fatal error");
    adit_host_stop(sv->h, ADIT_HOST_EXIT, 1);
}

static void listen_at(struct adit_server *sv, const struct adit_addr *local)
{
    if (adit_server_listen(sv, local) != ADIT_OK) {
        fail_start(sv);
        return;
    }
    sv->is_open = true;
    adit_host_started(sv->h);
    adit_host_ready(sv->h, sv->n_routes_failed > 0 ? " With Errors (see above)" : "");
}

static void on_local_found(void *arg, const struct adit_resolved *r)
{
    struct adit_server *sv = arg;
    struct adit_addr local;

    sv->resolve = NULL;
    if (adit_outside_local_found(sv->h, &sv->conf->conn, r, &local))
        listen_at(sv, &local);
    else
        fail_start(sv);
}

static void on_names(void *arg, const struct adit_tunnel_net *net)
{
    struct adit_server *sv = arg;
    struct adit_addr local;

    sv->names = NULL;
    adit_tunnel_route(&sv->h->tunnel, net, &sv->n_routes_failed);
    adit_server_load_pool(sv);
    if (adit_outside_local(&sv->conf->conn, &local)) {
        listen_at(sv, &local);
        return;
    }
    sv->resolve = adit_outside_find_local(sv->h, &sv->conf->conn, NULL, on_local_found, sv);
    if (!sv->resolve)
        fail_start(sv);
}

/* Ends when is_open, or with the host stopped; where names have to be looked up, later. */
static void open_up(struct adit_server *sv)
{
    struct adit_tunnel_net net = adit_tunnel_net_of_conf(sv->conf);

    if (adit_host_open(sv->h, false) != ADIT_OK || adit_tunnel_configure(&sv->h->tunnel, &net) != ADIT_OK)
        fail_start(sv);
    else
        sv->names = adit_names_find(sv->h, &net, on_names, sv);
}

/* ---- regular work ---- */

static void on_status_timer(uv_timer_t *timer)
{
    struct adit_server *sv = timer->data;

    sv->wants_status_file = true;
    adit_server_count(sv);
}

static void on_pool_timer(uv_timer_t *timer)
{
    adit_server_save_pool(timer->data);
}

static void start_timers(struct adit_server *sv)
{
    const struct adit_conf *c = sv->conf;
    uv_timer_t *timers[] = {&sv->status_timer, &sv->pool_timer, &sv->exit_timer, &sv->limit_timer};

    for (size_t i = 0; i < sizeof timers / sizeof timers[0]; i++) {
        uv_timer_init(&sv->h->loop, timers[i]);
        timers[i]->data = sv;
    }
    if (c->status_file)
        uv_timer_start(&sv->status_timer, on_status_timer, 0, c->status_s * 1000ULL);
    if (c->pool_persist_file && c->pool_persist_s > 0)
        uv_timer_start(&sv->pool_timer, on_pool_timer, c->pool_persist_s * 1000ULL,
                       c->pool_persist_s * 1000ULL);
}

static void run(struct adit_server *sv)
{
    static const struct adit_role role = {.on_note = on_note, .on_signal = on_signal};

    start_timers(sv);
    adit_server_start_limits(sv);
    open_up(sv);
    adit_host_run(sv->h, &role, sv);
    adit_names_cancel(sv->names);
    adit_resolve_cancel(sv->resolve);
    if (sv->is_open)
        adit_server_save_pool(sv);
    end_all(sv);
}

void adit_server_run(struct adit_host *h)
{
    struct adit_server *sv = adit_alloc(sizeof *sv);

    h->exit_status = 1;
    if (!sv)
        return;
    *sv = (struct adit_server){.h = h, .conf = h->conf, .log = &h->env.log, .listener = -1};
    if (prepare(sv))
        run(sv);
    else
        adit_note(sv->log, NULL, "Exiting due to fatal error");
    adit_server_unlisten(sv);
    /* The loop's last turn in fini frees what callers left to be closed; sv must outlive it. */
    adit_host_fini(h);
    adit_door_fini(&sv->door);
    adit_wraps_free(&sv->wraps);
    adit_tls_ctx_free(sv->tls);
    adit_directory_free(sv->directory);
    adit_free(sv->by_peer);
    adit_free(sv->gone_due);
    adit_free_secret(sv, sizeof *sv);
}
