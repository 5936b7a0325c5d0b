/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Executes the commands of policy, in order. A command whose answer has no room now waits, and with it all
 * that follow, until policy has read its notes.
 */
#include "linux/userplane_parts.h"

#include <string.h>
#include <unistd.h>

/* False: that cannot be told now; the command will be tried again when it can. */
static bool refuse(struct adit_up_worker *w, const struct adit_cmd *cmd, struct adit_up_peer *peer,
                   adit_err why)
{
    if (!adit_up_note_refused(w, cmd, why) && !atomic_load(&w->shared->is_stopping)) {
        w->must_retry = true;
        return false;
    }
    adit_up_drop(w, peer, why);
    return true;
}

static void add_link(struct adit_up_worker *w, const struct adit_cmd *cmd)
{
    adit_err err = adit_up_link_add(w, &cmd->link);

    if (err && refuse(w, cmd, NULL, err))
        close(cmd->link.fd);
}

static void drop_key(struct adit_up_peer *peer, uint8_t key_id)
{
    if (key_id >= ADIT_KEY_IDS)
        return;
    adit_tx_drop(&peer->tx, key_id);
    adit_rx_drop(&peer->rx, key_id);
}

static void install_keys(struct adit_up_worker *w, struct adit_up_peer *peer, const struct adit_cmd *cmd)
{
    const struct adit_data_keys *keys = &cmd->keys;
    adit_err err = adit_rx_install(&peer->rx, keys);
    uint8_t bit = (uint8_t)(1U << (keys->key_id % ADIT_KEY_IDS));

    if (!err)
        err = adit_tx_install(&peer->tx, keys);
    if (err) {
        drop_key(peer, keys->key_id); /* one direction alone is of no use */
        refuse(w, cmd, peer, err);
    }
    peer->active_keys &= (uint8_t)~bit;
    peer->worn_keys &= (uint8_t)~bit;
}

static void send_ctrl(struct adit_up_worker *w, const struct adit_ctrl_bytes *c)
{
    struct adit_up_link *link = adit_up_link_find(w, c->link);
    uint8_t *room;

    if (!link || link->is_down || c->n > ADIT_CTRL_PACKET_MAX) {
        adit_up_drop(w, NULL, ADIT_E_STATE);
        return;
    }
    if (!link->is_stream) {
        memcpy(adit_up_dgram_claim(w), c->b, c->n);
        adit_up_dgram_commit(w, c->n, &(struct adit_up_dest){link, NULL, &c->remote, &c->local});
        return;
    }
    room = adit_up_stream_claim(link, c->n, true);
    if (!room) {
        adit_up_drop(w, NULL, ADIT_E_QUEUE);
        adit_up_link_end(w, link);
        return;
    }
    memcpy(room, c->b, c->n);
    adit_up_stream_commit(w, link, c->n);
}

static void tell_counters(struct adit_up_worker *w, enum adit_note_kind kind, adit_peer id,
                          const struct adit_counters *c, const struct adit_hauls *h)
{
    static const struct adit_hauls none;

    struct adit_note *note = adit_up_note(w, kind, id);

    if (!note)
        return; /* only while stopping; otherwise the drain has made sure of the room */
    note->counters = *c;
    note->hauls = h ? *h : none;
    adit_up_note_send(w);
}

static void delete_peer(struct adit_up_worker *w, struct adit_up_peer *peer)
{
    tell_counters(w, ADIT_NOTE_PEER_GONE, peer->spec.peer, &peer->counters, NULL);
    adit_up_peer_bury(w, peer);
}

static void add_route(struct adit_up_worker *w, struct adit_up_peer *peer, const struct adit_cmd *cmd)
{
    adit_err err = adit_up_route_add(w, peer->spec.peer, &cmd->route);

    if (err)
        refuse(w, cmd, peer, err);
}

/* The worker of the other direction has seen it there. */
static void move_peer(struct adit_up_worker *w, struct adit_up_peer *peer, const struct adit_peer_spec *to)
{
    struct adit_up_link *link = adit_up_link_find(w, to->link);

    if (link)
        adit_up_peer_move(w, peer, link, &to->remote, &to->local);
}

/* Of a peer that another worker has. */
static void change_foreign_route(struct adit_up_worker *w, const struct adit_cmd *cmd)
{
    adit_err err;

    if (cmd->kind == ADIT_CMD_ROUTE_DEL) {
        adit_routes_del(w->routes, &cmd->route, cmd->peer);
        return;
    }
    err = adit_routes_add(w->routes, &cmd->route, cmd->peer);
    if (err)
        refuse(w, cmd, NULL, err);
}

static bool is_route(const struct adit_cmd *cmd)
{
    return cmd->kind == ADIT_CMD_ROUTE_ADD || cmd->kind == ADIT_CMD_ROUTE_DEL;
}

static void run_for_peer(struct adit_up_worker *w, const struct adit_cmd *cmd, struct adit_up_peer *peer)
{
    switch (cmd->kind) {
    case ADIT_CMD_PEER_SET:
        adit_up_peer_set(w, peer, &cmd->spec);
        break;
    case ADIT_CMD_PEER_MOVED:
        move_peer(w, peer, &cmd->spec);
        break;
    case ADIT_CMD_PEER_DEL:
        delete_peer(w, peer);
        break;
    case ADIT_CMD_KEY_NEW:
        install_keys(w, peer, cmd);
        adit_up_tick_arm(w, peer);
        break;
    case ADIT_CMD_KEY_USE:
        if (adit_tx_use(&peer->tx, cmd->key_id))
            adit_up_drop(w, peer, ADIT_E_NO_KEY);
        adit_up_tick_arm(w, peer);
        break;
    case ADIT_CMD_KEY_DEL:
        drop_key(peer, cmd->key_id);
        break;
    case ADIT_CMD_ROUTE_ADD:
        add_route(w, peer, cmd);
        break;
    case ADIT_CMD_ROUTE_DEL:
        adit_up_route_del(w, peer->spec.peer, &cmd->route);
        break;
    case ADIT_CMD_SAY_EXIT:
        adit_up_send(w, peer, adit_bytes_of(adit_occ_exit_payload, sizeof adit_occ_exit_payload), false);
        break;
    case ADIT_CMD_COUNT:
        tell_counters(w, ADIT_NOTE_COUNTERS, cmd->peer, &peer->counters, NULL);
        break;
    default:
        break;
    }
}

static void add_peer(struct adit_up_worker *w, const struct adit_cmd *cmd)
{
    struct adit_up_peer *peer = adit_up_peer_find(w, cmd->spec.peer);
    adit_err err;

    if (peer)
        adit_up_peer_bury(w, peer); /* a new peer never inherits keys */
    err = adit_up_peer_add(w, &cmd->spec);
    if (err)
        refuse(w, cmd, NULL, err);
}

/* Policy waits for the answer to these two, whoever the peer is, or was. */
static void run_for_nobody(struct adit_up_worker *w, const struct adit_cmd *cmd)
{
    static const struct adit_counters none;

    if (cmd->kind == ADIT_CMD_COUNT)
        tell_counters(w, ADIT_NOTE_COUNTERS, cmd->peer, &w->orphans, &w->hauls);
    else if (cmd->kind == ADIT_CMD_PEER_DEL)
        tell_counters(w, ADIT_NOTE_PEER_GONE, cmd->peer, &none, NULL);
    else
        adit_up_drop(w, NULL, ADIT_E_NO_PEER);
}

static void run(struct adit_up_worker *w, const struct adit_cmd *cmd)
{
    struct adit_up_link *link;
    struct adit_up_peer *peer;

    if (adit_cmd_may_be_refused(cmd->kind) && cmd->is_refused) {
        refuse(w, cmd, NULL, ADIT_E_MEMORY);
        return;
    }
    switch (cmd->kind) {
    case ADIT_CMD_LINK_ADD:
        add_link(w, cmd);
        return;
    case ADIT_CMD_LINK_DEL:
        link = adit_up_link_find(w, cmd->link.link);
        if (link)
            adit_up_link_bury(w, link);
        return;
    case ADIT_CMD_PEER_NEW:
        add_peer(w, cmd);
        return;
    case ADIT_CMD_CTRL_TX:
        send_ctrl(w, &cmd->ctrl);
        return;
    default:
        break;
    }
    if (is_route(cmd) && adit_mark_home(cmd->peer) != w->home) {
        change_foreign_route(w, cmd);
        return;
    }
    peer = adit_up_peer_find(w, is_route(cmd) ? adit_mark_id(cmd->peer) : cmd->peer);
    if (peer)
        run_for_peer(w, cmd, peer);
    else
        run_for_nobody(w, cmd);
}

/* Does the command need a note that cannot be written now? */
static bool must_wait(struct adit_up_worker *w, const struct adit_cmd *cmd)
{
    if (cmd->kind != ADIT_CMD_PEER_DEL && cmd->kind != ADIT_CMD_COUNT)
        return false;
    /* The second claim, after the flag was raised, closes the race with policy's reading. */
    return !adit_up_note(w, ADIT_NOTE_COUNTERS, cmd->peer) && !atomic_load(&w->shared->is_stopping);
}

bool adit_up_cmd_drain(struct adit_up_worker *w)
{
    struct adit_up_shared *s = w->shared;
    struct adit_cmd *cmd;
    bool any = false;

    while ((cmd = adit_ring_front(&s->cmds)) && !must_wait(w, cmd)) {
        w->must_retry = false;
        run(w, cmd);
        if (w->must_retry)
            break;
        if (cmd->kind == ADIT_CMD_KEY_NEW)
            adit_wipe(&cmd->keys, sizeof cmd->keys);
        adit_ring_release(&s->cmds);
        any = true;
    }
    /* Policy holds what did not fit: wake it through the notes. */
    if (any && atomic_exchange(&s->wants_room, false))
        w->has_noted = true;
    return any;
}
