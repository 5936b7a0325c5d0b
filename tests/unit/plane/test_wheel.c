/* SPDX-License-Identifier: Apache-2.0 */
/* The wheel of deadlines: against a list, at its edges, and what it costs. */
#include "plane/wheel.h"

#include <stdlib.h>

#include "../unit.h"

/* ---- against a list ---- */

enum {
    NODES = 300,
    STEPS = 200000,
};

struct model {
    struct adit_wheel w;
    struct adit_wheel_node nodes[NODES];
    uint64_t ticks[NODES]; /* 0: not in the wheel */
    uint64_t now;
    uint64_t chance;
};

static uint64_t dice(struct model *m, uint64_t below)
{
    m->chance = m->chance * 6364136223846793005ULL + 1442695040888963407ULL;
    return (m->chance >> 33) % below;
}

/* Mostly near, now and then far away, or past. */
static uint64_t some_tick(struct model *m)
{
    switch (dice(m, 8)) {
    case 0:
        return m->now - dice(m, m->now < 50 ? m->now + 1 : 50);
    case 1:
        return m->now + dice(m, 5000);
    case 2:
        return m->now + ADIT_WHEEL_SLOTS - 2 + dice(m, 5);
    default:
        return m->now + dice(m, 60);
    }
}

static void put(struct model *m, size_t i, uint64_t tick)
{
    adit_wheel_put(&m->w, &m->nodes[i], tick);
    m->ticks[i] = tick > m->now ? tick : m->now + 1;
}

static void drop(struct model *m, size_t i)
{
    adit_wheel_del(&m->w, &m->nodes[i]);
    m->ticks[i] = 0;
}

static size_t count(const struct model *m, uint64_t until)
{
    size_t n = 0;

    for (size_t i = 0; i < NODES; i++)
        n += m->ticks[i] > 0 && m->ticks[i] <= until;
    return n;
}

/* In between others are put and deleted, those that are due, too. */
static void take_due(struct model *m)
{
    struct adit_wheel_node *node;

    while ((node = adit_wheel_next(&m->w))) {
        size_t i = (size_t)(node - m->nodes);

        assert_true(i < NODES);
        assert_in_range(m->ticks[i], 1, m->now);
        assert_false(adit_wheel_has(node));
        m->ticks[i] = 0;
        if (dice(m, 2))
            put(m, i, some_tick(m));
        if (dice(m, 4) == 0)
            drop(m, dice(m, NODES));
        if (dice(m, 4) == 0)
            put(m, dice(m, NODES), some_tick(m));
    }
    assert_int_equal(count(m, m->now), 0);
}

static void it_gives_what_a_list_would_give(void **state)
{
    static struct model m;

    (void)state;
    m = (struct model){.chance = 7};
    for (int step = 0; step < STEPS; step++) {
        size_t i = dice(&m, NODES);

        switch (dice(&m, 4)) {
        case 0:
            drop(&m, i);
            break;
        case 1:
        case 2:
            put(&m, i, some_tick(&m));
            break;
        default:
            m.now += dice(&m, 50) == 0 ? dice(&m, 3 * ADIT_WHEEL_SLOTS) : dice(&m, 4);
            adit_wheel_turn(&m.w, m.now);
            if (dice(&m, 8)) /* else they wait until the next turn */
                take_due(&m);
            break;
        }
        assert_int_equal(adit_wheel_has(&m.nodes[i]), m.ticks[i] > 0);
        assert_int_equal(m.w.n, count(&m, UINT64_MAX));
    }
    assert_true(m.w.n_given > STEPS / 10);
}

/* ---- edges ---- */

static bool comes_at(struct adit_wheel *w, struct adit_wheel_node *node, uint64_t tick)
{
    adit_wheel_turn(w, tick - 1);
    if (adit_wheel_next(w))
        return false;
    adit_wheel_turn(w, tick);
    return adit_wheel_next(w) == node && !adit_wheel_next(w);
}

static void a_node_comes_at_its_tick(void **state)
{
    static const uint64_t ahead[] = {1,    2,    511,  512,     513,        1023,       1024,
                                     1025, 5000, 5120, 1 << 20, 1ULL << 32, 1ULL << 40, UINT64_MAX / 2};
    struct adit_wheel w;
    struct adit_wheel_node node = {0};

    (void)state;
    for (size_t i = 0; i < sizeof ahead / sizeof ahead[0]; i++) {
        for (uint64_t now = 0; now < 3; now++) {
            adit_wheel_init(&w, now * 511);
            adit_wheel_put(&w, &node, w.now + ahead[i]);
            assert_true(comes_at(&w, &node, now * 511 + ahead[i]));
        }
    }
}

static void what_is_late_comes_with_the_next_tick(void **state)
{
    struct adit_wheel w;
    struct adit_wheel_node node = {0};

    (void)state;
    adit_wheel_init(&w, 1000);
    for (uint64_t tick = 0; tick <= 1000; tick += 250) {
        adit_wheel_put(&w, &node, tick);
        assert_null(adit_wheel_next(&w));
        assert_true(comes_at(&w, &node, w.now + 1));
        adit_wheel_init(&w, 1000);
    }
}

static void time_does_not_go_back(void **state)
{
    struct adit_wheel w;
    struct adit_wheel_node node = {0};

    (void)state;
    adit_wheel_init(&w, 100);
    adit_wheel_put(&w, &node, 105);
    adit_wheel_turn(&w, 103);
    adit_wheel_turn(&w, 50);
    assert_int_equal(w.now, 103);
    assert_true(comes_at(&w, &node, 105));
}

static void the_last_tick_of_all_is_never_reached(void **state)
{
    struct adit_wheel w;
    struct adit_wheel_node node = {0};

    (void)state;
    adit_wheel_init(&w, 5);
    adit_wheel_put(&w, &node, UINT64_MAX);
    for (uint64_t now = 6; now < 3000; now++) {
        adit_wheel_turn(&w, now);
        assert_null(adit_wheel_next(&w));
    }
    assert_true(adit_wheel_has(&node));
    adit_wheel_del(&w, &node);
    adit_wheel_del(&w, &node); /* once more does nothing */
    assert_false(adit_wheel_has(&node));
    assert_int_equal(w.n, 0);
}

/* ---- what it costs ---- */

enum {
    OWNERS = 100000,
    PING_S = 10,
    SECONDS = 60,
};

struct owner {
    struct adit_wheel_node node; /* first */
    uint64_t sent;
};

/* How often owners were looked at, and how many of them had waited for PING_S. */
static void run(struct owner *owners, bool is_busy, uint64_t *visits, uint64_t *pings)
{
    struct adit_wheel w;
    struct adit_wheel_node *node;

    adit_wheel_init(&w, 0);
    memset(owners, 0, OWNERS * sizeof *owners);
    *pings = 0;
    for (size_t i = 0; i < OWNERS; i++)
        adit_wheel_put(&w, &owners[i].node, 1 + i % PING_S);
    for (uint64_t now = 1; now <= SECONDS; now++) {
        for (size_t i = 0; is_busy && i < OWNERS; i++)
            owners[i].sent = now; /* and nothing else: the wheel is not told */
        adit_wheel_turn(&w, now);
        while ((node = adit_wheel_next(&w))) {
            struct owner *o = (struct owner *)node;

            if (now >= o->sent + PING_S) {
                o->sent = now;
                ++*pings;
            }
            adit_wheel_put(&w, node, o->sent + PING_S);
        }
    }
    *visits = w.n_given;
}

static void idle_owners_are_visited_once_a_period(void **state)
{
    struct owner *owners = malloc(OWNERS * sizeof *owners);
    uint64_t visits, pings;

    (void)state;
    assert_non_null(owners);
    run(owners, false, &visits, &pings);
    assert_in_range(visits, OWNERS * (SECONDS / PING_S), OWNERS * (SECONDS / PING_S + 1));
    assert_in_range(pings, OWNERS * (SECONDS / PING_S - 1), OWNERS * (SECONDS / PING_S + 1));
    run(owners, true, &visits, &pings);
    assert_in_range(visits, OWNERS * (SECONDS / PING_S), OWNERS * (SECONDS / PING_S + 1));
    assert_int_equal(pings, 0);
    free(owners);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_gives_what_a_list_would_give),
        cmocka_unit_test(a_node_comes_at_its_tick),
        cmocka_unit_test(what_is_late_comes_with_the_next_tick),
        cmocka_unit_test(time_does_not_go_back),
        cmocka_unit_test(the_last_tick_of_all_is_never_reached),
        cmocka_unit_test(idle_owners_are_visited_once_a_period),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
