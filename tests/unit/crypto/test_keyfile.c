/* SPDX-License-Identifier: Apache-2.0 */
#include "../unit.h"

#include "crypto/keyfile.h"
#include "keyfile_samples.h"

#define HEAD "-----BEGIN OpenVPN Static key V1-----"
#define FOOT "-----END OpenVPN Static key V1-----"

static void assert_same_text(const struct adit_wr *w, const char *want)
{
    assert_int_equal(w->bad, false);
    assert_int_equal(adit_wr_len(w), strlen(want));
    assert_memory_equal(w->start, want, strlen(want));
}

static void static_key_of_openvpn_is_read_and_written_alike(void **state)
{
    uint8_t text[ADIT_KEYFILE_TEXT_MAX];
    struct adit_wr w = adit_wr_of(text, sizeof text);
    struct adit_static_key k;
    const char *reason = NULL;

    (void)state;
    assert_int_equal(adit_static_key_read(adit_bytes_str(sample_static), &k, &reason), ADIT_OK);
    assert_hex(k.b, 16, "4f7b83a9aed95a7cf309ddc96e0ddcdd");
    assert_hex(k.b + 240, 16, "23a116f015b6bce1ed60437ebc6f3144");
    adit_static_key_write(&k, &w);
    assert_same_text(&w, sample_static);
}

static void v2_server_key_of_openvpn_is_read_and_written_alike(void **state)
{
    uint8_t text[ADIT_KEYFILE_TEXT_MAX];
    struct adit_wr w = adit_wr_of(text, sizeof text);
    struct adit_v2_server_key k;
    const char *reason = NULL;

    (void)state;
    assert_int_equal(adit_v2_server_key_read(adit_bytes_str(sample_server), &k, &reason), ADIT_OK);
    adit_v2_server_key_write(&k, &w);
    assert_same_text(&w, sample_server);
}

static void v2_client_key_of_openvpn_is_read_and_written_alike(void **state)
{
    uint8_t text[ADIT_KEYFILE_TEXT_MAX];
    struct adit_wr w = adit_wr_of(text, sizeof text);
    struct adit_v2_client_key k;
    const char *reason = NULL;

    (void)state;
    assert_int_equal(adit_v2_client_key_read(adit_bytes_str(sample_client), &k, &reason), ADIT_OK);
    assert_int_equal(k.wkc_len, 299);
    assert_hex(k.wkc + 297, 2, "012b");
    adit_v2_client_key_write(&k, &w);
    assert_same_text(&w, sample_client);
}

static void auth_token_key_has_the_form_of_openvpn(void **state)
{
    /* The same bytes under the other label differ in the label only. */
    uint8_t text[ADIT_KEYFILE_TEXT_MAX];
    struct adit_wr w = adit_wr_of(text, sizeof text);
    char as_server[512], *at;
    struct adit_v2_server_key k;
    const char *reason = NULL;

    (void)state;
    at = strchr(sample_token, '\n');
    snprintf(as_server, sizeof as_server, "-----BEGIN OpenVPN tls-crypt-v2 server key-----%.*s%s",
             (int)(strstr(at, "-----END") - at), at, "-----END OpenVPN tls-crypt-v2 server key-----\n");
    assert_int_equal(adit_v2_server_key_read(adit_bytes_str(as_server), &k, &reason), ADIT_OK);
    adit_auth_token_key_write(k.b, &w);
    assert_same_text(&w, sample_token);
}

/* Builds texts around the hex digits of 256 bytes 0x00, 0x01, ... */
static void digits(char dst[513])
{
    for (int i = 0; i < 256; i++)
        snprintf(dst + 2 * i, 3, "%02x", (unsigned)i);
}

static void static_key_forms_are_judged_as_openvpn_does(void **state)
{
    static const struct {
        const char *before, *inside, *after;
        bool is_good;
    } forms[] = {
        {HEAD "\n", "", "\n" FOOT "\n", true},
        {HEAD "\n", "", "\n" FOOT, true},
        {"some words\n#\n" HEAD "\n", "", "\n" FOOT "\n", true},
        {HEAD " and more\n", "", "\n" FOOT " and more\n", true},
        {HEAD "\r\n", "\r\n", "\r\n" FOOT "\r\n", true},
        {HEAD "\n", " \t\v\f\n", "\n" FOOT "\n", true},
        {HEAD "\n", "", "ab\nzz\n" FOOT "\n", true},
        {HEAD "\n", "", "\n" FOOT "\n" HEAD "\n00\n" FOOT "\n", true},
        {" " HEAD "\n", "", "\n" FOOT "\n", false},
        {"x\r" HEAD "\n", "", "\n" FOOT "\n", false},
        {HEAD, "", "\n" FOOT "\n", false},
        {"", "", "\n" FOOT "\n", false},
        {"-----BEGIN OpenVPN Static key V2-----\n", "", "\n" FOOT "\n", false},
        {HEAD "\n", "", "\n " FOOT "\n", false},
        {HEAD "\n", "", FOOT "\n", false},
        {HEAD "\n", "", "\n", false},
        {HEAD "\n", "", "\n-----END foo-----\n", false},
        {HEAD "\n", "\n#\n", "\n" FOOT "\n", false},
        {HEAD "\n", "-", "\n" FOOT "\n", false},
        {HEAD "\n", "\n" HEAD "\n", "\n" FOOT "\n", false},
        {HEAD "\n", "\n" FOOT "\n", "\n" FOOT "\n", false},
    };
    char hex[513], text[1024];

    (void)state;
    digits(hex);
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        struct adit_static_key k;
        const char *reason = NULL;
        adit_err e;

        /* The 101st digit is the lower half of a byte: what stands inside splits one. */
        snprintf(text, sizeof text, "%s%.101s%s%s%s", forms[i].before, hex, forms[i].inside, hex + 101,
                 forms[i].after);
        e = adit_static_key_read(adit_bytes_str(text), &k, &reason);
        if (e != (forms[i].is_good ? ADIT_OK : ADIT_E_KEY_FILE))
            fail_msg("form %zu: %s", i, reason ? reason : "accepted");
        assert_int_equal(reason != NULL, !forms[i].is_good);
        for (size_t b = 0; forms[i].is_good && b < sizeof k.b; b++)
            assert_int_equal(k.b[b], b);
    }
}

static void upper_case_digits_are_read_and_a_short_key_is_not(void **state)
{
    char hex[513], text[1024];
    struct adit_static_key k;
    const char *reason = NULL;

    (void)state;
    digits(hex);
    for (char *c = hex; *c; c++)
        *c = (char)(*c >= 'a' ? *c - 32 : *c);
    snprintf(text, sizeof text, HEAD "\n%s\n" FOOT "\n", hex);
    assert_int_equal(adit_static_key_read(adit_bytes_str(text), &k, &reason), ADIT_OK);
    assert_int_equal(k.b[0xab], 0xab);

    memset(&k, 0x55, sizeof k);
    snprintf(text, sizeof text, HEAD "\n%.511s\n" FOOT "\n", hex);
    assert_int_equal(adit_static_key_read(adit_bytes_str(text), &k, &reason), ADIT_E_KEY_FILE);
    assert_string_equal(reason, "less than 256 bytes of key");
    assert_int_equal(k.b[0], 0x55);
    assert_int_equal(adit_static_key_read(adit_bytes_of(NULL, 0), &k, &reason), ADIT_E_KEY_FILE);
}

static void pem_keys_are_read_after_other_text_and_in_other_lines(void **state)
{
    struct adit_v2_server_key want, k;
    const char *reason = NULL;
    char text[2048], *to = text;

    (void)state;
    assert_int_equal(adit_v2_server_key_read(adit_bytes_str(sample_server), &want, &reason), ADIT_OK);

    snprintf(text, sizeof text, "words\n%s%s", sample_server, sample_token);
    assert_int_equal(adit_v2_server_key_read(adit_bytes_str(text), &k, &reason), ADIT_OK);
    assert_memory_equal(k.b, want.b, sizeof k.b);

    for (const char *c = sample_server; *c; c++) {
        if (*c == '\n')
            *to++ = '\r';
        *to++ = *c;
    }
    assert_int_equal(adit_v2_server_key_read(adit_bytes_of(text, (size_t)(to - text)), &k, &reason), ADIT_OK);
    assert_memory_equal(k.b, want.b, sizeof k.b);
}

static void broken_pem_keys_are_refused_with_a_reason(void **state)
{
    struct adit_v2_server_key s;
    struct adit_v2_client_key c;
    const char *reason = NULL;
    char text[2048];

    (void)state;
    assert_int_equal(adit_v2_server_key_read(adit_bytes_of(NULL, 0), &s, &reason), ADIT_E_KEY_FILE);
    assert_int_equal(adit_v2_server_key_read(adit_bytes_str("junk"), &s, &reason), ADIT_E_KEY_FILE);
    assert_int_equal(adit_v2_server_key_read(adit_bytes_str(sample_client), &s, &reason), ADIT_E_KEY_FILE);
    assert_string_equal(reason, "a PEM block with another label");
    assert_int_equal(adit_v2_client_key_read(adit_bytes_str(sample_server), &c, &reason), ADIT_E_KEY_FILE);
    assert_string_equal(reason, "a PEM block with another label");
    /* The first block counts. */
    snprintf(text, sizeof text, "%s%s", sample_token, sample_server);
    assert_int_equal(adit_v2_server_key_read(adit_bytes_str(text), &s, &reason), ADIT_E_KEY_FILE);
    assert_int_equal(
        adit_v2_server_key_read(adit_bytes_of(sample_server, strlen(sample_server) - 20), &s, &reason),
        ADIT_E_KEY_FILE);
    assert_int_equal(
        adit_v2_server_key_read(adit_bytes_str("-----BEGIN OpenVPN tls-crypt-v2 server key-----\n"
                                               "AAAA\n"
                                               "-----END OpenVPN tls-crypt-v2 server key-----\n"),
                                &s, &reason),
        ADIT_E_KEY_FILE);
    assert_string_equal(reason, "a wrong length of key");
}

static void a_writer_without_room_says_so(void **state)
{
    uint8_t text[100];
    struct adit_wr w = adit_wr_of(text, sizeof text);
    struct adit_v2_client_key k = {.wkc_len = ADIT_WKC_MAX + 1};
    uint8_t big[ADIT_KEYFILE_TEXT_MAX];

    (void)state;
    adit_static_key_write(&k.kc, &w);
    assert_int_equal(adit_wr_end(&w), ADIT_E_NO_ROOM);
    w = adit_wr_of(big, sizeof big);
    adit_v2_client_key_write(&k, &w);
    assert_int_equal(adit_wr_end(&w), ADIT_E_NO_ROOM);
    k.wkc_len = ADIT_WKC_MAX;
    w = adit_wr_of(big, sizeof big);
    adit_v2_client_key_write(&k, &w);
    assert_int_equal(adit_wr_end(&w), ADIT_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(static_key_of_openvpn_is_read_and_written_alike),
        cmocka_unit_test(v2_server_key_of_openvpn_is_read_and_written_alike),
        cmocka_unit_test(v2_client_key_of_openvpn_is_read_and_written_alike),
        cmocka_unit_test(auth_token_key_has_the_form_of_openvpn),
        cmocka_unit_test(static_key_forms_are_judged_as_openvpn_does),
        cmocka_unit_test(upper_case_digits_are_read_and_a_short_key_is_not),
        cmocka_unit_test(pem_keys_are_read_after_other_text_and_in_other_lines),
        cmocka_unit_test(broken_pem_keys_are_refused_with_a_reason),
        cmocka_unit_test(a_writer_without_room_says_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
