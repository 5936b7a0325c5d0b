/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kernels that are known to do something wrong with trains, silently: packets get lost or damaged, and no
 * call fails. What a kernel refuses openly needs no entry; that is noticed when it happens.
 */
#ifndef ADIT_LINUX_QUIRKS_H
#define ADIT_LINUX_QUIRKS_H

#include <stdbool.h>

/* Which offload to leave alone, and why. */
struct adit_quirk {
    const char *what; /* "udp-in", "udp-out": as in `adit-offload`; "tun-out of UDP" */
    const char *why;
};

struct adit_quirks {
    const struct adit_quirk *udp_in, *udp_out, *tun_out_udp; /* NULL: nothing is known against it */
};

/* `release` as uname() tells it: "6.1.0-40-amd64". One that cannot be read has no quirks. */
struct adit_quirks adit_quirks_of(const char *release);

/* Of the kernel that runs. */
struct adit_quirks adit_quirks_here(void);

#endif
