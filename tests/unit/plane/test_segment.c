/* SPDX-License-Identifier: Apache-2.0 */
#include "../unit.h"

#include <stdlib.h>

#include "super.h"

static uint8_t original[PLAIN_PACKET_MAX], work[PLAIN_PACKET_MAX], joined[PLAIN_PACKET_MAX];
static struct adit_offload offload;

/* The whole super-packet into `original`; its length. */
static size_t make(const struct super_form *f)
{
    return super_make(f, original, &offload);
}

/* A packet's checksums, from nothing but itself. */
static void assert_sound(const uint8_t *b, size_t n)
{
    uint8_t protocol = 0;
    size_t at = 0, end = 0;

    assert_true(plain_walk(b, n, false, &protocol, &at, &end));
    assert_int_equal(end, n);
    if (b[0] >> 4 == 4)
        assert_int_equal(plain_sum(0, b, (b[0] & 15u) * 4), 0xFFFF);
    if (protocol == 17) {
        assert_int_equal(plain_u16(b + at + 4), n - at);
        if (plain_u16(b + at + 6) == 0)
            return;
    }
    assert_int_equal(plain_sum(plain_pseudo(b, protocol, n - at), b + at, n - at), 0xFFFF);
}

/* Takes `original` apart: each packet sound and as the slow way has it, the payloads together the original's.
 * The number of packets. */
static size_t take_apart(size_t n)
{
    static uint8_t want[PLAIN_PACKET_MAX];
    struct adit_segments s;
    struct plain plain;
    size_t count = 0, n_joined = 0, len;
    uint8_t *packet;

    memcpy(work, original, n);
    assert_int_equal(plain_begin(&plain, original, n, &offload), ADIT_OK);
    assert_int_equal(adit_segments_begin(&s, work, n, &offload), ADIT_OK);
    for (; adit_segments_next(&s, &packet, &len); count++) {
        assert_true(packet >= work && packet + len <= work + n);
        assert_int_equal(len, plain_packet(&plain, count, want));
        assert_memory_equal(packet, want, len);
        if (offload.needs_csum || plain.count > 1)
            assert_sound(packet, len);
        memcpy(joined + n_joined, packet + plain.payload, len - plain.payload);
        n_joined += len - plain.payload;
    }
    assert_false(adit_segments_next(&s, &packet, &len));
    assert_int_equal(count, plain.count);
    assert_int_equal(n_joined, plain.end - plain.payload);
    assert_memory_equal(joined, original + plain.payload, n_joined);
    return count;
}

/* The kth packet, in `joined`; its length. */
static size_t packet_of(size_t n, size_t k)
{
    struct adit_segments s;
    uint8_t *packet = NULL;
    size_t len = 0;

    memcpy(work, original, n);
    assert_int_equal(adit_segments_begin(&s, work, n, &offload), ADIT_OK);
    for (size_t i = 0; i <= k; i++)
        assert_true(adit_segments_next(&s, &packet, &len));
    memcpy(joined, packet, len);
    return len;
}

static adit_err begin_of(size_t n)
{
    struct adit_segments s;

    memcpy(work, original, n);
    return adit_segments_begin(&s, work, n, &offload);
}

static const char timestamps[] = "0101 080a 11223344 55667788";

static void three_packets_of_known_bytes(void **state)
{
    size_t n = make(&(struct super_form){.payload = 5,
                                         .segment = 2,
                                         .flags = ACK | PSH | CWR,
                                         .seq = 0x01020304,
                                         .id = 7,
                                         .fragment = 0x4000});
    static const char ip[] = "0a010009 0a020008";

    (void)state;
    assert_int_equal(packet_of(n, 0), 42);
    assert_hex(joined, 8, "452a 002a 0007 4000");
    assert_hex(joined + 12, 8, ip);
    assert_hex(joined + 20, 14, "70717273 01020304 31323334 5090");
    assert_hex(joined + 40, 2, "0007");
    assert_int_equal(packet_of(n, 1), 42);
    assert_hex(joined, 8, "452a 002a 0008 4000");
    assert_hex(joined + 20, 14, "70717273 01020306 31323334 5010");
    assert_hex(joined + 40, 2, "0e15");
    assert_int_equal(packet_of(n, 2), 41);
    assert_hex(joined, 8, "452a 0029 0009 4000");
    assert_hex(joined + 20, 14, "70717273 01020308 31323334 5018");
    assert_hex(joined + 40, 1, "1c");
}

static void every_form_at_many_sizes(void **state)
{
    static const struct super_form forms[] = {
        {.flags = ACK, .fragment = 0x4000},
        {.flags = ACK | PSH | FIN, .options = timestamps, .id = 0xFFFE},
        {.flags = ACK | CWR | ECE, .seq = 0xFFFFFF00},
        {.flags = ACK | URG, .urgent = 99, .options = "fd04 f989"},
        {.flags = ACK, .ip_options = "01010100 83070404 05060700", .options = timestamps},
        {.is_v6 = true, .flags = ACK | PSH | CWR},
        {.is_v6 = true, .flags = ACK | FIN, .options = timestamps},
        {.is_v6 = true, .flags = ACK, .ip_options = "3c000104 00000000 06010c0a 00000000 00000000 00000000"},
        {.is_udp = true},
        {.is_udp = true, .id = 0xFFFF, .ip_options = "01010101"},
        {.is_udp = true, .is_v6 = true},
        {.is_udp = true, .is_v6 = true, .ip_options = "11000104 00000000", .first_extension = 60},
        {.is_udp = true, .has_no_csum = true},
        {.is_udp = true, .has_no_csum = true, .is_v6 = true},
        {.has_no_csum = true, .flags = ACK},
        {.has_no_csum = true, .flags = ACK, .is_v6 = true, .options = timestamps},
    };
    static const uint16_t segments[] = {1, 2, 3, 19, 40, 57, 500, 1349};

    (void)state;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        for (size_t j = 0; j < sizeof segments / sizeof *segments; j++) {
            for (size_t extra = 0; extra < 5; extra++) {
                struct super_form f = forms[i];

                f.segment = segments[j];
                f.payload = (size_t)f.segment * extra + (extra % 2 ? 1 : f.segment);
                if (take_apart(make(&f)) != (f.payload + f.segment - 1) / f.segment)
                    fail_msg("form %zu, segment %u, %zu bytes", i, f.segment, f.payload);
            }
        }
    }
}

/* How many packets it becomes with segments of this size. */
static size_t parts_of(struct super_form *f, uint16_t segment)
{
    f->segment = segment;
    return take_apart(make(f));
}

static void the_longest_packets(void **state)
{
    struct super_form f = {.payload = 65535 - 40, .flags = ACK, .id = 1};

    (void)state;
    assert_int_equal(parts_of(&f, 1), 65495);
    assert_int_equal(parts_of(&f, 1448), 46);
    assert_int_equal(parts_of(&f, 65494), 2);
    assert_int_equal(parts_of(&f, 65495), 1);
    f = (struct super_form){.is_v6 = true, .payload = 65535 - 20, .flags = ACK};
    assert_int_equal(parts_of(&f, 1428), 46);
    f = (struct super_form){.is_udp = true, .payload = 65535 - 28};
    assert_int_equal(parts_of(&f, 65506), 2);
}

/* Longer than a length field can say: then it says nothing. */
static void a_tcp_super_packet_need_not_name_its_length(void **state)
{
    struct super_form f = {.payload = 65700, .segment = 1448, .flags = ACK};
    size_t n = make(&f);

    (void)state;
    plain_put(original + 2, 0);
    assert_int_equal(take_apart(n), 46);
    f.is_v6 = true;
    n = make(&f);
    plain_put(original + 4, 0);
    assert_int_equal(take_apart(n), 46);
    offload.segment = 65535 - 20;
    assert_int_equal(take_apart(n), 2);
    offload.segment++;
    assert_int_equal(begin_of(n), ADIT_E_MALFORMED); /* but a packet has to */
    original[6] = 0;
    offload.segment = 1448;
    assert_int_equal(begin_of(n), ADIT_E_MALFORMED);

    f = (struct super_form){.is_udp = true, .payload = 100, .segment = 50};
    n = make(&f);
    plain_put(original + 2, 0);
    assert_int_equal(begin_of(n), ADIT_E_MALFORMED);
}

static void payload_that_fits_into_one_packet_is_one(void **state)
{
    struct super_form f = {.payload = 100, .flags = ACK | PSH | CWR | FIN, .options = timestamps};

    (void)state;
    assert_int_equal(parts_of(&f, 100), 1);
    assert_int_equal(parts_of(&f, 101), 1);
    f.payload = 0;
    assert_int_equal(parts_of(&f, 101), 1);
    f = (struct super_form){.is_udp = true, .payload = 8};
    assert_int_equal(parts_of(&f, 9), 1);
}

static void an_address_on_the_way_does_not_disturb_the_checksum(void **state)
{
    /* A routing header: the checksum is for the last stop, which is not the destination yet. */
    struct super_form f = {.is_v6 = true,
                           .payload = 100,
                           .segment = 30,
                           .flags = ACK,
                           .first_extension = 43,
                           .ip_options = "06020401 00000000 fd000000 00000000 00000000 00000077"};
    size_t n = make(&f), at = 64;
    uint8_t last_stop[40];

    (void)state;
    memcpy(last_stop, original, 40);
    memcpy(last_stop + 24, original + 48, 16);
    plain_put(original + at + 16, plain_pseudo(last_stop, 6, n - at));
    for (size_t k = 0; k < 4; k++) {
        size_t len = packet_of(n, k);
        uint32_t sum = plain_pseudo(last_stop, 6, len - at);

        assert_int_equal(plain_sum(sum, joined + at, len - at), 0xFFFF);
    }
}

static void a_computed_zero_is_written_as_ones_in_udp_only(void **state)
{
    struct super_form f = {.is_udp = true, .payload = 4, .segment = 2};
    size_t n = make(&f), len = packet_of(n, 0);
    uint32_t check = plain_u16(joined + 26);

    (void)state;
    /* What the sum lacks of all ones goes into the payload. */
    assert_int_equal(len, 30);
    check += plain_u16(joined + 28);
    plain_put(original + 28, (check & 0xFFFF) + (check >> 16));
    packet_of(n, 0);
    assert_int_equal(plain_u16(joined + 26), 0xFFFF);

    f = (struct super_form){.payload = 4, .segment = 2, .flags = ACK};
    n = make(&f);
    packet_of(n, 0);
    check = plain_u16(joined + 36) + plain_u16(joined + 40);
    plain_put(original + 40, (check & 0xFFFF) + (check >> 16));
    packet_of(n, 0);
    assert_int_equal(plain_u16(joined + 36), 0);

    /* One packet is completed without looking what it is. */
    plain_put(original + 2, 42);
    n = 42;
    plain_put(original + 36, plain_pseudo(original, 6, 22));
    original[33] = 0x10;
    offload.gso = ADIT_GSO_NONE;
    packet_of(n, 0);
    assert_int_equal(plain_u16(joined + 36), 0xFFFF);
}

static void zero_stays_zero_where_there_was_no_checksum(void **state)
{
    for (int is_v6 = 0; is_v6 < 2; is_v6++) {
        size_t n = make(&(struct super_form){
            .is_udp = true, .is_v6 = is_v6, .has_no_csum = true, .payload = 100, .segment = 40});
        size_t at = is_v6 ? 40 : 20;

        (void)state;
        packet_of(n, 2);
        assert_int_equal(plain_u16(joined + at + 6), 0);
        plain_put(original + at + 6, 1); /* one that was for the whole */
        packet_of(n, 2);
        assert_int_equal(plain_sum(plain_pseudo(joined, 17, 28), joined + at, 28), 0xFFFF);
    }
}

static void one_packet_of_any_protocol_gets_its_checksum(void **state)
{
    (void)state;
    for (size_t start = 0; start <= 36; start++) {
        for (size_t place = 0; place <= 60; place++) {
            struct plain plain;
            static uint8_t want[PLAIN_PACKET_MAX];

            steps(original, 38, 0x90);
            offload = (struct adit_offload){
                .needs_csum = true, .csum_start = (uint16_t)start, .csum_at = (uint16_t)place};
            assert_int_equal(begin_of(38), start + place + 2 <= 38 ? ADIT_OK : ADIT_E_MALFORMED);
            if (start + place + 2 > 38)
                continue;
            assert_int_equal(plain_begin(&plain, original, 38, &offload), ADIT_OK);
            assert_int_equal(packet_of(38, 0), plain_packet(&plain, 0, want));
            assert_memory_equal(joined, want, 38);
        }
    }
    offload.csum_start = offload.csum_at = 0xFFFF;
    assert_int_equal(begin_of(38), ADIT_E_MALFORMED);
}

static void one_packet_with_nothing_to_do_is_left_alone(void **state)
{
    (void)state;
    steps(original, 60, 0x45);
    offload = (struct adit_offload){.gso = ADIT_GSO_NONE, .segment = 9, .head_len = 3};
    for (size_t n = 0; n <= 60; n++) {
        assert_int_equal(packet_of(n, 0), n);
        assert_memory_equal(joined, original, n);
    }
}

static void bytes_behind_the_packet_are_cut_off(void **state)
{
    struct super_form f = {.payload = 100, .segment = 30, .flags = ACK};
    size_t n = make(&f);

    (void)state;
    memset(original + n, 0xEE, 9);
    assert_int_equal(take_apart(n + 9), 4);
    f.is_v6 = true;
    n = make(&f);
    memset(original + n, 0xEE, 1);
    assert_int_equal(take_apart(n + 1), 4);
    offload.gso = ADIT_GSO_NONE;
    assert_int_equal(packet_of(n + 1, 0), n);
    assert_sound(joined, n);
    offload.needs_csum = false;
    assert_int_equal(packet_of(n + 1, 0), n + 1);
}

static void a_packet_cut_short_is_refused_at_every_length(void **state)
{
    static const struct super_form forms[] = {
        {.payload = 100, .segment = 30, .flags = ACK, .options = timestamps, .ip_options = "01010101"},
        {.payload = 100, .segment = 30, .is_v6 = true, .is_udp = true, .ip_options = "11000104 00000000"},
    };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        size_t n = make(&forms[i]);

        assert_int_equal(begin_of(n), ADIT_OK);
        for (size_t k = 0; k < n; k++) {
            struct adit_segments s;
            uint8_t *exact = malloc(k > 0 ? k : 1); /* so that a sanitizer sees a byte too far */

            assert_non_null(exact);
            memcpy(exact, original, k);
            assert_int_equal(adit_segments_begin(&s, exact, k, &offload), ADIT_E_MALFORMED);
            free(exact);
        }
    }
}

/* One byte or one word of what is said changes, and it does not fit any more. */
static void what_is_said_must_fit_the_packet(void **state)
{
    struct super_form tcp = {.payload = 100, .segment = 30, .flags = ACK}, udp = tcp, v6 = tcp;
    size_t n;

    (void)state;
    udp.is_udp = v6.is_v6 = true;
    v6.ip_options = "06000104 00000000";
    n = make(&tcp);
    offload.segment = 0;
    assert_int_equal(begin_of(n), ADIT_E_MALFORMED);
    n = make(&tcp);
    offload.csum_start++;
    assert_int_equal(begin_of(n), ADIT_E_MALFORMED);
    n = make(&tcp);
    offload.csum_at = 6;
    assert_int_equal(begin_of(n), ADIT_E_MALFORMED);
    n = make(&tcp);
    offload.gso = ADIT_GSO_UDP;
    assert_int_equal(begin_of(n), ADIT_E_MALFORMED);
    n = make(&udp);
    offload.gso = ADIT_GSO_TCP;
    assert_int_equal(begin_of(n), ADIT_E_MALFORMED);
    n = make(&tcp);
    original[32] = 0x40; /* a TCP header shorter than one */
    assert_int_equal(begin_of(n), ADIT_E_MALFORMED);
    n = make(&(struct super_form){.payload = 10, .segment = 5, .flags = ACK});
    original[32] = 0xF0; /* and one longer than the packet */
    assert_int_equal(begin_of(n), ADIT_E_MALFORMED);
    n = make(&tcp);
    original[0] = 0x44;
    assert_int_equal(begin_of(n), ADIT_E_MALFORMED);
    n = make(&tcp);
    original[0] = 0x55;
    assert_int_equal(begin_of(n), ADIT_E_MALFORMED);
    n = make(&tcp);
    original[6] = 0x20; /* a fragment */
    assert_int_equal(begin_of(n), ADIT_E_MALFORMED);
    n = make(&v6);
    original[6] = 44;
    assert_int_equal(begin_of(n), ADIT_E_MALFORMED);
    n = make(&v6);
    original[6] = 60;
    original[41] = 200; /* an extension header longer than the packet */
    assert_int_equal(begin_of(n), ADIT_E_MALFORMED);
}

static void headers_have_a_longest_length(void **state)
{
    char ip_options[1024];
    size_t n;

    (void)state;
    for (int eights = 1; eights < 30; eights++) {
        size_t head = 40 + (size_t)eights * 8 + 20;

        snprintf(ip_options, sizeof ip_options, "06%02x", eights - 1);
        for (int i = 2; i < eights * 8; i++)
            strcat(ip_options, "00");
        n = make(&(struct super_form){.is_v6 = true,
                                      .payload = 100,
                                      .segment = 30,
                                      .flags = ACK,
                                      .ip_options = ip_options,
                                      .first_extension = 60});
        assert_int_equal(begin_of(n), head <= ADIT_SEGMENT_HEAD_MAX ? ADIT_OK : ADIT_E_TOO_BIG);
        if (head <= ADIT_SEGMENT_HEAD_MAX)
            assert_int_equal(take_apart(n), 4);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(three_packets_of_known_bytes),
        cmocka_unit_test(every_form_at_many_sizes),
        cmocka_unit_test(the_longest_packets),
        cmocka_unit_test(a_tcp_super_packet_need_not_name_its_length),
        cmocka_unit_test(payload_that_fits_into_one_packet_is_one),
        cmocka_unit_test(an_address_on_the_way_does_not_disturb_the_checksum),
        cmocka_unit_test(a_computed_zero_is_written_as_ones_in_udp_only),
        cmocka_unit_test(zero_stays_zero_where_there_was_no_checksum),
        cmocka_unit_test(one_packet_of_any_protocol_gets_its_checksum),
        cmocka_unit_test(one_packet_with_nothing_to_do_is_left_alone),
        cmocka_unit_test(bytes_behind_the_packet_are_cut_off),
        cmocka_unit_test(a_packet_cut_short_is_refused_at_every_length),
        cmocka_unit_test(what_is_said_must_fit_the_packet),
        cmocka_unit_test(headers_have_a_longest_length),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
