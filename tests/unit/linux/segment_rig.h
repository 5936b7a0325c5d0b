/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two tun devices with the kernel between them: what is written to the first as a super-packet comes out of
 * the second in single packets, one hop on, since that one takes no others.
 */
#ifndef ADIT_TESTS_SEGMENT_RIG_H
#define ADIT_TESTS_SEGMENT_RIG_H

#include "../plane/super.h"

#include <errno.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "links.h"
#include "netns.h"

enum {
    QUEUE_LEN = 9000,
};

static struct adit_priv *p;
static int in, out;
static bool has_udp;
static unsigned zeros_seen; /* packets whose checksum is a zero of either kind */
static uint8_t original[PLAIN_PACKET_MAX], work[PLAIN_PACKET_MAX], got[PLAIN_PACKET_MAX];
static struct adit_offload offload;

static inline int open_tun(const char *name, int flags)
{
    struct ifreq ifr = {.ifr_flags = (short)(IFF_TUN | IFF_NO_PI | flags)};
    int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK), s = socket(AF_INET, SOCK_DGRAM, 0);

    assert_true(fd >= 0 && s >= 0);
    snprintf(ifr.ifr_name, sizeof ifr.ifr_name, "%s", name);
    assert_int_equal(ioctl(fd, TUNSETIFF, &ifr), 0);
    ifr.ifr_mtu = 65535;
    assert_int_equal(ioctl(s, SIOCSIFMTU, &ifr), 0);
    ifr.ifr_qlen = QUEUE_LEN;
    assert_int_equal(ioctl(s, SIOCSIFTXQLEN, &ifr), 0);
    close(s);
    return fd;
}

static inline void set_up(const char *ifname, const char *v4, const char *v6)
{
    bring_up(p, ifname);
    give_address(p, ifname, v4);
    give_address(p, ifname, v6);
}

/* The kernel's own packets (multicast, router solicitations) are none of ours. */
static inline bool is_ours(const uint8_t *b, size_t n)
{
    if (n >= 20 && b[0] >> 4 == 4)
        return memcmp(b + 12, super_v4, 4) == 0;
    return n >= 40 && b[0] >> 4 == 6 && memcmp(b + 8, super_v6, 16) == 0;
}

/* What the kernel gives next, into `got`; 0 if nothing comes within so many milliseconds. */
static inline size_t next_got(int wait_ms)
{
    for (;;) {
        ssize_t n = read(out, got, sizeof got);

        if (n > 0 && is_ours(got, (size_t)n))
            return (size_t)n;
        if (n < 0 && poll(&(struct pollfd){.fd = out, .events = POLLIN}, 1, wait_ms) != 1)
            return 0;
    }
}

/* False: refused at once. */
static inline bool give(size_t n)
{
    uint8_t head[ADIT_VNET_LEN];
    struct iovec v[] = {{head, sizeof head}, {original, n}};

    adit_vnet_write(&offload, original[0] >> 4 == 6, head);
    /* What comes back are complaints by ICMP: away with them. */
    while (read(in, got, sizeof got) > 0)
        ;
    return writev(in, v, 2) == (ssize_t)(sizeof head + n);
}

/* Linux 6.2 and later. */
static inline bool takes_udp(void)
{
    struct super_form f = {.is_udp = true, .payload = 200, .segment = 100};

    return give(super_make(&f, original, &offload)) && next_got(5000) != 0 && next_got(5000) != 0;
}

static inline int enter(void **state)
{
    (void)state;
    if (!enter_netns() || access("/dev/net/tun", R_OK | W_OK) != 0) {
        print_message("needs root or user namespaces, and /dev/net/tun\n");
        _exit(77);
    }
    if (adit_priv_new(NULL, NULL, &p, NULL) != ADIT_OK)
        return -1;
    in = open_tun("in", IFF_VNET_HDR);
    out = open_tun("out", 0);
    set_up("in", "10.1.0.1/24", "fd00:1::1/64");
    set_up("out", "10.2.0.1/24", "fd00:2::1/64");
    if (!write_text("/proc/sys/net/ipv4/ip_forward", "1") ||
        !write_text("/proc/sys/net/ipv6/conf/all/forwarding", "1") ||
        !write_text("/proc/sys/net/ipv4/conf/all/rp_filter", "0") ||
        !write_text("/proc/sys/net/ipv4/conf/in/rp_filter", "0"))
        return -1;
    has_udp = takes_udp();
    if (!has_udp)
        print_message("this kernel takes no super-packets of UDP\n");
    return 0;
}

static inline int leave(void **state)
{
    (void)state;
    adit_priv_free(p); /* takes the addresses away */
    close(in);
    close(out);
    return 0;
}

/* What a router does to a packet. */
static inline void hop(uint8_t *b)
{
    if (b[0] >> 4 == 6) {
        b[7]--;
        return;
    }
    b[8]--;
    plain_put(b + 10, 0);
    plain_put(b + 10, 0xFFFF - plain_sum(0, b, (b[0] & 15u) * 4));
}

static inline void describe(size_t n)
{
    print_message("kind %d, segment %u, checksum %d at %u+%u, %zu bytes:", offload.gso, offload.segment,
                  offload.needs_csum, offload.csum_start, offload.csum_at, n);
    for (size_t i = 0; i < n && i < 120; i++)
        print_message(" %02x", original[i]);
    print_message("\n");
}

/* Number of packets. */
static inline size_t compare(size_t n)
{
    struct adit_segments s;
    uint8_t *packet;
    size_t len, count = 0;

    if (!give(n)) {
        describe(n);
        fail_msg("the kernel does not take it: %s", strerror(errno));
    }
    memcpy(work, original, n);
    hop(work);
    assert_int_equal(adit_segments_begin(&s, work, n, &offload), ADIT_OK);
    for (; adit_segments_next(&s, &packet, &len); count++) {
        size_t got_n = next_got(5000), at = 0, place = offload.csum_start + (size_t)offload.csum_at;

        if (offload.needs_csum && (plain_u16(packet + place) == 0 || plain_u16(packet + place) == 0xFFFF))
            zeros_seen++;
        while (at < len && at < got_n && got[at] == packet[at])
            at++;
        if (got_n == len && at == len)
            continue;
        describe(n);
        fail_msg("packet %zu of %u: %zu bytes, the kernel's %zu, which differ at %zu (%02x, %02x)", count,
                 s.count, len, got_n, at, at < len ? packet[at] : 0, at < got_n ? got[at] : 0);
    }
    if (next_got(0) != 0) {
        describe(n);
        fail_msg("the kernel makes more than %zu packets of it", count);
    }
    return count;
}

#endif
