/* SPDX-License-Identifier: Apache-2.0 */
/* Everything that cannot be taken back happens in a child, which tells by its exit status. */
#include "../unit.h"

#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cap-ng.h>

#include "linux/priv.h"
#include "linux/process.h"
#include "netns.h"

static char path[64];

/* Exit status of a child that runs `act`. */
static int in_child(int (*act)(void))
{
    pid_t child = fork();
    int status = -1;

    if (child == 0)
        _exit(act());
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int be_a_daemon(void)
{
    struct adit_fail fail = {0};
    char cwd[64];
    int fd, out;

    unsetenv("NOTIFY_SOCKET");
    if (adit_daemon_start(false, false, &fail) != ADIT_OK)
        return 2;
    /* Here is the daemon; its parent, which in_child() waits for, hears from it below. */
    out = open("/dev/null", O_WRONLY);
    if (getsid(0) != getpid() || !getcwd(cwd, sizeof cwd) || strcmp(cwd, "/") != 0 || out < 0)
        _exit(3);
    if (adit_pidfile_open(path, &fd, &fail) != ADIT_OK || adit_pidfile_put(fd, &fail) != ADIT_OK)
        _exit(4);
    adit_daemon_ready();
    _exit(0);
}

static int be_a_daemon_that_fails(void)
{
    unsetenv("NOTIFY_SOCKET");
    if (adit_daemon_start(true, true, NULL) == ADIT_OK)
        _exit(5);
    return 2;
}

static int be_a_daemon_that_vanishes(void)
{
    unsetenv("NOTIFY_SOCKET");
    if (adit_daemon_start(true, true, NULL) == ADIT_OK)
        _exit(0);
    return 2;
}

static void a_daemon_reports_how_its_start_went(void **state)
{
    char text[32], want[32];

    (void)state;
    assert_int_equal(in_child(be_a_daemon), 0);
    read_text(path, text, sizeof text);
    assert_true(atoi(text) > 1);
    snprintf(want, sizeof want, "%d\n", atoi(text));
    assert_string_equal(text, want);
    assert_int_equal(in_child(be_a_daemon_that_fails), 5);
    assert_int_equal(in_child(be_a_daemon_that_vanishes), 1);
}

static int listen_for_notice(struct sockaddr_un *sa, const char *name)
{
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    *sa = (struct sockaddr_un){.sun_family = AF_UNIX};
    assert_true(strlen(name) < sizeof sa->sun_path);
    memcpy(sa->sun_path, name, strlen(name));
    if (name[0] == '@')
        sa->sun_path[0] = '\0';
    assert_int_equal(
        bind(fd, (struct sockaddr *)sa, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name))),
        0);
    return fd;
}

static int stay_with_the_manager(void)
{
    pid_t before = getpid();

    return adit_daemon_start(false, true, NULL) == ADIT_OK && getpid() == before ? 0 : 1;
}

static void the_service_manager_is_told(void **state)
{
    char names[2][96], got[256], want[256];
    struct sockaddr_un sa;

    (void)state;
    snprintf(names[0], sizeof names[0], "/tmp/adit-notify-%ld", (long)getpid());
    snprintf(names[1], sizeof names[1], "@adit-notify-%ld", (long)getpid());
    snprintf(want, sizeof want, "READY=1\nSTATUS=Pre-connection initialization successful\nMAINPID=%ld",
             (long)getpid());
    for (int i = 0; i < 2; i++) {
        int fd = listen_for_notice(&sa, names[i]);
        ssize_t n;

        setenv("NOTIFY_SOCKET", names[i], 1);
        assert_true(adit_notify_is_wanted());
        assert_true(adit_notify_ready());
        n = recv(fd, got, sizeof got - 1, MSG_DONTWAIT);
        assert_true(n > 0);
        got[n] = '\0';
        assert_string_equal(got, want);
        assert_int_equal(in_child(stay_with_the_manager), 0);
        close(fd);
    }
    unlink(names[0]);
    assert_false(adit_notify_ready()); /* nobody listens any more */
    unsetenv("NOTIFY_SOCKET");
    assert_false(adit_notify_is_wanted());
    assert_false(adit_notify_ready());
}

static int drop_all(void)
{
    struct adit_user user = {.has_uid = true, .has_gid = true, .uid = 65534, .gid = 65534};

    if (adit_process_drop(&user, false, NULL) != ADIT_OK)
        return 1;
    if (getuid() != 65534 || geteuid() != 65534 || getgid() != 65534 || getgroups(0, NULL) != 0)
        return 2;
    capng_get_caps_process();
    return capng_have_capabilities(CAPNG_SELECT_CAPS) == CAPNG_NONE ? 0 : 3;
}

static int drop_but_keep_net_admin(void)
{
    struct adit_user user = {.has_uid = true, .has_gid = true, .uid = 65534, .gid = 65534};
    struct adit_priv_req req = {.kind = ADIT_PRIV_ADDR_ADD, .addr = {.ifname = "lo"}};
    struct adit_priv_res res;
    struct adit_priv *p;

    if (!enter_netns())
        return 77;
    req.addr.local = (struct adit_prefix){.ip = adit_ip_v4(0x0a636363), .bits = 32};
    if (adit_priv_new(NULL, NULL, &p, NULL) != ADIT_OK || adit_priv_do(p, &req, &res) != ADIT_OK)
        return 1;
    if (adit_process_drop(&user, true, NULL) != ADIT_OK)
        return 2;
    if (getuid() != 65534 || getgid() != 65534 || getgroups(0, NULL) != 0)
        return 3;
    capng_get_caps_process();
    if (!capng_have_capability(CAPNG_EFFECTIVE, CAP_NET_ADMIN) ||
        capng_have_capability(CAPNG_PERMITTED, CAP_SETUID) ||
        capng_have_capability(CAPNG_PERMITTED, CAP_DAC_OVERRIDE))
        return 4;
    /* What was done with the old rights can be undone with the new ones. */
    adit_priv_undo_all(p);
    if (adit_priv_do(p, &req, &res) != ADIT_OK || res.is_existing)
        return 5;
    adit_priv_free(p);
    return 0;
}

static void rights_are_given_up(void **state)
{
    (void)state;
    if (getuid() != 0) {
        print_message("needs root\n");
        skip();
    }
    assert_int_equal(in_child(drop_all), 0);
    assert_int_equal(in_child(drop_but_keep_net_admin), 0);
}

static int drop_without_rights(void)
{
    struct adit_user user = {.has_uid = true, .uid = 12345};
    struct adit_fail fail = {0};

    if (getuid() == 0 && setresuid(65534, 65534, 65534) != 0)
        return 77;
    return adit_process_drop(&user, true, &fail) == ADIT_E_OS && strstr(fail.text, "only root") ? 0 : 1;
}

static void only_root_can_become_another(void **state)
{
    (void)state;
    assert_int_equal(in_child(drop_without_rights), 0);
}

static void users_are_found_by_name_and_number(void **state)
{
    struct adit_user u;
    struct adit_fail fail = {0};

    (void)state;
    assert_int_equal(adit_user_find("root", "root", &u, &fail), ADIT_OK);
    assert_true(u.has_uid && u.has_gid && u.uid == 0 && u.gid == 0);
    assert_int_equal(adit_user_find("54321", NULL, &u, &fail), ADIT_OK);
    assert_true(u.has_uid && !u.has_gid && u.uid == 54321);
    assert_int_equal(adit_user_find("no-such-user", NULL, &u, &fail), ADIT_E_CONFIG);
    assert_string_equal(fail.text, "failed to find UID for user no-such-user");
    assert_int_equal(adit_user_find(NULL, "no-such-group", &u, &fail), ADIT_E_CONFIG);
}

static int change_limits(void)
{
    struct rlimit low = {.rlim_cur = 64, .rlim_max = 256};
    struct adit_fail fail = {0};
    char cwd[64];
    int want = getpriority(PRIO_PROCESS, 0) + 3; /* tests may be run with any */

    if (adit_process_chdir("/nonexistent", &fail) != ADIT_E_OS ||
        !strstr(fail.text, "cd to '/nonexistent' failed: No"))
        return 1;
    if (adit_process_chdir("/tmp", &fail) != ADIT_OK || !getcwd(cwd, sizeof cwd) || strcmp(cwd, "/tmp") != 0)
        return 2;
    if (adit_process_nice(3, &fail) != ADIT_OK || getpriority(PRIO_PROCESS, 0) < (want < 19 ? want : 19))
        return 3;
    if (getuid() == 0 && setresuid(65534, 65534, 65534) != 0)
        return 77;
    if (setrlimit(RLIMIT_NOFILE, &low) != 0)
        return 4;
    if (adit_process_raise_fds(32) != 64 || adit_process_raise_fds(128) != 128 ||
        adit_process_raise_fds(4096) != 256)
        return 5;
    return adit_process_nice(-10, &fail) == ADIT_E_OS && strstr(fail.text, "CAP_SYS_NICE") ? 0 : 6;
}

static void limits_and_folders_change(void **state)
{
    (void)state;
    assert_int_equal(in_child(change_limits), 0);
}

static void a_pid_file_in_no_folder_is_an_error_at_once(void **state)
{
    struct adit_fail fail = {0};
    int fd;

    (void)state;
    assert_int_equal(adit_pidfile_open("/nonexistent/x", &fd, &fail), ADIT_E_FILE);
    assert_string_equal(fail.text, "--writepid fails with '/nonexistent/x': No such file or directory");
}

static int name_path(void **state)
{
    (void)state;
    snprintf(path, sizeof path, "/tmp/adit-process-%ld.pid", (long)getpid());
    return 0;
}

static int remove_path(void **state)
{
    (void)state;
    unlink(path);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_daemon_reports_how_its_start_went),
        cmocka_unit_test(the_service_manager_is_told),
        cmocka_unit_test(rights_are_given_up),
        cmocka_unit_test(only_root_can_become_another),
        cmocka_unit_test(users_are_found_by_name_and_number),
        cmocka_unit_test(limits_and_folders_change),
        cmocka_unit_test(a_pid_file_in_no_folder_is_an_error_at_once),
    };

    return cmocka_run_group_tests(tests, name_path, remove_path);
}
