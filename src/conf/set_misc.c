/* SPDX-License-Identifier: Apache-2.0 */
/* Setters of tasks, keepalive, log-in, process and log. */
#include <string.h>

#include "conf/set.h"

static bool put_task(struct adit_fill *f, enum adit_conf_task task)
{
    if (f->c->task == ADIT_TASK_RUN)
        f->c->task = task;
    return true;
}

bool adit_set_task_help(struct adit_fill *f, const struct adit_words *w)
{
    (void)w;
    return put_task(f, ADIT_TASK_HELP);
}

bool adit_set_task_version(struct adit_fill *f, const struct adit_words *w)
{
    (void)w;
    return put_task(f, ADIT_TASK_VERSION);
}

bool adit_set_task_ciphers(struct adit_fill *f, const struct adit_words *w)
{
    (void)w;
    return put_task(f, ADIT_TASK_SHOW_CIPHERS);
}

bool adit_set_task_digests(struct adit_fill *f, const struct adit_words *w)
{
    (void)w;
    return put_task(f, ADIT_TASK_SHOW_DIGESTS);
}

bool adit_set_task_tls(struct adit_fill *f, const struct adit_words *w)
{
    (void)w;
    return put_task(f, ADIT_TASK_SHOW_TLS);
}

bool adit_set_task_groups(struct adit_fill *f, const struct adit_words *w)
{
    (void)w;
    return put_task(f, ADIT_TASK_SHOW_GROUPS);
}

bool adit_set_genkey(struct adit_fill *f, const struct adit_words *w)
{
    static const struct adit_opt_word kinds[] = {{"secret", ADIT_GENKEY_SECRET},
                                                 {"tls-auth", ADIT_GENKEY_SECRET},
                                                 {"tls-crypt", ADIT_GENKEY_SECRET},
                                                 {"tls-crypt-v2-server", ADIT_GENKEY_TLS_CRYPT_V2_SERVER},
                                                 {"tls-crypt-v2-client", ADIT_GENKEY_TLS_CRYPT_V2_CLIENT},
                                                 {"auth-token", ADIT_GENKEY_AUTH_TOKEN},
                                                 {0}};
    const struct adit_opt_word *k = kinds;

    while (w->n > 1 && k->name && strcmp(k->name, w->v[1]) != 0)
        k++;
    if (!k->name)
        return adit_fill_error(
            f, "value",
            "`genkey` takes secret, tls-crypt-v2-server, tls-crypt-v2-client or auth-token, not `%s`",
            w->v[1]);
    if (w->n > 3 && k->value != ADIT_GENKEY_TLS_CRYPT_V2_CLIENT)
        return adit_fill_error(f, "value", "`genkey`: only tls-crypt-v2-client keys carry metadata");
    f->c->genkey_kind = (enum adit_conf_genkey)k->value;
    f->c->genkey_file = w->n > 2 ? w->v[2] : NULL;
    f->c->genkey_metadata = w->n > 3 ? w->v[3] : NULL;
    return put_task(f, ADIT_TASK_GENKEY);
}

bool adit_set_config(struct adit_fill *f, const struct adit_words *w)
{
    adit_load_file(f, w->v[1]);
    return true;
}

bool adit_set_client(struct adit_fill *f, const struct adit_words *w)
{
    (void)w;
    f->c->want_pull = true;
    f->c->is_tls_client = true;
    return true;
}

/* ---- keepalive and ends ---- */

bool adit_set_keepalive(struct adit_fill *f, const struct adit_words *w)
{
    uint32_t interval, timeout;

    if (!adit_fill_num32(f, w->v[1], 1, 86400, &interval) || !adit_fill_num32(f, w->v[2], 1, 86400, &timeout))
        return false;
    if (timeout < 2 * interval)
        return adit_fill_error(
            f, "keepalive",
            "`keepalive %u %u`: the timeout must be at least twice the interval; 10 60 is usual", interval,
            timeout);
    f->keepalive_s = interval;
    f->keepalive_timeout_s = timeout;
    return true;
}

bool adit_set_ping_restart(struct adit_fill *f, const struct adit_words *w)
{
    if (!adit_fill_num32(f, w->v[1], 0, 86400, &f->c->ping_restart_s))
        return false;
    f->c->ping_exit_s = 0;
    return true;
}

bool adit_set_ping_exit(struct adit_fill *f, const struct adit_words *w)
{
    if (!adit_fill_num32(f, w->v[1], 0, 86400, &f->c->ping_exit_s))
        return false;
    f->c->ping_restart_s = 0;
    return true;
}

bool adit_set_inactive(struct adit_fill *f, const struct adit_words *w)
{
    uint32_t s;
    uint64_t bytes = 0;

    if (!adit_fill_num32(f, w->v[1], 0, UINT32_MAX, &s))
        return false;
    if (w->n > 2 && !adit_fill_num(f, w->v[2], 0, UINT64_MAX, &bytes))
        return false;
    f->c->inactive_s = s;
    f->c->inactive_bytes = bytes;
    return true;
}

/* ---- log-in ---- */

bool adit_set_auth_user_pass(struct adit_fill *f, const struct adit_words *w)
{
    f->c->has_auth_user_pass = true;
    f->c->auth_user_pass = (struct adit_file_ref){0};
    f->c->is_auth_user_only = !f->is_inline && w->n > 1 && strcmp(w->v[1], "username-only") == 0;
    if (f->is_inline)
        f->c->auth_user_pass.inline_text = w->v[1];
    else if (w->n > 1 && !f->c->is_auth_user_only)
        f->c->auth_user_pass.path = w->v[1];
    return true;
}

bool adit_set_pull_filter(struct adit_fill *f, const struct adit_words *w)
{
    static const struct adit_opt_word verdicts[] = {
        {"accept", ADIT_PULL_ACCEPT}, {"ignore", ADIT_PULL_IGNORE}, {"reject", ADIT_PULL_REJECT}, {0}};
    struct adit_pull_filters *l = &f->c->pull_filters;
    const struct adit_opt_word *k = verdicts;
    struct adit_pull_filter *v;

    while (k->name && strcmp(k->name, w->v[1]) != 0)
        k++;
    if (!k->name)
        return adit_fill_error(f, "value", "`pull-filter` takes accept, ignore or reject, not `%s`", w->v[1]);
    v = adit_arena_grow(f->a, l->v, l->n, sizeof *v);
    if (v) {
        l->v = v;
        l->v[l->n++] =
            (struct adit_pull_filter){.verdict = (enum adit_pull_verdict)k->value, .prefix = w->v[2]};
    }
    return true;
}

/* ---- process and log ---- */

bool adit_set_cd(struct adit_fill *f, const struct adit_words *w)
{
    if (!f->src || !f->src->change_dir || f->src->change_dir(f->src->ctx, w->v[1]))
        return adit_fill_error(f, "cd", "cannot change to the folder `%s`%s", w->v[1], adit_fill_why(f));
    f->c->cd = w->v[1];
    return true;
}

bool adit_set_daemon(struct adit_fill *f, const struct adit_words *w)
{
    f->c->is_daemon = true;
    f->c->daemon_name = w->n > 1 ? w->v[1] : f->c->daemon_name;
    return true;
}

bool adit_set_syslog(struct adit_fill *f, const struct adit_words *w)
{
    f->c->is_syslog = true;
    f->c->daemon_name = w->n > 1 ? w->v[1] : f->c->daemon_name;
    return true;
}

bool adit_set_log(struct adit_fill *f, const struct adit_words *w)
{
    f->c->log_file = w->v[1];
    f->c->is_log_append = false;
    return true;
}

bool adit_set_log_append(struct adit_fill *f, const struct adit_words *w)
{
    f->c->log_file = w->v[1];
    f->c->is_log_append = true;
    return true;
}

bool adit_set_status(struct adit_fill *f, const struct adit_words *w)
{
    if (w->n > 2 && !adit_fill_num32(f, w->v[2], 0, INT32_MAX, &f->c->status_s))
        return false;
    f->c->status_file = w->v[1];
    return true;
}

bool adit_set_status_version(struct adit_fill *f, const struct adit_words *w)
{
    uint32_t v;

    if (!adit_fill_num32(f, w->v[1], 1, 3, &v))
        return false;
    f->c->status_version = v;
    return true;
}

bool adit_set_nice(struct adit_fill *f, const struct adit_words *w)
{
    bool is_negative = *w->v[1] == '-';
    uint64_t v;

    if (!adit_fill_num(f, w->v[1] + is_negative, 0, 20, &v))
        return false;
    f->c->nice = is_negative ? -(int)v : (int)v;
    f->c->has_nice = true;
    return true;
}

/* ---- variables ---- */

static void add_setenv(struct adit_fill *f, const char *name, const char *value)
{
    struct adit_conf_setenvs *l = &f->c->env;
    struct adit_conf_setenv *v = adit_arena_grow(f->a, l->v, l->n, sizeof *v);

    if (!v || !name)
        return;
    l->v = v;
    l->v[l->n++] = (struct adit_conf_setenv){.name = name, .value = value};
}

/* Some names mean something to openvpn itself. */
bool adit_set_setenv(struct adit_fill *f, const struct adit_words *w)
{
    const char *value = w->n > 2 ? w->v[2] : "";

    if (strcmp(w->v[1], "FORWARD_COMPATIBLE") == 0) {
        f->is_forward_compatible = strcmp(value, "1") == 0;
        return true;
    }
    if (strcmp(w->v[1], "GENERIC_CONFIG") == 0)
        return adit_fill_error(f, "generic-config",
                               "this is a generic configuration; ask for your own profile");
    if (strcmp(w->v[1], "REMOTE_RANDOM_HOSTNAME") == 0)
        return adit_fill_error(f, "not-supported",
                               "`setenv REMOTE_RANDOM_HOSTNAME` is known, but not supported yet; remove it");
    if (strcmp(w->v[1], "PUSH_PEER_INFO") == 0) {
        f->c->want_push_peer_info = true;
        return true;
    }
    if (strcmp(w->v[1], "SERVER_POLL_TIMEOUT") == 0)
        return adit_fill_num32(f, value, 0, INT32_MAX, &f->c->conn.connect_timeout_s);
    add_setenv(f, w->v[1], value);
    return true;
}

bool adit_set_setenv_safe(struct adit_fill *f, const struct adit_words *w)
{
    const char *name = w->v[1];

    if (*name == 0 || strpbrk(name, "= \t\n"))
        return adit_fill_error(f, "value", "`setenv-safe`: `%s` is no name of a variable", name);
    add_setenv(f, adit_arena_format(f->a, "OPENVPN_%s", name), w->n > 2 ? w->v[2] : "");
    return true;
}

bool adit_set_ignore_unknown(struct adit_fill *f, const struct adit_words *w)
{
    for (size_t i = 1; i < w->n; i++)
        adit_strs_add(f->a, &f->may_be_unknown, w->v[i]);
    return true;
}

/* In a configuration a text for the log; pushed, for the host. */
bool adit_set_echo(struct adit_fill *f, const struct adit_words *w)
{
    const char *text = adit_words_line(f->a, w, 1);

    if (f->pushed)
        adit_strs_add(f->a, &f->pushed->echo, text);
    else if (text)
        adit_fill_note(f, "echo", "%s", text);
    return true;
}

bool adit_set_offload(struct adit_fill *f, const struct adit_words *w)
{
    struct adit_conf_offload off = {true, true, true, true, true};
    const struct {
        const char *name;
        bool *is_off;
    } places[] = {{"tun-in", &off.tun_in},
                  {"tun-out", &off.tun_out},
                  {"udp-in", &off.udp_in},
                  {"udp-out", &off.udp_out}};
    bool is_all = w->n == 2 && strcmp(w->v[1], "all") == 0;
    bool is_none = w->n == 2 && strcmp(w->v[1], "none") == 0;

    for (size_t i = 1; i < w->n && !is_all && !is_none; i++) {
        size_t at = 0;

        while (at < 4 && strcmp(w->v[i], places[at].name) != 0)
            at++;
        if (at == 4)
            return adit_fill_error(
                f, "value",
                "`adit-offload` takes all, none, or some of tun-in, tun-out, udp-in, udp-out, not `%s`",
                w->v[i]);
        *places[at].is_off = false;
    }
    f->c->offload_off = is_all ? (struct adit_conf_offload){.is_set = true} : off;
    return true;
}
