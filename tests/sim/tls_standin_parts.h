/* SPDX-License-Identifier: Apache-2.0 */
/* What the two halves of the stand-in know of each other: records (tls_standin.c) and handshake messages
 * (tls_standin_hand.c). */
#ifndef ADIT_SIM_TLS_STANDIN_PARTS_H
#define ADIT_SIM_TLS_STANDIN_PARTS_H

#include "tls_standin.h"
#include "tls_standin_mix.h"

enum {
    REC_ALERT = 21,
    REC_HANDSHAKE = 22,
    REC_DATA = 23,
    REC_SEALED = 0x80, /* a flag beside the type */
    HEAD_LEN = 5,
    TAG_LEN = 16,
    BODY_MAX = 16384,

    MSG_CLIENT_HELLO = 1,
    MSG_SERVER_HELLO = 2,
    MSG_TICKET = 4,
    MSG_CERTIFICATE = 11,
    MSG_DONE = 14,
    MSG_FINISHED = 20,
    MSG_HEAD_LEN = 4,
    MSG_MAX = 128 * 1024,

    SERVER_HELLO_SIZE = 122, /* whole messages, as long as those of TLS */
    FINISHED_SIZE = MSG_HEAD_LEN + 32,
    TICKET_SIZE = 250,

    RANDOM_LEN = 32,
    VERIFY_LEN = 32,
    NAME_MAX_LEN = 64, /* openvpn's limit of the common name */
    FLAG_WANTS_CERT = 1,
    FLAG_HAS_CERT = 2,
    TWO_ROUND_TRIPS = 2, /* versions: the minor number of the TLS that looks like it */
    ONE_ROUND_TRIP = 3,

    QUEUE_STEP = 2048,
    OUT_MAX = 256 * 1024, /* as behind OpenSSL */
};

enum alert {
    ALERT_UNEXPECTED = 10,
    ALERT_BAD_RECORD = 20,
    ALERT_HANDSHAKE_FAILURE = 40,
    ALERT_BAD_CERTIFICATE = 42,
    ALERT_REVOKED = 44,
    ALERT_EXPIRED = 45,
    ALERT_UNKNOWN_CA = 48,
    ALERT_DECODE = 50,
    ALERT_DECRYPT = 51,
    ALERT_VERSION = 70,
    ALERT_INTERNAL = 80,
    ALERT_CERT_REQUIRED = 116,
};

struct queue {
    uint8_t *b;
    size_t at, n, cap; /* content is b[at .. n) */
};

struct adit_tls {
    struct sim_tls_ctx *ctx;
    bool is_server, is_stalled, has_keys, has_judged;
    bool was_hello_sent, was_sealed_seen;
    bool has_cert_request; /* client: the server asked for a certificate */
    uint8_t version;
    uint8_t expected; /* the next handshake message */
    enum adit_tls_state state;
    adit_err why;
    int64_t wall_s;
    struct queue in, out;
    struct queue part;     /* a handshake message that spans records, as far as it has come */
    size_t data_left;      /* of an opened data record at the head of `in` */
    struct mix transcript; /* of all handshake messages so far */
    struct mix secret, tx_key, rx_key;
    uint64_t tx_seq, rx_seq;
    struct adit_identity id;
    char text[ADIT_TLS_DESC_MAX];
};

/* ---- records ---- */

/* n more bytes at the end, which the caller fills; NULL leaves the queue as it was. */
uint8_t *sim_tls_queue_room(struct queue *q, size_t n);

/* Completes a record whose body of n bytes is in its place. */
void sim_tls_seal(struct adit_tls *t, uint8_t *record, uint8_t type, size_t n);

/* The keys of one direction. */
struct mix sim_tls_key_of(struct mix secret, bool from_server);

/* Always false, so that a handler can fail and leave in one line. Without memory for the alert the peer does
 * not learn; the cause at this end is the same. */
bool sim_tls_fail(struct adit_tls *t, adit_err why, enum alert alert, const char *text);
bool sim_tls_fail_memory(struct adit_tls *t);
bool sim_tls_fail_unexpected(struct adit_tls *t);
bool sim_tls_fail_decode(struct adit_tls *t);

/* ---- handshake messages; false: failed ---- */

/* A client's first step. */
bool sim_tls_hello(struct adit_tls *t);

/* Handles the whole messages at the head of `in`; *used is how far that went. */
bool sim_tls_take_msgs(struct adit_tls *t, adit_bytes in, size_t *used);

#endif
