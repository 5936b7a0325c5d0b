/* SPDX-License-Identifier: Apache-2.0 */
#include "../unit.h"

#include "proto/mtu.h"

static struct adit_mss mss(enum adit_mss_rule rule, unsigned n, const char *cipher, uint8_t digest,
                           bool is_ipv6)
{
    struct adit_path p = {
        .cipher = adit_cipher_find(cipher), .digest_len = digest, .is_v2 = true, .is_ipv6 = is_ipv6};

    assert_non_null(p.cipher);
    return adit_mss_of(rule, n, &p);
}

/* The table of protocol text 11.2. */
static void the_published_examples_hold(void **state)
{
    (void)state;
    assert_int_equal(mss(ADIT_MSS_RULE_PACKET, 1400, "AES-256-GCM", 0, false).v4, 1400 - 64);
    assert_int_equal(mss(ADIT_MSS_RULE_MTU, 1492, "AES-256-GCM", 0, false).v4, 1400);
    assert_int_equal(mss(ADIT_MSS_RULE_MTU, 1492, "AES-256-GCM", 0, true).v4, 1380);
    assert_int_equal(mss(ADIT_MSS_RULE_MTU, 1492, "AES-256-GCM", 0, false).v6, 1380);
    assert_int_equal(mss(ADIT_MSS_RULE_MTU, 1492, "AES-128-CBC", 20, false).v4, 1379);
    assert_int_equal(mss(ADIT_MSS_RULE_MTU, 1492, "AES-256-CBC", 32, false).v4, 1363);
    assert_int_equal(mss(ADIT_MSS_RULE_FIXED, 1400, "AES-256-GCM", 0, false).v4, 1360);
    assert_int_equal(mss(ADIT_MSS_RULE_FIXED, 1400, "AES-256-GCM", 0, false).v6, 1340);
}

static void off_and_absurd_sizes_leave_packets_alone(void **state)
{
    (void)state;
    assert_int_equal(mss(ADIT_MSS_RULE_OFF, 1400, "AES-256-GCM", 0, false).v4, 0);
    assert_int_equal(mss(ADIT_MSS_RULE_MTU, 0, "AES-256-GCM", 0, false).v4, 0);
    assert_int_equal(mss(ADIT_MSS_RULE_MTU, 60, "AES-256-GCM", 0, false).v4, 0);
    assert_int_equal(mss(ADIT_MSS_RULE_PACKET, 10, "AES-128-CBC", 20, false).v6, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_published_examples_hold),
        cmocka_unit_test(off_and_absurd_sizes_leave_packets_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
