/* SPDX-License-Identifier: Apache-2.0 */
#include "queue.h"

#include <stdlib.h>

#include "base/now.h"

static bool is_before(const struct sim_event *a, const struct sim_event *b)
{
    return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->serial < b->serial;
}

void sim_queue_fini(struct sim_queue *q)
{
    free(q->heap);
    *q = (struct sim_queue){0};
}

uint64_t sim_queue_put(struct sim_queue *q, uint64_t at_ns, uint8_t kind, uint32_t host, uint64_t arg)
{
    struct sim_event ev = {
        .at_ns = at_ns, .serial = ++q->next_serial, .arg = arg, .host = host, .kind = kind};
    size_t i = q->n++;

    if (q->n > q->cap) {
        q->cap = q->cap ? 2 * q->cap : 64;
        q->heap = realloc(q->heap, q->cap * sizeof ev);
        if (!q->heap)
            abort();
    }
    for (; i > 0 && is_before(&ev, &q->heap[(i - 1) / 2]); i = (i - 1) / 2)
        q->heap[i] = q->heap[(i - 1) / 2];
    q->heap[i] = ev;
    return ev.serial;
}

bool sim_queue_take(struct sim_queue *q, struct sim_event *out)
{
    struct sim_event last;
    size_t i = 0;

    if (q->n == 0)
        return false;
    *out = q->heap[0];
    last = q->heap[--q->n];
    for (;;) {
        size_t child = 2 * i + 1;

        if (child >= q->n)
            break;
        if (child + 1 < q->n && is_before(&q->heap[child + 1], &q->heap[child]))
            child++;
        if (!is_before(&q->heap[child], &last))
            break;
        q->heap[i] = q->heap[child];
        i = child;
    }
    if (q->n > 0)
        q->heap[i] = last;
    return true;
}

uint64_t sim_queue_next_ns(const struct sim_queue *q)
{
    return q->n > 0 ? q->heap[0].at_ns : ADIT_NEVER;
}
