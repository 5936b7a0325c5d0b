/* SPDX-License-Identifier: Apache-2.0 */
/* Opening, reading and writing a set-up folder. Every failure prints one line: verb, file, cause, what helps.
 */
#include "cli/site.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"

enum {
    FILE_MAX = 64 * 1024 * 1024, /* the index of a large site */
    CRL_ENTRY_MAX = 96,          /* of PEM text for each revoked certificate */
};

int adit_site_fail(const char *verb, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    fprintf(stderr, "adit %s: ", verb);
    vfprintf(stderr, fmt, args);
    fputc('\n', stderr);
    va_end(args);
    return EXIT_FAILURE;
}

static const char *hint_for(int err)
{
    switch (err) {
    case EACCES:
    case EPERM:
        return " (run it as root, or as the owner of the folder)";
    case ENOSPC:
    case EDQUOT:
        return " (make room on the disk)";
    case EROFS:
        return " (the file system is mounted read-only)";
    case EWOULDBLOCK:
        return " (another adit is working in this folder: try again)";
    default:
        return "";
    }
}

int adit_site_fail_file(const char *verb, const char *what, const char *dir, const char *name)
{
    int err = errno;

    return adit_site_fail(verb, "cannot %s %s%s%s: %s%s", what, dir, *name ? "/" : "", name, strerror(err),
                          hint_for(err));
}

const char *adit_site_date(int64_t when_s, char dst[ADIT_SITE_DATE])
{
    time_t t = (time_t)when_s;
    struct tm tm;

    if (!gmtime_r(&t, &tm) || strftime(dst, ADIT_SITE_DATE, "%Y-%m-%d", &tm) == 0)
        snprintf(dst, ADIT_SITE_DATE, "?");
    return dst;
}

/* ---- files ---- */

uint8_t *adit_site_read(const struct adit_site *s, const char *name, size_t *n)
{
    char path[ADIT_FILE_PATH_MAX];
    uint8_t *b = NULL;

    if (adit_path_join(s->dir, name, path, sizeof path) == ADIT_OK &&
        adit_file_read(path, FILE_MAX, &b, n) == ADIT_OK)
        return b;
    adit_site_fail_file(s->verb, "read", s->dir, name);
    return NULL;
}

bool adit_site_write(const struct adit_site *s, const char *name, adit_bytes content, unsigned mode)
{
    char path[ADIT_FILE_PATH_MAX];

    if (adit_path_join(s->dir, name, path, sizeof path) == ADIT_OK &&
        adit_file_write(path, content, mode) == ADIT_OK)
        return true;
    adit_site_fail_file(s->verb, "write", s->dir, name);
    return false;
}

bool adit_site_save_book(const struct adit_site *s)
{
    size_t cap = adit_book_text_max(&s->book);
    uint8_t *text = adit_alloc(cap);
    struct adit_wr w = adit_wr_of(text, text ? cap : 0);
    bool ok;

    adit_book_write(&s->book, &w);
    ok =
        adit_wr_end(&w) == ADIT_OK && adit_site_write(s, ADIT_SITE_INDEX, adit_wr_view(&w), ADIT_FILE_PUBLIC);
    if (w.bad)
        adit_site_fail(s->verb, "out of memory");
    adit_free(text);
    return ok;
}

/* ---- revocation list ---- */

uint8_t *adit_site_make_crl(const struct adit_authority *ca, const struct adit_book *b, uint64_t number,
                            adit_now now, size_t *n)
{
    size_t cap = ADIT_PKI_PEM_MAX + b->n * CRL_ENTRY_MAX, n_revoked;
    struct adit_pki_revoked *list = adit_alloc((b->n + 1) * sizeof *list);
    uint8_t *text = adit_alloc(cap);
    struct adit_wr w = adit_wr_of(text, text ? cap : 0);
    adit_err e = ADIT_E_MEMORY;

    if (list && text) {
        n_revoked = adit_book_revoked(b, list);
        e = adit_authority_write_crl(ca, list, n_revoked, number, now, &w);
    }
    adit_free(list);
    *n = adit_wr_len(&w);
    if (e == ADIT_OK)
        return text;
    adit_free(text);
    return NULL;
}

bool adit_site_save_crl(const struct adit_site *s, adit_now now)
{
    uint64_t number = 0;
    size_t n = 0;
    uint8_t *text = adit_site_read(s, ADIT_SITE_CRL, &n);
    bool ok;

    if (!text)
        return false;
    if (adit_pki_crl_number(adit_bytes_of(text, n), &number) != ADIT_OK)
        number = (uint64_t)now.wall_s; /* damaged, or not ours: larger than any number of ours */
    adit_free(text);
    text = adit_site_make_crl(s->ca, &s->book, number + 1, now, &n);
    if (!text) {
        adit_site_fail(s->verb, "the revocation list could not be signed");
        return false;
    }
    ok = adit_site_write(s, ADIT_SITE_CRL, adit_bytes_of(text, n), ADIT_FILE_PUBLIC);
    adit_free(text);
    return ok;
}

/* ---- opening ---- */

static bool read_book(struct adit_site *s)
{
    size_t n = 0, line = 0;
    uint8_t *text = adit_site_read(s, ADIT_SITE_INDEX, &n);
    adit_err e;

    if (!text)
        return false;
    e = adit_book_read(adit_bytes_of(text, n), &s->book, &line);
    adit_free(text);
    if (e == ADIT_E_MALFORMED)
        adit_site_fail(s->verb, "%s/%s: line %zu is damaged: restore the file from a backup", s->dir,
                       ADIT_SITE_INDEX, line);
    else if (e != ADIT_OK)
        adit_site_fail(s->verb, "%s/%s: %s", s->dir, ADIT_SITE_INDEX, adit_err_text(e));
    return e == ADIT_OK;
}

static bool read_authority(struct adit_site *s)
{
    size_t n_cert = 0, n_key = 0;
    uint8_t *cert = adit_site_read(s, ADIT_SITE_CA_CERT, &n_cert);
    uint8_t *key = cert ? adit_site_read(s, ADIT_SITE_CA_KEY, &n_key) : NULL;
    const char *reason = "";
    bool ok = false;

    if (key) {
        ok = adit_authority_load(adit_bytes_of(cert, n_cert), adit_bytes_of(key, n_key), NULL, &s->ca,
                                 &reason) == ADIT_OK;
        if (!ok)
            adit_site_fail(s->verb, "%s: %s", s->dir, *reason ? reason : "out of memory");
    }
    adit_free(cert);
    adit_free_secret(key, n_key);
    return ok;
}

bool adit_site_open(struct adit_site *s, const char *verb, const char *dir)
{
    char path[ADIT_FILE_PATH_MAX];

    *s = (struct adit_site){.verb = verb, .dir = dir, .lock = -1};
    if (adit_path_join(dir, ADIT_SITE_INDEX, path, sizeof path) != ADIT_OK || !adit_file_exists(path)) {
        adit_site_fail(verb, "%s: not a folder made by adit setup (it has no %s): make one with adit setup",
                       dir, ADIT_SITE_INDEX);
        return false;
    }
    if (adit_dir_lock(dir, &s->lock) != ADIT_OK) {
        adit_site_fail_file(verb, "lock", dir, "");
        return false;
    }
    return read_book(s) && read_authority(s);
}

void adit_site_close(struct adit_site *s)
{
    adit_authority_free(s->ca);
    adit_book_fini(&s->book);
    adit_dir_unlock(s->lock);
    s->ca = NULL;
    s->lock = -1;
}
