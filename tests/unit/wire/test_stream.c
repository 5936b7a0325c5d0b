/* SPDX-License-Identifier: Apache-2.0 */
#include "../unit.h"

#include "base/rng.h"
#include "wire/stream.h"

enum {
    PACKET_MAX = 300,
    CAP = ADIT_STREAM_HEAD_LEN + PACKET_MAX,
};

/* Copies as much of in[0..n) as there is room for; how much that was. */
static size_t feed(struct adit_stream *s, const uint8_t *in, size_t n)
{
    size_t room;
    uint8_t *space = adit_stream_space(s, &room);

    if (n > room)
        n = room;
    memcpy(space, in, n);
    adit_stream_filled(s, n);
    return n;
}

static void head_of_the_plain_client_reset(void **state)
{
    uint8_t wire[16];

    (void)state;
    adit_stream_head(wire, unhex("386891923fa31034370000000000", wire + 2, 14));
    assert_hex(wire, sizeof wire, "000e386891923fa31034370000000000");
}

static void packets_are_writable_and_in_place(void **state)
{
    uint8_t buf[CAP], *packet;
    struct adit_stream s;
    size_t n;

    (void)state;
    adit_stream_init(&s, buf, sizeof buf, PACKET_MAX);
    feed(&s, (const uint8_t *)"\0\2ab\0\1c", 7);
    assert_int_equal(adit_stream_next(&s, &packet, &n), ADIT_OK);
    assert_int_equal(n, 2);
    assert_ptr_equal(packet, buf + 2);
    packet[0] = packet[1] = 0xff;
    assert_int_equal(adit_stream_next(&s, &packet, &n), ADIT_OK);
    assert_int_equal(n, 1);
    assert_int_equal(packet[0], 'c');
    assert_int_equal(adit_stream_next(&s, &packet, &n), ADIT_OK);
    assert_null(packet);
}

static void every_cut_gives_the_same_packets(void **state)
{
    static const uint8_t in[] = "\0\1a\0\3bcd\0\2ef";
    const size_t n_in = sizeof in - 1;

    (void)state;
    for (size_t cut = 0; cut <= n_in; cut++) {
        uint8_t buf[CAP], *packet;
        char seen[16] = "";
        struct adit_stream s;
        size_t n;

        adit_stream_init(&s, buf, sizeof buf, PACKET_MAX);
        for (int half = 0; half < 2; half++) {
            feed(&s, in + (half ? cut : 0), half ? n_in - cut : cut);
            while (adit_stream_next(&s, &packet, &n) == ADIT_OK && packet) {
                strncat(seen, (const char *)packet, n);
                strcat(seen, "|");
            }
        }
        assert_string_equal(seen, "a|bcd|ef|");
    }
}

static void bad_lengths_spoil_the_stream_for_good(void **state)
{
    static const uint8_t too_long[] = {(PACKET_MAX + 1) >> 8, (PACKET_MAX + 1) & 0xff};
    static const uint8_t zero[] = {0, 1, 'x', 0, 0, 0, 1, 'y'};
    uint8_t buf[CAP], *packet;
    struct adit_stream s;
    size_t n;

    (void)state;
    adit_stream_init(&s, buf, sizeof buf, PACKET_MAX);
    feed(&s, too_long, sizeof too_long);
    assert_int_equal(adit_stream_next(&s, &packet, &n), ADIT_E_MALFORMED);
    assert_int_equal(adit_stream_next(&s, &packet, &n), ADIT_E_MALFORMED);
    adit_stream_init(&s, buf, sizeof buf, PACKET_MAX);
    feed(&s, zero, sizeof zero);
    assert_int_equal(adit_stream_next(&s, &packet, &n), ADIT_OK);
    assert_int_equal(n, 1);
    assert_int_equal(adit_stream_next(&s, &packet, &n), ADIT_E_MALFORMED);
    assert_null(packet);
    feed(&s, (const uint8_t *)"\0\1z", 3);
    assert_int_equal(adit_stream_next(&s, &packet, &n), ADIT_E_MALFORMED);
}

static void longest_packet_fits_the_smallest_buffer(void **state)
{
    uint8_t buf[CAP], in[2 * CAP], *packet;
    struct adit_stream s;
    size_t n, at = 0;
    int n_packets = 0;

    (void)state;
    memset(in, 0x33, sizeof in);
    adit_stream_head(in, PACKET_MAX);
    adit_stream_head(in + CAP, PACKET_MAX);
    adit_stream_init(&s, buf, sizeof buf, PACKET_MAX);
    while (at < sizeof in) {
        at += feed(&s, in + at, at == 0 ? 7 : sizeof in - at);
        while (adit_stream_next(&s, &packet, &n) == ADIT_OK && packet) {
            assert_int_equal(n, PACKET_MAX);
            n_packets++;
        }
    }
    assert_int_equal(n_packets, 2);
}

/* Random packets in random segments, several packets per segment and several segments per packet. */
static void any_segmentation_gives_the_same_packets(void **state)
{
    uint64_t seed = 7;
    struct adit_rng rng = adit_rng_seeded(&seed);

    (void)state;
    for (int round = 0; round < 200; round++) {
        static uint8_t in[20 * CAP], out[20 * CAP], buf[2048];
        size_t n_in = 0, n_out = 0, at = 0, n;
        struct adit_stream s;
        uint8_t *packet;

        for (int i = 0; i < 20; i++) {
            size_t len = 1 + adit_rng_below(&rng, adit_rng_below(&rng, 2) ? 9 : PACKET_MAX);

            adit_stream_head(in + n_in, len);
            assert_int_equal(adit_rng_fill(&rng, in + n_in + 2, len), ADIT_OK);
            n_in += 2 + len;
        }
        adit_stream_init(&s, buf, CAP + adit_rng_below(&rng, sizeof buf - CAP), PACKET_MAX);
        while (at < n_in) {
            size_t want = 1 + adit_rng_below(&rng, round % 2 ? 5 : 1500);

            at += feed(&s, in + at, want < n_in - at ? want : n_in - at);
            for (;;) {
                assert_int_equal(adit_stream_next(&s, &packet, &n), ADIT_OK);
                if (!packet)
                    break;
                adit_stream_head(out + n_out, n);
                memcpy(out + n_out + 2, packet, n);
                n_out += 2 + n;
            }
        }
        assert_int_equal(n_out, n_in);
        assert_memory_equal(out, in, n_in);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(head_of_the_plain_client_reset),
        cmocka_unit_test(packets_are_writable_and_in_place),
        cmocka_unit_test(every_cut_gives_the_same_packets),
        cmocka_unit_test(bad_lengths_spoil_the_stream_for_good),
        cmocka_unit_test(longest_packet_fits_the_smallest_buffer),
        cmocka_unit_test(any_segmentation_gives_the_same_packets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
