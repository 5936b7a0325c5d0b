/* SPDX-License-Identifier: Apache-2.0 */
#include "../unit.h"

#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include "plane/ring.h"

static void messages_come_out_in_order_and_full_is_said(void **state)
{
    struct adit_ring r;
    int *slot;

    (void)state;
    assert_int_equal(adit_ring_init(&r, sizeof(int), 4), ADIT_OK);
    assert_null(adit_ring_front(&r));
    for (int round = 0; round < 100; round++) {
        for (int i = 0; i < 4; i++) {
            assert_int_equal(adit_ring_room(&r), 4 - i);
            assert_int_equal(adit_ring_is_roomy(&r),
                             i < 3); /* the last quarter is for what must not be lost */
            slot = adit_ring_claim(&r);
            assert_non_null(slot);
            *slot = round * 4 + i;
            adit_ring_publish(&r);
        }
        assert_null(adit_ring_claim(&r));
        for (int i = 0; i < 4; i++)
            assert_int_equal(*(int *)adit_ring_peek(&r, (uint32_t)i), round * 4 + i);
        assert_null(adit_ring_peek(&r, 4));
        for (int i = 0; i < 4; i++) {
            slot = adit_ring_front(&r);
            assert_non_null(slot);
            assert_int_equal(*slot, round * 4 + i);
            adit_ring_release(&r);
        }
        assert_null(adit_ring_front(&r));
    }
    adit_ring_fini(&r);
}

static void a_claim_is_invisible_until_published(void **state)
{
    struct adit_ring r;

    (void)state;
    assert_int_equal(adit_ring_init(&r, 24, 2), ADIT_OK);
    assert_non_null(adit_ring_claim(&r));
    assert_null(adit_ring_front(&r));
    assert_ptr_equal(adit_ring_claim(&r), adit_ring_claim(&r));
    adit_ring_publish(&r);
    assert_non_null(adit_ring_front(&r));
    adit_ring_fini(&r);
}

enum {
    MANY = 200000,
};

struct wide {
    uint64_t a, b[5];
};

static void *produce(void *arg)
{
    struct adit_ring *r = arg;

    for (uint64_t i = 0; i < MANY;) {
        struct wide *m = adit_ring_claim(r);

        if (!m) {
            sched_yield();
            continue;
        }
        m->a = i;
        for (int k = 0; k < 5; k++)
            m->b[k] = i * 31 + (uint64_t)k;
        adit_ring_publish(r);
        i++;
    }
    return NULL;
}

static void two_threads_lose_and_tear_nothing(void **state)
{
    struct adit_ring r;
    pthread_t t;

    (void)state;
    assert_int_equal(adit_ring_init(&r, sizeof(struct wide), 64), ADIT_OK);
    assert_int_equal(pthread_create(&t, NULL, produce, &r), 0);
    for (uint64_t i = 0; i < MANY;) {
        struct wide *m = adit_ring_front(&r);

        if (!m) {
            sched_yield();
            continue;
        }
        assert_int_equal(m->a, i);
        for (int k = 0; k < 5; k++)
            assert_int_equal(m->b[k], i * 31 + (uint64_t)k);
        adit_ring_release(&r);
        i++;
    }
    pthread_join(t, NULL);
    assert_null(adit_ring_front(&r));
    adit_ring_fini(&r);
}

/* Pages that lie in the slots as a whole. */
static size_t resident(const struct adit_ring *r)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), count = 0;
    uintptr_t first = ((uintptr_t)r->slots + page - 1) / page * page;
    uintptr_t end = ((uintptr_t)r->slots + r->slot_len * (r->mask + 1)) / page * page;

    for (uintptr_t at = first; at < end; at += page) {
        unsigned char is_here;

        assert_int_equal(mincore((void *)at, page, &is_here), 0);
        count += is_here & 1;
    }
    return count;
}

enum {
    LARGE = 8192,
    SLOTS = 256,
};

static void a_sparse_ring_takes_what_is_used(void **state)
{
    struct adit_ring r;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);

    (void)state;
    mallopt(M_PERTURB, 0); /* which would write everywhere */
    assert_int_equal(adit_ring_init_sparse(&r, LARGE, SLOTS), ADIT_OK);
    assert_true(resident(&r) <= 1); /* a sanitizer fills the first bytes of a block */
    for (int i = 0; i < 3; i++) {
        memset(adit_ring_claim(&r), 1, LARGE);
        adit_ring_publish(&r);
    }
    assert_in_range(resident(&r), 1, 3 * LARGE / page + 1);
    assert_int_equal(r.n_used, 3); /* so much is wiped at the end */
    for (int i = 0; i < 2 * SLOTS; i++) {
        adit_ring_release(&r);
        assert_non_null(adit_ring_claim(&r));
        adit_ring_publish(&r);
    }
    assert_int_equal(r.n_used, SLOTS);
    adit_ring_fini(&r);
    assert_int_equal(adit_ring_init(&r, LARGE, SLOTS), ADIT_OK);
    assert_true(resident(&r) >= (SLOTS - 1) * LARGE / page);
    adit_ring_fini(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_come_out_in_order_and_full_is_said),
        cmocka_unit_test(a_claim_is_invisible_until_published),
        cmocka_unit_test(two_threads_lose_and_tear_nothing),
        cmocka_unit_test(a_sparse_ring_takes_what_is_used),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
