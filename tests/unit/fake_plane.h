/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ADIT_TESTS_FAKE_PLANE_H
#define ADIT_TESTS_FAKE_PLANE_H

#include "plane/seam.h"
#include "unit.h"

enum {
    SEEN_MAX = 64,
};

/* A plane that only writes down what it is told. */
struct fake_plane {
    struct adit_plane base; /* first */
    struct adit_cmd seen[SEEN_MAX];
    size_t n;
};

static inline adit_err post(struct adit_plane *base, struct adit_cmd *cmd)
{
    struct fake_plane *f = (struct fake_plane *)base;

    assert_in_range(f->n, 0, SEEN_MAX - 1);
    f->seen[f->n++] = *cmd;
    return ADIT_OK;
}

static const struct adit_plane_ops fake_ops = {.post = post};

#endif
