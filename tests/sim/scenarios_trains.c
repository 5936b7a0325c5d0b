/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many packets at a time: trains on the line, super-packets at the devices, several workers behind a server's
 * plane. Whatever happens in the middle of a train costs the packets that it happened to.
 */
#include "scenario.h"

/* clang-format off */

#define KEEPALIVE .ping_s = 10, .ping_restart_s = 60
#define USUAL .traffic_ms = 300, .traffic_bytes = 1300, KEEPALIVE
#define TRAINS .most = 20
#define NARROW .n_lines = 1, \
    .lines = {{.up = {.latency_us = 20000, .kbit_s = 4000}, .down = {.latency_us = 20000, .kbit_s = 4000}}}

/* One session from the beginning to the end. */
#define MUST_STAY(by) \
    MUST_HAVE(by, SIM_ALL, SIM_SESSIONS, SIM_EXACTLY, 1), \
    MUST_UP(by, SIM_ALL), \
    MUST_HAVE(by, SIM_SERVER, SIM_ALL_ENDS, SIM_EXACTLY, 0)

#define QUIET(what, bytes, ...) \
    {.name = "trains: " what, \
     .plan = {KEEPALIVE, .traffic_ms = 300, .traffic_bytes = bytes, __VA_ARGS__}, \
     .sweep = {.kind = SIM_SEEDS, .to = 3}, \
     .musts = {MUST_HAVE(10000, SIM_ALL, SIM_MERGED, SIM_AT_LEAST, 50), \
               MUST_HAVE(10000, SIM_SERVER, SIM_MERGED, SIM_AT_LEAST, 50), \
               MUST_LOSE(3000, 10000, SIM_ALL, 0), \
               MUST_STAY(10000)}}

/* Of a train single datagrams. */
#define SINGLE(what, act, lost, ...) \
    {.name = "trains: of one " what, \
     .plan = {USUAL, .acts = {{5000, act, 1, 0}}, __VA_ARGS__}, \
     .sweep = {.kind = SIM_ONE_OF_12}, \
     .musts = {MUST_LOSE(3000, 8000, 1, lost), MUST_STAY(8000)}}

/* While some of it is still under way, or waits in a ring. */
#define MIDDLE(what, lost, ...) \
    {.name = "trains: in the middle of one " what, \
     .plan = {USUAL, NARROW, __VA_ARGS__}, \
     .sweep = {.kind = SIM_MOMENTS, .to = 200, .step = 25, .deep_step = 1}, \
     .musts = {MUST_LOSE(3000, 9000, SIM_ALL, lost), MUST_STAY(9000)}}

#define ANEW(what, ...) \
    {.name = "trains: in the middle of one " what, \
     .plan = {USUAL, NARROW, __VA_ARGS__}, \
     .sweep = {.kind = SIM_MOMENTS, .to = 200, .step = 25, .deep_step = 1}, \
     .musts = {MUST_UP(12000, SIM_ALL), \
               MUST_HAVE(12000, 1, SIM_UPS, SIM_EXACTLY, 2), \
               MUST_LOSE(9000, 15000, SIM_ALL, 0)}}

#define CREW(how) {TRAINS, .workers = 3, .steering = how, .handed = 128}

static const struct sim_scenario rows[] = {
    QUIET("a good line", 1300, .trains = {TRAINS}),
    QUIET("of the longest kind", 1300, .trains = {.most = 64}),
    QUIET("over TCP", 300, .is_tcp = true, .trains = {TRAINS}),
    QUIET("from client to client", 1300, .n_clients = 3, .want_client_to_client = true, .trains = {TRAINS}),
    QUIET("every one comes twice", 1300, .trains = {TRAINS, .twice_ppm = 1000000}),

    SINGLE("is lost", SIM_ACT_LOSE_UP, 1, .trains = {TRAINS}),
    SINGLE("is lost on the way down", SIM_ACT_LOSE_DOWN, 1, .trains = {TRAINS}),
    SINGLE("comes twice", SIM_ACT_TWICE_UP, 0, .trains = {TRAINS}),
    SINGLE("is damaged", SIM_ACT_DAMAGE_UP, 1, .trains = {TRAINS}),
    SINGLE("comes late", SIM_ACT_LATE_DOWN, 0, .trains = {TRAINS}),
    SINGLE("is lost, with the server's workers steered", SIM_ACT_LOSE_UP, 1,
           .trains = CREW(SIM_STEERED), .has_threads = true),

    {.name = "trains: whole ones are lost",
     .plan = {USUAL, .trains = {TRAINS, .lost_ppm = 200000}},
     .sweep = {.kind = SIM_SEEDS, .to = 3},
     .musts = {MUST_UP(30000, 1), MUST_PASS(5000, 30000, 1, 100)}},

    /* Devices that take none of what they said they do. */
    {.name = "trains: the device refuses TCP over IPv4",
     .plan = {USUAL, .trains = {TRAINS, .refused = SIM_NO_TCP4}},
     .musts = {MUST_HAVE(15000, 1, SIM_UNMERGED, SIM_EXACTLY, 1),
               MUST_HAVE(15000, SIM_SERVER, SIM_UNMERGED, SIM_EXACTLY, 1),
               MUST_LOSE(3000, 15000, 1, 0)}},
    {.name = "trains: the device refuses TCP over IPv6 and UDP",
     .plan = {USUAL, .trains = {TRAINS, .refused = SIM_NO_TCP6 | SIM_NO_UDP}},
     .musts = {MUST_HAVE(15000, 1, SIM_UNMERGED, SIM_EXACTLY, 2),
               MUST_LOSE(3000, 15000, 1, 0)}},
    {.name = "trains: the device refuses all",
     .plan = {USUAL, .trains = {TRAINS, .refused = SIM_NO_TCP4 | SIM_NO_TCP6 | SIM_NO_UDP}},
     .sweep = {.kind = SIM_SEEDS, .to = 3},
     .musts = {MUST_HAVE(15000, 1, SIM_UNMERGED, SIM_EXACTLY, 3),
               MUST_HAVE(15000, 1, SIM_MERGED, SIM_EXACTLY, 0),
               MUST_LOSE(3000, 15000, 1, 0)}},

    /* Several workers. */
    QUIET("three workers, steered", 1300, .n_clients = 4, .trains = CREW(SIM_STEERED), .has_threads = true),
    QUIET("three workers, over TCP", 300, .is_tcp = true, .n_clients = 3, .trains = CREW(SIM_BY_CHANCE),
          .has_threads = true),
    {.name = "trains: three workers, by chance",
     .plan = {USUAL, .n_clients = 4, .has_threads = true, .want_client_to_client = true,
              .trains = CREW(SIM_BY_CHANCE)},
     .sweep = {.kind = SIM_SEEDS, .to = 3},
     .musts = {MUST_HAVE(15000, SIM_SERVER, SIM_HANDED, SIM_AT_LEAST, 1000),
               MUST_LOSE(3000, 15000, SIM_ALL, 0),
               MUST_STAY(15000)}},
    {.name = "trains: every packet at the wrong worker",
     .plan = {USUAL, .n_clients = 4, .has_threads = true, .want_client_to_client = true,
              .trains = CREW(SIM_ASTRAY)},
     .sweep = {.kind = SIM_SEEDS, .to = 3},
     .musts = {MUST_HAVE(15000, SIM_SERVER, SIM_HANDED, SIM_AT_LEAST, 2000),
               MUST_LOSE(3000, 15000, SIM_ALL, 0),
               MUST_STAY(15000)}},
    {.name = "trains: every packet at the wrong worker, at once",
     .plan = {USUAL, .n_clients = 4, .trains = CREW(SIM_ASTRAY)},
     .musts = {MUST_HAVE(15000, SIM_SERVER, SIM_HANDED, SIM_AT_LEAST, 1000),
               MUST_LOSE(3000, 15000, SIM_ALL, 0),
               MUST_STAY(15000)}},
    /* What finds no room is lost, and nothing but that. */
    {.name = "trains: the rings between workers are full",
     .plan = {USUAL, .n_clients = 2, .has_threads = true,
              .trains = {TRAINS, .workers = 2, .steering = SIM_ASTRAY, .handed = 1}},
     .sweep = {.kind = SIM_SEEDS, .to = 3},
     .musts = {MUST_HAVE(15000, SIM_SERVER, SIM_RINGS_FULL, SIM_AT_LEAST, 300),
               MUST_PASS(3000, 15000, SIM_ALL, 30),
               MUST_STAY(15000)}},

    /* The peer changes, or ends. */
    MIDDLE("the client renegotiates", 0, .trains = {TRAINS}, .acts = {{5000, SIM_ACT_RENEGOTIATE, 1, 0}}),
    MIDDLE("the server renegotiates", 0, .n_clients = 3, .has_threads = true, .trains = CREW(SIM_ASTRAY),
           .acts = {{5000, SIM_ACT_RENEGOTIATE, SIM_SERVER, 0}}),
    MIDDLE("the client floats", 20, .trains = {TRAINS}, .acts = {{5000, SIM_ACT_REBIND, 1, 0}}),
    MIDDLE("the client floats, at the wrong worker", 20, .n_clients = 3, .has_threads = true,
           .trains = CREW(SIM_ASTRAY), .acts = {{5000, SIM_ACT_REBIND, SIM_ALL, 0}}),
    ANEW("the client starts anew", .trains = {TRAINS}, .acts = {{5000, SIM_ACT_CRASH, 1, 500}}),
    ANEW("the client starts anew, with workers", .n_clients = 2, .has_threads = true,
         .trains = CREW(SIM_BY_CHANCE), .acts = {{5000, SIM_ACT_CRASH, 1, 500}}),
    ANEW("the client says goodbye and comes back", .n_clients = 2, .has_threads = true,
         .trains = CREW(SIM_ASTRAY), .acts = {{5000, SIM_ACT_LEAVE, 1, 1000}}),
};

/* clang-format on */

const struct sim_table sim_table_trains = {rows, sizeof rows / sizeof rows[0]};
