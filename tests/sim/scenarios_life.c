/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hosts that stop and start, fall silent, sleep, or lose their clock; lines of all kinds; a long day.
 */
#include "scenario.h"

/* clang-format off */

#define KEEPALIVE .ping_s = 10, .ping_restart_s = 60
#define USUAL .traffic_ms = 100, KEEPALIVE

/*
 * Whoever it is forgets everything and is back a second later. A client that comes anew replaces itself.
 * A server that comes anew is noticed by what it does not answer: by keepalive, or in the handshake by
 * hand-window at the latest.
 */
#define CLIENT_AGAIN(what, ...) \
    {.name = "restart of the client at every step: " what, \
     .plan = {USUAL, .acts = {{0, SIM_ACT_CRASH, 1, 1000}}, __VA_ARGS__}, \
     .sweep = {.kind = SIM_MOMENTS, .from = 1, .to = 321, .step = 20, .deep_step = 1}, \
     .musts = {MUST_UP(1600, 1), \
               MUST_HAVE(1600, 1, SIM_SESSIONS, SIM_EXACTLY, 2), \
               MUST_HAVE(1600, SIM_SERVER, SIM_LEASES, SIM_EXACTLY, 1), \
               MUST_LOSE(1600, 10000, 1, 0), \
               MUST_HAVE(75000, SIM_SERVER, SIM_CALLERS, SIM_EXACTLY, 1), \
               MUST_UP(75000, 1)}}

#define SERVER_AGAIN(what, by, ...) \
    {.name = "restart of the server at every step: " what, \
     .plan = {USUAL, .acts = {{0, SIM_ACT_CRASH, SIM_SERVER, 1000}}, __VA_ARGS__}, \
     .sweep = {.kind = SIM_MOMENTS, .from = 1, .to = 321, .step = 20, .deep_step = 1}, \
     .musts = {MUST_UP(by, 1), \
               MUST_HAVE(by, 1, SIM_SESSIONS, SIM_AT_MOST, 2), \
               MUST_HAVE(by, SIM_SERVER, SIM_CALLERS, SIM_EXACTLY, 1), \
               MUST_LOSE(by, by + 5000, 1, 0)}}

#define BOTH_AGAIN(what, ...) \
    {.name = "restart of both at every step: " what, \
     .plan = {USUAL, .acts = {{0, SIM_ACT_CRASH, SIM_SERVER, 1000}, {0, SIM_ACT_CRASH, 1, 1000}}, \
              __VA_ARGS__}, \
     .sweep = {.kind = SIM_MOMENTS, .from = 1, .to = 321, .step = 20, .deep_step = 1}, \
     .musts = {MUST_UP(2000, 1), \
               MUST_HAVE(2000, 1, SIM_SESSIONS, SIM_EXACTLY, 2), \
               MUST_HAVE(2000, SIM_SERVER, SIM_CALLERS, SIM_EXACTLY, 1), \
               MUST_LOSE(2000, 10000, 1, 0)}}

#define AGAIN(name, ...) \
    CLIENT_AGAIN(name, __VA_ARGS__), SERVER_AGAIN(name, 64000, __VA_ARGS__), BOTH_AGAIN(name, __VA_ARGS__)

/* In the middle of a renegotiation, at every step of it. */
#define IN_RENEWAL(what, beginner, who, by) \
    {.name = "restart in the renewal: " what, \
     .plan = {USUAL, .acts = {{5000, SIM_ACT_RENEGOTIATE, beginner, 0}, {5000, SIM_ACT_CRASH, who, 1000}}}, \
     .sweep = {.kind = SIM_MOMENTS, .to = 300, .step = 20, .deep_step = 1, .act = 1, .n_acts = 1}, \
     .musts = {MUST_UP(by, 1), \
               MUST_HAVE(by, 1, SIM_SESSIONS, SIM_EXACTLY, 2), \
               MUST_HAVE(by, SIM_SERVER, SIM_LEASES, SIM_EXACTLY, 1), \
               MUST_LOSE(by, by + 20000, 1, 0)}}

/* Nothing is lost but time, if the sleep is shorter than what makes the other give up. */
#define SLEEP(what, who, ...) \
    {.name = "sleep of 5 s at every step: " what, \
     .plan = {USUAL, .acts = {{0, SIM_ACT_PAUSE, who, 5000}}, __VA_ARGS__}, \
     .sweep = {.kind = SIM_MOMENTS, .from = 1, .to = 321, .step = 20, .deep_step = 1}, \
     .musts = {MUST_UP(8000, 1), \
               MUST_HAVE(8000, 1, SIM_SESSIONS, SIM_EXACTLY, 1), \
               MUST_LOSE(9000, 20000, 1, 0)}}

/* One direction falls silent at 20 s. Who hears nothing any more ends; who still hears goes on until told. */
#define SILENT(what, cut, ...) \
    {.name = "keepalive: " what, \
     .plan = {.acts = {{20000, cut, 1, 0}, {200000, SIM_ACT_JOIN, 1, 0}}, KEEPALIVE, __VA_ARGS__}

static const struct sim_scenario rows[] = {
    AGAIN("bare", .wrap = SIM_BARE),
    AGAIN("tls-auth", .wrap = SIM_TLS_AUTH),
    AGAIN("tls-crypt", .wrap = SIM_TLS_CRYPT),
    AGAIN("tls-crypt-v2", .wrap = SIM_V2),
    AGAIN("tls-crypt-v2 with cookie", .wrap = SIM_V2_COOKIE),
    AGAIN("two round trips", .wrap = SIM_TLS_CRYPT, .is_tls_12 = true),
    AGAIN("threads", .wrap = SIM_TLS_CRYPT, .has_threads = true),
    IN_RENEWAL("the client's, by the client", 1, 1, 7000),
    IN_RENEWAL("the client's, by the server", SIM_SERVER, 1, 7000),
    IN_RENEWAL("the server's, by the client", 1, SIM_SERVER, 67000),
    IN_RENEWAL("the server's, by the server", SIM_SERVER, SIM_SERVER, 67000),
    SLEEP("the client's", 1, .wrap = SIM_TLS_CRYPT),
    SLEEP("the server's", SIM_SERVER, .wrap = SIM_TLS_CRYPT),
    SLEEP("the client's, bare", 1, .wrap = SIM_BARE),
    SLEEP("the server's, bare", SIM_SERVER, .wrap = SIM_BARE),
    SLEEP("the client's, cookie", 1, .wrap = SIM_V2_COOKIE),
    SLEEP("the server's, cookie", SIM_SERVER, .wrap = SIM_V2_COOKIE),

    {.name = "goodbye of the client: its place is free at once, and it comes back",
     .plan = {USUAL, .acts = {{5000, SIM_ACT_LEAVE, 1, 20000}}},
     .sweep = {.kind = SIM_MOMENTS, .to = 200, .step = 40, .deep_step = 5},
     .musts = {MUST_END(11000, SIM_SERVER, SIM_EXACTLY, 1, ADIT_E_PEER_EXIT),
               MUST_HAVE(11000, SIM_SERVER, SIM_LEASES, SIM_EXACTLY, 0),
               MUST_HAVE(11000, 1, SIM_IS_OFF, SIM_EXACTLY, 1),
               MUST_UP(26000, 1)}},
    {.name = "goodbye of the client: at every step of the handshake",
     .plan = {USUAL, .acts = {{0, SIM_ACT_LEAVE, 1, 20000}}},
     .sweep = {.kind = SIM_MOMENTS, .from = 1, .to = 321, .step = 20, .deep_step = 1},
     .musts = {MUST_HAVE(11000, 1, SIM_IS_OFF, SIM_EXACTLY, 1),
               MUST_UP(21000, 1),
               MUST_HAVE(75000, SIM_SERVER, SIM_CALLERS, SIM_EXACTLY, 1)}},
    {.name = "goodbye of the client: lost, and the keepalive clears up",
     .plan = {USUAL, .acts = {{5000, SIM_ACT_CUT, 1, 0}, {5000, SIM_ACT_LEAVE, 1, 0}}},
     .musts = {MUST_HAVE(60000, SIM_SERVER, SIM_LEASES, SIM_EXACTLY, 1),
               MUST_END(130000, SIM_SERVER, SIM_EXACTLY, 1, ADIT_E_PEER_SILENT),
               MUST_HAVE(130000, SIM_SERVER, SIM_LEASES, SIM_EXACTLY, 0)}},
    {.name = "goodbye of the server: everybody is told, and comes back to it",
     .plan = {USUAL, .n_clients = 5, .acts = {{5000, SIM_ACT_LEAVE, SIM_SERVER, 6000}}},
     .musts = {MUST_END(6000, SIM_ALL, SIM_EXACTLY, 1, ADIT_E_PEER_RESTART),
               MUST_UP(30000, SIM_ALL),
               MUST_LOSE(30000, 40000, SIM_SERVER, 0)}},

    /* keepalive 10 60: the server pushes 60 to the client and takes 120 for itself. */
    SILENT("the client hears nothing, and only the client notices", SIM_ACT_CUT_DOWN, .traffic_ms = 200),
     .musts = {MUST_END(79000, 1, SIM_EXACTLY, 0, ADIT_E_PEER_SILENT),
               MUST_END(81000, 1, SIM_EXACTLY, 1, ADIT_E_PEER_SILENT),
               MUST_HAVE(81000, SIM_SERVER, SIM_LEASES, SIM_EXACTLY, 1),
               MUST_UP(240000, 1),
               MUST_HAVE(320000, SIM_SERVER, SIM_CALLERS, SIM_EXACTLY, 1),
               MUST_LOSE(240000, 320000, 1, 0)}},
    SILENT("the client hears nothing, nobody has anything to say", SIM_ACT_CUT_DOWN, .traffic_ms = 0),
     .musts = {MUST_END(69000, 1, SIM_EXACTLY, 0, ADIT_E_PEER_SILENT),
               MUST_END(81000, 1, SIM_EXACTLY, 1, ADIT_E_PEER_SILENT),
               MUST_UP(240000, 1),
               MUST_HAVE(320000, SIM_SERVER, SIM_CALLERS, SIM_EXACTLY, 1)}},
    SILENT("the server hears nothing, and only the server notices", SIM_ACT_CUT_UP, .traffic_ms = 200),
     .musts = {MUST_END(139000, SIM_SERVER, SIM_EXACTLY, 0, ADIT_E_PEER_SILENT),
               MUST_HAVE(139000, 1, SIM_ALL_ENDS, SIM_EXACTLY, 0),
               MUST_END(141000, SIM_SERVER, SIM_EXACTLY, 1, ADIT_E_PEER_SILENT),
               MUST_HAVE(141000, SIM_SERVER, SIM_LEASES, SIM_EXACTLY, 0),
               MUST_UP(265000, 1),
               MUST_LOSE(265000, 300000, 1, 0)}},
    SILENT("neither hears anything: the client after 60 s, the server after 120 s", SIM_ACT_CUT,
           .traffic_ms = 200),
     .musts = {MUST_END(79000, 1, SIM_EXACTLY, 0, ADIT_E_PEER_SILENT),
               MUST_END(81000, 1, SIM_EXACTLY, 1, ADIT_E_PEER_SILENT),
               MUST_END(139000, SIM_SERVER, SIM_EXACTLY, 0, ADIT_E_PEER_SILENT),
               MUST_END(141000, SIM_SERVER, SIM_EXACTLY, 1, ADIT_E_PEER_SILENT),
               MUST_UP(240000, 1),
               MUST_LOSE(240000, 300000, 1, 0)}},
    {.name = "keepalive: 59 s of silence end nothing",
     .plan = {USUAL, .acts = {{20000, SIM_ACT_CUT, 1, 0}, {79000, SIM_ACT_JOIN, 1, 0}}},
     .sweep = {.kind = SIM_MOMENTS, .to = 900, .step = 300, .deep_step = 50},
     .musts = {MUST_UP(120000, 1),
               MUST_HAVE(120000, 1, SIM_SESSIONS, SIM_EXACTLY, 1),
               MUST_LOSE(80000, 120000, 1, 0)}},
    {.name = "keepalive: pings alone keep an idle session for an hour",
     .plan = {KEEPALIVE},
     .musts = {MUST_UP(3500000, 1), MUST_HAVE(3500000, 1, SIM_SESSIONS, SIM_EXACTLY, 1)}},
    {.name = "keepalive: only the client has one of its own",
     .plan = {.own_ping_restart_s = 30, .traffic_ms = 200,
              .acts = {{20000, SIM_ACT_CUT_DOWN, 1, 0}, {60000, SIM_ACT_JOIN, 1, 0}}},
     .musts = {MUST_END(49000, 1, SIM_EXACTLY, 0, ADIT_E_PEER_SILENT),
               MUST_END(51000, 1, SIM_EXACTLY, 1, ADIT_E_PEER_SILENT),
               MUST_END(51000, SIM_SERVER, SIM_EXACTLY, 0, ADIT_E_PEER_SILENT),
               MUST_UP(85000, 1),
               MUST_HAVE(85000, SIM_SERVER, SIM_LEASES, SIM_EXACTLY, 1)}},

#define CLOCK(what, who, seconds, ...) \
    {.name = "clock: " what, \
     .plan = {USUAL, .acts = {{0, SIM_ACT_CLOCK, who, seconds}, {10000, SIM_ACT_RENEGOTIATE, 1, 0}}, \
              __VA_ARGS__}, \
     .sweep = {.kind = SIM_MOMENTS, .to = 320, .step = 20, .deep_step = 1, .n_acts = 1}, \
     .musts = {MUST_UP(3000, 1), \
               MUST_HAVE(20000, 1, SIM_KEYS, SIM_EXACTLY, 2), \
               MUST_HAVE(80000, 1, SIM_SESSIONS, SIM_EXACTLY, 1), \
               MUST_LOSE(3000, 80000, 1, 0)}}

    CLOCK("the client's goes forward by a day", 1, 86400, .wrap = SIM_TLS_CRYPT),
    CLOCK("the client's goes back by an hour", 1, -3600, .wrap = SIM_BARE),
    CLOCK("the server's goes forward by a day", SIM_SERVER, 86400, .wrap = SIM_TLS_CRYPT),
    CLOCK("the server's goes back by a day, bare", SIM_SERVER, -86400, .wrap = SIM_BARE),
    /* Between the answer of the door and the first of the session it makes packets look like old ones. */
    {.name = "clock: the server's goes back by a day, tls-crypt",
     .plan = {USUAL, .wrap = SIM_TLS_CRYPT, .acts = {{0, SIM_ACT_CLOCK, SIM_SERVER, -86400}}},
     .sweep = {.kind = SIM_MOMENTS, .from = 1, .to = 321, .step = 20, .deep_step = 1},
     .musts = {MUST_UP(63000, 1),
               MUST_HAVE(63000, 1, SIM_SESSIONS, SIM_AT_MOST, 2),
               MUST_LOSE(63000, 80000, 1, 0)}},

#define LINE(what, seeds, by, lost, ...) \
    {.name = "line: " what, \
     .plan = {.wrap = SIM_TLS_CRYPT, USUAL, \
              .acts = {{75000, SIM_ACT_RENEGOTIATE, 1, 0}, {140000, SIM_ACT_SILENCE, SIM_ALL, 1}}, \
              .n_lines = 1, \
              .lines = {{.up = {__VA_ARGS__}, .down = {__VA_ARGS__}}}}, \
     .sweep = {.kind = SIM_SEEDS, .to = seeds}, \
     .musts = {MUST_UP(by, 1), \
               MUST_HAVE(150000, 1, SIM_SESSIONS, SIM_EXACTLY, 1), \
               MUST_HAVE(150000, 1, SIM_KEYS, SIM_EXACTLY, 2), \
               MUST_LOSE(by, 150000, 1, lost)}}

    LINE("a satellite, 600 ms", 2, 10000, 0, .latency_us = 600000),
    LINE("five seconds each way", 2, 70000, 0, .latency_us = 5000000),
    LINE("a modem, 56 kbit/s", 3, 5000, 0, .latency_us = 80000, .kbit_s = 56, .queue_bytes = 30000),
    LINE("jitter of 300 ms", 5, 5000, 0, .latency_us = 20000, .faults = {.jitter_ns = 300 * ADIT_NS_PER_MS}),
    LINE("every packet twice", 3, 2000, 0, .latency_us = 20000, .faults = {.dup_ppm = 1000000}),
    LINE("half of the packets overtaken", 5, 3000, 0, .latency_us = 20000,
         .faults = {.late_ppm = 500000, .late_ns = 100 * ADIT_NS_PER_MS}),
    LINE("a tenth damaged", 5, 25000, 320, .latency_us = 20000, .faults = {.corrupt_ppm = 100000}),
    LINE("bursts of eight lost", 5, 25000, 480, .latency_us = 20000,
         .faults = {.burst_ppm = 20000, .burst_n = 8}),
    LINE("packets of 1280 bytes at most", 3, 1000, 0, .latency_us = 20000, .mtu = 1280),
    LINE("cut for 3 s of every 20 s", 3, 9000, 420, .latency_us = 20000,
         .faults = {.cut_every_ns = 20 * ADIT_NS_PER_S, .cut_ns = 3 * ADIT_NS_PER_S}),

    {.name = "a day: hourly keys, a packet a minute",
     .plan = {KEEPALIVE, .wrap = SIM_TLS_CRYPT, .reneg_s = 3600, .traffic_ms = 60000},
     .musts = {MUST_UP(86400000, 1),
               MUST_HAVE(86400000, 1, SIM_KEYS, SIM_AT_LEAST, 24),
               MUST_HAVE(86400000, 1, SIM_KEYS, SIM_AT_MOST, 27),
               MUST_HAVE(86400000, SIM_SERVER, SIM_ALL_ENDS, SIM_EXACTLY, 0),
               MUST_HAVE(86400000, 1, SIM_SESSIONS, SIM_EXACTLY, 1),
               MUST_LOSE(1000, 86400000, 1, 0),
               MUST_PASS(1000, 86400000, 1, 2800)}},
    {.name = "a day: hourly keys of both ends, a line that loses a tenth",
     .plan = {KEEPALIVE, .wrap = SIM_V2, .reneg_s = 3600, .client_reneg_s = 3600, .traffic_ms = 60000,
              .n_lines = 1,
              .lines = {{.up = {.latency_us = 20000, .faults = {.loss_ppm = 100000}},
                         .down = {.latency_us = 20000, .faults = {.loss_ppm = 100000}}}}},
     .musts = {MUST_UP(86400000, 1),
               MUST_HAVE(86400000, 1, SIM_KEYS, SIM_AT_LEAST, 24),
               MUST_HAVE(86400000, 1, SIM_SESSIONS, SIM_EXACTLY, 1)}},
};

/* clang-format on */

const struct sim_table sim_table_life = {rows, sizeof rows / sizeof rows[0]};
