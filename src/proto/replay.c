/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sliding window: a ring of bits, one per id, at least as long as the window. Bits of ids above the
 * highest are always clear; moving up clears what the ring had there before. Protocol text: 7.7.
 */
#include "proto/replay.h"

#include <string.h>

enum {
    WORD_BITS = 64,
};

static uint32_t cut_window(uint32_t window)
{
    return window > ADIT_REPLAY_BITS_MAX ? ADIT_REPLAY_BITS_MAX : window;
}

size_t adit_replay_words(uint32_t window)
{
    size_t words = 1;

    while (words * WORD_BITS < cut_window(window))
        words *= 2;
    return words;
}

void adit_replay_init(struct adit_replay *r, uint64_t *bits, uint32_t window, uint32_t expire_s)
{
    *r = (struct adit_replay){
        .window = cut_window(window),
        .bits = bits,
        .words = (uint32_t)adit_replay_words(window),
        .slot_ns = expire_s * ADIT_NS_PER_S / ADIT_REPLAY_SLOTS,
    };
    memset(bits, 0, r->words * sizeof *bits);
}

/* ---- bits ---- */

static uint64_t *word_of(const struct adit_replay *r, uint64_t id)
{
    return &r->bits[id / WORD_BITS & (r->words - 1)];
}

static uint64_t bit_of(uint64_t id)
{
    return UINT64_C(1) << id % WORD_BITS;
}

static bool is_seen(const struct adit_replay *r, uint64_t id)
{
    return (*word_of(r, id) & bit_of(id)) != 0;
}

/* Makes `id` the highest, and clears the places of the ids in between. */
static void move_up(struct adit_replay *r, uint64_t id)
{
    uint64_t from = r->highest + 1;

    r->highest = id;
    if (id - from >= (uint64_t)r->words * WORD_BITS) {
        memset(r->bits, 0, r->words * sizeof *r->bits);
        return;
    }
    for (uint64_t n = id - from + 1; n > 0;) {
        uint64_t first = from % WORD_BITS;
        uint64_t n_here = n < WORD_BITS - first ? n : WORD_BITS - first;
        uint64_t ones = n_here == WORD_BITS ? UINT64_MAX : (UINT64_C(1) << n_here) - 1;

        *word_of(r, from) &= ~(ones << first);
        from += n_here;
        n -= n_here;
    }
}

/* ---- expiry ---- */

void adit_replay_tick(struct adit_replay *r, adit_now now)
{
    uint64_t slot, n_ended;

    if (r->slot_ns == 0 || now.mono_ns < (r->slot + 1) * r->slot_ns)
        return;
    slot = now.mono_ns / r->slot_ns;
    n_ended = slot - r->slot;
    /* After so long a silence all of the ring is replaced and its last value leaves it: one round too many
     * does it. */
    if (n_ended > ADIT_REPLAY_SLOTS + 1)
        n_ended = ADIT_REPLAY_SLOTS + 1;
    for (uint64_t ended = slot - n_ended; ended < slot; ended++) {
        uint64_t *at = &r->past[ended % ADIT_REPLAY_SLOTS];

        if (*at > r->floor)
            r->floor = *at;
        *at = r->highest;
    }
    r->slot = slot;
}

/* ---- ids ---- */

void adit_replay_warm(const struct adit_replay *r)
{
    if (r->words > 0)
        __builtin_prefetch(word_of(r, r->highest + 1));
}

adit_err adit_replay_check(const struct adit_replay *r, uint64_t id)
{
    if (id == 0)
        return ADIT_E_REPLAY;
    if (r->window == 0)
        return id == r->highest + 1 ? ADIT_OK : ADIT_E_REPLAY;
    if (id > r->highest)
        return ADIT_OK;
    if (id <= r->floor || r->highest - id >= r->window || is_seen(r, id))
        return ADIT_E_REPLAY;
    return ADIT_OK;
}

void adit_replay_mark(struct adit_replay *r, uint64_t id, adit_now now)
{
    adit_replay_tick(r, now);
    if (id > r->highest)
        move_up(r, id);
    else if (id == 0 || r->highest - id >= r->window)
        return;
    *word_of(r, id) |= bit_of(id);
}

/* ---- long form ---- */

/* A window in which nothing was seen, at the same moment. */
static void restart(struct adit_replay *r, uint32_t series)
{
    r->series = series;
    r->has_series = true;
    r->highest = 0;
    r->floor = 0;
    memset(r->past, 0, sizeof r->past);
    memset(r->bits, 0, r->words * sizeof *r->bits);
}

adit_err adit_replay_check_long(const struct adit_replay *r, uint32_t series, uint32_t id)
{
    if (r->has_series && series < r->series)
        return ADIT_E_REPLAY;
    if (r->has_series && series == r->series)
        return adit_replay_check(r, id);
    if (id == 0 || (r->window == 0 && id != 1))
        return ADIT_E_REPLAY;
    return ADIT_OK;
}

void adit_replay_mark_long(struct adit_replay *r, uint32_t series, uint32_t id, adit_now now)
{
    if (!r->has_series || series > r->series)
        restart(r, series);
    if (series == r->series)
        adit_replay_mark(r, id, now);
}
