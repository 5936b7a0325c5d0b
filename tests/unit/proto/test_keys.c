/* SPDX-License-Identifier: Apache-2.0 */
#include "../unit.h"

#include "proto/keys.h"

static const char block_hex[] = "aa9f22ecf161c7b7d119e544682fb0b0daa9a7bb6dca96441a447f2e0c1414269f8c51bcce99"
                                "53de2b891820221902b25957a8ff7925"
                                "10b375f031f6e506e840"
                                "d9f7d793159d2e592d5efb5566a069c9197cf4524e2aec913d23b9fdd115118390dd960c9c85"
                                "70e0ee295da596fcf1954e0e254f59bf"
                                "7d04ec81ea6755a5f07f"
                                "0cf553d065c21581480cf208dae4ba97cd913482dcb05ec2b0e262d532afbf347b033edf21d5"
                                "beff77f0047c6b74f98c4231ded8a8d2"
                                "a3c3e95307d1532149d7"
                                "a0e43fc132ed3fb72a6df4fc1183ce3f50a9cab6bc0898fa2975560b58cecccabbd66b7d7b70"
                                "bd7dce8b0a730b06b24925724a7a7530"
                                "0998e190883fc2157438";

static struct adit_key_block known_block(void)
{
    struct adit_key_source client, server = {0};
    struct adit_sid client_sid, server_sid;
    struct adit_key_block block;

    steps(client.pre_master, sizeof client.pre_master, 0x00);
    steps(client.random1, sizeof client.random1, 0x40);
    steps(client.random2, sizeof client.random2, 0x60);
    steps(server.random1, sizeof server.random1, 0x80);
    steps(server.random2, sizeof server.random2, 0xa0);
    steps(client_sid.b, sizeof client_sid.b, 0xc1);
    steps(server_sid.b, sizeof server_sid.b, 0xd1);
    assert_int_equal(adit_keys_prf(&client, &server, &client_sid, &server_sid, &block), ADIT_OK);
    return block;
}

static void the_classic_derivation_gives_the_known_block(void **state)
{
    struct adit_key_block block = known_block();

    (void)state;
    assert_hex(block.b, sizeof block.b, block_hex);
}

static void what_one_end_sends_with_the_other_receives_with(void **state)
{
    struct adit_data_keys client = {.block = known_block()};
    struct adit_data_keys server = {.block = known_block(), .is_server = true};

    (void)state;
    assert_hex(adit_keys_tx_cipher(&client), 4, "aa9f22ec");
    assert_hex(adit_keys_tx_hmac(&client), 4, "d9f7d793");
    assert_hex(adit_keys_rx_cipher(&client), 4, "0cf553d0");
    assert_hex(adit_keys_rx_hmac(&client), 4, "a0e43fc1");
    assert_memory_equal(adit_keys_tx_cipher(&server), adit_keys_rx_cipher(&client), ADIT_KEY_PART_LEN);
    assert_memory_equal(adit_keys_tx_hmac(&server), adit_keys_rx_hmac(&client), ADIT_KEY_PART_LEN);
    assert_memory_equal(adit_keys_rx_cipher(&server), adit_keys_tx_cipher(&client), ADIT_KEY_PART_LEN);
    assert_memory_equal(adit_keys_rx_hmac(&server), adit_keys_tx_hmac(&client), ADIT_KEY_PART_LEN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_classic_derivation_gives_the_known_block),
        cmocka_unit_test(what_one_end_sends_with_the_other_receives_with),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
