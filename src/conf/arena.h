/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that grows in one direction and dies whole: a configuration, or what a server pushed. It is wiped
 * when it dies, since keys and passwords may stand in it. A failed allocation latches `is_short`, so that a
 * reader is written straight through and judged once.
 */
#ifndef ADIT_CONF_ARENA_H
#define ADIT_CONF_ARENA_H

#include <stdbool.h>
#include <stddef.h>

#include "conf/conf.h"

struct adit_arena_block;

struct adit_arena {
    struct adit_arena_block *blocks;
    bool is_short;
};

void adit_arena_fini(struct adit_arena *a);

/* Zeroed, aligned for anything; NULL (and is_short) without memory. */
void *adit_arena_alloc(struct adit_arena *a, size_t n);

/* Copies of n bytes of text, with a NUL; NULL without memory. */
char *adit_arena_text(struct adit_arena *a, const char *s, size_t n);
char *adit_arena_str(struct adit_arena *a, const char *s);
char *adit_arena_format(struct adit_arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/*
 * Room for one more element of an array that is only ever grown by this call: the (possibly moved) array, or
 * NULL without memory. The caller fills element n and counts it.
 */
void *adit_arena_grow(struct adit_arena *a, void *array, size_t n, size_t element_size);

/* A copy that may be grown further; NULL for an empty array. */
void *adit_arena_clone(struct adit_arena *a, const void *array, size_t n, size_t element_size);

/* Appends one text, which must already lie in the arena. NULL is not appended. */
void adit_strs_add(struct adit_arena *a, struct adit_strs *l, const char *s);

#endif
