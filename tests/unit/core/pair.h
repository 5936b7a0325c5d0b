/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client and a server session joined by a modelled link, in virtual time: what a test of whole
 * conversations needs. The server side stands behind a real door. Losses are exact (a bit mask per direction)
 * or random.
 */
#ifndef ADIT_TESTS_CORE_PAIR_H
#define ADIT_TESTS_CORE_PAIR_H

#include "core/door.h"
#include "core/session.h"
#include "proto/tls_ossl.h"

enum pair_wrap {
    PAIR_BARE,
    PAIR_TLS_AUTH,
    PAIR_TLS_CRYPT,
    PAIR_TLS_CRYPT_V2,
};

enum {
    PAIR_QUEUE = 256,
};

struct pair_packet {
    uint8_t b[ADIT_CTRL_PACKET_MAX];
    size_t n;
    uint64_t at_ns;
};

struct pair_link {
    struct pair_packet q[PAIR_QUEUE];
    size_t n;
    uint64_t lose_mask; /* bit i: packet i of this direction is lost */
    unsigned n_sent;
    unsigned loss_percent, dup_percent, reorder_percent;
};

struct pair_end {
    struct adit_session *s;
    struct adit_session_params params;
    struct adit_env env;
    struct adit_tls_ctx *tls;
    struct adit_wrap_key *wrap;
    struct pair_link out;
    bool is_up, is_closed;
    adit_err reason;
    char text[256];
    struct adit_data_keys keys[ADIT_KEY_IDS]; /* as installed */
    bool has_keys[ADIT_KEY_IDS];
    int tx_key; /* -1: none */
    unsigned n_keys, n_wanted;
    char pushed[4096];
};

struct pair {
    struct pair_end client, server;
    struct adit_door door;
    struct adit_static_key static_key;
    struct adit_v2_server_key v2_server;
    struct adit_v2_client_key v2_client;
    enum pair_wrap wrap;
    struct adit_addr client_addr;
    struct adit_now now;
    uint64_t seed, delay_ns;
    struct adit_agreed agreed;
    const char *push; /* options, each NUL-terminated, then one more NUL */
    size_t push_n;
    const char *refuse; /* the server refuses with this text */
    unsigned n_admitted, n_dropped;
    bool is_tcp;
};

/* Sets both ends up; `p` is big: static or on the heap. */
void pair_init(struct pair *p, enum pair_wrap wrap, uint64_t seed);
void pair_start(struct pair *p);
void pair_fini(struct pair *p);

/* Runs until `until` seconds of virtual time have passed since the start, or `is_done` says so. */
bool pair_run(struct pair *p, uint64_t seconds, bool (*is_done)(struct pair *p));

bool pair_is_up(struct pair *p);
bool pair_has_same_keys(const struct pair *p, uint8_t key_id);

/* A client's, to which no server's certificate is good enough; the caller's to free. */
struct adit_tls_ctx *pair_tls_refusing_servers(const struct pair *p);

#endif
