/* SPDX-License-Identifier: Apache-2.0 */
/* Where chance comes in: the kernel's generator. It has no state of ours, so any thread and any fork may use
 * it. */
#ifndef ADIT_LINUX_ENTROPY_H
#define ADIT_LINUX_ENTROPY_H

#include "base/rng.h"

struct adit_rng adit_random(void);

/*
 * To be called once at the start, before any key is made: ADIT_E_RANDOM if the generator fails, stands still
 * or repeats itself. It cannot prove that numbers are good, only that they are not plainly broken.
 */
ADIT_MUST_USE adit_err adit_random_check(const struct adit_rng *rng);

#endif
