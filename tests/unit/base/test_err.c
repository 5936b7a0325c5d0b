/* SPDX-License-Identifier: Apache-2.0 */
#include "../unit.h"

#include "base/err.h"

static void every_error_has_a_name_a_text_and_a_fate(void **state)
{
    (void)state;
    for (int i = 0; i < ADIT_ERR_COUNT; i++) {
        const char *name = adit_err_name((adit_err)i), *text = adit_err_text((adit_err)i);

        assert_true(strlen(name) > 0 && strlen(text) > 0);
        assert_true(strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789") == strlen(name));
        assert_int_equal((int)adit_err_fate((adit_err)i) == ADIT_FATE_NONE, i == ADIT_OK);
        for (int j = 0; j < i; j++)
            assert_string_not_equal(name, adit_err_name((adit_err)j));
    }
    assert_string_equal(adit_err_name(ADIT_E_HAND_WINDOW), "HAND_WINDOW");
    assert_int_equal(adit_err_fate(ADIT_E_REPLAY), ADIT_FATE_DROP);
}

static void a_number_that_is_no_error_is_harmless(void **state)
{
    (void)state;
    assert_non_null(adit_err_text((adit_err)ADIT_ERR_COUNT));
    assert_non_null(adit_err_name((adit_err)9999));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_error_has_a_name_a_text_and_a_fate),
        cmocka_unit_test(a_number_that_is_no_error_is_harmless),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
