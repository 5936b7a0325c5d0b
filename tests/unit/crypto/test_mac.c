/* SPDX-License-Identifier: Apache-2.0 */
#include "../unit.h"

#include "crypto/mac.h"

#define LOREM                                                                                                \
    "Lorem ipsum dolor sit amet, consectetur adipisici elit, sed eiusmod tempor incidunt ut labore et "      \
    "dolore magna "                                                                                          \
    "aliqua."

static void hmac_of_the_peers_unit_test(void **state)
{
    uint8_t key[20] = {0x0b}, out[ADIT_DIGEST_MAX];
    const adit_bytes parts[] = {adit_bytes_str(LOREM), adit_bytes_of(NULL, 0), adit_bytes_str(LOREM)};
    struct adit_mac *m = adit_mac_new(adit_digest_find("SHA1"), adit_bytes_of(key, sizeof key));

    (void)state;
    assert_non_null(m);
    for (int round = 0; round < 3; round++) {
        memset(out, 0, sizeof out);
        assert_int_equal(adit_mac_of(m, parts, 3, out), ADIT_OK);
        assert_hex(out, 20, "58ea5af04294e917ed84b9f0833023ae8ba77eb8");
    }
    adit_mac_free(m);
    adit_mac_free(NULL);
}

/* The HMACs of the CBC and plain data packets among the known answers: everything behind them is covered. */
static void hmac_of_known_data_packets(void **state)
{
    static const struct {
        const char *digest, *hmac, *rest;
    } rows[] = {
        {"SHA1", "1eb047d48a5843931840f6bb860e9a41186bf967",
         "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeffec0ce186e42f0f5d151d61c71e3f8f46ddfa7ddf2753028373a1a03e622afecf"},
        {"SHA256", "4ba3c790270bafed24c7b6718c258ceae315034f6d25d551df7b10021276bd50",
         "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeffec0ce186e42f0f5d151d61c71e3f8f46ddfa7ddf2753028373a1a03e622afecf"},
        {"SHA256", "3fab6487d9cea080d2cc3395f47d0da518a9f37212bacc0cae7adb1ba50ff5b1",
         "000000012a187bf3641eb4cb07ed2d0a981fc748"},
        {"SHA1", "b4d3066efe6d4104fce1195e192805493d92e8b9",
         "00000001650000000000000000000000e19f1755e106a6c21f0fd70927cf87cee44fba1e6ac78861b46fd92d85f92a5d"},
        {"SHA1", "644eebb088ae7e270ff0bdc34cd7f639a5956e7b",
         "00000001650000000000000000000000e19f1755e106a6c21f0fd70927cf87ce6099181f3069f81e0464503e3c0eaeca"},
    };
    uint8_t key[32], rest[64], out[ADIT_DIGEST_MAX];

    (void)state;
    unhex("d9f7d793159d2e592d5efb5566a069c9197cf4524e2aec913d23b9fdd1151183", key, sizeof key);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct adit_digest *d = adit_digest_find(rows[i].digest);
        struct adit_mac *m = adit_mac_new(d, adit_bytes_of(key, d->len));
        adit_bytes part = adit_bytes_of(rest, unhex(rows[i].rest, rest, sizeof rest));

        assert_int_equal(adit_mac_of(m, &part, 1, out), ADIT_OK);
        assert_hex(out, d->len, rows[i].hmac);
        adit_mac_free(m);
    }
}

static void names_are_found_as_configurations_write_them(void **state)
{
    (void)state;
    assert_string_equal(adit_digest_find("sha256")->name, "SHA256");
    assert_string_equal(adit_digest_find("RSA-SHA256")->name, "SHA256");
    assert_string_equal(adit_digest_find("rsa-sha1")->name, "SHA1");
    assert_null(adit_digest_find("sha-256"));
    assert_null(adit_digest_find("RSA-RSA-SHA256"));
    assert_null(adit_digest_find("none"));
    assert_null(adit_digest_find(""));
    /* It cannot key an HMAC. */
    assert_null(adit_digest_find("SHAKE128"));
}

static void every_listed_digest_has_its_length_and_keys_an_hmac(void **state)
{
    const struct adit_digest *d;
    size_t n = 0;

    (void)state;
    for (; (d = adit_digest_at(n)); n++) {
        uint8_t key[64], out[ADIT_DIGEST_MAX];
        adit_bytes part = adit_bytes_str("x");
        struct adit_mac *m;

        steps(key, sizeof key, 0);
        assert_ptr_equal(adit_digest_find(d->name), d);
        assert_int_equal(adit_digest_of(d, part, out), ADIT_OK);
        m = adit_mac_new(d, adit_bytes_of(key, d->len));
        assert_non_null(m);
        assert_int_equal(adit_mac_of(m, &part, 1, out), ADIT_OK);
        adit_mac_free(m);
    }
    assert_true(n >= 16);
    assert_null(adit_digest_at(n));
}

static void digest_of_abc(void **state)
{
    uint8_t out[ADIT_DIGEST_MAX];

    (void)state;
    assert_int_equal(adit_digest_of(adit_digest_find("SHA256"), adit_bytes_str("abc"), out), ADIT_OK);
    assert_hex(out, 32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_int_equal(adit_digest_of(adit_digest_find("SHA1"), adit_bytes_of(NULL, 0), out), ADIT_OK);
    assert_hex(out, 20, "da39a3ee5e6b4b0d3255bfef95601890afd80709");
}

/* SP 800-38A, F.5.5, and the carry over the whole counter block. */
static void counter_mode_counts_the_whole_block(void **state)
{
    uint8_t key[32], iv[16], text[64], low[32] = {0}, zero[16] = {0};
    struct adit_ctr *c;

    (void)state;
    unhex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4", key, sizeof key);
    steps(iv, sizeof iv, 0xf0);
    unhex("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5fbc1191a0a52ef"
          "f69f2445df4f9b17ad2b417be66c3710",
          text, sizeof text);
    assert_int_equal(adit_aes256_ctr(key, iv, adit_bytes_of(text, sizeof text), text), ADIT_OK);
    assert_hex(
        text, sizeof text,
        "601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c52b0930daa23de94ce87017ba2d84988d"
        "dfc9c58db67aada613c2dd08457941a6");

    c = adit_ctr_new(key);
    memset(iv, 0xff, sizeof iv);
    assert_int_equal(adit_ctr_of(c, iv, adit_bytes_of(low, sizeof low), low), ADIT_OK);
    memset(iv, 0, sizeof iv);
    assert_int_equal(adit_ctr_of(c, iv, adit_bytes_of(zero, sizeof zero), zero), ADIT_OK);
    assert_memory_equal(low + 16, zero, 16);
    assert_int_equal(adit_ctr_of(c, iv, adit_bytes_of(NULL, 0), zero), ADIT_OK);
    adit_ctr_free(c);
    adit_ctr_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hmac_of_the_peers_unit_test),
        cmocka_unit_test(hmac_of_known_data_packets),
        cmocka_unit_test(names_are_found_as_configurations_write_them),
        cmocka_unit_test(every_listed_digest_has_its_length_and_keys_an_hmac),
        cmocka_unit_test(digest_of_abc),
        cmocka_unit_test(counter_mode_counts_the_whole_block),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
