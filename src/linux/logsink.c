/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The forms are those of openvpn 2.6: "2026-11-21 09:00:00 text", or "1795253708.057972 2b000003 text" for
 * machines, where the low four bits of the number are the verb and the next ones say fatal, error, warning or
 * debug.
 */
#include "linux/logsink.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"

enum {
    FLAG_FATAL = 0x10,
    FLAG_ERROR = 0x20,
    FLAG_WARN = 0x40,
    FLAG_DEBUG = 0x80,
    LINE_CAP = 2304,
};

struct adit_logsink {
    pthread_mutex_t lock;
    enum adit_logsink_kind kind;
    int fd;
    bool owns_fd, may_block; /* a pipe, a terminal or a socket: somebody has to read */
    bool has_no_timestamps, is_machine_readable;
    int verb;
    unsigned mute;
    uint64_t lost;            /* lines nobody took */
    uint32_t last_stem;       /* of the last line, for mute */
    unsigned n_same, n_muted; /* in a row; left out */
    adit_logsink_tee tee;
    void *tee_ctx;
    char syslog_name[64]; /* openlog() keeps the pointer */
};

static unsigned flags_of(enum adit_log_kind kind, int verb)
{
    unsigned level = (unsigned)(verb < 0 ? 0 : verb) & 15;

    switch (kind) {
    case ADIT_LOG_FATAL:
        return FLAG_FATAL;
    case ADIT_LOG_ERROR:
        return FLAG_ERROR | 1;
    case ADIT_LOG_WARN:
        return FLAG_WARN | level;
    case ADIT_LOG_DEBUG:
        return FLAG_DEBUG | level;
    default:
        return level;
    }
}

static int priority_of(enum adit_log_kind kind)
{
    switch (kind) {
    case ADIT_LOG_FATAL:
    case ADIT_LOG_ERROR:
        return LOG_ERR;
    case ADIT_LOG_WARN:
        return LOG_WARNING;
    case ADIT_LOG_DEBUG:
        return LOG_DEBUG;
    default:
        return LOG_NOTICE;
    }
}

/* A full pipe would block us; one that polls writable takes PIPE_BUF bytes at once, which is more than a
 * line. */
static bool is_writable(const struct adit_logsink *s)
{
    struct pollfd p = {.fd = s->fd, .events = POLLOUT};

    return !s->may_block || (poll(&p, 1, 0) == 1 && (p.revents & POLLOUT));
}

static bool write_line(struct adit_logsink *s, const char *text, size_t n)
{
    ssize_t done;

    if (!is_writable(s))
        return false;
    do
        done = write(s->fd, text, n);
    while (done < 0 && errno == EINTR);
    return done == (ssize_t)n;
}

static size_t write_stamp(const struct adit_logsink *s, const struct timespec *now, unsigned flags, char *dst,
                          size_t cap)
{
    struct tm tm;
    int n;

    if (s->is_machine_readable) {
        n = snprintf(dst, cap, "%lld.%06ld %x ", (long long)now->tv_sec, now->tv_nsec / 1000, flags);
        return n > 0 ? (size_t)n : 0;
    }
    if (s->has_no_timestamps || !localtime_r(&now->tv_sec, &tm))
        return 0;
    return strftime(dst, cap, "%Y-%m-%d %H:%M:%S ", &tm);
}

static void put_text(struct adit_logsink *s, const struct timespec *now, unsigned flags, const char *line)
{
    char text[LINE_CAP];
    size_t at = write_stamp(s, now, flags, text, sizeof text);
    int n = snprintf(text + at, sizeof text - at - 1, "%s", line);

    if (n < 0)
        return;
    at += (size_t)n < sizeof text - at - 1 ? (size_t)n : sizeof text - at - 2;
    text[at++] = '\n';
    if (!write_line(s, text, at))
        s->lost++;
}

static void put_everywhere(struct adit_logsink *s, enum adit_log_kind kind, int verb, const char *line)
{
    unsigned flags = flags_of(kind, verb);
    struct timespec now = {0};

    clock_gettime(CLOCK_REALTIME, &now);
    if (s->kind == ADIT_LOGSINK_SYSLOG)
        syslog(priority_of(kind), "%s", line);
    else
        put_text(s, &now, flags, line);
    if (s->tee)
        s->tee(s->tee_ctx, (int64_t)now.tv_sec, flags, line);
}

static void tell_lost(struct adit_logsink *s)
{
    char line[64];
    uint64_t lost = s->lost;

    if (lost == 0 || !is_writable(s))
        return;
    s->lost = 0;
    snprintf(line, sizeof line, "NOTE: %llu log lines were lost", (unsigned long long)lost);
    put_everywhere(s, ADIT_LOG_WARN, 1, line);
}

/* ---- mute ---- */

/* Lines that differ only in numbers, addresses and hex are of one kind. FNV-1a over the rest. */
static uint32_t stem_of(enum adit_log_kind kind, const char *line)
{
    uint32_t h = 2166136261u ^ (uint32_t)kind;

    while (*line) {
        size_t word = strcspn(line, " ");
        bool has_digit = false;

        for (size_t i = 0; i < word; i++)
            has_digit = has_digit || (line[i] >= '0' && line[i] <= '9');
        for (size_t i = 0; !has_digit && i < word; i++)
            h = (h ^ (uint8_t)line[i]) * 16777619u;
        h = (h ^ ' ') * 16777619u;
        line += word;
        line += *line == ' ';
    }
    return h;
}

static void end_mute(struct adit_logsink *s)
{
    char line[96];

    if (s->n_muted > 0) {
        snprintf(line, sizeof line, "%u variation(s) on previous %u message(s) suppressed by --mute",
                 s->n_muted, s->mute);
        put_everywhere(s, ADIT_LOG_INFO, 1, line);
    }
    s->n_muted = 0;
    s->n_same = 0;
}

/* True: the line is left out. */
static bool is_muted(struct adit_logsink *s, enum adit_log_kind kind, const char *line)
{
    uint32_t stem;

    if (s->mute == 0 || kind == ADIT_LOG_FATAL) {
        end_mute(s);
        return false;
    }
    stem = stem_of(kind, line);
    if (stem != s->last_stem)
        end_mute(s);
    s->last_stem = stem;
    if (s->n_same < s->mute) {
        s->n_same++;
        return false;
    }
    if (s->n_muted++ == 0)
        put_everywhere(s, ADIT_LOG_INFO, 1, "NOTE: --mute triggered...");
    return true;
}

static void put(void *ctx, enum adit_log_kind kind, int verb, const char *line)
{
    struct adit_logsink *s = ctx;

    pthread_mutex_lock(&s->lock);
    if ((verb <= s->verb || kind == ADIT_LOG_FATAL) && !is_muted(s, kind, line)) {
        tell_lost(s);
        put_everywhere(s, kind, verb, line);
    }
    pthread_mutex_unlock(&s->lock);
}

/* ---- opening ---- */

static void look_at_fd(struct adit_logsink *s)
{
    struct stat st;

    s->may_block = fstat(s->fd, &st) == 0 && !S_ISREG(st.st_mode);
}

static adit_err open_file(struct adit_logsink *s, const struct adit_logsink_spec *spec,
                          struct adit_fail *fail)
{
    int how = spec->kind == ADIT_LOGSINK_FILE ? O_TRUNC : 0;
    /* O_APPEND in either case: a tool that cuts the file (logrotate's copytruncate) leaves no hole. */
    int fd = open(spec->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | how, 0600);

    if (fd < 0) {
        s->kind = ADIT_LOGSINK_STDOUT;
        s->fd = STDOUT_FILENO;
        return adit_fail_set(fail, ADIT_E_FILE, errno, NULL,
                             "Warning: Error redirecting stdout/stderr to --log file: %s", spec->path);
    }
    s->fd = fd;
    s->owns_fd = true;
    if (spec->want_stdio && (dup2(fd, STDOUT_FILENO) < 0 || dup2(fd, STDERR_FILENO) < 0))
        return adit_fail_set(fail, ADIT_E_FILE, errno, NULL, "Warning: Error redirecting stdout/stderr");
    return ADIT_OK;
}

adit_err adit_logsink_new(const struct adit_logsink_spec *spec, struct adit_logsink **out,
                          struct adit_fail *fail)
{
    struct adit_logsink *s = adit_alloc(sizeof *s);
    adit_err e = ADIT_OK;

    *out = s;
    if (!s)
        return ADIT_E_MEMORY;
    pthread_mutex_init(&s->lock, NULL);
    s->kind = spec->kind;
    s->verb = spec->verb;
    s->mute = spec->mute;
    s->has_no_timestamps = spec->has_no_timestamps;
    s->is_machine_readable = spec->is_machine_readable;
    s->fd = spec->kind == ADIT_LOGSINK_STDERR ? STDERR_FILENO : STDOUT_FILENO;
    if (spec->kind == ADIT_LOGSINK_FILE || spec->kind == ADIT_LOGSINK_APPEND)
        e = open_file(s, spec, fail);
    if (spec->kind == ADIT_LOGSINK_SYSLOG)
        adit_logsink_use_syslog(s, spec->name);
    look_at_fd(s);
    return e;
}

struct adit_log adit_logsink_log(struct adit_logsink *s)
{
    return (struct adit_log){.put = put, .ctx = s, .verb = s->verb};
}

void adit_logsink_set_verb(struct adit_logsink *s, int verb)
{
    pthread_mutex_lock(&s->lock);
    s->verb = verb;
    pthread_mutex_unlock(&s->lock);
}

void adit_logsink_set_mute(struct adit_logsink *s, unsigned mute)
{
    pthread_mutex_lock(&s->lock);
    end_mute(s);
    s->mute = mute;
    pthread_mutex_unlock(&s->lock);
}

void adit_logsink_set_tee(struct adit_logsink *s, adit_logsink_tee tee, void *ctx)
{
    pthread_mutex_lock(&s->lock);
    s->tee = tee;
    s->tee_ctx = ctx;
    pthread_mutex_unlock(&s->lock);
}

void adit_logsink_use_syslog(struct adit_logsink *s, const char *name)
{
    pthread_mutex_lock(&s->lock);
    snprintf(s->syslog_name, sizeof s->syslog_name, "%s", name && *name ? name : "openvpn");
    openlog(s->syslog_name, LOG_PID | LOG_NDELAY, LOG_DAEMON);
    s->kind = ADIT_LOGSINK_SYSLOG;
    pthread_mutex_unlock(&s->lock);
}

void adit_logsink_free(struct adit_logsink *s)
{
    if (!s)
        return;
    end_mute(s);
    if (s->kind == ADIT_LOGSINK_SYSLOG)
        closelog();
    if (s->owns_fd)
        close(s->fd);
    pthread_mutex_destroy(&s->lock);
    adit_free(s);
}
