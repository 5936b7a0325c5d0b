/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The key seam: the data plane as policy sees it. Policy posts commands and pulls notes, both plain data;
 * behind it may be user-space workers, a kernel offload, or the simulator. The contract is that of the
 * kernel's OpenVPN offload (new peer, new key, swap keys, delete peer, notify) and two calls more: send these
 * control bytes, and here are control bytes, because over TCP the plane owns the stream.
 *
 * Order: commands take effect in the order posted. A KEY_NEW posted before a control packet is sent is
 * installed before any answer to that packet is looked at. post() never blocks.
 *
 * A command that fails (for want of memory, as a rule) leaves nothing behind but a REFUSED note: whoever
 * posted it decides what becomes of the peer. What the peer had before may be lost with it, as a key under
 * the same key id. PEER_DEL cannot fail, and is answered even for a peer that was refused.
 */
#ifndef ADIT_PLANE_SEAM_H
#define ADIT_PLANE_SEAM_H

#include "base/addr.h"
#include "base/now.h"
#include "plane/haul.h"
#include "plane/txrx.h"
#include "proto/keys.h"

/* Names a peer between policy and plane; on a server it equals the peer-id. */
typedef uint32_t adit_peer;

enum {
    ADIT_LINK_NONE = -1,
    ADIT_LINK_MORE = 32,
};

/* A path for packets: one UDP socket (any number of peers), or one TCP stream (one peer). */
struct adit_link_spec {
    int link; /* name chosen by policy, unique while it lives */
    int fd;   /* moved to the plane, which closes it */
    /* More sockets of the same port (SO_REUSEPORT), for a plane with several workers; moved, too. */
    int more[ADIT_LINK_MORE];
    unsigned n_more;
    bool is_stream;
    bool is_connected; /* UDP: the peer's address is fixed by connect() */
    bool is_send_only; /* the plane's own: another of its workers reads */
};

struct adit_peer_spec {
    adit_peer peer;
    int link;
    struct adit_addr remote; /* UDP, unconnected */
    struct adit_addr local;  /* address it spoke to (multihome); family NONE: any */
    uint32_t wire_peer_id;   /* in the DATA_V2 headers that we send; ADIT_PEER_ID_NONE: send DATA_V1 */
    bool may_float;          /* authenticated packets from elsewhere move the peer (UDP) */
    bool check_source;       /* inner sources must belong to the peer (server) */
    uint16_t mss4, mss6;     /* 0: leave SYNs alone */
    uint32_t ping_s;         /* send a ping when nothing was sent for so long; 0: never */
    uint32_t silent_s;       /* note PEER_SILENT when nothing was received for so long; 0: never */
    uint32_t replay_window, replay_s;
    uint32_t peer_window; /* the replay window of the other end, in packets; 0: not known */
    struct adit_usage_limit limit;
};

enum adit_cmd_kind {
    ADIT_CMD_LINK_ADD, /* refused: the descriptor is closed */
    ADIT_CMD_LINK_DEL, /* closes it; no note follows */
    ADIT_CMD_PEER_NEW,
    ADIT_CMD_PEER_SET, /* the same fields, for a peer that exists; keys and counters stay */
    ADIT_CMD_PEER_DEL, /* wipes its keys; a PEER_GONE note with the last counters follows */
    ADIT_CMD_KEY_NEW,  /* installed for receiving at once, for sending if it is the first */
    ADIT_CMD_KEY_USE,  /* sends with it from now on */
    ADIT_CMD_KEY_DEL,
    ADIT_CMD_ROUTE_ADD, /* inner addresses of a peer */
    ADIT_CMD_ROUTE_DEL,
    ADIT_CMD_CTRL_TX,    /* control bytes to this link and address */
    ADIT_CMD_SAY_EXIT,   /* OCC EXIT on the data channel */
    ADIT_CMD_COUNT,      /* a COUNTERS note answers */
    ADIT_CMD_PEER_MOVED, /* link, remote and local of `spec` are where the peer is, whatever the plane has
                            seen */
};

struct adit_ctrl_bytes {
    int link;
    struct adit_addr remote; /* UDP, unconnected */
    struct adit_addr local;
    uint16_t n;
    uint8_t b[ADIT_CTRL_PACKET_MAX];
};

struct adit_cmd {
    enum adit_cmd_kind kind;
    adit_peer peer;
    bool is_refused; /* the plane's own: nothing but the note is left of a command that may be refused */
    union {
        struct adit_link_spec link;
        struct adit_peer_spec spec;
        struct adit_data_keys keys; /* moved: the caller's copy is wiped */
        uint8_t key_id;
        struct adit_prefix route;
        struct adit_ctrl_bytes ctrl;
    };
};

/* The others need no memory but to wait in, and policy counts on them. */
static inline bool adit_cmd_may_be_refused(enum adit_cmd_kind kind)
{
    return kind == ADIT_CMD_LINK_ADD || kind == ADIT_CMD_PEER_NEW || kind == ADIT_CMD_KEY_NEW ||
           kind == ADIT_CMD_ROUTE_ADD;
}

struct adit_counters {
    uint64_t rx_packets, rx_bytes, tx_packets, tx_bytes; /* payloads through the tunnel */
    uint64_t link_rx_bytes, link_tx_bytes;               /* on the wire, data packets */
    uint64_t drops[ADIT_ERR_COUNT];                      /* by adit_err */
};

enum adit_note_kind {
    ADIT_NOTE_CTRL_RX,      /* control bytes arrived; anybody may have sent them */
    ADIT_NOTE_LINK_DOWN,    /* a stream ended, or cannot be understood any more */
    ADIT_NOTE_PEER_FLOATED, /* it now sends from `remote` */
    ADIT_NOTE_FLOAT_CLASH, /* an authentic packet came from `remote`, which is `other`'s address; not moved */
    ADIT_NOTE_PEER_SILENT, /* nothing for silent_s; repeated every second while it lasts */
    ADIT_NOTE_PEER_ACTIVE, /* first payload under a key id */
    ADIT_NOTE_PEER_EXIT,   /* OCC EXIT arrived */
    ADIT_NOTE_KEY_WORN,    /* time to renegotiate; once per key */
    ADIT_NOTE_COUNTERS,
    ADIT_NOTE_PEER_GONE,
    ADIT_NOTE_REFUSED, /* a command failed: `refused` says which, and why */
    ADIT_NOTE_OS,      /* the device or a socket failed: `os_errno` */
};

struct adit_note {
    enum adit_note_kind kind;
    adit_peer peer;
    union {
        struct adit_ctrl_bytes ctrl;
        int link;
        struct {
            struct adit_addr remote;
            adit_peer other;
            int link; /* where it came in: another socket, perhaps */
        } moved;
        uint8_t key_id;
        struct {
            struct adit_counters counters;
            struct adit_hauls hauls; /* COUNTERS that belong to no peer; else zero */
        };
        struct {
            enum adit_cmd_kind cmd; /* one that adit_cmd_may_be_refused() */
            adit_err why;
            int link; /* LINK_ADD */
        } refused;
        int os_errno;
    };
};

struct adit_plane;

struct adit_plane_ops {
    /* Moves the command. ADIT_E_QUEUE: the plane is overrun (control bytes only: they count as lost). */
    adit_err (*post)(struct adit_plane *p, struct adit_cmd *cmd);
    bool (*next_note)(struct adit_plane *p, struct adit_note *note);
    void (*free)(struct adit_plane *p);
};

struct adit_plane {
    const struct adit_plane_ops *ops;
};

#endif
