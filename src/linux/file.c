/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole files, for key material and configuration. Reading goes by what arrives, not by what stat() promises,
 * so that pipes work, and stops at the limit. Buffers are wiped, since most of them hold secrets.
 */
#include "linux/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"

enum {
    READ_STEP = 4096,
    LOCK_TRIES = 50, /* of 100 ms */
};

static void close_keeping_errno(int fd)
{
    int err = errno;

    close(fd);
    errno = err;
}

static adit_err check(int result)
{
    return result == 0 ? ADIT_OK : ADIT_E_FILE;
}

adit_err adit_path_join(const char *dir, const char *name, char *dst, size_t cap)
{
    size_t n = strlen(dir);
    int r = snprintf(dst, cap, "%s%s%s", dir, n > 0 && dir[n - 1] == '/' ? "" : "/", name);

    if (r > 0 && (size_t)r < cap)
        return ADIT_OK;
    errno = ENAMETOOLONG;
    return ADIT_E_TOO_BIG;
}

/* ---- reading ---- */

struct buffer {
    uint8_t *b;
    size_t n, cap;
};

/* A bigger buffer without leaving the old content behind in freed memory. */
static bool grow(struct buffer *f)
{
    size_t cap = f->cap ? f->cap * 2 : READ_STEP;
    uint8_t *p = adit_alloc(cap);

    if (!p) {
        errno = ENOMEM;
        return false;
    }
    if (f->n > 0)
        memcpy(p, f->b, f->n);
    adit_free_secret(f->b, f->n);
    f->b = p;
    f->cap = cap;
    return true;
}

static adit_err read_all(int fd, size_t max, struct buffer *f)
{
    for (;;) {
        ssize_t r;

        if (f->cap - f->n < 2 && !grow(f))
            return ADIT_E_MEMORY;
        r = read(fd, f->b + f->n, f->cap - f->n - 1);
        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0)
            return ADIT_E_FILE;
        if (r == 0)
            return ADIT_OK;
        f->n += (size_t)r;
        if (f->n > max) {
            errno = EFBIG;
            return ADIT_E_TOO_BIG;
        }
    }
}

adit_err adit_file_read(const char *path, size_t max, uint8_t **out, size_t *n)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    struct buffer f = {0};
    adit_err e;

    *out = NULL;
    *n = 0;
    if (fd < 0)
        return ADIT_E_FILE;
    e = read_all(fd, max, &f);
    close_keeping_errno(fd);
    if (e != ADIT_OK) {
        int err = errno;

        adit_free_secret(f.b, f.n);
        errno = err;
        return e;
    }
    f.b[f.n] = 0;
    *out = f.b;
    *n = f.n;
    return ADIT_OK;
}

/* ---- writing ---- */

static bool write_all(int fd, adit_bytes b)
{
    while (b.n > 0) {
        ssize_t r = write(fd, b.p, b.n);

        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0)
            return false;
        b = adit_bytes_of(b.p + r, b.n - (size_t)r);
    }
    return true;
}

static void parent_of(const char *path, char *dst, size_t cap)
{
    const char *slash = strrchr(path, '/');

    if (!slash)
        snprintf(dst, cap, ".");
    else
        snprintf(dst, cap, "%.*s", slash == path ? 1 : (int)(slash - path), path);
}

adit_err adit_dir_flush(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int r;

    if (fd < 0)
        return ADIT_E_FILE;
    r = fsync(fd);
    if (r != 0 && errno == EINVAL) /* a file system whose folders need no flush */
        r = 0;
    close_keeping_errno(fd);
    return check(r);
}

static bool fill(int fd, adit_bytes content, unsigned mode)
{
    return write_all(fd, content) && fchmod(fd, mode) == 0 && fsync(fd) == 0;
}

adit_err adit_file_write(const char *path, adit_bytes content, unsigned mode)
{
    char temp[ADIT_FILE_PATH_MAX], dir[ADIT_FILE_PATH_MAX];
    int n = snprintf(temp, sizeof temp, "%s.XXXXXX", path), fd, err;
    bool ok;

    if (n < 0 || (size_t)n >= sizeof temp) {
        errno = ENAMETOOLONG;
        return ADIT_E_FILE;
    }
    fd = mkostemp(temp, O_CLOEXEC); /* 0600 from the start */
    if (fd < 0)
        return ADIT_E_FILE;
    ok = fill(fd, content, mode);
    close_keeping_errno(fd);
    if (!ok || rename(temp, path) != 0) {
        err = errno;
        unlink(temp);
        errno = err;
        return ADIT_E_FILE;
    }
    parent_of(path, dir, sizeof dir);
    return adit_dir_flush(dir);
}

adit_err adit_file_rewrite(const char *path, adit_bytes content, unsigned mode)
{
    int fd;
    bool ok;

    if (adit_file_write(path, content, mode) == ADIT_OK)
        return ADIT_OK;
    if (errno != EACCES && errno != EPERM && errno != EROFS)
        return ADIT_E_FILE;
    fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
    if (fd < 0)
        return ADIT_E_FILE;
    ok = write_all(fd, content) && fsync(fd) == 0;
    close_keeping_errno(fd);
    return ok ? ADIT_OK : ADIT_E_FILE;
}

adit_err adit_file_move(const char *from, const char *to)
{
    int r = renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE);

    /* A file system without that flag: link() refuses to replace, too. */
    if (r != 0 && (errno == EINVAL || errno == ENOSYS)) {
        r = link(from, to);
        if (r == 0)
            r = unlink(from);
    }
    return check(r);
}

adit_err adit_file_remove(const char *path)
{
    return unlink(path) == 0 || errno == ENOENT ? ADIT_OK : ADIT_E_FILE;
}

bool adit_file_exists(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0;
}

/* ---- folders ---- */

adit_err adit_dir_make(const char *path, unsigned mode, bool *made)
{
    struct stat st;

    *made = mkdir(path, mode) == 0;
    if (*made)
        return check(chmod(path, mode));
    if (errno != EEXIST || stat(path, &st) != 0)
        return ADIT_E_FILE;
    errno = ENOTDIR;
    return S_ISDIR(st.st_mode) ? ADIT_OK : ADIT_E_FILE;
}

adit_err adit_dir_first(const char *path, char *name, size_t cap)
{
    DIR *d = opendir(path);
    struct dirent *e;

    name[0] = '\0';
    if (!d)
        return ADIT_E_FILE;
    while ((e = readdir(d))) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
            strcmp(e->d_name, "lost+found") == 0)
            continue;
        snprintf(name, cap, "%s", e->d_name);
        break;
    }
    closedir(d);
    return ADIT_OK;
}

adit_err adit_dir_make_temp(const char *path, const char *prefix, char *dst, size_t cap)
{
    int n = snprintf(dst, cap, "%s/%sXXXXXX", path, prefix);

    if (n < 0 || (size_t)n >= cap) {
        errno = ENAMETOOLONG;
        return ADIT_E_FILE;
    }
    return mkdtemp(dst) ? ADIT_OK : ADIT_E_FILE;
}

void adit_dir_remove(const char *path)
{
    DIR *d = opendir(path);
    struct dirent *e;

    if (!d)
        return;
    while ((e = readdir(d)))
        unlinkat(dirfd(d), e->d_name, 0);
    closedir(d);
    rmdir(path);
}

adit_err adit_dir_lock(const char *path, int *lock)
{
    const struct timespec pause = {.tv_nsec = 100000000};
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    *lock = -1;
    if (fd < 0)
        return ADIT_E_FILE;
    for (int i = 0; i < LOCK_TRIES; i++) {
        if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
            *lock = fd;
            return ADIT_OK;
        }
        if (errno != EWOULDBLOCK && errno != EINTR)
            break;
        nanosleep(&pause, NULL);
        errno = EWOULDBLOCK;
    }
    close_keeping_errno(fd);
    return ADIT_E_FILE;
}

void adit_dir_unlock(int lock)
{
    if (lock >= 0)
        close(lock);
}

uint64_t adit_file_stamp(const char *path)
{
    struct stat st;
    uint64_t stamp = 0xcbf29ce484222325ULL;
    uint64_t parts[4];

    if (stat(path, &st) != 0)
        return 0;
    parts[0] = (uint64_t)st.st_mtim.tv_sec;
    parts[1] = (uint64_t)st.st_mtim.tv_nsec;
    parts[2] = (uint64_t)st.st_size;
    parts[3] = (uint64_t)st.st_ino;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        stamp = (stamp ^ parts[i]) * 0x100000001b3ULL;
    return stamp | 1;
}
