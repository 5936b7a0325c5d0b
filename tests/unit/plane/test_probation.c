/* SPDX-License-Identifier: Apache-2.0 */
#include "../unit.h"

#include "plane/probation.h"

static adit_now at(uint64_t s)
{
    return (adit_now){.mono_ns = s * ADIT_NS_PER_S};
}

static void what_was_not_refused_is_not_tried_again(void **state)
{
    struct adit_probation p = {0};

    (void)state;
    assert_false(adit_probation_is_over(&p, at(0)));
    assert_false(adit_probation_is_over(&p, at(1000000)));
}

static void each_refusal_doubles_the_wait_up_to_a_day(void **state)
{
    struct adit_probation p = {0};
    uint64_t now = 5, wait = ADIT_PROBATION_MIN_S;

    (void)state;
    for (int i = 0; i < 12; i++) {
        adit_probation_begin(&p, at(now));
        assert_false(adit_probation_is_over(&p, at(now)));
        assert_false(adit_probation_is_over(&p, at(now + wait - 1)));
        assert_true(adit_probation_is_over(&p, at(now + wait)));
        now += wait + 3;
        wait = wait * 2 > ADIT_PROBATION_MAX_S ? ADIT_PROBATION_MAX_S : wait * 2;
    }
    assert_int_equal(wait, ADIT_PROBATION_MAX_S);
}

/* As long as it was let alone before. */
static void what_has_done_well_begins_anew(void **state)
{
    struct adit_probation p = {0};

    (void)state;
    adit_probation_begin(&p, at(0));
    adit_probation_begin(&p, at(2 * ADIT_PROBATION_MIN_S - 1));
    assert_int_equal(p.wait_s, 2 * ADIT_PROBATION_MIN_S);
    adit_probation_begin(&p, at(10000));
    assert_int_equal(p.wait_s, ADIT_PROBATION_MIN_S);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_not_refused_is_not_tried_again),
        cmocka_unit_test(each_refusal_doubles_the_wait_up_to_a_day),
        cmocka_unit_test(what_has_done_well_begins_anew),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
