/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the user-space plane share: the worker and what it owns. Everything here belongs to the
 * worker's thread, except struct adit_up_shared and the rings, each of which has one end on either side.
 *
 * Links and peers that a command deletes lie in a graveyard until the turn ends, because commands may be
 * drained in the middle of a batch of packets. No pointer to them survives a turn but those in the tables.
 */
#ifndef ADIT_LINUX_USERPLANE_PARTS_H
#define ADIT_LINUX_USERPLANE_PARTS_H

#include <netinet/in.h>
#include <semaphore.h>
#include <sys/socket.h>

#include "base/rate.h"
#include "linux/sock.h"
#include "linux/userplane.h"
#include "plane/home.h"
#include "plane/linger.h"
#include "plane/merge.h"
#include "plane/probation.h"
#include "plane/ring.h"
#include "plane/routes.h"
#include "plane/wheel.h"
#include "wire/stream.h"

enum {
    ADIT_UP_RING = 256,                /* slots of the command ring, and of the note ring */
    ADIT_UP_RING_SINGLE = 32,          /* ... if there is one peer */
    ADIT_UP_RX_MSGS = 32,              /* datagrams or trains per receiving call */
    ADIT_UP_RX_TRAINS = 8,             /* ... if they are long ones */
    ADIT_UP_RX_LEN = 65536,            /* bytes of a train at the most */
    ADIT_UP_RX_STRIDE = 65536 + 4352,  /* between buffers: not a power of two, which would share cache sets */
    ADIT_UP_TX_TRAINS = 64,            /* trains per sending call */
    ADIT_UP_TX_PIECES = 512,           /* pieces of them that wait for it */
    ADIT_UP_TX_BYTES = 128 * 1024,     /* ... in so many bytes */
    ADIT_UP_TRAIN_PACKETS = 64,        /* of one train: the replay window of a stock peer is no longer */
    ADIT_UP_TRAIN_PACKETS_MAX = 128,   /* ... to a peer whose window is known to be wider than two of them */
    ADIT_UP_TRAIN_BYTES = 65507,       /* of one train: what a UDP datagram may hold */
    ADIT_UP_PER_TURN = 64,             /* readings of a descriptor per turn */
    ADIT_UP_TUN_BYTES = 256 * 1024,    /* ... and bytes of the device */
    ADIT_UP_BURST = 16,                /* packets read from the device before they are worked on */
    ADIT_UP_BURST_LEN = 2048,          /* ... while they are no longer; what is longer is long */
    ADIT_UP_WAITING = 64,              /* packets to the device that wait for the end of their burst */
    ADIT_UP_CTRL_PER_TURN = 64,        /* control packets handed up per turn, all UDP links together */
    ADIT_UP_STREAM_READ = 65536,       /* bytes per stream and turn */
    ADIT_UP_HANDED = 512,              /* slots of the ring between two workers */
    ADIT_UP_HANDED_MIN = 32,           /* ... if there are many */
    ADIT_UP_HANDED_ALL = 4096,         /* ... of all rings to a worker together, else */
    ADIT_UP_BACKLOG_DATA = 256 * 1024, /* waiting bytes from which a stream drops data packets */
    ADIT_UP_BACKLOG_MAX = 384 * 1024,  /* ... and from which it is given up */
};

/* ---- a chained hash table of nodes that live in their owners ---- */

struct adit_up_node {
    struct adit_up_node *next;
    uint32_t hash;
};

struct adit_up_map {
    struct adit_up_node **buckets;
    uint32_t n_buckets, n; /* buckets: a power of two */
};

ADIT_MUST_USE adit_err adit_up_map_init(struct adit_up_map *m);
void adit_up_map_add(struct adit_up_map *m, struct adit_up_node *node, uint32_t hash); /* cannot fail */
void adit_up_map_del(struct adit_up_map *m, struct adit_up_node *node);
/* The first node with this hash, or the next one after `after`. */
struct adit_up_node *adit_up_map_find(const struct adit_up_map *m, uint32_t hash);
struct adit_up_node *adit_up_map_next(const struct adit_up_node *after);
/* Asks the processor for what find() will touch; step 1 needs what step 0 has asked for. */
enum {
    ADIT_UP_MAP_WARM_STEPS = 2,
};

void adit_up_map_warm(const struct adit_up_map *m, uint32_t hash, unsigned step);
struct adit_up_node *adit_up_map_any(const struct adit_up_map *m); /* NULL: empty */
void adit_up_map_fini(struct adit_up_map *m);                      /* the nodes are the owner's */

/* ---- links and peers ---- */

struct adit_up_peer;

enum adit_up_way {
    ADIT_UP_RX,
    ADIT_UP_TX,
};

enum {
    ADIT_UP_WAYS = 2,
};

/* A stream that the gremlin holds up. */
struct adit_up_stall {
    bool is_held;
    bool is_over; /* the next reading or writing goes on */
};

struct adit_up_link {
    struct adit_up_node by_name;
    struct adit_up_link *next_buried, *next_dirty;
    int name, fd;
    uint32_t serial; /* names are used again */
    int domain;      /* AF_INET or AF_INET6 */
    uint16_t local_port;
    int disc4, disc6; /* path MTU discovery, as it was given; -1: not of this family */
    bool is_stream, is_connected;
    bool is_send_only;                /* read by another worker, or another socket is */
    bool has_trains;                  /* the kernel takes several datagrams at once */
    bool has_long_trains;             /* ... and more than ADIT_UP_TRAIN_PACKETS */
    struct adit_probation trains_off; /* it has refused some */
    bool is_down;                     /* a stream that ended; waits for LINK_DEL */
    bool owes_down;                   /* ... and the note did not fit yet */
    bool is_dirty, wants_out;

    /* Streams only. */
    struct adit_up_peer *peer;
    uint8_t *rest; /* the beginning of a packet whose end has not come */
    size_t rest_n;
    uint8_t *out; /* frames to be written: out[out_start..out_end) */
    size_t out_cap, out_start, out_end;
    uint32_t out_frames; /* that no writing has begun to carry */
    struct adit_up_stall stalls[ADIT_UP_WAYS];
};

struct adit_up_route {
    struct adit_up_route *next;
    struct adit_prefix prefix;
};

struct adit_up_peer {
    struct adit_up_node by_id, by_addr;
    struct adit_wheel_node by_tick;
    struct adit_up_peer *next, *prev; /* of all */
    struct adit_up_peer *next_buried;
    struct adit_peer_spec spec; /* as policy gave it */
    bool has_addr;              /* in the table of addresses */
    bool is_gone;

    uint32_t train; /* its open one in the batch, from 1; 0: none */
    uint32_t
        segment_max;     /* larger packets go singly, since the path refused a train of them; 0: none known */
    uint64_t segment_ns; /* ... until then */
    uint32_t path_max;   /* larger packets do not go at all, as the kernel has said; 0: none known */
    uint64_t path_ns;    /* ... until then */
    struct adit_rate answers; /* to senders of inner packets that are too big */

    int link_name; /* where it is now; after a float not what the spec says */
    struct adit_up_link *link;
    struct adit_addr remote, local;

    uint64_t tx_ns, rx_ns;          /* last sent, last authenticated */
    uint64_t clash_ns;              /* last clash noted */
    uint8_t active_keys, worn_keys; /* bit per key id: noted already */
    bool owes_float, owes_exit;     /* notes that did not fit yet */
    bool said_exit;
    struct adit_counters counters; /* its drops, which come last, are rarely touched, like most of the keys */
    struct adit_tx tx;
    struct adit_rx rx;
    struct adit_up_route *routes;
};

/* ---- datagrams on their way out ---- */

/* Sealed packets of one train that lie together in the arena. */
struct adit_up_piece {
    uint32_t at, n;
    uint32_t train;
};

/* Packets to one place that the kernel gets in one call: all of one size, only the last may be shorter. */
struct adit_up_train {
    struct adit_up_link *link;
    struct adit_up_peer *peer; /* NULL: control bytes */
    uint32_t n_packets, packets_max, n_bytes, segment;
    uint32_t n_pieces, iov_at, n_iov;
    bool is_closed;
    struct sockaddr_storage to;
    socklen_t to_len; /* 0: the link is connected */
    struct adit_addr from;
    union {
        struct cmsghdr align;
        uint8_t b[ADIT_PKTINFO_SPACE + CMSG_SPACE(sizeof(uint16_t))];
    } control;
};

typedef struct adit_up_span {
    uint8_t *b;
    size_t n;
} adit_up_span;

struct adit_up_batch {
    uint8_t *arena; /* ADIT_UP_TX_BYTES */
    uint32_t n_bytes, n_pieces, n_trains;
    struct adit_up_piece pieces[ADIT_UP_TX_PIECES];
    struct adit_up_train trains[ADIT_UP_TX_TRAINS];
    struct iovec iov[ADIT_UP_TX_PIECES];
    struct mmsghdr msgs[ADIT_UP_TX_TRAINS];
};

/* ---- datagrams that came in ---- */

struct adit_up_rx {
    struct mmsghdr msgs[ADIT_UP_RX_MSGS];
    struct iovec iov[ADIT_UP_RX_MSGS];
    struct sockaddr_storage from[ADIT_UP_RX_MSGS];
    union {
        struct cmsghdr align;
        uint8_t b[128];
    } control[ADIT_UP_RX_MSGS];
    uint8_t *room;
    unsigned n_used;      /* by the last call, and to be made ready again */
    bool has_long_trains; /* in the last call: fewer at once, so that they stay near until they are opened */
};

/* ---- single packets that will be written when their burst has been opened ---- */

struct adit_up_waiting {
    unsigned n;
    adit_bytes packets[ADIT_UP_WAITING];
    struct adit_up_peer *owners[ADIT_UP_WAITING];
};

/* What the threads both touch, apart from the rings. */
struct adit_up_shared {
    atomic_bool is_kicked;        /* the worker's eventfd was written and not read since */
    atomic_bool wants_room;       /* policy holds commands that did not fit: tell it when there is room */
    atomic_bool wants_notes_read; /* the worker could not write a note: kick it when there is room */
    atomic_bool is_stopping;
    atomic_bool asks_device; /* `device` is new; the semaphore answers */
    struct adit_device *device;
    sem_t device_taken;
    bool is_reading_device; /* `device` is the worker's own, not only to be written to */
    struct adit_ring cmds, notes;
    struct adit_ring *handed; /* by member of the crew that writes it; NULL: nobody */
    int cmd_fd, note_fd;      /* note_fd: of all members together */
    /* One direction's use of the only peer's keys, for the worker of the other one. */
    _Atomic uint64_t used_packets[ADIT_KEY_IDS], used_bytes[ADIT_KEY_IDS];
    _Atomic uint32_t path_max; /* of the same peer, as the worker that sends knows it */
};

/* Wakes the member up, if it was not woken yet. */
void adit_up_kick(struct adit_up_shared *s);

/* All members of a plane with several workers. */
struct adit_up_crew {
    unsigned n, n_workers;          /* with the doorman, which is the last; without it */
    struct adit_up_shared **shared; /* of each member */
};

/* What is merged for the device, by what it may refuse. */
enum adit_up_merged {
    ADIT_UP_TCP4,
    ADIT_UP_TCP6,
    ADIT_UP_UDP,
    ADIT_UP_MERGED,
};

/* What the worker had done at the end of the last turn, and what that lets expect. */
struct adit_up_pace {
    uint64_t packets;       /* sent and received */
    uint64_t sends, writes; /* calls */
    uint64_t turn_ns;       /* when it began */
    bool was_short;         /* it had hardly anything to do */
    bool has_written;       /* to the device */
    bool is_quiet;          /* there was a pause: what comes now is best sent at once */
    bool is_answered;       /* the kernel seems to answer what is written while it is being written */
};

struct adit_up_worker {
    struct adit_up_shared *shared;
    const struct adit_up_crew *crew; /* NULL: alone */
    unsigned index, home;            /* home: in the marks of its peers */
    bool does_in, does_out;          /* from the links to the device, and the other way */
    const struct adit_handed *taken; /* by another worker, and worked on now; it is not handed on */
    uint32_t handed_to;              /* members to be woken at the end of the turn */
    struct adit_userplane_params params;
    adit_now now;
    size_t packet_cap; /* any packet, with room for framing */
    size_t stream_packet_max;

    int epoll_fd, timer_fd, device_fd;
    struct adit_device *device;
    bool is_device_read; /* else only written to */
    bool is_ticking, is_device_off;
    uint64_t tick_base_ns;   /* when tick 0 was */
    struct adit_wheel wheel; /* of peers */

    struct adit_up_map links, peers, addrs;
    uint64_t hash_seed;
    uint32_t n_links_made;
    struct adit_up_peer *all, *only; /* only: the one peer of a client */
    struct adit_routes *routes;
    struct adit_up_link *buried_links, *dirty;
    struct adit_up_peer *buried_peers;

    struct adit_up_rx rx;
    struct adit_up_batch batch;
    struct adit_merge merge; /* what came in, on its way to the device */
    struct adit_probation merge_off[ADIT_UP_MERGED];
    struct adit_up_waiting waiting;
    uint8_t *tun_room;   /* a burst of packets, or one super-packet */
    uint8_t *spare_room; /* another, made whole again */
    uint8_t *stream_room;
    size_t stream_room_cap;

    unsigned ctrl_left;
    bool has_noted, owes_links;
    bool must_retry; /* the command that was just run has failed, and that could not be told yet */
    uint64_t os_note_ns;
    struct adit_counters orphans; /* what belongs to no peer */
    struct adit_rate answers;     /* to packets too big for another worker's peers */
    struct adit_hauls hauls;
    struct adit_linger linger;
    long n_preempted; /* how often somebody else took the core, as of the last look */
    struct adit_up_pace pace;
    struct adit_up_gremlin *gremlin; /* NULL: no faults */
};

/* userplane_peer.c */
struct adit_up_peer *adit_up_peer_find(const struct adit_up_worker *w, adit_peer id);
struct adit_up_peer *adit_up_peer_at(const struct adit_up_worker *w, const struct adit_up_link *link,
                                     const struct adit_addr *remote);
struct adit_up_link *adit_up_peer_link(struct adit_up_worker *w, struct adit_up_peer *peer); /* NULL: none */
ADIT_MUST_USE adit_err adit_up_peer_add(struct adit_up_worker *w, const struct adit_peer_spec *spec);
void adit_up_peer_set(struct adit_up_worker *w, struct adit_up_peer *peer, const struct adit_peer_spec *spec);
/* Wipes the keys at once; the memory goes with the turn. */
void adit_up_peer_bury(struct adit_up_worker *w, struct adit_up_peer *peer);
void adit_up_peer_move(struct adit_up_worker *w, struct adit_up_peer *peer, struct adit_up_link *link,
                       const struct adit_addr *remote, const struct adit_addr *local);
ADIT_MUST_USE adit_err adit_up_route_add(struct adit_up_worker *w, adit_peer id, const struct adit_prefix *p);
void adit_up_route_del(struct adit_up_worker *w, adit_peer id, const struct adit_prefix *p);
void adit_up_route_free(struct adit_up_route **at); /* takes it out of its list */
void adit_up_routes_forget(struct adit_up_route **list, const struct adit_prefix *p);
/* Counts a packet that was given up; peer NULL: nobody's. */
void adit_up_drop(struct adit_up_worker *w, struct adit_up_peer *peer, adit_err why);

/* userplane_note.c: a note is claimed, filled, sent. NULL: no room now. */
struct adit_note *adit_up_note(struct adit_up_worker *w, enum adit_note_kind kind, adit_peer peer);
void adit_up_note_send(struct adit_up_worker *w);
void adit_up_note_ctrl(struct adit_up_worker *w, const struct adit_up_link *link, adit_bytes packet,
                       const struct adit_addr *remote, const struct adit_addr *local);
bool adit_up_note_link_down(struct adit_up_worker *w, int name);
bool adit_up_note_moved(struct adit_up_worker *w, enum adit_note_kind kind, const struct adit_up_peer *peer,
                        const struct adit_up_link *link, const struct adit_addr *remote, adit_peer other);
bool adit_up_note_key(struct adit_up_worker *w, enum adit_note_kind kind, adit_peer peer, uint8_t key_id);
bool adit_up_note_plain(struct adit_up_worker *w, enum adit_note_kind kind, adit_peer peer);
bool adit_up_note_refused(struct adit_up_worker *w, const struct adit_cmd *cmd, adit_err why);
void adit_up_note_os(struct adit_up_worker *w, int os_errno);

/* userplane_hand.c: only in a crew. */
static inline uint32_t adit_up_mark(const struct adit_up_worker *w, adit_peer id)
{
    return adit_mark(w->home, id);
}

/* False: the datagram is this worker's affair. */
bool adit_up_hand_datagram(struct adit_up_worker *w, const struct adit_up_link *link, adit_bytes packet,
                           const struct adit_addr *remote, const struct adit_addr *local);
void adit_up_hand_inner(struct adit_up_worker *w, unsigned home, adit_bytes packet);
void adit_up_hand_take(struct adit_up_worker *w); /* what others handed over */
void adit_up_hand_wake(struct adit_up_worker *w); /* the others, once per turn */
void adit_up_hand_usage(struct adit_up_worker *w, struct adit_up_peer *peer, uint8_t key_id);

/* userplane_wait.c */
struct epoll_event;
uint64_t adit_up_mono_ns(void); /* the clock of worker->now, now */
/* Until there is something to do; the number of events. */
int adit_up_wait(struct adit_up_worker *w, struct epoll_event *events, int max);
/* The turn begins, perhaps because the device has something; it has ended. */
void adit_up_pace_begin(struct adit_up_worker *w, bool has_device);
void adit_up_pace_end(struct adit_up_worker *w);

/* userplane_loop.c: sends what was collected. */
void adit_up_flush(struct adit_up_worker *w);

/* userplane_cmd.c: executes what policy has posted. True if there was anything. */
bool adit_up_cmd_drain(struct adit_up_worker *w);

/* userplane_batch.c: where a datagram goes is said when it is ready. */
struct adit_up_dest {
    struct adit_up_link *link;
    struct adit_up_peer *peer; /* NULL: control bytes */
    const struct adit_addr *remote, *local;
};

uint8_t *adit_up_dgram_claim(struct adit_up_worker *w); /* room for packet_cap bytes */
void adit_up_dgram_commit(struct adit_up_worker *w, size_t n, const struct adit_up_dest *to);
void adit_up_dgram_put(struct adit_up_worker *w, size_t n,
                       const struct adit_up_dest *to); /* past the gremlin */
/* The same as _commit() for one that follows others of its peer; false: it does not, and nothing was done. */
bool adit_up_dgram_join(struct adit_up_worker *w, size_t n, const struct adit_up_link *link,
                        const struct adit_up_peer *peer);
void adit_up_batch_flush(struct adit_up_worker *w);
adit_err adit_up_errno_drop(int os_errno); /* under which counter a refused send goes */

/* userplane_path.c */
uint32_t adit_up_path_ask(const struct adit_up_train *t); /* the longest datagram; 0: the kernel cannot say */
void adit_up_path_set(struct adit_up_worker *w, struct adit_up_peer *peer, uint32_t max);
void adit_up_path_refused(struct adit_up_worker *w, const struct adit_up_train *t, uint32_t n);
void adit_up_path_learn_socket(struct adit_up_link *link);
/*
 * What was refused, and can be no smaller, goes in fragments, whatever `mtu-disc` says: control packets, and
 * data that IPv6 counts on (RFC 8200, 5). False: it is neither, or was refused again.
 */
bool adit_up_path_force(struct adit_up_train *t, const struct msghdr *m, uint32_t n);
size_t adit_up_inner_max(struct adit_up_worker *w, struct adit_up_peer *peer); /* that the path carries */
bool adit_up_fits(adit_bytes packet, size_t max);
void adit_up_lower_mss(struct adit_up_worker *w, struct adit_up_peer *peer, uint8_t *b, size_t n);
/* Longer than max: cut to pieces, or dropped and, unless *is_told, answered. `packet` is overwritten. peer
 * NULL: it is another worker's. */
void adit_up_too_big(struct adit_up_worker *w, struct adit_up_peer *peer, adit_up_span packet, size_t max,
                     bool *is_told);

/* userplane_link.c */
struct adit_up_link *adit_up_link_find(const struct adit_up_worker *w, int name);
ADIT_MUST_USE adit_err adit_up_link_add(struct adit_up_worker *w, const struct adit_link_spec *spec);
void adit_up_link_bury(struct adit_up_worker *w, struct adit_up_link *link);
void adit_up_link_errors(struct adit_up_link *link); /* forgets queued ones */
void adit_up_link_rx(struct adit_up_worker *w, struct adit_up_link *link);
void adit_up_link_end(struct adit_up_worker *w, struct adit_up_link *link); /* a stream that is over */

/* userplane_stream.c */
void adit_up_stream_rx(struct adit_up_worker *w, struct adit_up_link *link);
/* Room for a frame with a packet of up to n bytes; NULL: the backlog is too long. Points at the packet. */
uint8_t *adit_up_stream_claim(struct adit_up_link *link, size_t n, bool is_control);
void adit_up_stream_commit(struct adit_up_worker *w, struct adit_up_link *link, size_t n);
void adit_up_stream_flush(struct adit_up_worker *w, struct adit_up_link *link);
void adit_up_stream_flush_dirty(struct adit_up_worker *w);

/* userplane_data.c: one packet, either way. `packet` is overwritten. False: this opcode has no place here. */
bool adit_up_packet_rx(struct adit_up_worker *w, struct adit_up_link *link, uint8_t *packet, size_t n,
                       const struct adit_addr *remote, const struct adit_addr *local);
void adit_up_inner_rx(struct adit_up_worker *w, const struct adit_train *t);
void adit_up_send(struct adit_up_worker *w, struct adit_up_peer *peer, adit_bytes payload, bool is_traffic);

/* userplane_device.c */
size_t adit_up_tun_room(void); /* bytes of it */
void adit_up_device_rx(struct adit_up_worker *w);
/* To the device, counted among its writings; what is refused is the caller's affair. */
adit_err adit_up_write_once(void *worker, const struct adit_gather *g);
/* Where w->merge leads. The packet is lent until the flush, which every burst ends with. */
void adit_up_device_write(void *worker, const struct adit_gather *g);
void adit_up_device_flush(struct adit_up_worker *w);
void adit_up_merge_again(struct adit_up_worker *w); /* what the device refused long ago */

/* userplane_warm.c: what the n packets that w->rx holds, or that were read, will touch. */
void adit_up_warm_received(struct adit_up_worker *w, unsigned n);
void adit_up_warm_read(struct adit_up_worker *w, const struct adit_train *burst, unsigned n);

/* userplane_gremlin.c: only with w->gremlin. rx and tx: false: the packet does not go on now, or never. */
ADIT_MUST_USE adit_err adit_up_gremlin_new(struct adit_up_worker *w, int *timer_fd);
void adit_up_gremlin_free(struct adit_up_worker *w);
bool adit_up_gremlin_rx(struct adit_up_worker *w, struct adit_up_link *link, adit_up_span *packet,
                        const struct adit_addr *remote, const struct adit_addr *local);
bool adit_up_gremlin_tx(struct adit_up_worker *w, size_t *n,
                        const struct adit_up_dest *to); /* the one claimed */
bool adit_up_gremlin_stalls(struct adit_up_worker *w, struct adit_up_link *link, enum adit_up_way way);
void adit_up_gremlin_turn(struct adit_up_worker *w); /* lets go what is due */
void adit_up_gremlin_report(const struct adit_up_worker *w);

/* userplane_tick.c */
void adit_up_tick_start(struct adit_up_worker *w); /* nothing, if the timer runs already */
void adit_up_tick_stop(struct adit_up_worker *w);
void adit_up_tick(struct adit_up_worker *w);
/* A deadline is an earlier one now, or may be; or it is over with all of them. */
void adit_up_tick_arm(struct adit_up_worker *w, struct adit_up_peer *peer);
void adit_up_tick_soon(struct adit_up_worker *w,
                       struct adit_up_peer *peer); /* with the next tick at the latest */

/* userplane_loop.c */
/* `crew`, `index`, `home`, `does_in` and `does_out` are set before. */
ADIT_MUST_USE adit_err adit_up_worker_init(struct adit_up_worker *w, const struct adit_userplane_params *p,
                                           struct adit_up_shared *shared);
size_t adit_up_packet_cap(const struct adit_userplane_params *p);
void adit_up_worker_fini(struct adit_up_worker *w);
void adit_up_worker_turn(struct adit_up_worker *w, bool may_sleep);
void adit_up_worker_device(struct adit_up_worker *w, struct adit_device *device, bool is_read);
void adit_up_worker_device_rest(struct adit_up_worker *w); /* not read until the next tick */
ADIT_MUST_USE adit_err adit_up_worker_watch(struct adit_up_worker *w, struct adit_up_link *link);

#endif
