/* SPDX-License-Identifier: Apache-2.0 */
/* Linear probing; what a deletion leaves is filled by those behind it, so that there are no tombstones. */
#include "plane/exact.h"

#include <endian.h>
#include <string.h>

#include "base/mem.h"

enum {
    SLOTS_MIN = 16,
};

struct adit_exact_key adit_exact_key_of(const struct adit_ip *ip)
{
    struct adit_exact_key k = {.family = ip->family};

    if (ip->family == ADIT_AF_V4) {
        k.hi = (uint64_t)adit_ip_v4_host(ip) << 32;
        return k;
    }
    memcpy(&k.hi, ip->b, sizeof k.hi);
    memcpy(&k.lo, ip->b + sizeof k.hi, sizeof k.lo);
    k.hi = be64toh(k.hi);
    k.lo = be64toh(k.lo);
    return k;
}

static bool is_empty(const struct adit_exact_slot *s)
{
    return s->key.family == ADIT_AF_NONE;
}

static bool is_same(const struct adit_exact_key *a, const struct adit_exact_key *b)
{
    return a->hi == b->hi && a->lo == b->lo && a->family == b->family;
}

/* Where a key belongs: neighbours of a pool are spread by the product's upper bits. */
static uint32_t home_of(const struct adit_exact *e, const struct adit_exact_key *k)
{
    uint64_t h = (k->hi ^ (k->lo << 23 | k->lo >> 41)) * 0x9E3779B97F4A7C15U;

    return (uint32_t)((h ^ h >> 29) * 0xBF58476D1CE4E5B9U >> 32) & e->mask;
}

/* Its slot, or the empty one where it would go. */
static uint32_t slot_of(const struct adit_exact *e, const struct adit_exact_key *k)
{
    uint32_t i = home_of(e, k);

    while (!is_empty(&e->slots[i]) && !is_same(&e->slots[i].key, k))
        i = (i + 1) & e->mask;
    return i;
}

static adit_err grow(struct adit_exact *e)
{
    uint32_t slots = e->slots ? (e->mask + 1) * 2 : SLOTS_MIN;
    struct adit_exact bigger = {.slots = adit_alloc(slots * sizeof *e->slots), .mask = slots - 1, .n = e->n};

    if (!bigger.slots)
        return ADIT_E_MEMORY;
    for (uint32_t i = 0; e->slots && i <= e->mask; i++) {
        if (!is_empty(&e->slots[i]))
            bigger.slots[slot_of(&bigger, &e->slots[i].key)] = e->slots[i];
    }
    adit_free(e->slots);
    *e = bigger;
    return ADIT_OK;
}

void adit_exact_fini(struct adit_exact *e)
{
    adit_free(e->slots);
    *e = (struct adit_exact){0};
}

adit_err adit_exact_put(struct adit_exact *e, const struct adit_exact_key *k, uint32_t owner)
{
    struct adit_exact_slot *s;

    if ((!e->slots || e->n >= (e->mask + 1) / 2) && grow(e) != ADIT_OK)
        return ADIT_E_MEMORY;
    s = &e->slots[slot_of(e, k)];
    e->n += is_empty(s);
    *s = (struct adit_exact_slot){.key = *k, .owner = owner};
    return ADIT_OK;
}

/* May what is at `at` go to the free slot? Not if it would then be in front of its home. */
static bool may_fill(const struct adit_exact *e, uint32_t hole, uint32_t at)
{
    uint32_t home = home_of(e, &e->slots[at].key);

    return ((at - home) & e->mask) >= ((at - hole) & e->mask);
}

void adit_exact_del(struct adit_exact *e, const struct adit_exact_key *k, uint32_t owner)
{
    uint32_t hole = e->slots ? slot_of(e, k) : 0;

    if (!e->slots || is_empty(&e->slots[hole]) || e->slots[hole].owner != owner)
        return;
    for (uint32_t at = (hole + 1) & e->mask; !is_empty(&e->slots[at]); at = (at + 1) & e->mask) {
        if (may_fill(e, hole, at)) {
            e->slots[hole] = e->slots[at];
            hole = at;
        }
    }
    e->slots[hole] = (struct adit_exact_slot){0};
    e->n--;
}

const uint32_t *adit_exact_find(const struct adit_exact *e, const struct adit_exact_key *k)
{
    const struct adit_exact_slot *s;

    if (e->n == 0)
        return NULL;
    s = &e->slots[slot_of(e, k)];
    return is_empty(s) ? NULL : &s->owner;
}
