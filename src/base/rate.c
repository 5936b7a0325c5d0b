/* SPDX-License-Identifier: Apache-2.0 */
#include "base/rate.h"

bool adit_rate_take(struct adit_rate *r, uint32_t max, uint32_t period_s, adit_now now)
{
    if (r->n == 0 || now.mono_ns - r->start_ns >= period_s * ADIT_NS_PER_S) {
        r->start_ns = now.mono_ns;
        r->n = 0;
    }
    if (r->n >= max)
        return false;
    r->n++;
    return true;
}

void adit_rate_give_back(struct adit_rate *r)
{
    if (r->n > 0)
        r->n--;
}
