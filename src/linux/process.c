/* SPDX-License-Identifier: Apache-2.0 */
/* Daemon, pid file, folders, limits. The rights are in process_user.c, the service manager in
 * process_notify.c. */
#include "linux/process.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* The child's end of the pipe to the waiting parent. One process has one parent, so this is no hidden state.
 */
static int ready_fd = -1;

/* The parent: it has nothing to do but to pass on how the start went. Never returns. */
static void wait_for_child(int fd, pid_t child)
{
    char byte;
    ssize_t n;
    int status = 0;

    do
        n = read(fd, &byte, 1);
    while (n < 0 && errno == EINTR);
    if (n == 1)
        _exit(0);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    _exit(WIFEXITED(status) && WEXITSTATUS(status) != 0 ? WEXITSTATUS(status) : 1);
}

static void detach_stdio(bool keep_output)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (null < 0)
        return;
    (void)dup2(null, STDIN_FILENO);
    if (!keep_output) {
        (void)dup2(null, STDOUT_FILENO);
        (void)dup2(null, STDERR_FILENO);
    }
    if (null > STDERR_FILENO)
        close(null);
}

adit_err adit_daemon_start(bool keep_folder, bool keep_output, struct adit_fail *fail)
{
    int ends[2];
    pid_t child;

    if (adit_notify_is_wanted())
        return ADIT_OK;
    if (pipe2(ends, O_CLOEXEC) != 0)
        return adit_fail_set(fail, ADIT_E_OS, errno, NULL, "daemon");
    fflush(NULL); /* or both would write what is buffered */
    child = fork();
    if (child < 0) {
        close(ends[0]);
        close(ends[1]);
        return adit_fail_set(fail, ADIT_E_OS, errno, NULL, "daemon: cannot fork");
    }
    if (child > 0) {
        close(ends[1]);
        wait_for_child(ends[0], child);
    }
    close(ends[0]);
    ready_fd = ends[1];
    (void)setsid();
    detach_stdio(keep_output);
    return keep_folder ? ADIT_OK : adit_process_chdir("/", fail);
}

void adit_daemon_ready(void)
{
    if (ready_fd < 0)
        return;
    (void)!write(ready_fd, "", 1);
    close(ready_fd);
    ready_fd = -1;
}

adit_err adit_pidfile_open(const char *path, int *fd, struct adit_fail *fail)
{
    *fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    return *fd >= 0 ? ADIT_OK
                    : adit_fail_set(fail, ADIT_E_FILE, errno, NULL, "--writepid fails with '%s'", path);
}

adit_err adit_pidfile_put(int fd, struct adit_fail *fail)
{
    int n = dprintf(fd, "%ld\n", (long)getpid());
    int os_errno = errno;

    if (close(fd) == 0 && n > 0)
        return ADIT_OK;
    return adit_fail_set(fail, ADIT_E_FILE, n > 0 ? errno : os_errno, NULL, "cannot write the pid file");
}

adit_err adit_process_chroot(const char *path, struct adit_fail *fail)
{
    if (chroot(path) == 0 && chdir("/") == 0)
        return ADIT_OK;
    return adit_fail_set(fail, ADIT_E_OS, errno, errno == EPERM ? "needs CAP_SYS_CHROOT: run as root" : NULL,
                         "chroot to '%s' failed", path);
}

adit_err adit_process_chdir(const char *path, struct adit_fail *fail)
{
    return chdir(path) == 0 ? ADIT_OK
                            : adit_fail_set(fail, ADIT_E_OS, errno, NULL, "cd to '%s' failed", path);
}

adit_err adit_process_nice(int n, struct adit_fail *fail)
{
    errno = 0;
    if (nice(n) != -1 || errno == 0)
        return ADIT_OK;
    return adit_fail_set(fail, ADIT_E_OS, errno,
                         errno == EPERM ? "a value below 0 needs CAP_SYS_NICE: run as root" : NULL,
                         "nice %d failed", n);
}

adit_err adit_process_lock_memory(struct adit_fail *fail)
{
    if (mlockall(MCL_CURRENT | MCL_FUTURE) == 0)
        return ADIT_OK;
    return adit_fail_set(fail, ADIT_E_OS, errno,
                         "run as root, or raise the limit of locked memory (ulimit -l)", "mlock failed");
}

uint64_t adit_process_raise_fds(uint64_t want)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 0;
    if (limit.rlim_cur >= want)
        return limit.rlim_cur;
    if (limit.rlim_max < want) {
        struct rlimit more = {.rlim_cur = want, .rlim_max = want};

        if (setrlimit(RLIMIT_NOFILE, &more) == 0) /* as root */
            return want;
    }
    limit.rlim_cur = limit.rlim_max < want ? limit.rlim_max : want;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : 0;
}
