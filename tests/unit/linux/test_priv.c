/* SPDX-License-Identifier: Apache-2.0 */
#include "../unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_addr.h>
#include <net/if.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <netlink/netlink.h>
#include <netlink/route/link.h>
#include <netlink/route/route.h>

#include "linux/priv.h"
#include "linux/priv_text.h"
#include "netns.h"

enum { PICTURE_MAX = 1 << 16 };

static char state_path[64];
static int eth_fd = -1; /* a device that plays the machine's own network */

static struct adit_ip ip_of(const char *s)
{
    struct adit_ip ip;

    assert_int_equal(adit_ip_parse(s, &ip), ADIT_OK);
    return ip;
}

static struct adit_prefix prefix_of(const char *s)
{
    struct adit_prefix p;

    assert_int_equal(adit_prefix_parse(s, &p), ADIT_OK);
    return p;
}

static struct adit_priv *start(const char *path)
{
    struct adit_priv *p;
    struct adit_fail fail = {0};

    if (adit_priv_new(path, NULL, &p, &fail) != ADIT_OK)
        fail_msg("%s", fail.text);
    return p;
}

static void must(struct adit_priv *p, const struct adit_priv_req *req, struct adit_priv_res *res)
{
    if (adit_priv_do(p, req, res) != ADIT_OK)
        fail_msg("%s", res->fail.text);
}

/* The kernel gives a link-local address, and checks addresses, in its own time; the tests begin after that.
 */
static void wait_until_settled(const char *ifname)
{
    static char text[1 << 14];

    for (int i = 0; i < 500; i++) {
        bool is_settled = false, is_busy = false;

        read_text("/proc/self/net/if_inet6", text, sizeof text);
        for (char *save, *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
            char addr[33], name[32];
            unsigned index, bits, scope, flags;

            if (sscanf(line, "%32s %x %x %x %x %31s", addr, &index, &bits, &scope, &flags, name) != 6 ||
                strcmp(name, ifname) != 0)
                continue;
            is_busy = is_busy || (flags & IFA_F_TENTATIVE);
            is_settled = is_settled || strncmp(addr, "fe80", 4) == 0;
        }
        if (is_settled && !is_busy)
            return;
        usleep(10000);
    }
    fail_msg("%s does not settle", ifname);
}

static void bring_up(struct adit_priv *p, const char *ifname, uint32_t mtu)
{
    struct adit_priv_req req = {.kind = ADIT_PRIV_LINK_SET, .link = {.want_up = true, .mtu = mtu}};
    struct adit_priv_res res;

    snprintf(req.link.ifname, sizeof req.link.ifname, "%s", ifname);
    must(p, &req, &res);
    if (strcmp(ifname, "lo") != 0)
        wait_until_settled(ifname);
}

static int open_tun(struct adit_priv *p, const char *name, struct adit_tun_opened *out)
{
    struct adit_priv_req req = {.kind = ADIT_PRIV_TUN_OPEN};
    struct adit_priv_res res;

    snprintf(req.tun.name, sizeof req.tun.name, "%s", name);
    must(p, &req, &res);
    *out = res.tun;
    return res.tun.fd;
}

static void give_addr(struct adit_priv *p, const char *ifname, const char *local, const char *peer,
                      struct adit_priv_res *res)
{
    struct adit_priv_req req = {.kind = ADIT_PRIV_ADDR_ADD, .addr.local = prefix_of(local)};

    snprintf(req.addr.ifname, sizeof req.addr.ifname, "%s", ifname);
    if (peer)
        req.addr.peer = ip_of(peer);
    must(p, &req, res);
}

static struct adit_priv_req route_req(enum adit_priv_kind kind, const char *dst, const char *gateway,
                                      const char *ifname, int metric)
{
    struct adit_priv_req req = {.kind = kind, .route = {.dst = prefix_of(dst), .metric = metric}};

    if (gateway)
        req.route.gateway = ip_of(gateway);
    snprintf(req.route.ifname, sizeof req.route.ifname, "%s", ifname);
    return req;
}

static void give_route(struct adit_priv *p, const char *dst, const char *gateway, const char *ifname,
                       int metric)
{
    struct adit_priv_req req = route_req(ADIT_PRIV_ROUTE_ADD, dst, gateway, ifname, metric);
    struct adit_priv_res res;

    must(p, &req, &res);
    assert_false(res.is_existing);
}

/* Drops from a file's text what moves by itself: reference and use counts, and the shape of the kernel's
 * tree. */
static void still(char *text)
{
    char *out = text;

    for (char *line = text, *next; *line; line = next) {
        size_t n = strcspn(line, "\n");

        next = line + n + (line[n] == '\n');
        if (n >= 149 && line[32] == ' ')
            memset(line + 111, '.', 17);
        if (memmem(line, n, "+--", 3))
            continue;
        memmove(out, line, (size_t)(next - line));
        out += next - line;
    }
    *out = '\0';
}

/* Everything the kernel knows about routes and addresses here. */
static void take_picture(char *dst)
{
    static const char *const files[] = {"/proc/self/net/route", "/proc/self/net/fib_trie",
                                        "/proc/self/net/if_inet6", "/proc/self/net/ipv6_route"};

    for (size_t i = 0; i < 4; i++) {
        read_text(files[i], dst, PICTURE_MAX / 4);
        still(dst);
        dst += strlen(dst);
    }
}

/* What is taken away goes at once, but some of what hangs on it in the kernel's own time. */
static void assert_as_before(const char *before)
{
    static char after[PICTURE_MAX];

    for (int i = 0; i < 500; i++) {
        take_picture(after);
        if (strcmp(after, before) == 0)
            return;
        usleep(10000);
    }
    assert_string_equal(after, before);
}

static bool find_route(struct adit_priv *p, const char *to, struct adit_priv_route *out)
{
    struct adit_priv_req req = {.kind = ADIT_PRIV_ROUTE_GET, .route.dst.ip = ip_of(to)};
    struct adit_priv_res res;

    if (adit_priv_do(p, &req, &res) != ADIT_OK)
        return false;
    *out = res.route;
    return true;
}

/* "dst via gateway dev ifname metric m" of the entry the kernel takes; "" if none. */
static const char *way_to(struct adit_priv *p, const char *to)
{
    static char text[ADIT_UNDO_LINE_MAX];
    struct adit_priv_route r;

    if (!find_route(p, to, &r))
        return "";
    return adit_priv_route_str(&r, text);
}

static void a_tun_gets_addresses_and_routes_and_undo_takes_them(void **state)
{
    static char before[PICTURE_MAX];
    struct adit_priv *p = start(state_path);
    struct adit_tun_opened tun;
    struct adit_priv_res res;
    char text[2048];

    (void)state;
    open_tun(p, "tun", &tun);
    assert_int_equal(strncmp(tun.name, "tun", 3), 0);
    assert_false(tun.is_persistent);
    bring_up(p, tun.name, 1400);
    snprintf(text, sizeof text, "/sys/class/net/%s/mtu", tun.name);
    take_picture(before);
    give_addr(p, tun.name, "10.8.0.1/24", NULL, &res);
    give_addr(p, tun.name, "fd00:8::1/64", NULL, &res);
    give_addr(p, tun.name, "10.9.0.1/32", "10.9.0.2", &res);
    give_route(p, "10.50.3.4/16", "10.8.0.2", tun.name, 77); /* host bits are no obstacle */
    give_route(p, "10.51.0.0/16", "10.9.0.2", "", -1);
    give_route(p, "2001:db8:5::/48", NULL, tun.name, 5);
    give_route(p, "2001:db8:6::/48", "fd00:8::2", tun.name, -1);
    assert_int_equal(adit_priv_count(p), 7);
    snprintf(text, sizeof text, "10.50.0.0/16 via 10.8.0.2 dev %s metric 77", tun.name);
    assert_string_equal(way_to(p, "10.50.9.9"), text);
    snprintf(text, sizeof text, "10.51.0.0/16 via 10.9.0.2 dev %s metric 0", tun.name);
    assert_string_equal(way_to(p, "10.51.9.9"), text);
    snprintf(text, sizeof text, "2001:db8:5::/48 dev %s metric 5", tun.name);
    assert_string_equal(way_to(p, "2001:db8:5::9"), text);
    snprintf(text, sizeof text, "2001:db8:6::/48 via fd00:8::2 dev %s metric 1024", tun.name);
    assert_string_equal(way_to(p, "2001:db8:6::9"), text);
    /* They vanish with the device: no line in the state file. */
    read_text(state_path, text, sizeof text);
    assert_null(strstr(text, "route"));
    adit_priv_undo_all(p);
    assert_as_before(before);
    adit_priv_free(p);
    assert_int_not_equal(access(state_path, F_OK), 0);
    close(tun.fd);
}

static void an_existing_route_is_neither_replaced_nor_removed(void **state)
{
    struct adit_priv *host = start(NULL), *p = start(NULL);
    struct adit_priv_req req = route_req(ADIT_PRIV_ROUTE_ADD, "10.60.0.0/16", "192.0.2.253", "eth9", -1);
    struct adit_priv_res res;

    (void)state;
    give_route(host, "10.60.0.0/16", "192.0.2.254", "eth9", -1);
    must(p, &req, &res);
    assert_true(res.is_existing);
    assert_non_null(strstr(res.fail.text, "already exists"));
    give_addr(p, "eth9", "192.0.2.1/24", NULL, &res);
    assert_true(res.is_existing);
    assert_int_equal(adit_priv_count(p), 0);
    adit_priv_free(p);
    assert_string_equal(way_to(host, "10.60.1.1"), "10.60.0.0/16 via 192.0.2.254 dev eth9 metric 0");
    adit_priv_free(host);
    assert_null(strstr(way_to(p = start(NULL), "10.60.1.1"), "10.60.0.0"));
    adit_priv_free(p);
}

static void the_default_gateway_is_found_taken_and_put_back(void **state)
{
    static char before[PICTURE_MAX];
    struct adit_priv *host = start(NULL), *p;
    struct adit_priv_req ask = {.kind = ADIT_PRIV_GATEWAY_GET, .route.dst.ip.family = ADIT_AF_V4}, del;
    struct adit_priv_res res;
    struct adit_tun_opened tun;
    char text[ADIT_UNDO_LINE_MAX];

    (void)state;
    p = start(state_path);
    assert_int_equal(adit_priv_do(p, &ask, &res), ADIT_E_NO_ROUTE);
    give_route(host, "0.0.0.0/0", "192.0.2.254", "eth9", 100);
    give_route(host, "0.0.0.0/0", "192.0.2.253", "eth9", 200);
    give_route(host, "::/0", "2001:db8::fe", "eth9", -1);
    open_tun(p, "tun", &tun);
    bring_up(p, tun.name, 0);
    take_picture(before);
    must(p, &ask, &res);
    assert_string_equal(adit_priv_route_str(&res.route, text),
                        "0.0.0.0/0 via 192.0.2.254 dev eth9 metric 100");
    del = (struct adit_priv_req){.kind = ADIT_PRIV_ROUTE_DEL, .route = res.route};
    ask.route.dst.ip.family = ADIT_AF_V6;
    must(p, &ask, &res);
    assert_string_equal(adit_priv_route_str(&res.route, text), "::/0 via 2001:db8::fe dev eth9 metric 1024");

    give_route(p, "203.0.113.9/32", "192.0.2.254", "", -1);
    must(p, &del, &res);
    give_route(p, "0.0.0.0/0", NULL, tun.name, 100);
    assert_non_null(strstr(way_to(p, "198.51.100.1"), tun.name));
    assert_non_null(strstr(way_to(p, "203.0.113.9"), "192.0.2.254 dev eth9"));
    adit_priv_undo_all(p);
    assert_as_before(before);
    adit_priv_free(p);
    adit_priv_free(host);
    close(tun.fd);
}

static void add_hop(struct rtnl_route *route, uint32_t gateway)
{
    struct rtnl_nexthop *hop = rtnl_route_nh_alloc();
    struct nl_addr *a = nl_addr_build(AF_INET, &(uint32_t){htonl(gateway)}, 4);

    rtnl_route_nh_set_ifindex(hop, (int)if_nametoindex("eth9"));
    rtnl_route_nh_set_gateway(hop, a);
    rtnl_route_add_nexthop(route, hop);
    nl_addr_put(a);
}

static void a_route_that_could_not_be_put_back_is_not_taken(void **state)
{
    struct nl_sock *sock = nl_socket_alloc();
    struct rtnl_route *route = rtnl_route_alloc();
    struct nl_addr *dst;
    struct adit_priv *p = start(NULL);
    struct adit_priv_req del = route_req(ADIT_PRIV_ROUTE_DEL, "10.66.0.0/16", NULL, "", -1);
    struct adit_priv_res res;

    (void)state;
    assert_int_equal(nl_connect(sock, NETLINK_ROUTE), 0);
    assert_int_equal(nl_addr_parse("10.66.0.0/16", AF_INET, &dst), 0);
    rtnl_route_set_dst(route, dst);
    add_hop(route, 0xc00002fe);
    add_hop(route, 0xc00002fd);
    assert_int_equal(rtnl_route_add(sock, route, NLM_F_EXCL), 0);
    assert_int_equal(adit_priv_do(p, &del, &res), ADIT_E_UNSUPPORTED);
    assert_non_null(strstr(res.fail.text, "several gateways"));
    assert_non_null(strstr(way_to(p, "10.66.0.1"), "10.66.0.0/16 via 192.0.2."));
    assert_int_equal(rtnl_route_delete(sock, route, 0), 0);
    adit_priv_free(p);
    nl_addr_put(dst);
    rtnl_route_put(route);
    nl_socket_free(sock);
}

static void a_link_is_set_as_it_is_wished(void **state)
{
    struct nl_sock *sock = nl_socket_alloc();
    struct rtnl_link *link;
    struct adit_priv *p = start(NULL);
    struct adit_tun_opened tun;
    struct adit_priv_req req = {
        .kind = ADIT_PRIV_LINK_SET,
        .link = {.want_up = true, .mtu = 1420, .txqueue = 777},
    };
    struct adit_priv_res res;

    (void)state;
    open_tun(p, "tun", &tun);
    snprintf(req.link.ifname, sizeof req.link.ifname, "%s", tun.name);
    must(p, &req, &res);
    assert_int_equal(nl_connect(sock, NETLINK_ROUTE), 0);
    assert_int_equal(rtnl_link_get_kernel(sock, 0, tun.name, &link), 0);
    assert_int_equal(rtnl_link_get_mtu(link), 1420);
    assert_int_equal(rtnl_link_get_txqlen(link), 777);
    assert_true(rtnl_link_get_flags(link) & IFF_UP);
    rtnl_link_put(link);
    nl_socket_free(sock);
    adit_priv_free(p);
    close(tun.fd);
}

static void one_of_our_routes_can_be_taken_alone(void **state)
{
    struct adit_priv *p = start(state_path);
    struct adit_priv_req del = route_req(ADIT_PRIV_ROUTE_DEL, "10.61.0.0/16", NULL, "", -1);
    struct adit_priv_res res;

    (void)state;
    give_route(p, "10.61.0.0/16", "192.0.2.254", "eth9", 9);
    give_route(p, "10.62.0.0/16", "192.0.2.254", "eth9", 9);
    must(p, &del, &res);
    assert_int_equal(adit_priv_count(p), 1);
    assert_null(strstr(way_to(p, "10.61.0.1"), "10.61"));
    assert_int_equal(adit_priv_do(p, &del, &res), ADIT_E_NO_ROUTE);
    adit_priv_free(p);
}

/* The child dies without a word; its routes through the machine's own interface stay behind. */
static void the_next_start_cleans_up_after_a_crash(void **state)
{
    static char before[PICTURE_MAX], after[PICTURE_MAX];
    struct adit_priv *p, *host = start(NULL);
    char text[2048];
    pid_t child;
    int status;

    (void)state;
    give_route(host, "0.0.0.0/0", "192.0.2.254", "eth9", -1);
    take_picture(before);
    child = fork();
    if (child == 0) {
        struct adit_priv_req del = route_req(ADIT_PRIV_ROUTE_DEL, "0.0.0.0/0", NULL, "", -1);
        struct adit_priv_res res;

        p = start(state_path);
        give_route(p, "203.0.113.9/32", "192.0.2.254", "", -1);
        give_route(p, "2001:db8:9::/48", "2001:db8::fe", "eth9", 3);
        give_addr(p, "eth9", "192.0.2.77/32", NULL, &res);
        must(p, &del, &res);
        kill(getpid(), SIGKILL);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    read_text(state_path, text, sizeof text);
    assert_non_null(strstr(text, "+route 203.0.113.9/32 192.0.2.254 - eth9 -1 0 0 173\n"));
    take_picture(after);
    assert_string_not_equal(after, before);

    p = start(state_path);
    assert_as_before(before);
    adit_priv_free(p);
    adit_priv_free(host);
    assert_int_not_equal(access(state_path, F_OK), 0);
}

static void a_gateway_that_no_interface_reaches_needs_onlink(void **state)
{
    struct adit_priv *p = start(NULL);
    struct adit_priv_req req = route_req(ADIT_PRIV_ROUTE_ADD, "10.63.0.0/16", "198.51.100.1", "eth9", -1);
    struct adit_priv_res res;
    struct adit_priv_route r;

    (void)state;
    assert_int_equal(adit_priv_do(p, &req, &res), ADIT_E_OS);
    assert_int_equal(res.fail.os_errno, ENETUNREACH);
    assert_non_null(
        strstr(res.fail.text, "10.63.0.0/16 via 198.51.100.1 dev eth9: Network is unreachable: "));
    req.route.is_onlink = true;
    must(p, &req, &res);
    assert_true(find_route(p, "10.63.0.1", &r));
    assert_true(r.is_onlink);
    snprintf(req.route.ifname, sizeof req.route.ifname, "nosuch");
    assert_int_equal(adit_priv_do(p, &req, &res), ADIT_E_OS);
    assert_int_equal(res.fail.os_errno, ENODEV);
    adit_priv_free(p);
}

static void other_tables_and_local_addresses_are_told_apart(void **state)
{
    struct adit_priv *p = start(NULL);
    struct adit_priv_req req = route_req(ADIT_PRIV_ROUTE_ADD, "10.64.0.0/16", "192.0.2.254", "eth9", -1);
    struct adit_priv_res res;
    struct adit_priv_route r;

    (void)state;
    req.route.table = 4711;
    must(p, &req, &res);
    assert_null(strstr(way_to(p, "10.64.0.1"), "10.64"));
    req.kind = ADIT_PRIV_ROUTE_DEL;
    must(p, &req, &res);
    assert_int_equal(adit_priv_count(p), 0);
    assert_true(find_route(p, "192.0.2.1", &r) && r.is_local);
    assert_true(find_route(p, "192.0.2.2", &r) && !r.is_local);
    adit_priv_free(p);
}

static void without_rights_the_reason_says_which_one_is_missing(void **state)
{
    pid_t child = fork();
    int status;

    (void)state;
    if (child == 0) {
        struct adit_priv_req req = route_req(ADIT_PRIV_ROUTE_ADD, "10.65.0.0/16", "192.0.2.254", "eth9", -1);
        struct adit_priv_res res;
        struct adit_priv *p;

        if (setresuid(65534, 65534, 65534) != 0)
            _exit(77);
        p = start("/proc/nowhere/x.state");
        _exit(adit_priv_do(p, &req, &res) == ADIT_E_OS && res.fail.os_errno == EPERM &&
                      strstr(res.fail.text, "CAP_NET_ADMIN")
                  ? 0
                  : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WEXITSTATUS(status) == 77)
        skip();
    assert_int_equal(status, 0);
}

static void lines_of_the_state_file_read_back(void **state)
{
    static const char *const good[] = {"addr tun0 10.8.0.1/24 -", "addr tun0 10.8.0.1/32 10.8.0.2",
                                       "route 2001:db8::/32 - - eth0 -1 0 0 173",
                                       "restore 0.0.0.0/0 192.0.2.1 192.0.2.7 eth0 4294967295 254 1 3"};
    static const char *const bad[] = {"",
                                      "addr",
                                      "addr tun0 10.8.0.1/24",
                                      "addr tun0 nonsense/24 -",
                                      "addr tun0 10.8.0.1/24 - more",
                                      "route 10.0.0.0/8 - - eth0 -1 0 0",
                                      "route 10.0.0.0/8 - - eth0 -1 0 0 999",
                                      "restore 10.0.0.0/8 x - eth0 -1 0 0 3",
                                      "rule 1"};
    struct adit_undo u;
    char line[ADIT_UNDO_LINE_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(adit_undo_parse(good[i], &u), ADIT_OK);
        adit_undo_write(&u, line);
        assert_string_equal(line, good[i]);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(adit_undo_parse(bad[i], &u), ADIT_E_MALFORMED);
}

static int enter(void **state)
{
    struct adit_priv *p;
    struct adit_tun_opened eth;
    struct adit_priv_res res;

    (void)state;
    snprintf(state_path, sizeof state_path, "/tmp/adit-priv-%ld.state", (long)getpid());
    if (!enter_netns() || access("/dev/net/tun", R_OK | W_OK) != 0) {
        print_message("needs root or user namespaces, and /dev/net/tun\n");
        _exit(77);
    }
    p = start(NULL);
    bring_up(p, "lo", 0);
    eth_fd = open_tun(p, "eth9", &eth);
    bring_up(p, "eth9", 0);
    adit_priv_free(p);
    /* Through a second door that is never closed, so that the addresses stay for all tests. */
    p = start(NULL);
    give_addr(p, "eth9", "192.0.2.1/24", NULL, &res);
    give_addr(p, "eth9", "2001:db8::1/64", NULL, &res);
    wait_until_settled("eth9");
    *state = p;
    return 0;
}

static int leave(void **state)
{
    adit_priv_free(*state);
    unlink(state_path);
    return close(eth_fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tun_gets_addresses_and_routes_and_undo_takes_them),
        cmocka_unit_test(an_existing_route_is_neither_replaced_nor_removed),
        cmocka_unit_test(the_default_gateway_is_found_taken_and_put_back),
        cmocka_unit_test(a_route_that_could_not_be_put_back_is_not_taken),
        cmocka_unit_test(a_link_is_set_as_it_is_wished),
        cmocka_unit_test(one_of_our_routes_can_be_taken_alone),
        cmocka_unit_test(the_next_start_cleans_up_after_a_crash),
        cmocka_unit_test(a_gateway_that_no_interface_reaches_needs_onlink),
        cmocka_unit_test(other_tables_and_local_addresses_are_told_apart),
        cmocka_unit_test(without_rights_the_reason_says_which_one_is_missing),
        cmocka_unit_test(lines_of_the_state_file_read_back),
    };

    return cmocka_run_group_tests(tests, enter, leave);
}
