/* SPDX-License-Identifier: Apache-2.0 */
#include "../unit.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <unistd.h>

#include "linux/priv.h"
#include "linux/sock.h"
#include "netns.h"

static struct adit_addr addr_of(const char *ip, uint16_t port)
{
    struct adit_addr a = {.port = port};

    assert_int_equal(adit_ip_parse(ip, &a.ip), ADIT_OK);
    return a;
}

static int number(int fd, int level, int name)
{
    int v = -1;
    socklen_t len = sizeof v;

    assert_int_equal(getsockopt(fd, level, name, &v, &len), 0);
    return v;
}

static int open_ok(const struct adit_socket_spec *spec)
{
    struct adit_fail fail = {0};
    int fd;

    if (adit_socket_open(spec, &fd, &fail) != ADIT_OK)
        fail_msg("%s", fail.text);
    return fd;
}

static void proto_words_choose_the_family_as_openvpn_does(void **state)
{
    struct adit_addr v4 = addr_of("192.0.2.1", 0), v6 = addr_of("2001:db8::1", 0), none = {0};

    (void)state;
    assert_int_equal(adit_socket_family(ADIT_AF_NONE, NULL, NULL), ADIT_AF_V4);
    assert_int_equal(adit_socket_family(ADIT_AF_NONE, &none, &none), ADIT_AF_V4);
    assert_int_equal(adit_socket_family(ADIT_AF_NONE, &v6, NULL), ADIT_AF_V6);
    assert_int_equal(adit_socket_family(ADIT_AF_NONE, NULL, &v6), ADIT_AF_V6);
    assert_int_equal(adit_socket_family(ADIT_AF_V6, NULL, NULL), ADIT_AF_V6);
    assert_int_equal(adit_socket_family(ADIT_AF_V6, &v4, NULL), ADIT_AF_NONE);
    assert_int_equal(adit_socket_family(ADIT_AF_NONE, &v4, &v6), ADIT_AF_NONE);
}

static void addresses_survive_the_way_through_sockaddr(void **state)
{
    struct adit_addr v4 = addr_of("192.0.2.1", 1194), v6 = addr_of("2001:db8::1", 443),
                     ll = addr_of("fe80::1", 1), back;
    struct sockaddr_storage sa;
    socklen_t len;

    (void)state;
    ll.scope = 3;
    assert_true(adit_sockaddr_put(&v4, AF_INET, &sa, &len));
    assert_int_equal(len, sizeof(struct sockaddr_in));
    assert_true(adit_sockaddr_get((struct sockaddr *)&sa, len, &back) && adit_addr_eq(&v4, &back));
    assert_true(adit_sockaddr_put(&v4, AF_INET6, &sa, &len));
    assert_true(IN6_IS_ADDR_V4MAPPED(&((struct sockaddr_in6 *)&sa)->sin6_addr));
    assert_true(adit_sockaddr_get((struct sockaddr *)&sa, len, &back) && adit_addr_eq(&v4, &back));
    assert_true(adit_sockaddr_put(&v6, AF_INET6, &sa, &len));
    assert_true(adit_sockaddr_get((struct sockaddr *)&sa, len, &back) && adit_addr_eq(&v6, &back));
    assert_true(adit_sockaddr_put(&ll, AF_INET6, &sa, &len));
    assert_true(adit_sockaddr_get((struct sockaddr *)&sa, len, &back));
    assert_int_equal(back.scope, 3);
    assert_false(adit_sockaddr_put(&v6, AF_INET, &sa, &len));
    sa.ss_family = AF_UNIX;
    assert_false(adit_sockaddr_get((struct sockaddr *)&sa, sizeof sa, &back));
}

/* One datagram from a socket of `from` to `server`; answers who sent it and to which address. */
static void carry(int server, enum adit_family family, const char *to, struct adit_addr *peer,
                  struct adit_addr *came_to)
{
    struct adit_socket_spec spec = {.kind = ADIT_SOCKET_UDP, .family = family};
    int client = open_ok(&spec);
    struct adit_addr at = addr_of(to, 0), local;
    struct sockaddr_storage sa;
    socklen_t len;
    char byte;
    union {
        struct cmsghdr align;
        char b[256];
    } control;
    struct iovec iov = {.iov_base = &byte, .iov_len = 1};
    struct msghdr msg = {.msg_name = &sa,
                         .msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control.b,
                         .msg_controllen = sizeof control.b};
    struct pollfd p = {.fd = server, .events = POLLIN};

    assert_int_equal(adit_socket_local(server, &local), ADIT_OK);
    at.port = local.port;
    assert_true(adit_sockaddr_put(&at, family == ADIT_AF_V6 ? AF_INET6 : AF_INET, &sa, &len));
    assert_int_equal(sendto(client, "x", 1, 0, (struct sockaddr *)&sa, len), 1);
    assert_int_equal(poll(&p, 1, 5000), 1);
    msg.msg_namelen = sizeof sa;
    assert_int_equal(recvmsg(server, &msg, 0), 1);
    assert_true(adit_sockaddr_get((struct sockaddr *)&sa, msg.msg_namelen, peer));
    *came_to = adit_pktinfo_get(&msg);
    close(client);
}

static void dual_stack_speaks_both_and_names_its_address(void **state)
{
    struct adit_socket_spec spec = {
        .kind = ADIT_SOCKET_UDP, .family = ADIT_AF_V6, .want_bind = true, .want_pktinfo = true};
    int fd = open_ok(&spec);
    struct adit_addr peer;
    struct adit_addr at;
    char text[64];

    (void)state;
    assert_int_equal(number(fd, IPPROTO_IPV6, IPV6_V6ONLY), 0);
    assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    carry(fd, ADIT_AF_V4, "127.0.0.5", &peer, &at);
    assert_int_equal(peer.ip.family, ADIT_AF_V4);
    assert_string_equal(adit_ip_str(&at.ip, text, sizeof text), "127.0.0.5");
    carry(fd, ADIT_AF_V6, "::1", &peer, &at);
    assert_int_equal(peer.ip.family, ADIT_AF_V6);
    assert_string_equal(adit_ip_str(&at.ip, text, sizeof text), "::1");
    close(fd);
}

static void multihome_answers_from_the_address_that_was_asked(void **state)
{
    static const struct {
        enum adit_family family;
        const char *from;
    } rows[] = {{ADIT_AF_V4, "127.0.0.9"}, {ADIT_AF_V6, "127.0.0.8"}, {ADIT_AF_V6, "::1"}};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct adit_addr from = addr_of(rows[i].from, 0), at, peer;
        struct adit_socket_spec spec = {
            .kind = ADIT_SOCKET_UDP, .family = rows[i].family, .want_bind = true, .want_pktinfo = true};
        int server = open_ok(&spec), client, family = rows[i].family == ADIT_AF_V6 ? AF_INET6 : AF_INET;
        union {
            struct cmsghdr align;
            char b[ADIT_PKTINFO_SPACE];
        } control;
        struct sockaddr_storage sa;
        struct iovec iov = {.iov_base = (char[]){"y"}, .iov_len = 1};
        struct msghdr msg = {.msg_name = &sa, .msg_iov = &iov, .msg_iovlen = 1};
        socklen_t len;
        char byte;

        spec.want_pktinfo = false;
        spec.family = from.ip.family;
        spec.local = from;
        client = open_ok(&spec);
        assert_int_equal(adit_socket_local(client, &at), ADIT_OK);
        assert_true(adit_sockaddr_put(&at, family, &sa, &len));
        msg.msg_namelen = len;
        msg.msg_control = control.b;
        adit_pktinfo_add(&msg, &from, family);
        assert_int_equal(sendmsg(server, &msg, 0), 1);
        len = sizeof sa;
        assert_int_equal(poll(&(struct pollfd){.fd = client, .events = POLLIN}, 1, 5000), 1);
        assert_int_equal(recvfrom(client, &byte, 1, 0, (struct sockaddr *)&sa, &len), 1);
        assert_true(adit_sockaddr_get((struct sockaddr *)&sa, len, &peer));
        assert_true(adit_ip_eq(&peer.ip, &from.ip));
        close(client);
        close(server);
    }
}

static void options_are_what_was_asked_for(void **state)
{
    struct adit_socket_spec spec = {.kind = ADIT_SOCKET_UDP,
                                    .family = ADIT_AF_V6,
                                    .want_bind = true,
                                    .is_v6only = true,
                                    .want_reuseport = true,
                                    .sndbuf = 65536,
                                    .rcvbuf = 32768,
                                    .has_mark = true,
                                    .mark = 0x80000007,
                                    .mtu_disc = ADIT_SOCKET_DISC_YES};
    int fd = open_ok(&spec), second, rcv, snd;
    struct adit_addr local;

    (void)state;
    assert_int_equal(number(fd, IPPROTO_IPV6, IPV6_V6ONLY), 1);
    assert_int_equal(number(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER), IPV6_PMTUDISC_DO);
    assert_int_equal(number(fd, IPPROTO_IP, IP_MTU_DISCOVER), IP_PMTUDISC_DO);
    assert_int_equal((uint32_t)number(fd, SOL_SOCKET, SO_MARK), 0x80000007);
    adit_socket_buffers(fd, &rcv, &snd);
    assert_int_equal(rcv, 2 * 32768); /* the kernel doubles it for its own use */
    assert_int_equal(snd, 2 * 65536);
    assert_int_equal(adit_socket_local(fd, &local), ADIT_OK);
    spec.local.port = local.port;
    second = open_ok(&spec); /* shares the port */
    close(second);
    close(fd);
}

static void errors_say_what_to_do(void **state)
{
    struct adit_socket_spec spec = {.kind = ADIT_SOCKET_UDP, .family = ADIT_AF_V4, .want_bind = true};
    int fd = open_ok(&spec), second;
    struct adit_fail fail = {0};
    char want[96];

    (void)state;
    assert_int_equal(adit_socket_local(fd, &spec.local), ADIT_OK);
    assert_int_equal(adit_socket_open(&spec, &second, &fail), ADIT_E_OS);
    assert_int_equal(second, -1);
    snprintf(want, sizeof want, "bind 0.0.0.0:%u failed: Address already in use: another program",
             spec.local.port);
    assert_int_equal(strncmp(fail.text, want, strlen(want)), 0);
    close(fd);
    spec.local = addr_of("198.51.100.7", 1194);
    assert_int_equal(adit_socket_open(&spec, &second, &fail), ADIT_E_OS);
    assert_int_equal(fail.os_errno, EADDRNOTAVAIL);
    spec.local = addr_of("::1", 1194);
    assert_int_equal(adit_socket_open(&spec, &second, &fail), ADIT_E_CONFIG);
}

static void tcp_listens_accepts_and_connects(void **state)
{
    struct adit_socket_spec spec = {.kind = ADIT_SOCKET_TCP_LISTEN, .family = ADIT_AF_V4, .want_bind = true};
    int listener, client, taken;
    struct adit_addr at, peer, mine;
    struct adit_fail fail = {0};
    adit_err e;

    (void)state;
    spec.local = addr_of("127.0.0.1", 0);
    listener = open_ok(&spec);
    assert_int_equal(adit_socket_accept(listener, true, &taken, &peer), ADIT_E_EMPTY);
    assert_int_equal(adit_socket_local(listener, &at), ADIT_OK);
    client = open_ok(&(struct adit_socket_spec){
        .kind = ADIT_SOCKET_TCP_CONNECT, .family = ADIT_AF_V4, .want_nodelay = true});
    assert_int_equal(number(client, IPPROTO_TCP, TCP_NODELAY), 1);
    assert_int_equal(adit_socket_connected(client, &at, &fail), ADIT_E_EMPTY);
    e = adit_socket_connect(client, &at, &fail);
    assert_true(e == ADIT_OK || e == ADIT_E_EMPTY);
    assert_int_equal(poll(&(struct pollfd){.fd = client, .events = POLLOUT}, 1, 5000), 1);
    assert_int_equal(adit_socket_connected(client, &at, &fail), ADIT_OK);
    assert_int_equal(poll(&(struct pollfd){.fd = listener, .events = POLLIN}, 1, 5000), 1);
    assert_int_equal(adit_socket_accept(listener, true, &taken, &peer), ADIT_OK);
    assert_int_equal(number(taken, IPPROTO_TCP, TCP_NODELAY), 1);
    assert_true(fcntl(taken, F_GETFL) & O_NONBLOCK);
    assert_int_equal(adit_socket_local(client, &mine), ADIT_OK);
    assert_true(adit_addr_eq(&mine, &peer));
    close(taken);
    close(client);
    close(listener);

    client = open_ok(&(struct adit_socket_spec){.kind = ADIT_SOCKET_TCP_CONNECT, .family = ADIT_AF_V4});
    e = adit_socket_connect(client, &at, &fail);
    if (e == ADIT_E_EMPTY) {
        assert_int_equal(poll(&(struct pollfd){.fd = client, .events = POLLOUT}, 1, 5000), 1);
        e = adit_socket_connected(client, &at, &fail);
    }
    assert_int_equal(e, ADIT_E_OS);
    assert_int_equal(fail.os_errno, ECONNREFUSED);
    assert_non_null(strstr(fail.text, "nothing listens there"));
    close(client);
}

/* All of it in a namespace with nothing but its loopback. */
static int enter(void **state)
{
    struct adit_priv *p;
    struct adit_priv_req req = {.kind = ADIT_PRIV_LINK_SET, .link = {.ifname = "lo", .want_up = true}};
    struct adit_priv_res res;

    (void)state;
    if (!enter_netns()) {
        print_message("needs root or user namespaces\n");
        _exit(77);
    }
    if (adit_priv_new(NULL, NULL, &p, NULL) != ADIT_OK || adit_priv_do(p, &req, &res) != ADIT_OK)
        return -1;
    adit_priv_free(p);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(proto_words_choose_the_family_as_openvpn_does),
        cmocka_unit_test(addresses_survive_the_way_through_sockaddr),
        cmocka_unit_test(dual_stack_speaks_both_and_names_its_address),
        cmocka_unit_test(multihome_answers_from_the_address_that_was_asked),
        cmocka_unit_test(options_are_what_was_asked_for),
        cmocka_unit_test(errors_say_what_to_do),
        cmocka_unit_test(tcp_listens_accepts_and_connects),
    };

    return cmocka_run_group_tests(tests, enter, NULL);
}
