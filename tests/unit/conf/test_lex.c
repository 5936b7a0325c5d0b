/* SPDX-License-Identifier: Apache-2.0 */
/* What each line means was found out by giving it to openvpn 2.6.14. */
#include "../unit.h"

#include "base/rng.h"
#include "conf/lex.h"

struct line {
    const char *text;
    enum adit_lex_fault fault;
    const char *words[4]; /* NULL after the last */
};

static const struct line lines[] = {
    {"push a", 0, {"push", "a"}},
    {"  push   a  ", 0, {"push", "a"}},
    {"push\ta", 0, {"push", "a"}},
    {"\f push a\v", 0, {"push", "a"}},
    {"push a\r", 0, {"push", "a"}},
    {"push \"a b\"", 0, {"push", "a b"}},
    {"push 'a b'", 0, {"push", "a b"}},
    {"push a\\ b", 0, {"push", "a b"}},
    {"push \"a\\\"b\"", 0, {"push", "a\"b"}},
    {"push \"a\\\\b\"", 0, {"push", "a\\b"}},
    {"push \"a\\ b\"", 0, {"push", "a b"}},
    {"push 'a\\b'", 0, {"push", "a\\b"}},
    {"push a\"b\"", 0, {"push", "a\"b\""}},
    {"push a'b'", 0, {"push", "a'b'"}},
    {"push a\"b c\"d", 0, {"push", "a\"b", "c\"d"}},
    {"push \"a\"b", 0, {"push", "a", "b"}},
    {"push \"a\"\"b\"", 0, {"push", "a", "b"}},
    {"push \"\"", 0, {"push", ""}},
    {"push ''", 0, {"push", ""}},
    {"\"push\" a", 0, {"push", "a"}},
    {"push \\\"a", 0, {"push", "\"a"}},
    {"push \\\\a", 0, {"push", "\\a"}},
    {"push \\ a", 0, {"push", "a"}},
    {"push a\\", 0, {"push", "a\n"}},
    {"push \\", 0, {"push"}},
    {"push a # c", 0, {"push", "a"}},
    {"push a ;c", 0, {"push", "a"}},
    {"push a#c", 0, {"push", "a#c"}},
    {"push a;c", 0, {"push", "a;c"}},
    {"push \"a#c\"", 0, {"push", "a#c"}},
    {"push \"a\"#c", 0, {"push", "a"}},
    {"push 'a'#c", 0, {"push", "a"}},
    {"push # c", 0, {"push"}},
    {"push \\#b", 0, {"push"}},
    {"push \\;b", 0, {"push"}},
    {"# push a", 0, {NULL}},
    {"  ; push a", 0, {NULL}},
    {"", 0, {NULL}},
    {"   ", 0, {NULL}},
    {"push \xc3\xa9", 0, {"push", "\xc3\xa9"}},
    {"push \"a", ADIT_LEX_NO_QUOTE, {NULL}},
    {"push \"a\\", ADIT_LEX_NO_QUOTE, {NULL}},
    {"push 'a", ADIT_LEX_NO_SINGLE_QUOTE, {NULL}},
    {"push a\\n", ADIT_LEX_BACKSLASH, {NULL}},
    {"push \\n", ADIT_LEX_BACKSLASH, {NULL}},
    {"push \"\\n\"", ADIT_LEX_BACKSLASH, {NULL}},
    {"push a\\#b", ADIT_LEX_BACKSLASH, {NULL}},
    {"push a\\'b", ADIT_LEX_BACKSLASH, {NULL}},
    {"push \"a\\'b\"", ADIT_LEX_BACKSLASH, {NULL}},
    {"pu\\sh a", ADIT_LEX_BACKSLASH, {NULL}},
};

static void tricky_lines_mean_what_openvpn_makes_of_them(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct adit_arena a = {0};
        struct adit_words w;
        size_t n = 0;
        enum adit_lex_fault fault = adit_lex_words(&a, adit_bytes_str(lines[i].text), &w);

        if (fault != lines[i].fault)
            fail_msg("`%s`: fault %d", lines[i].text, (int)fault);
        for (; !fault && n < 4 && lines[i].words[n]; n++) {
            if (n >= w.n)
                fail_msg("`%s`: only %zu words", lines[i].text, w.n);
            assert_string_equal(w.v[n], lines[i].words[n]);
        }
        if (!fault && w.n != n)
            fail_msg("`%s`: %zu words instead of %zu", lines[i].text, w.n, n);
        adit_arena_fini(&a);
    }
}

static void no_more_than_sixteen_words_are_kept(void **state)
{
    struct adit_arena a = {0};
    struct adit_words w;

    (void)state;
    assert_int_equal(adit_lex_words(&a, adit_bytes_str("0 1 2 3 4 5 6 7 8 9 a b c d e f"), &w),
                     ADIT_LEX_FINE);
    assert_int_equal(w.n, 16);
    assert_false(w.is_cut);
    assert_int_equal(adit_lex_words(&a, adit_bytes_str("0 1 2 3 4 5 6 7 8 9 a b c d e f g h"), &w),
                     ADIT_LEX_FINE);
    assert_int_equal(w.n, 16);
    assert_string_equal(w.v[15], "f");
    assert_true(w.is_cut);
    adit_arena_fini(&a);
}

static void a_zero_byte_is_told(void **state)
{
    struct adit_arena a = {0};
    struct adit_words w;

    (void)state;
    assert_int_equal(adit_lex_words(&a, adit_bytes_of("push a\0b", 8), &w), ADIT_LEX_NUL);
    adit_arena_fini(&a);
}

static void lines_end_at_line_feeds_or_at_the_end(void **state)
{
    adit_bytes text = adit_bytes_str("a\n\nb\r\nc"), line;
    static const char *const want[] = {"a", "", "b\r", "c"};

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        assert_true(adit_lex_line(&text, &line));
        assert_true(adit_bytes_eq(line, adit_bytes_str(want[i])));
    }
    assert_false(adit_lex_line(&text, &line));
}

static void a_byte_order_mark_is_skipped_once(void **state)
{
    (void)state;
    assert_int_equal(adit_lex_skip_bom(adit_bytes_str("\xef\xbb\xbf\xef\xbb\xbf"
                                                      "a"))
                         .n,
                     4);
    assert_int_equal(adit_lex_skip_bom(adit_bytes_str("\xef\xbb")).n, 2);
}

static void tags_are_whole_words(void **state)
{
    adit_bytes name;

    (void)state;
    assert_true(adit_lex_tag("<ca>", &name));
    assert_true(adit_bytes_eq(name, adit_bytes_str("ca")));
    assert_false(adit_lex_tag("<>", &name));
    assert_false(adit_lex_tag("<ca", &name));
    assert_false(adit_lex_tag("ca>", &name));
    assert_true(adit_lex_is_end_tag(adit_bytes_str("  </ca> x"), adit_bytes_str("ca")));
    assert_false(adit_lex_is_end_tag(adit_bytes_str("</CA>"), adit_bytes_str("ca")));
    assert_false(adit_lex_is_end_tag(adit_bytes_str("</c>"), adit_bytes_str("ca")));
    assert_false(adit_lex_is_end_tag(adit_bytes_str("x </ca>"), adit_bytes_str("ca")));
    assert_false(adit_lex_is_end_tag(adit_bytes_str("</ca"), adit_bytes_str("ca")));
}

/* Any words, quoted in one of three ways, come back as they were. */
static void quoting_and_reading_are_inverse(void **state)
{
    static const char letters[] = "ab \\\"'#;<>-\t";
    uint64_t seed = 0x5eed;
    struct adit_rng rng = adit_rng_seeded(&seed);

    (void)state;
    for (int round = 0; round < 20000; round++) {
        struct adit_arena a = {0};
        struct adit_words in = {0}, out;
        char words[6][9];
        char line[256], *p = line;

        in.n = 1 + adit_rng_below(&rng, 6);
        for (size_t i = 0; i < in.n; i++) {
            size_t n = adit_rng_below(&rng, 9);
            uint32_t style = adit_rng_below(&rng, 2);

            for (size_t j = 0; j < n; j++)
                words[i][j] = letters[adit_rng_below(&rng, sizeof letters - 1)];
            words[i][n] = 0;
            in.v[i] = words[i];
            *p++ = ' ';
            if (style == 0 && !strchr(words[i], '\'')) {
                p += sprintf(p, "'%s'", words[i]);
                continue;
            }
            *p++ = '"';
            for (size_t j = 0; j < n; j++) {
                if (words[i][j] == '"' || words[i][j] == '\\')
                    *p++ = '\\';
                *p++ = words[i][j];
            }
            *p++ = '"';
        }
        assert_int_equal(adit_lex_words(&a, adit_bytes_of(line, (size_t)(p - line)), &out), ADIT_LEX_FINE);
        assert_int_equal(out.n, in.n);
        for (size_t i = 0; i < in.n; i++)
            assert_string_equal(out.v[i], in.v[i]);
        adit_arena_fini(&a);
    }
}

/* Whatever the bytes are, the words are no longer than the line, and reading ends. */
static void any_bytes_are_read_to_an_end(void **state)
{
    uint64_t seed = 7;
    struct adit_rng rng = adit_rng_seeded(&seed);

    (void)state;
    for (int round = 0; round < 20000; round++) {
        static const char letters[] = "a \\\"'#;\n\r\0\xff";
        struct adit_arena a = {0};
        struct adit_words w;
        char line[40];
        size_t n = adit_rng_below(&rng, sizeof line), sum = 0;

        for (size_t i = 0; i < n; i++)
            line[i] = letters[adit_rng_below(&rng, sizeof letters - 1)];
        if (adit_lex_words(&a, adit_bytes_of(line, n), &w) == ADIT_LEX_FINE)
            for (size_t i = 0; i < w.n; i++)
                sum += strlen(w.v[i]);
        assert_true(sum <= n);
        adit_arena_fini(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tricky_lines_mean_what_openvpn_makes_of_them),
        cmocka_unit_test(no_more_than_sixteen_words_are_kept),
        cmocka_unit_test(a_zero_byte_is_told),
        cmocka_unit_test(lines_end_at_line_feeds_or_at_the_end),
        cmocka_unit_test(a_byte_order_mark_is_skipped_once),
        cmocka_unit_test(tags_are_whole_words),
        cmocka_unit_test(quoting_and_reading_are_inverse),
        cmocka_unit_test(any_bytes_are_read_to_an_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
