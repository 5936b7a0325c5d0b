/* SPDX-License-Identifier: Apache-2.0 */
/* The readers of key files; what one accepts, its writer writes so that it is read again as the same key. */
#include <assert.h>
#include <string.h>

#include "crypto/keyfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void static_key(adit_bytes text)
{
    struct adit_static_key k, again;
    uint8_t out[ADIT_KEYFILE_TEXT_MAX];
    struct adit_wr w = adit_wr_of(out, sizeof out);
    const char *reason = NULL;

    if (adit_static_key_read(text, &k, &reason)) {
        assert(reason);
        return;
    }
    adit_static_key_write(&k, &w);
    assert(!adit_static_key_read(adit_wr_view(&w), &again, &reason));
    assert(memcmp(&k, &again, sizeof k) == 0);
}

static void server_key(adit_bytes text)
{
    struct adit_v2_server_key k, again;
    uint8_t out[ADIT_KEYFILE_TEXT_MAX];
    struct adit_wr w = adit_wr_of(out, sizeof out);
    const char *reason = NULL;

    if (adit_v2_server_key_read(text, &k, &reason)) {
        assert(reason);
        return;
    }
    adit_v2_server_key_write(&k, &w);
    assert(!adit_v2_server_key_read(adit_wr_view(&w), &again, &reason));
    assert(memcmp(&k, &again, sizeof k) == 0);
}

static void client_key(adit_bytes text)
{
    struct adit_v2_client_key k, again;
    uint8_t out[ADIT_KEYFILE_TEXT_MAX];
    struct adit_wr w = adit_wr_of(out, sizeof out);
    const char *reason = NULL;

    if (adit_v2_client_key_read(text, &k, &reason)) {
        assert(reason);
        return;
    }
    adit_v2_client_key_write(&k, &w);
    assert(!adit_v2_client_key_read(adit_wr_view(&w), &again, &reason));
    assert(k.wkc_len == again.wkc_len && memcmp(k.wkc, again.wkc, k.wkc_len) == 0);
    assert(memcmp(&k.kc, &again.kc, sizeof k.kc) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    adit_bytes text = adit_bytes_of(data, n);

    static_key(text);
    server_key(text);
    client_key(text);
    return 0;
}
