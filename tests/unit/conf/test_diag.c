/* SPDX-License-Identifier: Apache-2.0 */
#include "conf_test.h"

static void reports_keep_order_and_count_errors(void **state)
{
    struct adit_conf_report r = {0};
    char file[] = "a.conf";

    (void)state;
    for (unsigned i = 0; i < 100; i++)
        adit_conf_report_add(&r, (enum adit_conf_severity)(i % 3), file, i, "rule", "text %u", i);
    memset(file, 'x', sizeof file - 1);
    assert_int_equal(r.n, 100);
    assert_int_equal(r.n_errors, 33);
    assert_false(r.is_short_of_memory);
    for (unsigned i = 0; i < 100; i++) {
        char want[16];

        (void)snprintf(want, sizeof want, "text %u", i);
        assert_string_equal(r.diags[i].text, want);
        assert_string_equal(r.diags[i].file, "a.conf");
        assert_int_equal(r.diags[i].line, i);
    }
    adit_conf_report_fini(&r);
    assert_int_equal(r.n, 0);
    adit_conf_report_fini(&r);
}

static void lines_name_file_line_severity_and_rule(void **state)
{
    const struct adit_conf_diag d = {ADIT_CONF_ERROR, "a.conf", 12, "rule", "text"};
    const struct adit_conf_diag whole = {ADIT_CONF_WARNING, NULL, 0, "rule", "text"};
    char line[64];

    (void)state;
    assert_string_equal(adit_conf_diag_str(&d, line, sizeof line), "a.conf:12: error: text [rule]");
    assert_string_equal(adit_conf_diag_str(&whole, line, sizeof line), "warning: text [rule]");
    assert_string_equal(adit_conf_diag_str(&d, line, 8), "a.conf:");
}

static void a_line_is_one_line_whatever_a_profile_holds(void **state)
{
    const struct adit_conf_diag d = {ADIT_CONF_ERROR, "a\n.conf", 1, "rule", "<\x1b[2J\x7f>"};
    char line[64];

    (void)state;
    assert_string_equal(adit_conf_diag_str(&d, line, sizeof line), "a_.conf:1: error: <_[2J_> [rule]");
}

static void long_texts_are_cut(void **state)
{
    struct adit_conf_report r = {0};

    (void)state;
    adit_conf_report_add(&r, ADIT_CONF_NOTE, NULL, 0, "rule", "%01000d", 7);
    assert_int_equal(strlen(r.diags[0].text), 511);
    adit_conf_report_fini(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reports_keep_order_and_count_errors),
        cmocka_unit_test(lines_name_file_line_severity_and_rule),
        cmocka_unit_test(a_line_is_one_line_whatever_a_profile_holds),
        cmocka_unit_test(long_texts_are_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
