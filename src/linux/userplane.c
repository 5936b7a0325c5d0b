/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policy's side of the user-space plane. A command goes into the ring, and the worker is kicked if it was not
 * yet; what does not fit is held here, in order, except control bytes, which are refused: the network loses
 * packets, too, and a stranger may have caused them.
 */
#include "linux/userplane.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/mem.h"
#include "linux/userplane_parts.h"

struct held_cmd {
    struct held_cmd *next;
    struct adit_cmd cmd;
};

struct userplane {
    struct adit_plane plane; /* first: the seam's handle */
    struct adit_up_shared shared;
    struct adit_up_worker worker;
    struct held_cmd *held, **held_end;
    bool has_thread;
    pthread_t thread;
};

static struct userplane *of(const struct adit_plane *plane)
{
    return (struct userplane *)plane;
}

/* ---- commands ---- */

static void kick(struct adit_up_shared *s)
{
    const uint64_t one = 1;

    if (!atomic_exchange(&s->is_kicked, true))
        (void)!write(s->cmd_fd, &one, sizeof one);
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

static void move_held(struct userplane *u)
{
    struct adit_cmd *slot;

    while (u->held && (slot = adit_ring_claim(&u->shared.cmds))) {
        struct held_cmd *h = u->held;

        move_cmd(slot, &h->cmd);
        adit_ring_publish(&u->shared.cmds);
        u->held = h->next;
        if (!u->held)
            u->held_end = &u->held;
        adit_free_secret(h, sizeof *h);
        kick(&u->shared);
    }
}

/* As much as fits. For the rest the worker is asked to tell when there is room. */
static void release_held(struct userplane *u)
{
    move_held(u);
    while (u->held && !atomic_exchange(&u->shared.wants_room, true))
        move_held(u); /* it may have made room before it was asked */
}

static adit_err hold(struct userplane *u, struct adit_cmd *cmd)
{
    struct held_cmd *h = adit_alloc(sizeof *h);

    if (!h)
        return ADIT_E_MEMORY;
    move_cmd(&h->cmd, cmd);
    *u->held_end = h;
    u->held_end = &h->next;
    release_held(u);
    return ADIT_OK;
}

static adit_err post(struct adit_plane *plane, struct adit_cmd *cmd)
{
    struct userplane *u = of(plane);
    struct adit_cmd *slot;
    bool is_ctrl = cmd->kind == ADIT_CMD_CTRL_TX;

    if (is_ctrl && cmd->ctrl.n > ADIT_CTRL_PACKET_MAX)
        return ADIT_E_TOO_BIG;
    release_held(u);
    if (is_ctrl && (u->held || adit_ring_room(&u->shared.cmds) <= ADIT_UP_RESERVE))
        return ADIT_E_QUEUE;
    slot = u->held ? NULL : adit_ring_claim(&u->shared.cmds);
    if (!slot)
        return hold(u, cmd);
    move_cmd(slot, cmd);
    adit_ring_publish(&u->shared.cmds);
    kick(&u->shared);
    return ADIT_OK;
}

/* ---- notes ---- */

static void copy_note(struct adit_note *dst, const struct adit_note *src)
{
    if (src->kind != ADIT_NOTE_CTRL_RX) {
        *dst = *src;
        return;
    }
    memcpy(dst, src, offsetof(struct adit_note, ctrl.b));
    memcpy(dst->ctrl.b, src->ctrl.b, src->ctrl.n);
}

static bool next_note(struct adit_plane *plane, struct adit_note *note)
{
    struct userplane *u = of(plane);
    struct adit_up_shared *s = &u->shared;
    struct adit_note *slot = adit_ring_front(&s->notes);
    uint64_t count;

    release_held(u);
    if (!slot) {
        /* Quiet the descriptor, then look again: what comes later makes it readable again. */
        (void)!read(s->note_fd, &count, sizeof count);
        release_held(u);
        slot = adit_ring_front(&s->notes);
    }
    if (!slot)
        return false;
    copy_note(note, slot);
    adit_ring_release(&s->notes);
    if (atomic_load(&s->wants_notes_read)) {
        atomic_store(&s->wants_notes_read, false);
        kick(s);
    }
    return true;
}

int adit_userplane_note_fd(const struct adit_plane *plane)
{
    return of(plane)->shared.note_fd;
}

/* ---- the worker, with and without a thread ---- */

static void *run_worker(void *arg)
{
    struct userplane *u = arg;

    while (!atomic_load(&u->shared.is_stopping))
        adit_up_worker_turn(&u->worker, true);
    return NULL;
}

/* Signals are policy's. */
static int start_thread(struct userplane *u)
{
    sigset_t all, old;
    int err;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    err = pthread_create(&u->thread, NULL, run_worker, u);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    u->has_thread = err == 0;
    return err;
}

int adit_userplane_worker_fd(const struct adit_plane *plane)
{
    return of(plane)->worker.epoll_fd;
}

void adit_userplane_turn(struct adit_plane *plane)
{
    adit_up_worker_turn(&of(plane)->worker, false);
}

void adit_userplane_attach(struct adit_plane *plane, struct adit_device *device)
{
    struct userplane *u = of(plane);

    u->shared.device = device;
    atomic_store(&u->shared.asks_device, true);
    if (!u->has_thread) {
        adit_up_worker_turn(&u->worker, false);
        (void)sem_trywait(&u->shared.device_taken);
        return;
    }
    kick(&u->shared);
    while (sem_wait(&u->shared.device_taken) != 0)
        continue; /* EINTR */
}

/* ---- life ---- */

static void destroy(struct userplane *u)
{
    adit_up_worker_fini(&u->worker);
    adit_ring_fini(&u->shared.cmds);
    adit_ring_fini(&u->shared.notes);
    sem_destroy(&u->shared.device_taken);
    if (u->shared.cmd_fd >= 0)
        close(u->shared.cmd_fd);
    if (u->shared.note_fd >= 0)
        close(u->shared.note_fd);
    adit_free_secret(u, sizeof *u);
}

/* What was posted is still done, so that last words are sent and moved descriptors and keys have an owner. */
static void plane_free(struct adit_plane *plane)
{
    struct userplane *u = of(plane);

    if (!plane)
        return;
    atomic_store(&u->shared.is_stopping, true);
    if (u->has_thread) {
        kick(&u->shared);
        pthread_join(u->thread, NULL);
    }
    do {
        release_held(u);
        adit_up_cmd_drain(&u->worker);
    } while (u->held);
    adit_up_batch_flush(&u->worker);
    adit_up_stream_flush_dirty(&u->worker);
    if (u->worker.gremlin)
        adit_up_gremlin_report(&u->worker);
    destroy(u);
}

static const struct adit_plane_ops plane_ops = {
    .post = post,
    .next_note = next_note,
    .free = plane_free,
};

static adit_err init_shared(struct adit_up_shared *s)
{
    s->cmd_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    s->note_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    sem_init(&s->device_taken, 0, 0);
    if (s->cmd_fd < 0 || s->note_fd < 0)
        return ADIT_E_OS;
    if (adit_ring_init(&s->cmds, sizeof(struct adit_cmd), ADIT_UP_CMDS))
        return ADIT_E_MEMORY;
    return adit_ring_init(&s->notes, sizeof(struct adit_note), ADIT_UP_NOTES);
}

struct adit_plane *adit_userplane_new(const struct adit_userplane_params *p)
{
    struct userplane *u = adit_alloc(sizeof *u);
    adit_err err;

    if (!u)
        return NULL;
    u->plane.ops = &plane_ops;
    u->held_end = &u->held;
    u->worker.epoll_fd = u->worker.timer_fd = u->worker.device_fd = -1;
    err = init_shared(&u->shared);
    if (!err)
        err = adit_up_worker_init(&u->worker, p, &u->shared);
    if (!err && p->want_thread && (errno = start_thread(u)) != 0)
        err = ADIT_E_OS;
    if (!err)
        return &u->plane;
    if (err == ADIT_E_MEMORY)
        errno = ENOMEM;
    destroy(u);
    return NULL;
}
