/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pool is an array of slots; slot n gives the n-th IPv4 address (or /30) and the n-th IPv6 address. A
 * slot keeps its last name after the client has left: that is the hint for its next visit.
 */
#include "core/directory.h"

#include <string.h>

#include "base/mem.h"

enum {
    POOL_MAX = 65536, /* slots; what openvpn allows */
    NET30_SIZE = 4,
};

struct slot {
    bool is_used;
    uint64_t freed_at; /* order of leaving; 0: never used */
    uint64_t name_hash;
    char *name;
};

struct adit_directory {
    struct adit_pool_spec pool;
    struct slot *slots;
    size_t n_slots; /* 0: no pool, clients get no address */
    uint32_t max_clients, n_clients;
    uint32_t *slot_of;   /* by peer id: slot + 1; 0: id free */
    uint32_t first_free; /* no id below it is free */
    uint64_t clock;      /* counts leavings */
};

static uint64_t hash_of(const char *name)
{
    uint64_t h = 0xcbf29ce484222325ULL;

    for (; *name; name++)
        h = (h ^ (uint8_t)*name) * 0x100000001b3ULL;
    return h;
}

static size_t count_slots(const struct adit_pool_spec *pool)
{
    uint64_t n = POOL_MAX;

    if (pool->v4_start.family == ADIT_AF_V4) {
        n = (uint64_t)adit_ip_v4_host(&pool->v4_end) - adit_ip_v4_host(&pool->v4_start) + 1;
        if (pool->is_net30)
            n /= NET30_SIZE;
    } else if (pool->v6.bits == 0) {
        return 0;
    }
    return n < POOL_MAX ? (size_t)n : POOL_MAX;
}

struct adit_directory *adit_directory_new(uint32_t max_clients, const struct adit_pool_spec *pool)
{
    struct adit_directory *d = adit_alloc(sizeof *d);

    if (!d)
        return NULL;
    d->pool = *pool;
    d->max_clients = max_clients;
    d->n_slots = count_slots(pool);
    d->slots = adit_alloc((d->n_slots > 0 ? d->n_slots : 1) * sizeof *d->slots);
    d->slot_of = adit_alloc(max_clients * sizeof *d->slot_of);
    if (!d->slots || !d->slot_of) {
        adit_directory_free(d);
        return NULL;
    }
    return d;
}

void adit_directory_free(struct adit_directory *d)
{
    if (!d)
        return;
    for (size_t i = 0; d->slots && i < d->n_slots; i++)
        adit_free(d->slots[i].name);
    adit_free(d->slots);
    adit_free(d->slot_of);
    adit_free(d);
}

static void fill_addresses(const struct adit_directory *d, size_t slot, struct adit_lease *lease)
{
    if (d->pool.v4_start.family == ADIT_AF_V4 && d->pool.is_net30) {
        struct adit_ip base = adit_ip_add(d->pool.v4_start, (uint32_t)slot * NET30_SIZE);

        lease->v4_peer = adit_ip_add(base, 1);
        lease->v4 = adit_ip_add(base, 2);
    } else if (d->pool.v4_start.family == ADIT_AF_V4) {
        lease->v4 = adit_ip_add(d->pool.v4_start, (uint32_t)slot);
    }
    if (d->pool.v6.bits > 0)
        lease->v6 = adit_ip_add(d->pool.v6_start, (uint32_t)slot);
}

static bool is_name(const struct slot *s, const char *name, uint64_t hash)
{
    return s->name && s->name_hash == hash && strcmp(s->name, name) == 0;
}

/* The slot this name had, or the one free for longest (a never used one first, in order); -1 if all are used.
 */
static long pick_slot(const struct adit_directory *d, const char *name)
{
    uint64_t hash = hash_of(name);
    long best = -1;

    for (size_t i = 0; i < d->n_slots; i++) {
        const struct slot *s = &d->slots[i];

        if (s->is_used)
            continue;
        if (is_name(s, name, hash))
            return (long)i;
        if (best < 0 || s->freed_at < d->slots[best].freed_at)
            best = (long)i;
    }
    return best;
}

static adit_err set_name(struct slot *s, const char *name)
{
    char *copy;

    if (s->name && strcmp(s->name, name) == 0)
        return ADIT_OK;
    copy = adit_strdup(name);
    if (!copy)
        return ADIT_E_MEMORY;
    adit_free(s->name);
    s->name = copy;
    s->name_hash = hash_of(name);
    return ADIT_OK;
}

adit_err adit_directory_join(struct adit_directory *d, const char *name, struct adit_lease *lease)
{
    uint32_t id = d->first_free;
    long slot = 0;

    *lease = (struct adit_lease){.peer_id = 0};
    while (id < d->max_clients && d->slot_of[id] != 0)
        id++;
    if (id == d->max_clients)
        return ADIT_E_FULL;
    if (d->n_slots > 0) {
        slot = pick_slot(d, name);
        if (slot < 0)
            return ADIT_E_FULL;
        if (set_name(&d->slots[slot], name) != ADIT_OK)
            return ADIT_E_MEMORY;
        d->slots[slot].is_used = true;
        fill_addresses(d, (size_t)slot, lease);
    }
    d->slot_of[id] = (uint32_t)slot + 1;
    d->first_free = id + 1;
    d->n_clients++;
    lease->peer_id = id;
    return ADIT_OK;
}

void adit_directory_leave(struct adit_directory *d, uint32_t peer_id)
{
    if (peer_id >= d->max_clients || d->slot_of[peer_id] == 0)
        return;
    if (d->n_slots > 0) {
        struct slot *s = &d->slots[d->slot_of[peer_id] - 1];

        s->is_used = false;
        s->freed_at = ++d->clock;
    }
    d->slot_of[peer_id] = 0;
    if (peer_id < d->first_free)
        d->first_free = peer_id;
    d->n_clients--;
}

uint32_t adit_directory_count(const struct adit_directory *d)
{
    return d->n_clients;
}

bool adit_directory_hint_at(const struct adit_directory *d, size_t i, const char **name,
                            struct adit_lease *lease)
{
    for (size_t slot = 0; slot < d->n_slots; slot++) {
        if (!d->slots[slot].name || i-- > 0)
            continue;
        *lease = (struct adit_lease){.peer_id = 0};
        *name = d->slots[slot].name;
        fill_addresses(d, slot, lease);
        return true;
    }
    return false;
}

adit_err adit_directory_hint(struct adit_directory *d, const char *name, const struct adit_ip *v4,
                             const struct adit_ip *v6)
{
    for (size_t i = 0; i < d->n_slots; i++) {
        struct adit_lease lease = {.peer_id = 0};
        struct adit_ip base;

        fill_addresses(d, i, &lease);
        base = d->pool.is_net30 ? adit_ip_add(d->pool.v4_start, (uint32_t)i * NET30_SIZE) : lease.v4;
        if (d->slots[i].is_used ||
            (v4->family != ADIT_AF_NONE ? !adit_ip_eq(v4, &base) : !adit_ip_eq(v6, &lease.v6)))
            continue;
        d->slots[i].freed_at = ++d->clock;
        return set_name(&d->slots[i], name);
    }
    return ADIT_OK;
}
