/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of an engine, shared by the files of this folder: what stands behind include/adit/adit.h.
 *
 *   config.c   configuration text to a frozen value, its errors to text
 *   engine.c   life, and the calls of the program
 *   peer.c     one peer: its session's facts, its keys, its times
 *   serve.c    a server's door, and what a client gets
 */
#ifndef ADIT_LIB_PARTS_H
#define ADIT_LIB_PARTS_H

#include "adit/adit.h"
#include "core/directory.h"
#include "core/door.h"
#include "core/material.h"
#include "core/terms.h"
#include "plane/routes.h"
#include "plane/txrx.h"

enum {
    ADIT_LIB_PENDING = 64,  /* clients of a server that have not shown yet who they are */
    ADIT_LIB_GOODBYE_S = 5, /* nobody waits longer for the peer's word that it heard the goodbye */
    ADIT_LIB_REASON_MAX = 256,
};

/* Lines for a person, one after the other, in the memory of the program. */
struct adit_report {
    char *text;
    size_t cap, n;
};

void adit_report_begin(struct adit_report *r, char *text, size_t cap);
void adit_report_line(struct adit_report *r, const char *line);

struct adit_config {
    const struct adit_conf *conf;
};

struct adit_lib_peer {
    struct adit_engine *e;
    struct adit_session *session;
    struct adit_tx tx;
    struct adit_rx rx;
    struct adit_addr remote;
    char subject[ADIT_ADDR_STR_MAX];
    char name[ADIT_TLS_NAME_MAX];

    struct adit_agreed agreed;
    struct adit_lease lease; /* server, if is_admitted */
    const struct adit_pushed *pushed;
    char *push_text; /* as in adit_fact.pushed */
    struct adit_mss mss;
    uint32_t ping_s, silent_s;
    uint64_t tx_ns, rx_ns; /* last datagram with data, last authentic one */
    uint64_t leave_ns;     /* is_leaving: when nobody waits any more */
    uint8_t worn_keys;     /* bits by key id: a renegotiation was asked for */

    bool is_admitted, has_halves, is_up, is_leaving, is_closed;
    bool owes_ping, owes_exit, may_have_tx;
    unsigned facts; /* bits by enum adit_fact_kind: not yet taken */
    char reason[ADIT_LIB_REASON_MAX];
};

struct adit_engine {
    struct adit_env env;
    struct adit_callbacks callbacks;
    struct adit_report *report; /* only while it is made */
    const struct adit_conf *conf;
    const struct adit_conf_conn *conn;
    struct adit_terms terms;
    struct adit_wraps wraps;
    struct adit_tls_ctx *tls;
    struct adit_login login;
    struct adit_session_params params;

    struct adit_lib_peer **peers;
    size_t n_peers, cap_peers;
    size_t at_tx;                    /* where the last search ended: nobody waits for ever */
    struct adit_lib_peer *last_told; /* closed, its last fact lent to the program */

    /* server */
    bool is_server, has_door;
    struct adit_door door;
    struct adit_directory *directory;
    struct adit_routes *routes;
    struct adit_lib_peer **by_id; /* max_clients */
    struct adit_rate freq;        /* connect-freq */
    uint8_t *push_list;           /* room to build one */
    uint8_t reply[ADIT_CTRL_PACKET_MAX];
    size_t reply_n;
    struct adit_addr reply_to;
};

/* peer.c */
struct adit_lib_peer *adit_lib_peer_new(struct adit_engine *e, const struct adit_addr *remote, adit_now now);
void adit_lib_peer_free(struct adit_lib_peer *p); /* NULL allowed */
/* What was agreed is known: the two halves, times, the MSS. */
void adit_lib_peer_begin_data(struct adit_lib_peer *p);
void adit_lib_peer_service(struct adit_lib_peer *p, adit_now now); /* the session's facts */
void adit_lib_peer_tick(struct adit_lib_peer *p, adit_now now);
uint64_t adit_lib_peer_deadline(const struct adit_lib_peer *p);
void adit_lib_peer_close(struct adit_lib_peer *p, adit_err reason, adit_bytes text);
void adit_lib_peer_leave(struct adit_lib_peer *p, adit_now now);
/* Seals; the datagram is out->n bytes long. */
adit_err adit_lib_peer_seal(struct adit_lib_peer *p, adit_bytes payload, adit_now now,
                            struct adit_datagram *out);
bool adit_lib_peer_next_tx(struct adit_lib_peer *p, adit_now now, struct adit_datagram *out);
void adit_lib_peer_check_wear(struct adit_lib_peer *p, uint8_t key_id, adit_now now);

/* serve.c */
ADIT_MUST_USE adit_err adit_lib_serve_init(struct adit_engine *e);
void adit_lib_serve_fini(struct adit_engine *e);
/* A control packet of nobody known. */
adit_err adit_lib_serve_stranger(struct adit_engine *e, const struct adit_addr *from, adit_bytes packet,
                                 adit_now now, struct adit_lib_peer **out);
void adit_lib_serve_admit(struct adit_lib_peer *p, const struct adit_event *ev, adit_now now);
void adit_lib_serve_forget(struct adit_lib_peer *p); /* its place and addresses are free again */

/* values of the two sides of the door */
struct adit_endpoint adit_lib_endpoint(const struct adit_addr *a);
struct adit_addr adit_lib_addr(const struct adit_endpoint *p);

static inline adit_now adit_lib_now(struct adit_time t)
{
    return (adit_now){.mono_ns = t.mono_ns, .wall_s = t.wall_s};
}

#endif
