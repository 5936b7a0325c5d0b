/* SPDX-License-Identifier: Apache-2.0 */
/*
 * While it is asked, signals that end programs wait; a descriptor tells of them, so that reading ends at once
 * and the terminal is put right before anything else happens.
 */
#include "linux/console.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "base/bytes.h"

struct console {
    int tty, signals;
    bool is_quiet;
    struct termios was;
    sigset_t was_blocked;
};

static const int ending_signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

/* Ignored ones stay so (nohup). */
static void hold_signals(struct console *c)
{
    struct sigaction now;
    sigset_t set;

    sigemptyset(&set);
    for (size_t i = 0; i < sizeof ending_signals / sizeof ending_signals[0]; i++) {
        if (sigaction(ending_signals[i], NULL, &now) == 0 && now.sa_handler != SIG_IGN)
            sigaddset(&set, ending_signals[i]);
    }
    pthread_sigmask(SIG_BLOCK, &set, &c->was_blocked);
    c->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void be_quiet(struct console *c)
{
    struct termios quiet;

    if (tcgetattr(c->tty, &c->was) != 0)
        return;
    quiet = c->was;
    quiet.c_lflag &= ~(tcflag_t)ECHO;
    c->is_quiet = tcsetattr(c->tty, TCSAFLUSH, &quiet) == 0;
}

static adit_err open_console(struct console *c, bool want_echo)
{
    *c = (struct console){.signals = -1};
    c->tty = open("/dev/tty", O_RDWR | O_CLOEXEC);
    if (c->tty < 0)
        return ADIT_E_FILE;
    hold_signals(c);
    if (!want_echo)
        be_quiet(c);
    return ADIT_OK;
}

/* What was typed and not read goes away with TCSAFLUSH: it may be half a password. */
static void close_console(struct console *c)
{
    if (c->is_quiet) {
        tcsetattr(c->tty, TCSAFLUSH, &c->was);
        (void)!write(c->tty, "\n", 1);
    }
    close(c->tty);
    if (c->signals >= 0)
        close(c->signals);
    pthread_sigmask(SIG_SETMASK, &c->was_blocked, NULL);
}

/* ADIT_OK: there is something to read. */
static adit_err wait_for_key(const struct console *c)
{
    struct pollfd fds[] = {{.fd = c->tty, .events = POLLIN}, {.fd = c->signals, .events = POLLIN}};

    while (poll(fds, 2, -1) < 0) {
        if (errno != EINTR)
            return ADIT_E_FILE;
    }
    return fds[1].revents ? ADIT_E_SHUTDOWN : ADIT_OK;
}

static adit_err read_line(const struct console *c, char *dst, size_t cap)
{
    adit_err e;
    size_t n = 0;
    char key = '\0';

    while ((e = wait_for_key(c)) == ADIT_OK && read(c->tty, &key, 1) == 1 && key != '\n') {
        if (n + 1 < cap)
            dst[n++] = key;
    }
    dst[n] = '\0';
    return e == ADIT_OK && n == 0 ? ADIT_E_FILE : e;
}

adit_err adit_console_ask(const char *prompt, bool want_echo, char *dst, size_t cap)
{
    struct console c;
    adit_err e = open_console(&c, want_echo);

    dst[0] = '\0';
    if (e != ADIT_OK)
        return e;
    e = write(c.tty, prompt, strlen(prompt)) > 0 ? read_line(&c, dst, cap) : ADIT_E_FILE;
    if (e != ADIT_OK)
        adit_wipe(dst, cap);
    close_console(&c);
    return e;
}
