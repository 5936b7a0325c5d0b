/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/load.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "linux/file.h"

enum {
    CONFIG_MAX = 4 * 1024 * 1024,
    LINE_LEN = 1024,
};

struct why {
    int os_errno;
};

static adit_err read_config(void *ctx, const char *path, char **text, size_t *n)
{
    bool is_stdin = strcmp(path, "stdin") == 0 || strcmp(path, "[stdin]") == 0;
    struct why *w = ctx;
    uint8_t *bytes;
    adit_err e;

    e = adit_file_read(is_stdin ? "/dev/stdin" : path, CONFIG_MAX, &bytes, n);
    w->os_errno = errno;
    if (e == ADIT_OK)
        *text = (char *)bytes;
    return e;
}

static adit_err change_dir(void *ctx, const char *dir)
{
    struct why *w = ctx;
    bool is_done = chdir(dir) == 0;

    w->os_errno = errno;
    return is_done ? ADIT_OK : ADIT_E_FILE;
}

static const char *say_why(void *ctx)
{
    const struct why *w = ctx;

    return strerror(w->os_errno);
}

void adit_load_print(const struct adit_conf_report *report, FILE *out)
{
    char line[LINE_LEN];

    for (size_t i = 0; i < report->n; i++) {
        const struct adit_conf_diag *d = &report->diags[i];

        if (d->severity != ADIT_CONF_ERROR)
            fprintf(out, "%s\n", adit_conf_diag_str(d, line, sizeof line));
        else if (d->file)
            fprintf(out, "Options error: %s:%u: %s [%s]\n", d->file, d->line, d->text, d->rule);
        else
            fprintf(out, "Options error: %s [%s]\n", d->text, d->rule);
    }
}

const struct adit_conf *adit_load(const char *const *args, size_t n_args, struct adit_conf_report *report,
                                  FILE *out)
{
    struct why why = {0};
    const struct adit_conf_source source = {
        .read_file = read_config, .change_dir = change_dir, .ctx = &why, .why = say_why};
    const struct adit_conf *conf = NULL;

    if (adit_conf_load(args, n_args, &source, report, &conf) == ADIT_OK)
        return conf;
    if (!out)
        return NULL;
    adit_load_print(report, out);
    fprintf(out, "Use --help for more information.\n");
    return NULL;
}
