/* SPDX-License-Identifier: Apache-2.0 */
#include "../unit.h"

#include "base/rng.h"
#include "wire/ip.h"

enum {
    SYN = 0x02,
    ACK = 0x10,
};

/* A packet under construction: IPv4 or IPv6, then TCP. */
struct syn {
    uint8_t b[256];
    size_t n, tcp; /* whole length; where TCP begins */
};

static uint16_t u16_at(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

/* The TCP checksum of the whole packet by the book, with its pseudo header. */
static uint16_t checksum(const struct syn *s)
{
    bool is_v4 = s->b[0] >> 4 == 4;
    size_t addresses = is_v4 ? 12 : 8, n_addresses = is_v4 ? 8 : 32, n = s->n - s->tcp;
    uint32_t sum = 6 + (uint32_t)n;

    for (size_t i = 0; i < n_addresses; i += 2)
        sum += u16_at(s->b + addresses + i);
    for (size_t i = 0; i < n; i += 2) {
        uint8_t low = i + 1 < n ? s->b[s->tcp + i + 1] : 0;

        if (i != 16)
            sum += (uint32_t)(s->b[s->tcp + i] << 8 | low);
    }
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

static uint16_t checksum_field(const struct syn *s)
{
    return u16_at(s->b + s->tcp + 16);
}

static void seal(struct syn *s)
{
    uint16_t sum = checksum(s);

    s->b[s->tcp + 16] = (uint8_t)(sum >> 8);
    s->b[s->tcp + 17] = (uint8_t)sum;
}

/* A SYN with n_ip_options bytes (a multiple of 4) of IPv4 options and these TCP options (padded to 4). */
static struct syn make_syn(int family, size_t n_ip_options, const char *tcp_options, struct adit_rng *rng)
{
    struct syn s = {.tcp = family == 4 ? 20 + n_ip_options : 40};
    uint8_t options[64] = {0};
    size_t n_options = (unhex(tcp_options, options, sizeof options) + 3) / 4 * 4, payload = 3;

    assert_int_equal(adit_rng_fill(rng, s.b, sizeof s.b), ADIT_OK);
    memcpy(s.b + s.tcp + 20, options, n_options);
    s.n = s.tcp + 20 + n_options + payload;
    if (family == 4) {
        s.b[0] = (uint8_t)(0x40 | s.tcp / 4);
        s.b[2] = (uint8_t)(s.n >> 8);
        s.b[3] = (uint8_t)s.n;
        s.b[6] &= 0xe0;
        s.b[7] = 0;
        s.b[9] = 6;
    } else {
        s.b[0] = 0x60;
        s.b[4] = 0;
        s.b[5] = (uint8_t)(s.n - 40);
        s.b[6] = 6;
    }
    s.b[s.tcp + 12] = (uint8_t)((20 + n_options) / 4 << 4);
    s.b[s.tcp + 13] = SYN;
    seal(&s);
    return s;
}

static struct adit_rng seeded(void)
{
    static uint64_t seed = 5;

    return adit_rng_seeded(&seed);
}

static void peeks_at_both_families(void **state)
{
    uint8_t b[64];
    struct adit_ip_peek p;
    char src[ADIT_IP_STR_MAX], dst[ADIT_IP_STR_MAX];
    size_t n = unhex("4500001400000000400100000a0000010a000002", b, sizeof b);

    (void)state;
    assert_int_equal(adit_ip_peek(adit_bytes_of(b, n), &p), ADIT_OK);
    assert_string_equal(adit_ip_str(&p.src, src, sizeof src), "10.0.0.1");
    assert_string_equal(adit_ip_str(&p.dst, dst, sizeof dst), "10.0.0.2");
    n = unhex("6000000000003b4020010db8000000000000000000000001 fe800000000000000000000000000002", b,
              sizeof b);
    assert_int_equal(adit_ip_peek(adit_bytes_of(b, n), &p), ADIT_OK);
    assert_string_equal(adit_ip_str(&p.src, src, sizeof src), "2001:db8::1");
    assert_string_equal(adit_ip_str(&p.dst, dst, sizeof dst), "fe80::2");
}

static void peek_refuses_short_and_strange_headers(void **state)
{
    uint8_t b[60] = {0x45};
    struct adit_ip_peek p;

    (void)state;
    assert_int_equal(adit_ip_peek(adit_bytes_of(b, 0), &p), ADIT_E_MALFORMED);
    assert_int_equal(adit_ip_peek(adit_bytes_of(b, 19), &p), ADIT_E_MALFORMED);
    assert_int_equal(adit_ip_peek(adit_bytes_of(b, 20), &p), ADIT_OK);
    b[0] = 0x46;
    assert_int_equal(adit_ip_peek(adit_bytes_of(b, 23), &p), ADIT_E_MALFORMED);
    assert_int_equal(adit_ip_peek(adit_bytes_of(b, 24), &p), ADIT_OK);
    b[0] = 0x44;
    assert_int_equal(adit_ip_peek(adit_bytes_of(b, 60), &p), ADIT_E_MALFORMED);
    b[0] = 0x60;
    assert_int_equal(adit_ip_peek(adit_bytes_of(b, 39), &p), ADIT_E_MALFORMED);
    assert_int_equal(adit_ip_peek(adit_bytes_of(b, 40), &p), ADIT_OK);
    b[0] = 0x2a;
    assert_int_equal(adit_ip_peek(adit_bytes_of(b, 60), &p), ADIT_E_MALFORMED);
}

/* Each row: TCP options with an MSS of 0x05b4 (1460), and where its value stands in them. */
static const struct {
    const char *options;
    size_t at;
} mss_rows[] = {
    {"020405b4", 2},          {"020405b4 0402080a0000000100000000 01030307", 2},
    {"01 020405b4", 3},       {"0101 020405b4", 4},
    {"030307 020405b4", 5},   {"0402 020405b4 01 01", 4},
    {"020405b4 00 ff ff", 2},
};

static void lowers_and_mends_the_checksum(void **state)
{
    struct adit_rng rng = seeded();

    (void)state;
    for (size_t row = 0; row < sizeof mss_rows / sizeof mss_rows[0]; row++)
        for (int round = 0; round < 600; round++) {
            int family = round % 2 ? 4 : 6;
            size_t n_ip_options = family == 4 ? adit_rng_below(&rng, 11) * 4 : 0;
            struct syn s = make_syn(family, n_ip_options, mss_rows[row].options, &rng), before = s;
            uint16_t to = (uint16_t)(1 + adit_rng_below(&rng, 1459));
            size_t at = s.tcp + 20 + mss_rows[row].at;

            s.b[s.tcp + 13] = before.b[s.tcp + 13] = round % 3 ? SYN : SYN | ACK;
            seal(&s);
            assert_true(adit_mss_lower(s.b, s.n, family == 4 ? to : 1, family == 6 ? to : 1));
            assert_int_equal(u16_at(s.b + at), to);
            assert_int_equal(checksum_field(&s), checksum(&s));
            /* Nothing else has changed. */
            memcpy(before.b + at, s.b + at, 2);
            memcpy(before.b + s.tcp + 16, s.b + s.tcp + 16, 2);
            assert_memory_equal(s.b, before.b, sizeof s.b);
        }
}

static void assert_untouched(struct syn s, uint16_t mss4, uint16_t mss6)
{
    struct syn before = s;

    assert_false(adit_mss_lower(s.b, s.n, mss4, mss6));
    assert_memory_equal(s.b, before.b, sizeof s.b);
}

static void never_raises_and_zero_leaves_alone(void **state)
{
    struct adit_rng rng = seeded();
    struct syn v4 = make_syn(4, 0, "020405b4", &rng), v6 = make_syn(6, 0, "020405b4", &rng);

    (void)state;
    assert_untouched(v4, 1460, 100);
    assert_untouched(v4, 9000, 100);
    assert_untouched(v4, 0, 100);
    assert_untouched(v6, 100, 1460);
    assert_untouched(v6, 100, 0);
    assert_true(adit_mss_lower(v4.b, v4.n, 1459, 0));
    assert_true(adit_mss_lower(v6.b, v6.n, 0, 1459));
}

static void all_mss_options_are_lowered(void **state)
{
    struct adit_rng rng = seeded();
    struct syn s = make_syn(4, 0, "020405b4 01 020405b5 02040010", &rng);

    (void)state;
    assert_true(adit_mss_lower(s.b, s.n, 1000, 0));
    assert_hex(s.b + 40, 13, "020403e8 01 020403e8 02040010");
    assert_int_equal(checksum_field(&s), checksum(&s));
}

static void malformed_options_are_left_alone(void **state)
{
    static const char *const rows[] = {
        "",                  /* none */
        "00 020405b4",       /* behind the end */
        "01010102",          /* no length */
        "020405b4 03",       /* a good one, then no length */
        "020405b4 01010300", /* length 0 */
        "020405b4 01010301", /* length 1 */
        "020405b4 01010304", /* longer than what is left */
        "020305b4",          /* MSS of a wrong length */
        "020505b4 01010101",
    };
    struct adit_rng rng = seeded();

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct syn s = make_syn(4, 0, rows[i], &rng);

        /* "020405b4 03" is filled up with zeros; without them its last option has no length. */
        if (i == 3)
            s.b[s.tcp + 25] = s.b[s.tcp + 26] = 1, s.b[s.tcp + 24] = 1, s.b[s.tcp + 27] = 3;
        assert_untouched(s, 100, 100);
    }
}

static void other_packets_are_left_alone(void **state)
{
    struct adit_rng rng = seeded();
    const struct syn v4 = make_syn(4, 4, "020405b4", &rng), v6 = make_syn(6, 0, "020405b4", &rng);
    struct syn s = v4;

    (void)state;
    s.b[7] = 1; /* a later fragment */
    assert_untouched(s, 100, 100);
    s = v4;
    s.b[6] = 0x3f; /* more fragments follow, and an offset */
    assert_untouched(s, 100, 100);
    s = v4;
    s.b[9] = 17;
    assert_untouched(s, 100, 100);
    s = v4;
    s.b[s.tcp + 13] = ACK;
    assert_untouched(s, 100, 100);
    s = v4;
    s.b[s.tcp + 12] = 0x40; /* TCP header shorter than 20 */
    assert_untouched(s, 100, 100);
    s = v4;
    s.b[s.tcp + 12] = 0xf0; /* TCP header longer than the packet */
    assert_untouched(s, 100, 100);
    s = v4;
    s.b[3]++; /* total length beyond the packet */
    assert_untouched(s, 100, 100);
    s = v4;
    s.b[0] = 0x44;
    assert_untouched(s, 100, 100);
    s = v4;
    s.b[0] = 0x54;
    assert_untouched(s, 100, 100);
    s = v6;
    s.b[6] = 0; /* a hop-by-hop header */
    assert_untouched(s, 100, 100);
    s = v6;
    s.b[5]++;
    assert_untouched(s, 100, 100);
}

static void short_packets_are_read_within_their_bounds(void **state)
{
    struct adit_rng rng = seeded();

    (void)state;
    for (int family = 4; family <= 6; family += 2) {
        const struct syn whole = make_syn(family, 0, "020405b4 01010101", &rng);

        for (size_t n = 0; n < whole.n; n++) {
            uint8_t *exact = test_malloc(n > 0 ? n : 1);

            memcpy(exact, whole.b, n);
            assert_false(adit_mss_lower(exact, n, 100, 100));
            /* Again with lengths that agree with the cut. */
            if (n >= 40 && family == 4)
                exact[3] = (uint8_t)n;
            if (n >= 60 && family == 6)
                exact[5] = (uint8_t)(n - 40);
            assert_int_equal(adit_mss_lower(exact, n, 100, 100), n >= whole.n - 3);
            test_free(exact);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(peeks_at_both_families),
        cmocka_unit_test(peek_refuses_short_and_strange_headers),
        cmocka_unit_test(lowers_and_mends_the_checksum),
        cmocka_unit_test(never_raises_and_zero_leaves_alone),
        cmocka_unit_test(all_mss_options_are_lowered),
        cmocka_unit_test(malformed_options_are_left_alone),
        cmocka_unit_test(other_packets_are_left_alone),
        cmocka_unit_test(short_packets_are_read_within_their_bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
