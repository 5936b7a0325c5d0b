/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The classic AEAD format: packet id, tag, ciphertext. The nonce is the packet id and eight secret bytes of
 * the key block. DATA_V2 authenticates its header and the packet id, DATA_V1 the packet id only.
 * Protocol text: 7.3.
 */
#include "plane/format.h"

#include <string.h>

#include "base/mem.h"
#include "crypto/aead.h"

enum {
    ID_LEN = 4,
    IV_LEN = ADIT_AEAD_NONCE_LEN - ID_LEN,
    HEAD_LEN = ID_LEN + ADIT_AEAD_TAG_LEN,
    V2_HEADER_LEN = 4,
    AAD_MAX = V2_HEADER_LEN + ID_LEN,
};

struct adit_half {
    struct adit_aead *aead;
    uint64_t next_id; /* sealing only */
    uint8_t iv[IV_LEN];
};

static void free_half(struct adit_half *h)
{
    if (!h)
        return;
    adit_aead_free(h->aead);
    adit_free_secret(h, sizeof *h);
}

static struct adit_half *make_half(const struct adit_data_keys *keys, bool is_tx)
{
    struct adit_half *h = adit_alloc(sizeof *h);

    if (!h)
        return NULL;
    h->next_id = 1;
    memcpy(h->iv, is_tx ? adit_keys_tx_hmac(keys) : adit_keys_rx_hmac(keys), IV_LEN);
    h->aead =
        adit_aead_new(keys->cipher, is_tx ? adit_keys_tx_cipher(keys) : adit_keys_rx_cipher(keys), is_tx);
    if (h->aead)
        return h;
    free_half(h);
    return NULL;
}

/* `id` points to the four bytes as they travel. */
static void fill_nonce(const struct adit_half *h, const uint8_t *id, uint8_t nonce[ADIT_AEAD_NONCE_LEN])
{
    memcpy(nonce, id, ID_LEN);
    memcpy(nonce + ID_LEN, h->iv, IV_LEN);
}

static adit_bytes fill_aad(adit_bytes header, const uint8_t *id, uint8_t aad[AAD_MAX])
{
    struct adit_wr w = adit_wr_of(aad, AAD_MAX);

    if (header.n == V2_HEADER_LEN)
        adit_wr_bytes(&w, header);
    adit_wr_bytes(&w, adit_bytes_of(id, ID_LEN));
    return adit_wr_view(&w);
}

static adit_err seal(struct adit_half *h, adit_bytes header, adit_bytes payload, uint8_t *dst, size_t cap,
                     size_t *out_n)
{
    struct adit_wr w = adit_wr_of(dst, cap);
    uint8_t nonce[ADIT_AEAD_NONCE_LEN], aad[AAD_MAX], *id, *tag, *body;
    adit_err err;

    /* The last id stays unused, as with the peers: it means that sending has failed. */
    if (h->next_id >= UINT32_MAX)
        return ADIT_E_KEYS_USED_UP;
    adit_wr_bytes(&w, header);
    id = w.p;
    adit_wr_u32(&w, (uint32_t)h->next_id);
    tag = adit_wr_reserve(&w, ADIT_AEAD_TAG_LEN);
    body = adit_wr_reserve(&w, payload.n);
    err = adit_wr_end(&w);
    if (err)
        return err;
    fill_nonce(h, id, nonce);
    /* The id is spent whether or not the library succeeds. */
    h->next_id++;
    err = adit_aead_seal(h->aead, nonce, fill_aad(header, id, aad), payload.p, payload.n, body, tag);
    if (err)
        return err;
    *out_n = adit_wr_len(&w);
    return ADIT_OK;
}

static adit_err open_packet(struct adit_half *h, size_t header_len, uint8_t *packet, size_t n,
                            adit_bytes *payload)
{
    struct adit_rd r = adit_rd_of(adit_bytes_of(packet, n));
    adit_bytes header = adit_rd_take(&r, header_len);
    adit_bytes id = adit_rd_take(&r, ID_LEN);
    adit_bytes tag = adit_rd_take(&r, ADIT_AEAD_TAG_LEN);
    adit_bytes body = adit_rd_rest(&r);
    uint8_t nonce[ADIT_AEAD_NONCE_LEN], aad[AAD_MAX];
    adit_err err;

    if (adit_rd_end(&r))
        return ADIT_E_MALFORMED;
    if (body.n == 0)
        return ADIT_E_EMPTY;
    fill_nonce(h, id.p, nonce);
    err = adit_aead_open(h->aead, nonce, fill_aad(header, id.p, aad), body.p, body.n, tag.p,
                         packet + (n - body.n));
    if (!err)
        *payload = body;
    return err;
}

static adit_err peek_id(const struct adit_half *h, size_t header_len, adit_bytes packet, uint64_t *id)
{
    struct adit_rd r = adit_rd_of(packet);

    (void)h;
    adit_rd_take(&r, header_len);
    *id = adit_rd_u32(&r);
    return r.bad ? ADIT_E_MALFORMED : ADIT_OK;
}

static uint64_t next_id(const struct adit_half *h)
{
    return h->next_id;
}

static void skip_to(struct adit_half *h, uint64_t id)
{
    if (id > h->next_id)
        h->next_id = id;
}

const struct adit_format_ops adit_format_aead = {
    .name = "aead",
    .head_len = HEAD_LEN,
    .tail_max = 0,
    .worn_id = 0xFF000000U,
    .make = make_half,
    .free = free_half,
    .seal = seal,
    .open = open_packet,
    .peek_id = peek_id,
    .next_id = next_id,
    .skip_to = skip_to,
};

const struct adit_format_ops *adit_format_of(enum adit_format f)
{
    switch (f) {
    case ADIT_FORMAT_AEAD:
        return &adit_format_aead;
    }
    return NULL;
}
