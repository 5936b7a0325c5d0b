/* SPDX-License-Identifier: Apache-2.0 */
/* The simulated plane's side of the key seam: commands from policy, notes to it. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "crew.h"
#include "plane_parts.h"

enum {
    /* Everything but control bytes, which are ten times as long. */
    SPEC_LEN = sizeof(struct adit_peer_spec),
    KEYS_LEN = sizeof(struct adit_data_keys),
    CMD_LEN = offsetof(struct adit_cmd, spec) + (SPEC_LEN > KEYS_LEN ? SPEC_LEN : KEYS_LEN),
    NOTE_LEN = offsetof(struct adit_note, counters) + sizeof(struct adit_counters),
};

/* ---- notes ---- */

static size_t note_len(const struct adit_note *note)
{
    return note->kind == ADIT_NOTE_CTRL_RX ? offsetof(struct adit_note, ctrl.b) + note->ctrl.n : NOTE_LEN;
}

bool sim_plane_note(struct sim_plane *p, const struct adit_note *note)
{
    struct adit_note *slot;

    if (note->kind == ADIT_NOTE_CTRL_RX && !adit_ring_is_roomy(&p->notes)) {
        sim_plane_drop(p, NULL, ADIT_E_QUEUE);
        return false;
    }
    slot = adit_ring_claim(&p->notes);
    if (!slot) {
        p->n_notes_lost++;
        return false;
    }
    memcpy(slot, note, note_len(note));
    adit_ring_publish(&p->notes);
    return true;
}

bool sim_plane_has_notes(struct sim_plane *p)
{
    return adit_ring_front(&p->notes) != NULL;
}

static bool next_note(struct adit_plane *base, struct adit_note *out)
{
    struct sim_plane *p = (struct sim_plane *)base;
    struct adit_note *slot = adit_ring_front(&p->notes);

    if (!slot)
        return false;
    memcpy(out, slot, note_len(slot));
    adit_ring_release(&p->notes);
    return true;
}

/* ---- commands ---- */

static size_t cmd_len(const struct adit_cmd *cmd)
{
    return cmd->kind == ADIT_CMD_CTRL_TX ? offsetof(struct adit_cmd, ctrl.b) + cmd->ctrl.n : CMD_LEN;
}

static bool put_cmd(struct sim_plane *p, const struct adit_cmd *cmd)
{
    struct adit_cmd *slot = adit_ring_claim(&p->cmds);

    if (!slot)
        return false;
    memcpy(slot, cmd, cmd_len(cmd));
    adit_ring_publish(&p->cmds);
    return true;
}

static void wait_in_line(struct sim_plane *p, const struct adit_cmd *cmd)
{
    if (p->n_waiting == p->cap_waiting) {
        p->cap_waiting = p->cap_waiting ? 2 * p->cap_waiting : 16;
        p->waiting = realloc(p->waiting, p->cap_waiting * sizeof *cmd);
        if (!p->waiting)
            abort();
    }
    memcpy(&p->waiting[p->n_waiting++], cmd, cmd_len(cmd));
}

static adit_err post(struct adit_plane *base, struct adit_cmd *cmd)
{
    struct sim_plane *p = (struct sim_plane *)base;

    if (cmd->kind == ADIT_CMD_CTRL_TX && (p->n_waiting > 0 || !adit_ring_is_roomy(&p->cmds)))
        return ADIT_E_QUEUE;
    if (p->n_waiting > 0 || !put_cmd(p, cmd))
        wait_in_line(p, cmd);
    if (cmd->kind == ADIT_CMD_KEY_NEW)
        adit_wipe(&cmd->keys, sizeof cmd->keys);
    return ADIT_OK;
}

static void move_up(struct sim_plane *p)
{
    size_t n = 0;

    if (p->n_waiting == 0)
        return;
    while (n < p->n_waiting && put_cmd(p, &p->waiting[n]))
        n++;
    p->n_waiting -= n;
    memmove(p->waiting, p->waiting + n, p->n_waiting * sizeof *p->waiting);
}

bool sim_plane_has_commands(struct sim_plane *p)
{
    return adit_ring_front(&p->cmds) != NULL || p->n_waiting > 0;
}

/* ---- the worker executes ---- */

uint64_t sim_key_mark(const struct adit_data_keys *keys)
{
    uint64_t h = 0x9e3779b97f4a7c15ULL + keys->key_id;

    for (size_t i = 0; i < sizeof keys->block.b; i += 8) {
        uint64_t word;

        memcpy(&word, keys->block.b + i, 8);
        h = (h ^ word) * 0xff51afd7ed558ccdULL;
        h ^= h >> 32;
    }
    return h ? h : 1;
}

static void refuse(struct sim_plane *p, const struct adit_cmd *cmd, struct sim_peer *peer, adit_err why)
{
    struct adit_note note = {.kind = ADIT_NOTE_REFUSED, .peer = cmd->peer};

    note.refused.cmd = cmd->kind;
    note.refused.why = why;
    note.refused.link = ADIT_LINK_NONE;
    sim_plane_drop(p, peer, why);
    sim_plane_note(p, &note);
}

static void add_peer(struct sim_plane *p, const struct adit_cmd *cmd, adit_now now)
{
    const struct adit_peer_spec *spec = &cmd->spec;
    struct sim_peer *peer = spec->peer < p->n_peers ? &p->peers[spec->peer] : NULL;
    void *memory = peer && !peer->is_used ? adit_alloc(1) : NULL;

    if (!memory) {
        refuse(p, cmd, NULL, peer && !peer->is_used ? ADIT_E_MEMORY : ADIT_E_STATE);
        return;
    }
    *peer = (struct sim_peer){.is_used = true,
                              .life = peer->life + 1,
                              .memory = memory,
                              .spec = *spec,
                              .remote = spec->remote,
                              .link = spec->link};
    peer->tx_ns = peer->rx_ns = now.mono_ns;
    peer->silent_ns = now.mono_ns + spec->silent_s * ADIT_NS_PER_S;
    adit_tx_init(&peer->tx, spec->wire_peer_id);
    adit_rx_init(&peer->rx, spec->replay_window, spec->replay_s);
}

static void tell_gone(struct sim_plane *p, adit_peer id)
{
    struct adit_note note = {.kind = ADIT_NOTE_PEER_GONE, .peer = id};

    sim_plane_note(p, &note);
}

static void delete_peer(struct sim_plane *p, struct sim_peer *peer)
{
    struct adit_note note = {
        .kind = ADIT_NOTE_PEER_GONE, .peer = peer->spec.peer, .counters = peer->counters};

    for (unsigned i = 0; i < peer->n_routes; i++)
        adit_routes_del(p->routes, &peer->routes[i], adit_mark(p->index, peer->spec.peer));
    adit_tx_fini(&peer->tx);
    adit_rx_fini(&peer->rx);
    adit_free(peer->memory);
    peer->is_used = false;
    sim_plane_note(p, &note);
}

static void drop_key(struct sim_peer *peer, uint8_t key_id)
{
    adit_tx_drop(&peer->tx, key_id);
    adit_rx_drop(&peer->rx, key_id);
    peer->key_marks[key_id] = 0;
}

static void install(struct sim_plane *p, struct sim_peer *peer, const struct adit_cmd *cmd)
{
    const struct adit_data_keys *keys = &cmd->keys;
    adit_err e = adit_rx_install(&peer->rx, keys);
    uint8_t bit = (uint8_t)(1U << keys->key_id);

    if (e == ADIT_OK)
        e = adit_tx_install(&peer->tx, keys);
    peer->key_marks[keys->key_id] = sim_key_mark(keys);
    if (e != ADIT_OK) {
        drop_key(peer, keys->key_id);
        refuse(p, cmd, peer, e);
    }
    peer->active_keys &= (uint8_t)~bit;
    peer->worn_keys &= (uint8_t)~bit;
}

static void add_route(struct sim_plane *p, struct sim_peer *peer, const struct adit_cmd *cmd)
{
    adit_err e = peer->n_routes == 2
                     ? ADIT_E_STATE
                     : adit_routes_add(p->routes, &cmd->route, adit_mark(p->index, peer->spec.peer));

    if (e != ADIT_OK)
        refuse(p, cmd, peer, e);
    else
        peer->routes[peer->n_routes++] = cmd->route;
}

static void run_for_peer(struct sim_plane *p, const struct adit_cmd *cmd, struct sim_peer *peer, adit_now now)
{
    struct adit_note note;

    switch (cmd->kind) {
    case ADIT_CMD_PEER_SET:
        peer->spec = cmd->spec;
        break;
    case ADIT_CMD_PEER_DEL:
        delete_peer(p, peer);
        break;
    case ADIT_CMD_KEY_NEW:
        install(p, peer, cmd);
        break;
    case ADIT_CMD_KEY_USE:
        if (adit_tx_use(&peer->tx, cmd->key_id) != ADIT_OK)
            sim_plane_drop(p, peer, ADIT_E_NO_KEY);
        break;
    case ADIT_CMD_KEY_DEL:
        drop_key(peer, cmd->key_id);
        break;
    case ADIT_CMD_ROUTE_ADD:
        add_route(p, peer, cmd);
        break;
    case ADIT_CMD_ROUTE_DEL:
        adit_routes_del(p->routes, &cmd->route, cmd->peer);
        break;
    case ADIT_CMD_SAY_EXIT:
        sim_plane_send(p, peer, adit_bytes_of(adit_occ_exit_payload, sizeof adit_occ_exit_payload), now);
        break;
    case ADIT_CMD_COUNT:
        note.kind = ADIT_NOTE_COUNTERS;
        note.peer = cmd->peer;
        note.counters = peer->counters;
        sim_plane_note(p, &note);
        break;
    default:
        break;
    }
}

static bool is_route(const struct adit_cmd *cmd)
{
    return cmd->kind == ADIT_CMD_ROUTE_ADD || cmd->kind == ADIT_CMD_ROUTE_DEL;
}

/* Of a peer that another member has. */
static void change_foreign_route(struct sim_plane *p, const struct adit_cmd *cmd)
{
    adit_err e = ADIT_OK;

    if (cmd->kind == ADIT_CMD_ROUTE_DEL)
        adit_routes_del(p->routes, &cmd->route, cmd->peer);
    else
        e = adit_routes_add(p->routes, &cmd->route, cmd->peer);
    if (e)
        refuse(p, cmd, NULL, e);
}

static void send_ctrl(struct sim_plane *p, const struct adit_ctrl_bytes *c)
{
    if (c->link != 0 && !sim_plane_stream_of(p, c->link))
        sim_plane_drop(p, NULL, ADIT_E_STATE);
    else
        p->out.packet(p->out.ctx, c->link, &c->remote, adit_bytes_of(c->b, c->n), NULL);
}

static void run(struct sim_plane *p, const struct adit_cmd *cmd, adit_now now)
{
    struct sim_peer *peer = sim_plane_peer(p, is_route(cmd) ? adit_mark_id(cmd->peer) : cmd->peer);

    if (cmd->kind == ADIT_CMD_CTRL_TX)
        send_ctrl(p, &cmd->ctrl);
    else if (is_route(cmd) && adit_mark_home(cmd->peer) != p->index)
        change_foreign_route(p, cmd);
    else if (cmd->kind == ADIT_CMD_LINK_DEL)
        sim_plane_stream_close(p, cmd->link.link);
    else if (cmd->kind == ADIT_CMD_PEER_NEW)
        add_peer(p, cmd, now);
    else if (cmd->kind != ADIT_CMD_LINK_ADD && peer)
        run_for_peer(p, cmd, peer, now);
    else if (cmd->kind == ADIT_CMD_PEER_DEL)
        tell_gone(p, cmd->peer); /* of a peer that was refused, too */
}

bool sim_plane_commands(struct sim_plane *p, unsigned max, adit_now now)
{
    struct adit_cmd *slot;

    for (unsigned i = 0; i < max; i++) {
        move_up(p);
        slot = adit_ring_front(&p->cmds);
        if (!slot)
            return false;
        if (slot->kind == ADIT_CMD_PEER_DEL && adit_ring_room(&p->notes) == 0)
            break; /* it waits until its answer has room, and what follows with it */
        /* In place: nothing that a command causes writes to this ring. */
        run(p, slot, now);
        if (slot->kind == ADIT_CMD_KEY_NEW)
            adit_wipe(&slot->keys, sizeof slot->keys);
        adit_ring_release(&p->cmds);
    }
    return sim_plane_has_commands(p);
}

/* ---- life ---- */

static void free_plane(struct adit_plane *base)
{
    sim_plane_fini((struct sim_plane *)base);
}

static const struct adit_plane_ops ops = {.post = post, .next_note = next_note, .free = free_plane};

bool sim_plane_init(struct sim_plane *p, const struct sim_plane_params *params,
                    const struct sim_plane_out *out)
{
    *p = (struct sim_plane){.base.ops = &ops, .p = *params, .out = *out, .n_peers = params->max_peers};
    p->peers = calloc(params->max_peers, sizeof *p->peers);
    p->streams = calloc(params->max_streams + 1, sizeof *p->streams);
    p->routes = adit_routes_new();
    if (params->want_merge)
        sim_plane_merge(p);
    if (p->peers && p->streams && p->routes &&
        adit_ring_init(&p->cmds, sizeof(struct adit_cmd), params->ring_slots) == ADIT_OK &&
        adit_ring_init(&p->notes, sizeof(struct adit_note), params->ring_slots) == ADIT_OK)
        return true;
    sim_plane_fini(p);
    return false;
}

void sim_plane_fini(struct sim_plane *p)
{
    for (uint32_t i = 0; p->peers && i < p->n_peers; i++) {
        if (p->peers[i].is_used) {
            adit_tx_fini(&p->peers[i].tx);
            adit_rx_fini(&p->peers[i].rx);
            adit_free(p->peers[i].memory);
        }
    }
    for (uint32_t i = 0; p->streams && i < p->p.max_streams; i++)
        free(p->streams[i].buf);
    free(p->peers);
    free(p->streams);
    free(p->waiting);
    free(p->merge);
    free(p->spare_room);
    adit_routes_free(p->routes);
    adit_ring_fini(&p->cmds);
    adit_ring_fini(&p->notes);
    *p = (struct sim_plane){0};
}
