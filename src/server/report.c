/* SPDX-License-Identifier: Apache-2.0 */
/* Status file, statistics on SIGUSR2, and the pool file that remembers addresses. Protocol text: 13.3, 13.4.
 */
#include "server/parts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "linux/file.h"
#include "plane/routes.h"

enum {
    ADDRESS_MAX = ADIT_ADDR_STR_MAX + 16,
    POOL_FILE_MAX = 16 * 1024 * 1024,
};

/* ---- status ---- */

static const char *address_text(const struct adit_caller *c, char *dst, size_t cap)
{
    char text[ADIT_ADDR_STR_MAX];
    int v = c->way.remote.ip.family == ADIT_AF_V6 ? 6 : 4;

    snprintf(dst, cap, c->is_stream ? "tcp%d-server:%s" : "udp%d:%s", v,
             adit_addr_str(&c->way.remote, text, sizeof text));
    return dst;
}

static void log_line(void *ctx, const char *line)
{
    adit_note(ctx, NULL, "%s", line);
}

static void add_drops(uint64_t sum[ADIT_ERR_COUNT], const struct adit_counters *c)
{
    for (int e = 0; e < ADIT_ERR_COUNT; e++)
        sum[e] += c->drops[e];
}

static void log_drops(const struct adit_server *sv)
{
    uint64_t sum[ADIT_ERR_COUNT];

    memcpy(sum, sv->drops, sizeof sum);
    add_drops(sum, &sv->of_no_peer);
    for (const struct adit_caller *c = sv->callers; c; c = c->hh.next)
        add_drops(sum, &c->counters);
    adit_status_log_drops(sv->log, sum);
}

static void report(struct adit_server *sv)
{
    size_t n = 0;
    struct adit_status_client *rows = adit_alloc((sv->n_callers + 1) * sizeof *rows);
    char(*addresses)[ADDRESS_MAX] = adit_alloc((sv->n_callers + 1) * sizeof *addresses);
    struct adit_status_server s = {.clients = rows,
                                   .version = sv->conf->status_version,
                                   .now_s = adit_clock_now().wall_s,
                                   .title = "Adit " ADIT_VERSION};

    for (struct adit_caller *c = sv->callers; rows && addresses && c; c = c->hh.next) {
        if (!c->session)
            continue;
        rows[n] = (struct adit_status_client){
            .name = c->name[0] ? c->name : "UNDEF",
            .address = address_text(c, addresses[n], ADDRESS_MAX),
            .v4 = c->lease.v4,
            .v6 = c->lease.v6,
            .rx_bytes = c->counters.link_rx_bytes,
            .tx_bytes = c->counters.link_tx_bytes,
            .since_s = c->since_s,
            .client_id = c->id,
            .peer_id = c->lease.peer_id,
            .cipher = c->agreed.cipher ? c->agreed.cipher->name : NULL,
        };
        n++;
    }
    s.n = n;
    if (sv->wants_status_file && sv->conf->status_file && rows && addresses)
        adit_status_write_server(sv->conf->status_file, &s, sv->log);
    if (sv->wants_log_stats && rows && addresses) {
        adit_status_server_lines(&s, log_line, (void *)sv->log);
        adit_status_log_hauls(sv->log, &sv->hauls);
        log_drops(sv);
    }
    sv->wants_status_file = sv->wants_log_stats = false;
    adit_free(rows);
    adit_free(addresses);
}

void adit_server_count(struct adit_server *sv)
{
    if (sv->n_counts_due > 0 || !sv->h->plane)
        return; /* the answers under way serve this request, too */
    for (struct adit_caller *c = sv->callers; c; c = c->hh.next) {
        if (!c->is_admitted)
            continue;
        adit_host_cmd(sv->h, ADIT_CMD_COUNT, c->lease.peer_id);
        sv->n_counts_due++;
    }
    adit_host_cmd(sv->h, ADIT_CMD_COUNT, ADIT_NO_PEER);
    sv->n_counts_due++;
}

void adit_server_counted_last(struct adit_server *sv, const struct adit_counters *last)
{
    add_drops(sv->drops, last);
}

void adit_server_counted(struct adit_server *sv, const struct adit_note *note)
{
    if (note->peer == ADIT_NO_PEER) {
        sv->of_no_peer = note->counters;
        sv->hauls = note->hauls;
    }
    if (sv->n_counts_due > 0 && --sv->n_counts_due == 0)
        report(sv);
}

/* ---- the pool file ---- */

static void load_line(struct adit_server *sv, char *line)
{
    struct adit_ip v4 = {.family = ADIT_AF_NONE}, v6 = {.family = ADIT_AF_NONE};
    char *a = strchr(line, ','), *b = a ? strchr(a + 1, ',') : NULL;

    if (!a || line[0] == '#' || line[0] == ';')
        return;
    *a++ = '\0';
    if (b)
        *b++ = '\0';
    if ((*a && adit_ip_parse(a, &v4) != ADIT_OK) || (b && *b && adit_ip_parse(b, &v6) != ADIT_OK)) {
        adit_warn(sv->log, NULL,
                  "ifconfig-pool-persist: '%s': the line of '%s' holds no address and is ignored",
                  sv->conf->pool_persist_file, line);
        return;
    }
    if (adit_directory_hint(sv->directory, line, &v4, &v6) != ADIT_OK)
        adit_warn(sv->log, NULL, "ifconfig-pool-persist: out of memory");
}

void adit_server_load_pool(struct adit_server *sv)
{
    uint8_t *text;
    size_t n;
    char *next;

    if (!sv->conf->pool_persist_file ||
        adit_file_read(sv->conf->pool_persist_file, POOL_FILE_MAX, &text, &n) != ADIT_OK)
        return; /* the first start has none */
    next = (char *)text;
    for (char *line = strsep(&next, "\r\n"); line; line = strsep(&next, "\r\n")) {
        if (*line)
            load_line(sv, line);
    }
    adit_free_secret(text, n);
}

static size_t pool_text(const struct adit_server *sv, char *dst, size_t cap)
{
    struct adit_lease lease;
    const char *name;
    size_t at = 0;

    for (size_t i = 0; adit_directory_hint_at(sv->directory, i, &name, &lease); i++) {
        char a[ADIT_IP_STR_MAX] = "", b[ADIT_IP_STR_MAX] = "";
        int wrote;

        if (lease.v4_peer.family != ADIT_AF_NONE)
            lease.v4 = adit_ip_v4(adit_ip_v4_host(&lease.v4_peer) - 1); /* net30: the base of the block */
        if (lease.v4.family != ADIT_AF_NONE)
            adit_ip_str(&lease.v4, a, sizeof a);
        if (lease.v6.family != ADIT_AF_NONE)
            adit_ip_str(&lease.v6, b, sizeof b);
        wrote = snprintf(dst ? dst + at : NULL, dst ? cap - at : 0, "%s,%s,%s\n", name, a, b);
        at += wrote > 0 ? (size_t)wrote : 0;
    }
    return at;
}

void adit_server_save_pool(struct adit_server *sv)
{
    size_t n = pool_text(sv, NULL, 0);
    char *text;

    if (!sv->conf->pool_persist_file || sv->conf->pool_persist_s == 0)
        return;
    text = adit_alloc(n + 1);
    if (!text)
        return;
    pool_text(sv, text, n + 1);
    if (adit_file_rewrite(sv->conf->pool_persist_file, adit_bytes_of(text, n), ADIT_FILE_SECRET) != ADIT_OK)
        adit_warn(sv->log, NULL, "ifconfig-pool-persist: cannot write '%s': %s", sv->conf->pool_persist_file,
                  strerror(errno));
    adit_free(text);
}
