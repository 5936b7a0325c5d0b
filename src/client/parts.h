/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of the client, shared by the files of this folder.
 *
 *   client.c    life: start, signals, status, end
 *   remotes.c   which server to try next, names to addresses, how long to wait
 *   link.c      the socket to one address: UDP, TCP out, TCP in
 *   talk.c      the session and its facts
 *   apply.c     what was agreed takes effect
 *   notes.c     the plane's notes
 *   newcomer.c  p2p server: callers, who take over once they have authenticated
 *   slot.c      p2p server: who may negotiate beside the running tunnel
 *   ending.c    why a session ended, and what follows from it
 *   limits.c    ends by the clock
 */
#ifndef ADIT_CLIENT_PARTS_H
#define ADIT_CLIENT_PARTS_H

#include "client/client.h"
#include "client/newcomer.h"
#include "core/door.h"
#include "host/material.h"
#include "host/names.h"
#include "core/terms.h"
#include "linux/resolve.h"

enum {
    ADIT_CLIENT_PEER = 0,   /* the one peer's name in the plane */
    ADIT_CLIENT_ADDRS = 16, /* addresses of one name that are tried */
};

enum {
    ADIT_CLIENT_SUBJECT_MAX = ADIT_ADDR_STR_MAX + 16,
};

/* p2p server: a caller that has not authenticated yet. */
struct adit_newcomer {
    struct adit_session *session; /* NULL: nobody */
    struct adit_way way;
    char subject[ADIT_CLIENT_SUBJECT_MAX];
    uint64_t opened_ns;
};

struct adit_client {
    struct adit_host *h;
    const struct adit_conf *conf;
    const struct adit_log *log;
    struct adit_terms terms;
    struct adit_tls_ctx *tls;
    uint64_t crl_stamp;
    struct adit_login login;

    /* remotes.c */
    size_t *order;  /* connection entries in the order of trying */
    size_t at;      /* in `order` */
    unsigned round; /* how often all of them failed */
    struct adit_resolve *resolve;
    struct adit_addr addrs[ADIT_CLIENT_ADDRS];
    size_t n_addrs, addr_at;
    struct adit_addr local; /* this end, for the present remote */
    uint32_t min_wait_s;    /* the server asked for a pause */
    bool wants_same_remote;
    uv_timer_t retry_timer;
    uint64_t resolve_until_ns;

    /* link.c; at c->local */
    const struct adit_conf_conn *conn; /* in use */
    struct adit_wraps *all_wraps;      /* one for each connection entry */
    struct adit_wraps *wraps;          /* of `conn` */
    struct adit_door door;             /* p2p server */
    bool has_door;
    int link, next_link; /* ADIT_LINK_NONE: no link */
    int tcp_fd;          /* while connecting or listening; -1 */
    bool is_tcp, is_tcp_polled;
    uv_poll_t tcp_poll;
    struct adit_way way;
    char subject[ADIT_CLIENT_SUBJECT_MAX];

    /* newcomer.c */
    struct adit_newcomer newcomer;
    uv_timer_t newcomer_timer;

    /* talk.c */
    struct adit_session_params params;
    struct adit_session *session;
    const struct adit_pushed *pushed;
    struct adit_agreed agreed;
    unsigned gone_due; /* PEER_GONE notes still to come; until then notes are about the connection before */
    bool has_peer;     /* the plane knows the peer */
    bool is_up;
    bool are_routes_due; /* the device is configured; route-delay has not passed, or names are looked up */
    struct adit_names *names;
    bool was_up; /* this connection came up: the next failure starts with short waits */
    bool has_said_wrong_key, has_said_refused, has_said_initiated;
    uint64_t heard_ns;        /* last authentic control packet */
    uint64_t config_hash;     /* of what the device was configured with */
    uv_timer_t session_timer; /* the session's own deadline */
    uv_timer_t answer_timer;  /* connect-timeout, then ping-exit and session limits */
    uv_timer_t route_timer;   /* route-delay */
    struct adit_counters counters;

    /* limits.c */
    uv_timer_t limit_timer, idle_timer;
    bool wants_idle_check;
    uint64_t idle_mark_bytes; /* what had been carried at the last look */

    /* client.c */
    uv_timer_t status_timer, exit_timer;
    unsigned exits_left;    /* OCC EXITs still to send */
    uint64_t exit_until_ms; /* loop time; then nobody waits any more for the peer's word that it heard EXIT */
    bool is_leaving;
    bool wants_log_stats;
    adit_err why_closed;
    char why_text[256];
};

/* remotes.c */
ADIT_MUST_USE adit_err adit_client_order_remotes(struct adit_client *c);
void adit_client_try(struct adit_client *c);       /* the present remote, from its name */
void adit_client_try_later(struct adit_client *c); /* the next one, after a pause */
void adit_client_cancel_tries(struct adit_client *c);

/* link.c */
void adit_client_open_link(struct adit_client *c, const struct adit_addr *remote); /* NULL: wait for a peer */
void adit_client_close_link(struct adit_client *c);
ADIT_MUST_USE adit_err adit_client_load_wraps(struct adit_client *c);
void adit_client_free_wraps(struct adit_client *c);

/* talk.c */
void adit_client_begin_session(struct adit_client *c);
/* If nobody has said anything authentic by then: the next remote, or (p2p server) the next caller. 0: for
 * ever. */
void adit_client_await_answer(struct adit_client *c, uint32_t seconds);
void adit_client_service(struct adit_client *c); /* pulls facts, sends packets, sets the timer */
void adit_client_end_session(struct adit_client *c);
void adit_client_stop_talk_timers(struct adit_client *c);
void adit_client_name_subject(struct adit_client *c);
/* What every session with the peer at that address starts with. */
struct adit_session_start adit_client_start_of(struct adit_client *c, const struct adit_addr *remote,
                                               const char *subject);
void adit_client_take_keys(struct adit_client *c, struct adit_data_keys *keys);

/* apply.c */
void adit_client_on_pushed(struct adit_client *c, const struct adit_event *ev);
/* p2p: admits the peer, or ends its session. */
void adit_client_on_peer_known(struct adit_client *c, struct adit_session *session, const char *subject,
                               const struct adit_event *ev);
void adit_client_add_peer(struct adit_client *c); /* to the plane */
void adit_client_say_initiated(struct adit_client *c);
void adit_client_on_up(struct adit_client *c);

/* notes.c */
void adit_client_on_note(void *ctx, const struct adit_note *note);

/* newcomer.c */
void adit_client_on_caller(struct adit_client *c, const struct adit_ctrl_bytes *ctrl);
void adit_client_forget_newcomer(struct adit_client *c);

/* ending.c */
void adit_client_log_end(struct adit_client *c, const char *subject, const struct adit_event *ev);
/* What a CLOSED event means: another try, or the end of the program. */
void adit_client_closed(struct adit_client *c, const struct adit_event *ev);

/* limits.c */
void adit_client_start_limits(struct adit_client *c);
void adit_client_stop_limits(struct adit_client *c);
void adit_client_check_idle(struct adit_client *c);

/* client.c */
/* The connection is over: try again, or end the program. `what` is the word in openvpn's signal line, "" for
 * a real signal. */
void adit_client_restart(struct adit_client *c, const char *what);
void adit_client_exit(struct adit_client *c, const char *what, int status);
void adit_client_write_status(struct adit_client *c);
void adit_client_log_stats(struct adit_client *c,
                           const struct adit_note *of_no_peer); /* if they are wanted */

#endif
