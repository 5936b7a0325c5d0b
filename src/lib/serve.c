/* SPDX-License-Identifier: Apache-2.0 */
/* A server's side: strangers meet the door, and who shows a certificate gets a place, addresses, options. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "lib/parts.h"

enum {
    PUSH_LIST_MAX = 64 * 1024,
};

static adit_err make_door(struct adit_engine *e)
{
    struct adit_door_params p = {
        .wrap = e->wraps.key,
        .v2 = e->wraps.v2_server,
        .is_bare_allowed = !e->wraps.key && !e->wraps.v2_server,
        .force_cookie = e->conn->want_force_cookie,
        .hand_window_s = e->conf->hand_window_s,
        .initial_n = e->conf->connect_freq_initial_n,
        .initial_s = e->conf->connect_freq_initial_s,
        .replay_window = e->conf->replay_window,
        .replay_s = e->conf->replay_s,
    };
    adit_err err = adit_door_init(&e->door, &p, &e->env.rng);

    e->has_door = err == ADIT_OK;
    return err;
}

adit_err adit_lib_serve_init(struct adit_engine *e)
{
    const struct adit_conf *c = e->conf;
    struct adit_pool_spec pool = {
        .is_net30 = c->topology == ADIT_TOPOLOGY_NET30,
        .v6 = c->pool_ipv6,
        .v6_start = c->pool_ipv6.ip,
    };

    if (c->has_pool) {
        pool.v4_start = c->pool_start;
        pool.v4_end = c->pool_end;
    }
    e->directory = adit_directory_new(c->max_clients, &pool);
    e->routes = adit_routes_new();
    e->by_id = adit_alloc(c->max_clients * sizeof(struct adit_lib_peer *));
    e->push_list = adit_alloc(PUSH_LIST_MAX);
    if (!e->directory || !e->routes || !e->by_id || !e->push_list)
        return ADIT_E_MEMORY;
    return make_door(e);
}

void adit_lib_serve_fini(struct adit_engine *e)
{
    if (e->has_door)
        adit_door_fini(&e->door);
    adit_directory_free(e->directory);
    adit_routes_free(e->routes);
    adit_free(e->by_id);
    adit_free(e->push_list);
}

/* ---- strangers ---- */

static bool is_within_freq(struct adit_engine *e, adit_now now)
{
    const struct adit_conf *c = e->conf;

    return c->connect_freq_n == 0 || adit_rate_take(&e->freq, c->connect_freq_n, c->connect_freq_s, now);
}

static adit_err begin(struct adit_engine *e, const struct adit_addr *from, const struct adit_admission *adm,
                      adit_now now, struct adit_lib_peer **out)
{
    struct adit_session_start st = {
        .wrap = e->wraps.key,
        .wrap_static = e->wraps.static_key,
        .is_v2 = adm->is_v2,
        .is_ipv6 = from->ip.family == ADIT_AF_V6,
    };
    struct adit_lib_peer *p;

    if (!is_within_freq(e, now))
        return ADIT_E_RATE;
    if (e->n_peers >= e->cap_peers)
        return ADIT_E_FULL;
    p = adit_lib_peer_new(e, from, now);
    if (!p)
        return ADIT_E_MEMORY;
    st.subject = p->subject;
    if (adm->is_v2) {
        st.wrap = adit_wrap_key_crypt(&adm->kc, true);
        st.owns_wrap = true;
        st.wrap_static = &adm->kc;
    }
    if (st.wrap || !adm->is_v2)
        p->session = adit_session_accept(&e->params, &st, &adm->remote, adm->has_cookie ? &adm->cookie : NULL,
                                         &e->env, now);
    if (!p->session) {
        adit_lib_peer_free(p);
        return ADIT_E_MEMORY;
    }
    e->peers[e->n_peers++] = p;
    *out = p;
    return ADIT_OK;
}

adit_err adit_lib_serve_stranger(struct adit_engine *e, const struct adit_addr *from, adit_bytes packet,
                                 adit_now now, struct adit_lib_peer **out)
{
    struct adit_wr reply = adit_wr_of(e->reply, sizeof e->reply);
    struct adit_admission adm;
    adit_err err = ADIT_OK;

    *out = NULL;
    switch (adit_door_recv(&e->door, from, packet, now, &reply, &adm, &err)) {
    case ADIT_DOOR_REPLY:
        e->reply_n = adit_wr_len(&reply);
        e->reply_to = *from;
        return ADIT_OK;
    case ADIT_DOOR_DROP:
        return err;
    case ADIT_DOOR_ADMIT:
        break;
    }
    err = begin(e, from, &adm, now, out);
    adit_wipe(&adm.kc, sizeof adm.kc);
    return err;
}

/* ---- admission ---- */

static void refuse(struct adit_lib_peer *p, const char *reason, adit_now now)
{
    adit_error(&p->e->env.log, p->subject, "client refused: %s", reason);
    if (adit_session_refuse(p->session, reason, now) != ADIT_OK)
        adit_session_end(p->session, ADIT_E_AUTH_DENIED, 0, now);
}

/* A client that does not know TEMP would take AUTH_FAILED for a wrong password: it gets silence. */
static void refuse_full(struct adit_lib_peer *p, const struct adit_peer_info *info, adit_now now)
{
    adit_warn(&p->e->env.log, p->subject, "no place for another client (max-clients, or the address pool)");
    if (!(info->iv_proto & ADIT_IV_AUTH_FAIL_TEMP) ||
        adit_session_refuse(p->session, "TEMP[backoff 15]:the server is full", now) != ADIT_OK)
        adit_session_end(p->session, ADIT_E_FULL, 0, now);
}

/* One client of a name at a time, unless duplicate-cn; and of one address and port always. */
static void drop_predecessors(struct adit_lib_peer *p)
{
    struct adit_engine *e = p->e;

    for (size_t i = 0; i < e->n_peers; i++) {
        struct adit_lib_peer *other = e->peers[i];
        bool is_same_name = !e->conf->is_duplicate_cn && strcmp(other->name, p->name) == 0;

        if (other == p || !other->is_admitted)
            continue;
        if (is_same_name || adit_addr_eq(&other->remote, &p->remote))
            adit_lib_peer_close(other, ADIT_E_REPLACED, adit_bytes_of(NULL, 0));
    }
}

static void route(struct adit_lib_peer *p, const struct adit_ip *ip, bool is_add)
{
    struct adit_prefix one = {.ip = *ip, .bits = ip->family == ADIT_AF_V6 ? 128 : 32};

    if (ip->family == ADIT_AF_NONE)
        return;
    if (!is_add)
        adit_routes_del(p->e->routes, &one, p->lease.peer_id);
    else if (adit_routes_add(p->e->routes, &one, p->lease.peer_id) != ADIT_OK)
        adit_error(&p->e->env.log, p->subject, "no memory for the client's address");
}

void adit_lib_serve_forget(struct adit_lib_peer *p)
{
    if (!p->is_admitted)
        return;
    route(p, &p->lease.v4, false);
    route(p, &p->lease.v6, false);
    p->e->by_id[p->lease.peer_id] = NULL;
    adit_directory_leave(p->e->directory, p->lease.peer_id);
    p->is_admitted = false;
}

static void settle(struct adit_lib_peer *p, const struct adit_peer_info *info, adit_now now)
{
    struct adit_engine *e = p->e;
    struct adit_wr w = adit_wr_of(e->push_list, PUSH_LIST_MAX);

    p->is_admitted = true;
    e->by_id[p->lease.peer_id] = p;
    if (p->agreed.peer_id != ADIT_PEER_ID_NONE)
        p->agreed.peer_id = p->lease.peer_id;
    route(p, &p->lease.v4, true);
    route(p, &p->lease.v6, true);
    adit_lib_peer_begin_data(p);
    adit_terms_push(&e->terms, &p->lease, &p->agreed, info, &w);
    if (w.bad)
        adit_error(&e->env.log, p->subject, "push: the list of options is too long; the end is left out");
    if (adit_session_admit(p->session, &p->agreed, adit_wr_view(&w), now) != ADIT_OK)
        adit_session_end(p->session, ADIT_E_MEMORY, 0, now);
}

void adit_lib_serve_admit(struct adit_lib_peer *p, const struct adit_event *ev, adit_now now)
{
    struct adit_peer_info info;
    const char *reason = NULL;

    if (ev->is_renewal) {
        /* Certificates were compared by the session; what was agreed stays. */
        if (adit_session_admit(p->session, &p->agreed, adit_bytes_of(NULL, 0), now) != ADIT_OK)
            adit_session_end(p->session, ADIT_E_STATE, 0, now);
        return;
    }
    adit_peer_info_parse(ev->peer_info, &info);
    if (!ev->identity->has_cert) {
        refuse(p, "no certificate was shown, and this server has no other way to know its clients", now);
        return;
    }
    snprintf(p->name, sizeof p->name, "%s", ev->identity->common_name);
    if (adit_terms_agree_server(&p->e->terms, &info, ev->peer_options, 0, &p->agreed, &reason) != ADIT_OK) {
        refuse(p, reason, now);
        return;
    }
    drop_predecessors(p);
    if (adit_directory_join(p->e->directory, p->name, &p->lease) != ADIT_OK)
        refuse_full(p, &info, now);
    else
        settle(p, &info, now);
}
