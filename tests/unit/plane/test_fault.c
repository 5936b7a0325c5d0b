/* SPDX-License-Identifier: Apache-2.0 */
#include "../unit.h"

#include "plane/fault.h"

enum {
    MANY = 200000,
};

/* `got` of `of` packets at a rate: within five deviations of a fair coin of that rate. */
static void assert_rate(uint64_t got, uint64_t of, uint32_t ppm)
{
    double want = (double)of * ppm / 1e6, off = (double)got - want;

    if (off * off > 25 * want + 25)
        fail_msg("%lu of %lu at %u ppm", (unsigned long)got, (unsigned long)of, ppm);
}

static void all_zero_does_nothing(void **state)
{
    const struct adit_fault_spec spec = {0};
    struct adit_fault f;

    (void)state;
    adit_fault_init(&f, &spec, 1, 5);
    for (uint64_t i = 0; i < 1000; i++) {
        struct adit_fault_fate fate = adit_fault_judge(&f, i);

        assert_int_equal(fate.kind, ADIT_FATE_PASS);
        assert_int_equal(fate.copies, 1);
        assert_int_equal(fate.delay_ns[0], 0);
        assert_false(fate.is_corrupt);
    }
    assert_int_equal(f.n_seen, 1000);
    assert_int_equal(f.n_lost + f.n_cut + f.n_doubled + f.n_corrupt + f.n_late, 0);
}

static void rates_hold(void **state)
{
    const struct adit_fault_spec spec = {.loss_ppm = 100000,
                                         .dup_ppm = 50000,
                                         .corrupt_ppm = 10000,
                                         .late_ppm = 200000,
                                         .late_ns = 1000,
                                         .delay_ns = 500,
                                         .jitter_ns = 100};
    struct adit_fault f;
    uint64_t n[3] = {0}, doubled = 0, corrupt = 0, late = 0, copies = 0;
    double jitter = 0;

    (void)state;
    adit_fault_init(&f, &spec, 42, 0);
    for (int i = 0; i < MANY; i++) {
        struct adit_fault_fate fate = adit_fault_judge(&f, 0);

        n[fate.kind]++;
        doubled += fate.copies == 2;
        corrupt += fate.is_corrupt;
        copies += fate.copies;
        for (unsigned c = 0; c < fate.copies; c++) {
            assert_in_range(fate.delay_ns[c], 500, 1600);
            if (fate.delay_ns[c] < 600)
                jitter += (double)fate.delay_ns[c] - 500;
            late += fate.delay_ns[c] >= 600;
        }
    }
    assert_rate(n[ADIT_FATE_LOST], MANY, 100000);
    assert_rate(doubled, n[ADIT_FATE_PASS], 50000);
    assert_rate(corrupt, n[ADIT_FATE_PASS], 10000);
    assert_rate(f.n_late, copies, 200000);
    /* A lateness below what jitter leaves is not seen as late: half of jitter, on the average. */
    assert_in_range(late, f.n_late * 90 / 100, f.n_late);
    assert_in_range((uint64_t)(jitter / (double)(copies - late)), 48, 51);
    assert_int_equal(n[ADIT_FATE_CUT], 0);
    assert_int_equal(f.n_seen, MANY);
    assert_int_equal(f.n_lost, n[ADIT_FATE_LOST]);
    assert_int_equal(f.n_doubled, doubled);
    assert_int_equal(f.n_corrupt, corrupt);
}

static void always_means_always(void **state)
{
    const struct adit_fault_spec spec = {
        .dup_ppm = 1000000, .corrupt_ppm = 1000000, .late_ppm = 1000000, .late_ns = 1};
    const struct adit_fault_spec lost = {.loss_ppm = 1000000};
    struct adit_fault f, g;

    (void)state;
    adit_fault_init(&f, &spec, 3, 0);
    adit_fault_init(&g, &lost, 3, 0);
    for (int i = 0; i < MANY; i++) {
        struct adit_fault_fate fate = adit_fault_judge(&f, 0);

        assert_int_equal(fate.copies, 2);
        assert_true(fate.is_corrupt);
        assert_int_equal(fate.delay_ns[0], 1);
        assert_int_equal(fate.delay_ns[1], 1);
        assert_int_equal(adit_fault_judge(&g, 0).kind, ADIT_FATE_LOST);
    }
}

static bool are_same(const struct adit_fault_fate *a, const struct adit_fault_fate *b)
{
    return a->kind == b->kind && a->copies == b->copies && a->is_corrupt == b->is_corrupt &&
           a->delay_ns[0] == b->delay_ns[0] && a->delay_ns[1] == b->delay_ns[1];
}

static const struct adit_fault_spec everything = {
    .loss_ppm = 100000,
    .burst_ppm = 5000,
    .burst_n = 4,
    .dup_ppm = 50000,
    .corrupt_ppm = 100000,
    .late_ppm = 100000,
    .late_ns = 5000000,
    .delay_ns = 1000,
    .jitter_ns = 1000,
    .cut_every_ns = 1000,
    .cut_ns = 100,
};

static void the_seed_is_the_fate(void **state)
{
    struct adit_fault a, b, other;
    int different = 0;

    (void)state;
    adit_fault_init(&a, &everything, 7, 0);
    adit_fault_init(&b, &everything, 7, 0);
    adit_fault_init(&other, &everything, 8, 0);
    for (uint64_t i = 0; i < 10000; i++) {
        struct adit_fault_fate x = adit_fault_judge(&a, i), y = adit_fault_judge(&b, i),
                               z = adit_fault_judge(&other, i);
        uint8_t p[64] = {0}, q[64] = {0};

        assert_true(are_same(&x, &y));
        different += !are_same(&x, &z);
        assert_int_equal(adit_fault_corrupt(&a, p, sizeof p), adit_fault_corrupt(&b, q, sizeof q));
        assert_memory_equal(p, q, sizeof p);
    }
    assert_true(different > 5000);
}

static void a_fault_more_leaves_other_fates_alone(void **state)
{
    const struct adit_fault_spec plain = {.loss_ppm = 100000, .late_ppm = 100000, .late_ns = 1000};
    struct adit_fault_spec more = plain;
    struct adit_fault a, b;

    (void)state;
    more.dup_ppm = 300000;
    more.corrupt_ppm = 300000;
    more.cut_every_ns = 100;
    more.cut_ns = 30;
    adit_fault_init(&a, &plain, 9, 0);
    adit_fault_init(&b, &more, 9, 0);
    for (uint64_t i = 0; i < 10000; i++) {
        struct adit_fault_fate x = adit_fault_judge(&a, i), y = adit_fault_judge(&b, i);
        uint8_t byte = 0;

        /* Damage done or not makes no difference either. */
        if (y.is_corrupt)
            adit_fault_corrupt(&b, &byte, 1);
        assert_int_equal(a.chance, b.chance);
        if (y.kind == ADIT_FATE_CUT)
            continue;
        assert_int_equal(x.kind, y.kind);
        assert_int_equal(x.delay_ns[0], y.delay_ns[0]);
    }
    assert_int_equal(b.n_cut, 3000);
}

static void bursts_take_so_many_in_a_row(void **state)
{
    const struct adit_fault_spec spec = {.burst_ppm = 10000, .burst_n = 8};
    struct adit_fault f;
    uint64_t run = 0, bursts = 0;

    (void)state;
    adit_fault_init(&f, &spec, 11, 0);
    for (int i = 0; i < MANY; i++) {
        if (adit_fault_judge(&f, 0).kind == ADIT_FATE_LOST) {
            run++;
            continue;
        }
        /* One burst may begin where another ends. */
        assert_int_equal(run % 8, 0);
        bursts += run / 8;
        run = 0;
    }
    assert_rate(bursts, MANY - f.n_lost, 10000);
    assert_int_equal(f.n_lost, bursts * 8 + run);
}

static void the_link_is_cut_at_the_end_of_every_span(void **state)
{
    const struct adit_fault_spec spec = {.cut_every_ns = 30, .cut_ns = 2};
    const struct adit_fault_spec always = {.cut_every_ns = 30, .cut_ns = 40};
    struct adit_fault f, g;

    (void)state;
    adit_fault_init(&f, &spec, 1, 1000);
    adit_fault_init(&g, &always, 1, 1000);
    assert_int_equal(adit_fault_cut_left(&f, 0), 0);
    for (uint64_t t = 1000; t < 1300; t++) {
        bool is_cut = (t - 1000) % 30 >= 28;

        assert_int_equal(adit_fault_cut_left(&f, t), is_cut ? 30 - (t - 1000) % 30 : 0);
        assert_int_equal(adit_fault_judge(&f, t).kind, is_cut ? ADIT_FATE_CUT : ADIT_FATE_PASS);
        assert_int_equal(adit_fault_judge(&g, t).kind, ADIT_FATE_CUT);
    }
    assert_int_equal(f.n_cut, 20);
    assert_int_equal(g.n_cut, 300);
}

static void long_times_do_not_overflow(void **state)
{
    const struct adit_fault_spec spec = {.jitter_ns = 100 * ADIT_NS_PER_S};
    struct adit_fault f;
    uint64_t most = 0;

    (void)state;
    adit_fault_init(&f, &spec, 1, 0);
    for (int i = 0; i < 10000; i++) {
        uint64_t d = adit_fault_judge(&f, 0).delay_ns[0];

        assert_true(d < 100 * ADIT_NS_PER_S);
        most = d > most ? d : most;
    }
    assert_true(most > 99 * ADIT_NS_PER_S);
}

static void corrupt_always_changes_something(void **state)
{
    struct adit_fault f;
    unsigned shorter = 0, bit = 0, byte = 0;

    (void)state;
    adit_fault_init(&f, &everything, 5, 0);
    for (unsigned i = 0; i < 30000; i++) {
        uint8_t p[40], q[40];
        size_t n = 1 + i % sizeof p, got, at = 0;
        unsigned changed = 0;

        steps(p, sizeof p, (uint8_t)i);
        memcpy(q, p, sizeof p);
        adit_fault_judge(&f, 0);
        got = adit_fault_corrupt(&f, p, n);
        assert_in_range(got, 1, n);
        for (size_t k = 0; k < sizeof p; k++) {
            if (p[k] == q[k])
                continue;
            changed++;
            at = k;
        }
        if (got < n) {
            assert_int_equal(changed, 0);
            shorter++;
            continue;
        }
        assert_int_equal(changed, 1);
        assert_true(at < n);
        if (((p[at] ^ q[at]) & ((p[at] ^ q[at]) - 1)) == 0)
            bit++;
        else
            byte++;
    }
    assert_true(shorter > 8000 && bit > 8000 && byte > 8000);
}

static void a_spec_says_itself_in_words(void **state)
{
    const struct adit_fault_spec none = {0};
    const struct adit_fault_spec all = {
        .loss_ppm = 50000,
        .burst_ppm = 1000,
        .burst_n = 8,
        .dup_ppm = 10000,
        .corrupt_ppm = 1,
        .late_ppm = 100000,
        .late_ns = 80000000,
        .delay_ns = 20000000,
        .jitter_ns = 5000,
        .cut_ns = 1500000000ULL,
        .cut_every_ns = 30 * ADIT_NS_PER_S,
    };
    char text[ADIT_FAULT_STR_MAX], little[8];

    (void)state;
    assert_string_equal(adit_fault_spec_str(&none, text, sizeof text), "nothing");
    assert_string_equal(adit_fault_spec_str(&all, text, sizeof text),
                        "5% lost, 0.1% begin a burst of 8 lost, 1% doubled, 0.0001% damaged, 10% late by up "
                        "to 80 ms, all held back for 20 ms to 20.005 ms, link cut for 1.5 s of every 30 s");
    assert_string_equal(adit_fault_spec_str(&all, little, sizeof little), "5% lost");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_zero_does_nothing),
        cmocka_unit_test(rates_hold),
        cmocka_unit_test(always_means_always),
        cmocka_unit_test(the_seed_is_the_fate),
        cmocka_unit_test(a_fault_more_leaves_other_fates_alone),
        cmocka_unit_test(bursts_take_so_many_in_a_row),
        cmocka_unit_test(the_link_is_cut_at_the_end_of_every_span),
        cmocka_unit_test(long_times_do_not_overflow),
        cmocka_unit_test(corrupt_always_changes_something),
        cmocka_unit_test(a_spec_says_itself_in_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
