/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wrapping of control packets. Everything keyed is made with the key object, so that a flood of packets costs
 * a HMAC each and no allocation of ours. tls-auth: the HMAC stands before the replay id on the wire, but
 * covers replay id and time first. tls-crypt: the tag covers head and plaintext and is the IV. Protocol
 * text: 2.2, 2.3.
 */
#include "proto/wrap.h"

#include <assert.h>

#include "base/mem.h"

enum {
    CRYPT_TAG_LEN = 32,
    CRYPT_IV_LEN = 16, /* the front of the tag */
    SUB_KEY_LEN = 32,
    REPLAY_LEN = 8, /* replay id and net_time */
    CRYPT_HEAD_LEN = ADIT_CTRL_HEAD_LEN + REPLAY_LEN,
    /* The static key: two halves, each a slot for a cipher key and one for an HMAC key. */
    HALF_LEN = 128,
    HMAC_AT = 64,
};

static_assert(ADIT_WRAP_REPLAY_MAX_WORDS * 64 == ADIT_WRAP_REPLAY_MAX, "the ring holds the largest window");

struct adit_wrap_key {
    enum adit_wrap_mode mode;
    size_t tag_len;
    struct adit_mac *tx_mac, *rx_mac;
    struct adit_ctr *tx_ctr, *rx_ctr; /* NULL for tls-auth */
};

static struct adit_wrap_key *key_or_null(struct adit_wrap_key *k, bool is_whole)
{
    if (is_whole)
        return k;
    adit_wrap_key_free(k);
    return NULL;
}

static struct adit_mac *mac_of_half(const struct adit_static_key *k, size_t half, const struct adit_digest *d,
                                    size_t key_len)
{
    return adit_mac_new(d, adit_bytes_of(k->b + half * HALF_LEN + HMAC_AT, key_len));
}

struct adit_wrap_key *adit_wrap_key_auth(const struct adit_static_key *k, const struct adit_digest *d,
                                         enum adit_key_direction dir)
{
    struct adit_wrap_key *w = adit_alloc(sizeof *w);
    size_t tx = dir == ADIT_KEYDIR_1 ? 1 : 0;
    size_t rx = dir == ADIT_KEYDIR_0 ? 1 : 0;

    if (!w)
        return NULL;
    w->mode = ADIT_WRAP_AUTH;
    w->tag_len = d->len;
    w->tx_mac = mac_of_half(k, tx, d, d->len);
    w->rx_mac = mac_of_half(k, rx, d, d->len);
    return key_or_null(w, w->tx_mac && w->rx_mac);
}

struct adit_wrap_key *adit_wrap_key_crypt(const struct adit_static_key *k, bool is_server)
{
    const struct adit_digest *sha256 = adit_digest_find("SHA256");
    struct adit_wrap_key *w = sha256 ? adit_alloc(sizeof *w) : NULL;
    size_t tx = is_server ? 0 : 1;
    size_t rx = is_server ? 1 : 0;

    if (!w)
        return NULL;
    w->mode = ADIT_WRAP_CRYPT;
    w->tag_len = CRYPT_TAG_LEN;
    w->tx_mac = mac_of_half(k, tx, sha256, SUB_KEY_LEN);
    w->rx_mac = mac_of_half(k, rx, sha256, SUB_KEY_LEN);
    w->tx_ctr = adit_ctr_new(k->b + tx * HALF_LEN);
    w->rx_ctr = adit_ctr_new(k->b + rx * HALF_LEN);
    return key_or_null(w, w->tx_mac && w->rx_mac && w->tx_ctr && w->rx_ctr);
}

void adit_wrap_key_free(struct adit_wrap_key *k)
{
    if (!k)
        return;
    adit_mac_free(k->tx_mac);
    adit_mac_free(k->rx_mac);
    adit_ctr_free(k->tx_ctr);
    adit_ctr_free(k->rx_ctr);
    adit_free(k);
}

enum adit_wrap_mode adit_wrap_key_mode(const struct adit_wrap_key *k)
{
    return k ? k->mode : ADIT_WRAP_NONE;
}

size_t adit_wrap_overhead(const struct adit_wrap_key *k)
{
    return k ? k->tag_len + REPLAY_LEN : 0;
}

/* ---- one packet, stateless ---- */

static void put_front(const struct adit_wrap_head *head, struct adit_wr *w)
{
    adit_wr_u8(w, head->first);
    adit_wr_bytes(w, adit_bytes_of(head->sid.b, sizeof head->sid.b));
}

static void put_replay(const struct adit_wrap_head *head, struct adit_wr *w)
{
    adit_wr_u32(w, head->replay_id);
    adit_wr_u32(w, head->net_time);
}

static adit_err tag_of_auth(struct adit_mac *mac, adit_bytes front, adit_bytes replay, adit_bytes body,
                            uint8_t *tag)
{
    const adit_bytes parts[] = {replay, front, body};

    return adit_mac_of(mac, parts, 3, tag);
}

static adit_err seal_auth(struct adit_wrap_key *key, const struct adit_wrap_head *head, adit_bytes body,
                          struct adit_wr *w)
{
    uint8_t *start = w->p, *tag;
    adit_err e;

    put_front(head, w);
    tag = adit_wr_reserve(w, key->tag_len);
    put_replay(head, w);
    adit_wr_bytes(w, body);
    e = adit_wr_end(w);
    if (e)
        return e;
    return tag_of_auth(key->tx_mac, adit_bytes_of(start, ADIT_CTRL_HEAD_LEN),
                       adit_bytes_of(tag + key->tag_len, REPLAY_LEN), body, tag);
}

static adit_err seal_crypt(struct adit_wrap_key *key, const struct adit_wrap_head *head, adit_bytes body,
                           struct adit_wr *w)
{
    const adit_bytes parts[] = {adit_bytes_of(w->p, CRYPT_HEAD_LEN), body};
    uint8_t *tag, *text;
    adit_err e;

    put_front(head, w);
    put_replay(head, w);
    tag = adit_wr_reserve(w, CRYPT_TAG_LEN);
    text = adit_wr_reserve(w, body.n);
    e = adit_wr_end(w);
    if (!e)
        e = adit_mac_of(key->tx_mac, parts, 2, tag);
    if (!e)
        e = adit_ctr_of(key->tx_ctr, tag, body, text);
    return e;
}

adit_err adit_wrap_seal_with(struct adit_wrap_key *key, const struct adit_wrap_head *head, adit_bytes body,
                             struct adit_wr *w)
{
    switch (adit_wrap_key_mode(key)) {
    case ADIT_WRAP_AUTH:
        return seal_auth(key, head, body, w);
    case ADIT_WRAP_CRYPT:
        return seal_crypt(key, head, body, w);
    case ADIT_WRAP_NONE:
        break;
    }
    put_front(head, w);
    adit_wr_bytes(w, body);
    return adit_wr_end(w);
}

static void take_replay(adit_bytes replay, struct adit_wrap_head *head)
{
    struct adit_rd r = adit_rd_of(replay);

    head->replay_id = adit_rd_u32(&r);
    head->net_time = adit_rd_u32(&r);
}

static adit_err open_auth(struct adit_wrap_key *key, adit_bytes packet, struct adit_wrap_head *head,
                          adit_bytes *body)
{
    struct adit_rd r = adit_rd_of(packet);
    adit_bytes front = adit_rd_take(&r, ADIT_CTRL_HEAD_LEN);
    adit_bytes tag = adit_rd_take(&r, key->tag_len);
    adit_bytes replay = adit_rd_take(&r, REPLAY_LEN);
    adit_bytes rest = adit_rd_rest(&r);
    uint8_t want[ADIT_DIGEST_MAX];
    adit_err e = adit_rd_end(&r);

    if (!e)
        e = tag_of_auth(key->rx_mac, front, replay, rest, want);
    if (e)
        return e;
    if (!adit_bytes_eq_secret(tag, adit_bytes_of(want, key->tag_len)))
        return ADIT_E_AUTH;
    take_replay(replay, head);
    *body = rest;
    return ADIT_OK;
}

static adit_err open_crypt(struct adit_wrap_key *key, adit_bytes packet, uint8_t *scratch,
                           struct adit_wrap_head *head, adit_bytes *body)
{
    struct adit_rd r = adit_rd_of(packet);
    adit_bytes parts[2] = {adit_rd_take(&r, CRYPT_HEAD_LEN)};
    adit_bytes tag = adit_rd_take(&r, CRYPT_TAG_LEN);
    adit_bytes text = adit_rd_rest(&r);
    uint8_t want[CRYPT_TAG_LEN];
    adit_err e = adit_rd_end(&r);

    if (!e)
        e = adit_ctr_of(key->rx_ctr, tag.p, text, scratch);
    parts[1] = adit_bytes_of(scratch, text.n);
    if (!e)
        e = adit_mac_of(key->rx_mac, parts, 2, want);
    if (e)
        return e;
    if (!adit_bytes_eq_secret(tag, adit_bytes_of(want, sizeof want)))
        return ADIT_E_AUTH;
    take_replay(adit_bytes_of(parts[0].p + ADIT_CTRL_HEAD_LEN, REPLAY_LEN), head);
    *body = parts[1];
    return ADIT_OK;
}

adit_err adit_wrap_open_with(struct adit_wrap_key *key, adit_bytes packet, uint8_t *scratch,
                             struct adit_wrap_head *head, adit_bytes *body)
{
    struct adit_rd r = adit_rd_of(packet);

    *head = (struct adit_wrap_head){.first = adit_rd_u8(&r)};
    adit_rd_copy(&r, head->sid.b, sizeof head->sid.b);
    switch (adit_wrap_key_mode(key)) {
    case ADIT_WRAP_AUTH:
        return open_auth(key, packet, head, body);
    case ADIT_WRAP_CRYPT:
        return open_crypt(key, packet, scratch, head, body);
    case ADIT_WRAP_NONE:
        break;
    }
    *body = adit_rd_rest(&r);
    return adit_rd_end(&r);
}

/* ---- one connection ---- */

void adit_wrap_init(struct adit_wrap *w, struct adit_wrap_key *key, uint32_t first_id, uint32_t replay_window,
                    uint32_t replay_s)
{
    uint32_t window = replay_window > ADIT_WRAP_REPLAY_MAX ? ADIT_WRAP_REPLAY_MAX : replay_window;

    /* A window of 0 would demand that the first id is 1, which early negotiation and lost packets contradict.
     */
    if (window == 0)
        window = 1;
    *w = (struct adit_wrap){.key = key, .next_id = first_id};
    adit_replay_init(&w->replay, w->replay_bits, window, replay_s);
}

/* Ids start again at 1 in a new series, whose time must be later than that of the old one. */
static void begin_series(struct adit_wrap *w, adit_now now)
{
    uint32_t wall = now.wall_s > 0 ? (uint32_t)now.wall_s : 1;

    if (w->next_id == 0) {
        w->net_time = wall > w->net_time ? wall : w->net_time + 1;
        w->next_id = ADIT_WRAP_FIRST_ID;
    } else if (w->net_time == 0) {
        w->net_time = wall;
    }
}

adit_err adit_wrap_seal(struct adit_wrap *w, uint8_t first, const struct adit_sid *sid, adit_bytes body,
                        adit_now now, struct adit_wr *out)
{
    struct adit_wrap_head head = {.first = first, .sid = *sid};
    adit_err e;

    if (w->key) {
        begin_series(w, now);
        head.replay_id = w->next_id;
        head.net_time = w->net_time;
    }
    e = adit_wrap_seal_with(w->key, &head, body, out);
    if (!e && w->key)
        w->next_id++;
    return e;
}

adit_err adit_wrap_open(struct adit_wrap *w, adit_bytes packet, uint8_t *scratch, adit_now now,
                        struct adit_wrap_head *head, adit_bytes *body)
{
    adit_err e = adit_wrap_open_with(w->key, packet, scratch, head, body);

    if (e || !w->key)
        return e;
    adit_replay_tick(&w->replay, now);
    e = adit_replay_check_long(&w->replay, head->net_time, head->replay_id);
    if (!e)
        adit_replay_mark_long(&w->replay, head->net_time, head->replay_id, now);
    return e;
}
