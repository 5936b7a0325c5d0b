/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys by key id, and what happens to a packet between opcode and payload. A packet id is looked at twice:
 * before the expensive step, so that a replayed flood costs little, and only recorded after it, so that
 * forged ids change nothing. Protocol text: 7.1, 7.3, 7.7, 7.8.
 */
#include "plane/txrx.h"

#include <string.h>

#include "base/mem.h"
#include "base/warm.h"

/* AES-GCM: blocks and packets under one key, and failed verifications (7.8). */
#define BLOCKS_MAX    ((1ULL << 36) - 1)
#define BLOCKS_WORN   (BLOCKS_MAX / 8 * 7)
#define FAILURES_MAX  (1ULL << 36)
#define FAILURES_WORN (1ULL << 35)

enum {
    BLOCK_LEN = 16,
    V1_HEADER_LEN = 1,
    V2_HEADER_LEN = 4,
};

void adit_tx_init(struct adit_tx *t, uint32_t peer_id)
{
    *t = (struct adit_tx){.peer_id = peer_id};
}

void adit_tx_drop(struct adit_tx *t, uint8_t key_id)
{
    struct adit_tx_key *k = &t->keys[key_id % ADIT_KEY_IDS];

    if (k->format)
        k->format->free(k->half);
    *k = (struct adit_tx_key){0};
    if (t->has_current && t->current == key_id)
        t->has_current = false;
}

void adit_tx_fini(struct adit_tx *t)
{
    for (uint8_t i = 0; i < ADIT_KEY_IDS; i++)
        adit_tx_drop(t, i);
    *t = (struct adit_tx){0};
}

void adit_rx_init(struct adit_rx *r, uint32_t replay_window, uint32_t replay_s)
{
    *r = (struct adit_rx){.replay_window = replay_window, .replay_s = replay_s};
}

void adit_rx_drop(struct adit_rx *r, uint8_t key_id)
{
    struct adit_rx_key *k = &r->keys[key_id % ADIT_KEY_IDS];

    if (k->format)
        k->format->free(k->half);
    adit_free(k->replay_bits);
    *k = (struct adit_rx_key){0};
}

void adit_rx_fini(struct adit_rx *r)
{
    for (uint8_t i = 0; i < ADIT_KEY_IDS; i++)
        adit_rx_drop(r, i);
    *r = (struct adit_rx){0};
}

adit_err adit_tx_install(struct adit_tx *t, const struct adit_data_keys *keys)
{
    const struct adit_format_ops *format = adit_format_of(keys->format);
    struct adit_half *half;
    bool was_current = t->has_current && t->current == keys->key_id;

    if (!format || keys->key_id >= ADIT_KEY_IDS)
        return ADIT_E_UNSUPPORTED;
    half = format->make(keys, true);
    if (!half)
        return ADIT_E_CRYPTO;
    adit_tx_drop(t, keys->key_id);
    t->keys[keys->key_id] = (struct adit_tx_key){
        .format = format,
        .half = half,
        .has_usage_limit = keys->cipher->has_usage_limit,
    };
    if (!t->has_current || was_current) {
        t->current = keys->key_id;
        t->has_current = true;
    }
    return ADIT_OK;
}

adit_err adit_rx_install(struct adit_rx *r, const struct adit_data_keys *keys)
{
    const struct adit_format_ops *format = adit_format_of(keys->format);
    struct adit_rx_key *k;
    struct adit_half *half;
    uint64_t *bits;
    size_t words;

    if (!format || keys->key_id >= ADIT_KEY_IDS)
        return ADIT_E_UNSUPPORTED;
    words = adit_replay_words(r->replay_window);
    bits = adit_alloc((words > 0 ? words : 1) * sizeof *bits);
    if (!bits)
        return ADIT_E_MEMORY;
    half = format->make(keys, false);
    if (!half) {
        adit_free(bits);
        return ADIT_E_CRYPTO;
    }
    adit_rx_drop(r, keys->key_id);
    k = &r->keys[keys->key_id];
    *k = (struct adit_rx_key){
        .format = format,
        .half = half,
        .replay_bits = bits,
        .has_usage_limit = keys->cipher->has_usage_limit,
    };
    adit_replay_init(&k->replay, bits, r->replay_window, r->replay_s);
    return ADIT_OK;
}

adit_err adit_tx_use(struct adit_tx *t, uint8_t key_id)
{
    if (key_id >= ADIT_KEY_IDS || !t->keys[key_id].format)
        return ADIT_E_NO_KEY;
    t->current = key_id;
    t->has_current = true;
    return ADIT_OK;
}

static void count_use(struct adit_usage *u, size_t payload_len)
{
    u->packets++;
    u->bytes += payload_len;
    u->blocks += (payload_len + BLOCK_LEN - 1) / BLOCK_LEN + 1;
}

void adit_tx_warm(const struct adit_tx *t, unsigned step)
{
    const struct adit_tx_key *k = &t->keys[t->current];

    if (step == 0)
        adit_warm(k, sizeof *k);
    else if (k->format)
        k->format->warm(k->half, step - 1);
}

void adit_rx_warm(const struct adit_rx *r, uint8_t key_id, unsigned step)
{
    const struct adit_rx_key *k = &r->keys[key_id % ADIT_KEY_IDS];

    if (step == 0)
        adit_warm(k, sizeof *k);
    else if (k->format)
        k->format->warm(k->half, step - 1);
    if (step == 1 && k->format)
        adit_replay_warm(&k->replay);
}

static adit_bytes fill_header(const struct adit_tx *t, uint8_t header[ADIT_DATA_HEAD_MAX])
{
    struct adit_wr w = adit_wr_of(header, ADIT_DATA_HEAD_MAX);

    if (t->peer_id == ADIT_PEER_ID_NONE)
        adit_wr_u8(&w, adit_packet_first(ADIT_OP_DATA_V1, t->current));
    else
        adit_wr_u32(&w, (uint32_t)adit_packet_first(ADIT_OP_DATA_V2, t->current) << 24 |
                            (t->peer_id & ADIT_PEER_ID_NONE));
    return adit_wr_view(&w);
}

size_t adit_tx_overhead(const struct adit_tx *t)
{
    const struct adit_format_ops *format = t->has_current ? t->keys[t->current].format : NULL;

    if (!format)
        return 0;
    return (t->peer_id == ADIT_PEER_ID_NONE ? V1_HEADER_LEN : V2_HEADER_LEN) + format->head_len +
           format->tail_max;
}

static adit_err seal_one(struct adit_tx *t, adit_bytes header, struct adit_seal_op *op)
{
    struct adit_tx_key *k = &t->keys[t->current];
    adit_err err;

    if (op->payload.n == 0)
        return ADIT_E_EMPTY;
    err = k->format->seal(k->half, header, op->payload, op->dst, op->cap, &op->n);
    if (err)
        return err;
    count_use(&k->usage, op->payload.n);
    t->packets++;
    t->bytes += op->payload.n;
    return ADIT_OK;
}

void adit_tx_seal(struct adit_tx *t, struct adit_seal_op *ops, size_t n, adit_now now)
{
    uint8_t b[ADIT_DATA_HEAD_MAX];
    adit_bytes header = fill_header(t, b);

    (void)now; /* formats that carry the time will want it */
    for (size_t i = 0; i < n; i++) {
        ops[i].n = 0;
        ops[i].err = t->has_current ? seal_one(t, header, &ops[i]) : ADIT_E_NO_KEY;
    }
}

/* 0: not a data packet, or shorter than its header. */
static size_t header_len_of(const uint8_t *packet, size_t n)
{
    size_t len;

    if (n == 0 || !adit_packet_is_data(packet[0]))
        return 0;
    len = adit_packet_op(packet[0]) == ADIT_OP_DATA_V2 ? V2_HEADER_LEN : V1_HEADER_LEN;
    return n >= len ? len : 0;
}

static adit_err open_one(struct adit_rx *r, struct adit_open_op *op, adit_now now)
{
    size_t header_len = header_len_of(op->packet, op->n);
    struct adit_rx_key *k;
    uint64_t id;
    adit_err err;

    if (header_len == 0)
        return ADIT_E_MALFORMED;
    k = &r->keys[adit_packet_key_id(op->packet[0])];
    if (!k->format)
        return ADIT_E_NO_KEY;
    err = k->format->peek_id(k->half, header_len, adit_bytes_of(op->packet, op->n), &id);
    if (err)
        return err;
    err = adit_replay_check(&k->replay, id);
    if (err)
        return err;
    if (k->has_usage_limit && k->usage.failed > FAILURES_MAX)
        return ADIT_E_AUTH;
    err = k->format->open(k->half, header_len, op->packet, op->n, &op->payload);
    if (err) {
        k->usage.failed += err == ADIT_E_AUTH;
        return err;
    }
    adit_replay_mark(&k->replay, id, now);
    count_use(&k->usage, op->payload.n);
    r->packets++;
    r->bytes += op->payload.n;
    return op->payload.n > 0 ? ADIT_OK : ADIT_E_EMPTY;
}

void adit_rx_open(struct adit_rx *r, struct adit_open_op *ops, size_t n, adit_now now)
{
    for (size_t i = 0; i < n; i++) {
        ops[i].payload = (adit_bytes){0};
        ops[i].err = open_one(r, &ops[i], now);
    }
}

bool adit_data_peer_id(adit_bytes packet, uint32_t *peer_id)
{
    struct adit_rd r = adit_rd_of(packet);
    uint32_t head = adit_rd_u32(&r);

    if (r.bad || adit_packet_op((uint8_t)(head >> 24)) != ADIT_OP_DATA_V2)
        return false;
    *peer_id = head & ADIT_PEER_ID_NONE;
    return true;
}

bool adit_key_is_worn(const struct adit_tx *t, const struct adit_rx *r, uint8_t key_id,
                      const struct adit_usage_limit *limit)
{
    const struct adit_tx_key *tk = &t->keys[key_id % ADIT_KEY_IDS];
    const struct adit_rx_key *rk = &r->keys[key_id % ADIT_KEY_IDS];

    if (limit->bytes > 0 && tk->usage.bytes + rk->usage.bytes >= limit->bytes)
        return true;
    if (limit->packets > 0 && tk->usage.packets + rk->usage.packets >= limit->packets)
        return true;
    if (tk->has_usage_limit && tk->usage.blocks >= BLOCKS_WORN)
        return true;
    if (rk->has_usage_limit && (rk->usage.blocks >= BLOCKS_WORN || rk->usage.failed > FAILURES_WORN))
        return true;
    return tk->format && tk->format->next_id(tk->half) >= tk->format->worn_id;
}

const uint8_t adit_ping_payload[16] = {
    0x2a, 0x18, 0x7b, 0xf3, 0x64, 0x1e, 0xb4, 0xcb, 0x07, 0xed, 0x2d, 0x0a, 0x98, 0x1f, 0xc7, 0x48,
};

/* The magic of OCC messages, and the opcode EXIT. */
const uint8_t adit_occ_exit_payload[17] = {
    0x28, 0x7f, 0x34, 0x6b, 0xd4, 0xef, 0x7a, 0x81, 0x2d, 0x56, 0xb8, 0xd3, 0xaf, 0xc5, 0x45, 0x9c, 0x06,
};

enum {
    OCC_MAGIC_LEN = 16,
    OCC_REQUEST = 0,
    OCC_EXIT = 6,
};

enum adit_payload_kind adit_payload_kind_of(adit_bytes payload)
{
    struct adit_rd r = adit_rd_of(payload);
    adit_bytes magic = adit_rd_take(&r, OCC_MAGIC_LEN);

    /* Nearly everything is an IP packet, and begins with its version. */
    if (payload.n > 0 && (payload.p[0] >> 4 == 4 || payload.p[0] >> 4 == 6))
        return ADIT_PAYLOAD_PACKET;
    if (adit_bytes_eq(payload, adit_bytes_of(adit_ping_payload, sizeof adit_ping_payload)))
        return ADIT_PAYLOAD_PING;
    if (r.bad || !adit_bytes_eq(magic, adit_bytes_of(adit_occ_exit_payload, OCC_MAGIC_LEN)))
        return ADIT_PAYLOAD_PACKET;
    switch (adit_rd_left(&r) > 0 ? adit_rd_u8(&r) : UINT8_MAX) {
    case OCC_REQUEST:
        return ADIT_PAYLOAD_OCC_REQUEST;
    case OCC_EXIT:
        return ADIT_PAYLOAD_OCC_EXIT;
    default:
        return ADIT_PAYLOAD_OCC_OTHER;
    }
}
