/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What client and server share while they run: the loop, signals, the plane's notes, and the few ways to give
 * the plane a command. One role (a client or a server) at a time hears notes and signals through a table.
 */
#ifndef ADIT_HOST_HOST_H
#define ADIT_HOST_HOST_H

#include <uv.h>

#include "conf/conf.h"
#include "core/session.h"
#include "host/offload.h"
#include "host/tunnel.h"
#include "linux/clock.h"
#include "plane/seam.h"

enum adit_host_end {
    ADIT_HOST_EXIT,    /* with exit_status */
    ADIT_HOST_RESTART, /* SIGHUP: read the configuration again and begin anew */
};

struct adit_host;

struct adit_role {
    void (*on_note)(void *role, const struct adit_note *note);
    void (*on_signal)(void *role, int signum);
};

enum {
    ADIT_HOST_STATE_PATH_MAX = 128,
    ADIT_HOST_SIGNALS = 5,
};

struct adit_host {
    uv_loop_t loop;
    struct adit_env env;
    const struct adit_conf *conf;
    struct adit_priv *priv;
    struct adit_host_offload offload;
    struct adit_tunnel tunnel;
    struct adit_plane *plane;

    const struct adit_role *role;
    void *role_ctx;

    uv_poll_t note_poll;
    uv_poll_t worker_poll; /* what of the plane runs in this thread, if anything does */
    uv_signal_t signals[ADIT_HOST_SIGNALS];
    bool has_worker_poll;
    bool is_stopping;

    bool has_straggler; /* after fini: a name look-up still runs; keep the host, and leave by _exit() */
    enum adit_host_end end;
    int exit_status;
    void (*on_ready)(void *ctx); /* called once, when the start has succeeded; NULL allowed */
    void *on_ready_ctx;
};

/* The loop and the signals; env and conf are lent. ADIT_E_OS. */
ADIT_MUST_USE adit_err adit_host_init(struct adit_host *h, const struct adit_conf *c,
                                      const struct adit_env *env);

/* Where that configuration's run notes what a crash would leave behind; its folder is the present one. */
void adit_host_state_path(const struct adit_conf *c, char *dst, size_t cap);

/* The state of routes, the device, and the plane behind it. The log has the reason of a failure. */
ADIT_MUST_USE adit_err adit_host_open(struct adit_host *h, bool is_single_peer);

/* Runs until adit_host_stop(). The role's handles must be closed by then. */
void adit_host_run(struct adit_host *h, const struct adit_role *role, void *ctx);
void adit_host_stop(struct adit_host *h, enum adit_host_end end, int exit_status);

/* Everything back: addresses, routes, device, plane, loop. */
void adit_host_fini(struct adit_host *h);

/* The start has succeeded as far as it can without a peer: tells a waiting parent or service manager. */
void adit_host_started(struct adit_host *h);

/* The log line that other programs wait for; `how` is "" or " With Errors (see above)". */
void adit_host_ready(struct adit_host *h, const char *how);

/* ---- commands to the plane ---- */

/* How many sockets a port for datagrams should have: see adit_host_add_port(). */
unsigned adit_host_sockets(const struct adit_host *h);
/* The sockets share the port, and are moved; `n` is at least 1. */
void adit_host_add_port(struct adit_host *h, int link, const int *fds, unsigned n);

/* fd is moved. */
void adit_host_add_link(struct adit_host *h, int link, int fd, bool is_stream, bool is_connected);
void adit_host_del_link(struct adit_host *h, int link);
void adit_host_set_peer(struct adit_host *h, const struct adit_peer_spec *spec, bool is_new);
/* `keys` is wiped. */
void adit_host_new_key(struct adit_host *h, adit_peer peer, struct adit_data_keys *keys);
void adit_host_key(struct adit_host *h, enum adit_cmd_kind kind, adit_peer peer, uint8_t key_id);
void adit_host_route(struct adit_host *h, enum adit_cmd_kind kind, adit_peer peer,
                     const struct adit_prefix *p);
/* PEER_DEL, SAY_EXIT, COUNT. */
void adit_host_cmd(struct adit_host *h, enum adit_cmd_kind kind, adit_peer peer);

/* In log lines: what a REFUSED note was about. */
const char *adit_host_refused_what(enum adit_cmd_kind cmd);

struct adit_way { /* where a session's packets go */
    int link;
    struct adit_addr remote, local;
};

/* The peer is there, whatever the plane has seen. */
void adit_host_move_peer(struct adit_host *h, adit_peer peer, const struct adit_way *way);

/* Control bytes to somebody. */
void adit_host_send(struct adit_host *h, const struct adit_way *way, adit_bytes packet);

/* Sends all packets that the session has now. */
void adit_host_flush(struct adit_host *h, struct adit_session *s, const struct adit_way *way, adit_now now);

/* Milliseconds until a deadline, at least 0, for uv_timer_start(). */
uint64_t adit_host_wait_ms(uint64_t deadline_ns, adit_now now);

#endif
