/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A device is a table of functions that reads and writes trains: a kernel tun or tap, null, a helper program
 * behind a socket, a stack in user space. A worker never holds a bare descriptor.
 *
 * A train is one packet, or a super-packet (segment size > 0) that stands for several.
 */
#ifndef ADIT_PLANE_DEVICE_H
#define ADIT_PLANE_DEVICE_H

#include "base/bytes.h"

struct adit_train {
    uint8_t *b;
    size_t n, cap;
    uint16_t segment; /* payload bytes per segment; 0: a single packet */
};

struct adit_device;

struct adit_device_ops {
    /* ADIT_OK with t->n > 0; ADIT_E_EMPTY: nothing to read now; ADIT_E_OS: errno says why. */
    adit_err (*read)(struct adit_device *d, struct adit_train *t);
    /* ADIT_E_QUEUE: full, the packet is lost; ADIT_E_OS. */
    adit_err (*write)(struct adit_device *d, const struct adit_train *t);
    int (*wait_fd)(const struct adit_device *d); /* becomes readable when read() has something; -1: never */
    void (*free)(struct adit_device *d);
};

struct adit_device {
    const struct adit_device_ops *ops;
};

#endif
