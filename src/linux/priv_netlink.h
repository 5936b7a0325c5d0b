/* SPDX-License-Identifier: Apache-2.0 */
/* The acts of priv.c on the kernel, through libnl. All return 0 or an errno. Nothing is remembered here. */
#ifndef ADIT_LINUX_PRIV_NETLINK_H
#define ADIT_LINUX_PRIV_NETLINK_H

#include "linux/priv.h"

struct adit_netlink;

int adit_netlink_open(struct adit_netlink **out);
void adit_netlink_close(struct adit_netlink *nl);

int adit_netlink_link_set(struct adit_netlink *nl, const struct adit_priv_link *link);
int adit_netlink_addr_add(struct adit_netlink *nl, const struct adit_priv_addr *addr);
int adit_netlink_addr_del(struct adit_netlink *nl, const struct adit_priv_addr *addr);

/* `proto` marks the route; in a deletion only a route with that mark matches (0: any). EEXIST: already there.
 */
int adit_netlink_route_add(struct adit_netlink *nl, const struct adit_priv_route *r, uint8_t proto);
int adit_netlink_route_del(struct adit_netlink *nl, const struct adit_priv_route *r, uint8_t proto);

/* ENETUNREACH: there is none. The answer is the entry of the table, with its prefix and metric. */
int adit_netlink_route_get(struct adit_netlink *nl, const struct adit_ip *to, struct adit_priv_route *out);

/* The exact route of that prefix with the lowest metric (r->metric >= 0: with that one) in r->table. */
int adit_netlink_route_find(struct adit_netlink *nl, const struct adit_priv_route *r,
                            struct adit_priv_route *out);

#endif
