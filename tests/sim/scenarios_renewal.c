/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From key to key: renegotiations that meet each other, that lose packets, that fail, until key ids begin
 * again; keys whose packet ids run out. Nobody may lose an inner packet by any of it. Protocol text: 4.6 to
 * 4.10, 8.2.
 */
#include "scenario.h"

/* clang-format off */

/*
 * The client begins at 5.06 s, the server up to 60 ms before or after: the messages cross at every distance.
 * The new key sends a minute later at the latest, and the old one is gone a minute after that.
 */
#define CROSSING(what, ...) \
    {.name = "renewal: both at once, " what, \
     .plan = {.traffic_ms = 100, .ping_s = 10, .ping_restart_s = 60, \
              .acts = {{5060, SIM_ACT_RENEGOTIATE, 1, 0}, {5000, SIM_ACT_RENEGOTIATE, SIM_SERVER, 0}}, \
              __VA_ARGS__}, \
     .sweep = {.kind = SIM_MOMENTS, .to = 120, .step = 12, .deep_step = 1, .act = 1, .n_acts = 1}, \
     .musts = {MUST_HAVE(10000, 1, SIM_KEYS, SIM_AT_LEAST, 2), \
               MUST_HAVE(10000, SIM_SERVER, SIM_KEYS, SIM_AT_LEAST, 2), \
               MUST_UP(75000, 1), \
               MUST_HAVE(75000, 1, SIM_KEYS, SIM_AT_MOST, 3), \
               MUST_HAVE(75000, 1, SIM_SESSIONS, SIM_EXACTLY, 1), \
               MUST_HAVE(75000, SIM_SERVER, SIM_ALL_ENDS, SIM_EXACTLY, 0), \
               MUST_LOSE(4000, 75000, 1, 0)}}

/* Nobody else sends while the masks count, so that they count the packets of the renegotiation. */
#define MASKED(what, beginner, act, ...) \
    {.name = "renewal: " what, \
     .plan = {.wrap = SIM_TLS_CRYPT, .traffic_ms = 100, \
              .acts = {{5000, act, 1, 0}, {4000, SIM_ACT_SILENCE, SIM_ALL, 1}, \
                       {5000, SIM_ACT_RENEGOTIATE, beginner, 0}, {9000, SIM_ACT_SILENCE, SIM_ALL, 0}}, \
              __VA_ARGS__}, \
     .sweep = {.kind = SIM_ONE_OF_12}, \
     .musts = {MUST_HAVE(8500, 1, SIM_KEYS, SIM_EXACTLY, 2), \
               MUST_HAVE(8500, SIM_SERVER, SIM_KEYS, SIM_EXACTLY, 2), \
               MUST_UP(75000, 1), \
               MUST_HAVE(75000, 1, SIM_SESSIONS, SIM_EXACTLY, 1), \
               MUST_LOSE(1000, 75000, 1, 0)}}

#define MASKED_EACH_WAY(who, beginner, ...) \
    MASKED(who " begins, one packet up lost", beginner, SIM_ACT_LOSE_UP), \
    MASKED(who " begins, one packet down lost", beginner, SIM_ACT_LOSE_DOWN), \
    MASKED(who " begins, one packet up twice", beginner, SIM_ACT_TWICE_UP), \
    MASKED(who " begins, one packet down twice", beginner, SIM_ACT_TWICE_DOWN), \
    MASKED(who " begins, one packet up overtaken", beginner, SIM_ACT_LATE_UP), \
    MASKED(who " begins, one packet down overtaken", beginner, SIM_ACT_LATE_DOWN), \
    MASKED(who " begins, one packet up lost, two round trips", beginner, SIM_ACT_LOSE_UP, \
           .is_tls_12 = true), \
    MASKED(who " begins, one packet down lost, two round trips", beginner, SIM_ACT_LOSE_DOWN, \
           .is_tls_12 = true)

/* Fifteen renegotiations: 0 1 2 3 4 5 6 7 1 2 3 4 5 6 7 1. */
#define FIFTEEN(a, b) \
    {5000, SIM_ACT_RENEGOTIATE, a, 0}, {10000, SIM_ACT_RENEGOTIATE, b, 0}, \
    {15000, SIM_ACT_RENEGOTIATE, a, 0}, {20000, SIM_ACT_RENEGOTIATE, b, 0}, \
    {25000, SIM_ACT_RENEGOTIATE, a, 0}, {30000, SIM_ACT_RENEGOTIATE, b, 0}, \
    {35000, SIM_ACT_RENEGOTIATE, a, 0}, {40000, SIM_ACT_RENEGOTIATE, b, 0}, \
    {45000, SIM_ACT_RENEGOTIATE, a, 0}, {50000, SIM_ACT_RENEGOTIATE, b, 0}, \
    {55000, SIM_ACT_RENEGOTIATE, a, 0}, {60000, SIM_ACT_RENEGOTIATE, b, 0}, \
    {65000, SIM_ACT_RENEGOTIATE, a, 0}, {70000, SIM_ACT_RENEGOTIATE, b, 0}, \
    {75000, SIM_ACT_RENEGOTIATE, a, 0}

#define KEY_IDS(what, a, b, ...) \
    {.name = "renewal: key ids begin again, " what, \
     .plan = {.traffic_ms = 100, .acts = {FIFTEEN(a, b)}, __VA_ARGS__}, \
     .musts = {MUST_HAVE(80000, 1, SIM_KEYS, SIM_EXACTLY, 16), \
               MUST_HAVE(80000, SIM_SERVER, SIM_KEYS, SIM_EXACTLY, 16), \
               MUST_UP(80000, 1), \
               MUST_HAVE(160000, 1, SIM_SESSIONS, SIM_EXACTLY, 1), \
               MUST_LOSE(1000, 160000, 1, 0)}}

/* The eighth renegotiation, at 40 s, is the one that goes from 7 to 1. */
#define KEY_IDS_MASKED(what, act) \
    {.name = "renewal: key ids begin again, " what, \
     .plan = {.traffic_ms = 200, \
              .acts = {{40000, act, 1, 0}, {39000, SIM_ACT_SILENCE, SIM_ALL, 1}, \
                       {44000, SIM_ACT_SILENCE, SIM_ALL, 0}, FIFTEEN(1, 1)}}, \
     .sweep = {.kind = SIM_ONE_OF_12}, \
     .musts = {MUST_HAVE(80000, 1, SIM_KEYS, SIM_EXACTLY, 16), \
               MUST_HAVE(80000, 1, SIM_SESSIONS, SIM_EXACTLY, 1), \
               MUST_LOSE(1000, 80000, 1, 0)}}

/*
 * So few packet ids are left when it is noticed: a new key is agreed on at once, and takes over at once. What
 * the old key had no number for is lost: at 100 packets a second no more than a handshake is long.
 */
#define EXHAUSTED(what, who, to_, step_, lost, ...) \
    {.name = "packet ids run out: " what, \
     .plan = {.traffic_ms = 10, .acts = {{5000, SIM_ACT_EXHAUST, who, 0}}, __VA_ARGS__}, \
     .sweep = {.kind = SIM_VALUES, .from = 1, .to = to_, .step = step_}, \
     .musts = {MUST_HAVE(7000, 1, SIM_KEYS, SIM_EXACTLY, 2), \
               MUST_UP(12000, 1), \
               MUST_HAVE(12000, 1, SIM_SESSIONS, SIM_EXACTLY, 1), \
               MUST_LOSE(1000, 12000, 1, lost), \
               MUST_LOSE(6000, 12000, 1, 0)}}

/*
 * The renegotiation fails; the old key goes on, and every hand-window there is another attempt. The fault is
 * over after 40 s: the next attempt succeeds.
 */
#define FAILED_ONCE(what, who, fault) \
    {.name = "renewal: fails, " what, \
     .plan = {.traffic_ms = 200, .ping_s = 10, .ping_restart_s = 60, \
              .acts = {{4000, SIM_ACT_TLS_FAULT, who, fault}, {5000, SIM_ACT_RENEGOTIATE, 1, 0}, \
                       {45000, SIM_ACT_TLS_FAULT, who, SIM_TLS_NONE}}}, \
     .musts = {MUST_HAVE(45000, 1, SIM_KEYS, SIM_EXACTLY, 1), \
               MUST_UP(135000, 1), \
               MUST_HAVE(135000, 1, SIM_KEYS, SIM_AT_LEAST, 2), \
               MUST_HAVE(200000, 1, SIM_SESSIONS, SIM_EXACTLY, 1), \
               MUST_LOSE(1000, 200000, 1, 0)}}

/* ... or never: when the old key is over, so is the session, and the client begins again. */
#define FAILED_FOR_GOOD(what, who, fault) \
    {.name = "renewal: fails for good, " what, \
     .plan = {.traffic_ms = 200, .ping_s = 10, .ping_restart_s = 60, .tran_window_s = 100, \
              .acts = {{4000, SIM_ACT_TLS_FAULT, who, fault}, {5000, SIM_ACT_RENEGOTIATE, 1, 0}, \
                       {130000, SIM_ACT_TLS_FAULT, who, SIM_TLS_NONE}}}, \
     .musts = {MUST_HAVE(100000, 1, SIM_ALL_ENDS, SIM_EXACTLY, 0), \
               MUST_LOSE(1000, 100000, 1, 0), \
               MUST_NOT_UP(129000, 1), \
               MUST_UP(250000, 1), \
               MUST_HAVE(250000, SIM_SERVER, SIM_LEASES, SIM_EXACTLY, 1)}}

static const struct sim_scenario rows[] = {
    CROSSING("bare", .wrap = SIM_BARE),
    CROSSING("tls-auth", .wrap = SIM_TLS_AUTH),
    CROSSING("tls-crypt", .wrap = SIM_TLS_CRYPT),
    CROSSING("tls-crypt-v2", .wrap = SIM_V2),
    CROSSING("tls-crypt-v2 with cookie", .wrap = SIM_V2_COOKIE),
    CROSSING("two round trips", .wrap = SIM_TLS_CRYPT, .is_tls_12 = true),
    CROSSING("keys by PRF", .wrap = SIM_TLS_CRYPT, .want_prf = true),
    CROSSING("CHACHA20-POLY1305", .cipher = "CHACHA20-POLY1305"),
    CROSSING("threads", .has_threads = true),
    CROSSING("a quarter of a second away", .n_lines = 1,
             .lines = {{.up = {.latency_us = 250000}, .down = {.latency_us = 250000}}}),
    CROSSING("jitter", .n_lines = 1,
             .lines = {{.up = {.latency_us = 5000, .faults = {.jitter_ns = 40 * ADIT_NS_PER_MS}},
                        .down = {.latency_us = 5000, .faults = {.jitter_ns = 40 * ADIT_NS_PER_MS}}}}),
    CROSSING("three clients", .n_clients = 3),
    CROSSING("OpenSSL", .wrap = SIM_TLS_CRYPT, .is_real_tls = true),

    MASKED_EACH_WAY("the client", 1),
    MASKED_EACH_WAY("the server", SIM_SERVER),

    KEY_IDS("by the client", 1, 1),
    KEY_IDS("by the server", SIM_SERVER, SIM_SERVER),
    KEY_IDS("by both in turn", 1, SIM_SERVER),
    KEY_IDS("threads", 1, SIM_SERVER, .has_threads = true),
    KEY_IDS("two round trips, PRF", 1, SIM_SERVER, .is_tls_12 = true, .want_prf = true),
    KEY_IDS_MASKED("one packet up lost", SIM_ACT_LOSE_UP),
    KEY_IDS_MASKED("one packet down lost", SIM_ACT_LOSE_DOWN),

    EXHAUSTED("at the client, few are left", 1, 25, 4, 60),
    EXHAUSTED("at the server, few are left", SIM_SERVER, 25, 4, 60),
    EXHAUSTED("at the client, in time", 1, 1000, 111, 60),
    EXHAUSTED("at the server, in time", SIM_SERVER, 1000, 111, 60),

    FAILED_ONCE("the client's hello", SIM_SERVER, SIM_TLS_FAIL_AT_HELLO),
    FAILED_ONCE("the server's certificate", 1, SIM_TLS_FAIL_AT_CERTIFICATE),
    FAILED_ONCE("the client's certificate", SIM_SERVER, SIM_TLS_FAIL_AT_CERTIFICATE),
    FAILED_ONCE("the client stalls", 1, SIM_TLS_STALL),
    FAILED_ONCE("the server stalls", SIM_SERVER, SIM_TLS_STALL),
    FAILED_FOR_GOOD("the client's hello", SIM_SERVER, SIM_TLS_FAIL_AT_HELLO),
    FAILED_FOR_GOOD("the server's certificate", 1, SIM_TLS_FAIL_AT_CERTIFICATE),
    FAILED_FOR_GOOD("the client stalls", 1, SIM_TLS_STALL),
    FAILED_FOR_GOOD("the server stalls", SIM_SERVER, SIM_TLS_STALL),

    {.name = "renewal: by reneg-sec of the server, every 20 s for 400 s",
     .plan = {.traffic_ms = 200, .reneg_s = 20},
     .sweep = {.kind = SIM_SEEDS, .to = 5},
     .musts = {MUST_HAVE(400000, 1, SIM_KEYS, SIM_AT_LEAST, 19),
               MUST_HAVE(400000, 1, SIM_SESSIONS, SIM_EXACTLY, 1),
               MUST_LOSE(1000, 400000, 1, 0)}},
    {.name = "renewal: by reneg-sec of both, every 20 s for 400 s",
     .plan = {.traffic_ms = 200, .reneg_s = 20, .client_reneg_s = 20},
     .sweep = {.kind = SIM_SEEDS, .to = 5},
     .musts = {MUST_HAVE(400000, 1, SIM_KEYS, SIM_AT_LEAST, 19),
               MUST_HAVE(400000, 1, SIM_SESSIONS, SIM_EXACTLY, 1),
               MUST_LOSE(1000, 400000, 1, 0)}},
    {.name = "renewal: by reneg-pkts, every 200 packets",
     .plan = {.traffic_ms = 100, .reneg_packets = 200},
     .sweep = {.kind = SIM_SEEDS, .to = 5},
     .musts = {MUST_HAVE(200000, 1, SIM_KEYS, SIM_AT_LEAST, 8),
               MUST_HAVE(200000, 1, SIM_SESSIONS, SIM_EXACTLY, 1),
               MUST_LOSE(1000, 200000, 1, 0)}},
    {.name = "renewal: every 30 s over a line that loses a fifth each way",
     .plan = {.reneg_s = 30, .ping_s = 5, .ping_restart_s = 60, .n_lines = 1,
              .lines = {{.up = {.latency_us = 20000, .faults = {.loss_ppm = 200000}},
                         .down = {.latency_us = 20000, .faults = {.loss_ppm = 200000}}}}},
     .sweep = {.kind = SIM_SEEDS, .to = 20},
     .musts = {MUST_UP(600000, 1),
               MUST_HAVE(600000, 1, SIM_SESSIONS, SIM_EXACTLY, 1),
               MUST_HAVE(600000, 1, SIM_KEYS, SIM_AT_LEAST, 12)}},
    {.name = "renewal: the line is cut for 30 s at every step",
     .plan = {.traffic_ms = 200, .ping_s = 10, .ping_restart_s = 60,
              .acts = {{5000, SIM_ACT_RENEGOTIATE, 1, 0}, {5000, SIM_ACT_CUT, 1, 0},
                       {35000, SIM_ACT_JOIN, 1, 0}}},
     .sweep = {.kind = SIM_MOMENTS, .to = 300, .step = 20, .deep_step = 2, .act = 1, .n_acts = 2},
     .musts = {MUST_UP(40000, 1),
               MUST_HAVE(140000, 1, SIM_KEYS, SIM_AT_LEAST, 2),
               MUST_HAVE(140000, 1, SIM_SESSIONS, SIM_EXACTLY, 1),
               MUST_LOSE(36000, 140000, 1, 0)}},
};

/* clang-format on */

const struct sim_table sim_table_renewal = {rows, sizeof rows / sizeof rows[0]};
