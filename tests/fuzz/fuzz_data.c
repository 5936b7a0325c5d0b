/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Data packets from a stranger. The input is a list of acts: raw bytes, genuine packets, genuine packets with
 * changed bytes or cut short, replays. What was not sealed never opens, what was sealed opens exactly once.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "plane/txrx.h"

enum {
    PACKET_MAX = 512,
};

struct world {
    struct adit_tx tx;
    struct adit_rx rx;
    uint8_t last[PACKET_MAX]; /* opened before */
    size_t last_n;
};

static void install(struct world *w, uint8_t key_id, const char *cipher)
{
    struct adit_data_keys k = {
        .key_id = key_id, .format = ADIT_FORMAT_AEAD, .cipher = adit_cipher_find(cipher)};

    for (size_t i = 0; i < sizeof k.block.b; i++)
        k.block.b[i] = (uint8_t)(i * 7 + key_id);
    if (adit_tx_install(&w->tx, &k))
        abort();
    k.is_server = true;
    if (adit_rx_install(&w->rx, &k))
        abort();
}

/* Opens a copy of exactly n bytes, so that a sanitizer sees a read too far. */
static adit_err open_copy(struct world *w, const uint8_t *packet, size_t n)
{
    uint8_t *b = malloc(n > 0 ? n : 1);
    struct adit_open_op op = {.packet = b, .n = n};

    if (!b)
        abort();
    if (n > 0)
        memcpy(b, packet, n);
    adit_rx_open(&w->rx, &op, 1, (adit_now){0});
    if (!op.err)
        assert(op.payload.n > 0 && op.payload.p > b && op.payload.p + op.payload.n <= b + n);
    free(b);
    return op.err;
}

static size_t seal_some(struct world *w, adit_bytes payload, uint8_t *packet)
{
    struct adit_seal_op op = {.payload = payload, .dst = packet, .cap = PACKET_MAX};

    adit_tx_seal(&w->tx, &op, 1, (adit_now){0});
    assert(op.err == (payload.n > 0 ? ADIT_OK : ADIT_E_EMPTY));
    return op.n;
}

static void open_genuine(struct world *w, const uint8_t *packet, size_t n)
{
    assert(open_copy(w, packet, n) == ADIT_OK);
    memcpy(w->last, packet, n);
    w->last_n = n;
}

static void change_and_open(struct world *w, struct adit_rd *r, const uint8_t *packet, size_t n)
{
    uint8_t bad[PACKET_MAX];

    memcpy(bad, packet, n);
    for (int left = adit_rd_u8(r) % 8; left >= 0; left--) {
        size_t at = adit_rd_u16(r) % n;

        bad[at] ^= adit_rd_u8(r);
    }
    if (memcmp(bad, packet, n) != 0)
        assert(open_copy(w, bad, n) != ADIT_OK);
}

static void act(struct world *w, struct adit_rd *r)
{
    uint8_t kind = adit_rd_u8(r), packet[PACKET_MAX];
    adit_bytes bytes = adit_rd_take(r, adit_rd_u8(r));
    size_t n;

    w->tx.peer_id = kind & 0x80 ? ADIT_PEER_ID_NONE : 5;
    if (adit_tx_use(&w->tx, kind & 0x40 ? 3 : 0))
        abort();
    if (kind % 8 == 0) {
        assert(open_copy(w, bytes.p, bytes.n) != ADIT_OK);
        return;
    }
    if (kind % 8 == 1) {
        assert(w->last_n == 0 || open_copy(w, w->last, w->last_n) == ADIT_E_REPLAY);
        return;
    }
    n = seal_some(w, bytes, packet);
    if (n == 0)
        return;
    if (kind % 8 == 2)
        assert(open_copy(w, packet, adit_rd_u16(r) % n) != ADIT_OK);
    else if (kind % 8 > 3)
        change_and_open(w, r, packet, n);
    open_genuine(w, packet, n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct adit_rd r = adit_rd_of(adit_bytes_of(data, n));
    struct world w = {0};

    adit_tx_init(&w.tx, 5);
    adit_rx_init(&w.rx, 64, 15);
    install(&w, 0, "AES-128-GCM");
    install(&w, 3, "CHACHA20-POLY1305");
    while (adit_rd_left(&r) > 0)
        act(&w, &r);
    adit_tx_fini(&w.tx);
    adit_rx_fini(&w.rx);
    return 0;
}
