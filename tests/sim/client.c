/* SPDX-License-Identifier: Apache-2.0 */
/* A client's policy: connect, apply what was pushed, live, and after an end connect again. */
#include <string.h>

#include "conf/pushed.h"
#include "world.h"

enum {
    LINK = 0,
    STREAM_LINK = 1,
    PEER = 0,
    GOODBYE_S = 5,
    ANSWER_S = 30, /* connect-timeout */
    BACKOFF_MAX_S = 8,
    TEMP_ATTEMPT = 3, /* ... which is the pause after a refusal for now */
};

static int link_of(const struct sim_host *h)
{
    return h->w->plan->is_tcp ? STREAM_LINK : LINK;
}

static const struct adit_addr *server_address(void)
{
    static struct adit_addr a;

    a = (struct adit_addr){.ip = adit_ip_v4(0xc0000201), .port = 1194};
    return &a;
}

static void service(struct sim_host *h, bool is_ticked);

/* ---- beginning ---- */

static void begin_session(struct sim_host *h)
{
    struct sim_client *c = &h->client;
    struct adit_session_start st = {
        .wrap = h->end->wrap,
        .wrap_static = h->w->plan->wrap == SIM_BARE ? NULL : &h->w->static_key,
        .is_v2 = h->w->plan->wrap >= SIM_V2,
        .is_tcp = h->w->plan->is_tcp,
    };

    if (st.is_v2)
        st.wkc = adit_bytes_of(h->w->v2_client.wkc, h->w->v2_client.wkc_len);
    c->phase = SIM_CLIENT_TALKS;
    c->answer_ns = adit_now_after_s(h->w->now, ANSWER_S);
    c->session = adit_session_connect(&h->params, &st, &h->env, sim_host_now(h));
    c->timer_ns = ADIT_NEVER;
    h->facts.n_sessions++;
    if (c->session)
        service(h, false);
    else
        sim_check_end(h, ADIT_E_MEMORY);
    if (!c->session && c->phase == SIM_CLIENT_TALKS)
        sim_client_retry(h);
}

static void wait_to_retry(struct sim_host *h)
{
    struct sim_client *c = &h->client;
    uint32_t seconds = c->attempt < 3 ? 1U << c->attempt : BACKOFF_MAX_S;

    c->attempt++;
    c->phase = SIM_CLIENT_WAITS;
    c->retry_serial =
        sim_queue_put(&h->w->queue, adit_now_after_s(h->w->now, seconds), SIM_EV_RETRY, h->id, 0);
}

void sim_client_retry(struct sim_host *h)
{
    if (!h->is_plane_on && !sim_host_open_plane(h)) {
        wait_to_retry(h);
        return;
    }
    if (h->w->plan->is_tcp) {
        h->client.phase = SIM_CLIENT_DIALS;
        sim_net_dial(h);
    } else {
        begin_session(h);
    }
    if (h->client.phase == SIM_CLIENT_TALKS && !h->client.session)
        wait_to_retry(h);
}

void sim_client_start(struct sim_host *h)
{
    if (h->client.phase != SIM_CLIENT_OFF)
        return;
    h->client = (struct sim_client){.timer_ns = ADIT_NEVER, .back_ns = ADIT_NEVER};
    sim_client_retry(h);
}

/* The connection stands, or was refused. */
void sim_client_on_stream(struct sim_host *h)
{
    if (h->client.phase != SIM_CLIENT_DIALS)
        return;
    if (!h->stream.is_open) {
        wait_to_retry(h);
        return;
    }
    sim_plane_stream_open(&h->plane, STREAM_LINK);
    begin_session(h);
}

/* ---- ending ---- */

static void end_session(struct sim_host *h)
{
    struct sim_client *c = &h->client;
    struct adit_cmd cmd = {.kind = ADIT_CMD_PEER_DEL, .peer = PEER};

    if (c->session)
        sim_check_forget_keys(h, c->session);
    adit_session_free(c->session);
    c->session = NULL;
    if (c->has_peer && h->is_plane_on) {
        sim_host_post(h, &cmd);
        c->gone_due++;
    }
    if (h->w->plan->is_tcp && h->is_plane_on) {
        cmd = (struct adit_cmd){.kind = ADIT_CMD_LINK_DEL, .link = {.link = STREAM_LINK}};
        sim_host_post(h, &cmd);
    }
    c->has_peer = c->is_up = false;
    c->inner.family = c->inner6.family = ADIT_AF_NONE;
    c->timer_ns = ADIT_NEVER;
    adit_pushed_free(c->pushed);
    c->pushed = NULL;
}

static void go_off(struct sim_host *h)
{
    uint64_t back_ns = h->client.back_ns;

    end_session(h);
    sim_host_stir(h);
    sim_host_close_plane(h);
    h->client.phase = SIM_CLIENT_OFF;
    h->client.is_leaving = false;
    h->client.gone_due = 0;
    if (back_ns != ADIT_NEVER)
        sim_queue_put(&h->w->queue, back_ns > h->w->now.mono_ns ? back_ns : h->w->now.mono_ns, SIM_EV_START,
                      h->id, 0);
}

static void end_for_now(struct sim_host *h, adit_err reason, bool is_final)
{
    sim_trace(h->w, h, "ends: %s", adit_err_text(reason));
    sim_check_end(h, reason);
    if (is_final || h->client.is_leaving) {
        go_off(h);
        return;
    }
    end_session(h);
    wait_to_retry(h);
}

static void end(struct sim_host *h, adit_err reason)
{
    end_for_now(h, reason, reason == ADIT_E_AUTH_FAILED || reason == ADIT_E_PEER_HALT);
}

/* The peer's word for it counts, too: "TEMP[backoff 15]:why" is no refusal for good (9.4). */
static void on_closed(struct sim_host *h, const struct adit_event *ev)
{
    if (ev->reason != ADIT_E_AUTH_FAILED || ev->text.n < 5 || memcmp(ev->text.p, "TEMP[", 5) != 0) {
        end(h, ev->reason);
        return;
    }
    h->client.attempt = TEMP_ATTEMPT;
    end_for_now(h, ev->reason, false);
}

void sim_client_crash(struct sim_host *h)
{
    struct sim_client *c = &h->client;

    if (c->session)
        sim_check_forget_keys(h, c->session);
    adit_session_free(c->session);
    adit_pushed_free(c->pushed);
    sim_host_close_plane(h);
    *c = (struct sim_client){.timer_ns = ADIT_NEVER, .back_ns = ADIT_NEVER};
}

void sim_client_leave(struct sim_host *h, uint64_t back_ns)
{
    struct sim_client *c = &h->client;
    struct adit_cmd cmd = {.kind = ADIT_CMD_SAY_EXIT, .peer = PEER};

    if (c->phase == SIM_CLIENT_OFF || c->is_leaving)
        return;
    c->is_leaving = true;
    c->back_ns = back_ns;
    c->leave_ns = adit_now_after_s(h->w->now, GOODBYE_S);
    if (!c->is_up) {
        if (c->session)
            sim_check_end(h, ADIT_E_SHUTDOWN);
        go_off(h);
        return;
    }
    if (!c->agreed.want_cc_exit || adit_session_say(c->session, "EXIT", sim_host_now(h)) != ADIT_OK)
        sim_host_post(h, &cmd);
    service(h, false);
}

/* ---- the session's facts ---- */

static void add_peer(struct sim_host *h)
{
    struct sim_client *c = &h->client;
    const struct adit_conf *conf = h->end->conf;
    struct adit_cmd cmd = {.kind = ADIT_CMD_PEER_NEW, .peer = PEER};

    c->agreed = *adit_session_agreed(c->session);
    cmd.spec = (struct adit_peer_spec){
        .peer = PEER,
        .link = link_of(h),
        .remote = *server_address(),
        .wire_peer_id = c->agreed.peer_id,
        .ping_s = c->pushed->ping_s,
        .silent_s = c->pushed->ping_exit_s ? c->pushed->ping_exit_s : c->pushed->ping_restart_s,
        .replay_window = conf->replay_window,
        .replay_s = conf->replay_s,
    };
    c->has_peer = true;
    sim_host_post(h, &cmd);
}

static void on_keys(struct sim_host *h, struct adit_event *ev)
{
    struct adit_cmd cmd = {.kind = ADIT_CMD_KEY_NEW, .peer = PEER, .keys = ev->keys};

    sim_check_keys(h, h->client.session, &ev->keys);
    h->facts.n_keys++;
    if (!h->client.has_peer)
        add_peer(h);
    sim_host_post(h, &cmd);
}

static void on_key(struct sim_host *h, enum adit_cmd_kind kind, uint8_t key_id)
{
    struct adit_cmd cmd = {.kind = kind, .peer = PEER, .key_id = key_id};

    sim_host_post(h, &cmd);
}

static void on_pushed(struct sim_host *h, const struct adit_event *ev)
{
    struct sim_client *c = &h->client;
    struct adit_conf_report report = {0};
    struct adit_agreed agreed;
    const char *reason = NULL;
    adit_err e;

    adit_pushed_free(c->pushed);
    c->pushed = NULL;
    e = adit_pushed_new(h->end->conf, &h->end->conf->conns[0], ev->options, &report, &c->pushed);
    adit_conf_report_fini(&report);
    if (e == ADIT_OK)
        e = adit_terms_agree_client(&h->end->terms, c->pushed, ev->peer_options, &agreed, &reason);
    if (e == ADIT_OK)
        e = adit_session_apply(c->session, &agreed, sim_host_now(h));
    if (e != ADIT_OK)
        adit_session_end(c->session, ADIT_E_PUSH_REFUSED, 0, sim_host_now(h));
}

static void on_up(struct sim_host *h)
{
    struct sim_client *c = &h->client;

    c->is_up = true;
    c->attempt = 0;
    c->inner = c->pushed->ifconfig.local;
    c->inner6 = c->pushed->ifconfig_ipv6.local;
    h->facts.n_ups++;
    h->facts.last_up_ns = h->w->now.mono_ns;
    if (h->facts.first_up_ns == 0)
        h->facts.first_up_ns = h->w->now.mono_ns;
    sim_trace(h->w, h, "is up");
}

/* False: the session is gone. */
static bool handle(struct sim_host *h, struct adit_event *ev)
{
    switch (ev->kind) {
    case ADIT_EV_PUSHED:
        on_pushed(h, ev);
        break;
    case ADIT_EV_KEYS:
        on_keys(h, ev);
        break;
    case ADIT_EV_KEY_USE:
        on_key(h, ADIT_CMD_KEY_USE, ev->key_id);
        break;
    case ADIT_EV_KEY_DROP:
        on_key(h, ADIT_CMD_KEY_DEL, ev->key_id);
        break;
    case ADIT_EV_UP:
        on_up(h);
        break;
    case ADIT_EV_CLOSED:
        on_closed(h, ev);
        return false;
    case ADIT_EV_AUTH_WANTED:
        sim_break(h->w, "%s: a client is asked to admit somebody", h->name);
        break;
    case ADIT_EV_TLS_UP:
    case ADIT_EV_TEXT:
        break;
    }
    return true;
}

static void service(struct sim_host *h, bool is_ticked)
{
    struct sim_client *c = &h->client;
    struct adit_event ev;
    uint64_t deadline;

    while (c->session && adit_session_next_event(c->session, &ev)) {
        if (!handle(h, &ev)) {
            sim_host_stir(h);
            return;
        }
        adit_wipe(&ev.keys, sizeof ev.keys);
    }
    if (!c->session)
        return;
    sim_host_flush(h, c->session, link_of(h), h->w->plan->is_tcp ? NULL : server_address());
    sim_check_session(h, c->session, is_ticked);
    if (c->is_leaving && adit_session_is_quiet(c->session)) {
        end(h, ADIT_E_SHUTDOWN);
        return;
    }
    deadline = adit_session_deadline(c->session);
    if (c->is_leaving)
        deadline = adit_earlier(deadline, c->leave_ns);
    if (adit_sid_is_zero(adit_session_remote_sid(c->session)))
        deadline = adit_earlier(deadline, c->answer_ns);
    sim_host_plan(h, deadline, &c->timer_ns, &c->timer_serial, 0);
    sim_host_stir(h);
}

void sim_client_tick(struct sim_host *h)
{
    struct sim_client *c = &h->client;

    c->timer_ns = ADIT_NEVER;
    if (!c->session)
        return;
    if (c->is_leaving && h->w->now.mono_ns >= c->leave_ns) {
        end(h, ADIT_E_SHUTDOWN);
        return;
    }
    if (h->w->now.mono_ns >= c->answer_ns && adit_sid_is_zero(adit_session_remote_sid(c->session))) {
        end(h, ADIT_E_PEER_SILENT);
        return;
    }
    adit_session_tick(c->session, sim_host_now(h));
    service(h, true);
}

void sim_client_renegotiate(struct sim_host *h)
{
    if (!h->client.session)
        return;
    adit_session_renegotiate(h->client.session, sim_host_now(h));
    service(h, false);
}

/* ---- the plane's notes ---- */

void sim_client_on_note(struct sim_host *h, const struct adit_note *note)
{
    struct sim_client *c = &h->client;

    if (note->kind == ADIT_NOTE_PEER_GONE && c->gone_due > 0)
        c->gone_due--;
    if (!c->session)
        return;
    if (note->kind == ADIT_NOTE_CTRL_RX) {
        if (!h->w->plan->is_tcp && !adit_addr_eq(&note->ctrl.remote, server_address()))
            return;
        if (adit_session_recv(c->session, adit_bytes_of(note->ctrl.b, note->ctrl.n), sim_host_now(h)) !=
            ADIT_OK)
            h->w->n_refused++;
        service(h, false);
        return;
    }
    if (note->kind == ADIT_NOTE_LINK_DOWN) {
        end(h, ADIT_E_CONNECTION_RESET);
        sim_host_stir(h);
        return;
    }
    if (c->gone_due > 0)
        return; /* about the peer before */
    if (note->kind == ADIT_NOTE_REFUSED) {
        end(h, note->refused.why);
        sim_host_stir(h);
    } else if (note->kind == ADIT_NOTE_PEER_SILENT || note->kind == ADIT_NOTE_PEER_EXIT) {
        end(h, note->kind == ADIT_NOTE_PEER_SILENT ? ADIT_E_PEER_SILENT : ADIT_E_PEER_EXIT);
        sim_host_stir(h);
    } else if (note->kind == ADIT_NOTE_KEY_WORN) {
        sim_client_renegotiate(h);
    }
}
