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

/* The worker of the one does not know where the other one is; policy knows both. */
static void an_address_of_another_client_is_not(void **state)
{
    struct rig *r = start();
    struct adit_way way = {.link = LINK, .remote = at(0xc6336402)};
    struct adit_caller *other = adit_caller_new(&r->sv, &way, false);
    struct adit_addr here = r->c->way.remote;
    struct adit_identity *whose;

    (void)state;
    assert_non_null(other);
    HASH_ADD(hh, r->sv.callers, key, sizeof other->key, other);
    other->session = r->pair.client.s;
    r->pair.client.s = NULL;
    other->is_admitted = true;
    other->lease.peer_id = OTHER;
    r->sv.by_peer[OTHER] = other;
    whose = (struct adit_identity *)(uintptr_t)adit_session_identity(other->session);
    memset(whose->chain_sha256, 7, sizeof whose->chain_sha256);

    see_at(r, &way.remote);
    assert_true(adit_addr_eq(&r->c->way.remote, &here));
    assert_int_equal(r->sv.drops[ADIT_E_FLOAT], 1);
    assert_int_equal(count(r, ADIT_CMD_PEER_MOVED), 1);
    assert_true(adit_addr_eq(&r->plane.seen[r->plane.n - 1].spec.remote, &here));
    assert_non_null(strstr(r->said, "Disallow float"));
    adit_caller_end(other);
    stop(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_free_address_is_taken),
        cmocka_unit_test(an_address_of_another_client_is_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
