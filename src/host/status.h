/* SPDX-License-Identifier: Apache-2.0 */
/* Status files and the statistics of SIGUSR2, in openvpn's words. Protocol text: 13.3. */
#ifndef ADIT_HOST_STATUS_H
#define ADIT_HOST_STATUS_H

#include "base/addr.h"
#include "base/log.h"
#include "plane/seam.h"

/* ---- not openvpn's, and only in the log: what follows its statistics there ---- */

void adit_status_log_drops(const struct adit_log *log, const uint64_t drops[ADIT_ERR_COUNT]);
void adit_status_log_hauls(const struct adit_log *log, const struct adit_hauls *h);

/* ---- one tunnel (client, p2p) ---- */

void adit_status_log_tunnel(const struct adit_log *log, const struct adit_counters *c);
void adit_status_write_tunnel(const char *path, const struct adit_counters *c, const struct adit_log *log);

/* ---- a server's clients ---- */

struct adit_status_client {
    const char *name;    /* "UNDEF" before it is known */
    const char *address; /* "udp4:192.0.2.1:1194" */
    struct adit_ip v4, v6;
    uint64_t rx_bytes, tx_bytes;
    int64_t since_s;
    const char *user; /* NULL: none */
    uint32_t client_id, peer_id;
    const char *cipher; /* NULL: none yet */
};

struct adit_status_server {
    const struct adit_status_client *clients;
    size_t n;
    unsigned version; /* 1, 2 or 3 */
    int64_t now_s;
    const char *title; /* of versions 2 and 3 */
};

/* Line by line. */
void adit_status_server_lines(const struct adit_status_server *s, void (*put)(void *ctx, const char *line),
                              void *ctx);
void adit_status_write_server(const char *path, const struct adit_status_server *s,
                              const struct adit_log *log);

#endif
