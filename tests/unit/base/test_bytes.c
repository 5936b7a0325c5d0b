/* SPDX-License-Identifier: Apache-2.0 */
#include "../unit.h"

#include "base/bytes.h"

static void reads_big_endian(void **state)
{
    static const uint8_t in[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
    struct adit_rd r = adit_rd_of(adit_bytes_of(in, 15));

    (void)state;
    assert_int_equal(adit_rd_u8(&r), 1);
    assert_int_equal(adit_rd_u16(&r), 0x0203);
    assert_int_equal(adit_rd_u32(&r), 0x04050607);
    assert_true(adit_rd_u64(&r) == 0x08090a0b0c0d0e0fULL);
    assert_int_equal(adit_rd_end(&r), ADIT_OK);
}

static void reading_past_the_end_latches(void **state)
{
    static const uint8_t in[] = {0xff, 0xff, 0xff};
    struct adit_rd r = adit_rd_of(adit_bytes_of(in, sizeof in));

    (void)state;
    assert_int_equal(adit_rd_u32(&r), 0);
    assert_true(r.bad);
    assert_int_equal(adit_rd_u8(&r), 0);
    assert_int_equal(adit_rd_rest(&r).n, 0);
    assert_int_equal(adit_rd_end(&r), ADIT_E_MALFORMED);
}

static void leftover_is_an_error(void **state)
{
    static const uint8_t in[] = {1, 2};
    struct adit_rd r = adit_rd_of(adit_bytes_of(in, sizeof in));

    (void)state;
    adit_rd_u8(&r);
    assert_int_equal(adit_rd_end(&r), ADIT_E_MALFORMED);
}

static void sub_block_has_its_own_end(void **state)
{
    static const uint8_t in[] = {1, 2, 3};
    struct adit_rd r = adit_rd_of(adit_bytes_of(in, sizeof in));
    struct adit_rd sub = adit_rd_sub(&r, 2);

    (void)state;
    assert_int_equal(adit_rd_u32(&sub), 0);
    assert_true(sub.bad);
    assert_false(r.bad);
    assert_int_equal(adit_rd_u8(&r), 3);
    assert_true(adit_rd_sub(&r, 1).bad);
}

static void writing_past_the_end_latches(void **state)
{
    uint8_t buf[4] = {0, 0, 0, 0x77};
    struct adit_wr w = adit_wr_of(buf, 3);

    (void)state;
    adit_wr_u16(&w, 0x0102);
    adit_wr_u16(&w, 0x0304);
    assert_int_equal(adit_wr_end(&w), ADIT_E_NO_ROOM);
    /* A number is written whole or not at all. */
    assert_int_equal(buf[3], 0x77);
    assert_int_equal(buf[2], 0);
    assert_int_equal(adit_wr_view(&w).n, 2);
}

static void secrets_compare_by_content_and_length(void **state)
{
    (void)state;
    assert_true(adit_bytes_eq_secret(adit_bytes_str("tag"), adit_bytes_str("tag")));
    assert_false(adit_bytes_eq_secret(adit_bytes_str("tag"), adit_bytes_str("tah")));
    assert_false(adit_bytes_eq_secret(adit_bytes_str("tag"), adit_bytes_str("ta")));
    assert_true(adit_bytes_eq_secret(adit_bytes_str(""), adit_bytes_str("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_big_endian),
        cmocka_unit_test(reading_past_the_end_latches),
        cmocka_unit_test(leftover_is_an_error),
        cmocka_unit_test(sub_block_has_its_own_end),
        cmocka_unit_test(writing_past_the_end_latches),
        cmocka_unit_test(secrets_compare_by_content_and_length),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
