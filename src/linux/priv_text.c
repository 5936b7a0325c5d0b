/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line per thing, words in a fixed order, "-" for what is missing:
 *
 *   addr IFNAME ADDRESS/BITS PEER
 *   route DST/BITS GATEWAY SOURCE IFNAME METRIC TABLE ONLINK PROTO      (restore: the same)
 */
#include "linux/priv_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *ip_or_dash(const struct adit_ip *ip, char *dst)
{
    return ip->family == ADIT_AF_NONE ? "-" : adit_ip_str(ip, dst, ADIT_IP_STR_MAX);
}

void adit_undo_write(const struct adit_undo *u, char dst[ADIT_UNDO_LINE_MAX])
{
    char a[ADIT_IP_STR_MAX], b[ADIT_IP_STR_MAX], c[ADIT_IP_STR_MAX];
    const struct adit_priv_route *r = &u->route;

    if (u->kind == ADIT_UNDO_ADDR) {
        snprintf(dst, ADIT_UNDO_LINE_MAX, "addr %s %s/%u %s", u->addr.ifname,
                 ip_or_dash(&u->addr.local.ip, a), u->addr.local.bits, ip_or_dash(&u->addr.peer, b));
        return;
    }
    snprintf(dst, ADIT_UNDO_LINE_MAX, "%s %s/%u %s %s %s %" PRId64 " %" PRIu32 " %d %u",
             u->kind == ADIT_UNDO_ROUTE ? "route" : "restore", ip_or_dash(&r->dst.ip, a), r->dst.bits,
             ip_or_dash(&r->gateway, b), ip_or_dash(&r->source, c), r->ifname[0] ? r->ifname : "-", r->metric,
             r->table, r->is_onlink, r->proto);
}

static bool parse_ip(const char *word, struct adit_ip *out)
{
    *out = (struct adit_ip){.family = ADIT_AF_NONE};
    return strcmp(word, "-") == 0 || adit_ip_parse(word, out) == ADIT_OK;
}

static adit_err parse_addr(const char *rest, struct adit_undo *out)
{
    struct adit_undo u = {.kind = ADIT_UNDO_ADDR};
    char local[64], peer[64];
    int end = 0;

    if (sscanf(rest, "%15s %63s %63s%n", u.addr.ifname, local, peer, &end) != 3 || rest[end] != '\0')
        return ADIT_E_MALFORMED;
    if (adit_prefix_parse(local, &u.addr.local) != ADIT_OK || !parse_ip(peer, &u.addr.peer))
        return ADIT_E_MALFORMED;
    *out = u;
    return ADIT_OK;
}

static adit_err parse_route(const char *rest, enum adit_undo_kind kind, struct adit_undo *out)
{
    struct adit_undo u = {.kind = kind};
    struct adit_priv_route *r = &u.route;
    char dst[64], gateway[64], source[64];
    unsigned onlink, proto;
    int end = 0;

    if (sscanf(rest, "%63s %63s %63s %15s %" SCNd64 " %" SCNu32 " %1u %3u%n", dst, gateway, source, r->ifname,
               &r->metric, &r->table, &onlink, &proto, &end) != 8 ||
        rest[end] != '\0' || proto > UINT8_MAX)
        return ADIT_E_MALFORMED;
    if (adit_prefix_parse(dst, &r->dst) != ADIT_OK || !parse_ip(gateway, &r->gateway) ||
        !parse_ip(source, &r->source))
        return ADIT_E_MALFORMED;
    if (strcmp(r->ifname, "-") == 0)
        r->ifname[0] = '\0';
    r->is_onlink = onlink != 0;
    r->proto = (uint8_t)proto;
    *out = u;
    return ADIT_OK;
}

adit_err adit_undo_parse(const char *line, struct adit_undo *out)
{
    if (strncmp(line, "addr ", 5) == 0)
        return parse_addr(line + 5, out);
    if (strncmp(line, "route ", 6) == 0)
        return parse_route(line + 6, ADIT_UNDO_ROUTE, out);
    if (strncmp(line, "restore ", 8) == 0)
        return parse_route(line + 8, ADIT_UNDO_RESTORE, out);
    return ADIT_E_MALFORMED;
}

const char *adit_priv_route_str(const struct adit_priv_route *r, char dst[ADIT_UNDO_LINE_MAX])
{
    char a[ADIT_IP_STR_MAX], b[ADIT_IP_STR_MAX], metric[32] = "";
    bool has_gateway = r->gateway.family != ADIT_AF_NONE;

    if (r->metric >= 0)
        snprintf(metric, sizeof metric, " metric %" PRId64, r->metric);
    snprintf(dst, ADIT_UNDO_LINE_MAX, "%s/%u%s%s%s%s%s", ip_or_dash(&r->dst.ip, a), r->dst.bits,
             has_gateway ? " via " : "", has_gateway ? adit_ip_str(&r->gateway, b, sizeof b) : "",
             r->ifname[0] ? " dev " : "", r->ifname, metric);
    return dst;
}

const char *adit_priv_addr_str(const struct adit_priv_addr *a, char dst[ADIT_UNDO_LINE_MAX])
{
    char local[ADIT_IP_STR_MAX], peer[ADIT_IP_STR_MAX];
    bool has_peer = a->peer.family != ADIT_AF_NONE;

    snprintf(dst, ADIT_UNDO_LINE_MAX, "%s/%u%s%s dev %s", ip_or_dash(&a->local.ip, local), a->local.bits,
             has_peer ? " peer " : "", has_peer ? adit_ip_str(&a->peer, peer, sizeof peer) : "", a->ifname);
    return dst;
}
