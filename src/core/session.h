/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One control-channel conversation: hard reset, TLS, key method 2, push, renegotiation, end. Bytes, time and
 * chance come in; packets, facts and deadlines go out. It knows no socket, no other peer, no data packet.
 * Protocol text: 4, 5, 6, 9.
 *
 * The host, after each recv, tick or answer: pulls events until there is none, then packets until there is
 * none, then reads the deadline. Keys must be given to the plane before the packets are sent.
 */
#ifndef ADIT_CORE_SESSION_H
#define ADIT_CORE_SESSION_H

#include "base/env.h"
#include "base/now.h"
#include "proto/keys.h"
#include "proto/nego.h"
#include "proto/tls.h"
#include "proto/wrap.h"
#include "wire/text.h"

enum adit_session_role {
    ADIT_ROLE_CLIENT,     /* TLS client that pulls */
    ADIT_ROLE_SERVER,     /* TLS server that pushes */
    ADIT_ROLE_P2P_CLIENT, /* tls-client without pull */
    ADIT_ROLE_P2P_SERVER, /* tls-server without clients of its own */
};

/* What all sessions of one configuration share; the host owns it, and everything it points to. */
struct adit_session_params {
    enum adit_session_role role;
    const struct adit_tls_ops *tls;
    void *tls_ctx;

    uint32_t hand_window_s, tran_window_s;
    uint32_t reneg_min_s, reneg_max_s; /* max 0: never by time */
    uint32_t tls_timeout_s;
    uint32_t replay_window, replay_s; /* of the wrapping */
    unsigned max_packet_size;         /* 1250: IP and UDP headers included */

    const char *options;         /* our options string */
    const char *peer_info;       /* ours; "" if none */
    const char *user, *password; /* client; NULL if none */
};

/* What one session starts with. */
struct adit_session_start {
    struct adit_wrap_key *wrap; /* NULL: no wrapping */
    bool owns_wrap;             /* moved to the session, even if _new fails */
    const struct adit_static_key
        *wrap_static; /* the 256 bytes behind it, for dynamic tls-crypt; NULL: none */
    adit_bytes wkc;   /* client with tls-crypt-v2; lent for the session's life */
    bool is_v2;       /* tls-crypt-v2 is what wraps */
    bool is_tcp, is_ipv6;
    const char *subject; /* for the log; copied */
};

struct adit_session;

/* The client role begins at once: its reset is the first packet of next_tx. NULL: memory, randomness. */
struct adit_session *adit_session_connect(const struct adit_session_params *p,
                                          const struct adit_session_start *st, const struct adit_env *env,
                                          adit_now now);

/*
 * The server role, for a client whose reset or third packet passed the door; that packet is then given to
 * recv. `cookie`: our session id, already sent by the door (its reset counts as sent and acknowledged); NULL:
 * nothing was sent yet, our reset answers (TCP, and clients without early negotiation).
 */
struct adit_session *adit_session_accept(const struct adit_session_params *p,
                                         const struct adit_session_start *st, const struct adit_sid *remote,
                                         const struct adit_sid *cookie, const struct adit_env *env,
                                         adit_now now);

void adit_session_free(struct adit_session *s); /* wipes; NULL allowed */

/*
 * One control packet. DROP errors: forgotten, the host counts them. The session itself never ends by a packet
 * that is not authentic.
 */
ADIT_MUST_USE adit_err adit_session_recv(struct adit_session *s, adit_bytes packet, adit_now now);

void adit_session_tick(struct adit_session *s, adit_now now);
uint64_t adit_session_deadline(const struct adit_session *s); /* mono_ns; ADIT_NEVER */

/* Writes one packet; false when there is none (the writer is untouched). */
bool adit_session_next_tx(struct adit_session *s, adit_now now, struct adit_wr *packet);

enum adit_event_kind {
    ADIT_EV_TLS_UP,      /* a TLS handshake is done: `text` has its parameters */
    ADIT_EV_AUTH_WANTED, /* the peer said who it is; answer with adit_session_admit() or _refuse() */
    ADIT_EV_PUSHED,   /* client: a complete push reply; answer with adit_session_apply() or adit_session_end()
                       */
    ADIT_EV_KEYS,     /* fresh keys, moved out: install for receiving (and sending, if the first) */
    ADIT_EV_KEY_USE,  /* from now on send with `key_id` */
    ADIT_EV_KEY_DROP, /* `key_id` is over */
    ADIT_EV_UP,       /* first keys in place and the configuration known: the tunnel is up */
    ADIT_EV_TEXT,     /* a message that the host acts on or logs: `text_kind`, `text` */
    ADIT_EV_CLOSED,   /* the end, with `reason` and `text`; nothing follows */
};

struct adit_event {
    enum adit_event_kind kind;
    bool is_renewal; /* AUTH_WANTED, TLS_UP: of a renegotiation */
    uint8_t key_id;
    adit_err reason;
    enum adit_text_kind text_kind;
    adit_bytes text;         /* lent until the next call of next_event */
    adit_bytes options;      /* PUSHED: what was pushed, each option NUL-terminated */
    adit_bytes peer_options; /* AUTH_WANTED, PUSHED: the peer's options string */
    adit_bytes peer_info;    /* AUTH_WANTED */
    adit_bytes user, password;
    const struct adit_identity *identity; /* of the first negotiation, which binds all; lent until free */
    struct adit_data_keys keys;           /* KEYS: the host wipes it */
};

bool adit_session_next_event(struct adit_session *s, struct adit_event *ev);

/*
 * Answers to AUTH_WANTED. agreed: what keys are made of. push: options for the client, each NUL-terminated,
 * those of adit_agreed_push() included; copied. ADIT_E_STATE: nothing was asked.
 */
ADIT_MUST_USE adit_err adit_session_admit(struct adit_session *s, const struct adit_agreed *agreed,
                                          adit_bytes push, adit_now now);
/* Sends AUTH_FAILED (with the reason, if not empty), lingers, then closes with ADIT_E_AUTH_DENIED. */
ADIT_MUST_USE adit_err adit_session_refuse(struct adit_session *s, const char *reason, adit_now now);

/* Answers to PUSHED. */
ADIT_MUST_USE adit_err adit_session_apply(struct adit_session *s, const struct adit_agreed *agreed,
                                          adit_now now);

/* Begins a renegotiation now (worn key, signal). Nothing happens if one is under way or no key is in place.
 */
void adit_session_renegotiate(struct adit_session *s, adit_now now);

/* Queues a text message (RESTART, EXIT, ...) without its NUL. ADIT_E_QUEUE, ADIT_E_STATE. */
ADIT_MUST_USE adit_err adit_session_say(struct adit_session *s, const char *text, adit_now now);

/* Has all that was said been acknowledged? */
bool adit_session_is_quiet(const struct adit_session *s);

/* Ends it after `linger_s` seconds in which retransmissions are still answered, with this reason. */
void adit_session_end(struct adit_session *s, adit_err reason, uint32_t linger_s, adit_now now);

/* What log lines begin with from now on; copied. NULL: nothing. */
void adit_session_name(struct adit_session *s, const char *subject);

/* Facts for status and log. */
/* Does the packet bear the session id of the peer? Nothing is proved by that. */
bool adit_session_is_of_peer(const struct adit_session *s, adit_bytes packet);
const struct adit_sid *adit_session_remote_sid(const struct adit_session *s);
const struct adit_sid *adit_session_local_sid(const struct adit_session *s);
const struct adit_identity *adit_session_identity(const struct adit_session *s);
bool adit_session_is_up(const struct adit_session *s);
/* What the data keys were made for; NULL before that. A p2p session may have refined the peer id (8.5). */
const struct adit_agreed *adit_session_agreed(const struct adit_session *s);

#endif
