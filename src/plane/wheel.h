/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deadlines of very many owners, in ticks. A node lies in the slot of its tick; a turn of the wheel touches
 * only what is in the slots that pass. What lies further ahead than one round is touched once a round.
 *
 * Made for deadlines that move away all the time: the owner does not touch its node then, but looks at itself
 * when the node comes, and puts it back if it was too early. Nodes live in their owners; a zeroed one is in
 * no wheel. Nothing here can fail.
 */
#ifndef ADIT_PLANE_WHEEL_H
#define ADIT_PLANE_WHEEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    ADIT_WHEEL_SLOTS = 512, /* ticks of a round; a power of two */
};

struct adit_wheel_node {
    struct adit_wheel_node *next, **at; /* at: what points to this node; NULL: it is in no wheel */
    uint64_t tick;
};

struct adit_wheel {
    struct adit_wheel_node *slots[ADIT_WHEEL_SLOTS];
    struct adit_wheel_node *due; /* their slots have passed */
    uint64_t now;
    size_t n;         /* nodes */
    uint64_t n_given; /* by adit_wheel_next(), since the beginning */
};

/* All zero is a wheel, too, at tick 0. */
void adit_wheel_init(struct adit_wheel *w, uint64_t now);

/* Also moves a node that is in the wheel. What is due already comes with the next tick. */
void adit_wheel_put(struct adit_wheel *w, struct adit_wheel_node *node, uint64_t tick);
void adit_wheel_del(struct adit_wheel *w, struct adit_wheel_node *node); /* one that is in no wheel, too */

static inline bool adit_wheel_has(const struct adit_wheel_node *node)
{
    return node->at != NULL;
}

/* To that tick; never back. */
void adit_wheel_turn(struct adit_wheel *w, uint64_t now);

/*
 * A node whose tick has come, taken out; NULL: there are no more. In between, nodes may be put and deleted;
 * what is put does not come before the next tick.
 */
struct adit_wheel_node *adit_wheel_next(struct adit_wheel *w);

#endif
