/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The handshake: every packet of it lost, doubled, overtaken or damaged, for each wrapping; lines that do all
 * of this by chance; and TLS that fails at either end. Protocol text: 3, 4, 5.
 */
#include "scenario.h"

/* clang-format off */

/*
 * One packet of the handshake suffers: a loss may cost one retransmission time (2 s) and not a session more.
 * The act's value is the sweep's.
 */
#define ONE(what, wrapping, act, by, ...) \
    {.name = "handshake: " what, \
     .plan = {.wrap = wrapping, .traffic_ms = 50, .acts = {{0, act, 1, 0}}, __VA_ARGS__}, \
     .sweep = {.kind = SIM_ONE_OF_12}, \
     .musts = {MUST_UP(by, 1), \
               MUST_HAVE(by, 1, SIM_SESSIONS, SIM_EXACTLY, 1), \
               MUST_HAVE(by, SIM_SERVER, SIM_SESSIONS, SIM_EXACTLY, 1), \
               MUST_HAVE(6000, 1, SIM_KEYS, SIM_EXACTLY, 1), \
               MUST_LOSE(by, 6000, 1, 0)}}

#define TWO(what, wrapping, act, by) \
    {.name = "handshake: " what, \
     .plan = {.wrap = wrapping, .traffic_ms = 250, .acts = {{0, act, 1, 0}}}, \
     .sweep = {.kind = SIM_TWO_OF_12}, \
     .musts = {MUST_UP(by, 1), \
               MUST_HAVE(by, 1, SIM_SESSIONS, SIM_EXACTLY, 1), \
               MUST_LOSE(by, 10000, 1, 0)}}

#define EACH(what, wrapping, act_up, act_down, by) \
    {.name = "handshake: " what, \
     .plan = {.wrap = wrapping, .traffic_ms = 250, .acts = {{0, act_up, 1, 0}, {0, act_down, 1, 0}}}, \
     .sweep = {.kind = SIM_ONE_EACH}, \
     .musts = {MUST_UP(by, 1), \
               MUST_HAVE(by, 1, SIM_SESSIONS, SIM_EXACTLY, 1), \
               MUST_LOSE(by, 10000, 1, 0)}}

/* Any packets at all of the first twelve: with all of them gone the client has to begin again. */
#define ANY(what, wrapping, act, by) \
    {.name = "handshake: " what, \
     .plan = {.wrap = wrapping, .traffic_ms = 1000, .acts = {{0, act, 1, 0}}}, \
     .sweep = {.kind = SIM_ANY_OF_12}, \
     .musts = {MUST_UP(by, 1), \
               MUST_HAVE(by, 1, SIM_SESSIONS, SIM_AT_MOST, 2), \
               MUST_LOSE(by, by + 5000, 1, 0)}}

#define MASKS(name, wrapping) \
    ONE(name ", one packet up lost", wrapping, SIM_ACT_LOSE_UP, 3000), \
    ONE(name ", one packet down lost", wrapping, SIM_ACT_LOSE_DOWN, 3000), \
    ONE(name ", one packet up twice", wrapping, SIM_ACT_TWICE_UP, 600), \
    ONE(name ", one packet down twice", wrapping, SIM_ACT_TWICE_DOWN, 600), \
    ONE(name ", one packet up overtaken", wrapping, SIM_ACT_LATE_UP, 800), \
    ONE(name ", one packet down overtaken", wrapping, SIM_ACT_LATE_DOWN, 800), \
    ONE(name ", one packet up lost, two round trips", wrapping, SIM_ACT_LOSE_UP, 3000, .is_tls_12 = true), \
    ONE(name ", one packet down lost, two round trips", wrapping, SIM_ACT_LOSE_DOWN, 3000, \
        .is_tls_12 = true), \
    TWO(name ", two packets up lost", wrapping, SIM_ACT_LOSE_UP, 5000), \
    TWO(name ", two packets down lost", wrapping, SIM_ACT_LOSE_DOWN, 5000), \
    EACH(name ", one packet each way lost", wrapping, SIM_ACT_LOSE_UP, SIM_ACT_LOSE_DOWN, 5000), \
    EACH(name ", one packet each way overtaken", wrapping, SIM_ACT_LATE_UP, SIM_ACT_LATE_DOWN, 1000), \
    ANY(name ", any packets up lost", wrapping, SIM_ACT_LOSE_UP, 100000), \
    ANY(name ", any packets down lost", wrapping, SIM_ACT_LOSE_DOWN, 100000), \
    ANY(name ", any packets up twice", wrapping, SIM_ACT_TWICE_UP, 1000), \
    ANY(name ", any packets down overtaken", wrapping, SIM_ACT_LATE_DOWN, 2000)

/* Damaged is lost where packets are authenticated; on a bare line it may be anything, so it is not here. */
#define DAMAGE(name, wrapping) \
    ONE(name ", one packet up damaged", wrapping, SIM_ACT_DAMAGE_UP, 3000), \
    ONE(name ", one packet down damaged", wrapping, SIM_ACT_DAMAGE_DOWN, 3000)

/* Loss, doubling and reordering by chance, each way; up within a minute, every time. */
#define STORM {.latency_us = 20000, .faults = {.loss_ppm = 300000, .dup_ppm = 200000, .late_ppm = 300000, \
                                              .late_ns = 200 * ADIT_NS_PER_MS}}

#define STORMY(name_, wrapping) \
    {.name = "handshake: " name_ ", 30 % lost, 20 % twice, 30 % overtaken", \
     .plan = {.wrap = wrapping, .n_lines = 1, .lines = {{.up = STORM, .down = STORM}}}, \
     .sweep = {.kind = SIM_SEEDS, .to = 200}, \
     .musts = {MUST_UP(60000, 1)}}

static const struct sim_scenario rows[] = {
    STORMY("bare", SIM_BARE),
    STORMY("tls-auth", SIM_TLS_AUTH),
    STORMY("tls-crypt", SIM_TLS_CRYPT),
    STORMY("tls-crypt-v2", SIM_V2),
    STORMY("tls-crypt-v2 with cookie", SIM_V2_COOKIE),
    MASKS("bare", SIM_BARE),
    MASKS("tls-auth", SIM_TLS_AUTH),
    MASKS("tls-crypt", SIM_TLS_CRYPT),
    MASKS("tls-crypt-v2", SIM_V2),
    MASKS("tls-crypt-v2 with cookie", SIM_V2_COOKIE),
    ONE("OpenSSL, one packet up lost", SIM_TLS_CRYPT, SIM_ACT_LOSE_UP, 3000, .is_real_tls = true),
    ONE("OpenSSL, one packet down lost", SIM_TLS_CRYPT, SIM_ACT_LOSE_DOWN, 3000, .is_real_tls = true),
    ONE("OpenSSL, one packet down overtaken", SIM_TLS_CRYPT, SIM_ACT_LATE_DOWN, 800, .is_real_tls = true),
    DAMAGE("tls-auth", SIM_TLS_AUTH),
    DAMAGE("tls-crypt", SIM_TLS_CRYPT),
    DAMAGE("tls-crypt-v2", SIM_V2),
    DAMAGE("tls-crypt-v2 with cookie", SIM_V2_COOKIE),
};

/* clang-format on */

const struct sim_table sim_table_handshake = {rows, sizeof rows / sizeof rows[0]};
