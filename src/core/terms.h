/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a configuration means for a conversation: the texts that both ends exchange, what this end can do, and
 * what follows from what the other end can do. Pure: configuration in, values out. Protocol
 * text: 6.3, 6.4, 8.
 */
#ifndef ADIT_CORE_TERMS_H
#define ADIT_CORE_TERMS_H

#include "conf/conf.h"
#include "conf/pushed.h"
#include "core/directory.h"
#include "core/session.h"
#include "proto/mtu.h"

#define ADIT_IV_VER "2.7.6"

struct adit_terms {
    const struct adit_conf *conf;
    struct adit_cipher_list ciphers;    /* data-ciphers */
    const struct adit_cipher *fallback; /* data-ciphers-fallback; NULL: none */
    const struct adit_digest *auth;     /* `auth`; NULL: none */
    char cipher_text[ADIT_CIPHER_LIST_LEN];
    char options[ADIT_OPTIONS_MAX];
    char peer_info[ADIT_PEER_INFO_MAX];
};

/* ADIT_E_CONFIG: a cipher or digest is unknown; `log` got the line that says which. */
ADIT_MUST_USE adit_err adit_terms_init(struct adit_terms *t, const struct adit_conf *c,
                                       const struct adit_log *log);

/* The options string for one connection entry. */
void adit_terms_for(struct adit_terms *t, const struct adit_conf_conn *conn, bool is_tcp);

/* Session parameters of this configuration; they point into `t`. */
struct adit_session_params adit_terms_params(const struct adit_terms *t, const struct adit_conf_conn *conn);

/*
 * What a server settles on with a client. ADIT_E_NO_CIPHER or ADIT_E_AUTH_DENIED with *reason, the text of
 * AUTH_FAILED (8.4).
 */
ADIT_MUST_USE adit_err adit_terms_agree_server(const struct adit_terms *t, const struct adit_peer_info *peer,
                                               adit_bytes peer_options, uint32_t peer_id,
                                               struct adit_agreed *out, const char **reason);

/* What a client makes of a push reply. ADIT_E_NO_CIPHER with *reason. */
ADIT_MUST_USE adit_err adit_terms_agree_client(const struct adit_terms *t, const struct adit_pushed *pushed,
                                               adit_bytes peer_options, struct adit_agreed *out,
                                               const char **reason);

/* Both ends of a tunnel without push (8.5). */
ADIT_MUST_USE adit_err adit_terms_agree_p2p(const struct adit_terms *t, const struct adit_peer_info *peer,
                                            adit_bytes peer_options, struct adit_agreed *out,
                                            const char **reason);

/*
 * What a server tells a client that has this lease, in the order of 8.7, each option NUL-terminated. w->bad:
 * it is too long, and the end is left out.
 */
void adit_terms_push(const struct adit_terms *t, const struct adit_lease *lease,
                     const struct adit_agreed *agreed, const struct adit_peer_info *info, struct adit_wr *w);

/* mssfix for what was agreed. */
struct adit_mss adit_terms_mss(const struct adit_conf_conn *conn, const struct adit_agreed *agreed,
                               bool is_tcp, bool is_ipv6);

#endif
