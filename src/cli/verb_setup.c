/* SPDX-License-Identifier: Apache-2.0 */
/*
 * adit setup: a CA, the server's identity, a tls-crypt-v2 server key and a server.conf that adit and stock
 * openvpn run unchanged. All files are made in a temporary folder first and moved into place, server.conf
 * last; if anything fails, everything is taken back. What exists is never overwritten.
 */
#include "cli/verbs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/mem.h"
#include "cli/site.h"
#include "crypto/keyfile.h"
#include "linux/clock.h"
#include "linux/entropy.h"

enum {
    PORT = 1194,
    HOST_MAX = 254,
    CA_DAYS = 3650,
    TEXT_MAX = ADIT_PKI_PEM_MAX,
    BITS_MIN = 8, /* of the network */
    BITS_MAX = 29,
};

#define STAGE ".setup-"

const char adit_usage_setup[] =
    "adit setup DIR --endpoint HOST[:PORT] [--proto udp|tcp] [--network 10.8.0.0/24] [--key-type "
    "ecdsa|ed25519|rsa]\n"
    "\n"
    "Makes the folder DIR with a certificate authority, the server's keys and a server.conf.\n"
    "  --endpoint   where clients reach the server: a name or an address, and the port (1194)\n"
    "  --proto      udp (faster) or tcp (where UDP is blocked); udp\n"
    "  --network    addresses of the tunnel, which must not be in use elsewhere; 10.8.0.0/24\n"
    "  --key-type   of all certificates; ecdsa (P-256)\n";

struct setup {
    const char *dir;
    char host[HOST_MAX];
    unsigned port;
    bool is_v6, is_tcp;
    struct adit_prefix network;
    enum adit_pki_alg alg;
};

/* The files, in the order in which they are moved into place. */
enum { CA_CERT, CA_KEY, CERT, KEY, CRL, V2_KEY, INDEX, TEMPLATE, CONF, N_FILES };

static const struct {
    const char *name;
    unsigned mode;
} files[N_FILES] = {
    [CA_CERT] = {ADIT_SITE_CA_CERT, ADIT_FILE_PUBLIC}, [CA_KEY] = {ADIT_SITE_CA_KEY, ADIT_FILE_SECRET},
    [CERT] = {ADIT_SITE_CERT, ADIT_FILE_PUBLIC},       [KEY] = {ADIT_SITE_KEY, ADIT_FILE_SECRET},
    [CRL] = {ADIT_SITE_CRL, ADIT_FILE_PUBLIC},         [V2_KEY] = {ADIT_SITE_V2_KEY, ADIT_FILE_SECRET},
    [INDEX] = {ADIT_SITE_INDEX, ADIT_FILE_PUBLIC},     [TEMPLATE] = {ADIT_SITE_TEMPLATE, ADIT_FILE_PUBLIC},
    [CONF] = {ADIT_SITE_CONF, ADIT_FILE_PUBLIC},
};

struct content {
    uint8_t text[N_FILES][TEXT_MAX];
    struct adit_wr w[N_FILES];
};

/* ---- the command line ---- */

static bool read_host(const char *text, size_t n, struct setup *s)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:_";
    struct adit_ip ip;

    if (n == 0 || n >= sizeof s->host)
        return false;
    memcpy(s->host, text, n);
    s->host[n] = '\0';
    if (adit_ip_parse(s->host, &ip) == ADIT_OK) {
        s->is_v6 = ip.family == ADIT_AF_V6;
        return true;
    }
    return strspn(s->host, allowed) == n && !strchr(s->host, ':') && s->host[0] != '-' && s->host[0] != '.';
}

static bool read_port(const char *text, unsigned *out)
{
    char *end;
    unsigned long v = strtoul(text, &end, 10);

    if (*text < '0' || *text > '9' || *end || v == 0 || v > 65535)
        return false;
    *out = (unsigned)v;
    return true;
}

/* NAME, NAME:PORT, 192.0.2.1:PORT, 2001:db8::1, [2001:db8::1]:PORT */
static bool read_endpoint(const char *text, struct setup *s)
{
    const char *first = strchr(text, ':'), *last = strrchr(text, ':'), *end;

    s->port = PORT;
    if (*text == '[') {
        end = strchr(text, ']');
        if (!end || (end[1] && (end[1] != ':' || !read_port(end + 2, &s->port))))
            return false;
        return read_host(text + 1, (size_t)(end - text - 1), s) && s->is_v6;
    }
    if (!first || first != last)
        return read_host(text, strlen(text), s);
    return read_port(last + 1, &s->port) && read_host(text, (size_t)(last - text), s);
}

static bool read_network(const char *text, struct adit_prefix *out)
{
    if (!strchr(text, '/') || adit_prefix_parse(text, out) != ADIT_OK || out->ip.family != ADIT_AF_V4 ||
        out->bits < BITS_MIN || out->bits > BITS_MAX)
        return false;
    *out = adit_prefix_masked(*out);
    return true;
}

static bool read_key_type(const char *text, enum adit_pki_alg *out)
{
    static const char *const names[] = {
        [ADIT_PKI_P256] = "ecdsa", [ADIT_PKI_ED25519] = "ed25519", [ADIT_PKI_RSA] = "rsa"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(text, names[i]) == 0) {
            *out = (enum adit_pki_alg)i;
            return true;
        }
    return false;
}

static bool is_option(const char *name)
{
    static const char *const names[] = {"--endpoint", "--proto", "--network", "--key-type"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

/* Of one of those names. */
static bool read_option(struct setup *s, const char *name, const char *value)
{
    if (strcmp(name, "--endpoint") == 0) {
        if (read_endpoint(value, s))
            return true;
        adit_site_fail("setup", "--endpoint %s: not HOST, HOST:PORT or [IPV6]:PORT", value);
    } else if (strcmp(name, "--proto") == 0) {
        s->is_tcp = strcmp(value, "tcp") == 0;
        if (s->is_tcp || strcmp(value, "udp") == 0)
            return true;
        adit_site_fail("setup", "--proto %s: use udp or tcp", value);
    } else if (strcmp(name, "--network") == 0) {
        if (read_network(value, &s->network))
            return true;
        adit_site_fail("setup", "--network %s: not an IPv4 network between /%d and /%d, such as 10.8.0.0/24",
                       value, BITS_MIN, BITS_MAX);
    } else {
        if (read_key_type(value, &s->alg))
            return true;
        adit_site_fail("setup", "--key-type %s: use ecdsa, ed25519 or rsa", value);
    }
    return false;
}

static bool read_args(int argc, char **argv, struct setup *s)
{
    char name[32];

    *s = (struct setup){.alg = ADIT_PKI_P256};
    if (!read_network("10.8.0.0/24", &s->network))
        return false;
    for (int i = 1; i < argc; i++) {
        char *eq = strchr(argv[i], '=');

        if (strncmp(argv[i], "--", 2) != 0) {
            if (s->dir)
                return adit_site_fail("setup", "one folder only: %s and %s", s->dir, argv[i]), false;
            s->dir = argv[i];
            continue;
        }
        snprintf(name, sizeof name, "%.*s", eq ? (int)(eq - argv[i]) : (int)strlen(argv[i]), argv[i]);
        if (!is_option(name))
            return adit_site_fail("setup", "unknown option %s\n\n%s", name, adit_usage_setup), false;
        if (!eq && i + 1 == argc)
            return adit_site_fail("setup", "%s: a value is missing\n\n%s", name, adit_usage_setup), false;
        if (!read_option(s, name, eq ? eq + 1 : argv[++i]))
            return false;
    }
    if (s->dir && s->host[0])
        return true;
    adit_site_fail("setup", "%s\n\n%s",
                   s->dir ? "--endpoint HOST is missing: where will clients reach this server?"
                          : "name the folder to be made",
                   adit_usage_setup);
    return false;
}

/* ---- texts ---- */

static void put_text(struct adit_wr *w, const char *text)
{
    adit_wr_bytes(w, adit_bytes_str(text));
}

static const char *proto_of(const struct setup *s, bool is_server)
{
    if (!s->is_tcp)
        return s->is_v6 ? "udp6" : "udp";
    if (is_server)
        return s->is_v6 ? "tcp6-server" : "tcp-server";
    return s->is_v6 ? "tcp6" : "tcp"; /* which every client app knows */
}

static void put_conf(const struct setup *s, struct adit_wr *w)
{
    struct adit_ip mask = adit_netmask_of(s->network.bits);
    char line[256], net[ADIT_IP_STR_MAX], mask_text[ADIT_IP_STR_MAX];

    put_text(w, "# Made by adit setup. In this folder it also runs with: openvpn --config " ADIT_SITE_CONF
                "\n\n");
    snprintf(line, sizeof line, "port %u\nproto %s\ndev tun\ntopology subnet\nserver %s %s\n\n", s->port,
             proto_of(s, true), adit_ip_str(&s->network.ip, net, sizeof net),
             adit_ip_str(&mask, mask_text, sizeof mask_text));
    put_text(w, line);
    put_text(w, "ca " ADIT_SITE_CA_CERT "\ncert " ADIT_SITE_CERT "\nkey " ADIT_SITE_KEY "\ndh none\n"
                "crl-verify " ADIT_SITE_CRL "\nremote-cert-tls client\ntls-crypt-v2 " ADIT_SITE_V2_KEY "\n"
                "data-ciphers AES-256-GCM:AES-128-GCM:CHACHA20-POLY1305\n\n"
                "keepalive 10 60\npersist-key\npersist-tun\n");
    if (!s->is_tcp)
        put_text(w, "explicit-exit-notify 1\n");
    put_text(w, "verb 3\n\n"
                "# To send all traffic of the clients through the tunnel (this host must forward and "
                "masquerade it):\n"
                ";push \"redirect-gateway def1\"\n"
                "# To let clients reach a network behind this host:\n"
                ";push \"route 192.168.1.0 255.255.255.0\"\n"
                "# To give them a name server:\n"
                ";push \"dhcp-option DNS 192.168.1.1\"\n");
}

static void put_template(const struct setup *s, struct adit_wr *w)
{
    char line[HOST_MAX + 128];

    put_text(w,
             "# What every profile begins with; changes count for profiles made later.\nclient\ndev tun\n");
    snprintf(line, sizeof line, "proto %s\nremote %s %u\n", proto_of(s, false), s->host, s->port);
    put_text(w, line);
    put_text(w, "nobind\npersist-key\npersist-tun\nremote-cert-tls server\n"
                "verify-x509-name " ADIT_SITE_SERVER_CN " name\n"
                "data-ciphers AES-256-GCM:AES-128-GCM:CHACHA20-POLY1305\n");
    if (!s->is_tcp)
        put_text(w, "explicit-exit-notify 1\n");
    put_text(w, "verb 3\n");
}

static adit_err make_v2_key(const struct adit_rng *rng, struct adit_wr *w)
{
    struct adit_v2_server_key key;
    adit_err e = adit_rng_fill(rng, key.b, sizeof key.b);

    if (e == ADIT_OK)
        adit_v2_server_key_write(&key, w);
    adit_wipe(&key, sizeof key);
    return e;
}

static adit_err make_crl(const struct adit_authority *ca, const struct adit_book *book, adit_now now,
                         struct adit_wr *w)
{
    size_t n;
    uint8_t *text = adit_site_make_crl(ca, book, 1, now, &n);

    if (!text)
        return ADIT_E_CRYPTO;
    adit_wr_bytes(w, adit_bytes_of(text, n));
    adit_free(text);
    return ADIT_OK;
}

static adit_err make_identities(const struct setup *s, const struct adit_authority *ca,
                                const struct adit_rng *rng, adit_now now, struct content *c)
{
    struct adit_pki_issue server = {
        .subject = {.common_name = ADIT_SITE_SERVER_CN, .alg = s->alg, .days = CA_DAYS},
        .role = ADIT_PKI_SERVER,
        .alt_name = s->host,
    };
    struct adit_pki_facts facts;
    struct adit_book book = {0};
    adit_err e = adit_authority_issue(ca, &server, rng, now, &c->w[CERT], &c->w[KEY], &facts);

    if (e == ADIT_OK)
        e = adit_book_add(&book, ADIT_SITE_SERVER_CN, &facts);
    if (e == ADIT_OK)
        e = make_crl(ca, &book, now, &c->w[CRL]);
    adit_book_write(&book, &c->w[INDEX]);
    adit_book_fini(&book);
    return e;
}

static adit_err make_content(const struct setup *s, struct content *c)
{
    char ca_name[ADIT_PKI_CN_MAX + 1];
    struct adit_pki_subject subject = {.common_name = ca_name, .alg = s->alg, .days = CA_DAYS};
    struct adit_rng rng = adit_random();
    adit_now now = adit_clock_now();
    struct adit_authority *ca = NULL;
    adit_err e;

    for (int i = 0; i < N_FILES; i++)
        c->w[i] = adit_wr_of(c->text[i], TEXT_MAX);
    snprintf(ca_name, sizeof ca_name, "CA of %.58s", s->host);
    e = adit_random_check(&rng);
    if (e == ADIT_OK)
        e = adit_authority_make(&subject, &rng, now, &ca);
    if (e == ADIT_OK) {
        adit_authority_write_cert(ca, &c->w[CA_CERT]);
        adit_authority_write_key(ca, &c->w[CA_KEY]);
        e = make_identities(s, ca, &rng, now, c);
    }
    adit_authority_free(ca);
    if (e == ADIT_OK)
        e = make_v2_key(&rng, &c->w[V2_KEY]);
    put_template(s, &c->w[TEMPLATE]);
    put_conf(s, &c->w[CONF]);
    for (int i = 0; e == ADIT_OK && i < N_FILES; i++)
        e = adit_wr_end(&c->w[i]);
    return e;
}

/* ---- the folder ---- */

/* What a killed setup left does not count, and is cleared away; the lock says that it is not at work any
 * more. */
static bool is_free(const char *dir)
{
    char first[256], path[ADIT_FILE_PATH_MAX];

    for (;;) {
        if (adit_dir_first(dir, first, sizeof first) != ADIT_OK) {
            adit_site_fail_file("setup", "read", dir, "");
            return false;
        }
        if (!first[0])
            return true;
        if (strncmp(first, STAGE, strlen(STAGE)) != 0 ||
            adit_path_join(dir, first, path, sizeof path) != ADIT_OK)
            break;
        adit_dir_remove(path);
        if (adit_file_exists(path))
            break;
    }
    if (adit_path_join(dir, ADIT_SITE_CA_KEY, path, sizeof path) == ADIT_OK && adit_file_exists(path))
        adit_site_fail(
            "setup",
            "%s: holds a set-up already; nothing was changed. For another client: adit profile add "
            "%s NAME. To begin anew, choose another folder",
            dir, dir);
    else
        adit_site_fail("setup", "%s: not empty (%s); nothing was changed. Choose a new or empty folder", dir,
                       first);
    return false;
}

static bool write_stage(const char *stage, const struct content *c)
{
    char path[ADIT_FILE_PATH_MAX];

    for (int i = 0; i < N_FILES; i++)
        if (adit_path_join(stage, files[i].name, path, sizeof path) != ADIT_OK ||
            adit_file_write(path, adit_wr_view(&c->w[i]), files[i].mode) != ADIT_OK) {
            adit_site_fail_file("setup", "write", stage, files[i].name);
            return false;
        }
    return true;
}

static bool move_file(const char *stage, const char *dir, const char *name)
{
    char from[ADIT_FILE_PATH_MAX], to[ADIT_FILE_PATH_MAX];

    if (adit_path_join(stage, name, from, sizeof from) == ADIT_OK &&
        adit_path_join(dir, name, to, sizeof to) == ADIT_OK && adit_file_move(from, to) == ADIT_OK)
        return true;
    adit_site_fail_file("setup", "write", dir, name);
    return false;
}

/* Takes back the first n files. */
static void take_back(const char *dir, int n, const char *profiles)
{
    char path[ADIT_FILE_PATH_MAX];

    for (int i = 0; i < n; i++)
        if (adit_path_join(dir, files[i].name, path, sizeof path) == ADIT_OK)
            unlink(path);
    if (profiles)
        rmdir(profiles);
}

static bool move_all(const char *stage, const char *dir)
{
    char profiles[ADIT_FILE_PATH_MAX];
    bool made = false;

    if (adit_path_join(dir, ADIT_SITE_PROFILES, profiles, sizeof profiles) != ADIT_OK ||
        adit_dir_make(profiles, 0700, &made) != ADIT_OK) {
        adit_site_fail_file("setup", "make", dir, ADIT_SITE_PROFILES);
        take_back(dir, 0, made ? profiles : NULL);
        return false;
    }
    for (int i = 0; i < N_FILES; i++)
        if (!move_file(stage, dir, files[i].name)) {
            take_back(dir, i, made ? profiles : NULL);
            return false;
        }
    if (adit_dir_flush(dir) == ADIT_OK)
        return true;
    adit_site_fail_file("setup", "flush", dir, "");
    take_back(dir, N_FILES, made ? profiles : NULL);
    return false;
}

static bool fill_dir(const char *dir, const struct content *c)
{
    char stage[ADIT_FILE_PATH_MAX];
    bool ok;

    if (adit_dir_make_temp(dir, STAGE, stage, sizeof stage) != ADIT_OK) {
        adit_site_fail_file("setup", "write in", dir, "");
        return false;
    }
    ok = write_stage(stage, c) && move_all(stage, dir);
    adit_dir_remove(stage);
    return ok;
}

static bool make_dir(const char *dir, const struct content *c)
{
    bool made = false, ok = false;
    int lock = -1;

    if (adit_dir_make(dir, 0755, &made) != ADIT_OK) {
        adit_site_fail_file("setup", "make", dir, "");
        return false;
    }
    if (adit_dir_lock(dir, &lock) != ADIT_OK)
        adit_site_fail_file("setup", "lock", dir, "");
    else
        ok = is_free(dir) && fill_dir(dir, c);
    if (!ok && made)
        rmdir(dir);
    adit_dir_unlock(lock);
    return ok;
}

static void say_next(const struct setup *s)
{
    printf("%s is ready: clients will connect to %s port %u over %s.\n\n", s->dir, s->host, s->port,
           s->is_tcp ? "TCP" : "UDP");
    printf("next:\n"
           "  adit profile add %s NAME    one file for each client: %s/%s/NAME.ovpn\n"
           "  adit server %s              run the server (let %s port %u through the firewall)\n\n",
           s->dir, s->dir, ADIT_SITE_PROFILES, s->dir, s->is_tcp ? "TCP" : "UDP", s->port);
    printf("Keep %s/%s safe: whoever has it can make clients.\n", s->dir, ADIT_SITE_CA_KEY);
}

int adit_verb_setup(int argc, char **argv)
{
    struct setup s;
    struct content *c;
    adit_err e;
    bool ok;

    if (!read_args(argc, argv, &s))
        return EXIT_FAILURE;
    c = adit_alloc(sizeof *c);
    if (!c)
        return adit_site_fail("setup", "out of memory");
    e = make_content(&s, c);
    if (e != ADIT_OK)
        adit_site_fail("setup", "the keys could not be made: %s", adit_err_text(e));
    ok = e == ADIT_OK && make_dir(s.dir, c);
    adit_free_secret(c, sizeof *c);
    if (!ok)
        return EXIT_FAILURE;
    say_next(&s);
    return EXIT_SUCCESS;
}
