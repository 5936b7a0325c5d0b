/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operations as bytes against a naive model that lists every id of the series with the time at which an id
 * above it first came. Between the expiry time and a sixteenth more, both verdicts are right.
 */
#include <assert.h>
#include <stdlib.h>

#include "proto/replay.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum {
    STEPS_MAX = 512, /* the model is slow on purpose */
};

struct seen {
    uint64_t id, ns;
};

struct model {
    struct seen seen[STEPS_MAX];
    size_t n;
    uint32_t series;
};

enum verdict { REFUSE, ACCEPT, EITHER };

static enum verdict judge(const struct model *m, uint64_t id, uint64_t ns, uint32_t window,
                          uint64_t expire_ns)
{
    uint64_t highest = 0, late_ns = 0;

    if (id == 0)
        return REFUSE;
    for (size_t i = 0; i < m->n; i++) {
        if (m->seen[i].id == id)
            return REFUSE;
        if (m->seen[i].id > highest)
            highest = m->seen[i].id;
        if (m->seen[i].id > id && ns - m->seen[i].ns > late_ns)
            late_ns = ns - m->seen[i].ns;
    }
    if (window == 0)
        return id == highest + 1 ? ACCEPT : REFUSE;
    if (id > highest)
        return ACCEPT;
    if (highest - id >= window)
        return REFUSE;
    if (expire_ns == 0 || late_ns <= expire_ns)
        return ACCEPT;
    return late_ns > expire_ns + expire_ns / ADIT_REPLAY_SLOTS ? REFUSE : EITHER;
}

/* The verdict of the long form, which may begin a series. */
static enum verdict judge_long(const struct model *m, uint32_t series, uint32_t id, uint64_t ns,
                               uint32_t window, uint64_t expire_ns)
{
    static const struct model fresh;

    if (m->n > 0 && series < m->series)
        return REFUSE;
    return judge(m->n > 0 && series == m->series ? m : &fresh, id, ns, window, expire_ns);
}

static void record(struct model *m, uint32_t series, uint64_t id, uint64_t ns)
{
    if (m->n > 0 && series > m->series)
        m->n = 0;
    m->series = series;
    m->seen[m->n++] = (struct seen){id, ns};
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const uint32_t windows[] = {0, 1, 2, 63, 64, 65, 2048, 65536};
    struct adit_rd in = adit_rd_of(adit_bytes_of(data, n));
    uint32_t window = windows[adit_rd_u8(&in) % 8];
    uint32_t expire_s = adit_rd_u8(&in) % 32;
    bool is_long = (adit_rd_u8(&in) & 1) != 0;
    uint64_t *bits = malloc(adit_replay_words(window) * sizeof *bits), ns = 0, base = 0;
    struct model m = {.n = 0};
    struct adit_replay r;

    assert(bits);
    adit_replay_init(&r, bits, window, expire_s);
    for (int step = 0; step < STEPS_MAX && adit_rd_left(&in) >= 4; step++) {
        uint8_t op = adit_rd_u8(&in), wait = adit_rd_u8(&in);
        uint16_t arg = adit_rd_u16(&in);
        uint32_t series = is_long ? 1000 + (op >> 5) : 0;
        enum verdict want;
        uint64_t id;
        adit_err e;

        /* Time in steps of 10 ms or of a second, ids around the base, which sometimes leaps. */
        ns += wait < 200 ? wait / 8 * 10 * ADIT_NS_PER_MS : (wait - 200) * ADIT_NS_PER_S;
        if ((op & 15) == 15)
            base += is_long ? arg * 16 : (uint64_t)arg << (op >> 4);
        id = (op & 16) == 0 ? base + arg % 256 : base > arg ? base - arg : arg;
        if (is_long)
            id = (uint32_t)id;

        adit_replay_tick(&r, (adit_now){.mono_ns = ns});
        want = is_long ? judge_long(&m, series, (uint32_t)id, ns, window, expire_s * ADIT_NS_PER_S)
                       : judge(&m, id, ns, window, expire_s * ADIT_NS_PER_S);
        e = is_long ? adit_replay_check_long(&r, series, (uint32_t)id) : adit_replay_check(&r, id);
        assert(want == EITHER || (e == ADIT_OK) == (want == ACCEPT));
        if (e)
            continue;
        if (is_long)
            adit_replay_mark_long(&r, series, (uint32_t)id, (adit_now){.mono_ns = ns});
        else
            adit_replay_mark(&r, id, (adit_now){.mono_ns = ns});
        record(&m, series, id, ns);
    }
    free(bits);
    return 0;
}
