/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where log lines go: standard output (as openvpn), standard error, a file, or syslog. Any thread may log. A
 * reader that does not read (a pipe, a terminal) never stops the program: lines are left out, and their
 * number is told later.
 */
#ifndef ADIT_LINUX_LOGSINK_H
#define ADIT_LINUX_LOGSINK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/log.h"
#include "linux/fail.h"

enum adit_logsink_kind {
    ADIT_LOGSINK_STDOUT,
    ADIT_LOGSINK_STDERR,
    ADIT_LOGSINK_FILE,   /* `log`: starts empty */
    ADIT_LOGSINK_APPEND, /* `log-append` */
    ADIT_LOGSINK_SYSLOG, /* `syslog NAME`, or `daemon NAME` without a file */
};

/*
 * Also gets every line that is shown (for management, which keeps a history). flags is the number that
 * machine-readable-output prints. Called under the sink's lock: it must not log.
 */
typedef void (*adit_logsink_tee)(void *ctx, int64_t wall_s, unsigned flags, const char *line);

struct adit_logsink_spec {
    enum adit_logsink_kind kind;
    const char *path; /* FILE, APPEND */
    const char *name; /* SYSLOG: the program's name there; NULL: "openvpn" */
    int verb;
    unsigned mute;   /* 0: off; more than so many lines of one kind in a row are left out */
    bool want_stdio; /* FILE, APPEND: standard output and error go there, too, so that hooks' output does */
    bool has_no_timestamps;   /* `suppress-timestamps` */
    bool is_machine_readable; /* "secs.usecs flags text" */
};

struct adit_logsink;

/*
 * If the file cannot be opened, ADIT_E_FILE, and *out is a sink on standard output all the same, as openvpn
 * does; the caller may log fail->text there. *out is NULL only without memory.
 */
ADIT_MUST_USE adit_err adit_logsink_new(const struct adit_logsink_spec *spec, struct adit_logsink **out,
                                        struct adit_fail *fail);

/* What is handed to the library. Lives as long as the sink; a copy keeps the verb of when it was taken. */
struct adit_log adit_logsink_log(struct adit_logsink *s);

/* Changes from now on (management); copies of adit_log taken before have to be taken again for a higher verb.
 */
void adit_logsink_set_verb(struct adit_logsink *s, int verb);
void adit_logsink_set_mute(struct adit_logsink *s, unsigned mute);
void adit_logsink_set_tee(struct adit_logsink *s, adit_logsink_tee tee, void *ctx);

/* After standard output was redirected (a daemon): standard sinks without a reader become syslog. */
void adit_logsink_use_syslog(struct adit_logsink *s, const char *name);

void adit_logsink_free(struct adit_logsink *s);

#endif
