/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pool is an array of slots; slot n gives the n-th IPv4 address (or /30) and the n-th IPv6 address. A
 * slot keeps its last name after the client has left: that is the hint for its next visit.
 *
 * A slot is used, or listed (somebody had it; the list is in the order of leaving), or fresh. Slots with a
 * name hang in a hash table by it. So nothing here takes longer in a large pool, and slots that nobody has
 * had cost no memory: their pages are never touched.
 */
#include "core/directory.h"

#include <string.h>

#include "base/mem.h"

enum {
    POOL_MAX = 65536, /* slots; what openvpn allows */
    NET30_SIZE = 4,
};

/* Links name a slot by its number + 1; 0: none. */
struct slot {
    bool is_used, is_listed;
    uint32_t next, prev;   /* in the list */
    uint32_t next_in_hash; /* of those in one bucket */
    uint64_t name_hash;
    char *name;
};

struct adit_directory {
    struct adit_pool_spec pool;
    struct slot *slots;
    size_t n_slots; /* 0: no pool, clients get no address */
    uint32_t *buckets;
    size_t n_buckets;             /* a power of two */
    uint32_t oldest, newest;      /* ends of the list */
    size_t first_fresh, n_spoken; /* no slot below is fresh; none from there on has a name */
    uint32_t max_clients, n_clients;
    uint32_t *slot_of;   /* by peer id: slot + 1; 0: id free */
    uint32_t first_free; /* no id below it is free */
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
    for (d->n_buckets = 1; d->n_buckets < d->n_slots;)
        d->n_buckets *= 2;
    d->slots = adit_alloc((d->n_slots > 0 ? d->n_slots : 1) * sizeof *d->slots);
    d->buckets = adit_alloc(d->n_buckets * sizeof *d->buckets);
    d->slot_of = adit_alloc(max_clients * sizeof *d->slot_of);
    if (!d->slots || !d->buckets || !d->slot_of) {
        adit_directory_free(d);
        return NULL;
    }
    return d;
}

void adit_directory_free(struct adit_directory *d)
{
    if (!d)
        return;
    for (size_t i = 0; d->slots && i < d->n_spoken; i++)
        adit_free(d->slots[i].name);
    adit_free(d->slots);
    adit_free(d->buckets);
    adit_free(d->slot_of);
    adit_free(d);
}

/* ---- the list of those that somebody had ---- */

static void unlist(struct adit_directory *d, size_t i)
{
    struct slot *s = &d->slots[i];

    if (!s->is_listed)
        return;
    *(s->prev ? &d->slots[s->prev - 1].next : &d->oldest) = s->next;
    *(s->next ? &d->slots[s->next - 1].prev : &d->newest) = s->prev;
    s->is_listed = false;
}

static void list_as_newest(struct adit_directory *d, size_t i)
{
    struct slot *s = &d->slots[i];

    s->prev = d->newest;
    s->next = 0;
    *(d->newest ? &d->slots[d->newest - 1].next : &d->oldest) = (uint32_t)i + 1;
    d->newest = (uint32_t)i + 1;
    s->is_listed = true;
}

/* ---- names ---- */

static uint32_t *bucket_of(const struct adit_directory *d, uint64_t hash)
{
    return &d->buckets[(hash ^ hash >> 32) & (d->n_buckets - 1)];
}

static void forget_name(struct adit_directory *d, size_t i)
{
    struct slot *s = &d->slots[i];
    uint32_t *at;

    if (!s->name)
        return;
    at = bucket_of(d, s->name_hash);
    while (*at != i + 1)
        at = &d->slots[*at - 1].next_in_hash;
    *at = s->next_in_hash;
    adit_free(s->name);
    s->name = NULL;
}

static adit_err set_name(struct adit_directory *d, size_t i, const char *name)
{
    struct slot *s = &d->slots[i];
    uint32_t *bucket;
    char *copy;

    if (s->name && strcmp(s->name, name) == 0)
        return ADIT_OK;
    copy = adit_strdup(name);
    if (!copy)
        return ADIT_E_MEMORY;
    forget_name(d, i);
    s->name = copy;
    s->name_hash = hash_of(name);
    bucket = bucket_of(d, s->name_hash);
    s->next_in_hash = *bucket;
    *bucket = (uint32_t)i + 1;
    if (i >= d->n_spoken)
        d->n_spoken = i + 1;
    return ADIT_OK;
}

/* Of several with one name (duplicate-cn) the first that is free; n_slots: none. */
static size_t find_name(const struct adit_directory *d, const char *name)
{
    uint64_t hash = hash_of(name);
    size_t best = d->n_slots;

    for (uint32_t at = *bucket_of(d, hash); at; at = d->slots[at - 1].next_in_hash) {
        const struct slot *s = &d->slots[at - 1];

        if (!s->is_used && at - 1 < best && s->name_hash == hash && strcmp(s->name, name) == 0)
            best = at - 1;
    }
    return best;
}

/* ---- joining and leaving ---- */

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

/* The slot this name had; or a fresh one, in order; or the one free for longest. n_slots: all are used. */
static size_t pick_slot(struct adit_directory *d, const char *name)
{
    size_t i = find_name(d, name), *fresh = &d->first_fresh;

    if (i < d->n_slots)
        return i;
    while (*fresh < d->n_slots && (d->slots[*fresh].is_used || d->slots[*fresh].is_listed))
        ++*fresh;
    if (*fresh < d->n_slots)
        return *fresh;
    return d->oldest ? d->oldest - 1 : d->n_slots;
}

adit_err adit_directory_join(struct adit_directory *d, const char *name, struct adit_lease *lease)
{
    uint32_t id = d->first_free;
    size_t slot = 0;

    *lease = (struct adit_lease){.peer_id = 0};
    while (id < d->max_clients && d->slot_of[id] != 0)
        id++;
    if (id == d->max_clients)
        return ADIT_E_FULL;
    if (d->n_slots > 0) {
        slot = pick_slot(d, name);
        if (slot == d->n_slots)
            return ADIT_E_FULL;
        if (set_name(d, slot, name) != ADIT_OK)
            return ADIT_E_MEMORY;
        unlist(d, slot);
        d->slots[slot].is_used = true;
        fill_addresses(d, slot, lease);
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
        size_t slot = d->slot_of[peer_id] - 1;

        d->slots[slot].is_used = false;
        list_as_newest(d, slot);
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
    for (size_t slot = 0; slot < d->n_spoken; slot++) {
        if (!d->slots[slot].name || i-- > 0)
            continue;
        *lease = (struct adit_lease){.peer_id = 0};
        *name = d->slots[slot].name;
        fill_addresses(d, slot, lease);
        return true;
    }
    return false;
}

/* n_slots: none. Only where there is no IPv4 address the pool is searched. */
static size_t slot_at(const struct adit_directory *d, const struct adit_ip *v4, const struct adit_ip *v6)
{
    bool has_v4_pool = d->pool.v4_start.family == ADIT_AF_V4;
    uint32_t size = d->pool.is_net30 ? NET30_SIZE : 1, offset;

    if (has_v4_pool && v4->family == ADIT_AF_V4) {
        offset = adit_ip_v4_host(v4) - adit_ip_v4_host(&d->pool.v4_start);
        return offset % size == 0 && offset / size < d->n_slots ? offset / size : d->n_slots;
    }
    for (size_t i = 0; v4->family == ADIT_AF_NONE && d->pool.v6.bits > 0 && i < d->n_slots; i++) {
        struct adit_ip ip = adit_ip_add(d->pool.v6_start, (uint32_t)i);

        if (adit_ip_eq(v6, &ip))
            return i;
    }
    return d->n_slots;
}

adit_err adit_directory_hint(struct adit_directory *d, const char *name, const struct adit_ip *v4,
                             const struct adit_ip *v6)
{
    size_t i = slot_at(d, v4, v6);

    if (i == d->n_slots || d->slots[i].is_used)
        return ADIT_OK;
    if (set_name(d, i, name) != ADIT_OK)
        return ADIT_E_MEMORY;
    unlist(d, i);
    list_as_newest(d, i);
    return ADIT_OK;
}
