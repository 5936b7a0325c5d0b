/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may have the newcomer's place. A handshake takes a moment, so that whoever holds the place keeps it for
 * some seconds; after that it gives way, or an idle stranger could keep the real peer out for a whole
 * hand-window. The same address is the same peer, started again: it need not wait for itself.
 */
#include "client/newcomer.h"

enum {
    YOUNG_S = 5, /* a handshake may take so long before it must give way */
};

bool adit_slot_is_free_for(const struct adit_slot *slot, const struct adit_call *call,
                           const struct adit_addr *fixed, adit_now now)
{
    if (fixed->ip.family != ADIT_AF_NONE && !adit_ip_eq(&fixed->ip, &call->from.ip))
        return false;
    if (!slot->is_taken)
        return true;
    if (call->is_proven && adit_addr_eq(&slot->remote, &call->from))
        return true;
    return now.mono_ns - slot->opened_ns >= YOUNG_S * ADIT_NS_PER_S;
}
