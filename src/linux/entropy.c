/* SPDX-License-Identifier: Apache-2.0 */
/* getrandom() blocks only until the kernel's pool is seeded once after boot, which is what keys need. */
#include "linux/entropy.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "base/bytes.h"

static _Bool fill_from_kernel(void *ctx, uint8_t *dst, size_t n)
{
    (void)ctx;
    while (n > 0) {
        ssize_t got = getrandom(dst, n, 0);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return 0;
        dst += got;
        n -= (size_t)got;
    }
    return 1;
}

struct adit_rng adit_random(void)
{
    return (struct adit_rng){.fill = fill_from_kernel};
}

adit_err adit_random_check(const struct adit_rng *rng)
{
    uint8_t draws[4][32];
    adit_err e = adit_rng_fill(rng, draws, sizeof draws);

    for (size_t i = 0; e == ADIT_OK && i < 4; i++) {
        bool is_constant = true;

        for (size_t k = 1; k < sizeof draws[i]; k++)
            is_constant = is_constant && draws[i][k] == draws[i][0];
        if (is_constant)
            e = ADIT_E_RANDOM;
        for (size_t k = 0; k < i; k++)
            if (memcmp(draws[i], draws[k], sizeof draws[i]) == 0)
                e = ADIT_E_RANDOM;
    }
    adit_wipe(draws, sizeof draws);
    return e;
}
