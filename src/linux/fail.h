/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why the system refused, in words for the person who has to do something about it: what was tried, the
 * system's reason, and what usually helps. Filled by the functions of this room next to their adit_err.
 */
#ifndef ADIT_LINUX_FAIL_H
#define ADIT_LINUX_FAIL_H

#include "base/err.h"

enum { ADIT_FAIL_MAX = 320 };

struct adit_fail {
    int os_errno; /* 0: not an error of the system */
    char text[ADIT_FAIL_MAX];
};

/*
 * Writes "<what>: <text of os_errno>: <hint>" (no hint if NULL) and returns `e`, so that a failing function
 * can end with `return adit_fail_set(...)`. `fail` may be NULL.
 */
adit_err adit_fail_set(struct adit_fail *fail, adit_err e, int os_errno, const char *hint, const char *what,
                       ...) __attribute__((format(printf, 5, 6)));

#endif
