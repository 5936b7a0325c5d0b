/* SPDX-License-Identifier: Apache-2.0 */
#include "../unit.h"

#include "plane/txrx.h"

/* The keys of PROTOCOL 14.2, and the packets of 14.3. */
static const char *const key_hex = "aa9f22ecf161c7b7d119e544682fb0b0daa9a7bb6dca96441a447f2e0c1414269f8c51bcc"
                                   "e9953de2b891820221902b25957a8ff792510"
                                   "b375f031f6e506e840"
                                   "d9f7d793159d2e592d5efb5566a069c9197cf4524e2aec913d23b9fdd115118390dd960c9"
                                   "c8570e0ee295da596fcf1954e0e254f59bf7d"
                                   "04ec81ea6755a5f07f"
                                   "0cf553d065c21581480cf208dae4ba97cd913482dcb05ec2b0e262d532afbf347b033edf2"
                                   "1d5beff77f0047c6b74f98c4231ded8a8d2a3"
                                   "c3e95307d1532149d7"
                                   "a0e43fc132ed3fb72a6df4fc1183ce3f50a9cab6bc0898fa2975560b58cecccabbd66b7d7"
                                   "b70bd7dce8b0a730b06b24925724a7a753009"
                                   "98e190883fc2157438";

static const adit_now t0 = {.mono_ns = 1000000000, .wall_s = 1700000000};

static struct adit_data_keys keys_of(const char *cipher, bool is_server, uint8_t key_id)
{
    struct adit_data_keys k = {.key_id = key_id, .is_server = is_server, .format = ADIT_FORMAT_AEAD};

    k.cipher = adit_cipher_find(cipher);
    assert_non_null(k.cipher);
    assert_int_equal(unhex(key_hex, k.block.b, sizeof k.block.b), ADIT_KEY_BLOCK_LEN);
    return k;
}

static adit_bytes ping(void)
{
    return adit_bytes_of(adit_ping_payload, sizeof adit_ping_payload);
}

struct pair {
    struct adit_tx tx; /* client */
    struct adit_rx rx; /* server */
};

static void pair_init(struct pair *p, uint32_t peer_id)
{
    struct adit_data_keys c = keys_of("AES-256-GCM", false, 0), s = keys_of("AES-256-GCM", true, 0);

    adit_tx_init(&p->tx, peer_id);
    adit_rx_init(&p->rx, 64, 15);
    assert_int_equal(adit_tx_install(&p->tx, &c), ADIT_OK);
    assert_int_equal(adit_rx_install(&p->rx, &s), ADIT_OK);
}

static void pair_fini(struct pair *p)
{
    adit_tx_fini(&p->tx);
    adit_rx_fini(&p->rx);
}

static size_t seal(struct adit_tx *t, adit_bytes payload, uint8_t *dst, size_t cap)
{
    struct adit_seal_op op = {.payload = payload, .dst = dst, .cap = cap};

    adit_tx_seal(t, &op, 1, t0);
    assert_int_equal(op.err, ADIT_OK);
    return op.n;
}

static adit_err open_copy(struct adit_rx *r, const uint8_t *packet, size_t n)
{
    uint8_t b[2048];
    struct adit_open_op op = {.packet = b, .n = n};

    memcpy(b, packet, n);
    adit_rx_open(r, &op, 1, t0);
    return op.err;
}

static void known_answers(void **state)
{
    static const struct {
        const char *cipher;
        bool is_server;
        uint32_t peer_id;
        const char *packet;
    } rows[] = {
        {"AES-256-GCM", false, 1,
         "4800000100000001aee7f539e466eb90d9e81f2ad69d07e152baeec07c5fc48b77cf2e6be2ead40d"},
        {"AES-256-GCM", true, ADIT_PEER_ID_NONE,
         "30000000017bab13f750189d8168085acdc0d6b83844afe296f1c040a4069431257cc62446"},
        {"AES-128-GCM", false, 1,
         "4800000100000001932af26d3e7433f359dfd75d279f983e63bb2db9845b11036562cb2bc2b1a198"},
        {"CHACHA20-POLY1305", false, 1,
         "48000001000000019601064349aecf9708e6c4c02a83bb574e0c396152f6066bf3c51b68cfb7cc3c"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct adit_data_keys ours = keys_of(rows[i].cipher, rows[i].is_server, 0);
        struct adit_data_keys theirs = keys_of(rows[i].cipher, !rows[i].is_server, 0);
        uint8_t b[64];
        struct adit_open_op op = {.packet = b};
        struct adit_tx tx;
        struct adit_rx rx;

        adit_tx_init(&tx, rows[i].peer_id);
        adit_rx_init(&rx, 64, 15);
        assert_int_equal(adit_tx_install(&tx, &ours), ADIT_OK);
        assert_int_equal(adit_rx_install(&rx, &theirs), ADIT_OK);
        op.n = seal(&tx, ping(), b, sizeof b);
        assert_hex(b, op.n, rows[i].packet);
        adit_rx_open(&rx, &op, 1, t0);
        assert_int_equal(op.err, ADIT_OK);
        assert_true(adit_bytes_eq(op.payload, ping()));
        assert_true(op.payload.p > b && op.payload.p < b + sizeof b);
        adit_tx_fini(&tx);
        adit_rx_fini(&rx);
    }
}

static void every_flipped_bit_is_noticed(void **state)
{
    struct pair p;
    uint8_t packet[64], bad[64];
    size_t n;

    (void)state;
    pair_init(&p, 1);
    n = seal(&p.tx, ping(), packet, sizeof packet);
    for (size_t bit = 0; bit < n * 8; bit++) {
        memcpy(bad, packet, n);
        bad[bit / 8] ^= (uint8_t)(1U << bit % 8);
        assert_int_not_equal(open_copy(&p.rx, bad, n), ADIT_OK);
    }
    for (size_t len = 0; len < n; len++)
        assert_int_not_equal(open_copy(&p.rx, packet, len), ADIT_OK);
    /* None of it has marked the id. */
    assert_int_equal(open_copy(&p.rx, packet, n), ADIT_OK);
    assert_true(p.rx.keys[0].usage.failed > 0);
    pair_fini(&p);
}

static void version_one_covers_the_id_but_not_the_opcode(void **state)
{
    struct pair p;
    uint8_t packet[64];
    size_t n;

    (void)state;
    pair_init(&p, ADIT_PEER_ID_NONE);
    n = seal(&p.tx, ping(), packet, sizeof packet);
    assert_int_equal(n, 1 + 4 + 16 + 16);
    assert_int_equal(packet[0], 0x30);
    packet[4] ^= 2;
    assert_int_equal(open_copy(&p.rx, packet, n), ADIT_E_AUTH);
    packet[4] ^= 2;
    assert_int_equal(open_copy(&p.rx, packet, n), ADIT_OK);
    pair_fini(&p);
}

static void a_packet_opens_once(void **state)
{
    struct pair p;
    uint8_t packet[8][64];
    size_t n = 0;

    (void)state;
    pair_init(&p, 1);
    for (int i = 0; i < 8; i++)
        n = seal(&p.tx, ping(), packet[i], sizeof packet[i]);
    for (int i = 7; i >= 0; i--) {
        assert_int_equal(open_copy(&p.rx, packet[i], n), ADIT_OK);
        assert_int_equal(open_copy(&p.rx, packet[i], n), ADIT_E_REPLAY);
    }
    assert_int_equal(p.rx.packets, 8);
    assert_int_equal(p.rx.bytes, 8 * 16);
    pair_fini(&p);
}

/* A replayed id costs no decryption: it is refused although the tag is wrong, too. */
static void a_replay_is_refused_before_it_is_opened(void **state)
{
    struct pair p;
    uint8_t packet[64];
    size_t n;

    (void)state;
    pair_init(&p, 1);
    n = seal(&p.tx, ping(), packet, sizeof packet);
    assert_int_equal(open_copy(&p.rx, packet, n), ADIT_OK);
    packet[n - 1] ^= 1;
    assert_int_equal(open_copy(&p.rx, packet, n), ADIT_E_REPLAY);
    assert_int_equal(p.rx.keys[0].usage.failed, 0);
    pair_fini(&p);
}

static void errors_have_names(void **state)
{
    struct pair p;
    uint8_t b[64] = {0};
    struct adit_seal_op op = {.payload = ping(), .dst = b, .cap = 39};
    struct adit_tx none;

    (void)state;
    pair_init(&p, 1);
    assert_int_equal(open_copy(&p.rx, b, 0), ADIT_E_MALFORMED);
    b[0] = 0x20;
    assert_int_equal(open_copy(&p.rx, b, 40), ADIT_E_MALFORMED); /* control */
    b[0] = 0x49;
    assert_int_equal(open_copy(&p.rx, b, 40), ADIT_E_NO_KEY);
    b[0] = 0x48;
    b[7] = 1;
    assert_int_equal(open_copy(&p.rx, b, 3), ADIT_E_MALFORMED);
    assert_int_equal(open_copy(&p.rx, b, 23), ADIT_E_MALFORMED);
    assert_int_equal(open_copy(&p.rx, b, 24), ADIT_E_EMPTY);
    assert_int_equal(open_copy(&p.rx, b, 25), ADIT_E_AUTH);
    adit_tx_seal(&p.tx, &op, 1, t0);
    assert_int_equal(op.err, ADIT_E_NO_ROOM);
    op.cap = 40;
    adit_tx_seal(&p.tx, &op, 1, t0);
    assert_int_equal(op.err, ADIT_OK);
    op.payload.n = 0;
    adit_tx_seal(&p.tx, &op, 1, t0);
    assert_int_equal(op.err, ADIT_E_EMPTY);
    adit_tx_init(&none, 1);
    op.payload = ping();
    adit_tx_seal(&none, &op, 1, t0);
    assert_int_equal(op.err, ADIT_E_NO_KEY);
    adit_tx_fini(&none);
    pair_fini(&p);
}

static void keys_are_used_when_told_and_replaced_by_id(void **state)
{
    struct pair p;
    struct adit_data_keys c1 = keys_of("AES-128-GCM", false, 1), s1 = keys_of("AES-128-GCM", true, 1);
    struct adit_data_keys again = keys_of("AES-256-GCM", true, 0);
    uint8_t old[64], b[64];
    size_t n;

    (void)state;
    pair_init(&p, 1);
    n = seal(&p.tx, ping(), old, sizeof old);
    assert_int_equal(adit_tx_use(&p.tx, 1), ADIT_E_NO_KEY);
    assert_int_equal(adit_tx_use(&p.tx, 200), ADIT_E_NO_KEY);
    assert_int_equal(adit_tx_install(&p.tx, &c1), ADIT_OK);
    assert_int_equal(adit_rx_install(&p.rx, &s1), ADIT_OK);
    seal(&p.tx, ping(), b, sizeof b);
    assert_int_equal(b[0], 0x48); /* the first one still */
    assert_int_equal(adit_tx_use(&p.tx, 1), ADIT_OK);
    seal(&p.tx, ping(), b, sizeof b);
    assert_int_equal(b[0], 0x49);
    assert_int_equal(open_copy(&p.rx, b, n), ADIT_OK);
    assert_int_equal(open_copy(&p.rx, old, n), ADIT_OK); /* both receive */
    assert_int_equal(open_copy(&p.rx, old, n), ADIT_E_REPLAY);
    /* A key installed anew starts with an empty window. */
    assert_int_equal(adit_rx_install(&p.rx, &again), ADIT_OK);
    assert_int_equal(open_copy(&p.rx, old, n), ADIT_OK);
    adit_rx_drop(&p.rx, 0);
    assert_int_equal(open_copy(&p.rx, old, n), ADIT_E_NO_KEY);
    adit_tx_drop(&p.tx, 1);
    assert_false(p.tx.has_current);
    pair_fini(&p);
}

static void limits_count_both_directions(void **state)
{
    struct adit_usage_limit limit = {.packets = 3}, none = {0};
    struct pair p;
    uint8_t b[64];
    size_t n;

    (void)state;
    pair_init(&p, 1);
    n = seal(&p.tx, ping(), b, sizeof b);
    assert_false(adit_key_is_worn(&p.tx, &p.rx, 0, &limit));
    assert_int_equal(open_copy(&p.rx, b, n), ADIT_OK);
    assert_false(adit_key_is_worn(&p.tx, &p.rx, 0, &limit));
    seal(&p.tx, ping(), b, sizeof b);
    assert_true(adit_key_is_worn(&p.tx, &p.rx, 0, &limit));
    assert_false(adit_key_is_worn(&p.tx, &p.rx, 1, &limit));
    assert_false(adit_key_is_worn(&p.tx, &p.rx, 0, &none));
    limit = (struct adit_usage_limit){.bytes = 49};
    assert_false(adit_key_is_worn(&p.tx, &p.rx, 0, &limit));
    limit.bytes = 48;
    assert_true(adit_key_is_worn(&p.tx, &p.rx, 0, &limit));
    pair_fini(&p);
}

static void gcm_blocks_wear_a_key_at_seven_eighths(void **state)
{
    const uint64_t worn = ((1ULL << 36) - 1) / 8 * 7;
    struct adit_usage_limit none = {0};
    struct pair p;
    uint8_t b[128], payload[17] = {0x45};

    (void)state;
    pair_init(&p, 1);
    seal(&p.tx, adit_bytes_of(payload, sizeof payload), b, sizeof b);
    assert_int_equal(p.tx.keys[0].usage.blocks, 3);
    p.tx.keys[0].usage.blocks = worn - 3;
    seal(&p.tx, ping(), b, sizeof b);
    assert_false(adit_key_is_worn(&p.tx, &p.rx, 0, &none));
    seal(&p.tx, ping(), b, sizeof b);
    assert_true(adit_key_is_worn(&p.tx, &p.rx, 0, &none));
    p.tx.keys[0].has_usage_limit = false; /* as for ChaCha20-Poly1305 */
    assert_false(adit_key_is_worn(&p.tx, &p.rx, 0, &none));
    p.rx.keys[0].usage.blocks = worn;
    assert_true(adit_key_is_worn(&p.tx, &p.rx, 0, &none));
    pair_fini(&p);
}

static void too_many_forgeries_end_a_key(void **state)
{
    struct adit_usage_limit none = {0};
    uint8_t packet[64];
    struct pair p;
    size_t n;

    (void)state;
    pair_init(&p, 1);
    n = seal(&p.tx, ping(), packet, sizeof packet);
    p.rx.keys[0].usage.failed = (1ULL << 35) + 1;
    assert_true(adit_key_is_worn(&p.tx, &p.rx, 0, &none));
    p.rx.keys[0].usage.failed = (1ULL << 36) + 1;
    assert_int_equal(open_copy(&p.rx, packet, n), ADIT_E_AUTH);
    p.rx.keys[0].has_usage_limit = false; /* as for ChaCha20-Poly1305 */
    assert_int_equal(open_copy(&p.rx, packet, n), ADIT_OK);
    pair_fini(&p);
}

static void keys_of_no_known_kind_are_refused(void **state)
{
    struct adit_data_keys k = keys_of("AES-256-GCM", false, 0);
    struct pair p;

    (void)state;
    pair_init(&p, 1);
    k.key_id = ADIT_KEY_IDS;
    assert_int_equal(adit_tx_install(&p.tx, &k), ADIT_E_UNSUPPORTED);
    assert_int_equal(adit_rx_install(&p.rx, &k), ADIT_E_UNSUPPORTED);
    k.key_id = 0;
    k.format = (enum adit_format)99;
    assert_int_equal(adit_tx_install(&p.tx, &k), ADIT_E_UNSUPPORTED);
    assert_int_equal(adit_rx_install(&p.rx, &k), ADIT_E_UNSUPPORTED);
    assert_true(p.tx.has_current); /* what was there stays */
    pair_fini(&p);
}

static void packet_ids_wear_out_and_never_wrap(void **state)
{
    struct adit_usage_limit none = {0};
    struct pair p;
    uint8_t b[64];
    struct adit_seal_op op = {.payload = ping(), .dst = b, .cap = sizeof b};

    (void)state;
    pair_init(&p, 1);
    adit_format_aead.skip_to(p.tx.keys[0].half, 0xFEFFFFFF);
    assert_false(adit_key_is_worn(&p.tx, &p.rx, 0, &none));
    seal(&p.tx, ping(), b, sizeof b);
    assert_true(adit_key_is_worn(&p.tx, &p.rx, 0, &none));
    adit_format_aead.skip_to(p.tx.keys[0].half, 5); /* never back */
    assert_int_equal(adit_format_aead.next_id(p.tx.keys[0].half), 0xFF000000);
    adit_format_aead.skip_to(p.tx.keys[0].half, 0xFFFFFFFE);
    assert_int_equal(open_copy(&p.rx, b, seal(&p.tx, ping(), b, sizeof b)), ADIT_OK);
    adit_tx_seal(&p.tx, &op, 1, t0);
    assert_int_equal(op.err, ADIT_E_KEYS_USED_UP);
    assert_int_equal(op.n, 0);
    pair_fini(&p);
}

static void bursts_are_sealed_and_opened_one_by_one(void **state)
{
    struct pair p;
    uint8_t b[3][64];
    struct adit_seal_op s[3];
    struct adit_open_op o[3];

    (void)state;
    pair_init(&p, 7);
    for (int i = 0; i < 3; i++)
        s[i] = (struct adit_seal_op){.payload = ping(), .dst = b[i], .cap = i == 1 ? 10 : sizeof b[i]};
    adit_tx_seal(&p.tx, s, 3, t0);
    assert_int_equal(s[0].err, ADIT_OK);
    assert_int_equal(s[1].err, ADIT_E_NO_ROOM);
    assert_int_equal(s[2].err, ADIT_OK);
    for (int i = 0; i < 3; i++)
        o[i] = (struct adit_open_op){.packet = b[i], .n = s[i].n};
    adit_rx_open(&p.rx, o, 3, t0);
    assert_int_equal(o[0].err, ADIT_OK);
    assert_int_equal(o[1].err, ADIT_E_MALFORMED);
    assert_int_equal(o[2].err, ADIT_OK);
    pair_fini(&p);
}

static void peer_ids_are_read_from_version_two_only(void **state)
{
    const uint8_t v2[] = {0x4a, 1, 2, 3, 4}, v1[] = {0x30, 1, 2, 3, 4};
    uint32_t id = 0;

    (void)state;
    assert_true(adit_data_peer_id(adit_bytes_of(v2, sizeof v2), &id));
    assert_int_equal(id, 0x010203);
    assert_false(adit_data_peer_id(adit_bytes_of(v1, sizeof v1), &id));
    assert_false(adit_data_peer_id(adit_bytes_of(v2, 3), &id));
}

static void payload_kinds(void **state)
{
    uint8_t b[32] = {0};

    (void)state;
    memcpy(b, adit_occ_exit_payload, 17);
    assert_int_equal(adit_payload_kind_of(ping()), ADIT_PAYLOAD_PING);
    assert_int_equal(adit_payload_kind_of(adit_bytes_of(adit_ping_payload, 15)), ADIT_PAYLOAD_PACKET);
    assert_int_equal(adit_payload_kind_of(adit_bytes_of(b, 17)), ADIT_PAYLOAD_OCC_EXIT);
    assert_int_equal(adit_payload_kind_of(adit_bytes_of(b, 16)), ADIT_PAYLOAD_OCC_OTHER);
    b[16] = 0;
    assert_int_equal(adit_payload_kind_of(adit_bytes_of(b, 17)), ADIT_PAYLOAD_OCC_REQUEST);
    b[16] = 1;
    assert_int_equal(adit_payload_kind_of(adit_bytes_of(b, 32)), ADIT_PAYLOAD_OCC_OTHER);
    b[0] = 0x45;
    assert_int_equal(adit_payload_kind_of(adit_bytes_of(b, 32)), ADIT_PAYLOAD_PACKET);
    assert_int_equal(adit_payload_kind_of(adit_bytes_of(b, 1)), ADIT_PAYLOAD_PACKET);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answers),
        cmocka_unit_test(every_flipped_bit_is_noticed),
        cmocka_unit_test(version_one_covers_the_id_but_not_the_opcode),
        cmocka_unit_test(a_packet_opens_once),
        cmocka_unit_test(a_replay_is_refused_before_it_is_opened),
        cmocka_unit_test(errors_have_names),
        cmocka_unit_test(keys_are_used_when_told_and_replaced_by_id),
        cmocka_unit_test(limits_count_both_directions),
        cmocka_unit_test(gcm_blocks_wear_a_key_at_seven_eighths),
        cmocka_unit_test(too_many_forgeries_end_a_key),
        cmocka_unit_test(keys_of_no_known_kind_are_refused),
        cmocka_unit_test(packet_ids_wear_out_and_never_wrap),
        cmocka_unit_test(bursts_are_sealed_and_opened_one_by_one),
        cmocka_unit_test(peer_ids_are_read_from_version_two_only),
        cmocka_unit_test(payload_kinds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
