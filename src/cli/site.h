/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A set-up folder: what is in it, and opening it for a change. `setup` makes it, `profile` works on it, and
 * stock openvpn, openssl ca and easy-rsa can use its files as well.
 */
#ifndef ADIT_CLI_SITE_H
#define ADIT_CLI_SITE_H

#include "linux/file.h"
#include "pki/authority.h"
#include "pki/book.h"

#define ADIT_SITE_CA_CERT   "ca.crt"
#define ADIT_SITE_CA_KEY    "ca.key"
#define ADIT_SITE_CERT      "server.crt"
#define ADIT_SITE_KEY       "server.key"
#define ADIT_SITE_CRL       "crl.pem"
#define ADIT_SITE_V2_KEY    "tls-crypt-v2-server.key"
#define ADIT_SITE_INDEX     "index.txt"
#define ADIT_SITE_TEMPLATE  "client.conf" /* what every profile begins with */
#define ADIT_SITE_CONF      "server.conf"
#define ADIT_SITE_PROFILES  "profiles"
#define ADIT_SITE_SERVER_CN "server" /* the server's name in the book, so no profile may have it */

struct adit_site {
    const char *verb, *dir; /* verb: for messages */
    int lock;
    struct adit_authority *ca;
    struct adit_book book;
};

/* Prints "adit VERB: ..." to stderr and returns the exit code of a failure. */
int adit_site_fail(const char *verb, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The same for a file in `dir`, with errno's text and what helps. */
int adit_site_fail_file(const char *verb, const char *what, const char *dir, const char *name);

/* Locks the folder, and reads book and authority; false: a message was printed. Then, too, close it. */
bool adit_site_open(struct adit_site *s, const char *verb, const char *dir);
void adit_site_close(struct adit_site *s);

/* A file of the folder, NUL-terminated; NULL: a message was printed. Freed with adit_free_secret(). */
uint8_t *adit_site_read(const struct adit_site *s, const char *name, size_t *n);
bool adit_site_write(const struct adit_site *s, const char *name, adit_bytes content, unsigned mode);
bool adit_site_save_book(const struct adit_site *s);
/* Signs a new revocation list from the book. */
bool adit_site_save_crl(const struct adit_site *s, adit_now now);

/* Text of a revocation list, to be freed; NULL if it cannot be made. */
uint8_t *adit_site_make_crl(const struct adit_authority *ca, const struct adit_book *b, uint64_t number,
                            adit_now now, size_t *n);

/* "2026-11-21", in UTC. */
enum { ADIT_SITE_DATE = 11 };
const char *adit_site_date(int64_t when_s, char dst[ADIT_SITE_DATE]);

#endif
