/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs that run a tunnel: `server` and `connect`. */
#include "cli/verbs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/run.h"
#include "cli/site.h"

const char adit_usage_server[] =
    "usage: adit server DIR        (DIR as made by: adit setup DIR --endpoint HOST)\n";
const char adit_usage_connect[] =
    "usage: adit connect FILE        (FILE as made by: adit profile add DIR NAME)\n";

/* One word that is no option, else the text. */
static bool has_one_word(int argc, char **argv, const char *usage)
{
    if (argc == 2 && argv[1][0] != '-')
        return true;
    fputs(usage, stderr);
    return false;
}

int adit_verb_server(int argc, char **argv)
{
    const char *args[] = {"--config", ADIT_SITE_CONF};

    if (!has_one_word(argc, argv, adit_usage_server))
        return 1;
    if (chdir(argv[1]) != 0 || access(ADIT_SITE_CONF, R_OK) != 0) {
        bool is_absent = errno == ENOENT || errno == ENOTDIR;

        fprintf(stderr, "adit server: %s/%s: %s; ", argv[1], ADIT_SITE_CONF, strerror(errno));
        if (is_absent)
            fprintf(stderr, "make a server with: adit setup %s --endpoint HOST\n", argv[1]);
        else
            fprintf(stderr, "run it as root\n");
        return 1;
    }
    return adit_run(args, sizeof args / sizeof args[0], false, NULL);
}

/* What a person at a terminal wants to see: what goes wrong, and when it works. */
static void put_watched(void *ctx, enum adit_log_kind kind, int verb, const char *line)
{
    static const char up[] = "Initialization Sequence Completed";

    (void)ctx;
    (void)verb;
    if (kind == ADIT_LOG_ERROR || kind == ADIT_LOG_FATAL)
        fprintf(stderr, "error: %s\n", line);
    else if (kind == ADIT_LOG_WARN)
        fprintf(stderr, "warning: %s\n", line);
    else if (strncmp(line, up, sizeof up - 1) == 0)
        printf("Connected%s. Ctrl-C ends the connection.\n", line + sizeof up - 1);
    else
        printf("%s\n", line);
    fflush(stdout);
}

int adit_verb_connect(int argc, char **argv)
{
    const char *args[] = {"--config", argc == 2 ? argv[1] : ""};
    const struct adit_run_watch watch = {.log = {.put = put_watched, .verb = 1}};

    if (!has_one_word(argc, argv, adit_usage_connect))
        return 1;
    return adit_run(args, sizeof args / sizeof args[0], false, &watch);
}
