/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All heap use of the library goes through these few functions, so that tests can replace them at link time
 * and count, or fail, every allocation. Memory that may hold secrets is freed with adit_free_secret().
 */
#ifndef ADIT_BASE_MEM_H
#define ADIT_BASE_MEM_H

#include <stddef.h>

/* Zeroed memory, or NULL. */
void *adit_alloc(size_t n);

/* As realloc(); new bytes are not zeroed. NULL leaves the old block as it was. */
void *adit_realloc(void *p, size_t n);

/* A copy of the string, or NULL. */
char *adit_strdup(const char *s);

/* NULL is allowed. */
void adit_free(void *p);

/* Wipes the n bytes first. NULL is allowed. */
void adit_free_secret(void *p, size_t n);

#endif
