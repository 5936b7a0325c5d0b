/* SPDX-License-Identifier: Apache-2.0 */
#include "../unit.h"

#include <openssl/evp.h>

#include "crypto/cipher.h"

static void names_are_found_in_any_case(void **state)
{
    (void)state;
    assert_string_equal(adit_cipher_find("AES-256-GCM")->name, "AES-256-GCM");
    assert_string_equal(adit_cipher_find("aes-256-gcm")->name, "AES-256-GCM");
    assert_string_equal(adit_cipher_find("chacha20-poly1305")->name, "CHACHA20-POLY1305");
    assert_string_equal(adit_cipher_find("ChaCha20-Poly1305")->name, "CHACHA20-POLY1305");
    assert_string_equal(adit_cipher_find("aes256")->name, "AES-256-CBC");
    assert_string_equal(adit_cipher_find("id-aes128-GCM")->name, "AES-128-GCM");
    assert_int_equal(adit_cipher_find("NONE")->kind, ADIT_CIPHER_NONE);
    assert_null(adit_cipher_find("AES-512-GCM"));
    assert_null(adit_cipher_find(""));
    assert_null(adit_cipher_find("AES-256-XTS"));
    assert_null(adit_cipher_find("AES-256-GCM "));
}

static void sizes_are_those_of_the_library(void **state)
{
    const struct adit_cipher *c;
    size_t n = 0;

    (void)state;
    for (; (c = adit_cipher_at(n)); n++) {
        EVP_CIPHER *evp = EVP_CIPHER_fetch(NULL, c->evp_name, NULL);
        int mode;

        assert_non_null(evp);
        assert_ptr_equal(adit_cipher_find(c->name), c);
        assert_int_equal(EVP_CIPHER_get_key_length(evp), c->key_len);
        assert_int_equal(EVP_CIPHER_get_iv_length(evp), c->iv_len);
        mode = EVP_CIPHER_get_mode(evp);
        assert_int_equal(c->kind == ADIT_CIPHER_AEAD,
                         (EVP_CIPHER_get_flags(evp) & EVP_CIPH_FLAG_AEAD_CIPHER) != 0);
        assert_int_equal(c->kind == ADIT_CIPHER_CBC, mode == EVP_CIPH_CBC_MODE);
        assert_int_equal(c->kind == ADIT_CIPHER_CFB_OFB,
                         mode == EVP_CIPH_CFB_MODE || mode == EVP_CIPH_OFB_MODE);
        assert_int_equal(c->has_usage_limit, mode == EVP_CIPH_GCM_MODE);
        if (c->kind == ADIT_CIPHER_CBC)
            assert_int_equal(EVP_CIPHER_get_block_size(evp), c->block_len);
        EVP_CIPHER_free(evp);
    }
    assert_true(n >= 50);
    assert_null(adit_cipher_at(n));
    assert_null(adit_cipher_at(SIZE_MAX));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_found_in_any_case),
        cmocka_unit_test(sizes_are_those_of_the_library),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
