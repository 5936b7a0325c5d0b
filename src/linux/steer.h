/* SPDX-License-Identifier: Apache-2.0 */
/* Which socket of a port gets a datagram: decided by the kernel, before anybody is woken up. */
#ifndef ADIT_LINUX_STEER_H
#define ADIT_LINUX_STEER_H

#include "base/err.h"

/*
 * `fd` is one of n_workers + 1 sockets that share a port (SO_REUSEPORT), counted in the order in which they
 * were bound. Data with a peer-id goes to socket peer-id modulo n_workers, data without to the first, and
 * everything else (control packets, noise) to the last. Needs no rights. ADIT_E_OS: the kernel spreads them
 * by address then, which is right, too, but slower.
 */
adit_err adit_steer_datagrams(int fd, unsigned n_workers);

#endif
