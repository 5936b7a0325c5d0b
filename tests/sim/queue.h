/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is to happen, in order of time, and of equal times in the order of planning: the same plan gives the
 * same run, event by event.
 */
#ifndef ADIT_TESTS_SIM_QUEUE_H
#define ADIT_TESTS_SIM_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sim_event {
    uint64_t at_ns, serial;
    uint64_t arg; /* what it means is the kind's business */
    uint32_t host;
    uint8_t kind;
};

struct sim_queue {
    struct sim_event *heap; /* owned */
    size_t n, cap;
    uint64_t next_serial;
};

void sim_queue_fini(struct sim_queue *q);
/* Its serial number, by which a later event can tell whether it is still meant. */
uint64_t sim_queue_put(struct sim_queue *q, uint64_t at_ns, uint8_t kind, uint32_t host, uint64_t arg);
bool sim_queue_take(struct sim_queue *q, struct sim_event *out);
uint64_t sim_queue_next_ns(const struct sim_queue *q); /* ADIT_NEVER: empty */

#endif
