/* SPDX-License-Identifier: Apache-2.0 */
#include "core/material.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

void adit_material_forget(struct adit_material_text *t)
{
    adit_free_secret(t->owned, t->b.n);
    *t = (struct adit_material_text){0};
}

/*
 * The label of the first PEM block ("CERTIFICATE"), to tell a person what a file is that should be another;
 * "" if there is none. dst is cut.
 */
static void label_of(adit_bytes text, char *dst, size_t cap)
{
    static const char begin[] = "-----BEGIN ";
    const char *start = text.n > 0 ? memmem(text.p, text.n, begin, sizeof begin - 1) : NULL;
    const char *end = (const char *)text.p + text.n;
    size_t n = 0;

    for (start = start ? start + sizeof begin - 1 : end; start + n < end && n + 1 < cap; n++) {
        if (strncmp(start + n, "--", 2) == 0 || start[n] < ' ' || start[n] > '~')
            break;
        dst[n] = start[n];
    }
    dst[n] = '\0';
}

/* " (it holds: CERTIFICATE)"; nothing if it holds what it should, or nothing that has a name. */
static const char *tell_content(adit_bytes text, const char *wanted, char *dst, size_t cap)
{
    char label[64];

    label_of(text, label, sizeof label);
    dst[0] = '\0';
    if (label[0] && (!wanted || !strstr(label, wanted)))
        snprintf(dst, cap, " (it holds: %s)", label);
    return dst;
}

static const char *name_of(const struct adit_file_ref *ref)
{
    return ref->path ? ref->path : "[inline]";
}

/* ---- wrapping keys ---- */

/* A kind of key: what to call it, the label of its file has `label` in it, and where a person gets one. */
struct key_form {
    const char *option, *what, *label, *advice;
    adit_err (*read)(struct adit_wraps *w, adit_bytes text, const char **reason);
};

static adit_err read_static(struct adit_wraps *w, adit_bytes text, const char **reason)
{
    w->static_key = adit_alloc(sizeof *w->static_key);
    return w->static_key ? adit_static_key_read(text, w->static_key, reason) : ADIT_E_MEMORY;
}

static adit_err read_v2_server(struct adit_wraps *w, adit_bytes text, const char **reason)
{
    w->v2_server = adit_alloc(sizeof *w->v2_server);
    return w->v2_server ? adit_v2_server_key_read(text, w->v2_server, reason) : ADIT_E_MEMORY;
}

static adit_err read_v2_client(struct adit_wraps *w, adit_bytes text, const char **reason)
{
    adit_err e;

    w->v2_client = adit_alloc(sizeof *w->v2_client);
    w->static_key = adit_alloc(sizeof *w->static_key);
    if (!w->v2_client || !w->static_key)
        return ADIT_E_MEMORY;
    e = adit_v2_client_key_read(text, w->v2_client, reason);
    if (e == ADIT_OK)
        *w->static_key = w->v2_client->kc;
    return e;
}

static const struct key_form form_auth = {"tls-auth", "an OpenVPN static key", "Static key",
                                          "make one with: --genkey tls-auth FILE", read_static};
static const struct key_form form_crypt = {"tls-crypt", "an OpenVPN static key", "Static key",
                                           "make one with: --genkey tls-crypt FILE", read_static};
static const struct key_form form_v2_server = {
    "tls-crypt-v2", "a tls-crypt-v2 server key", "v2 server key",
    "a server needs the server key, made with --genkey tls-crypt-v2-server FILE", read_v2_server};
static const struct key_form form_v2_client = {
    "tls-crypt-v2", "a tls-crypt-v2 client key", "v2 client key",
    "a client needs its own key, made with --tls-crypt-v2 SERVERKEY --genkey tls-crypt-v2-client FILE",
    read_v2_client};

static adit_err load_key(struct adit_wraps *w, const struct key_form *form, const struct adit_file_ref *ref,
                         const struct adit_material_source *src, const struct adit_log *log)
{
    const char *reason = "";
    char content[128];
    struct adit_material_text t;
    adit_err e = src->fetch(ref, form->option, log, &t);

    if (e != ADIT_OK)
        return e;
    e = form->read(w, t.b, &reason);
    if (e != ADIT_OK && e != ADIT_E_MEMORY) {
        adit_error(log, NULL, "%s: '%s' is not %s: %s%s; %s", form->option, name_of(ref), form->what, reason,
                   tell_content(t.b, form->label, content, sizeof content), form->advice);
        e = ADIT_E_KEY_FILE;
    }
    adit_material_forget(&t);
    return e;
}

adit_err adit_wraps_make(struct adit_wraps *w, const struct adit_conf *c, const struct adit_conf_conn *conn,
                         const struct adit_digest *digest, const struct adit_material_source *src,
                         const struct adit_log *log)
{
    static const enum adit_key_direction directions[] = {
        [ADIT_DIRECTION_BOTH] = ADIT_KEYDIR_BOTH,
        [ADIT_DIRECTION_0] = ADIT_KEYDIR_0,
        [ADIT_DIRECTION_1] = ADIT_KEYDIR_1,
    };
    adit_err e = ADIT_OK;
    bool want_key = true;

    *w = (struct adit_wraps){0};
    if (adit_file_ref_is_set(&conn->tls_crypt_v2))
        e = load_key(w, c->is_tls_server ? &form_v2_server : &form_v2_client, &conn->tls_crypt_v2, src, log);
    if (e == ADIT_OK && adit_file_ref_is_set(&conn->tls_auth)) {
        e = load_key(w, &form_auth, &conn->tls_auth, src, log);
        if (e == ADIT_OK)
            w->key = adit_wrap_key_auth(w->static_key, digest, directions[conn->key_direction]);
    } else if (e == ADIT_OK && adit_file_ref_is_set(&conn->tls_crypt)) {
        e = load_key(w, &form_crypt, &conn->tls_crypt, src, log);
        if (e == ADIT_OK)
            w->key = adit_wrap_key_crypt(w->static_key, c->is_tls_server);
    } else if (e == ADIT_OK && w->static_key) {
        w->key = adit_wrap_key_crypt(w->static_key, false);
    } else {
        want_key = false;
    }
    if (e == ADIT_OK && want_key && !w->key)
        e = ADIT_E_CRYPTO;
    if (e != ADIT_OK) {
        adit_wraps_free(w);
    } else if (conn == c->conns) { /* once, not for each remote */
        src->warn_if_open(&conn->tls_crypt_v2, log);
        src->warn_if_open(&conn->tls_auth, log);
        src->warn_if_open(&conn->tls_crypt, log);
    }
    return e;
}

void adit_wraps_free(struct adit_wraps *w)
{
    adit_wrap_key_free(w->key);
    adit_free_secret(w->static_key, sizeof *w->static_key);
    adit_free_secret(w->v2_server, sizeof *w->v2_server);
    adit_free_secret(w->v2_client, sizeof *w->v2_client);
    *w = (struct adit_wraps){0};
}

/* ---- TLS ---- */

enum {
    T_CA,
    T_CERT,
    T_KEY,
    T_EXTRA,
    T_CRL,
    T_DH,
    T_PKCS12,
    T_COUNT,
};

/* Where a part comes from, and what the label of its PEM block has in it. */
struct source {
    const struct adit_file_ref *ref;
    const char *option, *label;
};

static void list_sources(const struct adit_conf *c, struct source rows[T_COUNT])
{
    rows[T_CA] = (struct source){&c->ca, "ca", "CERTIFICATE"};
    rows[T_CERT] = (struct source){&c->cert, "cert", "CERTIFICATE"};
    rows[T_KEY] = (struct source){&c->key, "key", "PRIVATE KEY"};
    rows[T_EXTRA] = (struct source){&c->extra_certs, "extra-certs", "CERTIFICATE"};
    rows[T_CRL] = (struct source){&c->crl, "crl-verify", "CRL"};
    rows[T_DH] = (struct source){&c->dh, "dh", "PARAMETERS"};
    rows[T_PKCS12] = (struct source){&c->pkcs12, "pkcs12", NULL};
}

static adit_err fetch_all(const struct adit_conf *c, const struct source rows[T_COUNT],
                          struct adit_material_text t[T_COUNT], const struct adit_material_source *src,
                          const struct adit_log *log)
{
    adit_err e = ADIT_OK;

    memset(t, 0, T_COUNT * sizeof *t);
    for (int i = 0; i < T_COUNT; i++) {
        adit_err one;

        if ((i == T_CRL && c->is_crl_dir) || (i == T_DH && c->is_dh_none))
            continue;
        one = src->fetch(rows[i].ref, rows[i].option, log, &t[i]);
        if (one != ADIT_OK)
            e = one; /* go on: every missing file is told at once */
    }
    return e;
}

/* `why` begins with an option's name: the file and, if it is another kind of file, that kind are added. */
static void tell_fault(const struct source rows[T_COUNT], const struct adit_material_text t[T_COUNT],
                       const char *why, const struct adit_log *log)
{
    for (int i = 0; i < T_COUNT; i++) {
        size_t n = strlen(rows[i].option);
        char content[128];

        if (strncmp(why, rows[i].option, n) != 0 || strncmp(why + n, ": ", 2) != 0 ||
            !adit_file_ref_is_set(rows[i].ref))
            continue;
        adit_error(log, NULL, "%s: '%s': %s%s", rows[i].option, name_of(rows[i].ref), why + n + 2,
                   tell_content(t[i].b, rows[i].label, content, sizeof content));
        return;
    }
    adit_error(log, NULL, "%s", why);
}

static const char *version_text(enum adit_conf_tls_version v)
{
    static const char *const texts[] = {NULL, "1.0", "1.1", "1.2", "1.3"};

    return texts[v];
}

static const char *profile_text(enum adit_conf_cert_profile p)
{
    static const char *const texts[] = {
        [ADIT_CERT_PROFILE_LEGACY] = "legacy",
        [ADIT_CERT_PROFILE_INSECURE] = "insecure",
        [ADIT_CERT_PROFILE_PREFERRED] = "preferred",
        [ADIT_CERT_PROFILE_SUITEB] = "suiteb",
    };

    return texts[p];
}

static void set_peer_rules(const struct adit_conf *c, struct adit_tls_params *p)
{
    static const enum adit_verify_client verify[] = {
        [ADIT_CLIENT_CERT_REQUIRE] = ADIT_VERIFY_REQUIRE,
        [ADIT_CLIENT_CERT_OPTIONAL] = ADIT_VERIFY_OPTIONAL,
        [ADIT_CLIENT_CERT_NONE] = ADIT_VERIFY_NONE,
    };
    static const enum adit_x509_name_rule names[] = {
        [ADIT_X509_NAME_NONE] = ADIT_X509_ANY,
        [ADIT_X509_NAME_SUBJECT] = ADIT_X509_SUBJECT,
        [ADIT_X509_NAME_CN] = ADIT_X509_NAME,
        [ADIT_X509_NAME_PREFIX] = ADIT_X509_PREFIX,
    };

    p->verify_client = verify[c->client_cert];
    p->name_rule = names[c->x509_name_kind];
    p->name = c->x509_name;
    p->remote_cert_eku = c->remote_eku;
    p->want_ku = c->has_remote_ku;
    p->kus = c->remote_ku;
    p->n_kus = c->n_remote_ku;
    if (c->remote_cert != ADIT_REMOTE_CERT_ANY) {
        p->want_ku = true;
        p->remote_cert_eku = c->remote_cert == ADIT_REMOTE_CERT_SERVER ? "TLS Web Server Authentication"
                                                                       : "TLS Web Client Authentication";
    }
}

/* 64 hex digits each, checked by the configuration. */
static uint8_t (*fingerprints_of(const struct adit_conf *c))[32]
{
    uint8_t(*list)[32] = adit_alloc((c->fingerprints.n > 0 ? c->fingerprints.n : 1) * sizeof *list);

    for (size_t i = 0; list && i < c->fingerprints.n; i++) {
        for (size_t b = 0; b < 32; b++) {
            unsigned v = 0;

            sscanf(c->fingerprints.v[i] + 2 * b, "%2x", &v);
            list[i][b] = (uint8_t)v;
        }
    }
    return list;
}

struct adit_tls_ctx *adit_tls_make(const struct adit_conf *c, const struct adit_material_source *src,
                                   const struct adit_env *env, adit_now now)
{
    struct source rows[T_COUNT];
    struct adit_material_text t[T_COUNT];
    char why[512] = "", passphrase[256];
    uint8_t(*fingerprints)[32] = fingerprints_of(c);
    struct adit_tls_ctx *ctx = NULL;

    list_sources(c, rows);
    if (fetch_all(c, rows, t, src, &env->log) == ADIT_OK && fingerprints &&
        src->passphrase(c, t[T_KEY].b, &env->log, passphrase, sizeof passphrase) == ADIT_OK) {
        struct adit_tls_params p = {
            .ca = t[T_CA].b,
            .cert = t[T_CERT].b,
            .key = t[T_KEY].b,
            .extra_certs = t[T_EXTRA].b,
            .crl = t[T_CRL].b,
            .dh = t[T_DH].b,
            .pkcs12 = t[T_PKCS12].b,
            .key_password = passphrase[0] || c->has_askpass ? passphrase : NULL,
            .wall_s = now.wall_s,
            .ca_path = c->ca_path,
            .version_min = version_text(c->tls_min),
            .version_max = version_text(c->tls_max),
            .version_min_or_highest = c->is_tls_min_or_highest,
            .cipher_list = c->tls_ciphers,
            .ciphersuites = c->tls_ciphersuites,
            .groups = c->tls_groups ? c->tls_groups : c->ecdh_curve,
            .cert_profile = profile_text(c->cert_profile),
            .fingerprints = (const uint8_t(*)[32])fingerprints,
            .n_fingerprints = c->fingerprints.n,
        };

        set_peer_rules(c, &p);
        ctx = adit_tls_ctx_new(&p, env, c->is_tls_server, why, sizeof why);
        adit_wipe(passphrase, sizeof passphrase);
        if (!ctx)
            tell_fault(rows, t, why, &env->log);
    }
    if (ctx) {
        src->warn_if_open(&c->key, &env->log);
        src->warn_if_open(&c->pkcs12, &env->log);
    }
    for (int i = 0; i < T_COUNT; i++)
        adit_material_forget(&t[i]);
    adit_free(fingerprints);
    return ctx;
}

/* ---- log-in ---- */

static adit_bytes take_line(struct adit_rd *r)
{
    const uint8_t *start = r->p;
    size_t n = 0;

    while (adit_rd_left(r) > 0) {
        uint8_t c = adit_rd_u8(r);

        if (c == '\n')
            break;
        if (c != '\r')
            n = (size_t)(r->p - start);
    }
    return adit_bytes_of(start, n);
}

static void copy_line(adit_bytes line, char *dst, size_t cap)
{
    size_t n = line.n < cap - 1 ? line.n : cap - 1;

    if (n > 0)
        memcpy(dst, line.p, n);
    dst[n] = '\0';
}

void adit_login_read(struct adit_login *l, adit_bytes text)
{
    struct adit_rd r = adit_rd_of(text);

    copy_line(take_line(&r), l->user, sizeof l->user);
    copy_line(take_line(&r), l->password, sizeof l->password);
}
