/* SPDX-License-Identifier: Apache-2.0 */
#include "../unit.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "linux/logsink.h"
#include "netns.h"

static char path[] = "/tmp/adit-logsink-XXXXXX";
static char text[1 << 16];

static struct adit_logsink *open_sink(struct adit_logsink_spec spec)
{
    struct adit_logsink *s;

    spec.path = path;
    assert_int_equal(adit_logsink_new(&spec, &s, NULL), ADIT_OK);
    return s;
}

static const char *content(void)
{
    read_text(path, text, sizeof text);
    return text;
}

/* Digits become 'D'. */
static const char *shape(char *s)
{
    for (char *c = s; *c; c++)
        if (*c >= '0' && *c <= '9')
            *c = 'D';
    return s;
}

static void lines_look_as_openvpns(void **state)
{
    struct adit_logsink *s = open_sink((struct adit_logsink_spec){.kind = ADIT_LOGSINK_FILE, .verb = 3});
    struct adit_log log = adit_logsink_log(s);

    (void)state;
    adit_info(&log, "alice", "hello %d", 5);
    adit_debug(&log, NULL, "not shown");
    adit_logsink_free(s);
    content();
    assert_string_equal(shape(text), "DDDD-DD-DD DD:DD:DD alice hello D\n");
}

static void timestamps_can_be_left_out(void **state)
{
    struct adit_logsink *s = open_sink(
        (struct adit_logsink_spec){.kind = ADIT_LOGSINK_FILE, .verb = 3, .has_no_timestamps = true});
    struct adit_log log = adit_logsink_log(s);

    (void)state;
    adit_note(&log, NULL, "one");
    adit_logsink_free(s);
    s = open_sink(
        (struct adit_logsink_spec){.kind = ADIT_LOGSINK_APPEND, .verb = 3, .has_no_timestamps = true});
    log = adit_logsink_log(s);
    adit_note(&log, NULL, "two");
    adit_logsink_free(s);
    assert_string_equal(content(), "one\ntwo\n");
    s = open_sink((struct adit_logsink_spec){.kind = ADIT_LOGSINK_FILE, .verb = 3});
    adit_logsink_free(s);
    assert_string_equal(content(), "");
}

static void machines_get_seconds_and_flags(void **state)
{
    struct adit_logsink *s = open_sink(
        (struct adit_logsink_spec){.kind = ADIT_LOGSINK_FILE, .verb = 9, .is_machine_readable = true});
    struct adit_log log = adit_logsink_log(s);
    static const char *const flags[] = {" 10 a\n", " 21 b\n", " 41 c\n", " 3 d\n", " 85 e\n"};

    (void)state;
    adit_log(&log, ADIT_LOG_FATAL, 0, NULL, "a");
    adit_error(&log, NULL, "b");
    adit_warn(&log, NULL, "c");
    adit_info(&log, NULL, "d");
    adit_debug(&log, NULL, "e");
    adit_logsink_free(s);
    content();
    for (char *line = text, i = 0; i < 5; i++) {
        char *dot = strchr(line, '.');

        assert_int_equal(dot - line, 10);
        assert_int_equal(strspn(dot + 1, "0123456789"), 6);
        assert_int_equal(strncmp(dot + 7, flags[(int)i], strlen(flags[(int)i])), 0);
        line = strchr(line, '\n') + 1;
    }
}

static void a_file_that_cannot_be_opened_leaves_standard_output(void **state)
{
    struct adit_logsink_spec spec = {.kind = ADIT_LOGSINK_FILE, .path = "/nonexistent/x", .verb = 1};
    struct adit_logsink *s;
    struct adit_fail fail = {0};

    (void)state;
    assert_int_equal(adit_logsink_new(&spec, &s, &fail), ADIT_E_FILE);
    assert_non_null(s);
    assert_non_null(strstr(fail.text, "/nonexistent/x: No such file or directory"));
    adit_logsink_free(s);
}

static void mute_leaves_out_repetitions(void **state)
{
    struct adit_logsink *s = open_sink((struct adit_logsink_spec){
        .kind = ADIT_LOGSINK_FILE, .verb = 3, .mute = 2, .has_no_timestamps = true});
    struct adit_log log = adit_logsink_log(s);

    (void)state;
    for (int i = 0; i < 5; i++)
        adit_note(&log, NULL, "packet %d dropped", i);
    adit_note(&log, NULL, "something else");
    adit_logsink_free(s);
    assert_string_equal(content(),
                        "packet 0 dropped\npacket 1 dropped\nNOTE: --mute triggered...\n"
                        "3 variation(s) on previous 2 message(s) suppressed by --mute\nsomething else\n");
}

static void *chatter(void *arg)
{
    for (int i = 0; i < 500; i++)
        adit_note((struct adit_log *)arg, NULL, "a line that must arrive whole, whoever else writes");
    return NULL;
}

static void threads_do_not_mix_their_lines(void **state)
{
    struct adit_logsink *s = open_sink(
        (struct adit_logsink_spec){.kind = ADIT_LOGSINK_FILE, .verb = 3, .has_no_timestamps = true});
    struct adit_log log = adit_logsink_log(s);
    pthread_t threads[2];
    size_t n = 0;

    (void)state;
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, chatter, &log), 0);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    adit_logsink_free(s);
    content();
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"), n++)
        assert_string_equal(line, "a line that must arrive whole, whoever else writes");
    assert_int_equal(n, 1000);
}

static void a_pipe_that_nobody_reads_does_not_stop_us(void **state)
{
    int ends[2], out = dup(STDOUT_FILENO);
    struct adit_logsink_spec spec = {.kind = ADIT_LOGSINK_STDOUT, .verb = 3, .has_no_timestamps = true};
    struct adit_logsink *s;
    struct adit_log log;
    size_t n = 0;
    ssize_t got;

    (void)state;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    fflush(stdout);
    dup2(ends[1], STDOUT_FILENO);
    assert_int_equal(adit_logsink_new(&spec, &s, NULL), ADIT_OK);
    log = adit_logsink_log(s);
    for (int i = 0; i < 4000; i++)
        adit_note(&log, NULL, "%070d", i);
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    while ((got = read(ends[0], text, sizeof text)) > 0)
        n += (size_t)got;
    adit_note(&log, NULL, "after");
    got = read(ends[0], text, sizeof text - 1);
    dup2(out, STDOUT_FILENO);
    adit_logsink_free(s);
    close(out);
    close(ends[0]);
    close(ends[1]);
    assert_true(n > 0 && n < 4000 * 71 && n % 71 == 0);
    assert_true(got > 0);
    text[got] = '\0';
    assert_non_null(strstr(text, " log lines were lost\nafter\n"));
}

static void hear(void *ctx, int64_t wall_s, unsigned flags, const char *line)
{
    (void)wall_s;
    snprintf(ctx, 64, "%x %s", flags, line);
}

static void management_hears_what_is_shown(void **state)
{
    struct adit_logsink *s = open_sink((struct adit_logsink_spec){.kind = ADIT_LOGSINK_FILE, .verb = 3});
    struct adit_log log = adit_logsink_log(s);
    char heard[64] = "";

    (void)state;
    adit_logsink_set_tee(s, hear, heard);
    adit_debug(&log, NULL, "too much");
    assert_string_equal(heard, "");
    adit_warn(&log, NULL, "careful");
    assert_string_equal(heard, "41 careful");
    adit_logsink_free(s);
}

static int make_file(void **state)
{
    int fd = mkstemp(path);

    (void)state;
    return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_look_as_openvpns),
        cmocka_unit_test(timestamps_can_be_left_out),
        cmocka_unit_test(machines_get_seconds_and_flags),
        cmocka_unit_test(a_file_that_cannot_be_opened_leaves_standard_output),
        cmocka_unit_test(mute_leaves_out_repetitions),
        cmocka_unit_test(threads_do_not_mix_their_lines),
        cmocka_unit_test(a_pipe_that_nobody_reads_does_not_stop_us),
        cmocka_unit_test(management_hears_what_is_shown),
    };

    return cmocka_run_group_tests(tests, make_file, remove_file);
}
