/* SPDX-License-Identifier: Apache-2.0 */
#include "../unit.h"

#include "base/log.h"

struct sink {
    unsigned n;
    enum adit_log_kind kind;
    int verb;
    char line[4096];
};

static void put(void *ctx, enum adit_log_kind kind, int verb, const char *line)
{
    struct sink *s = ctx;

    s->n++;
    s->kind = kind;
    s->verb = verb;
    snprintf(s->line, sizeof s->line, "%s", line);
}

static void a_record_is_shown_up_to_the_verb_of_the_sink(void **state)
{
    struct sink s = {0};
    struct adit_log log = {.put = put, .ctx = &s, .verb = 1};

    (void)state;
    adit_info(&log, NULL, "x");
    assert_int_equal(s.n, 0);
    adit_note(&log, NULL, "a %d", 1);
    assert_int_equal(s.n, 1);
    assert_int_equal(s.kind, ADIT_LOG_INFO);
    assert_int_equal(s.verb, 1);
    assert_string_equal(s.line, "a 1");
    log.verb = 0;
    adit_warn(&log, NULL, "x");
    assert_int_equal(s.n, 1);
    adit_error(&log, NULL, "x");
    assert_int_equal(s.n, 2);
    adit_log(&log, ADIT_LOG_FATAL, 9, NULL, "last words");
    assert_string_equal(s.line, "last words");
}

static void a_subject_stands_in_front(void **state)
{
    struct sink s = {0};
    struct adit_log log = {.put = put, .ctx = &s};

    (void)state;
    adit_error(&log, "alice/192.0.2.1:7", "b");
    assert_string_equal(s.line, "alice/192.0.2.1:7 b");
}

static void without_a_sink_nothing_happens(void **state)
{
    struct adit_log log = {.verb = 11};

    (void)state;
    adit_error(&log, NULL, "x");
    adit_error((const struct adit_log *)NULL, NULL, "x");
}

static void a_record_is_one_line_whoever_wrote_it(void **state)
{
    struct sink s = {0};
    struct adit_log log = {.put = put, .ctx = &s};

    (void)state;
    adit_error(&log, "a\nb", "auth: '%s' \xc3\xa9", "\x1b[31m\r\n\x7f");
    assert_string_equal(s.line, "a_b auth: '_[31m___' \xc3\xa9");
}

static void a_line_that_is_too_long_is_cut(void **state)
{
    struct sink s = {0};
    struct adit_log log = {.put = put, .ctx = &s};
    char text[4000];

    (void)state;
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    adit_error(&log, "me", "%s", text);
    assert_int_equal(strlen(s.line), 2047);
    assert_memory_equal(s.line, "me xxx", 6);
    /* A subject that fills the line gives way to the text. */
    adit_error(&log, text, "%s", "why");
    assert_string_equal(s.line, "why");
}

static void a_peers_text_is_printable_ascii(void **state)
{
    char dst[8];

    (void)state;
    assert_string_equal(adit_log_clean(adit_bytes_of("a\0\x1b~\x7f\xff", 6), dst, sizeof dst), "a__~__");
    assert_string_equal(adit_log_clean(adit_bytes_str("1234567890"), dst, sizeof dst), "1234567");
    assert_string_equal(adit_log_clean(adit_bytes_str("x"), dst, 1), "");
    assert_string_equal(adit_log_clean(adit_bytes_str("x"), NULL, 0), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_is_shown_up_to_the_verb_of_the_sink),
        cmocka_unit_test(a_subject_stands_in_front),
        cmocka_unit_test(without_a_sink_nothing_happens),
        cmocka_unit_test(a_record_is_one_line_whoever_wrote_it),
        cmocka_unit_test(a_line_that_is_too_long_is_cut),
        cmocka_unit_test(a_peers_text_is_printable_ascii),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
