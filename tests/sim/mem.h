/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The library's heap, counted, and failing on demand: mem.c defines the functions of base/mem.h, and a
 * program that is linked with it gets these instead of the library's own. OpenSSL has a heap of its own.
 */
#ifndef ADIT_TESTS_SIM_MEM_H
#define ADIT_TESTS_SIM_MEM_H

#include <stddef.h>
#include <stdint.h>

struct sim_mem {
    size_t n_blocks, n_bytes; /* in use */
    uint64_t n_calls;         /* that wanted memory, so far */
    uint64_t fail_in;         /* 0: never. Else the fail_in-th call from here fails, once */
    uint64_t n_failed;
};

/* Of each thread by itself: what one is refused, the others are not. */
extern _Thread_local struct sim_mem sim_mem;

#endif
