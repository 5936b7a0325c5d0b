/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The book of inner packets, a row each, as world_traffic.c keeps it and world_train.c fills it. Packets of a
 * flow keep their order in every host: they leave it as they came in.
 */
#ifndef ADIT_TESTS_SIM_BOOK_H
#define ADIT_TESTS_SIM_BOOK_H

#include "world.h"

enum { SIM_NO_FLOW = UINT32_MAX };

/* From whom to whom, over IPv4 [0] and IPv6 [1]; family NONE: not over that. */
struct sim_way {
    struct sim_host *from;
    const struct sim_host *client; /* whose tunnel it takes first */
    uint32_t to;                   /* host */
    struct adit_ip src[2], dst[2];
    bool is_spoofed;
};

/* The packet as it is to arrive; its serial number is w->n_inner before. */
void sim_book_enter(const struct sim_way *way, bool is_v6, uint32_t flow, adit_bytes packet);
/* False: it has none that could be read. */
bool sim_book_serial(adit_bytes packet, uint64_t *serial);

/* world_train.c: some packets over TCP or UDP, most of them several in one. */
void sim_train_send(const struct sim_way *way);

#endif
