/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a configuration from files, and telling a person what is wrong with it. */
#ifndef ADIT_CLI_LOAD_H
#define ADIT_CLI_LOAD_H

#include <stdio.h>

#include "conf/conf.h"

/* NULL: the errors have been printed to `out`, unless that is NULL, too. Warnings and notes are kept in the
 * report for the log. */
const struct adit_conf *adit_load(const char *const *args, size_t n_args, struct adit_conf_report *report,
                                  FILE *out);

/* All of a report, a line each. */
void adit_load_print(const struct adit_conf_report *report, FILE *out);

#endif
