/* SPDX-License-Identifier: Apache-2.0 */
/* One end of one tunnel: a client that pulls its options, or either end of a tunnel without push (p2p). */
#ifndef ADIT_CLIENT_CLIENT_H
#define ADIT_CLIENT_CLIENT_H

#include "host/host.h"

/*
 * Runs until a signal or an end that no retry can mend; h->end and h->exit_status tell which. The host has
 * been initialised, its tunnel is opened here. Leaves nothing behind but the host itself.
 */
void adit_client_run(struct adit_host *h);

#endif
