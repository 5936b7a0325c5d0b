/* SPDX-License-Identifier: Apache-2.0 */
/* A client that is seen at another address, which may be another client's. */
#include "rig.h"

enum {
    OTHER = 1,
};

static struct adit_addr at(uint32_t ip)
{
    return (struct adit_addr){.ip = adit_ip_v4(ip), .port = 40000};
}

static void see_at(struct rig *r, const struct adit_addr *remote)
{
    struct adit_note note = {.kind = ADIT_NOTE_PEER_FLOATED, .peer = PEER};

    note.moved.remote = *remote;
    note.moved.link = LINK;
    adit_caller_on_note(&r->sv, &note);
}

static void a_free_address_is_taken(void **state)
{
    struct rig *r = start();
    struct adit_addr there = at(0xc6336402);

    (void)state;
    see_at(r, &there);
    assert_true(adit_addr_eq(&r->c->way.remote, &there));
    assert_int_equal(count(r, ADIT_CMD_PEER_MOVED), 0);
    stop(r);
}

/* Another client that is up, at an address of its own. */
static struct adit_caller *add_other(struct rig *r, const struct adit_addr *remote, bool is_same_client)
{
    struct adit_way way = {.link = LINK, .remote = *remote};
    struct adit_caller *other = adit_caller_new(&r->sv, &way, false);
    struct adit_identity *whose;

    assert_non_null(other);
    HASH_ADD(hh, r->sv.callers, key, sizeof other->key, other);
    other->session = r->pair.client.s;
    r->pair.client.s = NULL;
    other->is_admitted = true;
    other->lease.peer_id = OTHER;
    r->sv.by_peer[OTHER] = other;
    adit_place_take(other);
    whose = (struct adit_identity *)(uintptr_t)adit_session_identity(other->session);
    if (is_same_client)
        *whose = *adit_session_identity(r->c->session);
    else
        memset(whose->chain_sha256, 7, sizeof whose->chain_sha256);
    return other;
}

/* The worker of the one does not know where the other one is; policy knows both. */
static void an_address_of_another_client_is_not(void **state)
{
    struct rig *r = start();
    struct adit_addr here = r->c->way.remote, there = at(0xc6336402);
    struct adit_caller *other = add_other(r, &there, false);

    (void)state;
    see_at(r, &there);
    assert_true(adit_addr_eq(&r->c->way.remote, &here));
    assert_int_equal(r->sv.drops[ADIT_E_FLOAT], 1);
    assert_int_equal(count(r, ADIT_CMD_PEER_MOVED), 1);
    assert_true(adit_addr_eq(&r->plane.seen[r->plane.n - 1].spec.remote, &here));
    assert_non_null(strstr(r->said, "Disallow float"));
    assert_ptr_equal(adit_place_find(&r->sv, LINK, &here), r->c);
    assert_ptr_equal(adit_place_find(&r->sv, LINK, &there), other);
    adit_caller_end(other);
    assert_null(adit_place_find(&r->sv, LINK, &there));
    stop(r);
}

static void of_the_same_client_come_back_it_is(void **state)
{
    struct rig *r = start();
    struct adit_addr here = r->c->way.remote, there = at(0xc6336402);

    (void)state;
    add_other(r, &there, true);
    see_at(r, &there);
    assert_null(r->sv.by_peer[OTHER]);
    assert_true(adit_addr_eq(&r->c->way.remote, &there));
    assert_ptr_equal(adit_place_find(&r->sv, LINK, &there), r->c);
    assert_null(adit_place_find(&r->sv, LINK, &here));
    assert_int_equal(r->sv.drops[ADIT_E_FLOAT], 0);
    stop(r);
}

/* It is free as soon as the client is seen elsewhere. */
static void an_address_that_was_left_is_free(void **state)
{
    struct rig *r = start();
    struct adit_addr here = r->c->way.remote, there = at(0xc6336402), third = at(0xc6336403);
    struct adit_caller *other = add_other(r, &third, false);
    struct adit_note note = {.kind = ADIT_NOTE_PEER_FLOATED, .peer = OTHER};

    (void)state;
    see_at(r, &there);
    note.moved.remote = here;
    note.moved.link = LINK;
    adit_caller_on_note(&r->sv, &note);
    assert_true(adit_addr_eq(&other->way.remote, &here));
    assert_ptr_equal(adit_place_find(&r->sv, LINK, &here), other);
    assert_ptr_equal(adit_place_find(&r->sv, LINK, &there), r->c);
    assert_null(adit_place_find(&r->sv, LINK, &third));
    adit_caller_end(other);
    stop(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_free_address_is_taken),
        cmocka_unit_test(an_address_of_another_client_is_not),
        cmocka_unit_test(of_the_same_client_come_back_it_is),
        cmocka_unit_test(an_address_that_was_left_is_free),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
