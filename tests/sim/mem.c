/* SPDX-License-Identifier: Apache-2.0 */
#include "mem.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/mem.h"

_Thread_local struct sim_mem sim_mem;

/* Before each block: its length, in the room that keeps what follows aligned. */
enum { HEAD = 16 };

static bool is_refused(void)
{
    sim_mem.n_calls++;
    if (sim_mem.fail_in == 0 || --sim_mem.fail_in > 0)
        return false;
    sim_mem.n_failed++;
    return true;
}

static size_t len_of(const void *p)
{
    size_t n;

    memcpy(&n, (const char *)p - HEAD, sizeof n);
    return n;
}

static void *settle(char *block, size_t n)
{
    if (!block)
        return NULL;
    memcpy(block, &n, sizeof n);
    sim_mem.n_blocks++;
    sim_mem.n_bytes += n;
    return block + HEAD;
}

static void unsettle(void *p)
{
    sim_mem.n_blocks--;
    sim_mem.n_bytes -= len_of(p);
}

void *adit_alloc(size_t n)
{
    return is_refused() ? NULL : settle(calloc(1, n + HEAD), n);
}

void *adit_realloc(void *p, size_t n)
{
    char *block;
    size_t was;

    if (!p)
        return adit_alloc(n);
    if (is_refused())
        return NULL;
    was = len_of(p);
    block = realloc((char *)p - HEAD, n + HEAD);
    if (!block)
        return NULL;
    sim_mem.n_blocks--;
    sim_mem.n_bytes -= was;
    return settle(block, n);
}

char *adit_strdup(const char *s)
{
    size_t n = strlen(s) + 1;
    char *copy = adit_alloc(n);

    return copy ? memcpy(copy, s, n) : NULL;
}

void adit_free(void *p)
{
    if (!p)
        return;
    unsettle(p);
    free((char *)p - HEAD);
}

void adit_free_secret(void *p, size_t n)
{
    if (p)
        adit_wipe(p, n);
    adit_free(p);
}
