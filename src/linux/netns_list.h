/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The network namespaces that there are: those that processes are in, and those that are kept by a mount
 * (`ip netns add`). Who sees only a part of the processes (in a container, or without CAP_SYS_PTRACE) cannot
 * know, and takes all for alive.
 */
#ifndef ADIT_LINUX_NETNS_LIST_H
#define ADIT_LINUX_NETNS_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct adit_netns_list {
    uint64_t *all; /* inode numbers, each perhaps several times */
    size_t n, cap;
    bool is_read;
    bool is_whole; /* else others may exist */
};

/* What `proc`, a folder like /proc, tells. */
void adit_netns_list_read(struct adit_netns_list *l, const char *proc);
void adit_netns_list_fini(struct adit_netns_list *l); /* zeros allowed */

/* Certainly not there any more. A list that is all zero is read now: it is a matter of milliseconds. */
bool adit_netns_is_gone(void *list, uint64_t inode);

#endif
