/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One key id from its reset to its data keys.
 *
 *   reset sent -> reset acknowledged -> TLS up -> key method 2 both ways -> everything acknowledged: active
 *
 * Data keys come to the plane before the peer can use them: a server hands them out when it has read the
 * client's key message (its answer, without which the client has no keys, is sent after that), a client when
 * it has read the server's. So a renegotiation loses nothing, whatever overtakes what. Protocol text: 4.5 to
 * 4.8, 6.
 */
#include "core/session_parts.h"

#include <string.h>

#include "base/mem.h"

enum {
    HEADERS_V4 = 28, /* IP and UDP, as max-packet-size counts them; also used for TCP */
    HEADERS_V6 = 48,
    ACK_BLOCK_MAX = 1 + 4 * ADIT_ACKS_CTRL_MAX + ADIT_SID_LEN,
    PACKET_ID_LEN = 4,
    CRYPT_SPARE = 16, /* 2.x budgets a cipher block for tls-crypt that it does not send */
    PAYLOAD_MIN = 16,
};

/* ---- life ---- */

adit_err adit_key_state_begin(struct adit_session *s, uint8_t key_id, adit_now now)
{
    struct adit_key_state *k = &s->primary;
    enum adit_op op = ADIT_OP_SOFT_RESET_V1;
    adit_err e;

    *k = (struct adit_key_state){.is_used = true, .key_id = key_id, .started_ns = now.mono_ns};
    k->must_be_active_ns = adit_now_after_s(now, s->p->hand_window_s);
    k->renew_ns = k->use_ns = k->dies_ns = k->back_ns = ADIT_NEVER;
    adit_reliable_init(&k->rel, s->p->tls_timeout_s * ADIT_NS_PER_S);
    k->tls = s->p->tls->make(s->p->tls_ctx, adit_session_is_tls_server(s), now);
    if (!k->tls)
        return ADIT_E_MEMORY;
    if (s->p->tls->name)
        s->p->tls->name(k->tls, s->subject);
    e = adit_rng_fill(&s->env.rng, &k->own, sizeof k->own);
    if (e != ADIT_OK)
        return e;
    if (key_id == 0 && adit_session_is_tls_server(s))
        op = ADIT_OP_HARD_RESET_SERVER_V2;
    else if (key_id == 0)
        op = s->is_v2 ? ADIT_OP_HARD_RESET_CLIENT_V3 : ADIT_OP_HARD_RESET_CLIENT_V2;
    return adit_reliable_send(&k->rel, op, adit_bytes_of(NULL, 0), now);
}

void adit_key_state_free(struct adit_session *s, struct adit_key_state *k)
{
    if (!k->is_used)
        return;
    if (k->tls)
        s->p->tls->free(k->tls);
    adit_reliable_fini(&k->rel);
    adit_wipe(k, sizeof *k);
}

/* ---- TLS bytes to control packets ---- */

static size_t payload_room(const struct adit_session *s, enum adit_op op)
{
    const struct adit_wrap *w = s->own_wrap_dyn && s->primary.key_id > 0 ? &s->wrap_dyn : &s->wrap;
    size_t taken = s->is_ipv6 ? HEADERS_V6 : HEADERS_V4;

    taken += ADIT_CTRL_HEAD_LEN + ACK_BLOCK_MAX + PACKET_ID_LEN + adit_wrap_overhead(w->key);
    if (adit_wrap_key_mode(w->key) == ADIT_WRAP_CRYPT)
        taken += CRYPT_SPARE;
    if (adit_packet_has_wkc(op))
        taken += s->wkc.n;
    return taken + PAYLOAD_MIN < s->p->max_packet_size ? s->p->max_packet_size - taken : PAYLOAD_MIN;
}

void adit_session_flush_tls(struct adit_session *s, adit_now now)
{
    struct adit_key_state *k = &s->primary;
    uint8_t buf[ADIT_CTRL_PACKET_MAX];

    while (k->tls && k->was_reset_acked && adit_reliable_can_send(&k->rel)) {
        bool with_wkc = s->resend_wkc && k->key_id == 0 && k->rel.next_out_id == 1;
        enum adit_op op = with_wkc ? ADIT_OP_CONTROL_WKC_V1 : ADIT_OP_CONTROL_V1;
        size_t n = s->p->tls->drain(k->tls, buf, payload_room(s, op));

        if (n == 0)
            return;
        if (adit_reliable_send(&k->rel, op, adit_bytes_of(buf, n), now) != ADIT_OK) {
            adit_session_fail(s, ADIT_E_MEMORY, NULL, now);
            return;
        }
    }
}

/* ---- data keys ---- */

static adit_err derive(struct adit_session *s, struct adit_key_state *k, struct adit_key_block *out)
{
    bool is_server = adit_session_is_tls_server(s);

    if (s->agreed.want_ekm)
        return s->p->tls->export_key(k->tls, ADIT_EXPORT_DATA_KEYS, out->b, sizeof out->b);
    return adit_keys_prf(is_server ? &k->peer : &k->own, is_server ? &k->own : &k->peer,
                         is_server ? &s->remote : &s->local, is_server ? &s->local : &s->remote, out);
}

static void make_data_keys(struct adit_session *s, adit_now now)
{
    struct adit_key_state *k = &s->primary;
    struct adit_event ev = {.kind = ADIT_EV_KEYS, .key_id = k->key_id};
    adit_err e = derive(s, k, &ev.keys.block);

    if (e != ADIT_OK) {
        adit_session_fail(s, e, "data keys could not be derived", now);
        return;
    }
    ev.keys.key_id = k->key_id;
    ev.keys.is_server = adit_session_is_tls_server(s);
    ev.keys.format = ADIT_FORMAT_AEAD;
    ev.keys.cipher = s->agreed.cipher;
    adit_session_emit(s, &ev);
    k->has_data_keys = true;
    k->is_sending = !s->lame.is_used;
    adit_log(&s->env.log, ADIT_LOG_DEBUG, 4, s->subject,
             "Data Channel: key id %u has its keys, cipher '%s'%s", k->key_id, s->agreed.cipher->name,
             s->agreed.want_ekm ? ", from the TLS exporter" : "");
    adit_wipe(&k->own, sizeof k->own);
    adit_wipe(&k->peer, sizeof k->peer);
}

/* Protocol text 2.7: the wrapping of all later key ids, bound to this TLS session. */
static adit_err make_dynamic_wrap(struct adit_session *s)
{
    struct adit_static_key key;
    adit_err e;

    if (!s->agreed.want_dyn_tls_crypt || s->own_wrap_dyn)
        return ADIT_OK;
    e = s->p->tls->export_key(s->primary.tls, ADIT_EXPORT_TLS_CRYPT, key.b, sizeof key.b);
    if (e != ADIT_OK)
        return e;
    for (size_t i = 0; s->wrap_static && i < sizeof key.b; i++)
        key.b[i] ^= s->wrap_static->b[i];
    s->own_wrap_dyn = adit_wrap_key_crypt(&key, adit_session_is_tls_server(s));
    adit_wipe(&key, sizeof key);
    if (!s->own_wrap_dyn)
        return ADIT_E_MEMORY;
    adit_wrap_init(&s->wrap_dyn, s->own_wrap_dyn, ADIT_WRAP_FIRST_ID, s->p->replay_window, s->p->replay_s);
    return ADIT_OK;
}

/* Two ends without push: both take the peer id from the TLS session, where both can export (8.5). */
static adit_err refine_p2p_id(struct adit_session *s)
{
    uint8_t id[3];
    adit_err e;

    if (s->p->role != ADIT_ROLE_P2P_CLIENT && s->p->role != ADIT_ROLE_P2P_SERVER)
        return ADIT_OK;
    if (!s->agreed.want_ekm || s->agreed.peer_id == ADIT_PEER_ID_NONE)
        return ADIT_OK;
    e = s->p->tls->export_key(s->primary.tls, ADIT_EXPORT_P2P_ID, id, sizeof id);
    if (e == ADIT_OK)
        s->agreed.peer_id = (uint32_t)id[0] << 16 | (uint32_t)id[1] << 8 | id[2];
    return e;
}

/* What was agreed for the connection takes effect: at the first key id only. */
static void settle(struct adit_session *s, const struct adit_agreed *agreed, adit_now now)
{
    adit_err e;

    s->agreed = *agreed;
    s->has_agreed = true;
    e = make_dynamic_wrap(s);
    if (e == ADIT_OK)
        e = refine_p2p_id(s);
    adit_free_secret(s->wrap_static, sizeof *s->wrap_static);
    s->wrap_static = NULL;
    if (e != ADIT_OK)
        adit_session_fail(s, e, "the TLS exporter refused", now);
    else
        make_data_keys(s, now);
}

/* ---- becoming active ---- */

static void go_up(struct adit_session *s)
{
    struct adit_event ev = {.kind = ADIT_EV_UP};

    if (s->is_up || !s->primary.is_active || !s->primary.has_data_keys)
        return;
    s->is_up = true;
    adit_session_emit(s, &ev);
}

static void become_active(struct adit_session *s, adit_now now)
{
    struct adit_key_state *k = &s->primary;

    k->is_active = true;
    k->must_be_active_ns = ADIT_NEVER;
    adit_session_plan_keys(s, now);
    if (s->p->role == ADIT_ROLE_CLIENT && !s->push_done) {
        s->push_next_ns = adit_now_after_s(now, 1);
        s->push_until_ns = adit_now_after_s(now, s->p->hand_window_s);
    }
}

/* ---- TLS up, key method 2 ---- */

/* Certificates and name are locked at the first negotiation (4.9). */
static bool is_same_identity(struct adit_session *s)
{
    const struct adit_identity *id = s->p->tls->identity(s->primary.tls);

    if (s->has_identity)
        return s->identity.has_cert == id->has_cert &&
               adit_bytes_eq_secret(adit_bytes_of(s->identity.chain_sha256, sizeof s->identity.chain_sha256),
                                    adit_bytes_of(id->chain_sha256, sizeof id->chain_sha256));
    s->identity = *id;
    s->has_identity = true;
    return true;
}

static void on_tls_up(struct adit_session *s, adit_now now)
{
    struct adit_key_state *k = &s->primary;
    struct adit_event ev = {.kind = ADIT_EV_TLS_UP, .key_id = k->key_id, .is_renewal = k->key_id > 0};

    if (!is_same_identity(s)) {
        /* Not a failure of this key only: somebody else holds the session, and the old key with it. */
        adit_session_end(s, ADIT_E_IDENTITY, 0, now);
        return;
    }
    k->is_tls_up = true;
    ev.text = adit_bytes_str(s->p->tls->describe(k->tls));
    ev.identity = &s->identity;
    adit_session_emit(s, &ev);
}

static void send_key_message(struct adit_session *s, adit_now now)
{
    struct adit_key_state *k = &s->primary;
    uint8_t buf[ADIT_RECORD_MAX];
    struct adit_wr w = adit_wr_of(buf, sizeof buf);
    struct adit_keymsg m = {.source = k->own, .options = adit_bytes_str(s->p->options)};
    adit_err e;

    m.peer_info = adit_bytes_str(s->p->peer_info);
    if (s->p->user)
        m.user = adit_bytes_str(s->p->user);
    if (s->p->password)
        m.password = adit_bytes_str(s->p->password);
    adit_keymsg_build(&m, !adit_session_is_tls_server(s), &w);
    e = adit_wr_end(&w);
    if (e == ADIT_OK)
        e = s->p->tls->write(k->tls, adit_wr_view(&w));
    adit_wipe(buf, sizeof buf);
    adit_wipe(&m, sizeof m);
    if (e != ADIT_OK)
        adit_session_fail(s, e, "the key method 2 message could not be sent", now);
    else
        k->has_sent_key = true;
}

static void log_options(const struct adit_session *s, adit_bytes options)
{
    char text[512];

    adit_log(&s->env.log, ADIT_LOG_DEBUG, 4, s->subject, "Local Options String: '%s'", s->p->options);
    adit_log(&s->env.log, ADIT_LOG_DEBUG, 4, s->subject, "Remote Options String: '%s'",
             adit_log_clean(options, text, sizeof text));
}

static void on_key_message(struct adit_session *s, adit_bytes record, adit_now now)
{
    struct adit_key_state *k = &s->primary;
    struct adit_event ev = {.kind = ADIT_EV_AUTH_WANTED, .key_id = k->key_id, .is_renewal = k->key_id > 0};
    struct adit_keymsg m;
    struct adit_peer_info info;
    adit_err e = adit_keymsg_parse(record, adit_session_is_tls_server(s), &m);

    if (e != ADIT_OK) {
        adit_session_fail(s, e, NULL, now);
        return;
    }
    k->peer = m.source;
    k->has_got_key = true;
    log_options(s, m.options);
    ev.peer_options = m.options;
    ev.peer_info = m.peer_info;
    ev.user = m.user;
    ev.password = m.password;
    ev.identity = &s->identity;
    adit_wipe(&m.source, sizeof m.source);
    if (s->p->role == ADIT_ROLE_CLIENT) {
        /* Options and keys come with the push reply; in a renegotiation they are known already. */
        if (s->has_agreed)
            make_data_keys(s, now);
        else
            adit_session_keep_options(s, m.options);
        return;
    }
    adit_peer_info_parse(m.peer_info, &info);
    s->wants_push_unasked = info.iv_proto & ADIT_IV_REQUEST_PUSH;
    adit_session_emit(s, &ev);
}

/* ---- the machine ---- */

static bool step_tls(struct adit_session *s, adit_now now)
{
    struct adit_key_state *k = &s->primary;
    enum adit_tls_state state;
    adit_err why = ADIT_E_TLS;

    if (k->is_tls_up || !k->was_reset_acked)
        return k->is_tls_up;
    state = s->p->tls->step(k->tls, &why);
    if (state == ADIT_TLS_UP) {
        on_tls_up(s, now);
        return k->is_tls_up;
    }
    if (state == ADIT_TLS_FAILED) {
        /* The alert is packed before the end begins: it goes out once, nobody waits for its ack (4.6). */
        adit_session_flush_tls(s, now);
        adit_session_fail(s, why, s->p->tls->describe(k->tls), now);
    }
    return false;
}

static void read_records(struct adit_session *s, adit_now now)
{
    struct adit_key_state *k = &s->primary;
    uint8_t record[ADIT_RECORD_MAX];
    size_t n = 0;

    while (!s->is_ending && !k->has_failed) {
        adit_err e = s->p->tls->read(k->tls, record, sizeof record, &n);

        if (e != ADIT_OK) {
            adit_session_fail(s, e, s->p->tls->describe(k->tls), now);
            break;
        }
        if (n == 0)
            break;
        if (!k->has_got_key)
            on_key_message(s, adit_bytes_of(record, n), now);
        else
            adit_session_on_record(s, adit_bytes_of(record, n), now);
    }
    adit_wipe(record, sizeof record);
}

static void feed_tls(struct adit_session *s, adit_now now)
{
    struct adit_key_state *k = &s->primary;
    adit_bytes payload;
    uint32_t id;

    /* Until our reset is acknowledged TLS does not run, and what it does not read must not pile up: it waits
     * in the receive window. Later, too, nobody may fill the memory of what does not read any more. */
    while (k->was_reset_acked && adit_reliable_next_in(&k->rel, &id, &payload)) {
        if (id == 0 || payload.n == 0 || k->has_failed || s->is_ending)
            continue; /* resets carry nothing for TLS */
        if (s->p->tls->feed(k->tls, payload) != ADIT_OK)
            adit_session_fail(s, ADIT_E_MEMORY, NULL, now);
    }
}

void adit_session_advance(struct adit_session *s, adit_now now)
{
    struct adit_key_state *k = &s->primary;
    bool is_server = adit_session_is_tls_server(s);

    if (!k->tls)
        return; /* out of memory; the end is near */
    if (!k->was_reset_acked && adit_reliable_all_acked(&k->rel))
        k->was_reset_acked = true;
    feed_tls(s, now);
    if (k->has_failed) {
        adit_session_flush_tls(s, now);
        return;
    }
    if (step_tls(s, now)) {
        if (!is_server && !k->has_sent_key)
            send_key_message(s, now);
        read_records(s, now);
        if (is_server && k->has_got_key && !k->has_sent_key && !k->has_failed)
            send_key_message(s, now);
    }
    adit_session_flush_say(s, now);
    adit_session_flush_tls(s, now);
    if (!k->is_active && k->has_sent_key && k->has_got_key && s->p->tls->pending(k->tls) == 0 &&
        adit_reliable_all_acked(&k->rel)) {
        become_active(s, now);
        adit_session_flush_say(s, now);
    }
    if (!s->is_ending && (k->is_admitted || k->key_id > 0))
        go_up(s);
    adit_session_tick_push(s, now);
    adit_session_flush_tls(s, now);
}

adit_err adit_session_admit(struct adit_session *s, const struct adit_agreed *agreed, adit_bytes push,
                            adit_now now)
{
    struct adit_key_state *k = &s->primary;

    if (k->has_failed && !s->is_ending)
        return ADIT_OK; /* the renewal failed while the host thought about it; the old key goes on */
    if (!k->has_got_key || k->is_admitted || s->is_ending)
        return ADIT_E_STATE;
    if (push.n > 0 && k->key_id == 0) {
        uint8_t *copy = adit_alloc(push.n);

        if (!copy)
            return ADIT_E_MEMORY;
        memcpy(copy, push.p, push.n);
        adit_free(s->push);
        s->push = copy;
        s->push_n = push.n;
    }
    k->is_admitted = true;
    if (s->has_agreed)
        make_data_keys(s, now);
    else
        settle(s, agreed, now);
    adit_session_advance(s, now);
    return ADIT_OK;
}

adit_err adit_session_apply(struct adit_session *s, const struct adit_agreed *agreed, adit_now now)
{
    if (s->has_agreed || !s->push_done || s->is_ending)
        return ADIT_E_STATE;
    s->primary.is_admitted = true;
    settle(s, agreed, now);
    adit_session_advance(s, now);
    return ADIT_OK;
}
