/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server's clients that come, go and are remembered, in pools of all shapes. Checked: two clients never
 * share a number or an address, addresses are of the pool, the count is right, whoever comes back to a free
 * address gets it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "core/directory.h"

enum {
    CLIENTS_MAX = 40,
    STEPS_MAX = 400,
    V6_STEPS_MAX = 20, /* such a pool is searched slowly */
    V6_PLACES = 65536,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check(bool is_right)
{
    if (!is_right)
        abort();
}

struct world {
    struct adit_directory *d;
    struct adit_pool_spec pool;
    uint32_t max_clients;
    size_t places; /* addresses in the pool; 0: there is none */
    struct adit_lease lease[CLIENTS_MAX];
    bool is_here[CLIENTS_MAX];
    uint32_t n_here;
};

static size_t place_of(const struct world *w, const struct adit_lease *l)
{
    uint32_t off;

    if (w->pool.v4_start.family == ADIT_AF_NONE)
        return l->v6.b[15] + 256u * l->v6.b[14];
    off = adit_ip_v4_host(&l->v4) - adit_ip_v4_host(&w->pool.v4_start);
    check(adit_ip_v4_host(&l->v4) <= adit_ip_v4_host(&w->pool.v4_end));
    if (!w->pool.is_net30)
        return off;
    check(off % 4 == 2 && adit_ip_v4_host(&l->v4) - adit_ip_v4_host(&l->v4_peer) == 1);
    return off / 4;
}

static void check_lease(const struct world *w, const struct adit_lease *l)
{
    check(l->peer_id < w->max_clients && !w->is_here[l->peer_id]);
    check((l->v4.family != ADIT_AF_NONE) == (w->pool.v4_start.family != ADIT_AF_NONE));
    check((l->v6.family != ADIT_AF_NONE) == (w->pool.v6.bits > 0));
    if (w->pool.v6.bits > 0)
        check(adit_prefix_has(&w->pool.v6, &l->v6));
    for (uint32_t i = 0; w->places > 0 && i < w->max_clients; i++)
        check(!w->is_here[i] || place_of(w, &w->lease[i]) != place_of(w, l));
    for (uint32_t i = 0; i < l->peer_id; i++)
        check(w->is_here[i]); /* the lowest free number */
}

static void join(struct world *w, uint8_t who)
{
    bool is_full = w->n_here == w->max_clients || (w->places > 0 && w->n_here == w->places);
    struct adit_lease l;
    char name[8];
    adit_err e;

    snprintf(name, sizeof name, "c%u", who);
    e = adit_directory_join(w->d, name, &l);
    check((e != ADIT_OK) == is_full);
    if (is_full)
        return;
    check_lease(w, &l);
    w->is_here[l.peer_id] = true;
    w->lease[l.peer_id] = l;
    w->n_here++;
}

static void leave(struct world *w, uint32_t id)
{
    adit_directory_leave(w->d, id);
    if (id >= w->max_clients || !w->is_here[id])
        return;
    w->is_here[id] = false;
    w->n_here--;
}

/* Somebody goes, and comes back at once: to the same address. */
static void come_back(struct world *w, uint32_t id, uint8_t who)
{
    struct adit_lease l;
    char name[8];
    uint32_t at;

    if (w->n_here >= w->max_clients || (w->places > 0 && w->n_here >= w->places))
        return;
    snprintf(name, sizeof name, "n%u", who); /* nobody else's name: only this step uses such */
    check(adit_directory_join(w->d, name, &l) == ADIT_OK);
    check_lease(w, &l);
    at = w->places > 0 ? (uint32_t)place_of(w, &l) : 0;
    adit_directory_leave(w->d, l.peer_id);
    leave(w, id);
    check(adit_directory_join(w->d, name, &l) == ADIT_OK);
    check(w->places == 0 || place_of(w, &l) == at);
    adit_directory_leave(w->d, l.peer_id);
}

static void hint(struct world *w, uint8_t who, uint8_t off)
{
    struct adit_ip v4 = {.family = ADIT_AF_NONE}, v6 = v4;
    char name[8];

    snprintf(name, sizeof name, "c%u", who);
    if (w->pool.v4_start.family != ADIT_AF_NONE)
        v4 = adit_ip_add(w->pool.v4_start, off);
    else
        v6 = adit_ip_add(w->pool.v6_start, off);
    check(adit_directory_hint(w->d, name, &v4, &v6) == ADIT_OK);
}

static void list_hints(struct world *w)
{
    struct adit_lease l;
    const char *name;
    size_t i = 0;

    for (; adit_directory_hint_at(w->d, i, &name, &l); i++) {
        check((name[0] == 'c' || name[0] == 'n') && strlen(name) < 8);
        check(place_of(w, &l) < w->places);
    }
    check(i <= w->places);
}

static void set_pool(struct world *w, uint8_t kind, uint8_t size)
{
    uint32_t start = adit_ip_v4_host(&(struct adit_ip){.b = {10, 8, 0, 4}, .family = ADIT_AF_V4});

    if (kind & 1) {
        w->pool.v4_start = adit_ip_v4(start);
        w->pool.v4_end = adit_ip_v4(start + size);
        w->pool.is_net30 = kind & 2;
        w->places = kind & 2 ? (size + 1u) / 4 : size + 1u;
    }
    if (kind & 4) {
        w->pool.v6 = (struct adit_prefix){.ip = {.b = {0xfd}, .family = ADIT_AF_V6}, .bits = 64};
        w->pool.v6_start = w->pool.v6.ip;
        if (!(kind & 1))
            w->places = V6_PLACES;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct world w;
    struct adit_rd in = adit_rd_of(adit_bytes_of(data, n));
    uint8_t kind = adit_rd_u8(&in), size = adit_rd_u8(&in);

    w = (struct world){.max_clients = 1 + adit_rd_u8(&in) % (CLIENTS_MAX - 1u)};
    set_pool(&w, kind, size);
    /* A range that holds no place would mean no pool. */
    if ((kind & 3) == 3 && w.places == 0)
        return 0;
    w.d = adit_directory_new(w.max_clients, &w.pool);
    check(w.d != NULL);
    for (int i = 0; i < (w.places == V6_PLACES ? V6_STEPS_MAX : STEPS_MAX) && adit_rd_left(&in) > 0; i++) {
        uint8_t what = adit_rd_u8(&in), arg = adit_rd_u8(&in);

        if (what < 0x70)
            join(&w, arg % 64);
        else if (what < 0xb0)
            leave(&w, arg % (CLIENTS_MAX + 2u));
        else if (what < 0xd0)
            hint(&w, what % 64, arg);
        else if (what < 0xf0)
            come_back(&w, what % CLIENTS_MAX, arg);
        else if (w.places > 0 && w.places < V6_PLACES)
            list_hints(&w);
        check(adit_directory_count(w.d) == w.n_here);
    }
    adit_directory_free(w.d);
    return 0;
}
