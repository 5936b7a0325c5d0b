/* SPDX-License-Identifier: Apache-2.0 */
#include "../unit.h"

#include "wire/csum.h"

/* RFC 1071, word by word, in network order; an odd byte is the upper half of the last word. */
static uint16_t slow_sum(const uint8_t *p, size_t n)
{
    uint32_t sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
    while (sum >> 16)
        sum = (sum & 0xFFFF) + (sum >> 16);
    return (uint16_t)sum;
}

/* As a number, from memory order. */
static uint16_t folded(uint64_t sum)
{
    uint16_t word = adit_csum_fold(sum);
    uint8_t b[2];

    memcpy(b, &word, sizeof b);
    return (uint16_t)(b[0] << 8 | b[1]);
}

static uint8_t bytes[65536 + 64];

static void fill(uint32_t seed)
{
    for (size_t i = 0; i < sizeof bytes; i++) {
        seed = seed * 1664525 + 1013904223;
        bytes[i] = (uint8_t)(seed >> 24);
    }
}

static void the_sum_of_the_example_in_rfc_1071(void **state)
{
    uint8_t b[8];

    (void)state;
    assert_int_equal(unhex("0001 f203 f4f5 f6f7", b, sizeof b), 8);
    assert_int_equal(folded(adit_csum_add(0, b, 8)), 0xddf2);
}

static void every_length_at_every_offset(void **state)
{
    (void)state;
    fill(1);
    for (size_t n = 0; n <= 2100; n++) {
        for (size_t at = 0; at < 64; at++) {
            uint16_t want = slow_sum(bytes + at, n);

            if (folded(adit_csum_add(0, bytes + at, n)) != want)
                fail_msg("%zu bytes at %zu", n, at);
            if (folded(adit_csum_add_plain(0, bytes + at, n)) != want)
                fail_msg("plain: %zu bytes at %zu", n, at);
        }
    }
}

static void the_longest_packet_of_all_ones_overflows_nothing(void **state)
{
    (void)state;
    memset(bytes, 0xFF, sizeof bytes);
    for (size_t n = 65400; n <= 65536; n++) {
        uint16_t want = n % 2 ? 0xFF00 : 0xFFFF;

        assert_int_equal(folded(adit_csum_add(0, bytes + 1, n)), want);
        assert_int_equal(folded(adit_csum_add_plain(0, bytes + 1, n)), want);
    }
}

static void parts_add_up_in_any_order(void **state)
{
    (void)state;
    fill(2);
    for (size_t cut = 0; cut <= 1500; cut += 2) {
        uint64_t first = adit_csum_add(adit_csum_add(0, bytes, cut), bytes + cut, 1501 - cut);
        uint64_t last = adit_csum_add(adit_csum_add(0, bytes + cut, 1501 - cut), bytes, cut);

        assert_int_equal(folded(first), slow_sum(bytes, 1501));
        assert_int_equal(folded(last), slow_sum(bytes, 1501));
    }
}

static void a_sum_that_is_nearly_full_carries_on(void **state)
{
    (void)state;
    fill(3);
    /* All ones is another zero, whatever its length. */
    for (size_t n = 1; n <= 300; n++) {
        assert_int_equal(folded(adit_csum_add(UINT64_MAX, bytes, n)), slow_sum(bytes, n));
        assert_int_equal(folded(adit_csum_add_plain(UINT64_MAX, bytes, n)), slow_sum(bytes, n));
    }
}

static void folding_keeps_zero_and_all_ones_apart(void **state)
{
    (void)state;
    assert_int_equal(adit_csum_fold(0), 0);
    assert_int_equal(adit_csum_fold(0xFFFF), 0xFFFF);
    assert_int_equal(adit_csum_fold(0x10000), 1);
    assert_int_equal(adit_csum_fold(UINT64_MAX), 0xFFFF);
    assert_int_equal(adit_csum_fold(0x0001000100010001), 4);
    assert_int_equal(adit_csum_fold(0xFFFF0000FFFF0001), 1);
}

static void pseudo_headers_of_both_families(void **state)
{
    static const char v4[] = "4500 0054 1234 4000 4006 0000 c0a8 0102 0a00 00fe";
    static const char v6[] =
        "6000 0000 0020 0040 20010db8000000000000000000000001 fd0000000000000000000000deadbeef";
    uint8_t ip[40], pseudo[40];

    (void)state;
    assert_int_equal(unhex(v4, ip, sizeof ip), 20);
    assert_int_equal(unhex("c0a8 0102 0a00 00fe 0006 fff1", pseudo, sizeof pseudo), 12);
    assert_int_equal(folded(adit_csum_pseudo(ip, 6, 0xfff1)), slow_sum(pseudo, 12));

    assert_int_equal(unhex(v6, ip, sizeof ip), 40);
    memcpy(pseudo, ip + 8, 32);
    assert_int_equal(unhex("0001 0203 0000 0011", pseudo + 32, 8), 8);
    assert_int_equal(folded(adit_csum_pseudo(ip, 17, 0x10203)), slow_sum(pseudo, 40));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_sum_of_the_example_in_rfc_1071),
        cmocka_unit_test(every_length_at_every_offset),
        cmocka_unit_test(the_longest_packet_of_all_ones_overflows_nothing),
        cmocka_unit_test(parts_add_up_in_any_order),
        cmocka_unit_test(a_sum_that_is_nearly_full_carries_on),
        cmocka_unit_test(folding_keeps_zero_and_all_ones_apart),
        cmocka_unit_test(pseudo_headers_of_both_families),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
