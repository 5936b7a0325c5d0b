/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A network of one server and its clients in one process and in virtual time.
 *
 *   plan.[ch]        the world as data
 *   world.c          life, and what happens next
 *   world_net.c      datagrams and streams between hosts; NAT, strangers
 *   world_acts.c     what goes wrong
 *   world_traffic.c  inner packets, and the book of them
 *   world_train.c    inner packets that stand for several
 *   host.c           what both kinds of hosts share: configuration, plane, turns of policy and worker
 *   client.c         a client's policy: connect, live, retry
 *   server.c         a server's policy: door, callers, leases
 *   check.c          what must always hold
 *   scenario*.[ch]   the table of what may happen, and what must hold by when
 *   bench.c          how fast all that is, and how handshakes do on a bad line
 *   pipe.[ch], plane*.[ch], queue.[ch], mem.[ch], tls_standin.[ch]   what it is made of
 *
 * Everything comes from the plan and its seed: the same plan gives the same run, event by event.
 */
#ifndef ADIT_TESTS_SIM_WORLD_H
#define ADIT_TESTS_SIM_WORLD_H

#include "core/directory.h"
#include "core/door.h"
#include "core/terms.h"
#include "mem.h"
#include "plan.h"
#include "crew.h"
#include "plane.h"
#include "queue.h"
#include "tls_standin.h"

enum {
    SIM_NAME_MAX = 16,
    SIM_CALLER_BUCKETS = 256,
    SIM_PENDING = 64, /* callers beyond max-clients whose names are not known yet */
    SIM_BROKEN_MAX = 400,
    SIM_BURST_MAX = 64, /* datagrams that arrive together */
};

/* ---- packets under way ---- */

struct sim_packet {
    uint8_t b[SIM_PACKET_MAX];
    uint32_t n;
    uint32_t next_free;
    uint64_t key;    /* the data key that sealed it; 0: none, or changed on the way */
    uint32_t stream; /* generation of the connection it belongs to */
    struct adit_addr from;
    bool is_strange; /* of a stranger: may change nothing but counters */
};

/* ---- hosts ---- */

/* One end's configuration, shared by all hosts of that end. */
struct sim_end {
    const struct adit_conf *conf;
    struct adit_terms terms;
    struct adit_session_params params;
    struct adit_wrap_key *wrap;
    struct adit_tls_ctx *real_tls;
    struct adit_env env; /* of real_tls */
};

enum sim_client_phase {
    SIM_CLIENT_OFF,   /* not started, ended for good, or crashed */
    SIM_CLIENT_WAITS, /* for its next attempt */
    SIM_CLIENT_DIALS, /* TCP connection under way */
    SIM_CLIENT_TALKS,
};

struct sim_client {
    enum sim_client_phase phase;
    struct adit_session *session;
    struct adit_agreed agreed;
    const struct adit_pushed *pushed;
    bool has_peer, is_up, is_leaving;
    struct adit_ip inner, inner6; /* family NONE: none */
    uint32_t attempt;             /* since it was last up */
    uint32_t gone_due;
    uint64_t retry_serial, timer_ns, timer_serial;
    uint64_t answer_ns; /* connect-timeout; ADIT_NEVER: none */
    uint64_t leave_ns;  /* when it stops waiting for the goodbye to be heard */
    uint64_t back_ns;   /* when it starts again after that; ADIT_NEVER: never */
};

struct sim_caller {
    bool is_used, is_stream, is_admitted, is_up, is_refused;
    struct adit_session *session; /* NULL: a stream that has said nothing yet */
    struct adit_addr remote;
    int link;
    struct adit_sid sid;
    struct adit_lease lease;
    struct adit_agreed agreed;
    char name[SIM_NAME_MAX];
    uint64_t opened_ns, heard_ns;
    uint64_t timer_ns, timer_serial;
    uint32_t next; /* in its bucket; UINT32_MAX ends */
};

struct sim_server {
    bool is_on;
    struct adit_door door;
    bool has_door;
    struct adit_directory *directory;
    struct sim_caller *callers; /* max_callers of them */
    uint32_t max_callers, n_callers;
    uint32_t buckets[SIM_CALLER_BUCKETS];
    uint32_t *by_peer;  /* caller of a peer id; UINT32_MAX: none */
    uint16_t *gone_due; /* by peer id */
    int next_link;
    uint64_t back_ns;
    bool is_leaving;
    uint64_t leave_ns;
    uint32_t n_replies; /* of the door */
};

/* What was seen of a host; scenarios judge by it. */
struct sim_facts {
    uint32_t n_sessions, n_ups, n_keys;
    uint64_t first_up_ns, last_up_ns;
    uint32_t ends[ADIT_ERR_COUNT]; /* sessions, by reason */
    uint32_t n_merged, n_unmerged; /* inner packets in super-packets; super-packets refused */
    uint32_t n_sent, n_delivered;  /* inner packets from it; at it */
    uint64_t last_delivery_ns;
};

struct sim_host {
    struct sim_world *w;
    uint32_t id;
    char name[SIM_NAME_MAX];
    const struct sim_end *end;
    struct sim_tls_ctx tls;
    struct adit_session_params params; /* the end's, with this host's TLS */
    struct adit_env env;
    uint64_t chance;
    int64_t wall_s; /* difference to the world's */
    uint64_t paused_until_ns;
    unsigned n_held;  /* packets that wait for the end of the pause */
    uint64_t fail_in; /* allocation that fails; 0: none */
    bool is_plane_on;
    struct sim_plane plane;
    struct sim_crew *crew; /* NULL: the plane is alone; else its first member */
    bool is_policy_due;
    uint32_t workers_due; /* a bit each */
    uint64_t tick_ns, tick_serial;
    struct sim_facts facts;
    union {
        struct sim_client client;
        struct sim_server server;
    };

    /* a client's line, and its address as the world sees it */
    struct sim_pipe up, down;
    struct adit_addr address;
    uint16_t n_rebinds;
    struct {
        uint32_t generation; /* of the TCP connection */
        bool is_open, is_dead, is_accepted;
        int server_link;
        uint64_t up_ns, down_ns; /* nothing arrives before what was sent before it */
        uint64_t stalled_until_ns;
    } stream;
    struct {
        uint64_t at_ns;
        bool is_lost, is_twice;
    } train[2];              /* that is being sent: down, up */
    uint32_t last_passed[8]; /* packets to replay, copies; UINT32_MAX: none */
    unsigned n_passed;
};

/* ---- the world ---- */

enum sim_event_kind {
    SIM_EV_PACKET,      /* arg: packet */
    SIM_EV_BYTES,       /* arg: packet; of a stream */
    SIM_EV_STREAM_OPEN, /* arg: generation << 32 | client; at either end */
    SIM_EV_STREAM_DOWN,
    SIM_EV_POLICY,
    SIM_EV_WORKER,  /* arg: member of the plane */
    SIM_EV_TICK,    /* the plane's times */
    SIM_EV_SESSION, /* arg: caller; a session's deadline */
    SIM_EV_RETRY,
    SIM_EV_TRAFFIC,
    SIM_EV_ACT, /* arg: act */
    SIM_EV_START,
};

struct sim_inner;   /* world_traffic.c */
struct sim_exit;    /* the same */
struct sim_flow;    /* world_train.c */
struct sim_key_row; /* check.c */

struct sim_world {
    const struct sim_plan *plan;
    struct sim_queue queue;
    struct adit_now now;
    uint64_t start_ns, until_ns;
    uint64_t chance; /* of the world itself */
    uint64_t n_events, digest;
    bool is_traced;
    bool is_silent; /* no inner traffic */

    struct sim_host *hosts; /* n_clients + 1 */
    struct sim_end server_end, client_end;
    struct adit_static_key static_key;
    struct adit_v2_server_key v2_server;
    struct adit_v2_client_key v2_client;
    char refused[SIM_NAME_MAX], revoked[SIM_NAME_MAX];

    struct sim_packet *packets;
    uint32_t n_packets, cap_packets, free_packets, n_packets_used;

    struct sim_inner *inner;
    uint64_t n_inner, cap_inner, n_entered;
    uint32_t n_trains;
    struct sim_flow *flows;
    struct sim_exit *exits;
    uint8_t *train_room, *device_room, *burst_room; /* with trains only */
    uint32_t burst_host;                            /* whose datagrams are in the room */
    unsigned n_burst;
    bool is_calm;
    struct sim_key_row *keys;
    uint32_t n_keys, cap_keys;

    struct sim_mem mem_at_start;
    uint64_t n_delivered, n_refused;
    char broken[SIM_BROKEN_MAX]; /* "": everything held so far */
};

/* Runs the whole plan. True: nothing broke. The world is to be freed by sim_world_fini() either way. */
bool sim_world_run(struct sim_world *w, const struct sim_plan *plan, bool is_traced);
/* Part by part: life, then up to a moment, then the end. */
bool sim_world_init(struct sim_world *w, const struct sim_plan *plan, bool is_traced);
void sim_world_until(struct sim_world *w, uint64_t at_ns);
void sim_world_fini(struct sim_world *w);

/* The first thing that broke is kept. */
void sim_break(struct sim_world *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void sim_trace(struct sim_world *w, const struct sim_host *h, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static inline struct sim_host *sim_server_of(struct sim_world *w)
{
    return &w->hosts[SIM_SERVER];
}

uint32_t sim_below(uint64_t *chance, uint32_t bound); /* [0, bound); 0 of 0 */

/* host.c */
adit_now sim_host_now(const struct sim_host *h);
bool sim_ends_init(struct sim_world *w);
void sim_ends_fini(struct sim_world *w);
void sim_host_init(struct sim_world *w, uint32_t id);
bool sim_host_open_plane(struct sim_host *h);
void sim_host_close_plane(struct sim_host *h);
/* The worker has something to do or has done something: both sides get their turns. */
void sim_host_stir(struct sim_host *h);
void sim_host_policy(struct sim_host *h);
void sim_host_worker(struct sim_host *h, unsigned member);
void sim_host_tick(struct sim_host *h);
/* A packet, or several in one, of the device; flow: SIM_NO_FLOW if it is of none. Overwritten. */
void sim_host_device(struct sim_host *h, uint32_t flow, uint8_t *packet, size_t n,
                     const struct adit_offload *offload);
void sim_host_datagram(struct sim_host *h, const struct adit_addr *from, uint8_t *packet, size_t n,
                       uint64_t key);
void sim_host_flush_merged(struct sim_host *h);
struct sim_plane *sim_host_member(struct sim_host *h, unsigned i);  /* of its plane; NULL past the last */
struct sim_plane *sim_host_member_of(struct sim_host *h, int link); /* that has the stream */
void sim_host_post(struct sim_host *h, struct adit_cmd *cmd);
void sim_host_flush(struct sim_host *h, struct adit_session *s, int link, const struct adit_addr *to);
/* Plans the session's next tick, if it is not planned already. */
void sim_host_plan(struct sim_host *h, uint64_t deadline_ns, uint64_t *timer_ns, uint64_t *timer_serial,
                   uint64_t arg);

/* client.c, server.c */
void sim_client_start(struct sim_host *h);
void sim_client_crash(struct sim_host *h);
void sim_client_leave(struct sim_host *h, uint64_t back_ns);
void sim_client_retry(struct sim_host *h);
void sim_client_on_note(struct sim_host *h, const struct adit_note *note);
void sim_client_on_stream(struct sim_host *h);
void sim_client_tick(struct sim_host *h);
void sim_client_renegotiate(struct sim_host *h);

bool sim_server_start(struct sim_host *h);
void sim_server_crash(struct sim_host *h);
void sim_server_leave(struct sim_host *h, uint64_t back_ns);
void sim_server_on_note(struct sim_host *h, const struct adit_note *note);
void sim_server_on_stream(struct sim_host *h, uint32_t client);
void sim_server_tick(struct sim_host *h, uint32_t caller);
void sim_server_renegotiate(struct sim_host *h);
struct sim_caller *sim_server_caller_named(struct sim_host *h, const char *name); /* admitted; NULL */

/* world_net.c */
void sim_net_init(struct sim_world *w);
void sim_net_out(void *ctx, int link, const struct adit_addr *to, adit_bytes packet,
                 const struct sim_sealed *sealed);
/* The burst of datagrams that came last is over, unless this is one more of it. */
void sim_net_end_burst(struct sim_world *w, const struct sim_event *next);
void sim_net_link_closed(void *ctx, int link);
void sim_net_arrive(struct sim_host *h, struct sim_event *ev);
void sim_net_dial(struct sim_host *client);
void sim_net_stream_event(struct sim_host *h, const struct sim_event *ev);
void sim_net_hang_up(struct sim_host *client,
                     bool by_server); /* reset, seen by the other side a little later */
void sim_net_rebind(struct sim_host *client, bool is_port_only);
void sim_net_strangers(struct sim_host *h, unsigned n);
void sim_net_replay(struct sim_host *client, unsigned n);
uint32_t sim_packet_new(struct sim_world *w);
void sim_packet_free(struct sim_world *w, uint32_t i);

/* world_acts.c */
void sim_act(struct sim_world *w, const struct sim_act *act);

/* world_traffic.c */
void sim_traffic(struct sim_host *client);
void sim_traffic_spoof(struct sim_host *client);
adit_err sim_traffic_device(void *ctx, adit_peer from, const struct adit_gather *g);
void sim_traffic_opened(void *ctx, adit_bytes packet);
void sim_traffic_sealed(struct sim_host *h, adit_bytes packet);
/* Of the inner packets sent through a client's tunnel (SIM_SERVER: any) in [from_ns, to_ns). */
uint64_t sim_traffic_lost(const struct sim_world *w, uint32_t who, uint64_t from_ns, uint64_t to_ns,
                          uint64_t *n_sent);

/* check.c */
void sim_check_keys(struct sim_host *h, const struct adit_session *s, const struct adit_data_keys *keys);
void sim_check_seal(struct sim_host *h, uint64_t key);
void sim_check_refused(void *ctx, adit_err why, bool is_own_key);
/* is_ticked: its clock was looked at just now, so nothing may be overdue. */
void sim_check_session(struct sim_host *h, const struct adit_session *s, bool is_ticked);
void sim_check_end(struct sim_host *h, adit_err reason);
void sim_check_forget_keys(struct sim_host *h, const struct adit_session *s);
/* The state that a stranger must not change, as a number. */
uint64_t sim_check_picture(struct sim_host *h);
void sim_check_all_up(struct sim_world *w);

/* bench.c: prints figures. False: a world broke, or a handshake did not come to its end. */
bool sim_bench(void);

#endif
