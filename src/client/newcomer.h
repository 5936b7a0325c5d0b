/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The second place at a point-to-point server: whoever passed the door negotiates there, beside the running
 * tunnel, and takes over only once it has authenticated (protocol text 4.7). This is the part that decides
 * who may have the place; it knows no socket and no session.
 */
#ifndef ADIT_CLIENT_NEWCOMER_H
#define ADIT_CLIENT_NEWCOMER_H

#include "base/addr.h"
#include "base/now.h"

struct adit_slot {
    bool is_taken;
    struct adit_addr remote; /* whose it is */
    uint64_t opened_ns;
};

struct adit_call {
    struct adit_addr from;
    bool is_proven; /* a cookie or a stream showed that it is really there; a recorded packet does not */
};

/* `fixed`: the configured peer, family NONE if anybody may call. */
bool adit_slot_is_free_for(const struct adit_slot *slot, const struct adit_call *call,
                           const struct adit_addr *fixed, adit_now now);

#endif
