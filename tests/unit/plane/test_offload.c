/* SPDX-License-Identifier: Apache-2.0 */
#include "../unit.h"

#include <linux/virtio_net.h>

#include "plane/offload.h"

static const struct virtio_net_hdr tcp = {
    .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
    .gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
    .hdr_len = 52,
    .gso_size = 1348,
    .csum_start = 20,
    .csum_offset = 16,
};

static adit_err read_of(const struct virtio_net_hdr *h, struct adit_offload *o)
{
    return adit_vnet_read(adit_bytes_of(h, sizeof *h), o);
}

static void reading_takes_what_the_kernel_says(void **state)
{
    struct adit_offload o;

    (void)state;
    assert_int_equal(sizeof(struct virtio_net_hdr), ADIT_VNET_LEN);
    assert_int_equal(read_of(&tcp, &o), ADIT_OK);
    assert_int_equal(o.gso, ADIT_GSO_TCP);
    assert_true(o.needs_csum);
    assert_false(o.has_cwr);
    assert_int_equal(o.segment, 1348);
    assert_int_equal(o.head_len, 52);
    assert_int_equal(o.csum_start, 20);
    assert_int_equal(o.csum_at, 16);
}

static void each_kind_has_its_number(void **state)
{
    static const struct {
        uint8_t kind;
        adit_err e;
        enum adit_gso gso;
        bool has_cwr;
    } rows[] = {
        {0, ADIT_OK, ADIT_GSO_NONE, false},   {1, ADIT_OK, ADIT_GSO_TCP, false},
        {2, ADIT_E_UNSUPPORTED, 0, false},    {3, ADIT_E_UNSUPPORTED, 0, false}, /* fragments */
        {4, ADIT_OK, ADIT_GSO_TCP, false},    {5, ADIT_OK, ADIT_GSO_UDP, false},
        {6, ADIT_E_UNSUPPORTED, 0, false},    {0x21, ADIT_E_UNSUPPORTED, 0, false}, /* inside a UDP tunnel */
        {0x80, ADIT_E_MALFORMED, 0, false},   {0x81, ADIT_OK, ADIT_GSO_TCP, true},
        {0x84, ADIT_OK, ADIT_GSO_TCP, true},  {0x85, ADIT_E_MALFORMED, 0, false},
        {0xFF, ADIT_E_UNSUPPORTED, 0, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct virtio_net_hdr h = tcp;
        struct adit_offload o;

        h.gso_type = rows[i].kind;
        assert_int_equal(read_of(&h, &o), rows[i].e);
        if (rows[i].e)
            continue;
        assert_int_equal(o.gso, rows[i].gso);
        assert_int_equal(o.has_cwr, rows[i].has_cwr);
        assert_int_equal(o.segment, o.gso == ADIT_GSO_NONE ? 0 : 1348);
    }
}

static void nothing_is_read_of_a_header_cut_short_or_without_a_size(void **state)
{
    struct adit_offload o, before;
    struct virtio_net_hdr h = tcp;

    (void)state;
    memset(&o, 0xA5, sizeof o);
    before = o;
    for (size_t n = 0; n < ADIT_VNET_LEN; n++)
        assert_int_equal(adit_vnet_read(adit_bytes_of(&h, n), &o), ADIT_E_MALFORMED);
    h.gso_size = 0;
    assert_int_equal(read_of(&h, &o), ADIT_E_MALFORMED);
    assert_memory_equal(&o, &before, sizeof o);
}

static void a_checksum_that_is_complete_has_no_place(void **state)
{
    struct virtio_net_hdr h = tcp;
    struct adit_offload o;

    (void)state;
    h.flags = VIRTIO_NET_HDR_F_DATA_VALID;
    assert_int_equal(read_of(&h, &o), ADIT_OK);
    assert_false(o.needs_csum);
    assert_int_equal(o.csum_start, 0);
    assert_int_equal(o.csum_at, 0);
}

static void writing_inverts_reading(void **state)
{
    static const uint8_t kinds[] = {0, 1, 4, 5, 0x81, 0x84};

    (void)state;
    for (size_t i = 0; i < sizeof kinds; i++) {
        for (uint8_t flags = 0; flags < 2; flags++) {
            struct virtio_net_hdr h = tcp;
            struct adit_offload o;
            uint8_t back[ADIT_VNET_LEN];

            h.gso_type = kinds[i];
            h.flags = flags;
            h.gso_size = kinds[i] ? 0x1234 : 0;
            h.csum_start = flags ? 0x5678 : 0;
            h.csum_offset = flags ? 0x9ABC : 0;
            assert_int_equal(read_of(&h, &o), ADIT_OK);
            adit_vnet_write(&o, (kinds[i] & 0x7F) == 4, back);
            assert_memory_equal(back, &h, sizeof h);
        }
    }
}

static void one_packet_is_all_zeros(void **state)
{
    struct adit_offload o = {.segment = 9, .csum_start = 7, .csum_at = 8};
    uint8_t head[ADIT_VNET_LEN];

    (void)state;
    adit_vnet_write(&o, true, head);
    assert_hex(head, sizeof head, "00000000000000000000");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reading_takes_what_the_kernel_says),
        cmocka_unit_test(each_kind_has_its_number),
        cmocka_unit_test(nothing_is_read_of_a_header_cut_short_or_without_a_size),
        cmocka_unit_test(a_checksum_that_is_complete_has_no_place),
        cmocka_unit_test(writing_inverts_reading),
        cmocka_unit_test(one_packet_is_all_zeros),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
