/* SPDX-License-Identifier: Apache-2.0 */
/* Chains in a bucket array that doubles with its content, if there is memory: else the chains get longer. */
#include "linux/userplane_parts.h"

#include "base/mem.h"

enum {
    FIRST_BUCKETS = 16,
};

static void put(struct adit_up_node **buckets, uint32_t n_buckets, struct adit_up_node *node)
{
    struct adit_up_node **at = &buckets[node->hash & (n_buckets - 1)];

    node->next = *at;
    *at = node;
}

static adit_err grow(struct adit_up_map *m)
{
    uint32_t n = m->n_buckets > 0 ? m->n_buckets * 2 : FIRST_BUCKETS;
    struct adit_up_node **fresh = adit_alloc(n * sizeof(struct adit_up_node *));

    if (!fresh)
        return ADIT_E_MEMORY;
    for (uint32_t i = 0; i < m->n_buckets; i++) {
        for (struct adit_up_node *node = m->buckets[i], *next; node; node = next) {
            next = node->next;
            put(fresh, n, node);
        }
    }
    adit_free(m->buckets);
    m->buckets = fresh;
    m->n_buckets = n;
    return ADIT_OK;
}

adit_err adit_up_map_init(struct adit_up_map *m)
{
    *m = (struct adit_up_map){0};
    return grow(m);
}

void adit_up_map_add(struct adit_up_map *m, struct adit_up_node *node, uint32_t hash)
{
    if (m->n >= m->n_buckets)
        (void)!grow(m);
    node->hash = hash;
    put(m->buckets, m->n_buckets, node);
    m->n++;
}

void adit_up_map_del(struct adit_up_map *m, struct adit_up_node *node)
{
    struct adit_up_node **at = &m->buckets[node->hash & (m->n_buckets - 1)];

    while (*at != node)
        at = &(*at)->next;
    *at = node->next;
    m->n--;
}

static struct adit_up_node *skip_others(struct adit_up_node *node, uint32_t hash)
{
    while (node && node->hash != hash)
        node = node->next;
    return node;
}

struct adit_up_node *adit_up_map_find(const struct adit_up_map *m, uint32_t hash)
{
    return skip_others(m->buckets[hash & (m->n_buckets - 1)], hash);
}

void adit_up_map_warm(const struct adit_up_map *m, uint32_t hash, unsigned step)
{
    struct adit_up_node *const *bucket = &m->buckets[hash & (m->n_buckets - 1)];

    if (step == 0)
        __builtin_prefetch(bucket);
    else
        __builtin_prefetch(*bucket);
}

struct adit_up_node *adit_up_map_next(const struct adit_up_node *after)
{
    return skip_others(after->next, after->hash);
}

struct adit_up_node *adit_up_map_any(const struct adit_up_map *m)
{
    for (uint32_t i = 0; i < m->n_buckets; i++)
        if (m->buckets[i])
            return m->buckets[i];
    return NULL;
}

void adit_up_map_fini(struct adit_up_map *m)
{
    adit_free(m->buckets);
    *m = (struct adit_up_map){0};
}
