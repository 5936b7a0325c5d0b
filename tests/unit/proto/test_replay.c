/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The window against a slow model that remembers every id with its time. The model says what must be accepted
 * and what must be refused; between the expiry time and one slot more, both are right.
 */
#include "../unit.h"

#include <stdlib.h>

#include "base/rng.h"
#include "proto/replay.h"

enum {
    WORDS_MAX = ADIT_REPLAY_BITS_MAX / 64,
};

static uint64_t words[WORDS_MAX];

static adit_now at_ms(uint64_t ms)
{
    return (adit_now){.mono_ns = 77777 * ADIT_NS_PER_S + ms * ADIT_NS_PER_MS};
}

static bool take(struct adit_replay *r, uint64_t id, uint64_t ms)
{
    adit_replay_tick(r, at_ms(ms));
    if (adit_replay_check(r, id))
        return false;
    adit_replay_mark(r, id, at_ms(ms));
    return true;
}

static void an_id_is_accepted_once(void **state)
{
    struct adit_replay r;

    (void)state;
    adit_replay_init(&r, words, 64, 15);
    assert_false(take(&r, 0, 0));
    assert_true(take(&r, 1, 0));
    assert_false(take(&r, 1, 0));
    assert_true(take(&r, 3, 0));
    assert_true(take(&r, 2, 0));
    assert_false(take(&r, 2, 0));
    assert_false(take(&r, 3, 0));
}

static void the_window_ends_where_it_should(void **state)
{
    static const uint32_t windows[] = {1, 2, 63, 64, 65, 100, 128, 2048, 65535, 65536};

    (void)state;
    for (size_t i = 0; i < sizeof windows / sizeof windows[0]; i++) {
        uint32_t n = windows[i];
        struct adit_replay r;

        adit_replay_init(&r, words, n, 15);
        assert_true(take(&r, 1000000, 0));
        assert_false(take(&r, 1000000 - n, 0));
        assert_int_equal(take(&r, 1000000 - n + 1, 0), n > 1);
        assert_false(take(&r, 1000000 - n + 1, 0));
    }
}

static void storage_is_as_large_as_the_window(void **state)
{
    (void)state;
    assert_int_equal(adit_replay_words(0), 1);
    assert_int_equal(adit_replay_words(64), 1);
    assert_int_equal(adit_replay_words(65), 2);
    assert_int_equal(adit_replay_words(2048), 32);
    assert_int_equal(adit_replay_words(65536), WORDS_MAX);
    assert_int_equal(adit_replay_words(UINT32_MAX), WORDS_MAX);
}

static void without_a_window_ids_go_up_by_one(void **state)
{
    struct adit_replay r;

    (void)state;
    adit_replay_init(&r, words, 0, 15);
    assert_false(take(&r, 2, 0));
    assert_true(take(&r, 1, 0));
    assert_false(take(&r, 1, 0));
    assert_false(take(&r, 3, 0));
    assert_true(take(&r, 2, 0));
}

static void the_largest_ids_do_not_wrap(void **state)
{
    struct adit_replay r;

    (void)state;
    adit_replay_init(&r, words, 64, 15);
    assert_true(take(&r, UINT64_MAX - 1, 0));
    assert_true(take(&r, UINT64_MAX, 0));
    assert_false(take(&r, UINT64_MAX, 0));
    assert_true(take(&r, UINT64_MAX - 63, 0));
    assert_false(take(&r, UINT64_MAX - 64, 0));
    assert_false(take(&r, 0, 0));
    assert_false(take(&r, 1, 0));
}

static void a_late_id_expires(void **state)
{
    struct adit_replay r;

    (void)state;
    adit_replay_init(&r, words, 64, 15);
    assert_true(take(&r, 10, 0));
    assert_true(take(&r, 9, 15000));
    assert_false(take(&r, 8, 15938));
    assert_true(take(&r, 11, 15938));
    /* What lies between the expired highest and the new one is not late yet. */
    assert_true(take(&r, 20, 15938));
    assert_true(take(&r, 12, 30000));
    assert_false(take(&r, 13, 100000));
    assert_true(take(&r, 21, 100000));
}

static void without_an_expiry_time_ids_stay_acceptable(void **state)
{
    struct adit_replay r;

    (void)state;
    adit_replay_init(&r, words, 64, 0);
    assert_true(take(&r, 10, 0));
    assert_true(take(&r, 9, 1000ULL * 1000 * 1000));
}

static void checking_changes_nothing(void **state)
{
    struct adit_replay r, before;

    (void)state;
    adit_replay_init(&r, words, 64, 15);
    assert_true(take(&r, 5, 0));
    before = r;
    assert_int_equal(adit_replay_check(&r, 6), ADIT_OK);
    assert_int_equal(adit_replay_check(&r, 4), ADIT_OK);
    assert_int_equal(adit_replay_check(&r, 5), ADIT_E_REPLAY);
    assert_memory_equal(&r, &before, sizeof r);
    assert_true(take(&r, 4, 0));
}

static bool take_long(struct adit_replay *r, uint32_t series, uint32_t id)
{
    adit_replay_tick(r, at_ms(0));
    if (adit_replay_check_long(r, series, id))
        return false;
    adit_replay_mark_long(r, series, id, at_ms(0));
    return true;
}

static void a_later_series_restarts_the_window(void **state)
{
    struct adit_replay r;

    (void)state;
    adit_replay_init(&r, words, 64, 15);
    assert_false(take_long(&r, 1000, 0));
    assert_true(take_long(&r, 1000, 0x0f000001));
    assert_true(take_long(&r, 1000, 0x0f000002));
    assert_false(take_long(&r, 1000, 1));
    assert_false(take_long(&r, 999, 0x0f000003));
    assert_false(take_long(&r, 1001, 0));
    assert_true(take_long(&r, 1001, 1));
    assert_false(take_long(&r, 1001, 1));
    assert_true(take_long(&r, 1001, 0x0f000001));
    assert_false(take_long(&r, 1000, 0x0f000003));
    assert_true(take_long(&r, UINT32_MAX, 7));
    assert_false(take_long(&r, 0, 8));
}

static void a_restarted_window_is_not_closed_by_the_past_of_the_old_one(void **state)
{
    struct adit_replay r;

    (void)state;
    adit_replay_init(&r, words, 64, 15);
    adit_replay_mark_long(&r, 5, 1000, at_ms(0));
    adit_replay_mark_long(&r, 5, 1001, at_ms(10000));
    adit_replay_mark_long(&r, 6, 40, at_ms(16000));
    adit_replay_tick(&r, at_ms(30000));
    assert_int_equal(adit_replay_check_long(&r, 6, 39), ADIT_OK);
    adit_replay_tick(&r, at_ms(32000));
    assert_int_equal(adit_replay_check_long(&r, 6, 39), ADIT_E_REPLAY);
}

static void without_a_window_a_series_starts_at_one(void **state)
{
    struct adit_replay r;

    (void)state;
    adit_replay_init(&r, words, 0, 15);
    assert_false(take_long(&r, 1000, 2));
    assert_true(take_long(&r, 1000, 1));
    assert_false(take_long(&r, 1001, 2));
    assert_true(take_long(&r, 1001, 1));
    assert_true(take_long(&r, 1001, 2));
}

/* ---- the model ---- */

enum {
    MODEL_IDS = 1 << 21,
};

struct model {
    uint64_t *overtaken_ms; /* by id: when an id above it first came; 0: not yet */
    bool *is_seen;
    uint64_t highest;
};

enum verdict { REFUSE, ACCEPT, EITHER };

static enum verdict judge(const struct model *m, uint64_t id, uint64_t ms, uint32_t window, uint32_t expire_s)
{
    uint64_t late_us, limit_us = expire_s * 1000000ULL;

    if (id == 0 || m->is_seen[id] || (id < m->highest && m->highest - id >= window))
        return REFUSE;
    if (id > m->highest || expire_s == 0)
        return ACCEPT;
    late_us = (ms - m->overtaken_ms[id]) * 1000;
    return late_us <= limit_us ? ACCEPT : late_us > limit_us + limit_us / 16 ? REFUSE : EITHER;
}

static void record(struct model *m, uint64_t id, uint64_t ms)
{
    m->is_seen[id] = true;
    for (; m->highest < id; m->highest++)
        m->overtaken_ms[m->highest] = ms;
}

/*
 * A sender counts up; the network loses, delays, repeats and reorders. Delays reach over the window and over
 * the expiry time, and there are silences. Ids that never were sent before stay missing and come late.
 */
static void compare_with_model(uint32_t window, uint32_t expire_s, size_t n_packets, uint64_t seed)
{
    struct model m = {calloc(MODEL_IDS, sizeof(uint64_t)), calloc(MODEL_IDS, 1), 0};
    struct adit_rng rng = adit_rng_seeded(&seed);
    uint64_t sent = 0, ms = 1;
    size_t n_accepted = 0, n_refused = 0;
    struct adit_replay r;

    assert_true(m.overtaken_ms && m.is_seen);
    adit_replay_init(&r, words, window, expire_s);
    for (size_t i = 0; i < n_packets; i++) {
        uint32_t kind = adit_rng_below(&rng, 100);
        uint64_t id, back;
        enum verdict want;
        bool got;

        if (kind < 50 || sent < 2)
            id = sent += 1 + (kind < 10 ? adit_rng_below(&rng, 3) : 0);
        else {
            back = adit_rng_below(&rng, kind < 90 ? window + window / 4 + 2 : 3);
            id = sent > back ? sent - back : 0;
        }
        if (kind == 99 && adit_rng_below(&rng, 50) == 0)
            id = sent += adit_rng_below(&rng, 2 * window + 70);
        ms += adit_rng_below(&rng, 2);
        if (kind == 98)
            ms += adit_rng_below(&rng, 3000);
        assert_true(sent < MODEL_IDS);

        want = judge(&m, id, ms, window, expire_s);
        got = take(&r, id, ms);
        if (want != EITHER && got != (want == ACCEPT))
            fail_msg("window %u, packet %zu, id %lu of %lu: %s", window, i, (unsigned long)id,
                     (unsigned long)m.highest, got ? "accepted" : "refused");
        if (got)
            record(&m, id, ms);
        n_accepted += got;
        n_refused += !got;
    }
    /* The mixture must have tested both. */
    assert_true(n_accepted > n_packets / 4 && n_refused > n_packets / 10);
    free(m.overtaken_ms);
    free(m.is_seen);
}

static void a_million_reordered_packets_are_judged_as_the_model_does(void **state)
{
    (void)state;
    compare_with_model(64, 15, 300000, 1);
    compare_with_model(64, 1, 100000, 2);
    compare_with_model(100, 2, 100000, 3);
    compare_with_model(1, 15, 100000, 4);
    compare_with_model(2048, 15, 200000, 5);
    compare_with_model(2048, 0, 100000, 6);
    compare_with_model(1000, 600, 100000, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_id_is_accepted_once),
        cmocka_unit_test(the_window_ends_where_it_should),
        cmocka_unit_test(storage_is_as_large_as_the_window),
        cmocka_unit_test(without_a_window_ids_go_up_by_one),
        cmocka_unit_test(the_largest_ids_do_not_wrap),
        cmocka_unit_test(a_late_id_expires),
        cmocka_unit_test(without_an_expiry_time_ids_stay_acceptable),
        cmocka_unit_test(checking_changes_nothing),
        cmocka_unit_test(a_later_series_restarts_the_window),
        cmocka_unit_test(a_restarted_window_is_not_closed_by_the_past_of_the_old_one),
        cmocka_unit_test(without_a_window_a_series_starts_at_one),
        cmocka_unit_test(a_million_reordered_packets_are_judged_as_the_model_does),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
