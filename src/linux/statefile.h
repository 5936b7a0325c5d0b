/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The notes that survive a crash: one line of text per thing that was changed on the host and does not go
 * away by itself. While a process lives it holds a lock on the file; a file whose lock is free belongs to a
 * dead one, and its lines tell the next start what to put right.
 *
 * The file is a journal ("+line", "-line"), each entry one write() on a descriptor that stays open, so that
 * it can be kept after the process has given up its rights. An entry that a crash cut short is ignored.
 */
#ifndef ADIT_LINUX_STATEFILE_H
#define ADIT_LINUX_STATEFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "linux/fail.h"

struct adit_statefile;

enum { ADIT_STATEFILE_LINE_MAX = 256 }; /* with NUL */

/*
 * Opens or makes the file (0600; the last folder of its path, 0755, if that is missing) and takes the lock.
 * ADIT_E_QUEUE: a living process holds it. ADIT_E_FILE: cannot be made. The header of a file records the boot
 * and the network namespace; lines from others are forgotten, as what they tell of is gone or out of reach.
 */
ADIT_MUST_USE adit_err adit_statefile_open(const char *path, struct adit_statefile **out,
                                           struct adit_fail *fail);

/* Is the network namespace of this inode number certainly gone? */
typedef bool adit_netns_judge(void *ctx, uint64_t inode);

/*
 * Removes the files beside `path` that nobody will ever need: no living process holds them, and all that they
 * tell of was undone, or went with another boot, or with a network namespace that is gone. Returns their
 * number.
 */
unsigned adit_statefile_sweep(const char *path, adit_netns_judge *is_gone, void *ctx);

/* What a dead process left, oldest first; NULL past the end. Lent until clear() or close(). */
const char *adit_statefile_leftover(const struct adit_statefile *s, size_t i);

/* The leftovers are dealt with: starts an empty journal. */
ADIT_MUST_USE adit_err adit_statefile_clear(struct adit_statefile *s);

/* `line` has no line end. To be written before the change is made, and taken back after it is undone. */
ADIT_MUST_USE adit_err adit_statefile_add(struct adit_statefile *s, const char *line);
ADIT_MUST_USE adit_err adit_statefile_remove(struct adit_statefile *s, const char *line);

/* An orderly end with nothing left to undo: removes the file (or empties it, if the folder is not ours any
 * more). */
void adit_statefile_close(struct adit_statefile *s);

/* Leaves the file and its lines for the next start, as a crash would. */
void adit_statefile_abandon(struct adit_statefile *s);

#endif
