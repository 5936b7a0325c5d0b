/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets, and strangers: the door decides who becomes a caller. */
#include "server/parts.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "host/outside.h"
#include "host/words.h"

enum {
    ACCEPT_AGAIN_MS = 1000,
    YOUNG_S = 5,       /* a handshake may take so long before it must give way to others on a full server */
    SAID_EVERY_S = 10, /* what strangers cause is told at most so often */
};

/* ---- sockets ---- */

static void say_where(struct adit_server *sv, int fd)
{
    enum adit_conf_proto proto = sv->is_tcp ? ADIT_PROTO_TCP_SERVER : ADIT_PROTO_UDP;
    char text[ADIT_WORDS_ADDR_MAX];
    struct adit_addr bound;

    if (adit_socket_local(fd, &bound) != ADIT_OK)
        return;
    adit_words_addr(&bound, text, sizeof text);
    if (sv->is_tcp)
        adit_note(sv->log, NULL, "Listening for incoming TCP connection on %s", text);
    adit_note(sv->log, NULL, "%s link local (bound): %s", adit_words_proto(proto, bound.ip.family), text);
    adit_note(sv->log, NULL, "%s link remote: [AF_UNSPEC]", adit_words_proto(proto, bound.ip.family));
}

/*
 * Whoever has not shown yet who it is gives way, the oldest first, so that a few idle strangers cannot keep
 * all places for a whole hand-window.
 */
static bool make_room(struct adit_server *sv)
{
    uint64_t now_ns = adit_clock_now().mono_ns;
    struct adit_caller *oldest = NULL;

    if (sv->n_callers < sv->conf->max_clients + ADIT_SERVER_PENDING)
        return true;
    for (struct adit_caller *c = sv->callers; c; c = c->hh.next) {
        if (!c->is_admitted && (!oldest || c->opened_ns < oldest->opened_ns))
            oldest = c;
    }
    if (!oldest || now_ns - oldest->opened_ns < YOUNG_S * ADIT_NS_PER_S)
        return false;
    adit_info(sv->log, oldest->subject, "gives way: the server is full, and this handshake has not got on");
    adit_caller_end(oldest);
    return true;
}

static void on_stream(uv_poll_t *handle, int status, int events);

static void on_accept_again(uv_timer_t *timer)
{
    struct adit_server *sv = timer->data;

    if (sv->listener >= 0)
        uv_poll_start(&sv->listen_poll, UV_READABLE, on_stream);
}

/* Without descriptors left the listener would stay readable, and the loop busy. */
static void pause_accepting(struct adit_server *sv)
{
    adit_warn(sv->log, NULL, "no connection can be accepted: %s; trying again", strerror(errno));
    uv_poll_stop(&sv->listen_poll);
    uv_timer_start(&sv->accept_timer, on_accept_again, ACCEPT_AGAIN_MS, 0);
}

static void on_stream(uv_poll_t *handle, int status, int events)
{
    struct adit_server *sv = handle->data;
    struct adit_way way = {.link = sv->next_link};
    char text[ADIT_WORDS_ADDR_MAX];
    adit_err e;
    int fd;

    (void)status;
    (void)events;
    e = adit_socket_accept(sv->listener, true, &fd, &way.remote);
    if (e == ADIT_E_OS)
        pause_accepting(sv);
    if (e != ADIT_OK)
        return;
    if (sv->is_leaving || !make_room(sv)) {
        sv->drops[ADIT_E_FULL]++;
        close(fd);
        return;
    }
    adit_note(sv->log, NULL, "TCP connection established with %s",
              adit_words_addr(&way.remote, text, sizeof text));
    sv->next_link++;
    adit_host_add_link(sv->h, way.link, fd, true, true);
    if (!adit_caller_new(sv, &way, true))
        adit_host_del_link(sv->h, way.link);
}

static adit_err listen_udp(struct adit_server *sv, const struct adit_addr *local)
{
    int fds[1 + ADIT_LINK_MORE];
    unsigned n = adit_outside_port(sv->h, &sv->conf->conn, local, fds, 1 + ADIT_LINK_MORE);

    if (n == 0)
        return ADIT_E_OS;
    say_where(sv, fds[0]);
    adit_host_add_port(sv->h, ADIT_SERVER_UDP_LINK, fds, n);
    return ADIT_OK;
}

static adit_err listen_tcp(struct adit_server *sv, const struct adit_addr *local)
{
    int fd = adit_outside_socket(sv->h, &sv->conf->conn, ADIT_SOCKET_TCP_LISTEN, local, NULL);

    if (fd < 0)
        return ADIT_E_OS;
    say_where(sv, fd);
    sv->listen_poll.data = sv->accept_timer.data = sv;
    uv_timer_init(&sv->h->loop, &sv->accept_timer);
    if (uv_poll_init(&sv->h->loop, &sv->listen_poll, fd) != 0) {
        close(fd);
        return ADIT_E_OS;
    }
    sv->listener = fd;
    uv_poll_start(&sv->listen_poll, UV_READABLE, on_stream);
    return ADIT_OK;
}

adit_err adit_server_listen(struct adit_server *sv, const struct adit_addr *local)
{
    sv->listener = -1;
    sv->next_link = ADIT_SERVER_FIRST_STREAM;
    return sv->is_tcp ? listen_tcp(sv, local) : listen_udp(sv, local);
}

void adit_server_unlisten(struct adit_server *sv)
{
    if (sv->listener < 0)
        return;
    uv_poll_stop(&sv->listen_poll);
    uv_close((uv_handle_t *)&sv->listen_poll, NULL);
    uv_close((uv_handle_t *)&sv->accept_timer, NULL);
    close(sv->listener);
    sv->listener = -1;
}

/* ---- strangers ---- */

static bool is_within_freq(struct adit_server *sv, adit_now now)
{
    const struct adit_conf *c = sv->conf;

    return c->connect_freq_n == 0 || adit_rate_take(&sv->freq, c->connect_freq_n, c->connect_freq_s, now);
}

static bool has_room(struct adit_server *sv, adit_now now)
{
    if (make_room(sv))
        return true;
    sv->drops[ADIT_E_FULL]++;
    if (now.mono_ns - sv->full_said_ns >= SAID_EVERY_S * ADIT_NS_PER_S) {
        sv->full_said_ns = now.mono_ns;
        adit_warn(sv->log, NULL, "MULTI: new incoming connection would exceed maximum number of clients (%u)",
                  sv->conf->max_clients);
    }
    return false;
}

/* A wrong key is what a person who sets this up gets wrong first; the rest of the noise is only counted. */
static void say_refused(struct adit_server *sv, const struct adit_addr *from, adit_err why, adit_now now)
{
    bool is_auth = adit_file_ref_is_set(&sv->conf->conn.tls_auth);
    char text[ADIT_WORDS_ADDR_MAX];

    if (why != ADIT_E_AUTH)
        return;
    sv->n_refused++;
    if (sv->refused_said_ns != 0 && now.mono_ns - sv->refused_said_ns < SAID_EVERY_S * ADIT_NS_PER_S)
        return;
    sv->refused_said_ns = now.mono_ns;
    adit_error(sv->log, NULL, "TLS Error: %s from %s",
               is_auth ? "incoming packet authentication failed" : "tls-crypt unwrapping failed",
               adit_words_addr(from, text, sizeof text));
    adit_note(
        sv->log, NULL,
        "%u such packets since that was last said: either strangers, or a client with another tls-auth, "
        "tls-crypt or tls-crypt-v2 key, or with the same key direction as here",
        sv->n_refused);
    sv->n_refused = 0;
}

static struct adit_caller *admit_stranger(struct adit_server *sv, const struct adit_way *way,
                                          struct adit_admission *adm, struct adit_caller *stream,
                                          adit_now now)
{
    struct adit_caller *c = stream;

    if (!is_within_freq(sv, now)) {
        sv->drops[ADIT_E_RATE]++;
        return NULL;
    }
    if (!c && !has_room(sv, now))
        return NULL;
    if (!c)
        c = adit_caller_new(sv, way, false);
    return c && adit_caller_begin(c, adm) ? c : NULL;
}

static struct adit_caller *on_stranger(struct adit_server *sv, const struct adit_ctrl_bytes *ctrl,
                                       struct adit_caller *stream)
{
    uint8_t buf[ADIT_CTRL_PACKET_MAX];
    struct adit_wr reply = adit_wr_of(buf, sizeof buf);
    struct adit_way way = {.link = ctrl->link, .remote = ctrl->remote, .local = ctrl->local};
    adit_bytes packet = adit_bytes_of(ctrl->b, ctrl->n);
    struct adit_admission adm;
    struct adit_caller *c = NULL;
    enum adit_door_verdict verdict;
    adit_now now = adit_clock_now();
    adit_err why = ADIT_OK;

    verdict = stream ? adit_door_recv_stream(&sv->door, packet, now, &adm, &why)
                     : adit_door_recv(&sv->door, &ctrl->remote, packet, now, &reply, &adm, &why);
    if (verdict == ADIT_DOOR_REPLY) {
        adit_host_send(sv->h, &way, adit_wr_view(&reply));
    } else if (verdict == ADIT_DOOR_DROP) {
        sv->drops[why]++;
        say_refused(sv, stream ? &stream->way.remote : &ctrl->remote, why, now);
        if (stream)
            adit_caller_end(stream); /* as openvpn: a stream that begins wrong is closed */
    } else {
        c = admit_stranger(sv, &way, &adm, stream, now);
    }
    adit_wipe(&adm.kc, sizeof adm.kc);
    return c;
}

void adit_server_on_control(struct adit_server *sv, const struct adit_ctrl_bytes *ctrl)
{
    struct adit_caller *c = adit_caller_find(sv, ctrl);
    adit_err e;

    if (!c || !c->session) {
        if (!sv->is_leaving)
            c = on_stranger(sv, ctrl, c);
        if (!c || !c->session)
            return;
    }
    e = adit_session_recv(c->session, adit_bytes_of(ctrl->b, ctrl->n), adit_clock_now());
    if (e == ADIT_OK) {
        c->heard_ns = adit_clock_now().mono_ns;
    } else {
        sv->drops[e]++;
        adit_log(sv->log, ADIT_LOG_DEBUG, 4, c->subject, "control packet dropped: %s", adit_err_text(e));
    }
    adit_caller_service(c);
}
