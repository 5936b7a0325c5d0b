/* SPDX-License-Identifier: Apache-2.0 */
#include "../unit.h"

#include "base/rate.h"

static adit_now at_ms(uint64_t ms)
{
    return (adit_now){.mono_ns = ms * ADIT_NS_PER_MS};
}

static void a_period_begins_with_its_first_and_ends_after_its_seconds(void **state)
{
    struct adit_rate r = {0};

    (void)state;
    assert_true(adit_rate_take(&r, 2, 10, at_ms(5000)));
    assert_true(adit_rate_take(&r, 2, 10, at_ms(14000)));
    assert_false(adit_rate_take(&r, 2, 10, at_ms(14999)));
    assert_true(adit_rate_take(&r, 2, 10, at_ms(15000)));
    assert_true(adit_rate_take(&r, 2, 10, at_ms(24999)));
    assert_false(adit_rate_take(&r, 2, 10, at_ms(24999)));
}

static void what_is_given_back_may_be_taken_again(void **state)
{
    struct adit_rate r = {0};

    (void)state;
    adit_rate_give_back(&r);
    assert_true(adit_rate_take(&r, 1, 10, at_ms(1)));
    assert_false(adit_rate_take(&r, 1, 10, at_ms(2)));
    adit_rate_give_back(&r);
    assert_true(adit_rate_take(&r, 1, 10, at_ms(3)));
    assert_false(adit_rate_take(&r, 0, 10, at_ms(20000)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_period_begins_with_its_first_and_ends_after_its_seconds),
        cmocka_unit_test(what_is_given_back_may_be_taken_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
