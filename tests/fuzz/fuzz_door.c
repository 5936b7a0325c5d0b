/* SPDX-License-Identifier: Apache-2.0 */
/*
 * First contact: packets from strangers, and from clients who know the wrapping key. The first byte chooses
 * the protection and who speaks; then come packets, each a length and content. A client's packet is built and
 * wrapped here, so that the input reaches what lies behind the authentication; it may bring back the cookie
 * of the last reply. Checked: only a reset is answered, with at most so many replies as the limit allows;
 * only the cookie that was given out opens the door; what is not admitted leaves no key behind.
 */
#include <stdlib.h>
#include <string.h>

#include "core/door.h"
#include "wire/ctrl.h"

enum {
    N_REPLIES = 8, /* connect-freq-initial */
    BARE = 0,
    TLS_AUTH,
    TLS_CRYPT,
    TLS_CRYPT_V2,
    N_MODES,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check(bool is_right)
{
    if (!is_right)
        abort();
}

struct stage {
    struct adit_static_key key;
    struct adit_v2_server_key v2;
    struct adit_v2_client_key v2_client;
    struct adit_wrap_key *ours[N_MODES], *theirs[N_MODES]; /* NULL: none */
    struct adit_door door[N_MODES];
};

static struct stage stage;

static void set_stage(void)
{
    uint64_t seed = 5;
    struct adit_rng rng = adit_rng_seeded(&seed);
    const struct adit_digest *sha1 = adit_digest_find("SHA1");

    memset(stage.key.b, 1, sizeof stage.key.b);
    memset(stage.key.b + 128, 2, 128);
    memset(stage.v2.b, 3, sizeof stage.v2.b);
    stage.v2_client.kc = stage.key;
    check(adit_wkc_wrap(&stage.v2, adit_bytes_of("\1\0\0\0\0\0\0\0\1", 9), &stage.v2_client) == ADIT_OK);
    stage.ours[TLS_AUTH] = adit_wrap_key_auth(&stage.key, sha1, ADIT_KEYDIR_0);
    stage.theirs[TLS_AUTH] = adit_wrap_key_auth(&stage.key, sha1, ADIT_KEYDIR_1);
    stage.ours[TLS_CRYPT] = adit_wrap_key_crypt(&stage.key, true);
    stage.theirs[TLS_CRYPT] = stage.theirs[TLS_CRYPT_V2] = adit_wrap_key_crypt(&stage.key, false);
    for (int mode = 0; mode < N_MODES; mode++) {
        struct adit_door_params p = {
            .wrap = stage.ours[mode],
            .v2 = mode == TLS_CRYPT_V2 ? &stage.v2 : NULL,
            .is_bare_allowed = mode == BARE,
            .hand_window_s = 60,
            .initial_n = N_REPLIES,
            .initial_s = 10,
            .replay_window = 64,
            .replay_s = 15,
        };

        check(adit_door_init(&stage.door[mode], &p, &rng) == ADIT_OK);
    }
}

struct visit {
    int mode;
    bool is_stream;
    adit_now now;
    struct adit_addr from;
    struct adit_sid cookie, asked; /* of the last reply, and who asked for it */
    bool has_cookie;
    unsigned n_replies, n_admitted;
};

static bool has_key(const struct adit_admission *adm)
{
    static const struct adit_static_key none;

    return memcmp(adm->kc.b, none.b, sizeof none.b) != 0;
}

static void knock(struct visit *v, adit_bytes packet)
{
    uint8_t buf[ADIT_CTRL_PACKET_MAX], *exact = malloc(packet.n > 0 ? packet.n : 1);
    struct adit_wr reply = adit_wr_of(buf, sizeof buf);
    struct adit_door *door = &stage.door[v->mode];
    struct adit_admission adm;
    enum adit_door_verdict verdict;
    adit_err why = ADIT_OK;

    check(exact != NULL);
    if (packet.n > 0)
        memcpy(exact, packet.p, packet.n);
    packet.p = exact;
    verdict = v->is_stream ? adit_door_recv_stream(door, packet, v->now, &adm, &why)
                           : adit_door_recv(door, &v->from, packet, v->now, &reply, &adm, &why);
    check((adit_wr_len(&reply) > 0) == (verdict == ADIT_DOOR_REPLY));
    check((why != ADIT_OK) == (verdict == ADIT_DOOR_DROP));
    check(has_key(&adm) == (verdict == ADIT_DOOR_ADMIT && adm.is_v2));
    if (verdict == ADIT_DOOR_REPLY) {
        memcpy(v->cookie.b, buf + 1, ADIT_SID_LEN);
        v->asked = adm.remote;
        v->has_cookie = true;
        v->n_replies++;
        check(!v->is_stream && buf[0] == adit_packet_first(ADIT_OP_HARD_RESET_SERVER_V2, 0));
        check(adit_wr_len(&reply) < packet.n + 26 && adit_packet_is_hard_reset(adit_packet_op(exact[0])));
    } else if (verdict == ADIT_DOOR_ADMIT) {
        v->n_admitted += !v->is_stream;
        check(!adit_sid_is_zero(&adm.remote) && adm.is_v2 == (v->mode == TLS_CRYPT_V2));
        check(!adm.has_cookie || (v->has_cookie && adit_sid_eq(&adm.remote, &v->asked)));
        check(v->is_stream ? !adm.has_cookie : adm.has_cookie || adm.is_v2);
    }
    check(door->rate.n <= N_REPLIES && v->n_replies <= N_REPLIES + v->n_admitted);
    free(exact);
}

/* What a client sends: opcode and shape from the input, everything else as it should be. */
static void knock_as_client(struct visit *v, adit_bytes text)
{
    uint8_t body_buf[ADIT_CTRL_PACKET_MAX], buf[ADIT_CTRL_PACKET_MAX];
    struct adit_wr body = adit_wr_of(body_buf, sizeof body_buf), w = adit_wr_of(buf, sizeof buf);
    struct adit_rd r = adit_rd_of(text);
    struct adit_wrap_head head = {.first = adit_rd_u8(&r), .replay_id = 1, .net_time = 1800000000};
    uint8_t shape = adit_rd_u8(&r);
    struct adit_ctrl c = {.is_ack_only = adit_packet_op(head.first) == ADIT_OP_ACK_V1, .n_acks = shape & 7};

    head.sid.b[0] = 1 + (shape >> 6);
    if (shape & 8)
        head.replay_id = ADIT_WRAP_FIRST_ID_EARLY;
    c.ack_sid = v->cookie;
    for (size_t i = 0; i < c.n_acks; i++)
        c.acks[i] = adit_rd_u8(&r);
    c.packet_id = shape & 16 ? adit_rd_u8(&r) : shape >> 5 & 1;
    c.payload = adit_rd_rest(&r);
    adit_ctrl_build(&c, &body);
    if (adit_wrap_seal_with(stage.theirs[v->mode], &head, adit_wr_view(&body), &w) != ADIT_OK)
        return;
    if (v->mode == TLS_CRYPT_V2 && adit_packet_has_wkc(adit_packet_op(head.first)))
        adit_wr_bytes(&w, adit_bytes_of(stage.v2_client.wkc, stage.v2_client.wkc_len));
    if (adit_wr_end(&w) == ADIT_OK)
        knock(v, adit_wr_view(&w));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct adit_rd r = adit_rd_of(adit_bytes_of(data, n));
    uint8_t kind = adit_rd_u8(&r);
    struct visit v = {.mode = kind % N_MODES, .is_stream = kind & 4};

    if (!stage.door[0].cookie_mac)
        set_stage();
    v.now = (adit_now){.mono_ns = 1000 * ADIT_NS_PER_S, .wall_s = 1800000000};
    v.from = (struct adit_addr){.ip = adit_ip_v4(0xc6336401), .port = 40000};
    stage.door[v.mode].rate.n = 0;
    stage.door[v.mode].p.force_cookie = kind & 8;
    while (adit_rd_left(&r) > 0) {
        adit_bytes text = adit_rd_take(&r, adit_rd_u8(&r) % (adit_rd_left(&r) + 1));

        if (kind & 16)
            knock(&v, text);
        else
            knock_as_client(&v, text);
    }
    return 0;
}
