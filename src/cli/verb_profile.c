/* SPDX-License-Identifier: Apache-2.0 */
/*
 * adit profile: clients of a set-up folder. A profile is one file with everything inline that stock openvpn
 * takes, too. The book is written before the profile, so that no certificate is ever out there that could not
 * be revoked.
 */
#include "cli/verbs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/site.h"
#include "crypto/keyfile.h"
#include "linux/clock.h"
#include "linux/entropy.h"
#include "pki/tag.h"
#include "proto/wkc.h"

enum {
    DAYS = 3650,
    PROFILE_MAX = 64 * 1024,
    NAME_MAX_LEN = ADIT_PKI_CN_MAX,
};

const char adit_usage_profile[] =
    "adit profile add DIR NAME [--days N]     a new client: DIR/profiles/NAME.ovpn\n"
    "adit profile list DIR                    all clients\n"
    "adit profile show DIR NAME               print the profile\n"
    "adit profile renew DIR NAME [--days N]   a new certificate and key for the client\n"
    "adit profile revoke DIR NAME             lock the client out\n";

struct request {
    struct adit_site site;
    const char *name;
    unsigned days;
    adit_now now;
};

/* ---- names and paths ---- */

static bool is_name_good(const char *name)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._@-";
    size_t n = strlen(name);

    if (n == 0 || n > NAME_MAX_LEN || strspn(name, allowed) != n || name[0] == '.' || name[0] == '-') {
        adit_site_fail("profile",
                       "%s: not a name for a client: use at most %d letters, digits and . _ @ -, and begin "
                       "with none of . and -",
                       name, NAME_MAX_LEN);
        return false;
    }
    if (strcmp(name, ADIT_SITE_SERVER_CN) != 0)
        return true;
    adit_site_fail("profile", "%s: that is the name of the server itself: choose another", name);
    return false;
}

static void path_of(const char *name, char *dst, size_t cap)
{
    snprintf(dst, cap, ADIT_SITE_PROFILES "/%s.ovpn", name);
}

static bool is_live(const struct adit_book_entry *e)
{
    return e && !e->revoked_s;
}

/* ---- making a profile ---- */

static void put_block(struct adit_wr *w, const char *tag, adit_bytes text)
{
    char line[64];

    snprintf(line, sizeof line, "<%s>\n", tag);
    adit_wr_bytes(w, adit_bytes_str(line));
    adit_wr_bytes(w, text);
    snprintf(line, sizeof line, "%s</%s>\n", text.n > 0 && text.p[text.n - 1] != '\n' ? "\n" : "", tag);
    adit_wr_bytes(w, adit_bytes_str(line));
}

/* A client key whose metadata says which certificate it belongs to, so that revoking that one can stop it
 * early. */
static adit_err make_client_key(const struct adit_site *s, const struct adit_v2_server_key *server,
                                const struct adit_pki_facts *facts, struct adit_wr *w)
{
    struct adit_rng rng = adit_random();
    struct adit_pki_tag tag = {.serial = facts->serial};
    uint8_t metadata[1 + ADIT_PKI_TAG_MAX];
    struct adit_wr m = adit_wr_of(metadata, sizeof metadata);
    struct adit_v2_client_key key = {0};
    adit_err e = adit_rng_fill(&rng, key.kc.b, sizeof key.kc.b);

    adit_authority_sha256(s->ca, tag.ca_sha256);
    adit_wr_u8(&m, ADIT_WKC_USER);
    adit_pki_tag_write(&tag, &m);
    if (e == ADIT_OK)
        e = adit_wr_end(&m);
    if (e == ADIT_OK)
        e = adit_wkc_wrap(server, adit_wr_view(&m), &key);
    if (e == ADIT_OK)
        adit_v2_client_key_write(&key, w);
    adit_wipe(&key, sizeof key);
    return e;
}

static bool put_client_key(const struct adit_site *s, const struct adit_pki_facts *facts, struct adit_wr *w)
{
    char text[ADIT_KEYFILE_TEXT_MAX];
    struct adit_wr k = adit_wr_of(text, sizeof text);
    struct adit_v2_server_key server;
    const char *reason = "";
    size_t n = 0;
    uint8_t *file = adit_site_read(s, ADIT_SITE_V2_KEY, &n);
    adit_err e;

    if (!file)
        return false;
    e = adit_v2_server_key_read(adit_bytes_of(file, n), &server, &reason);
    adit_free_secret(file, n);
    if (e == ADIT_OK)
        e = make_client_key(s, &server, facts, &k);
    if (e == ADIT_OK && !k.bad)
        put_block(w, "tls-crypt-v2", adit_wr_view(&k));
    else
        adit_site_fail("profile", "%s/%s: %s", s->dir, ADIT_SITE_V2_KEY, *reason ? reason : adit_err_text(e));
    adit_wipe(&server, sizeof server);
    adit_wipe(text, sizeof text);
    return e == ADIT_OK && !k.bad;
}

struct issued {
    uint8_t cert[ADIT_PKI_PEM_MAX], key[ADIT_PKI_PEM_MAX];
    struct adit_wr w_cert, w_key;
    struct adit_pki_facts facts;
};

static bool issue(const struct request *q, struct issued *i)
{
    struct adit_rng rng = adit_random();
    struct adit_pki_issue what = {
        .subject = {.common_name = q->name, .alg = adit_authority_alg(q->site.ca), .days = q->days},
        .role = ADIT_PKI_CLIENT,
    };
    adit_err e;

    i->w_cert = adit_wr_of(i->cert, sizeof i->cert);
    i->w_key = adit_wr_of(i->key, sizeof i->key);
    e = adit_random_check(&rng);
    if (e == ADIT_OK)
        e = adit_authority_issue(q->site.ca, &what, &rng, q->now, &i->w_cert, &i->w_key, &i->facts);
    if (e == ADIT_E_CONFIG)
        adit_site_fail("profile",
                       "no certificate can be issued: the CA in %s has expired, or the clock of this "
                       "machine is wrong",
                       q->site.dir);
    else if (e != ADIT_OK)
        adit_site_fail("profile", "no certificate could be made: %s", adit_err_text(e));
    return e == ADIT_OK;
}

static bool put_profile(const struct request *q, const struct issued *i, struct adit_wr *w)
{
    size_t n = 0;
    uint8_t *text = adit_site_read(&q->site, ADIT_SITE_TEMPLATE, &n);

    if (!text)
        return false;
    adit_wr_bytes(w, adit_bytes_of(text, n));
    if (n > 0 && text[n - 1] != '\n')
        adit_wr_u8(w, '\n');
    adit_free(text);
    text = adit_site_read(&q->site, ADIT_SITE_CA_CERT, &n);
    if (!text)
        return false;
    put_block(w, "ca", adit_bytes_of(text, n));
    adit_free(text);
    put_block(w, "cert", adit_wr_view(&i->w_cert));
    put_block(w, "key", adit_wr_view(&i->w_key));
    if (!put_client_key(&q->site, &i->facts, w))
        return false;
    if (w->bad)
        adit_site_fail("profile", "%s/%s: larger than a profile can be", q->site.dir, ADIT_SITE_TEMPLATE);
    return !w->bad;
}

/* The book first; if the profile then cannot be written, the book is put back. */
static bool save(struct request *q, const struct issued *i, adit_bytes profile)
{
    char path[NAME_MAX_LEN + 32];

    path_of(q->name, path, sizeof path);
    if (adit_book_add(&q->site.book, q->name, &i->facts) != ADIT_OK) {
        adit_site_fail("profile", "out of memory");
        return false;
    }
    if (!adit_site_save_book(&q->site))
        return false;
    if (adit_site_write(&q->site, path, profile, ADIT_FILE_SECRET))
        return true;
    q->site.book.n--;
    if (!adit_site_save_book(&q->site))
        adit_site_fail("profile", "%s is now in %s without a profile: revoke it and try again", q->name,
                       ADIT_SITE_INDEX);
    return false;
}

static int make_profile(struct request *q, const char *what)
{
    struct issued *i = adit_alloc(sizeof *i);
    uint8_t *text = adit_alloc(PROFILE_MAX);
    struct adit_wr w = adit_wr_of(text, text ? PROFILE_MAX : 0);
    char date[ADIT_SITE_DATE];
    bool ok = i && text;

    if (!ok)
        adit_site_fail("profile", "out of memory");
    ok = ok && issue(q, i) && put_profile(q, i, &w) && save(q, i, adit_wr_view(&w));
    if (ok) {
        printf("%s %s/%s/%s.ovpn, good until %s.\n\n", what, q->site.dir, ADIT_SITE_PROFILES, q->name,
               adit_site_date(i->facts.not_after_s, date));
        printf("next: give this one file to the client over a safe channel (it holds the private key), and "
               "there:\n"
               "  adit connect %s.ovpn        (or: openvpn --config %s.ovpn, or any app that takes .ovpn "
               "files)\n",
               q->name, q->name);
    }
    adit_free_secret(i, i ? sizeof *i : 0);
    adit_free_secret(text, text ? PROFILE_MAX : 0);
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* ---- the commands ---- */

static int add(struct request *q)
{
    const struct adit_book_entry *e = adit_book_find(&q->site.book, q->name);
    char date[ADIT_SITE_DATE];

    if (is_live(e))
        return adit_site_fail("profile",
                              "%s exists already (good until %s): to replace it: adit profile renew %s %s",
                              q->name, adit_site_date(e->not_after_s, date), q->site.dir, q->name);
    return make_profile(q, "Made");
}

static int renew(struct request *q)
{
    if (!adit_book_find(&q->site.book, q->name))
        return adit_site_fail("profile", "there is no %s in %s: to make it: adit profile add %s %s", q->name,
                              q->site.dir, q->site.dir, q->name);
    return make_profile(q, "Renewed");
}

static int list(struct request *q)
{
    const struct adit_book *b = &q->site.book;
    char date[ADIT_SITE_DATE], other[ADIT_SITE_DATE], serial[ADIT_PKI_SERIAL_STR];
    bool is_first = true;

    for (size_t i = 0; i < b->n; i++) {
        const struct adit_book_entry *e = &b->all[i];

        if (strcmp(e->name, ADIT_SITE_SERVER_CN) == 0)
            continue;
        if (is_first)
            printf("%-24s %-10s  %-32s  %s\n", "NAME", "EXPIRES", "SERIAL", "STATE");
        is_first = false;
        printf("%-24s %-10s  %-32s  ", e->name, adit_site_date(e->not_after_s, date),
               adit_pki_serial_str(&e->serial, serial));
        if (e->revoked_s)
            printf("revoked %s\n", adit_site_date(e->revoked_s, other));
        else
            printf("%s\n", e->not_after_s <= q->now.wall_s ? "expired" : "good");
    }
    if (is_first)
        printf("No profiles yet. To make one: adit profile add %s NAME\n", q->site.dir);
    return EXIT_SUCCESS;
}

static int show(struct request *q)
{
    const struct adit_book_entry *e = adit_book_find(&q->site.book, q->name);
    char path[NAME_MAX_LEN + 32], date[ADIT_SITE_DATE];
    uint8_t *text;
    size_t n = 0;

    if (e && e->revoked_s)
        return adit_site_fail("profile", "%s was revoked on %s: to let it in again: adit profile add %s %s",
                              q->name, adit_site_date(e->revoked_s, date), q->site.dir, q->name);
    if (!e)
        return adit_site_fail("profile", "there is no %s in %s: adit profile list %s shows all", q->name,
                              q->site.dir, q->site.dir);
    path_of(q->name, path, sizeof path);
    text = adit_site_read(&q->site, path, &n);
    if (!text)
        return EXIT_FAILURE;
    fwrite(text, 1, n, stdout);
    adit_free_secret(text, n);
    return fflush(stdout) == 0 ? EXIT_SUCCESS
                               : adit_site_fail("profile", "cannot print: %s", strerror(errno));
}

/* May be repeated, should writing the list have failed the first time. */
static int revoke(struct request *q)
{
    char path[NAME_MAX_LEN + 32], full[ADIT_FILE_PATH_MAX];
    size_t found = 0;

    for (size_t i = 0; i < q->site.book.n; i++) {
        struct adit_book_entry *e = &q->site.book.all[i];

        if (strcmp(e->name, q->name) != 0)
            continue;
        found++;
        if (!e->revoked_s)
            e->revoked_s = q->now.wall_s;
    }
    if (found == 0)
        return adit_site_fail("profile", "there is no %s in %s: adit profile list %s shows all", q->name,
                              q->site.dir, q->site.dir);
    if (!adit_site_save_book(&q->site) || !adit_site_save_crl(&q->site, q->now))
        return adit_site_fail("profile", "%s is NOT locked out yet: repeat the command", q->name);
    path_of(q->name, path, sizeof path);
    if (adit_path_join(q->site.dir, path, full, sizeof full) != ADIT_OK || adit_file_remove(full) != ADIT_OK)
        adit_site_fail_file("profile", "remove", q->site.dir, path);
    printf("%s is revoked: %s/%s is up to date, and its profile is removed. A running server refuses it from "
           "its next connection or key renewal on.\n",
           q->name, q->site.dir, ADIT_SITE_CRL);
    return EXIT_SUCCESS;
}

/* ---- the command line ---- */

static const struct command {
    const char *name;
    int (*run)(struct request *q);
    bool has_name, has_days;
} commands[] = {
    {"add", add, true, true},     {"list", list, false, false},    {"show", show, true, false},
    {"renew", renew, true, true}, {"revoke", revoke, true, false},
};

static bool read_days(const char *text, unsigned *days)
{
    char *end;
    unsigned long v = strtoul(text, &end, 10);

    if (*text < '0' || *text > '9' || *end || v == 0 || v > ADIT_PKI_DAYS_MAX) {
        adit_site_fail("profile", "--days %s: use a number between 1 and %d", text, ADIT_PKI_DAYS_MAX);
        return false;
    }
    *days = (unsigned)v;
    return true;
}

static bool read_args(int argc, char **argv, const struct command *c, const char **dir, struct request *q)
{
    int words = 0;

    for (int i = 2; i < argc; i++) {
        if (c->has_days && strncmp(argv[i], "--days=", 7) == 0) {
            if (!read_days(argv[i] + 7, &q->days))
                return false;
        } else if (c->has_days && strcmp(argv[i], "--days") == 0 && i + 1 < argc) {
            if (!read_days(argv[++i], &q->days))
                return false;
        } else if (words == 0) {
            *dir = argv[i];
            words++;
        } else if (words == 1 && c->has_name) {
            q->name = argv[i];
            words++;
        } else {
            adit_site_fail("profile", "too much: %s\n\n%s", argv[i], adit_usage_profile);
            return false;
        }
    }
    if (words == (c->has_name ? 2 : 1))
        return !c->has_name || is_name_good(q->name);
    adit_site_fail("profile", "name %s\n\n%s",
                   words == 0 ? "the folder, which adit setup has made" : "the client", adit_usage_profile);
    return false;
}

static int run(int argc, char **argv, const struct command *c)
{
    struct request q = {.days = DAYS, .now = adit_clock_now()};
    const char *dir = NULL;
    int code = EXIT_FAILURE;

    if (!read_args(argc, argv, c, &dir, &q))
        return EXIT_FAILURE;
    if (adit_site_open(&q.site, "profile", dir))
        code = c->run(&q);
    adit_site_close(&q.site);
    return code;
}

int adit_verb_profile(int argc, char **argv)
{
    for (size_t i = 0; argc >= 2 && i < sizeof commands / sizeof commands[0]; i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return run(argc, argv, &commands[i]);
    return adit_site_fail("profile", "%s%s\n\n%s", argc >= 2 ? "unknown command " : "which command?",
                          argc >= 2 ? argv[1] : "", adit_usage_profile);
}
