/* SPDX-License-Identifier: Apache-2.0 */
/* Super-packets through the plane: from a device that gives them to one that takes them, or does not. */
#include "userplane_rig.h"

#include <limits.h>
#include <net/if.h>
#include <netinet/udp.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>

#include "../said.h"
#include "clock.h"
#include "netns.h"
#include "plane/probation.h"
#include "wire/csum.h"

enum {
    TCP_HEADS = 40,
    WRITES_MAX = 256,
};

/* Of a super-packet. */
static unsigned segment = 1200, segments = 20;

/* ---- the kernel's sending, of a kernel that takes only so many packets at once ---- */

static unsigned packets_max = UINT_MAX;

static unsigned packets_of(const struct msghdr *m)
{
    size_t n = 0;
    uint16_t size;

    for (size_t i = 0; i < m->msg_iovlen; i++)
        n += m->msg_iov[i].iov_len;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR((struct msghdr *)(uintptr_t)m, c)) {
        if (c->cmsg_level != SOL_UDP || c->cmsg_type != UDP_SEGMENT)
            continue;
        memcpy(&size, CMSG_DATA(c), sizeof size);
        return (unsigned)((n + size - 1) / size);
    }
    return 1;
}

/* In place of the library's. */
int sendmmsg(int fd, struct mmsghdr *m, unsigned n, int flags)
{
    if (n > 0 && packets_of(&m->msg_hdr) > packets_max) {
        errno = EINVAL;
        return -1;
    }
    return (int)syscall(SYS_sendmmsg, fd, m, n, flags);
}

/* ---- a device with offloads ---- */

struct train_device {
    struct adit_device d; /* first */
    int fd;
    uint8_t give[ADIT_MERGE_LEN_MAX]; /* what is read next */
    size_t give_n;
    struct adit_offload offload;
    bool refuses;                        /* super-packets, though it said that it takes them */
    uint8_t got[2 * ADIT_MERGE_LEN_MAX]; /* the payloads that were written, one after the other */
    size_t got_n;
    unsigned n_writes, n_packets, n_refused;
};

static adit_err read_train(struct adit_device *d, struct adit_train *t)
{
    struct train_device *dev = (struct train_device *)d;
    uint64_t count;

    if (dev->give_n == 0)
        return ADIT_E_EMPTY;
    (void)!read(dev->fd, &count, sizeof count);
    assert_true(dev->give_n <= t->cap);
    memcpy(t->b, dev->give, dev->give_n);
    t->n = dev->give_n;
    t->offload = dev->offload;
    dev->give_n = 0;
    return ADIT_OK;
}

static adit_err write_train(struct adit_device *d, const struct adit_gather *g)
{
    struct train_device *dev = (struct train_device *)d;
    uint8_t whole[ADIT_MERGE_LEN_MAX];
    size_t n = adit_gather_copy(g, whole);

    assert_int_equal(n, g->n);
    if (dev->refuses && g->offload.gso != ADIT_GSO_NONE) {
        dev->n_refused++;
        return ADIT_E_UNSUPPORTED;
    }
    assert_true(n > TCP_HEADS && dev->got_n + n - TCP_HEADS <= sizeof dev->got);
    memcpy(dev->got + dev->got_n, whole + TCP_HEADS, n - TCP_HEADS);
    dev->got_n += n - TCP_HEADS;
    dev->n_writes++;
    dev->n_packets += g->packets;
    return ADIT_OK;
}

static int train_wait_fd(const struct adit_device *d)
{
    return ((const struct train_device *)d)->fd;
}

static void train_free(struct adit_device *d)
{
    (void)d;
}

static const struct adit_device_ops train_ops = {read_train, write_train, train_wait_fd, train_free};

static struct train_device here, there;

static void device_start(struct end *e, struct train_device *dev)
{
    *dev = (struct train_device){.d.ops = &train_ops, .fd = eventfd(0, EFD_NONBLOCK)};
    dev->d.takes_tcp4 = dev->d.takes_tcp6 = dev->d.takes_udp = true;
    adit_userplane_attach(e->plane, &dev->d);
}

/* A TCP segment that is segments long, as a kernel gives it to a card that cuts it. */
static void give_tcp(struct train_device *dev, uint32_t src, uint32_t dst)
{
    const uint64_t one = 1;
    struct adit_wr w = adit_wr_of(dev->give, sizeof dev->give);
    size_t n = TCP_HEADS + segments * segment;
    uint16_t sum;

    adit_wr_u16(&w, 0x4500);
    adit_wr_u16(&w, (uint16_t)n);
    adit_wr_u32(&w, 0x00074000); /* DF */
    adit_wr_u32(&w, 0x40060000);
    adit_wr_u32(&w, src);
    adit_wr_u32(&w, dst);
    sum = (uint16_t)~adit_csum_fold(adit_csum_add(0, dev->give, 20));
    memcpy(dev->give + 10, &sum, sizeof sum);
    adit_wr_u32(&w, 0x30390050); /* ports */
    adit_wr_u32(&w, 1000);
    adit_wr_u32(&w, 2000);
    adit_wr_u32(&w, 0x50100400); /* ACK */
    adit_wr_u32(&w, 0);
    sum = adit_csum_fold(adit_csum_pseudo(dev->give, 6, n - 20));
    memcpy(dev->give + 36, &sum, sizeof sum);
    steps(dev->give + TCP_HEADS, segments * segment, 1);
    dev->offload = (struct adit_offload){
        .gso = ADIT_GSO_TCP,
        .needs_csum = true,
        .segment = (uint16_t)segment,
        .head_len = TCP_HEADS,
        .csum_start = 20,
        .csum_at = 16,
    };
    dev->give_n = n;
    assert_int_equal(write(dev->fd, &one, sizeof one), sizeof one);
}

static void assert_arrives(struct duo *d, struct train_device *from, struct train_device *to)
{
    uint64_t until = now_ms() + WAIT_MS;

    to->got_n = to->n_writes = to->n_packets = 0;
    give_tcp(from, CLIENT_IP, SERVER_IP);
    while (to->got_n < segments * segment && now_ms() < until)
        pump(&d->client, &d->server);
    assert_int_equal(to->got_n, segments * segment);
    assert_memory_equal(to->got, from->give + TCP_HEADS, segments * segment);
    assert_int_equal(to->n_packets, segments);
}

static void assert_nothing_dropped(struct duo *d)
{
    for (int e = ADIT_OK + 1; e < ADIT_ERR_COUNT; e++) {
        assert_int_equal(drops(&d->server, 0, (adit_err)e), 0);
        assert_int_equal(drops(&d->client, 0, (adit_err)e), 0);
    }
    assert_int_equal(d->server.counters.tx_packets, 0);
}

static void start(struct duo *d, bool is_udp_out_single)
{
    end_start(&d->server, false, false, false);
    end_begin(&d->client,
              (struct adit_userplane_params){.is_single_peer = true, .is_udp_out_single = is_udp_out_single});
    duo_join(d, 0);
    device_start(&d->client, &here);
    device_start(&d->server, &there);
    pump_some(&d->client, &d->server);
}

/* With sockets of the test's own. */
static void start_by(struct duo *d, int server_fd, int client_fd)
{
    end_start(&d->server, false, false, false);
    end_start(&d->client, true, false, false);
    duo_join_by(d, 0, server_fd, client_fd);
    device_start(&d->client, &here);
    device_start(&d->server, &there);
    pump_some(&d->client, &d->server);
}

static void stop(struct duo *d)
{
    duo_stop(d);
    close(here.fd);
    close(there.fd);
}

/* ---- tests ---- */

static void assert_haul(const struct adit_haul *h, uint64_t calls, uint64_t packets, uint64_t bytes)
{
    assert_int_equal(h->calls, calls);
    assert_int_equal(h->packets, packets);
    assert_int_equal(h->bytes, bytes);
}

static void what_a_call_carries_is_counted(void **state)
{
    const uint64_t inner = segments * (TCP_HEADS + segment), sealed = inner + segments * 24;
    struct duo d;

    (void)state;
    start(&d, false);
    assert_arrives(&d, &here, &there);
    drops(&d.client, ADIT_NO_PEER, ADIT_E_OS);
    assert_haul(&d.client.hauls.reads, 1, segments, inner);
    assert_haul(&d.client.hauls.sends, 1, segments, sealed);
    assert_haul(&d.client.hauls.receives, 0, 0, 0);
    assert_haul(&d.client.hauls.writes, 0, 0, 0);
    drops(&d.server, ADIT_NO_PEER, ADIT_E_OS);
    assert_haul(&d.server.hauls.reads, 0, 0, 0);
    assert_haul(&d.server.hauls.sends, 0, 0, 0);
    assert_haul(&d.server.hauls.receives, 1, segments, sealed);
    assert_haul(&d.server.hauls.writes, there.n_writes, segments, inner);
    assert_int_equal(d.server.hauls.handed, 0);
    drops(&d.server, 0, ADIT_E_OS);
    assert_false(adit_hauls_any(&d.server.hauls)); /* they are no peer's */
    stop(&d);
}

static void what_goes_singly_is_counted_singly(void **state)
{
    const uint64_t inner = segments * (TCP_HEADS + segment), sealed = inner + segments * 24;
    struct duo d;

    (void)state;
    start(&d, true);
    there.refuses = true;
    assert_arrives(&d, &here, &there);
    drops(&d.client, ADIT_NO_PEER, ADIT_E_OS);
    assert_haul(&d.client.hauls.reads, 1, segments, inner);
    assert_haul(&d.client.hauls.sends, segments, segments, sealed);
    drops(&d.server, ADIT_NO_PEER, ADIT_E_OS);
    assert_int_equal(d.server.hauls.receives.packets, segments);
    assert_haul(&d.server.hauls.writes, segments, segments, inner);
    stop(&d);
}

static void the_end_tells_how_much_a_call_carried(void **state)
{
    char said[SAID_MAX] = "";
    struct adit_log log = {.put = keep_said, .ctx = said, .verb = 2};
    struct duo d;

    (void)state;
    start(&d, false);
    assert_arrives(&d, &here, &there);
    d.client.env.log = log;
    end_stop(&d.client);
    assert_string_equal(said, ""); /* from verb 3 on */
    log.verb = 3;
    d.server.env.log = log;
    end_stop(&d.server);
    assert_non_null(strstr(said, "data channel: sent 0 bytes in 0 packets; received 25.3 kB in 20 packets, "
                                 "20.0 per receive, "));
    close(here.fd);
    close(there.fd);
}

static void a_train_goes_from_end_to_end(void **state)
{
    struct duo d;

    (void)state;
    start(&d, false);
    for (int i = 0; i < 3; i++) {
        assert_arrives(&d, &here, &there);
        assert_true(there.n_writes <= 2); /* in one piece, or in two where the reading of the socket cut it */
    }
    assert_nothing_dropped(&d);
    assert_int_equal(d.client.counters.tx_packets, 3 * segments);
    stop(&d);
}

static void a_device_that_refuses_gets_single_packets(void **state)
{
    struct duo d;

    (void)state;
    start(&d, false);
    there.refuses = true;
    for (int i = 0; i < 3; i++) {
        assert_arrives(&d, &here, &there);
        assert_int_equal(there.n_writes, segments);
    }
    assert_int_equal(there.n_refused, 1); /* it is not asked again */
    assert_nothing_dropped(&d);
    stop(&d);
}

/* Each worker's tick comes once a second, by the kernel's clock. */
static void minutes_pass(struct duo *d, unsigned s)
{
    uint64_t until = now_ms() + s * 1000ULL + 1100;

    clock_ahead_s += s;
    while (now_ms() < until)
        pump_some(&d->client, &d->server);
}

static void after_some_minutes_the_device_is_asked_again(void **state)
{
    struct duo d;

    (void)state;
    start(&d, false);
    there.refuses = true;
    assert_arrives(&d, &here, &there);
    minutes_pass(&d, ADIT_PROBATION_MIN_S);
    assert_arrives(&d, &here, &there);
    assert_int_equal(there.n_refused, 2);
    there.refuses = false;
    minutes_pass(&d, ADIT_PROBATION_MIN_S);
    assert_arrives(&d, &here, &there);
    assert_int_equal(there.n_writes, segments); /* after a second refusal it takes longer */
    minutes_pass(&d, ADIT_PROBATION_MIN_S);
    assert_arrives(&d, &here, &there);
    assert_true(there.n_writes <= 2);
    assert_nothing_dropped(&d);
    stop(&d);
}

static void assert_sends(struct duo *d, uint64_t calls)
{
    drops(&d->client, ADIT_NO_PEER, ADIT_E_OS);
    assert_int_equal(d->client.hauls.sends.calls, calls);
}

/* A peer who says how far its packets may be out of order. */
static void start_long(struct duo *d, uint32_t peer_window)
{
    segment = 100;
    segments = 130;
    start(d, false);
    d->on_client.peer_window = peer_window;
    peer_cmd(&d->client, ADIT_CMD_PEER_SET, &d->on_client);
    pump_some(&d->client, &d->server);
}

static void stop_long(struct duo *d)
{
    stop(d);
    segment = 1200;
    segments = 20;
    packets_max = UINT_MAX;
}

static void a_train_is_as_long_as_the_peer_stands(void **state)
{
    static const struct {
        uint32_t window;
        uint64_t calls;
    } cases[] = {{0, 3}, {64, 3}, {255, 3}, {256, 2}, {2048, 2}};
    struct duo d;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        start_long(&d, cases[i].window);
        assert_arrives(&d, &here, &there);
        assert_sends(&d, cases[i].calls);
        assert_nothing_dropped(&d);
        stop_long(&d);
    }
}

static void a_kernel_that_takes_64_gets_no_more(void **state)
{
    char said[SAID_MAX] = "";
    struct duo d;

    (void)state;
    start_long(&d, 2048);
    d.client.env.log = (struct adit_log){.put = keep_said, .ctx = said, .verb = 3};
    packets_max = 64;
    assert_arrives(&d, &here, &there);
    assert_sends(&d, 128 + 1);
    assert_non_null(strstr(said, "of 64 packets at the most"));
    said[0] = '\0';
    assert_arrives(&d, &here, &there);
    assert_sends(&d, 128 + 1 + 3);
    assert_string_equal(said, "");
    assert_nothing_dropped(&d);
    stop_long(&d);
}

/* Of a socket that makes no checksums the kernel takes no trains. */
static void after_some_minutes_the_socket_is_asked_again(void **state)
{
    int server_fd, client_fd, on = 1;
    struct duo d;

    (void)state;
    server_fd = udp(&d.server_at);
    client_fd = udp(&d.client_at);
    start_by(&d, server_fd, client_fd);
    assert_int_equal(setsockopt(client_fd, SOL_SOCKET, SO_NO_CHECK, &on, sizeof on), 0);
    assert_arrives(&d, &here, &there);
    assert_sends(&d, segments);
    on = 0;
    assert_int_equal(setsockopt(client_fd, SOL_SOCKET, SO_NO_CHECK, &on, sizeof on), 0);
    assert_arrives(&d, &here, &there);
    assert_sends(&d, 2 * segments);
    clock_ahead_s += ADIT_PROBATION_MIN_S;
    assert_arrives(&d, &here, &there);
    assert_sends(&d, 2 * segments + 1);
    assert_nothing_dropped(&d);
    stop(&d);
}

static void without_trains_the_packets_go_singly(void **state)
{
    struct duo d;

    (void)state;
    start(&d, true);
    assert_arrives(&d, &here, &there);
    assert_nothing_dropped(&d);
    stop(&d);
}

/* Each train is answered as each of its packets would be, also when nobody can take it. */
static void a_super_packet_that_lies_is_dropped(void **state)
{
    const uint64_t one = 1;
    struct duo d;

    (void)state;
    start(&d, false);
    give_tcp(&here, CLIENT_IP, SERVER_IP);
    here.offload.csum_start = 60000;
    pump_some(&d.client, &d.server);
    assert_int_equal(drops(&d.client, ADIT_NO_PEER, ADIT_E_MALFORMED), 1);
    give_tcp(&here, CLIENT_IP, SERVER_IP);
    here.give[0] = 0x55;
    assert_int_equal(write(here.fd, &one, sizeof one), sizeof one);
    pump_some(&d.client, &d.server);
    assert_int_equal(drops(&d.client, ADIT_NO_PEER, ADIT_E_MALFORMED), 2);
    assert_int_equal(there.got_n, 0);
    assert_arrives(&d, &here, &there);
    stop(&d);
}

/* Of a network namespace of this test's own. */
static void narrow_loopback(void)
{
    static bool is_in;
    struct ifreq ifr = {.ifr_name = "lo"};
    int fd;

    if (!is_in && !enter_netns()) {
        print_message("needs root or user namespaces\n");
        skip();
    }
    is_in = true;
    fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ifr.ifr_flags = IFF_UP;
    assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &ifr), 0);
    ifr.ifr_mtu = 1000;
    assert_int_equal(ioctl(fd, SIOCSIFMTU, &ifr), 0);
    close(fd);
}

static void a_narrow_path_gets_single_packets(void **state)
{
    struct duo d;

    (void)state;
    narrow_loopback();
    start(&d, false);
    for (int i = 0; i < 3; i++)
        assert_arrives(&d, &here, &there);
    assert_nothing_dropped(&d);
    stop(&d);
}

/* Where packets must not be fragmented: its sender hears of it, once for all of its packets. */
static void a_super_packet_too_big_has_one_answer(void **state)
{
    static const uint8_t src[] = {CLIENT_IP >> 24, CLIENT_IP >> 16 & 255, CLIENT_IP >> 8 & 255,
                                  CLIENT_IP & 255};
    const int must_not = IP_PMTUDISC_DO;
    struct duo d;
    int server_fd, client_fd;

    (void)state;
    narrow_loopback();
    server_fd = udp(&d.server_at);
    client_fd = udp(&d.client_at);
    assert_int_equal(setsockopt(client_fd, IPPROTO_IP, IP_MTU_DISCOVER, &must_not, sizeof must_not), 0);
    start_by(&d, server_fd, client_fd);
    assert_arrives(&d, &here, &there); /* in fragments: it finds out, and is no longer than IPv6 may be */
    assert_int_equal(here.n_packets, 0);
    there.n_packets = 0;
    give_tcp(&here, CLIENT_IP, SERVER_IP);
    pump_some(&d.client, &d.server);
    assert_int_equal(drops(&d.client, 0, ADIT_E_TOO_BIG), segments);
    assert_int_equal(here.n_packets, 1);
    assert_int_equal(here.got_n, 576 - TCP_HEADS);
    assert_memory_equal(here.got, src, sizeof src); /* in the packet that came back */
    assert_int_equal(there.n_packets, 0);
    stop(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_train_goes_from_end_to_end),
        cmocka_unit_test(a_device_that_refuses_gets_single_packets),
        cmocka_unit_test(after_some_minutes_the_device_is_asked_again),
        cmocka_unit_test(after_some_minutes_the_socket_is_asked_again),
        cmocka_unit_test(a_train_is_as_long_as_the_peer_stands),
        cmocka_unit_test(a_kernel_that_takes_64_gets_no_more),
        cmocka_unit_test(without_trains_the_packets_go_singly),
        cmocka_unit_test(what_a_call_carries_is_counted),
        cmocka_unit_test(what_goes_singly_is_counted_singly),
        cmocka_unit_test(the_end_tells_how_much_a_call_carried),
        cmocka_unit_test(a_super_packet_that_lies_is_dropped),
        /* The last ones: they leave for another namespace. */
        cmocka_unit_test(a_narrow_path_gets_single_packets),
        cmocka_unit_test(a_super_packet_too_big_has_one_answer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
