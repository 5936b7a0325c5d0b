/* SPDX-License-Identifier: Apache-2.0 */
#include "../unit.h"

#include "base/rng.h"
#include "wire/ctrl.h"

/* Parses what stands behind the nine bytes of opcode and session id of a whole packet in hex. */
static adit_err parse_packet(const char *hex, struct adit_ctrl *c)
{
    static uint8_t packet[256];
    size_t n = unhex(hex, packet, sizeof packet);
    bool is_ack = adit_packet_op(packet[0]) == ADIT_OP_ACK_V1;

    assert_true(n >= ADIT_CTRL_HEAD_LEN);
    return adit_ctrl_parse(adit_bytes_of(packet + ADIT_CTRL_HEAD_LEN, n - ADIT_CTRL_HEAD_LEN), is_ack, c);
}

static void parses_client_reset(void **state)
{
    struct adit_ctrl c;

    (void)state;
    assert_int_equal(parse_packet("386891923fa31034370000000000", &c), ADIT_OK);
    assert_int_equal(c.n_acks, 0);
    assert_int_equal(c.packet_id, 0);
    assert_int_equal(c.payload.n, 0);
    assert_false(c.is_ack_only);
}

static void parses_control_with_ack(void **state)
{
    struct adit_ctrl c;

    (void)state;
    assert_int_equal(parse_packet("207819bf2ebcd19a450100000000eafebfa4418ae31b00000001160301", &c), ADIT_OK);
    assert_int_equal(c.n_acks, 1);
    assert_int_equal(c.acks[0], 0);
    assert_hex(c.ack_sid.b, ADIT_SID_LEN, "eafebfa4418ae31b");
    assert_int_equal(c.packet_id, 1);
    assert_hex(c.payload.p, c.payload.n, "160301");
}

static void parses_acks(void **state)
{
    struct adit_ctrl c;

    (void)state;
    assert_int_equal(parse_packet("28aeb9afe1f01d79c80100000000dd85db535623b02e", &c), ADIT_OK);
    assert_true(c.is_ack_only);
    assert_int_equal(c.n_acks, 1);
    assert_int_equal(parse_packet("28aeb9afe1f01d79c803000000000000000100000002dd85db535623b02e", &c),
                     ADIT_OK);
    assert_int_equal(c.n_acks, 3);
    assert_int_equal(c.acks[1], 1);
    assert_int_equal(c.acks[2], 2);
    assert_hex(c.ack_sid.b, ADIT_SID_LEN, "dd85db535623b02e");
}

static void refuses_cut_packets_and_leaves_the_result_alone(void **state)
{
    uint8_t body[64];
    size_t n = unhex("0200000001000000000102030405060708 00000009", body, sizeof body);
    struct adit_ctrl c;

    (void)state;
    for (size_t cut = 0; cut < n; cut++) {
        uint8_t *exact = test_malloc(cut > 0 ? cut : 1);

        memcpy(exact, body, cut);
        memset(&c, 0x5a, sizeof c);
        assert_int_equal(adit_ctrl_parse(adit_bytes_of(exact, cut), false, &c), ADIT_E_MALFORMED);
        assert_int_equal(c.packet_id, 0x5a5a5a5a);
        test_free(exact);
    }
    assert_int_equal(adit_ctrl_parse(adit_bytes_of(body, n), false, &c), ADIT_OK);
}

static void refuses_nine_acks_and_bytes_behind_an_ack(void **state)
{
    uint8_t body[1 + 9 * 4 + 8 + 4] = {9};
    struct adit_ctrl c;

    (void)state;
    assert_int_equal(adit_ctrl_parse(adit_bytes_of(body, sizeof body), false, &c), ADIT_E_MALFORMED);
    body[0] = 8;
    assert_int_equal(adit_ctrl_parse(adit_bytes_of(body, 1 + 8 * 4 + 8 + 4), false, &c), ADIT_OK);
    assert_int_equal(adit_ctrl_parse(adit_bytes_of(body, 1 + 8 * 4 + 8), true, &c), ADIT_OK);
    assert_int_equal(adit_ctrl_parse(adit_bytes_of(body, 1 + 8 * 4 + 8 + 1), true, &c), ADIT_E_MALFORMED);
}

static void build_refuses_too_many_acks_and_too_little_room(void **state)
{
    struct adit_ctrl c = {.n_acks = ADIT_ACKS_MAX + 1};
    uint8_t buf[16];
    struct adit_wr w = adit_wr_of(buf, sizeof buf);

    (void)state;
    adit_ctrl_build(&c, &w);
    assert_int_equal(adit_wr_end(&w), ADIT_E_NO_ROOM);
    assert_int_equal(adit_wr_len(&w), 0);
    c.n_acks = 1;
    w = adit_wr_of(buf, sizeof buf);
    adit_ctrl_build(&c, &w);
    assert_int_equal(adit_wr_end(&w), ADIT_E_NO_ROOM);
}

static void parse_and_build_invert_each_other(void **state)
{
    uint64_t seed = 1;
    struct adit_rng rng = adit_rng_seeded(&seed);

    (void)state;
    for (int round = 0; round < 5000; round++) {
        uint8_t payload[64], wire[256];
        struct adit_wr w = adit_wr_of(wire, sizeof wire);
        struct adit_ctrl c = {.n_acks = adit_rng_below(&rng, ADIT_ACKS_MAX + 1)}, got;

        assert_int_equal(adit_rng_fill(&rng, payload, sizeof payload), ADIT_OK);
        assert_int_equal(adit_rng_fill(&rng, c.acks, sizeof c.acks[0] * c.n_acks), ADIT_OK);
        if (c.n_acks > 0)
            assert_int_equal(adit_rng_fill(&rng, c.ack_sid.b, ADIT_SID_LEN), ADIT_OK);
        c.is_ack_only = adit_rng_below(&rng, 3) == 0;
        if (!c.is_ack_only) {
            assert_int_equal(adit_rng_fill(&rng, &c.packet_id, sizeof c.packet_id), ADIT_OK);
            c.payload = adit_bytes_of(payload, adit_rng_below(&rng, sizeof payload + 1));
        }
        adit_ctrl_build(&c, &w);
        assert_int_equal(adit_wr_end(&w), ADIT_OK);
        assert_int_equal(adit_ctrl_parse(adit_wr_view(&w), c.is_ack_only, &got), ADIT_OK);
        assert_int_equal(got.n_acks, c.n_acks);
        assert_memory_equal(got.acks, c.acks, sizeof c.acks);
        assert_true(adit_sid_eq(&got.ack_sid, &c.ack_sid));
        assert_int_equal(got.is_ack_only, c.is_ack_only);
        assert_int_equal(got.packet_id, c.packet_id);
        assert_true(adit_bytes_eq(got.payload, c.payload));
    }
}

static adit_err parse_early(const char *hex, uint16_t *flags)
{
    uint8_t buf[64];

    return adit_early_parse(adit_bytes_of(buf, unhex(hex, buf, sizeof buf)), flags);
}

static void early_flags_among_other_tlvs(void **state)
{
    uint8_t buf[ADIT_EARLY_TLV_LEN];
    struct adit_wr w = adit_wr_of(buf, sizeof buf);
    uint16_t flags = 0x7777;

    (void)state;
    adit_early_build(ADIT_EARLY_RESEND_WKC, &w);
    assert_int_equal(adit_wr_end(&w), ADIT_OK);
    assert_hex(buf, adit_wr_len(&w), "000100020001");
    assert_int_equal(parse_early("", &flags), ADIT_OK);
    assert_int_equal(flags, 0);
    assert_int_equal(parse_early("000100020001", &flags), ADIT_OK);
    assert_int_equal(flags, ADIT_EARLY_RESEND_WKC);
    assert_int_equal(parse_early("00090003aabbcc 000100028001 00020000", &flags), ADIT_OK);
    assert_int_equal(flags, 0x8001);
    assert_int_equal(parse_early("00090003aabbcc", &flags), ADIT_OK);
    assert_int_equal(flags, 0);
}

static void early_tlvs_must_be_whole(void **state)
{
    uint16_t flags = 0x7777;

    (void)state;
    assert_int_equal(parse_early("00", &flags), ADIT_E_MALFORMED);
    assert_int_equal(parse_early("000100", &flags), ADIT_E_MALFORMED);
    assert_int_equal(parse_early("0001000200", &flags), ADIT_E_MALFORMED);
    assert_int_equal(parse_early("0001000101", &flags), ADIT_E_MALFORMED);
    assert_int_equal(parse_early("00010003000001", &flags), ADIT_E_MALFORMED);
    assert_int_equal(parse_early("00090004aabbcc", &flags), ADIT_E_MALFORMED);
    assert_int_equal(flags, 0x7777);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses_client_reset),
        cmocka_unit_test(parses_control_with_ack),
        cmocka_unit_test(parses_acks),
        cmocka_unit_test(refuses_cut_packets_and_leaves_the_result_alone),
        cmocka_unit_test(refuses_nine_acks_and_bytes_behind_an_ack),
        cmocka_unit_test(build_refuses_too_many_acks_and_too_little_room),
        cmocka_unit_test(parse_and_build_invert_each_other),
        cmocka_unit_test(early_flags_among_other_tlvs),
        cmocka_unit_test(early_tlvs_must_be_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
