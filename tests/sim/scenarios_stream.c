/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same over TCP, where nothing is lost or doubled, but a connection may be reset, stall, or be forgotten
 * by whatever lies between. Protocol text: 2.2.
 */
#include "scenario.h"

/* clang-format off */

#define KEEPALIVE .ping_s = 10, .ping_restart_s = 60
#define USUAL .is_tcp = true, .traffic_ms = 100, KEEPALIVE

#define PLAIN(what, ...) \
    {.name = "tcp: handshake and renewal, " what, \
     .plan = {USUAL, .acts = {{5000, SIM_ACT_RENEGOTIATE, 1, 0}, \
                       {10000, SIM_ACT_RENEGOTIATE, SIM_SERVER, 0}}, \
              __VA_ARGS__}, \
     .sweep = {.kind = SIM_SEEDS, .to = 5}, \
     .musts = {MUST_UP(600, 1), \
               MUST_HAVE(75000, 1, SIM_SESSIONS, SIM_EXACTLY, 1), \
               MUST_HAVE(75000, SIM_SERVER, SIM_SESSIONS, SIM_EXACTLY, 1), \
               MUST_HAVE(75000, 1, SIM_KEYS, SIM_EXACTLY, 3), \
               MUST_HAVE(75000, SIM_SERVER, SIM_KEYS, SIM_EXACTLY, 3), \
               MUST_LOSE(600, 75000, 1, 0)}}

#define CROSSING(what, ...) \
    {.name = "tcp: renewal of both at once, " what, \
     .plan = {USUAL, .acts = {{5060, SIM_ACT_RENEGOTIATE, 1, 0}, \
                       {5000, SIM_ACT_RENEGOTIATE, SIM_SERVER, 0}}, \
              __VA_ARGS__}, \
     .sweep = {.kind = SIM_MOMENTS, .to = 120, .step = 12, .deep_step = 1, .act = 1, .n_acts = 1}, \
     .musts = {MUST_UP(75000, 1), \
               MUST_HAVE(75000, 1, SIM_KEYS, SIM_AT_LEAST, 2), \
               MUST_HAVE(75000, 1, SIM_KEYS, SIM_AT_MOST, 3), \
               MUST_HAVE(75000, 1, SIM_SESSIONS, SIM_EXACTLY, 1), \
               MUST_LOSE(1000, 75000, 1, 0)}}

#define AGAIN(what, by, kind_, who, value, ...) \
    {.name = "tcp: " what, \
     .plan = {USUAL, .acts = {{1, kind_, who, value}}, __VA_ARGS__}, \
     .sweep = {.kind = SIM_MOMENTS, .to = 320, .step = 20, .deep_step = 1}, \
     .musts = {MUST_UP(by, 1), \
               MUST_HAVE(by, 1, SIM_SESSIONS, SIM_AT_MOST, 2), \
               MUST_LOSE(by, by + 10000, 1, 0), \
               MUST_HAVE(by + 65000, SIM_SERVER, SIM_CALLERS, SIM_EXACTLY, 1)}}

#define IN_RENEWAL(what, by, kind_, who, value) \
    {.name = "tcp: in the renewal, " what, \
     .plan = {USUAL, .acts = {{5000, SIM_ACT_RENEGOTIATE, 1, 0}, {5000, kind_, who, value}}}, \
     .sweep = {.kind = SIM_MOMENTS, .to = 300, .step = 20, .deep_step = 1, .act = 1, .n_acts = 1}, \
     .musts = {MUST_UP(by, 1), \
               MUST_HAVE(by, 1, SIM_SESSIONS, SIM_AT_MOST, 2), \
               MUST_HAVE(by, SIM_SERVER, SIM_CALLERS, SIM_EXACTLY, 1), \
               MUST_LOSE(by, by + 10000, 1, 0)}}

static const struct sim_scenario rows[] = {
    PLAIN("bare", .wrap = SIM_BARE),
    PLAIN("tls-auth", .wrap = SIM_TLS_AUTH),
    PLAIN("tls-crypt", .wrap = SIM_TLS_CRYPT),
    PLAIN("tls-crypt-v2", .wrap = SIM_V2),
    PLAIN("tls-crypt-v2 with cookie", .wrap = SIM_V2_COOKIE),
    PLAIN("two round trips", .wrap = SIM_TLS_CRYPT, .is_tls_12 = true),
    PLAIN("threads", .wrap = SIM_TLS_CRYPT, .has_threads = true),
    CROSSING("bare", .wrap = SIM_BARE),
    CROSSING("tls-crypt", .wrap = SIM_TLS_CRYPT),
    CROSSING("threads", .has_threads = true),

    AGAIN("reset at every step", 3000, SIM_ACT_RESET, 1, 0),
    AGAIN("reset at every step, cookie", 3000, SIM_ACT_RESET, 1, 0, .wrap = SIM_V2_COOKIE),
    AGAIN("restart of the client at every step", 2000, SIM_ACT_CRASH, 1, 1000),
    AGAIN("restart of the server at every step", 5000, SIM_ACT_CRASH, SIM_SERVER, 1000),
    AGAIN("stalled for 5 s at every step", 7000, SIM_ACT_STALL, 1, 5000),
    AGAIN("sleep of the client for 5 s at every step", 7000, SIM_ACT_PAUSE, 1, 5000),
    AGAIN("sleep of the server for 5 s at every step", 7000, SIM_ACT_PAUSE, SIM_SERVER, 5000),
    /* Nobody tells either end that the connection is no more: keepalive, or hand-window, or
     * connect-timeout. */
    AGAIN("forgotten by the NAT at every step", 125000, SIM_ACT_REBIND, 1, 0),
    IN_RENEWAL("reset at every step", 8000, SIM_ACT_RESET, 1, 0),
    IN_RENEWAL("restart of the client at every step", 8000, SIM_ACT_CRASH, 1, 1000),
    IN_RENEWAL("restart of the server at every step", 10000, SIM_ACT_CRASH, SIM_SERVER, 1000),
    IN_RENEWAL("stalled for 5 s at every step", 12000, SIM_ACT_STALL, 1, 5000),
    IN_RENEWAL("forgotten by the NAT at every step", 130000, SIM_ACT_REBIND, 1, 0),

    {.name = "tcp: a stall is no end",
     .plan = {USUAL, .acts = {{10000, SIM_ACT_STALL, 1, 30000}}},
     .musts = {MUST_UP(45000, 1),
               MUST_HAVE(60000, 1, SIM_SESSIONS, SIM_EXACTLY, 1),
               MUST_LOSE(1000, 60000, 1, 0)}},
    {.name = "tcp: a stall of more than ping-restart is one",
     .plan = {USUAL, .acts = {{10000, SIM_ACT_STALL, 1, 100000}}},
     .musts = {MUST_END(69000, 1, SIM_EXACTLY, 0, ADIT_E_PEER_SILENT),
               MUST_END(71000, 1, SIM_EXACTLY, 1, ADIT_E_PEER_SILENT),
               MUST_UP(73000, 1),
               MUST_HAVE(200000, SIM_SERVER, SIM_CALLERS, SIM_EXACTLY, 1),
               MUST_LOSE(73000, 200000, 1, 0)}},
    {.name = "tcp: over a line that loses 30 %",
     .plan = {USUAL, .n_lines = 1, .lines = {{.up = {.latency_us = 20000, .faults = {.loss_ppm = 300000}},
                                              .down = {.latency_us = 20000,
                                                       .faults = {.loss_ppm = 300000}}}}},
     .sweep = {.kind = SIM_SEEDS, .to = 20},
     .musts = {MUST_UP(60000, 1), MUST_HAVE(60000, 1, SIM_SESSIONS, SIM_EXACTLY, 1)}},
    {.name = "tcp: goodbye of the client, and back",
     .plan = {USUAL, .acts = {{5000, SIM_ACT_LEAVE, 1, 20000}}},
     .musts = {MUST_HAVE(6000, SIM_SERVER, SIM_CALLERS, SIM_EXACTLY, 0),
               MUST_END(6000, SIM_SERVER, SIM_EXACTLY, 1, ADIT_E_CONNECTION_RESET),
               MUST_UP(26000, 1)}},
    {.name = "tcp: goodbye of the server, and back",
     .plan = {USUAL, .n_clients = 5, .acts = {{5000, SIM_ACT_LEAVE, SIM_SERVER, 6000}}},
     .musts = {MUST_END(6000, SIM_ALL, SIM_EXACTLY, 1, ADIT_E_PEER_RESTART), MUST_UP(30000, SIM_ALL)}},
    {.name = "tcp: key ids begin again",
     .plan = {USUAL, .reneg_s = 20},
     .musts = {MUST_HAVE(300000, 1, SIM_KEYS, SIM_AT_LEAST, 13),
               MUST_HAVE(300000, 1, SIM_SESSIONS, SIM_EXACTLY, 1),
               MUST_LOSE(1000, 300000, 1, 0)}},
};

/* clang-format on */

const struct sim_table sim_table_stream = {rows, sizeof rows / sizeof rows[0]};
