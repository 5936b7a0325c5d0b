/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a session: what it means for the program, in openvpn's words, and what the server asked for. */
#include "client/parts.h"

#include <string.h>

#include "host/words.h"

enum {
    TEMP_BACKOFF_MAX_S = 3600, /* a server may ask for a pause, not for the end */
};

/* What each end of a session means for the program: openvpn's word for it, and whether it goes on. */
struct fate {
    const char *word;
    bool is_fatal;
};

static struct fate fate_of(const struct adit_client *c, adit_err reason, bool is_temporary)
{
    switch (reason) {
    case ADIT_E_AUTH_FAILED:
        if (is_temporary)
            return (struct fate){"auth-temp-failure (server temporary reject)", false};
        return (struct fate){"auth-failure", c->conf->auth_retry == ADIT_AUTH_RETRY_NONE};
    case ADIT_E_PEER_HALT:
        return (struct fate){"server-pushed-halt", true};
    case ADIT_E_PEER_RESTART:
        return (struct fate){"server-pushed-connection-reset", false};
    case ADIT_E_PEER_EXIT:
        return (struct fate){"remote-exit", false};
    case ADIT_E_PUSH:
        return (struct fate){"no-push-reply", false};
    case ADIT_E_PUSH_REFUSED:
        return (struct fate){"process-push-msg-failed", false};
    default:
        return (struct fate){"tls-error", c->conf->is_tls_exit};
    }
}

static bool starts_with(adit_bytes text, const char *word)
{
    size_t n = strlen(word);

    return text.n >= n && memcmp(text.p, word, n) == 0;
}

/* One flag of TEMP[...]: "backoff 42", "advance no", "advance addr", "advance remote"; others are ignored
 * (9.4). */
static void obey_flag(struct adit_client *c, adit_bytes flag)
{
    uint32_t wait_s = 0;

    if (starts_with(flag, "backoff ")) {
        for (size_t i = strlen("backoff "); i < flag.n && flag.p[i] >= '0' && flag.p[i] <= '9'; i++)
            wait_s = wait_s < TEMP_BACKOFF_MAX_S ? wait_s * 10 + (uint32_t)(flag.p[i] - '0') : wait_s;
        c->min_wait_s = wait_s < TEMP_BACKOFF_MAX_S ? wait_s : TEMP_BACKOFF_MAX_S;
    } else if (starts_with(flag, "advance addr") || starts_with(flag, "advance remote")) {
        c->was_up = false;
        if (starts_with(flag, "advance remote"))
            c->n_addrs = 0;
    }
}

/*
 * "TEMP", "TEMP:text" or "TEMP[flags]:text": try again, and how; "SESSION:text": a token that is not good any
 * more, and a new try may do. Without a flag the same remote is tried. False: the refusal is final.
 */
static bool obey_temporary(struct adit_client *c, adit_bytes reason)
{
    size_t start;

    if (starts_with(reason, "SESSION:"))
        return true;
    if (!starts_with(reason, "TEMP") || (reason.n > 4 && reason.p[4] != '[' && reason.p[4] != ':'))
        return false;
    c->was_up = true;
    if (reason.n <= 4 || reason.p[4] != '[')
        return true;
    start = 5;
    for (size_t i = start; i < reason.n; i++) {
        if (reason.p[i] != ',' && reason.p[i] != ']')
            continue;
        obey_flag(c, adit_bytes_of(reason.p + start, i - start));
        start = i + 1;
        if (reason.p[i] == ']')
            break;
    }
    return true;
}

static void hint_at_key(const struct adit_client *c, const char *subject)
{
    if (adit_file_ref_is_set(&c->conn->tls_auth))
        adit_note(c->log, subject,
                  "If the network is fine: the tls-auth key must be the same at both ends, and the key "
                  "directions different (key-direction 0 at the server, 1 at the client)");
    else if (adit_file_ref_is_set(&c->conn->tls_crypt) || adit_file_ref_is_set(&c->conn->tls_crypt_v2))
        adit_note(c->log, subject, "If the network is fine: the server does not know this tls-crypt key");
    else
        adit_note(c->log, subject, "If the network is fine: the server may want tls-auth or tls-crypt");
}

void adit_client_log_end(struct adit_client *c, const char *subject, const struct adit_event *ev)
{
    char text[256];

    adit_log_clean(ev->text, text, sizeof text);
    if (adit_words_tls_error(c->log, subject, ev, c->conf->hand_window_s)) {
        if (ev->reason == ADIT_E_HAND_WINDOW)
            hint_at_key(c, subject);
    } else if (ev->reason == ADIT_E_AUTH_FAILED) {
        adit_error(c->log, subject, "AUTH: Received control message: AUTH_FAILED%s%s", text[0] ? "," : "",
                   text);
    } else {
        adit_note(c->log, subject, "Connection ended: %s%s%s", adit_err_text(ev->reason), text[0] ? ": " : "",
                  text);
    }
}

void adit_client_closed(struct adit_client *c, const struct adit_event *ev)
{
    bool is_temporary = ev->reason == ADIT_E_AUTH_FAILED && obey_temporary(c, ev->text);
    struct fate fate = fate_of(c, ev->reason, is_temporary);

    if (c->is_leaving) {
        adit_host_stop(c->h, ADIT_HOST_EXIT, 0);
        return;
    }
    adit_client_log_end(c, NULL, ev);
    if (fate.is_fatal)
        adit_client_exit(c, fate.word, 0);
    else
        adit_client_restart(c, fate.word);
}
