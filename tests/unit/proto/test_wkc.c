/* SPDX-License-Identifier: Apache-2.0 */
#include "../unit.h"

#include "../crypto/keyfile_samples.h"
#include "crypto/mac.h"
#include "proto/wkc.h"
#include "proto/wrap.h"

static struct adit_v2_server_key server_key(void)
{
    struct adit_v2_server_key k;

    steps(k.b, sizeof k.b, 0);
    return k;
}

static struct adit_v2_client_key client_key(uint8_t first)
{
    struct adit_v2_client_key k = {0};

    steps(k.kc.b, sizeof k.kc.b, first);
    return k;
}

static void assert_sha256(adit_bytes b, const char *hex)
{
    uint8_t out[ADIT_DIGEST_MAX];

    assert_int_equal(adit_digest_of(adit_digest_find("SHA256"), b, out), ADIT_OK);
    assert_hex(out, 32, hex);
}

/* `metadata` is hex. */
static void assert_wraps_and_unwraps(const struct adit_v2_server_key *server, struct adit_v2_client_key *k,
                                     const char *metadata, size_t len)
{
    struct adit_wkc_metadata got;
    struct adit_static_key kc;
    uint8_t meta[16];
    size_t n = unhex(metadata, meta, sizeof meta);

    assert_int_equal(adit_wkc_wrap(server, adit_bytes_of(meta, n), k), ADIT_OK);
    assert_int_equal(k->wkc_len, len);
    assert_int_equal(adit_wkc_unwrap(server, adit_bytes_of(k->wkc, k->wkc_len), &kc, &got), ADIT_OK);
    assert_memory_equal(kc.b, k->kc.b, sizeof kc.b);
    assert_int_equal(got.n, n);
    assert_memory_equal(got.b, meta, n);
}

static void known_client_keys_are_wrapped_and_unwrapped(void **state)
{
    static const struct {
        const char *metadata;
        size_t len;
        const char *tag, *tail, *sha256;
    } rows[] = {
        {"", 290, "13507855dd4ea2e2eed39e45b486f3c04f4e5786bc20ed3554514caab00282f3",
         "4eb2b5b9f0bcf8fa553758c4bc3568e501a6ba77b8400122",
         "0a1c9b1507f27fa03b4adf8a7d905b8a47032e9e51a12c35cb2750462bbdae63"},
        {"010000000065000000", 299, "85c6c0850800f81b256217e35c5c2880e2c61a3745603d6c1b7ffd36ff904288",
         "9d4f913bfd2ad05217ea582f85f4ff1b56db42b00430012b",
         "1b5ca095dfed96ee2af29f1d8ae35efc7f457b1eed058f6f425ac4da8613983a"},
        {"0068656c6c6f", 296, "2cf9312142d28aa33a9bd0185b4b86b0b117c37a1308d67fe628a389da144d28",
         "331e6541c47157014b7ed2906a44d11712687c76434c0128",
         "4d8fe2d6c29925cb002fe007aa0a6d12bbb4aaf705987cdd2df4b92a28aaa4dd"},
    };
    struct adit_v2_server_key server = server_key();

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct adit_v2_client_key k = client_key(0x80);

        assert_wraps_and_unwraps(&server, &k, rows[i].metadata, rows[i].len);
        assert_hex(k.wkc, 32, rows[i].tag);
        assert_hex(k.wkc + k.wkc_len - 24, 24, rows[i].tail);
        assert_sha256(adit_bytes_of(k.wkc, k.wkc_len), rows[i].sha256);
    }
}

static void the_keys_of_the_peers_unit_tests_open(void **state)
{
    static const struct {
        const char *metadata;
        size_t len;
    } rows[] = {{"010000000000000000", 299}, {"000000410820c3", 297}};
    struct adit_v2_server_key server = server_key();

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct adit_v2_client_key k = client_key(0);

        assert_wraps_and_unwraps(&server, &k, rows[i].metadata, rows[i].len);
    }
}

static void a_client_key_of_openvpn_is_unwrapped_and_wrapped_alike(void **state)
{
    struct adit_v2_server_key server;
    struct adit_v2_client_key k, again;
    struct adit_wkc_metadata metadata;
    struct adit_static_key kc;
    const char *reason;

    (void)state;
    assert_int_equal(adit_v2_server_key_read(adit_bytes_str(sample_server), &server, &reason), ADIT_OK);
    assert_int_equal(adit_v2_client_key_read(adit_bytes_str(sample_client), &k, &reason), ADIT_OK);
    assert_int_equal(adit_wkc_unwrap(&server, adit_bytes_of(k.wkc, k.wkc_len), &kc, &metadata), ADIT_OK);
    assert_memory_equal(kc.b, k.kc.b, sizeof kc.b);
    assert_int_equal(metadata.n, 9);
    assert_int_equal(metadata.b[0], ADIT_WKC_TIMESTAMP);

    again = k;
    memset(again.wkc, 0, sizeof again.wkc);
    assert_int_equal(adit_wkc_wrap(&server, adit_bytes_of(metadata.b, metadata.n), &again), ADIT_OK);
    assert_memory_equal(again.wkc, k.wkc, k.wkc_len);
}

static void the_first_packet_of_a_client(void **state)
{
    struct adit_v2_server_key server = server_key();
    struct adit_v2_client_key k = client_key(0x80);
    struct adit_wrap_head head = {
        .first = 0x50, .replay_id = ADIT_WRAP_FIRST_ID_EARLY, .net_time = 0x65000000};
    struct adit_wrap_key *tx = adit_wrap_key_crypt(&k.kc, false), *rx = adit_wrap_key_crypt(&k.kc, true);
    uint8_t meta[9], packet[512], scratch[512], reset[5] = {0};
    struct adit_wr w = adit_wr_of(packet, sizeof packet);
    adit_bytes inner, wkc, body;

    (void)state;
    unhex("010000000065000000", meta, sizeof meta);
    steps(head.sid.b, sizeof head.sid.b, 0xc1);
    assert_int_equal(adit_wkc_wrap(&server, adit_bytes_of(meta, sizeof meta), &k), ADIT_OK);
    assert_int_equal(adit_wrap_seal_with(tx, &head, adit_bytes_of(reset, sizeof reset), &w), ADIT_OK);
    assert_hex(
        packet, adit_wr_len(&w),
        "50c1c2c3c4c5c6c7c80f000001650000006e031fb8067254b94f899b01934e5c877d06d01fc0c072d2d88053f7792b9279"
        "20f46c9b62");
    adit_wr_bytes(&w, adit_bytes_of(k.wkc, k.wkc_len));
    assert_int_equal(adit_wr_len(&w), 353);
    assert_sha256(adit_wr_view(&w), "fb7386a856be40ee4cab3603806cee5635030bf16d2867448a7da18c9d1dd8a4");

    assert_int_equal(adit_wkc_split(adit_wr_view(&w), &inner, &wkc), ADIT_OK);
    assert_int_equal(inner.n, 54);
    assert_int_equal(wkc.n, 299);
    assert_ptr_equal(wkc.p, packet + 54);
    assert_int_equal(adit_wrap_open_with(rx, inner, scratch, &head, &body), ADIT_OK);
    assert_int_equal(body.n, 5);
    adit_wrap_key_free(tx);
    adit_wrap_key_free(rx);
}

static void metadata_may_fill_the_room_but_not_more(void **state)
{
    struct adit_v2_server_key server = server_key();
    struct adit_v2_client_key k = client_key(0);
    struct adit_wkc_metadata metadata;
    struct adit_static_key kc;
    uint8_t meta[ADIT_WKC_METADATA_MAX + 1] = {0};

    (void)state;
    assert_int_equal(adit_wkc_wrap(&server, adit_bytes_of(meta, sizeof meta), &k), ADIT_E_TOO_BIG);
    assert_int_equal(adit_wkc_wrap(&server, adit_bytes_of(meta, sizeof meta - 1), &k), ADIT_OK);
    assert_int_equal(k.wkc_len, ADIT_WKC_MAX);
    assert_int_equal(adit_wkc_unwrap(&server, adit_bytes_of(k.wkc, k.wkc_len), &kc, &metadata), ADIT_OK);
    assert_int_equal(metadata.n, ADIT_WKC_METADATA_MAX);
}

static void a_changed_key_is_refused_and_leaves_no_trace(void **state)
{
    struct adit_v2_server_key server = server_key(), other = server;
    struct adit_v2_client_key k = client_key(0);
    struct adit_wkc_metadata metadata = {.n = 77};
    struct adit_static_key kc = {{1, 2, 3}};

    (void)state;
    assert_int_equal(adit_wkc_wrap(&server, adit_bytes_of(NULL, 0), &k), ADIT_OK);
    for (size_t i = 0; i < k.wkc_len; i++) {
        adit_err want = i < k.wkc_len - 2 ? ADIT_E_AUTH : ADIT_E_MALFORMED;

        k.wkc[i] ^= 0x10;
        assert_int_equal(adit_wkc_unwrap(&server, adit_bytes_of(k.wkc, k.wkc_len), &kc, &metadata), want);
        k.wkc[i] ^= 0x10;
    }
    other.b[64] ^= 1;
    assert_int_equal(adit_wkc_unwrap(&other, adit_bytes_of(k.wkc, k.wkc_len), &kc, &metadata), ADIT_E_AUTH);
    assert_int_equal(adit_wkc_unwrap(&server, adit_bytes_of(k.wkc, 289), &kc, &metadata), ADIT_E_MALFORMED);
    assert_int_equal(adit_wkc_unwrap(&server, adit_bytes_of(NULL, 0), &kc, &metadata), ADIT_E_MALFORMED);
    assert_int_equal(metadata.n, 77);
    assert_int_equal(kc.b[0], 1);
}

static void a_length_that_cannot_be_right_is_refused(void **state)
{
    static const struct {
        size_t packet_n, length;
        adit_err want;
    } rows[] = {
        {0, 0, ADIT_E_MALFORMED},   {1, 0, ADIT_E_MALFORMED},
        {2, 2, ADIT_E_MALFORMED},   {290, 290, ADIT_E_MALFORMED},
        {291, 290, ADIT_OK},        {291, 291, ADIT_E_MALFORMED},
        {353, 299, ADIT_OK},        {353, 289, ADIT_E_MALFORMED},
        {353, 0, ADIT_E_MALFORMED}, {353, 0xffff, ADIT_E_MALFORMED},
        {1200, 1024, ADIT_OK},      {1200, 1025, ADIT_E_MALFORMED},
    };
    static uint8_t packet[2048];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t n = rows[i].packet_n;
        adit_bytes inner, wkc;

        if (n >= 2) {
            packet[n - 2] = (uint8_t)(rows[i].length >> 8);
            packet[n - 1] = (uint8_t)rows[i].length;
        }
        assert_int_equal(adit_wkc_split(adit_bytes_of(packet, n), &inner, &wkc), rows[i].want);
        if (rows[i].want == ADIT_OK) {
            assert_int_equal(wkc.n, rows[i].length);
            assert_int_equal(inner.n, n - rows[i].length);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_client_keys_are_wrapped_and_unwrapped),
        cmocka_unit_test(the_keys_of_the_peers_unit_tests_open),
        cmocka_unit_test(a_client_key_of_openvpn_is_unwrapped_and_wrapped_alike),
        cmocka_unit_test(the_first_packet_of_a_client),
        cmocka_unit_test(metadata_may_fill_the_room_but_not_more),
        cmocka_unit_test(a_changed_key_is_refused_and_leaves_no_trace),
        cmocka_unit_test(a_length_that_cannot_be_right_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
