/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Key files as text. The static key has a form of its own, read line by line as other implementations do; the
 * tls-crypt-v2 and auth-token forms are PEM, whose reader is the library's. Protocol text: 2.1, 2.4.
 */
#include "crypto/keyfile.h"

#include <limits.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

static const char static_head[] = "-----BEGIN OpenVPN Static key V1-----";
static const char static_foot[] = "-----END OpenVPN Static key V1-----";
static const char server_label[] = "OpenVPN tls-crypt-v2 server key";
static const char client_label[] = "OpenVPN tls-crypt-v2 client key";
static const char token_label[] = "OpenVPN auth-token server key";

enum {
    HEX_LINE = 16,       /* bytes on a line of a static key */
    PEM_LINE = 48,       /* bytes on a line of PEM */
    PEM_LINE_CHARS = 64, /* the same in base64 */
};

static adit_err refuse(const char **reason, const char *why)
{
    *reason = why;
    return ADIT_E_KEY_FILE;
}

/* ---- static key ---- */

/* The next line without its end; false when there is none. */
static bool next_line(struct adit_rd *r, adit_bytes *line)
{
    const uint8_t *lf;

    if (adit_rd_left(r) == 0)
        return false;
    lf = memchr(r->p, '\n', adit_rd_left(r));
    *line = adit_rd_take(r, lf ? (size_t)(lf - r->p) : adit_rd_left(r));
    if (lf)
        adit_rd_u8(r);
    return true;
}

static bool starts_with(adit_bytes line, const char *text)
{
    size_t n = strlen(text);

    return line.n >= n && memcmp(line.p, text, n) == 0;
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static int hex_value(uint8_t c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* Adds the hex digits of a line to the key. *n_digits counts over all lines; what follows the last is
 * ignored. */
static bool add_digits(adit_bytes line, struct adit_static_key *key, size_t *n_digits)
{
    for (size_t i = 0; i < line.n && *n_digits < 2 * ADIT_STATIC_KEY_LEN; i++) {
        int v = hex_value(line.p[i]);
        uint8_t *b = &key->b[*n_digits / 2];

        if (is_blank(line.p[i]))
            continue;
        if (v < 0)
            return false;
        *b = (uint8_t)(*n_digits % 2 == 0 ? v << 4 : *b | v);
        ++*n_digits;
    }
    return true;
}

static adit_err read_static(adit_bytes text, struct adit_static_key *key, const char **reason)
{
    struct adit_rd r = adit_rd_of(text);
    adit_bytes line = {0};
    size_t n_digits = 0;
    bool has_head = false, has_foot = false;

    while (!has_head && next_line(&r, &line))
        has_head = starts_with(line, static_head);
    if (!has_head)
        return refuse(reason, "no header line of a static key");

    while (n_digits < 2 * ADIT_STATIC_KEY_LEN && next_line(&r, &line)) {
        if (starts_with(line, static_foot))
            break;
        if (!add_digits(line, key, &n_digits))
            return refuse(reason, "a character that is not a hexadecimal digit");
    }
    if (n_digits < 2 * ADIT_STATIC_KEY_LEN)
        return refuse(reason, "less than 256 bytes of key");

    while (!has_foot && next_line(&r, &line))
        has_foot = starts_with(line, static_foot);
    return has_foot ? ADIT_OK : refuse(reason, "no footer line of a static key");
}

adit_err adit_static_key_read(adit_bytes text, struct adit_static_key *out, const char **reason)
{
    struct adit_static_key key;
    adit_err e = read_static(text, &key, reason);

    if (!e)
        *out = key;
    adit_wipe(&key, sizeof key);
    return e;
}

void adit_static_key_write(const struct adit_static_key *k, struct adit_wr *w)
{
    static const char digits[] = "0123456789abcdef";

    adit_wr_bytes(w, adit_bytes_str("#\n# 2048 bit OpenVPN static key\n#\n"));
    adit_wr_bytes(w, adit_bytes_str(static_head));
    adit_wr_u8(w, '\n');
    for (size_t i = 0; i < ADIT_STATIC_KEY_LEN; i++) {
        adit_wr_u8(w, (uint8_t)digits[k->b[i] >> 4]);
        adit_wr_u8(w, (uint8_t)digits[k->b[i] & 15]);
        if (i % HEX_LINE == HEX_LINE - 1)
            adit_wr_u8(w, '\n');
    }
    adit_wr_bytes(w, adit_bytes_str(static_foot));
    adit_wr_u8(w, '\n');
}

/* ---- PEM ---- */

/* What the first PEM block of a text holds. `data` is the library's memory and secret. */
struct pem {
    char *label, *header;
    unsigned char *data;
    long n;
};

static void pem_fini(struct pem *p)
{
    OPENSSL_free(p->label);
    OPENSSL_free(p->header);
    OPENSSL_clear_free(p->data, p->n > 0 ? (size_t)p->n : 0);
}

/* The first block must have this label and between min and max bytes. Call pem_fini() in any case. */
static adit_err read_pem(adit_bytes text, const char *label, size_t min, size_t max, struct pem *out,
                         const char **reason)
{
    BIO *bio;
    bool is_read;

    *out = (struct pem){0};
    if (text.n == 0 || text.n > INT_MAX)
        return refuse(reason, "no PEM block");
    bio = BIO_new_mem_buf(text.p, (int)text.n);
    if (!bio)
        return ADIT_E_MEMORY;
    ERR_set_mark();
    is_read =
        PEM_read_bio_ex(bio, &out->label, &out->header, &out->data, &out->n, PEM_FLAG_EAY_COMPATIBLE) == 1;
    ERR_pop_to_mark();
    BIO_free(bio);

    if (!is_read)
        return refuse(reason, "no PEM block, or a broken one");
    if (strcmp(out->label, label) != 0)
        return refuse(reason, "a PEM block with another label");
    if (out->n < 0 || (size_t)out->n < min || (size_t)out->n > max)
        return refuse(reason, "a wrong length of key");
    return ADIT_OK;
}

adit_err adit_v2_server_key_read(adit_bytes text, struct adit_v2_server_key *out, const char **reason)
{
    struct pem pem;
    adit_err e = read_pem(text, server_label, sizeof out->b, sizeof out->b, &pem, reason);

    if (!e)
        memcpy(out->b, pem.data, sizeof out->b);
    pem_fini(&pem);
    return e;
}

adit_err adit_v2_client_key_read(adit_bytes text, struct adit_v2_client_key *out, const char **reason)
{
    struct pem pem;
    adit_err e = read_pem(text, client_label, sizeof out->kc.b + ADIT_WKC_MIN,
                          sizeof out->kc.b + ADIT_WKC_MAX, &pem, reason);

    if (!e) {
        struct adit_rd r = adit_rd_of(adit_bytes_of(pem.data, (size_t)pem.n));

        adit_rd_copy(&r, out->kc.b, sizeof out->kc.b);
        out->wkc_len = adit_rd_left(&r);
        adit_rd_copy(&r, out->wkc, out->wkc_len);
    }
    pem_fini(&pem);
    return e;
}

static void write_pem_line(const char *what, const char *label, struct adit_wr *w)
{
    adit_wr_bytes(w, adit_bytes_str("-----"));
    adit_wr_bytes(w, adit_bytes_str(what));
    adit_wr_bytes(w, adit_bytes_str(label));
    adit_wr_bytes(w, adit_bytes_str("-----\n"));
}

static void write_pem(const char *label, adit_bytes data, struct adit_wr *w)
{
    unsigned char line[PEM_LINE_CHARS + 1];

    write_pem_line("BEGIN ", label, w);
    for (size_t at = 0; at < data.n; at += PEM_LINE) {
        size_t n = data.n - at < PEM_LINE ? data.n - at : PEM_LINE;
        int n_chars = EVP_EncodeBlock(line, data.p + at, (int)n);

        adit_wr_bytes(w, adit_bytes_of(line, (size_t)n_chars));
        adit_wr_u8(w, '\n');
    }
    write_pem_line("END ", label, w);
    adit_wipe(line, sizeof line);
}

void adit_v2_server_key_write(const struct adit_v2_server_key *k, struct adit_wr *w)
{
    write_pem(server_label, adit_bytes_of(k->b, sizeof k->b), w);
}

void adit_v2_client_key_write(const struct adit_v2_client_key *k, struct adit_wr *w)
{
    uint8_t data[ADIT_STATIC_KEY_LEN + ADIT_WKC_MAX];
    struct adit_wr all = adit_wr_of(data, sizeof data);

    adit_wr_bytes(&all, adit_bytes_of(k->kc.b, sizeof k->kc.b));
    adit_wr_bytes(&all, adit_bytes_of(k->wkc, k->wkc_len));
    if (adit_wr_end(&all))
        w->bad = true;
    else
        write_pem(client_label, adit_wr_view(&all), w);
    adit_wipe(data, sizeof data);
}

void adit_auth_token_key_write(const uint8_t key[128], struct adit_wr *w)
{
    write_pem(token_label, adit_bytes_of(key, 128), w);
}
