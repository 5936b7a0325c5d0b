/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Callers at a point-to-point server: strangers at the door, then the one that negotiates in the newcomer's
 * place. A door proves an address and a shared key, not a peer; so the running tunnel goes on untouched until
 * the newcomer has shown its certificate and its keys are made. One that does not get so far is forgotten, at
 * its hand-window at the latest. Protocol text: 4.7.
 */
#include "client/parts.h"

#include "host/words.h"

static void on_timer(uv_timer_t *timer);

void adit_client_forget_newcomer(struct adit_client *c)
{
    uv_timer_stop(&c->newcomer_timer);
    adit_session_free(c->newcomer.session);
    c->newcomer = (struct adit_newcomer){0};
}

/* ---- taking over ---- */

static void promote(struct adit_client *c)
{
    struct adit_newcomer n = c->newcomer;

    uv_timer_stop(&c->newcomer_timer);
    c->newcomer = (struct adit_newcomer){0};
    if (c->session) {
        adit_note(c->log, c->subject, "closed: the peer has connected anew, from %s", n.subject);
        adit_client_end_session(c);
    }
    c->session = n.session;
    adit_session_name(c->session, NULL); /* there is only one from here on */
    c->way = n.way;
    c->heard_ns = adit_clock_now().mono_ns;
    c->has_said_initiated = false;
    adit_client_name_subject(c);
}

static void on_closed(struct adit_client *c, const struct adit_event *ev)
{
    bool was_all = !c->session; /* a stream is of no more use without it */
    bool is_over = was_all && (c->is_tcp || c->conf->is_tls_exit);

    if (is_over) {
        adit_client_closed(c, ev);
        return;
    }
    adit_client_log_end(c, c->newcomer.subject, ev);
    adit_client_forget_newcomer(c);
}

/* False: it is not the newcomer any more. */
static bool handle(struct adit_client *c, struct adit_event *ev)
{
    struct adit_newcomer *n = &c->newcomer;

    switch (ev->kind) {
    case ADIT_EV_TLS_UP:
        adit_info(c->log, n->subject, "%.*s", (int)ev->text.n, (const char *)ev->text.p);
        break;
    case ADIT_EV_AUTH_WANTED:
        adit_client_on_peer_known(c, n->session, n->subject, ev);
        break;
    case ADIT_EV_KEYS:
        promote(c);
        adit_client_take_keys(c, &ev->keys);
        return false;
    case ADIT_EV_CLOSED:
        on_closed(c, ev);
        return false;
    case ADIT_EV_PUSHED:
    case ADIT_EV_KEY_USE:
    case ADIT_EV_KEY_DROP:
    case ADIT_EV_UP:
    case ADIT_EV_TEXT:
        break;
    }
    return true;
}

static void service(struct adit_client *c)
{
    struct adit_newcomer *n = &c->newcomer;
    struct adit_event ev;
    uint64_t deadline;
    adit_now now;

    while (adit_session_next_event(n->session, &ev)) {
        bool goes_on = handle(c, &ev);

        adit_wipe(&ev.keys, sizeof ev.keys);
        if (goes_on)
            continue;
        if (c->session)
            adit_client_service(c);
        return;
    }
    now = adit_clock_now();
    adit_host_flush(c->h, n->session, &n->way, now);
    deadline = adit_session_deadline(n->session);
    if (deadline != ADIT_NEVER)
        uv_timer_start(&c->newcomer_timer, on_timer, adit_host_wait_ms(deadline, now), 0);
}

static void on_timer(uv_timer_t *timer)
{
    struct adit_client *c = timer->data;

    if (!c->newcomer.session)
        return;
    adit_session_tick(c->newcomer.session, adit_clock_now());
    service(c);
}

/* ---- coming in ---- */

static bool may_call(const struct adit_client *c, const struct adit_way *way,
                     const struct adit_admission *adm)
{
    struct adit_call call = {.from = way->remote, .is_proven = c->is_tcp || adm->has_cookie};
    struct adit_slot slot = {.is_taken = c->newcomer.session != NULL,
                             .remote = c->newcomer.way.remote,
                             .opened_ns = c->newcomer.opened_ns};
    struct adit_addr fixed = {0};

    if (c->conn->remote && !c->conn->can_float && !c->is_tcp)
        fixed = c->way.remote;
    return !c->is_leaving && adit_slot_is_free_for(&slot, &call, &fixed, adit_clock_now());
}

static void accept_newcomer(struct adit_client *c, const struct adit_way *way,
                            const struct adit_admission *adm)
{
    struct adit_newcomer *n = &c->newcomer;
    struct adit_session_start st;

    adit_client_forget_newcomer(c);
    n->way = *way;
    n->opened_ns = adit_clock_now().mono_ns;
    adit_words_addr(&way->remote, n->subject, sizeof n->subject);
    adit_material_refresh_crl(c->conf, c->tls, &c->crl_stamp, c->log);
    st = adit_client_start_of(c, &way->remote, n->subject);
    if (adm->is_v2) {
        st.wrap = adit_wrap_key_crypt(&adm->kc, true);
        if (!st.wrap)
            return;
        st.owns_wrap = true;
        st.is_v2 = true;
        st.wrap_static = &adm->kc;
    }
    n->session = adit_session_accept(&c->params, &st, &adm->remote, adm->has_cookie ? &adm->cookie : NULL,
                                     &c->h->env, adit_clock_now());
}

static void talk_to_newcomer(struct adit_client *c, adit_bytes packet)
{
    adit_err e = adit_session_recv(c->newcomer.session, packet, adit_clock_now());

    if (e != ADIT_OK)
        adit_log(c->log, ADIT_LOG_DEBUG, 4, c->newcomer.subject, "control packet dropped: %s",
                 adit_err_text(e));
    service(c);
}

static void on_stranger(struct adit_client *c, const struct adit_way *way, adit_bytes packet)
{
    uint8_t buf[ADIT_CTRL_PACKET_MAX];
    struct adit_wr reply = adit_wr_of(buf, sizeof buf);
    struct adit_admission adm;
    enum adit_door_verdict verdict;
    adit_err why;

    if (c->is_tcp)
        verdict = adit_door_recv_stream(&c->door, packet, adit_clock_now(), &adm, &why);
    else
        verdict = adit_door_recv(&c->door, &way->remote, packet, adit_clock_now(), &reply, &adm, &why);
    if (verdict == ADIT_DOOR_REPLY)
        adit_host_send(c->h, way, adit_wr_view(&reply));
    if (verdict == ADIT_DOOR_ADMIT && may_call(c, way, &adm)) {
        accept_newcomer(c, way, &adm);
        if (c->newcomer.session)
            talk_to_newcomer(c, packet);
    }
    adit_wipe(&adm.kc, sizeof adm.kc);
}

void adit_client_on_caller(struct adit_client *c, const struct adit_ctrl_bytes *ctrl)
{
    struct adit_way way = {.link = ctrl->link, .remote = ctrl->remote, .local = ctrl->local};
    adit_bytes packet = adit_bytes_of(ctrl->b, ctrl->n);
    const struct adit_newcomer *n = &c->newcomer;

    if (c->is_tcp)
        way.remote = c->way.remote;
    if (n->session && adit_session_is_of_peer(n->session, packet) &&
        (c->is_tcp || adit_addr_eq(&n->way.remote, &way.remote)))
        talk_to_newcomer(c, packet);
    else
        on_stranger(c, &way, packet);
}
