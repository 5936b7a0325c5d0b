/* SPDX-License-Identifier: Apache-2.0 */
#include "../unit.h"

#include "base/addr.h"

static void addresses_round_trip(void **state)
{
    static const char *const good[] = {
        "0.0.0.0", "10.8.0.1", "255.255.255.255", "::", "::1", "2001:db8::1", "fe80::1:2:3:4"};
    static const char *const bad[] = {"",    "10.8.0",   "10.8.0.256", "10.8.0.1.",
                                      ":::", "2001:db8", "1::2::3",    "g::"};
    char text[ADIT_IP_STR_MAX];
    struct adit_ip ip;

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(adit_ip_parse(good[i], &ip), ADIT_OK);
        assert_string_equal(adit_ip_str(&ip, text, sizeof text), good[i]);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(adit_ip_parse(bad[i], &ip), ADIT_E_MALFORMED);
}

static void prefixes_know_their_members(void **state)
{
    struct adit_prefix p;
    struct adit_ip in, out;

    (void)state;
    assert_int_equal(adit_prefix_parse("10.8.0.77/22", &p), ADIT_OK);
    p = adit_prefix_masked(p);
    assert_int_equal(adit_ip_v4_host(&p.ip), 0x0a080000);
    assert_int_equal(adit_ip_parse("10.8.3.255", &in), ADIT_OK);
    assert_int_equal(adit_ip_parse("10.8.4.0", &out), ADIT_OK);
    assert_true(adit_prefix_has(&p, &in));
    assert_false(adit_prefix_has(&p, &out));
    assert_int_equal(adit_prefix_parse("10.8.0.0/33", &p), ADIT_E_MALFORMED);
    assert_int_equal(adit_prefix_parse("10.8.0.0/", &p), ADIT_E_MALFORMED);
    assert_int_equal(adit_prefix_parse("2001:db8::/129", &p), ADIT_E_MALFORMED);
    assert_int_equal(adit_prefix_parse("2001:db8::/9999999999", &p), ADIT_E_MALFORMED);
}

static void netmasks_are_contiguous(void **state)
{
    struct adit_ip mask;
    uint8_t bits;

    (void)state;
    assert_int_equal(adit_ip_parse("255.255.252.0", &mask), ADIT_OK);
    assert_true(adit_netmask_bits(&mask, &bits));
    assert_int_equal(bits, 22);
    assert_int_equal(adit_ip_parse("255.0.255.0", &mask), ADIT_OK);
    assert_false(adit_netmask_bits(&mask, &bits));
    for (uint8_t n = 0; n <= 32; n++) {
        mask = adit_netmask_of(n);
        assert_true(adit_netmask_bits(&mask, &bits));
        assert_int_equal(bits, n);
    }
}

static void adding_carries(void **state)
{
    struct adit_ip ip, want;

    (void)state;
    assert_int_equal(adit_ip_parse("10.8.0.255", &ip), ADIT_OK);
    assert_int_equal(adit_ip_parse("10.8.1.1", &want), ADIT_OK);
    ip = adit_ip_add(ip, 2);
    assert_true(adit_ip_eq(&ip, &want));
    assert_int_equal(adit_ip_parse("2001:db8::ffff:ffff", &ip), ADIT_OK);
    assert_int_equal(adit_ip_parse("2001:db8::1:0:0", &want), ADIT_OK);
    ip = adit_ip_add(ip, 1);
    assert_true(adit_ip_eq(&ip, &want));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_round_trip),
        cmocka_unit_test(prefixes_know_their_members),
        cmocka_unit_test(netmasks_are_contiguous),
        cmocka_unit_test(adding_carries),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
