/* SPDX-License-Identifier: Apache-2.0 */
/* What the library gets from its host besides bytes and time. The host owns it and outlives its users. */
#ifndef ADIT_BASE_ENV_H
#define ADIT_BASE_ENV_H

#include "base/log.h"
#include "base/rng.h"

struct adit_env {
    struct adit_rng rng;
    struct adit_log log;
};

#endif
