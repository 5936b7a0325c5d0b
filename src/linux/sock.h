/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets from plain-data descriptions, and the only place where addresses become struct sockaddr.
 * Every descriptor is non-blocking and closed on exec. The caller owns what it is given.
 *
 * An address in an adit_addr is what the peer really has: IPv4 that arrives on a dual-stack IPv6 socket is
 * IPv4 here, and is mapped again when it goes out through such a socket.
 */
#ifndef ADIT_LINUX_SOCK_H
#define ADIT_LINUX_SOCK_H

#include <stdbool.h>
#include <sys/socket.h>

#include "base/addr.h"
#include "base/bytes.h"
#include "linux/fail.h"

enum adit_socket_kind {
    ADIT_SOCKET_UDP,
    ADIT_SOCKET_TCP_LISTEN,
    ADIT_SOCKET_TCP_CONNECT, /* made and bound; adit_socket_connect() starts it */
};

enum adit_mtu_disc {
    ADIT_SOCKET_DISC_SYSTEM, /* as the system has it */
    ADIT_SOCKET_DISC_NO,     /* never set "don't fragment" */
    ADIT_SOCKET_DISC_MAYBE,  /* per-route hints */
    ADIT_SOCKET_DISC_YES,    /* always set "don't fragment" */
};

enum { ADIT_SOCKET_IF_MAX = 16 };

struct adit_socket_spec {
    enum adit_socket_kind kind;
    enum adit_family family; /* ADIT_AF_V6 is dual-stack unless is_v6only */
    struct adit_addr local;  /* ip.family ADIT_AF_NONE: every address; port 0: the system chooses */
    bool want_bind;          /* false: `nobind` */
    bool is_v6only;
    bool want_reuseport; /* several sockets share the port; all of one user id */
    bool want_pktinfo;   /* `multihome`: tells to which of our addresses a datagram came */
    bool want_nodelay;
    bool has_mark;
    uint32_t mark;
    int sndbuf, rcvbuf; /* bytes; 0: the system's, but for receiving UDP at least 4 MiB if allowed */
    enum adit_mtu_disc mtu_disc;
    char bind_dev[ADIT_SOCKET_IF_MAX]; /* "" for any */
};

/*
 * Which family a `proto` word means. `wanted` is ADIT_AF_NONE for plain udp and tcp; then the remote address
 * decides, then the local one, then IPv4, as openvpn 2.6 does ("Could not determine IPv4/IPv6 protocol. Using
 * AF_INET"). ADIT_AF_NONE if the parts contradict each other. Either address may be NULL.
 */
enum adit_family adit_socket_family(enum adit_family wanted, const struct adit_addr *local,
                                    const struct adit_addr *remote);

ADIT_MUST_USE adit_err adit_socket_open(const struct adit_socket_spec *spec, int *fd, struct adit_fail *fail);

/* ADIT_OK: *fd and *peer are set (non-blocking). ADIT_E_EMPTY: nobody is waiting. ADIT_E_OS. */
ADIT_MUST_USE adit_err adit_socket_accept(int listener, bool want_nodelay, int *fd, struct adit_addr *peer);

/* ADIT_OK: connected. ADIT_E_EMPTY: under way; wait until writable, then ask adit_socket_connected(). */
ADIT_MUST_USE adit_err adit_socket_connect(int fd, const struct adit_addr *to, struct adit_fail *fail);
ADIT_MUST_USE adit_err adit_socket_connected(int fd, const struct adit_addr *to, struct adit_fail *fail);

/* The address a socket is bound to. */
ADIT_MUST_USE adit_err adit_socket_local(int fd, struct adit_addr *out);

/* The buffer sizes the system granted, for the log line "Socket Buffers". */
void adit_socket_buffers(int fd, int *rcvbuf, int *sndbuf);

/* ---- sockaddr ---- */

/* `socket_family` is AF_INET or AF_INET6. False if a v6 address should go into a v4 socket, or there is no
 * address. */
bool adit_sockaddr_put(const struct adit_addr *a, int socket_family, struct sockaddr_storage *out,
                       socklen_t *len);

/* False if it is neither IPv4 nor IPv6. */
bool adit_sockaddr_get(const struct sockaddr *sa, socklen_t len, struct adit_addr *out);

/* ---- which of our addresses (multihome) ---- */

enum { ADIT_PKTINFO_SPACE = 40 }; /* control bytes that add() may need */

/* Of what recvmsg() left in msg->msg_control; family ADIT_AF_NONE: unknown. Port 0; a scope if link-local. */
struct adit_addr adit_pktinfo_get(const struct msghdr *msg);

/*
 * Control data for sendmsg(), behind the msg_controllen bytes that msg has; msg_control points to memory that
 * is aligned as struct cmsghdr and has room for CMSG_SPACE(data.n) more.
 */
void adit_cmsg_add(struct msghdr *msg, int level, int type, adit_bytes data);

/* The source for sendmsg(), if there is one. But for link-local ones the interface is the routing table's. */
void adit_pktinfo_add(struct msghdr *msg, const struct adit_addr *from, int socket_family);

#endif
