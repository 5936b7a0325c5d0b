/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "lib/parts.h"
#include "wire/ip.h"

/* ---- values of the two sides of the door ---- */

struct adit_endpoint adit_lib_endpoint(const struct adit_addr *a)
{
    struct adit_endpoint p = {.family = a->ip.family, .port = a->port};

    memcpy(p.ip, a->ip.b, sizeof p.ip);
    return p;
}

struct adit_addr adit_lib_addr(const struct adit_endpoint *p)
{
    struct adit_addr a = {.port = p->port};

    a.ip.family = p->family;
    memcpy(a.ip.b, p->ip, p->family == ADIT_AF_V4 ? 4 : 16);
    return a;
}

/* ---- what the program lends ---- */

static _Bool fill(void *ctx, uint8_t *dst, size_t n)
{
    struct adit_engine *e = ctx;

    return e->callbacks.random(e->callbacks.ctx, dst, n) != 0;
}

static void put_log(void *ctx, enum adit_log_kind kind, int verb, const char *line)
{
    struct adit_engine *e = ctx;

    (void)verb;
    if (e->report && kind <= ADIT_LOG_WARN)
        adit_report_line(e->report, line);
    if (e->callbacks.log)
        e->callbacks.log(e->callbacks.ctx, (int)kind, line);
}

/* ---- material: nothing but what stands in the configuration ---- */

static adit_err fetch(const struct adit_file_ref *ref, const char *option, const struct adit_log *log,
                      struct adit_material_text *t)
{
    *t = (struct adit_material_text){0};
    if (ref->inline_text)
        t->b = adit_bytes_str(ref->inline_text);
    if (ref->inline_text || !ref->path)
        return ADIT_OK;
    adit_error(log, NULL, "%s: the library opens no files; put the content of '%s' into <%s>...</%s>", option,
               ref->path, option, option);
    return ADIT_E_FILE;
}

static void warn_if_open(const struct adit_file_ref *ref, const struct adit_log *log)
{
    (void)ref;
    (void)log;
}

static adit_err passphrase(const struct adit_conf *c, adit_bytes key, const struct adit_log *log, char *dst,
                           size_t cap)
{
    (void)key;
    (void)cap;
    dst[0] = '\0';
    if (!c->has_askpass)
        return ADIT_OK;
    adit_error(log, NULL, "askpass: the library asks nobody; give the key without a pass phrase");
    return ADIT_E_FILE;
}

static const struct adit_material_source from_text = {
    .fetch = fetch, .warn_if_open = warn_if_open, .passphrase = passphrase};

/* ---- life ---- */

static adit_err read_login(struct adit_engine *e)
{
    struct adit_material_text t;
    adit_err err;

    if (e->is_server || !e->conf->has_auth_user_pass)
        return ADIT_OK;
    err = fetch(&e->conf->auth_user_pass, "auth-user-pass", &e->env.log, &t);
    if (err != ADIT_OK)
        return err;
    adit_login_read(&e->login, t.b);
    if (e->login.user[0]) {
        e->params.user = e->login.user;
        e->params.password = e->login.password;
        return ADIT_OK;
    }
    adit_error(&e->env.log, NULL,
               "auth-user-pass: put name and password, a line each, into <auth-user-pass>...");
    return ADIT_E_CONFIG;
}

static adit_err prepare(struct adit_engine *e, adit_now now)
{
    adit_err err = adit_terms_init(&e->terms, e->conf, &e->env.log);

    if (err != ADIT_OK)
        return err;
    adit_terms_for(&e->terms, e->conn, false);
    err = adit_wraps_make(&e->wraps, e->conf, e->conn, e->terms.auth, &from_text, &e->env.log);
    if (err != ADIT_OK)
        return err;
    e->tls = adit_tls_make(e->conf, &from_text, &e->env, now);
    if (!e->tls)
        return ADIT_E_CONFIG;
    e->params = adit_terms_params(&e->terms, e->conn);
    e->params.tls = &adit_tls_ossl;
    e->params.tls_ctx = e->tls;
    e->cap_peers = e->is_server ? e->conf->max_clients + ADIT_LIB_PENDING : 1;
    e->peers = adit_alloc(e->cap_peers * sizeof(struct adit_lib_peer *));
    if (!e->peers)
        return ADIT_E_MEMORY;
    err = read_login(e);
    return err == ADIT_OK && e->is_server ? adit_lib_serve_init(e) : err;
}

static adit_err connect_client(struct adit_engine *e, const struct adit_endpoint *server, adit_now now)
{
    struct adit_session_start st = {
        .wrap = e->wraps.key, .wrap_static = e->wraps.static_key, .is_ipv6 = server->family == ADIT_AF_V6};
    struct adit_addr remote = adit_lib_addr(server);
    struct adit_lib_peer *p = adit_lib_peer_new(e, &remote, now);

    if (!p)
        return ADIT_E_MEMORY;
    if (e->wraps.v2_client) {
        st.is_v2 = true;
        st.wkc = adit_bytes_of(e->wraps.v2_client->wkc, e->wraps.v2_client->wkc_len);
    }
    e->peers[e->n_peers++] = p;
    p->session = adit_session_connect(&e->params, &st, &e->env, now);
    return p->session ? ADIT_OK : ADIT_E_RANDOM;
}

static adit_err start(struct adit_engine *e, const struct adit_engine_params *params, adit_now now)
{
    adit_err err;

    if (!e->is_server && params->remote >= e->conf->n_conns && params->remote > 0)
        return ADIT_E_CONFIG;
    e->conn = e->is_server || e->conf->n_conns == 0 ? &e->conf->conn : &e->conf->conns[params->remote];
    err = prepare(e, now);
    if (err != ADIT_OK || e->is_server)
        return err;
    return connect_client(e, &params->server, now);
}

struct adit_engine *adit_engine_new(const struct adit_engine_params *params, struct adit_time now,
                                    char *report, size_t cap)
{
    struct adit_engine *e = adit_alloc(sizeof *e);
    struct adit_report out;
    adit_err err;

    adit_report_begin(&out, report, cap);
    if (!e)
        return NULL;
    e->callbacks = params->callbacks;
    e->conf = params->config->conf;
    e->is_server = e->conf->mode == ADIT_MODE_SERVER;
    e->env.rng = (struct adit_rng){.fill = fill, .ctx = e};
    e->env.log = (struct adit_log){.put = put_log, .ctx = e, .verb = (int)e->conf->verb};
    e->report = &out;
    err = start(e, params, adit_lib_now(now));
    e->report = NULL;
    if (err == ADIT_OK)
        return e;
    if (out.n == 0)
        adit_report_line(&out, adit_err_text(err));
    adit_engine_free(e);
    return NULL;
}

void adit_engine_free(struct adit_engine *e)
{
    if (!e)
        return;
    for (size_t i = 0; i < e->n_peers; i++)
        adit_lib_peer_free(e->peers[i]);
    adit_lib_peer_free(e->last_told);
    adit_free(e->peers);
    adit_lib_serve_fini(e);
    adit_tls_ctx_free(e->tls);
    adit_wraps_free(&e->wraps);
    adit_free_secret(e, sizeof *e);
}

/* ---- datagrams in ---- */

static struct adit_lib_peer *at_address(struct adit_engine *e, const struct adit_addr *from)
{
    for (size_t i = 0; i < e->n_peers; i++) {
        struct adit_lib_peer *p = e->peers[i];

        if (!p->is_closed && p->has_halves && adit_addr_eq(&p->remote, from))
            return p;
    }
    return NULL;
}

/* Of a client's session: the one whose id the packet has, from the address that it was opened from. */
static struct adit_lib_peer *speaker_of(struct adit_engine *e, const struct adit_addr *from,
                                        adit_bytes packet)
{
    struct adit_rd r = adit_rd_of(packet);
    adit_bytes sid;

    adit_rd_u8(&r);
    sid = adit_rd_take(&r, ADIT_SID_LEN);
    for (size_t i = 0; i < e->n_peers; i++) {
        struct adit_lib_peer *p = e->peers[i];

        if (p->is_closed || !(adit_addr_eq(&p->remote, from) || (!e->is_server && e->conn->can_float)))
            continue;
        if (!e->is_server ||
            adit_bytes_eq(sid, adit_bytes_of(adit_session_remote_sid(p->session)->b, ADIT_SID_LEN)))
            return p;
    }
    return NULL;
}

static adit_err recv_control(struct adit_engine *e, const struct adit_addr *from, adit_bytes packet,
                             adit_now now)
{
    struct adit_lib_peer *p = speaker_of(e, from, packet);
    adit_err err = ADIT_OK;

    if (!p && !e->is_server)
        return ADIT_E_NO_PEER;
    if (!p)
        err = adit_lib_serve_stranger(e, from, packet, now, &p);
    if (!p)
        return err;
    err = adit_session_recv(p->session, packet, now);
    if (err == ADIT_OK)
        p->rx_ns = now.mono_ns;
    adit_lib_peer_service(p, now);
    return err;
}

/* The packet was authentic, so the peer is there now, unless somebody else is. */
static adit_err follow(struct adit_lib_peer *p, const struct adit_addr *from)
{
    if (adit_addr_eq(&p->remote, from))
        return ADIT_OK;
    if (at_address(p->e, from))
        return ADIT_E_FLOAT;
    p->remote = *from;
    adit_addr_str(from, p->subject, sizeof p->subject);
    p->facts |= 1U << ADIT_FACT_MOVED;
    return ADIT_OK;
}

static struct adit_lib_peer *owner_of(struct adit_engine *e, const struct adit_addr *from, adit_bytes packet)
{
    uint32_t id;

    if (!e->is_server)
        return e->n_peers > 0 ? e->peers[0] : NULL;
    if (adit_data_peer_id(packet, &id) && id != ADIT_PEER_ID_NONE)
        return id < e->conf->max_clients ? e->by_id[id] : NULL;
    return at_address(e, from);
}

static adit_err take_payload(struct adit_lib_peer *p, struct adit_open_op *op, struct adit_received *out)
{
    struct adit_ip_peek peek;

    switch (adit_payload_kind_of(op->payload)) {
    case ADIT_PAYLOAD_OCC_EXIT:
        adit_lib_peer_close(p, ADIT_E_PEER_EXIT, adit_bytes_of(NULL, 0));
        return ADIT_OK;
    case ADIT_PAYLOAD_PING:
    case ADIT_PAYLOAD_OCC_REQUEST:
    case ADIT_PAYLOAD_OCC_OTHER:
        return ADIT_OK;
    case ADIT_PAYLOAD_PACKET:
        break;
    }
    if (adit_ip_peek(op->payload, &peek) != ADIT_OK)
        return ADIT_E_MALFORMED;
    if (p->e->is_server && adit_routes_find(p->e->routes, &peek.src) != p->lease.peer_id)
        return ADIT_E_SOURCE;
    out->packet = op->packet + (op->payload.p - op->packet);
    out->n = op->payload.n;
    out->peer = p->e->is_server ? p->lease.peer_id : 0;
    adit_mss_lower(out->packet, out->n, p->mss.v4, p->mss.v6);
    return ADIT_OK;
}

static adit_err recv_data(struct adit_engine *e, const struct adit_addr *from, struct adit_open_op *op,
                          adit_now now, struct adit_received *out)
{
    struct adit_lib_peer *p = owner_of(e, from, adit_bytes_of(op->packet, op->n));
    uint8_t key_id = adit_packet_key_id(op->packet[0]);
    adit_err err;

    if (!p || p->is_closed || !p->has_halves)
        return ADIT_E_NO_PEER;
    if (!e->is_server && !e->conn->can_float && !adit_addr_eq(&p->remote, from))
        return ADIT_E_FLOAT;
    adit_rx_open(&p->rx, op, 1, now);
    err = op->err == ADIT_OK ? follow(p, from) : op->err;
    if (err != ADIT_OK)
        return err;
    p->rx_ns = now.mono_ns;
    err = take_payload(p, op, out);
    if (!p->is_closed)
        adit_lib_peer_check_wear(p, key_id, now);
    return err;
}

int adit_engine_recv(struct adit_engine *e, const struct adit_endpoint *from, uint8_t *datagram, size_t n,
                     struct adit_time now, struct adit_received *out)
{
    struct adit_open_op op = {.packet = datagram, .n = n};
    struct adit_addr addr = adit_lib_addr(from);
    adit_err err = ADIT_E_OPCODE;

    *out = (struct adit_received){0};
    if (n > 0 && adit_packet_is_data(datagram[0]))
        err = recv_data(e, &addr, &op, adit_lib_now(now), out);
    else if (n > 0 && adit_packet_is_control(datagram[0]))
        err = recv_control(e, &addr, adit_bytes_of(datagram, n), adit_lib_now(now));
    if (err != ADIT_OK)
        out->dropped = adit_err_text(err);
    return out->packet != NULL;
}

/* ---- datagrams out ---- */

int adit_engine_send(struct adit_engine *e, uint8_t *packet, size_t n, struct adit_time now,
                     struct adit_datagram *out)
{
    struct adit_lib_peer *p = !e->is_server && e->n_peers > 0 ? e->peers[0] : NULL;
    struct adit_ip_peek peek;
    adit_err err = adit_ip_peek(adit_bytes_of(packet, n), &peek);
    uint32_t id;

    out->n = 0;
    if (err == ADIT_OK && e->is_server) {
        id = adit_routes_find(e->routes, &peek.dst);
        p = id < e->conf->max_clients ? e->by_id[id] : NULL;
        err = p ? ADIT_OK : ADIT_E_NO_ROUTE;
    }
    if (err == ADIT_OK && (!p || p->is_closed || !p->is_up))
        err = ADIT_E_NO_PEER;
    if (err == ADIT_OK) {
        adit_mss_lower(packet, n, p->mss.v4, p->mss.v6);
        err = adit_lib_peer_seal(p, adit_bytes_of(packet, n), adit_lib_now(now), out);
    }
    out->why = err == ADIT_OK ? NULL : adit_err_text(err);
    return err == ADIT_OK;
}

int adit_engine_next_datagram(struct adit_engine *e, struct adit_time now, struct adit_datagram *out)
{
    out->n = 0;
    out->why = NULL;
    if (out->cap < ADIT_DATAGRAM_CAP)
        return 0;
    if (e->reply_n > 0) {
        memcpy(out->b, e->reply, e->reply_n);
        out->n = e->reply_n;
        out->to = adit_lib_endpoint(&e->reply_to);
        e->reply_n = 0;
        return 1;
    }
    for (size_t i = 0; i < e->n_peers; i++) {
        size_t at = (e->at_tx + i) % e->n_peers;

        if (adit_lib_peer_next_tx(e->peers[at], adit_lib_now(now), out)) {
            e->at_tx = at;
            return 1;
        }
    }
    return 0;
}

/* ---- time, and what the program wants ---- */

uint64_t adit_engine_deadline(const struct adit_engine *e)
{
    uint64_t at = ADIT_NEVER;

    for (size_t i = 0; i < e->n_peers; i++)
        at = adit_earlier(at, adit_lib_peer_deadline(e->peers[i]));
    return at;
}

void adit_engine_tick(struct adit_engine *e, struct adit_time now)
{
    for (size_t i = 0; i < e->n_peers; i++)
        adit_lib_peer_tick(e->peers[i], adit_lib_now(now));
}

static bool is_meant(const struct adit_lib_peer *p, uint32_t peer)
{
    uint32_t number = p->e->is_server ? p->lease.peer_id : 0;

    return !p->is_closed &&
           (peer == ADIT_ALL_PEERS || (number == peer && (p->is_admitted || !p->e->is_server)));
}

void adit_engine_renegotiate(struct adit_engine *e, uint32_t peer, struct adit_time now)
{
    for (size_t i = 0; i < e->n_peers; i++) {
        if (!is_meant(e->peers[i], peer))
            continue;
        adit_session_renegotiate(e->peers[i]->session, adit_lib_now(now));
        adit_lib_peer_service(e->peers[i], adit_lib_now(now));
    }
}

void adit_engine_close(struct adit_engine *e, uint32_t peer, struct adit_time now)
{
    for (size_t i = 0; i < e->n_peers; i++) {
        if (is_meant(e->peers[i], peer))
            adit_lib_peer_leave(e->peers[i], adit_lib_now(now));
    }
}

/* ---- facts ---- */

static struct adit_inner_address inner(const struct adit_ip *ip, const struct adit_ip *second, uint8_t bits)
{
    struct adit_inner_address a = {.family = ip->family, .bits = bits};

    memcpy(a.ip, ip->b, sizeof a.ip);
    if (second)
        memcpy(a.peer, second->b, sizeof a.peer);
    return a;
}

static void tell_addresses(const struct adit_lib_peer *p, struct adit_fact *f)
{
    const struct adit_pushed *pushed = p->pushed;
    uint8_t bits;

    f->mtu = pushed ? pushed->tun_mtu : p->e->conn->tun_mtu;
    if (p->e->is_server) {
        f->v4 = inner(&p->lease.v4, NULL, 32);
        f->v6 = inner(&p->lease.v6, NULL, 128);
        return;
    }
    if (!pushed)
        return;
    if (pushed->ifconfig.is_set && pushed->topology == ADIT_TOPOLOGY_SUBNET &&
        adit_netmask_bits(&pushed->ifconfig.remote_or_mask, &bits))
        f->v4 = inner(&pushed->ifconfig.local, NULL, bits);
    else if (pushed->ifconfig.is_set)
        f->v4 = inner(&pushed->ifconfig.local, &pushed->ifconfig.remote_or_mask, 32);
    if (pushed->ifconfig_ipv6.is_set)
        f->v6 = inner(&pushed->ifconfig_ipv6.local, &pushed->ifconfig_ipv6.remote_or_mask,
                      pushed->ifconfig_ipv6.bits);
}

static void tell(struct adit_lib_peer *p, enum adit_fact_kind kind, struct adit_fact *f)
{
    p->facts &= ~(1U << kind);
    *f = (struct adit_fact){
        .kind = kind,
        .peer = p->e->is_server ? p->lease.peer_id : 0,
        .name = p->name,
        .remote = adit_lib_endpoint(&p->remote),
        .pushed = p->push_text ? p->push_text : "",
        .reason = p->reason,
    };
    tell_addresses(p, f);
}

/* A server's peer that has told all lives until the next call; one that never came up has nothing to tell. */
static bool retire(struct adit_engine *e, size_t at)
{
    struct adit_lib_peer *p = e->peers[at];

    if (!e->is_server || !p->is_closed || (p->is_up && p->facts != 0))
        return false;
    adit_lib_peer_free(e->last_told);
    e->last_told = p;
    e->peers[at] = e->peers[--e->n_peers];
    return true;
}

int adit_engine_next_fact(struct adit_engine *e, struct adit_fact *fact)
{
    for (size_t i = 0; i < e->n_peers; i++) {
        struct adit_lib_peer *p = e->peers[i];

        for (unsigned kind = ADIT_FACT_UP; kind <= ADIT_FACT_CLOSED; kind++) {
            if (!(p->facts & 1U << kind) || (e->is_server && !p->is_up))
                continue;
            tell(p, (enum adit_fact_kind)kind, fact);
            retire(e, i);
            return 1;
        }
        i -= retire(e, i);
    }
    return 0;
}
