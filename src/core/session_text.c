/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text messages after the key exchange: the client asks for options and collects the reply, the server sends
 * it; AUTH_FAILED, RESTART, HALT and EXIT end the session. Protocol text: 9.
 */
#include "core/session_parts.h"

#include <string.h>

#include "base/mem.h"

enum {
    PUSH_REQUEST_EVERY_S = 5,
    PUSH_REPLY_EVERY_S = 30, /* a server repeats its reply at most so often */
    LINGER_S = 5,            /* a server that has ended a client still answers retransmissions */
    PUSH_TOTAL_MAX = 64 * 1024,
    TEXTS_PER_RECORD_MAX = 64, /* 2.x puts one text into a record */
};

/* ---- saying ---- */

static adit_err write_text(struct adit_session *s, adit_bytes text)
{
    uint8_t buf[ADIT_RECORD_MAX];
    struct adit_wr w = adit_wr_of(buf, sizeof buf);
    adit_err e;

    adit_wr_bytes(&w, text);
    adit_wr_u8(&w, 0);
    if (w.bad)
        return ADIT_E_TOO_BIG;
    e = s->p->tls->write(s->primary.tls, adit_wr_view(&w));
    if (e == ADIT_OK)
        adit_info(&s->env.log, s->subject, "SENT CONTROL [%s]: '%.*s' (status=1)",
                  s->identity.has_cert ? s->identity.common_name : "UNDEF", (int)text.n,
                  (const char *)text.p);
    return e;
}

void adit_session_flush_say(struct adit_session *s, adit_now now)
{
    if (!s->primary.is_active || s->n_say == 0)
        return;
    for (size_t i = 0; i < s->n_say; i++) {
        if (write_text(s, adit_bytes_str(s->say[i])) != ADIT_OK)
            adit_warn(&s->env.log, s->subject, "control message could not be sent: '%s'", s->say[i]);
        adit_free(s->say[i]);
    }
    s->n_say = 0;
    adit_session_flush_tls(s, now);
}

adit_err adit_session_say(struct adit_session *s, const char *text, adit_now now)
{
    if (s->primary.has_failed || !s->primary.is_used)
        return ADIT_E_STATE;
    if (s->n_say == SAY_MAX)
        return ADIT_E_QUEUE;
    s->say[s->n_say] = adit_strdup(text);
    if (!s->say[s->n_say])
        return ADIT_E_MEMORY;
    s->n_say++;
    adit_session_flush_say(s, now);
    return ADIT_OK;
}

adit_err adit_session_refuse(struct adit_session *s, const char *reason, adit_now now)
{
    char text[ADIT_TEXT_MAX] = "AUTH_FAILED";
    size_t n = strlen(text);

    if (s->is_ending)
        return ADIT_E_STATE;
    if (reason && *reason && n + 1 + strlen(reason) < sizeof text) {
        text[n] = ',';
        memcpy(text + n + 1, reason, strlen(reason) + 1);
    }
    if (adit_session_say(s, text, now) != ADIT_OK)
        adit_warn(&s->env.log, s->subject, "AUTH_FAILED could not be sent");
    adit_session_end(s, ADIT_E_AUTH_DENIED, LINGER_S, now);
    return ADIT_OK;
}

/* ---- push, the server's side ---- */

static void send_push_reply(struct adit_session *s, adit_now now)
{
    uint8_t buf[ADIT_TEXT_MAX];
    bool is_done = false;
    size_t at = 0;

    while (!is_done) {
        struct adit_wr w = adit_wr_of(buf, sizeof buf);

        if (!adit_push_chunk(adit_bytes_of(s->push, s->push_n), &at, &is_done, &w))
            break;
        if (adit_wr_end(&w) != ADIT_OK || write_text(s, adit_wr_view(&w)) != ADIT_OK) {
            adit_session_fail(s, ADIT_E_PUSH, "the push reply could not be sent", now);
            return;
        }
    }
    s->push_done = true;
    s->push_wanted = false;
    s->push_next_ns = adit_now_after_s(now, PUSH_REPLY_EVERY_S);
}

/* Not in the middle of a renegotiation: its end comes back here. */
static bool can_push(const struct adit_session *s)
{
    return s->is_up && s->primary.is_active && !s->primary.has_failed;
}

static void tick_server_push(struct adit_session *s, adit_now now)
{
    bool is_wanted = s->push_wanted || (s->wants_push_unasked && !s->push_done);

    if (!is_wanted || !can_push(s) || (s->push_done && now.mono_ns < s->push_next_ns))
        return;
    if (s->push_done && !adit_session_is_quiet(s)) {
        /* Who asks again and again, but acknowledges nothing, does not get more and more queued. */
        s->push_next_ns = adit_now_after_s(now, PUSH_REPLY_EVERY_S);
        return;
    }
    send_push_reply(s, now);
    adit_session_flush_tls(s, now);
}

/* ---- push, the client's side ---- */

static void tick_client_push(struct adit_session *s, adit_now now)
{
    if (s->push_done || !s->primary.is_active)
        return;
    if (now.mono_ns >= s->push_until_ns) {
        adit_session_fail(s, ADIT_E_PUSH, NULL, now);
        return;
    }
    if (now.mono_ns < s->push_next_ns)
        return;
    s->push_next_ns = adit_now_after_s(now, PUSH_REQUEST_EVERY_S);
    if (write_text(s, adit_bytes_str("PUSH_REQUEST")) != ADIT_OK)
        adit_session_fail(s, ADIT_E_TLS, s->p->tls->describe(s->primary.tls), now);
    adit_session_flush_tls(s, now);
}

void adit_session_tick_push(struct adit_session *s, adit_now now)
{
    if (s->is_ending)
        return;
    if (s->p->role == ADIT_ROLE_CLIENT)
        tick_client_push(s, now);
    else if (s->p->role == ADIT_ROLE_SERVER)
        tick_server_push(s, now);
}

uint64_t adit_session_push_deadline(const struct adit_session *s)
{
    if (s->p->role == ADIT_ROLE_CLIENT)
        return s->push_done ? ADIT_NEVER : adit_earlier(s->push_next_ns, s->push_until_ns);
    return s->push_wanted && s->push_done && can_push(s) ? s->push_next_ns : ADIT_NEVER;
}

/* Adds the options of one message, NUL-terminated, to the collection; *more: a continuation follows. */
static adit_err collect(struct adit_session *s, adit_bytes list, bool *more)
{
    size_t n = list.n > 0 ? list.n + 1 : 0;
    uint8_t *grown;

    if (s->push_n + n > PUSH_TOTAL_MAX)
        return ADIT_E_TOO_BIG;
    grown = adit_realloc(s->push, s->push_n + n + 1);
    if (!grown)
        return ADIT_E_MEMORY;
    s->push = grown;
    *more = false;
    for (size_t start = 0, i = 0; n > 0 && i <= list.n; i++) {
        static const char continuation[] = "push-continuation ";
        adit_bytes option = adit_bytes_of(list.p + start, i - start);

        if (i < list.n && list.p[i] != ',')
            continue;
        start = i + 1;
        if (option.n == sizeof continuation && memcmp(option.p, continuation, sizeof continuation - 1) == 0) {
            *more = option.p[option.n - 1] == '2';
            continue;
        }
        if (option.n == 0)
            continue;
        memcpy(s->push + s->push_n, option.p, option.n);
        s->push_n += option.n;
        s->push[s->push_n++] = '\0';
    }
    return ADIT_OK;
}

void adit_session_keep_options(struct adit_session *s, adit_bytes options)
{
    adit_free(s->peer_options);
    s->peer_options = adit_alloc(options.n + 1);
    if (s->peer_options && options.n > 0)
        memcpy(s->peer_options, options.p, options.n);
}

static void on_push_reply(struct adit_session *s, adit_bytes list, adit_now now)
{
    struct adit_event ev = {.kind = ADIT_EV_PUSHED};
    bool more;
    adit_err e;

    if (s->push_done)
        return; /* a repeated reply; nothing of it may change in mid-session yet */
    e = collect(s, list, &more);
    if (e != ADIT_OK) {
        adit_session_fail(s, ADIT_E_PUSH_REFUSED, adit_err_text(e), now);
        return;
    }
    if (more)
        return;
    s->push_done = true;
    ev.options = adit_bytes_of(s->push, s->push_n);
    ev.peer_options = s->peer_options ? adit_bytes_str(s->peer_options) : adit_bytes_of(NULL, 0);
    ev.identity = &s->identity;
    adit_session_emit(s, &ev);
    adit_free(s->push);
    s->push = NULL;
    s->push_n = 0;
}

/* ---- hearing ---- */

static void end_by_peer(struct adit_session *s, adit_err reason, adit_bytes text, uint32_t linger_s,
                        adit_now now)
{
    char clean[ADIT_TEXT_MAX];

    adit_free(s->end_text);
    s->end_text = text.n > 0 ? adit_strdup(adit_log_clean(text, clean, sizeof clean)) : NULL;
    /* Whether a refusal is for good stands in its text (9.4): without it nobody may take it for that. */
    if (reason == ADIT_E_AUTH_FAILED && text.n > 0 && !s->end_text)
        reason = ADIT_E_MEMORY;
    adit_session_end(s, reason, linger_s, now);
}

static void hear_as_client(struct adit_session *s, enum adit_text_kind kind, adit_bytes rest, adit_now now)
{
    switch (kind) {
    case ADIT_TEXT_PUSH_REPLY:
        on_push_reply(s, rest, now);
        return;
    case ADIT_TEXT_AUTH_FAILED:
        end_by_peer(s, ADIT_E_AUTH_FAILED, rest, 0, now);
        return;
    case ADIT_TEXT_RESTART:
        end_by_peer(s, ADIT_E_PEER_RESTART, rest, 0, now);
        return;
    case ADIT_TEXT_HALT:
        end_by_peer(s, ADIT_E_PEER_HALT, rest, 0, now);
        return;
    default:
        return;
    }
}

static void hear(struct adit_session *s, adit_bytes text, adit_now now)
{
    struct adit_event ev = {.kind = ADIT_EV_TEXT};
    bool is_server = adit_session_is_tls_server(s);

    ev.text_kind = adit_text_kind_of(text, &ev.text);
    if (ev.text_kind == ADIT_TEXT_UNKNOWN)
        ev.text = text;
    if (ev.text_kind == ADIT_TEXT_EXIT) {
        end_by_peer(s, ADIT_E_PEER_EXIT, ev.text, is_server ? LINGER_S : 0, now);
        return;
    }
    if (ev.text_kind == ADIT_TEXT_PUSH_REQUEST) {
        s->push_wanted = is_server;
        return;
    }
    adit_session_emit(s, &ev); /* before what follows from it, so that a log tells both in their order */
    if (s->p->role == ADIT_ROLE_CLIENT)
        hear_as_client(s, ev.text_kind, ev.text, now);
}

void adit_session_on_record(struct adit_session *s, adit_bytes record, adit_now now)
{
    struct adit_rd r = adit_rd_of(record);
    bool has_warned = false; /* one line a record, not one for each of a thousand NULs */
    unsigned n_heard = 0;
    adit_bytes text;
    adit_err e;

    while (!s->is_ending && n_heard < TEXTS_PER_RECORD_MAX && adit_text_next(&r, &text, &e)) {
        n_heard++;
        if (e == ADIT_OK)
            hear(s, text, now);
        else if (!has_warned)
            adit_warn(&s->env.log, s->subject, "control message ignored: %s", adit_err_text(e));
        has_warned |= e != ADIT_OK;
    }
}
