/* SPDX-License-Identifier: Apache-2.0 */
#include "host/material.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "linux/clock.h"
#include "linux/console.h"
#include "linux/file.h"

enum {
    FILE_MAX = 16 * 1024 * 1024, /* a CRL may be large */
};

/* Where a relative path was looked for, since that is not the folder of the configuration. */
static const char *tell_folder(const char *path, int os_errno, char *dst, size_t cap)
{
    char folder[1024];

    dst[0] = '\0';
    if (os_errno == ENOENT && path[0] != '/' && getcwd(folder, sizeof folder))
        snprintf(dst, cap, " in %s; start the program in the folder of its files, or add cd FOLDER", folder);
    return dst;
}

/* Files with secrets that others of this machine can read. */
static void warn_if_open(const struct adit_file_ref *ref, const struct adit_log *log)
{
    struct stat st;

    if (!ref->inline_text && ref->path && stat(ref->path, &st) == 0 && S_ISREG(st.st_mode) &&
        (st.st_mode & (S_IRWXG | S_IRWXO)))
        adit_warn(log, NULL, "WARNING: file '%s' is group or others accessible; chmod 600 mends that",
                  ref->path);
}

static adit_err fetch(const struct adit_file_ref *ref, const char *option, const struct adit_log *log,
                      struct adit_material_text *t)
{
    size_t n = 0;
    adit_err e;

    *t = (struct adit_material_text){0};
    if (ref->inline_text) {
        t->b = adit_bytes_str(ref->inline_text);
        return ADIT_OK;
    }
    if (!ref->path)
        return ADIT_OK;
    e = adit_file_read(ref->path, FILE_MAX, &t->owned, &n);
    if (e != ADIT_OK) {
        char where[1200];
        int os_errno = errno;

        adit_error(log, NULL, "%s: cannot read '%s': %s%s", option, ref->path, strerror(os_errno),
                   tell_folder(ref->path, os_errno, where, sizeof where));
        return e;
    }
    t->b = adit_bytes_of(t->owned, n);
    if (n > 0)
        return ADIT_OK;
    adit_error(log, NULL, "%s: the file '%s' is empty; copy it again", option, ref->path);
    adit_material_forget(t);
    return ADIT_E_FILE;
}

/* Both forms of PEM say so: a label of its own, or the header "Proc-Type: 4,ENCRYPTED". */
static bool is_encrypted(adit_bytes key)
{
    return key.n > 0 && memmem(key.p, key.n, "ENCRYPTED", strlen("ENCRYPTED"));
}

static adit_err say_interrupted(const char *option, const struct adit_log *log)
{
    adit_note(log, NULL, "%s: interrupted, nothing was asked to the end", option);
    return ADIT_E_SHUTDOWN;
}

/*
 * The pass phrase of an encrypted private key: the first line of askpass' file, or a person's answer. Without
 * askpass, too, a person at a terminal is asked; if there is none, the key's reader has the message.
 */
static adit_err load_passphrase(const struct adit_conf *c, adit_bytes key, const struct adit_log *log,
                                char *dst, size_t cap)
{
    struct adit_file_ref ref = {.path = c->askpass_file};
    struct adit_material_text t;
    adit_err e;
    size_t n;

    dst[0] = '\0';
    if (!c->has_askpass && !is_encrypted(key))
        return ADIT_OK;
    if (!c->askpass_file) {
        e = adit_console_ask("Enter Private Key Password: ", false, dst, cap);
        if (e == ADIT_E_SHUTDOWN)
            return say_interrupted("askpass", log);
        if (e == ADIT_OK || !c->has_askpass)
            return ADIT_OK;
        adit_error(log, NULL,
                   "askpass: no password was given: name a file with askpass FILE, or start the program on a "
                   "terminal and not as a daemon");
        return ADIT_E_FILE;
    }
    e = fetch(&ref, "askpass", log, &t);
    if (e != ADIT_OK)
        return e;
    warn_if_open(&ref, log);
    for (n = 0; n < t.b.n && n + 1 < cap && t.b.p[n] != '\n' && t.b.p[n] != '\r'; n++)
        dst[n] = (char)t.b.p[n];
    dst[n] = '\0';
    adit_material_forget(&t);
    return ADIT_OK;
}

static const struct adit_material_source files = {
    .fetch = fetch, .warn_if_open = warn_if_open, .passphrase = load_passphrase};

adit_err adit_wraps_load(struct adit_wraps *w, const struct adit_conf *c, const struct adit_conf_conn *conn,
                         const struct adit_digest *digest, const struct adit_log *log)
{
    return adit_wraps_make(w, c, conn, digest, &files, log);
}

struct adit_tls_ctx *adit_material_tls(const struct adit_conf *c, const struct adit_env *env)
{
    return adit_tls_make(c, &files, env, adit_clock_now());
}

void adit_material_refresh_crl(const struct adit_conf *c, struct adit_tls_ctx *tls, uint64_t *stamp,
                               const struct adit_log *log)
{
    char why[512] = "";
    uint64_t fresh;
    struct adit_material_text t;

    if (!c->crl.path || c->is_crl_dir)
        return;
    fresh = adit_file_stamp(c->crl.path);
    if (fresh == *stamp || *stamp == 0) {
        *stamp = fresh; /* at first the list is the one that the context was made with */
        return;
    }
    *stamp = fresh;
    if (fetch(&c->crl, "crl-verify", log, &t) != ADIT_OK) {
        adit_warn(log, NULL, "crl-verify: the list read before stays in force");
        return;
    }
    if (adit_tls_ctx_set_crl(tls, t.b, why, sizeof why) == ADIT_OK)
        adit_note(log, NULL, "crl-verify: '%s' was read again", c->crl.path);
    else
        adit_error(log, NULL, "%s; the list read before stays in force", why);
    adit_material_forget(&t);
}

/* ---- log-in ---- */

adit_err adit_login_load(struct adit_login *l, const struct adit_conf *c, const struct adit_log *log)
{
    struct adit_material_text t;
    adit_err e = fetch(&c->auth_user_pass, "auth-user-pass", log, &t);

    if (e != ADIT_OK)
        return e;
    warn_if_open(&c->auth_user_pass, log);
    adit_login_read(l, t.b);
    adit_material_forget(&t);
    if (l->user[0] == '\0')
        e = adit_console_ask("Enter Auth Username: ", true, l->user, sizeof l->user);
    if (e == ADIT_OK && l->password[0] == '\0' && !c->is_auth_user_only)
        e = adit_console_ask("Enter Auth Password: ", false, l->password, sizeof l->password);
    if (e == ADIT_E_SHUTDOWN)
        return say_interrupted("auth-user-pass", log);
    if (e != ADIT_OK)
        adit_error(
            log, NULL,
            "auth-user-pass: no user name and password: name a file with two lines, or start the program "
            "on a terminal");
    return e;
}
