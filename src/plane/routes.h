/* SPDX-License-Identifier: Apache-2.0 */
/* Which peer owns an inner address: longest prefix, v4 and v6. One table per worker, changed by message. */
#ifndef ADIT_PLANE_ROUTES_H
#define ADIT_PLANE_ROUTES_H

#include "base/addr.h"

struct adit_routes; /* owned by the caller of _new */

#define ADIT_NO_PEER UINT32_MAX

struct adit_routes *adit_routes_new(void);
void adit_routes_free(struct adit_routes *r); /* NULL allowed */

/* Replaces the owner of an equal prefix. ADIT_E_MEMORY. */
ADIT_MUST_USE adit_err adit_routes_add(struct adit_routes *r, const struct adit_prefix *p, uint32_t peer);
/* Only if `peer` still owns it. */
void adit_routes_del(struct adit_routes *r, const struct adit_prefix *p, uint32_t peer);

/* ADIT_NO_PEER if nobody owns it. The cost does not grow with the number of routes, only with the lengths of
 * networks' prefixes. */
uint32_t adit_routes_find(const struct adit_routes *r, const struct adit_ip *ip);

#endif
