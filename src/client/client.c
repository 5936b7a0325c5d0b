/* SPDX-License-Identifier: Apache-2.0 */
/* The client's life: it starts, hears signals, restarts after every failure that a retry may mend, and ends.
 */
#include "client/parts.h"

#include <signal.h>
#include <string.h>

#include "base/mem.h"
#include "host/status.h"
#include "plane/routes.h"

enum {
    EXIT_GRACE_S = 5, /* at most so long is waited for the server's word that it heard EXIT */
};

/* ---- ends ---- */

static void drop_connection(struct adit_client *c)
{
    adit_client_cancel_tries(c);
    adit_client_forget_newcomer(c);
    adit_client_end_session(c);
    adit_client_close_link(c);
}

void adit_client_restart(struct adit_client *c, const char *what)
{
    if (c->is_leaving) {
        adit_host_stop(c->h, ADIT_HOST_EXIT, 0);
        return;
    }
    adit_note(c->log, NULL, "SIGUSR1[%s,%s] received, process restarting", *what ? "soft" : "hard", what);
    /* The server that worked is tried again first. */
    c->wants_same_remote = c->was_up;
    c->was_up = false;
    drop_connection(c);
    if (!c->conf->is_persist_tun)
        adit_tunnel_unconfigure(&c->h->tunnel);
    adit_client_try_later(c);
}

void adit_client_exit(struct adit_client *c, const char *what, int status)
{
    adit_note(c->log, NULL, "SIGTERM[soft,%s] received, process exiting", what);
    drop_connection(c);
    adit_host_stop(c->h, ADIT_HOST_EXIT, status);
}

/* ---- goodbye ---- */

static uint32_t notify_times(const struct adit_client *c)
{
    if (c->is_tcp || !c->is_up)
        return 0;
    if (c->pushed)
        return c->pushed->exit_notify;
    return c->conn->exit_notify;
}

static void on_exit_timer(uv_timer_t *timer)
{
    struct adit_client *c = timer->data;

    if (c->exits_left > 0 && c->has_peer) {
        c->exits_left--;
        adit_host_cmd(c->h, ADIT_CMD_SAY_EXIT, ADIT_CLIENT_PEER);
        return;
    }
    if (c->agreed.want_cc_exit && c->session && !adit_session_is_quiet(c->session) &&
        uv_now(&c->h->loop) < c->exit_until_ms)
        return;
    adit_note(c->log, NULL, "SIGTERM[soft,exit-with-notification] received, process exiting");
    adit_host_stop(c->h, ADIT_HOST_EXIT, 0);
}

static void leave(struct adit_client *c, const char *signal_name)
{
    uint32_t times = notify_times(c);

    if (c->is_leaving || times == 0) {
        adit_note(c->log, NULL, "SIG%s[hard,] received, process exiting", signal_name);
        adit_host_stop(c->h, ADIT_HOST_EXIT, 0);
        return;
    }
    adit_note(c->log, NULL, "SIG%s received, sending exit notification to peer", signal_name);
    c->is_leaving = true;
    adit_client_forget_newcomer(c);
    c->exit_timer.data = c;
    if (c->agreed.want_cc_exit && adit_session_say(c->session, "EXIT", adit_clock_now()) == ADIT_OK) {
        adit_client_service(c);
        c->exit_until_ms = uv_now(&c->h->loop) + EXIT_GRACE_S * 1000ULL;
        uv_timer_start(&c->exit_timer, on_exit_timer, 20, 20);
        return;
    }
    c->exits_left = times;
    uv_timer_start(&c->exit_timer, on_exit_timer, 0, 1000);
}

/* ---- status ---- */

void adit_client_write_status(struct adit_client *c)
{
    if (c->conf->status_file)
        adit_status_write_tunnel(c->conf->status_file, &c->counters, c->log);
}

void adit_client_log_stats(struct adit_client *c, const struct adit_note *of_no_peer)
{
    uint64_t drops[ADIT_ERR_COUNT];

    if (!c->wants_log_stats)
        return;
    c->wants_log_stats = false;
    for (int e = 0; e < ADIT_ERR_COUNT; e++)
        drops[e] = c->counters.drops[e] + of_no_peer->counters.drops[e];
    adit_status_log_tunnel(c->log, &c->counters);
    adit_status_log_hauls(c->log, &of_no_peer->hauls);
    adit_status_log_drops(c->log, drops);
}

static void ask_counters(struct adit_client *c)
{
    if (c->has_peer)
        adit_host_cmd(c->h, ADIT_CMD_COUNT, ADIT_CLIENT_PEER);
    else
        adit_client_write_status(c);
}

static void on_status_timer(uv_timer_t *timer)
{
    ask_counters(timer->data);
}

/* ---- signals ---- */

static void on_signal(void *ctx, int signum)
{
    struct adit_client *c = ctx;

    switch (signum) {
    case SIGTERM:
    case SIGINT:
        leave(c, signum == SIGTERM ? "TERM" : "INT");
        break;
    case SIGHUP:
        adit_note(c->log, NULL, "SIGHUP[hard,] received, process restarting");
        adit_host_stop(c->h, ADIT_HOST_RESTART, 0);
        break;
    case SIGUSR1:
        if (c->conf->remap_usr1 == ADIT_USR1_AS_HUP) {
            adit_host_stop(c->h, ADIT_HOST_RESTART, 0);
        } else if (c->conf->remap_usr1 == ADIT_USR1_AS_TERM) {
            leave(c, "TERM");
        } else {
            c->was_up = true;
            adit_client_restart(c, "");
        }
        break;
    case SIGUSR2:
        c->wants_log_stats = true;
        ask_counters(c);
        adit_host_cmd(c->h, ADIT_CMD_COUNT, ADIT_NO_PEER); /* answered after the peer's */
        break;
    default:
        break;
    }
}

/* ---- start ---- */

/* Without any of these a client with a certificate of the same CA could play the server. */
static void warn_about_trust(const struct adit_client *c)
{
    const struct adit_conf *f = c->conf;

    if (f->remote_cert == ADIT_REMOTE_CERT_ANY && !f->remote_eku && !f->has_remote_ku &&
        f->x509_name_kind == ADIT_X509_NAME_NONE && f->fingerprints.n == 0 && f->is_tls_client)
        adit_warn(c->log, NULL,
                  "WARNING: No server certificate verification method has been enabled; add: "
                  "remote-cert-tls server");
    if (!adit_file_ref_is_set(&f->cert) && !adit_file_ref_is_set(&f->pkcs12) && !f->has_auth_user_pass &&
        f->is_tls_client)
        adit_warn(c->log, NULL,
                  "WARNING: neither a certificate (cert, key) nor a log-in (auth-user-pass) is configured: "
                  "the server will hardly let this client in");
}

static bool prepare(struct adit_client *c)
{
    struct adit_host *h = c->h;

    if (adit_terms_init(&c->terms, c->conf, c->log) != ADIT_OK)
        return false;
    c->conn = &c->conf->conns[0];
    c->params = adit_terms_params(&c->terms, c->conn);
    c->tls = adit_material_tls(c->conf, &h->env);
    /* Go on after a failure: everything that is wrong is told at once. */
    if (adit_client_load_wraps(c) != ADIT_OK || !c->tls)
        return false;
    if (c->conf->has_auth_user_pass && adit_login_load(&c->login, c->conf, c->log) != ADIT_OK)
        return false;
    c->params.tls = &adit_tls_ossl;
    c->params.tls_ctx = c->tls;
    warn_about_trust(c);
    return adit_client_order_remotes(c) == ADIT_OK && adit_host_open(h, true) == ADIT_OK;
}

static void start_timers(struct adit_client *c)
{
    uv_timer_t *timers[] = {&c->retry_timer, &c->session_timer, &c->answer_timer,
                            &c->route_timer, &c->status_timer,  &c->exit_timer,
                            &c->limit_timer, &c->idle_timer,    &c->newcomer_timer};

    for (size_t i = 0; i < sizeof timers / sizeof timers[0]; i++) {
        uv_timer_init(&c->h->loop, timers[i]);
        timers[i]->data = c;
    }
    if (c->conf->status_file && c->conf->status_s > 0)
        uv_timer_start(&c->status_timer, on_status_timer, 0, c->conf->status_s * 1000ULL);
}

static void close_timers(struct adit_client *c)
{
    uv_timer_t *timers[] = {&c->retry_timer, &c->session_timer, &c->answer_timer,
                            &c->route_timer, &c->status_timer,  &c->exit_timer,
                            &c->limit_timer, &c->idle_timer,    &c->newcomer_timer};

    for (size_t i = 0; i < sizeof timers / sizeof timers[0]; i++)
        uv_close((uv_handle_t *)timers[i], NULL);
}

void adit_client_run(struct adit_host *h)
{
    static const struct adit_role role = {.on_note = adit_client_on_note, .on_signal = on_signal};
    struct adit_client *c = adit_alloc(sizeof *c);

    h->exit_status = 1;
    if (!c)
        return;
    *c = (struct adit_client){
        .h = h, .conf = h->conf, .log = &h->env.log, .link = ADIT_LINK_NONE, .tcp_fd = -1};
    if (prepare(c)) {
        start_timers(c);
        adit_host_started(h);
        adit_client_try(c);
        adit_host_run(h, &role, c);
        drop_connection(c);
        close_timers(c);
    } else {
        adit_note(c->log, NULL, "Exiting due to fatal error");
        h->end = ADIT_HOST_EXIT;
    }
    adit_client_free_wraps(c);
    adit_tls_ctx_free(c->tls);
    adit_wipe(&c->login, sizeof c->login);
    adit_free(c->order);
    adit_host_fini(h);
    adit_free_secret(c, sizeof *c);
}
