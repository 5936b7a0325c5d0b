/* SPDX-License-Identifier: Apache-2.0 */
#include "../unit.h"

#include "proto/wrap.h"

#define TIME 0x65000000

static const adit_now start = {.mono_ns = 5 * ADIT_NS_PER_S, .wall_s = TIME};

/* Bytes 00..ff: the simple key of the known answers. */
static struct adit_static_key simple_key(void)
{
    struct adit_static_key k;

    steps(k.b, sizeof k.b, 0);
    return k;
}

static struct adit_sid sid_from(uint8_t first)
{
    struct adit_sid s;

    steps(s.b, sizeof s.b, first);
    return s;
}

/* One packet: sealed by the key as it stands, or opened by the key that mirrors it. */
static void assert_packet(struct adit_wrap_key *tx, struct adit_wrap_key *rx,
                          const struct adit_wrap_head *head, const char *body_hex, const char *packet_hex)
{
    uint8_t body[64], packet[256], scratch[256];
    size_t n = unhex(body_hex, body, sizeof body);
    struct adit_wr w = adit_wr_of(packet, sizeof packet);
    struct adit_wrap_head got;
    adit_bytes out;

    assert_true(tx && rx);
    assert_int_equal(adit_wrap_seal_with(tx, head, adit_bytes_of(body, n), &w), ADIT_OK);
    assert_hex(packet, adit_wr_len(&w), packet_hex);
    assert_int_equal(adit_wr_len(&w), ADIT_CTRL_HEAD_LEN + adit_wrap_overhead(tx) + n);

    assert_int_equal(adit_wrap_open_with(rx, adit_wr_view(&w), scratch, &got, &out), ADIT_OK);
    assert_int_equal(got.first, head->first);
    assert_memory_equal(got.sid.b, head->sid.b, sizeof got.sid.b);
    assert_int_equal(got.replay_id, head->replay_id);
    assert_int_equal(got.net_time, head->net_time);
    assert_int_equal(out.n, n);
    assert_memory_equal(out.p, body, n);
    adit_wrap_key_free(tx);
    adit_wrap_key_free(rx);
}

static void tls_auth_packets_of_the_known_answers(void **state)
{
    static const struct {
        const char *digest;
        enum adit_key_direction dir, mirror;
        const char *packet;
    } rows[] = {
        {"SHA1", ADIT_KEYDIR_1, ADIT_KEYDIR_0,
         "38c1c2c3c4c5c6c7c89f3af48a4cc7416679b2bc5bf8b8877a3f7c76f900000001650000000000000000"},
        {"SHA1", ADIT_KEYDIR_0, ADIT_KEYDIR_1,
         "38c1c2c3c4c5c6c7c868c56e67a99e34be7d6fe1adfa93e2713e3bc91c00000001650000000000000000"},
        /* Without a direction both ends use the first half. */
        {"SHA1", ADIT_KEYDIR_BOTH, ADIT_KEYDIR_BOTH,
         "38c1c2c3c4c5c6c7c868c56e67a99e34be7d6fe1adfa93e2713e3bc91c00000001650000000000000000"},
        {"SHA256", ADIT_KEYDIR_1, ADIT_KEYDIR_0,
         "38c1c2c3c4c5c6c7c87ec17f38d055023a9d640708026a467172e2df667f4895e63d6782e0ffd35d8c0000000165000000"
         "0000000000"},
        {"SHA512", ADIT_KEYDIR_1, ADIT_KEYDIR_0,
         "38c1c2c3c4c5c6c7c8f78c2440f7d9f0134c9241e9249bedd57ba047f9880e78909c34d72a534bad4d940a929e935a4510"
         "1a7e657cad7879a8c33a041b11ccc1b7d4b3418ac2e9b868000000016500000000000000"
         "00"},
    };
    struct adit_wrap_head head = {.first = 0x38, .sid = sid_from(0xc1), .replay_id = 1, .net_time = TIME};
    struct adit_static_key k = simple_key();

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct adit_digest *d = adit_digest_find(rows[i].digest);

        assert_packet(adit_wrap_key_auth(&k, d, rows[i].dir), adit_wrap_key_auth(&k, d, rows[i].mirror),
                      &head, "0000000000", rows[i].packet);
    }
}

static void tls_crypt_packets_of_the_known_answers(void **state)
{
    static const struct {
        uint8_t first, sid;
        const char *body, *packet;
    } rows[] = {
        {0x38, 0xc1, "0000000000",
         "38c1c2c3c4c5c6c7c8000000016500000035c582eec943eb77aa6ef2f0411029bc01859f0934845eea7387c8b5249a6d2a1"
         "0"
         "1766f085"},
        {0x40, 0xd1, "0100000000c1c2c3c4c5c6c7c800000000",
         "40d1d2d3d4d5d6d7d800000001650000003d07b1079b602a4cecfd4ca449ed5985e03bf357fe9248f9f300e3ee9f282d096"
         "1"
         "62225be3e8997919376e56f298b926d6"},
        {0x40, 0xd1, "0100000000c1c2c3c4c5c6c7c800000000000100020001",
         "40d1d2d3d4d5d6d7d80000000165000000d2b86484f0a871335e62c6a12e0036105dae64208cf92174e9ef33d9a73c08a2e"
         "b"
         "aed9c97b9614f6dd037b0a1c08643ff017727636de97"},
    };
    struct adit_static_key k = simple_key();

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        bool is_server = rows[i].first == 0x40;
        struct adit_wrap_head head = {
            .first = rows[i].first, .sid = sid_from(rows[i].sid), .replay_id = 1, .net_time = TIME};

        assert_packet(adit_wrap_key_crypt(&k, is_server), adit_wrap_key_crypt(&k, !is_server), &head,
                      rows[i].body, rows[i].packet);
    }
}

static void packets_of_the_peers_unit_tests(void **state)
{
    static const char key_hex[] =
        "37268ea8f95d7f71f9fb8fc03770c460daf714a483d815c013ce0a537efc18f28f4f172669d9e6a413bac6741d8ea05400f4"
        "9b7fd632"
        "6470f23798c606bf53d4de63ebc64ec59d57ce5d04d5b62e68b53ca6e5354351097fa370446c4d269f187bb6ae54af2dc70f"
        "f7317fe2"
        "f8754b8282aad4202f9fa42c8640245d883e2c54a0c1c489a036cf3a8964d8d289c1583b9447c262b1da5fd167a5d27bd5ac"
        "514317bc"
        "2343a31a2efc38dd920d910375f51c2e27f3afd36c49269da079f7ce466ebb0f9ad13e9bbb4665974e6bc24b513c5700393b"
        "f4a3e7f9"
        "67e2f384069ac8a8e78b18b15604993fd16515cce9c0f3e42b4126b999005ade802797b0eeb8b9e6";
    struct adit_static_key k;
    struct adit_wrap_head head = {.first = 0x38, .replay_id = 1, .net_time = 0x61d3bf6c};
    const struct adit_digest *sha1 = adit_digest_find("SHA1");

    (void)state;
    unhex(key_hex, k.b, sizeof k.b);
    unhex("de694c5c7bfba274", head.sid.b, sizeof head.sid.b);
    assert_packet(adit_wrap_key_auth(&k, sha1, ADIT_KEYDIR_1), adit_wrap_key_auth(&k, sha1, ADIT_KEYDIR_0),
                  &head, "0000000000",
                  "38de694c5c7bfba27493537c1ded4e781529ae7cfe4b8c6d6b2b51f05a0000000161d3bf6c0000000000");
    unhex("f419cb12d1f9e48f", head.sid.b, sizeof head.sid.b);
    head.net_time = 0x61d3f8e1;
    assert_packet(
        adit_wrap_key_crypt(&k, false), adit_wrap_key_crypt(&k, true), &head, "0000000000",
        "38f419cb12d1f9e48f0000000161d3f8e1330206f56802be44fbed905064e3db43416bec5e526719462b7eb90c96defc9b05"
        "c44879f7");
}

static void dynamic_tls_crypt_uses_the_mixed_key(void **state)
{
    struct adit_static_key k;
    struct adit_wrap_head head = {.first = 0x19, .sid = sid_from(0xc1), .replay_id = 1, .net_time = TIME};

    (void)state;
    for (size_t i = 0; i < sizeof k.b; i++)
        k.b[i] = (uint8_t)((7 * i + 31 * (i / 64)) ^ (13 * i + 5));
    assert_hex(k.b + 128, 32, "3b57537f63273b0f1b07031f33371b6f7b57533fc3c7fbefdba7a39f73779b8f");
    assert_hex(k.b + 192, 32, "5876745e40c6d4eef8e6a4be9096848e98b6b49ee0e6d4ceb846447e5056242e");
    assert_packet(
        adit_wrap_key_crypt(&k, false), adit_wrap_key_crypt(&k, true), &head, "0000000000",
        "19c1c2c3c4c5c6c7c80000000165000000084a024d31cda86b28fa76015be27514f505b973832993e7b95812d0fc43134ba9"
        "1d9d4dce");
}

/* The peer's test of 14.8 leaves opcode and session id out, so it is checked on the primitives. */
static void tag_and_text_of_the_peers_dynamic_test(void **state)
{
    uint8_t key[32], head[8] = {0, 0, 0, 1}, tag[32], text[10];
    const adit_bytes parts[] = {adit_bytes_of(head, sizeof head), adit_bytes_str("1234567890")};
    struct adit_mac *m;

    (void)state;
    memset(key, 0xba, sizeof key);
    m = adit_mac_new(adit_digest_find("SHA256"), adit_bytes_of(key, sizeof key));
    assert_int_equal(adit_mac_of(m, parts, 2, tag), ADIT_OK);
    assert_hex(tag, sizeof tag, "e319277f1c8d6e6a7796a855337b9cfb56e1f13a870e6647dfa195c92c17a015");
    assert_int_equal(adit_aes256_ctr(key, tag, parts[1], text), ADIT_OK);
    assert_hex(text, sizeof text, "ba4967a11d55ea1a06a7");
    adit_mac_free(m);
}

static void without_a_key_the_packet_is_plain(void **state)
{
    struct adit_wrap_head head = {.first = 0x38}, got;
    uint8_t packet[32], body[5] = {0};
    struct adit_wr w = adit_wr_of(packet, sizeof packet);
    adit_bytes out;

    (void)state;
    unhex("6891923fa3103437", head.sid.b, sizeof head.sid.b);
    assert_int_equal(adit_wrap_overhead(NULL), 0);
    assert_int_equal(adit_wrap_key_mode(NULL), ADIT_WRAP_NONE);
    assert_int_equal(adit_wrap_seal_with(NULL, &head, adit_bytes_of(body, sizeof body), &w), ADIT_OK);
    assert_hex(packet, adit_wr_len(&w), "386891923fa31034370000000000");
    assert_int_equal(adit_wrap_open_with(NULL, adit_wr_view(&w), NULL, &got, &out), ADIT_OK);
    assert_int_equal(out.n, 5);
    assert_int_equal(adit_wrap_open_with(NULL, adit_bytes_of(packet, 8), NULL, &got, &out), ADIT_E_MALFORMED);
}

/* A key of every kind, with the one that mirrors it. */
struct pair {
    struct adit_wrap_key *tx, *rx;
};

static bool pair_at(size_t i, struct pair *p)
{
    struct adit_static_key k = simple_key();
    const struct adit_digest *d = i == 0 ? NULL : adit_digest_at(i - 1);

    if (i > 0 && !d)
        return false;
    p->tx = d ? adit_wrap_key_auth(&k, d, ADIT_KEYDIR_1) : adit_wrap_key_crypt(&k, false);
    p->rx = d ? adit_wrap_key_auth(&k, d, ADIT_KEYDIR_0) : adit_wrap_key_crypt(&k, true);
    assert_true(p->tx && p->rx);
    return true;
}

static void every_changed_byte_and_every_cut_is_refused(void **state)
{
    struct pair p;

    (void)state;
    for (size_t i = 0; pair_at(i, &p); i++) {
        struct adit_wrap_head head = {.first = 0x20, .sid = sid_from(1), .replay_id = 9, .net_time = 8}, got;
        uint8_t packet[256], scratch[256], body[20];
        struct adit_wr w = adit_wr_of(packet, sizeof packet);
        size_t n, least = ADIT_CTRL_HEAD_LEN + adit_wrap_overhead(p.rx);
        adit_bytes out;

        steps(body, sizeof body, 0x40);
        assert_int_equal(adit_wrap_seal_with(p.tx, &head, adit_bytes_of(body, sizeof body), &w), ADIT_OK);
        n = adit_wr_len(&w);
        for (size_t at = 0; at < n; at++) {
            packet[at] ^= 0x04;
            assert_int_equal(adit_wrap_open_with(p.rx, adit_bytes_of(packet, n), scratch, &got, &out),
                             ADIT_E_AUTH);
            packet[at] ^= 0x04;
        }
        for (size_t cut = 0; cut < n; cut++)
            assert_int_equal(adit_wrap_open_with(p.rx, adit_bytes_of(packet, cut), scratch, &got, &out),
                             cut < least ? ADIT_E_MALFORMED : ADIT_E_AUTH);
        /* What we send is not taken for what the other end sends. */
        assert_int_equal(adit_wrap_open_with(p.tx, adit_bytes_of(packet, n), scratch, &got, &out),
                         ADIT_E_AUTH);
        assert_int_equal(adit_wrap_open_with(p.rx, adit_bytes_of(packet, n), scratch, &got, &out), ADIT_OK);
        adit_wrap_key_free(p.tx);
        adit_wrap_key_free(p.rx);
    }
}

static void a_packet_that_does_not_fit_is_not_sealed(void **state)
{
    struct pair p;

    (void)state;
    for (size_t i = 0; pair_at(i, &p); i++) {
        struct adit_wrap_head head = {.first = 0x20};
        uint8_t packet[256], body[20] = {0};
        size_t n = ADIT_CTRL_HEAD_LEN + adit_wrap_overhead(p.tx) + sizeof body;

        for (size_t room = 0; room <= n; room++) {
            struct adit_wr w = adit_wr_of(packet, room);

            assert_int_equal(adit_wrap_seal_with(p.tx, &head, adit_bytes_of(body, sizeof body), &w),
                             room < n ? ADIT_E_NO_ROOM : ADIT_OK);
        }
        adit_wrap_key_free(p.tx);
        adit_wrap_key_free(p.rx);
    }
}

/* ---- a connection ---- */

static adit_bytes sealed(struct adit_wrap *w, adit_now now, uint8_t *packet, size_t cap)
{
    struct adit_sid sid = sid_from(1);
    struct adit_wr out = adit_wr_of(packet, cap);

    assert_int_equal(adit_wrap_seal(w, 0x20, &sid, adit_bytes_str("body"), now, &out), ADIT_OK);
    return adit_wr_view(&out);
}

static adit_err opened(struct adit_wrap *w, adit_bytes packet, adit_now now, struct adit_wrap_head *head)
{
    uint8_t scratch[256];
    adit_bytes body;

    return adit_wrap_open(w, packet, scratch, now, head, &body);
}

static void ids_count_up_and_the_time_stays(void **state)
{
    struct adit_wrap_head head;
    struct adit_wrap tx, rx;
    uint8_t packet[256];
    struct pair p;

    (void)state;
    pair_at(0, &p);
    adit_wrap_init(&tx, p.tx, ADIT_WRAP_FIRST_ID_EARLY, 64, 15);
    adit_wrap_init(&rx, p.rx, ADIT_WRAP_FIRST_ID, 64, 15);
    for (uint32_t i = 0; i < 3; i++) {
        adit_now now = {.mono_ns = start.mono_ns, .wall_s = start.wall_s + i};

        assert_int_equal(opened(&rx, sealed(&tx, now, packet, sizeof packet), now, &head), ADIT_OK);
        assert_int_equal(head.replay_id, 0x0f000001 + i);
        assert_int_equal(head.net_time, TIME);
    }
    adit_wrap_key_free(p.tx);
    adit_wrap_key_free(p.rx);
}

static void a_packet_that_did_not_fit_uses_no_id(void **state)
{
    struct adit_sid sid = sid_from(1);
    struct adit_wrap tx;
    uint8_t packet[256];
    struct adit_wr w = adit_wr_of(packet, 10);
    struct pair p;

    (void)state;
    pair_at(0, &p);
    adit_wrap_init(&tx, p.tx, 1, 64, 15);
    assert_int_equal(adit_wrap_seal(&tx, 0x20, &sid, adit_bytes_str("body"), start, &w), ADIT_E_NO_ROOM);
    assert_int_equal(tx.next_id, 1);
    adit_wrap_key_free(p.tx);
    adit_wrap_key_free(p.rx);
}

static void a_replayed_packet_is_refused_for_every_kind_of_key(void **state)
{
    struct pair p;

    (void)state;
    for (size_t i = 0; pair_at(i, &p); i++) {
        uint8_t first[256], second[256];
        struct adit_wrap_head head;
        struct adit_wrap tx, rx;
        adit_bytes a, b;

        adit_wrap_init(&tx, p.tx, 1, 64, 15);
        adit_wrap_init(&rx, p.rx, 1, 64, 15);
        a = sealed(&tx, start, first, sizeof first);
        b = sealed(&tx, start, second, sizeof second);
        assert_int_equal(opened(&rx, b, start, &head), ADIT_OK);
        assert_int_equal(opened(&rx, a, start, &head), ADIT_OK);
        assert_int_equal(opened(&rx, a, start, &head), ADIT_E_REPLAY);
        assert_int_equal(opened(&rx, b, start, &head), ADIT_E_REPLAY);
        adit_wrap_key_free(p.tx);
        adit_wrap_key_free(p.rx);
    }
}

static void a_forged_packet_does_not_move_the_window(void **state)
{
    struct adit_wrap_head head;
    struct adit_wrap tx, rx;
    uint8_t packet[256];
    struct pair p;
    adit_bytes a;

    (void)state;
    pair_at(0, &p);
    adit_wrap_init(&tx, p.tx, 1, 64, 15);
    adit_wrap_init(&rx, p.rx, 1, 64, 15);
    a = sealed(&tx, start, packet, sizeof packet);
    packet[13] ^= 0x80; /* a time far ahead */
    assert_int_equal(opened(&rx, a, start, &head), ADIT_E_AUTH);
    packet[13] ^= 0x80;
    assert_int_equal(opened(&rx, a, start, &head), ADIT_OK);
    adit_wrap_key_free(p.tx);
    adit_wrap_key_free(p.rx);
}

static void when_ids_run_out_a_later_series_begins(void **state)
{
    struct adit_wrap_head head;
    struct adit_wrap tx, rx;
    uint8_t packet[256], old[256];
    struct pair p;
    adit_bytes last;

    (void)state;
    pair_at(0, &p);
    adit_wrap_init(&tx, p.tx, UINT32_MAX - 1, 64, 15);
    adit_wrap_init(&rx, p.rx, 1, 64, 15);
    assert_int_equal(opened(&rx, sealed(&tx, start, packet, sizeof packet), start, &head), ADIT_OK);
    last = sealed(&tx, start, old, sizeof old);
    /* The clock has not moved, so the new time is one more than the old one. */
    assert_int_equal(opened(&rx, sealed(&tx, start, packet, sizeof packet), start, &head), ADIT_OK);
    assert_int_equal(head.replay_id, 1);
    assert_int_equal(head.net_time, TIME + 1);
    assert_int_equal(opened(&rx, last, start, &head), ADIT_E_REPLAY);
    assert_int_equal(opened(&rx, sealed(&tx, start, packet, sizeof packet), start, &head), ADIT_OK);
    assert_int_equal(head.replay_id, 2);
    adit_wrap_key_free(p.tx);
    adit_wrap_key_free(p.rx);
}

static void a_late_packet_is_refused_after_a_silence(void **state)
{
    adit_now later = {.mono_ns = start.mono_ns + 16 * ADIT_NS_PER_S, .wall_s = TIME + 16};
    struct adit_wrap_head head;
    struct adit_wrap tx, rx;
    uint8_t packet[256], late[256], next[256];
    struct pair p;
    adit_bytes kept;

    (void)state;
    pair_at(0, &p);
    adit_wrap_init(&tx, p.tx, 1, 64, 15);
    adit_wrap_init(&rx, p.rx, 1, 64, 15);
    kept = sealed(&tx, start, late, sizeof late);
    assert_int_equal(opened(&rx, sealed(&tx, start, packet, sizeof packet), start, &head), ADIT_OK);
    assert_int_equal(opened(&rx, kept, later, &head), ADIT_E_REPLAY);
    assert_int_equal(opened(&rx, sealed(&tx, later, next, sizeof next), later, &head), ADIT_OK);
    adit_wrap_key_free(p.tx);
    adit_wrap_key_free(p.rx);
}

static void windows_outside_the_range_are_cut(void **state)
{
    struct adit_wrap w;

    (void)state;
    adit_wrap_init(&w, NULL, 1, 100000, 15);
    assert_int_equal(w.replay.window, ADIT_WRAP_REPLAY_MAX);
    adit_wrap_init(&w, NULL, 1, 0, 15);
    assert_int_equal(w.replay.window, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tls_auth_packets_of_the_known_answers),
        cmocka_unit_test(tls_crypt_packets_of_the_known_answers),
        cmocka_unit_test(packets_of_the_peers_unit_tests),
        cmocka_unit_test(dynamic_tls_crypt_uses_the_mixed_key),
        cmocka_unit_test(tag_and_text_of_the_peers_dynamic_test),
        cmocka_unit_test(without_a_key_the_packet_is_plain),
        cmocka_unit_test(every_changed_byte_and_every_cut_is_refused),
        cmocka_unit_test(a_packet_that_does_not_fit_is_not_sealed),
        cmocka_unit_test(ids_count_up_and_the_time_stays),
        cmocka_unit_test(a_packet_that_did_not_fit_uses_no_id),
        cmocka_unit_test(a_replayed_packet_is_refused_for_every_kind_of_key),
        cmocka_unit_test(a_forged_packet_does_not_move_the_window),
        cmocka_unit_test(when_ids_run_out_a_later_series_begins),
        cmocka_unit_test(a_late_packet_is_refused_after_a_silence),
        cmocka_unit_test(windows_outside_the_range_are_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
