/* SPDX-License-Identifier: Apache-2.0 */
/* The figures of aggregation, in words. */
#include "plane/haul.h"

#include "../unit.h"

static void a_call_counts_once_and_its_packets_all(void **state)
{
    struct adit_haul h = {0};

    (void)state;
    adit_haul_add(&h, 40, 48000);
    adit_haul_add(&h, 1, 100);
    assert_int_equal(h.calls, 2);
    assert_int_equal(h.packets, 41);
    assert_int_equal(h.bytes, 48100);
}

static void every_figure_is_summed(void **state)
{
    struct adit_hauls sum = {.handed = 1}, one;
    uint64_t *figures = (uint64_t *)&one, *sums = (uint64_t *)&sum;

    (void)state;
    assert_int_equal(sizeof one % sizeof *figures, 0);
    for (size_t i = 0; i < sizeof one / sizeof *figures; i++) {
        figures[i] = 10 + i;
        sums[i] = 1000;
    }
    adit_hauls_sum(&sum, &one);
    for (size_t i = 0; i < sizeof one / sizeof *figures; i++)
        assert_int_equal(sums[i], 1010 + i);
}

static void any_call_is_something(void **state)
{
    struct adit_hauls none = {0}, some[] = {{.reads.calls = 1},
                                            {.sends.calls = 1},
                                            {.receives.calls = 1},
                                            {.writes.calls = 1},
                                            {.handed = 1}};

    (void)state;
    assert_false(adit_hauls_any(&none));
    for (size_t i = 0; i < sizeof some / sizeof some[0]; i++)
        assert_true(adit_hauls_any(&some[i]));
}

static void the_figures_in_words(void **state)
{
    const struct {
        struct adit_hauls h;
        const char *text;
    } rows[] = {
        {{.handed = 0}, "sent 0 bytes in 0 packets; received 0 bytes in 0 packets"},
        {{.reads = {2, 82, 999}, .sends = {2, 81, 999}, .receives = {1, 1, 1000}, .writes = {1, 1, 1}},
         "sent 999 bytes in 81 packets, 41.0 per read, 40.5 per send; "
         "received 1.0 kB in 1 packets, 1.0 per receive, 1.0 per write"},
        {{.sends = {4, 10, 999949}, .receives = {4, 10, 999950}, .handed = 12},
         "sent 999.9 kB in 10 packets, 2.5 per send; received 1.0 MB in 10 packets, 2.5 per receive; "
         "12 passed between workers"},
        {{.sends = {3, 10, 1234567890123}},
         "sent 1.2 TB in 10 packets, 3.3 per send; received 0 bytes in 0 packets"},
    };
    char text[ADIT_HAULS_TEXT_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_string_equal(adit_hauls_text(&rows[i].h, text, sizeof text), rows[i].text);
}

static void the_greatest_figures_fit(void **state)
{
    struct adit_hauls h;
    char text[ADIT_HAULS_TEXT_MAX], roomy[1024];

    (void)state;
    memset(&h, 0xff, sizeof h);
    h.reads.calls = h.sends.calls = h.receives.calls = h.writes.calls = 1;
    adit_hauls_text(&h, roomy, sizeof roomy);
    assert_string_equal(adit_hauls_text(&h, text, sizeof text), roomy);
    assert_non_null(strstr(text, "sent 18.4 EB in 18446744073709551615 packets"));
    assert_non_null(strstr(text, "passed between workers"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_counts_once_and_its_packets_all),
        cmocka_unit_test(every_figure_is_summed),
        cmocka_unit_test(any_call_is_something),
        cmocka_unit_test(the_figures_in_words),
        cmocka_unit_test(the_greatest_figures_fit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
