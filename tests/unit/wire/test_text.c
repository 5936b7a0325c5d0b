/* SPDX-License-Identifier: Apache-2.0 */
#include "../unit.h"

#include "base/rng.h"
#include "wire/text.h"

static struct adit_rd record_of(const char *bytes, size_t n)
{
    return adit_rd_of(adit_bytes_of(bytes, n));
}

static void assert_text(adit_bytes got, const char *want)
{
    assert_int_equal(got.n, strlen(want));
    assert_memory_equal(got.p, want, got.n);
}

static void splits_the_record_of_the_known_answer(void **state)
{
    static const char in[] = "valid control message\r\n\0\0Invalid\r\none\0valid one again";
    struct adit_rd r = record_of(in, sizeof in);
    adit_bytes text;
    adit_err e;

    (void)state;
    assert_true(adit_text_next(&r, &text, &e));
    assert_int_equal(e, ADIT_OK);
    assert_text(text, "valid control message");
    assert_true(adit_text_next(&r, &text, &e));
    assert_int_equal(e, ADIT_E_TEXT);
    assert_true(adit_text_next(&r, &text, &e));
    assert_int_equal(e, ADIT_OK);
    assert_text(text, "valid one again");
    assert_false(adit_text_next(&r, &text, &e));
}

static void text_without_nul_is_refused(void **state)
{
    struct adit_rd r = record_of("EXIT", 4);
    adit_bytes text;
    adit_err e;

    (void)state;
    assert_true(adit_text_next(&r, &text, &e));
    assert_int_equal(e, ADIT_E_TEXT);
    assert_false(adit_text_next(&r, &text, &e));
    r = record_of("EXIT\0PUSH", 9);
    assert_true(adit_text_next(&r, &text, &e));
    assert_int_equal(e, ADIT_OK);
    assert_true(adit_text_next(&r, &text, &e));
    assert_int_equal(e, ADIT_E_TEXT);
    assert_false(adit_text_next(&r, &text, &e));
}

static void controls_are_refused_and_utf8_is_not(void **state)
{
    (void)state;
    for (unsigned c = 1; c < 256; c++) {
        char in[] = {'a', (char)c, 'b', 0};
        struct adit_rd r = record_of(in, sizeof in);
        adit_bytes text;
        adit_err e;

        assert_true(adit_text_next(&r, &text, &e));
        assert_int_equal(e, c < 0x20 || c == 0x7f ? ADIT_E_TEXT : ADIT_OK);
    }
}

static void nothing_but_line_ends_is_no_message(void **state)
{
    struct adit_rd r = record_of("\r\n\0\n\0\0", 6);
    adit_bytes text;
    adit_err e;

    (void)state;
    assert_false(adit_text_next(&r, &text, &e));
    r = record_of("", 0);
    assert_false(adit_text_next(&r, &text, &e));
}

static void messages_are_known_by_their_prefix(void **state)
{
    static const struct {
        const char *text;
        enum adit_text_kind kind;
        const char *rest;
    } rows[] = {
        {"AUTH_FAILED", ADIT_TEXT_AUTH_FAILED, ""},
        {"AUTH_FAILED,", ADIT_TEXT_AUTH_FAILED, ""},
        {"AUTH_FAILED,TEMP[backoff 3]:later, please", ADIT_TEXT_AUTH_FAILED, "TEMP[backoff 3]:later, please"},
        {"PUSH_REQUEST", ADIT_TEXT_PUSH_REQUEST, ""},
        {"PUSH_REPLY", ADIT_TEXT_PUSH_REPLY, ""},
        {"PUSH_REPLY,ping 2,ping-restart 20", ADIT_TEXT_PUSH_REPLY, "ping 2,ping-restart 20"},
        {"PUSH_UPDATE,-route", ADIT_TEXT_PUSH_UPDATE, "-route"},
        {"PUSH_", ADIT_TEXT_UNKNOWN, ""},
        {"RESTART,[N]", ADIT_TEXT_RESTART, "[N]"},
        {"HALT", ADIT_TEXT_HALT, ""},
        {"INFO_PRE,WEB_AUTH::https://x/", ADIT_TEXT_INFO_PRE, "WEB_AUTH::https://x/"},
        {"INFO,hello", ADIT_TEXT_INFO, "hello"},
        {"CR_RESPONSE,MTIz", ADIT_TEXT_CR_RESPONSE, "MTIz"},
        {"AUTH_PENDING,timeout 60", ADIT_TEXT_AUTH_PENDING, "timeout 60"},
        {"EXIT", ADIT_TEXT_EXIT, ""},
        {"EXI", ADIT_TEXT_UNKNOWN, ""},
        {"ACC,proto,1,A,x", ADIT_TEXT_UNKNOWN, ""},
        {"", ADIT_TEXT_UNKNOWN, ""},
        {",,AUTH_FAILED", ADIT_TEXT_UNKNOWN, ""},
        {"INFO,,x", ADIT_TEXT_INFO, ",x"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        adit_bytes rest;

        assert_int_equal(adit_text_kind_of(adit_bytes_str(rows[i].text), &rest), rows[i].kind);
        assert_text(rest, rows[i].rest);
    }
}

/* The next message as a string. */
static bool next_chunk(adit_bytes options, size_t *at, bool *is_done, char dst[ADIT_TEXT_MAX])
{
    struct adit_wr w = adit_wr_of(dst, ADIT_TEXT_MAX - 1);

    if (!adit_push_chunk(options, at, is_done, &w))
        return false;
    assert_int_equal(adit_wr_end(&w), ADIT_OK);
    dst[adit_wr_len(&w)] = '\0';
    return true;
}

static void short_lists_are_one_message(void **state)
{
    static const char list[] =
        "route-gateway 10.99.0.1\0topology subnet\0ping 2\0peer-id 0\0cipher AES-256-GCM";
    char text[ADIT_TEXT_MAX];
    size_t at = 0;
    bool is_done = false;

    (void)state;
    assert_true(next_chunk(adit_bytes_of(list, sizeof list), &at, &is_done, text));
    assert_string_equal(
        text, "PUSH_REPLY,route-gateway 10.99.0.1,topology subnet,ping 2,peer-id 0,cipher AES-256-GCM");
    assert_true(is_done);
    assert_false(next_chunk(adit_bytes_of(list, sizeof list), &at, &is_done, text));

    at = 0;
    is_done = false;
    assert_true(next_chunk(adit_bytes_of("", 0), &at, &is_done, text));
    assert_string_equal(text, "PUSH_REPLY");
    assert_false(next_chunk(adit_bytes_of("", 0), &at, &is_done, text));
}

/* Seventy routes as 2.6.14 cuts them: 32 and 33 in the first two messages. */
static void long_lists_are_cut_where_openvpn_cuts(void **state)
{
    char list[4096], text[ADIT_TEXT_MAX];
    size_t n = 0, at = 0;
    bool is_done = false;

    (void)state;
    n += (size_t)sprintf(list + n, "setenv-safe X \xc3\xa9") + 1;
    for (int i = 1; i <= 70; i++)
        n += (size_t)sprintf(list + n, "route 10.%d.0.0 255.255.0.0", i) + 1;

    assert_true(next_chunk(adit_bytes_of(list, n), &at, &is_done, text));
    assert_non_null(strstr(text, "PUSH_REPLY,setenv-safe X \xc3\xa9,route 10.1.0.0"));
    assert_non_null(strstr(text, ",route 10.32.0.0 255.255.0.0,push-continuation 2"));
    assert_true(next_chunk(adit_bytes_of(list, n), &at, &is_done, text));
    assert_ptr_equal(strstr(text, "PUSH_REPLY,route 10.33.0.0 "), text);
    assert_non_null(strstr(text, ",route 10.65.0.0 255.255.0.0,push-continuation 2"));
    assert_false(is_done);
    assert_true(next_chunk(adit_bytes_of(list, n), &at, &is_done, text));
    assert_ptr_equal(strstr(text, "PUSH_REPLY,route 10.66.0.0 "), text);
    assert_non_null(strstr(text, ",route 10.70.0.0 255.255.0.0,push-continuation 1"));
    assert_true(is_done);
    assert_false(next_chunk(adit_bytes_of(list, n), &at, &is_done, text));
}

/* 2.6.14 still sends 940 characters in one message, and cuts at 941. */
static void a_message_may_be_exactly_as_long_as_the_limit(void **state)
{
    char list[ADIT_TEXT_MAX], text[ADIT_TEXT_MAX];

    (void)state;
    for (size_t whole = ADIT_PUSH_CHUNK_MAX - 1; whole <= ADIT_PUSH_CHUNK_MAX + 1; whole++) {
        bool is_one = whole <= ADIT_PUSH_CHUNK_MAX, is_done = false;
        size_t n = whole - strlen("PUSH_REPLY,"), at = 0;

        memset(list, 'x', n);
        for (size_t end = 250; end < n; end += 251)
            list[end] = '\0';
        assert_true(next_chunk(adit_bytes_of(list, n), &at, &is_done, text));
        assert_int_equal(is_done, is_one);
        assert_int_equal(strstr(text, "push-continuation") == NULL, is_one);
    }
}

static void an_option_too_long_is_an_error_not_a_loss(void **state)
{
    char list[ADIT_PUSH_OPTION_MAX + 2];
    uint8_t text[ADIT_TEXT_MAX];
    struct adit_wr w = adit_wr_of(text, sizeof text);
    size_t at = 0;
    bool is_done = false;

    (void)state;
    memset(list, 'x', sizeof list);
    list[sizeof list - 1] = '\0';
    assert_true(adit_push_chunk(adit_bytes_of(list, sizeof list), &at, &is_done, &w));
    assert_int_equal(adit_wr_end(&w), ADIT_E_NO_ROOM);
    assert_false(adit_push_chunk(adit_bytes_of(list, sizeof list), &at, &is_done, &w));
}

/* Appends what a message carries to `joined` in the form of the list; which continuation it ended with (0:
 * none). */
static int join_chunk(char *text, char *joined, size_t *n)
{
    int continuation = 0;

    assert_true(strncmp(text, "PUSH_REPLY", 10) == 0);
    for (char *option = strtok(text, ","); (option = strtok(NULL, ","));) {
        assert_int_equal(continuation, 0);
        if (sscanf(option, "push-continuation %d", &continuation) == 1)
            continue;
        memcpy(joined + *n, option, strlen(option) + 1);
        *n += strlen(option) + 1;
    }
    return continuation;
}

static void chunks_join_back_to_the_list(void **state)
{
    uint64_t seed = 11;
    struct adit_rng rng = adit_rng_seeded(&seed);

    (void)state;
    for (int round = 0; round < 500; round++) {
        static char list[32768], joined[32768];
        char text[ADIT_TEXT_MAX];
        size_t n = 0, n_joined = 0, at = 0;
        int n_options = (int)adit_rng_below(&rng, 60), n_chunks = 0, last = -1;
        uint32_t longest = round % 2 ? 40 : ADIT_PUSH_OPTION_MAX;
        bool is_done = false;

        for (int i = 0; i < n_options; i++) {
            size_t len = 1 + adit_rng_below(&rng, longest);

            memset(list + n, 'a' + i % 26, len);
            n += len;
            list[n++] = '\0';
        }
        while (next_chunk(adit_bytes_of(list, n), &at, &is_done, text)) {
            assert_true(strlen(text) + 1 < ADIT_TEXT_MAX);
            assert_true(last == -1 || last == 2);
            last = join_chunk(text, joined, &n_joined);
            n_chunks++;
        }
        assert_int_equal(last, n_chunks > 1 ? 1 : 0);
        assert_int_equal(n_joined, n);
        assert_memory_equal(joined, list, n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(splits_the_record_of_the_known_answer),
        cmocka_unit_test(text_without_nul_is_refused),
        cmocka_unit_test(controls_are_refused_and_utf8_is_not),
        cmocka_unit_test(nothing_but_line_ends_is_no_message),
        cmocka_unit_test(messages_are_known_by_their_prefix),
        cmocka_unit_test(short_lists_are_one_message),
        cmocka_unit_test(long_lists_are_cut_where_openvpn_cuts),
        cmocka_unit_test(a_message_may_be_exactly_as_long_as_the_limit),
        cmocka_unit_test(an_option_too_long_is_an_error_not_a_loss),
        cmocka_unit_test(chunks_join_back_to_the_list),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
