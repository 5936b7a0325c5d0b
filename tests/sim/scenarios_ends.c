/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Refusals, and those who try: certificates that end, log-ins refused early and late, a full server, TLS
 * that fails, strangers. Who is not meant notices nothing. And what is pushed, however long it is.
 * Protocol text: 5, 9.
 */
#include "scenario.h"

/* clang-format off */

#define KEEPALIVE .ping_s = 10, .ping_restart_s = 60
#define USUAL .traffic_ms = 100, KEEPALIVE

/*
 * Client 1 renews its keys at 20 s; what must not pass then has been so since 5 s, and nobody minds before.
 * The refused renewal costs it the session when the old key is over, tran-window later.
 */
#define CERTIFICATE(what, bad, who, value, good, server_reason, client_reason) \
    {.name = "certificate: " what, \
     .plan = {USUAL, .wrap = SIM_TLS_CRYPT, .n_clients = 2, .tran_window_s = 60, .hand_window_s = 30, \
              .acts = {{5000, bad, who, value}, {20000, SIM_ACT_RENEGOTIATE, 1, 0}, \
                       {150000, good, who, 0}}}, \
     .musts = {MUST_UP(79000, SIM_ALL), \
               MUST_LOSE(1000, 79000, 1, 0), \
               MUST_NOT_UP(145000, 1), \
               MUST_END(145000, SIM_SERVER, SIM_AT_LEAST, 1, server_reason), \
               MUST_END(145000, 1, SIM_AT_LEAST, 1, client_reason), \
               MUST_UP(170000, SIM_ALL), \
               MUST_HAVE(240000, 2, SIM_SESSIONS, SIM_EXACTLY, 1), \
               MUST_LOSE(1000, 240000, 2, 0), \
               MUST_LOSE(170000, 240000, 1, 0)}}

/* AUTH_FAILED: heard at once, by that client alone, and it does not try again. */
#define REFUSED_LATE(what, beginner, ...) \
    {.name = "AUTH_FAILED: " what, \
     .plan = {USUAL, .n_clients = 2, \
              .acts = {{5000, SIM_ACT_REFUSE, SIM_SERVER, 1}, {10000, SIM_ACT_RENEGOTIATE, beginner, 0}, \
                       {30000, SIM_ACT_ALLOW, SIM_SERVER, 0}, {40000, SIM_ACT_START, 1, 0}}, \
              __VA_ARGS__}, \
     .musts = {MUST_HAVE(9900, 1, SIM_ALL_ENDS, SIM_EXACTLY, 0), \
               MUST_END(10500, 1, SIM_EXACTLY, 1, ADIT_E_AUTH_FAILED), \
               MUST_HAVE(39000, 1, SIM_IS_OFF, SIM_EXACTLY, 1), \
               MUST_HAVE(39000, 1, SIM_SESSIONS, SIM_EXACTLY, 1), \
               MUST_END(39000, SIM_SERVER, SIM_EXACTLY, 1, ADIT_E_AUTH_DENIED), \
               MUST_HAVE(39000, SIM_SERVER, SIM_LEASES, SIM_EXACTLY, 1), \
               MUST_UP(41000, SIM_ALL), \
               MUST_HAVE(50000, 2, SIM_SESSIONS, SIM_EXACTLY, 1), \
               MUST_LOSE(1000, 50000, 2, 0)}}

#define REFUSED_MASKED(what, act) \
    {.name = "AUTH_FAILED: late, " what, \
     .plan = {.acts = {{5000, act, 1, 0}, {4000, SIM_ACT_REFUSE, SIM_SERVER, 1}, \
                       {5000, SIM_ACT_RENEGOTIATE, 1, 0}}}, \
     .sweep = {.kind = SIM_ONE_OF_12}, \
     .musts = {MUST_END(9000, 1, SIM_EXACTLY, 1, ADIT_E_AUTH_FAILED), \
               MUST_HAVE(9000, 1, SIM_IS_OFF, SIM_EXACTLY, 1), \
               MUST_HAVE(15000, SIM_SERVER, SIM_CALLERS, SIM_EXACTLY, 0)}}

/* Client 1 comes late, is told why, comes again and again, and gets the place of the one that leaves. */
#define TOO_MANY(what, ...) \
    {.name = "full: one too many, until somebody leaves, " what, \
     .plan = {USUAL, .n_clients = 4, .max_clients = 3, \
              .acts = {{1, SIM_ACT_CRASH, 1, 3000}, {30000, SIM_ACT_LEAVE, 2, 0}}, \
              __VA_ARGS__}, \
     .musts = {MUST_END(4000, 1, SIM_EXACTLY, 1, ADIT_E_AUTH_FAILED), \
               MUST_HAVE(29000, SIM_SERVER, SIM_N_UP, SIM_EXACTLY, 3), \
               MUST_HAVE(29000, SIM_SERVER, SIM_LEASES, SIM_EXACTLY, 3), \
               MUST_HAVE(29000, 1, SIM_UPS, SIM_EXACTLY, 0), \
               MUST_LOSE(2000, 30000, 2, 0), \
               MUST_UP(45000, 1), \
               MUST_LOSE(2000, 60000, 4, 0), \
               MUST_LOSE(2000, 60000, 3, 0), \
               MUST_HAVE(60000, 4, SIM_ALL_ENDS, SIM_EXACTLY, 0), \
               MUST_HAVE(60000, 3, SIM_ALL_ENDS, SIM_EXACTLY, 0)}}

/* The first handshake fails like this until 20 s; each end says why, and then it works. */
#define TLS_FAILS(what, who, fault, by, server_reason, client_reason, ...) \
    {.name = "TLS: " what, \
     .plan = {.traffic_ms = 200, .hand_window_s = 15, \
              .acts = {{0, SIM_ACT_TLS_FAULT, who, fault}, {20000, SIM_ACT_TLS_FAULT, who, SIM_TLS_NONE}}, \
              __VA_ARGS__}, \
     .musts = {MUST_END(by, SIM_SERVER, SIM_AT_LEAST, 1, server_reason), \
               MUST_END(by, 1, SIM_AT_LEAST, 1, client_reason), \
               MUST_HAVE(20000, 1, SIM_UPS, SIM_EXACTLY, 0), \
               MUST_UP(60000, 1), \
               MUST_HAVE(90000, SIM_SERVER, SIM_CALLERS, SIM_EXACTLY, 1), \
               MUST_LOSE(60000, 90000, 1, 0)}}

/* A route for each 32 bytes. */
#define PUSH(what, by, bytes, ...) \
    {.name = "push: " what, \
     .plan = {USUAL, .push_bytes = bytes, __VA_ARGS__}, \
     .musts = {MUST_UP(by, 1), \
               MUST_HAVE(by, 1, SIM_ROUTES, SIM_EXACTLY, (bytes + 31) / 32), \
               MUST_HAVE(by, 1, SIM_SESSIONS, SIM_EXACTLY, 1), \
               MUST_LOSE(by, 10000, 1, 0)}}

/* All masks of the push, which begins about 0.16 s after the start. */
#define PUSH_MASKED(what, bytes, act, sweeping, by, lost_by) \
    {.name = "push: " what, \
     .plan = {USUAL, .push_bytes = bytes, .acts = {{160, act, 1, 0}}}, \
     .sweep = {.kind = sweeping}, \
     .musts = {MUST_UP(by, 1), \
               MUST_HAVE(by, 1, SIM_ROUTES, SIM_EXACTLY, (bytes + 31) / 32), \
               MUST_HAVE(by, 1, SIM_SESSIONS, SIM_EXACTLY, 1), \
               MUST_LOSE(by, lost_by, 1, 0)}}

/* Strangers change nothing at all (check.c looks after each), at any moment. */
#define STRANGERS(what, ...) \
    {.name = "strangers: " what, \
     .plan = {USUAL, .acts = {{0, SIM_ACT_STRANGER, SIM_SERVER, 40}, {10, SIM_ACT_STRANGER, 1, 40}, \
                              {20, SIM_ACT_REPLAY, 1, 20}, {50, SIM_ACT_SPOOF, 1, 5}, \
                              {2000, SIM_ACT_STRANGER, SIM_SERVER, 40}, {2000, SIM_ACT_STRANGER, 1, 40}, \
                              {2000, SIM_ACT_REPLAY, 1, 20}, {2100, SIM_ACT_SPOOF, 1, 5}}, \
              __VA_ARGS__}, \
     .sweep = {.kind = SIM_MOMENTS, .to = 200, .step = 20, .deep_step = 1}, \
     .musts = {MUST_UP(600, 1), \
               MUST_HAVE(15000, 1, SIM_SESSIONS, SIM_EXACTLY, 1), \
               MUST_HAVE(15000, 1, SIM_KEYS, SIM_EXACTLY, 1), \
               MUST_LOSE(1000, 15000, 1, 0), \
               MUST_HAVE(75000, SIM_SERVER, SIM_CALLERS, SIM_EXACTLY, 1)}}

static const struct sim_scenario rows[] = {
    CERTIFICATE("the client's ends in the session", SIM_ACT_EXPIRE, 1, 0, SIM_ACT_RENEW,
                ADIT_E_CERTIFICATE, ADIT_E_TLS_ALERT),
    CERTIFICATE("the client's is revoked in the session", SIM_ACT_REVOKE, SIM_SERVER, 1, SIM_ACT_ALLOW,
                ADIT_E_CERTIFICATE, ADIT_E_TLS_ALERT),
    {.name = "certificate: the server's ends in the session, and everybody minds in turn",
     .plan = {USUAL, .n_clients = 2, .tran_window_s = 60, .hand_window_s = 30,
              .acts = {{5000, SIM_ACT_EXPIRE, SIM_SERVER, 0}, {20000, SIM_ACT_RENEGOTIATE, 1, 0},
                       {150000, SIM_ACT_RENEW, SIM_SERVER, 0}}},
     .musts = {MUST_UP(79000, SIM_ALL),
               MUST_NOT_UP(145000, 1),
               MUST_END(145000, 1, SIM_AT_LEAST, 1, ADIT_E_CERTIFICATE),
               MUST_UP(170000, SIM_ALL),
               MUST_HAVE(170000, 2, SIM_SESSIONS, SIM_EXACTLY, 1),
               MUST_LOSE(1000, 170000, 2, 0)}},
    {.name = "certificate: a session without a renewal does not mind",
     .plan = {USUAL, .acts = {{5000, SIM_ACT_EXPIRE, 1, 0}, {5000, SIM_ACT_EXPIRE, SIM_SERVER, 0}}},
     .musts = {MUST_UP(900000, 1), MUST_HAVE(900000, 1, SIM_SESSIONS, SIM_EXACTLY, 1)}},
    {.name = "certificate: it was over before the client came",
     .plan = {USUAL, .acts = {{0, SIM_ACT_EXPIRE, 1, 0}, {0, SIM_ACT_CLOCK, SIM_SERVER, 10},
                              {30000, SIM_ACT_RENEW, 1, 0}}},
     .musts = {MUST_END(1000, SIM_SERVER, SIM_AT_LEAST, 1, ADIT_E_CERTIFICATE),
               MUST_END(1000, 1, SIM_AT_LEAST, 1, ADIT_E_TLS_ALERT),
               MUST_HAVE(30000, 1, SIM_UPS, SIM_EXACTLY, 0),
               MUST_UP(40000, 1)}},

    REFUSED_LATE("late, the client renews", 1, .wrap = SIM_TLS_CRYPT),
    REFUSED_LATE("late, the client renews, bare", 1, .wrap = SIM_BARE),
    REFUSED_LATE("late, the client renews, two round trips", 1, .is_tls_12 = true),
    REFUSED_LATE("late, the client renews, PRF", 1, .want_prf = true),
    REFUSED_LATE("late, the client renews, threads", 1, .has_threads = true),
    REFUSED_MASKED("one packet up lost", SIM_ACT_LOSE_UP),
    REFUSED_MASKED("one packet down lost", SIM_ACT_LOSE_DOWN),
    REFUSED_MASKED("one packet down twice", SIM_ACT_TWICE_DOWN),
    REFUSED_MASKED("one packet down overtaken", SIM_ACT_LATE_DOWN),
    {.name = "AUTH_FAILED: late, the server renews",
     .plan = {USUAL, .n_clients = 2,
              .acts = {{5000, SIM_ACT_REFUSE, SIM_SERVER, 1}, {10000, SIM_ACT_RENEGOTIATE, SIM_SERVER, 0}}},
     .musts = {MUST_END(10500, 1, SIM_EXACTLY, 1, ADIT_E_AUTH_FAILED),
               MUST_HAVE(30000, 1, SIM_IS_OFF, SIM_EXACTLY, 1),
               MUST_HAVE(30000, 2, SIM_KEYS, SIM_EXACTLY, 2),
               MUST_HAVE(30000, 2, SIM_SESSIONS, SIM_EXACTLY, 1),
               MUST_LOSE(1000, 30000, 2, 0)}},
    {.name = "AUTH_FAILED: at the first log-in",
     .plan = {USUAL, .n_clients = 2, .acts = {{0, SIM_ACT_REFUSE, SIM_SERVER, 1}}},
     .musts = {MUST_END(1000, 1, SIM_EXACTLY, 1, ADIT_E_AUTH_FAILED),
               MUST_HAVE(10000, 1, SIM_IS_OFF, SIM_EXACTLY, 1),
               MUST_HAVE(10000, 1, SIM_SESSIONS, SIM_EXACTLY, 1),
               MUST_HAVE(10000, SIM_SERVER, SIM_CALLERS, SIM_EXACTLY, 1),
               MUST_UP(10000, 2)}},

    TOO_MANY("over UDP"),
    TOO_MANY("over TCP", .is_tcp = true),
    /* Whatever it has no memory for, it must not take "come back later" for "never". */
    {.name = "full: one too many, and it has no memory for one thing",
     .plan = {KEEPALIVE, .traffic_ms = 1000, .n_clients = 2, .max_clients = 1,
              .acts = {{1, SIM_ACT_NO_MEMORY, 1, 0}, {1, SIM_ACT_CRASH, 1, 3000},
                       {30000, SIM_ACT_LEAVE, 2, 0}}},
     .sweep = {.kind = SIM_VALUES, .from = 1, .to = 60, .step = 1},
     .musts = {MUST_HAVE(29000, SIM_SERVER, SIM_N_UP, SIM_EXACTLY, 1),
               MUST_HAVE(29000, 1, SIM_IS_OFF, SIM_EXACTLY, 0),
               MUST_UP(60000, 1)}},
    {.name = "full: twenty want ten places",
     .plan = {KEEPALIVE, .traffic_ms = 1000, .n_clients = 20, .max_clients = 10, .start_ms = 1000},
     .sweep = {.kind = SIM_SEEDS, .to = 3},
     .musts = {MUST_HAVE(5000, SIM_SERVER, SIM_N_UP, SIM_EXACTLY, 10),
               MUST_HAVE(60000, SIM_SERVER, SIM_N_UP, SIM_EXACTLY, 10),
               MUST_HAVE(60000, SIM_SERVER, SIM_UPS, SIM_EXACTLY, 10),
               MUST_LOSE(5000, 60000, SIM_SERVER, 0)}},
    {.name = "full: a client that replaces itself has its place",
     .plan = {USUAL, .n_clients = 3, .max_clients = 3, .acts = {{10000, SIM_ACT_CRASH, 1, 1000}}},
     .musts = {MUST_UP(12000, SIM_ALL),
               MUST_END(12000, SIM_SERVER, SIM_EXACTLY, 1, ADIT_E_REPLACED),
               MUST_END(12000, SIM_SERVER, SIM_EXACTLY, 0, ADIT_E_AUTH_DENIED)}},

    TLS_FAILS("the server does not like the hello", SIM_SERVER, SIM_TLS_FAIL_AT_HELLO, 1000,
              ADIT_E_TLS, ADIT_E_TLS_ALERT),
    TLS_FAILS("the client does not like the hello", 1, SIM_TLS_FAIL_AT_HELLO, 1000,
              ADIT_E_TLS_ALERT, ADIT_E_TLS),
    TLS_FAILS("the server does not like the certificate", SIM_SERVER, SIM_TLS_FAIL_AT_CERTIFICATE, 1000,
              ADIT_E_CERTIFICATE, ADIT_E_TLS_ALERT),
    TLS_FAILS("the client does not like the certificate", 1, SIM_TLS_FAIL_AT_CERTIFICATE, 1000,
              ADIT_E_TLS_ALERT, ADIT_E_CERTIFICATE),
    TLS_FAILS("the server's checksum differs", SIM_SERVER, SIM_TLS_FAIL_AT_FINISH, 1000,
              ADIT_E_TLS, ADIT_E_TLS_ALERT),
    TLS_FAILS("the client's checksum differs", 1, SIM_TLS_FAIL_AT_FINISH, 1000,
              ADIT_E_TLS_ALERT, ADIT_E_TLS),
    TLS_FAILS("the server cannot read", SIM_SERVER, SIM_TLS_FAIL_AT_READ, 1000,
              ADIT_E_TLS, ADIT_E_TLS_ALERT),
    TLS_FAILS("the client cannot read", 1, SIM_TLS_FAIL_AT_READ, 1000,
              ADIT_E_TLS_ALERT, ADIT_E_TLS),
    TLS_FAILS("the server never answers", SIM_SERVER, SIM_TLS_STALL, 16000,
              ADIT_E_HAND_WINDOW, ADIT_E_HAND_WINDOW),
    TLS_FAILS("the client never answers", 1, SIM_TLS_STALL, 16000,
              ADIT_E_HAND_WINDOW, ADIT_E_HAND_WINDOW),
    TLS_FAILS("the server stops before the end", SIM_SERVER, SIM_TLS_STALL_AT_FINISH, 16000,
              ADIT_E_HAND_WINDOW, ADIT_E_HAND_WINDOW, .is_tls_12 = true),
    TLS_FAILS("the client stops before the end", 1, SIM_TLS_STALL_AT_FINISH, 16000,
              ADIT_E_HAND_WINDOW, ADIT_E_HAND_WINDOW),
    TLS_FAILS("the server has no exporter", SIM_SERVER, SIM_TLS_FAIL_AT_EXPORT, 16000,
              ADIT_E_CRYPTO, ADIT_E_PUSH),
    TLS_FAILS("the client has no exporter", 1, SIM_TLS_FAIL_AT_EXPORT, 16000,
              ADIT_E_REPLACED, ADIT_E_CRYPTO),

    PUSH("usual", 300, 0),
    PUSH("a kilobyte", 300, 1000),
    PUSH("four kilobytes, several messages", 400, 4000),
    PUSH("twelve kilobytes", 600, 12000),
    PUSH("more than a TLS record, 20 kilobytes", 800, 20000),
    PUSH("more than a TLS record, threads", 900, 20000, .has_threads = true),
    PUSH("more than a TLS record, two round trips", 900, 20000, .is_tls_12 = true),
    PUSH("more than a TLS record, over TCP", 2000, 20000, .is_tcp = true),
    PUSH("more than a TLS record, cookie", 900, 20000, .wrap = SIM_V2_COOKIE),
    PUSH("50 kilobytes", 2000, 50000),
    PUSH_MASKED("more than a TLS record, one packet down lost", 20000, SIM_ACT_LOSE_DOWN, SIM_ONE_OF_12,
                4000, 10000),
    PUSH_MASKED("more than a TLS record, one packet up lost", 20000, SIM_ACT_LOSE_UP, SIM_ONE_OF_12,
                4000, 10000),
    PUSH_MASKED("more than a TLS record, one packet down overtaken", 20000, SIM_ACT_LATE_DOWN,
                SIM_ONE_OF_12, 2000, 10000),
    PUSH_MASKED("more than a TLS record, two packets down lost", 20000, SIM_ACT_LOSE_DOWN, SIM_TWO_OF_12,
                8000, 10000),

    STRANGERS("bare", .wrap = SIM_BARE),
    STRANGERS("tls-auth", .wrap = SIM_TLS_AUTH),
    STRANGERS("tls-crypt", .wrap = SIM_TLS_CRYPT),
    STRANGERS("tls-crypt-v2", .wrap = SIM_V2),
    STRANGERS("tls-crypt-v2 with cookie", .wrap = SIM_V2_COOKIE),
    STRANGERS("threads", .has_threads = true),
};

/* clang-format on */

const struct sim_table sim_table_ends = {rows, sizeof rows / sizeof rows[0]};
