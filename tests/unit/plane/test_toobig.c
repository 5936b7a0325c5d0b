/* SPDX-License-Identifier: Apache-2.0 */
#include "../unit.h"

#include "plane/toobig.h"
#include "wire/csum.h"

enum {
    PACKET_MAX = 2048,
    V4_DF = 0x4000,
    V4_MF = 0x2000,
    UDP = 17,
    ICMP = 1,
    ICMPV6 = 58,
};

static uint8_t packet[PACKET_MAX], answer[ADIT_TOO_BIG_LEN_MAX];

static struct adit_ip ip(const char *text)
{
    struct adit_ip a;

    assert_int_equal(adit_ip_parse(text, &a), ADIT_OK);
    return a;
}

/* A header and steps behind it. */
static adit_bytes v4(size_t n, uint16_t fragment, uint8_t protocol, const char *src, const char *dst)
{
    struct adit_wr w = adit_wr_of(packet, sizeof packet);
    struct adit_ip from = ip(src), to = ip(dst);
    uint16_t sum;

    adit_wr_u16(&w, 0x4500);
    adit_wr_u16(&w, (uint16_t)n);
    adit_wr_u16(&w, 0x1234);
    adit_wr_u16(&w, fragment);
    adit_wr_u8(&w, 63);
    adit_wr_u8(&w, protocol);
    adit_wr_u16(&w, 0);
    adit_wr_bytes(&w, adit_bytes_of(from.b, 4));
    adit_wr_bytes(&w, adit_bytes_of(to.b, 4));
    sum = (uint16_t)~adit_csum_fold(adit_csum_add(0, packet, 20));
    memcpy(packet + 10, &sum, sizeof sum);
    steps(packet + 20, n - 20, 8);
    return adit_bytes_of(packet, n);
}

static adit_bytes v6(size_t n, uint8_t protocol, const char *src, const char *dst)
{
    struct adit_wr w = adit_wr_of(packet, sizeof packet);
    struct adit_ip from = ip(src), to = ip(dst);

    adit_wr_u32(&w, 0x60000000);
    adit_wr_u16(&w, (uint16_t)(n - 40));
    adit_wr_u8(&w, protocol);
    adit_wr_u8(&w, 63);
    adit_wr_bytes(&w, adit_bytes_of(from.b, 16));
    adit_wr_bytes(&w, adit_bytes_of(to.b, 16));
    steps(packet + 40, n - 40, 128);
    return adit_bytes_of(packet, n);
}

static adit_bytes usual_v4(size_t n)
{
    return v4(n, V4_DF, UDP, "10.8.0.2", "10.9.0.1");
}

static adit_bytes usual_v6(size_t n)
{
    return v6(n, UDP, "fd00::2", "fd00::1");
}

/* From the packet's destination. */
static size_t ask(adit_bytes p, size_t mtu)
{
    struct adit_ip from = p.p[0] >> 4 == 4 ? ip("10.9.0.1") : ip("fd00::1");

    return adit_too_big_answer(p, mtu, &from, answer);
}

static uint16_t sum_of(uint64_t sum, const uint8_t *b, size_t n)
{
    return adit_csum_fold(adit_csum_add(sum, b, n));
}

/* ---- answers ---- */

static void an_answer_of_ipv4_is_exact(void **state)
{
    size_t n = ask(usual_v4(100), 99);

    (void)state;
    assert_hex(answer, n,
               "45c0008000004000 400125aa0a090001 0a080002" /* the header */
               "03049d1100000063"                           /* fragmentation needed, 99 */
               "4500006412344000 3f1115420a080002 0a090001"
               "08090a0b0c0d0e0f1011121314151617 18191a1b1c1d1e1f2021222324252627"
               "28292a2b2c2d2e2f3031323334353637 38393a3b3c3d3e3f4041424344454647"
               "48494a4b4c4d4e4f5051525354555657");
    assert_int_equal(sum_of(0, answer, 20), 0xFFFF);
    assert_int_equal(sum_of(0, answer + 20, n - 20), 0xFFFF);
}

static void an_answer_of_ipv6_is_exact(void **state)
{
    size_t n = ask(usual_v6(1300), 1290);

    (void)state;
    assert_int_equal(n, 1280);
    assert_hex(answer, n < 68 ? n : 68,
               "6000000004d83a40 fd000000000000000000000000000001 fd000000000000000000000000000002"
               "02001aee0000050a" /* packet too big, 1290 */
               "6000000004ec113f fd0000000000000000000000");
    assert_memory_equal(answer + 48, packet, 1280 - 48);
    assert_int_equal(sum_of(adit_csum_pseudo(answer, ICMPV6, n - 40), answer + 40, n - 40), 0xFFFF);
}

static void as_much_of_the_packet_as_is_allowed_comes_back(void **state)
{
    (void)state;
    assert_int_equal(ask(usual_v4(1500), 1400), 576);
    assert_memory_equal(answer + 28, packet, 576 - 28);
    assert_int_equal(ask(usual_v4(548), 500), 576);
    assert_int_equal(ask(usual_v4(547), 500), 575);
    assert_int_equal(sum_of(0, answer + 20, 555), 0xFFFF); /* an odd length */
}

static void no_host_is_told_less_than_every_path_has(void **state)
{
    (void)state;
    assert_true(ask(usual_v4(1500), 20) > 0);
    assert_memory_equal(answer + 26, "\0\x44", 2);
    assert_true(ask(usual_v6(1281), 1000) > 0);
    assert_memory_equal(answer + 44, "\0\0\x05\0", 4);
    assert_int_equal(ask(usual_v6(1280), 1000), 0);
}

static void what_fits_is_not_answered(void **state)
{
    (void)state;
    assert_int_equal(ask(usual_v4(1400), 1400), 0);
    assert_int_equal(ask(usual_v6(1400), 1400), 0);
}

static void what_may_be_fragmented_is_not_answered(void **state)
{
    (void)state;
    assert_int_equal(ask(v4(1400, 0, UDP, "10.8.0.2", "10.9.0.1"), 1300), 0);
}

static void only_the_first_fragment_is_answered(void **state)
{
    (void)state;
    assert_true(ask(v4(1400, V4_DF | V4_MF, UDP, "10.8.0.2", "10.9.0.1"), 1300) > 0);
    assert_int_equal(ask(v4(1400, V4_DF | V4_MF | 1, UDP, "10.8.0.2", "10.9.0.1"), 1300), 0);
    (void)v6(1400, 44, "fd00::2", "fd00::1");
    unhex("11000001 00000001", packet + 40, 8);
    assert_true(ask(adit_bytes_of(packet, 1400), 1300) > 0);
    unhex("11000008 00000001", packet + 40, 8);
    assert_int_equal(ask(adit_bytes_of(packet, 1400), 1300), 0);
}

static void an_error_is_never_answered(void **state)
{
    static const uint8_t errors4[] = {3, 4, 5, 11, 12}, errors6[] = {0, 1, 2, 3, 4, 127, 137};

    (void)state;
    for (size_t i = 0; i < sizeof errors4; i++) {
        (void)v4(1400, V4_DF, ICMP, "10.8.0.2", "10.9.0.1");
        packet[20] = errors4[i];
        assert_int_equal(ask(adit_bytes_of(packet, 1400), 1300), 0);
    }
    packet[20] = 8;
    assert_true(ask(adit_bytes_of(packet, 1400), 1300) > 0);
    for (size_t i = 0; i < sizeof errors6; i++) {
        (void)v6(1400, ICMPV6, "fd00::2", "fd00::1");
        packet[40] = errors6[i];
        assert_int_equal(ask(adit_bytes_of(packet, 1400), 1300), 0);
    }
    packet[40] = 128;
    assert_true(ask(adit_bytes_of(packet, 1400), 1300) > 0);
}

/* Behind hop-by-hop options, a routing header, an authentication header, destination options. */
static void an_error_behind_extension_headers_is_found(void **state)
{
    static const char *chains[] = {
        "3a00 010400000000",
        "3a01 010c00000000 0000000000000000",
        "3a01 000000000000 00000000 00000000",
    };
    static const uint8_t kinds[] = {0, 43, 60};
    size_t len;

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        (void)v6(1400, kinds[i], "fd00::2", "fd00::1");
        len = unhex(chains[i], packet + 40, 64);
        packet[40 + len] = 1;
        assert_int_equal(ask(adit_bytes_of(packet, 1400), 1300), 0);
        packet[40 + len] = 129;
        assert_true(ask(adit_bytes_of(packet, 1400), 1300) > 0);
    }
    (void)v6(1400, 51, "fd00::2", "fd00::1");
    unhex("3a01 0000 00000000 00000000", packet + 40, 12);
    packet[52] = 1;
    assert_int_equal(ask(adit_bytes_of(packet, 1400), 1300), 0);
    packet[52] = 128;
    assert_true(ask(adit_bytes_of(packet, 1400), 1300) > 0);
    /* A chain without end within the packet. */
    (void)v6(1400, 60, "fd00::2", "fd00::1");
    unhex("3cff", packet + 40, 2);
    assert_int_equal(ask(adit_bytes_of(packet, 1400), 1300), 0);
}

static void only_hosts_are_answered(void **state)
{
    static const char *others4[] = {"0.0.0.0",   "0.1.2.3",   "127.0.0.1",
                                    "224.0.0.1", "240.0.0.1", "255.255.255.255"};
    static const char *others6[] = {"::", "::1", "ff02::1"};

    (void)state;
    for (size_t i = 0; i < sizeof others4 / sizeof others4[0]; i++) {
        assert_int_equal(ask(v4(1400, V4_DF, UDP, others4[i], "10.9.0.1"), 1300), 0);
        assert_int_equal(ask(v4(1400, V4_DF, UDP, "10.8.0.2", others4[i]), 1300), 0);
    }
    for (size_t i = 0; i < sizeof others6 / sizeof others6[0]; i++) {
        assert_int_equal(ask(v6(1400, UDP, others6[i], "fd00::1"), 1300), 0);
        assert_int_equal(ask(v6(1400, UDP, "fd00::2", others6[i]), 1300), 0);
    }
    assert_true(ask(v4(1400, V4_DF, UDP, "223.255.255.255", "1.0.0.0"), 1300) > 0);
    assert_true(ask(v6(1400, UDP, "::2", "fe80::1"), 1300) > 0);
}

static void a_malformed_packet_is_not_answered(void **state)
{
    struct adit_ip other = ip("fd00::1");

    (void)state;
    (void)usual_v4(1400);
    packet[0] = 0x44;
    assert_int_equal(ask(adit_bytes_of(packet, 1400), 1300), 0);
    packet[0] = 0x50;
    assert_int_equal(ask(adit_bytes_of(packet, 1400), 1300), 0);
    assert_int_equal(adit_too_big_answer(usual_v4(1400), 1300, &other, answer), 0);
    assert_int_equal(ask(adit_bytes_of(packet, 19), 10), 0);
    /* An ICMP packet that ends before its type might be an error. */
    assert_int_equal(ask(v4(20, V4_DF, ICMP, "10.8.0.2", "10.9.0.1"), 10), 0);
}

/* ---- fragments ---- */

static void fragments_are_exact(void **state)
{
    struct adit_fragments f;
    uint8_t *b;
    size_t n;

    (void)state;
    (void)v4(60, 0, UDP, "10.8.0.2", "10.9.0.1");
    assert_true(adit_fragments_begin(&f, packet, 60, 40));
    assert_true(adit_fragments_next(&f, &b, &n));
    assert_hex(b, n,
               "45000024123420003f1135820a0800020a090001"
               "08090a0b0c0d0e0f1011121314151617");
    assert_true(adit_fragments_next(&f, &b, &n));
    assert_hex(b, n,
               "45000024123420023f1135800a0800020a090001"
               "18191a1b1c1d1e1f2021222324252627");
    assert_true(adit_fragments_next(&f, &b, &n));
    assert_hex(b, n,
               "4500001c123400043f1155860a0800020a090001"
               "28292a2b2c2d2e2f");
    assert_false(adit_fragments_next(&f, &b, &n));
}

static void a_fragment_of_a_fragment_keeps_its_place(void **state)
{
    struct adit_fragments f;
    uint8_t *b;
    size_t n;

    (void)state;
    (void)v4(60, V4_MF | 100, UDP, "10.8.0.2", "10.9.0.1");
    assert_true(adit_fragments_begin(&f, packet, 60, 50));
    assert_true(adit_fragments_next(&f, &b, &n));
    assert_int_equal(n, 44);
    assert_memory_equal(b + 6, "\x20\x64", 2);
    assert_true(adit_fragments_next(&f, &b, &n));
    assert_int_equal(n, 36);
    assert_memory_equal(b + 6, "\x20\x67", 2); /* more follow, as it was */
    assert_int_equal(sum_of(0, b, 20), 0xFFFF);
    assert_false(adit_fragments_next(&f, &b, &n));
}

/* Router alert is copied, a time stamp is not. */
static void options_are_copied_where_they_say_so(void **state)
{
    struct adit_fragments f;
    uint8_t *b;
    size_t n;

    (void)state;
    (void)v4(80, 0, UDP, "10.8.0.2", "10.9.0.1");
    packet[0] = 0x48;
    unhex("94040000 44080500 00000000", packet + 20, 12);
    assert_true(adit_fragments_begin(&f, packet, 80, 64));
    assert_true(adit_fragments_next(&f, &b, &n));
    assert_int_equal(n, 64);
    assert_memory_equal(b + 20, "\x94\x04\0\0\x44\x08\x05\0\0\0\0\0", 12);
    assert_int_equal(sum_of(0, b, 32), 0xFFFF);
    assert_true(adit_fragments_next(&f, &b, &n));
    assert_int_equal(n, 48);
    assert_memory_equal(b + 20, "\x94\x04\0\0\x01\x01\x01\x01\x01\x01\x01\x01", 12);
    assert_int_equal(sum_of(0, b, 32), 0xFFFF);
    assert_false(adit_fragments_next(&f, &b, &n));
}

static void what_must_not_be_fragmented_is_not(void **state)
{
    struct adit_fragments f;

    (void)state;
    (void)usual_v4(100);
    assert_false(adit_fragments_begin(&f, packet, 100, 60));
    (void)usual_v6(100);
    assert_false(adit_fragments_begin(&f, packet, 100, 60));
    (void)v4(100, 0, UDP, "10.8.0.2", "10.9.0.1");
    assert_false(adit_fragments_begin(&f, packet, 100, 27)); /* no room for eight bytes */
    assert_true(adit_fragments_begin(&f, packet, 100, 28));
    assert_false(adit_fragments_begin(&f, packet, 99, 28));
    assert_false(adit_fragments_begin(&f, packet, 0, 28));
    packet[0] = 0x44;
    assert_false(adit_fragments_begin(&f, packet, 100, 28));
    (void)v4(100, 0x1FFF, UDP, "10.8.0.2", "10.9.0.1"); /* ends beyond the longest packet */
    assert_false(adit_fragments_begin(&f, packet, 100, 60));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_of_ipv4_is_exact),
        cmocka_unit_test(an_answer_of_ipv6_is_exact),
        cmocka_unit_test(as_much_of_the_packet_as_is_allowed_comes_back),
        cmocka_unit_test(no_host_is_told_less_than_every_path_has),
        cmocka_unit_test(what_fits_is_not_answered),
        cmocka_unit_test(what_may_be_fragmented_is_not_answered),
        cmocka_unit_test(only_the_first_fragment_is_answered),
        cmocka_unit_test(an_error_is_never_answered),
        cmocka_unit_test(an_error_behind_extension_headers_is_found),
        cmocka_unit_test(only_hosts_are_answered),
        cmocka_unit_test(a_malformed_packet_is_not_answered),
        cmocka_unit_test(fragments_are_exact),
        cmocka_unit_test(a_fragment_of_a_fragment_keeps_its_place),
        cmocka_unit_test(options_are_copied_where_they_say_so),
        cmocka_unit_test(what_must_not_be_fragmented_is_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
