/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The context that all connections of one configuration share: versions, ciphers, groups, security level.
 * Protocol text: 5.1.
 *
 * Everything lives in OpenSSL's default library context. A context of our own would be tidier, but providers,
 * engines, FIPS mode and crypto policies that a user or distribution sets in openssl.cnf are loaded into the
 * default one, keys on tokens come from there, and objects of two contexts do not mix. It also shares the
 * table of fetched algorithms instead of filling one per configuration.
 */
#include "proto/tls_parts.h"

#include <openssl/err.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

#define DEFAULT_CIPHERS "DEFAULT:!EXP:!LOW:!MEDIUM:!kDH:!kECDH:!DSS:!PSK:!SRP:!kRSA"

enum { CIPHER_LIST_MAX = 4096 };

void adit_tls_say(char *why, size_t cap, const char *fmt, ...)
{
    va_list args;

    if (!why || cap == 0)
        return;
    va_start(args, fmt);
    vsnprintf(why, cap, fmt, args);
    va_end(args);
}

const char *adit_tls_reason(char *dst, size_t cap)
{
    const char *data = NULL;
    int flags = 0;
    unsigned long e = ERR_peek_last_error_all(NULL, NULL, NULL, &data, &flags);
    const char *reason = e ? ERR_reason_error_string(e) : NULL;
    bool has_data = data && (flags & ERR_TXT_STRING) && *data;

    snprintf(dst, cap, "%s%s%s", reason ? reason : "no reason given", has_data ? ": " : "",
             has_data ? data : "");
    ERR_clear_error();
    return dst;
}

/* ---- versions ---- */

static int version_number(const char *s)
{
    static const struct {
        const char *name;
        int number;
    } table[] = {
        {"1.0", TLS1_VERSION},
        {"1.1", TLS1_1_VERSION},
        {"1.2", TLS1_2_VERSION},
        {"1.3", TLS1_3_VERSION},
    };

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (strcmp(s, table[i].name) == 0)
            return table[i].number;
    return 0;
}

static bool set_versions(struct adit_tls_ctx *ctx, const struct adit_tls_params *p, char *why, size_t cap)
{
    int min = p->version_min ? version_number(p->version_min) : TLS1_2_VERSION;
    int max = p->version_max ? version_number(p->version_max) : 0;

    if (min == 0 && p->version_min_or_highest)
        min = TLS1_3_VERSION;
    if (min == 0 || (p->version_max && max == 0)) {
        adit_tls_say(why, cap, "tls-version-%s: unknown version %s: use 1.0, 1.1, 1.2 or 1.3",
                     min ? "max" : "min", min ? p->version_max : p->version_min);
        return false;
    }
    if (max && max < min) {
        adit_tls_say(why, cap,
                     "tls-version-max: %s is below tls-version-min (%s): raise the one, or lower the other",
                     p->version_max, p->version_min ? p->version_min : "1.2, the default");
        return false;
    }
    if (!SSL_CTX_set_min_proto_version(ctx->ssl, min) || !SSL_CTX_set_max_proto_version(ctx->ssl, max)) {
        adit_tls_say(why, cap, "tls-version-%s: this OpenSSL does not have that version",
                     max ? "max" : "min");
        return false;
    }
    return true;
}

/* ---- ciphers and groups ---- */

/* The library's name of a suite that is written as TLS-...-WITH-..., or NULL. */
static const char *library_name(STACK_OF(SSL_CIPHER) * all, const char *token, size_t n)
{
    char iana[96];

    if (n < 4 || n >= sizeof iana || (strncmp(token, "TLS-", 4) != 0 && strncmp(token, "TLS_", 4) != 0))
        return NULL;
    memcpy(iana, token, n);
    iana[n] = '\0';
    for (char *c = iana; *c; c++)
        if (*c == '-')
            *c = '_';
    for (int i = 0; i < sk_SSL_CIPHER_num(all); i++) {
        const SSL_CIPHER *c = sk_SSL_CIPHER_value(all, i);
        const char *name = SSL_CIPHER_standard_name(c);

        if (name && strcmp(name, iana) == 0)
            return SSL_CIPHER_get_name(c);
    }
    return NULL;
}

/* Translates word by word; what is not an IANA name ("DEFAULT", "@SECLEVEL=0") stays as it is. */
static bool translate_ciphers(SSL_CTX *ssl, const char *list, char *dst, size_t cap)
{
    struct adit_wr w = adit_wr_of(dst, cap);
    STACK_OF(SSL_CIPHER) * all;

    if (!SSL_CTX_set_cipher_list(ssl, "ALL:COMPLEMENTOFALL"))
        return false;
    all = SSL_CTX_get_ciphers(ssl);
    while (*list) {
        size_t op = strspn(list, "!-+");
        size_t n = strcspn(list, ":");
        const char *name = n > op ? library_name(all, list + op, n - op) : NULL;

        adit_wr_bytes(&w, adit_bytes_of(list, name ? op : n));
        if (name)
            adit_wr_bytes(&w, adit_bytes_str(name));
        list += n;
        if (*list == ':') {
            adit_wr_u8(&w, ':');
            list++;
        }
    }
    adit_wr_u8(&w, 0);
    return adit_wr_end(&w) == ADIT_OK;
}

static bool set_ciphers(struct adit_tls_ctx *ctx, const struct adit_tls_params *p, char *why, size_t cap)
{
    char list[CIPHER_LIST_MAX], suites[CIPHER_LIST_MAX];
    const char *use = DEFAULT_CIPHERS;

    if (p->cert_profile && strcmp(p->cert_profile, "suiteb") == 0) {
        use = "SUITEB128";
    } else if (p->cipher_list) {
        if (!translate_ciphers(ctx->ssl, p->cipher_list, list, sizeof list)) {
            adit_tls_say(why, cap, "tls-cipher: the list is too long: name fewer suites");
            return false;
        }
        use = list;
    }
    if (!SSL_CTX_set_cipher_list(ctx->ssl, use)) {
        ERR_clear_error();
        adit_tls_say(why, cap,
                     "tls-cipher: no suite of this list exists here: %s: see openssl ciphers -stdname",
                     p->cipher_list ? p->cipher_list : use);
        return false;
    }
    if (!p->ciphersuites)
        return true;
    if (strlen(p->ciphersuites) >= sizeof suites) {
        adit_tls_say(why, cap, "tls-ciphersuites: the list is too long: name fewer suites");
        return false;
    }
    memcpy(suites, p->ciphersuites, strlen(p->ciphersuites) + 1);
    for (char *c = suites; *c; c++)
        if (*c == '-')
            *c = '_';
    if (!SSL_CTX_set_ciphersuites(ctx->ssl, suites)) {
        ERR_clear_error();
        adit_tls_say(why, cap, "tls-ciphersuites: not a list of TLS 1.3 suites: %s: for example %s",
                     p->ciphersuites, "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256");
        return false;
    }
    return true;
}

static bool set_groups(struct adit_tls_ctx *ctx, const struct adit_tls_params *p, char *why, size_t cap)
{
    char reason[256];

    if (!p->groups || SSL_CTX_set1_groups_list(ctx->ssl, p->groups))
        return true;
    adit_tls_say(why, cap, "tls-groups: %s: %s: for example X25519:secp256r1:secp384r1", p->groups,
                 adit_tls_reason(reason, sizeof reason));
    return false;
}

static bool set_level(struct adit_tls_ctx *ctx, const struct adit_tls_params *p, char *why, size_t cap)
{
    static const char *const names[] = {"insecure", "legacy", "preferred", "suiteb"};
    const char *profile = p->cert_profile ? p->cert_profile : "legacy";

    for (int i = 0; i < 4; i++) {
        if (strcmp(profile, names[i]) != 0)
            continue;
        SSL_CTX_set_security_level(ctx->ssl, i);
        return true;
    }
    adit_tls_say(why, cap, "tls-cert-profile: unknown profile %s: use insecure, legacy, preferred or suiteb",
                 profile);
    return false;
}

/* ---- the whole ---- */

static void set_modes(struct adit_tls_ctx *ctx)
{
    SSL_CTX_set_session_cache_mode(ctx->ssl, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(ctx->ssl, 0);
    SSL_CTX_set_options(ctx->ssl, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                      SSL_OP_CIPHER_SERVER_PREFERENCE);
    /* The chain was built when it was loaded; doing it again in each handshake costs a third of it. */
    SSL_CTX_set_mode(ctx->ssl, SSL_MODE_NO_AUTO_CHAIN | SSL_MODE_RELEASE_BUFFERS);
}

static bool copy_rules(struct adit_tls_ctx *ctx, const struct adit_tls_params *p)
{
    ctx->name_rule = p->name_rule;
    ctx->want_ku = p->want_ku;
    if (p->name && !(ctx->name = adit_strdup(p->name)))
        return false;
    if (p->remote_cert_eku && !(ctx->eku = adit_strdup(p->remote_cert_eku)))
        return false;
    if (p->ca_path && !(ctx->ca_path = adit_strdup(p->ca_path)))
        return false;
    if (p->n_kus > 0) {
        if (!(ctx->kus = adit_alloc(p->n_kus * sizeof *ctx->kus)))
            return false;
        memcpy(ctx->kus, p->kus, p->n_kus * sizeof *ctx->kus);
        ctx->n_kus = p->n_kus;
    }
    if (p->n_fingerprints > 0) {
        if (!(ctx->fingerprints = adit_alloc(p->n_fingerprints * sizeof *ctx->fingerprints)))
            return false;
        memcpy(ctx->fingerprints, p->fingerprints, p->n_fingerprints * sizeof *ctx->fingerprints);
        ctx->n_fingerprints = p->n_fingerprints;
    }
    return true;
}

static bool fill(struct adit_tls_ctx *ctx, const struct adit_tls_params *p, char *why, size_t cap)
{
    X509_STORE *store;

    if (p->name_rule != ADIT_X509_ANY && !p->name) {
        adit_tls_say(why, cap, "verify-x509-name: no name was given");
        return false;
    }
    ctx->bio = adit_tls_pipe_method();
    ctx->ssl = SSL_CTX_new(ctx->is_server ? TLS_server_method() : TLS_client_method());
    if (!ctx->bio || !ctx->ssl || !copy_rules(ctx, p)) {
        adit_tls_say(why, cap, "tls: out of memory, or OpenSSL's configuration (openssl.cnf) does not load");
        return false;
    }
    set_modes(ctx);
    /* The level first: a user's cipher list may change it with @SECLEVEL, and it judges what is loaded. */
    if (!set_level(ctx, p, why, cap) || !set_versions(ctx, p, why, cap) || !set_ciphers(ctx, p, why, cap) ||
        !set_groups(ctx, p, why, cap) || !adit_tls_load_credentials(ctx, p, why, cap))
        return false;
    if (!ctx->has_ca && p->n_fingerprints == 0 && !(ctx->is_server && p->verify_client == ADIT_VERIFY_NONE)) {
        adit_tls_say(why, cap,
                     "ca: missing, so no peer could be verified: give ca, capath or peer-fingerprint");
        return false;
    }
    store = adit_tls_store_make(ctx, p->crl, why, cap);
    if (!store)
        return false;
    SSL_CTX_set_cert_store(ctx->ssl, store);
    adit_tls_verify_install(ctx, p->verify_client);
    return true;
}

struct adit_tls_ctx *adit_tls_ctx_new(const struct adit_tls_params *p, const struct adit_env *env,
                                      bool is_server, char *why, size_t why_cap)
{
    struct adit_tls_ctx *ctx = adit_alloc(sizeof *ctx);

    if (!ctx) {
        adit_tls_say(why, why_cap, "tls: out of memory");
        return NULL;
    }
    ctx->env = env;
    ctx->is_server = is_server;
    ERR_clear_error();
    if (fill(ctx, p, why, why_cap))
        return ctx;
    ERR_clear_error();
    adit_tls_ctx_free(ctx);
    return NULL;
}

adit_err adit_tls_ctx_set_crl(struct adit_tls_ctx *ctx, adit_bytes crl, char *why, size_t why_cap)
{
    X509_STORE *store = adit_tls_store_make(ctx, crl, why, why_cap);

    if (!store)
        return ADIT_E_CONFIG;
    SSL_CTX_set_cert_store(ctx->ssl, store);
    return ADIT_OK;
}

void adit_tls_ctx_free(struct adit_tls_ctx *ctx)
{
    if (!ctx)
        return;
    SSL_CTX_free(ctx->ssl);
    BIO_meth_free(ctx->bio);
    X509_STORE_free(ctx->anchors);
    adit_free(ctx->ca_path);
    adit_free(ctx->name);
    adit_free(ctx->eku);
    adit_free(ctx->kus);
    adit_free(ctx->fingerprints);
    adit_free(ctx);
}
