/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/pem.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>

struct password {
    const char *text;
    bool was_asked;
};

BIO *adit_pem_open(adit_bytes text)
{
    return text.n <= INT_MAX ? BIO_new_mem_buf(text.p, (int)text.n) : NULL;
}

bool adit_pem_is_at_end(void)
{
    unsigned long e = ERR_peek_last_error();

    return ERR_GET_LIB(e) == ERR_LIB_PEM && ERR_GET_REASON(e) == PEM_R_NO_START_LINE;
}

unsigned adit_pem_line(adit_bytes all, BIO *bio)
{
    size_t left = (size_t)BIO_pending(bio);
    size_t at = left < all.n ? all.n - left : 0;
    unsigned line = 1;

    for (size_t i = 0; i < at; i++)
        line += all.p[i] == '\n';
    return line;
}

static int give_password(char *dst, int cap, int is_writing, void *arg)
{
    struct password *pw = arg;
    size_t n = pw->text ? strlen(pw->text) : 0;

    (void)is_writing;
    pw->was_asked = true;
    if (!pw->text || n > (size_t)cap)
        return -1;
    memcpy(dst, pw->text, n);
    return (int)n;
}

EVP_PKEY *adit_pem_read_key(adit_bytes text, const char *password, bool *was_asked)
{
    struct password pw = {.text = password};
    BIO *bio = adit_pem_open(text);
    EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, give_password, &pw) : NULL;

    BIO_free(bio);
    *was_asked = pw.was_asked;
    return key;
}
