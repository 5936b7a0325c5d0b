/* SPDX-License-Identifier: Apache-2.0 */
/*
 * First contact on a UDP server, without state: resets are answered with a cookie as our session id, and only
 * a packet that brings the cookie back opens a session. Nothing is allocated, and nothing remembered, for a
 * stranger. Protocol text: 3, 2.5.1.
 */
#ifndef ADIT_CORE_DOOR_H
#define ADIT_CORE_DOOR_H

#include "base/addr.h"
#include "base/env.h"
#include "base/rate.h"
#include "proto/wkc.h"
#include "proto/wrap.h"

struct adit_door_params {
    struct adit_wrap_key *wrap;          /* tls-auth or tls-crypt; NULL: none */
    const struct adit_v2_server_key *v2; /* tls-crypt-v2; NULL: off */
    bool is_bare_allowed;                /* neither wrap nor v2 is configured */
    bool force_cookie;                   /* tls-crypt-v2 force-cookie */
    uint32_t hand_window_s;
    uint32_t initial_n, initial_s; /* connect-freq-initial */
    uint32_t replay_window, replay_s;
};

struct adit_door {
    struct adit_door_params p;
    struct adit_mac *cookie_mac;
    struct adit_rate rate;
};

/* Draws the cookie secret. ADIT_E_RANDOM, ADIT_E_CRYPTO. */
ADIT_MUST_USE adit_err adit_door_init(struct adit_door *d, const struct adit_door_params *p,
                                      const struct adit_rng *rng);
void adit_door_fini(struct adit_door *d);

enum adit_door_verdict {
    ADIT_DOOR_DROP,  /* `why` says which counter */
    ADIT_DOOR_REPLY, /* send what is in `reply` */
    ADIT_DOOR_ADMIT, /* make a session: adit_session_accept() with these facts, then give it the packet */
};

struct adit_admission {
    struct adit_sid remote;
    struct adit_sid cookie;
    bool has_cookie; /* false: V3 client without early negotiation, or TCP */
    bool is_v2;
    struct adit_static_key kc;         /* is_v2: the client's key; the caller wipes it */
    struct adit_wkc_metadata metadata; /* is_v2 */
};

/* A packet from an address without a session, or with a session id that the session there does not have. */
enum adit_door_verdict adit_door_recv(struct adit_door *d, const struct adit_addr *from, adit_bytes packet,
                                      adit_now now, struct adit_wr *reply, struct adit_admission *adm,
                                      adit_err *why);

/* The same for TCP, where the connection itself proves the address: the first packet must be a good reset. */
enum adit_door_verdict adit_door_recv_stream(struct adit_door *d, adit_bytes packet, adit_now now,
                                             struct adit_admission *adm, adit_err *why);

#endif
