/* SPDX-License-Identifier: Apache-2.0 */
#include "base/rng.h"

#include "base/bytes.h"

adit_err adit_rng_fill(const struct adit_rng *rng, void *dst, size_t n)
{
    if (rng->fill(rng->ctx, dst, n))
        return ADIT_OK;
    adit_wipe(dst, n);
    return ADIT_E_RANDOM;
}

uint32_t adit_rng_below(const struct adit_rng *rng, uint32_t bound)
{
    uint32_t v = 0;

    if (adit_rng_fill(rng, &v, sizeof v) != ADIT_OK)
        return 0;
    return (uint32_t)((uint64_t)v * bound >> 32);
}

static bool fill_seeded(void *ctx, uint8_t *dst, size_t n)
{
    uint64_t *state = ctx;

    for (size_t i = 0; i < n; i++) {
        uint64_t z = *state += 0x9e3779b97f4a7c15ULL;

        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
        z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
        dst[i] = (uint8_t)(z ^ z >> 31);
    }
    return true;
}

struct adit_rng adit_rng_seeded(uint64_t *state)
{
    return (struct adit_rng){.fill = fill_seeded, .ctx = state};
}
