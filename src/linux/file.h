/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole files. A write is seen either not at all or complete, also after a power cut: a temporary file in the
 * same folder, flushed, renamed over the old one, and the folder flushed. With every error errno says more.
 */
#ifndef ADIT_LINUX_FILE_H
#define ADIT_LINUX_FILE_H

#include "base/bytes.h"

enum {
    ADIT_FILE_SECRET = 0600,
    ADIT_FILE_PUBLIC = 0644,
    ADIT_FILE_PATH_MAX = 4096,
};

/*
 * *out has *n bytes and a NUL that *n does not count; it is freed with adit_free_secret(). ADIT_E_FILE (not
 * there, no permission, a folder), ADIT_E_TOO_BIG (more than max bytes), ADIT_E_MEMORY.
 */
ADIT_MUST_USE adit_err adit_file_read(const char *path, size_t max, uint8_t **out, size_t *n);

/* Replaces what is there. The mode is exact, whatever the umask. ADIT_E_FILE: the old file is as it was. */
ADIT_MUST_USE adit_err adit_file_write(const char *path, adit_bytes content, unsigned mode);

/* Likewise, or where the folder does not let this process make files, in place: a cut there may be seen. */
ADIT_MUST_USE adit_err adit_file_rewrite(const char *path, adit_bytes content, unsigned mode);

/* Renames within a file system, and fails with EEXIST instead of replacing something. */
ADIT_MUST_USE adit_err adit_file_move(const char *from, const char *to);
ADIT_MUST_USE adit_err adit_file_remove(const char *path); /* not being there is success */
bool adit_file_exists(const char *path);

/* Changes whenever the file does: of its time, size and identity. 0 if it cannot be looked at. */
uint64_t adit_file_stamp(const char *path);

/* *made: it was not there before. ADIT_E_FILE also if a file of another kind is in the way. */
ADIT_MUST_USE adit_err adit_dir_make(const char *path, unsigned mode, bool *made);

/* The name of the first entry (lost+found does not count), or "" if there is none. */
ADIT_MUST_USE adit_err adit_dir_first(const char *path, char *name, size_t cap);

/* A fresh folder, 0700, in `path`, whose name begins with prefix and is written into dst. */
ADIT_MUST_USE adit_err adit_dir_make_temp(const char *path, const char *prefix, char *dst, size_t cap);

/* Removes the folder and the files in it, but no folders in it. */
void adit_dir_remove(const char *path);
ADIT_MUST_USE adit_err adit_dir_flush(const char *path);

/* Keeps others who lock the same folder out until unlock. Waits a few seconds; EWOULDBLOCK: it is still
 * locked. */
ADIT_MUST_USE adit_err adit_dir_lock(const char *path, int *lock);
void adit_dir_unlock(int lock); /* -1 is allowed */

/* "dir/name". ADIT_E_TOO_BIG. */
ADIT_MUST_USE adit_err adit_path_join(const char *dir, const char *name, char *dst, size_t cap);

#endif
