/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state of a reading: where it stands, what it fills, what was given. One reading makes one value; the
 * same rows and setters read configuration files and what a server pushes.
 */
#ifndef ADIT_CONF_FILL_H
#define ADIT_CONF_FILL_H

#include "conf/arena.h"
#include "conf/conf.h"
#include "conf/diag.h"
#include "conf/lex.h"
#include "conf/options.h"
#include "conf/pushed.h"

/* A `remote` outside of <connection>. */
struct adit_conf_remote {
    const char *host, *port;
    enum adit_conf_proto proto;
    enum adit_family family;
    bool has_proto;
};

struct adit_fill {
    struct adit_arena *a;
    struct adit_conf *c;
    struct adit_conf_conn *conn; /* &c->conn, or the <connection> being read */
    struct adit_pushed *pushed;  /* NULL: a configuration is read */
    struct adit_conf_report *report;
    const struct adit_conf_source *src;

    struct adit_place at;
    const struct adit_opt *row; /* being set */
    bool is_inline;             /* its value is the text of a block */
    bool is_optional;           /* setenv opt */
    unsigned depth;             /* of nested files */
    bool is_lost;               /* a file or the command line is missing: what is absent may stand there */
    bool is_forward_compatible; /* unknown options are warnings */
    bool is_refused;            /* a push that must not be ignored */
    struct adit_strs may_be_unknown;

    struct adit_place *given; /* by row: where it was given last */
    struct adit_strs lines;   /* what was accepted, redacted, for adit_conf_print() */
    size_t *line_rows;        /* the row of each of them */
    size_t n_line_rows;

    struct adit_conf_remote *remotes;
    size_t n_remotes;
    const char *proto_force;
    bool is_nopool;
    uint32_t keepalive_s, keepalive_timeout_s;
};

/* Every field at its default. */
void adit_conf_defaults(struct adit_conf *c);

/* An error at the current place (a warning within `setenv opt`, a note in a push). Always false. */
bool adit_fill_error(struct adit_fill *f, const char *rule, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void adit_fill_warn(struct adit_fill *f, const char *rule, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void adit_fill_note(struct adit_fill *f, const char *rule, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* ": " and why the source's last function failed, where that is known; else "". */
const char *adit_fill_why(const struct adit_fill *f);

/* Applies one option (its name and words) to the configuration, or reports why not. */
void adit_fill_option(struct adit_fill *f, const struct adit_words *w);

/* Likewise, with the text of an inline block in place of its first word. */
void adit_fill_inline(struct adit_fill *f, const char *name, const char *text);

/* Where the option was given last; NULL if it was not. */
const struct adit_place *adit_fill_given(const struct adit_fill *f, const char *name);

/* ---- for setters: false, after a report, if the text is not one ---- */
bool adit_fill_num(struct adit_fill *f, const char *text, uint64_t lo, uint64_t hi, uint64_t *out);
bool adit_fill_num32(struct adit_fill *f, const char *text, uint32_t lo, uint32_t hi, uint32_t *out);
bool adit_fill_v4(struct adit_fill *f, const char *text, struct adit_ip *out);
bool adit_fill_v6(struct adit_fill *f, const char *text, struct adit_ip *out);
bool adit_fill_prefix6(struct adit_fill *f, const char *text, struct adit_prefix *out);

/* The option once more as a line of configuration text, quoted where it must be. */
const char *adit_words_line(struct adit_arena *a, const struct adit_words *w, size_t from);

/* Notes a line for adit_conf_print(); one of a later call replaces it, unless the row is MULTI. NULL is not
 * noted. */
void adit_fill_line(struct adit_fill *f, const struct adit_opt *row, const char *line);

/* conf/load.c: reads another file, or the text of a <connection>. */
void adit_load_file(struct adit_fill *f, const char *path);
void adit_load_text(struct adit_fill *f, adit_bytes text);

/* conf/expand.c: helper directives and defaults that depend on others. conf/rules.c: combinations. */
void adit_conf_expand(struct adit_fill *f);
void adit_conf_resolve(struct adit_fill *f);
void adit_conf_check(struct adit_fill *f);

#endif
