/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole addresses are in a hash table, which is asked first: nothing is longer. Networks are in a
 * path-compressed binary trie per family. A node of it stands for a prefix; it either has an owner or has two
 * children (it then only says where two prefixes part). The depth is bounded by the address length.
 */
#include "plane/routes.h"

#include "base/mem.h"
#include "plane/exact.h"

struct node {
    struct adit_exact_key key; /* bits behind `bits` are zero */
    unsigned bits;
    uint32_t peer; /* ADIT_NO_PEER: a fork only */
    struct node *child[2];
};

struct adit_routes {
    struct adit_exact whole;
    struct node *v4, *v6;
};

static struct adit_exact_key masked(struct adit_exact_key k, unsigned bits)
{
    if (bits <= 64) {
        k.hi = bits == 0 ? 0 : k.hi & (UINT64_MAX << (64 - bits));
        k.lo = 0;
    } else if (bits < 128) {
        k.lo &= UINT64_MAX << (128 - bits);
    }
    return k;
}

static bool has_prefix(const struct adit_exact_key *k, const struct node *n)
{
    struct adit_exact_key m = masked(*k, n->bits);

    return m.hi == n->key.hi && m.lo == n->key.lo;
}

static unsigned bit_at(const struct adit_exact_key *k, unsigned i)
{
    return (unsigned)((i < 64 ? k->hi >> (63 - i) : k->lo >> (127 - i)) & 1);
}

static unsigned common_bits(const struct adit_exact_key *a, const struct adit_exact_key *b, unsigned max)
{
    uint64_t hi = a->hi ^ b->hi, lo = a->lo ^ b->lo;
    unsigned n = hi ? (unsigned)__builtin_clzll(hi) : 64 + (lo ? (unsigned)__builtin_clzll(lo) : 64);

    return n < max ? n : max;
}

struct adit_routes *adit_routes_new(void)
{
    return adit_alloc(sizeof(struct adit_routes));
}

/* The depth is bounded by 129 nodes, so recursion is, too. */
static void free_tree(struct node *n)
{
    if (!n)
        return;
    free_tree(n->child[0]);
    free_tree(n->child[1]);
    adit_free(n);
}

void adit_routes_free(struct adit_routes *r)
{
    if (!r)
        return;
    adit_exact_fini(&r->whole);
    free_tree(r->v4);
    free_tree(r->v6);
    adit_free(r);
}

/* NULL: neither family. */
static struct node **root_of(struct adit_routes *r, uint8_t family)
{
    return family == ADIT_AF_V4 ? &r->v4 : family == ADIT_AF_V6 ? &r->v6 : NULL;
}

static struct node *make_node(const struct adit_exact_key *k, unsigned bits, uint32_t peer)
{
    struct node *n = adit_alloc(sizeof *n);

    if (n)
        *n = (struct node){.key = masked(*k, bits), .bits = bits, .peer = peer};
    return n;
}

/* Puts `fresh` where `old` is, with `old` below it: as its descendant, or beside it below a fork. */
static adit_err insert_above(struct node **at, struct node *old, struct node *fresh, unsigned common)
{
    struct node *fork;

    if (common == fresh->bits) {
        fresh->child[bit_at(&old->key, common)] = old;
        *at = fresh;
        return ADIT_OK;
    }
    fork = make_node(&fresh->key, common, ADIT_NO_PEER);
    if (!fork) {
        adit_free(fresh);
        return ADIT_E_MEMORY;
    }
    fork->child[bit_at(&fresh->key, common)] = fresh;
    fork->child[bit_at(&old->key, common)] = old;
    *at = fork;
    return ADIT_OK;
}

static unsigned bits_max(const struct adit_ip *ip)
{
    return ip->family == ADIT_AF_V4 ? 32 : 128;
}

adit_err adit_routes_add(struct adit_routes *r, const struct adit_prefix *p, uint32_t peer)
{
    struct node **at = root_of(r, p->ip.family), *fresh;
    struct adit_exact_key k = masked(adit_exact_key_of(&p->ip), p->bits);

    if (!at || p->bits > bits_max(&p->ip))
        return ADIT_E_MALFORMED;
    if (p->bits == bits_max(&p->ip))
        return adit_exact_put(&r->whole, &k, peer);
    while (*at) {
        struct node *n = *at;
        unsigned common = common_bits(&k, &n->key, n->bits < p->bits ? n->bits : p->bits);

        if (common < n->bits) {
            fresh = make_node(&k, p->bits, peer);
            return fresh ? insert_above(at, n, fresh, common) : ADIT_E_MEMORY;
        }
        if (n->bits == p->bits) {
            n->peer = peer;
            return ADIT_OK;
        }
        at = &n->child[bit_at(&k, n->bits)];
    }
    *at = make_node(&k, p->bits, peer);
    return *at ? ADIT_OK : ADIT_E_MEMORY;
}

/* A node without owner stays only as a fork. */
static bool shrink(struct node **at)
{
    struct node *n = *at;

    if (n->peer != ADIT_NO_PEER || (n->child[0] && n->child[1]))
        return false;
    *at = n->child[0] ? n->child[0] : n->child[1];
    adit_free(n);
    return true;
}

void adit_routes_del(struct adit_routes *r, const struct adit_prefix *p, uint32_t peer)
{
    struct node **at = root_of(r, p->ip.family), **above = NULL;
    struct adit_exact_key k = masked(adit_exact_key_of(&p->ip), p->bits);

    if (!at)
        return;
    if (p->bits == bits_max(&p->ip)) {
        adit_exact_del(&r->whole, &k, peer);
        return;
    }
    while (*at && (*at)->bits < p->bits) {
        if (!has_prefix(&k, *at))
            return;
        above = at;
        at = &(*at)->child[bit_at(&k, (*at)->bits)];
    }
    if (!*at || (*at)->bits != p->bits || !has_prefix(&k, *at) || (*at)->peer != peer)
        return;
    (*at)->peer = ADIT_NO_PEER;
    if (shrink(at) && above)
        shrink(above);
}

uint32_t adit_routes_find(const struct adit_routes *r, const struct adit_ip *ip)
{
    const struct node *n = ip->family == ADIT_AF_V4 ? r->v4 : ip->family == ADIT_AF_V6 ? r->v6 : NULL;
    struct adit_exact_key k = adit_exact_key_of(ip);
    const uint32_t *whole = adit_exact_find(&r->whole, &k);
    uint32_t peer = ADIT_NO_PEER;

    if (whole)
        return *whole;
    while (n && has_prefix(&k, n)) {
        if (n->peer != ADIT_NO_PEER)
            peer = n->peer;
        n = n->child[bit_at(&k, n->bits)];
    }
    return peer;
}
