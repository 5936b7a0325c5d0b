/* SPDX-License-Identifier: Apache-2.0 */
/* The plane's notes: control packets, and what became of the peer and its keys. */
#include "client/parts.h"

#include <errno.h>
#include <string.h>

#include "host/words.h"
#include "plane/routes.h"

static bool is_expected(const struct adit_client *c, const struct adit_ctrl_bytes *ctrl)
{
    if (ctrl->link != c->way.link || c->link == ADIT_LINK_NONE)
        return false;
    return c->is_tcp || ctrl->remote.ip.family == ADIT_AF_NONE || c->conn->can_float ||
           adit_addr_eq(&ctrl->remote, &c->way.remote);
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
    adit_bytes packet = adit_bytes_of(ctrl->b, ctrl->n);
    adit_now now = adit_clock_now();
    bool is_new;
    adit_err e;

    if (c->has_door && !(c->session && adit_session_is_of_peer(c->session, packet))) {
        adit_client_on_caller(c, ctrl);
        return;
    }
    if (!c->session || !is_expected(c, ctrl))
        return;
    is_new = adit_sid_is_zero(adit_session_remote_sid(c->session));
    e = adit_session_recv(c->session, packet, now);
    if (is_new && !adit_sid_is_zero(adit_session_remote_sid(c->session)))
        adit_words_first_packet(c->log, NULL, &c->way.remote, adit_session_remote_sid(c->session));
    if (e == ADIT_OK)
        c->heard_ns = now.mono_ns;
    else if (e == ADIT_E_AUTH && !c->has_said_wrong_key)
        say_wrong_key(c);
    else
        adit_log(c->log, ADIT_LOG_DEBUG, 4, c->subject, "control packet dropped: %s", adit_err_text(e));
    adit_client_service(c);
}

static void say_inactive(const struct adit_client *c, const char *option, const char *what)
{
    const struct adit_identity *id = c->session ? adit_session_identity(c->session) : NULL;

    adit_note(c->log, NULL, "[%s] Inactivity timeout (%s), %s",
              id && id->has_cert ? id->common_name : "UNDEF", option, what);
}

static void on_silent(struct adit_client *c)
{
    uint32_t exit_s = c->pushed ? c->pushed->ping_exit_s : c->conf->ping_exit_s;
    uint32_t restart_s = c->pushed ? c->pushed->ping_restart_s : c->conf->ping_restart_s;
    uint32_t limit_s = exit_s > 0 ? exit_s : restart_s;

    if (limit_s == 0 || adit_clock_now().mono_ns < c->heard_ns + limit_s * ADIT_NS_PER_S)
        return;
    if (exit_s > 0) {
        say_inactive(c, "--ping-exit", "exiting");
        adit_client_exit(c, "ping-exit", 0);
        return;
    }
    say_inactive(c, "--ping-restart", "restarting");
    adit_client_restart(c, "ping-restart");
}

static void on_floated(struct adit_client *c, const struct adit_note *note)
{
    c->way.remote = note->moved.remote;
    adit_client_name_subject(c);
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
    adit_note(c->log, c->subject, "read %s [%s]: %s: nothing listens there; check address, port and proto",
              adit_words_proto(c->conn->proto, c->way.remote.ip.family), strerrorname_np(os_errno),
              strerror(os_errno));
}

static bool is_about_link(const struct adit_note *note)
{
    return note->kind == ADIT_NOTE_LINK_DOWN ||
           (note->kind == ADIT_NOTE_REFUSED && note->refused.cmd == ADIT_CMD_LINK_ADD);
}

/* Next to always it is memory, and a moment later there may be some. */
static void on_refused(struct adit_client *c, const struct adit_note *note)
{
    if (is_about_link(note) ? note->refused.link != c->link : !c->has_peer)
        return;
    adit_error(c->log, NULL, "the data plane refused %s: %s", adit_host_refused_what(note->refused.cmd),
               adit_err_text(note->refused.why));
    adit_client_restart(c, "data-plane");
}

static void on_counters(struct adit_client *c, const struct adit_note *note)
{
    if (note->peer == ADIT_NO_PEER) {
        adit_client_log_stats(c, note);
        return;
    }
    c->counters = note->counters;
    adit_client_write_status(c);
    adit_client_check_idle(c);
}

static bool is_about_peer(const struct adit_note *note)
{
    return note->kind != ADIT_NOTE_CTRL_RX && note->kind != ADIT_NOTE_OS && !is_about_link(note) &&
           !(note->kind == ADIT_NOTE_COUNTERS && note->peer == ADIT_NO_PEER);
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
            adit_note(c->log, NULL, "Connection reset, restarting [0]");
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
        on_counters(c, note);
        break;
    case ADIT_NOTE_PEER_GONE:
    case ADIT_NOTE_PEER_ACTIVE:
    case ADIT_NOTE_FLOAT_CLASH:
        break;
    case ADIT_NOTE_REFUSED:
        on_refused(c, note);
        break;
    case ADIT_NOTE_OS:
        say_os(c, note->os_errno);
        break;
    }
}
