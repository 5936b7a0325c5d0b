/* SPDX-License-Identifier: Apache-2.0 */
/* The trie of inner addresses against a list: the input is a sequence of additions, removals and look-ups. */
#include <assert.h>
#include <stdlib.h>

#include "plane/routes.h"
#include "base/bytes.h"

enum {
    ROUTES_MAX = 256,
};

struct model {
    struct adit_prefix p[ROUTES_MAX];
    uint32_t peer[ROUTES_MAX];
    size_t n;
};

static size_t index_of(const struct model *m, const struct adit_prefix *k)
{
    size_t i = 0;

    while (i < m->n && !(m->p[i].bits == k->bits && adit_ip_eq(&m->p[i].ip, &k->ip)))
        i++;
    return i;
}

static uint32_t model_find(const struct model *m, const struct adit_ip *ip)
{
    uint32_t peer = ADIT_NO_PEER;
    int best = -1;

    for (size_t i = 0; i < m->n; i++) {
        if (m->p[i].bits <= best || !adit_prefix_has(&m->p[i], ip))
            continue;
        best = m->p[i].bits;
        peer = m->peer[i];
    }
    return peer;
}

static struct adit_prefix take_prefix(struct adit_rd *r)
{
    struct adit_prefix p = {0};
    uint8_t bits = adit_rd_u8(r);

    if (bits < 33) {
        p.ip = adit_ip_v4(adit_rd_u32(r));
        p.bits = bits;
        return p;
    }
    /* Both ends of a v6 address: what lies between is rarely interesting. */
    p.ip.family = ADIT_AF_V6;
    adit_rd_copy(r, p.ip.b, 2);
    adit_rd_copy(r, p.ip.b + 7, 2);
    adit_rd_copy(r, p.ip.b + 14, 2);
    p.bits = bits % 129;
    return p;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct adit_rd r = adit_rd_of(adit_bytes_of(data, n));
    struct adit_routes *routes = adit_routes_new();
    struct model m = {.n = 0};

    if (!routes)
        abort();
    while (adit_rd_left(&r) > 0) {
        uint8_t op = adit_rd_u8(&r);
        struct adit_prefix p = take_prefix(&r), k = adit_prefix_masked(p);
        uint32_t peer = op >> 2 & 3;
        size_t i = index_of(&m, &k);

        if ((op & 3) == 0) {
            adit_routes_del(routes, &p, peer);
            if (i < m.n && m.peer[i] == peer) {
                m.n--;
                m.p[i] = m.p[m.n];
                m.peer[i] = m.peer[m.n];
            }
        } else if ((op & 3) < 3 && i < ROUTES_MAX) {
            assert(adit_routes_add(routes, &p, peer) == ADIT_OK);
            m.p[i] = k;
            m.peer[i] = peer;
            m.n += i == m.n;
        }
        assert(adit_routes_find(routes, &p.ip) == model_find(&m, &p.ip));
        assert(adit_routes_find(routes, &k.ip) == model_find(&m, &k.ip));
    }
    adit_routes_free(routes);
    return 0;
}
