/* SPDX-License-Identifier: Apache-2.0 */
/* One wait that was short enough opens the window; each that was not halves it. */
#include "plane/linger.h"

enum {
    WINDOW_MIN_NS = 8000, /* less is hardly worth a look */
    SPAN_NS = 1000000,
    PACKETS_MAX = 40, /* per span: a dozen round trips one after the other */
    REST_NS = 20000000,
};

void adit_linger_init(struct adit_linger *l, uint64_t max_ns)
{
    *l = (struct adit_linger){.max_ns = max_ns};
}

void adit_linger_turn(struct adit_linger *l, uint64_t now_ns, uint64_t packets, enum adit_linger_after kind)
{
    l->after = kind;
    if (now_ns - l->span_ns >= SPAN_NS) {
        l->n_packets_last = now_ns - l->span_ns < 2 * SPAN_NS ? l->n_packets : 0;
        l->n_packets = 0;
        l->span_ns = now_ns;
    }
    l->n_packets += packets > PACKETS_MAX ? PACKETS_MAX + 1 : (uint32_t)packets;
}

static bool is_busy(const struct adit_linger *l)
{
    return l->n_packets > PACKETS_MAX || l->n_packets_last > PACKETS_MAX;
}

uint64_t adit_linger_window(const struct adit_linger *l, uint64_t now_ns)
{
    return now_ns < l->rests_until_ns || is_busy(l) ? 0 : l->window_ns[l->after];
}

void adit_linger_learn(struct adit_linger *l, uint64_t waited_ns)
{
    uint64_t *window = &l->window_ns[l->after];

    if (waited_ns <= l->max_ns) {
        *window = l->max_ns;
        return;
    }
    *window /= 2;
    if (*window < WINDOW_MIN_NS)
        *window = 0;
}

void adit_linger_rest(struct adit_linger *l, uint64_t now_ns)
{
    l->rests_until_ns = now_ns + REST_NS;
}
