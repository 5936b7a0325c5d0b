/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

enum { LINE_MAX_LEN = 2048 };

void adit_log(const struct adit_log *log, enum adit_log_kind kind, int verb, const char *subject,
              const char *fmt, ...)
{
    char line[LINE_MAX_LEN];
    int at = 0;
    va_list args;

    if (!log || !log->put || (verb > log->verb && kind != ADIT_LOG_FATAL))
        return;
    if (subject)
        at = snprintf(line, sizeof line, "%s ", subject);
    if (at < 0 || at >= LINE_MAX_LEN)
        at = 0;
    va_start(args, fmt);
    vsnprintf(line + at, sizeof line - (size_t)at, fmt, args);
    va_end(args);
    adit_log_tame(line);
    log->put(log->ctx, kind, verb, line);
}

void adit_log_tame(char *line)
{
    for (; *line; line++)
        if ((unsigned char)*line < 0x20 || *line == 0x7f)
            *line = '_';
}

const char *adit_log_clean(adit_bytes text, char *dst, size_t cap)
{
    size_t n = 0;

    if (cap == 0)
        return "";
    for (; n < text.n && n + 1 < cap; n++)
        dst[n] = text.p[n] >= 0x20 && text.p[n] < 0x7f ? (char)text.p[n] : '_';
    dst[n] = '\0';
    return dst;
}
