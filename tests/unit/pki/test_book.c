/* SPDX-License-Identifier: Apache-2.0 */
#include "../unit.h"

#include "pki/book.h"

static struct adit_pki_facts facts(uint8_t first, int64_t not_after_s)
{
    struct adit_pki_facts f = {.not_after_s = not_after_s};

    steps(f.serial.b, sizeof f.serial.b, first);
    return f;
}

static void a_book_reads_what_it_wrote(void **state)
{
    struct adit_book b = {0}, c = {0};
    struct adit_pki_facts alice = facts(0x41, 1800000000), bob = facts(0x51, 2600000000);
    struct adit_pki_revoked list[2];
    char text[1024];
    struct adit_wr w = adit_wr_of(text, sizeof text);
    size_t line;

    (void)state;
    assert_int_equal(adit_book_add(&b, "alice", &alice), ADIT_OK);
    assert_int_equal(adit_book_add(&b, "bob", &bob), ADIT_OK);
    adit_book_find(&b, "alice")->revoked_s = 1700000000;
    adit_book_write(&b, &w);
    assert_int_equal(adit_wr_end(&w), ADIT_OK);
    text[adit_wr_len(&w)] = '\0';
    assert_string_equal(
        text, "R\t270115080000Z\t231114221320Z\t4142434445464748494A4B4C4D4E4F50\tunknown\t/CN=alice\n"
              "V\t20520522141320Z\t\t5152535455565758595A5B5C5D5E5F60\tunknown\t/CN=bob\n");
    assert_true(adit_wr_len(&w) <= adit_book_text_max(&b));
    assert_int_equal(adit_book_read(adit_wr_view(&w), &c, &line), ADIT_OK);
    assert_int_equal(c.n, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_string_equal(c.all[i].name, b.all[i].name);
        assert_memory_equal(c.all[i].serial.b, b.all[i].serial.b, ADIT_PKI_SERIAL_LEN);
        assert_true(c.all[i].not_after_s == b.all[i].not_after_s && c.all[i].revoked_s == b.all[i].revoked_s);
    }
    assert_int_equal(adit_book_revoked(&c, list), 1);
    assert_memory_equal(list[0].serial.b, alice.serial.b, ADIT_PKI_SERIAL_LEN);
    adit_book_fini(&b);
    adit_book_fini(&c);
}

static void lines_of_openssl_and_easy_rsa_are_read(void **state)
{
    static const char text[] =
        "V\t280101000000Z\t\t0A\tunknown\t/C=XX/CN=one/emailAddress=a@example.org\r\n\n"
        "R\t280101000000Z\t250101000000Z,superseded\t01FF\tunknown\t/CN=two\n"
        "E\t240101000000Z\t\t02\tunknown\t/O=nobody";
    struct adit_book b = {0};
    char hex[ADIT_PKI_SERIAL_STR];
    size_t line;

    (void)state;
    assert_int_equal(adit_book_read(adit_bytes_str(text), &b, &line), ADIT_OK);
    assert_int_equal(b.n, 3);
    assert_string_equal(b.all[0].name, "one");
    assert_string_equal(adit_pki_serial_str(&b.all[0].serial, hex), "0A");
    assert_string_equal(b.all[1].name, "two");
    assert_string_equal(adit_pki_serial_str(&b.all[1].serial, hex), "01FF");
    assert_true(b.all[1].revoked_s == 1735689600);
    assert_string_equal(b.all[2].name, "");
    adit_book_fini(&b);
}

static void a_damaged_line_is_named_and_nothing_is_kept(void **state)
{
    static const char *const bad[] = {
        "X\t280101000000Z\t\t0A\tunknown\t/CN=x",        "V\t28010100000Z\t\t0A\tunknown\t/CN=x",
        "V\t281301000000Z\t\t0A\tunknown\t/CN=x",        "V\t280101000000Z\t\t0G\tunknown\t/CN=x",
        "V\t280101000000Z\t\t\tunknown\t/CN=x",          "R\t280101000000Z\t\t0A\tunknown\t/CN=x",
        "V\t280101000000Z\t\t0A\tunknown\t/CN=x\tmore",  "V\t280230000000Z\t\t0A\tunknown\t/CN=x",
        "V\t280101000000Z\t\t0A\tunknown\t/CN=x\033[1m", "",
    };

    (void)state;
    for (size_t i = 0; bad[i][0]; i++) {
        struct adit_book b = {0};
        char text[256];
        size_t line = 0;

        snprintf(text, sizeof text, "V\t280101000000Z\t\t0A\tunknown\t/CN=fine\n%s\n", bad[i]);
        assert_int_equal(adit_book_read(adit_bytes_str(text), &b, &line), ADIT_E_MALFORMED);
        assert_int_equal(line, 2);
        assert_int_equal(b.n, 0);
        assert_null(b.all);
    }
}

static void the_newest_entry_of_a_name_counts(void **state)
{
    struct adit_book b = {0};
    struct adit_pki_facts f[2] = {facts(0x41, 1800000000), facts(0x51, 1900000000)};

    (void)state;
    assert_int_equal(adit_book_add(&b, "alice", &f[0]), ADIT_OK);
    assert_int_equal(adit_book_add(&b, "alice", &f[1]), ADIT_OK);
    assert_true(adit_book_find(&b, "alice")->not_after_s == 1900000000);
    assert_null(adit_book_find(&b, "alic"));
    assert_int_equal(adit_book_add(&b, "a/b", &f[0]), ADIT_E_CONFIG);
    assert_int_equal(adit_book_add(&b, "a\tb", &f[0]), ADIT_E_CONFIG);
    assert_int_equal(adit_book_add(&b, "", &f[0]), ADIT_E_CONFIG);
    adit_book_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_book_reads_what_it_wrote),
        cmocka_unit_test(lines_of_openssl_and_easy_rsa_are_read),
        cmocka_unit_test(a_damaged_line_is_named_and_nothing_is_kept),
        cmocka_unit_test(the_newest_entry_of_a_name_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
