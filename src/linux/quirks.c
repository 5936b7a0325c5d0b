/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A release is compared by its three numbers. Distributions that keep the third at 0 may have mended a fault
 * without its showing; then `adit-offload` is the way to say so.
 */
#include "linux/quirks.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/utsname.h>

#define RELEASE(a, b, c) ((uint64_t)(a) << 32 | (uint64_t)(b) << 16 | (uint64_t)(c))

enum place {
    UDP_IN,
    UDP_OUT,
    TUN_OUT_UDP,
};

static const struct {
    uint64_t first, fixed; /* from the one, up to and without the other */
    enum place place;
    struct adit_quirk quirk;
} table[] = {
    /* Programs that put datagrams together leave it alone on kernels that old, and those are too few to learn
     * more about it. */
    {0, RELEASE(5, 12, 0), UDP_IN, {"udp-in", "not trusted before Linux 5.12"}},
    /* A super-packet of UDP for a VXLAN or Geneve device is dropped there; 6.2 was the first to take any. */
    {RELEASE(6, 2, 0),
     RELEASE(6, 8, 5),
     TUN_OUT_UDP,
     {"tun-out of UDP", "before Linux 6.8.5 such super-packets are lost if they carry VXLAN"}},
    /* Linux b10b446, mended by 78effd8 and 5f17ae0: a train whose last datagram is as long as the others
     * leaves through some drivers with wrong lengths and checksums. */
    {RELEASE(7, 0, 0),
     RELEASE(7, 1, 5),
     UDP_OUT,
     {"udp-out", "Linux 7.0 to 7.1.4 damages trains of datagrams of one length"}},
};

struct adit_quirks adit_quirks_of(const char *release)
{
    unsigned a = 0, b = 0, c = 0;
    uint64_t here;
    struct adit_quirks q = {0};

    if (sscanf(release, "%5u.%5u.%5u", &a, &b, &c) < 2)
        return q;
    here = RELEASE(a, b, c);
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        const struct adit_quirk **at = table[i].place == UDP_IN    ? &q.udp_in
                                       : table[i].place == UDP_OUT ? &q.udp_out
                                                                   : &q.tun_out_udp;

        if (here >= table[i].first && here < table[i].fixed)
            *at = &table[i].quirk;
    }
    return q;
}

struct adit_quirks adit_quirks_here(void)
{
    struct utsname name;

    return uname(&name) == 0 ? adit_quirks_of(name.release) : (struct adit_quirks){0};
}
