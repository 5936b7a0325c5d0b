/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of the server, shared by the files of this folder.
 *
 *   server.c    life: start, signals, shutdown
 *   listen.c    sockets, and strangers before they are anybody
 *   caller.c    one client's conversation: its session's facts, its timer, its end
 *   place.c     where the admitted clients are
 *   admit.c     what a client gets: name, address, options
 *   limits.c    clients that end by the clock
 *   report.c    status file, statistics, pool file
 */
#ifndef ADIT_SERVER_PARTS_H
#define ADIT_SERVER_PARTS_H

#include "core/directory.h"
#include "core/door.h"
#include "host/material.h"
#include "host/names.h"
#include "host/status.h"
#include "core/terms.h"
#include "linux/resolve.h"
#include "server/server.h"

#include <uthash.h>

enum {
    ADIT_SERVER_UDP_LINK = 0,
    ADIT_SERVER_FIRST_STREAM = 1,
    ADIT_SERVER_PENDING = 64, /* callers beyond max-clients whose names are not known yet */
    ADIT_SERVER_SUBJECT_MAX = ADIT_TLS_NAME_MAX + ADIT_ADDR_STR_MAX,
};

/* A socket and an address on it. Compared as bytes, so it is always zeroed first. */
struct adit_place_key {
    int link;
    struct adit_addr remote;
};

/*
 * How a control packet finds its caller: by place and the sender's session id. A stream has one caller, which
 * is found by the link alone (the rest zero).
 */
struct adit_caller_key {
    struct adit_place_key place;
    struct adit_sid sid;
};

/* Somebody with a session, or a TCP connection that may become one. */
struct adit_caller {
    struct adit_server *sv;
    struct adit_caller_key key;
    struct adit_place_key place; /* if it has one: where it was when it took it */
    UT_hash_handle hh, hh_place;
    struct adit_session *session; /* NULL: a stream that has not said anything yet */
    struct adit_way way;
    bool is_stream, has_place;
    uv_timer_t timer;
    uint64_t opened_ns;

    bool is_admitted; /* has a lease and a peer in the plane */
    bool is_up;
    bool is_refused; /* by the plane: it is told to come back, and ends */
    struct adit_lease lease;
    struct adit_agreed agreed;
    uint32_t peer_window;                  /* its replay window, as it said last; 0: not known */
    char name[ADIT_TLS_NAME_MAX];          /* "" until it is known */
    char subject[ADIT_SERVER_SUBJECT_MAX]; /* "alice/192.0.2.1:1194" */
    uint32_t id;                           /* counts from 0, never reused */
    uint64_t heard_ns;
    int64_t since_s;
    struct adit_counters counters;
    uint64_t up_ns, idle_mark_ns, idle_mark_bytes; /* limits.c */
};

struct adit_server {
    struct adit_host *h;
    const struct adit_conf *conf;
    const struct adit_log *log;
    struct adit_terms terms;
    struct adit_tls_ctx *tls;
    uint64_t crl_stamp;
    struct adit_wraps wraps;
    struct adit_door door;
    struct adit_session_params params;
    struct adit_directory *directory;

    struct adit_names *names;     /* of routes, while they are looked up */
    struct adit_resolve *resolve; /* of `local`, likewise */
    unsigned n_routes_failed;
    bool is_open; /* the start has succeeded */

    bool is_tcp;
    int listener; /* TCP; -1 */
    uv_poll_t listen_poll;
    uv_timer_t accept_timer; /* until it is tried again to accept, when descriptors ran out */
    int next_link;

    struct adit_caller *callers; /* uthash */
    struct adit_caller *places;  /* the admitted ones of them, by where they are; not those on streams */
    uint32_t n_callers, next_id;
    struct adit_caller **by_peer; /* max_clients of them */
    uint16_t
        *gone_due; /* by peer id: PEER_GONE notes still to come; until then notes are about the old peer */

    struct adit_rate freq; /* connect-freq */
    uint64_t full_said_ns, refused_said_ns;
    uint32_t n_refused;             /* packets under a wrong key since that was last said */
    uint64_t drops[ADIT_ERR_COUNT]; /* control packets that led nowhere, and what clients had that are gone */
    struct adit_counters of_no_peer; /* at the last count, as what follows */
    struct adit_hauls hauls;

    uv_timer_t status_timer, pool_timer, exit_timer, limit_timer;
    uint32_t n_counts_due;
    bool wants_log_stats, wants_status_file;
    bool is_leaving;
};

/* listen.c */
ADIT_MUST_USE adit_err adit_server_listen(struct adit_server *sv, const struct adit_addr *local);
void adit_server_unlisten(struct adit_server *sv);
void adit_server_on_control(struct adit_server *sv, const struct adit_ctrl_bytes *ctrl);

/* caller.c */
struct adit_caller *adit_caller_new(struct adit_server *sv, const struct adit_way *way, bool is_stream);
struct adit_caller *adit_caller_find(struct adit_server *sv, const struct adit_ctrl_bytes *ctrl);
struct adit_caller *adit_caller_of_link(struct adit_server *sv, int link);
struct adit_caller *adit_caller_of_peer(struct adit_server *sv, adit_peer peer);
/* False: no memory; the caller is gone. */
bool adit_caller_begin(struct adit_caller *c, struct adit_admission *adm);
void adit_caller_service(struct adit_caller *c);
void adit_caller_end(struct adit_caller *c); /* frees it */
void adit_caller_name_subject(struct adit_caller *c);
/* "SIGUSR1[soft,ping-restart]": as which signal openvpn would say that this client ends. */
void adit_caller_say_gone(const struct adit_caller *c, const char *signal);
/* The plane could not take its stream, its keys, its address. The caller may be gone. */
void adit_caller_on_refused(struct adit_caller *c, const struct adit_note *note);
void adit_caller_on_note(struct adit_server *sv, const struct adit_note *note);

/* place.c */
void adit_place_key_set(struct adit_place_key *key, int link, const struct adit_addr *remote);
struct adit_caller *adit_place_find(const struct adit_server *sv, int link, const struct adit_addr *remote);
/* Where it is now. Nobody else may be there. */
void adit_place_take(struct adit_caller *c);
void adit_place_leave(struct adit_caller *c);

/* admit.c */
void adit_caller_admit(struct adit_caller *c, const struct adit_event *ev);
void adit_caller_open(struct adit_caller *c); /* it is up: the plane may send to it */

/* limits.c */
void adit_server_start_limits(struct adit_server *sv);

/* report.c */
void adit_server_count(struct adit_server *sv); /* asks for all counters, then reports */
void adit_server_counted(struct adit_server *sv, const struct adit_note *note); /* an answer came */
/* What a client that is gone had counted stays in the sums. */
void adit_server_counted_last(struct adit_server *sv, const struct adit_counters *last);
void adit_server_load_pool(struct adit_server *sv);
void adit_server_save_pool(struct adit_server *sv);

#endif
