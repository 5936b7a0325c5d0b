/* SPDX-License-Identifier: Apache-2.0 */
#include "../unit.h"

#include "base/rng.h"
#include "plane/exact.h"

static adit_err put(struct adit_exact *e, const struct adit_ip *ip, uint32_t owner)
{
    struct adit_exact_key k = adit_exact_key_of(ip);

    return adit_exact_put(e, &k, owner);
}

static void del(struct adit_exact *e, const struct adit_ip *ip, uint32_t owner)
{
    struct adit_exact_key k = adit_exact_key_of(ip);

    adit_exact_del(e, &k, owner);
}

static const uint32_t *find(const struct adit_exact *e, const struct adit_ip *ip)
{
    struct adit_exact_key k = adit_exact_key_of(ip);

    return adit_exact_find(e, &k);
}

static uint32_t owner_of(const struct adit_exact *e, const struct adit_ip *ip)
{
    const uint32_t *owner = find(e, ip);

    return owner ? *owner : UINT32_MAX;
}

static void an_address_has_one_owner(void **state)
{
    struct adit_exact e = {0};
    struct adit_ip a = adit_ip_v4(0x0a080001), b = adit_ip_v4(0x0a080002), none = {0};

    (void)state;
    assert_null(find(&e, &a));
    del(&e, &a, 1);
    assert_int_equal(put(&e, &a, 1), ADIT_OK);
    assert_int_equal(owner_of(&e, &a), 1);
    assert_null(find(&e, &b));
    assert_null(find(&e, &none));
    assert_int_equal(put(&e, &a, 2), ADIT_OK);
    assert_int_equal(e.n, 1);
    del(&e, &a, 1);
    assert_int_equal(owner_of(&e, &a), 2);
    del(&e, &a, 2);
    assert_null(find(&e, &a));
    assert_int_equal(e.n, 0);
    adit_exact_fini(&e);
}

/* An IPv4 address, and the IPv6 address that begins with the same bytes and goes on with zeros. */
static void families_are_apart(void **state)
{
    struct adit_exact e = {0};
    struct adit_ip v4 = adit_ip_v4(0x20010db8), v6 = {.family = ADIT_AF_V6, .b = {0x20, 0x01, 0x0d, 0xb8}};

    (void)state;
    assert_int_equal(put(&e, &v4, 4), ADIT_OK);
    assert_null(find(&e, &v6));
    assert_int_equal(put(&e, &v6, 6), ADIT_OK);
    assert_int_equal(owner_of(&e, &v4), 4);
    assert_int_equal(owner_of(&e, &v6), 6);
    adit_exact_fini(&e);
}

enum {
    ADDRESSES = 600,
};

static struct adit_ip address(uint32_t i)
{
    struct adit_ip ip = adit_ip_v4(0x0a080000 + i);

    if (i % 3 > 0)
        return ip;
    ip = (struct adit_ip){.family = ADIT_AF_V6, .b = {0xfd, 0x99}};
    ip.b[14] = (uint8_t)(i >> 8);
    ip.b[15] = (uint8_t)i;
    return ip;
}

/* Long enough for chains, for deletions in the middle of them and for some that go round the table's end. */
static void it_agrees_with_a_list(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        uint64_t rng_state = seed;
        struct adit_rng rng = adit_rng_seeded(&rng_state);
        struct adit_exact e = {0};
        uint32_t owners[ADDRESSES], n = 0;

        memset(owners, 0xff, sizeof owners);
        for (int step = 0; step < 20000; step++) {
            uint32_t i = adit_rng_below(&rng, ADDRESSES), owner = adit_rng_below(&rng, 3);
            /* It grows first, and ends nearly empty. */
            bool want_put = adit_rng_below(&rng, 20000) > (uint32_t)step;
            struct adit_ip ip = address(i);

            if (want_put) {
                assert_int_equal(put(&e, &ip, owner), ADIT_OK);
                n += owners[i] == UINT32_MAX;
                owners[i] = owner;
            } else {
                del(&e, &ip, owner);
                n -= owners[i] == owner;
                owners[i] = owners[i] == owner ? UINT32_MAX : owners[i];
            }
            assert_int_equal(e.n, n);
            if (step % 97 > 0)
                continue;
            for (uint32_t k = 0; k < ADDRESSES; k++) {
                ip = address(k);
                assert_int_equal(owner_of(&e, &ip), owners[k]);
            }
        }
        adit_exact_fini(&e);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_has_one_owner),
        cmocka_unit_test(families_are_apart),
        cmocka_unit_test(it_agrees_with_a_list),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
