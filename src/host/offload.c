/* SPDX-License-Identifier: Apache-2.0 */
#include "host/offload.h"

static bool is_sound(const struct adit_quirk *q, const struct adit_log *log)
{
    if (q)
        adit_note(log, NULL, "no trains for %s: %s (`adit-offload all` uses them nevertheless)", q->what,
                  q->why);
    return !q;
}

struct adit_host_offload adit_host_offload(const struct adit_conf *c, const struct adit_quirks *q,
                                           const struct adit_log *log)
{
    const struct adit_conf_offload *off = &c->offload_off;

    if (off->is_set)
        return (struct adit_host_offload){.tun_in = !off->tun_in,
                                          .tun_out = !off->tun_out,
                                          .tun_out_udp = !off->tun_out,
                                          .udp_in = !off->udp_in,
                                          .udp_out = !off->udp_out};
    return (struct adit_host_offload){.tun_in = true,
                                      .tun_out = true,
                                      .tun_out_udp = is_sound(q->tun_out_udp, log),
                                      .udp_in = is_sound(q->udp_in, log),
                                      .udp_out = is_sound(q->udp_out, log)};
}
