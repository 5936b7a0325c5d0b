/* SPDX-License-Identifier: Apache-2.0 */
/* Setters of the connection: where to, by which protocol, from which address, how big. */
#include <string.h>

#include "conf/set.h"

static const struct proto_name {
    const char *name;
    enum adit_conf_proto proto;
    enum adit_family family;
} proto_names[] = {
    {"udp", ADIT_PROTO_UDP, ADIT_AF_NONE},
    {"udp4", ADIT_PROTO_UDP, ADIT_AF_V4},
    {"udp6", ADIT_PROTO_UDP, ADIT_AF_V6},
    {"tcp", ADIT_PROTO_TCP, ADIT_AF_NONE},
    {"tcp4", ADIT_PROTO_TCP, ADIT_AF_V4},
    {"tcp6", ADIT_PROTO_TCP, ADIT_AF_V6},
    {"tcp-client", ADIT_PROTO_TCP_CLIENT, ADIT_AF_NONE},
    {"tcp4-client", ADIT_PROTO_TCP_CLIENT, ADIT_AF_V4},
    {"tcp6-client", ADIT_PROTO_TCP_CLIENT, ADIT_AF_V6},
    {"tcp-server", ADIT_PROTO_TCP_SERVER, ADIT_AF_NONE},
    {"tcp4-server", ADIT_PROTO_TCP_SERVER, ADIT_AF_V4},
    {"tcp6-server", ADIT_PROTO_TCP_SERVER, ADIT_AF_V6},
};

static const struct proto_name *find_proto(struct adit_fill *f, const char *text)
{
    for (size_t i = 0; i < sizeof proto_names / sizeof proto_names[0]; i++)
        if (strcmp(proto_names[i].name, text) == 0)
            return &proto_names[i];
    adit_fill_error(
        f, "value",
        "`%s` is no protocol; use udp, tcp-client or tcp-server, with a 4 or 6 (udp4) for one family", text);
    return NULL;
}

/* A number, or the name of a service that the host looks up. */
static bool is_port(struct adit_fill *f, const char *text)
{
    uint64_t port;

    if ((*text >= 'a' && *text <= 'z') || (*text >= 'A' && *text <= 'Z'))
        return true;
    return adit_fill_num(f, text, 0, 65535, &port);
}

bool adit_set_proto(struct adit_fill *f, const struct adit_words *w)
{
    const struct proto_name *p = find_proto(f, w->v[1]);

    if (!p)
        return false;
    f->conn->proto = p->proto;
    f->conn->family = p->family;
    f->conn->is_proto_given = true;
    return true;
}

bool adit_set_proto_force(struct adit_fill *f, const struct adit_words *w)
{
    if (strcmp(w->v[1], "udp") != 0 && strcmp(w->v[1], "tcp") != 0)
        return adit_fill_error(f, "value", "`proto-force` takes udp or tcp, not `%s`", w->v[1]);
    f->c->proto_force = w->v[1];
    return true;
}

bool adit_set_remote(struct adit_fill *f, const struct adit_words *w)
{
    struct adit_conf_remote r = {.host = w->v[1]}, *v;

    if (w->n > 2) {
        if (!is_port(f, w->v[2]))
            return false;
        r.port = w->v[2];
    }
    if (w->n > 3) {
        const struct proto_name *p = find_proto(f, w->v[3]);

        if (!p)
            return false;
        r.proto = p->proto;
        r.family = p->family;
        r.has_proto = true;
    }
    if (f->conn != &f->c->conn) {
        f->conn->remote = r.host;
        f->conn->rport = r.port ? r.port : f->conn->rport;
        f->conn->proto = r.has_proto ? r.proto : f->conn->proto;
        f->conn->family = r.has_proto ? r.family : f->conn->family;
        f->conn->is_rport_given |= r.port != NULL;
        f->conn->is_proto_given |= r.has_proto;
        return true;
    }
    v = adit_arena_grow(f->a, f->remotes, f->n_remotes, sizeof *v);
    if (v) {
        f->remotes = v;
        f->remotes[f->n_remotes++] = r;
    }
    return true;
}

/* The block begins with the options that were given so far outside of it. */
bool adit_set_connection(struct adit_fill *f, const struct adit_words *w)
{
    struct adit_conf_conn *outer = f->conn, *v;
    struct adit_conf_conn block = *outer;
    struct adit_place opened = f->at;

    if (!f->is_inline)
        return adit_fill_error(f, "inline",
                               "`connection` is a block: write <connection>, its options, </connection>");
    f->is_inline = false;
    block.remote = NULL;
    f->conn = &block;
    adit_load_text(f, adit_bytes_str(w->v[1]));
    f->conn = outer;
    f->at = opened;
    f->is_inline = true;
    if (!block.remote)
        return adit_fill_error(f, "connection-remote",
                               "this <connection> names no remote; add a line `remote HOST PORT`");
    v = adit_arena_grow(f->a, f->c->conns, f->c->n_conns, sizeof *v);
    if (v) {
        f->c->conns = v;
        f->c->conns[f->c->n_conns++] = block;
    }
    return true;
}

bool adit_set_port(struct adit_fill *f, const struct adit_words *w)
{
    if (!is_port(f, w->v[1]))
        return false;
    f->conn->lport = f->conn->rport = w->v[1];
    f->conn->lport_at = f->at;
    return true;
}

bool adit_set_lport(struct adit_fill *f, const struct adit_words *w)
{
    if (!is_port(f, w->v[1]))
        return false;
    f->conn->lport = w->v[1];
    f->conn->lport_at = f->at;
    f->conn->is_lport_given = true;
    return true;
}

bool adit_set_rport(struct adit_fill *f, const struct adit_words *w)
{
    if (!is_port(f, w->v[1]))
        return false;
    f->conn->rport = w->v[1];
    f->conn->is_rport_given = true;
    return true;
}

bool adit_set_local(struct adit_fill *f, const struct adit_words *w)
{
    if (w->n > 2)
        return adit_fill_error(f, "not-supported",
                               "`local` with a port and protocol is not supported yet; use lport and proto");
    f->conn->local = strcmp(w->v[1], "*") == 0 ? NULL : w->v[1];
    f->conn->local_at = f->at;
    return true;
}

bool adit_set_bind(struct adit_fill *f, const struct adit_words *w)
{
    if (w->n > 1 && strcmp(w->v[1], "ipv6only") != 0)
        return adit_fill_error(f, "value", "`bind` takes ipv6only or nothing, not `%s`", w->v[1]);
    f->conn->is_v6_only = w->n > 1;
    f->conn->is_bind_given = true;
    return true;
}

bool adit_set_nobind(struct adit_fill *f, const struct adit_words *w)
{
    (void)w;
    f->conn->is_nobind_given = true;
    return true;
}

bool adit_set_multihome(struct adit_fill *f, const struct adit_words *w)
{
    if (w->n > 1)
        return adit_fill_error(f, "not-supported", "`multihome %s` is not supported yet; write `multihome`",
                               w->v[1]);
    f->c->is_multihome = true;
    return true;
}

bool adit_set_resolv_retry(struct adit_fill *f, const struct adit_words *w)
{
    if (strcmp(w->v[1], "infinite") == 0) {
        f->c->resolv_retry_s = UINT32_MAX;
        return true;
    }
    return adit_fill_num32(f, w->v[1], 0, UINT32_MAX - 1, &f->c->resolv_retry_s);
}

bool adit_set_connect_retry(struct adit_fill *f, const struct adit_words *w)
{
    uint32_t base, max = f->conn->connect_retry_max_s;

    if (!adit_fill_num32(f, w->v[1], 0, UINT32_MAX, &base))
        return false;
    if (w->n > 2 && !adit_fill_num32(f, w->v[2], 0, UINT32_MAX, &max))
        return false;
    base = base > 65535 ? 65535 : base; /* as openvpn has it */
    f->conn->connect_retry_s = base;
    f->conn->connect_retry_max_s = max > base ? max : base;
    return true;
}

bool adit_set_tun_mtu(struct adit_fill *f, const struct adit_words *w)
{
    uint32_t mtu, occ = 0;

    if (f->pushed) {
        if (!adit_fill_num32(f, w->v[1], 100, 65536, &mtu))
            return false;
        if (mtu > f->conn->tun_mtu_max) {
            adit_fill_note(f, "tun-mtu-max", "pushed tun-mtu %u was cut to %u; raise tun-mtu-max to allow it",
                           mtu, f->conn->tun_mtu_max);
            mtu = f->conn->tun_mtu_max;
        }
        f->pushed->has_tun_mtu = true;
        f->conn->tun_mtu = mtu;
        return true;
    }
    if (!adit_fill_num32(f, w->v[1], 100, 65536, &mtu))
        return false;
    if (w->n > 2 && !adit_fill_num32(f, w->v[2], 100, 65536, &occ))
        return false;
    f->conn->tun_mtu = mtu;
    f->conn->occ_mtu = occ;
    f->conn->is_tun_mtu_given = true;
    return true;
}

/* `mssfix`, `mssfix N`, `mssfix N mtu`, `mssfix N fixed`; bare and 0 are resolved at the end. */
bool adit_set_mssfix(struct adit_fill *f, const struct adit_words *w)
{
    enum adit_conf_mss_kind kind = ADIT_MSS_PACKET;
    uint32_t mss;

    if (w->n == 1) {
        f->conn->is_mssfix_given = false;
        return true;
    }
    if (w->n > 2) {
        if (strcmp(w->v[2], "mtu") != 0 && strcmp(w->v[2], "fixed") != 0)
            return adit_fill_error(f, "value", "`mssfix N` may be followed by mtu or fixed, not by `%s`",
                                   w->v[2]);
        kind = strcmp(w->v[2], "mtu") == 0 ? ADIT_MSS_MTU : ADIT_MSS_FIXED;
    }
    if (!adit_fill_num32(f, w->v[1], 0, 65535, &mss))
        return false;
    if (mss > 0 && mss < 154)
        return adit_fill_error(f, "number", "`mssfix` takes 0 (off), or a number from 154 to 65535, not %u",
                               mss);
    f->conn->mss = mss;
    f->conn->mss_kind = mss > 0 ? kind : ADIT_MSS_OFF;
    f->conn->is_mssfix_given = true;
    return true;
}

bool adit_set_max_packet_size(struct adit_fill *f, const struct adit_words *w)
{
    uint32_t size;

    if (!adit_fill_num32(f, w->v[1], 154, 65535, &size))
        return false;
    f->conn->max_packet_size = size;
    if (size > 2048) {
        adit_fill_note(f, "max-packet-size", "control packets are never larger than 2048 bytes");
        f->conn->max_packet_size = 2048;
    }
    if (!f->conn->is_mssfix_given) {
        f->conn->mss = size;
        f->conn->mss_kind = ADIT_MSS_MTU;
        f->conn->is_mssfix_given = true;
    }
    return true;
}

bool adit_set_exit_notify(struct adit_fill *f, const struct adit_words *w)
{
    uint32_t n = 1;

    if (w->n > 1 && !adit_fill_num32(f, w->v[1], 0, 1000, &n))
        return false;
    f->conn->exit_notify = n;
    if (f->pushed)
        f->pushed->has_exit_notify = true;
    return true;
}

bool adit_set_mark(struct adit_fill *f, const struct adit_words *w)
{
    if (!adit_fill_num32(f, w->v[1], 0, UINT32_MAX, &f->c->mark))
        return false;
    f->c->has_mark = true;
    return true;
}

bool adit_set_socket_flags(struct adit_fill *f, const struct adit_words *w)
{
    for (size_t i = 1; i < w->n; i++)
        if (strcmp(w->v[i], "TCP_NODELAY") != 0)
            return adit_fill_error(f, "value", "`socket-flags` knows TCP_NODELAY only, not `%s`", w->v[i]);
    f->c->want_tcp_nodelay = true;
    return true;
}

bool adit_set_tcp_nodelay(struct adit_fill *f, const struct adit_words *w)
{
    (void)w;
    f->c->want_tcp_nodelay = true;
    return true;
}
