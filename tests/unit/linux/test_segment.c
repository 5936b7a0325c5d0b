/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Taking super-packets apart, against the kernel's own way of doing it. A super-packet is written to one tun
 * device with what is said about it; the kernel forwards it to a second one that takes single packets only,
 * so it has to segment: byte for byte what adit_segments_next() gives of the same packet one hop on.
 *
 * test_linux_segment [SEED [ROUNDS]]
 */
#include "segment_rig.h"

enum {
    TCP_MAX = 4000, /* packets of one super-packet, fewer than the queue has places */
    UDP_MAX = 64,   /* what kernels of all ages allow */
};

static uint64_t chance = 1;
static unsigned rounds = 500;

/* xorshift64*: below n. */
static unsigned any(unsigned n)
{
    chance ^= chance >> 12;
    chance ^= chance << 25;
    chance ^= chance >> 27;
    return (unsigned)((chance * 0x2545F4914F6CDD1D) >> 33) % n;
}

/* Up to thirty bytes behind the packet. */
static size_t any_trailer(size_t n)
{
    size_t len = 1 + any(30);

    memset(original + n, 0xEE, len);
    return len;
}

static const char *any_of(const char *const *texts, unsigned n)
{
    return texts[any(n)];
}

static const char *const tcp_options[] = {
    NULL,
    NULL,
    "0101080a 11223344 55667788",                   /* timestamps */
    "0101050a 01020304 05060708",                   /* SACK */
    "fd041234",                                     /* an experiment */
    "00ffffff",                                     /* the end, then rubbish */
    "13120000 00000000 00000000 00000000 00000101", /* MD5 */
    "02ff0303 01010402",                            /* a length beyond the end */
    "01010101 01010101 01010101 01010101 01010101 01010101 01010101 01010101 01010101 01010101",
};
static const char *const ip_options[] = {NULL,
                                         NULL,
                                         NULL,
                                         "01010101",
                                         "00000000",
                                         "94040000 01010100",
                                         "9e081122 33445566 01010101 01010101 01010101"};

/* Extension headers with the protocol behind them as PP. */
static const struct {
    uint8_t first;
    const char *hex;
} extensions[] = {
    {0, NULL},
    {0, NULL},
    {0, "PP000104 00000000"},
    {60, "PP000104 00000000"},
    {60, "PP021e12 01020304 05060708 090a0b0c 0d0e0f10 11120000"},
    {0, "3c000104 00000000 PP000100 01020000"},
    {43, "PP02fd01 00000000 fd000002 00000000 00000000 00000009"},
    {0, "2b000104 00000000 3c02fd01 00000000 fd000002 00000000 00000000 00000009 PP000104 00000000"},
};

static void any_ip_options(struct super_form *f, char *hex, size_t cap)
{
    size_t i = any(sizeof extensions / sizeof *extensions);
    char *pp;

    if (!f->is_v6) {
        f->ip_options = any_of(ip_options, sizeof ip_options / sizeof *ip_options);
        return;
    }
    if (!extensions[i].hex)
        return;
    snprintf(hex, cap, "%s", extensions[i].hex);
    pp = strstr(hex, "PP");
    assert_non_null(pp);
    memcpy(pp, f->is_udp ? "11" : "06", 2);
    f->ip_options = hex;
    f->first_extension = extensions[i].first;
}

static uint16_t any_segment(void)
{
    switch (any(8)) {
    case 0:
        return (uint16_t)(1 + any(20));
    case 1:
        return (uint16_t)(1 + any(65534)); /* the largest number has another meaning */
    case 2:
        return (uint16_t)(1400 + any(100));
    default:
        return (uint16_t)(20 + any(1500));
    }
}

/* Often a multiple of the segment, or one more or less. */
static size_t any_payload(size_t segment, size_t max, size_t max_packets)
{
    size_t n = segment * (1 + any(any(4) ? 12 : 60)) + any(3) - 1;

    if (any(3) == 0)
        n = segment + 1 + any(65000);
    if (n > segment * max_packets)
        n = segment * max_packets;
    return n < max ? n : max - any(2);
}

static void any_form(struct super_form *f, char *hex, size_t cap)
{
    *f = (struct super_form){.is_v6 = any(2), .is_udp = has_udp && any(3) == 0, .segment = any_segment()};
    any_ip_options(f, hex, cap);
    f->payload = any_payload(f->segment, 65535 - 20 - 40 - 120, f->is_udp ? UDP_MAX : TCP_MAX);
    f->options = any_of(tcp_options, sizeof tcp_options / sizeof *tcp_options);
    f->flags = (uint8_t)any(256);
    f->id = (uint16_t)(any(4) ? any(65536) : 65535 - any(4));
    f->fragment = (uint16_t)(any(2) ? 0x4000 : any(10) ? 0 : 0x8000);
    f->urgent = (uint16_t)any(65536);
    f->seq = any(4) ? any(0x7FFFFFFF) : UINT32_MAX - any(5000);
    f->has_no_csum = !f->is_udp && any(8) == 0;
}

static size_t make_any(void)
{
    struct super_form f;
    char hex[512];
    size_t n;

    any_form(&f, hex, sizeof hex);
    n = super_make(&f, original, &offload);
    /* The kernel counts what precedes the payload wrongly here and there (TCP options; with a complete
     * checksum all of IP), then finds that the packet is one after all, and loses it. */
    if (f.payload <= f.segment)
        offload.segment = (uint16_t)(n < 65534 ? n : 65534);
    for (size_t i = 0; i < f.payload; i++)
        original[n - 1 - i] = (uint8_t)any(256);
    if (!f.is_udp && f.flags & CWR && any(2))
        offload.has_cwr = true;
    return n;
}

static void super_packets_of_all_forms(void **state)
{
    uint64_t count = 0;

    (void)state;
    for (unsigned i = 0; i < rounds; i++)
        count += compare(make_any());
    print_message("%u super-packets, %llu packets\n", rounds, (unsigned long long)count);
}

/* What nobody sends on purpose: the kernel makes something of it, and so must we. */
static void super_packets_with_something_wrong(void **state)
{
    (void)state;
    for (unsigned i = 0; i < rounds; i++) {
        size_t n = make_any(), place = offload.csum_start + (size_t)offload.csum_at;
        struct plain plain;

        assert_int_equal(plain_begin(&plain, original, n, &offload), ADIT_OK);
        if (any(2) && plain.count > 1) /* one packet would be lost, as above */
            n += any_trailer(n);
        if (offload.needs_csum && any(2))
            plain_put(original + place, any(65536));
        if (offload.gso == ADIT_GSO_UDP && any(2))
            plain_put(original + place - 2, any(65536));
        compare(n);
    }
}

static void single_packets_with_a_checksum_to_be_made(void **state)
{
    (void)state;
    for (unsigned i = 0; i < rounds; i++) {
        size_t n = make_any(), at = offload.csum_start;

        offload.gso = ADIT_GSO_NONE;
        if (any(3) == 0 && offload.needs_csum && n > at + 40) {
            /* A protocol that nobody knows. */
            if (original[0] >> 4 == 4) {
                original[9] = 253;
                plain_put(original + 10, 0);
                plain_put(original + 10, 0xFFFF - plain_sum(0, original, at));
            } else if (original[6] == 6 || original[6] == 17) {
                original[6] = 253;
            }
            offload.csum_start = (uint16_t)(at + any(10));
            offload.csum_at = (uint16_t)any(20);
        }
        assert_int_equal(compare(n), 1);
    }
}

/* Changes the first word of the payload so that the checksum of the first packet is zero. */
static void make_zero(size_t n, size_t payload_at)
{
    struct adit_segments s;
    uint8_t *packet;
    size_t len;
    uint32_t word;

    memcpy(work, original, n);
    assert_int_equal(adit_segments_begin(&s, work, n, &offload), ADIT_OK);
    assert_true(adit_segments_next(&s, &packet, &len));
    word = plain_u16(packet + offload.csum_start + offload.csum_at) + plain_u16(original + payload_at);
    plain_put(original + payload_at, (word & 0xFFFF) + (word >> 16));
}

static void checksums_of_zero(void **state)
{
    (void)state;
    for (int form = 0; form < 8; form++) {
        struct super_form f = {
            .is_v6 = form & 1, .is_udp = form & 2, .flags = ACK, .payload = 300, .segment = 100};
        size_t n = super_make(&f, original, &offload);

        if (f.is_udp && !has_udp)
            continue;
        if (form & 4)
            offload.gso = ADIT_GSO_NONE;
        make_zero(n, n - f.payload);
        assert_int_equal(compare(n), form & 4 ? 1 : 3);
        assert_true(zeros_seen > 0);
        zeros_seen = 0;
    }
}

static void the_longest_packets(void **state)
{
    static const uint16_t segments[] = {1448, 1, 536, 32768, 65494};

    (void)state;
    for (size_t i = 0; i < sizeof segments / sizeof *segments; i++) {
        struct super_form f = {.flags = ACK | PSH | CWR, .payload = 65535 - 40, .segment = segments[i]};

        if (segments[i] == 1)
            f.payload = TCP_MAX;
        compare(super_make(&f, original, &offload));
        f.is_v6 = true;
        f.payload -= 20; /* the device's MTU counts the IPv6 header, too */
        compare(super_make(&f, original, &offload));
    }
}

/* Long IPv4 super-packets have no length; so far they do not come out of a tun device. */
static void a_super_packet_without_a_length(void **state)
{
    struct super_form f = {.flags = ACK | PSH | CWR, .payload = 5000, .segment = 999};
    size_t n = super_make(&f, original, &offload);

    (void)state;
    plain_put(original + 2, 0);
    plain_put(original + 10, 0);
    plain_put(original + 10, 0xFFFF - plain_sum(0, original, 20));
    if (!give(n) || next_got(200) == 0) {
        print_message("this kernel takes none\n");
        skip();
    }
    while (next_got(0) != 0)
        ;
    assert_int_equal(compare(n), 6);
}

/* What does not fit the packet is refused, here as there. */
static void lies_about_the_checksum_are_refused(void **state)
{
    struct adit_segments s;

    (void)state;
    for (int form = 0; form < 6; form++) {
        struct super_form f = {.is_v6 = form & 1, .flags = ACK, .payload = 3000, .segment = 1000};
        size_t n = super_make(&f, original, &offload);

        if (form / 2 == 0)
            offload.csum_start = (uint16_t)n;
        else if (form / 2 == 1)
            offload.csum_at = 6;
        else
            offload.segment = 0;
        memcpy(work, original, n);
        assert_int_equal(adit_segments_begin(&s, work, n, &offload), ADIT_E_MALFORMED);
        assert_true(!give(n) || next_got(50) == 0);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(super_packets_of_all_forms),
        cmocka_unit_test(super_packets_with_something_wrong),
        cmocka_unit_test(single_packets_with_a_checksum_to_be_made),
        cmocka_unit_test(checksums_of_zero),
        cmocka_unit_test(the_longest_packets),
        cmocka_unit_test(a_super_packet_without_a_length),
        cmocka_unit_test(lies_about_the_checksum_are_refused),
    };

    if (argc > 1)
        chance = (strtoull(argv[1], NULL, 10) + 1) * 0x9E3779B97F4A7C15;
    if (argc > 2)
        rounds = (unsigned)strtoul(argv[2], NULL, 10);
    return cmocka_run_group_tests(tests, enter, leave);
}
