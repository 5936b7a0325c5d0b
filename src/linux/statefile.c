/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lock is a flock() on the open file: it belongs to the open file description, so it survives the fork of
 * a daemon, ends with the last holder, and needs no process id that might have been given to somebody else.
 */
#include "linux/statefile.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

enum {
    PATH_CAP = 512,
    FILE_MAX = 1 << 20, /* a journal beyond this is not ours */
    HEAD_MAX = 128,
};

#define HEAD   "adit-state "
#define SUFFIX ".state"

struct adit_statefile {
    int fd;
    char path[PATH_CAP];
    char *text;   /* the old journal, cut into lines */
    char **lines; /* leftovers, into `text` */
    size_t n_lines;
};

/* What a line is worth depends on the boot and on the namespace it was written in. */
static void write_head(char *dst, size_t cap)
{
    char boot[64] = "";
    struct stat ns = {0};
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);

    if (fd >= 0) {
        ssize_t n = read(fd, boot, sizeof boot - 1);

        boot[n > 0 ? n : 0] = '\0';
        boot[strcspn(boot, "\n")] = '\0';
        close(fd);
    }
    if (stat("/proc/thread-self/ns/net", &ns) != 0)
        ns.st_ino = 0;
    snprintf(dst, cap, HEAD "1 boot=%s net=%llu", boot, (unsigned long long)ns.st_ino);
}

static bool is_same_file(int fd, const char *path)
{
    struct stat a, b;

    return fstat(fd, &a) == 0 && stat(path, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* Opens and locks; the owner of the file may remove it between the two, then the next one is taken. */
static adit_err lock_file(struct adit_statefile *s, struct adit_fail *fail)
{
    for (int attempt = 0; attempt < 16; attempt++) {
        s->fd = open(s->path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (s->fd < 0)
            return adit_fail_set(fail, ADIT_E_FILE, errno, NULL, "state file %s", s->path);
        if (flock(s->fd, LOCK_EX | LOCK_NB) != 0)
            return adit_fail_set(fail, ADIT_E_QUEUE, errno, "another process of this name is running",
                                 "state file %s is locked", s->path);
        if (is_same_file(s->fd, s->path))
            return ADIT_OK;
        close(s->fd);
        s->fd = -1;
    }
    return adit_fail_set(fail, ADIT_E_FILE, EAGAIN, NULL, "state file %s", s->path);
}

static void make_folder(const char *path)
{
    char folder[PATH_CAP];
    char *slash;

    snprintf(folder, sizeof folder, "%s", path);
    slash = strrchr(folder, '/');
    if (!slash || slash == folder)
        return;
    *slash = '\0';
    /* That it exists already is the common case; any other failure shows when the file is opened. */
    (void)!mkdir(folder, 0755);
}

static void take_back(struct adit_statefile *s, const char *line)
{
    for (size_t i = s->n_lines; i > 0; i--) {
        if (strcmp(s->lines[i - 1], line) != 0)
            continue;
        memmove(&s->lines[i - 1], &s->lines[i], (s->n_lines - i) * sizeof s->lines[0]);
        s->n_lines--;
        return;
    }
}

/* Replays what stands under this head. Only whole lines count. */
static void replay(struct adit_statefile *s, const char *head)
{
    bool is_ours = false;
    char *line = s->text;

    for (char *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        *end = '\0';
        if (strncmp(line, HEAD, strlen(HEAD)) == 0)
            is_ours = strcmp(line, head) == 0;
        else if (is_ours && line[0] == '+')
            s->lines[s->n_lines++] = line + 1;
        else if (is_ours && line[0] == '-')
            take_back(s, line + 1);
    }
}

static adit_err read_text(struct adit_statefile *s, struct adit_fail *fail)
{
    struct stat st;
    size_t n_max = 1;
    ssize_t n;

    if (fstat(s->fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size > FILE_MAX)
        return adit_fail_set(fail, ADIT_E_FILE, 0, NULL, "state file %s is not one of ours", s->path);
    s->text = adit_alloc((size_t)st.st_size + 1);
    if (!s->text)
        return ADIT_E_MEMORY;
    n = pread(s->fd, s->text, (size_t)st.st_size, 0);
    if (n < 0)
        return adit_fail_set(fail, ADIT_E_FILE, errno, NULL, "state file %s", s->path);
    for (ssize_t i = 0; i < n; i++)
        n_max += s->text[i] == '\n';
    s->lines = adit_alloc(n_max * sizeof s->lines[0]);
    return s->lines ? ADIT_OK : ADIT_E_MEMORY;
}

static adit_err read_journal(struct adit_statefile *s, struct adit_fail *fail)
{
    char head[HEAD_MAX];
    adit_err e = read_text(s, fail);

    write_head(head, sizeof head);
    if (e == ADIT_OK)
        replay(s, head);
    return e;
}

adit_err adit_statefile_open(const char *path, struct adit_statefile **out, struct adit_fail *fail)
{
    struct adit_statefile *s;
    adit_err e;

    *out = NULL;
    if (strlen(path) >= PATH_CAP)
        return adit_fail_set(fail, ADIT_E_FILE, ENAMETOOLONG, NULL, "state file");
    s = adit_alloc(sizeof *s);
    if (!s)
        return ADIT_E_MEMORY;
    s->fd = -1;
    snprintf(s->path, sizeof s->path, "%s", path);
    make_folder(path);
    e = lock_file(s, fail);
    if (e == ADIT_OK)
        e = read_journal(s, fail);
    if (e == ADIT_OK && s->n_lines == 0)
        e = adit_statefile_clear(s);
    if (e != ADIT_OK) {
        adit_statefile_abandon(s);
        return e;
    }
    *out = s;
    return ADIT_OK;
}

const char *adit_statefile_leftover(const struct adit_statefile *s, size_t i)
{
    return i < s->n_lines ? s->lines[i] : NULL;
}

static adit_err append(struct adit_statefile *s, const char *mark, const char *line)
{
    char buf[ADIT_STATEFILE_LINE_MAX + 2];
    int n = snprintf(buf, sizeof buf, "%s%s\n", mark, line);

    if (n < 0 || (size_t)n >= sizeof buf)
        return ADIT_E_NO_ROOM;
    return write(s->fd, buf, (size_t)n) == n ? ADIT_OK : ADIT_E_FILE;
}

adit_err adit_statefile_clear(struct adit_statefile *s)
{
    char head[HEAD_MAX];

    adit_free(s->lines);
    adit_free(s->text);
    s->lines = NULL;
    s->text = NULL;
    s->n_lines = 0;
    if (ftruncate(s->fd, 0) != 0)
        return ADIT_E_FILE;
    write_head(head, sizeof head);
    return append(s, "", head);
}

adit_err adit_statefile_add(struct adit_statefile *s, const char *line)
{
    return append(s, "+", line);
}

adit_err adit_statefile_remove(struct adit_statefile *s, const char *line)
{
    return append(s, "-", line);
}

static void release(struct adit_statefile *s)
{
    if (s->fd >= 0)
        close(s->fd);
    adit_free(s->lines);
    adit_free(s->text);
}

void adit_statefile_abandon(struct adit_statefile *s)
{
    if (!s)
        return;
    release(s);
    adit_free(s);
}

void adit_statefile_close(struct adit_statefile *s)
{
    if (!s)
        return;
    if (ftruncate(s->fd, 0) == 0 && is_same_file(s->fd, s->path))
        (void)!unlink(s->path);
    adit_statefile_abandon(s);
}

/* ---- files of others ---- */

struct sweep {
    int folder;
    char boot[HEAD_MAX]; /* a head of this boot, up to its namespace */
    adit_netns_judge *is_gone;
    void *ctx;
};

/* All of it was read, and is locked. */
static bool is_useless(struct sweep *w, struct adit_statefile *s)
{
    size_t n_boot = strlen(w->boot);
    char head[HEAD_MAX];
    size_t n = strcspn(s->text, "\n");

    if (n == 0 && s->text[0] == '\0')
        return true; /* ended before its first line */
    if (n >= sizeof head || strncmp(s->text, HEAD "1 ", strlen(HEAD "1 ")) != 0)
        return false; /* of a later version, perhaps */
    memcpy(head, s->text, n);
    head[n] = '\0';
    replay(s, head);
    return s->n_lines == 0 || strncmp(head, w->boot, n_boot) != 0 ||
           w->is_gone(w->ctx, strtoull(head + n_boot, NULL, 10));
}

static bool is_ours_to_judge(const struct adit_statefile *s, int folder, const char *name)
{
    struct stat a, b;

    return flock(s->fd, LOCK_EX | LOCK_NB) == 0 && fstat(s->fd, &a) == 0 && a.st_uid == geteuid() &&
           fstatat(folder, name, &b, AT_SYMLINK_NOFOLLOW) == 0 && a.st_dev == b.st_dev &&
           a.st_ino == b.st_ino;
}

static bool sweep_file(struct sweep *w, const char *name)
{
    struct adit_statefile s = {.fd = openat(w->folder, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)};
    bool is_removed = false;

    if (s.fd < 0)
        return false;
    if (is_ours_to_judge(&s, w->folder, name) && read_text(&s, NULL) == ADIT_OK && is_useless(w, &s))
        is_removed = unlinkat(w->folder, name, 0) == 0;
    release(&s);
    return is_removed;
}

static bool is_state_name(const char *name)
{
    size_t n = strlen(name), end = strlen(SUFFIX);

    return n > end && strcmp(name + n - end, SUFFIX) == 0;
}

static unsigned sweep_folder(struct sweep *w, DIR *d, const char *own)
{
    struct dirent *entry;
    unsigned count = 0;

    while ((entry = readdir(d))) {
        if (is_state_name(entry->d_name) && strcmp(entry->d_name, own) != 0)
            count += sweep_file(w, entry->d_name);
    }
    return count;
}

/* A file without a boot id would be of every boot. */
static bool begin_sweep(struct sweep *w, DIR *d)
{
    char *netns;

    w->folder = dirfd(d);
    write_head(w->boot, sizeof w->boot);
    netns = strstr(w->boot, " net=");
    if (!netns || strstr(w->boot, "boot= "))
        return false;
    netns[strlen(" net=")] = '\0';
    return true;
}

unsigned adit_statefile_sweep(const char *path, adit_netns_judge *is_gone, void *ctx)
{
    char folder[PATH_CAP];
    const char *own = strrchr(path, '/');
    struct sweep w = {.is_gone = is_gone, .ctx = ctx};
    unsigned count = 0;
    DIR *d;

    if (!own || own == path || (size_t)(own - path) >= sizeof folder)
        return 0;
    snprintf(folder, sizeof folder, "%.*s", (int)(own - path), path);
    d = opendir(folder);
    if (!d)
        return 0;
    if (begin_sweep(&w, d))
        count = sweep_folder(&w, d, own + 1);
    closedir(d);
    return count;
}
