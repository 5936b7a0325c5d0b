/* SPDX-License-Identifier: Apache-2.0 */
/* The program `adit`: a verb and its words, or exactly openvpn's command line. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "cli/run.h"
#include "cli/tool.h"
#include "cli/verbs.h"

static const struct verb {
    const char *name;
    int (*run)(int argc, char **argv);
} verbs[] = {
    {"setup", adit_verb_setup},     {"profile", adit_verb_profile}, {"server", adit_verb_server},
    {"connect", adit_verb_connect}, {"check", adit_verb_check},
};

static bool is_called_openvpn(const char *program)
{
    const char *slash = strrchr(program, '/');

    return strcmp(slash ? slash + 1 : program, "openvpn") == 0;
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
            return verbs[i].run(argc - 1, argv + 1);
    }
    return adit_run((const char *const *)argv + 1, (size_t)argc - 1, is_openvpn, NULL);
}
