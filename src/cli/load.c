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

static adit_err read_config(void *ctx, const char *path, char **text, size_t *n)
{
    bool is_stdin = strcmp(path, "stdin") == 0 || strcmp(path, "[stdin]") == 0;
    uint8_t *bytes;
    adit_err e;

    (void)ctx;
    e = adit_file_read(is_stdin ? "/dev/stdin" : path, CONFIG_MAX, &bytes, n);
    if (e == ADIT_OK)
        *text = (char *)bytes;
    return e;
}

static adit_err change_dir(void *ctx, const char *dir)
{
    (void)ctx;
    return chdir(dir) == 0 ? ADIT_OK : ADIT_E_FILE;
}

void adit_load_print(const struct adit_conf_report *report, FILE *out)
{
    char line[LINE_LEN];

    for (size_t i = 0; i < report->n; i++)
        fprintf(out, "%s%s\n", report->diags[i].severity == ADIT_CONF_ERROR ? "Options error: " : "",
                adit_conf_diag_str(&report->diags[i], line, sizeof line));
}

const struct adit_conf *adit_load(const char *const *args, size_t n_args, struct adit_conf_report *report,
                                  FILE *out)
{
    static const struct adit_conf_source source = {.read_file = read_config, .change_dir = change_dir};
    const struct adit_conf *conf = NULL;

    if (adit_conf_load(args, n_args, &source, report, &conf) == ADIT_OK)
        return conf;
    adit_load_print(report, out);
    fprintf(out, "Use --help for more information.\n");
    return NULL;
}
