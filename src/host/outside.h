/* SPDX-License-Identifier: Apache-2.0 */
/* The outside of a tunnel, as a connection entry describes it: its sockets, and the door that strangers come
 * to. */
#ifndef ADIT_HOST_OUTSIDE_H
#define ADIT_HOST_OUTSIDE_H

#include "core/door.h"
#include "host/host.h"
#include "host/material.h"
#include "linux/resolve.h"
#include "linux/sock.h"

/* The local end (`local`, `lport`), if it stands there without names; false: find_local() has to look it up.
 */
bool adit_outside_local(const struct adit_conf_conn *conn, struct adit_addr *local);

/* `remote`: the peer, which decides on the family; NULL if any may come. NULL: no memory. */
struct adit_resolve *adit_outside_find_local(struct adit_host *h, const struct adit_conf_conn *conn,
                                             const struct adit_addr *remote, adit_resolve_cb cb, void *arg);

/* What the answer means; false: there is no such local end, and the log says so. */
bool adit_outside_local_found(struct adit_host *h, const struct adit_conf_conn *conn,
                              const struct adit_resolved *r, struct adit_addr *local);

/*
 * A socket with that local end and the entry's options; remote: NULL if it waits for peers. -1: the log has
 * the reason.
 */
int adit_outside_socket(struct adit_host *h, const struct adit_conf_conn *conn, enum adit_socket_kind kind,
                        const struct adit_addr *local, const struct adit_addr *remote);

/*
 * The sockets that the plane wants for one port of datagrams, steered by the kernel (linux/steer.h). The
 * number of them, at most `cap`; 0: the log has the reason.
 */
unsigned adit_outside_port(struct adit_host *h, const struct adit_conf_conn *conn,
                           const struct adit_addr *local, int *fds, unsigned cap);

/* Parameters of a door for this entry; they point into `wraps`. */
struct adit_door_params adit_outside_door(const struct adit_conf *c, const struct adit_conf_conn *conn,
                                          const struct adit_wraps *wraps);

#endif
