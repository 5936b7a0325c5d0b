/* SPDX-License-Identifier: Apache-2.0 */
/* Ends by the clock: session-timeout after so long, inactive when the tunnel carries too little. */
#include "client/parts.h"

static uint32_t idle_limit_s(const struct adit_client *c)
{
    return c->pushed ? c->pushed->inactive_s : c->conf->inactive_s;
}

static void on_session_limit(uv_timer_t *timer)
{
    struct adit_client *c = timer->data;

    adit_note(c->log, NULL, "Session timeout, exiting");
    adit_client_exit(c, "session-timeout", 0);
}

/* One look at the counters per period; the answer comes as a note. */
static void on_idle_period(uv_timer_t *timer)
{
    struct adit_client *c = timer->data;

    c->wants_idle_check = true;
    adit_host_cmd(c->h, ADIT_CMD_COUNT, ADIT_CLIENT_PEER);
}

void adit_client_check_idle(struct adit_client *c)
{
    uint64_t limit = c->pushed ? c->pushed->inactive_bytes : c->conf->inactive_bytes;
    uint64_t carried = c->counters.rx_bytes + c->counters.tx_bytes;
    uint64_t in_period = carried - c->idle_mark_bytes;

    if (!c->wants_idle_check)
        return;
    c->wants_idle_check = false;
    c->idle_mark_bytes = carried;
    if (in_period > limit || (in_period > 0 && limit == 0))
        return;
    adit_note(c->log, NULL, "Inactivity timeout (--inactive), exiting");
    adit_client_exit(c, "inactive", 0);
}

void adit_client_start_limits(struct adit_client *c)
{
    uint32_t session_s = c->pushed ? c->pushed->session_timeout_s : c->conf->session_timeout_s;
    uint64_t idle_ms = idle_limit_s(c) * 1000ULL;

    c->idle_mark_bytes = 0;
    if (session_s > 0)
        uv_timer_start(&c->limit_timer, on_session_limit, session_s * 1000ULL, 0);
    if (idle_ms > 0)
        uv_timer_start(&c->idle_timer, on_idle_period, idle_ms, idle_ms);
}

void adit_client_stop_limits(struct adit_client *c)
{
    uv_timer_stop(&c->limit_timer);
    uv_timer_stop(&c->idle_timer);
}
