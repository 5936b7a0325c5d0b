/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A configuration text. Whatever it is, reading ends, every report has its texts, and either there is an
 * error or a value; the value can be printed, and what was printed fits the rows.
 */
#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "conf/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Every file that a text names is this one. */
static adit_err read_file(void *ctx, const char *path, char **text, size_t *n)
{
    (void)ctx;
    if (strcmp(path, "nosuch") == 0)
        return ADIT_E_FILE;
    *text = adit_strdup("verb 3\nconfig again\n");
    *n = *text ? strlen(*text) : 0;
    return *text ? ADIT_OK : ADIT_E_MEMORY;
}

static adit_err change_dir(void *ctx, const char *dir)
{
    (void)ctx;
    return *dir ? ADIT_OK : ADIT_E_FILE;
}

static void put(void *ctx, const char *line)
{
    *(size_t *)ctx += strlen(line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const struct adit_conf_source src = {.read_file = read_file, .change_dir = change_dir};
    struct adit_conf_report report = {0};
    const struct adit_conf *c;
    adit_err err = adit_conf_parse("fuzz", adit_bytes_of(data, n), &src, &report, &c);
    size_t printed = 0;
    char line[700];

    assert((err == ADIT_OK) == (c != NULL));
    assert(err != ADIT_E_CONFIG || report.n_errors > 0);
    for (size_t i = 0; i < report.n; i++)
        printed += strlen(adit_conf_diag_str(&report.diags[i], line, sizeof line));
    if (c) {
        assert(c->task != ADIT_TASK_RUN || c->n_conns > 0);
        for (size_t i = 0; i < c->n_conns; i++)
            assert(c->conns[i].proto != ADIT_PROTO_TCP && c->conns[i].rport);
        assert(c->task != ADIT_TASK_RUN || c->topology != ADIT_TOPOLOGY_UNSET);
        adit_conf_print(c, put, &printed);
    }
    adit_conf_free(c);
    adit_conf_report_fini(&report);
    return 0;
}
