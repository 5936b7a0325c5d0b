/* SPDX-License-Identifier: Apache-2.0 */
/* The door against everything that must not open it. Protocol text: 3.3. */
#include "../unit.h"

#include "core/door.h"
#include "wire/ctrl.h"

static uint64_t seed = 77;
static struct adit_door door;
static struct adit_addr from;
static adit_now now;
static uint8_t reply_buf[512];
static struct adit_admission adm;
static adit_err why;

static int set_up(void **state)
{
    struct adit_door_params p = {.is_bare_allowed = true,
                                 .hand_window_s = 60,
                                 .initial_n = 3,
                                 .initial_s = 10,
                                 .replay_window = 64,
                                 .replay_s = 15};
    struct adit_rng rng = adit_rng_seeded(&seed);

    (void)state;
    now = (adit_now){.mono_ns = 500 * ADIT_NS_PER_S, .wall_s = 1795248000};
    from = (struct adit_addr){.ip = adit_ip_v4(0x0a000001), .port = 1000};
    return adit_door_init(&door, &p, &rng) == ADIT_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    adit_door_fini(&door);
    return 0;
}

static enum adit_door_verdict knock(const char *hex, struct adit_wr *reply)
{
    uint8_t packet[256];
    size_t n = unhex(hex, packet, sizeof packet);

    *reply = adit_wr_of(reply_buf, sizeof reply_buf);
    return adit_door_recv(&door, &from, adit_bytes_of(packet, n), now, reply, &adm, &why);
}

static const char reset[] = "38c1c2c3c4c5c6c7c80000000000";

/* A third packet that answers the cookie in the reply: an ACK of id 0, or CONTROL_V1 with the ids given. */
static enum adit_door_verdict answer(uint8_t first, uint32_t acked, uint32_t packet_id, unsigned flip)
{
    uint8_t packet[64];
    struct adit_wr w = adit_wr_of(packet, sizeof packet), reply;
    struct adit_ctrl c = {.acks = {acked},
                          .n_acks = 1,
                          .packet_id = packet_id,
                          .is_ack_only = adit_packet_op(first) == ADIT_OP_ACK_V1};

    assert_int_equal(knock(reset, &reply), ADIT_DOOR_REPLY);
    memcpy(c.ack_sid.b, reply_buf + 1, ADIT_SID_LEN);
    c.ack_sid.b[0] ^= (uint8_t)flip;
    adit_wr_u8(&w, first);
    adit_wr_bytes(&w, adit_bytes_of("\xc1\xc2\xc3\xc4\xc5\xc6\xc7\xc8", 8));
    adit_ctrl_build(&c, &w);
    reply = adit_wr_of(reply_buf, sizeof reply_buf);
    return adit_door_recv(&door, &from, adit_wr_view(&w), now, &reply, &adm, &why);
}

static void a_reset_gets_a_cookie_of_26_bytes(void **state)
{
    struct adit_wr reply;

    (void)state;
    assert_int_equal(knock(reset, &reply), ADIT_DOOR_REPLY);
    assert_int_equal(adit_wr_len(&reply), 26);
    assert_int_equal(reply_buf[0], 0x40);
    assert_hex(reply_buf + 9, 17, "0100000000c1c2c3c4c5c6c7c800000000");
}

static void the_cookie_opens_the_door(void **state)
{
    (void)state;
    assert_int_equal(answer(0x28, 0, 0, 0), ADIT_DOOR_ADMIT);
    assert_true(adm.has_cookie);
    assert_memory_equal(adm.remote.b, "\xc1\xc2\xc3\xc4\xc5\xc6\xc7\xc8", 8);
    assert_int_equal(answer(0x20, 0, 1, 0), ADIT_DOOR_ADMIT);
}

static void a_wrong_cookie_does_not(void **state)
{
    (void)state;
    assert_int_equal(answer(0x28, 0, 0, 1), ADIT_DOOR_DROP);
    assert_int_equal(why, ADIT_E_COOKIE);
}

static void ids_beyond_the_handshake_do_not(void **state)
{
    (void)state;
    assert_int_equal(answer(0x28, 2, 0, 0), ADIT_DOOR_DROP);
    assert_int_equal(answer(0x20, 0, 2, 0), ADIT_DOOR_DROP);
    assert_int_equal(why, ADIT_E_WINDOW);
}

static void a_cookie_is_bound_to_address_and_time(void **state)
{
    struct adit_wr reply;
    uint8_t packet[22];
    struct adit_wr w = adit_wr_of(packet, sizeof packet);

    (void)state;
    assert_int_equal(knock(reset, &reply), ADIT_DOOR_REPLY);
    adit_wr_bytes(&w, adit_bytes_of("\x28\xc1\xc2\xc3\xc4\xc5\xc6\xc7\xc8\x01\0\0\0\0", 14));
    adit_wr_bytes(&w, adit_bytes_of(reply_buf + 1, 8));
    from.port++;
    assert_int_equal(adit_door_recv(&door, &from, adit_wr_view(&w), now, &reply, &adm, &why), ADIT_DOOR_DROP);
    from.port--;
    now.mono_ns += 59 * ADIT_NS_PER_S;
    assert_int_equal(adit_door_recv(&door, &from, adit_wr_view(&w), now, &reply, &adm, &why),
                     ADIT_DOOR_ADMIT);
    now.mono_ns += 40 * ADIT_NS_PER_S;
    assert_int_equal(adit_door_recv(&door, &from, adit_wr_view(&w), now, &reply, &adm, &why), ADIT_DOOR_DROP);
    assert_int_equal(why, ADIT_E_COOKIE);
}

static void replies_are_limited(void **state)
{
    struct adit_wr reply;

    (void)state;
    for (int i = 0; i < 3; i++)
        assert_int_equal(knock(reset, &reply), ADIT_DOOR_REPLY);
    assert_int_equal(knock(reset, &reply), ADIT_DOOR_DROP);
    assert_int_equal(why, ADIT_E_RATE);
    now.mono_ns += 10 * ADIT_NS_PER_S;
    assert_int_equal(knock(reset, &reply), ADIT_DOOR_REPLY);
}

static void everything_else_is_silence(void **state)
{
    static const struct {
        const char *hex;
        adit_err why;
    } rows[] = {
        {"38", ADIT_E_MALFORMED},
        {"38c1c2c3c4c5c6c7", ADIT_E_MALFORMED},
        {"380000000000000000"
         "0000000000",
         ADIT_E_SESSION_ID},
        {"39c1c2c3c4c5c6c7c8"
         "0000000000",
         ADIT_E_KEY_ID},
        {"08c1c2c3c4c5c6c7c8"
         "0000000000",
         ADIT_E_OPCODE},
        {"10c1c2c3c4c5c6c7c8"
         "0000000000",
         ADIT_E_OPCODE},
        {"18c1c2c3c4c5c6c7c8"
         "0000000000",
         ADIT_E_OPCODE},
        {"40c1c2c3c4c5c6c7c8"
         "0000000000",
         ADIT_E_OPCODE},
        {"48c1c2c3c4c5c6c7c8"
         "0000000000",
         ADIT_E_OPCODE},
        {"30c1c2c3c4c5c6c7c8"
         "0000000000",
         ADIT_E_OPCODE},
        {"60c1c2c3c4c5c6c7c8"
         "0000000000",
         ADIT_E_OPCODE},
        {"50c1c2c3c4c5c6c7c8"
         "0000000000",
         ADIT_E_OPCODE},
        {"38c1c2c3c4c5c6c7c8"
         "0000000001",
         ADIT_E_MALFORMED},
        {"38c1c2c3c4c5c6c7c8"
         "0900000000",
         ADIT_E_MALFORMED},
        {"20c1c2c3c4c5c6c7c8"
         "0000000001",
         ADIT_E_COOKIE},
    };
    struct adit_wr reply;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(knock(rows[i].hex, &reply), ADIT_DOOR_DROP);
        assert_int_equal(why, rows[i].why);
        assert_int_equal(adit_wr_len(&reply), 0);
    }
    assert_int_equal(door.rate.n, 0);
}

/* tls-crypt-v2 of an old client, which knows no cookie: a recorded first packet can be played back for ever.
 */
static void sessions_without_cookie_are_limited(void **state)
{
    static struct adit_v2_server_key server;
    static struct adit_v2_client_key client;
    uint8_t packet[ADIT_CTRL_PACKET_MAX];
    struct adit_wr w = adit_wr_of(packet, sizeof packet), reply;
    struct adit_wrap_head head = {.first = adit_packet_first(ADIT_OP_HARD_RESET_CLIENT_V3, 0),
                                  .replay_id = 1};
    struct adit_wrap_key *key;

    (void)state;
    steps(server.b, sizeof server.b, 1);
    steps(client.kc.b, sizeof client.kc.b, 2);
    steps(head.sid.b, sizeof head.sid.b, 3);
    assert_int_equal(adit_wkc_wrap(&server, adit_bytes_of("\1", 1), &client), ADIT_OK);
    key = adit_wrap_key_crypt(&client.kc, false);
    assert_int_equal(adit_wrap_seal_with(key, &head, adit_bytes_of("\0\0\0\0\0", 5), &w), ADIT_OK);
    adit_wr_bytes(&w, adit_bytes_of(client.wkc, client.wkc_len));
    adit_wrap_key_free(key);
    door.p.v2 = &server;
    door.p.is_bare_allowed = false;
    for (int i = 0; i < 5; i++) {
        reply = adit_wr_of(reply_buf, sizeof reply_buf);
        assert_int_equal(adit_door_recv(&door, &from, adit_wr_view(&w), now, &reply, &adm, &why),
                         i < 3 ? ADIT_DOOR_ADMIT : ADIT_DOOR_DROP);
    }
    assert_int_equal(why, ADIT_E_RATE);
    now.mono_ns += 10 * ADIT_NS_PER_S;
    assert_int_equal(adit_door_recv(&door, &from, adit_wr_view(&w), now, &reply, &adm, &why),
                     ADIT_DOOR_ADMIT);
    assert_false(adm.has_cookie);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_reset_gets_a_cookie_of_26_bytes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_cookie_opens_the_door, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_wrong_cookie_does_not, set_up, tear_down),
        cmocka_unit_test_setup_teardown(ids_beyond_the_handshake_do_not, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_cookie_is_bound_to_address_and_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(replies_are_limited, set_up, tear_down),
        cmocka_unit_test_setup_teardown(everything_else_is_silence, set_up, tear_down),
        cmocka_unit_test_setup_teardown(sessions_without_cookie_are_limited, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
