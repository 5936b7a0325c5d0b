/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The data plane of a simulated host, behind the key seam: policy talks to it through real rings, and a
 * worker without a thread executes the commands when the world lets it. Peers, keys, routes, keepalive and
 * float are the library's; sockets and the device are the world's.
 */
#ifndef ADIT_TESTS_SIM_PLANE_H
#define ADIT_TESTS_SIM_PLANE_H

#include "plane/device.h"
#include "plane/home.h"
#include "plane/routes.h"
#include "plane/seam.h"
#include "wire/stream.h"

enum {
    SIM_PACKET_MAX = 2048,
    SIM_STREAM_CAP = 2 * SIM_PACKET_MAX,
};

/* A data packet: a mark of its key, never 0, and what is in it. */
struct sim_sealed {
    uint64_t key;
    adit_bytes inner;
};

/* What the worker does to the world. */
struct sim_plane_out {
    void *ctx;
    /* to: zeros on a stream. sealed NULL: control bytes. */
    void (*packet)(void *ctx, int link, const struct adit_addr *to, adit_bytes packet,
                   const struct sim_sealed *sealed);
    /* ADIT_E_UNSUPPORTED: not as a super-packet. */
    adit_err (*device)(void *ctx, adit_peer from, const struct adit_gather *g);
    void (*opened)(void *ctx, adit_bytes payload); /* only where packets are merged */
    /* A packet was not opened: `why`. is_own_key: it was sealed with the very key that refused it. */
    void (*refused)(void *ctx, adit_err why, bool is_own_key);
    void (*link_closed)(void *ctx, int link); /* by policy, or because it cannot be understood */
};

struct sim_peer {
    bool is_used;
    uint32_t life; /* how many had its place before, and it */
    void *memory;  /* what a peer costs in the program: of the library's heap, so that it may fail */
    struct adit_peer_spec spec;
    struct adit_addr remote;
    int link;
    struct adit_tx tx;
    struct adit_rx rx;
    uint64_t key_marks[ADIT_KEY_IDS];
    uint64_t tx_ns, rx_ns, silent_ns;
    uint8_t active_keys, worn_keys;
    bool said_exit;
    struct adit_counters counters;
    struct adit_prefix routes[2];
    unsigned n_routes;
};

struct sim_plane_stream {
    int link; /* ADIT_LINK_NONE: free */
    struct adit_stream in;
    uint8_t *buf; /* owned */
};

struct sim_plane_params {
    uint32_t max_peers, max_streams;
    uint32_t ring_slots; /* a power of two */
    bool is_single_peer, want_client_to_client;
    bool want_merge; /* what arrives in one burst, before the device gets it */
};

struct sim_plane {
    struct adit_plane base; /* first: what policy holds */
    struct sim_plane_params p;
    struct sim_plane_out out;
    struct adit_ring cmds, notes;
    struct adit_cmd *waiting; /* commands that found the ring full; owned */
    size_t n_waiting, cap_waiting;
    struct sim_peer *peers; /* by id */
    uint32_t n_peers;
    struct sim_plane_stream *streams;
    struct adit_routes *routes;      /* to marks */
    struct adit_merge *merge;        /* NULL: no packet waits for others; owned */
    uint8_t *spare_room;             /* a super-packet; owned */
    struct sim_crew *crew;           /* NULL: alone */
    unsigned index;                  /* in the crew; its home in marks */
    const struct adit_handed *taken; /* from another member, and worked on now */
    uint64_t n_notes_lost;
    uint64_t drops[ADIT_ERR_COUNT];
};

/* False: out of memory. The library's heap is not used for the simulator's own things. */
bool sim_plane_init(struct sim_plane *p, const struct sim_plane_params *params,
                    const struct sim_plane_out *out);
void sim_plane_fini(struct sim_plane *p);

/* The worker. Executes at most `max` commands; true if there are more. */
bool sim_plane_commands(struct sim_plane *p, unsigned max, adit_now now);
/* A datagram, overwritten; it stays where it is until the flush. key: the mark it was sealed under, 0 if it
 * was not, or was changed on the way. */
void sim_plane_datagram(struct sim_plane *p, int link, const struct adit_addr *from, uint8_t *packet,
                        size_t n, uint64_t key, adit_now now);
void sim_plane_bytes(struct sim_plane *p, int link, adit_bytes bytes, adit_now now);
void sim_plane_stream_open(struct sim_plane *p, int link);
void sim_plane_stream_down(struct sim_plane *p, int link);
/* A packet, or several in one, that the device gave; overwritten. */
void sim_plane_device(struct sim_plane *p, uint8_t *packet, size_t n, const struct adit_offload *offload,
                      adit_now now);
void sim_plane_flush(struct sim_plane *p); /* the burst is over: the device gets what was merged */
void sim_plane_tick(struct sim_plane *p, adit_now now);
uint64_t sim_plane_deadline(const struct sim_plane *p);

bool sim_plane_has_notes(struct sim_plane *p);
bool sim_plane_has_commands(struct sim_plane *p);

/* A name for a key: the same at both ends if, and only if, the keys are. Never 0. */
uint64_t sim_key_mark(const struct adit_data_keys *keys);

#endif
