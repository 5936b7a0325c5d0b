/* SPDX-License-Identifier: Apache-2.0 */
/* A child has a pseudo terminal of its own and is asked; this process is the person who types. */
#include "../unit.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "linux/console.h"

enum {
    WAIT_MS = 20000,
    IS_ASKED = 40, /* exit statuses of the child: the answer is right, ... */
    IS_WRONG,
    IS_NO_ANSWER,
    IS_STOPPED,         /* and the signal came only afterwards */
    IS_STOPPED_QUIETLY, /* but no signal came */
};

static volatile sig_atomic_t n_signals;

static void count_signal(int signum)
{
    (void)signum;
    n_signals++;
}

static int ask(bool want_echo)
{
    struct sigaction sa = {.sa_handler = count_signal, .sa_flags = SA_RESTART}; /* as libuv's */
    char line[32];
    adit_err e;

    sigaction(SIGINT, &sa, NULL);
    sigaction(SIGTERM, &sa, NULL);
    e = adit_console_ask("Word: ", want_echo, line, sizeof line);
    if (e == ADIT_OK)
        return strcmp(line, "open sesame") == 0 ? IS_ASKED : IS_WRONG;
    if (e != ADIT_E_SHUTDOWN)
        return IS_NO_ANSWER;
    return n_signals == 1 && line[0] == '\0' ? IS_STOPPED : IS_STOPPED_QUIETLY;
}

struct person {
    int terminal;
    pid_t child;
};

static struct person begin(bool want_echo)
{
    struct person p = {.terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)};
    char name[64];

    assert_true(p.terminal >= 0);
    assert_int_equal(grantpt(p.terminal), 0);
    assert_int_equal(unlockpt(p.terminal), 0);
    assert_int_equal(ptsname_r(p.terminal, name, sizeof name), 0);
    p.child = fork();
    assert_true(p.child >= 0);
    if (p.child == 0) {
        (void)setsid();
        if (open(name, O_RDWR) < 0) /* of a session's leader: its controlling terminal */
            _exit(1);
        _exit(ask(want_echo));
    }
    return p;
}

static bool has_echo(const struct person *p)
{
    struct termios t;

    assert_int_equal(tcgetattr(p->terminal, &t), 0);
    return t.c_lflag & ECHO;
}

static void read_prompt(const struct person *p)
{
    char seen[64] = "";
    size_t n = 0;

    while (!strstr(seen, "Word: ")) {
        struct pollfd fd = {.fd = p->terminal, .events = POLLIN};
        ssize_t got;

        assert_int_equal(poll(&fd, 1, WAIT_MS), 1);
        got = read(p->terminal, seen + n, sizeof seen - 1 - n);
        assert_true(got > 0);
        n += (size_t)got;
        seen[n] = '\0';
    }
}

static void type(const struct person *p, const char *text)
{
    assert_int_equal(write(p->terminal, text, strlen(text)), (ssize_t)strlen(text));
}

static int end(struct person *p)
{
    int status = 0;

    (void)alarm(WAIT_MS / 1000);
    assert_int_equal(waitpid(p->child, &status, 0), p->child);
    (void)alarm(0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void an_answer_is_hidden_and_taken(void **state)
{
    struct person p = begin(false);

    (void)state;
    read_prompt(&p);
    assert_false(has_echo(&p));
    type(&p, "open sesame\n");
    assert_int_equal(end(&p), IS_ASKED);
    assert_true(has_echo(&p));
    close(p.terminal);
}

static void an_answer_may_be_shown(void **state)
{
    struct person p = begin(true);

    (void)state;
    read_prompt(&p);
    assert_true(has_echo(&p));
    type(&p, "open sesame\n");
    assert_int_equal(end(&p), IS_ASKED);
    close(p.terminal);
}

static void no_answer_is_no_word(void **state)
{
    static const char *const keys[] = {"\n", "\x04"};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct person p = begin(false);

        read_prompt(&p);
        type(&p, keys[i]);
        assert_int_equal(end(&p), IS_NO_ANSWER);
        assert_true(has_echo(&p));
        close(p.terminal);
    }
}

static void an_interrupt_ends_the_question_at_once(void **state)
{
    (void)state;
    for (int want_echo = 0; want_echo < 2; want_echo++) {
        struct person p = begin(want_echo);

        read_prompt(&p);
        type(&p, "open\x03");
        assert_int_equal(end(&p), IS_STOPPED);
        assert_true(has_echo(&p));
        close(p.terminal);
    }
}

static void so_does_a_signal_from_elsewhere(void **state)
{
    struct person p = begin(false);

    (void)state;
    read_prompt(&p);
    assert_int_equal(kill(p.child, SIGTERM), 0);
    assert_int_equal(end(&p), IS_STOPPED);
    assert_true(has_echo(&p));
    close(p.terminal);
}

static void without_a_terminal_nobody_is_asked(void **state)
{
    int status = 0;
    pid_t child = fork();

    (void)state;
    if (child == 0) {
        (void)setsid();
        _exit(ask(false));
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(WEXITSTATUS(status), IS_NO_ANSWER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_is_hidden_and_taken),
        cmocka_unit_test(an_answer_may_be_shown),
        cmocka_unit_test(no_answer_is_no_word),
        cmocka_unit_test(an_interrupt_ends_the_question_at_once),
        cmocka_unit_test(so_does_a_signal_from_elsewhere),
        cmocka_unit_test(without_a_terminal_nobody_is_asked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
