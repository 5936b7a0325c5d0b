/* SPDX-License-Identifier: Apache-2.0 */
#include "host/outside.h"

#include <unistd.h>

#include "linux/steer.h"

static bool parse_port(const char *text, uint16_t *port)
{
    unsigned v = 0;

    for (; *text >= '0' && *text <= '9' && v < 65536; text++)
        v = v * 10 + (unsigned)(*text - '0');
    *port = (uint16_t)v;
    return *text == '\0' && v < 65536;
}

bool adit_outside_local(const struct adit_conf_conn *conn, struct adit_addr *local)
{
    *local = (struct adit_addr){.port = 0};
    if (conn->local && adit_ip_parse(conn->local, &local->ip) != ADIT_OK)
        return false;
    return !conn->is_bound || !conn->lport || parse_port(conn->lport, &local->port);
}

struct adit_resolve *adit_outside_find_local(struct adit_host *h, const struct adit_conf_conn *conn,
                                             const struct adit_addr *remote, adit_resolve_cb cb, void *arg)
{
    enum adit_family family = remote ? remote->ip.family : conn->family;

    return adit_resolve_start(&h->loop, conn->local, conn->is_bound ? conn->lport : NULL, family, cb, arg);
}

static void say_where(struct adit_host *h, const char *option, const struct adit_place *at)
{
    adit_error(&h->env.log, NULL, "%s:%u: `%s` names this end; check it, and this machine's DNS and services",
               at->file ? at->file : "", at->line, option);
}

bool adit_outside_local_found(struct adit_host *h, const struct adit_conf_conn *conn,
                              const struct adit_resolved *r, struct adit_addr *local)
{
    struct adit_ip ip;

    if (r->err == ADIT_OK) {
        *local = r->addrs[0];
        if (!conn->local)
            local->ip = (struct adit_ip){.family = ADIT_AF_NONE};
        return true;
    }
    adit_error(&h->env.log, NULL, "RESOLVE: %s", r->why);
    if (conn->local && adit_ip_parse(conn->local, &ip) != ADIT_OK)
        say_where(h, "local", &conn->local_at);
    else
        say_where(h, "lport", &conn->lport_at);
    return false;
}

static void set_options(const struct adit_conf *c, const struct adit_conf_conn *conn,
                        struct adit_socket_spec *spec)
{
    static const enum adit_mtu_disc discoveries[] = {
        [ADIT_MTU_DISC_DEFAULT] = ADIT_SOCKET_DISC_SYSTEM,
        [ADIT_MTU_DISC_NO] = ADIT_SOCKET_DISC_NO,
        [ADIT_MTU_DISC_MAYBE] = ADIT_SOCKET_DISC_MAYBE,
        [ADIT_MTU_DISC_YES] = ADIT_SOCKET_DISC_YES,
    };

    spec->want_bind = conn->is_bound;
    spec->is_v6only = conn->is_v6_only;
    spec->want_nodelay = true;
    spec->has_mark = c->has_mark;
    spec->mark = c->mark;
    spec->sndbuf = (int)c->sndbuf;
    spec->rcvbuf = (int)c->rcvbuf;
    spec->mtu_disc = discoveries[conn->mtu_disc];
    spec->want_pktinfo = c->is_multihome;
}

static int open_socket(struct adit_host *h, const struct adit_conf_conn *conn, struct adit_priv_req *req,
                       const struct adit_addr *remote)
{
    struct adit_priv_res res;

    req->kind = ADIT_PRIV_SOCKET_OPEN;
    req->socket.family = adit_socket_family(conn->family, &req->socket.local, remote);
    set_options(h->conf, conn, &req->socket);
    if (adit_priv_do(h->priv, req, &res) == ADIT_OK)
        return res.fd;
    adit_error(&h->env.log, NULL, "%s", res.fail.text);
    return -1;
}

int adit_outside_socket(struct adit_host *h, const struct adit_conf_conn *conn, enum adit_socket_kind kind,
                        const struct adit_addr *local, const struct adit_addr *remote)
{
    struct adit_priv_req req = {.socket.kind = kind, .socket.local = *local};

    return open_socket(h, conn, &req, remote);
}

static unsigned close_all(const int *fds, unsigned n)
{
    while (n > 0)
        close(fds[--n]);
    return 0;
}

unsigned adit_outside_port(struct adit_host *h, const struct adit_conf_conn *conn,
                           const struct adit_addr *local, int *fds, unsigned cap)
{
    unsigned want = adit_host_sockets(h), n = 0;
    struct adit_priv_req req = {.socket.kind = ADIT_SOCKET_UDP, .socket.local = *local};
    struct adit_addr at = *local;

    /* A port that is shared would also be shared with a server that somebody has forgotten here. */
    fds[0] = open_socket(h, conn, &req, NULL);
    if (fds[0] < 0)
        return 0;
    if (want == 1 || want > cap)
        return 1;
    if (adit_socket_local(fds[0], &at) != ADIT_OK)
        return 1;
    close(fds[0]);
    req.socket.want_reuseport = true;
    req.socket.local.port = at.port;
    for (; n < want; n++) {
        fds[n] = open_socket(h, conn, &req, NULL);
        if (fds[n] < 0)
            return close_all(fds, n);
    }
    if (adit_steer_datagrams(fds[0], want - 1) != ADIT_OK)
        adit_note(&h->env.log, NULL, "the kernel does not steer datagrams to workers: they are handed over");
    return n;
}

struct adit_door_params adit_outside_door(const struct adit_conf *c, const struct adit_conf_conn *conn,
                                          const struct adit_wraps *wraps)
{
    return (struct adit_door_params){
        .wrap = wraps->key,
        .v2 = wraps->v2_server,
        .is_bare_allowed = !wraps->key && !wraps->v2_server,
        .force_cookie = conn->want_force_cookie,
        .hand_window_s = c->hand_window_s,
        .initial_n = c->connect_freq_initial_n,
        .initial_s = c->connect_freq_initial_s,
        .replay_window = c->replay_window,
        .replay_s = c->replay_s,
    };
}
