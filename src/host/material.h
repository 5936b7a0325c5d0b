/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The key material that a configuration names, read and made ready: the TLS context, and the wrapping keys of
 * a connection entry. Every failure is one line in the log that names the option, the file and what to do.
 */
#ifndef ADIT_HOST_MATERIAL_H
#define ADIT_HOST_MATERIAL_H

#include "core/material.h"

/* digest: of `auth`, for tls-auth. ADIT_E_CONFIG, ADIT_E_KEY_FILE, ADIT_E_FILE, ADIT_E_MEMORY. */
ADIT_MUST_USE adit_err adit_wraps_load(struct adit_wraps *w, const struct adit_conf *c,
                                       const struct adit_conf_conn *conn, const struct adit_digest *digest,
                                       const struct adit_log *log);

/* NULL after the log got its line. */
struct adit_tls_ctx *adit_material_tls(const struct adit_conf *c, const struct adit_env *env);

/*
 * A changed crl-verify file takes effect at the next handshake. *stamp is the caller's memory of the file, 0
 * at first. Of a file that cannot be read or understood any more the old list stays in force, and the log
 * says so once per change.
 */
void adit_material_refresh_crl(const struct adit_conf *c, struct adit_tls_ctx *tls, uint64_t *stamp,
                               const struct adit_log *log);

/* Name and password for auth-user-pass from its file or block, or from a person; secret. */
ADIT_MUST_USE adit_err adit_login_load(struct adit_login *l, const struct adit_conf *c,
                                       const struct adit_log *log);

#endif
