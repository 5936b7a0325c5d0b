/* SPDX-License-Identifier: Apache-2.0 */
/* A log whose lines are kept, one after the other, as a text. */
#ifndef ADIT_TESTS_SAID_H
#define ADIT_TESTS_SAID_H

#include <stdio.h>
#include <string.h>

#include "base/log.h"

enum {
    SAID_MAX = 16384, /* what follows is left out */
};

/* Of struct adit_log; ctx is the text, SAID_MAX chars. */
static inline void keep_said(void *ctx, enum adit_log_kind kind, int verb, const char *line)
{
    char *text = ctx;
    size_t n = strlen(text);

    (void)kind;
    (void)verb;
    snprintf(text + n, SAID_MAX - n, "%s\n", line);
}

#endif
