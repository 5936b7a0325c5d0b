/* SPDX-License-Identifier: Apache-2.0 */
/* The session: how it begins, what it says, when it is looked at again, how it ends. */
#include "client/parts.h"

#include <stdio.h>

#include "conf/pushed.h"
#include "host/words.h"

static void on_session_timer(uv_timer_t *timer);
static void on_answer_timer(uv_timer_t *timer);

static bool is_p2p(const struct adit_client *c)
{
    return c->params.role != ADIT_ROLE_CLIENT;
}

/* ---- a session begins ---- */

void adit_client_name_subject(struct adit_client *c)
{
    adit_words_addr(&c->way.remote, c->subject, sizeof c->subject);
}

struct adit_session_start adit_client_start_of(struct adit_client *c, const struct adit_addr *remote,
                                               const char *subject)
{
    struct adit_session_start st = {
        .wrap = c->wraps->key,
        .wrap_static = c->wraps->static_key,
        .is_tcp = c->is_tcp,
        .is_ipv6 = remote->ip.family == ADIT_AF_V6,
        .subject = subject,
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

void adit_client_begin_session(struct adit_client *c)
{
    /* No subject: there is only one peer, and openvpn's lines do not name it, either. */
    struct adit_session_start st = adit_client_start_of(c, &c->way.remote, NULL);

    adit_client_name_subject(c);
    c->has_said_wrong_key = c->has_said_refused = c->has_said_initiated = false;
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
    if (!is_p2p(c))
        adit_client_await_answer(c, c->conn->connect_timeout_s);
    adit_client_service(c);
}

void adit_client_take_keys(struct adit_client *c, struct adit_data_keys *keys)
{
    if (!c->has_peer)
        adit_client_add_peer(c);
    adit_host_new_key(c->h, ADIT_CLIENT_PEER, keys);
}

void adit_client_end_session(struct adit_client *c)
{
    adit_client_stop_talk_timers(c);
    adit_names_cancel(c->names);
    c->names = NULL;
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

/* ---- events ---- */

static void on_text(struct adit_client *c, const struct adit_event *ev)
{
    char text[512];

    adit_log_clean(ev->text, text, sizeof text);
    if (ev->text_kind == ADIT_TEXT_PUSH_REPLY && !c->has_said_initiated)
        adit_client_say_initiated(c);
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
            adit_client_on_peer_known(c, c->session, c->subject, ev);
        else if (adit_session_admit(c->session, &c->agreed, adit_bytes_of(NULL, 0), adit_clock_now()) !=
                 ADIT_OK)
            adit_session_end(c->session, ADIT_E_STATE, 0, adit_clock_now());
        break;
    case ADIT_EV_PUSHED:
        adit_client_on_pushed(c, ev);
        break;
    case ADIT_EV_KEYS:
        adit_client_take_keys(c, &ev->keys);
        break;
    case ADIT_EV_KEY_USE:
        adit_host_key(c->h, ADIT_CMD_KEY_USE, ADIT_CLIENT_PEER, ev->key_id);
        break;
    case ADIT_EV_KEY_DROP:
        adit_host_key(c->h, ADIT_CMD_KEY_DEL, ADIT_CLIENT_PEER, ev->key_id);
        break;
    case ADIT_EV_UP:
        adit_client_on_up(c);
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

    if (c->newcomer.session || (c->session && !adit_sid_is_zero(adit_session_remote_sid(c->session))))
        return;
    if (c->params.role == ADIT_ROLE_P2P_SERVER) {
        adit_note(c->log, NULL, "a connection was closed: nothing was said on it");
        adit_client_restart(c, "connection-reset");
        return;
    }
    adit_note(c->log, NULL, "Server poll timeout, trying next remote entry/address");
    adit_client_restart(c, "server_poll");
}
