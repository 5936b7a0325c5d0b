/* SPDX-License-Identifier: Apache-2.0 */
/* One client's conversation, from its first proven packet to its end. */
#include "server/parts.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "host/words.h"

enum {
    REFUSED_LINGER_S = 5, /* in which RESTART is sent again if need be */
};

static void on_timer(uv_timer_t *timer);

/* ---- finding ---- */

static struct adit_caller_key key_of(int link, const struct adit_addr *remote, const struct adit_sid *sid)
{
    struct adit_caller_key key;

    memset(&key, 0, sizeof key);
    adit_place_key_set(&key.place, link, remote);
    if (sid)
        key.sid = *sid;
    return key;
}

static struct adit_caller *find(struct adit_server *sv, const struct adit_caller_key *key)
{
    struct adit_caller *c;

    HASH_FIND(hh, sv->callers, key, sizeof *key, c);
    return c;
}

struct adit_caller *adit_caller_of_link(struct adit_server *sv, int link)
{
    struct adit_caller_key key = key_of(link, NULL, NULL);

    return find(sv, &key);
}

struct adit_caller *adit_caller_find(struct adit_server *sv, const struct adit_ctrl_bytes *ctrl)
{
    struct adit_caller_key key;
    struct adit_sid sid;

    if (ctrl->link != ADIT_SERVER_UDP_LINK || sv->is_tcp)
        return adit_caller_of_link(sv, ctrl->link);
    if (ctrl->n < ADIT_CTRL_HEAD_LEN)
        return NULL;
    memcpy(sid.b, ctrl->b + 1, sizeof sid.b);
    key = key_of(ctrl->link, &ctrl->remote, &sid);
    return find(sv, &key);
}

struct adit_caller *adit_caller_of_peer(struct adit_server *sv, adit_peer peer)
{
    return peer < sv->conf->max_clients ? sv->by_peer[peer] : NULL;
}

/* ---- beginning ---- */

void adit_caller_name_subject(struct adit_caller *c)
{
    char text[ADIT_ADDR_STR_MAX];

    adit_addr_str(&c->way.remote, text, sizeof text);
    snprintf(c->subject, sizeof c->subject, "%s%s%s", c->name, c->name[0] ? "/" : "", text);
}

struct adit_caller *adit_caller_new(struct adit_server *sv, const struct adit_way *way, bool is_stream)
{
    struct adit_caller *c = adit_alloc(sizeof *c);

    if (!c)
        return NULL;
    c->sv = sv;
    c->way = *way;
    c->is_stream = is_stream;
    c->id = sv->next_id++;
    c->opened_ns = adit_clock_now().mono_ns;
    c->since_s = adit_clock_now().wall_s;
    adit_caller_name_subject(c);
    uv_timer_init(&sv->h->loop, &c->timer);
    c->timer.data = c;
    sv->n_callers++;
    c->key = key_of(way->link, NULL, NULL);
    if (is_stream) {
        /* A connection that says nothing is closed when a handshake would be. */
        HASH_ADD(hh, sv->callers, key, sizeof c->key, c);
        uv_timer_start(&c->timer, on_timer, sv->conf->hand_window_s * 1000ULL, 0);
    }
    return c;
}

bool adit_caller_begin(struct adit_caller *c, struct adit_admission *adm)
{
    struct adit_server *sv = c->sv;
    struct adit_session_start st = {
        .wrap = sv->wraps.key,
        .wrap_static = sv->wraps.static_key,
        .is_v2 = adm->is_v2,
        .is_tcp = c->is_stream,
        .is_ipv6 = c->way.remote.ip.family == ADIT_AF_V6,
        .subject = c->subject,
    };

    adit_material_refresh_crl(sv->conf, sv->tls, &sv->crl_stamp, sv->log);
    if (adm->is_v2) {
        st.wrap = adit_wrap_key_crypt(&adm->kc, true);
        st.owns_wrap = true;
        st.wrap_static = &adm->kc;
    }
    if (st.wrap || !adm->is_v2)
        c->session =
            adit_session_accept(&sv->params, &st, &adm->remote, adm->has_cookie ? &adm->cookie : NULL,
                                &sv->h->env, adit_clock_now());
    if (!c->is_stream) {
        c->key = key_of(c->way.link, &c->way.remote, &adm->remote);
        HASH_ADD(hh, sv->callers, key, sizeof c->key, c);
    }
    if (!c->session) {
        adit_error(sv->log, c->subject, "no memory for another client");
        adit_caller_end(c);
        return false;
    }
    adit_words_first_packet(sv->log, c->subject, &c->way.remote, &adm->remote);
    return true;
}

/* ---- ending ---- */

static void on_timer_closed(uv_handle_t *handle)
{
    adit_free(handle->data);
}

void adit_caller_end(struct adit_caller *c)
{
    struct adit_server *sv = c->sv;

    HASH_DEL(sv->callers, c);
    adit_place_leave(c);
    if (c->is_admitted) {
        adit_host_cmd(sv->h, ADIT_CMD_PEER_DEL, c->lease.peer_id);
        sv->gone_due[c->lease.peer_id]++;
        adit_directory_leave(sv->directory, c->lease.peer_id);
        sv->by_peer[c->lease.peer_id] = NULL;
    }
    if (c->is_stream)
        adit_host_del_link(sv->h, c->way.link);
    adit_session_free(c->session);
    sv->n_callers--;
    uv_close((uv_handle_t *)&c->timer, on_timer_closed);
}

void adit_caller_say_gone(const struct adit_caller *c, const char *signal)
{
    bool is_exit = strncmp(signal, "SIGTERM", strlen("SIGTERM")) == 0;

    adit_note(c->sv->log, c->subject, "%s received, client-instance %s", signal,
              is_exit ? "exiting" : "restarting");
}

static void log_end(const struct adit_caller *c, const struct adit_event *ev)
{
    char text[256];

    if (adit_words_tls_error(c->sv->log, c->subject, ev, c->sv->conf->hand_window_s)) {
        adit_caller_say_gone(c, "SIGUSR1[soft,tls-error]");
        return;
    }
    adit_log_clean(ev->text, text, sizeof text);
    adit_note(c->sv->log, c->subject, "client ended: %s%s%s", adit_err_text(ev->reason), text[0] ? ": " : "",
              text);
    adit_caller_say_gone(c, ev->reason == ADIT_E_PEER_EXIT ? "SIGTERM[soft,remote-exit]"
                                                           : "SIGTERM[soft,delayed-exit]");
}

/* ---- events ---- */

static void on_up(struct adit_caller *c)
{
    c->is_up = true;
    c->up_ns = c->idle_mark_ns = adit_clock_now().mono_ns;
    adit_caller_open(c);
}

/* False: the caller is gone. */
static bool handle(struct adit_caller *c, struct adit_event *ev)
{
    struct adit_server *sv = c->sv;

    switch (ev->kind) {
    case ADIT_EV_TLS_UP:
        adit_info(sv->log, c->subject, "%.*s", (int)ev->text.n, (const char *)ev->text.p);
        break;
    case ADIT_EV_AUTH_WANTED:
        adit_caller_admit(c, ev);
        adit_session_name(c->session, c->subject);
        break;
    case ADIT_EV_KEYS:
        adit_host_new_key(sv->h, c->lease.peer_id, &ev->keys);
        break;
    case ADIT_EV_KEY_USE:
        adit_host_key(sv->h, ADIT_CMD_KEY_USE, c->lease.peer_id, ev->key_id);
        break;
    case ADIT_EV_KEY_DROP:
        adit_host_key(sv->h, ADIT_CMD_KEY_DEL, c->lease.peer_id, ev->key_id);
        break;
    case ADIT_EV_UP:
        on_up(c);
        break;
    case ADIT_EV_TEXT:
    case ADIT_EV_PUSHED:
        break;
    case ADIT_EV_CLOSED:
        log_end(c, ev);
        adit_caller_end(c);
        return false;
    }
    return true;
}

void adit_caller_service(struct adit_caller *c)
{
    struct adit_event ev;
    uint64_t deadline;
    adit_now now;

    while (adit_session_next_event(c->session, &ev)) {
        bool is_alive = handle(c, &ev);

        adit_wipe(&ev.keys, sizeof ev.keys);
        if (!is_alive)
            return;
    }
    now = adit_clock_now();
    adit_host_flush(c->sv->h, c->session, &c->way, now);
    deadline = adit_session_deadline(c->session);
    if (deadline == ADIT_NEVER)
        uv_timer_stop(&c->timer);
    else
        uv_timer_start(&c->timer, on_timer, adit_host_wait_ms(deadline, now), 0);
}

static void on_timer(uv_timer_t *timer)
{
    struct adit_caller *c = timer->data;

    if (!c->session) {
        adit_info(c->sv->log, c->subject, "connection closed: nothing was said on it");
        adit_caller_end(c);
        return;
    }
    adit_session_tick(c->session, adit_clock_now());
    adit_caller_service(c);
}

/* ---- notes about peers ---- */

static void move(struct adit_caller *c, const struct adit_addr *remote)
{
    HASH_DEL(c->sv->callers, c);
    adit_place_leave(c);
    c->way.remote = *remote;
    c->key = key_of(c->way.link, remote, &c->key.sid);
    HASH_ADD(hh, c->sv->callers, key, sizeof c->key, c);
    adit_place_take(c);
    adit_caller_name_subject(c);
    if (c->session)
        adit_session_name(c->session, c->subject);
}

static bool is_same_client(const struct adit_caller *a, const struct adit_caller *b)
{
    return memcmp(adit_session_identity(a->session)->chain_sha256,
                  adit_session_identity(b->session)->chain_sha256,
                  sizeof adit_session_identity(a->session)->chain_sha256) == 0;
}

/* Onto another client's address only if that is the same client, come back (12). False: it stays where it
 * was. */
static bool may_take_place_of(struct adit_caller *c, struct adit_caller *other)
{
    if (!is_same_client(c, other)) {
        c->sv->drops[ADIT_E_FLOAT]++;
        adit_warn(c->sv->log, c->subject, "Disallow float to an address taken by another client");
        return false;
    }
    adit_note(c->sv->log, other->subject, "closing instance: the same client floated to its address");
    adit_caller_end(other);
    return true;
}

static void on_floated(struct adit_caller *c, const struct adit_note *note)
{
    struct adit_caller *other = adit_place_find(c->sv, c->way.link, &note->moved.remote);
    char was[ADIT_ADDR_STR_MAX], is[ADIT_ADDR_STR_MAX];

    if (other && other != c && !may_take_place_of(c, other)) {
        adit_host_move_peer(c->sv->h, c->lease.peer_id, &c->way);
        return;
    }
    adit_addr_str(&c->way.remote, was, sizeof was);
    move(c, &note->moved.remote);
    adit_note(c->sv->log, c->subject, "peer %u (%s) floated from %s to %s", c->lease.peer_id, c->name, was,
              adit_addr_str(&c->way.remote, is, sizeof is));
}

static void on_clash(struct adit_caller *c, const struct adit_note *note)
{
    struct adit_caller *other = adit_caller_of_peer(c->sv, note->moved.other);

    if (other && other != c)
        (void)may_take_place_of(c, other);
}

static void on_silent(struct adit_caller *c)
{
    uint64_t limit_ns = c->sv->conf->ping_restart_s * ADIT_NS_PER_S;

    if (limit_ns == 0 || adit_clock_now().mono_ns < c->heard_ns + limit_ns)
        return;
    adit_note(c->sv->log, c->subject, "[%s] Inactivity timeout (--ping-restart), restarting", c->name);
    adit_caller_say_gone(c, "SIGUSR1[soft,ping-restart]");
    adit_caller_end(c);
}

/* Next to always it is memory, and a moment later there may be some: the client is told to come back. */
void adit_caller_on_refused(struct adit_caller *c, const struct adit_note *note)
{
    if (c->is_refused)
        return;
    c->is_refused = true;
    adit_error(c->sv->log, c->subject, "the data plane refused %s: %s; the client has to connect anew",
               adit_host_refused_what(note->refused.cmd), adit_err_text(note->refused.why));
    if (!c->session) {
        adit_caller_end(c);
        return;
    }
    if (adit_session_say(c->session, "RESTART", adit_clock_now()) != ADIT_OK)
        adit_warn(c->sv->log, c->subject, "RESTART could not be sent");
    adit_session_end(c->session, note->refused.why, REFUSED_LINGER_S, adit_clock_now());
    adit_caller_service(c);
}

/* Peer ids are used again: what the plane said of the peer before must not hit the one that came after. */
static bool is_of_old_peer(struct adit_server *sv, const struct adit_note *note)
{
    if (note->peer >= sv->conf->max_clients || sv->gone_due[note->peer] == 0)
        return false;
    if (note->kind == ADIT_NOTE_PEER_GONE)
        sv->gone_due[note->peer]--;
    return true;
}

void adit_caller_on_note(struct adit_server *sv, const struct adit_note *note)
{
    struct adit_caller *c = adit_caller_of_peer(sv, note->peer);

    if (is_of_old_peer(sv, note) || !c)
        return;
    switch (note->kind) {
    case ADIT_NOTE_PEER_FLOATED:
        on_floated(c, note);
        break;
    case ADIT_NOTE_FLOAT_CLASH:
        on_clash(c, note);
        break;
    case ADIT_NOTE_PEER_SILENT:
        on_silent(c);
        break;
    case ADIT_NOTE_PEER_EXIT:
        adit_caller_say_gone(c, "SIGTERM[soft,remote-exit]");
        adit_caller_end(c);
        break;
    case ADIT_NOTE_KEY_WORN:
        adit_session_renegotiate(c->session, adit_clock_now());
        adit_caller_service(c);
        break;
    case ADIT_NOTE_REFUSED:
        adit_caller_on_refused(c, note);
        break;
    case ADIT_NOTE_COUNTERS:
        c->counters = note->counters;
        break;
    default:
        break;
    }
}
