/* SPDX-License-Identifier: Apache-2.0 */
/* So many in so many seconds: a period begins with its first one, and counts no more than it allows. */
#ifndef ADIT_BASE_RATE_H
#define ADIT_BASE_RATE_H

#include <stdbool.h>

#include "base/now.h"

struct adit_rate { /* zeros to begin with */
    uint64_t start_ns;
    uint32_t n; /* taken in this period */
};

/* False: max have been taken in this period already. */
bool adit_rate_take(struct adit_rate *r, uint32_t max, uint32_t period_s, adit_now now);

void adit_rate_give_back(struct adit_rate *r); /* one that was taken does not count */

#endif
