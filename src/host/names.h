/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of hosts in routes become addresses, all at the same time and off the main loop. A name with several
 * addresses is as many routes; a name that is not found is a warning, and its route is left out, as in
 * openvpn.
 */
#ifndef ADIT_HOST_NAMES_H
#define ADIT_HOST_NAMES_H

#include "host/host.h"

/* `net` has routes without names in them; it is lent until the callback returns. */
typedef void (*adit_names_cb)(void *arg, const struct adit_tunnel_net *net);

struct adit_names;

/*
 * One answer, or none after cancel(). If there is nothing to look up the answer comes at once, and NULL is
 * returned, as it is if memory is short (then routes that have names are left out). What `net` points to is
 * lent until the answer.
 */
struct adit_names *adit_names_find(struct adit_host *h, const struct adit_tunnel_net *net, adit_names_cb cb,
                                   void *arg);

void adit_names_cancel(struct adit_names *n); /* NULL is allowed */

#endif
