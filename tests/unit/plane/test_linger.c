/* SPDX-License-Identifier: Apache-2.0 */
#include "../unit.h"

#include "plane/linger.h"

enum {
    US = 1000,
    MS = 1000 * US,
    MAX = 100 * US,
};

static void it_looks_only_where_it_paid(void **state)
{
    struct adit_linger l;

    (void)state;
    adit_linger_init(&l, MAX);
    adit_linger_turn(&l, 10 * MS, 1, ADIT_LINGER_AFTER_SENDING);
    assert_int_equal(adit_linger_window(&l, 10 * MS), 0);
    adit_linger_learn(&l, 60 * US);
    assert_int_equal(adit_linger_window(&l, 11 * MS), MAX);
    adit_linger_turn(&l, 12 * MS, 1, ADIT_LINGER_AFTER_OTHER);
    assert_int_equal(adit_linger_window(&l, 12 * MS), 0);
    adit_linger_learn(&l, MAX + 1);
    adit_linger_turn(&l, 13 * MS, 1, ADIT_LINGER_AFTER_SENDING);
    assert_int_equal(adit_linger_window(&l, 13 * MS), MAX);
}

static void it_gives_up_by_and_by(void **state)
{
    struct adit_linger l;
    uint64_t now = 0, window = MAX;

    (void)state;
    adit_linger_init(&l, MAX);
    adit_linger_learn(&l, MAX);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(adit_linger_window(&l, now += MS), window);
        adit_linger_learn(&l, 500 * US);
        window /= 2;
    }
    adit_linger_learn(&l, 500 * US);
    assert_int_equal(adit_linger_window(&l, now), 0);
    adit_linger_learn(&l, 10 * US);
    assert_int_equal(adit_linger_window(&l, now), MAX);
}

static void much_traffic_wants_no_looking(void **state)
{
    struct adit_linger l;
    uint64_t now = 10 * MS;

    (void)state;
    adit_linger_init(&l, MAX);
    adit_linger_learn(&l, 10 * US);
    adit_linger_turn(&l, now, 40, ADIT_LINGER_AFTER_SENDING);
    assert_int_equal(adit_linger_window(&l, now), MAX);
    adit_linger_turn(&l, now + 10 * US, UINT64_C(1) << 40, ADIT_LINGER_AFTER_SENDING);
    assert_int_equal(adit_linger_window(&l, now + 20 * US), 0);
    /* It still counts in the span after it, and not in the one after that, nor after a pause. */
    adit_linger_turn(&l, now + MS, 1, ADIT_LINGER_AFTER_SENDING);
    assert_int_equal(adit_linger_window(&l, now + MS), 0);
    adit_linger_turn(&l, now + 2 * MS, 1, ADIT_LINGER_AFTER_SENDING);
    assert_int_equal(adit_linger_window(&l, now + 2 * MS), MAX);
    adit_linger_turn(&l, now + 2 * MS, 100, ADIT_LINGER_AFTER_SENDING);
    adit_linger_turn(&l, now + 5 * MS, 1, ADIT_LINGER_AFTER_SENDING);
    assert_int_equal(adit_linger_window(&l, now + 5 * MS), MAX);
}

static void others_go_first(void **state)
{
    struct adit_linger l;

    (void)state;
    adit_linger_init(&l, MAX);
    adit_linger_learn(&l, 10 * US);
    adit_linger_rest(&l, 5 * MS);
    assert_int_equal(adit_linger_window(&l, 5 * MS), 0);
    adit_linger_learn(&l, 10 * US);
    assert_int_equal(adit_linger_window(&l, 24 * MS), 0);
    assert_int_equal(adit_linger_window(&l, 26 * MS), MAX);
}

static void zero_means_never(void **state)
{
    struct adit_linger l;

    (void)state;
    adit_linger_init(&l, 0);
    adit_linger_learn(&l, 1);
    adit_linger_learn(&l, 0);
    assert_int_equal(adit_linger_window(&l, MS), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_looks_only_where_it_paid),
        cmocka_unit_test(it_gives_up_by_and_by),
        cmocka_unit_test(much_traffic_wants_no_looking),
        cmocka_unit_test(others_go_first),
        cmocka_unit_test(zero_means_never),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
