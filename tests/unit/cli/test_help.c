/* SPDX-License-Identifier: Apache-2.0 */
/* Who asks for help gets it on stdout and status 0; who is wrong gets it on stderr and status 1. The program
 * is argv[1]. */
#include "../unit.h"

#include <stdlib.h>
#include <sys/wait.h>

static const char *program;

/* Its words on one of the two streams, and its exit status. */
static int run(const char *args, int stream, char *said, size_t cap)
{
    char command[512];
    FILE *f;
    size_t n;
    int status;

    snprintf(command, sizeof command, "%s %s %s", program, args,
             stream == 1 ? "2>/dev/null" : "2>&1 >/dev/null");
    f = popen(command, "r");
    assert_non_null(f);
    n = fread(said, 1, cap - 1, f);
    said[n] = '\0';
    status = pclose(f);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

struct row {
    const char *args, *says;
};

/* So on that stream, nothing on the other one. */
static void assert_says(const struct row *rows, size_t n, int stream, int status)
{
    char said[64 * 1024];

    for (size_t i = 0; i < n; i++) {
        print_message("adit %s\n", rows[i].args);
        assert_int_equal(run(rows[i].args, stream, said, sizeof said), status);
        assert_non_null(strstr(said, rows[i].says));
        assert_int_equal(run(rows[i].args, stream == 1 ? 2 : 1, said, sizeof said), status);
        assert_string_equal(said, "");
    }
}

static void help_is_given_wherever_it_is_asked_for(void **state)
{
    static const struct row rows[] = {
        {"setup --help", "adit setup DIR"},
        {"setup -h", "adit setup DIR"},
        {"setup /nowhere --endpoint vpn.example --help", "adit setup DIR"},
        {"profile --help", "adit profile add DIR NAME"},
        {"profile -h", "adit profile add DIR NAME"},
        {"profile add --help", "adit profile add DIR NAME"},
        {"profile list --help", "adit profile add DIR NAME"},
        {"profile show /nowhere --help", "adit profile add DIR NAME"},
        {"profile renew /nowhere name -h", "adit profile add DIR NAME"},
        {"profile revoke --help", "adit profile add DIR NAME"},
        {"server --help", "adit server DIR"},
        {"server /nowhere --help", "adit server DIR"},
        {"connect --help", "adit connect FILE"},
        {"connect /nowhere -h", "adit connect FILE"},
        {"check --help", "adit check FILE"},
        {"check /nowhere --help", "adit check FILE"},
        {"help", "adit setup DIR"},
        {"-h", "adit setup DIR"},
    };

    (void)state;
    assert_says(rows, sizeof rows / sizeof rows[0], 1, 0);
}

static void a_wrong_command_line_is_told_what_is_right(void **state)
{
    static const struct row rows[] = {
        {"setup", "adit setup DIR"},
        {"setup /nowhere --nonsense x", "adit setup DIR"},
        {"profile", "adit profile add DIR NAME"},
        {"profile nonsense", "adit profile add DIR NAME"},
        {"profile add /nowhere", "adit profile add DIR NAME"},
        {"server", "adit server DIR"},
        {"connect one two", "adit connect FILE"},
        {"check", "adit check FILE"},
        {"check --nonsense", "adit check FILE"},
        {"nonsense", "adit --help"},
    };

    (void)state;
    assert_says(rows, sizeof rows / sizeof rows[0], 2, 1);
}

/* openvpn's own --help ends with 1, and what wraps it may look at that. */
static void the_list_of_options_ends_as_openvpns(void **state)
{
    char said[64 * 1024];

    (void)state;
    assert_int_equal(run("--help", 1, said, sizeof said), 1);
    assert_non_null(strstr(said, "--config"));
}

int main(int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(help_is_given_wherever_it_is_asked_for),
        cmocka_unit_test(a_wrong_command_line_is_told_what_is_right),
        cmocka_unit_test(the_list_of_options_ends_as_openvpns),
    };

    if (argc < 2)
        return 1;
    program = argv[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
