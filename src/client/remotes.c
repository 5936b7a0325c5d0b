/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which server to try next: every address of every remote, in order or shuffled, round after round, with
 * pauses that grow once all have failed a few times (connect-retry).
 */
#include "client/parts.h"

#include <string.h>

#include "base/mem.h"
#include "host/outside.h"

enum {
    QUICK_ROUNDS = 5, /* rounds before the pauses begin to double */
    RESOLVE_AGAIN_S = 5,
};

static const struct adit_conf_conn *present(const struct adit_client *c)
{
    return &c->conf->conns[c->order[c->at]];
}

adit_err adit_client_order_remotes(struct adit_client *c)
{
    size_t n = c->conf->n_conns;

    c->order = adit_alloc(n * sizeof *c->order);
    if (!c->order)
        return ADIT_E_MEMORY;
    for (size_t i = 0; i < n; i++)
        c->order[i] = i;
    for (size_t i = n; c->conf->want_remote_random && i > 1; i--) {
        size_t j = adit_rng_below(&c->h->env.rng, (uint32_t)i), keep = c->order[i - 1];

        c->order[i - 1] = c->order[j];
        c->order[j] = keep;
    }
    return ADIT_OK;
}

/* ---- pauses ---- */

static uint32_t pause_s(const struct adit_client *c)
{
    const struct adit_conf_conn *conn = present(c);
    uint64_t s = conn->connect_retry_s;

    for (unsigned i = QUICK_ROUNDS; i < c->round && s < conn->connect_retry_max_s; i++)
        s *= 2;
    if (s > conn->connect_retry_max_s)
        s = conn->connect_retry_max_s;
    return (uint32_t)(s > c->min_wait_s ? s : c->min_wait_s);
}

/* The next address of this name, or else the next remote; false when the limit of rounds is reached. */
static bool advance(struct adit_client *c)
{
    uint32_t max = present(c)->connect_retry_max;

    if (c->wants_same_remote) {
        c->wants_same_remote = false;
        c->n_addrs = 0;
        return true;
    }
    if (c->addr_at + 1 < c->n_addrs) {
        c->addr_at++;
        return true;
    }
    c->n_addrs = c->addr_at = 0;
    c->at = (c->at + 1) % c->conf->n_conns;
    if (c->at == 0)
        c->round++;
    return max == 0 || c->round < max;
}

static void on_retry(uv_timer_t *timer)
{
    adit_client_try(timer->data);
}

static void wait_and_try(struct adit_client *c, uint32_t seconds)
{
    c->retry_timer.data = c;
    uv_timer_start(&c->retry_timer, on_retry, seconds * 1000ULL, 0);
}

void adit_client_try_later(struct adit_client *c)
{
    uint32_t seconds;

    if (!advance(c)) {
        adit_error(c->log, NULL,
                   "All connections have been connect-retry-max (%u) times unsuccessful, exiting",
                   present(c)->connect_retry_max);
        adit_client_exit(c, "connect-retry-max", 1);
        return;
    }
    seconds = pause_s(c);
    c->min_wait_s = 0;
    adit_info(c->log, NULL, "Restart pause, %u second(s)", seconds);
    wait_and_try(c, seconds);
}

/* ---- names ---- */

/* NULL: no remote. */
static const struct adit_addr *present_addr(const struct adit_client *c)
{
    return c->conn->remote ? &c->addrs[c->addr_at] : NULL;
}

static void on_local_found(void *arg, const struct adit_resolved *r)
{
    struct adit_client *c = arg;

    c->resolve = NULL;
    if (adit_outside_local_found(c->h, c->conn, r, &c->local)) {
        adit_client_open_link(c, present_addr(c));
        return;
    }
    adit_note(c->log, NULL, "Exiting due to fatal error");
    adit_host_stop(c->h, ADIT_HOST_EXIT, 1);
}

static void open_present(struct adit_client *c)
{
    if (adit_outside_local(c->conn, &c->local)) {
        adit_client_open_link(c, present_addr(c));
        return;
    }
    c->resolve = adit_outside_find_local(c->h, c->conn, present_addr(c), on_local_found, c);
    if (!c->resolve)
        adit_client_exit(c, "memory", 1);
}

static void resolve_failed(struct adit_client *c, const struct adit_resolved *r)
{
    uint64_t now_ns = adit_clock_now().mono_ns;

    adit_error(c->log, NULL, "RESOLVE: %s", r->why);
    if (c->resolve_until_ns == 0)
        c->resolve_until_ns = c->conf->resolv_retry_s == UINT32_MAX
                                  ? ADIT_NEVER
                                  : adit_now_after_s(adit_clock_now(), c->conf->resolv_retry_s);
    if (c->conf->n_conns > 1) {
        adit_client_restart(c, "resolve-failed");
    } else if (now_ns >= c->resolve_until_ns) {
        adit_error(c->log, NULL,
                   "resolv-retry: '%s' could not be resolved in %u seconds; check the name in remote, and "
                   "this machine's DNS",
                   present(c)->remote, c->conf->resolv_retry_s);
        adit_client_exit(c, "init_instance", 1);
    } else {
        wait_and_try(c, RESOLVE_AGAIN_S);
    }
}

static void on_resolved(void *arg, const struct adit_resolved *r)
{
    struct adit_client *c = arg;

    c->resolve = NULL;
    if (r->err != ADIT_OK) {
        resolve_failed(c, r);
        return;
    }
    c->resolve_until_ns = 0;
    c->n_addrs = r->n < ADIT_CLIENT_ADDRS ? r->n : ADIT_CLIENT_ADDRS;
    memcpy(c->addrs, r->addrs, c->n_addrs * sizeof c->addrs[0]);
    c->addr_at = 0;
    open_present(c);
}

void adit_client_try(struct adit_client *c)
{
    c->conn = present(c);
    if (!c->conn->remote || c->n_addrs > 0) {
        open_present(c);
        return;
    }
    c->resolve = adit_resolve_start(&c->h->loop, c->conn->remote, c->conn->rport ? c->conn->rport : "1194",
                                    c->conn->family, on_resolved, c);
    if (!c->resolve)
        adit_client_exit(c, "memory", 1);
}

void adit_client_cancel_tries(struct adit_client *c)
{
    adit_resolve_cancel(c->resolve);
    c->resolve = NULL;
    uv_timer_stop(&c->retry_timer);
}
