/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process that has given up its rights cannot remove files from root's folders. So a child keeps them, and
 * can do nothing else: it holds one end of a pipe, on which nobody ever writes, and acts when the other end
 * is closed, by adit_keeper_end() or because the process is gone. What is not the process's own it leaves.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cap-ng.h>

#include "linux/process.h"

enum { PIPE_FD = 3 };

static bool holds_pid(int fd, pid_t pid)
{
    char text[32];
    struct stat st;
    ssize_t n;

    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        return false;
    n = read(fd, text, sizeof text - 1);
    if (n <= 0)
        return n == 0;
    text[n] = '\0';
    return strtol(text, NULL, 10) == (long)pid;
}

static void remove_pid_file(const char *path, pid_t pid)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0)
        return;
    if (holds_pid(fd, pid))
        (void)!unlink(path);
    close(fd);
}

/* One that is in use, or tells of something to be cleaned up, stays. */
static void remove_state_file(const char *path)
{
    int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    struct stat mine, there;

    if (fd < 0)
        return;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &mine) == 0 && S_ISREG(mine.st_mode) &&
        mine.st_size == 0 && stat(path, &there) == 0 && there.st_ino == mine.st_ino &&
        there.st_dev == mine.st_dev)
        (void)!unlink(path);
    close(fd);
}

static void keep_little(int pipe_fd)
{
    int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

    for (int fd = 0; fd < PIPE_FD && null_fd >= 0; fd++)
        (void)dup2(null_fd, fd);
    if (pipe_fd != PIPE_FD)
        (void)dup2(pipe_fd, PIPE_FD);
    (void)close_range(PIPE_FD + 1, ~0U, 0);
    (void)!chdir("/");
    capng_clear(CAPNG_SELECT_BOTH);
    (void)capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, CAP_DAC_OVERRIDE);
    (void)capng_apply(CAPNG_SELECT_BOTH);
    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    (void)prctl(PR_SET_NAME, "adit-keeper", 0, 0, 0);
}

static void keep(int pipe_fd, const char *pid_path, const char *state_path, pid_t pid)
{
    char b;

    keep_little(pipe_fd);
    while (read(PIPE_FD, &b, 1) < 0 && errno == EINTR)
        continue;
    if (pid_path)
        remove_pid_file(pid_path, pid);
    if (state_path)
        remove_state_file(state_path);
    _exit(0);
}

/* What ends the process is not for the keeper, which outlives it by a moment; from its first moment on. */
static pid_t fork_deaf(void)
{
    sigset_t all, was;
    pid_t child;

    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &was);
    child = fork();
    if (child != 0)
        sigprocmask(SIG_SETMASK, &was, NULL);
    return child;
}

adit_err adit_keeper_start(const char *pid_path, const char *state_path, struct adit_keeper *k,
                           struct adit_fail *fail)
{
    pid_t self = getpid();
    int ends[2];

    *k = (struct adit_keeper){.fd = -1};
    if (pipe2(ends, O_CLOEXEC) != 0)
        return adit_fail_set(fail, ADIT_E_OS, errno, NULL, "pipe");
    k->child = fork_deaf();
    if (k->child == 0)
        keep(ends[0], pid_path, state_path, self);
    close(ends[0]);
    k->fd = ends[1];
    if (k->child > 0)
        return ADIT_OK;
    close(k->fd);
    *k = (struct adit_keeper){.fd = -1};
    return adit_fail_set(fail, ADIT_E_OS, errno, NULL, "fork");
}

void adit_keeper_end(struct adit_keeper *k)
{
    if (k->child <= 0)
        return;
    close(k->fd);
    while (waitpid(k->child, NULL, 0) < 0 && errno == EINTR)
        continue;
    *k = (struct adit_keeper){.fd = -1};
}
