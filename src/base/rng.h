/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chance is an argument, too: session ids, cookies, jitter and IVs come from an adit_rng that the host
 * hands in, so that a seed makes a run repeatable.
 */
#ifndef ADIT_BASE_RNG_H
#define ADIT_BASE_RNG_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct adit_rng {
    /* Fills n bytes; false if the source failed, and then the bytes must not be used. */
    _Bool (*fill)(void *ctx, uint8_t *dst, size_t n);
    void *ctx;
};

/* ADIT_OK or ADIT_E_RANDOM; on failure dst is zeroed. */
ADIT_MUST_USE adit_err adit_rng_fill(const struct adit_rng *rng, void *dst, size_t n);

/* A number in [0, bound), bound > 0; 0 if the source failed (for jitter only, never for secrets). */
uint32_t adit_rng_below(const struct adit_rng *rng, uint32_t bound);

/* A small seeded generator (splitmix64) for tests and simulation; never for keys. *state is the seed. */
struct adit_rng adit_rng_seeded(uint64_t *state);

#endif
