/* SPDX-License-Identifier: Apache-2.0 */
#include "plane/wheel.h"

#include <string.h>

void adit_wheel_init(struct adit_wheel *w, uint64_t now)
{
    memset(w, 0, sizeof *w);
    w->now = now;
}

static void link_in(struct adit_wheel_node **head, struct adit_wheel_node *node)
{
    node->next = *head;
    node->at = head;
    if (node->next)
        node->next->at = &node->next;
    *head = node;
}

static void link_out(struct adit_wheel_node *node)
{
    *node->at = node->next;
    if (node->next)
        node->next->at = node->at;
    node->next = NULL;
    node->at = NULL;
}

/* The slot of the present tick is empty: so far ahead is the last one of the round. */
static struct adit_wheel_node **slot_of(struct adit_wheel *w, uint64_t tick)
{
    uint64_t ahead = tick - w->now < ADIT_WHEEL_SLOTS ? tick - w->now : ADIT_WHEEL_SLOTS - 1;

    return &w->slots[(w->now + ahead) % ADIT_WHEEL_SLOTS];
}

void adit_wheel_put(struct adit_wheel *w, struct adit_wheel_node *node, uint64_t tick)
{
    adit_wheel_del(w, node);
    node->tick = tick > w->now ? tick : w->now + 1;
    link_in(slot_of(w, node->tick), node);
    w->n++;
}

void adit_wheel_del(struct adit_wheel *w, struct adit_wheel_node *node)
{
    if (!node->at)
        return;
    link_out(node);
    w->n--;
}

static void empty(struct adit_wheel *w, struct adit_wheel_node **slot)
{
    while (*slot) {
        struct adit_wheel_node *node = *slot;

        link_out(node);
        link_in(&w->due, node);
    }
}

void adit_wheel_turn(struct adit_wheel *w, uint64_t now)
{
    uint64_t passed;

    if (now <= w->now)
        return;
    passed = now - w->now < ADIT_WHEEL_SLOTS ? now - w->now : ADIT_WHEEL_SLOTS;
    for (uint64_t i = 1; i <= passed; i++)
        empty(w, &w->slots[(w->now + i) % ADIT_WHEEL_SLOTS]);
    w->now = now;
}

struct adit_wheel_node *adit_wheel_next(struct adit_wheel *w)
{
    while (w->due) {
        struct adit_wheel_node *node = w->due;

        link_out(node);
        if (node->tick > w->now) { /* more than a round ahead when it was put */
            link_in(slot_of(w, node->tick), node);
            continue;
        }
        w->n--;
        w->n_given++;
        return node;
    }
    return NULL;
}
