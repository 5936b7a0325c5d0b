/* SPDX-License-Identifier: Apache-2.0 */
/* --help, from the rows. */
#include <stdio.h>

#include "conf/options.h"

enum { COLUMN = 44, LINE_MAX_LEN = 320 };

void adit_conf_help(void (*put)(void *ctx, const char *line), void *ctx)
{
    put(ctx, "adit " ADIT_VERSION ", options (a file has them one to a line, without --):");
    for (size_t i = 0; i < adit_n_opts; i++) {
        const struct adit_opt *o = &adit_opts[i];
        char head[LINE_MAX_LEN / 2], line[LINE_MAX_LEN];

        if (o->kind > ADIT_OPT_DO)
            continue;
        (void)snprintf(head, sizeof head, "--%s%s%s", o->name, *o->args ? " " : "", o->args);
        (void)snprintf(line, sizeof line, "%-*s : %s", COLUMN, head, o->help);
        put(ctx, line);
    }
}
