/* SPDX-License-Identifier: Apache-2.0 */
/* Two ends of the TLS stand-in joined in memory, for its tests: bytes in pieces of any size, damaged at any
 * place. */
#ifndef ADIT_TESTS_SIM_TLS_LINK_H
#define ADIT_TESTS_SIM_TLS_LINK_H

#include "../unit/unit.h"

#include "tls_standin.h"

enum {
    CLIENT = 0,
    SERVER = 1,
    WALL_S = 1800000000,
    DAY_S = 86400,
    WHOLE = 1 << 20, /* pieces larger than any flight */
    EXPORT_LEN = 64,
    STREAM_MAX = 64 * 1024,
};

/* What a link does to the bytes of one direction. */
struct tls_damage {
    int from;        /* CLIENT, SERVER */
    size_t at;       /* byte of the stream */
    uint8_t flip;    /* bits; 0: none */
    size_t n_cut;    /* bytes that are left out */
    size_t n_repeat; /* bytes that come twice */
};

struct tls_link {
    uint64_t seed[2];
    struct adit_rng rng[2];
    struct sim_tls_ctx ctx[2];
    struct adit_tls *tls[2];
    enum adit_tls_state state[2];
    adit_err why[2];
    size_t piece;
    struct tls_damage damage;
    uint8_t stream[2][STREAM_MAX]; /* what each end sent */
    size_t n_stream[2];
    uint8_t got[2][STREAM_MAX]; /* what each end read */
    size_t n_got[2], n_records[2];
    bool has_no_memory; /* an end said so */
};

static const struct adit_tls_ops *const ops = &sim_tls_ops;

void tls_link_set_up(struct tls_link *l, struct sim_tls_shape shape, uint64_t seed);
bool tls_link_connect(struct tls_link *l);
void tls_link_close(struct tls_link *l);
void tls_link_note(struct tls_link *l, adit_err e);
void tls_link_turn(struct tls_link *l, int end);
void tls_link_deliver(struct tls_link *l, int to, const uint8_t *p, size_t n);
bool tls_link_carry(struct tls_link *l, int from);
/* Until nothing moves any more. */
void tls_link_run(struct tls_link *l);
void tls_link_open(struct tls_link *l);
void assert_has(const char *text, const char *part);
void assert_link_up(const struct tls_link *l);
/* One end failed for this reason, and the other was told. */
void assert_link_failed(const struct tls_link *l, int who, adit_err why, const char *text, const char *alert);
void tls_link_export(struct tls_link *l, int end, const char *label, uint8_t out[EXPORT_LEN]);
bool tls_link_is_agreed(struct tls_link *l);

#endif
