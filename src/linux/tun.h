/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kernel tun and tap devices, and the null device, as struct adit_device. Packets come without the four bytes
 * of packet information; with a vnet header where it was asked for and granted, and then super-packets both
 * ways, of the kinds that this kernel can. Nothing blocks.
 */
#ifndef ADIT_LINUX_TUN_H
#define ADIT_LINUX_TUN_H

#include <stdbool.h>

#include "linux/fail.h"
#include "plane/device.h"

enum { ADIT_TUN_NAME_MAX = 16, ADIT_TUN_NODE_MAX = 64 };

struct adit_tun_spec {
    char name[ADIT_TUN_NAME_MAX]; /* "tun" or "tap": the kernel numbers it; any other: that very device */
    char node[ADIT_TUN_NODE_MAX]; /* "" for /dev/net/tun */
    bool is_tap;
    bool want_in_trains, want_out_trains; /* super-packets from the kernel, and to it */
    bool want_out_udp;                    /* ... of UDP, too */
    bool want_queues;      /* several descriptors share the device; granted or not, see adit_tun_open() */
    bool is_further_queue; /* of a device that is open here already */
};

struct adit_tun_opened {
    int fd; /* the caller's */
    char name[ADIT_TUN_NAME_MAX];
    bool is_persistent; /* existed before, and will outlive us */
    bool has_queues;
    bool has_vnet;             /* each packet comes and goes behind a vnet header */
    bool takes_tcp, takes_udp; /* super-packets of these kinds may be written */
};

/*
 * Makes the device, or joins an existing one, which needs no rights if it belongs to this user. Called again
 * with the resulting name, want_queues and is_further_queue it gives further queues of the same device. A
 * persistent device made without multi_queue is joined with a single queue; one that another program uses is
 * refused.
 */
ADIT_MUST_USE adit_err adit_tun_open(const struct adit_tun_spec *spec, struct adit_tun_opened *out,
                                     struct adit_fail *fail);

/*
 * Takes the descriptor of `o`; NULL without memory (the descriptor stays the caller's then). write() answers
 * ADIT_E_MALFORMED to what the kernel does not take for a packet, which is the sender's fault and not the
 * device's.
 */
struct adit_device *adit_tun_device_new(const struct adit_tun_opened *o);

/* `dev null`: takes everything, gives nothing. */
struct adit_device *adit_null_device_new(void);

#endif
