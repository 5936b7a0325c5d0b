/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A burst merged: the packets are made of the input by the same hands as in the unit test, or are pieces of
 * it as they stand. Taken apart again by the rig's splitter they are the same packets in the same order.
 */
#include <stdlib.h>

#include "../unit/plane/merge_rig.h"

enum {
    PACKETS = 96,
    SMALL = 48, /* payload, most of the time: large ones are slow, and show nothing else */
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static struct adit_merge merge;
static struct rig_list in, out;

static void check(const char *wrong)
{
    if (wrong)
        abort();
}

static void take(void *ctx, const struct adit_gather *g)
{
    check(rig_split(g, ctx));
}

/* One byte of length before each. */
static void add_pieces(struct rig_chance *c)
{
    while (c->n > 0 && in.count < PACKETS) {
        size_t len = rig_below(c, 256);

        len = len < c->n ? len : c->n;
        rig_add(&in, c->p, len, NULL);
        c->p += len;
        c->n -= len;
    }
}

/* Each in memory of its own, so that a sanitizer sees a read one byte too far. */
static void add_apart(uint8_t *packets[])
{
    for (unsigned i = 0; i < in.count; i++) {
        packets[i] = malloc(in.e[i].n > 0 ? in.e[i].n : 1);
        if (!packets[i])
            abort();
        if (in.e[i].n > 0)
            memcpy(packets[i], rig_at(&in, i), in.e[i].n);
        adit_merge_add(&merge, packets[i], in.e[i].n, in.e[i].owner);
    }
}

/* Behind each other, as in a train, in memory that ends where the last one does. */
static void add_close(uint8_t *packets[], size_t gap)
{
    uint8_t *at = malloc(in.used + in.count * gap + 1);

    packets[0] = at;
    if (!at)
        abort();
    merge.gap_max = ADIT_MERGE_GAP_MAX;
    for (unsigned i = 0; i < in.count; i++, at += gap) {
        if (in.e[i].n > 0)
            memcpy(at, rig_at(&in, i), in.e[i].n);
        adit_merge_add(&merge, at, in.e[i].n, in.e[i].owner);
        at += in.e[i].n;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct rig_chance c = {.p = data, .n = n};
    uint32_t how = rig_below(&c, 64);
    uint8_t *packets[PACKETS * 2];
    bool is_close = how / 8 % 2 == 1;

    rig_clear(&in);
    rig_clear(&out);
    merge = (struct adit_merge){.sink = take,
                                .ctx = &out,
                                .want_tcp4 = how % 8 != 1,
                                .want_tcp6 = how % 8 != 2,
                                .want_udp = how % 8 != 3};
    if (how >= 56)
        add_pieces(&c);
    else
        rig_burst(&in, &c, PACKETS, how % 16 == 0 ? SIZE_MAX : SMALL);
    if (is_close)
        add_close(packets, n % (ADIT_MERGE_GAP_MAX + 2));
    else
        add_apart(packets);
    adit_merge_flush(&merge);
    check(merge.n_flows == 0 && merge.used == 0 ? NULL : "something is held");
    check(rig_compare(&in, &out));
    for (unsigned i = 0; i < (is_close ? 1 : in.count); i++)
        free(packets[i]);
    return 0;
}
