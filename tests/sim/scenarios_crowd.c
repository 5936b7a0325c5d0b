/* SPDX-License-Identifier: Apache-2.0 */
/* Many clients, who begin all at once. */
#include "scenario.h"

/* clang-format off */

/* Everybody, the server too, is without power for ten seconds; then all come in the same moment. */
#define POWER_CUT(what, n, by, ...) \
    {.name = "crowd: " what, \
     .plan = {.n_clients = n, .ping_s = 10, .ping_restart_s = 60, .start_ms = 3000, \
              .acts = {{10000, SIM_ACT_CRASH, SIM_SERVER, 10000}, {10000, SIM_ACT_CRASH, SIM_ALL, 10000}}, \
              __VA_ARGS__}, \
     .musts = {MUST_HAVE(9000, SIM_SERVER, SIM_N_UP, SIM_EXACTLY, n), \
               MUST_HAVE(by, SIM_SERVER, SIM_N_UP, SIM_EXACTLY, n), \
               MUST_HAVE(by, SIM_SERVER, SIM_LEASES, SIM_EXACTLY, n), \
               MUST_HAVE(by, SIM_ALL, SIM_SESSIONS, SIM_EXACTLY, 2), \
               MUST_LOSE(by, by + 5000, SIM_SERVER, 0)}}

/* The server alone is restarted: everybody notices by keepalive, and comes back. */
#define SERVER_CUT(what, n, by, ...) \
    {.name = "crowd: " what, \
     .plan = {.n_clients = n, .ping_s = 10, .ping_restart_s = 60, .start_ms = 3000, \
              .acts = {{10000, SIM_ACT_CRASH, SIM_SERVER, 1000}}, __VA_ARGS__}, \
     .musts = {MUST_HAVE(9000, SIM_SERVER, SIM_N_UP, SIM_EXACTLY, n), \
               MUST_HAVE(by, SIM_SERVER, SIM_N_UP, SIM_EXACTLY, n), \
               MUST_HAVE(by, SIM_ALL, SIM_SESSIONS, SIM_EXACTLY, 2), \
               MUST_LOSE(by, by + 5000, SIM_SERVER, 0)}}

#define ALL_RENEW(what, who, ...) \
    {.name = "crowd: " what, \
     .plan = {.n_clients = 50, .traffic_ms = 500, .start_ms = 1000, \
              .acts = {{5000, SIM_ACT_RENEGOTIATE, who, 0}}, \
              __VA_ARGS__}, \
     .musts = {MUST_HAVE(10000, SIM_ALL, SIM_KEYS, SIM_EXACTLY, 2), \
               MUST_HAVE(30000, SIM_ALL, SIM_SESSIONS, SIM_EXACTLY, 1), \
               MUST_HAVE(30000, SIM_SERVER, SIM_ALL_ENDS, SIM_EXACTLY, 0), \
               MUST_LOSE(3000, 30000, SIM_SERVER, 0)}}

static const struct sim_scenario rows[] = {
    POWER_CUT("1,000 clients after a power cut", 1000, 23000, .traffic_ms = 5000),
    POWER_CUT("300 clients after a power cut, cookie", 300, 23000, .traffic_ms = 2000, .wrap = SIM_V2_COOKIE),
    POWER_CUT("200 clients after a power cut, over TCP", 200, 24000, .traffic_ms = 2000, .is_tcp = true),
    POWER_CUT("100 clients after a power cut, two round trips", 100, 23000, .traffic_ms = 1000,
              .is_tls_12 = true),
    POWER_CUT("100 clients after a power cut, threads", 100, 45000, .traffic_ms = 1000, .has_threads = true),
    SERVER_CUT("300 clients, the server restarts", 300, 75000, .traffic_ms = 5000),
    SERVER_CUT("100 clients, the server restarts, over TCP", 100, 20000, .traffic_ms = 1000, .is_tcp = true),
    ALL_RENEW("50 clients renew at once", SIM_ALL),
    ALL_RENEW("50 clients are told to renew at once", SIM_SERVER),
    /* connect-freq-initial: 100 may be answered before they have shown where they are. */
    {.name = "crowd: 300 clients at once, and 100 may begin",
     .plan = {.n_clients = 300, .ping_s = 10, .ping_restart_s = 60, .connect_freq_initial = 100,
              .traffic_ms = 5000},
     .musts = {MUST_HAVE(1500, SIM_SERVER, SIM_N_UP, SIM_EXACTLY, 100),
               MUST_HAVE(7000, SIM_SERVER, SIM_N_UP, SIM_EXACTLY, 300),
               MUST_HAVE(7000, SIM_ALL, SIM_SESSIONS, SIM_EXACTLY, 1),
               MUST_LOSE(7000, 20000, SIM_SERVER, 0)}},
    {.name = "crowd: one name, ten clients, duplicate-cn",
     .plan = {.n_clients = 10, .is_duplicate_cn = true, .ping_s = 10, .ping_restart_s = 60,
              .traffic_ms = 200},
     .musts = {MUST_UP(2000, SIM_ALL),
               MUST_HAVE(20000, SIM_SERVER, SIM_LEASES, SIM_EXACTLY, 10),
               MUST_HAVE(20000, SIM_ALL, SIM_SESSIONS, SIM_EXACTLY, 1)}},
    {.name = "crowd: eight clients talk to each other",
     .plan = {.n_clients = 8, .want_client_to_client = true, .traffic_ms = 100,
              .acts = {{10000, SIM_ACT_REBIND, 3, 0}, {15000, SIM_ACT_RENEGOTIATE, SIM_ALL, 0}}},
     .musts = {MUST_UP(2000, SIM_ALL),
               MUST_LOSE(2000, 30000, SIM_SERVER, 3),
               MUST_HAVE(30000, SIM_ALL, SIM_SESSIONS, SIM_EXACTLY, 1)}},
    {.name = "crowd: eight clients, one is cut off, nobody else notices",
     .plan = {.n_clients = 8, .ping_s = 10, .ping_restart_s = 60, .traffic_ms = 200,
              .acts = {{10000, SIM_ACT_CUT, 4, 0}, {150000, SIM_ACT_JOIN, 4, 0}}},
     .musts = {MUST_HAVE(100000, SIM_SERVER, SIM_N_UP, SIM_EXACTLY, 7),
               MUST_HAVE(132000, SIM_SERVER, SIM_LEASES, SIM_EXACTLY, 7),
               MUST_LOSE(2000, 150000, 1, 0),
               MUST_LOSE(2000, 150000, 8, 0),
               MUST_UP(200000, SIM_ALL)}},
};

/* clang-format on */

const struct sim_table sim_table_crowd = {rows, sizeof rows / sizeof rows[0]};
