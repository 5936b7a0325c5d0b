/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The data plane in user space: workers behind the key seam (plane/seam.h) that own the sockets, the peers'
 * keys and the tunnel device's packets, and run each packet to completion.
 *
 * One thread is policy: it calls post(), next_note() and everything below. A worker is a thread of its own,
 * or (want_thread false, then there is one) the same thread.
 *
 * Several workers of a server share its clients: each has some, with both directions. Beside them is a
 * doorman, which has no clients and runs in policy's thread: control packets come to it, and a flood of them
 * takes no time from the workers. A single peer's two directions have a worker each.
 *
 * Whenever adit_userplane_worker_fd() is not -1, policy's loop polls it for reading and calls
 * adit_userplane_turn(); after any post() it may be readable.
 *
 * Beyond the seam's text: counters of ADIT_CMD_COUNT with peer ADIT_NO_PEER are those that belong to no peer;
 * their hauls are those of all workers, and one log line at the end has them, too.
 * PEER_SILENT knows data packets only; whether control packets came meanwhile is policy's knowledge. A peer
 * that may float may also move to another UDP link. On a stream, an opcode that is neither control nor data
 * ends the link, as a bad length does. PEER_DEL forgets the peer's routes, too. post() returns ADIT_E_MEMORY
 * where a command found the ring full and no memory to wait in; then it has not been taken.
 */
#ifndef ADIT_LINUX_USERPLANE_H
#define ADIT_LINUX_USERPLANE_H

#include "base/env.h"
#include "plane/device.h"
#include "plane/fault.h"
#include "plane/seam.h"

enum {
    ADIT_UP_WORKERS_MAX = 32,
};

struct adit_steer; /* linux/steer_tun.h */

struct adit_userplane_params {
    const struct adit_env *env; /* lent for the plane's life */
    struct adit_device *device; /* lent; NULL: none yet, see adit_userplane_attach() */
    bool want_thread;
    unsigned n_workers;  /* 0 or 1: one; with threads at most ADIT_UP_WORKERS_MAX, of a single peer two */
    bool is_single_peer; /* client, p2p: everything is from and to the one peer */
    bool want_client_to_client;
    bool want_recursive; /* single peer: let packets to the peer's own address into the tunnel */
    uint32_t tun_mtu;    /* largest inner packet */
    bool is_udp_in_single, is_udp_out_single; /* no trains from, or to, the kernel */
    uint32_t busy_poll_us;                    /* a thread looks for work at most so long before it sleeps */
    /* `gremlin`: done to the packets of all links, and to the streams' time; lent for new(). NULL: nothing.
     */
    const struct adit_fault_spec *faults;
    uint64_t fault_seed;
};

/* NULL: memory, descriptors, randomness or the thread; errno says which. */
struct adit_plane *adit_userplane_new(const struct adit_userplane_params *p);

/* Readable while notes may wait; next_note() until it is false makes it quiet again. */
int adit_userplane_note_fd(const struct adit_plane *plane);

/* What runs in policy's thread; -1: nothing. */
int adit_userplane_worker_fd(const struct adit_plane *plane);
void adit_userplane_turn(struct adit_plane *plane);

/* Sockets that a datagram link should have: adit_link_spec.fd and .more together. */
unsigned adit_userplane_sockets(const struct adit_plane *plane);

/*
 * Exchanges the device (NULL: none). When it returns, no worker touches the old one any more. Waits for their
 * present turns at most. `queues`: one for each worker, or fewer: then some only write, to the first.
 */
void adit_userplane_attach(struct adit_plane *plane, struct adit_device *device);
void adit_userplane_attach_queues(struct adit_plane *plane, struct adit_device *const *queues, unsigned n);

/* Lent for the plane's life, before any route is posted: is told of each, and of the worker that has it. */
void adit_userplane_steer(struct adit_plane *plane, struct adit_steer *steer);

#endif
