/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A packet with a WKc at its end, from a stranger. Then the same bytes as metadata: what is wrapped must come
 * back, also when cut off a packet.
 */
#include <assert.h>
#include <string.h>

#include "proto/wkc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void stranger(const struct adit_v2_server_key *server, adit_bytes packet)
{
    struct adit_wkc_metadata metadata;
    struct adit_static_key kc;
    adit_bytes inner, wkc;

    if (adit_wkc_split(packet, &inner, &wkc))
        return;
    assert(inner.n > 0 && inner.n + wkc.n == packet.n);
    if (!adit_wkc_unwrap(server, wkc, &kc, &metadata))
        assert(metadata.n <= ADIT_WKC_METADATA_MAX);
}

static void own(const struct adit_v2_server_key *server, adit_bytes metadata)
{
    struct adit_v2_client_key k;
    struct adit_wkc_metadata got;
    struct adit_static_key kc;
    uint8_t packet[1 + ADIT_WKC_MAX];
    struct adit_wr w = adit_wr_of(packet, sizeof packet);
    adit_bytes inner, wkc;

    memset(&k, 0x11, sizeof k);
    if (adit_wkc_wrap(server, metadata, &k)) {
        assert(metadata.n > ADIT_WKC_METADATA_MAX);
        return;
    }
    adit_wr_u8(&w, 0x50);
    adit_wr_bytes(&w, adit_bytes_of(k.wkc, k.wkc_len));
    assert(!adit_wkc_split(adit_wr_view(&w), &inner, &wkc) && inner.n == 1);
    assert(!adit_wkc_unwrap(server, wkc, &kc, &got));
    assert(memcmp(&kc, &k.kc, sizeof kc) == 0);
    assert(adit_bytes_eq(metadata, adit_bytes_of(got.b, got.n)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct adit_v2_server_key server;

    for (size_t i = 0; i < sizeof server.b; i++)
        server.b[i] = (uint8_t)i;
    stranger(&server, adit_bytes_of(data, n));
    own(&server, adit_bytes_of(data, n));
    return 0;
}
