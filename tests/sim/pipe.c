/* SPDX-License-Identifier: Apache-2.0 */
#include "pipe.h"

enum {
    HEADERS = 28,      /* IPv4 and UDP */
    MASK_LATE_MS = 60, /* what a masked packet is late: others overtake it */
    NS_PER_US = 1000,
};

void sim_pipe_init(struct sim_pipe *p, const struct sim_pipe_spec *spec, uint64_t seed, uint64_t now_ns)
{
    *p = (struct sim_pipe){.spec = *spec};
    adit_fault_init(&p->fault, &spec->faults, seed, now_ns);
}

void sim_pipe_set(struct sim_pipe *p, const struct sim_pipe_spec *spec, uint64_t now_ns)
{
    p->spec = *spec;
    p->fault.spec = spec->faults;
    p->fault.start_ns = now_ns;
    p->fault.burst_left = 0;
}

void sim_pipe_mask(struct sim_pipe *p, const struct sim_pipe_masks *masks)
{
    p->masks = *masks;
    p->n_masked = 0;
}

/* When the last bit of it has left the sender; ADIT_NEVER if the queue is full. */
static uint64_t leave(struct sim_pipe *p, size_t n, uint64_t now_ns)
{
    uint64_t start = p->free_ns > now_ns ? p->free_ns : now_ns;
    uint64_t per_byte_ps; /* picoseconds */

    if (p->spec.kbit_s == 0)
        return now_ns;
    per_byte_ps = 8ULL * 1000000000ULL / p->spec.kbit_s;
    if (p->spec.queue_bytes > 0 && (start - now_ns) * 1000 / per_byte_ps + n > p->spec.queue_bytes)
        return ADIT_NEVER;
    p->free_ns = start + n * per_byte_ps / 1000;
    return p->free_ns;
}

struct sim_passage sim_pipe_send(struct sim_pipe *p, size_t n, uint64_t now_ns)
{
    struct adit_fault_fate fate = adit_fault_judge(&p->fault, now_ns);
    uint64_t bit = p->n_masked < 64 ? 1ULL << p->n_masked : 0;
    struct sim_passage out = {.kind = SIM_PASSES, .copies = fate.copies, .is_damaged = fate.is_corrupt};
    uint64_t at;

    p->n_masked++;
    if (p->spec.mtu > 0 && n + HEADERS > p->spec.mtu)
        return (struct sim_passage){.kind = p->spec.tells_mtu ? SIM_TOO_BIG : SIM_LOST};
    at = leave(p, n + HEADERS, now_ns);
    if (p->is_cut || fate.kind != ADIT_FATE_PASS || (p->masks.lose & bit) || at == ADIT_NEVER)
        return (struct sim_passage){.kind = SIM_LOST};
    at += (uint64_t)p->spec.latency_us * NS_PER_US;
    if (p->masks.late & bit)
        at += MASK_LATE_MS * ADIT_NS_PER_MS;
    if (p->masks.twice & bit)
        out.copies = 2;
    out.is_damaged |= (p->masks.damage & bit) != 0;
    out.at_ns[0] = at + fate.delay_ns[0];
    out.at_ns[1] = at + (fate.copies > 1 ? fate.delay_ns[1] : fate.delay_ns[0]);
    return out;
}
