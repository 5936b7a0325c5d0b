/* SPDX-License-Identifier: Apache-2.0 */
#include "../unit.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "linux/statefile.h"
#include "netns.h"

static char folder[] = "/tmp/adit-statefile-XXXXXX";
static char path[128];

static int make_folder(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/run/x.state", folder);
    return 0;
}

static int remove_folder(void **state)
{
    char sub[128];

    (void)state;
    unlink(path);
    snprintf(sub, sizeof sub, "%s/run", folder);
    rmdir(sub);
    return rmdir(folder);
}

static void an_orderly_end_leaves_no_file(void **state)
{
    struct adit_statefile *s;
    struct adit_fail fail = {0};
    struct stat st;

    (void)state;
    assert_int_equal(adit_statefile_open(path, &s, &fail), ADIT_OK);
    assert_null(adit_statefile_leftover(s, 0));
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(adit_statefile_add(s, "route a"), ADIT_OK);
    assert_int_equal(adit_statefile_remove(s, "route a"), ADIT_OK);
    adit_statefile_close(s);
    assert_int_not_equal(stat(path, &st), 0);
}

static void what_a_dead_process_left_is_found(void **state)
{
    struct adit_statefile *s;
    pid_t child = fork();

    (void)state;
    if (child == 0) {
        if (adit_statefile_open(path, &s, NULL) != ADIT_OK || adit_statefile_add(s, "route a") != ADIT_OK ||
            adit_statefile_add(s, "route b") != ADIT_OK || adit_statefile_add(s, "route c") != ADIT_OK ||
            adit_statefile_remove(s, "route b") != ADIT_OK)
            _exit(2);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &(int){0}, 0), child);
    assert_int_equal(adit_statefile_open(path, &s, NULL), ADIT_OK);
    assert_string_equal(adit_statefile_leftover(s, 0), "route a");
    assert_string_equal(adit_statefile_leftover(s, 1), "route c");
    assert_null(adit_statefile_leftover(s, 2));
    assert_int_equal(adit_statefile_clear(s), ADIT_OK);
    assert_null(adit_statefile_leftover(s, 0));
    adit_statefile_close(s);
}

static void a_living_process_keeps_others_out(void **state)
{
    struct adit_statefile *s, *second;
    struct adit_fail fail = {0};

    (void)state;
    assert_int_equal(adit_statefile_open(path, &s, NULL), ADIT_OK);
    assert_int_equal(adit_statefile_open(path, &second, &fail), ADIT_E_QUEUE);
    assert_non_null(strstr(fail.text, "another process"));
    assert_null(second);
    adit_statefile_close(s);
    assert_int_equal(adit_statefile_open(path, &second, NULL), ADIT_OK);
    adit_statefile_close(second);
}

static void entries_cut_short_and_other_boots_are_ignored(void **state)
{
    struct adit_statefile *s;
    char text[1024];
    size_t n;
    int fd;

    (void)state;
    assert_int_equal(adit_statefile_open(path, &s, NULL), ADIT_OK);
    assert_int_equal(adit_statefile_add(s, "route a"), ADIT_OK);
    adit_statefile_abandon(s);
    n = read_text(path, text, sizeof text - 8);
    fd = open(path, O_WRONLY | O_APPEND);
    assert_int_equal(write(fd, "+rou", 4), 4);
    close(fd);
    assert_int_equal(adit_statefile_open(path, &s, NULL), ADIT_OK);
    assert_string_equal(adit_statefile_leftover(s, 0), "route a");
    assert_null(adit_statefile_leftover(s, 1));
    adit_statefile_abandon(s);

    /* Another boot: one digit of its id changed. */
    char *id = strstr(text, "boot=") + 5;

    *id = *id == '0' ? '1' : '0';
    fd = open(path, O_WRONLY | O_TRUNC);
    assert_int_equal(write(fd, text, n), (ssize_t)n);
    close(fd);
    assert_int_equal(adit_statefile_open(path, &s, NULL), ADIT_OK);
    assert_null(adit_statefile_leftover(s, 0));
    adit_statefile_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_orderly_end_leaves_no_file),
        cmocka_unit_test(what_a_dead_process_left_is_found),
        cmocka_unit_test(a_living_process_keeps_others_out),
        cmocka_unit_test(entries_cut_short_and_other_boots_are_ignored),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
