/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log records go to a sink that the host hands in; logging returns nothing, fails silently and never exits.
 * The level is OpenVPN's `verb` scale: a record is shown when its level is not above the sink's verb.
 * Text that came from a peer is passed through adit_log_clean() first.
 */
#ifndef ADIT_BASE_LOG_H
#define ADIT_BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"

enum adit_log_kind {
    ADIT_LOG_FATAL, /* the program will exit because of this; always shown */
    ADIT_LOG_ERROR, /* always shown */
    ADIT_LOG_WARN,
    ADIT_LOG_INFO,
    ADIT_LOG_DEBUG,
};

struct adit_log {
    /* One line without its end. NULL: nothing is logged. */
    void (*put)(void *ctx, enum adit_log_kind kind, int verb, const char *line);
    void *ctx;
    int verb; /* 0..11; records above it are not even formatted */
};

/* Subject: who it is about ("alice/203.0.113.7:1194"), or NULL. */
void adit_log(const struct adit_log *log, enum adit_log_kind kind, int verb, const char *subject,
              const char *fmt, ...) __attribute__((format(printf, 5, 6)));

#define adit_error(log, subject, ...) adit_log((log), ADIT_LOG_ERROR, 0, (subject), __VA_ARGS__)
#define adit_warn(log, subject, ...)  adit_log((log), ADIT_LOG_WARN, 1, (subject), __VA_ARGS__)
#define adit_note(log, subject, ...)  adit_log((log), ADIT_LOG_INFO, 1, (subject), __VA_ARGS__)
#define adit_info(log, subject, ...)  adit_log((log), ADIT_LOG_INFO, 3, (subject), __VA_ARGS__)
#define adit_debug(log, subject, ...) adit_log((log), ADIT_LOG_DEBUG, 5, (subject), __VA_ARGS__)

/*
 * Control characters become '_', so that a record is one line and no terminal obeys it, whoever wrote its
 * words: a profile is a stranger's text, too. adit_log() does it.
 */
void adit_log_tame(char *line);

/*
 * Copies text of a peer into dst (always NUL-terminated), at most cap - 1 bytes, with everything that is not
 * printable replaced by '_'. Returns dst.
 */
const char *adit_log_clean(adit_bytes text, char *dst, size_t cap);

#endif
