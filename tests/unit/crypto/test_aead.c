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

#define GCM_KEY   "feffe9928665731c6d6a8f9467308308"
#define GCM_NONCE "cafebabefacedbaddecaf888"
#define GCM_AAD   "feedfacedeadbeeffeedfacedeadbeefabaddad2"
#define GCM_PLAIN                                                                                            \
    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525"       \
    "b16aedf5aa0de657ba637b39"
#define ZERO_4  "00000000"
#define ZERO_12 ZERO_4 ZERO_4 ZERO_4
#define ZERO_16 ZERO_12 ZERO_4

/* Test cases 1 to 4, 7 to 10 and 13 to 16 of the GCM specification: those with a nonce of 12 bytes. */
static const struct vector gcm_vectors[] = {
    {"AES-128-GCM", ZERO_16, ZERO_12, "", "", "", "58e2fccefa7e3061367f1d57a4e7455a"},
    {"AES-128-GCM", ZERO_16, ZERO_12, "", ZERO_16, "0388dace60b6a392f328c2b971b2fe78",
     "ab6e47d42cec13bdf53a67b21257bddf"},
    {"AES-128-GCM", GCM_KEY, GCM_NONCE, "", GCM_PLAIN "1aafd255",
     "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa05"
     "1ba30b396a0aac973d58e091473f5985",
     "4d5c2af327cd64a62cf35abd2ba6fab4"},
    {"AES-128-GCM", GCM_KEY, GCM_NONCE, GCM_AAD, GCM_PLAIN,
     "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa05"
     "1ba30b396a0aac973d58e091",
     "5bc94fbc3221a5db94fae95ae7121a47"},
    {"AES-192-GCM", ZERO_16 ZERO_4 ZERO_4, ZERO_12, "", "", "", "cd33b28ac773f74ba00ed1f312572435"},
    {"AES-192-GCM", ZERO_16 ZERO_4 ZERO_4, ZERO_12, "", ZERO_16, "98e7247c07f0fe411c267e4384b0f600",
     "2ff58d80033927ab8ef4d4587514f0fb"},
    {"AES-192-GCM", GCM_KEY "feffe9928665731c", GCM_NONCE, "", GCM_PLAIN "1aafd255",
     "3980ca0b3c00e841eb06fac4872a2757859e1ceaa6efd984628593b40ca1e19c7d773d00c144c525ac619d18c84a3f47"
     "18e2448b2fe324d9ccda2710acade256",
     "9924a7c8587336bfb118024db8674a14"},
    {"AES-192-GCM", GCM_KEY "feffe9928665731c", GCM_NONCE, GCM_AAD, GCM_PLAIN,
     "3980ca0b3c00e841eb06fac4872a2757859e1ceaa6efd984628593b40ca1e19c7d773d00c144c525ac619d18c84a3f47"
     "18e2448b2fe324d9ccda2710",
     "2519498e80f1478f37ba55bd6d27618c"},
    {"AES-256-GCM", ZERO_16 ZERO_16, ZERO_12, "", "", "", "530f8afbc74536b9a963b4f1c4cb738b"},
    {"AES-256-GCM", ZERO_16 ZERO_16, ZERO_12, "", ZERO_16, "cea7403d4d606b6e074ec5d3baf39d18",
     "d0d1c8a799996bf0265b98b5d48ab919"},
    {"AES-256-GCM", GCM_KEY GCM_KEY, GCM_NONCE, "", GCM_PLAIN "1aafd255",
     "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838"
     "c5f61e6393ba7a0abcc9f662898015ad",
     "b094dac5d93471bdec1a502270e3cc6c"},
    {"AES-256-GCM", GCM_KEY GCM_KEY, GCM_NONCE, GCM_AAD, GCM_PLAIN,
     "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838"
     "c5f61e6393ba7a0abcc9f662",
     "76fc6ece0f4e1768cddf8853bb2d551b"},
};

/* RFC 8439, section 2.8.2 and appendix A.5. */
static const struct vector chacha_vectors[] = {
    {"CHACHA20-POLY1305", "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
     "070000004041424344454647", "50515253c0c1c2c3c4c5c6c7",
     "4c616469657320616e642047656e746c656d656e206f662074686520636c617373206f66202739393a204966204920636f"
     "756c64206f6666657220796f75206f6e6c79206f6e652074697020666f7220746865206675747572652c2073756e736372"
     "65656e20776f756c642062652069742e",
     "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b1a"
     "71de0a9e060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc3ff4"
     "def08e4b7a9de576d26586cec64b6116",
     "1ae10b594f09e26a7e902ecbd0600691"},
    {"CHACHA20-POLY1305", "1c9240a5eb55d38af333888604f6b5f0473917c1402b80099dca5cbc207075c0",
     "000000000102030405060708", "f33388860000000000004e91",
     "496e7465726e65742d4472616674732061726520647261667420646f63756d656e74732076616c696420666f722061206d"
     "6178696d756d206f6620736978206d6f6e74687320616e64206d617920626520757064617465642c207265706c61636564"
     "2c206f72206f62736f6c65746564206279206f7468657220646f63756d656e747320617420616e792074696d652e204974"
     "20697320696e617070726f70726961746520746f2075736520496e7465726e65742d447261667473206173207265666572"
     "656e6365206d6174657269616c206f7220746f2063697465207468656d206f74686572207468616e206173202fe2809c77"
     "6f726b20696e2070726f67726573732e2fe2809d",
     "64a0861575861af460f062c79be643bd5e805cfd345cf389f108670ac76c8cb24c6cfc18755d43eea09ee94e382d26b0bd"
     "b7b73c321b0100d4f03b7f355894cf332f830e710b97ce98c8a84abd0b948114ad176e008d33bd60f982b1ff37c8559797"
     "a06ef4f0ef61c186324e2b3506383606907b6a7c02b0f9f6157b53c867e4b9166c767b804d46a59b5216cde7a4e99040c5"
     "a40433225ee282a1b0a06c523eaf4534d7f83fa1155b0047718cbc546a0d072b04b3564eea1b422273f548271a0bb23160"
     "53fa76991955ebd63159434ecebb4e466dae5a1073a6727627097a1049e617d91d361094fa68f0ff77987130305beaba2e"
     "da04df997b714d6c6f2c29a6ad5cb4022b02709b",
     "eead9d67890cbb22392336fea1851f38"},
};

static void check_vector(const struct vector *v)
{
    const struct adit_cipher *c = adit_cipher_find(v->cipher);
    uint8_t key[32], nonce[12], aad[32], plain[512], out[512], tag[16];
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

    /* Twice, since a key is expanded once and used for every packet. */
    for (int round = 0; round < 2; round++) {
        assert_int_equal(adit_aead_seal(tx, nonce, adit_bytes_of(aad, n_aad), plain, n, out, tag), ADIT_OK);
        assert_hex(out, n, v->text);
        assert_hex(tag, sizeof tag, v->tag);
        /* In place. */
        assert_int_equal(adit_aead_open(rx, nonce, adit_bytes_of(aad, n_aad), out, n, tag, out), ADIT_OK);
        assert_memory_equal(out, plain, n);
    }
    adit_aead_free(tx);
    adit_aead_free(rx);
}

static void every_published_vector_comes_out(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof gcm_vectors / sizeof gcm_vectors[0]; i++)
        check_vector(&gcm_vectors[i]);
    for (size_t i = 0; i < sizeof chacha_vectors / sizeof chacha_vectors[0]; i++)
        check_vector(&chacha_vectors[i]);
}

static void every_known_packet_is_sealed_and_opened(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++)
        check_vector(&vectors[i]);
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
        cmocka_unit_test(every_published_vector_comes_out),
        cmocka_unit_test(every_known_packet_is_sealed_and_opened),
        cmocka_unit_test(the_classic_packet_of_the_unit_tests),
        cmocka_unit_test(one_changed_bit_is_noticed),
        cmocka_unit_test(empty_text_has_a_tag_of_its_own),
        cmocka_unit_test(a_context_serves_its_direction_and_aead_ciphers_only),
    };
    int n_failed;

    /* With each engine; where there is but one, it is tested twice. */
    print_message("%s\n", adit_aead_engine_name());
    n_failed = cmocka_run_group_tests_name("best", tests, NULL, NULL);
    adit_aead_prefer(ADIT_AEAD_EVP);
    return n_failed + cmocka_run_group_tests_name("EVP", tests, NULL, NULL);
}
