/* SPDX-License-Identifier: Apache-2.0 */
#include "../unit.h"

#include "wire/packet.h"

static void first_byte_holds_opcode_and_key_id(void **state)
{
    (void)state;
    assert_int_equal(adit_packet_first(ADIT_OP_HARD_RESET_CLIENT_V2, 0), 0x38);
    assert_int_equal(adit_packet_first(ADIT_OP_HARD_RESET_SERVER_V2, 0), 0x40);
    assert_int_equal(adit_packet_first(ADIT_OP_HARD_RESET_CLIENT_V3, 0), 0x50);
    assert_int_equal(adit_packet_first(ADIT_OP_CONTROL_WKC_V1, 0), 0x58);
    assert_int_equal(adit_packet_first(ADIT_OP_DATA_V2, 5), 0x4d);
    for (unsigned b = 0; b < 256; b++) {
        uint8_t first = (uint8_t)b;

        assert_int_equal(adit_packet_first(adit_packet_op(first), adit_packet_key_id(first)), first);
    }
}

static void only_opcodes_of_today_are_control(void **state)
{
    /* One bit per opcode: 3, 4, 5, 7, 8, 10, 11. */
    const uint32_t control = 0xDB8, data = 1U << 6 | 1U << 9, hard = 1U << 7 | 1U << 8 | 1U << 10;
    const uint32_t wkc = 1U << 10 | 1U << 11;

    (void)state;
    for (unsigned op = 0; op < 32; op++) {
        uint8_t first = adit_packet_first((enum adit_op)op, op & 7);

        assert_int_equal(adit_packet_is_control(first), control >> op & 1);
        assert_int_equal(adit_packet_is_data(first), data >> op & 1);
        assert_int_equal(adit_packet_is_hard_reset((enum adit_op)op), hard >> op & 1);
        assert_int_equal(adit_packet_has_wkc((enum adit_op)op), wkc >> op & 1);
    }
}

static void session_ids_compare_whole(void **state)
{
    struct adit_sid zero = {0}, a = {{1, 2, 3, 4, 5, 6, 7, 8}}, b = a;

    (void)state;
    assert_true(adit_sid_is_zero(&zero));
    assert_false(adit_sid_is_zero(&a));
    assert_true(adit_sid_eq(&a, &b));
    for (size_t i = 0; i < ADIT_SID_LEN; i++) {
        struct adit_sid one = {0};

        b = a;
        b.b[i] ^= 0x80;
        one.b[i] = 1;
        assert_false(adit_sid_eq(&a, &b));
        assert_false(adit_sid_is_zero(&one));
    }
}

static void key_id_zero_never_comes_back(void **state)
{
    static const uint8_t want[] = {1, 2, 3, 4, 5, 6, 7, 1, 2};
    uint8_t id = 0;

    (void)state;
    for (size_t i = 0; i < sizeof want; i++) {
        id = adit_key_id_next(id);
        assert_int_equal(id, want[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_byte_holds_opcode_and_key_id),
        cmocka_unit_test(only_opcodes_of_today_are_control),
        cmocka_unit_test(session_ids_compare_whole),
        cmocka_unit_test(key_id_zero_never_comes_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
