/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first byte chooses the kind of key; the rest is a packet from a stranger, and then a body that is
 * sealed and opened by the other end: once, and not a second time.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "proto/wrap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const adit_now now = {.mono_ns = 1, .wall_s = 0x65000000};

static void make_keys(unsigned kind, struct adit_wrap_key **tx, struct adit_wrap_key **rx)
{
    static const char *const digests[] = {"SHA1", "SHA256", "SHA512"};
    struct adit_static_key k;

    for (size_t i = 0; i < sizeof k.b; i++)
        k.b[i] = (uint8_t)i;
    *tx = *rx = NULL;
    if (kind == 1) {
        *tx = adit_wrap_key_crypt(&k, false);
        *rx = adit_wrap_key_crypt(&k, true);
    } else if (kind >= 2) {
        const struct adit_digest *d = adit_digest_find(digests[kind - 2]);

        *tx = adit_wrap_key_auth(&k, d, ADIT_KEYDIR_1);
        *rx = adit_wrap_key_auth(&k, d, ADIT_KEYDIR_0);
    }
}

static void stranger(struct adit_wrap_key *key, adit_bytes packet, uint8_t *scratch)
{
    struct adit_wrap_head head;
    struct adit_wrap w;
    adit_bytes body;

    adit_wrap_init(&w, key, 1, 64, 15);
    if (!adit_wrap_open(&w, packet, scratch, now, &head, &body)) {
        assert(body.n + ADIT_CTRL_HEAD_LEN + adit_wrap_overhead(key) == packet.n);
        assert(!key || adit_wrap_open(&w, packet, scratch, now, &head, &body) == ADIT_E_REPLAY);
    }
}

static void own(struct adit_wrap_key *tx_key, struct adit_wrap_key *rx_key, adit_bytes body, uint8_t *packet,
                uint8_t *scratch, size_t cap)
{
    struct adit_sid sid = {{1, 2, 3, 4, 5, 6, 7, 8}};
    struct adit_wr out = adit_wr_of(packet, cap);
    struct adit_wrap_head head;
    struct adit_wrap tx, rx;
    adit_bytes got;

    adit_wrap_init(&tx, tx_key, ADIT_WRAP_FIRST_ID_EARLY, 64, 15);
    adit_wrap_init(&rx, rx_key, 1, 64, 15);
    assert(!adit_wrap_seal(&tx, 0x20, &sid, body, now, &out));
    assert(!adit_wrap_open(&rx, adit_wr_view(&out), scratch, now, &head, &got));
    assert(adit_bytes_eq(got, body) && memcmp(&head.sid, &sid, sizeof sid) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct adit_wrap_key *tx, *rx;
    size_t cap = n + ADIT_CTRL_HEAD_LEN + ADIT_DIGEST_MAX + 8;
    uint8_t *packet, *scratch;

    if (n == 0)
        return 0;
    packet = malloc(cap);
    scratch = malloc(cap);
    if (packet && scratch) {
        make_keys(data[0] % 5, &tx, &rx);
        stranger(rx, adit_bytes_of(data + 1, n - 1), scratch);
        own(tx, rx, adit_bytes_of(data + 1, n - 1), packet, scratch, cap);
        adit_wrap_key_free(tx);
        adit_wrap_key_free(rx);
    }
    free(packet);
    free(scratch);
    return 0;
}
