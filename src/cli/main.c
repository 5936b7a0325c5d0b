/* SPDX-License-Identifier: Apache-2.0 */
/* The program `adit`: a verb and its words, or exactly openvpn's command line. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/run.h"
#include "cli/tool.h"
#include "cli/verbs.h"

static const struct verb {
    const char *name, *usage;
    int (*run)(int argc, char **argv);
} verbs[] = {
    {"setup", adit_usage_setup, adit_verb_setup},    {"profile", adit_usage_profile, adit_verb_profile},
    {"server", adit_usage_server, adit_verb_server}, {"connect", adit_usage_connect, adit_verb_connect},
    {"check", adit_usage_check, adit_verb_check},
};

static bool is_called_openvpn(const char *program)
{
    const char *slash = strrchr(program, '/');

    return strcmp(slash ? slash + 1 : program, "openvpn") == 0;
}

static bool is_help(const char *word)
{
    return strcmp(word, "help") == 0 || strcmp(word, "-h") == 0;
}

/* argv[0] is the verb. Help is asked for anywhere behind it, whatever else is there. */
static int run_verb(const struct verb *v, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            fputs(v->usage, stdout);
            return 0;
        }
    }
    return v->run(argc, argv);
}

/* A first word that is neither a verb, an option nor a file: most likely a verb that was misspelt. */
static bool is_nothing(const char *word)
{
    return strncmp(word, "--", 2) != 0 && access(word, F_OK) != 0 && errno == ENOENT;
}

int main(int argc, char **argv)
{
    bool is_openvpn = argc > 0 && is_called_openvpn(argv[0]);

    /* One helper thread is enough for names, and a service unit allows few (LimitNPROC). */
    setenv("UV_THREADPOOL_SIZE", "1", 0);
    if (argc < 2) {
        adit_tool_help();
        return 1;
    }
    for (size_t i = 0; !is_openvpn && i < sizeof verbs / sizeof verbs[0]; i++) {
        if (strcmp(argv[1], verbs[i].name) == 0)
            return run_verb(&verbs[i], argc - 1, argv + 1);
    }
    if (!is_openvpn && is_help(argv[1])) {
        adit_tool_help();
        return 0;
    }
    if (!is_openvpn && is_nothing(argv[1])) {
        fprintf(stderr,
                "adit: '%s' is neither a command (setup, profile, server, connect, check) nor a file here; "
                "see adit --help\n",
                argv[1]);
        return 1;
    }
    return adit_run((const char *const *)argv + 1, (size_t)argc - 1, is_openvpn, NULL);
}
