/* SPDX-License-Identifier: Apache-2.0 */
/* A server with many clients: who may come in, what each gets, when each goes. */
#ifndef ADIT_SERVER_SERVER_H
#define ADIT_SERVER_SERVER_H

#include "host/host.h"

/*
 * Runs until a signal; h->end and h->exit_status tell how it ended. The host has been initialised, its tunnel
 * is opened here. Leaves nothing behind but the host itself.
 */
void adit_server_run(struct adit_host *h);

#endif
