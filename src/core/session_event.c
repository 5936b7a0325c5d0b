/* SPDX-License-Identifier: Apache-2.0 */
/* The queue of facts. Texts are copied into the node, so that what an event lends lives until the next pull.
 */
#include "core/session_parts.h"

#include <string.h>

#include "base/mem.h"

static void free_node(struct adit_event_node *n)
{
    if (!n)
        return;
    adit_free_secret(n->owned, n->owned_n);
    adit_free_secret(n, sizeof *n);
}

static void keep(struct adit_event_node *n, size_t *at, adit_bytes *text)
{
    if (text->n == 0) {
        text->p = (const uint8_t *)""; /* nothing points to where the event was made */
        return;
    }
    memcpy(n->owned + *at, text->p, text->n);
    text->p = n->owned + *at;
    *at += text->n;
}

static struct adit_event_node *make_node(const struct adit_event *ev)
{
    struct adit_event_node *n = adit_alloc(sizeof *n);
    size_t at = 0;

    if (!n)
        return NULL;
    n->ev = *ev;
    n->owned_n =
        ev->text.n + ev->options.n + ev->peer_options.n + ev->peer_info.n + ev->user.n + ev->password.n;
    n->owned = n->owned_n > 0 ? adit_alloc(n->owned_n) : NULL;
    if (n->owned_n > 0 && !n->owned) {
        free_node(n);
        return NULL;
    }
    keep(n, &at, &n->ev.text);
    keep(n, &at, &n->ev.options);
    keep(n, &at, &n->ev.peer_options);
    keep(n, &at, &n->ev.peer_info);
    keep(n, &at, &n->ev.user);
    keep(n, &at, &n->ev.password);
    return n;
}

void adit_session_emit(struct adit_session *s, struct adit_event *ev)
{
    struct adit_event_node *n = make_node(ev);

    adit_wipe(&ev->keys, sizeof ev->keys);
    if (!n) {
        s->is_ending = true;
        s->end_reason = ADIT_E_MEMORY;
        s->end_ns = 0;
        return;
    }
    *s->events_end = n;
    s->events_end = &n->next;
}

void adit_session_drop_events(struct adit_session *s)
{
    while (s->events) {
        struct adit_event_node *n = s->events;

        s->events = n->next;
        free_node(n);
    }
    s->events_end = &s->events;
    free_node(s->lent);
    s->lent = NULL;
}

bool adit_session_next_event(struct adit_session *s, struct adit_event *ev)
{
    struct adit_event_node *n = s->events;

    free_node(s->lent);
    s->lent = NULL;
    if (n) {
        s->events = n->next;
        if (!s->events)
            s->events_end = &s->events;
        *ev = n->ev;
        s->lent = n;
        return true;
    }
    if (!s->is_closed)
        return false;
    s->is_closed = false;
    *ev = (struct adit_event){.kind = ADIT_EV_CLOSED, .reason = s->end_reason};
    ev->text = s->end_text ? adit_bytes_str(s->end_text) : adit_bytes_of(NULL, 0);
    return true;
}
