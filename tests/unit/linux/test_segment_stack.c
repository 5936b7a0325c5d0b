/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Super-packets that the kernel's own TCP and UDP make for a tun device: taken apart they are sound packets,
 * their payloads are what was sent, and the kernel, made to take the same super-packets apart, comes to the
 * same bytes. The other end of the TCP connection is a few lines here, which acknowledge whatever comes.
 */
#include "segment_rig.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>

#include "linux/sock.h"

enum {
    OFFLOADS = 0x0F,     /* checksum, TSO4, TSO6, TSO_ECN */
    OFFLOADS_UDP = 0x60, /* which the headers of Debian 12 do not name */
    SENT_MAX = 600000,
    URGENT_AT = 560000,
    ON_THE_WAY = 200000,
    CHUNK = 70001,
    PORT = 4711,
};

static int own;
static uint8_t sent[SENT_MAX], came[SENT_MAX + 1], packet_in[PLAIN_PACKET_MAX];
static size_t n_came;
static unsigned n_supers, n_with[256]; /* super-packets; with this TCP flag */

static int enter_with_stack(void **state)
{
    if (enter(state) != 0)
        return -1;
    own = open_tun("own", IFF_VNET_HDR);
    if (ioctl(own, TUNSETOFFLOAD, OFFLOADS | OFFLOADS_UDP) != 0)
        assert_int_equal(ioctl(own, TUNSETOFFLOAD, OFFLOADS), 0);
    set_up("own", "10.3.0.1/24", "fd00:3::1/64");
    for (size_t i = 0; i < sizeof sent; i++)
        sent[i] = (uint8_t)(i * 31 + i / 253);
    return write_text("/proc/sys/net/ipv4/tcp_ecn", "1") ? 0 : -1;
}

static int leave_with_stack(void **state)
{
    close(own);
    return leave(state);
}

/* The next TCP or UDP packet that the kernel sends, in packet_in, and what it says about it in `offload`. */
static size_t next_in(int wait_ms)
{
    for (;;) {
        uint8_t head[ADIT_VNET_LEN];
        struct iovec v[] = {{head, sizeof head}, {packet_in, sizeof packet_in}};
        ssize_t n = readv(own, v, 2);
        uint8_t protocol;

        if (n < 0 && poll(&(struct pollfd){.fd = own, .events = POLLIN}, 1, wait_ms) != 1)
            return 0;
        if (n < ADIT_VNET_LEN + 28)
            continue;
        assert_int_equal(adit_vnet_read(adit_bytes_of(head, sizeof head), &offload), ADIT_OK);
        protocol = packet_in[packet_in[0] >> 4 == 4 ? 9 : 6];
        if (protocol == 6 || protocol == 17)
            return (size_t)n - ADIT_VNET_LEN;
    }
}

/* Where the transport header begins, and the payload. */
static size_t payload_of(const uint8_t *b, size_t *transport)
{
    bool is_v6 = b[0] >> 4 == 6;

    *transport = is_v6 ? 40 : (b[0] & 15u) * 4;
    return *transport + (b[is_v6 ? 6 : 9] == 6 ? (b[*transport + 12] >> 4) * 4u : 8);
}

/* Each packet by its own checksums and lengths; their payloads go to `came`. */
static void take_apart(size_t n)
{
    struct adit_segments s;
    uint8_t *b;
    size_t len, transport, at = 0;

    memcpy(work, packet_in, n);
    assert_int_equal(adit_segments_begin(&s, work, n, &offload), ADIT_OK);
    while (adit_segments_next(&s, &b, &len)) {
        uint8_t protocol = 0;
        size_t end = 0;

        assert_true(plain_walk(b, len, false, &protocol, &at, &end));
        assert_int_equal(end, len);
        if (b[0] >> 4 == 4)
            assert_int_equal(plain_sum(0, b, at), 0xFFFF);
        assert_int_equal(plain_sum(plain_pseudo(b, protocol, len - at), b + at, len - at), 0xFFFF);
        at = payload_of(b, &transport);
        assert_true(len - at <= (offload.segment ? offload.segment : PLAIN_PACKET_MAX));
        assert_true(n_came + len - at <= sizeof came);
        memcpy(came + n_came, b + at, len - at);
        n_came += len - at;
    }
}

/* From an address behind `in` to one behind `out`, otherwise as it is, so that the kernel forwards it. */
static void let_kernel_take_apart(size_t n)
{
    size_t transport, payload = payload_of(packet_in, &transport);

    memcpy(original, packet_in, n);
    if (original[0] >> 4 == 6) {
        memcpy(original + 8, super_v6, sizeof super_v6);
    } else {
        memcpy(original + 12, super_v4, sizeof super_v4);
        plain_put(original + 10, 0);
        plain_put(original + 10, 0xFFFF - plain_sum(0, original, transport));
    }
    if (offload.needs_csum)
        plain_put(original + offload.csum_start + offload.csum_at,
                  plain_pseudo(original, original[original[0] >> 4 == 6 ? 6 : 9], n - transport));
    compare(n);
    if (offload.gso == ADIT_GSO_NONE)
        return;
    assert_true(n - payload > offload.segment);
    n_supers++;
    for (unsigned flag = 1; offload.gso == ADIT_GSO_TCP && flag < 256; flag <<= 1)
        n_with[flag] += packet_in[transport + 13] & flag ? 1 : 0;
}

static int open_socket(bool is_v6, int type, struct sockaddr_storage *to, socklen_t *len)
{
    struct adit_addr a = {.ip = adit_ip_v4(0x0a030008), .port = PORT};
    int fd = socket(is_v6 ? AF_INET6 : AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), big = 4 * SENT_MAX;

    assert_true(fd >= 0);
    if (is_v6)
        assert_int_equal(adit_ip_parse("fd00:3::8", &a.ip), ADIT_OK);
    assert_true(adit_sockaddr_put(&a, is_v6 ? AF_INET6 : AF_INET, to, len));
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &big, sizeof big), 0);
    while (next_in(0) != 0)
        ;
    n_came = 0;
    n_supers = 0;
    memset(n_with, 0, sizeof n_with);
    return fd;
}

static void udp_with_segments_of_odd_sizes(void **state)
{
    static const struct {
        int segment;
        size_t n;
    } rows[] = {{1, 3},      {1, 64},       {7, 50},       {513, 514},
                {999, 1998}, {1371, 60000}, {1400, 62801}, {30001, 65000}};

    (void)state;
    if (!has_udp)
        skip();
    for (size_t i = 0; i < 2 * sizeof rows / sizeof *rows; i++) {
        struct sockaddr_storage to;
        socklen_t len;
        int fd = open_socket(i & 1, SOCK_DGRAM, &to, &len), segment = rows[i / 2].segment;
        size_t n = rows[i / 2].n;

        assert_int_equal(setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof segment), 0);
        assert_int_equal(sendto(fd, sent, n, 0, (struct sockaddr *)&to, len), n);
        for (size_t got_n; n_came < n && (got_n = next_in(2000)) > 0;) {
            take_apart(got_n);
            let_kernel_take_apart(got_n);
        }
        assert_int_equal(n_came, n);
        assert_memory_equal(came, sent, n);
        assert_int_equal(n_supers, 1);
        close(fd);
    }
}

/* ---- the other end of a TCP connection ---- */

struct other_end {
    bool is_v6, has_timestamps, wants_cwr;
    uint16_t mss;
    uint32_t next_seq; /* of the kernel */
};

static uint32_t get_u32(const uint8_t *b)
{
    return plain_u16(b) << 16 | plain_u16(b + 2);
}

static void put_u32(uint8_t *b, uint32_t v)
{
    plain_put(b, v >> 16);
    plain_put(b + 2, v);
}

/* SYN-ACK or ACK to what is in packet_in. */
static void answer(const struct other_end *e, uint8_t flags)
{
    uint8_t b[ADIT_VNET_LEN + 100] = {0}, *ip = b + ADIT_VNET_LEN, *tcp;
    size_t transport, at, n;

    payload_of(packet_in, &transport);
    memcpy(ip, packet_in, transport);
    at = e->is_v6 ? 8 : 12;
    memcpy(ip + at, packet_in + at + (e->is_v6 ? 16 : 4), e->is_v6 ? 16 : 4);
    memcpy(ip + at + (e->is_v6 ? 16 : 4), packet_in + at, e->is_v6 ? 16 : 4);
    tcp = ip + transport;
    memcpy(tcp, packet_in + transport + 2, 2);
    memcpy(tcp + 2, packet_in + transport, 2);
    put_u32(tcp + 4, flags & 2 ? 100 : 101);
    put_u32(tcp + 8, e->next_seq);
    tcp[13] = flags;
    plain_put(tcp + 14, 65535);
    n = 20;
    if (flags & 2) {
        const uint8_t syn[] = {2, 4, (uint8_t)(e->mss >> 8), (uint8_t)e->mss, 1, 3, 3, 7};

        memcpy(tcp + n, syn, sizeof syn);
        n += sizeof syn;
    }
    if (e->has_timestamps) {
        static const uint8_t begin[] = {1, 1, 8, 10, 0, 0, 0, 1};
        /* The SYN has the SACK permission in front of its own; later there is nothing. */
        size_t own_at = transport + 20 + (flags & 2 ? 4 + 4 : 4);

        memcpy(tcp + n, begin, sizeof begin);
        memcpy(tcp + n + sizeof begin, packet_in + own_at, 4);
        n += 12;
    }
    tcp[12] = (uint8_t)(n / 4 << 4);
    if (e->is_v6) {
        plain_put(ip + 4, n);
    } else {
        plain_put(ip + 2, transport + n);
        plain_put(ip + 10, 0);
        plain_put(ip + 10, 0xFFFF - plain_sum(0, ip, transport));
    }
    plain_put(tcp + 16, 0xFFFF - plain_sum(plain_pseudo(ip, 6, n), tcp, n));
    assert_int_equal(write(own, b, ADIT_VNET_LEN + transport + n), ADIT_VNET_LEN + transport + n);
}

/* One packet of the kernel; true if it was the end. */
static bool hear(struct other_end *e, size_t n)
{
    size_t transport, payload = payload_of(packet_in, &transport);
    uint8_t flags = packet_in[transport + 13];
    uint32_t seq = get_u32(packet_in + transport + 4);

    if (flags & 2) {
        e->next_seq = seq + 1;
        answer(e, 0x12 | ((flags & (ECE | CWR)) == (ECE | CWR) ? ECE : 0));
        return false;
    }
    take_apart(n);
    let_kernel_take_apart(n);
    assert_int_equal(seq, e->next_seq);
    e->next_seq += (uint32_t)(n - payload) + (flags & FIN);
    e->wants_cwr = e->wants_cwr || n_came > SENT_MAX / 3;
    if (n > payload || flags & FIN)
        answer(e, ACK | (e->wants_cwr && n_with[CWR] == 0 ? ECE : 0));
    return flags & FIN;
}

/* Further bytes of `sent`, if not too many are on their way; one of them is urgent, and the end comes right
 * behind the last. */
static void send_some(int fd, size_t *n)
{
    while (*n < SENT_MAX && *n < n_came + ON_THE_WAY) {
        bool is_urgent = *n == URGENT_AT;
        size_t end = *n < URGENT_AT ? URGENT_AT : SENT_MAX, len = end - *n < CHUNK ? end - *n : CHUNK;
        ssize_t put = send(fd, sent + *n, is_urgent ? 1 : len, MSG_NOSIGNAL | (is_urgent ? MSG_OOB : 0));

        assert_true(put > 0);
        *n += (size_t)put;
        if (*n == SENT_MAX)
            assert_int_equal(shutdown(fd, SHUT_WR), 0);
    }
}

static void converse(struct other_end *e)
{
    struct sockaddr_storage to;
    socklen_t len;
    int fd = open_socket(e->is_v6, SOCK_STREAM, &to, &len);
    size_t n_sent = 0, n;

    assert_int_equal(connect(fd, (struct sockaddr *)&to, len), -1);
    assert_int_equal(errno, EINPROGRESS);
    while ((n = next_in(5000)) > 0 && !hear(e, n))
        send_some(fd, &n_sent);
    assert_int_equal(n_came, SENT_MAX);
    assert_memory_equal(came, sent, SENT_MAX);
    print_message("%u super-packets of %u: PSH in %u, CWR in %u, URG in %u, FIN in %u\n", n_supers, e->mss,
                  n_with[PSH], n_with[CWR], n_with[URG], n_with[FIN]);
    assert_true(n_supers > 5);
    close(fd);
}

static void tcp_with_segments_of_odd_sizes(void **state)
{
    static const uint16_t sizes[] = {1237, 536, 1461, 9001};

    (void)state;
    for (unsigned i = 0; i < 4 * sizeof sizes / sizeof *sizes; i++)
        converse(&(struct other_end){.is_v6 = i & 1, .has_timestamps = i & 2, .mss = sizes[i / 4]});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(udp_with_segments_of_odd_sizes),
        cmocka_unit_test(tcp_with_segments_of_odd_sizes),
    };

    return cmocka_run_group_tests(tests, enter_with_stack, leave_with_stack);
}
