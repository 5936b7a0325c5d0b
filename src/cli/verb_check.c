/* SPDX-License-Identifier: Apache-2.0 */
/* `adit check FILE`: what a configuration means, what is wrong with it, and where. Changes nothing. */
#include "cli/verbs.h"

#include <stdio.h>
#include <string.h>

#include "cli/load.h"
#include "cli/paths.h"
#include "host/material.h"
#include "core/terms.h"
#include "linux/entropy.h"

static void print_log(void *ctx, enum adit_log_kind kind, int verb, const char *line)
{
    (void)ctx;
    (void)verb;
    printf("%s: %s\n", kind == ADIT_LOG_ERROR || kind == ADIT_LOG_FATAL ? "error" : "warning", line);
}

static void print_line(void *ctx, const char *line)
{
    (void)ctx;
    printf("  %s\n", line);
}

/* Files, keys and certificates that it names: do they load, and do they fit together? */
static bool check_material(const struct adit_conf *c)
{
    struct adit_env env = {.rng = adit_random(), .log = {.put = print_log, .verb = 1}};
    struct adit_terms terms;
    struct adit_wraps wraps;
    struct adit_tls_ctx *tls;
    bool is_good = adit_terms_init(&terms, c, &env.log) == ADIT_OK;

    for (size_t i = 0; is_good && i < c->n_conns; i++) {
        is_good = adit_wraps_load(&wraps, c, &c->conns[i], terms.auth, &env.log) == ADIT_OK;
        if (is_good)
            adit_wraps_free(&wraps);
    }
    tls = adit_material_tls(c, &env);
    is_good = adit_paths_check(c, &env.log) && tls && is_good;
    adit_tls_ctx_free(tls);
    return is_good;
}

const char adit_usage_check[] =
    "usage: adit check FILE        (any configuration or profile; nothing is changed)\n";

int adit_verb_check(int argc, char **argv)
{
    const char *args[] = {"--config", argc == 2 ? argv[1] : ""};
    struct adit_conf_report report = {0};
    const struct adit_conf *c;
    bool is_good;

    if (argc != 2 || argv[1][0] == '-') {
        fputs(adit_usage_check, stderr);
        return 1;
    }
    c = adit_load(args, sizeof args / sizeof args[0], &report, stdout);
    if (!c) {
        printf("%zu error(s): this configuration will not start\n", report.n_errors);
        adit_conf_report_fini(&report);
        return 1;
    }
    adit_load_print(&report, stdout);
    is_good = check_material(c);
    printf("%s means:\n", argv[1]);
    adit_conf_print(c, print_line, NULL);
    printf("%s\n", is_good ? "no errors" : "this configuration will not start");
    adit_conf_report_fini(&report);
    adit_conf_free(c);
    return is_good ? 0 : 1;
}
