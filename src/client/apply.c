/* SPDX-License-Identifier: Apache-2.0 */
/* What was agreed, pushed or configured takes effect: a peer in the plane, addresses, routes. */
#include "client/parts.h"

#include <string.h>

#include "conf/pushed.h"

/* ---- what was agreed becomes the plane's peer ---- */

void adit_client_add_peer(struct adit_client *c)
{
    const struct adit_agreed *agreed = adit_session_agreed(c->session);
    struct adit_mss mss = adit_terms_mss(c->conn, agreed, c->is_tcp, c->way.remote.ip.family == ADIT_AF_V6);
    uint32_t restart = c->pushed ? c->pushed->ping_restart_s : c->conf->ping_restart_s;
    uint32_t exit = c->pushed ? c->pushed->ping_exit_s : c->conf->ping_exit_s;
    struct adit_peer_spec spec = {
        .peer = ADIT_CLIENT_PEER,
        .link = c->way.link,
        .remote = c->way.remote,
        .local = c->way.local,
        .wire_peer_id = agreed->peer_id,
        .may_float = c->conn->can_float,
        .mss4 = mss.v4,
        .mss6 = mss.v6,
        .ping_s = c->pushed ? c->pushed->ping_s : c->conf->ping_s,
        .silent_s = exit > 0 ? exit : restart,
        .replay_window = c->conf->replay_window,
        .replay_s = c->conf->replay_s,
        .peer_window = c->pushed ? c->pushed->peer_window : 0,
        .limit = {.bytes = c->conf->reneg_bytes, .packets = c->conf->reneg_packets},
    };

    c->agreed = *agreed;
    c->has_peer = true;
    adit_host_set_peer(c->h, &spec, true);
    adit_info(c->log, NULL, "Data Channel: cipher '%s', peer-id: %d", agreed->cipher->name,
              agreed->peer_id == ADIT_PEER_ID_NONE ? -1 : (int)agreed->peer_id);
}

static void log_report(struct adit_client *c, struct adit_conf_report *report)
{
    char line[640];

    for (size_t i = 0; i < report->n; i++) {
        /* `tun-ipv6`, which every server pushes, is nothing to warn of. */
        bool is_idle = strcmp(report->diags[i].rule, "no-effect") == 0;

        adit_log(c->log, ADIT_LOG_WARN, is_idle ? 4 : 1, NULL, "Options warning: %s",
                 adit_conf_diag_str(&report->diags[i], line, sizeof line));
    }
    adit_conf_report_fini(report);
}

static void refuse_push(struct adit_client *c, const char *why)
{
    adit_error(c->log, NULL, "OPTIONS ERROR: %s", why);
    adit_session_end(c->session, ADIT_E_PUSH_REFUSED, 0, adit_clock_now());
}

void adit_client_on_pushed(struct adit_client *c, const struct adit_event *ev)
{
    struct adit_conf_report report = {0};
    const char *reason = NULL;
    struct adit_agreed agreed;
    adit_err e = adit_pushed_new(c->conf, c->conn, ev->options, &report, &c->pushed);
    uint64_t hash = 0xcbf29ce484222325ULL;

    log_report(c, &report);
    if (e != ADIT_OK || c->pushed->is_rejected) {
        refuse_push(c, e != ADIT_OK ? adit_err_text(e) : "a pushed option was rejected by pull-filter");
        return;
    }
    if (adit_terms_agree_client(&c->terms, c->pushed, ev->peer_options, &agreed, &reason) != ADIT_OK) {
        refuse_push(c, reason);
        return;
    }
    for (size_t i = 0; i < ev->options.n; i++)
        hash = (hash ^ ev->options.p[i]) * 0x100000001b3ULL;
    if (c->h->tunnel.is_configured && hash != c->config_hash) {
        adit_note(c->log, NULL, "NOTE: Pulled options changed on restart, the device is configured anew");
        adit_tunnel_unconfigure(&c->h->tunnel);
    }
    c->config_hash = hash;
    if (adit_session_apply(c->session, &agreed, adit_clock_now()) != ADIT_OK)
        adit_session_end(c->session, ADIT_E_STATE, 0, adit_clock_now());
}

/* Two ends without push: what both said of themselves decides. */
void adit_client_on_peer_known(struct adit_client *c, struct adit_session *session, const char *subject,
                               const struct adit_event *ev)
{
    struct adit_peer_info info;
    const char *reason = NULL;
    struct adit_agreed agreed;

    adit_peer_info_parse(ev->peer_info, &info);
    if (adit_terms_agree_p2p(&c->terms, &info, ev->peer_options, &agreed, &reason) != ADIT_OK) {
        adit_error(c->log, subject, "%s", reason);
        adit_session_end(session, ADIT_E_NO_CIPHER, 0, adit_clock_now());
        return;
    }
    if (adit_session_admit(session, &agreed, adit_bytes_of(NULL, 0), adit_clock_now()) != ADIT_OK)
        adit_session_end(session, ADIT_E_STATE, 0, adit_clock_now());
}

/* ---- up ---- */

static struct adit_tunnel_net net_of(const struct adit_client *c)
{
    struct adit_tunnel_net net =
        c->pushed ? adit_tunnel_net_of_push(c->conf, c->pushed) : adit_tunnel_net_of_conf(c->conf);

    net.server = c->way.remote.ip;
    return net;
}

static void on_names(void *arg, const struct adit_tunnel_net *net)
{
    struct adit_client *c = arg;
    unsigned n_failed = 0;

    c->names = NULL;
    c->are_routes_due = false;
    adit_tunnel_route(&c->h->tunnel, net, &n_failed);
    adit_host_ready(c->h, n_failed > 0 ? " With Errors (see above)" : "");
}

static void set_routes(struct adit_client *c)
{
    struct adit_tunnel_net net = net_of(c);

    c->names = adit_names_find(c->h, &net, on_names, c);
}

static void on_route_timer(uv_timer_t *timer)
{
    set_routes(timer->data);
}

void adit_client_say_initiated(struct adit_client *c)
{
    const struct adit_identity *id = adit_session_identity(c->session);

    c->has_said_initiated = true;
    adit_note(c->log, NULL, "[%s] Peer Connection Initiated with %s",
              id->has_cert ? id->common_name : "UNDEF", c->subject);
}

void adit_client_on_up(struct adit_client *c)
{
    struct adit_tunnel_net net = net_of(c);
    uint32_t delay_s = c->pushed ? c->pushed->route_delay_s : c->conf->route_delay_s;
    bool has_delay = c->pushed ? c->pushed->has_route_delay : c->conf->has_route_delay;

    c->is_up = c->was_up = true;
    c->round = 0;
    adit_client_start_limits(c);
    if (!c->has_said_initiated)
        adit_client_say_initiated(c);
    if (c->h->tunnel.is_configured && !c->are_routes_due) {
        adit_note(c->log, NULL, "Preserving previous TUN/TAP instance: %s", c->h->tunnel.ifname);
        adit_host_ready(c->h, "");
        return;
    }
    if (!c->h->tunnel.is_configured && adit_tunnel_configure(&c->h->tunnel, &net) != ADIT_OK) {
        adit_client_exit(c, "tun-error", 1);
        return;
    }
    c->are_routes_due = true;
    c->route_timer.data = c;
    if (has_delay && delay_s > 0)
        uv_timer_start(&c->route_timer, on_route_timer, delay_s * 1000ULL, 0);
    else
        set_routes(c);
}
