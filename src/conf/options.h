/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One row per option (conf/options.def): its name, where it may stand, how many words follow it, what they
 * mean and which field they fill. Reading, pushing, --help and `check` all work from these rows.
 */
#ifndef ADIT_CONF_OPTIONS_H
#define ADIT_CONF_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/conf.h"
#include "conf/lex.h"

struct adit_fill;

enum adit_opt_kind {
    ADIT_OPT_FLAG, /* sets a bool */
    ADIT_OPT_NUM,  /* a number within [lo, hi] */
    ADIT_OPT_TEXT,
    ADIT_OPT_FILE,    /* a path, or inline text */
    ADIT_OPT_WORD,    /* one of `words` */
    ADIT_OPT_DO,      /* `set` */
    ADIT_OPT_ALIAS,   /* another name of `target` */
    ADIT_OPT_LATER,   /* known, not built yet: an error */
    ADIT_OPT_IDLE,    /* accepted without effect, with a note */
    ADIT_OPT_GONE,    /* removed: an error that names the replacement */
    ADIT_OPT_WINDOWS, /* an error here */
    ADIT_OPT_PUSHED,  /* only servers say it */
};

enum {                               /* where an option may stand, and how */
       ADIT_OPT_CONN = 1 << 0,       /* within <connection> */
       ADIT_OPT_INLINE = 1 << 1,     /* <name> ... </name> */
       ADIT_OPT_CCD = 1 << 2,        /* in files per client */
       ADIT_OPT_PUSH = 1 << 3,       /* a server may push it */
       ADIT_OPT_PUSH_ROUTE = 1 << 4, /* likewise, unless route-nopull */
       ADIT_OPT_SECRET = 1 << 5,     /* what it says is never shown */
       ADIT_OPT_MULTI = 1 << 6,      /* every occurrence counts */
       ADIT_OPT_NO_FILE = 1 << 7,    /* not in configuration files */
};

struct adit_opt_word {
    const char *name;
    int value;
};

struct adit_opt {
    const char *name;
    enum adit_opt_kind kind;
    unsigned where;    /* ADIT_OPT_* flags */
    unsigned args_min; /* words after the name */
    unsigned args_max;
    size_t field, size;                                           /* in struct adit_conf */
    uint64_t lo, hi, def;                                         /* NUM; def also of WORD */
    const struct adit_opt_word *words;                            /* ends with a NULL name */
    bool (*set)(struct adit_fill *f, const struct adit_words *w); /* false: it has reported why not */
    const char *target;                                           /* ALIAS */
    const char *args;                                             /* of --help; "" if there are none */
    const char *help;                                             /* of --help, or what to do instead */
};

extern const struct adit_opt adit_opts[];
extern const size_t adit_n_opts;

/* The row of a name, aliases resolved; NULL if nobody knows it. */
const struct adit_opt *adit_opt_find(const char *name);

/* The usable option whose name is nearest; NULL if none is near. */
const struct adit_opt *adit_opt_nearest(const char *name);

static inline size_t adit_opt_index(const struct adit_opt *o)
{
    return (size_t)(o - adit_opts);
}

#endif
