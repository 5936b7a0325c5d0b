/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A world as plain data: who is there, what lies between them, what goes wrong and when. A scenario is such a
 * plan written by hand, a random world one made from a seed, and shrinking takes things out of one.
 */
#ifndef ADIT_TESTS_SIM_PLAN_H
#define ADIT_TESTS_SIM_PLAN_H

#include "pipe.h"

enum {
    SIM_ACTS_MAX = 48,
    SIM_LINES_MAX = 8,
    SIM_SERVER = 0,       /* hosts: the server is 0, clients are 1..n */
    SIM_ALL = 0xffffffff, /* all clients */
};

enum sim_wrap {
    SIM_BARE,
    SIM_TLS_AUTH,
    SIM_TLS_CRYPT,
    SIM_V2,
    SIM_V2_COOKIE, /* force-cookie */
    SIM_WRAPS,
};

/* The line between a client and the server. */
struct sim_line {
    struct sim_pipe_spec up, down; /* up: to the server */
};

/* Which worker of several a datagram comes to, and which queue an inner packet. */
enum sim_steering {
    SIM_STEERED,   /* its peer's; a flow's queue is always the same */
    SIM_BY_CHANCE, /* any */
    SIM_ASTRAY,    /* never its peer's */
};

/* Kinds of super-packets that devices refuse, though they said that they take them. */
enum {
    SIM_NO_TCP4 = 1,
    SIM_NO_TCP6 = 2,
    SIM_NO_UDP = 4,
};

/* Many packets at a time. All zero: one, and one worker. */
struct sim_trains {
    uint32_t most;                /* packets of a super-packet; 0: there are none, and nothing is merged */
    uint32_t lost_ppm, twice_ppm; /* whole trains of datagrams, on any line */
    uint32_t refused;
    uint32_t workers; /* of the server; 0 or 1: one */
    enum sim_steering steering;
    uint32_t handed; /* slots of the ring between two workers, a power of two; 0: 16 */
};

enum sim_act_kind {
    SIM_ACT_NOTHING, /* shrunk away */
    SIM_ACT_LINE,    /* the client's line becomes plan.lines[value] */
    SIM_ACT_CUT_UP,  /* nothing passes */
    SIM_ACT_CUT_DOWN,
    SIM_ACT_CUT,
    SIM_ACT_JOIN,
    SIM_ACT_LOSE_UP, /* value: bits of the next 64 packets */
    SIM_ACT_LOSE_DOWN,
    SIM_ACT_TWICE_UP,
    SIM_ACT_TWICE_DOWN,
    SIM_ACT_LATE_UP,
    SIM_ACT_LATE_DOWN,
    SIM_ACT_DAMAGE_UP,
    SIM_ACT_DAMAGE_DOWN,
    SIM_ACT_REBIND, /* the NAT forgets: another address and port from the next packet on */
    SIM_ACT_REBIND_PORT,
    SIM_ACT_RESET,     /* the TCP connection is reset */
    SIM_ACT_STALL,     /* the TCP connection passes nothing for value ms, then everything */
    SIM_ACT_PAUSE,     /* the host does nothing for value ms; a little of what arrives waits */
    SIM_ACT_CRASH,     /* the host loses everything, and starts again after value ms */
    SIM_ACT_LEAVE,     /* it ends politely, and starts again after value ms; 0: never */
    SIM_ACT_START,     /* it starts, if it does not run (also after AUTH_FAILED) */
    SIM_ACT_CLOCK,     /* its wall clock jumps by value seconds */
    SIM_ACT_NO_MEMORY, /* its value-th allocation from now fails */
    SIM_ACT_RENEGOTIATE,
    SIM_ACT_EXHAUST,   /* only value packet ids of the key that it sends with are left */
    SIM_ACT_STRANGER,  /* value packets of a stranger arrive at the host */
    SIM_ACT_REPLAY,    /* value packets that passed before arrive again */
    SIM_ACT_SPOOF,     /* a client sends value packets under the inner address of another */
    SIM_ACT_EXPIRE,    /* its certificate ends at its own wall clock */
    SIM_ACT_RENEW,     /* its certificate is good again */
    SIM_ACT_REVOKE,    /* the server refuses the certificate of client `value` */
    SIM_ACT_REFUSE,    /* the server refuses log-ins of client `value` (AUTH_FAILED) */
    SIM_ACT_ALLOW,     /* ... and nobody any more */
    SIM_ACT_TLS_FAULT, /* value: enum sim_tls_fault, from now on */
    SIM_ACT_SILENCE,   /* value 1: no inner traffic from now on; 0: again */
    SIM_ACT_CALM,      /* all lines good, nothing cut or paused, everybody runs, nothing fails */
    SIM_ACTS,
};

struct sim_act {
    uint32_t at_ms; /* since the beginning */
    enum sim_act_kind kind;
    uint32_t who; /* SIM_SERVER, a client, SIM_ALL */
    int64_t value;
};

struct sim_plan {
    uint64_t seed;
    enum sim_wrap wrap;
    bool is_tcp, is_real_tls, is_tls_12, want_prf;
    bool has_threads;   /* policy and worker take turns by chance; else each answers at once */
    const char *cipher; /* NULL: AES-256-GCM */

    uint32_t n_clients, max_clients; /* max 0: room for all */
    bool is_duplicate_cn, want_client_to_client;
    uint32_t start_ms;   /* clients start within so long */
    uint32_t push_bytes; /* of options besides the usual ones */

    uint32_t ping_s, ping_restart_s; /* keepalive, pushed; 0: none */
    uint32_t own_ping_restart_s;     /* of the client alone, if nothing is pushed */
    uint32_t reneg_s, client_reneg_s, reneg_packets;
    uint32_t hand_window_s, tran_window_s; /* 0: 60, 3600 */
    uint32_t connect_freq_initial;         /* 0: 100 */

    uint32_t traffic_ms, traffic_bytes; /* every client and the server to each, so often; 0: none */
    struct sim_trains trains;

    struct sim_line lines[SIM_LINES_MAX]; /* 0: of everybody at the beginning */
    uint32_t n_lines;
    struct sim_act acts[SIM_ACTS_MAX];
    uint32_t n_acts;
    uint32_t until_s;
};

const char *sim_act_name(enum sim_act_kind kind);
const char *sim_wrap_name(enum sim_wrap wrap);

/* A world of its own for every seed; ends in calm. */
void sim_plan_random(struct sim_plan *p, uint64_t seed);

/* For a person: one line a fact. */
void sim_plan_print(const struct sim_plan *p);

/*
 * What may be taken out of a plan one by one, from 0: acts, then its other complications. False: the plan has
 * nothing under that number (any more). Used by shrinking and by --without.
 */
bool sim_plan_reduce(struct sim_plan *p, uint32_t number);
uint32_t sim_plan_reductions(void);

#endif
