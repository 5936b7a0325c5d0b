/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Merging against the kernel: each burst is written to a tun packet by packet, and once more merged. The
 * kernel forwards all of it to a second tun without any offload, for which it has to take super-packets apart
 * by itself. What arrives must be the same both times, byte for byte, and in order within each flow.
 */
#include "../unit.h"

#include <errno.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "../plane/merge_rig.h"
#include "linux/priv.h"
#include "linux/sock.h"
#include "netns.h"

/* Debian 12's headers are older than UDP segmentation on tun. */
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

enum {
    SEEDS = 60,
    BURST = 200,
    WAIT_MS = 5000,
    QUEUE = 10000, /* more than one burst can be */
    MARK_PORT = 9999,
};

static struct adit_priv *p;
static int entry, leaving; /* the two devices */
static bool has_uso;
static struct adit_merge merge;
static struct rig_list in, work, singly, merged;
static unsigned long n_supers, n_refused;

static void want(struct adit_priv_req *req)
{
    struct adit_priv_res res;

    if (adit_priv_do(p, req, &res) != ADIT_OK)
        fail_msg("%s", res.fail.text);
}

static int open_tun(const char *name, short flags)
{
    struct ifreq ifr = {.ifr_flags = (short)(IFF_TUN | IFF_NO_PI | flags)};
    int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    struct adit_priv_req up = {.kind = ADIT_PRIV_LINK_SET,
                               .link = {.want_up = true, .mtu = 65535, .txqueue = QUEUE}};

    assert_true(fd >= 0);
    snprintf(ifr.ifr_name, sizeof ifr.ifr_name, "%s", name);
    assert_int_equal(ioctl(fd, TUNSETIFF, &ifr), 0);
    snprintf(up.link.ifname, sizeof up.link.ifname, "%s", name);
    want(&up);
    return fd;
}

static void put_address(const char *ifname, const char *local)
{
    struct adit_priv_req req = {.kind = ADIT_PRIV_ADDR_ADD};

    snprintf(req.addr.ifname, sizeof req.addr.ifname, "%s", ifname);
    assert_int_equal(adit_prefix_parse(local, &req.addr.local), ADIT_OK);
    want(&req);
}

/* ---- writing ---- */

static void write_parts(const struct adit_gather *g)
{
    static struct iovec v[ADIT_MERGE_PARTS + 1];
    uint8_t head[ADIT_VNET_LEN];

    adit_vnet_write(&g->offload, g->is_v6, head);
    v[0] = (struct iovec){.iov_base = head, .iov_len = sizeof head};
    for (unsigned i = 0; i < g->n_parts; i++)
        v[i + 1] = (struct iovec){.iov_base = (void *)(uintptr_t)g->parts[i].p, .iov_len = g->parts[i].n};
    if (writev(entry, v, (int)g->n_parts + 1) == (ssize_t)(sizeof head + g->n)) {
        n_supers += g->packets > 1;
        return;
    }
    /* What is no IP packet at all the kernel refuses, and so it does singly. */
    if (g->packets > 1)
        fail_msg("%u packets of %u bytes: %s", g->packets, g->offload.segment, strerror(errno));
    n_refused++;
}

static void write_single(uint8_t *b, size_t n)
{
    adit_bytes part = adit_bytes_of(b, n);

    write_parts(&(struct adit_gather){.parts = &part, .n_parts = 1, .n = n, .packets = 1});
}

/* ---- reading ---- */

/* Not what the host says by itself. */
static bool is_ours(const uint8_t *b, size_t n)
{
    static const uint8_t v4[] = {10, 1}, v6[] = {0xFD, 1};

    return n >= 20 && (b[0] >> 4 == 6 ? memcmp(b + 8, v6, 2) == 0 : memcmp(b + 12, v4, 2) == 0);
}

/* What has arrived by now goes to the list; true if the mark of this round was the last of it. */
static bool drain(struct rig_list *l, uint32_t round)
{
    static uint8_t b[65536];
    ssize_t n;

    while ((n = read(leaving, b, sizeof b)) > 0) {
        bool is_mark = n == 32 && b[0] == 0x45 && b[9] == 17 && rig_get(b + 22, 2) == MARK_PORT;

        if (is_mark && rig_get(b + 28, 4) == round)
            return true;
        if (!is_mark && is_ours(b, (size_t)n))
            assert_true(rig_add(l, b, (size_t)n, NULL));
    }
    assert_int_equal(errno, EAGAIN);
    return false;
}

/* A packet of our own behind the others tells that they have arrived, or never will. */
static void finish_round(struct rig_list *l)
{
    static uint32_t round;
    struct rig_flow f = {.ttl = 64, .sport = 7, .dport = MARK_PORT};
    uint8_t b[64];
    size_t n = rig_build(&f, b, 4, 0, 0);

    round++;
    rig_put(b + 28, round, 4);
    rig_finish(&f, b, n);
    write_single(b, n);
    while (!drain(l, round))
        assert_int_equal(poll(&(struct pollfd){.fd = leaving, .events = POLLIN}, 1, WAIT_MS), 1);
}

static void take(void *ctx, const struct adit_gather *g)
{
    (void)ctx;
    write_parts(g);
    assert_false(drain(&merged, 0));
}

/* ---- the tests ---- */

/* `in` written both ways. */
static const char *compare_ways(void)
{
    rig_clear(&singly);
    rig_clear(&merged);
    for (unsigned i = 0; i < in.count; i++) {
        in.e[i].owner = NULL;
        write_single(rig_at(&in, i), in.e[i].n);
        assert_false(drain(&singly, 0));
    }
    finish_round(&singly);

    memset(&merge, 0, sizeof merge);
    merge.sink = take;
    merge.want_tcp4 = merge.want_tcp6 = true;
    merge.want_udp = has_uso;
    rig_clear(&work);
    for (unsigned i = 0; i < in.count; i++) {
        assert_true(rig_add(&work, rig_at(&in, i), in.e[i].n, NULL));
        adit_merge_add(&merge, rig_at(&work, i), in.e[i].n, NULL);
    }
    adit_merge_flush(&merge);
    finish_round(&merged);
    return rig_compare(&singly, &merged);
}

static void bursts_arrive_as_if_written_singly(void **state)
{
    unsigned long sent = 0, arrived = 0;

    (void)state;
    n_supers = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct rig_chance c = {.state = seed * 0x9E3779B97F4A7C15U};
        const char *wrong;

        rig_clear(&in);
        rig_burst(&in, &c, BURST, SIZE_MAX);
        wrong = compare_ways();
        if (wrong)
            fail_msg("seed %lu: %s", (unsigned long)seed, wrong);
        sent += in.count;
        arrived += singly.count;
    }
    print_message("%lu packets, %lu forwarded, %lu super-packets, %lu refused\n", sent, arrived, n_supers,
                  n_refused);
    assert_true(arrived > sent * 3 / 4 && n_supers > SEEDS);
}

/* Every payload up to beyond two of the smallest, the largest ones, and every length of the tail. */
static void all_sizes_arrive_as_if_written_singly(void **state)
{
    static const size_t segments[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 16, 48, 1400, 1448, 8948, 21000, 32700};

    (void)state;
    for (size_t i = 0; i < sizeof segments / sizeof *segments; i++) {
        for (unsigned kind = 0; kind < 4; kind++) {
            struct rig_chance c = {.state = i + 1};
            struct rig_flow f = {.is_v6 = kind & 1,
                                 .is_tcp = kind & 2,
                                 .is_df = true,
                                 .ttl = 9,
                                 .id = 0xFFFA,
                                 .id_step = 1,
                                 .seq = 0U - 20,
                                 .sport = 5,
                                 .dport = 6};
            const char *wrong;

            f.segment = segments[i];
            rig_clear(&in);
            for (unsigned k = 0; k < 140; k++)
                rig_emit(&in, &f, &c, k % 20 == 19 ? RIG_SHORT : RIG_PLAIN);
            wrong = compare_ways();
            if (wrong)
                fail_msg("segments of %zu, kind %u: %s", segments[i], kind, wrong);
            assert_int_equal(singly.count, in.count);
        }
    }
}

/* A receiver on this very host is handed the super-packet as one. */
static void datagrams_for_the_host_arrive_singly(void **state)
{
    struct adit_socket_spec spec = {.kind = ADIT_SOCKET_UDP, .family = ADIT_AF_V4, .want_bind = true};
    struct rig_flow f = {.is_df = true, .ttl = 9, .id_step = 1, .sport = 5, .segment = 1000};
    struct rig_chance c = {.state = 3};
    struct adit_fail fail = {0};
    struct sockaddr_storage sa;
    socklen_t len = sizeof sa;
    struct adit_addr bound;
    uint8_t got[2000];
    int fd;

    (void)state;
    if (!has_uso)
        skip();
    assert_int_equal(adit_socket_open(&spec, &fd, &fail), ADIT_OK);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
    assert_true(adit_sockaddr_get((struct sockaddr *)&sa, len, &bound));
    f.dport = bound.port;
    f.addr = 199; /* 10.2.0.200, which is the host's */
    rig_clear(&in);
    for (unsigned k = 0; k < 50; k++)
        rig_emit(&in, &f, &c, k == 49 ? RIG_SHORT : RIG_PLAIN);
    n_supers = 0;
    (void)compare_ways();
    assert_int_equal(n_supers, 1);
    for (unsigned k = 0; k < 100; k++) {
        ssize_t n;

        assert_int_equal(poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, WAIT_MS), 1);
        n = recv(fd, got, sizeof got, 0);
        assert_int_equal(n, in.e[k % 50].n - 28);
        assert_memory_equal(got, rig_at(&in, k % 50) + 28, (size_t)n);
    }
    close(fd);
}

static void route(const char *ifname, const char *to)
{
    struct adit_priv_req req = {.kind = ADIT_PRIV_ROUTE_ADD};

    snprintf(req.route.ifname, sizeof req.route.ifname, "%s", ifname);
    assert_int_equal(adit_prefix_parse(to, &req.route.dst), ADIT_OK);
    want(&req);
}

static int enter(void **state)
{
    unsigned offloads = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6;

    (void)state;
    if (!enter_netns() || access("/dev/net/tun", R_OK | W_OK) != 0) {
        print_message("needs root or user namespaces, and /dev/net/tun\n");
        _exit(77);
    }
    if (!write_text("/proc/sys/net/ipv4/ip_forward", "1") ||
        !write_text("/proc/sys/net/ipv6/conf/all/forwarding", "1")) {
        print_message("cannot forward\n");
        _exit(77);
    }
    write_text("/proc/sys/net/ipv4/conf/all/rp_filter", "0");
    write_text("/proc/sys/net/ipv4/conf/default/rp_filter", "0");
    if (adit_priv_new(NULL, NULL, &p, NULL) != ADIT_OK)
        return -1;
    entry = open_tun("entry", IFF_VNET_HDR);
    leaving = open_tun("leaving", 0);
    has_uso = ioctl(entry, TUNSETOFFLOAD, offloads | TUN_F_USO4 | TUN_F_USO6) == 0;
    if (!has_uso && ioctl(entry, TUNSETOFFLOAD, offloads) != 0)
        return -1;
    put_address("entry", "10.1.0.200/16");
    put_address("entry", "10.2.0.200/32");
    put_address("entry", "fd01::200/64");
    route("leaving", "10.2.0.0/16");
    route("leaving", "fd02::/16");
    return 0;
}

static int leave(void **state)
{
    (void)state;
    adit_priv_free(p);
    close(entry);
    close(leaving);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bursts_arrive_as_if_written_singly),
        cmocka_unit_test(all_sizes_arrive_as_if_written_singly),
        cmocka_unit_test(datagrams_for_the_host_arrive_singly),
    };

    return cmocka_run_group_tests(tests, enter, leave);
}
