/* SPDX-License-Identifier: Apache-2.0 */
/* Clients that end by the clock: session-timeout after so long, inactive when they carry too little. */
#include "server/parts.h"

enum {
    LOOK_EVERY_MS = 1000,
};

static bool is_idle(struct adit_caller *c, uint64_t now_ns)
{
    const struct adit_conf *conf = c->sv->conf;
    uint64_t carried = c->counters.rx_bytes + c->counters.tx_bytes;
    uint64_t in_period = carried - c->idle_mark_bytes;

    if (conf->inactive_s == 0 || now_ns - c->idle_mark_ns < conf->inactive_s * ADIT_NS_PER_S)
        return false;
    c->idle_mark_ns = now_ns;
    c->idle_mark_bytes = carried;
    return conf->inactive_bytes > 0 ? in_period <= conf->inactive_bytes : in_period == 0;
}

static void look(uv_timer_t *timer)
{
    struct adit_server *sv = timer->data;
    uint64_t now_ns = adit_clock_now().mono_ns, limit_ns = sv->conf->session_timeout_s * ADIT_NS_PER_S;
    struct adit_caller *c, *next;

    HASH_ITER(hh, sv->callers, c, next)
    {
        if (!c->is_up)
            continue;
        if (limit_ns > 0 && now_ns - c->up_ns >= limit_ns) {
            adit_note(sv->log, c->subject, "Session timeout, ending the client");
            adit_caller_say_gone(c, "SIGTERM[soft,session-timeout]");
            adit_caller_end(c);
        } else if (is_idle(c, now_ns)) {
            adit_note(sv->log, c->subject, "Inactivity timeout (--inactive), ending the client");
            adit_caller_say_gone(c, "SIGTERM[soft,inactive]");
            adit_caller_end(c);
        }
    }
    if (sv->conf->inactive_s > 0)
        adit_server_count(sv); /* for the next look */
}

void adit_server_start_limits(struct adit_server *sv)
{
    if (sv->conf->session_timeout_s > 0 || sv->conf->inactive_s > 0)
        uv_timer_start(&sv->limit_timer, look, LOOK_EVERY_MS, LOOK_EVERY_MS);
}
