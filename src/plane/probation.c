/* SPDX-License-Identifier: Apache-2.0 */
#include "plane/probation.h"

static bool has_done_well(const struct adit_probation *p, adit_now now)
{
    return p->wait_s == 0 || now.mono_ns >= p->until_ns + p->wait_s * ADIT_NS_PER_S;
}

void adit_probation_begin(struct adit_probation *p, adit_now now)
{
    if (has_done_well(p, now))
        p->wait_s = ADIT_PROBATION_MIN_S;
    else if (p->wait_s > ADIT_PROBATION_MAX_S / 2)
        p->wait_s = ADIT_PROBATION_MAX_S;
    else
        p->wait_s *= 2;
    p->until_ns = now.mono_ns + p->wait_s * ADIT_NS_PER_S;
}

bool adit_probation_is_over(const struct adit_probation *p, adit_now now)
{
    return p->wait_s > 0 && now.mono_ns >= p->until_ns;
}
