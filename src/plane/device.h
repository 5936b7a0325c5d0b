/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A device is a table of functions that reads and writes trains: a kernel tun or tap, null, a helper program
 * behind a socket, a stack in user space. A worker never holds a bare descriptor.
 *
 * What is read is a packet or a super-packet (plane/offload.h); what is written, too, if the device takes
 * them.
 */
#ifndef ADIT_PLANE_DEVICE_H
#define ADIT_PLANE_DEVICE_H

#include "plane/merge.h"

enum {
    ADIT_DEVICE_LEAD = 16, /* bytes in front of what is read that the device may overwrite */
};

struct adit_train {
    uint8_t *b;    /* ADIT_DEVICE_LEAD bytes behind the beginning of the room */
    size_t n, cap; /* cap: 65,535 bytes where super-packets are to be expected */
    struct adit_offload offload;
};

struct adit_device;

struct adit_device_ops {
    /* ADIT_OK with t->n > 0; ADIT_E_EMPTY: nothing to read now; ADIT_E_OS: errno says why. */
    adit_err (*read)(struct adit_device *d, struct adit_train *t);
    /* ADIT_E_QUEUE: full, the packet is lost; ADIT_E_UNSUPPORTED: not as a super-packet; ADIT_E_MALFORMED: no
     * packet; ADIT_E_OS. */
    adit_err (*write)(struct adit_device *d, const struct adit_gather *g);
    int (*wait_fd)(const struct adit_device *d); /* becomes readable when read() has something; -1: never */
    void (*free)(struct adit_device *d);
};

struct adit_device {
    const struct adit_device_ops *ops;
    bool takes_tcp4, takes_tcp6, takes_udp; /* super-packets of these kinds */
};

/* All parts as one piece; `dst` has room for ADIT_MERGE_LEN_MAX bytes. The bytes. */
size_t adit_gather_copy(const struct adit_gather *g, uint8_t *dst);

/* Its packets one by one, for a device that does not take this super-packet; `room` as above. What `write`
 * answers if it is not ADIT_OK: the rest is not tried then. */
ADIT_MUST_USE adit_err adit_gather_split(const struct adit_gather *g, uint8_t *room,
                                         adit_err (*write)(void *ctx, const struct adit_gather *single),
                                         void *ctx);

#endif
