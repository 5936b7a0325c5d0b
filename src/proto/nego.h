/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What two ends can do and what they settle on: peer info, IV_PROTO, the options string, the data cipher,
 * protocol flags. Pure text in, values out. Protocol text: 6.3, 6.4, 8.
 */
#ifndef ADIT_PROTO_NEGO_H
#define ADIT_PROTO_NEGO_H

#include "base/bytes.h"
#include "crypto/cipher.h"

enum {
    ADIT_IV_DATA_V2 = 1 << 1,
    ADIT_IV_REQUEST_PUSH = 1 << 2,
    ADIT_IV_TLS_KEY_EXPORT = 1 << 3,
    ADIT_IV_AUTH_PENDING_KW = 1 << 4,
    ADIT_IV_NCP_P2P = 1 << 5,
    ADIT_IV_CC_EXIT = 1 << 7,
    ADIT_IV_AUTH_FAIL_TEMP = 1 << 8,
    ADIT_IV_DYN_TLS_CRYPT = 1 << 9,
    ADIT_IV_DATA_EPOCH = 1 << 10,
    ADIT_IV_DNS_V2 = 1 << 11,
    ADIT_IV_PUSH_UPDATE = 1 << 12,
};

enum {
    ADIT_CIPHERS_MAX = 16,      /* in one list */
    ADIT_CIPHER_LIST_LEN = 128, /* text, with NUL */
};

/* An ordered list of data ciphers. */
struct adit_cipher_list {
    const struct adit_cipher *c[ADIT_CIPHERS_MAX];
    size_t n;
};

/*
 * "AES-256-GCM:?CHACHA20-POLY1305": "?" entries may be unknown, "DEFAULT" stands for the default list; a
 * repeated entry counts once. ADIT_E_CONFIG: an unknown name (*bad is lent from text, if not NULL), or the
 * list is too long (*bad is what did not fit), or has no entry (*bad is the whole text).
 */
ADIT_MUST_USE adit_err adit_cipher_list_parse(const char *text, struct adit_cipher_list *out,
                                              adit_bytes *bad);
bool adit_cipher_list_has(const struct adit_cipher_list *l, const struct adit_cipher *c);

/* What a peer said of itself. Values point into the peer info text. */
struct adit_peer_info {
    uint32_t iv_proto; /* 0 if absent or not a positive number */
    unsigned iv_ncp;
    unsigned iv_mtu;                 /* 0: absent */
    bool has_replay_window;          /* IV_REPLAY_WINDOW was there, which openvpn never says */
    uint32_t replay_window;          /* packets; 0: absent, said so, or no width that a window can have */
    bool has_ciphers;                /* IV_CIPHERS was there */
    struct adit_cipher_list ciphers; /* of IV_CIPHERS, unknown names skipped; or what IV_NCP=2 implies */
    adit_bytes iv_ver, iv_gui_ver, iv_plat;
};

void adit_peer_info_parse(adit_bytes text, struct adit_peer_info *out);

/* One line of peer info by name ("IV_SSO"); false if it is not there. */
bool adit_peer_info_get(adit_bytes text, const char *name, adit_bytes *value);

struct adit_peer_info_own {
    int detail; /* 0 nothing (server), 1 p2p, 2 pulling client, 3 with push-peer-info */
    uint32_t iv_proto;
    /* IV_MTU: tun-mtu-max; 0 at an end that does not pull: neither IV_MTU nor IV_REPLAY_WINDOW nor IV_NCP */
    unsigned mtu;
    uint32_t replay_window; /* IV_REPLAY_WINDOW: of the data channel, packets */
    const char *ciphers;    /* data-ciphers as they will be matched, upper case */
    const char *version;    /* IV_VER */
    const char *gui;        /* IV_GUI_VER, or NULL */
    /* More lines "NAME=VALUE\n", or NULL. UV_*, IV_HWADDR, IV_SSL and IV_PLAT_VER go out at detail 3 only. */
    const char *extra;
};

/* Lines with LF, without the final NUL. Errors latch in `w`. */
void adit_peer_info_build(const struct adit_peer_info_own *own, struct adit_wr *w);

/* The options string ("OCC"), 6.3: what we send, and what we would expect of the peer. */
struct adit_occ {
    bool is_tap, is_tcp, is_ipv6_p2p, is_server, is_p2p;
    bool has_tls_auth, has_comp, has_fragment;
    int keydir; /* -1: none, else 0 or 1 */
    unsigned tun_mtu, link_mtu;
    const char *ifconfig;    /* "A B" in p2p mode, or NULL: own remote and local, or network and netmask */
    bool is_ifconfig_net;    /* it is network and netmask (tap, subnet), which are alike at both ends */
    bool is_ifconfig_turned; /* goes out as "B A"; set by adit_occ_mirror() */
    const char *cipher;      /* shown if not NULL */
    const char *auth;        /* "SHA1", "[null-digest]" */
    unsigned keysize_bits;
};

void adit_occ_build(const struct adit_occ *o, struct adit_wr *w); /* without NUL */
struct adit_occ adit_occ_mirror(const struct adit_occ *o);        /* what the peer should send */
/* "cipher AES-256-CBC" gives "AES-256-CBC"; false if there is none. */
bool adit_occ_get(adit_bytes occ, const char *name, adit_bytes *value);
/*
 * link-mtu as in 11.3, for the options string only. cipher NULL: the BF-CBC default. The caller adds what its
 * options cost: 1 for a compression framing, 4 for fragment, 32 for tap.
 */
unsigned adit_occ_link_mtu(unsigned tun_mtu, bool is_tcp, const struct adit_cipher *cipher,
                           unsigned digest_len);

/* The server's choice (8.3): first of its list that the client has; NULL if none. */
const struct adit_cipher *adit_nego_cipher(const struct adit_cipher_list *own,
                                           const struct adit_peer_info *peer, adit_bytes peer_occ,
                                           const struct adit_cipher *fallback);

/* What client and server agreed on for a connection. */
struct adit_agreed {
    const struct adit_cipher *cipher;
    bool want_ekm; /* data keys from the TLS exporter */
    bool want_dyn_tls_crypt;
    bool want_cc_exit;
    bool want_epoch;
    uint32_t peer_id; /* ADIT_PEER_ID_NONE: DATA_V1 */
};

/* Reads "cc-exit tls-ekm dyn-tls-crypt aead-epoch" into *a; unknown words are counted in *unknown. */
void adit_protocol_flags_parse(adit_bytes words, struct adit_agreed *a, unsigned *unknown);

/*
 * What the server adds at the end of its push list (8.7): peer-id, cipher, key-derivation, protocol-flags,
 * tun-mtu, each NUL-terminated; and its replay window, adit-replay-window, to a client that said its own.
 */
void adit_agreed_push(const struct adit_agreed *a, const struct adit_peer_info *peer, unsigned tun_mtu,
                      uint32_t replay_window, struct adit_wr *w);

#endif
