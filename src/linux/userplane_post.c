/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commands to one worker. A command goes into the ring, and the worker is kicked if it was not yet; what does
 * not fit is held here, in order, except control bytes, which are refused: the network loses packets, too,
 * and a stranger may have caused them.
 *
 * Without memory to hold a command in, there is a reserve for the few that cannot be done without: those that
 * take back, those that are answered, and the refusals of the others.
 */
#include "linux/userplane_policy.h"

#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

void adit_up_kick(struct adit_up_shared *s)
{
    const uint64_t one = 1;

    if (!atomic_exchange(&s->is_kicked, true))
        (void)!write(s->cmd_fd, &one, sizeof one);
}

void adit_up_member_init(struct adit_up_member *m)
{
    m->held_end = &m->held;
}

bool adit_up_member_holds(const struct adit_up_member *m)
{
    return m->held != NULL;
}

/* Copies what the kind uses, and wipes keys where they came from. */
static void move_cmd(struct adit_cmd *dst, struct adit_cmd *src)
{
    if (src->kind == ADIT_CMD_CTRL_TX) {
        memcpy(dst, src, offsetof(struct adit_cmd, ctrl.b));
        memcpy(dst->ctrl.b, src->ctrl.b, src->ctrl.n);
        return;
    }
    *dst = *src;
    if (src->kind == ADIT_CMD_KEY_NEW)
        adit_wipe(&src->keys, sizeof src->keys);
}

static struct adit_up_held_cmd *take_reserve(struct adit_up_member *m)
{
    for (unsigned i = 0; i < ADIT_UP_RESERVE; i++) {
        if (m->reserve_taken >> i & 1)
            continue;
        m->reserve_taken |= 1U << i;
        return &m->reserve[i];
    }
    return NULL;
}

static void free_held(struct adit_up_member *m, struct adit_up_held_cmd *h)
{
    if (h < m->reserve || h >= m->reserve + ADIT_UP_RESERVE) {
        adit_free_secret(h, sizeof *h);
        return;
    }
    m->reserve_taken &= ~(1U << (h - m->reserve));
    adit_wipe(h, sizeof *h);
}

static void move_held(struct adit_up_member *m)
{
    struct adit_cmd *slot;

    while (m->held && (slot = adit_ring_claim(&m->shared.cmds))) {
        struct adit_up_held_cmd *h = m->held;

        move_cmd(slot, &h->cmd);
        adit_ring_publish(&m->shared.cmds);
        m->held = h->next;
        if (!m->held)
            m->held_end = &m->held;
        free_held(m, h);
        adit_up_kick(&m->shared);
    }
}

/* For the rest the worker is asked to tell when there is room. */
void adit_up_member_release(struct adit_up_member *m)
{
    move_held(m);
    while (m->held && !atomic_exchange(&m->shared.wants_room, true))
        move_held(m); /* it may have made room before it was asked */
}

/* What was moved is at its end here; the command's names stay. */
static void turn_into_refusal(struct adit_cmd *cmd)
{
    if (cmd->is_refused || !adit_cmd_may_be_refused(cmd->kind))
        return;
    if (cmd->kind == ADIT_CMD_LINK_ADD)
        close(cmd->link.fd);
    if (cmd->kind == ADIT_CMD_KEY_NEW)
        adit_wipe(&cmd->keys, sizeof cmd->keys);
    cmd->is_refused = true;
}

static adit_err hold(struct adit_up_member *m, struct adit_cmd *cmd)
{
    struct adit_up_held_cmd *h = adit_alloc(sizeof *h);

    if (!h) {
        turn_into_refusal(cmd);
        h = take_reserve(m);
    }
    if (!h)
        return ADIT_E_MEMORY;
    h->next = NULL;
    move_cmd(&h->cmd, cmd);
    *m->held_end = h;
    m->held_end = &h->next;
    adit_up_member_release(m);
    return ADIT_OK;
}

adit_err adit_up_member_post(struct adit_up_member *m, struct adit_cmd *cmd)
{
    struct adit_cmd *slot;
    bool is_ctrl = cmd->kind == ADIT_CMD_CTRL_TX;

    if (is_ctrl && cmd->ctrl.n > ADIT_CTRL_PACKET_MAX)
        return ADIT_E_TOO_BIG;
    adit_up_member_release(m);
    if (is_ctrl && (m->held || !adit_ring_is_roomy(&m->shared.cmds)))
        return ADIT_E_QUEUE;
    slot = m->held ? NULL : adit_ring_claim(&m->shared.cmds);
    if (!slot)
        return hold(m, cmd);
    move_cmd(slot, cmd);
    adit_ring_publish(&m->shared.cmds);
    adit_up_kick(&m->shared);
    return ADIT_OK;
}

adit_err adit_up_member_refuse(struct adit_up_member *m, struct adit_cmd *cmd)
{
    turn_into_refusal(cmd);
    return adit_up_member_post(m, cmd);
}
