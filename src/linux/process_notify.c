/* SPDX-License-Identifier: Apache-2.0 */
/* The service manager's protocol is one datagram of lines; no library is needed for it. */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "linux/process.h"

static const char *notify_path(void)
{
    const char *path = getenv("NOTIFY_SOCKET");

    return path && (path[0] == '/' || path[0] == '@') && path[1] ? path : NULL;
}

bool adit_notify_is_wanted(void)
{
    return notify_path() != NULL;
}

bool adit_notify(const char *state)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    const char *path = notify_path();
    size_t n = path ? strlen(path) : 0;
    bool is_sent;
    int fd;

    if (n == 0 || n >= sizeof sa.sun_path)
        return false;
    memcpy(sa.sun_path, path, n);
    if (path[0] == '@')
        sa.sun_path[0] = '\0';
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return false;
    is_sent = sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&sa,
                     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)) >= 0;
    close(fd);
    return is_sent;
}

bool adit_notify_ready(void)
{
    char state[128];

    snprintf(state, sizeof state, "READY=1\nSTATUS=Pre-connection initialization successful\nMAINPID=%ld",
             (long)getpid());
    return adit_notify(state);
}
