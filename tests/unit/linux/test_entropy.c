/* SPDX-License-Identifier: Apache-2.0 */
#include "../unit.h"

#include "linux/clock.h"
#include "linux/entropy.h"

static void the_kernels_generator_passes(void **state)
{
    struct adit_rng rng = adit_random();
    uint8_t a[70000] = {0}, zero[64] = {0};

    (void)state;
    assert_int_equal(adit_random_check(&rng), ADIT_OK);
    assert_int_equal(adit_rng_fill(&rng, a, sizeof a), ADIT_OK);
    assert_memory_not_equal(a + sizeof a - 64, zero, 64);
}

static _Bool fill_fails(void *ctx, uint8_t *dst, size_t n)
{
    (void)ctx;
    memset(dst, 7, n);
    return 0;
}

static _Bool fill_stands_still(void *ctx, uint8_t *dst, size_t n)
{
    (void)ctx;
    memset(dst, 7, n);
    return 1;
}

static _Bool fill_repeats(void *ctx, uint8_t *dst, size_t n)
{
    (void)ctx;
    for (size_t i = 0; i < n; i++)
        dst[i] = (uint8_t)(i % 32);
    return 1;
}

static void a_broken_generator_is_found(void **state)
{
    struct adit_rng fails = {.fill = fill_fails}, still = {.fill = fill_stands_still},
                    repeats = {.fill = fill_repeats};

    (void)state;
    assert_int_equal(adit_random_check(&fails), ADIT_E_RANDOM);
    assert_int_equal(adit_random_check(&still), ADIT_E_RANDOM);
    assert_int_equal(adit_random_check(&repeats), ADIT_E_RANDOM);
}

static void time_does_not_go_back(void **state)
{
    adit_now a = adit_clock_now(), b = adit_clock_now();

    (void)state;
    assert_true(b.mono_ns >= a.mono_ns);
    assert_true(a.wall_s > 1700000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_kernels_generator_passes),
        cmocka_unit_test(a_broken_generator_is_found),
        cmocka_unit_test(time_does_not_go_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
