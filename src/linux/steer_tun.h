/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which queue of a tun device gets a packet. Left alone, the kernel remembers for each flow the queue that
 * its answers were written to: right for what a client has begun, a guess for the rest. With a program of
 * ours (eBPF) it is the queue of the worker that has the client of the inner destination, by the longest
 * prefix, as in the workers' own tables. Either way no packet is lost: who gets another's hands it over
 * (plane/home.h).
 *
 * Loading needs CAP_BPF, so it is done through linux/priv while there are rights; attaching and changing the
 * tables do not. Kernels before 5.19 refuse changes, too, to who has no rights any more: then the program is
 * taken off the device, as tables that grow old are worse than none, and the log says it once.
 */
#ifndef ADIT_LINUX_STEER_TUN_H
#define ADIT_LINUX_STEER_TUN_H

#include "base/addr.h"
#include "base/log.h"
#include "linux/fail.h"

enum {
    /* Prefixes of each family. An entry costs memory once it is there; this is only where that ends. */
    ADIT_STEER_PREFIXES_MAX = 1 << 18,
};

/* Descriptors, of whoever has asked for them. */
struct adit_steer_loaded {
    int program, v4, v6;
};

/* ADIT_E_OS: the kernel has refused, or knows no such thing; fail has the reason. */
ADIT_MUST_USE adit_err adit_steer_load(uint32_t n_prefixes, struct adit_steer_loaded *out,
                                       struct adit_fail *fail);

/* Takes off the device what another program, which has crashed perhaps, has left on it. */
void adit_steer_forget(int queue_fd);

struct adit_steer;

/*
 * Takes the descriptors of `l`, whatever comes of it, and puts the program on the device that queue_fd is a
 * queue of; that one, and the log, are lent for the object's life. NULL: fail has the reason.
 */
struct adit_steer *adit_steer_new(const struct adit_steer_loaded *l, int queue_fd, const struct adit_log *log,
                                  struct adit_fail *fail);

/*
 * Packets to this prefix go to queue adit_mark_home(mark) modulo queues, the queues counted in the order in
 * which they were opened. Replaces the mark of an equal prefix. Without room for one more, packets to it are
 * spread by address.
 */
void adit_steer_add(struct adit_steer *s, const struct adit_prefix *p, uint32_t mark);

/* Only if the prefix still has this mark. */
void adit_steer_del(struct adit_steer *s, const struct adit_prefix *p, uint32_t mark);

/* False: the program was taken off again. */
bool adit_steer_is_on(const struct adit_steer *s);

/* Takes the program off the device, which may stay when we go. NULL allowed. */
void adit_steer_free(struct adit_steer *s);

#endif
