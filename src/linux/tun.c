/* SPDX-License-Identifier: Apache-2.0 */
/* A device that was made here goes away with its last descriptor, so a crash leaves none behind. */
#include "linux/tun.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/mem.h"
#include "linux/steer_tun.h"

_Static_assert((int)ADIT_VNET_LEN <= (int)ADIT_DEVICE_LEAD, "the header lies in front of what is read");
_Static_assert(ADIT_TUN_NAME_MAX == IFNAMSIZ, "a name is what the kernel takes");

/* Debian 12's headers are older than these. */
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

enum {
    SHORT_MAX = 512, /* bytes of a packet that is copied */
};

struct tun_device {
    struct adit_device base;
    int fd;
    bool has_vnet;
};

static const char *node_hint(int os_errno)
{
    switch (os_errno) {
    case ENOENT:
    case ENODEV:
    case ENXIO:
        return "load the driver (modprobe tun); in a container, the device has to be handed in";
    case EACCES:
    case EPERM:
        return "run as root, or ask for access to the device node";
    default:
        return NULL;
    }
}

static const char *attach_hint(int os_errno)
{
    switch (os_errno) {
    case EPERM:
        return "needs CAP_NET_ADMIN: run as root, or have a device made for this user (ip tuntap add ... "
               "user NAME)";
    case EBUSY:
        return "another program uses this device; choose another name";
    case EINVAL:
        return "an interface of this name exists, and is of another kind";
    default:
        return NULL;
    }
}

static bool is_numbered_by_kernel(const char *name)
{
    return name[0] == '\0' || strcmp(name, "tun") == 0 || strcmp(name, "tap") == 0;
}

/* A device is connected while a program holds a queue of it. One that is down looks free. */
static bool is_in_use(const char *name)
{
    struct ethtool_value link = {.cmd = ETHTOOL_GLINK};
    struct ifreq ifr = {.ifr_data = (char *)&link};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool is_connected;

    snprintf(ifr.ifr_name, sizeof ifr.ifr_name, "%s", name);
    is_connected = fd >= 0 && ioctl(fd, SIOCETHTOOL, &ifr) == 0 && link.data != 0;
    if (fd >= 0)
        close(fd);
    return is_connected;
}

static int attach(int fd, const struct adit_tun_spec *spec, bool want_queues, struct ifreq *ifr)
{
    /* The kernel refuses a second program only if one of the two wants a single queue; else each would get a
     * part of the packets. */
    if (want_queues && !spec->is_further_queue && !is_numbered_by_kernel(spec->name) && is_in_use(spec->name))
        return EBUSY;
    memset(ifr, 0, sizeof *ifr);
    ifr->ifr_flags = (short)((spec->is_tap ? IFF_TAP : IFF_TUN) | IFF_NO_PI);
    if (want_queues)
        ifr->ifr_flags = (short)(ifr->ifr_flags | IFF_MULTI_QUEUE);
    if (spec->want_in_trains || spec->want_out_trains)
        ifr->ifr_flags = (short)(ifr->ifr_flags | IFF_VNET_HDR);
    if (is_numbered_by_kernel(spec->name))
        snprintf(ifr->ifr_name, sizeof ifr->ifr_name, "%s%%d", spec->is_tap ? "tap" : "tun");
    else
        snprintf(ifr->ifr_name, sizeof ifr->ifr_name, "%s", spec->name);
    return ioctl(fd, TUNSETIFF, ifr) == 0 ? 0 : errno;
}

/*
 * What the kernel may leave to us to do: the most that it grants. What it takes from us goes with that. The
 * length of the header, like the offload, may have been left behind by another program.
 */
static void ask_for_offload(struct adit_tun_opened *o, const struct adit_tun_spec *spec)
{
    const unsigned tcp = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN, udp = TUN_F_USO4 | TUN_F_USO6;
    const int head_len = ADIT_VNET_LEN;
    bool has_udp = ioctl(o->fd, TUNSETOFFLOAD, tcp | udp) == 0;
    bool has_tcp = has_udp || ioctl(o->fd, TUNSETOFFLOAD, tcp) == 0;

    (void)ioctl(o->fd, TUNSETVNETHDRSZ, &head_len);
    if (!has_tcp || !spec->want_in_trains)
        (void)ioctl(o->fd, TUNSETOFFLOAD, 0);
    o->has_vnet = true;
    o->takes_tcp = has_tcp && spec->want_out_trains;
    o->takes_udp = has_udp && spec->want_out_udp;
}

adit_err adit_tun_open(const struct adit_tun_spec *spec, struct adit_tun_opened *out, struct adit_fail *fail)
{
    const char *node = spec->node[0] ? spec->node : "/dev/net/tun";
    bool want_queues = spec->want_queues;
    struct ifreq ifr, now = {0};
    int fd, os_errno;

    *out = (struct adit_tun_opened){.fd = -1};
    if (strchr(spec->name, '%') || strchr(spec->name, '/'))
        return adit_fail_set(fail, ADIT_E_CONFIG, 0, NULL, "'%s' is not a name for a device", spec->name);
    fd = open(node, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return adit_fail_set(fail, ADIT_E_OS, errno, node_hint(errno), "cannot open %s", node);
    os_errno = attach(fd, spec, want_queues, &ifr);
    if (os_errno == EINVAL && want_queues) {
        want_queues = false;
        os_errno = attach(fd, spec, want_queues, &ifr);
    }
    if (os_errno != 0) {
        close(fd);
        return adit_fail_set(fail, ADIT_E_OS, os_errno, attach_hint(os_errno), "cannot use %s device '%s'",
                             spec->is_tap ? "tap" : "tun", spec->name);
    }
    if (ioctl(fd, TUNGETIFF, &now) == 0)
        out->is_persistent = (now.ifr_flags & IFF_PERSIST) != 0;
    out->fd = fd;
    out->has_queues = want_queues;
    if (!spec->is_further_queue)
        adit_steer_forget(fd);
    if (spec->want_in_trains || spec->want_out_trains)
        ask_for_offload(out, spec);
    else
        (void)ioctl(fd, TUNSETOFFLOAD, 0);
    snprintf(out->name, sizeof out->name, "%s", ifr.ifr_name);
    return ADIT_OK;
}

static adit_err read_tun(struct adit_device *d, struct adit_train *t)
{
    struct tun_device *dev = (struct tun_device *)d;
    size_t head_len = dev->has_vnet ? ADIT_VNET_LEN : 0;
    uint8_t *head = t->b - head_len;
    ssize_t n;

    do
        n = read(dev->fd, head, head_len + t->cap);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == EAGAIN ? ADIT_E_EMPTY : ADIT_E_OS;
    t->offload = (struct adit_offload){0};
    if ((size_t)n <= head_len)
        return ADIT_E_EMPTY;
    t->n = (size_t)n - head_len;
    if (!dev->has_vnet)
        return ADIT_OK;
    if (adit_vnet_read(adit_bytes_of(head, head_len), &t->offload) == ADIT_OK)
        return ADIT_OK;
    errno = EPROTO; /* a kind of super-packet that nobody asked for */
    return ADIT_E_OS;
}

static adit_err writing_failed(const struct adit_gather *g)
{
    switch (errno) {
    case EAGAIN:
    case ENOBUFS:
    case ENOMEM:
        return ADIT_E_QUEUE;
    case EINVAL:
        return g->offload.gso != ADIT_GSO_NONE ? ADIT_E_UNSUPPORTED : ADIT_E_MALFORMED;
    default:
        return ADIT_E_OS;
    }
}

/* A short one is copied behind its header: the kernel takes one piece with less ado than two. */
static ssize_t write_short(const struct tun_device *dev, const struct adit_gather *g)
{
    uint8_t b[ADIT_VNET_LEN + SHORT_MAX];

    adit_vnet_write(&g->offload, g->is_v6, b);
    return write(dev->fd, b, ADIT_VNET_LEN + adit_gather_copy(g, b + ADIT_VNET_LEN));
}

static ssize_t write_parts(const struct tun_device *dev, const struct adit_gather *g)
{
    struct iovec iov[1 + ADIT_MERGE_PARTS];
    uint8_t head[ADIT_VNET_LEN];
    int n_iov = 0;

    if (dev->has_vnet) {
        adit_vnet_write(&g->offload, g->is_v6, head);
        iov[n_iov++] = (struct iovec){head, sizeof head};
    }
    for (unsigned i = 0; i < g->n_parts; i++)
        iov[n_iov++] = (struct iovec){(void *)(uintptr_t)g->parts[i].p, g->parts[i].n};
    return writev(dev->fd, iov, n_iov);
}

static adit_err write_tun(struct adit_device *d, const struct adit_gather *g)
{
    struct tun_device *dev = (struct tun_device *)d;
    ssize_t n;

    if (g->offload.gso != ADIT_GSO_NONE && !dev->has_vnet)
        return ADIT_E_UNSUPPORTED;
    do
        n = dev->has_vnet && g->n <= SHORT_MAX ? write_short(dev, g) : write_parts(dev, g);
    while (n < 0 && errno == EINTR);
    return n >= 0 ? ADIT_OK : writing_failed(g);
}

static int tun_wait_fd(const struct adit_device *d)
{
    return ((const struct tun_device *)d)->fd;
}

/* A persistent device goes on to whoever comes next, who may not know of super-packets. */
static void free_tun(struct adit_device *d)
{
    struct tun_device *dev = (struct tun_device *)d;

    if (!d)
        return;
    if (dev->has_vnet)
        (void)ioctl(dev->fd, TUNSETOFFLOAD, 0);
    close(dev->fd);
    adit_free(d);
}

static const struct adit_device_ops tun_ops = {
    .read = read_tun,
    .write = write_tun,
    .wait_fd = tun_wait_fd,
    .free = free_tun,
};

struct adit_device *adit_tun_device_new(const struct adit_tun_opened *o)
{
    struct tun_device *dev = adit_alloc(sizeof *dev);

    if (!dev)
        return NULL;
    dev->base.ops = &tun_ops;
    dev->base.takes_tcp4 = dev->base.takes_tcp6 = o->takes_tcp;
    dev->base.takes_udp = o->takes_udp;
    dev->fd = o->fd;
    dev->has_vnet = o->has_vnet;
    return &dev->base;
}

static adit_err read_null(struct adit_device *d, struct adit_train *t)
{
    (void)d;
    (void)t;
    return ADIT_E_EMPTY;
}

static adit_err write_null(struct adit_device *d, const struct adit_gather *g)
{
    (void)d;
    (void)g;
    return ADIT_OK;
}

static int null_wait_fd(const struct adit_device *d)
{
    (void)d;
    return -1;
}

static void free_null(struct adit_device *d)
{
    adit_free(d);
}

static const struct adit_device_ops null_ops = {
    .read = read_null,
    .write = write_null,
    .wait_fd = null_wait_fd,
    .free = free_null,
};

struct adit_device *adit_null_device_new(void)
{
    struct adit_device *dev = adit_alloc(sizeof *dev);

    if (dev)
        dev->ops = &null_ops;
    return dev;
}
