/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole addresses and their owners: a hash table with open addressing, for the addresses of a pool, where a
 * trie would take a cache line for each of a dozen steps. The keys are the server's own choice, so the hash
 * needs no seed.
 */
#ifndef ADIT_PLANE_EXACT_H
#define ADIT_PLANE_EXACT_H

#include "base/addr.h"
#include "base/err.h"

/* An address as two numbers, most significant bit first; v4 is in the upper half of `hi`. */
struct adit_exact_key {
    uint64_t hi, lo;
    uint8_t family;
};

struct adit_exact_key adit_exact_key_of(const struct adit_ip *ip);

struct adit_exact_slot {
    struct adit_exact_key key; /* family ADIT_AF_NONE: the slot is empty */
    uint32_t owner;
};

/* All zeros is an empty table. */
struct adit_exact {
    struct adit_exact_slot *slots; /* owned; at most half of them are taken */
    uint32_t mask, n;              /* slots - 1; taken */
};

void adit_exact_fini(struct adit_exact *e);

/* Replaces the owner. ADIT_E_MEMORY: nothing has changed. */
ADIT_MUST_USE adit_err adit_exact_put(struct adit_exact *e, const struct adit_exact_key *k, uint32_t owner);

/* Only if `owner` still has it. */
void adit_exact_del(struct adit_exact *e, const struct adit_exact_key *k, uint32_t owner);

/* NULL: nobody's. Valid until the next change. */
const uint32_t *adit_exact_find(const struct adit_exact *e, const struct adit_exact_key *k);

#endif
