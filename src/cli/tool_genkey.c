/* SPDX-License-Identifier: Apache-2.0 */
/* --genkey: the key files of openvpn, and the reverse: client keys under a server key. */
#include "cli/tool.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "crypto/keyfile.h"
#include "linux/clock.h"
#include "linux/entropy.h"
#include "linux/file.h"
#include "proto/wkc.h"

enum {
    AUTH_TOKEN_KEY_LEN = 128,
};

static int fail(const char *text, const char *detail)
{
    fprintf(stderr, "genkey: %s%s%s\n", text, detail ? ": " : "", detail ? detail : "");
    return 1;
}

static int put(const struct adit_conf *c, const struct adit_wr *w)
{
    adit_bytes text = adit_wr_view(w);

    if (adit_wr_end(w) != ADIT_OK)
        return fail("the key does not fit", NULL);
    if (!c->genkey_file)
        return fwrite(text.p, 1, text.n, stdout) == text.n ? 0 : 1;
    if (adit_file_write(c->genkey_file, text, ADIT_FILE_SECRET) != ADIT_OK)
        return fail(c->genkey_file, strerror(errno));
    return 0;
}

/* "type 0" and the user's data, or type 1 and the time. */
static bool make_metadata(const struct adit_conf *c, struct adit_wkc_metadata *m)
{
    struct adit_wr w = adit_wr_of(m->b, sizeof m->b);
    uint8_t decoded[ADIT_WKC_MAX];
    int n;

    if (!c->genkey_metadata) {
        adit_wr_u8(&w, ADIT_WKC_TIMESTAMP);
        adit_wr_u64(&w, (uint64_t)adit_clock_now().wall_s);
        m->n = adit_wr_len(&w);
        return true;
    }
    if (strlen(c->genkey_metadata) > sizeof decoded)
        return false;
    n = EVP_DecodeBlock(decoded, (const uint8_t *)c->genkey_metadata, (int)strlen(c->genkey_metadata));
    if (n < 0)
        return false;
    /* EVP_DecodeBlock() counts padding as bytes. */
    for (size_t len = strlen(c->genkey_metadata); len > 0 && c->genkey_metadata[len - 1] == '=' && n > 0;
         len--)
        n--;
    adit_wr_u8(&w, ADIT_WKC_USER);
    adit_wr_bytes(&w, adit_bytes_of(decoded, (size_t)n));
    m->n = adit_wr_len(&w);
    return !w.bad;
}

static int make_v2_client(const struct adit_conf *c, const struct adit_rng *rng, struct adit_wr *w)
{
    const struct adit_file_ref *ref = &c->conn.tls_crypt_v2;
    struct adit_v2_server_key server;
    struct adit_v2_client_key client = {0};
    struct adit_wkc_metadata metadata;
    const char *reason = "";
    char not_key[512];
    uint8_t *text = NULL;
    size_t n = 0;
    adit_bytes key;

    if (!adit_file_ref_is_set(ref))
        return fail("a client key is made under a server key: give it with --tls-crypt-v2 FILE", NULL);
    if (!make_metadata(c, &metadata))
        return fail("the metadata must be base64, and not longer than 733 bytes", NULL);
    if (ref->path && adit_file_read(ref->path, ADIT_KEYFILE_TEXT_MAX * 4, &text, &n) != ADIT_OK)
        return fail(ref->path, strerror(errno));
    snprintf(not_key, sizeof not_key, "'%s' is not a tls-crypt-v2 server key",
             ref->path ? ref->path : "[inline]");
    key = ref->path ? adit_bytes_of(text, n) : adit_bytes_str(ref->inline_text);
    if (adit_v2_server_key_read(key, &server, &reason) != ADIT_OK)
        return fail(not_key, reason);
    if (adit_rng_fill(rng, client.kc.b, sizeof client.kc.b) != ADIT_OK ||
        adit_wkc_wrap(&server, adit_bytes_of(metadata.b, metadata.n), &client) != ADIT_OK)
        return fail("the key could not be made", NULL);
    adit_v2_client_key_write(&client, w);
    adit_wipe(&client, sizeof client);
    adit_wipe(&server, sizeof server);
    return 0;
}

int adit_tool_genkey(const struct adit_conf *c)
{
    struct adit_rng rng = adit_random();
    char text[ADIT_KEYFILE_TEXT_MAX];
    struct adit_wr w = adit_wr_of(text, sizeof text);
    struct adit_static_key key;
    struct adit_v2_server_key v2;
    uint8_t token[AUTH_TOKEN_KEY_LEN];
    int status = 0;

    if (adit_rng_fill(&rng, key.b, sizeof key.b) != ADIT_OK ||
        adit_rng_fill(&rng, v2.b, sizeof v2.b) != ADIT_OK ||
        adit_rng_fill(&rng, token, sizeof token) != ADIT_OK)
        return fail("the system's random generator failed", NULL);
    switch (c->genkey_kind) {
    case ADIT_GENKEY_SECRET:
        adit_static_key_write(&key, &w);
        break;
    case ADIT_GENKEY_TLS_CRYPT_V2_SERVER:
        adit_v2_server_key_write(&v2, &w);
        break;
    case ADIT_GENKEY_TLS_CRYPT_V2_CLIENT:
        status = make_v2_client(c, &rng, &w);
        break;
    case ADIT_GENKEY_AUTH_TOKEN:
        adit_auth_token_key_write(token, &w);
        break;
    }
    if (status == 0)
        status = put(c, &w);
    adit_wipe(&key, sizeof key);
    adit_wipe(&v2, sizeof v2);
    adit_wipe(token, sizeof token);
    adit_wipe(text, sizeof text);
    return status;
}
