/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scenarios: rows of a table. Each has a name, a plan (who, over what, what goes wrong), a sweep that turns
 * the plan into many, and what must hold by when. The tables are scenarios_*.c; what a world must always
 * keep (check.c) is watched in every run besides.
 */
#ifndef ADIT_TESTS_SIM_SCENARIO_H
#define ADIT_TESTS_SIM_SCENARIO_H

#include "world.h"

enum {
    SIM_MUSTS_MAX = 10,
    SIM_MASK_BITS = 12, /* the first packets of a handshake each way */
};

/* ---- what must hold ---- */

enum sim_fact {
    SIM_NOTHING_MORE, /* ends a row's list */
    SIM_IS_UP,        /* client: both ends have one session up, and it is the same; 1 or 0 */
    SIM_IS_OFF,       /* client: ended for good, or waits to be started; 1 or 0 */
    SIM_N_UP,         /* server: how many clients are up in that sense */
    SIM_SESSIONS,     /* that the host began so far */
    SIM_UPS,          /* times that a session came up */
    SIM_KEYS,         /* that its plane was given */
    SIM_ENDS,         /* sessions that ended for `reason` */
    SIM_ALL_ENDS,     /* sessions that ended for whatever reason */
    SIM_INNER_LOST, /* inner packets of `from_ms` .. `by_ms` less a second that never arrived, both ways; the
                 server's are those of everybody. With nothing sent it fails. */
    SIM_INNER_PASSED, /* ... that did arrive */
    SIM_ROUTES,       /* client: pushed to it */
    SIM_CALLERS,      /* server: sessions and connections it bothers with */
    SIM_LEASES,       /* server: places and addresses given out */
    SIM_MERGED,       /* inner packets that its device got in super-packets */
    SIM_UNMERGED,     /* super-packets that its device refused */
    SIM_HANDED,       /* server: packets that went from worker to worker */
    SIM_RINGS_FULL,   /* ... or did not, for want of room */
};

enum sim_how {
    SIM_EXACTLY,
    SIM_AT_LEAST,
    SIM_AT_MOST,
};

struct sim_must {
    uint32_t by_ms; /* since the beginning; a sweep over moments shifts it along */
    uint32_t who;   /* SIM_ALL: each client */
    enum sim_fact fact;
    enum sim_how how;
    int64_t value;
    adit_err reason;
    uint32_t from_ms;
};

#define MUST_UP(by, who)                                                                                     \
    {                                                                                                        \
        by, who, SIM_IS_UP, SIM_EXACTLY, 1, ADIT_OK, 0                                                       \
    }
#define MUST_NOT_UP(by, who)                                                                                 \
    {                                                                                                        \
        by, who, SIM_IS_UP, SIM_EXACTLY, 0, ADIT_OK, 0                                                       \
    }
#define MUST_HAVE(by, who, fact, how, n)                                                                     \
    {                                                                                                        \
        by, who, fact, how, n, ADIT_OK, 0                                                                    \
    }
#define MUST_END(by, who, how, n, reason)                                                                    \
    {                                                                                                        \
        by, who, SIM_ENDS, how, n, reason, 0                                                                 \
    }
#define MUST_LOSE(from, by, who, at_most)                                                                    \
    {                                                                                                        \
        by, who, SIM_INNER_LOST, SIM_AT_MOST, at_most, ADIT_OK, from                                         \
    }
#define MUST_PASS(from, by, who, at_least)                                                                   \
    {                                                                                                        \
        by, who, SIM_INNER_PASSED, SIM_AT_LEAST, at_least, ADIT_OK, from                                     \
    }

/* ---- sweeps ---- */

enum sim_sweep_kind {
    SIM_ONCE,
    SIM_ONE_OF_12, /* the act's value: each single bit of a mask */
    SIM_TWO_OF_12, /* each pair */
    SIM_ONE_EACH,  /* each single bit in the act, with each single bit in the act after it */
    SIM_ANY_OF_12, /* all masks with --deep, else some */
    SIM_MOMENTS,   /* the acts happen `from`, `from` + `step`, ... `to` ms later than they say */
    SIM_VALUES,    /* the act's value: `from`, `from` + `step`, ... `to` */
    SIM_SEEDS,     /* 1 .. `to` */
};

struct sim_sweep {
    enum sim_sweep_kind kind;
    uint32_t from, to, step, deep_step; /* deep_step 0: with --deep as without */
    uint32_t act, n_acts;               /* which acts it changes; n_acts 0 with SIM_MOMENTS: all */
};

struct sim_scenario {
    const char *name;
    struct sim_plan plan; /* zeros of ordinary settings are filled in by sim_scenario_plan() */
    struct sim_sweep sweep;
    struct sim_must musts[SIM_MUSTS_MAX]; /* by_ms never falls */
};

struct sim_table {
    const struct sim_scenario *rows;
    size_t n;
};

extern const struct sim_table sim_table_handshake, sim_table_renewal, sim_table_moves, sim_table_life,
    sim_table_ends, sim_table_stream, sim_table_crowd, sim_table_trains;

/* ---- running them ---- */

struct sim_scenario_job {
    const char *only; /* a name, or a part of names; NULL: all */
    bool is_deep, is_traced;
    bool want_values; /* prints what was seen of each must, broken or not */
    bool has_element;
    uint32_t element; /* of the sweep */
    uint32_t who; /* --no-memory: whose allocation fails; without it the server's and client 1's, in turn */
    uint64_t nth; /* ... and which; 0: one after the other */
};

uint32_t sim_sweep_elements(const struct sim_sweep *s, bool is_deep);
/* The plan of one element; by how much its musts come later. */
uint32_t sim_scenario_plan(const struct sim_scenario *row, uint32_t element, bool is_deep,
                           struct sim_plan *out);
/* Is it of those that the job wants? */
bool sim_scenario_is_wanted(const struct sim_scenario *row, const struct sim_scenario_job *job);
const struct sim_scenario *sim_scenario_at(size_t i); /* NULL past the end */

void sim_scenarios_list(void);
/* Each prints what failed, how to run it again, and a last line; how many rows broke. No row at all is one.
 */
size_t sim_scenarios_run(const struct sim_scenario_job *job);
size_t sim_scenarios_run_no_memory(const struct sim_scenario_job *job);

/* What a must saw over the runs of a row, to choose its value by. */
struct sim_range {
    bool has_any;
    int64_t low, high;
};

void sim_must_range(struct sim_world *w, const struct sim_must *m, uint32_t shift_ms,
                    struct sim_range *range);
void sim_must_print(const struct sim_must *m, const struct sim_range *range);

/* scenario_facts.c: does it hold now? The second breaks the world if not. */
bool sim_must_is(struct sim_world *w, const struct sim_must *m, uint32_t shift_ms);
void sim_must_check(struct sim_world *w, const struct sim_must *m, uint32_t shift_ms);

#endif
