/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policy's side of the user-space plane: who of the crew gets a command, and what their answers add up to.
 * Everything here belongs to policy's thread, but for the members' shared parts.
 */
#ifndef ADIT_LINUX_USERPLANE_POLICY_H
#define ADIT_LINUX_USERPLANE_POLICY_H

#include <pthread.h>

#include "linux/userplane_parts.h"

enum {
    ADIT_UP_RESERVE = 8, /* commands to a worker that may wait when there is no memory */
    ADIT_UP_SPARE_SUMS = 2,
};

struct adit_up_held_cmd {
    struct adit_up_held_cmd *next;
    struct adit_cmd cmd;
};

struct adit_up_member {
    struct adit_up_shared shared;
    struct adit_up_worker worker;
    struct adit_up_held_cmd *held, **held_end; /* what did not fit into the ring, in order */
    struct adit_up_held_cmd reserve[ADIT_UP_RESERVE];
    uint32_t reserve_taken; /* one bit each */
    bool has_thread;
    pthread_t thread;
};

/* Which worker has a stream, or a peer and its routes. */
struct adit_up_home {
    struct adit_up_node node; /* its hash is the name */
    unsigned member;
    struct adit_up_route *routes;
};

/* Several members answer, policy hears it once. */
struct adit_up_sum {
    struct adit_up_sum *next;
    enum adit_note_kind kind;
    adit_peer peer;
    uint64_t missing; /* one bit a member */
    struct adit_counters counters;
    struct adit_hauls hauls;
};

struct adit_userplane {
    struct adit_plane plane; /* first: the seam's handle */
    struct adit_userplane_params params;
    struct adit_up_member *members;
    unsigned n;                 /* members */
    unsigned heard;             /* whose notes are read next */
    bool is_split;              /* a single peer's two directions: out is member 0, in is member 1 */
    bool is_worn[ADIT_KEY_IDS]; /* split: policy was told already */
    struct adit_up_crew crew;
    struct adit_up_map streams, peers; /* struct adit_up_home */
    struct adit_up_sum *sums;
    struct adit_up_sum spare_sums[ADIT_UP_SPARE_SUMS]; /* for want of memory; nothing missing: free */
    struct adit_steer *steer; /* the device's queues; NULL: the kernel goes by flow */
    int note_fd;
};

/* userplane_post.c: commands to one member. The command is moved. */
void adit_up_member_init(struct adit_up_member *m);
adit_err adit_up_member_post(struct adit_up_member *m, struct adit_cmd *cmd);
/* Policy has no memory for it: in its place in the order, it is refused. */
adit_err adit_up_member_refuse(struct adit_up_member *m, struct adit_cmd *cmd);
void adit_up_member_release(struct adit_up_member *m); /* as much as fits of what is held */
bool adit_up_member_holds(const struct adit_up_member *m);

/* userplane_crew.c: only with several members. */
adit_err adit_up_crew_post(struct adit_userplane *u, struct adit_cmd *cmd);
/* False: the note is not for policy, or not yet. */
bool adit_up_crew_hear(struct adit_userplane *u, unsigned member, struct adit_note *note);
void adit_up_crew_forget(struct adit_userplane *u);

#endif
