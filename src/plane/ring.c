/* SPDX-License-Identifier: Apache-2.0 */
/* The indexes run freely and wrap; their difference is the number of messages, the mask picks the slot. */
#include "plane/ring.h"

#include <assert.h>

#include "base/mem.h"

adit_err adit_ring_init_sparse(struct adit_ring *r, size_t slot_len, uint32_t slots)
{
    assert(slots > 0 && (slots & (slots - 1)) == 0);
    /* Slots hold structs: keep each of them aligned as the allocation is. */
    slot_len = (slot_len + 15) & ~(size_t)15;
    *r = (struct adit_ring){.slot_len = slot_len, .mask = slots - 1};
    r->slots = adit_realloc(NULL, slot_len * slots); /* not zeroed: that would take all pages */
    return r->slots ? ADIT_OK : ADIT_E_MEMORY;
}

adit_err adit_ring_init(struct adit_ring *r, size_t slot_len, uint32_t slots)
{
    adit_err err = adit_ring_init_sparse(r, slot_len, slots);

    /* The pages are taken now, so that traffic neither waits for them nor makes the program grow. */
    if (!err)
        adit_wipe(r->slots, r->slot_len * slots);
    return err;
}

void adit_ring_fini(struct adit_ring *r)
{
    if (r->slots)
        adit_free_secret(r->slots, r->slot_len * r->n_used);
    *r = (struct adit_ring){0};
}

static void *slot_at(struct adit_ring *r, uint32_t index)
{
    return r->slots + (size_t)(index & r->mask) * r->slot_len;
}

uint32_t adit_ring_room(const struct adit_ring *r)
{
    return r->mask + 1 - (atomic_load(&r->tail) - atomic_load(&r->head));
}

bool adit_ring_is_roomy(const struct adit_ring *r)
{
    return adit_ring_room(r) > (r->mask + 1) / 4;
}

void *adit_ring_claim(struct adit_ring *r)
{
    uint32_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);

    if (adit_ring_room(r) == 0)
        return NULL;
    if (r->n_used <= (tail & r->mask))
        r->n_used = (tail & r->mask) + 1;
    return slot_at(r, tail);
}

void adit_ring_publish(struct adit_ring *r)
{
    atomic_store(&r->tail, atomic_load_explicit(&r->tail, memory_order_relaxed) + 1);
}

void *adit_ring_peek(struct adit_ring *r, uint32_t i)
{
    uint32_t head = atomic_load_explicit(&r->head, memory_order_relaxed);

    return i < atomic_load(&r->tail) - head ? slot_at(r, head + i) : NULL;
}

void *adit_ring_front(struct adit_ring *r)
{
    return adit_ring_peek(r, 0);
}

void adit_ring_release(struct adit_ring *r)
{
    atomic_store(&r->head, atomic_load_explicit(&r->head, memory_order_relaxed) + 1);
}
