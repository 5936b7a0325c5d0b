/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything that needs rights goes through one function here, as plain data: links, addresses, routes, tun
 * devices, privileged sockets. Today it acts itself; a request holds no pointer, so the acting side can
 * become another process.
 *
 * Whatever is added is noted and taken away again by adit_priv_undo_all(), newest first. What existed before
 * is neither removed nor replaced: adding it again succeeds with `is_existing`, and undo leaves it alone.
 * Changes that would outlive the process are also noted in a state file, from which the next start cleans up
 * after a crash (statefile.h); a route or address of a tun device that dies with us needs no such note.
 *
 * One thread at a time.
 */
#ifndef ADIT_LINUX_PRIV_H
#define ADIT_LINUX_PRIV_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/log.h"
#include "linux/fail.h"
#include "linux/sock.h"
#include "linux/steer_tun.h"
#include "linux/tun.h"

enum { ADIT_IFNAME_MAX = 16 };

/* Our mark on routes (`ip route` shows "proto 173"): cleaning up can never hit somebody else's. */
enum { ADIT_ROUTE_PROTO = 173 };

enum adit_priv_kind {
    ADIT_PRIV_TUN_OPEN,
    ADIT_PRIV_LINK_SET,
    ADIT_PRIV_ADDR_ADD,
    ADIT_PRIV_ADDR_DEL,
    ADIT_PRIV_ROUTE_ADD,
    ADIT_PRIV_ROUTE_DEL,   /* a foreign route (redirect-gateway without def1) is put back by undo; one with
                              several next hops could not be, and is refused */
    ADIT_PRIV_ROUTE_GET,   /* the route the kernel takes to dst.ip */
    ADIT_PRIV_GATEWAY_GET, /* the default route of dst.ip.family */
    ADIT_PRIV_SOCKET_OPEN,
    ADIT_PRIV_STEER_LOAD,
};

struct adit_priv_link {
    char ifname[ADIT_IFNAME_MAX];
    bool want_up;
    uint32_t mtu;     /* 0: as it is */
    uint32_t txqueue; /* packets; 0: as it is */
    bool has_mac;
    uint8_t mac[6];
};

struct adit_priv_addr {
    char ifname[ADIT_IFNAME_MAX];
    struct adit_prefix local; /* the address and the length of its network */
    struct adit_ip peer;      /* point-to-point; else family ADIT_AF_NONE */
};

struct adit_priv_route {
    struct adit_prefix dst;       /* 0.0.0.0/0 or ::/0 is the default route */
    struct adit_ip gateway;       /* family ADIT_AF_NONE: directly on the interface */
    struct adit_ip source;        /* preferred source address, or family ADIT_AF_NONE */
    char ifname[ADIT_IFNAME_MAX]; /* "": that of the gateway */
    int64_t metric;               /* -1: the kernel's own; in a ROUTE_DEL: any */
    uint32_t table;               /* 0: main */
    bool is_onlink;               /* the gateway is reachable although no route says so */
    bool is_local;                /* answers only: the address is one of this machine's */
    uint8_t proto;                /* answers only: who made it (RTPROT_...) */
    bool has_more_gateways;       /* answers only: several next hops share the traffic; this is the first */
};

struct adit_priv_req {
    enum adit_priv_kind kind;
    union {
        struct adit_tun_spec tun;
        struct adit_priv_link link;
        struct adit_priv_addr addr;
        struct adit_priv_route route;
        struct adit_socket_spec socket;
        uint32_t n_prefixes; /* STEER_LOAD: see adit_steer_load() */
    };
};

struct adit_priv_res {
    adit_err err;     /* ADIT_E_NO_ROUTE: a query without an answer */
    bool is_existing; /* ADDR_ADD, ROUTE_ADD: was there before; fail.text says so, for a warning */
    struct adit_fail fail;
    union {
        struct adit_tun_opened tun;     /* its fd is the caller's */
        struct adit_priv_route route;   /* ROUTE_GET, GATEWAY_GET */
        int fd;                         /* SOCKET_OPEN; the caller's */
        struct adit_steer_loaded steer; /* its descriptors are the caller's */
    };
};

struct adit_priv;

/*
 * Cleans up after a dead process first, if state_path (NULL: none is kept) tells of one; each thing put right
 * is a line in the log. Without access to state_path it goes on with a warning, as most who lack it lack the
 * right to change anything.
 */
ADIT_MUST_USE adit_err adit_priv_new(const char *state_path, const struct adit_log *log,
                                     struct adit_priv **out, struct adit_fail *fail);

/* Returns res->err. */
adit_err adit_priv_do(struct adit_priv *p, const struct adit_priv_req *req, struct adit_priv_res *res);

/* Newest first. Things that went away by themselves meanwhile are no error. Call it before devices are
 * closed. */
void adit_priv_undo_all(struct adit_priv *p);

/* How many things undo would take back. */
size_t adit_priv_count(const struct adit_priv *p);

/* Undoes what is left. NULL is allowed. */
void adit_priv_free(struct adit_priv *p);

#endif
