/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls-crypt-v2: the client's key, wrapped under a key of the server, so that the server need not store it.
 * The tag covers the length, the key and the metadata, and is the IV of their encryption. Protocol text: 2.4.
 */
#include "proto/wkc.h"

#include <assert.h>

#include "crypto/mac.h"

enum {
    TAG_LEN = 32,
    IV_LEN = 16,
    LENGTH_LEN = 2,
    MAC_KEY_AT = 64, /* in the server key; the cipher key is at 0 */
    SUB_KEY_LEN = 32,
};

static_assert(TAG_LEN + ADIT_STATIC_KEY_LEN + LENGTH_LEN == ADIT_WKC_MIN, "a WKc without metadata");
static_assert(ADIT_WKC_MIN + ADIT_WKC_METADATA_MAX == ADIT_WKC_MAX, "a WKc with the most metadata");

static adit_err make_tag(const struct adit_v2_server_key *server, size_t wkc_len, adit_bytes plain,
                         uint8_t tag[TAG_LEN])
{
    uint8_t length[LENGTH_LEN] = {(uint8_t)(wkc_len >> 8), (uint8_t)wkc_len};
    const adit_bytes parts[] = {adit_bytes_of(length, sizeof length), plain};
    const struct adit_digest *sha256 = adit_digest_find("SHA256");
    struct adit_mac *mac =
        sha256 ? adit_mac_new(sha256, adit_bytes_of(server->b + MAC_KEY_AT, SUB_KEY_LEN)) : NULL;
    adit_err e = mac ? adit_mac_of(mac, parts, 2, tag) : ADIT_E_CRYPTO;

    adit_mac_free(mac);
    return e;
}

adit_err adit_wkc_wrap(const struct adit_v2_server_key *server, adit_bytes metadata,
                       struct adit_v2_client_key *key)
{
    uint8_t plain[ADIT_STATIC_KEY_LEN + ADIT_WKC_METADATA_MAX];
    struct adit_wr p = adit_wr_of(plain, sizeof plain);
    struct adit_wr out = adit_wr_of(key->wkc, sizeof key->wkc);
    size_t wkc_len = ADIT_WKC_MIN + metadata.n;
    uint8_t *tag, *text;
    adit_err e;

    if (metadata.n > ADIT_WKC_METADATA_MAX)
        return ADIT_E_TOO_BIG;
    adit_wr_bytes(&p, adit_bytes_of(key->kc.b, sizeof key->kc.b));
    adit_wr_bytes(&p, metadata);
    tag = adit_wr_reserve(&out, TAG_LEN);
    text = adit_wr_reserve(&out, adit_wr_len(&p));
    adit_wr_u16(&out, (uint16_t)wkc_len);
    e = adit_wr_end(&out);

    if (!e)
        e = make_tag(server, wkc_len, adit_wr_view(&p), tag);
    if (!e)
        e = adit_aes256_ctr(server->b, tag, adit_wr_view(&p), text);
    key->wkc_len = e ? 0 : wkc_len;
    adit_wipe(plain, sizeof plain);
    return e;
}

adit_err adit_wkc_unwrap(const struct adit_v2_server_key *server, adit_bytes wkc, struct adit_static_key *kc,
                         struct adit_wkc_metadata *metadata)
{
    uint8_t plain[ADIT_STATIC_KEY_LEN + ADIT_WKC_METADATA_MAX], want[TAG_LEN];
    struct adit_rd r = adit_rd_of(wkc);
    adit_bytes tag, text;
    adit_err e;

    if (wkc.n < ADIT_WKC_MIN || wkc.n > ADIT_WKC_MAX)
        return ADIT_E_MALFORMED;
    tag = adit_rd_take(&r, TAG_LEN);
    text = adit_rd_take(&r, wkc.n - TAG_LEN - LENGTH_LEN);
    if (adit_rd_u16(&r) != wkc.n)
        return ADIT_E_MALFORMED;

    e = adit_aes256_ctr(server->b, tag.p, text, plain);
    if (!e)
        e = make_tag(server, wkc.n, adit_bytes_of(plain, text.n), want);
    if (!e && !adit_bytes_eq_secret(tag, adit_bytes_of(want, sizeof want)))
        e = ADIT_E_AUTH;
    if (!e) {
        struct adit_rd p = adit_rd_of(adit_bytes_of(plain, text.n));

        adit_rd_copy(&p, kc->b, sizeof kc->b);
        *metadata = (struct adit_wkc_metadata){.n = adit_rd_left(&p)};
        adit_rd_copy(&p, metadata->b, metadata->n);
    }
    adit_wipe(plain, sizeof plain);
    return e;
}

adit_err adit_wkc_split(adit_bytes packet, adit_bytes *inner, adit_bytes *wkc)
{
    struct adit_rd r = adit_rd_of(packet), end;
    size_t n;

    if (packet.n < 1 + ADIT_WKC_MIN)
        return ADIT_E_MALFORMED;
    end = adit_rd_of(adit_bytes_of(packet.p + packet.n - LENGTH_LEN, LENGTH_LEN));
    n = adit_rd_u16(&end);
    if (n < ADIT_WKC_MIN || n > ADIT_WKC_MAX || n > packet.n - 1)
        return ADIT_E_MALFORMED;
    *inner = adit_rd_take(&r, packet.n - n);
    *wkc = adit_rd_rest(&r);
    return ADIT_OK;
}
