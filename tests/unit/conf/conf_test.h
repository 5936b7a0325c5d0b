/* SPDX-License-Identifier: Apache-2.0 */
/* Files in memory, and short ways to read a text and to look into the report. */
#ifndef ADIT_TESTS_CONF_TEST_H
#define ADIT_TESTS_CONF_TEST_H

#include "../unit.h"
#include "base/mem.h"
#include "conf/conf.h"
#include "conf/pushed.h"

struct file {
    const char *path, *text;
};

/* A folder of files; ends with a NULL path. `dir` is where `cd` went. */
struct folder {
    const struct file *files;
    char dir[64];
};

static inline adit_err read_from_folder(void *ctx, const char *path, char **text, size_t *n)
{
    const struct folder *d = ctx;
    char full[128];

    (void)snprintf(full, sizeof full, "%s%s", d->dir, path);
    for (const struct file *f = d->files; f && f->path; f++)
        if (strcmp(f->path, full) == 0) {
            *text = adit_strdup(f->text);
            *n = strlen(f->text);
            return *text ? ADIT_OK : ADIT_E_MEMORY;
        }
    return ADIT_E_FILE;
}

static inline adit_err change_folder(void *ctx, const char *dir)
{
    struct folder *d = ctx;

    if (strcmp(dir, "nowhere") == 0)
        return ADIT_E_FILE;
    (void)snprintf(d->dir, sizeof d->dir, "%s/", dir);
    return ADIT_OK;
}

static inline const char *why_not_read(void *ctx)
{
    (void)ctx;
    return "the reason";
}

/* What a test reads with, and what came of it. */
struct reading {
    struct folder folder;
    struct adit_conf_report report;
    const struct adit_conf *c;
    adit_err err;
};

static inline void read_text_n(struct reading *r, const char *text, size_t n)
{
    struct adit_conf_source src = {read_from_folder, change_folder, &r->folder, why_not_read};

    r->err = adit_conf_parse("t.conf", adit_bytes_of(text, n), &src, &r->report, &r->c);
}

static inline void read_text(struct reading *r, const char *text)
{
    read_text_n(r, text, strlen(text));
}

static inline void read_args(struct reading *r, const char *const *args, size_t n)
{
    struct adit_conf_source src = {read_from_folder, change_folder, &r->folder, why_not_read};

    r->err = adit_conf_load(args, n, &src, &r->report, &r->c);
}

static inline void done(struct reading *r)
{
    adit_conf_free(r->c);
    adit_conf_report_fini(&r->report);
    *r = (struct reading){0};
}

/* The first report under this rule; NULL if there is none. */
static inline const struct adit_conf_diag *find_diag(const struct adit_conf_report *r, const char *rule)
{
    for (size_t i = 0; i < r->n; i++)
        if (strcmp(r->diags[i].rule, rule) == 0)
            return &r->diags[i];
    return NULL;
}

static inline void print_report(const struct adit_conf_report *r)
{
    char line[700];

    for (size_t i = 0; i < r->n; i++)
        print_message("  %s\n", adit_conf_diag_str(&r->diags[i], line, sizeof line));
}

#define assert_reads(r)                                                                                      \
    do {                                                                                                     \
        if ((r)->err)                                                                                        \
            print_report(&(r)->report);                                                                      \
        assert_int_equal((r)->err, ADIT_OK);                                                                 \
        assert_non_null((r)->c);                                                                             \
    } while (0)

#define assert_diag(r, rule_, severity_, line_)                                                              \
    do {                                                                                                     \
        const struct adit_conf_diag *d_ = find_diag(&(r)->report, rule_);                                    \
        if (!d_)                                                                                             \
            print_report(&(r)->report);                                                                      \
        assert_non_null(d_);                                                                                 \
        assert_int_equal(d_->severity, severity_);                                                           \
        assert_int_equal(d_->line, line_);                                                                   \
    } while (0)

#define SERVER "ca ca.pem\ncert c.pem\nkey k.pem\ndh none\n"
#define CLIENT "client\nremote vpn.example 1194\nca ca.pem\ncert c.pem\nkey k.pem\nremote-cert-tls server\n"

#endif
