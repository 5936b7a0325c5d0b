/* SPDX-License-Identifier: Apache-2.0 */
#include "../unit.h"

#include "crypto/aead.h"

#define C2S_CIPHER "aa9f22ecf161c7b7d119e544682fb0b0daa9a7bb6dca96441a447f2e0c141426"
#define S2C_CIPHER "0cf553d065c21581480cf208dae4ba97cd913482dcb05ec2b0e262d532afbf34"
#define PING       "2a187bf3641eb4cb07ed2d0a981fc748"
#define FOX                                                                                                  \
    "54686520717569636b206c6974746c6520666f78206a756d7073206f7665722074686520627572656175637261746963206875" \
    "72646c6573"

struct vector {
    const char *cipher, *key, *nonce, *aad, *plain, *text, *tag;
};

/* The data packets of the protocol text's known answers, cut into their parts. */
static const struct vector vectors[] = {
    {"AES-256-GCM", C2S_CIPHER, "00000001d9f7d793159d2e59", "4800000100000001", PING,
     "52baeec07c5fc48b77cf2e6be2ead40d", "aee7f539e466eb90d9e81f2ad69d07e1"},
    {"AES-256-GCM", S2C_CIPHER, "00000001a0e43fc132ed3fb7", "00000001", PING,
     "44afe296f1c040a4069431257cc62446", "7bab13f750189d8168085acdc0d6b838"},
    {"AES-128-GCM", "aa9f22ecf161c7b7d119e544682fb0b0", "00000001d9f7d793159d2e59", "4800000100000001", PING,
     "63bb2db9845b11036562cb2bc2b1a198", "932af26d3e7433f359dfd75d279f983e"},
    {"CHACHA20-POLY1305", C2S_CIPHER, "00000001d9f7d793159d2e59", "4800000100000001", PING,
     "4e0c396152f6066bf3c51b68cfb7cc3c", "9601064349aecf9708e6c4c02a83bb57"},
    {"AES-256-GCM", "7823cbae94185df8c7ca64949f9bbfadbf649b0fec91196cde136b77548ea93a",
     "ee3c5aad140a92e437198154", "480000010001000000000001", PING, "c08d685b3268cc5b98762206cddb1d22",
     "b4955be88cfa370a3e7a24854914a64c"},
    {"AES-256-GCM", "b3f3e9f945c96754d63d2f7b086ae5a14956cb24c4ae144ab97a926e5dcde4b1",
     "7fa36a8fa586f2d309c5de40", "480000010002000000000001", PING, "b8845fb93dc7d6179464bee5b6d5be31",
     "5d190841ad72d76127758cfe26bcc41d"},
    {"AES-256-GCM", "d1db3525002c0f60b59485545b15a6ba8d6dc57d691c87b16a61638a81891a96",
     "82ca0094a2cdbecef132333c", "070000170001000000000001", FOX,
     "3d98ba5b55f68e455addd90eb573e51852f4b555cdefaa5aa3fa246166df411deba23d2bebe44484376cfb5a61417c9ff450169"
     "75"
     "8a93820",
     "a0b54cdd93ff0b01a3265ecf19d56a06"},
    {"AES-256-GCM", "137f8871a9f6a8b1688128ac5e82f2d87d611e4b3aab98180bb9fcdd9e2a223b",
     "b2e3dce36da8d32e22b97da8", "070000170004000000000001", FOX,
     "6eacea349ca836aab4d49ce685399a9bab964526e9cd11ece8cb7d77bdbc5c6ac4f49f36ea02e9c1f5d97644afa9118ba9f9a89"
     "26"
     "23f1a13",
     "0ffff5913d39d75b18573b5748589a7d"},
};

static void every_known_packet_is_sealed_and_opened(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        const struct vector *v = &vectors[i];
        const struct adit_cipher *c = adit_cipher_find(v->cipher);
        uint8_t key[32], nonce[12], aad[16], plain[64], out[64], tag[16];
        size_t n_aad, n;
        struct adit_aead *tx, *rx;

        assert_non_null(c);
        assert_int_equal(unhex(v->key, key, sizeof key), c->key_len);
        unhex(v->nonce, nonce, sizeof nonce);
        n_aad = unhex(v->aad, aad, sizeof aad);
        n = unhex(v->plain, plain, sizeof plain);
        tx = adit_aead_new(c, key, true);
        rx = adit_aead_new(c, key, false);
        assert_true(tx && rx);

        /* Twice, since a context is made once and used for every packet. */
        for (int round = 0; round < 2; round++) {
            assert_int_equal(adit_aead_seal(tx, nonce, adit_bytes_of(aad, n_aad), plain, n, out, tag),
                             ADIT_OK);
            assert_hex(out, n, v->text);
            assert_hex(tag, sizeof tag, v->tag);
            /* In place. */
            assert_int_equal(adit_aead_open(rx, nonce, adit_bytes_of(aad, n_aad), out, n, tag, out), ADIT_OK);
            assert_memory_equal(out, plain, n);
        }
        adit_aead_free(tx);
        adit_aead_free(rx);
    }
}

static void the_classic_packet_of_the_unit_tests(void **state)
{
    static const char letters[] = "abcdefgh01234567ABCDEFGHjkuchenl";
    uint8_t kd[256], nonce[12] = {0, 0, 0, 1}, aad[8], plain[64], out[64], tag[16];
    struct adit_aead *tx;
    size_t n = unhex(FOX, plain, sizeof plain);

    (void)state;
    for (size_t i = 0; i < sizeof kd; i++)
        kd[i] = (uint8_t)((uint8_t)letters[i % 32] ^ i);
    memcpy(nonce + 4, kd + 64, 8);
    unhex("0700001700000001", aad, sizeof aad);
    tx = adit_aead_new(adit_cipher_find("AES-256-GCM"), kd, true);
    assert_non_null(tx);
    assert_int_equal(adit_aead_seal(tx, nonce, adit_bytes_of(aad, sizeof aad), plain, n, out, tag), ADIT_OK);
    assert_hex(tag, sizeof tag, "1fdd908f0e9dc25e79d832020d58e73f");
    assert_hex(
        out, n,
        "2262f977d6bb2118fa0ea82e6b1706d949aefcb5efcbbacd5c09a9ab45f4d391d3f68794cb0b82c3d33389b61622b32815"
        "98e2ff6d5cc38b");
    adit_aead_free(tx);
}

/* Changes one bit at a time of everything that is authenticated. */
static void one_changed_bit_is_noticed(void **state)
{
    const struct adit_cipher *c = NULL;

    (void)state;
    for (size_t i = 0; (c = adit_cipher_at(i)); i++) {
        uint8_t key[32], nonce[12], aad[8], plain[33], out[33], back[33], tag[16];
        struct adit_aead *tx, *rx;

        if (c->kind != ADIT_CIPHER_AEAD)
            continue;
        steps(key, sizeof key, 1);
        steps(nonce, sizeof nonce, 2);
        steps(aad, sizeof aad, 3);
        steps(plain, sizeof plain, 4);
        tx = adit_aead_new(c, key, true);
        rx = adit_aead_new(c, key, false);
        assert_true(tx && rx);
        assert_int_equal(
            adit_aead_seal(tx, nonce, adit_bytes_of(aad, sizeof aad), plain, sizeof plain, out, tag),
            ADIT_OK);

#define ASSERT_NOTICED(field)                                                                                \
    for (size_t bit = 0; bit < 8 * sizeof field; bit++) {                                                    \
        field[bit / 8] ^= (uint8_t)(1u << bit % 8);                                                          \
        assert_int_equal(                                                                                    \
            adit_aead_open(rx, nonce, adit_bytes_of(aad, sizeof aad), out, sizeof out, tag, back),           \
            ADIT_E_AUTH);                                                                                    \
        field[bit / 8] ^= (uint8_t)(1u << bit % 8);                                                          \
    }
        ASSERT_NOTICED(nonce)
        ASSERT_NOTICED(aad)
        ASSERT_NOTICED(out)
        ASSERT_NOTICED(tag)
        assert_int_equal(
            adit_aead_open(rx, nonce, adit_bytes_of(aad, sizeof aad), out, sizeof out, tag, back), ADIT_OK);
        assert_memory_equal(back, plain, sizeof plain);
        adit_aead_free(tx);
        adit_aead_free(rx);
    }
}

static void empty_text_has_a_tag_of_its_own(void **state)
{
    uint8_t key[32] = {0}, nonce[12] = {0}, tag[16], none[1];
    struct adit_aead *tx = adit_aead_new(adit_cipher_find("AES-256-GCM"), key, true);
    struct adit_aead *rx = adit_aead_new(adit_cipher_find("AES-256-GCM"), key, false);

    (void)state;
    assert_int_equal(adit_aead_seal(tx, nonce, adit_bytes_of(NULL, 0), none, 0, none, tag), ADIT_OK);
    /* Test case 13 of the GCM specification. */
    assert_hex(tag, sizeof tag, "530f8afbc74536b9a963b4f1c4cb738b");
    assert_int_equal(adit_aead_open(rx, nonce, adit_bytes_of(NULL, 0), none, 0, tag, none), ADIT_OK);
    tag[0] ^= 1;
    assert_int_equal(adit_aead_open(rx, nonce, adit_bytes_of(NULL, 0), none, 0, tag, none), ADIT_E_AUTH);
    adit_aead_free(tx);
    adit_aead_free(rx);
}

static void a_context_serves_its_direction_and_aead_ciphers_only(void **state)
{
    uint8_t key[32] = {0}, nonce[12] = {0}, tag[16] = {0}, b[4] = {0};
    struct adit_aead *tx = adit_aead_new(adit_cipher_find("AES-128-GCM"), key, true);
    struct adit_aead *rx = adit_aead_new(adit_cipher_find("AES-128-GCM"), key, false);

    (void)state;
    assert_int_equal(adit_aead_open(tx, nonce, adit_bytes_of(NULL, 0), b, 4, tag, b), ADIT_E_CRYPTO);
    assert_int_equal(adit_aead_seal(rx, nonce, adit_bytes_of(NULL, 0), b, 4, b, tag), ADIT_E_CRYPTO);
    assert_null(adit_aead_new(adit_cipher_find("AES-128-CBC"), key, true));
    assert_null(adit_aead_new(adit_cipher_find("none"), key, true));
    adit_aead_free(tx);
    adit_aead_free(rx);
    adit_aead_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_known_packet_is_sealed_and_opened),
        cmocka_unit_test(the_classic_packet_of_the_unit_tests),
        cmocka_unit_test(one_changed_bit_is_noticed),
        cmocka_unit_test(empty_text_has_a_tag_of_its_own),
        cmocka_unit_test(a_context_serves_its_direction_and_aead_ciphers_only),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
