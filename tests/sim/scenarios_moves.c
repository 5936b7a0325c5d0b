/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clients whose address changes: while they shake hands, while they renew their keys, while they are up.
 * Protocol text: 12.
 */
#include "scenario.h"

/* clang-format off */

#define KEEPALIVE .ping_s = 10, .ping_restart_s = 60
#define USUAL .traffic_ms = 50, KEEPALIVE

/*
 * In the handshake the address is part of who somebody is: the server knows nobody at the new one, and what
 * it says goes to the old one. The client begins again when hand-window is over; once up it stays.
 */
#define IN_HANDSHAKE(what, move, ...) \
    {.name = "float in the handshake: " what, \
     .plan = {USUAL, .acts = {{0, move, 1, 0}}, __VA_ARGS__}, \
     .sweep = {.kind = SIM_MOMENTS, .to = 300, .step = 20, .deep_step = 1}, \
     .musts = {MUST_UP(63000, 1), \
               MUST_HAVE(63000, 1, SIM_SESSIONS, SIM_AT_MOST, 2), \
               MUST_LOSE(63000, 80000, 1, 0), \
               MUST_HAVE(130000, SIM_SERVER, SIM_CALLERS, SIM_EXACTLY, 1), \
               MUST_HAVE(130000, 1, SIM_SESSIONS, SIM_AT_MOST, 2)}}

/* The keys tell who it is: one packet from the new address, and everything goes there. */
#define IN_RENEWAL(what, beginner, move, ...) \
    {.name = "float in the renewal: " what, \
     .plan = {USUAL, .acts = {{5000, SIM_ACT_RENEGOTIATE, beginner, 0}, {4980, move, 1, 0}}, __VA_ARGS__}, \
     .sweep = {.kind = SIM_MOMENTS, .to = 300, .step = 20, .deep_step = 1, .act = 1, .n_acts = 1}, \
     .musts = {MUST_UP(5500, 1), \
               MUST_HAVE(9000, 1, SIM_KEYS, SIM_EXACTLY, 2), \
               MUST_HAVE(9000, SIM_SERVER, SIM_KEYS, SIM_EXACTLY, 2), \
               MUST_HAVE(75000, 1, SIM_SESSIONS, SIM_EXACTLY, 1), \
               MUST_HAVE(75000, SIM_SERVER, SIM_ALL_ENDS, SIM_EXACTLY, 0), \
               MUST_LOSE(1000, 75000, 1, 1)}}

#define IDLE(what, lost, ...) \
    {.name = "float while up: " what, \
     .plan = {KEEPALIVE, __VA_ARGS__}, \
     .sweep = {.kind = SIM_MOMENTS, .to = 200, .step = 40, .deep_step = 5}, \
     .musts = {MUST_HAVE(30000, SIM_ALL, SIM_SESSIONS, SIM_EXACTLY, 1), \
               MUST_UP(30000, SIM_ALL), \
               MUST_HAVE(30000, SIM_SERVER, SIM_ALL_ENDS, SIM_EXACTLY, 0), \
               MUST_LOSE(3000, 30000, SIM_ALL, lost)}}

static const struct sim_scenario rows[] = {
    IN_HANDSHAKE("bare", SIM_ACT_REBIND, .wrap = SIM_BARE),
    IN_HANDSHAKE("tls-auth", SIM_ACT_REBIND, .wrap = SIM_TLS_AUTH),
    IN_HANDSHAKE("tls-crypt", SIM_ACT_REBIND, .wrap = SIM_TLS_CRYPT),
    IN_HANDSHAKE("tls-crypt-v2", SIM_ACT_REBIND, .wrap = SIM_V2),
    IN_HANDSHAKE("tls-crypt-v2 with cookie", SIM_ACT_REBIND, .wrap = SIM_V2_COOKIE),
    IN_HANDSHAKE("only the port, bare", SIM_ACT_REBIND_PORT, .wrap = SIM_BARE),
    IN_HANDSHAKE("only the port, tls-crypt", SIM_ACT_REBIND_PORT, .wrap = SIM_TLS_CRYPT),
    IN_HANDSHAKE("two round trips", SIM_ACT_REBIND, .wrap = SIM_TLS_CRYPT, .is_tls_12 = true),

    IN_RENEWAL("the client begins", 1, SIM_ACT_REBIND, .wrap = SIM_TLS_CRYPT),
    IN_RENEWAL("the server begins", SIM_SERVER, SIM_ACT_REBIND, .wrap = SIM_TLS_CRYPT),
    IN_RENEWAL("the client begins, bare", 1, SIM_ACT_REBIND, .wrap = SIM_BARE),
    IN_RENEWAL("the server begins, bare", SIM_SERVER, SIM_ACT_REBIND, .wrap = SIM_BARE),
    IN_RENEWAL("only the port, the client begins", 1, SIM_ACT_REBIND_PORT, .wrap = SIM_TLS_AUTH),
    IN_RENEWAL("only the port, the server begins", SIM_SERVER, SIM_ACT_REBIND_PORT, .wrap = SIM_TLS_AUTH),

    IDLE("another address", 1, .traffic_ms = 50, .acts = {{5000, SIM_ACT_REBIND, 1, 0}}),
    IDLE("another port", 1, .traffic_ms = 50, .acts = {{5000, SIM_ACT_REBIND_PORT, 1, 0}}),
    IDLE("twice within 30 ms", 2, .traffic_ms = 50,
         .acts = {{5000, SIM_ACT_REBIND, 1, 0}, {5030, SIM_ACT_REBIND, 1, 0}}),
    IDLE("ten times in ten seconds", 10, .traffic_ms = 50,
         .acts = {{5000, SIM_ACT_REBIND, 1, 0}, {6000, SIM_ACT_REBIND_PORT, 1, 0},
                  {7000, SIM_ACT_REBIND, 1, 0},
                  {8000, SIM_ACT_REBIND_PORT, 1, 0}, {9000, SIM_ACT_REBIND, 1, 0},
                  {10000, SIM_ACT_REBIND, 1, 0},
                  {11000, SIM_ACT_REBIND, 1, 0}, {12000, SIM_ACT_REBIND, 1, 0}, {13000, SIM_ACT_REBIND, 1, 0},
                  {14000, SIM_ACT_REBIND, 1, 0}}),
    IDLE("ten clients at once", 1, .n_clients = 10, .traffic_ms = 250,
         .acts = {{5000, SIM_ACT_REBIND, SIM_ALL, 0}}),
    IDLE("with threads", 2, .has_threads = true, .traffic_ms = 50, .acts = {{5000, SIM_ACT_REBIND, 1, 0}}),
    IDLE("behind a slow line", 3, .traffic_ms = 50, .n_lines = 1,
         .lines = {{.up = {.latency_us = 150000}, .down = {.latency_us = 150000}}},
         .acts = {{5000, SIM_ACT_REBIND, 1, 0}}),
    /* It sends nothing while it sleeps, and hears of the new address before it does again. */
    IDLE("the server sleeps meanwhile", 1, .traffic_ms = 50,
         .acts = {{5000, SIM_ACT_REBIND, 1, 0}, {5000, SIM_ACT_PAUSE, SIM_SERVER, 200}}),

    /* With nothing else to send, the next ping tells. */
    {.name = "float while up: nobody sends, the next ping tells",
     .plan = {USUAL, .acts = {{3000, SIM_ACT_SILENCE, SIM_ALL, 1}, {5000, SIM_ACT_REBIND, 1, 0},
                              {17000, SIM_ACT_SILENCE, SIM_ALL, 0}}},
     .musts = {MUST_LOSE(17000, 40000, 1, 0),
               MUST_HAVE(40000, 1, SIM_SESSIONS, SIM_EXACTLY, 1),
               MUST_UP(40000, 1)}},
    /* The first packets from the new address may vanish: it is the next one, then. */
    {.name = "float while up: the first packets from the new address are lost",
     .plan = {USUAL, .acts = {{5000, SIM_ACT_LOSE_UP, 1, 0}, {5000, SIM_ACT_REBIND, 1, 0}}},
     .sweep = {.kind = SIM_TWO_OF_12},
     .musts = {MUST_LOSE(1000, 20000, 1, 5),
               MUST_HAVE(20000, 1, SIM_SESSIONS, SIM_EXACTLY, 1),
               MUST_UP(20000, 1)}},
    /* What was sent from the old address and comes late must not turn the way back. */
    {.name = "float while up: a late packet from the old address",
     .plan = {USUAL, .acts = {{5000, SIM_ACT_LATE_UP, 1, 0}, {5100, SIM_ACT_REBIND, 1, 0}}},
     .sweep = {.kind = SIM_ONE_OF_12},
     .musts = {MUST_LOSE(1000, 20000, 1, 2),
               MUST_HAVE(20000, 1, SIM_SESSIONS, SIM_EXACTLY, 1),
               MUST_UP(20000, 1)}},
    /* Somebody plays old packets of the client from elsewhere; nobody is to follow. */
    {.name = "float while up: replayed packets move nobody",
     .plan = {USUAL, .acts = {{5000, SIM_ACT_REPLAY, 1, 8}, {6000, SIM_ACT_REBIND, 1, 0},
                              {6300, SIM_ACT_REPLAY, 1, 8}}},
     .sweep = {.kind = SIM_SEEDS, .to = 10},
     .musts = {MUST_LOSE(1000, 20000, 1, 1),
               MUST_HAVE(20000, 1, SIM_SESSIONS, SIM_EXACTLY, 1),
               MUST_UP(20000, 1)}},
    /* It comes back as a new client from a new address: the old session gives way at once. */
    {.name = "float while up: the client starts anew elsewhere",
     .plan = {USUAL, .acts = {{5000, SIM_ACT_CRASH, 1, 100}, {5050, SIM_ACT_REBIND, 1, 0}}},
     .musts = {MUST_UP(6000, 1),
               MUST_END(6000, SIM_SERVER, SIM_EXACTLY, 1, ADIT_E_REPLACED),
               MUST_HAVE(6000, SIM_SERVER, SIM_LEASES, SIM_EXACTLY, 1),
               MUST_LOSE(7000, 20000, 1, 0)}},
};

/* clang-format on */

const struct sim_table sim_table_moves = {rows, sizeof rows / sizeof rows[0]};
