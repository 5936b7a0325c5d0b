/* SPDX-License-Identifier: Apache-2.0 */
/* A server's policy: the door, its callers, what they get, their ends. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "world.h"

enum {
    UDP_LINK = 0,
    NOBODY = 0xffffffff,
    YOUNG_S = 5,
    GOODBYE_S = 5,
    PUSH_MAX = 64 * 1024,
};

static void service(struct sim_host *h, uint32_t i, bool is_ticked);

/* ---- finding ---- */

static uint32_t bucket_of(const struct adit_addr *remote, const struct adit_sid *sid)
{
    uint32_t x;

    memcpy(&x, sid->b, sizeof x);
    return (x ^ (uint32_t)remote->port * 2654435761U ^ adit_ip_v4_host(&remote->ip)) % SIM_CALLER_BUCKETS;
}

static uint32_t find(const struct sim_server *sv, const struct adit_addr *remote, const struct adit_sid *sid)
{
    uint32_t i = sv->buckets[bucket_of(remote, sid)];

    while (i != NOBODY &&
           !(adit_sid_eq(&sv->callers[i].sid, sid) && adit_addr_eq(&sv->callers[i].remote, remote)))
        i = sv->callers[i].next;
    return i;
}

static void hang_in(struct sim_server *sv, uint32_t i)
{
    struct sim_caller *c = &sv->callers[i];
    uint32_t *head = &sv->buckets[bucket_of(&c->remote, &c->sid)];

    c->next = *head;
    *head = i;
}

static void take_out(struct sim_server *sv, uint32_t i)
{
    struct sim_caller *c = &sv->callers[i];
    uint32_t *at = &sv->buckets[bucket_of(&c->remote, &c->sid)];

    while (*at != NOBODY && *at != i)
        at = &sv->callers[*at].next;
    if (*at == i)
        *at = c->next;
}

static uint32_t caller_on(const struct sim_server *sv, int link)
{
    for (uint32_t i = 0; i < sv->max_callers; i++) {
        if (sv->callers[i].is_used && sv->callers[i].is_stream && sv->callers[i].link == link)
            return i;
    }
    return NOBODY;
}

struct sim_caller *sim_server_caller_named(struct sim_host *h, const char *name)
{
    struct sim_server *sv = &h->server;

    for (uint32_t i = 0; i < sv->max_callers; i++) {
        if (sv->callers[i].is_used && sv->callers[i].is_admitted && strcmp(sv->callers[i].name, name) == 0)
            return &sv->callers[i];
    }
    return NULL;
}

/* ---- callers ---- */

static void end_caller(struct sim_host *h, uint32_t i, adit_err reason)
{
    struct sim_server *sv = &h->server;
    struct sim_caller *c = &sv->callers[i];
    struct adit_cmd cmd = {.kind = ADIT_CMD_PEER_DEL, .peer = c->lease.peer_id};

    sim_trace(h->w, h, "caller %u (%s) ends: %s", i, c->name, adit_err_text(reason));
    sim_check_end(h, reason);
    if (c->session)
        sim_check_forget_keys(h, c->session);
    if (c->is_stream) {
        struct adit_cmd del = {.kind = ADIT_CMD_LINK_DEL, .link = {.link = c->link}};

        sim_host_post(h, &del);
    } else {
        take_out(sv, i);
    }
    if (c->is_admitted) {
        sim_host_post(h, &cmd);
        sv->gone_due[c->lease.peer_id]++;
        sv->by_peer[c->lease.peer_id] = NOBODY;
        adit_directory_leave(sv->directory, c->lease.peer_id);
    }
    adit_session_free(c->session);
    *c = (struct sim_caller){.next = NOBODY, .timer_ns = ADIT_NEVER};
    sv->n_callers--;
}

/* The oldest that has not shown who it is gives way. */
static bool make_room(struct sim_host *h)
{
    struct sim_server *sv = &h->server;
    uint32_t oldest = NOBODY;

    if (sv->n_callers < sv->max_callers)
        return true;
    for (uint32_t i = 0; i < sv->max_callers; i++) {
        if (sv->callers[i].is_used && !sv->callers[i].is_admitted &&
            (oldest == NOBODY || sv->callers[i].opened_ns < sv->callers[oldest].opened_ns))
            oldest = i;
    }
    if (oldest == NOBODY || h->w->now.mono_ns - sv->callers[oldest].opened_ns < YOUNG_S * ADIT_NS_PER_S)
        return false;
    end_caller(h, oldest, ADIT_E_FULL);
    return true;
}

static uint32_t new_caller(struct sim_host *h)
{
    struct sim_server *sv = &h->server;

    if (!make_room(h))
        return NOBODY;
    for (uint32_t i = 0; i < sv->max_callers; i++) {
        struct sim_caller *c = &sv->callers[i];

        if (c->is_used)
            continue;
        *c = (struct sim_caller){.is_used = true, .next = NOBODY, .timer_ns = ADIT_NEVER};
        c->opened_ns = c->heard_ns = h->w->now.mono_ns;
        sv->n_callers++;
        return i;
    }
    return NOBODY;
}

/* False: the caller is gone. */
static bool begin_session(struct sim_host *h, uint32_t i, const struct adit_admission *adm)
{
    struct sim_caller *c = &h->server.callers[i];
    struct adit_session_start st = {
        .wrap = h->end->wrap,
        .wrap_static = h->w->plan->wrap == SIM_BARE ? NULL : &h->w->static_key,
        .is_v2 = adm->is_v2,
        .is_tcp = c->is_stream,
    };

    c->sid = adm->remote;
    if (!c->is_stream)
        hang_in(&h->server, i);
    if (adm->is_v2) {
        st.wrap = adit_wrap_key_crypt(&adm->kc, true);
        st.owns_wrap = true;
        st.wrap_static = &adm->kc;
    }
    if (st.wrap || !adm->is_v2)
        c->session = adit_session_accept(&h->params, &st, &adm->remote, adm->has_cookie ? &adm->cookie : NULL,
                                         &h->env, sim_host_now(h));
    h->facts.n_sessions++;
    if (c->session)
        return true;
    end_caller(h, i, ADIT_E_MEMORY);
    return false;
}

void sim_server_on_stream(struct sim_host *h, uint32_t client)
{
    struct sim_host *from = &h->w->hosts[client];
    uint32_t i = new_caller(h);
    struct sim_caller *c;

    if (i == NOBODY) {
        sim_net_hang_up(from, true);
        return;
    }
    c = &h->server.callers[i];
    c->is_stream = true;
    c->link = from->stream.server_link = h->server.next_link++;
    c->remote = from->address;
    sim_plane_stream_open(sim_host_member_of(h, c->link), c->link);
    sim_host_plan(h, adit_now_after_s(h->w->now, h->params.hand_window_s), &c->timer_ns, &c->timer_serial, i);
}

/* ---- what a client gets ---- */

static void refuse(struct sim_host *h, struct sim_caller *c, const char *reason)
{
    if (adit_session_refuse(c->session, reason, sim_host_now(h)) != ADIT_OK)
        adit_session_end(c->session, ADIT_E_AUTH_DENIED, 0, sim_host_now(h));
}

static void drop_predecessors(struct sim_host *h, uint32_t mine)
{
    struct sim_server *sv = &h->server;
    const struct sim_caller *c = &sv->callers[mine];

    for (uint32_t i = 0; i < sv->max_callers; i++) {
        struct sim_caller *o = &sv->callers[i];

        if (i == mine || !o->is_used || !o->is_admitted)
            continue;
        if ((!h->end->conf->is_duplicate_cn && strcmp(o->name, c->name) == 0) ||
            (!c->is_stream && adit_addr_eq(&o->remote, &c->remote)))
            end_caller(h, i, ADIT_E_REPLACED);
    }
}

static void route(struct sim_host *h, adit_peer peer, const struct adit_ip *ip)
{
    struct adit_cmd cmd = {.kind = ADIT_CMD_ROUTE_ADD, .peer = peer};

    if (ip->family == ADIT_AF_NONE)
        return;
    cmd.route = (struct adit_prefix){.ip = *ip, .bits = ip->family == ADIT_AF_V6 ? 128 : 32};
    sim_host_post(h, &cmd);
}

static void set_peer(struct sim_host *h, uint32_t i, bool is_new)
{
    struct sim_caller *c = &h->server.callers[i];
    const struct adit_conf *conf = h->end->conf;
    struct adit_cmd cmd = {.kind = is_new ? ADIT_CMD_PEER_NEW : ADIT_CMD_PEER_SET, .peer = c->lease.peer_id};

    cmd.spec = (struct adit_peer_spec){
        .peer = c->lease.peer_id,
        .link = c->link,
        .remote = c->remote,
        .wire_peer_id = c->agreed.peer_id,
        .may_float = !c->is_stream,
        .check_source = true,
        .ping_s = c->is_up ? conf->ping_s : 0,
        .silent_s = conf->ping_restart_s,
        .replay_window = conf->replay_window,
        .replay_s = conf->replay_s,
        .limit = {.bytes = conf->reneg_bytes, .packets = conf->reneg_packets},
    };
    sim_host_post(h, &cmd);
}

/* It may receive from now on. Nothing is sent to it yet, since the client does not have its keys. */
static void add_peer(struct sim_host *h, uint32_t i)
{
    struct sim_caller *c = &h->server.callers[i];

    c->is_admitted = true;
    h->server.by_peer[c->lease.peer_id] = i;
    set_peer(h, i, true);
}

static void on_up(struct sim_host *h, uint32_t i)
{
    struct sim_caller *c = &h->server.callers[i];

    c->is_up = true;
    h->facts.n_ups++;
    set_peer(h, i, false);
    route(h, c->lease.peer_id, &c->lease.v4);
    route(h, c->lease.peer_id, &c->lease.v6);
    sim_trace(h->w, h, "%s is up as peer %u", c->name, c->lease.peer_id);
}

static void admit_new(struct sim_host *h, uint32_t i, const struct adit_event *ev)
{
    static uint8_t list[PUSH_MAX];
    struct sim_caller *c = &h->server.callers[i];
    struct adit_wr push = adit_wr_of(list, sizeof list);
    struct adit_peer_info info;
    const char *reason = NULL;

    adit_peer_info_parse(ev->peer_info, &info);
    snprintf(c->name, sizeof c->name, "%.15s", ev->identity->common_name);
    if (h->w->refused[0] && strcmp(c->name, h->w->refused) == 0) {
        refuse(h, c, "not today");
        return;
    }
    if (adit_terms_agree_server(&h->end->terms, &info, ev->peer_options, 0, &c->agreed, &reason) != ADIT_OK) {
        refuse(h, c, reason);
        return;
    }
    drop_predecessors(h, i);
    if (adit_directory_join(h->server.directory, c->name, &c->lease) != ADIT_OK) {
        refuse(h, c, "TEMP[backoff 15]:the server is full");
        return;
    }
    if (c->agreed.peer_id != ADIT_PEER_ID_NONE)
        c->agreed.peer_id = c->lease.peer_id;
    add_peer(h, i);
    adit_terms_push(&h->end->terms, &c->lease, &c->agreed, &info, &push);
    if (push.bad)
        sim_break(h->w, "server: the push list is too long");
    if (adit_session_admit(c->session, &c->agreed, adit_wr_view(&push), sim_host_now(h)) != ADIT_OK)
        adit_session_end(c->session, ADIT_E_MEMORY, 0, sim_host_now(h));
}

static void admit(struct sim_host *h, uint32_t i, const struct adit_event *ev)
{
    struct sim_caller *c = &h->server.callers[i];

    if (!ev->is_renewal)
        admit_new(h, i, ev);
    else if (h->w->refused[0] && strcmp(c->name, h->w->refused) == 0)
        refuse(h, c, "not any more");
    else if (adit_session_admit(c->session, &c->agreed, adit_bytes_of(NULL, 0), sim_host_now(h)) != ADIT_OK)
        adit_session_end(c->session, ADIT_E_STATE, 0, sim_host_now(h));
}

/* ---- a session's facts ---- */

static void on_key(struct sim_host *h, uint32_t i, enum adit_cmd_kind kind, uint8_t key_id)
{
    struct adit_cmd cmd = {.kind = kind, .peer = h->server.callers[i].lease.peer_id, .key_id = key_id};

    sim_host_post(h, &cmd);
}

static void on_keys(struct sim_host *h, uint32_t i, const struct adit_event *ev)
{
    struct sim_caller *c = &h->server.callers[i];
    struct adit_cmd cmd = {.kind = ADIT_CMD_KEY_NEW, .peer = c->lease.peer_id, .keys = ev->keys};

    sim_check_keys(h, c->session, &ev->keys);
    h->facts.n_keys++;
    sim_host_post(h, &cmd);
}

/* False: the caller is gone. */
static bool handle(struct sim_host *h, uint32_t i, struct adit_event *ev)
{
    switch (ev->kind) {
    case ADIT_EV_AUTH_WANTED:
        admit(h, i, ev);
        break;
    case ADIT_EV_KEYS:
        on_keys(h, i, ev);
        break;
    case ADIT_EV_KEY_USE:
        on_key(h, i, ADIT_CMD_KEY_USE, ev->key_id);
        break;
    case ADIT_EV_KEY_DROP:
        on_key(h, i, ADIT_CMD_KEY_DEL, ev->key_id);
        break;
    case ADIT_EV_UP:
        on_up(h, i);
        break;
    case ADIT_EV_CLOSED:
        end_caller(h, i, ev->reason);
        return false;
    case ADIT_EV_PUSHED:
        sim_break(h->w, "server: somebody pushes");
        break;
    case ADIT_EV_TLS_UP:
    case ADIT_EV_TEXT:
        break;
    }
    return true;
}

static void service(struct sim_host *h, uint32_t i, bool is_ticked)
{
    struct sim_caller *c = &h->server.callers[i];
    struct adit_event ev;

    while (adit_session_next_event(c->session, &ev)) {
        if (!handle(h, i, &ev))
            return;
        adit_wipe(&ev.keys, sizeof ev.keys);
    }
    sim_host_flush(h, c->session, c->link, c->is_stream ? NULL : &c->remote);
    sim_check_session(h, c->session, is_ticked);
    sim_host_plan(h, adit_session_deadline(c->session), &c->timer_ns, &c->timer_serial, i);
}

void sim_server_tick(struct sim_host *h, uint32_t i)
{
    struct sim_caller *c = &h->server.callers[i];

    c->timer_ns = ADIT_NEVER;
    if (!c->session) {
        end_caller(h, i, ADIT_E_HAND_WINDOW); /* a stream that has said nothing */
        return;
    }
    adit_session_tick(c->session, sim_host_now(h));
    service(h, i, true);
}

void sim_server_renegotiate(struct sim_host *h)
{
    for (uint32_t i = 0; i < h->server.max_callers; i++) {
        if (!h->server.callers[i].is_used || !h->server.callers[i].session)
            continue;
        adit_session_renegotiate(h->server.callers[i].session, sim_host_now(h));
        service(h, i, false);
    }
}

/* ---- notes ---- */

/* Somebody without a session; the caller that it became, or NOBODY. */
static uint32_t on_stranger(struct sim_host *h, const struct adit_ctrl_bytes *ctrl, uint32_t stream)
{
    struct sim_server *sv = &h->server;
    struct adit_cmd cmd = {.kind = ADIT_CMD_CTRL_TX, .ctrl = {.link = ctrl->link, .remote = ctrl->remote}};
    struct adit_wr reply = adit_wr_of(cmd.ctrl.b, sizeof cmd.ctrl.b);
    adit_bytes packet = adit_bytes_of(ctrl->b, ctrl->n);
    struct adit_admission adm;
    enum adit_door_verdict verdict;
    uint32_t i = stream;
    adit_err why = ADIT_OK;

    verdict = stream != NOBODY
                  ? adit_door_recv_stream(&sv->door, packet, sim_host_now(h), &adm, &why)
                  : adit_door_recv(&sv->door, &ctrl->remote, packet, sim_host_now(h), &reply, &adm, &why);
    if (verdict == ADIT_DOOR_REPLY) {
        cmd.ctrl.n = (uint16_t)adit_wr_len(&reply);
        if (cmd.ctrl.n > ctrl->n + 100U)
            sim_break(h->w, "server: %u bytes answer %u of a stranger", cmd.ctrl.n, ctrl->n);
        sv->n_replies++;
        sim_host_post(h, &cmd);
        return NOBODY;
    }
    if (verdict == ADIT_DOOR_DROP) {
        h->w->n_refused++;
        if (stream != NOBODY)
            end_caller(h, stream, why);
        return NOBODY;
    }
    if (stream == NOBODY) {
        i = new_caller(h);
        if (i != NOBODY) {
            sv->callers[i].link = ctrl->link;
            sv->callers[i].remote = ctrl->remote;
        }
    }
    if (i != NOBODY && !begin_session(h, i, &adm))
        i = NOBODY;
    adit_wipe(&adm.kc, sizeof adm.kc);
    return i;
}

static void on_control(struct sim_host *h, const struct adit_ctrl_bytes *ctrl)
{
    struct sim_server *sv = &h->server;
    uint32_t i = NOBODY;
    struct adit_sid sid;

    if (ctrl->link != UDP_LINK) {
        i = caller_on(sv, ctrl->link);
        if (i == NOBODY)
            return;
    } else if (ctrl->n >= 1 + ADIT_SID_LEN) {
        memcpy(sid.b, ctrl->b + 1, sizeof sid.b);
        i = find(sv, &ctrl->remote, &sid);
    }
    if (i == NOBODY || !sv->callers[i].session) {
        if (!sv->is_leaving)
            i = on_stranger(h, ctrl, i);
        if (i == NOBODY || !sv->callers[i].session)
            return;
    }
    if (adit_session_recv(sv->callers[i].session, adit_bytes_of(ctrl->b, ctrl->n), sim_host_now(h)) ==
        ADIT_OK)
        sv->callers[i].heard_ns = h->w->now.mono_ns;
    else
        h->w->n_refused++;
    service(h, i, false);
}

static void on_clash(struct sim_host *h, uint32_t i, const struct adit_note *note)
{
    struct sim_server *sv = &h->server;
    uint32_t other = note->moved.other < h->end->conf->max_clients ? sv->by_peer[note->moved.other] : NOBODY;
    const struct adit_identity *mine = adit_session_identity(sv->callers[i].session);

    if (other == NOBODY || other == i ||
        memcmp(mine->chain_sha256, adit_session_identity(sv->callers[other].session)->chain_sha256,
               sizeof mine->chain_sha256) != 0)
        return;
    end_caller(h, other, ADIT_E_REPLACED);
}

/* By the plane, for want of memory: the client is told to come back to a better moment. */
static void on_refused(struct sim_host *h, uint32_t i, adit_err why)
{
    struct sim_caller *c = &h->server.callers[i];

    if (c->is_refused)
        return;
    c->is_refused = true;
    (void)!adit_session_say(c->session, "RESTART", sim_host_now(h));
    adit_session_end(c->session, why, GOODBYE_S, sim_host_now(h));
    service(h, i, false);
}

static void on_peer_note(struct sim_host *h, uint32_t i, const struct adit_note *note)
{
    struct sim_caller *c = &h->server.callers[i];
    uint64_t limit_ns = h->end->conf->ping_restart_s * ADIT_NS_PER_S;

    switch (note->kind) {
    case ADIT_NOTE_PEER_FLOATED:
        take_out(&h->server, i);
        c->remote = note->moved.remote;
        hang_in(&h->server, i);
        sim_trace(h->w, h, "%s floated to port %u", c->name, c->remote.port);
        break;
    case ADIT_NOTE_FLOAT_CLASH:
        on_clash(h, i, note);
        break;
    case ADIT_NOTE_PEER_SILENT:
        if (limit_ns > 0 && h->w->now.mono_ns >= c->heard_ns + limit_ns)
            end_caller(h, i, ADIT_E_PEER_SILENT);
        break;
    case ADIT_NOTE_PEER_EXIT:
        end_caller(h, i, ADIT_E_PEER_EXIT);
        break;
    case ADIT_NOTE_REFUSED:
        on_refused(h, i, note->refused.why);
        break;
    case ADIT_NOTE_KEY_WORN:
        adit_session_renegotiate(c->session, sim_host_now(h));
        service(h, i, false);
        break;
    default:
        break;
    }
}

void sim_server_on_note(struct sim_host *h, const struct adit_note *note)
{
    struct sim_server *sv = &h->server;
    uint32_t i;

    if (!sv->is_on)
        return;
    if (note->kind == ADIT_NOTE_CTRL_RX) {
        on_control(h, &note->ctrl);
        return;
    }
    if (note->kind == ADIT_NOTE_LINK_DOWN) {
        i = caller_on(sv, note->link);
        if (i != NOBODY)
            end_caller(h, i, ADIT_E_CONNECTION_RESET);
        return;
    }
    if (note->peer >= h->end->conf->max_clients)
        return;
    if (sv->gone_due[note->peer] > 0) {
        sv->gone_due[note->peer] = (uint16_t)(sv->gone_due[note->peer] - (note->kind == ADIT_NOTE_PEER_GONE));
        return;
    }
    i = sv->by_peer[note->peer];
    if (i != NOBODY)
        on_peer_note(h, i, note);
}

/* ---- life ---- */

static bool open_door(struct sim_host *h)
{
    const struct sim_plan *p = h->w->plan;
    const struct adit_conf *c = h->end->conf;
    struct adit_door_params d = {
        .wrap = h->end->wrap,
        .v2 = p->wrap >= SIM_V2 ? &h->w->v2_server : NULL,
        .is_bare_allowed = p->wrap == SIM_BARE,
        .force_cookie = p->wrap == SIM_V2_COOKIE,
        .hand_window_s = c->hand_window_s,
        .initial_n = c->connect_freq_initial_n,
        .initial_s = c->connect_freq_initial_s,
        .replay_window = c->replay_window,
        .replay_s = c->replay_s,
    };

    return adit_door_init(&h->server.door, &d, &h->env.rng) == ADIT_OK;
}

bool sim_server_start(struct sim_host *h)
{
    struct sim_server *sv = &h->server;
    const struct adit_conf *c = h->end->conf;
    struct adit_pool_spec pool = {.v4_start = c->pool_start, .v4_end = c->pool_end};

    if (sv->is_on)
        return true;
    if (c->pool_ipv6.bits > 0) {
        pool.v6 = adit_prefix_masked(c->pool_ipv6);
        pool.v6_start = c->pool_ipv6.ip;
    }
    *sv = (struct sim_server){
        .max_callers = c->max_clients + SIM_PENDING, .next_link = 1, .back_ns = ADIT_NEVER};
    sv->is_on = true;
    sv->callers = calloc(sv->max_callers, sizeof *sv->callers);
    sv->by_peer = malloc(c->max_clients * sizeof *sv->by_peer);
    sv->gone_due = calloc(c->max_clients, sizeof *sv->gone_due);
    if (!sv->callers || !sv->by_peer || !sv->gone_due)
        abort();
    memset(sv->buckets, 0xff, sizeof sv->buckets);
    memset(sv->by_peer, 0xff, c->max_clients * sizeof *sv->by_peer);
    sv->directory = adit_directory_new(c->max_clients, &pool);
    sv->has_door = sv->directory && open_door(h);
    if (sv->has_door && sim_host_open_plane(h))
        return true;
    sim_server_crash(h);
    return false;
}

void sim_server_crash(struct sim_host *h)
{
    struct sim_server *sv = &h->server;

    if (!sv->is_on)
        return;
    for (uint32_t i = 0; i < sv->max_callers; i++) {
        if (sv->callers[i].session)
            sim_check_forget_keys(h, sv->callers[i].session);
        adit_session_free(sv->callers[i].session);
    }
    if (sv->has_door)
        adit_door_fini(&sv->door);
    adit_directory_free(sv->directory);
    sim_host_close_plane(h);
    free(sv->callers);
    free(sv->by_peer);
    free(sv->gone_due);
    *sv = (struct sim_server){.back_ns = ADIT_NEVER};
}

/* Everybody is told to come back; then it stops as hard as a crash. */
void sim_server_leave(struct sim_host *h, uint64_t back_ns)
{
    struct sim_server *sv = &h->server;

    if (!sv->is_on || sv->is_leaving)
        return;
    sv->is_leaving = true;
    sv->back_ns = back_ns;
    for (uint32_t i = 0; i < sv->max_callers; i++) {
        if (!sv->callers[i].is_used || !sv->callers[i].is_up)
            continue;
        (void)!adit_session_say(sv->callers[i].session, "RESTART", sim_host_now(h));
        service(h, i, false);
    }
    sim_queue_put(&h->w->queue, adit_now_after_s(h->w->now, GOODBYE_S), SIM_EV_RETRY, h->id, 0);
}
