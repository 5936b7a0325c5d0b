/* SPDX-License-Identifier: Apache-2.0 */
/* A network namespace of the test's own, so that nothing it does reaches the machine's network. */
#ifndef ADIT_TESTS_NETNS_H
#define ADIT_TESTS_NETNS_H

#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static inline bool write_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

    if (fd >= 0)
        close(fd);
    return ok;
}

/* As root directly, else as root of a new user namespace. */
static inline bool enter_netns(void)
{
    char map[64];
    unsigned uid = getuid(), gid = getgid();

    if (uid == 0 && unshare(CLONE_NEWNET) == 0)
        return true;
    if (unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0)
        return false;
    write_text("/proc/self/setgroups", "deny");
    snprintf(map, sizeof map, "0 %u 1", uid);
    if (!write_text("/proc/self/uid_map", map))
        return false;
    snprintf(map, sizeof map, "0 %u 1", gid);
    return write_text("/proc/self/gid_map", map);
}

#define need_netns()                                                                                         \
    do {                                                                                                     \
        if (!enter_netns()) {                                                                                \
            print_message("needs root or user namespaces\n");                                                \
            skip();                                                                                          \
        }                                                                                                    \
    } while (0)

/* A file's text, NUL-terminated; files of /proc have no size, so it is read to its end. */
static inline size_t read_text(const char *path, char *dst, size_t cap)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t n = 0;
    ssize_t got;

    while (fd >= 0 && n + 1 < cap && (got = read(fd, dst + n, cap - n - 1)) > 0)
        n += (size_t)got;
    if (fd >= 0)
        close(fd);
    dst[n] = '\0';
    return n;
}

#endif
