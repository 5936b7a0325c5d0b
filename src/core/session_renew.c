/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From one key id to the next: when a key is renewed, which key sends (4.10), when the old one dies.
 *
 * A renewal that fails costs nothing yet: the old key takes its place again and goes on until tran-window has
 * passed since its renewal was first begun. Another attempt is made every hand-window, by when the peer has
 * given up as well, or has finished alone. So an attempt takes a new key id if the peer has seen the one
 * before, and any id that is not in use is taken from the peer, who may know of attempts that were not seen
 * here. Only when the old key dies without a successor is the session over. Protocol text: 4.6 to 4.10.
 */
#include "core/session_parts.h"

#include "base/mem.h"

enum {
    SETTLE_MS = 100, /* a new key waits at least so long before it sends: the last ack is on its way */
};

/* ---- failure ---- */

static void set_end_text(struct adit_session *s, const char *text)
{
    adit_free(s->end_text);
    s->end_text = text && *text ? adit_strdup(text) : NULL;
}

void adit_session_fail(struct adit_session *s, adit_err why, const char *text, adit_now now)
{
    struct adit_key_state *k = &s->primary;

    if (s->is_ending || k->has_failed)
        return;
    k->has_failed = true;
    k->must_be_active_ns = k->renew_ns = k->use_ns = ADIT_NEVER;
    set_end_text(s, text);
    s->end_reason = why;
    if (!s->lame.is_used || !s->lame.has_data_keys || now.mono_ns >= s->lame.dies_ns) {
        adit_session_end(s, why, 0, now);
        return;
    }
    adit_warn(&s->env.log, s->subject,
              "TLS Error: renegotiation failed: %s; the old key stays until it expires, in %llu s",
              text && *text ? text : adit_err_text(why),
              (unsigned long long)((s->lame.dies_ns - now.mono_ns) / ADIT_NS_PER_S));
    k->back_ns = now.mono_ns; /* at the next tick: an alert is sent before */
}

/* ---- which key when ---- */

static uint64_t renewal_time(struct adit_session *s, adit_now now)
{
    uint32_t max = s->p->reneg_max_s, min = s->p->reneg_min_s;

    if (max == 0)
        return ADIT_NEVER;
    if (adit_session_is_tls_server(s) && min > 0 && min < max)
        max = min + adit_rng_below(&s->env.rng, max - min + 1);
    return adit_now_after_s(now, max);
}

/* 4.10: the old key sends until the new one has had its time, unless it is itself too young to be preferred.
 */
static uint64_t use_time(const struct adit_session *s, adit_now now)
{
    uint32_t half = s->p->reneg_max_s / 2; /* without renegotiation by time the old key was worn: no wait */
    uint64_t wait = (half < s->p->hand_window_s ? half : s->p->hand_window_s) * ADIT_NS_PER_S;
    uint64_t settled = now.mono_ns + SETTLE_MS * ADIT_NS_PER_MS;
    uint64_t due = s->lame.started_ns + wait <= now.mono_ns ? s->primary.started_ns + wait : now.mono_ns;

    return due > settled ? due : settled;
}

void adit_session_plan_keys(struct adit_session *s, adit_now now)
{
    uint32_t overlap_s =
        s->p->tran_window_s < s->p->hand_window_s ? s->p->tran_window_s : s->p->hand_window_s;
    uint64_t overlap_ns = adit_now_after_s(now, overlap_s);

    s->primary.renew_ns = renewal_time(s, now);
    if (!s->lame.is_used)
        return;
    s->primary.use_ns = use_time(s, now);
    /* After failed attempts its time may be nearly over, but the peer may send with it so long (4.10). */
    if (s->lame.dies_ns < overlap_ns)
        s->lame.dies_ns = overlap_ns;
}

/* ---- from one key id to the next ---- */

static void emit_key(struct adit_session *s, enum adit_event_kind kind, uint8_t key_id)
{
    struct adit_event ev = {.kind = kind, .key_id = key_id};

    adit_log(&s->env.log, ADIT_LOG_DEBUG, 4, s->subject, "Data Channel: key id %u %s", key_id,
             kind == ADIT_EV_KEY_USE ? "sends from now on" : "is over");
    adit_session_emit(s, &ev);
}

static void use_key(struct adit_session *s)
{
    struct adit_key_state *k = &s->primary;

    k->use_ns = ADIT_NEVER;
    if (!k->has_data_keys || k->is_sending)
        return;
    k->is_sending = true;
    emit_key(s, ADIT_EV_KEY_USE, k->key_id);
}

/* The key that sends may be the one that goes: its successor's turn comes early then. */
static void drop_lame(struct adit_session *s)
{
    if (s->lame.is_used)
        use_key(s);
    if (s->lame.is_used && s->lame.has_data_keys && s->lame.key_id != s->primary.key_id)
        emit_key(s, ADIT_EV_KEY_DROP, s->lame.key_id);
    adit_key_state_free(s, &s->lame);
}

/* After a failed renewal: the old key is the session's key again. */
static void go_back(struct adit_session *s, adit_now now)
{
    struct adit_key_state *k = &s->primary;

    if (k->has_data_keys)
        emit_key(s, ADIT_EV_KEY_DROP, k->key_id);
    adit_key_state_free(s, k);
    *k = s->lame;
    adit_wipe(&s->lame, sizeof s->lame);
    k->must_be_active_ns = ADIT_NEVER;
    k->renew_ns = adit_now_after_s(now, s->p->hand_window_s);
}

static adit_err begin_next(struct adit_session *s, uint8_t key_id, adit_now now)
{
    adit_err e;

    drop_lame(s);
    s->lame = s->primary;
    if (s->lame.dies_ns == ADIT_NEVER) /* else it is another attempt, and the first has set the time */
        s->lame.dies_ns = adit_now_after_s(now, s->p->tran_window_s);
    s->lame.use_ns = s->lame.renew_ns = ADIT_NEVER;
    e = adit_key_state_begin(s, key_id, now);
    if (e != ADIT_OK)
        adit_session_end(s, e, 0, now); /* what was begun is not fit for any packet */
    return e;
}

static bool is_in_use(const struct adit_session *s, uint8_t key_id)
{
    return key_id == 0 || key_id == s->primary.key_id || (s->lame.is_used && key_id == s->lame.key_id);
}

adit_err adit_session_accept_soft_reset(struct adit_session *s, uint8_t key_id, adit_now now)
{
    if (s->is_ending || !s->primary.has_data_keys || is_in_use(s, key_id))
        return ADIT_E_KEY_ID;
    adit_info(&s->env.log, s->subject, "TLS: soft reset by the peer, new key id %u", key_id);
    s->newest_key_id = key_id;
    return begin_next(s, key_id, now);
}

static uint8_t own_next_id(const struct adit_session *s)
{
    uint8_t id = adit_key_id_next(s->newest_key_id);

    while (is_in_use(s, id))
        id = adit_key_id_next(id);
    return id;
}

void adit_session_renegotiate(struct adit_session *s, adit_now now)
{
    struct adit_key_state *k = &s->primary;
    uint8_t key_id = own_next_id(s);

    if (s->is_ending || !k->is_active || !k->has_data_keys)
        return;
    adit_info(&s->env.log, s->subject, "TLS: soft reset, new key id %u", key_id);
    (void)!begin_next(s, key_id, now); /* it ends the session itself */
}

/* Not before there is another one: until then the hand-window of its successor decides. */
static bool can_drop_lame(const struct adit_session *s)
{
    return s->lame.is_used && s->primary.has_data_keys && s->primary.is_active;
}

uint64_t adit_session_keys_deadline(const struct adit_session *s)
{
    const struct adit_key_state *k = &s->primary;
    uint64_t at = adit_earlier(k->must_be_active_ns, k->renew_ns);

    at = adit_earlier(at, k->use_ns);
    at = adit_earlier(at, k->back_ns);
    at = adit_earlier(at, k->dies_ns);
    return can_drop_lame(s) ? adit_earlier(at, s->lame.dies_ns) : at;
}

void adit_session_tick_keys(struct adit_session *s, adit_now now)
{
    struct adit_key_state *k = &s->primary;

    if (now.mono_ns >= k->must_be_active_ns)
        adit_session_fail(s, ADIT_E_HAND_WINDOW, NULL, now);
    if (now.mono_ns >= k->back_ns)
        go_back(s, now);
    if (now.mono_ns >= k->dies_ns)
        adit_session_end(s, s->end_reason, 0, now); /* every renewal has failed */
    if (s->is_ending)
        return;
    if (now.mono_ns >= k->use_ns)
        use_key(s);
    if (can_drop_lame(s) && now.mono_ns >= s->lame.dies_ns)
        drop_lame(s);
    if (now.mono_ns >= k->renew_ns) {
        /* It may not be possible yet (a client that waits for its push reply): then again in a second. */
        k->renew_ns = adit_now_after_s(now, 1);
        adit_session_renegotiate(s, now);
    }
}
