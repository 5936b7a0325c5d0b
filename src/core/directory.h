/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server's clients by number, name and address: peer ids, the address pool, who had which address before.
 * It knows no socket and no TLS. Protocol text: 12 (peer ids), 13.4 (pool).
 */
#ifndef ADIT_CORE_DIRECTORY_H
#define ADIT_CORE_DIRECTORY_H

#include "base/addr.h"
#include "base/err.h"

struct adit_pool_spec {
    struct adit_ip v4_start, v4_end; /* family NONE: no IPv4 pool; both inclusive */
    bool is_net30;                   /* a /30 for each client: the client is .2 of it, the server .1 */
    struct adit_prefix v6;           /* bits 0: no IPv6 pool */
    struct adit_ip v6_start;         /* first address given out */
};

struct adit_lease {
    uint32_t peer_id;
    struct adit_ip v4;      /* of the client; family NONE: none */
    struct adit_ip v4_peer; /* net30: the server's end of the client's /30 */
    struct adit_ip v6;
};

struct adit_directory;

/* NULL: out of memory. max_clients: 1 .. 0xFFFFFE. */
struct adit_directory *adit_directory_new(uint32_t max_clients, const struct adit_pool_spec *pool);
void adit_directory_free(struct adit_directory *d); /* NULL allowed */

/*
 * A place for a client: the lowest free peer id, and the address that this name had last if it is free, else
 * the one that has been free for longest. ADIT_E_FULL, ADIT_E_MEMORY.
 */
ADIT_MUST_USE adit_err adit_directory_join(struct adit_directory *d, const char *name,
                                           struct adit_lease *lease);
void adit_directory_leave(struct adit_directory *d, uint32_t peer_id);

uint32_t adit_directory_count(const struct adit_directory *d);

/* Addresses given out before, for ifconfig-pool-persist: the i-th, false past the end. */
bool adit_directory_hint_at(const struct adit_directory *d, size_t i, const char **name,
                            struct adit_lease *lease);
/* Remembers that `name` had this address; ignored if it is not of the pool or in use. ADIT_E_MEMORY. */
ADIT_MUST_USE adit_err adit_directory_hint(struct adit_directory *d, const char *name,
                                           const struct adit_ip *v4, const struct adit_ip *v6);

#endif
