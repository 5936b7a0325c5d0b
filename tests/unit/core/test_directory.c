/* SPDX-License-Identifier: Apache-2.0 */
#include "../unit.h"

#include "base/rng.h"
#include "core/directory.h"

static struct adit_ip ip(const char *text)
{
    struct adit_ip v;

    assert_int_equal(adit_ip_parse(text, &v), ADIT_OK);
    return v;
}

static struct adit_pool_spec pool(const char *start, const char *end)
{
    return (struct adit_pool_spec){.v4_start = ip(start), .v4_end = ip(end)};
}

static void assert_ip(const struct adit_ip *got, const char *want)
{
    char text[ADIT_IP_STR_MAX];

    assert_string_equal(adit_ip_str(got, text, sizeof text), want);
}

static void a_name_gets_its_old_address_back(void **state)
{
    struct adit_pool_spec spec = pool("10.8.0.2", "10.8.0.254");
    struct adit_directory *d = adit_directory_new(10, &spec);
    struct adit_lease a, b, again;

    (void)state;
    assert_int_equal(adit_directory_join(d, "alice", &a), ADIT_OK);
    assert_int_equal(adit_directory_join(d, "bob", &b), ADIT_OK);
    assert_ip(&a.v4, "10.8.0.2");
    assert_ip(&b.v4, "10.8.0.3");
    assert_int_equal(b.peer_id, 1);
    adit_directory_leave(d, a.peer_id);
    adit_directory_leave(d, b.peer_id);
    assert_int_equal(adit_directory_join(d, "bob", &again), ADIT_OK);
    assert_ip(&again.v4, "10.8.0.3");
    assert_int_equal(again.peer_id, 0);
    assert_int_equal(adit_directory_count(d), 1);
    adit_directory_free(d);
}

static void strangers_get_the_address_free_for_longest(void **state)
{
    struct adit_pool_spec spec = pool("10.8.0.2", "10.8.0.4");
    struct adit_directory *d = adit_directory_new(10, &spec);
    struct adit_lease l[3], next;

    (void)state;
    for (int i = 0; i < 3; i++)
        assert_int_equal(adit_directory_join(d, (const char *[]){"a", "b", "c"}[i], &l[i]), ADIT_OK);
    adit_directory_leave(d, l[1].peer_id);
    adit_directory_leave(d, l[0].peer_id);
    assert_int_equal(adit_directory_join(d, "new", &next), ADIT_OK);
    assert_ip(&next.v4, "10.8.0.3");
    adit_directory_free(d);
}

static void a_full_pool_and_a_full_house_refuse(void **state)
{
    struct adit_pool_spec spec = pool("10.8.0.2", "10.8.0.3");
    struct adit_directory *d = adit_directory_new(3, &spec);
    struct adit_pool_spec none = {0};
    struct adit_lease l;

    (void)state;
    assert_int_equal(adit_directory_join(d, "a", &l), ADIT_OK);
    assert_int_equal(adit_directory_join(d, "b", &l), ADIT_OK);
    assert_int_equal(adit_directory_join(d, "c", &l), ADIT_E_FULL);
    adit_directory_free(d);

    d = adit_directory_new(1, &none);
    assert_int_equal(adit_directory_join(d, "a", &l), ADIT_OK);
    assert_int_equal(l.v4.family, ADIT_AF_NONE);
    assert_int_equal(adit_directory_join(d, "b", &l), ADIT_E_FULL);
    adit_directory_leave(d, 0);
    assert_int_equal(adit_directory_join(d, "b", &l), ADIT_OK);
    adit_directory_leave(d, 77);
    adit_directory_free(d);
}

static void net30_gives_blocks_of_four(void **state)
{
    struct adit_pool_spec spec = pool("10.8.0.4", "10.8.0.251");
    struct adit_directory *d;
    struct adit_lease l;

    (void)state;
    spec.is_net30 = true;
    d = adit_directory_new(10, &spec);
    assert_int_equal(adit_directory_join(d, "a", &l), ADIT_OK);
    assert_ip(&l.v4, "10.8.0.6");
    assert_ip(&l.v4_peer, "10.8.0.5");
    assert_int_equal(adit_directory_join(d, "b", &l), ADIT_OK);
    assert_ip(&l.v4, "10.8.0.10");
    adit_directory_free(d);
}

static void ipv6_follows_the_slot(void **state)
{
    struct adit_pool_spec spec = pool("10.8.0.2", "10.8.0.254");
    struct adit_directory *d;
    struct adit_lease l;

    (void)state;
    assert_int_equal(adit_prefix_parse("2001:db8::/64", &spec.v6), ADIT_OK);
    spec.v6_start = ip("2001:db8::1000");
    d = adit_directory_new(10, &spec);
    assert_int_equal(adit_directory_join(d, "a", &l), ADIT_OK);
    assert_int_equal(adit_directory_join(d, "b", &l), ADIT_OK);
    assert_ip(&l.v6, "2001:db8::1001");
    adit_directory_free(d);
}

static void hints_survive_a_restart(void **state)
{
    struct adit_pool_spec spec = pool("10.8.0.2", "10.8.0.254");
    struct adit_directory *d = adit_directory_new(10, &spec);
    struct adit_ip v4 = ip("10.8.0.9"), none = {.family = ADIT_AF_NONE};
    struct adit_lease l;
    const char *name;

    (void)state;
    assert_int_equal(adit_directory_hint(d, "carol", &v4, &none), ADIT_OK);
    assert_true(adit_directory_hint_at(d, 0, &name, &l));
    assert_string_equal(name, "carol");
    assert_false(adit_directory_hint_at(d, 1, &name, &l));
    assert_int_equal(adit_directory_join(d, "dave", &l), ADIT_OK);
    assert_ip(&l.v4, "10.8.0.2");
    assert_int_equal(adit_directory_join(d, "carol", &l), ADIT_OK);
    assert_ip(&l.v4, "10.8.0.9");
    adit_directory_free(d);
}

/* ---- against a pool that looks at every slot ---- */

enum {
    NAMES = 12,
    SLOTS = 8,
    IDS = 10,
};

struct naive {
    bool is_used[SLOTS];
    int name[SLOTS]; /* -1: never had one */
    unsigned freed_at[SLOTS], clock;
    int slot_of[IDS]; /* -1: the id is free */
};

static int naive_pick(const struct naive *m, int name)
{
    int best = -1;

    for (int i = 0; i < SLOTS; i++) {
        if (m->is_used[i])
            continue;
        if (m->name[i] == name)
            return i;
        if (best < 0 || m->freed_at[i] < m->freed_at[best])
            best = i;
    }
    return best;
}

static void join_both(struct adit_directory *d, struct naive *m, int name)
{
    const char text[] = {'n', (char)('a' + name), '\0'};
    int slot = naive_pick(m, name), id = 0;
    struct adit_lease l;

    while (id < IDS && m->slot_of[id] >= 0)
        id++;
    if (slot < 0) {
        assert_int_equal(adit_directory_join(d, text, &l), ADIT_E_FULL);
        return;
    }
    assert_int_equal(adit_directory_join(d, text, &l), ADIT_OK);
    assert_int_equal(l.peer_id, id);
    assert_int_equal(adit_ip_v4_host(&l.v4) - 0x0a080002, slot);
    m->slot_of[id] = slot;
    m->is_used[slot] = true;
    m->name[slot] = name;
}

static void leave_both(struct adit_directory *d, struct naive *m, int id)
{
    adit_directory_leave(d, (uint32_t)id);
    if (m->slot_of[id] < 0)
        return;
    m->is_used[m->slot_of[id]] = false;
    m->freed_at[m->slot_of[id]] = ++m->clock;
    m->slot_of[id] = -1;
}

static void hint_both(struct adit_directory *d, struct naive *m, int slot, int name)
{
    const char text[] = {'n', (char)('a' + name), '\0'};
    struct adit_ip v4 = adit_ip_v4(0x0a080002 + (uint32_t)slot), none = {.family = ADIT_AF_NONE};

    assert_int_equal(adit_directory_hint(d, text, &v4, &none), ADIT_OK);
    if (slot >= SLOTS || m->is_used[slot])
        return;
    m->name[slot] = name;
    m->freed_at[slot] = ++m->clock;
}

static void it_agrees_with_a_pool_that_looks_at_every_slot(void **state)
{
    uint64_t seed = 5;
    struct adit_rng rng = adit_rng_seeded(&seed);

    (void)state;
    for (int round = 0; round < 200; round++) {
        struct adit_pool_spec spec = pool("10.8.0.2", "10.8.0.9");
        struct adit_directory *d = adit_directory_new(IDS, &spec);
        struct naive m = {.clock = 0};

        memset(m.name, 0xff, sizeof m.name);
        memset(m.slot_of, 0xff, sizeof m.slot_of);
        for (int i = 0; i < 300; i++) {
            int name = (int)adit_rng_below(&rng, NAMES);

            switch (adit_rng_below(&rng, 8)) {
            case 0:
                hint_both(d, &m, (int)adit_rng_below(&rng, SLOTS + 1), name);
                break;
            case 1:
            case 2:
            case 3:
                leave_both(d, &m, (int)adit_rng_below(&rng, IDS));
                break;
            default:
                join_both(d, &m, name);
                break;
            }
        }
        adit_directory_free(d);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_gets_its_old_address_back),
        cmocka_unit_test(strangers_get_the_address_free_for_longest),
        cmocka_unit_test(a_full_pool_and_a_full_house_refuse),
        cmocka_unit_test(net30_gives_blocks_of_four),
        cmocka_unit_test(ipv6_follows_the_slot),
        cmocka_unit_test(hints_survive_a_restart),
        cmocka_unit_test(it_agrees_with_a_pool_that_looks_at_every_slot),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
