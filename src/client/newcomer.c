/* SPDX-License-Identifier: Apache-2.0 */
/* Strangers at a point-to-point server: the door, and who may take over. */
#include "client/parts.h"

/* A peer that called (p2p server) and passed the door. */
static void accept_session(struct adit_client *c, const struct adit_way *way, struct adit_admission *adm)
{
    struct adit_session_start st;

    c->way = *way;
    st = adit_client_start_of(c);
    if (adm->is_v2) {
        st.wrap = adit_wrap_key_crypt(&adm->kc, true);
        if (!st.wrap)
            return;
        st.owns_wrap = true;
        st.is_v2 = true;
        st.wrap_static = &adm->kc;
    }
    adit_client_name_subject(c);
    c->session = adit_session_accept(&c->params, &st, &adm->remote, adm->has_cookie ? &adm->cookie : NULL,
                                     &c->h->env, adit_clock_now());
    adit_wipe(&adm->kc, sizeof adm->kc);
    if (c->session)
        adit_client_watch_session(c);
}

/*
 * A door that lets somebody in has proved an address, not a peer: without `float`, a configured remote and a
 * running tunnel keep their address.
 */
static bool may_take_over(const struct adit_client *c, const struct adit_way *way)
{
    if (c->is_tcp || c->conn->can_float || c->way.remote.ip.family == ADIT_AF_NONE)
        return true;
    if (c->is_up)
        return adit_addr_eq(&way->remote, &c->way.remote);
    return !c->conn->remote || adit_ip_eq(&way->remote.ip, &c->way.remote.ip);
}

void adit_client_on_stranger(struct adit_client *c, const struct adit_ctrl_bytes *ctrl)
{
    uint8_t buf[ADIT_CTRL_PACKET_MAX];
    struct adit_wr reply = adit_wr_of(buf, sizeof buf);
    struct adit_way way = {.link = ctrl->link, .remote = ctrl->remote, .local = ctrl->local};
    adit_bytes packet = adit_bytes_of(ctrl->b, ctrl->n);
    struct adit_admission adm;
    enum adit_door_verdict verdict;
    adit_err why;

    if (c->is_tcp) {
        way.remote = c->way.remote;
        verdict = adit_door_recv_stream(&c->door, packet, adit_clock_now(), &adm, &why);
    } else {
        verdict = adit_door_recv(&c->door, &ctrl->remote, packet, adit_clock_now(), &reply, &adm, &why);
    }
    if (verdict == ADIT_DOOR_REPLY)
        adit_host_send(c->h, &way, adit_wr_view(&reply));
    if (verdict != ADIT_DOOR_ADMIT)
        return;
    if (!may_take_over(c, &way))
        return;
    if (c->session)
        adit_client_end_session(c); /* the peer has started anew */
    accept_session(c, &way, &adm);
    if (c->session && adit_session_recv(c->session, packet, adit_clock_now()) == ADIT_OK)
        adit_client_service(c);
}
