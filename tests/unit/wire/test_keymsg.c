/* SPDX-License-Identifier: Apache-2.0 */
#include "../unit.h"

#include <openssl/sha.h>

#include "base/rng.h"
#include "wire/keymsg.h"

#define OPTIONS   "V4,dev-type tun,link-mtu 1541,tun-mtu 1500,proto UDPv4,auth SHA1,keysize 128,key-method 2,"
#define PEER_INFO "IV_VER=x\nIV_PROTO=990\nIV_NCP=2\nIV_CIPHERS=AES-256-GCM\n"

static struct adit_keymsg client_message(void)
{
    struct adit_keymsg m = {
        .options = adit_bytes_str(OPTIONS "tls-client"),
        .user = adit_bytes_str("alice"),
        .password = adit_bytes_str("secret"),
        .peer_info = adit_bytes_str(PEER_INFO),
    };

    steps(m.source.pre_master, ADIT_PRE_MASTER_LEN, 0);
    steps(m.source.random1, ADIT_RANDOM_LEN, 0x40);
    steps(m.source.random2, ADIT_RANDOM_LEN, 0x60);
    return m;
}

static size_t build(const struct adit_keymsg *m, bool from_client, uint8_t *dst, size_t cap)
{
    struct adit_wr w = adit_wr_of(dst, cap);

    adit_keymsg_build(m, from_client, &w);
    assert_int_equal(adit_wr_end(&w), ADIT_OK);
    return adit_wr_len(&w);
}

static void client_message_of_the_known_answer(void **state)
{
    struct adit_keymsg m = client_message(), got;
    uint8_t wire[ADIT_RECORD_MAX], hash[SHA256_DIGEST_LENGTH];
    size_t n = build(&m, true, wire, sizeof wire);

    (void)state;
    assert_int_equal(n, 294);
    assert_hex(wire, 12, "000000000200010203040506");
    assert_hex(wire + 117, 2, "0065");
    assert_hex(
        wire + 119 + 0x65, n - 119 - 0x65,
        "0006616c69636500000773656372657400003749565f5645523d780a49565f50524f544f3d3939300a49565f4e43503d320a"
        "49565f434950484552533d4145532d3235362d47434d0a00");
    SHA256(wire, n, hash);
    assert_hex(hash, sizeof hash, "b7f643e63be74f7699327c199c5eef44a779b43db99b0b0fc22fac160dad6602");

    assert_int_equal(adit_keymsg_parse(adit_bytes_of(wire, n), true, &got), ADIT_OK);
    assert_memory_equal(&got.source, &m.source, sizeof m.source);
    assert_true(adit_bytes_eq(got.user, m.user));
    assert_true(adit_bytes_eq(got.password, m.password));
    assert_true(adit_bytes_eq(got.peer_info, m.peer_info));
}

static void server_message_of_the_known_answer(void **state)
{
    struct adit_keymsg m = {.options = adit_bytes_str(OPTIONS "tls-server")}, got;
    uint8_t wire[ADIT_RECORD_MAX], hash[SHA256_DIGEST_LENGTH];
    size_t n;

    (void)state;
    steps(m.source.random1, ADIT_RANDOM_LEN, 0x80);
    steps(m.source.random2, ADIT_RANDOM_LEN, 0xa0);
    n = build(&m, false, wire, sizeof wire);
    assert_int_equal(n, 178);
    SHA256(wire, n, hash);
    assert_hex(hash, sizeof hash, "3b779ca7e240cf7649089c420020cd88ef987f4a6a17ac72375298a6dde63e95");
    assert_int_equal(adit_keymsg_parse(adit_bytes_of(wire, n), false, &got), ADIT_OK);
    assert_memory_equal(&got.source, &m.source, sizeof m.source);
    assert_true(got.has_user_field);
    assert_int_equal(got.user.n + got.password.n + got.peer_info.n, 0);
}

/* Fields behind the options string may be missing, one by one; a field cut in its middle is an error. */
static void cut_at_every_byte(void **state)
{
    struct adit_keymsg m = client_message(), got;
    uint8_t wire[ADIT_RECORD_MAX];
    size_t n = build(&m, true, wire, sizeof wire);
    const size_t options_end = 119 + 0x65, user_end = options_end + 2 + 6, password_end = user_end + 2 + 7;

    (void)state;
    for (size_t cut = 0; cut <= n; cut++) {
        bool is_whole = cut == options_end || cut == user_end || cut == password_end || cut == n;
        uint8_t *exact = test_malloc(cut > 0 ? cut : 1);
        adit_err e;

        memcpy(exact, wire, cut);
        e = adit_keymsg_parse(adit_bytes_of(exact, cut), true, &got);
        assert_int_equal(e, is_whole ? ADIT_OK : ADIT_E_KEY_METHOD);
        if (e == ADIT_OK) {
            assert_true(adit_bytes_eq(got.options, m.options));
            assert_int_equal(got.has_user_field, cut >= user_end);
            assert_int_equal(got.user.n, cut >= user_end ? 5 : 0);
            assert_int_equal(got.password.n, cut >= password_end ? 6 : 0);
            assert_int_equal(got.peer_info.n, cut >= n ? strlen(PEER_INFO) : 0);
        }
        test_free(exact);
    }
}

/* A server's message with these fields, in hex, behind the key material. */
static adit_err parse_fields(const char *hex, struct adit_keymsg *out)
{
    static uint8_t wire[4096];
    size_t n;

    memset(wire, 0, sizeof wire);
    wire[4] = 2;
    n = 69 + unhex(hex, wire + 69, sizeof wire - 69);
    return adit_keymsg_parse(adit_bytes_of(wire, n), false, out);
}

static void text_ends_at_its_first_nul_and_always_has_one(void **state)
{
    struct adit_keymsg m;

    (void)state;
    assert_int_equal(parse_fields("0003563400 0000 0001 00 0005 61 00 62 63 00", &m), ADIT_OK);
    assert_hex(m.options.p, m.options.n, "5634");
    assert_true(m.has_user_field);
    assert_int_equal(m.user.n, 0);
    assert_int_equal(m.password.n, 0);
    assert_hex(m.peer_info.p, m.peer_info.n, "61");
    /* The last byte is overruled, whatever it is. */
    assert_int_equal(parse_fields("0003563434 0003616263 0001 78", &m), ADIT_OK);
    assert_hex(m.options.p, m.options.n, "5634");
    assert_hex(m.user.p, m.user.n, "6162");
    assert_int_equal(m.password.n, 0);
}

static void bytes_behind_the_last_field_and_high_bits_do_not_matter(void **state)
{
    struct adit_keymsg m = client_message(), got;
    uint8_t wire[ADIT_RECORD_MAX];
    size_t n = build(&m, true, wire, sizeof wire);

    (void)state;
    memset(wire, 0xff, 4);
    wire[4] = 0xf2;
    wire[n] = 0x77;
    assert_int_equal(adit_keymsg_parse(adit_bytes_of(wire, n + 1), true, &got), ADIT_OK);
    assert_int_equal(got.peer_info.n, strlen(PEER_INFO));
    wire[4] = 1;
    assert_int_equal(adit_keymsg_parse(adit_bytes_of(wire, n), true, &got), ADIT_E_KEY_METHOD);
}

static void limits_of_options_and_names(void **state)
{
    static uint8_t wire[4096];
    char text[600];
    struct adit_keymsg m = {0}, got;
    struct adit_wr w = adit_wr_of(wire, sizeof wire);
    size_t n;

    (void)state;
    memset(text, 'x', sizeof text);
    m.options = adit_bytes_of(text, ADIT_OPTIONS_MAX - 1);
    m.user = adit_bytes_of(text, ADIT_USERPASS_MAX + 1);
    n = build(&m, false, wire, sizeof wire);
    assert_int_equal(adit_keymsg_parse(adit_bytes_of(wire, n), false, &got), ADIT_OK);
    assert_int_equal(got.options.n, ADIT_OPTIONS_MAX - 1);
    assert_int_equal(got.user.n, ADIT_USERPASS_MAX + 1);

    m.options.n++;
    adit_keymsg_build(&m, false, &w);
    assert_int_equal(adit_wr_end(&w), ADIT_E_NO_ROOM);
    /* 513 bytes with the NUL, as somebody else might send them. */
    wire[69] = 513 >> 8;
    wire[70] = 513 & 0xff;
    assert_int_equal(adit_keymsg_parse(adit_bytes_of(wire, 69 + 2 + 513), false, &got), ADIT_E_KEY_METHOD);
    wire[70] = 512 & 0xff;
    assert_int_equal(adit_keymsg_parse(adit_bytes_of(wire, 69 + 2 + 512), false, &got), ADIT_OK);
}

/* Up to `max` bytes, none of them NUL. */
static adit_bytes random_text(struct adit_rng *rng, uint8_t *dst, uint32_t max)
{
    size_t n = adit_rng_below(rng, 3) == 0 ? 0 : adit_rng_below(rng, max + 1);

    assert_int_equal(adit_rng_fill(rng, dst, n), ADIT_OK);
    for (size_t i = 0; i < n; i++)
        dst[i] = dst[i] == 0 ? 1 : dst[i];
    return adit_bytes_of(dst, n);
}

static void parse_and_build_invert_each_other(void **state)
{
    uint64_t seed = 3;
    struct adit_rng rng = adit_rng_seeded(&seed);

    (void)state;
    for (int round = 0; round < 2000; round++) {
        static uint8_t wire[4096], options[512], user[200], password[200], info[1600];
        bool from_client = adit_rng_below(&rng, 2) == 0;
        struct adit_keymsg m = {0}, got;
        size_t n;

        assert_int_equal(adit_rng_fill(&rng, &m.source, sizeof m.source), ADIT_OK);
        if (!from_client)
            memset(m.source.pre_master, 0, ADIT_PRE_MASTER_LEN);
        m.options = random_text(&rng, options, ADIT_OPTIONS_MAX - 1);
        m.user = random_text(&rng, user, sizeof user);
        m.password = random_text(&rng, password, sizeof password);
        m.peer_info = random_text(&rng, info, ADIT_PEER_INFO_MAX - 1);
        n = build(&m, from_client, wire, sizeof wire);
        assert_int_equal(adit_keymsg_parse(adit_bytes_of(wire, n), from_client, &got), ADIT_OK);
        assert_memory_equal(&got.source, &m.source, sizeof m.source);
        assert_true(adit_bytes_eq(got.options, m.options));
        assert_true(adit_bytes_eq(got.user, m.user));
        assert_true(adit_bytes_eq(got.password, m.password));
        assert_true(adit_bytes_eq(got.peer_info, m.peer_info));
        assert_true(got.has_user_field);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(client_message_of_the_known_answer),
        cmocka_unit_test(server_message_of_the_known_answer),
        cmocka_unit_test(cut_at_every_byte),
        cmocka_unit_test(text_ends_at_its_first_nul_and_always_has_one),
        cmocka_unit_test(bytes_behind_the_last_field_and_high_bits_do_not_matter),
        cmocka_unit_test(limits_of_options_and_names),
        cmocka_unit_test(parse_and_build_invert_each_other),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
