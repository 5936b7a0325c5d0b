/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening, accepting and connecting. A dual-stack socket is asked for by name (IPV6_V6ONLY is always set or
 * cleared), because the system's default is a matter of configuration.
 */
#include "linux/sock.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    BACKLOG = 1024,
    UDP_RCVBUF = 4 * 1024 * 1024,
};

enum adit_family adit_socket_family(enum adit_family wanted, const struct adit_addr *local,
                                    const struct adit_addr *remote)
{
    enum adit_family of_local = local ? local->ip.family : ADIT_AF_NONE;
    enum adit_family of_remote = remote ? remote->ip.family : ADIT_AF_NONE;
    enum adit_family f = wanted != ADIT_AF_NONE      ? wanted
                         : of_remote != ADIT_AF_NONE ? of_remote
                         : of_local != ADIT_AF_NONE  ? of_local
                                                     : ADIT_AF_V4;

    if ((of_local != ADIT_AF_NONE && of_local != f) || (of_remote != ADIT_AF_NONE && of_remote != f))
        return ADIT_AF_NONE;
    return f;
}

static bool is_tcp(const struct adit_socket_spec *s)
{
    return s->kind != ADIT_SOCKET_UDP;
}

static adit_err set_number(int fd, int level, int name, int value, const char *what, struct adit_fail *fail)
{
    if (setsockopt(fd, level, name, &value, sizeof value) == 0)
        return ADIT_OK;
    return adit_fail_set(fail, ADIT_E_OS, errno,
                         errno == EPERM ? "needs CAP_NET_ADMIN: run as root, or leave the option out" : NULL,
                         "socket option %s", what);
}

static adit_err set_mtu_disc(int fd, const struct adit_socket_spec *s, struct adit_fail *fail)
{
    static const int value4[] = {0, IP_PMTUDISC_DONT, IP_PMTUDISC_WANT, IP_PMTUDISC_DO};
    static const int value6[] = {0, IPV6_PMTUDISC_DONT, IPV6_PMTUDISC_WANT, IPV6_PMTUDISC_DO};
    adit_err e;

    if (s->mtu_disc == ADIT_SOCKET_DISC_SYSTEM)
        return ADIT_OK;
    /* A dual-stack socket sends IPv4 by the IPv4 setting. */
    e = set_number(fd, IPPROTO_IP, IP_MTU_DISCOVER, value4[s->mtu_disc], "mtu-disc", fail);
    if (e == ADIT_OK && s->family == ADIT_AF_V6)
        e = set_number(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, value6[s->mtu_disc], "mtu-disc", fail);
    return e;
}

static adit_err set_pktinfo(int fd, const struct adit_socket_spec *s, struct adit_fail *fail)
{
    adit_err e = ADIT_OK;

    if (!s->want_pktinfo || is_tcp(s))
        return ADIT_OK;
    if (s->family == ADIT_AF_V6)
        e = set_number(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1, "multihome", fail);
    else
        e = set_number(fd, IPPROTO_IP, IP_PKTINFO, 1, "multihome", fail);
    return e;
}

/*
 * Room for a burst while this program does not run: the system's default holds some 250 small packets, which
 * a flood brings in ten milliseconds. Without the right to exceed the system's limit (net.core.rmem_max) it
 * is what that allows.
 */
static void enlarge_rcvbuf(int fd)
{
    int bytes = UDP_RCVBUF;

    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) != 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
}

static adit_err set_options(int fd, const struct adit_socket_spec *s, struct adit_fail *fail)
{
    adit_err e = ADIT_OK;

    if (s->family == ADIT_AF_V6)
        e = set_number(fd, IPPROTO_IPV6, IPV6_V6ONLY, s->is_v6only, "ipv6only", fail);
    if (e == ADIT_OK && is_tcp(s))
        e = set_number(fd, SOL_SOCKET, SO_REUSEADDR, 1, "reuse of the address", fail);
    if (e == ADIT_OK && s->want_reuseport)
        e = set_number(fd, SOL_SOCKET, SO_REUSEPORT, 1, "sharing of the port", fail);
    if (e == ADIT_OK && s->sndbuf > 0)
        e = set_number(fd, SOL_SOCKET, SO_SNDBUF, s->sndbuf, "sndbuf", fail);
    if (s->rcvbuf == 0 && !is_tcp(s))
        enlarge_rcvbuf(fd);
    if (e == ADIT_OK && s->rcvbuf > 0)
        e = set_number(fd, SOL_SOCKET, SO_RCVBUF, s->rcvbuf, "rcvbuf", fail);
    if (e == ADIT_OK && s->has_mark)
        e = set_number(fd, SOL_SOCKET, SO_MARK, (int)s->mark, "mark", fail);
    if (e == ADIT_OK && s->want_nodelay && is_tcp(s))
        e = set_number(fd, IPPROTO_TCP, TCP_NODELAY, 1, "TCP_NODELAY", fail);
    if (e == ADIT_OK)
        e = set_pktinfo(fd, s, fail);
    if (e == ADIT_OK)
        e = set_mtu_disc(fd, s, fail);
    if (e != ADIT_OK || s->bind_dev[0] == '\0')
        return e;
    if (setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, s->bind_dev, (socklen_t)strlen(s->bind_dev)) == 0)
        return ADIT_OK;
    return adit_fail_set(fail, ADIT_E_OS, errno, errno == ENODEV ? "is the interface up?" : NULL,
                         "bind-dev %s", s->bind_dev);
}

static const char *bind_hint(int os_errno, uint16_t port)
{
    switch (os_errno) {
    case EADDRINUSE:
        return "another program has this address and port; stop it, or choose another port with lport or "
               "port";
    case EADDRNOTAVAIL:
        return "no interface of this machine has the address; correct local, or leave it out";
    case EACCES:
        return port < 1024 ? "ports below 1024 need CAP_NET_BIND_SERVICE: run as root, or choose another port"
                           : NULL;
    default:
        return NULL;
    }
}

static adit_err bind_local(int fd, const struct adit_socket_spec *s, struct adit_fail *fail)
{
    struct adit_addr local = s->local;
    struct sockaddr_storage sa;
    socklen_t len;
    char text[ADIT_ADDR_STR_MAX];

    if (!s->want_bind)
        return ADIT_OK;
    if (local.ip.family == ADIT_AF_NONE)
        local.ip.family = s->family;
    if (!adit_sockaddr_put(&local, s->family == ADIT_AF_V6 ? AF_INET6 : AF_INET, &sa, &len))
        return adit_fail_set(fail, ADIT_E_CONFIG, 0, "give local and proto the same family", "bind %s failed",
                             adit_addr_str(&local, text, sizeof text));
    if (bind(fd, (struct sockaddr *)&sa, len) == 0)
        return ADIT_OK;
    return adit_fail_set(fail, ADIT_E_OS, errno, bind_hint(errno, local.port), "bind %s failed",
                         adit_addr_str(&local, text, sizeof text));
}

adit_err adit_socket_open(const struct adit_socket_spec *spec, int *fd, struct adit_fail *fail)
{
    int type = (is_tcp(spec) ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC;
    adit_err e;

    *fd = socket(spec->family == ADIT_AF_V6 ? AF_INET6 : AF_INET, type, 0);
    if (*fd < 0)
        return adit_fail_set(fail, ADIT_E_OS, errno,
                             errno == EAFNOSUPPORT ? "this machine has no IPv6; use udp4 or tcp4" : NULL,
                             "cannot make a socket");
    e = set_options(*fd, spec, fail);
    if (e == ADIT_OK)
        e = bind_local(*fd, spec, fail);
    if (e == ADIT_OK && spec->kind == ADIT_SOCKET_TCP_LISTEN && listen(*fd, BACKLOG) != 0)
        e = adit_fail_set(fail, ADIT_E_OS, errno, bind_hint(errno, spec->local.port), "cannot listen");
    if (e != ADIT_OK) {
        close(*fd);
        *fd = -1;
    }
    return e;
}

adit_err adit_socket_accept(int listener, bool want_nodelay, int *fd, struct adit_addr *peer)
{
    struct sockaddr_storage sa;
    socklen_t len = sizeof sa;
    int one = 1;

    *fd = accept4(listener, (struct sockaddr *)&sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    /* A client that gave up while waiting is nobody's trouble: the next call finds the next one. */
    if (*fd < 0)
        return errno == EAGAIN || errno == EINTR || errno == ECONNABORTED || errno == EPROTO ? ADIT_E_EMPTY
                                                                                             : ADIT_E_OS;
    if (!adit_sockaddr_get((struct sockaddr *)&sa, len, peer)) {
        close(*fd);
        *fd = -1;
        return ADIT_E_EMPTY;
    }
    if (want_nodelay)
        (void)setsockopt(*fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return ADIT_OK;
}

static const char *connect_hint(int os_errno)
{
    switch (os_errno) {
    case ECONNREFUSED:
        return "nothing listens there; check address, port and proto";
    case ENETUNREACH:
    case EHOSTUNREACH:
        return "check the network connection";
    case ETIMEDOUT:
        return "no answer; a firewall may be in the way";
    default:
        return NULL;
    }
}

static adit_err connect_failed(int os_errno, const struct adit_addr *to, struct adit_fail *fail)
{
    char text[ADIT_ADDR_STR_MAX];

    return adit_fail_set(fail, ADIT_E_OS, os_errno, connect_hint(os_errno), "connect to %s failed",
                         adit_addr_str(to, text, sizeof text));
}

static int family_of(int fd)
{
    int family = AF_UNSPEC;
    socklen_t len = sizeof family;

    return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &len) == 0 ? family : AF_UNSPEC;
}

adit_err adit_socket_connect(int fd, const struct adit_addr *to, struct adit_fail *fail)
{
    struct sockaddr_storage sa;
    socklen_t len;

    if (!adit_sockaddr_put(to, family_of(fd), &sa, &len))
        return connect_failed(EAFNOSUPPORT, to, fail);
    if (connect(fd, (struct sockaddr *)&sa, len) == 0)
        return ADIT_OK;
    if (errno == EINPROGRESS || errno == EINTR)
        return ADIT_E_EMPTY;
    return connect_failed(errno, to, fail);
}

adit_err adit_socket_connected(int fd, const struct adit_addr *to, struct adit_fail *fail)
{
    int os_errno = 0;
    socklen_t len = sizeof os_errno;
    struct sockaddr_storage sa;

    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &os_errno, &len) != 0)
        os_errno = errno;
    if (os_errno != 0)
        return connect_failed(os_errno, to, fail);
    len = sizeof sa;
    if (getpeername(fd, (struct sockaddr *)&sa, &len) == 0)
        return ADIT_OK;
    return errno == ENOTCONN ? ADIT_E_EMPTY : connect_failed(errno, to, fail);
}

adit_err adit_socket_local(int fd, struct adit_addr *out)
{
    struct sockaddr_storage sa;
    socklen_t len = sizeof sa;

    if (getsockname(fd, (struct sockaddr *)&sa, &len) != 0)
        return ADIT_E_OS;
    return adit_sockaddr_get((struct sockaddr *)&sa, len, out) ? ADIT_OK : ADIT_E_UNSUPPORTED;
}

void adit_socket_buffers(int fd, int *rcvbuf, int *sndbuf)
{
    socklen_t len = sizeof *rcvbuf;

    *rcvbuf = *sndbuf = 0;
    (void)getsockopt(fd, SOL_SOCKET, SO_RCVBUF, rcvbuf, &len);
    len = sizeof *sndbuf;
    (void)getsockopt(fd, SOL_SOCKET, SO_SNDBUF, sndbuf, &len);
}
