/* SPDX-License-Identifier: Apache-2.0 */
/* Who is where: after whatever takes, moves and leaves, every place names exactly the client that is there.
 */
#include "rig.h"

enum {
    N = 200,
    PLACES = 300,
    STEPS = 20000,
};

static struct adit_addr v4_at(uint32_t ip, uint16_t port)
{
    return (struct adit_addr){.ip = adit_ip_v4(ip), .port = port};
}

static struct adit_caller caller_at(struct adit_server *sv, int link, struct adit_addr remote)
{
    return (struct adit_caller){.sv = sv, .is_admitted = true, .way = {.link = link, .remote = remote}};
}

static void a_place_is_a_socket_and_an_address(void **state)
{
    struct adit_server sv = {0};
    struct adit_addr here = v4_at(0xc6336401, 40000), other = here;
    struct adit_caller c = caller_at(&sv, LINK, here);

    (void)state;
    assert_null(adit_place_find(&sv, LINK, &here));
    adit_place_take(&c);
    assert_ptr_equal(adit_place_find(&sv, LINK, &here), &c);
    assert_null(adit_place_find(&sv, LINK + 1, &here));
    other.port++;
    assert_null(adit_place_find(&sv, LINK, &other));
    other = here;
    other.scope = 2;
    assert_null(adit_place_find(&sv, LINK, &other));
    other = here;
    other.ip.family = ADIT_AF_V6;
    assert_null(adit_place_find(&sv, LINK, &other));
    other = v4_at(0xc6336402, 40000);
    assert_null(adit_place_find(&sv, LINK, &other));
    adit_place_leave(&c);
    assert_null(adit_place_find(&sv, LINK, &here));
    assert_null(sv.places);
}

/* What lies between an address's fields is no part of it. */
static void padding_tells_no_places_apart(void **state)
{
    struct adit_server sv = {0};
    struct adit_addr clean, dirty;
    struct adit_caller c;

    (void)state;
    memset(&clean, 0, sizeof clean);
    memset(&dirty, 0xff, sizeof dirty);
    clean.ip.family = dirty.ip.family = ADIT_AF_V6;
    memset(clean.ip.b, 7, sizeof clean.ip.b);
    memset(dirty.ip.b, 7, sizeof dirty.ip.b);
    clean.port = dirty.port = 1;
    clean.scope = dirty.scope = 3;
    c = caller_at(&sv, LINK, clean);
    memcpy(&c.way.remote, &dirty, sizeof dirty);
    adit_place_take(&c);
    assert_ptr_equal(adit_place_find(&sv, LINK, &clean), &c);
    adit_place_leave(&c);
}

static void a_client_leaves_the_place_that_it_took(void **state)
{
    struct adit_server sv = {0};
    struct adit_addr here = v4_at(1, 1), there = v4_at(2, 2);
    struct adit_caller c = caller_at(&sv, LINK, here);

    (void)state;
    adit_place_take(&c);
    adit_place_take(&c);
    c.way.remote = there;
    adit_place_leave(&c);
    assert_null(adit_place_find(&sv, LINK, &here));
    adit_place_leave(&c);
    adit_place_take(&c);
    assert_ptr_equal(adit_place_find(&sv, LINK, &there), &c);
    adit_place_leave(&c);
    assert_null(sv.places);
}

static void strangers_and_streams_have_no_place(void **state)
{
    struct adit_server sv = {0};
    struct adit_addr here = v4_at(1, 1);
    struct adit_caller stranger = caller_at(&sv, LINK, here), stream = caller_at(&sv, LINK, here);

    (void)state;
    stranger.is_admitted = false;
    stream.is_stream = true;
    adit_place_take(&stranger);
    adit_place_take(&stream);
    assert_null(sv.places);
    adit_place_leave(&stranger);
    adit_place_leave(&stream);
}

/* Against a list of who is where. */
static void a_crowd_that_moves_is_found(void **state)
{
    static struct adit_caller callers[N];
    static int who[PLACES];
    struct adit_server sv = {0};
    uint32_t x = 1;

    (void)state;
    for (int i = 0; i < PLACES; i++)
        who[i] = -1;
    for (int i = 0; i < N; i++)
        callers[i] = caller_at(&sv, LINK, v4_at(0, 0));
    for (int step = 0; step < STEPS; step++) {
        int c, to;

        x = x * 1664525 + 1013904223;
        c = (int)(x >> 8) % N;
        to = (int)(x >> 16) % PLACES;
        if (who[to] >= 0)
            continue;
        adit_place_leave(&callers[c]);
        for (int i = 0; i < PLACES; i++)
            who[i] = who[i] == c ? -1 : who[i];
        if (step % 7 != 0) { /* else it is gone for a while */
            callers[c].way.remote = v4_at((uint32_t)to / 3, (uint16_t)(to % 3 + 1));
            adit_place_take(&callers[c]);
            who[to] = c;
        }
        if (step % 100 == 0)
            for (int i = 0; i < PLACES; i++) {
                struct adit_addr at = v4_at((uint32_t)i / 3, (uint16_t)(i % 3 + 1));

                assert_ptr_equal(adit_place_find(&sv, LINK, &at), who[i] < 0 ? NULL : &callers[who[i]]);
            }
    }
    for (int i = 0; i < N; i++)
        adit_place_leave(&callers[i]);
    assert_null(sv.places);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_place_is_a_socket_and_an_address),
        cmocka_unit_test(padding_tells_no_places_apart),
        cmocka_unit_test(a_client_leaves_the_place_that_it_took),
        cmocka_unit_test(strangers_and_streams_have_no_place),
        cmocka_unit_test(a_crowd_that_moves_is_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
