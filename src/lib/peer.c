/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "lib/parts.h"

/* ---- life ---- */

struct adit_lib_peer *adit_lib_peer_new(struct adit_engine *e, const struct adit_addr *remote, adit_now now)
{
    struct adit_lib_peer *p = adit_alloc(sizeof *p);

    if (!p)
        return NULL;
    p->e = e;
    p->remote = *remote;
    p->rx_ns = p->tx_ns = now.mono_ns;
    p->may_have_tx = true;
    adit_addr_str(remote, p->subject, sizeof p->subject);
    return p;
}

static void end_data(struct adit_lib_peer *p)
{
    if (!p->has_halves)
        return;
    adit_tx_fini(&p->tx);
    adit_rx_fini(&p->rx);
    p->has_halves = false;
}

void adit_lib_peer_free(struct adit_lib_peer *p)
{
    if (!p)
        return;
    end_data(p);
    adit_session_free(p->session);
    adit_pushed_free(p->pushed);
    adit_free(p->push_text);
    adit_free(p);
}

void adit_lib_peer_close(struct adit_lib_peer *p, adit_err reason, adit_bytes text)
{
    char more[ADIT_LIB_REASON_MAX / 2];

    if (p->is_closed)
        return;
    adit_log_clean(text, more, sizeof more);
    snprintf(p->reason, sizeof p->reason, "%s%s%s", adit_err_text(reason), more[0] ? ": " : "", more);
    p->is_closed = true;
    p->facts |= 1U << ADIT_FACT_CLOSED;
    end_data(p);
    if (p->e->is_server)
        adit_lib_serve_forget(p);
    adit_note(&p->e->env.log, p->subject, "closed: %s", p->reason);
}

void adit_lib_peer_begin_data(struct adit_lib_peer *p)
{
    const struct adit_conf *c = p->e->conf;
    uint32_t restart_s = p->pushed ? p->pushed->ping_restart_s : c->ping_restart_s;
    uint32_t exit_s = p->pushed ? p->pushed->ping_exit_s : c->ping_exit_s;

    p->ping_s = p->pushed ? p->pushed->ping_s : c->ping_s;
    p->silent_s = exit_s > 0 ? exit_s : restart_s;
    p->mss = adit_terms_mss(p->e->conn, &p->agreed, false, p->remote.ip.family == ADIT_AF_V6);
    adit_tx_init(&p->tx, p->agreed.peer_id);
    adit_rx_init(&p->rx, c->replay_window, c->replay_s);
    p->has_halves = true;
}

/* ---- the session's facts ---- */

static char *copy_options(adit_bytes options)
{
    char *text = adit_alloc(options.n + 2); /* ends in two zeros, whatever the last option ended in */

    if (text && options.n > 0)
        memcpy(text, options.p, options.n);
    return text;
}

static void on_pushed(struct adit_lib_peer *p, const struct adit_event *ev, adit_now now)
{
    struct adit_engine *e = p->e;
    struct adit_conf_report report = {0};
    const char *reason = "a pushed option was rejected";
    char line[640];
    adit_err err = adit_pushed_new(e->conf, e->conn, ev->options, &report, &p->pushed);

    for (size_t i = 0; i < report.n; i++)
        adit_warn(&e->env.log, NULL, "%s", adit_conf_diag_str(&report.diags[i], line, sizeof line));
    adit_conf_report_fini(&report);
    p->push_text = copy_options(ev->options);
    if (err == ADIT_OK && p->push_text && !p->pushed->is_rejected &&
        adit_terms_agree_client(&e->terms, p->pushed, ev->peer_options, &p->agreed, &reason) == ADIT_OK &&
        adit_session_apply(p->session, &p->agreed, now) == ADIT_OK)
        return;
    adit_error(&e->env.log, NULL, "OPTIONS ERROR: %s", reason);
    adit_session_end(p->session, ADIT_E_PUSH_REFUSED, 0, now);
}

static void on_keys(struct adit_lib_peer *p, const struct adit_event *ev)
{
    adit_err err;

    if (!p->has_halves) {
        p->agreed = *adit_session_agreed(p->session);
        adit_lib_peer_begin_data(p);
    }
    err = adit_rx_install(&p->rx, &ev->keys);
    if (err == ADIT_OK)
        err = adit_tx_install(&p->tx, &ev->keys);
    if (err != ADIT_OK)
        adit_lib_peer_close(p, err, adit_bytes_of(NULL, 0));
    p->worn_keys &= (uint8_t) ~(1U << ev->key_id);
    if (p->is_up)
        p->facts |= 1U << ADIT_FACT_RENEWED;
}

static void on_up(struct adit_lib_peer *p, adit_now now)
{
    snprintf(p->name, sizeof p->name, "%s", adit_session_identity(p->session)->common_name);
    p->is_up = true;
    p->rx_ns = p->tx_ns = now.mono_ns;
    p->facts |= 1U << ADIT_FACT_UP;
    adit_note(&p->e->env.log, p->subject, "[%s] Peer Connection Initiated", p->name);
}

static void handle(struct adit_lib_peer *p, const struct adit_event *ev, adit_now now)
{
    char text[512];

    switch (ev->kind) {
    case ADIT_EV_AUTH_WANTED:
        adit_lib_serve_admit(p, ev, now);
        break;
    case ADIT_EV_PUSHED:
        on_pushed(p, ev, now);
        break;
    case ADIT_EV_KEYS:
        on_keys(p, ev);
        break;
    case ADIT_EV_KEY_USE:
        if (adit_tx_use(&p->tx, ev->key_id) != ADIT_OK)
            adit_lib_peer_close(p, ADIT_E_NO_KEY, adit_bytes_of(NULL, 0));
        break;
    case ADIT_EV_KEY_DROP:
        adit_tx_drop(&p->tx, ev->key_id);
        adit_rx_drop(&p->rx, ev->key_id);
        break;
    case ADIT_EV_UP:
        on_up(p, now);
        break;
    case ADIT_EV_TLS_UP:
    case ADIT_EV_TEXT:
        adit_info(&p->e->env.log, p->subject, "%s", adit_log_clean(ev->text, text, sizeof text));
        break;
    case ADIT_EV_CLOSED:
        adit_lib_peer_close(p, ev->reason, ev->text);
        break;
    }
}

void adit_lib_peer_service(struct adit_lib_peer *p, adit_now now)
{
    struct adit_event ev;

    p->may_have_tx = true;
    while (!p->is_closed && adit_session_next_event(p->session, &ev)) {
        handle(p, &ev, now);
        adit_wipe(&ev.keys, sizeof ev.keys);
    }
    if (p->is_leaving && (now.mono_ns >= p->leave_ns || (!p->owes_exit && adit_session_is_quiet(p->session))))
        adit_lib_peer_close(p, ADIT_E_SHUTDOWN, adit_bytes_of(NULL, 0));
}

/* ---- time ---- */

uint64_t adit_lib_peer_deadline(const struct adit_lib_peer *p)
{
    uint64_t at;

    if (p->is_closed)
        return ADIT_NEVER;
    at = adit_session_deadline(p->session);
    if (p->is_leaving)
        at = adit_earlier(at, p->leave_ns);
    if (p->is_up && p->ping_s > 0 && !p->owes_ping)
        at = adit_earlier(at, p->tx_ns + p->ping_s * ADIT_NS_PER_S);
    if (p->is_up && p->silent_s > 0)
        at = adit_earlier(at, p->rx_ns + p->silent_s * ADIT_NS_PER_S);
    return at;
}

void adit_lib_peer_tick(struct adit_lib_peer *p, adit_now now)
{
    if (p->is_closed)
        return;
    adit_session_tick(p->session, now);
    adit_lib_peer_service(p, now);
    if (p->is_closed || !p->is_up)
        return;
    if (p->ping_s > 0 && now.mono_ns >= p->tx_ns + p->ping_s * ADIT_NS_PER_S)
        p->owes_ping = true;
    if (p->silent_s > 0 && now.mono_ns >= p->rx_ns + p->silent_s * ADIT_NS_PER_S)
        adit_lib_peer_close(p, ADIT_E_PEER_SILENT, adit_bytes_of(NULL, 0));
}

void adit_lib_peer_leave(struct adit_lib_peer *p, adit_now now)
{
    bool is_server = p->e->is_server;
    const char *text = !is_server ? "EXIT" : p->e->conn->exit_notify == 2 ? "RESTART,[N]" : "RESTART";

    if (p->is_closed || p->is_leaving)
        return;
    if (!p->is_up) {
        adit_lib_peer_close(p, ADIT_E_SHUTDOWN, adit_bytes_of(NULL, 0));
        return;
    }
    p->is_leaving = true;
    p->leave_ns = adit_now_after_s(now, ADIT_LIB_GOODBYE_S);
    if ((!is_server && !p->agreed.want_cc_exit) || adit_session_say(p->session, text, now) != ADIT_OK)
        p->owes_exit = true; /* on the data channel, once; nobody acknowledges it */
    p->may_have_tx = true;
}

/* ---- packets ---- */

void adit_lib_peer_check_wear(struct adit_lib_peer *p, uint8_t key_id, adit_now now)
{
    struct adit_usage_limit limit = {.bytes = p->e->conf->reneg_bytes, .packets = p->e->conf->reneg_packets};
    uint8_t bit = (uint8_t)(1U << key_id);

    if ((p->worn_keys & bit) || !adit_key_is_worn(&p->tx, &p->rx, key_id, &limit))
        return;
    p->worn_keys |= bit;
    adit_session_renegotiate(p->session, now);
    adit_lib_peer_service(p, now);
}

adit_err adit_lib_peer_seal(struct adit_lib_peer *p, adit_bytes payload, adit_now now,
                            struct adit_datagram *out)
{
    struct adit_seal_op op = {.payload = payload, .dst = out->b, .cap = out->cap};

    if (!p->has_halves || !p->tx.has_current)
        return ADIT_E_NO_KEY;
    adit_tx_seal(&p->tx, &op, 1, now);
    if (op.err != ADIT_OK)
        return op.err;
    out->n = op.n;
    out->to = adit_lib_endpoint(&p->remote);
    p->tx_ns = now.mono_ns;
    adit_lib_peer_check_wear(p, p->tx.current, now);
    return ADIT_OK;
}

bool adit_lib_peer_next_tx(struct adit_lib_peer *p, adit_now now, struct adit_datagram *out)
{
    struct adit_wr w = adit_wr_of(out->b, out->cap);
    bool owes_exit = p->owes_exit;

    if (p->is_closed || !p->may_have_tx)
        return false;
    if (adit_session_next_tx(p->session, now, &w)) {
        out->n = adit_wr_len(&w);
        out->to = adit_lib_endpoint(&p->remote);
        return true;
    }
    if (p->owes_ping || owes_exit) {
        adit_bytes payload = owes_exit ? adit_bytes_of(adit_occ_exit_payload, sizeof adit_occ_exit_payload)
                                       : adit_bytes_of(adit_ping_payload, sizeof adit_ping_payload);

        p->owes_ping = p->owes_exit = false;
        return adit_lib_peer_seal(p, payload, now, out) == ADIT_OK;
    }
    p->may_have_tx = false;
    return false;
}
