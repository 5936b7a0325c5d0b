/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is wrong with a configuration, collected: reading never stops at the first error. The report owns its
 * texts, which hold no secrets, and outlives the reading. Text of a peer in it has been cleaned.
 */
#ifndef ADIT_CONF_DIAG_H
#define ADIT_CONF_DIAG_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

enum adit_conf_severity {
    ADIT_CONF_NOTE,
    ADIT_CONF_WARNING,
    ADIT_CONF_ERROR, /* the program must not start */
};

struct adit_conf_diag {
    enum adit_conf_severity severity;
    const char
        *file;     /* "[command line]" and "[push]" are names, too; NULL: of the configuration as a whole */
    unsigned line; /* from 1; on the command line and in a push: the position of the word or option */
    const char *rule; /* a stable name: "unknown-option", "server-needs-tls-server" */
    const char *text; /* says what to do */
};

struct adit_conf_report {
    struct adit_conf_diag *diags; /* in the order of discovery */
    size_t n, cap;
    size_t n_errors;
    bool is_short_of_memory; /* something could not be recorded: treat as an error */
};

/* A zeroed report is an empty one. */
void adit_conf_report_fini(struct adit_conf_report *r);

/* Adds one; the text is formatted and cut at 511 bytes. */
void adit_conf_report_add(struct adit_conf_report *r, enum adit_conf_severity severity, const char *file,
                          unsigned line, const char *rule, const char *fmt, ...)
    __attribute__((format(printf, 6, 7)));

/* "server.conf:12: error: ... [rule]" into dst (always NUL-terminated); returns dst. */
const char *adit_conf_diag_str(const struct adit_conf_diag *d, char *dst, size_t cap);

#endif
