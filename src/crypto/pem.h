/* SPDX-License-Identifier: Apache-2.0 */
/* Reading PEM text with OpenSSL: what everybody needs who reads certificates or keys, without an opinion. */
#ifndef ADIT_CRYPTO_PEM_H
#define ADIT_CRYPTO_PEM_H

#include <openssl/types.h>

#include "base/bytes.h"

/* Lends the text, to be freed with BIO_free(). NULL: no memory, or too long for OpenSSL. */
BIO *adit_pem_open(adit_bytes text);

/* Did the last PEM_read_...() stop because there is no further block of its kind? */
bool adit_pem_is_at_end(void);

/* In which line of `all` the reader stands, from 1. */
unsigned adit_pem_line(adit_bytes all, BIO *bio);

/*
 * The first private key of the text. NULL: the error queue says why; *was_asked tells whether it is
 * encrypted, and then the password (NULL: none) was wrong or missing.
 */
EVP_PKEY *adit_pem_read_key(adit_bytes text, const char *password, bool *was_asked);

#endif
