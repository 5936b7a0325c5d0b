/* SPDX-License-Identifier: Apache-2.0 */
/* The wheel of deadlines against a list: the input is a sequence of operations, three bytes each. */
#include <assert.h>

#include "base/bytes.h"
#include "plane/wheel.h"

enum {
    NODES = 16,
    PUT = 0,
    PUT_FAR,
    DEL,
    TURN,
    TURN_FAR,
    NEXT,
    OPS,
};

struct model {
    struct adit_wheel w;
    struct adit_wheel_node nodes[NODES];
    uint64_t ticks[NODES]; /* 0: not in the wheel */
};

static void put(struct model *m, size_t i, uint64_t tick)
{
    adit_wheel_put(&m->w, &m->nodes[i], tick);
    m->ticks[i] = tick > m->w.now ? tick : m->w.now + 1;
}

static void next(struct model *m)
{
    struct adit_wheel_node *node = adit_wheel_next(&m->w);

    if (node) {
        assert(m->ticks[node - m->nodes] > 0 && m->ticks[node - m->nodes] <= m->w.now);
        m->ticks[node - m->nodes] = 0;
        return;
    }
    for (size_t i = 0; i < NODES; i++)
        assert(m->ticks[i] == 0 || m->ticks[i] > m->w.now);
}

static void check(const struct model *m)
{
    size_t n = 0;

    for (size_t i = 0; i < NODES; i++) {
        assert(adit_wheel_has(&m->nodes[i]) == (m->ticks[i] > 0));
        n += m->ticks[i] > 0;
    }
    assert(m->w.n == n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct adit_rd r = adit_rd_of(adit_bytes_of(data, n));
    struct model m = {.ticks = {0}};

    adit_wheel_init(&m.w, adit_rd_u8(&r));
    while (adit_rd_left(&r) >= 3) {
        uint8_t op = adit_rd_u8(&r);
        uint16_t value = adit_rd_u16(&r);
        size_t i = op / OPS % NODES;
        uint64_t past = m.w.now < 16 ? m.w.now : 16;

        switch (op % OPS) {
        case PUT:
            put(&m, i, m.w.now - past + value % 2048);
            break;
        case PUT_FAR:
            put(&m, i, (uint64_t)value << value % 48);
            break;
        case DEL:
            adit_wheel_del(&m.w, &m.nodes[i]);
            m.ticks[i] = 0;
            break;
        case TURN:
            adit_wheel_turn(&m.w, m.w.now + value % 8);
            break;
        case TURN_FAR:
            adit_wheel_turn(&m.w, m.w.now + value);
            break;
        default:
            next(&m);
            break;
        }
        check(&m);
    }
    while (m.w.due)
        next(&m);
    next(&m);
    return 0;
}
