/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server's plane of several workers, as linux/userplane_crew and _hand make it: each client has a home
 * (plane/home.h), what comes elsewhere is handed over by a ring, and a doorman beside the workers has the
 * control packets. Policy sees one plane.
 */
#ifndef ADIT_TESTS_SIM_CREW_H
#define ADIT_TESTS_SIM_CREW_H

#include "plane.h"

enum {
    SIM_CREW_MAX = 6, /* with the doorman */
};

struct sim_crew_params {
    unsigned n_workers;
    uint32_t handed_slots; /* a power of two */
};

struct sim_home {
    bool is_known;
    unsigned member, n_routes;
    struct adit_prefix routes[2];
};

struct sim_crew {
    struct adit_plane base; /* first: what policy holds */
    unsigned n, n_workers;
    struct sim_plane *members[SIM_CREW_MAX];             /* the first is the host's, the others are owned */
    struct sim_home *homes;                              /* by peer */
    unsigned reading;                                    /* whose notes are next */
    struct adit_ring handed[SIM_CREW_MAX][SIM_CREW_MAX]; /* to whom, from whom */
    uint64_t n_handed, n_full;
};

/* NULL: out of memory. */
struct sim_crew *sim_crew_new(struct sim_plane *first, const struct sim_plane_params *params,
                              const struct sim_plane_out *out, const struct sim_crew_params *crew);
void sim_crew_free(struct sim_crew *c);

/* The member that a stream lives at. */
static inline unsigned sim_crew_of_stream(const struct sim_crew *c, int link)
{
    return (unsigned)link % c->n_workers;
}

/* False: the datagram is this member's affair. */
bool sim_crew_hand_datagram(struct sim_plane *p, int link, const struct adit_addr *from, adit_bytes packet,
                            uint64_t key);
void sim_crew_hand_inner(struct sim_plane *p, unsigned home, adit_bytes packet);
bool sim_crew_has_handed(struct sim_plane *p);
/* Works on what others handed over, at most so much of each. */
void sim_crew_take(struct sim_plane *p, unsigned most, adit_now now);

#endif
