/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The folders that a configuration names and the files that it wants written: looked at before anything is
 * opened or changed, so that a misspelt one ends the start and not a run of hours.
 */
#ifndef ADIT_CLI_PATHS_H
#define ADIT_CLI_PATHS_H

#include "base/env.h"
#include "conf/conf.h"

/* False: the log has a line for each that cannot be used. */
bool adit_paths_check(const struct adit_conf *c, const struct adit_log *log);

#endif
