/* SPDX-License-Identifier: Apache-2.0 */
#include "../unit.h"

#include "base/rng.h"
#include "plane/routes.h"

static struct adit_prefix prefix(const char *s)
{
    struct adit_prefix p;

    assert_int_equal(adit_prefix_parse(s, &p), ADIT_OK);
    return p;
}

static void add(struct adit_routes *r, const char *s, uint32_t peer)
{
    struct adit_prefix p = prefix(s);

    assert_int_equal(adit_routes_add(r, &p, peer), ADIT_OK);
}

static void del(struct adit_routes *r, const char *s, uint32_t peer)
{
    struct adit_prefix p = prefix(s);

    adit_routes_del(r, &p, peer);
}

static uint32_t find(const struct adit_routes *r, const char *s)
{
    struct adit_ip ip;

    assert_int_equal(adit_ip_parse(s, &ip), ADIT_OK);
    return adit_routes_find(r, &ip);
}

static void the_longest_prefix_wins(void **state)
{
    struct adit_routes *r = adit_routes_new();

    (void)state;
    assert_int_equal(find(r, "10.8.0.1"), ADIT_NO_PEER);
    add(r, "10.8.0.0/16", 1);
    add(r, "10.8.1.0/24", 2);
    add(r, "10.8.1.7/32", 3);
    add(r, "2001:db8::/32", 4);
    add(r, "2001:db8:0:1::77/128", 5);
    assert_int_equal(find(r, "10.8.0.1"), 1);
    assert_int_equal(find(r, "10.8.1.1"), 2);
    assert_int_equal(find(r, "10.8.1.7"), 3);
    assert_int_equal(find(r, "10.9.0.1"), ADIT_NO_PEER);
    assert_int_equal(find(r, "2001:db8::1"), 4);
    assert_int_equal(find(r, "2001:db8:0:1::77"), 5);
    assert_int_equal(find(r, "2001:db8:0:1::78"), 4);
    assert_int_equal(find(r, "2001:db9::"), ADIT_NO_PEER);
    add(r, "0.0.0.0/0", 9);
    assert_int_equal(find(r, "192.0.2.1"), 9);
    assert_int_equal(find(r, "2001:db9::"), ADIT_NO_PEER);
    adit_routes_free(r);
}

static void only_the_owner_takes_a_route_away(void **state)
{
    struct adit_routes *r = adit_routes_new();

    (void)state;
    add(r, "10.8.0.0/24", 1);
    add(r, "10.8.0.0/24", 2);
    del(r, "10.8.0.0/24", 1);
    assert_int_equal(find(r, "10.8.0.9"), 2);
    del(r, "10.8.0.0/25", 2);
    assert_int_equal(find(r, "10.8.0.9"), 2);
    del(r, "10.8.0.0/24", 2);
    assert_int_equal(find(r, "10.8.0.9"), ADIT_NO_PEER);
    adit_routes_free(r);
}

static void host_bits_do_not_matter(void **state)
{
    struct adit_routes *r = adit_routes_new();

    (void)state;
    add(r, "10.8.0.77/24", 1);
    assert_int_equal(find(r, "10.8.0.1"), 1);
    del(r, "10.8.0.1/24", 1);
    assert_int_equal(find(r, "10.8.0.77"), ADIT_NO_PEER);
    adit_routes_free(r);
}

static void nonsense_is_refused(void **state)
{
    struct adit_routes *r = adit_routes_new();
    struct adit_prefix p = {0};

    (void)state;
    assert_int_equal(adit_routes_add(r, &p, 1), ADIT_E_MALFORMED);
    p = prefix("10.0.0.0/8");
    p.bits = 33;
    assert_int_equal(adit_routes_add(r, &p, 1), ADIT_E_MALFORMED);
    assert_int_equal(adit_routes_find(r, &(struct adit_ip){0}), ADIT_NO_PEER);
    adit_routes_free(r);
    adit_routes_free(NULL);
}

/* ---- against a list ---- */

enum {
    MODEL_MAX = 200,
};

struct model {
    struct adit_prefix p[MODEL_MAX];
    uint32_t peer[MODEL_MAX];
    size_t n;
};

static bool same_prefix(const struct adit_prefix *a, const struct adit_prefix *b)
{
    return a->bits == b->bits && adit_ip_eq(&a->ip, &b->ip);
}

static void model_add(struct model *m, const struct adit_prefix *p, uint32_t peer)
{
    struct adit_prefix k = adit_prefix_masked(*p);

    for (size_t i = 0; i < m->n; i++)
        if (same_prefix(&m->p[i], &k)) {
            m->peer[i] = peer;
            return;
        }
    m->p[m->n] = k;
    m->peer[m->n++] = peer;
}

static void model_del(struct model *m, const struct adit_prefix *p, uint32_t peer)
{
    struct adit_prefix k = adit_prefix_masked(*p);

    for (size_t i = 0; i < m->n; i++)
        if (same_prefix(&m->p[i], &k) && m->peer[i] == peer) {
            m->n--;
            m->p[i] = m->p[m->n];
            m->peer[i] = m->peer[m->n];
            return;
        }
}

static uint32_t model_find(const struct model *m, const struct adit_ip *ip)
{
    uint32_t peer = ADIT_NO_PEER;
    int best = -1;

    for (size_t i = 0; i < m->n; i++)
        if (m->p[i].bits > best && adit_prefix_has(&m->p[i], ip)) {
            best = m->p[i].bits;
            peer = m->peer[i];
        }
    return peer;
}

/* Few distinct bits, so that prefixes nest and meet. */
static struct adit_prefix some_prefix(const struct adit_rng *rng)
{
    struct adit_prefix p = {0};

    if (adit_rng_below(rng, 2)) {
        p.ip =
            adit_ip_v4(adit_rng_below(rng, 4) << 30 | adit_rng_below(rng, 4) << 15 | adit_rng_below(rng, 8));
        p.bits = (uint8_t)adit_rng_below(rng, 33);
        return p;
    }
    p.ip.family = ADIT_AF_V6;
    for (int i = 0; i < 16; i += 5)
        p.ip.b[i] = (uint8_t)(adit_rng_below(rng, 2) * 0x81);
    p.bits = (uint8_t)adit_rng_below(rng, 129);
    return p;
}

static void it_agrees_with_a_list(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        uint64_t rng_state = seed;
        struct adit_rng rng = adit_rng_seeded(&rng_state);
        struct adit_routes *r = adit_routes_new();
        static struct model m;

        m.n = 0;
        for (int i = 0; i < 2000; i++) {
            struct adit_prefix p = m.n > 0 && adit_rng_below(&rng, 2)
                                       ? m.p[adit_rng_below(&rng, (uint32_t)m.n)]
                                       : some_prefix(&rng);
            uint32_t peer = adit_rng_below(&rng, 3);

            if (m.n < MODEL_MAX && adit_rng_below(&rng, 2)) {
                assert_int_equal(adit_routes_add(r, &p, peer), ADIT_OK);
                model_add(&m, &p, peer);
            } else {
                adit_routes_del(r, &p, peer);
                model_del(&m, &p, peer);
            }
            for (int k = 0; k < 8; k++) {
                struct adit_ip ip = some_prefix(&rng).ip;

                if (adit_routes_find(r, &ip) != model_find(&m, &ip))
                    fail_msg("seed %d step %d", (int)seed, i);
            }
        }
        adit_routes_free(r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_longest_prefix_wins), cmocka_unit_test(only_the_owner_takes_a_route_away),
        cmocka_unit_test(host_bits_do_not_matter), cmocka_unit_test(nonsense_is_refused),
        cmocka_unit_test(it_agrees_with_a_list),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
