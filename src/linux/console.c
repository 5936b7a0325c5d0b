/* SPDX-License-Identifier: Apache-2.0 */
#include "linux/console.h"

#include <fcntl.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

static bool read_line(int fd, char *dst, size_t cap)
{
    size_t n = 0;
    char c;

    while (read(fd, &c, 1) == 1 && c != '\n') {
        if (n + 1 < cap)
            dst[n++] = c;
    }
    dst[n] = '\0';
    return n > 0;
}

adit_err adit_console_ask(const char *prompt, bool want_echo, char *dst, size_t cap)
{
    int fd = open("/dev/tty", O_RDWR | O_CLOEXEC);
    struct termios was, quiet;
    bool is_quiet = false, has_line;

    dst[0] = '\0';
    if (fd < 0)
        return ADIT_E_FILE;
    if (!want_echo && tcgetattr(fd, &was) == 0) {
        quiet = was;
        quiet.c_lflag &= ~(tcflag_t)ECHO;
        is_quiet = tcsetattr(fd, TCSAFLUSH, &quiet) == 0;
    }
    has_line = write(fd, prompt, strlen(prompt)) > 0 && read_line(fd, dst, cap);
    if (is_quiet) {
        tcsetattr(fd, TCSAFLUSH, &was);
        has_line = write(fd, "\n", 1) == 1 && has_line;
    }
    close(fd);
    return has_line ? ADIT_OK : ADIT_E_FILE;
}
