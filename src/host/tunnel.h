/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tunnel's end on this machine: the device, its addresses, the routes into it. Everything goes through
 * linux/priv, which takes it all back at the end.
 */
#ifndef ADIT_HOST_TUNNEL_H
#define ADIT_HOST_TUNNEL_H

#include "conf/conf.h"
#include "conf/pushed.h"
#include "host/offload.h"
#include "linux/priv.h"
#include "plane/device.h"

enum {
    ADIT_TUNNEL_QUEUES_MAX = 32,
};

struct adit_tunnel {
    struct adit_priv *priv;
    const struct adit_log *log;
    struct adit_device *queues[ADIT_TUNNEL_QUEUES_MAX]; /* of the one device; the first NULL: not open */
    unsigned n_queues;
    struct adit_steer *steer; /* of the queues; NULL: the kernel goes by flow, or there is one queue */
    char ifname[ADIT_IFNAME_MAX];
    bool is_null;
    bool is_configured;
};

/* What a device is to be: from the configuration (server, p2p) or from a push reply (client). */
struct adit_tunnel_net {
    struct adit_ifconfig v4, v6;
    enum adit_conf_topology topology;
    bool is_tap;
    uint32_t mtu, txqueuelen;
    struct adit_ip gateway, gateway_v6; /* route-gateway; family NONE: the p2p peer, if any */
    const struct adit_conf_routes *routes, *routes_v6;
    int metric;            /* route-metric; -1: the system's */
    uint32_t redirect;     /* ADIT_REDIRECT_* */
    struct adit_ip server; /* address of the VPN server, for redirect-gateway and remote_host */
    bool is_ifconfig_noexec, is_route_noexec;
};

/*
 * Opens the device that `dev`, `dev-type` and `dev-node` name, with up to n_queues queues: fewer if the
 * device was made without. The log has the reason of a failure.
 */
ADIT_MUST_USE adit_err adit_tunnel_open(struct adit_tunnel *t, const struct adit_conf *c,
                                        const struct adit_host_offload *offload, unsigned n_queues,
                                        struct adit_priv *priv, const struct adit_log *log);
void adit_tunnel_close(struct adit_tunnel *t); /* zeros allowed */

struct adit_tunnel_net adit_tunnel_net_of_conf(const struct adit_conf *c);
struct adit_tunnel_net adit_tunnel_net_of_push(const struct adit_conf *c, const struct adit_pushed *p);

/*
 * Addresses, MTU, up. ADIT_E_OS: the device is unusable. A route that cannot be set is an error in the log
 * and in *n_failed, nothing more, as in openvpn.
 */
ADIT_MUST_USE adit_err adit_tunnel_configure(struct adit_tunnel *t, const struct adit_tunnel_net *net);
void adit_tunnel_route(struct adit_tunnel *t, const struct adit_tunnel_net *net, unsigned *n_failed);

/* Takes addresses and routes back; the device stays open. */
void adit_tunnel_unconfigure(struct adit_tunnel *t);

#endif
