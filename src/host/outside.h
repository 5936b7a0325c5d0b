/* SPDX-License-Identifier: Apache-2.0 */
/* The outside of a tunnel, as a connection entry describes it: its sockets, and the door that strangers come
 * to. */
#ifndef ADIT_HOST_OUTSIDE_H
#define ADIT_HOST_OUTSIDE_H

#include "core/door.h"
#include "host/host.h"
#include "host/material.h"
#include "linux/sock.h"

/*
 * A socket with the entry's local address, port and options; remote: NULL if it waits for peers. -1: the log
 * has the reason.
 */
int adit_outside_socket(struct adit_host *h, const struct adit_conf_conn *conn, enum adit_socket_kind kind,
                        const struct adit_addr *remote);

/* Parameters of a door for this entry; they point into `wraps`. */
struct adit_door_params adit_outside_door(const struct adit_conf *c, const struct adit_conf_conn *conn,
                                          const struct adit_wraps *wraps);

#endif
