/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a server pushed, judged and made a value of its own: the configuration itself never changes. An option
 * that may not be pushed, is unknown or malformed is a note and nothing more; nothing pushed can name a file
 * or a program. Protocol text: 8.6, 9.2, 10.
 */
#ifndef ADIT_CONF_PUSHED_H
#define ADIT_CONF_PUSHED_H

#include "conf/conf.h"

enum { /* protocol-flags and key-derivation */
       ADIT_PUSHED_CC_EXIT = 1 << 0,
       ADIT_PUSHED_TLS_EKM = 1 << 1,
       ADIT_PUSHED_DYN_TLS_CRYPT = 1 << 2,
       ADIT_PUSHED_AEAD_EPOCH = 1 << 3,
};

#define ADIT_PUSHED_NO_PEER_ID 0xffffffu

/* Values that were not pushed are the configuration's own, so that a host only looks here. */
struct adit_pushed {
    struct adit_ifconfig ifconfig, ifconfig_ipv6;
    enum adit_conf_topology topology;
    struct adit_ip route_gateway, route_gateway_ipv6;
    bool is_route_gateway_dhcp;
    struct adit_conf_routes routes, routes_ipv6; /* the configuration's own first, then the pushed ones */
    int route_metric;
    bool has_route_delay;
    uint32_t route_delay_s, route_delay_window_s;
    uint32_t redirect; /* ADIT_REDIRECT_*, of both */
    bool is_ifconfig_noexec, is_ifconfig_nowarn;
    bool is_persist_tun;

    uint32_t ping_s, ping_restart_s, ping_exit_s;
    bool is_ping_timer_rem;
    uint32_t inactive_s;
    uint64_t inactive_bytes;
    uint32_t session_timeout_s;
    bool has_exit_notify;
    uint32_t exit_notify; /* of the connection, if it was not pushed */

    uint32_t peer_id;     /* ADIT_PUSHED_NO_PEER_ID: none */
    const char *cipher;   /* NULL: not pushed */
    uint32_t flags;       /* ADIT_PUSHED_* */
    uint32_t peer_window; /* the server's replay window, packets; 0: not pushed */
    bool has_tun_mtu;
    uint32_t tun_mtu; /* the effective one */

    const char *auth_token, *auth_token_user; /* NULL: none; the user is base64, as it came */
    struct adit_strs dns_lines;               /* own and pushed: "dhcp-option DNS ...", "dns server ..." */
    struct adit_strs echo;                    /* texts of echo and parameter */
    struct adit_conf_setenvs env;             /* setenv-safe */
    uint32_t sndbuf, rcvbuf;
    bool want_tcp_nodelay;
    uint32_t verb, mute;

    bool is_rejected;        /* a pull-filter rejected an option: reconnect */
    const char *rejected_by; /* the filter's text */
};

/*
 * options: each NUL-terminated, in order (adit_event.options of a PUSHED event). `conn`: the connection in
 * use. ADIT_OK: *out holds everything, and is_rejected tells whether a pull-filter said reject;
 * ADIT_E_PUSH_REFUSED: an option that must not be ignored is unacceptable (the report says which), *out is
 * NULL; ADIT_E_MEMORY.
 */
ADIT_MUST_USE adit_err adit_pushed_new(const struct adit_conf *c, const struct adit_conf_conn *conn,
                                       adit_bytes options, struct adit_conf_report *report,
                                       const struct adit_pushed **out);

void adit_pushed_free(const struct adit_pushed *p); /* wipes; NULL allowed */

#endif
