/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protection of control packets: none, tls-auth, tls-crypt, and tls-crypt with the key of tls-crypt-v2 or the
 * dynamic one. Protocol text: 2.2, 2.3, 2.6, 2.7. A wrap key may be shared by connections, but only of one
 * thread (it holds the library's working memory, so that no packet allocates); counters and the replay window
 * belong to one connection and live in adit_wrap.
 */
#ifndef ADIT_PROTO_WRAP_H
#define ADIT_PROTO_WRAP_H

#include "base/now.h"
#include "crypto/keyfile.h"
#include "crypto/mac.h"
#include "proto/replay.h"
#include "wire/packet.h"

enum adit_wrap_mode {
    ADIT_WRAP_NONE,
    ADIT_WRAP_AUTH,
    ADIT_WRAP_CRYPT, /* also tls-crypt-v2 and dynamic tls-crypt, once their key is known */
};

enum adit_key_direction {
    ADIT_KEYDIR_BOTH, /* bidirectional: one sub-key for both */
    ADIT_KEYDIR_0,    /* sends with K0 */
    ADIT_KEYDIR_1,    /* sends with K1 */
};

struct adit_wrap_key; /* opaque: keyed HMACs and ciphers of both directions */

/* NULL: out of memory, or the library refuses. */
struct adit_wrap_key *adit_wrap_key_auth(const struct adit_static_key *k, const struct adit_digest *d,
                                         enum adit_key_direction dir);
struct adit_wrap_key *adit_wrap_key_crypt(const struct adit_static_key *k, bool is_server);
void adit_wrap_key_free(struct adit_wrap_key *k);                      /* wipes; NULL allowed */
enum adit_wrap_mode adit_wrap_key_mode(const struct adit_wrap_key *k); /* NULL: ADIT_WRAP_NONE */

/* Bytes that the wrapping adds to a packet: 0, digest + 8, or 40. NULL: 0. */
size_t adit_wrap_overhead(const struct adit_wrap_key *k);

/* What stands around a body on the wire. */
struct adit_wrap_head {
    uint8_t first; /* opcode and key id */
    struct adit_sid sid;
    uint32_t replay_id;
    uint32_t net_time;
};

/*
 * Stateless: writes the whole packet (first byte, session id, wrapping, body). key NULL: no wrapping, replay
 * id and time unused. ADIT_E_NO_ROOM or ADIT_E_CRYPTO.
 */
ADIT_MUST_USE adit_err adit_wrap_seal_with(struct adit_wrap_key *key, const struct adit_wrap_head *head,
                                           adit_bytes body, struct adit_wr *w);

/*
 * Stateless: authenticates (and decrypts into `scratch`, at least packet.n bytes) a whole packet from which
 * an appended WKc has already been cut. *body is lent from scratch, or from the packet without encryption.
 * ADIT_E_MALFORMED: too short; ADIT_E_AUTH: the tag is wrong. No replay check.
 */
ADIT_MUST_USE adit_err adit_wrap_open_with(struct adit_wrap_key *key, adit_bytes packet, uint8_t *scratch,
                                           struct adit_wrap_head *head, adit_bytes *body);

enum {
    ADIT_WRAP_REPLAY_MAX = 2048, /* ids */
    ADIT_WRAP_REPLAY_MAX_WORDS = ADIT_WRAP_REPLAY_MAX / 64,
};

/* One connection's use of a wrap key. It points into itself: it stays where it was initialised. */
struct adit_wrap {
    struct adit_wrap_key *key; /* lent; NULL: no wrapping */
    uint32_t next_id;          /* of the next packet sent */
    uint32_t net_time;         /* of our series; 0: taken from `now` at the first packet */
    struct adit_replay replay;
    uint64_t replay_bits[ADIT_WRAP_REPLAY_MAX_WORDS];
};

enum {
    ADIT_WRAP_FIRST_ID = 1,
    ADIT_WRAP_FIRST_ID_EARLY =
        0x0f000001, /* tls-crypt-v2: tells that early negotiation is understood (2.5.1) */
};

/* replay_window: ids, 1..2048 (other values are cut to this range). */
void adit_wrap_init(struct adit_wrap *w, struct adit_wrap_key *key, uint32_t first_id, uint32_t replay_window,
                    uint32_t replay_s);

/* Seals with the next replay id. When the 32-bit id would wrap, a new series with a later time begins. */
ADIT_MUST_USE adit_err adit_wrap_seal(struct adit_wrap *w, uint8_t first, const struct adit_sid *sid,
                                      adit_bytes body, adit_now now, struct adit_wr *out);

/* As adit_wrap_open_with(), then the replay window. ADIT_E_REPLAY. */
ADIT_MUST_USE adit_err adit_wrap_open(struct adit_wrap *w, adit_bytes packet, uint8_t *scratch, adit_now now,
                                      struct adit_wrap_head *head, adit_bytes *body);

#endif
