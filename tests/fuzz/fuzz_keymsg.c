/* SPDX-License-Identifier: Apache-2.0 */
/* First byte: bit 0 says that a client sent it; the rest is the record. What was parsed survives another
 * turn. */
#include <stdlib.h>
#include <string.h>

#include "wire/keymsg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static bool is_text(adit_bytes text)
{
    return text.n == 0 || !memchr(text.p, 0, text.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static uint8_t again[ADIT_RECORD_MAX + 64];
    struct adit_wr w = adit_wr_of(again, sizeof again);
    struct adit_keymsg m, m2;
    bool from_client;

    if (n == 0 || n > ADIT_RECORD_MAX)
        return 0;
    from_client = data[0] & 1;
    if (adit_keymsg_parse(adit_bytes_of(data + 1, n - 1), from_client, &m) != ADIT_OK)
        return 0;
    if (!is_text(m.options) || !is_text(m.user) || !is_text(m.password) || !is_text(m.peer_info))
        abort();
    adit_keymsg_build(&m, from_client, &w);
    if (adit_wr_end(&w) != ADIT_OK || adit_keymsg_parse(adit_wr_view(&w), from_client, &m2) != ADIT_OK)
        abort();
    if (memcmp(&m.source, &m2.source, sizeof m.source) != 0 || !adit_bytes_eq(m.options, m2.options) ||
        !adit_bytes_eq(m.user, m2.user) || !adit_bytes_eq(m.password, m2.password) ||
        !adit_bytes_eq(m.peer_info, m2.peer_info))
        abort();
    return 0;
}
