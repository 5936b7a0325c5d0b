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

/* ---- files of others ---- */

static void path_of(const char *name, char dst[256])
{
    snprintf(dst, 256, "%s/run/%s", folder, name);
}

static bool is_there(const char *name)
{
    struct stat st;
    char at[256];

    path_of(name, at);
    return lstat(at, &st) == 0;
}

static void remove_file(const char *name)
{
    char at[256];

    path_of(name, at);
    unlink(at);
}

static void put_file(const char *name, const char *text)
{
    char at[256];
    int fd;

    path_of(name, at);
    fd = open(at, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

/* As a killed program leaves it; the text. */
static void leave_file(const char *name, const char *line, char text[1024])
{
    struct adit_statefile *s;
    char at[256];

    path_of(name, at);
    assert_int_equal(adit_statefile_open(at, &s, NULL), ADIT_OK);
    if (line)
        assert_int_equal(adit_statefile_add(s, line), ADIT_OK);
    adit_statefile_abandon(s);
    read_text(at, text, 1024);
}

static void of_another_boot(char *text)
{
    char *id = strstr(text, "boot=") + strlen("boot=");

    *id = *id == '0' ? '1' : '0';
}

/* Only of this number, which no namespace has. */
static bool is_seven(void *ctx, uint64_t inode)
{
    (void)ctx;
    return inode == 7;
}

static unsigned sweep(const char *at)
{
    return adit_statefile_sweep(at, is_seven, NULL);
}

static void of_namespace(char *text, unsigned inode)
{
    sprintf(strstr(text, "net="), "net=%u\n+route a\n", inode);
}

static void what_nobody_needs_is_swept(void **state)
{
    char text[1024];

    (void)state;
    leave_file("idle.state", NULL, text);
    leave_file("undone.state", "route a", text);
    strcat(text, "-route a\n");
    put_file("undone.state", text);
    leave_file("old.state", "route a", text);
    of_another_boot(text);
    put_file("old.state", text);
    put_file("empty.state", "");
    leave_file("far.state", "route a", text);
    of_namespace(text, 7);
    put_file("far.state", text);
    assert_int_equal(sweep(path), 5);
    assert_false(is_there("far.state"));
    assert_false(is_there("idle.state"));
    assert_false(is_there("undone.state"));
    assert_false(is_there("old.state"));
    assert_false(is_there("empty.state"));
    assert_int_equal(sweep(path), 0);
}

static void what_may_be_needed_stays(void **state)
{
    struct adit_statefile *held;
    char text[1024], at[256], other[256];

    (void)state;
    leave_file("far.state", "route a", text);
    of_namespace(text, 8);
    put_file("far.state", text);
    leave_file("left.state", "route a", text); /* can be undone in this namespace */
    of_another_boot(text);
    path_of("held.state", at);
    assert_int_equal(adit_statefile_open(at, &held, NULL), ADIT_OK);
    put_file("old.note", text); /* not of such a name */
    put_file("later.state", "adit-state 2 nothing that we know\n");
    put_file("foreign.state", "something else");
    path_of("old.note", at);
    path_of("link.state", other);
    assert_int_equal(symlink(at, other), 0);
    put_file("x.state", text); /* its own, which opening looks after */
    assert_int_equal(sweep(path), 0);
    assert_true(is_there("far.state") && is_there("left.state") && is_there("held.state") &&
                is_there("old.note"));
    assert_true(is_there("later.state") && is_there("foreign.state") && is_there("link.state"));
    assert_true(is_there("x.state"));
    adit_statefile_close(held);
    for (const char *const *name = (const char *const[]){"far.state", "left.state", "old.note", "later.state",
                                                         "foreign.state", "link.state", "x.state", NULL};
         *name; name++)
        remove_file(*name);
}

static void a_folder_that_is_missing_has_nothing_to_sweep(void **state)
{
    (void)state;
    assert_int_equal(sweep("/nowhere/at/all/x.state"), 0);
    assert_int_equal(sweep("x.state"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_orderly_end_leaves_no_file),
        cmocka_unit_test(what_a_dead_process_left_is_found),
        cmocka_unit_test(a_living_process_keeps_others_out),
        cmocka_unit_test(entries_cut_short_and_other_boots_are_ignored),
        cmocka_unit_test(what_nobody_needs_is_swept),
        cmocka_unit_test(what_may_be_needed_stays),
        cmocka_unit_test(a_folder_that_is_missing_has_nothing_to_sweep),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
