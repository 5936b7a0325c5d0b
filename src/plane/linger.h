/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long a worker that has run out of work keeps looking for more before it sleeps. To be woken up costs
 * tens of microseconds, which is most of a quiet tunnel's round trip; to look costs a core that others may
 * need. So the time is short, and spent only if all of these hold: there is little traffic, since with much
 * of it a sleep costs nobody's patience; after the last turn of the same kind the wait was as short; and
 * nobody else wanted the core lately.
 */
#ifndef ADIT_PLANE_LINGER_H
#define ADIT_PLANE_LINGER_H

#include <stdbool.h>
#include <stdint.h>

/* What the turn before did: answers follow what was sent, and seldom what was received. */
enum adit_linger_after {
    ADIT_LINGER_AFTER_SENDING,
    ADIT_LINGER_AFTER_OTHER,
    ADIT_LINGER_KINDS,
};

/* Times are of one monotonic clock, in nanoseconds. */
struct adit_linger {
    uint64_t max_ns; /* 0: never */
    uint64_t window_ns[ADIT_LINGER_KINDS];
    enum adit_linger_after after;
    uint64_t span_ns;                   /* when the present span of counting began */
    uint32_t n_packets, n_packets_last; /* in it; in the one before */
    uint64_t rests_until_ns;
};

void adit_linger_init(struct adit_linger *l, uint64_t max_ns);

/* A turn is over: packets were carried, this was its kind. */
void adit_linger_turn(struct adit_linger *l, uint64_t now_ns, uint64_t packets, enum adit_linger_after kind);

/* For how long to look; 0: sleep at once. */
uint64_t adit_linger_window(const struct adit_linger *l, uint64_t now_ns);

/* So long it took until there was work again, asleep or not. */
void adit_linger_learn(struct adit_linger *l, uint64_t waited_ns);

/* Somebody else wanted the core meanwhile. */
void adit_linger_rest(struct adit_linger *l, uint64_t now_ns);

#endif
