/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/diag.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/log.h"
#include "base/mem.h"

enum { DIAG_TEXT_MAX = 512 };

void adit_conf_report_fini(struct adit_conf_report *r)
{
    for (size_t i = 0; i < r->n; i++) {
        adit_free((void *)r->diags[i].file);
        adit_free((void *)r->diags[i].text);
    }
    adit_free(r->diags);
    *r = (struct adit_conf_report){0};
}

static bool make_room(struct adit_conf_report *r)
{
    size_t cap = r->cap > 0 ? 2 * r->cap : 16;
    struct adit_conf_diag *diags;

    if (r->n < r->cap)
        return true;
    diags = adit_realloc(r->diags, cap * sizeof *diags);
    if (!diags)
        return false;
    r->diags = diags;
    r->cap = cap;
    return true;
}

void adit_conf_report_add(struct adit_conf_report *r, enum adit_conf_severity severity, const char *file,
                          unsigned line, const char *rule, const char *fmt, ...)
{
    struct adit_conf_diag d = {.severity = severity, .line = line, .rule = rule};
    char text[DIAG_TEXT_MAX];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    /* Counted first: an error that cannot be recorded is still an error. */
    if (severity == ADIT_CONF_ERROR)
        r->n_errors++;
    d.text = adit_strdup(text);
    d.file = file ? adit_strdup(file) : NULL;
    if (!d.text || (file && !d.file) || !make_room(r)) {
        adit_free((void *)d.text);
        adit_free((void *)d.file);
        r->is_short_of_memory = true;
        return;
    }
    r->diags[r->n++] = d;
}

const char *adit_conf_diag_str(const struct adit_conf_diag *d, char *dst, size_t cap)
{
    static const char *const words[] = {"note", "warning", "error"};

    if (cap == 0)
        return dst;
    if (!d->file)
        (void)snprintf(dst, cap, "%s: %s [%s]", words[d->severity], d->text, d->rule);
    else
        (void)snprintf(dst, cap, "%s:%u: %s: %s [%s]", d->file, d->line, words[d->severity], d->text,
                       d->rule);
    adit_log_tame(dst);
    return dst;
}
