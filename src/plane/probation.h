/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Something that the kernel or a device has refused is let alone for a while and then tried again: one odd
 * packet may have been the reason, or a route that is another one now. Each refusal doubles the wait, up to a
 * day; what has done its work for as long as it was let alone before begins anew.
 */
#ifndef ADIT_PLANE_PROBATION_H
#define ADIT_PLANE_PROBATION_H

#include <stdbool.h>

#include "base/now.h"

enum {
    ADIT_PROBATION_MIN_S = 600,
    ADIT_PROBATION_MAX_S = 86400,
};

/* All zero: nothing was refused. */
struct adit_probation {
    uint64_t until_ns;
    uint32_t wait_s;
};

/* It was refused now. */
void adit_probation_begin(struct adit_probation *p, adit_now now);

/* It was refused, and may be tried again. */
bool adit_probation_is_over(const struct adit_probation *p, adit_now now);

#endif
