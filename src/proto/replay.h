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
};

struct adit_replay {
    uint64_t highest;     /* highest id seen; 0: none yet */
    uint64_t floor;       /* ids up to this one are closed (expired, or below the window) */
    uint32_t series;      /* net_time of the current series, long form only */
    bool has_series;
    uint32_t window;      /* ids; 0: strictly increasing by one */
    uint64_t expire_ns;   /* how long an id below the highest stays acceptable; 0: for ever */
    uint64_t *bits;       /* ring of `words` words, power of two */
    uint32_t words;
    /* Expiry without a time per id: what was the highest id at two points in the past, expire_ns apart. */
    uint64_t mark_ns, mark_highest, mark_before;
};

/* Words of storage that a window of n ids needs. */
size_t adit_replay_words(uint32_t window);

/* `bits` has adit_replay_words(window) words, owned by the caller, and outlives the window. */
void adit_replay_init(struct adit_replay *r, uint64_t *bits, uint32_t window, uint32_t expire_s);

/* Would this id be acceptable? ADIT_OK or ADIT_E_REPLAY. Id 0 never is. Changes nothing. */
ADIT_MUST_USE adit_err adit_replay_check(const struct adit_replay *r, uint64_t id);

/* Records an id that passed the check and was authenticated. */
void adit_replay_mark(struct adit_replay *r, uint64_t id, adit_now now);

/* The long form: an id within a series named by a UNIX time. A later series restarts the window. */
ADIT_MUST_USE adit_err adit_replay_check_long(const struct adit_replay *r, uint32_t series, uint32_t id);
void adit_replay_mark_long(struct adit_replay *r, uint32_t series, uint32_t id, adit_now now);

#endif
