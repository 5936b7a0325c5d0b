/* SPDX-License-Identifier: Apache-2.0 */
/* First byte: bit 0 says that it is an ACK; the rest is the body. What parses must build the same bytes
 * again. */
#include <stdlib.h>
#include <string.h>

#include "wire/ctrl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    adit_bytes body;
    struct adit_ctrl c;
    uint16_t flags;

    if (n == 0 || n > ADIT_CTRL_PACKET_MAX)
        return 0;
    body = adit_bytes_of(data + 1, n - 1);
    if (adit_ctrl_parse(body, data[0] & 1, &c) == ADIT_OK) {
        uint8_t again[ADIT_CTRL_PACKET_MAX];
        struct adit_wr w = adit_wr_of(again, sizeof again);

        adit_ctrl_build(&c, &w);
        if (adit_wr_end(&w) != ADIT_OK || !adit_bytes_eq(adit_wr_view(&w), body))
            abort();
        if (!c.is_ack_only)
            (void)!adit_early_parse(c.payload, &flags);
    }
    (void)!adit_early_parse(body, &flags);
    return 0;
}
