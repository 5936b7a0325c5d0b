/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small certificate authority: makes itself, issues server and client certificates, and signs revocation
 * lists. PEM text in and out through buffers; no files. Time and chance are arguments, except that OpenSSL
 * draws the randomness of private keys itself.
 *
 * What it makes is accepted by openvpn with remote-cert-tls, and by openssl verify -x509_strict.
 */
#ifndef ADIT_PKI_AUTHORITY_H
#define ADIT_PKI_AUTHORITY_H

#include "base/bytes.h"
#include "base/now.h"
#include "base/rng.h"

enum {
    ADIT_PKI_SERIAL_LEN = 16,
    ADIT_PKI_CN_MAX = 64,    /* bytes of UTF-8, without NUL */
    ADIT_PKI_PEM_MAX = 8192, /* room that is enough for one certificate or key */
    ADIT_PKI_DAYS_MAX = 36500,
};

enum adit_pki_alg {
    ADIT_PKI_P256, /* ECDSA, the default */
    ADIT_PKI_ED25519,
    ADIT_PKI_RSA, /* 3072 bits */
};

enum adit_pki_role {
    ADIT_PKI_SERVER,
    ADIT_PKI_CLIENT,
};

struct adit_pki_serial {
    uint8_t b[ADIT_PKI_SERIAL_LEN]; /* big-endian, positive */
};

struct adit_pki_subject {
    const char *common_name; /* 1 .. ADIT_PKI_CN_MAX bytes */
    enum adit_pki_alg alg;
    unsigned days;
};

struct adit_pki_issue {
    struct adit_pki_subject subject;
    enum adit_pki_role role;
    const char *alt_name; /* host name or address that goes into subjectAltName, or NULL */
};

/* What was put on a certificate. */
struct adit_pki_facts {
    struct adit_pki_serial serial;
    int64_t not_after_s;
    uint8_t sha256[32]; /* of the DER */
};

struct adit_pki_revoked {
    struct adit_pki_serial serial;
    int64_t when_s;
};

struct adit_authority;

/* ADIT_E_CONFIG: a name or a time that cannot be; ADIT_E_RANDOM; ADIT_E_CRYPTO; ADIT_E_MEMORY. */
ADIT_MUST_USE adit_err adit_authority_make(const struct adit_pki_subject *subject, const struct adit_rng *rng,
                                           adit_now now, struct adit_authority **out);

/*
 * From its certificate and key. ADIT_E_KEY_FILE: *reason says which of the two is wrong, and why. A password
 * of NULL means that none is known.
 */
ADIT_MUST_USE adit_err adit_authority_load(adit_bytes cert_pem, adit_bytes key_pem, const char *password,
                                           struct adit_authority **out, const char **reason);
void adit_authority_free(struct adit_authority *a); /* NULL allowed */

/* Errors latch in `w`, as always. */
void adit_authority_write_cert(const struct adit_authority *a, struct adit_wr *w);
enum adit_pki_alg adit_authority_alg(const struct adit_authority *a);
void adit_authority_sha256(const struct adit_authority *a, uint8_t dst[32]); /* of its certificate's DER */
void adit_authority_write_key(const struct adit_authority *a, struct adit_wr *w); /* PKCS#8, not encrypted */

/*
 * A new key and its certificate, valid from an hour ago (clocks differ) for `days`, but not longer than the
 * authority itself. ADIT_E_CONFIG also if the authority has expired. ADIT_E_NO_ROOM.
 */
ADIT_MUST_USE adit_err adit_authority_issue(const struct adit_authority *a, const struct adit_pki_issue *what,
                                            const struct adit_rng *rng, adit_now now, struct adit_wr *cert,
                                            struct adit_wr *key, struct adit_pki_facts *facts);

/*
 * A revocation list, good until the authority expires: openvpn refuses everybody when a list is out of date.
 * `number` must grow from list to list.
 */
ADIT_MUST_USE adit_err adit_authority_write_crl(const struct adit_authority *a,
                                                const struct adit_pki_revoked *list, size_t n,
                                                uint64_t number, adit_now now, struct adit_wr *crl);

/* The number of an existing list; ADIT_E_KEY_FILE if it is none. */
ADIT_MUST_USE adit_err adit_pki_crl_number(adit_bytes crl_pem, uint64_t *number);

/* Upper-case hex without leading zero bytes, as OpenSSL shows it; at most 32 digits and a NUL. */
enum { ADIT_PKI_SERIAL_STR = 2 * ADIT_PKI_SERIAL_LEN + 1 };
const char *adit_pki_serial_str(const struct adit_pki_serial *s, char dst[ADIT_PKI_SERIAL_STR]);

#endif
