/* SPDX-License-Identifier: Apache-2.0 */
#include "../unit.h"

#include "client/newcomer.h"

static const struct adit_addr nobody;
static const struct adit_now start = {.mono_ns = 100 * ADIT_NS_PER_S};

static struct adit_addr at(uint32_t v4, uint16_t port)
{
    return (struct adit_addr){.ip = adit_ip_v4(v4), .port = port};
}

static bool is_free(bool is_taken, uint64_t age_s, struct adit_addr from, bool is_proven,
                    const struct adit_addr *fixed)
{
    struct adit_slot slot = {.is_taken = is_taken,
                             .remote = at(0xc0000201, 1194),
                             .opened_ns = start.mono_ns - age_s * ADIT_NS_PER_S};
    struct adit_call call = {.from = from, .is_proven = is_proven};

    return adit_slot_is_free_for(&slot, &call, fixed, start);
}

static void anybody_may_have_an_empty_place(void **state)
{
    (void)state;
    assert_true(is_free(false, 0, at(0xc6336401, 5), true, &nobody));
    assert_true(is_free(false, 0, at(0xc6336401, 5), false, &nobody));
}

static void a_configured_peer_is_known_by_its_address_and_not_its_port(void **state)
{
    struct adit_addr fixed = at(0xc0000201, 1194);

    (void)state;
    assert_true(is_free(false, 0, at(0xc0000201, 40000), true, &fixed));
    assert_false(is_free(false, 0, at(0xc0000202, 1194), true, &fixed));
    assert_false(is_free(true, 60, at(0xc0000202, 1194), true, &fixed));
}

static void a_young_newcomer_keeps_its_place(void **state)
{
    (void)state;
    assert_false(is_free(true, 0, at(0xc6336401, 5), true, &nobody));
    assert_false(is_free(true, 4, at(0xc6336401, 5), true, &nobody));
    assert_false(is_free(true, 4, at(0xc0000201, 1195), true, &nobody));
}

static void an_old_newcomer_gives_way(void **state)
{
    (void)state;
    assert_true(is_free(true, 5, at(0xc6336401, 5), true, &nobody));
    assert_true(is_free(true, 5, at(0xc6336401, 5), false, &nobody));
}

static void a_peer_that_starts_again_does_not_wait_for_itself(void **state)
{
    (void)state;
    assert_true(is_free(true, 0, at(0xc0000201, 1194), true, &nobody));
}

static void a_recorded_packet_does_not_push_the_peer_out(void **state)
{
    (void)state;
    assert_false(is_free(true, 0, at(0xc0000201, 1194), false, &nobody));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(anybody_may_have_an_empty_place),
        cmocka_unit_test(a_configured_peer_is_known_by_its_address_and_not_its_port),
        cmocka_unit_test(a_young_newcomer_keeps_its_place),
        cmocka_unit_test(an_old_newcomer_gives_way),
        cmocka_unit_test(a_peer_that_starts_again_does_not_wait_for_itself),
        cmocka_unit_test(a_recorded_packet_does_not_push_the_peer_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
