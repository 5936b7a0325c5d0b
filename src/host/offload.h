/* SPDX-License-Identifier: Apache-2.0 */
/* Where packets travel in trains: what `adit-offload` says, else everywhere but where this kernel errs. */
#ifndef ADIT_HOST_OFFLOAD_H
#define ADIT_HOST_OFFLOAD_H

#include "base/log.h"
#include "conf/conf.h"
#include "linux/quirks.h"

/* True: in trains, as far as the kernel takes and gives them. */
struct adit_host_offload {
    bool tun_in, tun_out, tun_out_udp; /* tun_out_udp: UDP, too */
    bool udp_in, udp_out;
};

/* A line in the log for each quirk that counts. */
struct adit_host_offload adit_host_offload(const struct adit_conf *c, const struct adit_quirks *q,
                                           const struct adit_log *log);

#endif
