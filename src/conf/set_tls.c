/* SPDX-License-Identifier: Apache-2.0 */
/* Setters of TLS, keys and the data channel. */
#include <string.h>

#include "conf/set.h"

/* A path, or the text of a block. */
static struct adit_file_ref file_of(const struct adit_fill *f, const struct adit_words *w)
{
    if (f->is_inline)
        return (struct adit_file_ref){.inline_text = w->v[1]};
    return (struct adit_file_ref){.path = w->v[1]};
}

bool adit_set_dh(struct adit_fill *f, const struct adit_words *w)
{
    f->c->is_dh_none = !f->is_inline && strcmp(w->v[1], "none") == 0;
    f->c->dh = f->c->is_dh_none ? (struct adit_file_ref){0} : file_of(f, w);
    return true;
}

bool adit_set_crl_verify(struct adit_fill *f, const struct adit_words *w)
{
    if (w->n > 2 && strcmp(w->v[2], "dir") != 0)
        return adit_fill_error(f, "value", "`crl-verify`: the second word can only be dir, not `%s`",
                               w->v[2]);
    f->c->crl = file_of(f, w);
    f->c->is_crl_dir = w->n > 2;
    return true;
}

bool adit_set_askpass(struct adit_fill *f, const struct adit_words *w)
{
    f->c->has_askpass = true;
    f->c->askpass_file = w->n > 1 ? w->v[1] : NULL;
    return true;
}

static bool read_direction(struct adit_fill *f, const char *text, enum adit_conf_direction *out)
{
    if (strcmp(text, "0") != 0 && strcmp(text, "1") != 0)
        return adit_fill_error(f, "value", "`%s`: the key direction can only be 0 or 1, not `%s`",
                               f->row->name, text);
    *out = *text == '0' ? ADIT_DIRECTION_0 : ADIT_DIRECTION_1;
    return true;
}

bool adit_set_tls_auth(struct adit_fill *f, const struct adit_words *w)
{
    if (w->n > 2 && !read_direction(f, w->v[2], &f->conn->key_direction))
        return false;
    f->conn->tls_auth = file_of(f, w);
    return true;
}

bool adit_set_tls_crypt(struct adit_fill *f, const struct adit_words *w)
{
    if (w->n > 2)
        adit_fill_warn(f, "no-effect", "`tls-crypt` has no direction; the second word has no effect");
    f->conn->tls_crypt = file_of(f, w);
    return true;
}

bool adit_set_tls_crypt_v2(struct adit_fill *f, const struct adit_words *w)
{
    if (w->n > 2 && strcmp(w->v[2], "force-cookie") != 0 && strcmp(w->v[2], "allow-noncookie") != 0)
        return adit_fill_error(
            f, "value", "`tls-crypt-v2`: the second word can be force-cookie or allow-noncookie, not `%s`",
            w->v[2]);
    f->conn->want_force_cookie = w->n > 2 && strcmp(w->v[2], "force-cookie") == 0;
    f->conn->tls_crypt_v2 = file_of(f, w);
    return true;
}

static bool read_tls_version(const char *text, enum adit_conf_tls_version *out)
{
    static const char *const names[] = {"1.0", "1.1", "1.2", "1.3"};

    for (unsigned i = 0; i < 4; i++)
        if (strcmp(names[i], text) == 0) {
            *out = (enum adit_conf_tls_version)(ADIT_TLS_1_0 + i);
            return true;
        }
    return false;
}

/* With or-highest an unknown version stands for the newest one that this end has. */
bool adit_set_tls_version_min(struct adit_fill *f, const struct adit_words *w)
{
    if (w->n > 2 && strcmp(w->v[2], "or-highest") != 0)
        return adit_fill_error(
            f, "value", "`tls-version-min`: the second word can only be or-highest, not `%s`", w->v[2]);
    f->c->is_tls_min_or_highest = w->n > 2;
    if (read_tls_version(w->v[1], &f->c->tls_min))
        return true;
    if (w->n == 2)
        return adit_fill_error(f, "value", "`tls-version-min` takes 1.0, 1.1, 1.2 or 1.3, not `%s`", w->v[1]);
    f->c->tls_min = ADIT_TLS_1_3;
    return true;
}

bool adit_set_tls_version_max(struct adit_fill *f, const struct adit_words *w)
{
    if (read_tls_version(w->v[1], &f->c->tls_max))
        return true;
    return adit_fill_error(f, "value", "`tls-version-max` takes 1.0, 1.1, 1.2 or 1.3, not `%s`", w->v[1]);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool adit_set_remote_ku(struct adit_fill *f, const struct adit_words *w)
{
    f->c->has_remote_ku = true;
    f->c->n_remote_ku = 0;
    for (size_t i = 1; i < w->n; i++) {
        unsigned ku = 0;

        for (const char *p = w->v[i]; *p; p++) {
            if (hex_digit(*p) < 0 || ku > 0xfff)
                return adit_fill_error(f, "value",
                                       "`remote-cert-ku` takes hexadecimal numbers as a0, not `%s`", w->v[i]);
            ku = ku << 4 | (unsigned)hex_digit(*p);
        }
        if (*w->v[i])
            f->c->remote_ku[f->c->n_remote_ku++] = (uint16_t)ku;
    }
    return true;
}

bool adit_set_verify_x509_name(struct adit_fill *f, const struct adit_words *w)
{
    static const struct adit_opt_word kinds[] = {{"subject", ADIT_X509_NAME_SUBJECT},
                                                 {"name", ADIT_X509_NAME_CN},
                                                 {"name-prefix", ADIT_X509_NAME_PREFIX},
                                                 {0}};
    const struct adit_opt_word *k = kinds;

    while (w->n > 2 && k->name && strcmp(k->name, w->v[2]) != 0)
        k++;
    if (!k->name)
        return adit_fill_error(
            f, "value", "`verify-x509-name`: the second word can be subject, name or name-prefix, not `%s`",
            w->v[2]);
    f->c->x509_name_kind = (enum adit_conf_x509_name)k->value;
    f->c->x509_name = w->v[1];
    return true;
}

/* "AB:CD:..." or without colons, to 64 lower-case digits. */
static bool add_fingerprint(struct adit_fill *f, const char *p, size_t n)
{
    static const char digits[] = "0123456789abcdef";
    char hex[65];
    size_t used = 0;
    bool is_good = true;

    for (size_t i = 0; i < n && is_good; i++) {
        if (p[i] == ':' && used % 2 == 0 && used > 0)
            continue;
        is_good = hex_digit(p[i]) >= 0 && used < 64;
        if (is_good)
            hex[used++] = digits[hex_digit(p[i])];
    }
    if (!is_good || used != 64)
        return adit_fill_error(f, "fingerprint",
                               "`%.*s` is no SHA-256 fingerprint: it has 32 bytes, as AB:CD:...", (int)n, p);
    hex[64] = 0;
    adit_strs_add(f->a, &f->c->fingerprints, adit_arena_str(f->a, hex));
    return true;
}

/* One word, or a block with one to a line, in which # and ; begin comments. */
bool adit_set_peer_fingerprint(struct adit_fill *f, const struct adit_words *w)
{
    adit_bytes text = adit_bytes_str(w->v[1]), line;
    struct adit_place opened = f->at;
    bool is_good = true;

    if (!f->is_inline)
        return add_fingerprint(f, w->v[1], strlen(w->v[1]));
    while (adit_lex_line(&text, &line)) {
        struct adit_words words;

        f->at.line++;
        if (line.n > ADIT_LEX_LINE_MAX || adit_lex_words(f->a, line, &words) || words.n > 1)
            is_good = adit_fill_error(f, "fingerprint", "one fingerprint to a line");
        else if (words.n == 1 && !add_fingerprint(f, words.v[0], strlen(words.v[0])))
            is_good = false;
    }
    f->at = opened;
    return is_good;
}

bool adit_set_verify_client_cert(struct adit_fill *f, const struct adit_words *w)
{
    static const struct adit_opt_word kinds[] = {{"require", ADIT_CLIENT_CERT_REQUIRE},
                                                 {"optional", ADIT_CLIENT_CERT_OPTIONAL},
                                                 {"none", ADIT_CLIENT_CERT_NONE},
                                                 {0}};
    const struct adit_opt_word *k = kinds;

    while (w->n > 1 && k->name && strcmp(k->name, w->v[1]) != 0)
        k++;
    if (!k->name)
        return adit_fill_error(f, "value", "`verify-client-cert` takes none, optional or require, not `%s`",
                               w->v[1]);
    f->c->client_cert = (enum adit_conf_client_cert)k->value;
    return true;
}

bool adit_set_reneg_sec(struct adit_fill *f, const struct adit_words *w)
{
    uint32_t max, min = 0;

    if (!adit_fill_num32(f, w->v[1], 0, INT32_MAX, &max))
        return false;
    if (w->n > 2 && !adit_fill_num32(f, w->v[2], 0, INT32_MAX, &min))
        return false;
    if (min > max)
        return adit_fill_error(f, "number",
                               "`reneg-sec`: the least time (%u) is longer than the longest (%u)", min, max);
    f->c->reneg_s = max;
    f->c->reneg_min_s = w->n > 2 ? min : 0;
    return true;
}

bool adit_set_reneg_bytes(struct adit_fill *f, const struct adit_words *w)
{
    if (!adit_fill_num(f, w->v[1], 0, UINT64_MAX, &f->c->reneg_bytes))
        return false;
    f->c->is_reneg_bytes_given = true;
    return true;
}

bool adit_set_cipher(struct adit_fill *f, const struct adit_words *w)
{
    if (f->pushed)
        f->pushed->cipher = w->v[1];
    else
        f->c->cipher = w->v[1];
    return true;
}

bool adit_set_replay_window(struct adit_fill *f, const struct adit_words *w)
{
    uint32_t n, s = f->c->replay_s;

    if (!adit_fill_num32(f, w->v[1], 0, ADIT_CONF_REPLAY_MAX, &n))
        return false;
    if (w->n > 2 && !adit_fill_num32(f, w->v[2], 0, 600, &s))
        return false;
    f->c->replay_window = n;
    f->c->replay_s = s;
    return true;
}

bool adit_set_allow_compression(struct adit_fill *f, const struct adit_words *w)
{
    if (strcmp(w->v[1], "no") == 0)
        return true;
    if (strcmp(w->v[1], "asym") == 0 || strcmp(w->v[1], "yes") == 0)
        return adit_fill_error(f, "not-supported",
                               "`allow-compression %s` is not supported yet; write `allow-compression no`",
                               w->v[1]);
    return adit_fill_error(f, "value", "`allow-compression` takes no, asym or yes, not `%s`", w->v[1]);
}
