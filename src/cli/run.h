/* SPDX-License-Identifier: Apache-2.0 */
/* Running what a command line or a configuration asks for. */
#ifndef ADIT_CLI_RUN_H
#define ADIT_CLI_RUN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/log.h"

/* A person watches: log records go here instead of where the configuration says. */
struct adit_run_watch {
    struct adit_log log;
};

/* openvpn's command line without the program's name; the result is the exit code. watch: NULL for none. */
int adit_run(const char *const *args, size_t n_args, bool is_openvpn, const struct adit_run_watch *watch);

#endif
