/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paths that become narrower, in a network namespace of the test's own whose loopback device is the path.
 */
#include "userplane_rig.h"

#include <net/if.h>
#include <sys/ioctl.h>

#include "clock.h"
#include "netns.h"

enum {
    WIDE = 65536,
    NARROW = 1300,
    V4_HEADS = 28,
    V6_HEADS = 48,
    OVERHEAD = 24, /* DATA_V2 with an AEAD cipher */
    LARGE = 1400,
    HUGE = 2300,
    FORGOTTEN_S = 601,
    V4_DF = 0x4000,
};

static void set_mtu(int mtu)
{
    struct ifreq ifr = {.ifr_name = "lo"};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    ifr.ifr_flags = IFF_UP;
    assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &ifr), 0);
    ifr.ifr_mtu = mtu;
    assert_int_equal(ioctl(fd, SIOCSIFMTU, &ifr), 0);
    close(fd);
}

/* Like `mtu-disc yes`. */
static void forbid_fragments(int fd)
{
    const int v4 = IP_PMTUDISC_DO, v6 = IPV6_PMTUDISC_DO;

    assert_int_equal(setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &v4, sizeof v4), 0);
    (void)setsockopt(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &v6, sizeof v6); /* it is not of IPv6, perhaps */
}

static int udp6(const char *address, struct adit_addr *at)
{
    struct sockaddr_in6 sa = {.sin6_family = AF_INET6};
    socklen_t n = sizeof sa;
    int fd = socket(AF_INET6, SOCK_DGRAM, 0), off = 0;

    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    assert_int_equal(inet_pton(AF_INET6, address, &sa.sin6_addr), 1);
    assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof sa), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &n), 0);
    assert_int_equal(adit_ip_parse("::1", &at->ip), ADIT_OK);
    at->port = ntohs(sa.sin6_port);
    return fd;
}

/* ---- inner packets ---- */

static void put_v4(uint8_t *b, size_t n, uint16_t fragment, uint32_t src, uint32_t dst)
{
    struct adit_wr w = adit_wr_of(b, n);

    memset(b, 0, n);
    adit_wr_u16(&w, 0x4500);
    adit_wr_u16(&w, (uint16_t)n);
    adit_wr_u16(&w, 7);
    adit_wr_u16(&w, fragment);
    adit_wr_u32(&w, 0x40fd0000);
    adit_wr_u32(&w, src);
    adit_wr_u32(&w, dst);
}

static void say_v4(struct end *e, size_t n, uint16_t fragment)
{
    uint8_t b[HUGE];

    put_v4(b, n, fragment, CLIENT_IP, SERVER_IP);
    assert_int_equal(send(e->inner, b, n, 0), n);
}

static const uint8_t v6_ends[32] = {0xfd, [15] = 2, [16] = 0xfd, [31] = 1};

static void say_v6(struct end *e, size_t n)
{
    uint8_t b[2048] = {0};
    struct adit_wr w = adit_wr_of(b, sizeof b);

    adit_wr_u32(&w, 0x60000000);
    adit_wr_u16(&w, (uint16_t)(n - 40));
    adit_wr_u16(&w, 0xfd40);
    adit_wr_bytes(&w, adit_bytes_of(v6_ends, sizeof v6_ends));
    assert_int_equal(send(e->inner, b, n, 0), n);
}

/* ---- both ends ---- */

static void start_with(struct duo *d, int server_fd, int client_fd, struct adit_userplane_params client)
{
    struct adit_cmd cmd = {.kind = ADIT_CMD_ROUTE_ADD};

    end_start(&d->server, false, false, false);
    end_begin(&d->client, client);
    forbid_fragments(client_fd);
    duo_join_by(d, 0, server_fd, client_fd);
    cmd.route = (struct adit_prefix){.ip = adit_ip_v6(v6_ends), .bits = 128};
    post(&d->server, &cmd);
    pump_some(&d->client, &d->server);
}

static void start_by(struct duo *d, int server_fd, int client_fd)
{
    start_with(d, server_fd, client_fd, (struct adit_userplane_params){.is_single_peer = true});
}

static void start_client(struct duo *d, struct adit_userplane_params client)
{
    int server_fd, client_fd;

    set_mtu(WIDE);
    server_fd = udp(&d->server_at);
    client_fd = udp(&d->client_at);
    start_with(d, server_fd, client_fd, client);
}

static void start(struct duo *d)
{
    start_client(d, (struct adit_userplane_params){.is_single_peer = true});
}

static size_t arrives(struct duo *d)
{
    uint8_t b[2048];
    size_t n = 0;

    assert_true(expect_inner(&d->server, &d->client, b, &n));
    return n;
}

static void assert_carried(struct duo *d, size_t n)
{
    say_v4(&d->client, n, V4_DF);
    assert_int_equal(arrives(d), n);
}

/* The one who is too large finds out: it is lost, and nobody told. */
static void find_out(struct duo *d)
{
    uint64_t before = drops(&d->client, 0, ADIT_E_TOO_BIG);

    say_v4(&d->client, LARGE, V4_DF);
    pump_some(&d->client, &d->server);
    assert_int_equal(drops(&d->client, 0, ADIT_E_TOO_BIG), before + 1);
    assert_false(has_inner(&d->client));
    assert_false(has_inner(&d->server));
}

static void assert_told_v4(struct duo *d, size_t n, uint32_t mtu)
{
    static const uint8_t ends[] = {0x0a, 8, 0, 1, 0x0a, 8, 0, 2};
    uint64_t before = drops(&d->client, 0, ADIT_E_TOO_BIG);
    uint8_t b[2048];
    struct adit_rd r;
    size_t got;

    say_v4(&d->client, n, V4_DF);
    assert_true(expect_inner(&d->client, &d->server, b, &got));
    assert_int_equal(got, 576);
    assert_memory_equal(b + 12, ends, sizeof ends); /* from its destination, to it */
    r = adit_rd_of(adit_bytes_of(b + 20, 8));
    assert_int_equal(adit_rd_u16(&r), 0x0304);
    (void)adit_rd_u16(&r);
    assert_int_equal(adit_rd_u32(&r), mtu);
    assert_int_equal(drops(&d->client, 0, ADIT_E_TOO_BIG), before + 1);
    pump_some(&d->client, &d->server);
    assert_false(has_inner(&d->server));
}

static void assert_learns(struct duo *d, uint32_t heads)
{
    uint32_t max = NARROW - heads - OVERHEAD;

    assert_carried(d, LARGE);
    set_mtu(NARROW);
    find_out(d);
    assert_told_v4(d, LARGE, max);
    assert_told_v4(d, max + 1, max);
    assert_carried(d, max);
}

/* ---- tests ---- */

static void a_path_is_learned_and_senders_are_told(void **state)
{
    struct duo d;

    (void)state;
    start(&d);
    assert_learns(&d, V4_HEADS);
    duo_stop(&d);
}

static void a_connected_socket_learns_it_too(void **state)
{
    struct adit_cmd cmd = {.kind = ADIT_CMD_LINK_ADD};
    struct duo d;
    int server_fd, client_fd;
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    (void)state;
    set_mtu(WIDE);
    server_fd = udp(&d.server_at);
    client_fd = udp(&d.client_at);
    sa.sin_port = htons(d.server_at.port);
    assert_int_equal(connect(client_fd, (struct sockaddr *)&sa, sizeof sa), 0);
    cmd.link = (struct adit_link_spec){.link = LINK, .fd = dup(client_fd), .is_connected = true};
    start_by(&d, server_fd, client_fd);
    post(&d.client, &cmd); /* in place of the other */
    assert_learns(&d, V4_HEADS);
    duo_stop(&d);
}

static void a_path_of_ipv6_is_learned(void **state)
{
    struct duo d;
    int server_fd, client_fd;

    (void)state;
    set_mtu(WIDE);
    server_fd = udp6("::1", &d.server_at);
    client_fd = udp6("::1", &d.client_at);
    start_by(&d, server_fd, client_fd);
    assert_learns(&d, V6_HEADS);
    duo_stop(&d);
}

static void a_path_of_ipv4_is_learned_by_a_socket_of_both(void **state)
{
    struct duo d;
    int server_fd, client_fd;

    (void)state;
    set_mtu(WIDE);
    server_fd = udp(&d.server_at);
    client_fd = udp6("::", &d.client_at);
    d.client_at.ip = adit_ip_v4(INADDR_LOOPBACK);
    start_by(&d, server_fd, client_fd);
    assert_learns(&d, V4_HEADS);
    duo_stop(&d);
}

static void senders_of_ipv6_are_told(void **state)
{
    struct duo d;
    uint8_t b[2048];
    size_t n;

    (void)state;
    start(&d);
    set_mtu(1400);
    find_out(&d);
    say_v6(&d.client, LARGE);
    assert_true(expect_inner(&d.client, &d.server, b, &n));
    assert_int_equal(n, 1280);
    assert_memory_equal(b + 8, v6_ends + 16, 16);
    assert_memory_equal(b + 24, v6_ends, 16);
    assert_int_equal(b[40], 2);
    assert_memory_equal(b + 44, "\0\0\x05\x44", 4); /* 1400 - 28 - 24 = 1348 = 0x544 */
    duo_stop(&d);
}

/* IPv6 counts on so much, and what carries it may be fragmented. */
static void what_ipv6_counts_on_is_carried(void **state)
{
    struct duo d;
    uint8_t b[2048];
    size_t n;

    (void)state;
    start(&d);
    set_mtu(NARROW);
    say_v6(&d.client, 1280);
    assert_int_equal(arrives(&d), 1280);
    say_v6(&d.client, 1280);
    assert_int_equal(arrives(&d), 1280);
    say_v6(&d.client, 1281);
    assert_true(expect_inner(&d.client, &d.server, b, &n));
    assert_memory_equal(b + 44, "\0\0\x05\0", 4);
    assert_false(has_inner(&d.server));
    assert_told_v4(&d, 1280,
                   NARROW - V4_HEADS - OVERHEAD); /* IPv4 does not; and nothing else is fragmented */
    duo_stop(&d);
}

static void a_handshake_goes_on_by_a_narrow_path(void **state)
{
    struct adit_cmd cmd = {.kind = ADIT_CMD_CTRL_TX};
    static struct adit_note note;
    struct duo d;

    (void)state;
    start(&d);
    set_mtu(1000);
    cmd.ctrl.link = LINK;
    cmd.ctrl.remote = d.server_at;
    cmd.ctrl.n = 1250;
    cmd.ctrl.b[0] = 0x20; /* P_CONTROL_V1 */
    post(&d.client, &cmd);
    pump_some(&d.client, &d.server);
    expect_note(&d.server, &d.client, ADIT_NOTE_CTRL_RX, &note);
    assert_int_equal(note.ctrl.n, 1250);
    duo_stop(&d);
}

static void what_may_be_fragmented_arrives_in_pieces(void **state)
{
    struct duo d;

    (void)state;
    start(&d);
    set_mtu(NARROW);
    find_out(&d);
    say_v4(&d.client, LARGE, 0);
    assert_int_equal(arrives(&d), 20 + 1224); /* the most of 1248 - 20 that is a multiple of eight */
    assert_int_equal(arrives(&d), 20 + LARGE - 20 - 1224);
    assert_false(has_inner(&d.client));
    duo_stop(&d);
}

static void after_ten_minutes_the_path_is_tried_again(void **state)
{
    struct duo d;

    (void)state;
    start(&d);
    set_mtu(NARROW);
    find_out(&d);
    set_mtu(WIDE);
    assert_told_v4(&d, LARGE, NARROW - V4_HEADS - OVERHEAD); /* not known yet */
    clock_ahead_s += FORGOTTEN_S;
    assert_carried(&d, LARGE);
    set_mtu(NARROW);
    find_out(&d);
    assert_told_v4(&d, LARGE, NARROW - V4_HEADS - OVERHEAD);
    duo_stop(&d);
}

/* A path is the peer's place, and goes with it. */
static void another_place_has_another_path(void **state)
{
    struct duo d;

    (void)state;
    start(&d);
    set_mtu(NARROW);
    find_out(&d);
    set_mtu(WIDE);
    link_add(&d.server, LINK_2, udp(&d.server_at), false);
    d.on_client.remote = d.server_at;
    peer_cmd(&d.client, ADIT_CMD_PEER_SET, &d.on_client);
    assert_carried(&d, LARGE);
    duo_stop(&d);
}

/* A device may have been given a larger MTU than the tunnel's. */
static void what_no_data_packet_holds_is_answered(void **state)
{
    struct duo d;

    (void)state;
    start(&d);
    assert_told_v4(&d, HUGE,
                   ADIT_CTRL_PACKET_MAX - ADIT_DATA_OVERHEAD_MAX); /* packets' room, less a reserve */
    duo_stop(&d);
}

static void answers_have_a_limit(void **state)
{
    unsigned n = 0;
    struct duo d;

    (void)state;
    start(&d);
    for (int i = 0; i < 200; i++) {
        say_v4(&d.client, HUGE, V4_DF);
        adit_userplane_turn(d.client.plane);
        n += has_inner(&d.client);
    }
    assert_in_range(n, 100, 199); /* a second may have ended meanwhile */
    assert_int_equal(drops(&d.client, 0, ADIT_E_TOO_BIG), 200);
    duo_stop(&d);
}

/* The MSS of connections that begin now is what fits. */
/* A TCP connection is begun at one end; the largest segment that the other one hears of. */
static unsigned mss_through(struct end *from, struct end *to, uint32_t src, uint32_t dst)
{
    uint8_t syn[44] = {0}, b[2048];
    struct adit_wr w = adit_wr_of(syn, sizeof syn);
    size_t n;

    adit_wr_u32(&w, 0x4500002c);
    adit_wr_u32(&w, 0);
    adit_wr_u32(&w, 0x40060000);
    adit_wr_u32(&w, src);
    adit_wr_u32(&w, dst);
    unhex("60020000 00000000 020405b4", syn + 32, 12);
    assert_int_equal(send(from->inner, syn, sizeof syn, 0), sizeof syn);
    assert_true(expect_inner(to, from, b, &n));
    return (unsigned)b[42] << 8 | b[43];
}

static void assert_mss_follows(struct duo *d)
{
    d->on_client.mss4 = 1360;
    peer_cmd(&d->client, ADIT_CMD_PEER_SET, &d->on_client);
    pump_some(&d->client, &d->server);
    assert_int_equal(mss_through(&d->client, &d->server, CLIENT_IP, SERVER_IP), 1360);
    assert_int_equal(mss_through(&d->server, &d->client, SERVER_IP, CLIENT_IP), 1360);
    set_mtu(NARROW);
    find_out(d);
    assert_int_equal(mss_through(&d->client, &d->server, CLIENT_IP, SERVER_IP),
                     NARROW - V4_HEADS - OVERHEAD - 40);
    assert_int_equal(mss_through(&d->server, &d->client, SERVER_IP, CLIENT_IP),
                     NARROW - V4_HEADS - OVERHEAD - 40);
    set_mtu(WIDE);
    clock_ahead_s += FORGOTTEN_S;
    assert_carried(d, LARGE);
    assert_int_equal(mss_through(&d->server, &d->client, SERVER_IP, CLIENT_IP), 1360);
}

static void the_mss_follows_the_path(void **state)
{
    struct duo d;

    (void)state;
    start(&d);
    assert_mss_follows(&d);
    duo_stop(&d);
}

/* Only the one that sends can find out. */
static void both_workers_of_one_peer_know_the_path(void **state)
{
    struct duo d;

    (void)state;
    start_client(&d,
                 (struct adit_userplane_params){.want_thread = true, .n_workers = 2, .is_single_peer = true});
    assert_mss_follows(&d);
    duo_stop(&d);
}

static size_t inner_of(struct raw *r, uint8_t *b, size_t cap)
{
    struct adit_open_op op = {.packet = b};
    ssize_t n = recv(r->fd, b, cap, MSG_DONTWAIT);

    if (n <= 0)
        return 0;
    op.n = (size_t)n;
    adit_rx_open(&r->rx, &op, 1, (adit_now){0});
    assert_int_equal(op.err, ADIT_OK);
    memmove(b, op.payload.p, op.payload.n);
    return op.payload.n;
}

/* From client to client the server is the router, and its answer goes back the way the packet came. */
static void a_client_is_told_through_its_tunnel(void **state)
{
    struct raw from, to;
    struct end server;
    struct adit_addr at;
    uint8_t b[2048], inner[LARGE];
    struct adit_rd r;
    int fd;

    (void)state;
    set_mtu(NARROW);
    fd = udp(&at);
    forbid_fragments(fd);
    end_start(&server, false, false, true);
    link_add(&server, LINK, fd, false);
    raw_start(&from, 0, 3);
    raw_start(&to, 1, 5);
    server_peer(&server, 0, &from.at, 3);
    server_peer(&server, 1, &to.at, 5);
    pump_some(&server, NULL);
    put_v4(inner, LARGE, V4_DF, CLIENT_IP, CLIENT_IP + 1);
    raw_say(&from, &at, adit_bytes_of(inner, LARGE)); /* finds out */
    pump_some(&server, NULL);
    assert_int_equal(inner_of(&from, b, sizeof b), 0);
    assert_int_equal(drops(&server, 1, ADIT_E_TOO_BIG), 1);
    raw_say(&from, &at, adit_bytes_of(inner, LARGE));
    pump_some(&server, NULL);
    assert_int_equal(inner_of(&from, b, sizeof b), 576);
    r = adit_rd_of(adit_bytes_of(b + 12, 16));
    assert_int_equal(adit_rd_u32(&r), CLIENT_IP + 1);
    assert_int_equal(adit_rd_u32(&r), CLIENT_IP);
    assert_int_equal(adit_rd_u32(&r) >> 16, 0x0304);
    assert_int_equal(adit_rd_u32(&r), NARROW - V4_HEADS - OVERHEAD);
    assert_int_equal(inner_of(&to, b, sizeof b), 0);
    assert_false(has_inner(&server));
    assert_int_equal(drops(&server, 1, ADIT_E_TOO_BIG), 2);
    raw_stop(&from);
    raw_stop(&to);
    end_stop(&server);
}

/* An ICMP answer to one client's packet reaches the socket that all share. */
static void one_clients_errors_do_not_disturb_another(void **state)
{
    const int on = 1;
    struct end server;
    struct adit_addr at, closed_at;
    struct raw other;
    uint8_t b[2048];
    struct adit_cmd cmd = {.kind = ADIT_CMD_LINK_ADD};
    int fd, closed;

    (void)state;
    set_mtu(WIDE);
    fd = udp(&at);
    assert_int_equal(setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof on), 0);
    closed = udp(&closed_at);
    close(closed);
    end_start(&server, false, false, false);
    cmd.link =
        (struct adit_link_spec){.link = LINK, .fd = fd, .is_send_only = true}; /* no reading takes it */
    post(&server, &cmd);
    raw_start(&other, 1, 5);
    server_peer(&server, 0, &closed_at, 3);
    server_peer(&server, 1, &other.at, 5);
    pump_some(&server, NULL);
    for (uint32_t i = 0; i < 20; i++) {
        say_inner(&server, SERVER_IP, CLIENT_IP, i);
        adit_userplane_turn(server.plane);
        say_inner(&server, SERVER_IP, CLIENT_IP + 1, i);
        adit_userplane_turn(server.plane);
        assert_true(recv(other.fd, b, sizeof b, MSG_DONTWAIT) > 0);
    }
    for (int e = ADIT_OK + 1; e < ADIT_ERR_COUNT; e++)
        assert_int_equal(drops(&server, 1, (adit_err)e), 0);
    assert_int_equal(server.counters.tx_packets, 20);
    raw_stop(&other);
    end_stop(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_path_is_learned_and_senders_are_told),
        cmocka_unit_test(a_connected_socket_learns_it_too),
        cmocka_unit_test(a_path_of_ipv6_is_learned),
        cmocka_unit_test(a_path_of_ipv4_is_learned_by_a_socket_of_both),
        cmocka_unit_test(senders_of_ipv6_are_told),
        cmocka_unit_test(what_ipv6_counts_on_is_carried),
        cmocka_unit_test(a_handshake_goes_on_by_a_narrow_path),
        cmocka_unit_test(what_may_be_fragmented_arrives_in_pieces),
        cmocka_unit_test(after_ten_minutes_the_path_is_tried_again),
        cmocka_unit_test(another_place_has_another_path),
        cmocka_unit_test(what_no_data_packet_holds_is_answered),
        cmocka_unit_test(answers_have_a_limit),
        cmocka_unit_test(the_mss_follows_the_path),
        cmocka_unit_test(both_workers_of_one_peer_know_the_path),
        cmocka_unit_test(a_client_is_told_through_its_tunnel),
        cmocka_unit_test(one_clients_errors_do_not_disturb_another),
    };

    if (!enter_netns()) {
        fputs("needs root or user namespaces\n", stderr);
        return 77; /* skipped */
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
