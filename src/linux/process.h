/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a program does to itself: becoming a daemon, its pid file, its user and rights, niceness, folders,
 * limits, and the word to the service manager. All of it before other threads exist: rights belong to
 * threads.
 */
#ifndef ADIT_LINUX_PROCESS_H
#define ADIT_LINUX_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "linux/fail.h"

/* ---- daemon ---- */

/*
 * Returns in the child, which leads a session of its own, is in "/" (unless keep_folder: `cd` was given) and
 * has /dev/null as standard input, and as output unless keep_output (`log` has redirected it). The parent
 * waits until the child calls adit_daemon_ready(), and exits with 0; if the child ends before, with the
 * child's exit status. So a start that fails is seen by whoever started it. Call it before loops and threads
 * are made.
 *
 * Under a service manager that waits for a notification nothing is forked, as openvpn does: the manager is
 * the parent.
 */
ADIT_MUST_USE adit_err adit_daemon_start(bool keep_folder, bool keep_output, struct adit_fail *fail);

/* The start has succeeded. Does nothing if there is no waiting parent. */
void adit_daemon_ready(void);

/* ---- service manager ---- */

bool adit_notify_is_wanted(void);

/* One datagram to NOTIFY_SOCKET, such as "READY=1\nSTATUS=...\nMAINPID=..."; false if there is none. */
bool adit_notify(const char *state);

/* What openvpn says when it is set up: READY=1, STATUS=Pre-connection initialization successful, MAINPID. */
bool adit_notify_ready(void);

/* ---- pid file ---- */

/* Opened early, where mistakes still are configuration errors and the rights are there; written when the pid
 * is known. */
ADIT_MUST_USE adit_err adit_pidfile_open(const char *path, int *fd, struct adit_fail *fail);

/* Writes this process's id and closes fd. */
ADIT_MUST_USE adit_err adit_pidfile_put(int fd, struct adit_fail *fail);

/* ---- user and rights ---- */

struct adit_user {
    bool has_uid, has_gid;
    uid_t uid;
    gid_t gid;
};

/* Names or numbers; NULL for either. To be looked up early: a chroot has no /etc/passwd. */
ADIT_MUST_USE adit_err adit_user_find(const char *user, const char *group, struct adit_user *out,
                                      struct adit_fail *fail);

/*
 * Becomes that user and group with no other groups. With keep_net_admin the process keeps CAP_NET_ADMIN, and
 * no other right, so that it can undo its routes and reconnect. Does nothing if neither is set.
 */
ADIT_MUST_USE adit_err adit_process_drop(const struct adit_user *user, bool keep_net_admin,
                                         struct adit_fail *fail);

/*
 * Before that: makes the file if it is not there, and gives it to that user, so that it can be written later,
 * too (adit_file_rewrite). Only a plain file of this process's own user with one name is given away.
 */
ADIT_MUST_USE adit_err adit_user_give(const struct adit_user *user, const char *path, struct adit_fail *fail);

struct adit_keeper {
    pid_t child; /* 0: none */
    int fd;
};

/*
 * Before rights go, and before threads: when this process has ended, in whatever way, or says so, a child
 * that keeps the rights removes the pid file, if it still names this process, and the state file, if it is
 * empty. The paths are absolute; NULL for either. The child is deaf to signals, and holds nothing open.
 */
ADIT_MUST_USE adit_err adit_keeper_start(const char *pid_path, const char *state_path, struct adit_keeper *k,
                                         struct adit_fail *fail);
void adit_keeper_end(struct adit_keeper *k); /* waits until that is done; zeros are allowed */

ADIT_MUST_USE adit_err adit_process_chroot(const char *path, struct adit_fail *fail);
ADIT_MUST_USE adit_err adit_process_chdir(const char *path, struct adit_fail *fail);
ADIT_MUST_USE adit_err adit_process_nice(int n, struct adit_fail *fail);

/* No page of this process goes to swap, now or later (`mlock`). */
ADIT_MUST_USE adit_err adit_process_lock_memory(struct adit_fail *fail);

/* Raises the limit of open descriptors to `want`, or as far as allowed; returns what it is then. */
uint64_t adit_process_raise_fds(uint64_t want);

#endif
