/* SPDX-License-Identifier: Apache-2.0 */
#include "../unit.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include "linux/sock.h"
#include "linux/tun.h"
#include "links.h"
#include "netns.h"

static struct adit_priv *p;

static void set_up(const char *ifname, const char *local)
{
    bring_up(p, ifname);
    give_address(p, ifname, local);
}

static uint8_t room[ADIT_DEVICE_LEAD + 4096];
static uint8_t *const buf = room + ADIT_DEVICE_LEAD;

enum {
    CAP = sizeof room - ADIT_DEVICE_LEAD,
};

/* The next IPv4 packet that comes out of the device. */
static size_t next_v4(struct adit_device *d)
{
    for (int i = 0; i < 50; i++) {
        struct adit_train t = {.b = buf, .cap = CAP};
        adit_err e = d->ops->read(d, &t);

        if (e == ADIT_OK && buf[0] == 0x45)
            return t.n;
        if (e == ADIT_E_EMPTY)
            assert_int_equal(poll(&(struct pollfd){.fd = d->ops->wait_fd(d), .events = POLLIN}, 1, 5000), 1);
    }
    fail_msg("no packet");
    return 0;
}

static adit_err write_packet(struct adit_device *d, const void *b, size_t n, struct adit_offload offload)
{
    adit_bytes part = adit_bytes_of(b, n);

    return d->ops->write(d, &(struct adit_gather){.offload = offload, .parts = &part, .n_parts = 1, .n = n});
}

static void packets_go_through_a_tun_both_ways(void **state)
{
    struct adit_tun_opened tun;
    struct adit_fail fail = {0};
    struct adit_device *d;
    struct adit_addr to = {.ip = adit_ip_v4(0x0a080002), .port = 99}, from;
    struct adit_socket_spec spec = {.kind = ADIT_SOCKET_UDP, .family = ADIT_AF_V4, .want_bind = true};
    struct sockaddr_storage sa;
    socklen_t len;
    uint8_t swap[4];
    char got[8];
    int fd;
    size_t n;

    (void)state;
    if (adit_tun_open(&(struct adit_tun_spec){.name = "tun"}, &tun, &fail) != ADIT_OK)
        fail_msg("%s", fail.text);
    set_up(tun.name, "10.8.0.1/24");
    d = adit_tun_device_new(&tun);
    assert_non_null(d);
    assert_int_equal(adit_socket_open(&spec, &fd, &fail), ADIT_OK);
    assert_true(adit_sockaddr_put(&to, AF_INET, &sa, &len));
    assert_int_equal(sendto(fd, "hello", 5, 0, (struct sockaddr *)&sa, len), 5);
    n = next_v4(d);
    assert_int_equal(n, 20 + 8 + 5); /* no packet information in front */
    assert_memory_equal(buf + 28, "hello", 5);

    /* Sent back with the addresses and ports changed places; the checksums stay right. */
    memcpy(swap, buf + 12, 4);
    memmove(buf + 12, buf + 16, 4);
    memcpy(buf + 16, swap, 4);
    memcpy(swap, buf + 20, 2);
    memmove(buf + 20, buf + 22, 2);
    memcpy(buf + 22, swap, 2);
    assert_int_equal(write_packet(d, buf, n, (struct adit_offload){0}), ADIT_OK);
    assert_int_equal(poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 5000), 1);
    len = sizeof sa;
    assert_int_equal(recvfrom(fd, got, sizeof got, 0, (struct sockaddr *)&sa, &len), 5);
    assert_true(adit_sockaddr_get((struct sockaddr *)&sa, len, &from) && adit_addr_eq(&from, &to));

    assert_int_equal(write_packet(d, "\xf0nonsense", 9, (struct adit_offload){0}), ADIT_E_MALFORMED);
    assert_int_equal(write_packet(d, buf, n, (struct adit_offload){.gso = ADIT_GSO_TCP, .segment = 1000}),
                     ADIT_E_UNSUPPORTED);
    close(fd);
    d->ops->free(d);
    assert_int_equal(if_nametoindex(tun.name), 0);
}

static void a_tap_carries_frames(void **state)
{
    struct adit_tun_opened tap;
    struct adit_fail fail = {0};

    (void)state;
    assert_int_equal(adit_tun_open(&(struct adit_tun_spec){.name = "tap", .is_tap = true}, &tap, &fail),
                     ADIT_OK);
    assert_int_equal(strncmp(tap.name, "tap", 3), 0);
    assert_int_not_equal(if_nametoindex(tap.name), 0);
    set_up(tap.name, "10.8.1.1/24");
    assert_int_equal(poll(&(struct pollfd){.fd = tap.fd, .events = POLLIN}, 1, 5000), 1);
    assert_true(read(tap.fd, buf, CAP) >= 14 + 28); /* a frame with its header: the host introduces itself */
    close(tap.fd);
}

static void a_name_in_use_is_refused_with_the_reason(void **state)
{
    struct adit_tun_opened tun, second;
    struct adit_fail fail = {0};

    (void)state;
    assert_int_equal(adit_tun_open(&(struct adit_tun_spec){.name = "tun7"}, &tun, &fail), ADIT_OK);
    assert_string_equal(tun.name, "tun7");
    assert_int_equal(adit_tun_open(&(struct adit_tun_spec){.name = "tun7"}, &second, &fail), ADIT_E_OS);
    assert_int_equal(fail.os_errno, EBUSY);
    assert_non_null(strstr(fail.text, "another program uses this device"));
    assert_int_equal(second.fd, -1);
    assert_int_equal(adit_tun_open(&(struct adit_tun_spec){.name = "lo"}, &second, &fail), ADIT_E_OS);
    assert_int_equal(adit_tun_open(&(struct adit_tun_spec){.name = "a%d"}, &second, &fail), ADIT_E_CONFIG);
    assert_int_equal(
        adit_tun_open(&(struct adit_tun_spec){.name = "tun", .node = "/nonexistent"}, &second, &fail),
        ADIT_E_OS);
    assert_non_null(strstr(fail.text, "modprobe tun"));
    close(tun.fd);
}

static void a_device_can_have_several_queues(void **state)
{
    struct adit_tun_opened first, second;
    struct adit_fail fail = {0};
    struct adit_tun_spec spec = {.name = "tun", .want_queues = true};

    (void)state;
    assert_int_equal(adit_tun_open(&spec, &first, &fail), ADIT_OK);
    assert_true(first.has_queues);
    memcpy(spec.name, first.name, sizeof spec.name);
    spec.is_further_queue = true;
    assert_int_equal(adit_tun_open(&spec, &second, &fail), ADIT_OK);
    assert_string_equal(second.name, first.name);
    close(first.fd);
    close(second.fd);
}

static void a_device_with_queues_is_not_shared_with_another_program(void **state)
{
    struct adit_tun_opened first, second;
    struct adit_fail fail = {0};
    struct adit_tun_spec spec = {.name = "tun6", .want_queues = true};

    (void)state;
    assert_int_equal(adit_tun_open(&spec, &first, &fail), ADIT_OK);
    assert_int_equal(ioctl(first.fd, TUNSETPERSIST, 1), 0);
    set_up(first.name, "10.8.2.1/24");
    assert_int_equal(adit_tun_open(&spec, &second, &fail), ADIT_E_OS);
    assert_int_equal(fail.os_errno, EBUSY);
    assert_non_null(strstr(fail.text, "another program uses this device"));
    close(first.fd);

    /* Nobody holds it any more. */
    assert_int_equal(adit_tun_open(&spec, &first, &fail), ADIT_OK);
    assert_true(first.is_persistent);
    ioctl(first.fd, TUNSETPERSIST, 0);
    close(first.fd);
}

static uint32_t segments_tcp(const char *ifname)
{
    struct ethtool_value value = {.cmd = ETHTOOL_GTSO};
    struct ifreq ifr = {.ifr_data = (char *)&value};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    snprintf(ifr.ifr_name, sizeof ifr.ifr_name, "%s", ifname);
    assert_int_equal(ioctl(fd, SIOCETHTOOL, &ifr), 0);
    close(fd);
    return value.data;
}

/* A device that stays is handed from program to program, and keeps what was said about its packets. */
static void a_persistent_device_comes_and_goes_without_offload(void **state)
{
    const struct adit_tun_spec with = {
        .name = "tun5", .want_in_trains = true, .want_out_trains = true, .want_out_udp = true};
    const struct adit_tun_spec without = {.name = "tun5"};
    const int long_head = 12;
    int head_len = 0;
    struct adit_tun_opened tun;
    struct adit_fail fail = {0};
    struct adit_device *d;

    (void)state;
    assert_int_equal(adit_tun_open(&with, &tun, &fail), ADIT_OK);
    assert_int_equal(ioctl(tun.fd, TUNSETPERSIST, 1), 0);
    assert_int_equal(segments_tcp("tun5"), 1);
    assert_int_equal(ioctl(tun.fd, TUNSETVNETHDRSZ, &long_head), 0);
    close(tun.fd); /* as by a crash */

    assert_int_equal(adit_tun_open(&without, &tun, &fail), ADIT_OK);
    assert_int_equal(segments_tcp("tun5"), 0);
    close(tun.fd);

    assert_int_equal(adit_tun_open(&with, &tun, &fail), ADIT_OK);
    assert_int_equal(ioctl(tun.fd, TUNGETVNETHDRSZ, &head_len), 0);
    assert_int_equal(head_len, ADIT_VNET_LEN);
    assert_int_equal(segments_tcp("tun5"), 1);
    d = adit_tun_device_new(&tun);
    assert_non_null(d);
    d->ops->free(d);
    assert_int_equal(segments_tcp("tun5"), 0);

    assert_int_equal(adit_tun_open(&without, &tun, &fail), ADIT_OK);
    ioctl(tun.fd, TUNSETPERSIST, 0);
    close(tun.fd);
}

/* A device made beforehand for a user, and a process of that user without any right. */
static void a_users_own_device_needs_no_rights(void **state)
{
    struct adit_tun_opened tun;
    struct adit_fail fail = {0};
    char node[64];
    pid_t child;
    int status;

    (void)state;
    snprintf(node, sizeof node, "/tmp/adit-tun-%ld", (long)getpid());
    if (mknod(node, S_IFCHR, makedev(10, 200)) != 0 || chmod(node, 0666) != 0 || access(node, R_OK) != 0) {
        print_message("cannot make a device node for all\n");
        unlink(node);
        skip();
    }
    assert_int_equal(adit_tun_open(&(struct adit_tun_spec){.name = "tun8"}, &tun, &fail), ADIT_OK);
    assert_int_equal(ioctl(tun.fd, TUNSETPERSIST, 1), 0);
    if (ioctl(tun.fd, TUNSETOWNER, 65534) != 0) {
        ioctl(tun.fd, TUNSETPERSIST, 0);
        close(tun.fd);
        unlink(node);
        skip();
    }
    close(tun.fd);
    child = fork();
    if (child == 0) {
        struct adit_tun_spec spec = {.name = "tun8", .want_queues = true};

        snprintf(spec.node, sizeof spec.node, "%s", node);
        if (setresuid(65534, 65534, 65534) != 0)
            _exit(77);
        if (adit_tun_open(&spec, &tun, &fail) != ADIT_OK)
            _exit(1);
        _exit(tun.is_persistent && !tun.has_queues && strcmp(tun.name, "tun8") == 0 ? 0 : 2);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(adit_tun_open(&(struct adit_tun_spec){.name = "tun8"}, &tun, &fail), ADIT_OK);
    assert_true(tun.is_persistent);
    ioctl(tun.fd, TUNSETPERSIST, 0);
    close(tun.fd);
    unlink(node);
    if (WEXITSTATUS(status) == 77)
        skip();
    assert_int_equal(status, 0);
}

static void null_takes_all_and_gives_nothing(void **state)
{
    struct adit_device *d = adit_null_device_new();
    struct adit_train t = {.b = buf, .n = 20, .cap = CAP};

    (void)state;
    assert_int_equal(write_packet(d, buf, 20, (struct adit_offload){0}), ADIT_OK);
    assert_int_equal(d->ops->read(d, &t), ADIT_E_EMPTY);
    assert_int_equal(d->ops->wait_fd(d), -1);
    d->ops->free(d);
}

static int enter(void **state)
{
    (void)state;
    if (!enter_netns() || access("/dev/net/tun", R_OK | W_OK) != 0) {
        print_message("needs root or user namespaces, and /dev/net/tun\n");
        _exit(77);
    }
    return adit_priv_new(NULL, NULL, &p, NULL) == ADIT_OK ? 0 : -1;
}

static int leave(void **state)
{
    (void)state;
    adit_priv_free(p);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packets_go_through_a_tun_both_ways),
        cmocka_unit_test(a_tap_carries_frames),
        cmocka_unit_test(a_name_in_use_is_refused_with_the_reason),
        cmocka_unit_test(a_device_can_have_several_queues),
        cmocka_unit_test(a_device_with_queues_is_not_shared_with_another_program),
        cmocka_unit_test(a_persistent_device_comes_and_goes_without_offload),
        cmocka_unit_test(a_users_own_device_needs_no_rights),
        cmocka_unit_test(null_takes_all_and_gives_nothing),
    };

    return cmocka_run_group_tests(tests, enter, leave);
}
