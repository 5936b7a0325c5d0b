/* SPDX-License-Identifier: Apache-2.0 */
/* The session's facts and the plane's notes: how a connection comes up, lives and ends. */
#include "client/parts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "conf/pushed.h"

static void on_session_timer(uv_timer_t *timer);
static void on_answer_timer(uv_timer_t *timer);

static bool is_p2p(const struct adit_client *c)
{
    return c->params.role != ADIT_ROLE_CLIENT;
}

/* ---- a session begins ---- */

static void name_subject(struct adit_client *c)
{
    char text[ADIT_ADDR_STR_MAX];

    snprintf(c->subject, sizeof c->subject, "[AF_INET%s]%s", c->way.remote.ip.family == ADIT_AF_V6 ? "6" : "",
             adit_addr_str(&c->way.remote, text, sizeof text));
}

static struct adit_session_start start_of(struct adit_client *c)
{
    struct adit_session_start st = {
        .wrap = c->wraps->key,
        .wrap_static = c->wraps->static_key,
        .is_tcp = c->is_tcp,
        .is_ipv6 = c->way.remote.ip.family == ADIT_AF_V6,
        .subject = NULL,
    };

    if (c->wraps->v2_client) {
        st.is_v2 = true;
        st.wkc = adit_bytes_of(c->wraps->v2_client->wkc, c->wraps->v2_client->wkc_len);
    }
    return st;
}

void adit_client_await_answer(struct adit_client *c, uint32_t seconds)
{
    if (seconds > 0)
        uv_timer_start(&c->answer_timer, on_answer_timer, seconds * 1000ULL, 0);
}

static void watch_session(struct adit_client *c)
{
    if (!is_p2p(c))
        adit_client_await_answer(c, c->conn->connect_timeout_s);
    adit_client_service(c);
}

void adit_client_begin_session(struct adit_client *c)
{
    struct adit_session_start st = start_of(c);

    name_subject(c);
    c->has_said_wrong_key = c->has_said_refused = false;
    adit_material_refresh_crl(c->conf, c->tls, &c->crl_stamp, c->log);
    c->params = adit_terms_params(&c->terms, c->conn);
    c->params.tls = &adit_tls_ossl;
    c->params.tls_ctx = c->tls;
    if (c->conf->has_auth_user_pass) {
        c->params.user = c->login.user;
        c->params.password = c->login.password;
    }
    c->session = adit_session_connect(&c->params, &st, &c->h->env, adit_clock_now());
    if (!c->session) {
        adit_client_exit(c, "memory", 1);
        return;
    }
    watch_session(c);
}

/* A peer that called (p2p server) and passed the door. */
static void accept_session(struct adit_client *c, const struct adit_way *way, struct adit_admission *adm)
{
    struct adit_session_start st;

    c->way = *way;
    st = start_of(c);
    if (adm->is_v2) {
        st.wrap = adit_wrap_key_crypt(&adm->kc, true);
        if (!st.wrap)
            return;
        st.owns_wrap = true;
        st.is_v2 = true;
        st.wrap_static = &adm->kc;
    }
    name_subject(c);
    c->session = adit_session_accept(&c->params, &st, &adm->remote, adm->has_cookie ? &adm->cookie : NULL,
                                     &c->h->env, adit_clock_now());
    adit_wipe(&adm->kc, sizeof adm->kc);
    if (c->session)
        watch_session(c);
}

void adit_client_end_session(struct adit_client *c)
{
    adit_client_stop_talk_timers(c);
    adit_session_free(c->session);
    c->session = NULL;
    if (c->has_peer) {
        adit_host_cmd(c->h, ADIT_CMD_PEER_DEL, ADIT_CLIENT_PEER);
        c->gone_due++;
    }
    c->has_peer = c->is_up = false;
    adit_pushed_free(c->pushed);
    c->pushed = NULL;
}

void adit_client_stop_talk_timers(struct adit_client *c)
{
    uv_timer_stop(&c->session_timer);
    uv_timer_stop(&c->answer_timer);
    uv_timer_stop(&c->route_timer);
    adit_client_stop_limits(c);
}

/* ---- what was agreed becomes the plane's peer ---- */

static void add_peer(struct adit_client *c)
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

    for (size_t i = 0; i < report->n; i++)
        adit_warn(c->log, NULL, "Options warning: %s",
                  adit_conf_diag_str(&report->diags[i], line, sizeof line));
    adit_conf_report_fini(report);
}

static void refuse_push(struct adit_client *c, const char *why)
{
    adit_error(c->log, NULL, "OPTIONS ERROR: %s", why);
    adit_session_end(c->session, ADIT_E_PUSH_REFUSED, 0, adit_clock_now());
}

static void on_pushed(struct adit_client *c, const struct adit_event *ev)
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
static void on_peer_known(struct adit_client *c, const struct adit_event *ev)
{
    struct adit_peer_info info;
    const char *reason = NULL;
    struct adit_agreed agreed;

    adit_peer_info_parse(ev->peer_info, &info);
    if (adit_terms_agree_p2p(&c->terms, &info, ev->peer_options, &agreed, &reason) != ADIT_OK) {
        adit_error(c->log, c->subject, "%s", reason);
        adit_session_end(c->session, ADIT_E_NO_CIPHER, 0, adit_clock_now());
        return;
    }
    if (adit_session_admit(c->session, &agreed, adit_bytes_of(NULL, 0), adit_clock_now()) != ADIT_OK)
        adit_session_end(c->session, ADIT_E_STATE, 0, adit_clock_now());
}

/* ---- up ---- */

static struct adit_tunnel_net net_of(const struct adit_client *c)
{
    struct adit_tunnel_net net =
        c->pushed ? adit_tunnel_net_of_push(c->conf, c->pushed) : adit_tunnel_net_of_conf(c->conf);

    net.server = c->way.remote.ip;
    return net;
}

static void set_routes(struct adit_client *c)
{
    struct adit_tunnel_net net = net_of(c);
    unsigned n_failed = 0;

    adit_tunnel_route(&c->h->tunnel, &net, &n_failed);
    adit_host_ready(c->h, n_failed > 0 ? " With Errors (see above)" : "");
}

static void on_route_timer(uv_timer_t *timer)
{
    set_routes(timer->data);
}

static void on_up(struct adit_client *c)
{
    struct adit_tunnel_net net = net_of(c);
    uint32_t delay_s = c->pushed ? c->pushed->route_delay_s : c->conf->route_delay_s;
    bool has_delay = c->pushed ? c->pushed->has_route_delay : c->conf->has_route_delay;

    c->is_up = c->was_up = true;
    c->round = 0;
    adit_client_start_limits(c);
    adit_note(c->log, NULL, "[%s] Peer Connection Initiated with %s",
              adit_session_identity(c->session)->common_name, c->subject);
    if (c->h->tunnel.is_configured) {
        adit_note(c->log, NULL, "Preserving previous TUN/TAP instance: %s", c->h->tunnel.ifname);
        adit_host_ready(c->h, "");
        return;
    }
    if (adit_tunnel_configure(&c->h->tunnel, &net) != ADIT_OK) {
        adit_client_exit(c, "tun-error", 1);
        return;
    }
    c->route_timer.data = c;
    if (has_delay && delay_s > 0)
        uv_timer_start(&c->route_timer, on_route_timer, delay_s * 1000ULL, 0);
    else
        set_routes(c);
}

/* ---- events ---- */

static void on_text(struct adit_client *c, const struct adit_event *ev)
{
    char text[512];

    adit_log_clean(ev->text, text, sizeof text);
    if (ev->text_kind == ADIT_TEXT_PUSH_REPLY)
        adit_note(c->log, NULL, "PUSH: Received control message: 'PUSH_REPLY,%s'", text);
    else if (ev->text_kind == ADIT_TEXT_AUTH_PENDING)
        adit_note(c->log, NULL, "AUTH_PENDING: the server waits for another step of the log-in");
    else if (ev->text_kind == ADIT_TEXT_INFO_PRE || ev->text_kind == ADIT_TEXT_INFO)
        adit_note(c->log, NULL, "The server says: %s", text);
    else if (ev->text_kind == ADIT_TEXT_UNKNOWN)
        adit_info(c->log, NULL, "WARNING: Received unknown control message: %s", text);
}

/* False: the session is gone. */
static bool handle(struct adit_client *c, struct adit_event *ev)
{
    switch (ev->kind) {
    case ADIT_EV_TLS_UP:
        adit_info(c->log, NULL, "%.*s", (int)ev->text.n, (const char *)ev->text.p);
        break;
    case ADIT_EV_AUTH_WANTED:
        if (!ev->is_renewal)
            on_peer_known(c, ev);
        else if (adit_session_admit(c->session, &c->agreed, adit_bytes_of(NULL, 0), adit_clock_now()) !=
                 ADIT_OK)
            adit_session_end(c->session, ADIT_E_STATE, 0, adit_clock_now());
        break;
    case ADIT_EV_PUSHED:
        on_pushed(c, ev);
        break;
    case ADIT_EV_KEYS:
        if (!c->has_peer)
            add_peer(c);
        adit_host_new_key(c->h, ADIT_CLIENT_PEER, &ev->keys);
        break;
    case ADIT_EV_KEY_USE:
        adit_host_key(c->h, ADIT_CMD_KEY_USE, ADIT_CLIENT_PEER, ev->key_id);
        break;
    case ADIT_EV_KEY_DROP:
        adit_host_key(c->h, ADIT_CMD_KEY_DEL, ADIT_CLIENT_PEER, ev->key_id);
        break;
    case ADIT_EV_UP:
        on_up(c);
        break;
    case ADIT_EV_TEXT:
        on_text(c, ev);
        break;
    case ADIT_EV_CLOSED:
        adit_client_closed(c, ev);
        return false;
    }
    return c->session != NULL;
}

void adit_client_service(struct adit_client *c)
{
    struct adit_event ev;
    uint64_t deadline;
    adit_now now;

    while (c->session && adit_session_next_event(c->session, &ev)) {
        bool goes_on = handle(c, &ev);

        adit_wipe(&ev.keys, sizeof ev.keys);
        if (!goes_on)
            return;
    }
    if (!c->session)
        return;
    now = adit_clock_now();
    adit_host_flush(c->h, c->session, &c->way, now);
    deadline = adit_session_deadline(c->session);
    if (deadline == ADIT_NEVER)
        uv_timer_stop(&c->session_timer);
    else
        uv_timer_start(&c->session_timer, on_session_timer, adit_host_wait_ms(deadline, now), 0);
}

static void on_session_timer(uv_timer_t *timer)
{
    struct adit_client *c = timer->data;

    if (!c->session)
        return;
    adit_session_tick(c->session, adit_clock_now());
    adit_client_service(c);
}

/* connect-timeout: not one authentic packet came from the server. */
static void on_answer_timer(uv_timer_t *timer)
{
    struct adit_client *c = timer->data;

    if (c->session && !adit_sid_is_zero(adit_session_remote_sid(c->session)))
        return;
    if (c->params.role == ADIT_ROLE_P2P_SERVER) {
        adit_note(c->log, NULL, "a connection was closed: nothing was said on it");
        adit_client_restart(c, "connection-reset");
        return;
    }
    adit_note(c->log, NULL, "Server poll timeout, trying next remote entry/address");
    adit_client_restart(c, "server_poll");
}

/* ---- notes ---- */

static bool is_expected(const struct adit_client *c, const struct adit_ctrl_bytes *ctrl)
{
    if (ctrl->link != c->way.link || c->link == ADIT_LINK_NONE)
        return false;
    return c->is_tcp || ctrl->remote.ip.family == ADIT_AF_NONE || c->conn->can_float ||
           adit_addr_eq(&ctrl->remote, &c->way.remote);
}

/*
 * A door that lets somebody in has proved an address, not a peer: without `float`, a configured remote and a
 * running tunnel keep their address.
 */
static bool may_take_over(const struct adit_client *c, const struct adit_way *way)
{
    if (c->is_tcp || c->conn->can_float || c->way.remote.ip.family == ADIT_AF_NONE)
        return true;
    if (c->is_up)
        return adit_addr_eq(&way->remote, &c->way.remote);
    return !c->conn->remote || adit_ip_eq(&way->remote.ip, &c->way.remote.ip);
}

static void on_stranger(struct adit_client *c, const struct adit_ctrl_bytes *ctrl)
{
    uint8_t buf[ADIT_CTRL_PACKET_MAX];
    struct adit_wr reply = adit_wr_of(buf, sizeof buf);
    struct adit_way way = {.link = ctrl->link, .remote = ctrl->remote, .local = ctrl->local};
    adit_bytes packet = adit_bytes_of(ctrl->b, ctrl->n);
    struct adit_admission adm;
    enum adit_door_verdict verdict;
    adit_err why;

    if (c->is_tcp) {
        way.remote = c->way.remote;
        verdict = adit_door_recv_stream(&c->door, packet, adit_clock_now(), &adm, &why);
    } else {
        verdict = adit_door_recv(&c->door, &ctrl->remote, packet, adit_clock_now(), &reply, &adm, &why);
    }
    if (verdict == ADIT_DOOR_REPLY)
        adit_host_send(c->h, &way, adit_wr_view(&reply));
    if (verdict != ADIT_DOOR_ADMIT)
        return;
    if (!may_take_over(c, &way))
        return;
    if (c->session)
        adit_client_end_session(c); /* the peer has started anew */
    accept_session(c, &way, &adm);
    if (c->session && adit_session_recv(c->session, packet, adit_clock_now()) == ADIT_OK)
        adit_client_service(c);
}

static bool is_of_session(const struct adit_client *c, const struct adit_ctrl_bytes *ctrl)
{
    return c->session && ctrl->n >= ADIT_CTRL_HEAD_LEN &&
           memcmp(ctrl->b + 1, adit_session_remote_sid(c->session)->b, ADIT_SID_LEN) == 0;
}

static void say_wrong_key(struct adit_client *c)
{
    c->has_said_wrong_key = true;
    adit_error(c->log, c->subject,
               "TLS Error: packet HMAC authentication failed: the peer's tls-auth or tls-crypt key is "
               "another one, or with "
               "tls-auth both ends have the same key direction (one end needs 0, the other 1)");
}

static void on_control(struct adit_client *c, const struct adit_ctrl_bytes *ctrl)
{
    adit_now now = adit_clock_now();
    adit_err e;

    if (c->has_door && !is_of_session(c, ctrl)) {
        on_stranger(c, ctrl);
        return;
    }
    if (!c->session || !is_expected(c, ctrl))
        return;
    e = adit_session_recv(c->session, adit_bytes_of(ctrl->b, ctrl->n), now);
    if (e == ADIT_OK)
        c->heard_ns = now.mono_ns;
    else if (e == ADIT_E_AUTH && !c->has_said_wrong_key)
        say_wrong_key(c);
    else
        adit_log(c->log, ADIT_LOG_DEBUG, 4, c->subject, "control packet dropped: %s", adit_err_text(e));
    adit_client_service(c);
}

static void on_silent(struct adit_client *c)
{
    uint32_t exit_s = c->pushed ? c->pushed->ping_exit_s : c->conf->ping_exit_s;
    uint32_t restart_s = c->pushed ? c->pushed->ping_restart_s : c->conf->ping_restart_s;
    uint32_t limit_s = exit_s > 0 ? exit_s : restart_s;

    if (limit_s == 0 || adit_clock_now().mono_ns < c->heard_ns + limit_s * ADIT_NS_PER_S)
        return;
    if (exit_s > 0) {
        adit_note(c->log, NULL, "Inactivity timeout (--ping-exit), exiting");
        adit_client_exit(c, "ping-exit", 0);
        return;
    }
    adit_note(c->log, NULL, "Inactivity timeout (--ping-restart), restarting");
    adit_client_restart(c, "ping-restart");
}

static void on_floated(struct adit_client *c, const struct adit_note *note)
{
    c->way.remote = note->moved.remote;
    name_subject(c);
    adit_note(c->log, NULL, "peer floated to %s", c->subject);
}

/* Once a connection attempt: an answer from the network that says nobody is there. */
static void say_os(struct adit_client *c, int os_errno)
{
    if (os_errno != ECONNREFUSED && os_errno != EHOSTUNREACH) {
        adit_warn(c->log, NULL, "the device or a socket failed: %s", strerror(os_errno));
        return;
    }
    if (c->has_said_refused)
        return;
    c->has_said_refused = true;
    adit_note(c->log, c->subject, "read UDP: %s: nothing listens there; check address, port and proto",
              strerror(os_errno));
}

static bool is_about_peer(const struct adit_note *note)
{
    return note->kind != ADIT_NOTE_CTRL_RX && note->kind != ADIT_NOTE_LINK_DOWN && note->kind != ADIT_NOTE_OS;
}

void adit_client_on_note(void *ctx, const struct adit_note *note)
{
    struct adit_client *c = ctx;

    if (c->gone_due > 0 && is_about_peer(note)) {
        if (note->kind == ADIT_NOTE_PEER_GONE)
            c->gone_due--;
        return;
    }
    switch (note->kind) {
    case ADIT_NOTE_CTRL_RX:
        on_control(c, &note->ctrl);
        break;
    case ADIT_NOTE_LINK_DOWN:
        if (note->link == c->link) {
            adit_note(c->log, NULL, "Connection reset, restarting");
            adit_client_restart(c, "connection-reset");
        }
        break;
    case ADIT_NOTE_PEER_FLOATED:
        on_floated(c, note);
        break;
    case ADIT_NOTE_PEER_SILENT:
        if (c->has_peer)
            on_silent(c);
        break;
    case ADIT_NOTE_PEER_EXIT:
        if (c->has_peer) {
            adit_note(c->log, NULL, "The peer says that it exits");
            adit_client_restart(c, "remote-exit");
        }
        break;
    case ADIT_NOTE_KEY_WORN:
        if (c->session) {
            adit_session_renegotiate(c->session, adit_clock_now());
            adit_client_service(c);
        }
        break;
    case ADIT_NOTE_COUNTERS:
        c->counters = note->counters;
        adit_client_log_stats(c);
        adit_client_check_idle(c);
        break;
    case ADIT_NOTE_PEER_GONE:
    case ADIT_NOTE_PEER_ACTIVE:
    case ADIT_NOTE_FLOAT_CLASH:
        break;
    case ADIT_NOTE_OS:
        say_os(c, note->os_errno);
        break;
    }
}
