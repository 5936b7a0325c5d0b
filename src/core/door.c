/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cookie is our session id: a MAC over a slot of time, the client's address and its session id. It proves
 * that the client receives at its address, and costs no memory. Protocol text: 3, 2.5.1.
 */
#include "core/door.h"

#include <string.h>

#include "wire/ctrl.h"

enum {
    COOKIE_KEY_LEN = 32,
    COOKIE_SLOTS = 3, /* the current slot and the two before it */
    THIRD_PACKET_ID_MAX = 1,
};

adit_err adit_door_init(struct adit_door *d, const struct adit_door_params *p, const struct adit_rng *rng)
{
    uint8_t key[COOKIE_KEY_LEN];
    adit_err e = adit_rng_fill(rng, key, sizeof key);

    *d = (struct adit_door){.p = *p};
    if (e != ADIT_OK)
        return e;
    d->cookie_mac = adit_mac_new(adit_digest_find("SHA256"), adit_bytes_of(key, sizeof key));
    adit_wipe(key, sizeof key);
    return d->cookie_mac ? ADIT_OK : ADIT_E_CRYPTO;
}

void adit_door_fini(struct adit_door *d)
{
    adit_mac_free(d->cookie_mac);
    d->cookie_mac = NULL;
}

/* ---- the cookie ---- */

static uint64_t slot_of(const struct adit_door *d, adit_now now)
{
    uint64_t slot_s = ((uint64_t)d->p.hand_window_s + 1) / 2;

    return now.mono_ns / ADIT_NS_PER_S / (slot_s > 0 ? slot_s : 1);
}

static adit_err make_cookie(const struct adit_door *d, uint64_t slot, const struct adit_addr *from,
                            const struct adit_sid *client, struct adit_sid *cookie)
{
    uint8_t input[64], mac[ADIT_DIGEST_MAX];
    struct adit_wr w = adit_wr_of(input, sizeof input);
    adit_bytes part;
    adit_err e;

    adit_wr_u64(&w, slot);
    adit_wr_u8(&w, from->ip.family);
    adit_wr_bytes(&w, adit_bytes_of(from->ip.b, sizeof from->ip.b));
    adit_wr_u16(&w, from->port);
    adit_wr_u32(&w, from->scope);
    adit_wr_bytes(&w, adit_bytes_of(client->b, sizeof client->b));
    part = adit_wr_view(&w);
    e = adit_mac_of(d->cookie_mac, &part, 1, mac);
    if (e != ADIT_OK)
        return e;
    memcpy(cookie->b, mac, sizeof cookie->b);
    /* A session id must not be zero; one in 2^64 is nudged. */
    if (adit_sid_is_zero(cookie))
        cookie->b[0] = 1;
    return ADIT_OK;
}

static bool is_our_cookie(const struct adit_door *d, const struct adit_addr *from,
                          const struct adit_sid *client, const struct adit_sid *claimed, adit_now now)
{
    uint64_t slot = slot_of(d, now);
    bool is_ours = false;

    for (uint64_t back = 0; back < COOKIE_SLOTS && back <= slot; back++) {
        struct adit_sid cookie;

        if (make_cookie(d, slot - back, from, client, &cookie) == ADIT_OK)
            is_ours |= adit_sid_eq(&cookie, claimed);
    }
    return is_ours;
}

/* ---- taking a first packet apart ---- */

struct first_packet {
    enum adit_op op;
    struct adit_wrap_head head;
    struct adit_ctrl ctrl;
    struct adit_wrap_key *key; /* what opens it; owned if is_v2 */
    bool is_v2;
};

static adit_err check_clear(adit_bytes packet, struct adit_sid *client)
{
    if (packet.n < ADIT_CTRL_HEAD_LEN || packet.n > ADIT_CTRL_PACKET_MAX)
        return ADIT_E_MALFORMED;
    switch (adit_packet_op(packet.p[0])) {
    case ADIT_OP_CONTROL_V1:
    case ADIT_OP_ACK_V1:
    case ADIT_OP_HARD_RESET_CLIENT_V2:
    case ADIT_OP_HARD_RESET_CLIENT_V3:
    case ADIT_OP_CONTROL_WKC_V1:
        break;
    default:
        return ADIT_E_OPCODE;
    }
    if (adit_packet_key_id(packet.p[0]) != 0)
        return ADIT_E_KEY_ID;
    memcpy(client->b, packet.p + 1, sizeof client->b);
    return adit_sid_is_zero(client) ? ADIT_E_SESSION_ID : ADIT_OK;
}

static adit_err open_v2(const struct adit_door *d, adit_bytes *packet, struct first_packet *fp,
                        struct adit_admission *adm)
{
    adit_bytes wkc;
    adit_err e;

    if (!d->p.v2)
        return ADIT_E_OPCODE;
    e = adit_wkc_split(*packet, packet, &wkc);
    if (e != ADIT_OK)
        return e;
    e = adit_wkc_unwrap(d->p.v2, wkc, &adm->kc, &adm->metadata);
    if (e != ADIT_OK)
        return e;
    fp->key = adit_wrap_key_crypt(&adm->kc, true);
    fp->is_v2 = true;
    return fp->key ? ADIT_OK : ADIT_E_MEMORY;
}

/* Authenticates and parses; `scratch` holds what fp->ctrl lends. */
static adit_err open_first(const struct adit_door *d, adit_bytes packet, uint8_t *scratch,
                           struct first_packet *fp, struct adit_admission *adm)
{
    adit_bytes body;
    adit_err e = ADIT_OK;

    fp->op = adit_packet_op(packet.p[0]);
    fp->key = d->p.wrap;
    if (adit_packet_has_wkc(fp->op))
        e = open_v2(d, &packet, fp, adm);
    else if (!d->p.wrap && !d->p.is_bare_allowed)
        e = ADIT_E_AUTH; /* only clients with their own wrapped key are welcome */
    if (e == ADIT_OK)
        e = adit_wrap_open_with(fp->key, packet, scratch, &fp->head, &body);
    if (e == ADIT_OK && fp->key && fp->head.replay_id == 0)
        e = ADIT_E_REPLAY;
    if (e == ADIT_OK)
        e = adit_ctrl_parse(body, fp->op == ADIT_OP_ACK_V1, &fp->ctrl);
    return e;
}

static void close_first(struct first_packet *fp)
{
    if (fp->is_v2)
        adit_wrap_key_free(fp->key);
}

/* ---- the answers ---- */

static adit_err build_reply(const struct adit_door *d, const struct adit_addr *from,
                            const struct first_packet *fp, adit_now now, struct adit_wr *reply)
{
    uint8_t body_buf[128], tlv_buf[ADIT_EARLY_TLV_LEN];
    struct adit_wr body = adit_wr_of(body_buf, sizeof body_buf), tlv = adit_wr_of(tlv_buf, sizeof tlv_buf);
    struct adit_ctrl c = {.n_acks = 1, .ack_sid = fp->head.sid};
    struct adit_wrap_head head = {
        .first = adit_packet_first(ADIT_OP_HARD_RESET_SERVER_V2, 0),
        .replay_id = ADIT_WRAP_FIRST_ID,
        .net_time = (uint32_t)now.wall_s,
    };
    adit_err e = make_cookie(d, slot_of(d, now), from, &fp->head.sid, &head.sid);

    if (e != ADIT_OK)
        return e;
    if (fp->is_v2) {
        adit_early_build(ADIT_EARLY_RESEND_WKC, &tlv);
        c.payload = adit_wr_view(&tlv);
    }
    adit_ctrl_build(&c, &body);
    return adit_wrap_seal_with(fp->key, &head, adit_wr_view(&body), reply);
}

static bool has_early_marker(const struct first_packet *fp)
{
    return (fp->head.replay_id & 0xff000000) == 0x0f000000;
}

static enum adit_door_verdict drop(adit_err *why, adit_err e)
{
    *why = e;
    return ADIT_DOOR_DROP;
}

static enum adit_door_verdict on_reset(struct adit_door *d, const struct adit_addr *from,
                                       const struct first_packet *fp, adit_now now, struct adit_wr *reply,
                                       adit_err *why)
{
    bool is_old_v2 = fp->is_v2 && !has_early_marker(fp);
    adit_err e;

    if (fp->ctrl.packet_id != 0)
        return drop(why, ADIT_E_MALFORMED);
    if (is_old_v2 && d->p.force_cookie)
        return drop(why, ADIT_E_COOKIE);
    /* The limit is for those without cookie, too: a recorded packet of theirs, played back from anywhere,
     * makes a session each time. */
    if (!adit_rate_take(&d->rate, d->p.initial_n, d->p.initial_s, now))
        return drop(why, ADIT_E_RATE);
    if (is_old_v2)
        return ADIT_DOOR_ADMIT;
    e = build_reply(d, from, fp, now, reply);
    return e == ADIT_OK ? ADIT_DOOR_REPLY : drop(why, e);
}

static enum adit_door_verdict on_third(struct adit_door *d, const struct adit_addr *from,
                                       const struct first_packet *fp, adit_now now,
                                       struct adit_admission *adm, adit_err *why)
{
    if (fp->ctrl.n_acks == 0)
        return drop(why, ADIT_E_COOKIE);
    for (size_t i = 0; i < fp->ctrl.n_acks; i++) {
        if (fp->ctrl.acks[i] > THIRD_PACKET_ID_MAX)
            return drop(why, ADIT_E_WINDOW);
    }
    if (!fp->ctrl.is_ack_only && fp->ctrl.packet_id > THIRD_PACKET_ID_MAX)
        return drop(why, ADIT_E_WINDOW);
    if (!is_our_cookie(d, from, &fp->head.sid, &fp->ctrl.ack_sid, now))
        return drop(why, ADIT_E_COOKIE);
    adm->cookie = fp->ctrl.ack_sid;
    adm->has_cookie = true;
    /* A finished handshake gives its reply back to the limit (3.6). */
    adit_rate_give_back(&d->rate);
    return ADIT_DOOR_ADMIT;
}

enum adit_door_verdict adit_door_recv(struct adit_door *d, const struct adit_addr *from, adit_bytes packet,
                                      adit_now now, struct adit_wr *reply, struct adit_admission *adm,
                                      adit_err *why)
{
    uint8_t scratch[ADIT_CTRL_PACKET_MAX];
    struct first_packet fp = {0};
    enum adit_door_verdict verdict;
    adit_err e;

    memset(adm, 0, sizeof *adm);
    e = check_clear(packet, &adm->remote);
    if (e != ADIT_OK)
        return drop(why, e);
    e = open_first(d, packet, scratch, &fp, adm);
    if (e != ADIT_OK)
        verdict = drop(why, e);
    else if (adit_packet_is_hard_reset(fp.op))
        verdict = on_reset(d, from, &fp, now, reply, why);
    else
        verdict = on_third(d, from, &fp, now, adm, why);
    adm->is_v2 = fp.is_v2;
    close_first(&fp);
    if (verdict != ADIT_DOOR_ADMIT)
        adit_wipe(&adm->kc, sizeof adm->kc);
    return verdict;
}

enum adit_door_verdict adit_door_recv_stream(struct adit_door *d, adit_bytes packet, adit_now now,
                                             struct adit_admission *adm, adit_err *why)
{
    uint8_t scratch[ADIT_CTRL_PACKET_MAX];
    struct first_packet fp = {0};
    adit_err e;

    (void)now;
    memset(adm, 0, sizeof *adm);
    e = check_clear(packet, &adm->remote);
    if (e == ADIT_OK && !adit_packet_is_hard_reset(adit_packet_op(packet.p[0])))
        e = ADIT_E_OPCODE;
    if (e == ADIT_OK)
        e = open_first(d, packet, scratch, &fp, adm);
    if (e == ADIT_OK && fp.ctrl.packet_id != 0)
        e = ADIT_E_MALFORMED;
    adm->is_v2 = fp.is_v2;
    close_first(&fp);
    if (e == ADIT_OK)
        return ADIT_DOOR_ADMIT;
    adit_wipe(&adm->kc, sizeof adm->kc);
    return drop(why, e);
}
