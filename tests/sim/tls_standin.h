/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stand-in for OpenSSL behind the TLS seam, for simulation: deterministic, cheap, and shaped like TLS. It
 * has records, flights of real size, one or two round trips, certificates, alerts, a transcript that both
 * ends check and an exporter on which they agree. It has no security at all: who reads the two hellos knows
 * every key.
 *
 * All chance comes from the context's generator, all time from what make() is given.
 */
#ifndef ADIT_SIM_TLS_STANDIN_H
#define ADIT_SIM_TLS_STANDIN_H

#include "base/rng.h"
#include "proto/tls.h"

/*
 * Bytes of handshake messages in each flight, record headers not counted. The certificate carries the padding
 * of its flight: without one the flight is only as long as what is left. No message is longer than 128 KiB.
 * Of two ends with unlike shapes both take two round trips.
 */
struct sim_tls_shape {
    bool is_two_round_trips;
    size_t client_hello;
    size_t server_flight;
    size_t client_flight;
    size_t server_finish; /* with two round trips only */
    bool wants_ticket;    /* the server sends a record after the handshake, as in TLS 1.3 */
};

/* What goes wrong at this end. All but the stalls give the peer an alert. */
enum sim_tls_fault {
    SIM_TLS_NONE,
    SIM_TLS_FAIL_AT_HELLO,       /* when the peer's hello comes */
    SIM_TLS_FAIL_AT_CERTIFICATE, /* when the peer's certificate comes, or it is clear that none will */
    SIM_TLS_FAIL_AT_FINISH,      /* when the peer's checksum of the handshake comes */
    SIM_TLS_FAIL_AT_READ,        /* when the first record after the handshake comes */
    SIM_TLS_FAIL_AT_EXPORT,      /* export_key() gives ADIT_E_CRYPTO; nothing else changes */
    SIM_TLS_STALL,               /* never answers: a client sends its hello, a server nothing */
    SIM_TLS_STALL_AT_FINISH,     /* answers until the peer's checksum comes, then never again */
};

struct sim_tls_ctx {
    const struct adit_rng *rng;
    struct sim_tls_shape shape;
    const char *common_name;    /* of the own certificate */
    uint64_t authority;         /* the CA that signed it */
    uint64_t trusted_authority; /* the CA whose certificates are accepted */
    int64_t not_before_s,
        not_after_s; /* of the own certificate; the peer compares with its clock at make() */
    bool has_cert;
    bool wants_cert;     /* refuses a peer without one; a server asks for one only then */
    const char *revoked; /* a common name that is refused, or NULL */
    enum sim_tls_fault fault;
    unsigned n_live; /* connections between make() and free() */
};

/* The context of make() is a struct sim_tls_ctx, which must outlive the connection. */
extern const struct adit_tls_ops sim_tls_ops;

/* One round trip, a ticket, and a server's flight that is larger than the send window of control packets. */
struct sim_tls_shape sim_tls_13(void);

/* Two round trips, no ticket, the same flights. */
struct sim_tls_shape sim_tls_12(void);

#endif
