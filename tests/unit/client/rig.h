/* SPDX-License-Identifier: Apache-2.0 */
/* A client without a host behind it, whose log is kept. */
#ifndef ADIT_TESTS_CLIENT_RIG_H
#define ADIT_TESTS_CLIENT_RIG_H

#include "client/parts.h"

#include "../said.h"
#include "../unit.h"
#include "plane/routes.h"

struct rig {
    struct adit_host h;
    struct adit_conf conf;
    struct adit_log log;
    struct adit_client c;
    char said[SAID_MAX];
};

static inline void start(struct rig *r)
{
    memset(r, 0, sizeof *r);
    assert_int_equal(uv_loop_init(&r->h.loop), 0);
    r->log = (struct adit_log){.put = keep_said, .ctx = r->said, .verb = 3};
    r->c.h = &r->h;
    r->c.conf = &r->conf;
    r->c.log = &r->log;
    r->c.has_peer = true;
}

static inline void stop(struct rig *r)
{
    uv_run(&r->h.loop, UV_RUN_NOWAIT);
    assert_int_equal(uv_loop_close(&r->h.loop), 0);
}

#endif
