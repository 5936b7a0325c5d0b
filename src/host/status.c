/* SPDX-License-Identifier: Apache-2.0 */
#include "host/status.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "linux/clock.h"

static void time_text(int64_t wall_s, char *dst, size_t cap)
{
    time_t t = (time_t)wall_s;
    struct tm tm;

    if (!localtime_r(&t, &tm) || strftime(dst, cap, "%Y-%m-%d %H:%M:%S", &tm) == 0)
        snprintf(dst, cap, "%" PRId64, wall_s);
}

/* ---- files ---- */

struct file {
    FILE *f;
};

static void put_line(void *ctx, const char *line)
{
    struct file *file = ctx;

    fprintf(file->f, "%s\n", line);
}

/* The file is rewritten in place, as readers that keep it open expect. */
static FILE *open_status(const char *path, const struct adit_log *log)
{
    /* Names and addresses: for the owner, as openvpn has it. */
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "w");

    if (!f)
        adit_warn(log, NULL, "status: cannot write '%s': %s", path, strerror(errno));
    return f;
}

/* ---- beside openvpn's ---- */

void adit_status_log_drops(const struct adit_log *log, const uint64_t drops[ADIT_ERR_COUNT])
{
    for (int e = 0; e < ADIT_ERR_COUNT; e++) {
        if (drops[e] > 0)
            adit_note(log, NULL, "dropped,%s,%" PRIu64 " (%s)", adit_err_name((adit_err)e), drops[e],
                      adit_err_text((adit_err)e));
    }
}

void adit_status_log_hauls(const struct adit_log *log, const struct adit_hauls *h)
{
    char text[ADIT_HAULS_TEXT_MAX];

    adit_note(log, NULL, "data channel: %s", adit_hauls_text(h, text, sizeof text));
}

/* ---- one tunnel ---- */

static void tunnel_lines(const struct adit_counters *c, void (*put)(void *ctx, const char *line), void *ctx)
{
    const struct {
        const char *name;
        uint64_t value;
    } rows[] = {
        {"TUN/TAP read bytes", c->tx_bytes},      {"TUN/TAP write bytes", c->rx_bytes},
        {"TCP/UDP read bytes", c->link_rx_bytes}, {"TCP/UDP write bytes", c->link_tx_bytes},
        {"Auth read bytes", c->rx_bytes},
    };
    char line[128], when[32];

    time_text(adit_clock_now().wall_s, when, sizeof when);
    put(ctx, "OpenVPN STATISTICS");
    snprintf(line, sizeof line, "Updated,%s", when);
    put(ctx, line);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        snprintf(line, sizeof line, "%s,%" PRIu64, rows[i].name, rows[i].value);
        put(ctx, line);
    }
    put(ctx, "END");
}

static void log_line(void *ctx, const char *line)
{
    adit_note(ctx, NULL, "%s", line);
}

void adit_status_log_tunnel(const struct adit_log *log, const struct adit_counters *c)
{
    tunnel_lines(c, log_line, (void *)log);
}

void adit_status_write_tunnel(const char *path, const struct adit_counters *c, const struct adit_log *log)
{
    struct file file = {.f = open_status(path, log)};

    if (!file.f)
        return;
    tunnel_lines(c, put_line, &file);
    fclose(file.f);
}

/* ---- a server ---- */

struct out {
    void (*put)(void *ctx, const char *line);
    void *ctx;
    char sep; /* of versions 2 and 3 */
};

/* Version 1 is written with commas whatever else; versions 2 and 3 differ in the separator only. */
static void put_fields(const struct out *o, const char *line)
{
    char copy[1024];
    size_t n = strlen(line);

    if (o->sep == ',' || n >= sizeof copy) {
        o->put(o->ctx, line);
        return;
    }
    for (size_t i = 0; i <= n; i++)
        copy[i] = line[i] == ',' ? o->sep : line[i];
    o->put(o->ctx, copy);
}

static const char *ip_text(const struct adit_ip *ip, char *dst, size_t cap)
{
    return ip->family == ADIT_AF_NONE ? "" : adit_ip_str(ip, dst, cap);
}

static void version_1(const struct out *o, const struct adit_status_server *s)
{
    char line[1024], when[32], v[ADIT_IP_STR_MAX];

    time_text(s->now_s, when, sizeof when);
    o->put(o->ctx, "OpenVPN CLIENT LIST");
    snprintf(line, sizeof line, "Updated,%s", when);
    o->put(o->ctx, line);
    o->put(o->ctx, "Common Name,Real Address,Bytes Received,Bytes Sent,Connected Since");
    for (size_t i = 0; i < s->n; i++) {
        const struct adit_status_client *c = &s->clients[i];

        time_text(c->since_s, when, sizeof when);
        snprintf(line, sizeof line, "%s,%s,%" PRIu64 ",%" PRIu64 ",%s", c->name, c->address, c->rx_bytes,
                 c->tx_bytes, when);
        o->put(o->ctx, line);
    }
    o->put(o->ctx, "ROUTING TABLE");
    o->put(o->ctx, "Virtual Address,Common Name,Real Address,Last Ref");
    for (size_t i = 0; i < 2 * s->n; i++) {
        const struct adit_status_client *c = &s->clients[i / 2];
        const struct adit_ip *ip = i % 2 ? &c->v6 : &c->v4;

        if (ip->family == ADIT_AF_NONE)
            continue;
        time_text(c->since_s, when, sizeof when);
        snprintf(line, sizeof line, "%s,%s,%s,%s", adit_ip_str(ip, v, sizeof v), c->name, c->address, when);
        o->put(o->ctx, line);
    }
    o->put(o->ctx, "GLOBAL STATS");
    o->put(o->ctx, "Max bcast/mcast queue length,0");
    o->put(o->ctx, "END");
}

static void version_2(const struct out *o, const struct adit_status_server *s)
{
    char line[1024], when[32], v4[ADIT_IP_STR_MAX], v6[ADIT_IP_STR_MAX];

    time_text(s->now_s, when, sizeof when);
    snprintf(line, sizeof line, "TITLE,%s", s->title);
    put_fields(o, line);
    snprintf(line, sizeof line, "TIME,%s,%" PRId64, when, s->now_s);
    put_fields(o, line);
    put_fields(
        o, "HEADER,CLIENT_LIST,Common Name,Real Address,Virtual Address,Virtual IPv6 Address,Bytes "
           "Received,Bytes "
           "Sent,Connected Since,Connected Since (time_t),Username,Client ID,Peer ID,Data Channel Cipher");
    for (size_t i = 0; i < s->n; i++) {
        const struct adit_status_client *c = &s->clients[i];

        time_text(c->since_s, when, sizeof when);
        snprintf(line, sizeof line,
                 "CLIENT_LIST,%s,%s,%s,%s,%" PRIu64 ",%" PRIu64 ",%s,%" PRId64 ",%s,%u,%u,%s", c->name,
                 c->address, ip_text(&c->v4, v4, sizeof v4), ip_text(&c->v6, v6, sizeof v6), c->rx_bytes,
                 c->tx_bytes, when, c->since_s, c->user ? c->user : "UNDEF", c->client_id, c->peer_id,
                 c->cipher ? c->cipher : "");
        put_fields(o, line);
    }
    put_fields(o, "HEADER,ROUTING_TABLE,Virtual Address,Common Name,Real Address,Last Ref,Last Ref (time_t)");
    for (size_t i = 0; i < 2 * s->n; i++) {
        const struct adit_status_client *c = &s->clients[i / 2];
        const struct adit_ip *ip = i % 2 ? &c->v6 : &c->v4;

        if (ip->family == ADIT_AF_NONE)
            continue;
        time_text(c->since_s, when, sizeof when);
        snprintf(line, sizeof line, "ROUTING_TABLE,%s,%s,%s,%s,%" PRId64, adit_ip_str(ip, v4, sizeof v4),
                 c->name, c->address, when, c->since_s);
        put_fields(o, line);
    }
    put_fields(o, "GLOBAL_STATS,Max bcast/mcast queue length,0");
    put_fields(o, "GLOBAL_STATS,dco_enabled,0");
    put_fields(o, "END");
}

void adit_status_server_lines(const struct adit_status_server *s, void (*put)(void *ctx, const char *line),
                              void *ctx)
{
    struct out o = {.put = put, .ctx = ctx, .sep = s->version == 3 ? '\t' : ','};

    if (s->version == 1)
        version_1(&o, s);
    else
        version_2(&o, s);
}

void adit_status_write_server(const char *path, const struct adit_status_server *s,
                              const struct adit_log *log)
{
    struct file file = {.f = open_status(path, log)};

    if (!file.f)
        return;
    adit_status_server_lines(s, put_line, &file);
    fclose(file.f);
}
