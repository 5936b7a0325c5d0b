/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Notes to policy. The ring is bounded: control bytes, which anybody can cause, may fill it only up to a
 * reserve; the facts about peers and links have that for themselves, and whoever could not place one tries
 * again.
 */
#include "linux/userplane_parts.h"

#include <string.h>

struct adit_note *adit_up_note(struct adit_up_worker *w, enum adit_note_kind kind, adit_peer peer)
{
    struct adit_note *note = adit_ring_claim(&w->shared->notes);

    if (!note) {
        /* Ask first, look again then: policy may have made room in between, and would not tell us. */
        atomic_store(&w->shared->wants_notes_read, true);
        note = adit_ring_claim(&w->shared->notes);
    }
    if (!note)
        return NULL;
    note->kind = kind;
    note->peer = peer;
    return note;
}

void adit_up_note_send(struct adit_up_worker *w)
{
    adit_ring_publish(&w->shared->notes);
    w->has_noted = true;
}

void adit_up_note_ctrl(struct adit_up_worker *w, const struct adit_up_link *link, adit_bytes packet,
                       const struct adit_addr *remote, const struct adit_addr *local)
{
    struct adit_note *note;

    if (packet.n > ADIT_CTRL_PACKET_MAX) {
        adit_up_drop(w, NULL, ADIT_E_TOO_BIG);
        return;
    }
    /* Datagrams are anybody's; what a stream may bring in one turn is bounded already. */
    if ((w->ctrl_left == 0 && !link->is_stream) || !adit_ring_is_roomy(&w->shared->notes)) {
        adit_up_drop(w, NULL, ADIT_E_QUEUE);
        return;
    }
    w->ctrl_left -= !link->is_stream;
    note = adit_up_note(w, ADIT_NOTE_CTRL_RX, ADIT_NO_PEER);
    note->ctrl.link = link->name;
    note->ctrl.remote = *remote;
    note->ctrl.local = *local;
    note->ctrl.n = (uint16_t)packet.n;
    memcpy(note->ctrl.b, packet.p, packet.n);
    adit_up_note_send(w);
}

bool adit_up_note_link_down(struct adit_up_worker *w, int name)
{
    struct adit_note *note = adit_up_note(w, ADIT_NOTE_LINK_DOWN, ADIT_NO_PEER);

    if (!note)
        return false;
    note->link = name;
    adit_up_note_send(w);
    return true;
}

bool adit_up_note_moved(struct adit_up_worker *w, enum adit_note_kind kind, const struct adit_up_peer *peer,
                        const struct adit_up_link *link, const struct adit_addr *remote, adit_peer other)
{
    struct adit_note *note = adit_up_note(w, kind, peer->spec.peer);

    if (!note)
        return false;
    note->moved.remote = *remote;
    note->moved.other = other;
    note->moved.link = link->name;
    adit_up_note_send(w);
    return true;
}

bool adit_up_note_key(struct adit_up_worker *w, enum adit_note_kind kind, adit_peer peer, uint8_t key_id)
{
    struct adit_note *note = adit_up_note(w, kind, peer);

    if (!note)
        return false;
    note->key_id = key_id;
    adit_up_note_send(w);
    return true;
}

bool adit_up_note_plain(struct adit_up_worker *w, enum adit_note_kind kind, adit_peer peer)
{
    if (!adit_up_note(w, kind, peer))
        return false;
    adit_up_note_send(w);
    return true;
}

bool adit_up_note_refused(struct adit_up_worker *w, const struct adit_cmd *cmd, adit_err why)
{
    bool is_link = cmd->kind == ADIT_CMD_LINK_ADD;
    struct adit_note *note = adit_up_note(w, ADIT_NOTE_REFUSED, is_link ? ADIT_NO_PEER : cmd->peer);

    if (!note)
        return false;
    note->refused.cmd = cmd->kind;
    note->refused.why = why;
    note->refused.link = is_link ? cmd->link.link : ADIT_LINK_NONE;
    adit_up_note_send(w);
    return true;
}

/* Once a second: a broken device would fill the ring. */
void adit_up_note_os(struct adit_up_worker *w, int os_errno)
{
    struct adit_note *note;

    if (w->os_note_ns > 0 && w->now.mono_ns - w->os_note_ns < ADIT_NS_PER_S)
        return;
    note = adit_up_note(w, ADIT_NOTE_OS, ADIT_NO_PEER);
    if (!note)
        return;
    w->os_note_ns = w->now.mono_ns;
    note->os_errno = os_errno;
    adit_up_note_send(w);
}
