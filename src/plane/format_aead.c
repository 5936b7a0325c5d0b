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
};

_Static_assert(ADIT_FORMAT_WARM_STEPS == 1 + ADIT_AEAD_WARM_STEPS, "the half, and the key behind it");

/* Room for a nonce, written at once: who reads at once what was just written in pieces waits for it. */
typedef uint32_t nonce __attribute__((vector_size(ADIT_AEAD_NONCE_ROOM)));

struct adit_half {
    struct adit_aead *aead;
    uint64_t next_id;                    /* sealing only */
    uint8_t nonce[ADIT_AEAD_NONCE_ROOM]; /* but for the packet id, its first four bytes */
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
    memcpy(h->nonce + ID_LEN, is_tx ? adit_keys_tx_hmac(keys) : adit_keys_rx_hmac(keys), IV_LEN);
    h->aead =
        adit_aead_new(keys->cipher, is_tx ? adit_keys_tx_cipher(keys) : adit_keys_rx_cipher(keys), is_tx);
    if (h->aead)
        return h;
    free_half(h);
    return NULL;
}

static void warm(const struct adit_half *h, unsigned step)
{
    if (step == 0)
        __builtin_prefetch(h);
    else
        adit_aead_warm(h->aead, step - 1);
}

/*
 * What the cipher needs besides text and tag. `id` points to the four bytes as they travel, behind a header
 * of header_len bytes: in DATA_V2 both are authenticated, and lie next to each other.
 */
static struct adit_aead_op op_of(const struct adit_half *h, size_t header_len, const uint8_t *id)
{
    size_t aad_header_len = header_len == V2_HEADER_LEN ? V2_HEADER_LEN : 0;
    struct adit_aead_op op = {.aad = adit_bytes_of(id - aad_header_len, aad_header_len + ID_LEN)};
    uint32_t as_it_travels;
    nonce n;

    memcpy(&as_it_travels, id, sizeof as_it_travels);
    memcpy(&n, h->nonce, sizeof n);
    n[0] = as_it_travels;
    memcpy(op.nonce, &n, sizeof op.nonce);
    return op;
}

/* What is authenticated together is written together, too: it is read so a moment later. */
static void write_head(struct adit_wr *w, adit_bytes header, uint32_t id)
{
    struct adit_rd r = adit_rd_of(header);

    if (header.n == V2_HEADER_LEN) {
        adit_wr_u64(w, (uint64_t)adit_rd_u32(&r) << 32 | id);
        return;
    }
    adit_wr_bytes(w, header);
    adit_wr_u32(w, id);
}

static adit_err seal(struct adit_half *h, adit_bytes header, adit_bytes payload, uint8_t *dst, size_t cap,
                     size_t *out_n)
{
    struct adit_wr w = adit_wr_of(dst, cap);
    struct adit_aead_op op;
    adit_err err;

    /* The last id stays unused, as with the peers: it means that sending has failed. */
    if (h->next_id >= UINT32_MAX)
        return ADIT_E_KEYS_USED_UP;
    write_head(&w, header, (uint32_t)h->next_id);
    adit_wr_reserve(&w, ADIT_AEAD_TAG_LEN + payload.n);
    err = adit_wr_end(&w);
    if (err)
        return err;
    op = op_of(h, header.n, dst + header.n);
    op.src = payload;
    op.tag = dst + header.n + ID_LEN;
    op.dst = op.tag + ADIT_AEAD_TAG_LEN;
    /* The id is spent whether or not the library succeeds. */
    h->next_id++;
    adit_aead_seal_many(h->aead, &op, 1);
    if (!op.err)
        *out_n = adit_wr_len(&w);
    return op.err;
}

static adit_err open_packet(struct adit_half *h, size_t header_len, uint8_t *packet, size_t n,
                            adit_bytes *payload)
{
    struct adit_rd r = adit_rd_of(adit_bytes_of(packet, n));
    adit_bytes head = adit_rd_take(&r, header_len + HEAD_LEN);
    adit_bytes body = adit_rd_rest(&r);
    struct adit_aead_op op;

    if (r.bad)
        return ADIT_E_MALFORMED;
    if (body.n == 0)
        return ADIT_E_EMPTY;
    op = op_of(h, header_len, packet + header_len);
    op.tag = packet + header_len + ID_LEN;
    op.dst = packet + head.n;
    op.src = body;
    adit_aead_open_many(h->aead, &op, 1);
    if (!op.err)
        *payload = body;
    return op.err;
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
    .warm = warm,
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
