/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A session's life: it begins, takes packets in, gives packets out, watches its clock, ends. Everything that
 * is checked before a packet may change anything stands in adit_session_recv(), in the order of protocol
 * text 2.8.
 */
#include "core/session_parts.h"

#include <string.h>

#include "base/mem.h"
#include "proto/wkc.h"

enum {
    ACKS_MAX_BARE = 4, /* some servers choke on longer lists in unprotected sessions (4.3) */
};

static adit_err draw_sid(const struct adit_rng *rng, struct adit_sid *sid)
{
    do {
        adit_err e = adit_rng_fill(rng, sid->b, sizeof sid->b);

        if (e != ADIT_OK)
            return e;
    } while (adit_sid_is_zero(sid));
    return ADIT_OK;
}

static struct adit_session *make(const struct adit_session_params *p, const struct adit_session_start *st,
                                 const struct adit_env *env, uint32_t first_id)
{
    struct adit_session *s = adit_alloc(sizeof *s);

    if (!s) {
        if (st->owns_wrap)
            adit_wrap_key_free(st->wrap);
        return NULL;
    }
    s->p = p;
    s->env = *env;
    s->events_end = &s->events;
    s->is_tcp = st->is_tcp;
    s->is_ipv6 = st->is_ipv6;
    s->is_v2 = st->is_v2;
    s->wkc = st->wkc;
    s->own_wrap = st->owns_wrap ? st->wrap : NULL;
    s->push_next_ns = s->push_until_ns = ADIT_NEVER;
    adit_wrap_init(&s->wrap, st->wrap, first_id, p->replay_window, p->replay_s);
    s->subject = st->subject ? adit_strdup(st->subject) : NULL;
    if (st->wrap_static)
        s->wrap_static = adit_alloc(sizeof *s->wrap_static);
    if ((st->subject && !s->subject) || (st->wrap_static && !s->wrap_static)) {
        adit_session_free(s);
        return NULL;
    }
    if (st->wrap_static)
        *s->wrap_static = *st->wrap_static;
    return s;
}

struct adit_session *adit_session_connect(const struct adit_session_params *p,
                                          const struct adit_session_start *st, const struct adit_env *env,
                                          adit_now now)
{
    uint32_t first_id = st->is_v2 ? ADIT_WRAP_FIRST_ID_EARLY : ADIT_WRAP_FIRST_ID;
    struct adit_session *s = make(p, st, env, first_id);

    if (!s)
        return NULL;
    if (draw_sid(&s->env.rng, &s->local) != ADIT_OK || adit_key_state_begin(s, 0, now) != ADIT_OK) {
        adit_session_free(s);
        return NULL;
    }
    return s;
}

struct adit_session *adit_session_accept(const struct adit_session_params *p,
                                         const struct adit_session_start *st, const struct adit_sid *remote,
                                         const struct adit_sid *cookie, const struct adit_env *env,
                                         adit_now now)
{
    /* The door's reset went out under the first replay id. */
    struct adit_session *s = make(p, st, env, cookie ? ADIT_WRAP_FIRST_ID + 1 : ADIT_WRAP_FIRST_ID);
    adit_err e;

    if (!s)
        return NULL;
    s->remote = *remote;
    s->has_remote = true;
    if (cookie) {
        s->local = *cookie;
        e = ADIT_OK;
    } else {
        e = draw_sid(&s->env.rng, &s->local);
    }
    if (e == ADIT_OK)
        e = adit_key_state_begin(s, 0, now);
    if (e != ADIT_OK) {
        adit_session_free(s);
        return NULL;
    }
    if (cookie) {
        adit_reliable_fini(&s->primary.rel);
        adit_reliable_init(&s->primary.rel, p->tls_timeout_s * ADIT_NS_PER_S);
        adit_reliable_resume(&s->primary.rel);
        s->primary.was_reset_acked = true;
    }
    return s;
}

void adit_session_free(struct adit_session *s)
{
    if (!s)
        return;
    adit_key_state_free(s, &s->primary);
    adit_key_state_free(s, &s->lame);
    adit_session_drop_events(s);
    for (size_t i = 0; i < s->n_say; i++)
        adit_free(s->say[i]);
    adit_free_secret(s->wrap_static, sizeof *s->wrap_static);
    adit_wrap_key_free(s->own_wrap);
    adit_wrap_key_free(s->own_wrap_dyn);
    adit_free(s->push);
    adit_free(s->peer_options);
    adit_free(s->end_text);
    adit_free(s->subject);
    adit_free_secret(s, sizeof *s);
}

/* ---- packets in ---- */

/* What can be refused by looking at the bytes in clear. */
static adit_err check_head(const struct adit_session *s, adit_bytes packet)
{
    enum adit_op op;
    struct adit_sid sid;

    if (packet.n < ADIT_CTRL_HEAD_LEN || packet.n > ADIT_CTRL_PACKET_MAX)
        return ADIT_E_MALFORMED;
    op = adit_packet_op(packet.p[0]);
    if (!adit_packet_is_control(packet.p[0]))
        return ADIT_E_OPCODE;
    if (adit_session_is_tls_server(s) ? op == ADIT_OP_HARD_RESET_SERVER_V2
                                      : op == ADIT_OP_HARD_RESET_CLIENT_V2 || adit_packet_has_wkc(op))
        return ADIT_E_OPCODE;
    memcpy(sid.b, packet.p + 1, sizeof sid.b);
    if (adit_sid_is_zero(&sid))
        return ADIT_E_SESSION_ID;
    if (s->has_remote)
        return adit_sid_eq(&sid, &s->remote) ? ADIT_OK : ADIT_E_SESSION_ID;
    /* Nobody has answered yet: only the answer to our reset may tell the peer's session id. */
    if (adit_packet_is_hard_reset(op) && adit_packet_key_id(packet.p[0]) == 0)
        return ADIT_OK;
    return ADIT_E_SESSION_ID;
}

/* Takes the wrapping off. *body is lent from scratch or from the packet. */
static adit_err unwrap(struct adit_session *s, adit_bytes packet, uint8_t *scratch, adit_now now,
                       adit_bytes *body)
{
    enum adit_op op = adit_packet_op(packet.p[0]);
    bool is_dyn = s->own_wrap_dyn && adit_packet_key_id(packet.p[0]) > 0;
    struct adit_wrap_head head;

    if (adit_packet_has_wkc(op)) {
        adit_bytes wkc;
        adit_err e = s->is_v2 ? adit_wkc_split(packet, &packet, &wkc) : ADIT_E_OPCODE;

        /* The client key was taken from the first packet; a later one changes nothing (2.5.2). */
        if (e != ADIT_OK)
            return e;
    }
    return adit_wrap_open(is_dyn ? &s->wrap_dyn : &s->wrap, packet, scratch, now, &head, body);
}

static adit_err on_hard_reset(struct adit_session *s, adit_bytes packet, const struct adit_ctrl *c,
                              adit_now now)
{
    uint16_t flags = 0;
    adit_err e;

    if (c->packet_id != 0)
        return ADIT_E_MALFORMED;
    if (s->has_remote)
        return ADIT_OK;
    e = adit_early_parse(c->payload, &flags);
    if (e != ADIT_OK)
        return e;
    memcpy(s->remote.b, packet.p + 1, sizeof s->remote.b);
    s->has_remote = true;
    s->resend_wkc = s->is_v2 && (flags & ADIT_EARLY_RESEND_WKC);
    adit_reliable_retry_all(&s->primary.rel, now);
    return ADIT_OK;
}

adit_err adit_session_recv(struct adit_session *s, adit_bytes packet, adit_now now)
{
    uint8_t scratch[ADIT_CTRL_PACKET_MAX];
    struct adit_ctrl c;
    adit_bytes body;
    enum adit_op op;
    uint8_t key_id;
    adit_err e;

    e = check_head(s, packet);
    if (e != ADIT_OK)
        return e;
    e = unwrap(s, packet, scratch, now, &body);
    if (e != ADIT_OK)
        return e;
    op = adit_packet_op(packet.p[0]);
    key_id = adit_packet_key_id(packet.p[0]);
    e = adit_ctrl_parse(body, op == ADIT_OP_ACK_V1, &c);
    if (e != ADIT_OK)
        return e;
    if (c.n_acks > 0 && !adit_sid_eq(&c.ack_sid, &s->local))
        return ADIT_E_SESSION_ID;
    if (op == ADIT_OP_SOFT_RESET_V1 && c.packet_id != 0)
        e = ADIT_E_MALFORMED;
    else if (op == ADIT_OP_SOFT_RESET_V1 && key_id != s->primary.key_id)
        e = adit_session_accept_soft_reset(s, key_id, now);
    else if (adit_packet_is_hard_reset(op))
        e = on_hard_reset(s, packet, &c, now);
    if (e != ADIT_OK)
        return e;
    if (key_id != s->primary.key_id)
        return ADIT_E_KEY_ID;
    if (!s->primary.is_active)
        s->newest_key_id = key_id;
    adit_reliable_acked(&s->primary.rel, c.acks, c.n_acks, now);
    if (!c.is_ack_only)
        e = adit_reliable_received(&s->primary.rel, c.packet_id, c.payload);
    /* Whatever became of the content, its acknowledgements may have opened the window. */
    adit_session_advance(s, now);
    return e == ADIT_E_REPLAY ? ADIT_OK : e;
}

/* ---- packets out ---- */

static bool wrap_out(struct adit_session *s, enum adit_op op, const struct adit_ctrl *c, adit_now now,
                     struct adit_wr *packet)
{
    uint8_t buf[ADIT_CTRL_PACKET_MAX];
    struct adit_wr body = adit_wr_of(buf, sizeof buf);
    struct adit_key_state *k = &s->primary;
    bool is_dyn = s->own_wrap_dyn && k->key_id > 0;
    adit_err e;

    adit_ctrl_build(c, &body);
    e = adit_wr_end(&body);
    if (e == ADIT_OK)
        e = adit_wrap_seal(is_dyn ? &s->wrap_dyn : &s->wrap, adit_packet_first(op, k->key_id), &s->local,
                           adit_wr_view(&body), now, packet);
    if (e == ADIT_OK && adit_packet_has_wkc(op)) {
        adit_wr_bytes(packet, s->wkc);
        e = adit_wr_end(packet);
    }
    if (e != ADIT_OK)
        adit_error(&s->env.log, s->subject, "control packet could not be built: %s", adit_err_text(e));
    return e == ADIT_OK;
}

bool adit_session_next_tx(struct adit_session *s, adit_now now, struct adit_wr *packet)
{
    struct adit_key_state *k = &s->primary;
    bool is_bare = !s->own_wrap_dyn && adit_wrap_key_mode(s->wrap.key) == ADIT_WRAP_NONE;
    struct adit_ctrl c;
    enum adit_op op;

    if (!k->is_used)
        return false;
    if (adit_reliable_next_out(&k->rel, now, ADIT_ACKS_CTRL_MAX, &op, &c)) {
        c.ack_sid = s->remote;
        return wrap_out(s, op, &c, now, packet);
    }
    if (!s->has_remote || !adit_reliable_next_ack(&k->rel, is_bare ? ACKS_MAX_BARE : ADIT_ACKS_MAX, &c))
        return false;
    c.ack_sid = s->remote;
    return wrap_out(s, ADIT_OP_ACK_V1, &c, now, packet);
}

/* ---- the clock ---- */

void adit_session_tick(struct adit_session *s, adit_now now)
{
    if (s->is_ending) {
        if (now.mono_ns >= s->end_ns && s->end_ns != ADIT_NEVER) {
            s->is_closed = true;
            s->end_ns = ADIT_NEVER;
        }
        return;
    }
    adit_session_tick_keys(s, now);
    if (!s->is_ending)
        adit_session_tick_push(s, now);
}

uint64_t adit_session_deadline(const struct adit_session *s)
{
    const struct adit_key_state *k = &s->primary;
    uint64_t at = adit_reliable_deadline(&k->rel);

    if (s->is_ending)
        return adit_earlier(at, s->end_ns);
    at = adit_earlier(at, adit_session_keys_deadline(s));
    return adit_earlier(at, adit_session_push_deadline(s));
}

void adit_session_end(struct adit_session *s, adit_err reason, uint32_t linger_s, adit_now now)
{
    /* A second failure must not prolong the first one's time (a refused client would stay for ever). */
    if (s->is_ending)
        return;
    s->is_ending = true;
    s->end_reason = reason;
    s->end_ns = adit_now_after_s(now, linger_s);
}

static void name_key(struct adit_session *s, struct adit_key_state *k)
{
    if (k->tls && s->p->tls->name)
        s->p->tls->name(k->tls, s->subject);
}

void adit_session_name(struct adit_session *s, const char *subject)
{
    char *copy = subject ? adit_strdup(subject) : NULL;
    char *was = s->subject;

    if (subject && !copy)
        return; /* no memory: the old name will do */
    s->subject = copy;
    name_key(s, &s->primary);
    name_key(s, &s->lame);
    adit_free(was);
}

/* ---- facts ---- */

bool adit_session_is_of_peer(const struct adit_session *s, adit_bytes packet)
{
    return s->has_remote && packet.n >= ADIT_CTRL_HEAD_LEN &&
           memcmp(packet.p + 1, s->remote.b, sizeof s->remote.b) == 0;
}

const struct adit_sid *adit_session_remote_sid(const struct adit_session *s)
{
    return &s->remote;
}

const struct adit_sid *adit_session_local_sid(const struct adit_session *s)
{
    return &s->local;
}

const struct adit_identity *adit_session_identity(const struct adit_session *s)
{
    return &s->identity;
}

const struct adit_agreed *adit_session_agreed(const struct adit_session *s)
{
    return s->has_agreed ? &s->agreed : NULL;
}

bool adit_session_is_up(const struct adit_session *s)
{
    return s->is_up && !s->is_ending;
}

bool adit_session_is_quiet(const struct adit_session *s)
{
    return s->n_say == 0 && (!s->primary.tls || s->p->tls->pending(s->primary.tls) == 0) &&
           adit_reliable_all_acked(&s->primary.rel);
}
