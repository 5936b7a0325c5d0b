/* SPDX-License-Identifier: Apache-2.0 */
/* Builds the sentence of a struct adit_fail; too long ones are cut, never refused. */
#include "linux/fail.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

adit_err adit_fail_set(struct adit_fail *fail, adit_err e, int os_errno, const char *hint, const char *what,
                       ...)
{
    char head[ADIT_FAIL_MAX / 2], reason[96] = "";
    va_list args;

    if (!fail)
        return e;
    va_start(args, what);
    vsnprintf(head, sizeof head, what, args);
    va_end(args);
    if (os_errno != 0)
        snprintf(reason, sizeof reason, "%s",
                 strerrordesc_np(os_errno) ? strerrordesc_np(os_errno) : "error");
    fail->os_errno = os_errno;
    snprintf(fail->text, sizeof fail->text, "%s%s%s%s%s", head, reason[0] ? ": " : "", reason,
             hint ? ": " : "", hint ? hint : "");
    return e;
}
