/* SPDX-License-Identifier: Apache-2.0 */
/* What the privileged side has to take back, as a value and as a line of the state file. */
#ifndef ADIT_LINUX_PRIV_TEXT_H
#define ADIT_LINUX_PRIV_TEXT_H

#include "linux/priv.h"

enum adit_undo_kind {
    ADIT_UNDO_ADDR,    /* take the address away */
    ADIT_UNDO_ROUTE,   /* take the route away */
    ADIT_UNDO_RESTORE, /* put a foreign route back */
};

struct adit_undo {
    enum adit_undo_kind kind;
    bool is_noted; /* stands in the state file */
    union {
        struct adit_priv_addr addr;
        struct adit_priv_route route;
    };
};

enum { ADIT_UNDO_LINE_MAX = 256 };

/* parse and write invert each other (is_noted aside). */
void adit_undo_write(const struct adit_undo *u, char dst[ADIT_UNDO_LINE_MAX]);
ADIT_MUST_USE adit_err adit_undo_parse(const char *line, struct adit_undo *out);

/* For people: "10.0.0.0/8 via 192.0.2.1 dev eth0 metric 5", "10.8.0.1/24 dev tun0". Returns dst. */
const char *adit_priv_route_str(const struct adit_priv_route *r, char dst[ADIT_UNDO_LINE_MAX]);
const char *adit_priv_addr_str(const struct adit_priv_addr *a, char dst[ADIT_UNDO_LINE_MAX]);

#endif
