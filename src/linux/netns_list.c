/* SPDX-License-Identifier: Apache-2.0 */
#include "linux/netns_list.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"

enum {
    PATH_CAP = 640,
    CAP_MIN = 64,
};

#define FIRST_PID_NAMESPACE 0xEFFFFFFCU /* the kernel's PROC_PID_INIT_INO, part of its interface */

static void add(struct adit_netns_list *l, uint64_t inode)
{
    size_t cap = l->cap ? 2 * l->cap : CAP_MIN;
    uint64_t *more;

    if (l->n > 0 && l->all[l->n - 1] == inode)
        return;
    if (l->n == l->cap) {
        more = adit_realloc(l->all, cap * sizeof *more);
        if (!more) {
            l->is_whole = false;
            return;
        }
        l->all = more;
        l->cap = cap;
    }
    l->all[l->n++] = inode;
}

/* The process has ended meanwhile, and has no namespaces any more. */
static bool is_over(int os_errno)
{
    return os_errno == ENOENT || os_errno == ESRCH || os_errno == EINVAL;
}

/* "36 25 0:4 net:[4026532008] /run/netns/blue rw ..." */
static void read_mounts(struct adit_netns_list *l, const char *proc, const char *pid)
{
    char path[PATH_CAP], *line = NULL, *at;
    size_t cap = 0;
    FILE *f;

    snprintf(path, sizeof path, "%s/%s/mountinfo", proc, pid);
    f = fopen(path, "re");
    if (!f) {
        l->is_whole = l->is_whole && is_over(errno);
        return;
    }
    while (getline(&line, &cap, f) >= 0) {
        at = strstr(line, " net:[");
        if (at)
            add(l, strtoull(at + strlen(" net:["), NULL, 10));
    }
    free(line);
    fclose(f);
}

static bool stat_ns(const char *proc, const char *pid, const char *kind, struct stat *st)
{
    char path[PATH_CAP];

    snprintf(path, sizeof path, "%s/%s/ns/%s", proc, pid, kind);
    return stat(path, st) == 0;
}

/* Most processes share one namespace of mounts, which is read once. */
static void read_process(struct adit_netns_list *l, const char *proc, const char *pid, ino_t *mounts_read)
{
    struct stat st;

    if (stat_ns(proc, pid, "net", &st))
        add(l, st.st_ino);
    else
        l->is_whole = l->is_whole && is_over(errno);
    if (!stat_ns(proc, pid, "mnt", &st) || st.st_ino == *mounts_read)
        return;
    *mounts_read = st.st_ino;
    read_mounts(l, proc, pid);
}

void adit_netns_list_read(struct adit_netns_list *l, const char *proc)
{
    struct dirent *entry;
    ino_t mounts_read = 0;
    DIR *d = opendir(proc);

    *l = (struct adit_netns_list){.is_read = true, .is_whole = d != NULL};
    while (l->is_whole && (entry = readdir(d))) {
        if (isdigit((unsigned char)entry->d_name[0]))
            read_process(l, proc, entry->d_name, &mounts_read);
    }
    if (d)
        closedir(d);
}

static bool sees_all_processes(void)
{
    struct stat st;

    return stat_ns("/proc", "self", "pid", &st) && st.st_ino == FIRST_PID_NAMESPACE;
}

void adit_netns_list_fini(struct adit_netns_list *l)
{
    adit_free(l->all);
    *l = (struct adit_netns_list){0};
}

bool adit_netns_is_gone(void *list, uint64_t inode)
{
    struct adit_netns_list *l = list;

    if (!l->is_read)
        adit_netns_list_read(l, "/proc");
    for (size_t i = 0; i < l->n; i++) {
        if (l->all[i] == inode)
            return false;
    }
    return l->is_whole && sees_all_processes();
}
