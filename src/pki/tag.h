/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What we write into the metadata of a tls-crypt-v2 client key: the serial number of the certificate in the
 * same profile and the fingerprint of its CA. So a revoked client can be turned away before TLS begins. It is
 * one line of text, since stock openvpn hands metadata to a script as a file: "serial=HEX ca=SHA256HEX".
 */
#ifndef ADIT_PKI_TAG_H
#define ADIT_PKI_TAG_H

#include "pki/authority.h"

enum { ADIT_PKI_TAG_MAX = 128 };

struct adit_pki_tag {
    struct adit_pki_serial serial;
    uint8_t ca_sha256[32];
};

/* Without the metadata's type byte. */
void adit_pki_tag_write(const struct adit_pki_tag *tag, struct adit_wr *w);

/* ADIT_E_MALFORMED: metadata of another origin. */
ADIT_MUST_USE adit_err adit_pki_tag_read(adit_bytes text, struct adit_pki_tag *tag);

#endif
