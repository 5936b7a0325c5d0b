/* SPDX-License-Identifier: Apache-2.0 */
/* A configuration becomes a running program: log, daemon, pid file, rights, and the role it asks for. */
#include "cli/run.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/load.h"
#include "cli/paths.h"
#include "cli/tool.h"
#include "client/client.h"
#include "linux/entropy.h"
#include "linux/file.h"
#include "linux/logsink.h"
#include "linux/process.h"
#include "server/server.h"

enum {
    FDS_WANTED = 65536, /* a stream for each of many clients */
    PID_FILE_MAX = 64,
};

struct program {
    const struct adit_conf *conf;
    struct adit_logsink *sink;
    struct adit_env env;
    struct adit_user user;
    struct adit_keeper keeper;
    int pid_fd;
    char *pid_path;   /* absolute, since a daemon changes its folder; from malloc() */
    bool has_started; /* daemon, pid file and rights are done once, not at each SIGHUP */
    const struct adit_run_watch *watch;
    bool has_straggler; /* see host.h */
};

/* ---- log ---- */

static adit_err open_log(struct program *p)
{
    const struct adit_conf *c = p->conf;
    struct adit_fail fail = {0};
    struct adit_logsink_spec spec = {
        .kind = c->log_file ? c->is_log_append ? ADIT_LOGSINK_APPEND : ADIT_LOGSINK_FILE
                : c->is_syslog || (c->is_daemon && !adit_notify_is_wanted()) ? ADIT_LOGSINK_SYSLOG
                : c->is_errors_to_stderr                                     ? ADIT_LOGSINK_STDERR
                                                                             : ADIT_LOGSINK_STDOUT,
        .path = c->log_file,
        .name = c->daemon_name,
        .verb = (int)c->verb,
        .mute = c->mute,
        .want_stdio = true,
        .has_no_timestamps = c->is_log_without_time,
        .is_machine_readable = c->is_log_machine_readable,
    };
    adit_err e;

    if (p->watch) {
        p->env.log = p->watch->log;
        return ADIT_OK;
    }
    e = adit_logsink_new(&spec, &p->sink, &fail);
    if (!p->sink)
        return ADIT_E_MEMORY;
    p->env.log = adit_logsink_log(p->sink);
    if (e != ADIT_OK)
        adit_warn(&p->env.log, NULL, "%s", fail.text);
    return ADIT_OK;
}

static void log_report(const struct program *p, const struct adit_conf_report *report)
{
    char line[1024];

    for (size_t i = 0; i < report->n; i++)
        adit_warn(&p->env.log, NULL, "%s", adit_conf_diag_str(&report->diags[i], line, sizeof line));
}

/* ---- the process ---- */

static bool told(const struct program *p, adit_err e, const struct adit_fail *fail)
{
    if (e != ADIT_OK)
        adit_error(&p->env.log, NULL, "%s", fail->text);
    return e != ADIT_OK;
}

/* Only a file that is ours: another run may have taken the name since, and it may be no file at all. */
static void remove_pid_file(struct program *p)
{
    struct stat st;
    uint8_t *text = NULL;
    size_t n = 0;

    if (p->pid_path && stat(p->pid_path, &st) == 0 && S_ISREG(st.st_mode) &&
        adit_file_read(p->pid_path, PID_FILE_MAX, &text, &n) == ADIT_OK &&
        (n == 0 || strtol((char *)text, NULL, 10) == (long)getpid()))
        (void)!unlink(p->pid_path);
    adit_keeper_end(&p->keeper);
    adit_free_secret(text, n);
    free(p->pid_path);
    p->pid_path = NULL;
}

/*
 * What another user is going to need, without root's rights: files that are written again and again, and
 * somebody who removes those that must not stay. A failure shows later, and is no reason not to start.
 */
static void prepare_drop(struct program *p)
{
    const char *files[] = {p->conf->status_file,
                           p->conf->pool_persist_s > 0 ? p->conf->pool_persist_file : NULL};
    char state[ADIT_HOST_STATE_PATH_MAX];
    struct adit_fail fail = {0};

    if (!p->user.has_uid || p->user.uid == geteuid() || geteuid() != 0)
        return;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        if (files[i] && adit_user_give(&p->user, files[i], &fail) != ADIT_OK)
            adit_warn(&p->env.log, NULL, "%s", fail.text);
    }
    adit_host_state_path(p->conf, state, sizeof state);
    if (adit_keeper_start(p->pid_path, state, &p->keeper, &fail) != ADIT_OK)
        adit_warn(&p->env.log, NULL, "%s: files will stay behind at the end", fail.text);
}

/* What must happen before threads and loops exist. */
static bool become_process(struct program *p)
{
    const struct adit_conf *c = p->conf;
    struct adit_fail fail = {0};

    p->pid_fd = -1;
    if (told(p, adit_user_find(c->user, c->group, &p->user, &fail), &fail))
        return false;
    if (c->pid_file && told(p, adit_pidfile_open(c->pid_file, &p->pid_fd, &fail), &fail))
        return false;
    p->pid_path = c->pid_file ? realpath(c->pid_file, NULL) : NULL;
    if (c->has_nice && told(p, adit_process_nice(c->nice, &fail), &fail))
        return false;
    if (c->is_daemon && told(p, adit_daemon_start(c->cd != NULL, c->log_file != NULL, &fail), &fail))
        return false;
    if (p->pid_fd >= 0 && told(p, adit_pidfile_put(p->pid_fd, &fail), &fail))
        return false;
    prepare_drop(p);
    adit_process_raise_fds(FDS_WANTED);
    return true;
}

/* The sockets and the device are open: rights go, and whoever waits is told. */
static void on_ready(void *ctx)
{
    struct program *p = ctx;
    struct adit_fail fail = {0};

    if (p->has_started)
        return;
    p->has_started = true;
    if (told(p, adit_process_drop(&p->user, true, &fail), &fail))
        raise(SIGTERM);
    adit_daemon_ready();
}

/* ---- a run ---- */

static enum adit_host_end run_once(struct program *p, int *status)
{
    struct adit_host *host = adit_alloc(sizeof *host);
    enum adit_host_end end = ADIT_HOST_EXIT;

    *status = 1;
    if (!host || adit_host_init(host, p->conf, &p->env) != ADIT_OK) {
        adit_error(&p->env.log, NULL, "the event loop cannot start");
        adit_free(host);
        return end;
    }
    host->on_ready = on_ready;
    host->on_ready_ctx = p;
    if (p->conf->mode == ADIT_MODE_SERVER)
        adit_server_run(host);
    else
        adit_client_run(host);
    *status = host->exit_status;
    end = host->end;
    p->has_straggler = host->has_straggler;
    if (!p->has_straggler)
        adit_free(host);
    return end;
}

static const struct adit_conf *reload(struct program *p, const char *const *args, size_t n_args)
{
    struct adit_conf_report report = {0};
    const struct adit_conf *fresh = adit_load(args, n_args, &report, NULL);

    if (!fresh) {
        char line[1024];

        for (size_t i = 0; i < report.n; i++)
            adit_error(&p->env.log, NULL, "%s", adit_conf_diag_str(&report.diags[i], line, sizeof line));
    } else {
        log_report(p, &report);
    }
    adit_conf_report_fini(&report);
    return fresh;
}

static int run(struct program *p, const char *const *args, size_t n_args)
{
    int status = 1;

    adit_note(&p->env.log, NULL, "Adit " ADIT_VERSION " [SSL (OpenSSL)] [EPOLL] [AEAD]");
    if (adit_random_check(&p->env.rng) != ADIT_OK) {
        adit_error(&p->env.log, NULL, "the system's random generator is broken; nothing secret can be made");
        return 1;
    }
    if (!adit_paths_check(p->conf, &p->env.log) || !become_process(p)) {
        adit_note(&p->env.log, NULL, "Exiting due to fatal error");
        return 1;
    }
    while (run_once(p, &status) == ADIT_HOST_RESTART) {
        const struct adit_conf *fresh = reload(p, args, n_args);

        if (!fresh) {
            adit_note(&p->env.log, NULL, "Exiting due to fatal error");
            return 1;
        }
        adit_conf_free(p->conf);
        p->conf = fresh;
    }
    return status;
}

static int do_task(const struct adit_conf *c, bool is_openvpn)
{
    switch (c->task) {
    case ADIT_TASK_HELP:
        return adit_tool_help();
    case ADIT_TASK_VERSION:
        return adit_tool_version(is_openvpn);
    case ADIT_TASK_GENKEY:
        return adit_tool_genkey(c);
    case ADIT_TASK_SHOW_CIPHERS:
        return adit_tool_show_ciphers();
    case ADIT_TASK_SHOW_DIGESTS:
        return adit_tool_show_digests();
    case ADIT_TASK_SHOW_TLS:
        return adit_tool_show_tls(c);
    case ADIT_TASK_SHOW_GROUPS:
        return adit_tool_show_groups();
    case ADIT_TASK_RUN:
        break;
    }
    return 1;
}

int adit_run(const char *const *args, size_t n_args, bool is_openvpn, const struct adit_run_watch *watch)
{
    struct adit_conf_report report = {0};
    struct program p = {.watch = watch, .pid_fd = -1};
    int status = 1;

    p.conf = adit_load(args, n_args, &report, stderr);
    if (!p.conf) {
        adit_conf_report_fini(&report);
        return 1;
    }
    p.env.rng = adit_random();
    if (p.conf->task != ADIT_TASK_RUN) {
        status = do_task(p.conf, is_openvpn);
    } else if (open_log(&p) == ADIT_OK) {
        log_report(&p, &report);
        status = run(&p, args, n_args);
        remove_pid_file(&p);
    }
    adit_conf_report_fini(&report);
    adit_conf_free(p.conf);
    adit_logsink_free(p.sink);
    if (p.has_straggler) {
        fflush(stdout);
        _exit(status); /* exit() would wait for libuv's thread, which waits for the resolver */
    }
    return status;
}
