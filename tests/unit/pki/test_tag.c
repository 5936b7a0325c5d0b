/* SPDX-License-Identifier: Apache-2.0 */
#include "../unit.h"

#include "pki/tag.h"

#define SERIAL "4142434445464748494A4B4C4D4E4F50"
#define CA     "000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F"

static void a_tag_reads_what_it_wrote(void **state)
{
    struct adit_pki_tag tag, back;
    char text[ADIT_PKI_TAG_MAX];
    struct adit_wr w = adit_wr_of(text, sizeof text);

    (void)state;
    steps(tag.serial.b, sizeof tag.serial.b, 0x41);
    steps(tag.ca_sha256, sizeof tag.ca_sha256, 0);
    adit_pki_tag_write(&tag, &w);
    assert_int_equal(adit_wr_end(&w), ADIT_OK);
    assert_int_equal(adit_wr_len(&w), strlen("serial=" SERIAL " ca=" CA));
    assert_memory_equal(text, "serial=" SERIAL " ca=" CA, adit_wr_len(&w));
    assert_int_equal(adit_pki_tag_read(adit_wr_view(&w), &back), ADIT_OK);
    assert_memory_equal(&tag, &back, sizeof tag);
}

static void other_metadata_is_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "serial=",
        "serial=" SERIAL,
        "serial=" SERIAL " ca=" CA "0",
        "serial=" SERIAL " ca=G" CA,
        "serial=4" SERIAL " ca=" CA,
        "Serial=" SERIAL " ca=" CA,
        "user=alice",
    };
    struct adit_pki_tag tag;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(adit_pki_tag_read(adit_bytes_str(bad[i]), &tag), ADIT_E_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tag_reads_what_it_wrote),
        cmocka_unit_test(other_metadata_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
