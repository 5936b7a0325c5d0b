/* SPDX-License-Identifier: Apache-2.0 */
/* A ring between two threads, its two ends in turns as the input says, against a plain queue. */
#include <stdlib.h>
#include <string.h>

#include "plane/ring.h"

enum {
    SLOTS_MAX = 32,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check(bool is_right)
{
    if (!is_right)
        abort();
}

/* One byte a message, so that a message can be told from its neighbours in the slot. */
struct model {
    uint8_t q[SLOTS_MAX];
    size_t n, cap;
};

static void produce(struct adit_ring *r, struct model *m, size_t len, uint8_t mark)
{
    uint8_t *slot = adit_ring_claim(r);

    check((slot != NULL) == (m->n < m->cap));
    if (!slot)
        return;
    memset(slot, mark, len);
    if (mark & 1)
        check(adit_ring_claim(r) == slot); /* not yet visible: claimed again it is the same */
    adit_ring_publish(r);
    m->q[m->n++] = mark;
}

static void consume(struct adit_ring *r, struct model *m, size_t len)
{
    const uint8_t *slot = adit_ring_front(r);

    check((slot != NULL) == (m->n > 0));
    if (!slot)
        return;
    for (size_t i = 0; i < len; i++)
        check(slot[i] == m->q[0]);
    adit_ring_release(r);
    memmove(m->q, m->q + 1, --m->n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct adit_ring r;
    struct model m = {.n = 0};
    size_t len;

    if (n < 3)
        return 0;
    m.cap = (size_t)1 << data[0] % 6;
    len = 1 + data[1] % 40u;
    check(adit_ring_init(&r, len, (uint32_t)m.cap) == ADIT_OK);
    /* The indexes run freely: let them wrap within some inputs. */
    if (data[2] & 1)
        r.head = r.tail = UINT32_MAX - data[2] % 64u;
    for (size_t i = 3; i < n; i++) {
        if (data[i] & 0x80)
            produce(&r, &m, len, data[i]);
        else
            consume(&r, &m, len);
        check(adit_ring_room(&r) == m.cap - m.n);
    }
    adit_ring_fini(&r);
    adit_ring_fini(&r);
    return 0;
}
