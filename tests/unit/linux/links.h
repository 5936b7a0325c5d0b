/* SPDX-License-Identifier: Apache-2.0 */
/* Network devices brought up as the program does it. */
#ifndef ADIT_TESTS_LINKS_H
#define ADIT_TESTS_LINKS_H

#include "../unit.h"
#include "linux/priv.h"

static inline void bring_up(struct adit_priv *p, const char *ifname)
{
    struct adit_priv_req req = {.kind = ADIT_PRIV_LINK_SET, .link.want_up = true};
    struct adit_priv_res res;

    snprintf(req.link.ifname, sizeof req.link.ifname, "%s", ifname);
    assert_int_equal(adit_priv_do(p, &req, &res), ADIT_OK);
}

/* "10.8.0.1/24" */
static inline void give_address(struct adit_priv *p, const char *ifname, const char *local)
{
    struct adit_priv_req req = {.kind = ADIT_PRIV_ADDR_ADD};
    struct adit_priv_res res;

    snprintf(req.addr.ifname, sizeof req.addr.ifname, "%s", ifname);
    assert_int_equal(adit_prefix_parse(local, &req.addr.local), ADIT_OK);
    assert_int_equal(adit_priv_do(p, &req, &res), ADIT_OK);
}

#endif
