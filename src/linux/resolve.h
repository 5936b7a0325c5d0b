/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names to addresses off the main loop, in libuv's pool. Literal addresses take no thread, but answer through
 * the loop as well, so that the answer never comes before start() has returned. One answer, or none after
 * cancel().
 */
#ifndef ADIT_LINUX_RESOLVE_H
#define ADIT_LINUX_RESOLVE_H

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

#include "base/addr.h"

enum { ADIT_RESOLVE_MAX = 64 }; /* addresses beyond this many are left out */

struct adit_resolved {
    adit_err err;                  /* ADIT_OK with n > 0, or ADIT_E_OS */
    bool is_temporary;             /* the name may exist: try again later */
    const char *why;               /* a line for a person; "" if fine */
    const struct adit_addr *addrs; /* in the system's order of preference; lent until the callback returns */
    size_t n;
};

typedef void (*adit_resolve_cb)(void *arg, const struct adit_resolved *r);

struct adit_resolve;

/*
 * `host` is a name or an address; NULL or "" means every address of this machine, for binding. `port` is a
 * number or a service name, NULL for none. `family` ADIT_AF_NONE: both. NULL if it cannot be started (no
 * memory). The handle is valid until the callback runs or cancel() is called.
 */
struct adit_resolve *adit_resolve_start(uv_loop_t *loop, const char *host, const char *port,
                                        enum adit_family family, adit_resolve_cb cb, void *arg);

/* The callback will not run. The loop must still turn once to free the memory. NULL is allowed. */
void adit_resolve_cancel(struct adit_resolve *r);

#endif
