/* SPDX-License-Identifier: Apache-2.0 */
/* A list of blocks, each wiped before it is freed. Big requests get a block of their own. */
#include "conf/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/mem.h"

enum {
    BLOCK_BYTES = 8192,
    ALIGNMENT = _Alignof(max_align_t),
};

struct adit_arena_block {
    struct adit_arena_block *next;
    size_t used, cap; /* of data */
    _Alignas(max_align_t) unsigned char data[];
};

void adit_arena_fini(struct adit_arena *a)
{
    struct adit_arena_block *b = a->blocks;

    while (b) {
        struct adit_arena_block *next = b->next;

        adit_free_secret(b, sizeof *b + b->cap);
        b = next;
    }
    *a = (struct adit_arena){0};
}

static struct adit_arena_block *block_for(struct adit_arena *a, size_t n)
{
    struct adit_arena_block *b = a->blocks;
    size_t cap = n > BLOCK_BYTES ? n : BLOCK_BYTES;

    if (b && b->cap - b->used >= n)
        return b;
    b = adit_alloc(sizeof *b + cap);
    if (!b)
        return NULL;
    b->cap = cap;
    b->next = a->blocks;
    a->blocks = b;
    return b;
}

void *adit_arena_alloc(struct adit_arena *a, size_t n)
{
    struct adit_arena_block *b;
    void *p;

    if (n > SIZE_MAX / 2) {
        a->is_short = true;
        return NULL;
    }
    n = (n + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    b = block_for(a, n);
    if (!b) {
        a->is_short = true;
        return NULL;
    }
    p = b->data + b->used;
    b->used += n;
    return p;
}

char *adit_arena_text(struct adit_arena *a, const char *s, size_t n)
{
    char *copy = adit_arena_alloc(a, n + 1);

    if (copy && n > 0)
        memcpy(copy, s, n);
    return copy;
}

char *adit_arena_str(struct adit_arena *a, const char *s)
{
    return adit_arena_text(a, s, strlen(s));
}

char *adit_arena_format(struct adit_arena *a, const char *fmt, ...)
{
    va_list ap, again;
    char *text;
    int n;

    va_start(ap, fmt);
    va_copy(again, ap);
    n = vsnprintf(NULL, 0, fmt, ap);
    text = n < 0 ? NULL : adit_arena_alloc(a, (size_t)n + 1);
    if (text)
        (void)vsnprintf(text, (size_t)n + 1, fmt, again);
    va_end(again);
    va_end(ap);
    return text;
}

/* Arrays have room for a power of two of elements, so that their length tells when they are full. */
void *adit_arena_grow(struct adit_arena *a, void *array, size_t n, size_t element_size)
{
    void *bigger;

    if (n > 0 && (n & (n - 1)) != 0)
        return array;
    if (n > SIZE_MAX / 4 / element_size) {
        a->is_short = true;
        return NULL;
    }
    bigger = adit_arena_alloc(a, (n > 0 ? 2 * n : 1) * element_size);
    if (bigger && n > 0)
        memcpy(bigger, array, n * element_size);
    return bigger;
}

void *adit_arena_clone(struct adit_arena *a, const void *array, size_t n, size_t element_size)
{
    size_t cap = 1;
    void *copy;

    if (n == 0)
        return NULL;
    while (cap < n)
        cap *= 2;
    copy = adit_arena_alloc(a, cap * element_size);
    if (copy)
        memcpy(copy, array, n * element_size);
    return copy;
}

void adit_strs_add(struct adit_arena *a, struct adit_strs *l, const char *s)
{
    const char **v;

    if (!s)
        return;
    v = adit_arena_grow(a, l->v, l->n, sizeof *v);
    if (!v)
        return;
    l->v = v;
    l->v[l->n++] = s;
}
