/* SPDX-License-Identifier: Apache-2.0 */
#include "crew.h"

#include <stdlib.h>
#include <string.h>

#include "plane_parts.h"

/* ---- who gets a command ---- */

static adit_err post_to(struct sim_crew *c, unsigned member, struct adit_cmd *cmd)
{
    struct adit_plane *to = &c->members[member]->base;

    return to->ops->post(to, cmd);
}

static struct sim_home *home_of(struct sim_crew *c, adit_peer peer)
{
    return peer < c->members[0]->n_peers ? &c->homes[peer] : NULL;
}

static adit_err tell_route(struct sim_crew *c, const struct sim_home *home, enum adit_cmd_kind kind,
                           adit_peer peer, const struct adit_prefix *prefix)
{
    adit_err err = ADIT_OK;

    for (unsigned i = 0; i < c->n_workers && !err; i++) {
        struct adit_cmd cmd = {.kind = kind, .peer = adit_mark(home->member, peer)};

        cmd.route = *prefix;
        err = post_to(c, i, &cmd);
    }
    return err;
}

static adit_err add_peer(struct sim_crew *c, struct sim_home *home, struct adit_cmd *cmd)
{
    unsigned member = cmd->spec.link > 0 ? sim_crew_of_stream(c, cmd->spec.link)
                                         : adit_home_of_peer(cmd->spec.wire_peer_id, c->n_workers);

    if (home->is_known && home->member != member)
        return ADIT_E_STATE;
    *home = (struct sim_home){.is_known = true, .member = member};
    return post_to(c, member, cmd);
}

static adit_err delete_peer(struct sim_crew *c, struct sim_home *home, struct adit_cmd *cmd)
{
    for (unsigned i = 0; i < home->n_routes; i++) {
        adit_err err = tell_route(c, home, ADIT_CMD_ROUTE_DEL, cmd->peer, &home->routes[i]);

        if (err)
            return err;
    }
    home->is_known = false;
    home->n_routes = 0;
    return post_to(c, home->member, cmd);
}

static adit_err add_route(struct sim_crew *c, struct sim_home *home, struct adit_cmd *cmd)
{
    if (!home->is_known || home->n_routes == 2)
        return post_to(c, 0, cmd);
    home->routes[home->n_routes++] = cmd->route;
    return tell_route(c, home, cmd->kind, cmd->peer, &cmd->route);
}

static adit_err post(struct adit_plane *base, struct adit_cmd *cmd)
{
    struct sim_crew *c = (struct sim_crew *)base;
    struct sim_home *home = home_of(c, cmd->peer);

    switch (cmd->kind) {
    case ADIT_CMD_LINK_DEL:
        return post_to(c, sim_crew_of_stream(c, cmd->link.link), cmd);
    case ADIT_CMD_CTRL_TX:
        return post_to(c, cmd->ctrl.link > 0 ? sim_crew_of_stream(c, cmd->ctrl.link) : c->n - 1, cmd);
    case ADIT_CMD_PEER_NEW:
        return home ? add_peer(c, home, cmd) : ADIT_E_STATE;
    case ADIT_CMD_PEER_DEL:
        return home ? delete_peer(c, home, cmd) : ADIT_E_STATE;
    case ADIT_CMD_ROUTE_ADD:
        return home ? add_route(c, home, cmd) : ADIT_E_STATE;
    default:
        return post_to(c, home && home->is_known ? home->member : 0, cmd);
    }
}

static bool next_note(struct adit_plane *base, struct adit_note *note)
{
    struct sim_crew *c = (struct sim_crew *)base;

    for (unsigned i = 0; i < c->n; i++) {
        struct adit_plane *from = &c->members[c->reading]->base;

        if (from->ops->next_note(from, note)) {
            if (note->kind == ADIT_NOTE_REFUSED)
                note->peer = adit_mark_id(note->peer);
            return true;
        }
        c->reading = (c->reading + 1) % c->n;
    }
    return false;
}

/* ---- packets for another's peer ---- */

/* Counts what finds no room. */
static struct adit_handed *claim(struct sim_plane *p, unsigned home, adit_bytes packet)
{
    adit_err why = ADIT_E_NO_PEER;
    struct adit_handed *h = NULL;

    if (home < p->crew->n_workers)
        h = adit_hand_claim(&p->crew->handed[home][p->index], packet, &why);
    if (!h)
        sim_plane_drop(p, NULL, why);
    p->crew->n_full += why == ADIT_E_QUEUE && !h;
    p->crew->n_handed += h != NULL;
    return h;
}

bool sim_crew_hand_datagram(struct sim_plane *p, int link, const struct adit_addr *from, adit_bytes packet,
                            uint64_t key)
{
    unsigned home = adit_home_of_datagram(packet, p->crew->n_workers);
    struct adit_handed *h;

    if (p->taken || home == p->index)
        return false;
    h = claim(p, home, packet);
    if (!h)
        return true;
    h->is_inner = false;
    h->link_name = link;
    h->remote = *from;
    memcpy(h->b + packet.n, &key, sizeof key); /* the simulator's own mark; slots have room for it */
    adit_ring_publish(&p->crew->handed[home][p->index]);
    return true;
}

void sim_crew_hand_inner(struct sim_plane *p, unsigned home, adit_bytes packet)
{
    struct adit_handed *h;

    if (p->taken && p->taken->is_inner) {
        sim_plane_drop(p, NULL, ADIT_E_NO_ROUTE);
        return;
    }
    h = claim(p, home, packet);
    if (!h)
        return;
    h->is_inner = true;
    adit_ring_publish(&p->crew->handed[home][p->index]);
}

static void take(struct sim_plane *p, struct adit_handed *h, adit_now now)
{
    uint64_t key;

    if (h->is_inner) {
        sim_plane_device(p, h->b, h->n, &(struct adit_offload){0}, now);
        return;
    }
    memcpy(&key, h->b + h->n, sizeof key);
    sim_plane_datagram(p, h->link_name, &h->remote, h->b, h->n, key, now);
}

void sim_crew_take(struct sim_plane *p, unsigned most, adit_now now)
{
    for (unsigned from = 0; from < p->crew->n; from++) {
        struct adit_ring *r = &p->crew->handed[p->index][from];
        struct adit_handed *h;

        for (unsigned i = 0; r->slots && i < most && (h = adit_ring_front(r)); i++) {
            p->taken = h;
            take(p, h, now);
            sim_plane_flush(p); /* the slot is used again */
            p->taken = NULL;
            adit_ring_release(r);
        }
    }
}

bool sim_crew_has_handed(struct sim_plane *p)
{
    for (unsigned from = 0; from < p->crew->n; from++) {
        if (p->crew->handed[p->index][from].slots && adit_ring_front(&p->crew->handed[p->index][from]))
            return true;
    }
    return false;
}

/* ---- life ---- */

static void free_crew(struct adit_plane *base)
{
    sim_crew_free((struct sim_crew *)base);
}

static const struct adit_plane_ops ops = {.post = post, .next_note = next_note, .free = free_crew};

/* Nothing is handed to the doorman. */
static bool make_rings(struct sim_crew *c, uint32_t slots)
{
    size_t len = sizeof(struct adit_handed) + SIM_PACKET_MAX + sizeof(uint64_t);

    for (unsigned to = 0; to < c->n_workers; to++) {
        for (unsigned from = 0; from < c->n; from++) {
            if (from != to && adit_ring_init(&c->handed[to][from], len, slots) != ADIT_OK)
                return false;
        }
    }
    return true;
}

struct sim_crew *sim_crew_new(struct sim_plane *first, const struct sim_plane_params *params,
                              const struct sim_plane_out *out, const struct sim_crew_params *crew)
{
    struct sim_crew *c = calloc(1, sizeof *c);
    bool is_good = true;

    if (!c || crew->n_workers >= SIM_CREW_MAX)
        abort();
    c->base.ops = &ops;
    c->n_workers = crew->n_workers;
    c->n = c->n_workers + 1;
    c->homes = calloc(params->max_peers, sizeof *c->homes);
    for (unsigned i = 0; i < c->n && is_good; i++) {
        c->members[i] = i == 0 ? first : calloc(1, sizeof *first);
        if (!c->members[i] || !c->homes)
            abort();
        is_good = sim_plane_init(c->members[i], params, out);
        c->members[i]->crew = c;
        c->members[i]->index = i;
    }
    if (is_good && make_rings(c, crew->handed_slots))
        return c;
    sim_crew_free(c);
    return NULL;
}

void sim_crew_free(struct sim_crew *c)
{
    for (unsigned i = 0; i < c->n; i++) {
        for (unsigned from = 0; from < c->n; from++)
            adit_ring_fini(&c->handed[i][from]);
        if (c->members[i])
            sim_plane_fini(c->members[i]);
        if (i > 0)
            free(c->members[i]);
    }
    free(c->homes);
    free(c);
}
