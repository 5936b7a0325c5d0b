/* SPDX-License-Identifier: Apache-2.0 */
#include "../unit.h"

#include "plane/home.h"
#include "wire/packet.h"

static void a_peer_lives_at_its_id_modulo_workers(void **state)
{
    (void)state;
    assert_int_equal(adit_home_of_peer(0, 3), 0);
    assert_int_equal(adit_home_of_peer(5, 3), 2);
    assert_int_equal(adit_home_of_peer(0xfffffe, 4), 2);
    assert_int_equal(adit_home_of_peer(ADIT_PEER_ID_NONE, 4), 0);
}

static void a_datagram_goes_where_its_peer_lives(void **state)
{
    uint8_t v2[] = {ADIT_OP_DATA_V2 << 3, 0, 1, 2, 9, 9}, v1[] = {ADIT_OP_DATA_V1 << 3, 0, 1, 2, 9, 9};
    uint8_t nobody[] = {ADIT_OP_DATA_V2 << 3, 0xff, 0xff, 0xff, 9, 9};

    (void)state;
    assert_int_equal(adit_home_of_datagram(adit_bytes_of(v2, sizeof v2), 4), 0x000102 % 4);
    assert_int_equal(adit_home_of_datagram(adit_bytes_of(v1, sizeof v1), 4), 0);
    assert_int_equal(adit_home_of_datagram(adit_bytes_of(nobody, sizeof nobody), 4), 0);
    assert_int_equal(adit_home_of_datagram(adit_bytes_of(v2, 2), 4), 0);
}

static void a_mark_names_home_and_peer(void **state)
{
    uint32_t mark = adit_mark(31, 0xabcdef);

    (void)state;
    assert_int_equal(adit_mark_home(mark), 31);
    assert_int_equal(adit_mark_id(mark), 0xabcdef);
    assert_int_equal(adit_mark(0, 7), 7);
}

static void a_full_ring_and_a_packet_too_long_are_told_apart(void **state)
{
    uint8_t packet[100] = {1, 2, 3};
    struct adit_handed *h;
    struct adit_ring r;
    adit_err why;

    (void)state;
    assert_int_equal(adit_ring_init(&r, sizeof *h + 64, 1), ADIT_OK);
    assert_null(adit_hand_claim(&r, adit_bytes_of(packet, sizeof packet), &why));
    assert_int_equal(why, ADIT_E_TOO_BIG);
    h = adit_hand_claim(&r, adit_bytes_of(packet, 64), &why);
    assert_non_null(h);
    assert_int_equal(h->n, 64);
    assert_memory_equal(h->b, packet, 64);
    adit_ring_publish(&r);
    assert_null(adit_hand_claim(&r, adit_bytes_of(packet, 1), &why));
    assert_int_equal(why, ADIT_E_QUEUE);
    adit_ring_fini(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_peer_lives_at_its_id_modulo_workers),
        cmocka_unit_test(a_datagram_goes_where_its_peer_lives),
        cmocka_unit_test(a_mark_names_home_and_peer),
        cmocka_unit_test(a_full_ring_and_a_packet_too_long_are_told_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
