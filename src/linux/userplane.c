/* SPDX-License-Identifier: Apache-2.0 */
/* The plane as a whole: its members' life and threads, what policy posts and what it hears. */
#include "linux/userplane.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/mem.h"
#include "crypto/aead.h"
#include "linux/userplane_policy.h"

enum {
    THREAD_NAME_MAX = 16,
};

static struct adit_userplane *of(const struct adit_plane *plane)
{
    return (struct adit_userplane *)plane;
}

/* ---- the seam ---- */

static adit_err post(struct adit_plane *plane, struct adit_cmd *cmd)
{
    struct adit_userplane *u = of(plane);

    return u->n == 1 ? adit_up_member_post(&u->members[0], cmd) : adit_up_crew_post(u, cmd);
}

static void copy_note(struct adit_note *dst, const struct adit_note *src)
{
    if (src->kind != ADIT_NOTE_CTRL_RX) {
        *dst = *src;
        return;
    }
    memcpy(dst, src, offsetof(struct adit_note, ctrl.b));
    memcpy(dst->ctrl.b, src->ctrl.b, src->ctrl.n);
}

static bool take_note(struct adit_up_member *m, struct adit_note *note)
{
    struct adit_up_shared *s = &m->shared;
    struct adit_note *slot = adit_ring_front(&s->notes);

    adit_up_member_release(m);
    if (!slot)
        return false;
    copy_note(note, slot);
    adit_ring_release(&s->notes);
    if (atomic_load(&s->wants_notes_read)) {
        atomic_store(&s->wants_notes_read, false);
        adit_up_kick(s);
    }
    return true;
}

/* One of each member in turn, so that none has to wait for a talkative one. */
static bool take_any_note(struct adit_userplane *u, struct adit_note *note)
{
    for (unsigned i = 0; i < u->n;) {
        unsigned member = u->heard;

        u->heard = (u->heard + 1) % u->n;
        if (!take_note(&u->members[member], note)) {
            i++;
            continue;
        }
        if (u->n == 1 || adit_up_crew_hear(u, member, note))
            return true;
        i = 0;
    }
    return false;
}

static bool next_note(struct adit_plane *plane, struct adit_note *note)
{
    struct adit_userplane *u = of(plane);
    const uint64_t one = 1;
    uint64_t count;

    if (take_any_note(u, note))
        return true;
    /* Quiet the descriptor, then look again: what comes later makes it readable again. */
    (void)!read(u->note_fd, &count, sizeof count);
    if (!take_any_note(u, note))
        return false;
    /* What comes with this one was told before we read: whoever asks for no more now must be woken for it. */
    (void)!write(u->note_fd, &one, sizeof one);
    return true;
}

int adit_userplane_note_fd(const struct adit_plane *plane)
{
    return of(plane)->note_fd;
}

/* ---- threads ---- */

static void *run_worker(void *arg)
{
    struct adit_up_member *m = arg;

    (void)
        adit_aead_engine_name(); /* the engines check each other now, and not when a first key waits for it */
    while (!atomic_load(&m->shared.is_stopping))
        adit_up_worker_turn(&m->worker, true);
    return NULL;
}

/* Signals are policy's. */
static int start_thread(struct adit_up_member *m)
{
    char name[THREAD_NAME_MAX];
    sigset_t all, old;
    int err;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    err = pthread_create(&m->thread, NULL, run_worker, m);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    m->has_thread = err == 0;
    snprintf(name, sizeof name, "worker-%u", m->worker.index);
    if (m->has_thread)
        pthread_setname_np(m->thread, name);
    return err;
}

/* The member that runs in policy's thread: the only one, or the doorman; NULL: none. */
static struct adit_up_member *own_member(const struct adit_userplane *u)
{
    struct adit_up_member *last = &u->members[u->n - 1];

    return last->has_thread ? NULL : last;
}

int adit_userplane_worker_fd(const struct adit_plane *plane)
{
    const struct adit_up_member *m = own_member(of(plane));

    return m ? m->worker.epoll_fd : -1;
}

void adit_userplane_turn(struct adit_plane *plane)
{
    struct adit_up_member *m = own_member(of(plane));

    if (m)
        adit_up_worker_turn(&m->worker, false);
}

unsigned adit_userplane_sockets(const struct adit_plane *plane)
{
    const struct adit_userplane *u = of(plane);

    return u->is_split ? 1 : u->n;
}

/* ---- the device ---- */

static void attach(struct adit_up_member *m, struct adit_device *device, bool is_read)
{
    m->shared.device = device;
    m->shared.is_reading_device = is_read;
    atomic_store(&m->shared.asks_device, true);
    if (!m->has_thread) {
        adit_up_worker_turn(&m->worker, false);
        (void)sem_trywait(&m->shared.device_taken);
        return;
    }
    adit_up_kick(&m->shared);
    while (sem_wait(&m->shared.device_taken) != 0)
        continue; /* EINTR */
}

void adit_userplane_attach_queues(struct adit_plane *plane, struct adit_device *const *queues, unsigned n)
{
    struct adit_userplane *u = of(plane);

    for (unsigned i = 0; i < u->n; i++) {
        bool is_own = i < n && u->members[i].worker.does_out;

        attach(&u->members[i], is_own ? queues[i] : n > 0 ? queues[0] : NULL, is_own);
    }
}

void adit_userplane_attach(struct adit_plane *plane, struct adit_device *device)
{
    adit_userplane_attach_queues(plane, &device, device ? 1 : 0);
}

void adit_userplane_steer(struct adit_plane *plane, struct adit_steer *steer)
{
    of(plane)->steer = steer;
}

/* ---- life ---- */

static void fini_member(struct adit_userplane *u, struct adit_up_member *m)
{
    adit_up_worker_fini(&m->worker);
    adit_ring_fini(&m->shared.cmds);
    adit_ring_fini(&m->shared.notes);
    for (unsigned i = 0; m->shared.handed && i < u->n; i++)
        adit_ring_fini(&m->shared.handed[i]);
    adit_free(m->shared.handed);
    sem_destroy(&m->shared.device_taken);
    if (m->shared.cmd_fd >= 0)
        close(m->shared.cmd_fd);
}

static void destroy(struct adit_userplane *u)
{
    for (unsigned i = 0; u->members && i < u->n; i++)
        fini_member(u, &u->members[i]);
    adit_up_crew_forget(u);
    adit_free(u->crew.shared);
    adit_free_secret(u->members, u->n * sizeof *u->members);
    if (u->note_fd >= 0)
        close(u->note_fd);
    adit_free(u);
}

static void stop_threads(struct adit_userplane *u)
{
    for (unsigned i = 0; i < u->n; i++) {
        atomic_store(&u->members[i].shared.is_stopping, true);
        if (u->members[i].has_thread)
            adit_up_kick(&u->members[i].shared);
    }
    for (unsigned i = 0; i < u->n; i++) {
        if (u->members[i].has_thread)
            pthread_join(u->members[i].thread, NULL);
    }
}

/* What was posted is still done, so that last words are sent and moved descriptors and keys have an owner. */
static void finish(struct adit_up_member *m)
{
    do {
        adit_up_member_release(m);
        adit_up_cmd_drain(&m->worker);
    } while (adit_up_member_holds(m));
    adit_up_batch_flush(&m->worker);
    adit_up_stream_flush_dirty(&m->worker);
    if (m->worker.gremlin)
        adit_up_gremlin_report(&m->worker);
}

/* Whether it was worth it: how many packets a call has carried. */
static void report(const struct adit_userplane *u)
{
    struct adit_hauls sum = {0};
    char text[ADIT_HAULS_TEXT_MAX];

    for (unsigned i = 0; i < u->n; i++)
        adit_hauls_sum(&sum, &u->members[i].worker.hauls);
    if (adit_hauls_any(&sum))
        adit_info(&u->params.env->log, NULL, "data channel: %s", adit_hauls_text(&sum, text, sizeof text));
}

static void plane_free(struct adit_plane *plane)
{
    struct adit_userplane *u = of(plane);

    if (!plane)
        return;
    stop_threads(u);
    for (unsigned i = 0; i < u->n; i++)
        finish(&u->members[i]);
    report(u);
    destroy(u);
}

static const struct adit_plane_ops plane_ops = {
    .post = post,
    .next_note = next_note,
    .free = plane_free,
};

/* Fewer with many workers, of whom each has a ring to each. */
static uint32_t handed_slots(unsigned n_workers)
{
    uint32_t slots = ADIT_UP_HANDED;

    while (slots > ADIT_UP_HANDED_MIN && slots * n_workers > ADIT_UP_HANDED_ALL)
        slots /= 2;
    return slots;
}

/* A ring from every other member. The doorman gets nothing: it has no peers. Where packets are steered little
 * goes through them, so that their pages are taken when they are needed. */
static adit_err make_handed(struct adit_userplane *u, struct adit_up_member *m)
{
    size_t slot_len = sizeof(struct adit_handed) + adit_up_packet_cap(&u->params);
    adit_err err = ADIT_OK;

    if (u->n == 1 || u->is_split || m->worker.index >= u->crew.n_workers)
        return ADIT_OK;
    m->shared.handed = adit_alloc(u->n * sizeof *m->shared.handed);
    if (!m->shared.handed)
        return ADIT_E_MEMORY;
    for (unsigned i = 0; i < u->n && !err; i++) {
        if (i != m->worker.index)
            err = adit_ring_init_sparse(&m->shared.handed[i], slot_len, handed_slots(u->crew.n_workers));
    }
    return err;
}

static adit_err init_shared(struct adit_userplane *u, struct adit_up_member *m)
{
    struct adit_up_shared *s = &m->shared;
    uint32_t slots = u->params.is_single_peer ? ADIT_UP_RING_SINGLE : ADIT_UP_RING;

    s->note_fd = u->note_fd;
    s->device = u->params.device;
    s->is_reading_device = m->worker.does_out && m->worker.index == 0;
    s->cmd_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    sem_init(&s->device_taken, 0, 0);
    if (s->cmd_fd < 0)
        return ADIT_E_OS;
    if (adit_ring_init(&s->cmds, sizeof(struct adit_cmd), slots) ||
        adit_ring_init(&s->notes, sizeof(struct adit_note), slots))
        return ADIT_E_MEMORY;
    return make_handed(u, m);
}

static adit_err init_member(struct adit_userplane *u, unsigned i)
{
    struct adit_up_member *m = &u->members[i];
    adit_err err;

    m->worker.crew = u->n > 1 ? &u->crew : NULL;
    m->worker.index = i;
    m->worker.home = u->is_split ? 0 : i;
    m->worker.does_out = !u->is_split || i == 0;
    m->worker.does_in = !u->is_split || i == 1;
    u->crew.shared[i] = &m->shared;
    err = init_shared(u, m);
    return err ? err : adit_up_worker_init(&m->worker, &u->params, &m->shared);
}

/* How many, and who of them are threads. */
static void plan_members(struct adit_userplane *u)
{
    unsigned want = u->params.n_workers > ADIT_UP_WORKERS_MAX ? ADIT_UP_WORKERS_MAX : u->params.n_workers;

    if (!u->params.want_thread || u->params.faults || want < 1)
        want = 1;
    u->is_split = u->params.is_single_peer && want > 1;
    u->crew.n_workers = u->is_split ? 2 : want;
    u->n = u->is_split || want == 1 ? u->crew.n_workers : want + 1;
    u->crew.n = u->n;
}

static adit_err make_members(struct adit_userplane *u)
{
    adit_err err = ADIT_OK;

    u->members = adit_alloc(u->n * sizeof *u->members);
    u->crew.shared = adit_alloc(u->n * sizeof(struct adit_up_shared *));
    /* First of all, since whoever cleans up closes what is not -1. */
    for (unsigned i = 0; u->members && i < u->n; i++) {
        struct adit_up_worker *w = &u->members[i].worker;

        adit_up_member_init(&u->members[i]);
        u->members[i].shared.cmd_fd = -1;
        w->epoll_fd = w->timer_fd = w->device_fd = -1;
    }
    if (!u->members || !u->crew.shared || adit_up_map_init(&u->streams) || adit_up_map_init(&u->peers))
        return ADIT_E_MEMORY;
    for (unsigned i = 0; i < u->n && !err; i++)
        err = init_member(u, i);
    return err;
}

static adit_err start_threads(struct adit_userplane *u)
{
    unsigned n = u->params.want_thread ? u->crew.n_workers : 0;

    for (unsigned i = 0; i < n; i++) {
        errno = start_thread(&u->members[i]);
        if (errno != 0)
            return ADIT_E_OS;
    }
    return ADIT_OK;
}

struct adit_plane *adit_userplane_new(const struct adit_userplane_params *p)
{
    struct adit_userplane *u = adit_alloc(sizeof *u);
    adit_err err;
    int os_errno;

    if (!u)
        return NULL;
    u->plane.ops = &plane_ops;
    u->params = *p;
    plan_members(u);
    u->note_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    err = u->note_fd < 0 ? ADIT_E_OS : make_members(u);
    if (!err)
        err = start_threads(u);
    if (!err)
        return &u->plane;
    os_errno = err == ADIT_E_MEMORY ? ENOMEM : errno;
    if (u->members)
        stop_threads(u);
    destroy(u);
    errno = os_errno;
    return NULL;
}
