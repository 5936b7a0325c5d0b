/* SPDX-License-Identifier: Apache-2.0 */
/* Key method 2: the first application record of each TLS session. Protocol text: 6.1, 6.2. */
#ifndef ADIT_WIRE_KEYMSG_H
#define ADIT_WIRE_KEYMSG_H

#include "wire/packet.h"

enum {
    ADIT_PRE_MASTER_LEN = 48,
    ADIT_RANDOM_LEN = 32,
    ADIT_OPTIONS_MAX = 512,   /* options string, with NUL */
    ADIT_USERPASS_MAX = 128,  /* user name or password, with NUL */
    ADIT_PEER_INFO_MAX = 1536 /* with NUL; what we send */
};

/* One end's random material; secret. */
struct adit_key_source {
    uint8_t pre_master[ADIT_PRE_MASTER_LEN]; /* client only */
    uint8_t random1[ADIT_RANDOM_LEN];
    uint8_t random2[ADIT_RANDOM_LEN];
};

struct adit_keymsg {
    struct adit_key_source source;
    /* Without their NUL; empty if absent. On parsing lent from the input. They may hold any byte but NUL. */
    adit_bytes options, user, password, peer_info;
    bool has_user_field; /* parse: the user name field was there at all (length 0 counts as there) */
};

/*
 * from_client: the message has the pre-master. ADIT_E_KEY_METHOD: too short, another key method, options
 * string missing or above ADIT_OPTIONS_MAX. Fields after the options string may be missing: they are empty
 * then. A string is cut at its first NUL. Strings longer than ADIT_USERPASS_MAX are returned as they are: the
 * caller refuses the log-in.
 */
ADIT_MUST_USE adit_err adit_keymsg_parse(adit_bytes record, bool from_client, struct adit_keymsg *out);

/* Errors latch in `w`. */
void adit_keymsg_build(const struct adit_keymsg *m, bool from_client, struct adit_wr *w);

#endif
