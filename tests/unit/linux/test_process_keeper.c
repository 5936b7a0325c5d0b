/* SPDX-License-Identifier: Apache-2.0 */
#include "../unit.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "linux/file.h"
#include "linux/process.h"

enum {
    NOBODY = 65534,
    WAIT_MS = 20000,
};

static char dir[] = "/tmp/adit-test-keeper-XXXXXX";
static char pid_path[64], state_path[64];

static int set_up(void **state)
{
    (void)state;
    if (!mkdtemp(dir))
        return -1;
    (void)snprintf(pid_path, sizeof pid_path, "%s/pid", dir);
    (void)snprintf(state_path, sizeof state_path, "%s/state", dir);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    adit_dir_remove(dir);
    return access(dir, F_OK) == 0 ? -1 : 0;
}

static void put(const char *path, const char *text)
{
    assert_int_equal(adit_file_write(path, adit_bytes_str(text), 0600), ADIT_OK);
}

static void put_own_pid(void)
{
    char text[32];

    (void)snprintf(text, sizeof text, "%ld\n", (long)getpid());
    put(pid_path, text);
}

static void keep_once(void)
{
    struct adit_fail fail = {0};
    struct adit_keeper k;

    assert_int_equal(adit_keeper_start(pid_path, state_path, &k, &fail), ADIT_OK);
    adit_keeper_end(&k);
    adit_keeper_end(&k);
}

static void what_is_ours_is_gone_when_the_end_returns(void **state)
{
    (void)state;
    put_own_pid();
    put(state_path, "");
    keep_once();
    assert_false(adit_file_exists(pid_path));
    assert_false(adit_file_exists(state_path));
    keep_once(); /* and nothing there is no trouble */
}

static void what_is_not_ours_stays(void **state)
{
    int fd;

    (void)state;
    put(pid_path, "1\n");
    put(state_path, "adit-state 1\n+route\n");
    keep_once();
    assert_true(adit_file_exists(pid_path));
    assert_true(adit_file_exists(state_path));
    put(state_path, "");
    fd = open(state_path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(flock(fd, LOCK_EX), 0); /* of the next run */
    keep_once();
    close(fd);
    assert_true(adit_file_exists(state_path));
}

static bool is_gone_in_time(const char *path)
{
    for (int ms = 0; ms < WAIT_MS && adit_file_exists(path); ms += 10)
        (void)usleep(10 * 1000);
    return !adit_file_exists(path);
}

/* The keeper hears nothing but the end of its process, and holds nothing of it open. */
static void a_killed_process_leaves_no_pid_file(void **state)
{
    struct adit_keeper k;
    struct adit_fail fail = {0};
    int ready[2];
    char b = 0;
    pid_t child;

    (void)state;
    assert_int_equal(pipe(ready), 0);
    child = fork();
    if (child == 0) {
        close(ready[0]);
        put_own_pid();
        if (adit_keeper_start(pid_path, NULL, &k, &fail) != ADIT_OK)
            _exit(1);
        (void)kill(k.child, SIGTERM);
        (void)kill(k.child, SIGINT);
        (void)!write(ready[1], "x", 1);
        (void)pause();
    }
    close(ready[1]);
    assert_int_equal(read(ready[0], &b, 1), 1);
    assert_true(adit_file_exists(pid_path));
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_true(is_gone_in_time(pid_path));
    assert_int_equal(read(ready[0], &b, 1), 0);
    close(ready[0]);
}

/* As `user nobody`: a folder of root's, and a file in it that was given away. */
static int write_as_nobody(const char *given, const char *other)
{
    if (setgroups(0, NULL) != 0 || setresuid(NOBODY, NOBODY, NOBODY) != 0)
        return 77;
    if (adit_file_rewrite(given, adit_bytes_str("later"), 0600) != ADIT_OK)
        return 1;
    return adit_file_rewrite(other, adit_bytes_str("later"), 0600) == ADIT_E_FILE && errno == EACCES ? 0 : 2;
}

static void a_given_file_is_written_without_rights(void **state)
{
    struct adit_user user = {.has_uid = true, .uid = NOBODY};
    struct adit_fail fail = {0};
    char given[64], other[64], text[8] = "";
    int status = -1, fd;
    pid_t child;

    (void)state;
    (void)snprintf(given, sizeof given, "%s/given", dir);
    (void)snprintf(other, sizeof other, "%s/other", dir);
    put(other, "first");
    if (geteuid() != 0 || chmod(dir, 0755) != 0 || adit_user_give(&user, given, &fail) != ADIT_OK)
        skip(); /* in a namespace without a nobody */
    child = fork();
    if (child == 0)
        _exit(write_as_nobody(given, other));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(WEXITSTATUS(status), 0);
    fd = open(given, O_RDONLY | O_CLOEXEC);
    assert_int_equal(read(fd, text, sizeof text), 5);
    assert_memory_equal(text, "later", 5);
    close(fd);
}

static void only_a_plain_file_with_one_name_is_given(void **state)
{
    struct adit_user user = {.has_uid = true, .uid = NOBODY};
    struct adit_fail fail = {0};
    char link_path[64];
    struct stat st;

    (void)state;
    put(state_path, "x");
    (void)snprintf(link_path, sizeof link_path, "%s/link", dir);
    assert_int_equal(symlink(state_path, link_path), 0);
    assert_int_equal(adit_user_give(&user, link_path, &fail), ADIT_E_FILE);
    assert_int_equal(unlink(link_path), 0);
    assert_int_equal(link(state_path, link_path), 0);
    assert_int_equal(adit_user_give(&user, link_path, &fail), ADIT_OK);
    assert_int_equal(stat(state_path, &st), 0);
    assert_int_equal(st.st_uid, geteuid());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_ours_is_gone_when_the_end_returns),
        cmocka_unit_test(what_is_not_ours_stays),
        cmocka_unit_test(a_killed_process_leaves_no_pid_file),
        cmocka_unit_test(a_given_file_is_written_without_rights),
        cmocka_unit_test(only_a_plain_file_with_one_name_is_given),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
