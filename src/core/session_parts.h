/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of a session, shared by the session_*.c files of this folder and by nobody else.
 *
 * A session is two key states (the newest key id, and the one before it that is dying), the wrappings, a
 * queue of events and a few deadlines:
 *
 *   session.c         life, packets in and out, the clock
 *   session_keys.c    one key id: TLS, key method 2, data keys
 *   session_renew.c   from one key id to the next
 *   session_text.c    text messages: push, AUTH_FAILED, RESTART, EXIT
 *   session_event.c   the queue of facts for the host
 */
#ifndef ADIT_CORE_SESSION_PARTS_H
#define ADIT_CORE_SESSION_PARTS_H

#include "core/session.h"
#include "proto/reliable.h"

/* One key id: its own reliability layer, TLS connection and key method 2. */
struct adit_key_state {
    bool is_used;
    uint8_t key_id;
    bool was_reset_acked; /* our reset arrived: TLS may send */
    bool is_tls_up;
    bool has_sent_key, has_got_key; /* key method 2, ours and the peer's */
    bool is_admitted;               /* the host answered AUTH_WANTED */
    bool is_active;                 /* both key messages, and everything sent was acknowledged */
    bool has_data_keys;
    bool is_sending; /* the plane was told to send with it, or does so because it was the first */
    bool has_failed;

    struct adit_reliable rel;
    struct adit_tls *tls;
    struct adit_key_source own, peer; /* wiped once the data keys exist */

    uint64_t started_ns;
    uint64_t must_be_active_ns; /* hand-window; ADIT_NEVER once active */
    uint64_t renew_ns;          /* renegotiation by time */
    uint64_t use_ns;            /* when it becomes the sending key; ADIT_NEVER if it is, or is not active */
    uint64_t dies_ns;           /* tran-window, since its renewal was first begun */
    uint64_t back_ns;           /* the negotiation has failed: when the key before takes its place again */
};

struct adit_event_node {
    struct adit_event_node *next;
    struct adit_event ev;
    uint8_t *owned; /* what ev.text and its like point into */
    size_t owned_n;
};

enum {
    SAY_MAX = 8, /* text messages that wait for an active key */
};

struct adit_session {
    const struct adit_session_params *p;
    struct adit_env env;
    char *subject;
    bool is_tcp, is_ipv6, is_v2;

    struct adit_sid local, remote;
    bool has_remote;
    bool resend_wkc; /* the server asked for the wrapped key with packet 1 */
    adit_bytes wkc;

    struct adit_wrap wrap, wrap_dyn;
    struct adit_wrap_key *own_wrap, *own_wrap_dyn; /* owned */
    struct adit_static_key *wrap_static;           /* owned; gone once the dynamic key exists */

    struct adit_key_state primary, lame;
    uint8_t newest_key_id; /* of the last renewal that the peer has seen begin, as far as is known */

    struct adit_agreed agreed;
    bool has_agreed;
    bool is_up;
    struct adit_identity identity; /* of the first negotiation: renegotiations must show the same */
    bool has_identity;

    /* push: the server's list, or what the client has collected */
    uint8_t *push;
    size_t push_n;
    bool push_wanted, push_done;
    bool wants_push_unasked; /* server: IV_PROTO said so */
    uint64_t push_next_ns;   /* client: next request; server: earliest repetition */
    uint64_t push_until_ns;  /* client: give up */

    char *peer_options; /* client: the server's options string, until the push reply */

    char *say[SAY_MAX];
    size_t n_say;

    struct adit_event_node *events, **events_end;
    struct adit_event_node *lent; /* what next_event gave last */

    bool is_ending, is_closed;
    adit_err end_reason;
    char *end_text;
    uint64_t end_ns;
};

static inline bool adit_session_is_tls_server(const struct adit_session *s)
{
    return s->p->role == ADIT_ROLE_SERVER || s->p->role == ADIT_ROLE_P2P_SERVER;
}

/* session_event.c */
/* Copies the texts of `ev`; keys are moved. An event that cannot be queued ends the session. */
void adit_session_emit(struct adit_session *s, struct adit_event *ev);
void adit_session_drop_events(struct adit_session *s);

/* session_keys.c */
ADIT_MUST_USE adit_err adit_key_state_begin(struct adit_session *s, uint8_t key_id, adit_now now);
void adit_key_state_free(struct adit_session *s, struct adit_key_state *k);
void adit_session_advance(struct adit_session *s, adit_now now);
void adit_session_flush_tls(struct adit_session *s, adit_now now);

/* session_renew.c */
void adit_session_plan_keys(struct adit_session *s, adit_now now); /* the primary key has become active */
ADIT_MUST_USE adit_err adit_session_accept_soft_reset(struct adit_session *s, uint8_t key_id, adit_now now);
/* The primary negotiation failed: ends the session, or only this key id if an older one still works. */
void adit_session_fail(struct adit_session *s, adit_err why, const char *text, adit_now now);
void adit_session_tick_keys(struct adit_session *s, adit_now now);
uint64_t adit_session_keys_deadline(const struct adit_session *s);

/* session_text.c */
/* Remembers the server's options string for the push event. */
void adit_session_keep_options(struct adit_session *s, adit_bytes options);
void adit_session_on_record(struct adit_session *s, adit_bytes record, adit_now now);
void adit_session_tick_push(struct adit_session *s, adit_now now);
void adit_session_flush_say(struct adit_session *s, adit_now now);
uint64_t adit_session_push_deadline(const struct adit_session *s);

#endif
