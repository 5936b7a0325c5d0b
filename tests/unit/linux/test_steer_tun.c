/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's own verdict: packets are sent into a real device, and looked for at its queues. */
#include "../unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <poll.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "linux/priv.h"
#include "linux/steer_tun.h"
#include "netns.h"
#include "plane/home.h"

enum {
    QUEUES = 4, /* a power of two: of a hash, only the last bits count then */
    PLENTY = 64,
    WAIT_MS = 5000,
};

static struct adit_priv *priv;

struct rig {
    struct adit_tun_opened queues[QUEUES];
    struct adit_steer *s;
    struct adit_log log;
    unsigned n_lines;
    char line[256]; /* the last one */
    uint32_t number;
};

static void put_line(void *ctx, enum adit_log_kind kind, int verb, const char *line)
{
    struct rig *r = ctx;

    (void)kind;
    assert_int_equal(verb, 3);
    r->n_lines++;
    snprintf(r->line, sizeof r->line, "%s", line);
}

static void set_up(const char *ifname, const char *const *addresses)
{
    struct adit_priv_req req = {.kind = ADIT_PRIV_LINK_SET, .link.want_up = true};
    struct adit_priv_res res;

    snprintf(req.link.ifname, sizeof req.link.ifname, "%s", ifname);
    assert_int_equal(adit_priv_do(priv, &req, &res), ADIT_OK);
    for (; *addresses; addresses++) {
        req = (struct adit_priv_req){.kind = ADIT_PRIV_ADDR_ADD};
        snprintf(req.addr.ifname, sizeof req.addr.ifname, "%s", ifname);
        assert_int_equal(adit_prefix_parse(*addresses, &req.addr.local), ADIT_OK);
        assert_int_equal(adit_priv_do(priv, &req, &res), ADIT_OK);
    }
}

/* An IPv6 address can be used a moment after it was given, a device that was without queues likewise. */
static void wait_for_first_packet(struct rig *r)
{
    struct sockaddr_in6 to = {.sin6_family = AF_INET6, .sin6_port = htons(9)};
    int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0), n_readable = 0;
    struct pollfd fds[QUEUES];

    assert_int_equal(inet_pton(AF_INET6, "fd09::2", &to.sin6_addr), 1);
    for (int i = 0; i < QUEUES; i++)
        fds[i] = (struct pollfd){.fd = r->queues[i].fd, .events = POLLIN};
    for (int i = 0; i < WAIT_MS && n_readable == 0; i++) {
        (void)!sendto(fd, "", 1, 0, (struct sockaddr *)&to, sizeof to);
        n_readable = poll(fds, QUEUES, 1);
    }
    close(fd);
    assert_true(n_readable > 0);
}

static void open_queues(struct rig *r, const char *name)
{
    static const char *const addresses[] = {"10.0.0.1/8", "fd09::1/16", NULL};
    struct adit_tun_spec spec = {.want_queues = true};
    struct adit_fail fail = {0};

    *r = (struct rig){.log = {.put = put_line, .ctx = r, .verb = 3}};
    snprintf(spec.name, sizeof spec.name, "%s", name);
    for (int i = 0; i < QUEUES; i++) {
        if (adit_tun_open(&spec, &r->queues[i], &fail) != ADIT_OK)
            fail_msg("%s", fail.text);
        snprintf(spec.name, sizeof spec.name, "%s", r->queues[i].name);
        spec.is_further_queue = true;
    }
    set_up(r->queues[0].name, addresses);
    wait_for_first_packet(r);
}

static void close_queues(struct rig *r)
{
    adit_steer_free(r->s);
    for (int i = 0; i < QUEUES; i++)
        close(r->queues[i].fd);
    adit_priv_undo_all(priv);
}

/* False: this machine does not let us. */
static bool steer(struct rig *r, uint32_t n_prefixes)
{
    struct adit_priv_req req = {.kind = ADIT_PRIV_STEER_LOAD, .n_prefixes = n_prefixes};
    struct adit_priv_res res;

    if (adit_priv_do(priv, &req, &res) != ADIT_OK) {
        print_message("%s\n", res.fail.text);
        assert_int_equal(res.err, ADIT_E_OS);
        return false;
    }
    r->s = adit_steer_new(&res.steer, r->queues[0].fd, &r->log, &res.fail);
    if (!r->s)
        fail_msg("%s", res.fail.text);
    return true;
}

#define start(r, n_prefixes)                                                                                 \
    do {                                                                                                     \
        open_queues(r, "tun");                                                                               \
        if (!steer(r, n_prefixes)) {                                                                         \
            close_queues(r);                                                                                 \
            skip();                                                                                          \
        }                                                                                                    \
    } while (0)

static struct adit_prefix prefix(const char *text)
{
    struct adit_prefix p;

    assert_int_equal(adit_prefix_parse(text, &p), ADIT_OK);
    return p;
}

static void add(struct rig *r, const char *text, unsigned queue, uint32_t peer)
{
    struct adit_prefix p = prefix(text);

    adit_steer_add(r->s, &p, adit_mark(queue, peer));
}

static void del(struct rig *r, const char *text, unsigned queue, uint32_t peer)
{
    struct adit_prefix p = prefix(text);

    adit_steer_del(r->s, &p, adit_mark(queue, peer));
}

/* Where a packet comes out that ends in these bytes; what the machine says by itself is passed over. */
static int find(struct rig *r, const void *end, size_t n)
{
    struct pollfd fds[QUEUES];
    uint8_t b[2048];

    for (int i = 0; i < QUEUES; i++)
        fds[i] = (struct pollfd){.fd = r->queues[i].fd, .events = POLLIN};
    while (poll(fds, QUEUES, WAIT_MS) > 0) {
        for (int i = 0; i < QUEUES; i++) {
            ssize_t got = fds[i].revents ? read(fds[i].fd, b, sizeof b) : -1;

            if (got >= (ssize_t)n && memcmp(b + got - n, end, n) == 0)
                return i;
        }
    }
    fail_msg("the packet came out nowhere");
    return -1;
}

/* From a socket, and so a port, of its own. */
static int queue_of(struct rig *r, const char *to)
{
    struct sockaddr_in to4 = {.sin_family = AF_INET, .sin_port = htons(9)};
    struct sockaddr_in6 to6 = {.sin6_family = AF_INET6, .sin6_port = htons(9)};
    bool is_v4 = inet_pton(AF_INET, to, &to4.sin_addr) == 1;
    int fd = socket(is_v4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    char payload[32];
    ssize_t n = snprintf(payload, sizeof payload, "packet %08x", ++r->number);

    if (is_v4)
        assert_int_equal(sendto(fd, payload, (size_t)n, 0, (struct sockaddr *)&to4, sizeof to4), n);
    else {
        assert_int_equal(inet_pton(AF_INET6, to, &to6.sin6_addr), 1);
        assert_int_equal(sendto(fd, payload, (size_t)n, 0, (struct sockaddr *)&to6, sizeof to6), n);
    }
    close(fd);
    return find(r, payload, (size_t)n);
}

/* The queues that so many flows to one address use, a bit each. */
static unsigned queues_of_flows(struct rig *r, const char *to)
{
    unsigned seen = 0;

    for (int i = 0; i < PLENTY; i++)
        seen |= 1U << queue_of(r, to);
    return seen;
}

static void each_address_has_its_queue(void **state)
{
    struct rig r;

    (void)state;
    start(&r, PLENTY);
    for (unsigned queue = 0; queue < QUEUES; queue++) {
        char text[64];

        snprintf(text, sizeof text, "10.8.0.%u/32", 10 + queue);
        add(&r, text, queue, 100 + queue);
        snprintf(text, sizeof text, "fd09::%u/128", 10 + queue);
        add(&r, text, QUEUES - 1 - queue, 100 + queue);
    }
    for (int queue = 0; queue < QUEUES; queue++) {
        char text[64];

        snprintf(text, sizeof text, "10.8.0.%d", 10 + queue);
        assert_int_equal(queue_of(&r, text), queue);
        snprintf(text, sizeof text, "fd09::%d", 10 + queue);
        assert_int_equal(queue_of(&r, text), QUEUES - 1 - queue);
    }
    assert_int_equal(queues_of_flows(&r, "10.8.0.11"), 1 << 1); /* whatever the flow */
    assert_true(adit_steer_is_on(r.s));
    assert_int_equal(r.n_lines, 0);
    close_queues(&r);
}

static void a_worker_without_a_queue_has_that_of_another(void **state)
{
    struct rig r;

    (void)state;
    start(&r, PLENTY);
    add(&r, "10.8.0.10/32", QUEUES + 1, ADIT_MARK_ID);
    assert_int_equal(queue_of(&r, "10.8.0.10"), 1);
    close_queues(&r);
}

static void the_longest_prefix_counts(void **state)
{
    struct rig r;

    (void)state;
    start(&r, PLENTY);
    add(&r, "0.0.0.0/0", 2, 1);
    add(&r, "10.20.0.0/16", 1, 2);
    add(&r, "10.20.5.0/24", 2, 3);
    add(&r, "10.20.5.7/32", 0, 4);
    add(&r, "fd09:1::/32", 1, 5);
    add(&r, "fd09:1:5::/48", 2, 6);
    add(&r, "fd09:1:5::7/128", 0, 7);
    assert_int_equal(queue_of(&r, "10.99.0.1"), 2);
    assert_int_equal(queue_of(&r, "10.20.6.1"), 1);
    assert_int_equal(queue_of(&r, "10.20.5.6"), 2);
    assert_int_equal(queue_of(&r, "10.20.5.7"), 0);
    assert_int_equal(queue_of(&r, "fd09:1:6::1"), 1);
    assert_int_equal(queue_of(&r, "fd09:1:5::6"), 2);
    assert_int_equal(queue_of(&r, "fd09:1:5::7"), 0);

    del(&r, "10.20.5.7/32", 0, 4);
    del(&r, "fd09:1:5::7/128", 0, 7);
    del(&r, "fd09:1:5::/48", 2, 6);
    assert_int_equal(queue_of(&r, "10.20.5.7"), 2);
    assert_int_equal(queue_of(&r, "fd09:1:5::7"), 1);
    assert_true(adit_steer_is_on(r.s));
    close_queues(&r);
}

/* One client has gone, whose address another one has by now. */
static void only_the_owner_takes_a_prefix_away(void **state)
{
    struct rig r;

    (void)state;
    start(&r, PLENTY);
    add(&r, "10.8.0.0/16", 0, 1);
    add(&r, "10.8.0.10/32", 1, 2);
    add(&r, "10.8.0.10/32", 2, 3);
    assert_int_equal(queue_of(&r, "10.8.0.10"), 2);
    del(&r, "10.8.0.10/32", 1, 2);
    assert_int_equal(queue_of(&r, "10.8.0.10"), 2);
    del(&r, "10.8.0.11/32", 0, 1); /* not there: the network's mark must not be taken for its own */
    del(&r, "10.8.0.0/15", 0, 1);
    assert_int_equal(queue_of(&r, "10.8.0.11"), 0);
    del(&r, "10.8.0.10/32", 2, 3);
    assert_int_equal(queue_of(&r, "10.8.0.10"), 0);
    assert_true(adit_steer_is_on(r.s));
    assert_int_equal(r.n_lines, 0);
    close_queues(&r);
}

static void strangers_are_spread_by_address(void **state)
{
    unsigned n4[QUEUES] = {0}, n6[QUEUES] = {0};
    struct rig r;

    (void)state;
    start(&r, PLENTY);
    add(&r, "10.8.0.10/32", 1, 1);
    for (int i = 0; i < PLENTY; i++) {
        char text[64];

        snprintf(text, sizeof text, "10.8.1.%d", i);
        n4[queue_of(&r, text)]++;
        snprintf(text, sizeof text, "fd09::1:%x", i);
        n6[queue_of(&r, text)]++;
    }
    for (int i = 0; i < QUEUES; i++)
        assert_true(n4[i] > PLENTY / QUEUES / 2 && n6[i] > PLENTY / QUEUES / 2);
    assert_int_equal(__builtin_popcount(queues_of_flows(&r, "10.8.1.1")), 1);
    close_queues(&r);
}

static void what_has_no_room_is_spread_as_well(void **state)
{
    struct rig r;

    (void)state;
    start(&r, 2);
    add(&r, "10.8.0.10/32", 1, 1);
    add(&r, "10.8.0.11/32", 2, 2);
    assert_int_equal(r.n_lines, 0);
    for (unsigned i = 0; i < PLENTY; i++) {
        char text[64];

        snprintf(text, sizeof text, "10.8.1.%u/32", i);
        add(&r, text, 1, 3 + i);
        del(&r, text, 1, 3 + i);
    }
    assert_true(adit_steer_is_on(r.s));
    assert_int_equal(r.n_lines, 1);
    assert_non_null(strstr(r.line, "no room"));
    assert_int_equal(queue_of(&r, "10.8.0.10"), 1);
    assert_int_equal(queue_of(&r, "10.8.0.11"), 2);
    assert_int_equal(__builtin_popcount(queues_of_flows(&r, "10.8.1.1")), 1);

    del(&r, "10.8.0.11/32", 2, 2);
    add(&r, "10.8.1.1/32", 0, 4);
    assert_int_equal(queue_of(&r, "10.8.1.1"), 0);
    add(&r, "fd09::10/128", 2, 5); /* a table of its own */
    assert_int_equal(queue_of(&r, "fd09::10"), 2);
    close_queues(&r);
}

static int queue_of_raw(struct rig *r, uint16_t protocol, const void *b, size_t n)
{
    struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_protocol = htons(protocol)};
    int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    to.sll_ifindex = (int)if_nametoindex(r->queues[0].name);
    assert_int_equal(sendto(fd, b, n, 0, (struct sockaddr *)&to, sizeof to), n);
    close(fd);
    return find(r, b, n);
}

static void what_is_no_packet_goes_to_the_first_queue(void **state)
{
    static const uint8_t noise[] = {0xf4, 1, 2,  3,  4, 5, 6,  7,  8, 9, 10,
                                    8,    0, 10, 10, 8, 0, 10, 10, 8, 0, 10};
    uint8_t stub[20] = {0x45, [16] = 10, 8, 0, 10};
    struct rig r;

    (void)state;
    start(&r, PLENTY);
    add(&r, "10.8.0.10/32", 2, 1);
    add(&r, "::/0", 1, 1);
    assert_int_equal(queue_of_raw(&r, 0x88b5, noise, sizeof noise), 0);
    assert_int_equal(queue_of_raw(&r, ETH_P_IP, stub, sizeof stub), 2);
    assert_int_equal(queue_of_raw(&r, ETH_P_IP, stub, sizeof stub - 1), 0); /* ends in its destination */
    assert_int_equal(queue_of_raw(&r, ETH_P_IP, stub, 1), 0);
    stub[0] = 0x60;
    assert_int_equal(queue_of_raw(&r, ETH_P_IPV6, stub, sizeof stub), 1); /* as if it was for :: */
    close_queues(&r);
}

/* bpf(2) is refused from now on, as by an older kernel to a process that has given up its rights. */
static void refuse_bpf(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_bpf, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof code / sizeof code[0], .filter = code};

    assert_int_equal(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    assert_int_equal(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

/* In a process of its own, as there is no way back. A failed assertion ends it by a signal or status 1. */
static void in_child(void (*act)(struct rig *r), struct rig *r)
{
    int status;
    pid_t child = fork();

    if (child == 0) {
        act(r);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

#define child_assert(c)                                                                                      \
    do {                                                                                                     \
        if (!(c)) {                                                                                          \
            print_error("%s:%d: %s\n", __FILE__, __LINE__, #c);                                              \
            _exit(1);                                                                                        \
        }                                                                                                    \
    } while (0)

static void be_refused(struct rig *r)
{
    refuse_bpf();
    add(r, "10.8.0.11/32", 2, 2);
    child_assert(!adit_steer_is_on(r->s));
    child_assert(r->n_lines == 1 && strstr(r->line, "Operation not permitted"));
    add(r, "10.8.0.12/32", 2, 3);
    del(r, "10.8.0.10/32", 1, 1);
    child_assert(r->n_lines == 1);
}

static void a_refused_change_takes_the_program_off(void **state)
{
    struct rig r;

    (void)state;
    start(&r, PLENTY);
    add(&r, "10.8.0.10/32", 1, 1);
    assert_int_equal(queues_of_flows(&r, "10.8.0.10"), 1 << 1);
    in_child(be_refused, &r);
    assert_int_not_equal(queues_of_flows(&r, "10.8.0.10"), 1 << 1); /* the kernel's own way again */
    close_queues(&r);
}

static void be_nobody(struct rig *r)
{
    child_assert(setresuid(65534, 65534, 65534) == 0);
    del(r, "10.8.0.10/32", 1, 1);
    add(r, "10.8.0.11/32", 2, 2);
    if (adit_steer_is_on(r->s))
        child_assert(r->n_lines == 0 && queue_of(r, "10.8.0.11") == 2 && queue_of(r, "10.8.0.10") == 0);
    else
        child_assert(r->n_lines == 1); /* a kernel before 5.19 */
}

static void tables_change_without_rights(void **state)
{
    struct rig r;

    (void)state;
    start(&r, PLENTY);
    add(&r, "10.0.0.0/8", 0, 9);
    add(&r, "10.8.0.10/32", 1, 1);
    in_child(be_nobody, &r);
    close_queues(&r);
}

static void end_suddenly(struct rig *r)
{
    open_queues(r, "tun9");
    child_assert(ioctl(r->queues[0].fd, TUNSETPERSIST, 1) == 0 && steer(r, PLENTY));
    add(r, "10.8.0.10/32", 1, 1);
    child_assert(queues_of_flows(r, "10.8.0.10") == 1U << 1);
}

static void no_program_stays_on_a_device_that_does(void **state)
{
    struct rig r;

    (void)state;
    start(&r, PLENTY); /* may it be loaded at all? */
    close_queues(&r);
    in_child(end_suddenly, &r);

    open_queues(&r, "tun9");
    assert_true(r.queues[0].is_persistent);
    assert_int_not_equal(queues_of_flows(&r, "10.8.0.10"), 1 << 1);
    assert_true(steer(&r, PLENTY));
    add(&r, "10.8.0.10/32", 1, 1);
    assert_int_equal(queues_of_flows(&r, "10.8.0.10"), 1 << 1);
    adit_steer_free(r.s);
    r.s = NULL;
    assert_int_not_equal(queues_of_flows(&r, "10.8.0.10"), 1 << 1);
    ioctl(r.queues[0].fd, TUNSETPERSIST, 0);
    close_queues(&r);
}

static void try_to_load(struct rig *r)
{
    struct adit_steer_loaded l;
    struct adit_fail fail = {0};

    (void)r;
    refuse_bpf();
    child_assert(adit_steer_load(PLENTY, &l, &fail) == ADIT_E_OS && fail.os_errno == EPERM);
    child_assert(l.program == -1 && l.v4 == -1 && l.v6 == -1);
    child_assert(strstr(fail.text, "CAP_BPF"));
}

static void refusal_has_a_reason(void **state)
{
    (void)state;
    in_child(try_to_load, NULL);
}

static int enter(void **state)
{
    (void)state;
    if (!enter_netns() || access("/dev/net/tun", R_OK | W_OK) != 0) {
        print_message("needs root or user namespaces, and /dev/net/tun\n");
        _exit(77);
    }
    return adit_priv_new(NULL, NULL, &priv, NULL) == ADIT_OK ? 0 : -1;
}

static int leave(void **state)
{
    (void)state;
    adit_priv_free(priv);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_address_has_its_queue),
        cmocka_unit_test(a_worker_without_a_queue_has_that_of_another),
        cmocka_unit_test(the_longest_prefix_counts),
        cmocka_unit_test(only_the_owner_takes_a_prefix_away),
        cmocka_unit_test(strangers_are_spread_by_address),
        cmocka_unit_test(what_has_no_room_is_spread_as_well),
        cmocka_unit_test(what_is_no_packet_goes_to_the_first_queue),
        cmocka_unit_test(a_refused_change_takes_the_program_off),
        cmocka_unit_test(tables_change_without_rights),
        cmocka_unit_test(no_program_stays_on_a_device_that_does),
        cmocka_unit_test(refusal_has_a_reason),
    };

    return cmocka_run_group_tests(tests, enter, leave);
}
