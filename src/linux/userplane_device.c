/* SPDX-License-Identifier: Apache-2.0 */
/*
 * To and from the device, several packets at a time. Each is a call of its own, which no call for several
 * saves; but a kernel's way and ours through a packet are long, and taking turns after each packet throws
 * either out of the nearest caches. So packets are read first and then worked on, and what goes to the device
 * waits until the burst has been opened. Nothing waits for another burst.
 */
#include "linux/userplane_parts.h"

#include <errno.h>

/* ---- writing ---- */

/* Inner bytes as the packets have them, with a header each. */
static size_t bytes_of(const struct adit_gather *g)
{
    return g->n + (g->packets - 1) * (size_t)g->offload.head_len;
}

adit_err adit_up_write_once(void *worker, const struct adit_gather *g)
{
    struct adit_up_worker *w = worker;
    adit_err err = w->device ? w->device->ops->write(w->device, g) : ADIT_E_STATE;

    if (!err)
        adit_haul_add(&w->hauls.writes, g->packets, bytes_of(g));
    return err;
}

static bool *wish_for(struct adit_up_worker *w, enum adit_up_merged kind)
{
    return kind == ADIT_UP_UDP    ? &w->merge.want_udp
           : kind == ADIT_UP_TCP6 ? &w->merge.want_tcp6
                                  : &w->merge.want_tcp4;
}

static void stop_merging(struct adit_up_worker *w, const struct adit_gather *g)
{
    static const char *const names[] = {
        [ADIT_UP_TCP4] = "TCP over IPv4", [ADIT_UP_TCP6] = "TCP over IPv6", [ADIT_UP_UDP] = "UDP"};
    enum adit_up_merged kind = g->offload.gso == ADIT_GSO_UDP ? ADIT_UP_UDP
                               : g->is_v6                     ? ADIT_UP_TCP6
                                                              : ADIT_UP_TCP4;
    struct adit_probation *off = &w->merge_off[kind];

    if (!*wish_for(w, kind))
        return; /* said for another one of the same burst */
    *wish_for(w, kind) = false;
    adit_probation_begin(off, w->now);
    adit_note(&w->params.env->log, NULL,
              "the device takes no super-packets of %s: for %u minutes they are written singly", names[kind],
              off->wait_s / 60);
}

void adit_up_merge_again(struct adit_up_worker *w)
{
    for (int kind = 0; kind < ADIT_UP_MERGED; kind++) {
        if (adit_probation_is_over(&w->merge_off[kind], w->now))
            *wish_for(w, (enum adit_up_merged)kind) = true;
    }
}

static void write_now(struct adit_up_worker *w, const struct adit_gather *g)
{
    struct adit_up_peer *peer = g->owner;
    adit_err err = adit_up_write_once(w, g);

    if (err == ADIT_E_UNSUPPORTED && g->offload.gso != ADIT_GSO_NONE) {
        stop_merging(w, g);
        err = adit_gather_split(g, w->spare_room, adit_up_write_once, w);
    }
    if (err) {
        if (err == ADIT_E_OS)
            adit_up_note_os(w, errno);
        for (unsigned i = 0; i < g->packets; i++)
            adit_up_drop(w, peer, err);
        return;
    }
    peer->counters.rx_packets += g->packets;
    peer->counters.rx_bytes += bytes_of(g);
}

static void write_waiting(struct adit_up_worker *w)
{
    struct adit_up_waiting *all = &w->waiting;

    for (unsigned i = 0; i < all->n; i++) {
        struct adit_gather g = adit_gather_single(&all->packets[i], all->owners[i]);

        write_now(w, &g);
    }
    all->n = 0;
}

void adit_up_device_write(void *worker, const struct adit_gather *g)
{
    struct adit_up_worker *w = worker;
    struct adit_up_waiting *all = &w->waiting;

    if (g->packets > 1 || all->n == ADIT_UP_WAITING)
        write_waiting(w);
    if (g->packets > 1) {
        write_now(w, g);
        return;
    }
    all->packets[all->n] = g->parts[0];
    all->owners[all->n++] = g->owner;
}

void adit_up_device_flush(struct adit_up_worker *w)
{
    adit_merge_flush(&w->merge);
    write_waiting(w);
}

/* ---- reading ---- */

/* Where a reading goes that comes behind one of n bytes. */
static size_t stride(size_t n)
{
    return (n + ADIT_DEVICE_LEAD + 63) & ~(size_t)63;
}

/*
 * Packets behind each other; how many. A super-packet ends the burst: it is best worked on while it is near.
 * So does the first after a pause, which leaves at once: if there are more, the next turn will know. *err:
 * why there is no other one now.
 */
static unsigned read_burst(struct adit_up_worker *w, struct adit_train burst[ADIT_UP_BURST], adit_err *err)
{
    uint8_t *at = w->tun_room + ADIT_DEVICE_LEAD;
    unsigned n = 0;

    while (n < ADIT_UP_BURST) {
        struct adit_train *t = &burst[n];

        *t = (struct adit_train){.b = at, .cap = ADIT_MERGE_LEN_MAX};
        *err = w->device->ops->read(w->device, t);
        if (*err)
            break;
        n++;
        if (t->n > ADIT_UP_BURST_LEN || w->pace.is_quiet)
            break;
        at += stride(t->n);
    }
    return n;
}

size_t adit_up_tun_room(void)
{
    return ADIT_UP_BURST * stride(ADIT_UP_BURST_LEN) + ADIT_DEVICE_LEAD + ADIT_MERGE_LEN_MAX;
}

/* Not again before the next tick: a device that fails is readable for ever. */
static void rest(struct adit_up_worker *w, adit_err err, int os_errno)
{
    adit_up_note_os(w, os_errno);
    adit_up_drop(w, NULL, err);
    adit_up_worker_device_rest(w);
}

void adit_up_device_rx(struct adit_up_worker *w)
{
    struct adit_train burst[ADIT_UP_BURST];
    size_t packets = 0, bytes = 0;
    adit_err err = ADIT_OK;

    while (w->device && !err && packets < ADIT_UP_PER_TURN && bytes < ADIT_UP_TUN_BYTES) {
        unsigned n = read_burst(w, burst, &err);
        int os_errno = errno;

        adit_up_warm_read(w, burst, n);
        for (unsigned i = 0; i < n; i++) {
            adit_up_inner_rx(w, &burst[i]);
            bytes += burst[i].n;
        }
        packets += n;
        if (err && err != ADIT_E_EMPTY)
            rest(w, err, os_errno);
        if (w->pace.is_quiet)
            return;
    }
}
