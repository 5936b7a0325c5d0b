/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What may happen to a packet on its way: lost (singly, in bursts, while the link is cut), doubled, changed,
 * held back. Decided by rates and a seed, so that the same seed does the same to the same packets. The
 * simulator's links and the program's `gremlin` both ask here. Pure: no clock, no memory.
 */
#ifndef ADIT_PLANE_FAULT_H
#define ADIT_PLANE_FAULT_H

#include "base/bytes.h"
#include "base/now.h"

/* All zero: nothing happens. Rates are parts per million of the packets. */
struct adit_fault_spec {
    uint32_t loss_ppm;
    uint32_t burst_ppm, burst_n; /* a burst begins here and loses so many packets, this one included */
    uint32_t dup_ppm;
    uint32_t corrupt_ppm; /* one bit, or one byte, or the end cut off */
    uint32_t late_ppm;    /* held back by up to late_ns more, so that others overtake it */
    uint64_t late_ns;
    uint64_t delay_ns, jitter_ns; /* of every packet: delay_ns + [0, jitter_ns) */
    uint64_t cut_every_ns;        /* 0: never. Else the link is cut for the last cut_ns of every such span */
    uint64_t cut_ns;
};

/* What becomes of a packet (the fate of an error, enum adit_fate, is another matter). */
enum adit_fate_kind {
    ADIT_FATE_PASS,
    ADIT_FATE_LOST,
    ADIT_FATE_CUT, /* lost because the link is cut */
};

enum {
    ADIT_FATE_COPIES = 2,
};

struct adit_fault_fate {
    enum adit_fate_kind kind;
    unsigned copies;                     /* PASS: 1 or 2 */
    uint64_t delay_ns[ADIT_FATE_COPIES]; /* of each copy */
    bool is_corrupt;                     /* all copies; adit_fault_corrupt() does it */
};

/* One direction of one link. */
struct adit_fault {
    struct adit_fault_spec spec;
    uint64_t chance;     /* the generator's state */
    uint64_t start_ns;   /* spans of cuts are counted from here */
    uint32_t burst_left; /* packets that the current burst still takes */
    uint64_t n_seen, n_lost, n_cut, n_doubled, n_corrupt;
    uint64_t n_late; /* copies held back by late_ns */
};

/* Two directions of a link take two seeds. `now_ns` begins the first span of cuts. */
void adit_fault_init(struct adit_fault *f, const struct adit_fault_spec *spec, uint64_t seed,
                     uint64_t now_ns);

/* How long the link is still cut; 0: it is not. Draws nothing, counts nothing. */
uint64_t adit_fault_cut_left(const struct adit_fault *f, uint64_t now_ns);

/* The fate of the next packet. Chance is drawn the same number of times whatever the outcome. */
struct adit_fault_fate adit_fault_judge(struct adit_fault *f, uint64_t now_ns);

/*
 * Changes the packet of the last fate in place; its new length, at least 1 (n is at least 1). Draws nothing:
 * until the next fate it does the same to the same bytes, so that copies are alike.
 */
size_t adit_fault_corrupt(struct adit_fault *f, uint8_t *packet, size_t n);

enum {
    ADIT_FAULT_STR_MAX = 256,
};

/* What is done, in words: "5% lost, 1% doubled, cut for 2 s of every 30 s". Returns dst. */
const char *adit_fault_spec_str(const struct adit_fault_spec *spec, char *dst, size_t cap);

#endif
