/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One direction of a line: how long a datagram is under way, and whether it arrives at all. Rate and queue,
 * latency, the faults of plane/fault.h, and exact masks over the next packets.
 */
#ifndef ADIT_TESTS_SIM_PIPE_H
#define ADIT_TESTS_SIM_PIPE_H

#include "plane/fault.h"

struct sim_pipe_spec {
    uint32_t latency_us;
    uint32_t kbit_s;      /* 0: no limit */
    uint32_t queue_bytes; /* of packets that wait for the line; 0: no limit */
    uint16_t mtu;         /* IP packet; 0: no limit */
    bool tells_mtu;       /* a packet that is too big is refused at the sender (after an ICMP answer) */
    struct adit_fault_spec faults;
};

/* Bit i: what happens to packet i, counted from when the masks were set. */
struct sim_pipe_masks {
    uint64_t lose, twice, late, damage;
};

struct sim_pipe {
    struct sim_pipe_spec spec;
    struct adit_fault fault;
    struct sim_pipe_masks masks;
    uint64_t n_masked; /* packets since the masks were set */
    uint64_t free_ns;  /* when the line has sent what it has */
    bool is_cut;
};

enum sim_passage_kind {
    SIM_PASSES,
    SIM_LOST,
    SIM_TOO_BIG, /* lost, and the sender is told */
};

struct sim_passage {
    enum sim_passage_kind kind;
    unsigned copies;
    uint64_t at_ns[ADIT_FATE_COPIES];
    bool is_damaged;
};

void sim_pipe_init(struct sim_pipe *p, const struct sim_pipe_spec *spec, uint64_t seed, uint64_t now_ns);
/* Other properties from now on; what is under way stays so. */
void sim_pipe_set(struct sim_pipe *p, const struct sim_pipe_spec *spec, uint64_t now_ns);
void sim_pipe_mask(struct sim_pipe *p, const struct sim_pipe_masks *masks);

struct sim_passage sim_pipe_send(struct sim_pipe *p, size_t n, uint64_t now_ns);

#endif
