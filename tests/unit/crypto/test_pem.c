/* SPDX-License-Identifier: Apache-2.0 */
#include "../unit.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "crypto/pem.h"

static char plain[1024], locked[1024];

static size_t take(BIO *bio, char *dst, size_t cap)
{
    int n = BIO_read(bio, dst, (int)cap - 1);

    BIO_free(bio);
    assert_true(n > 0);
    dst[n] = '\0';
    return (size_t)n;
}

static int set_up(void **state)
{
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    BIO *a = BIO_new(BIO_s_mem()), *b = BIO_new(BIO_s_mem());

    (void)state;
    assert_int_equal(PEM_write_bio_PrivateKey(a, key, NULL, NULL, 0, NULL, NULL), 1);
    assert_int_equal(
        PEM_write_bio_PKCS8PrivateKey(b, key, EVP_aes_128_cbc(), NULL, 0, NULL, (void *)"open sesame"), 1);
    take(a, plain, sizeof plain);
    take(b, locked, sizeof locked);
    EVP_PKEY_free(key);
    return 0;
}

static bool can_read(const char *text, const char *password, bool *was_asked)
{
    EVP_PKEY *key = adit_pem_read_key(adit_bytes_str(text), password, was_asked);
    bool is_read = key != NULL;

    EVP_PKEY_free(key);
    ERR_clear_error();
    return is_read;
}

static void a_plain_key_needs_no_password(void **state)
{
    bool was_asked = true;

    (void)state;
    assert_true(can_read(plain, NULL, &was_asked));
    assert_false(was_asked);
}

static void a_locked_key_needs_its_own(void **state)
{
    char longest[4096];
    bool was_asked = false;

    (void)state;
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    assert_true(can_read(locked, "open sesame", &was_asked));
    assert_true(was_asked);
    was_asked = false;
    assert_false(can_read(locked, "open", &was_asked));
    assert_true(was_asked);
    was_asked = false;
    assert_false(can_read(locked, NULL, &was_asked));
    assert_true(was_asked);
    assert_false(can_read(locked, longest, &was_asked)); /* longer than OpenSSL has room for */
}

static void no_key_asks_for_nothing(void **state)
{
    bool was_asked = true;

    (void)state;
    assert_false(can_read("", "x", &was_asked));
    assert_false(was_asked);
    assert_false(can_read("-----BEGIN CERTIFICATE-----\n", "x", &was_asked));
    assert_false(was_asked);
}

static bool can_read_block(BIO *bio)
{
    char *name = NULL, *header = NULL;
    unsigned char *data = NULL;
    long n;
    bool is_read = PEM_read_bio(bio, &name, &header, &data, &n) == 1;

    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_free(data);
    return is_read;
}

/* The reader tells the end of the text from a block that it could not read, and where it stands. */
static void the_end_is_told_from_damage(void **state)
{
    adit_bytes good = adit_bytes_str("# first\n-----BEGIN X-----\nAAAA\n-----END X-----\n# more\n");
    adit_bytes bad = adit_bytes_str("-----BEGIN X-----\n!!!!\n-----END X-----\n");
    BIO *bio = adit_pem_open(good);

    (void)state;
    assert_int_equal(adit_pem_line(good, bio), 1);
    assert_true(can_read_block(bio));
    assert_int_equal(adit_pem_line(good, bio), 5);
    assert_false(can_read_block(bio));
    assert_true(adit_pem_is_at_end());
    BIO_free(bio);
    ERR_clear_error();
    bio = adit_pem_open(bad);
    assert_false(can_read_block(bio));
    assert_false(adit_pem_is_at_end());
    BIO_free(bio);
    ERR_clear_error();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plain_key_needs_no_password),
        cmocka_unit_test(a_locked_key_needs_its_own),
        cmocka_unit_test(no_key_asks_for_nothing),
        cmocka_unit_test(the_end_is_told_from_damage),
    };

    return cmocka_run_group_tests(tests, set_up, NULL);
}
