/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sliding window over packet ids (7.7): one for the wrapped control channel (ids with a time series),
 * one per data key. Check before the expensive step, mark after authentication.
 */
#ifndef ADIT_PROTO_REPLAY_H
#define ADIT_PROTO_REPLAY_H

#include "base/bytes.h"
#include "base/now.h"

enum {
    ADIT_REPLAY_BITS_MAX = 65536, /* largest `replay-window` */
    ADIT_REPLAY_SLOTS = 16, /* parts of the expiry time; one more is how late the clock of expiry can be */
};

struct adit_replay {
    uint64_t highest; /* highest id seen; 0: none yet */
    uint64_t floor;   /* ids up to this one are closed by expiry */
    uint32_t series;  /* net_time of the current series, long form only */
    bool has_series;
    uint32_t window; /* ids; 0: strictly increasing by one */
    uint64_t *bits;  /* ring of `words` words, power of two; a bit per id, by its low bits */
    uint32_t words;
    /*
     * An id has expired once an id above it is older than the expiry time, so the floor is what the highest
     * id was that long ago. Time is cut into slots of a sixteenth; past[] has the highest id at the end of
     * each of the last sixteen, by slot number. An id is never closed early, and at most one slot late.
     */
    uint64_t slot_ns; /* 0: ids do not expire */
    uint64_t slot;    /* the current one; past[] is complete up to the one before */
    uint64_t past[ADIT_REPLAY_SLOTS];
};

/* Words of storage that a window of n ids needs. */
size_t adit_replay_words(uint32_t window);

/* `bits` has adit_replay_words(window) words, owned by the caller, and outlives the window. */
void adit_replay_init(struct adit_replay *r, uint64_t *bits, uint32_t window, uint32_t expire_s);

/*
 * Lets ids expire. _mark() does it, too; call this before a burst of checks, so that an id which comes after
 * a silence is judged by the time at which it comes. A comparison when there is nothing to do.
 */
void adit_replay_tick(struct adit_replay *r, adit_now now);

/* Asks the processor for what the next id will touch. */
void adit_replay_warm(const struct adit_replay *r);

/* Would this id be acceptable? ADIT_OK or ADIT_E_REPLAY. Id 0 never is. Changes nothing. */
ADIT_MUST_USE adit_err adit_replay_check(const struct adit_replay *r, uint64_t id);

/* Records an id that passed the check and was authenticated. */
void adit_replay_mark(struct adit_replay *r, uint64_t id, adit_now now);

/* The long form: an id within a series named by a UNIX time. A later series restarts the window. */
ADIT_MUST_USE adit_err adit_replay_check_long(const struct adit_replay *r, uint32_t series, uint32_t id);
void adit_replay_mark_long(struct adit_replay *r, uint32_t series, uint32_t id, adit_now now);

#endif
