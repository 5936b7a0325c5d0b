/* SPDX-License-Identifier: Apache-2.0 */
#include "../unit.h"

#include "crypto/kdf.h"

#define PRK "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5"

static void prf_of_the_peers_unit_tests(void **state)
{
    /* 117 bytes: the two halves share the middle one. */
    static const char secret[] = "Lorem ipsum dolor sit amet, consectetur adipisici elit, sed eiusmod tempor "
                                 "incidunt ut labore et dolore magna aliqua.";
    const adit_bytes seed[] = {
        adit_bytes_str("Quis aute iure "),
        adit_bytes_of(NULL, 0),
        adit_bytes_str("reprehenderit in voluptate velit esse cillum dolore"),
    };
    uint8_t out[32];

    (void)state;
    assert_int_equal(adit_prf(adit_bytes_str(secret), "", seed, 3, out, sizeof out), ADIT_OK);
    assert_hex(out, sizeof out, "d98c8518c85e946927916acfc2d592fbb1567e4b4b1459e6a904ac2ddab72d67");
    assert_int_equal(adit_prf(adit_bytes_str("tls1-prf-test-secret"), "tls1-prf-test", NULL, 0, out, 8),
                     ADIT_OK);
    assert_hex(out, 8, "7144fe2540737595");
}

static void more_seed_parts_than_there_is_room_for_are_refused(void **state)
{
    adit_bytes seed[9] = {0};
    uint8_t out[8];

    (void)state;
    assert_int_equal(adit_prf(adit_bytes_str("s"), "l", seed, 8, out, sizeof out), ADIT_OK);
    assert_int_equal(adit_prf(adit_bytes_str("s"), "l", seed, 9, out, sizeof out), ADIT_E_CRYPTO);
}

static void hkdf_expand_of_rfc_5869(void **state)
{
    uint8_t prk[32], info[10], out[255 * 32 + 1];

    (void)state;
    unhex(PRK, prk, sizeof prk);
    steps(info, sizeof info, 0xf0);
    assert_int_equal(
        adit_hkdf_expand(adit_bytes_of(prk, sizeof prk), adit_bytes_of(info, sizeof info), out, 42), ADIT_OK);
    assert_hex(out, 42,
               "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");

    /* A.3: no info. */
    unhex("19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04", prk, sizeof prk);
    assert_int_equal(adit_hkdf_expand(adit_bytes_of(prk, sizeof prk), adit_bytes_of(NULL, 0), out, 42),
                     ADIT_OK);
    assert_hex(out, 42,
               "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");

    assert_int_equal(adit_hkdf_expand(adit_bytes_of(prk, sizeof prk), adit_bytes_of(NULL, 0), out, 255 * 32),
                     ADIT_OK);
    assert_int_equal(
        adit_hkdf_expand(adit_bytes_of(prk, sizeof prk), adit_bytes_of(NULL, 0), out, 255 * 32 + 1),
        ADIT_E_CRYPTO);
}

static void expand_with_label(void **state)
{
    uint8_t prk[32], out[32];
    char label[252];

    (void)state;
    unhex(PRK, prk, sizeof prk);
    assert_int_equal(adit_hkdf_label(adit_bytes_of(prk, sizeof prk), "unit test", out, 16), ADIT_OK);
    assert_hex(out, 16, "185eaa1c7f228ab8eb29773214d92046");
    assert_int_equal(adit_hkdf_label(adit_bytes_of(prk, sizeof prk), "unit test", out, 27), ADIT_OK);
    assert_hex(out, 27, "875a8eec18556380b8d933ed323c2df8e8eccf4972e683f06a83ac");

    memset(label, 'x', sizeof label);
    label[251] = 0; /* with the prefix one byte more than the length field can say */
    assert_int_equal(adit_hkdf_label(adit_bytes_of(prk, sizeof prk), label, out, 16), ADIT_E_CRYPTO);
    label[250] = 0;
    assert_int_equal(adit_hkdf_label(adit_bytes_of(prk, sizeof prk), label, out, 16), ADIT_OK);
}

/* One step of the epoch schedule: the data key, the implicit IV, and the next epoch. */
struct epoch {
    const char *secret, *key, *iv;
    size_t key_len;
};

static void assert_epoch(const struct epoch *e, uint8_t next[32])
{
    uint8_t secret[32], out[32];
    adit_bytes s = adit_bytes_of(secret, unhex(e->secret, secret, sizeof secret));

    assert_int_equal(adit_hkdf_label(s, "data_key", out, e->key_len), ADIT_OK);
    assert_hex(out, e->key_len, e->key);
    assert_int_equal(adit_hkdf_label(s, "data_iv", out, 12), ADIT_OK);
    assert_hex(out, 12, e->iv);
    assert_int_equal(adit_hkdf_label(s, "datakey upd", next, 32), ADIT_OK);
}

static void epoch_schedule_of_the_known_answers(void **state)
{
    static const struct epoch rows[] = {
        {"130c000000000000000000000000000000000000000000000000000000000000",
         "ed8533db1c28ace418e9006ab29c17417d60ebe6cd90bf0a", "86890aabf032cb59f4cfa34e", 24},
        {"aa9f22ecf161c7b7d119e544682fb0b0daa9a7bb6dca96441a447f2e0c141426",
         "7823cbae94185df8c7ca64949f9bbfadbf649b0fec91196cde136b77548ea93a", "ee3d5aad140a92e537198154", 32},
        {"e00d4643f3f4f5742a7ae349c688c3559e863256c335eb1fae0cb96ec776377e",
         "b3f3e9f945c96754d63d2f7b086ae5a14956cb24c4ae144ab97a926e5dcde4b1", "7fa16a8fa586f2d209c5de40", 32},
        {"616361676163616f3838383838383838515351575153515f72726f7874787073",
         "d1db3525002c0f60b59485545b15a6ba8d6dc57d691c87b16a61638a81891a96", "82cb0094a2cdbecff132333c", 32},
        {"10f7f2bf8543e6492f6915fa82457fae6144709679d5dfbd219c495f75e717b5",
         "137f8871a9f6a8b1688128ac5e82f2d87d611e4b3aab98180bb9fcdd9e2a223b", "b2e7dce36da8d32f22b97da8", 32},
    };
    uint8_t next[32];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_epoch(&rows[i], next);
        if (i == 1)
            assert_hex(next, 32, rows[2].secret);
    }
    /* Three steps from the first epoch of the unit tests to its fourth. */
    unhex(rows[3].secret, next, sizeof next);
    for (int step = 0; step < 3; step++) {
        uint8_t from[32];

        memcpy(from, next, sizeof from);
        assert_int_equal(adit_hkdf_label(adit_bytes_of(from, 32), "datakey upd", next, 32), ADIT_OK);
    }
    assert_hex(next, 32, rows[4].secret);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prf_of_the_peers_unit_tests),
        cmocka_unit_test(more_seed_parts_than_there_is_room_for_are_refused),
        cmocka_unit_test(hkdf_expand_of_rfc_5869),
        cmocka_unit_test(expand_with_label),
        cmocka_unit_test(epoch_schedule_of_the_known_answers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
