/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operations as bytes on one end: high three bits say what, low five are the argument. Against a naive record
 * of what was received: everything is delivered in order and once, nothing that was not kept is delivered.
 */
#include <stdlib.h>
#include <string.h>

#include "proto/reliable.h"

enum {
    IDS = 512,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct model {
    struct adit_reliable r;
    adit_now now;
    uint32_t first;     /* id of the first packet of either side */
    bool was_kept[IDS]; /* by distance from first */
    uint32_t n_delivered, n_sent, n_acked;
    bool was_acked[IDS];
};

static void check(bool is_right)
{
    if (!is_right)
        abort();
}

static void receive(struct model *m, uint32_t ahead)
{
    /* From eight before the next id to twenty-three behind it. */
    uint32_t at = m->n_delivered + ahead - 8;
    uint8_t content = (uint8_t)at;
    adit_err e = adit_reliable_received(&m->r, m->first + at, adit_bytes_of(&content, at % 3 ? 1 : 0));

    if (ahead < 8)
        check(e == ADIT_E_REPLAY);
    else if (ahead - 8 >= ADIT_RECV_WINDOW)
        check(e == ADIT_E_WINDOW);
    else if (at < IDS)
        check(e == (m->was_kept[at] ? ADIT_E_REPLAY : ADIT_OK));
    if (e == ADIT_OK && at < IDS)
        m->was_kept[at] = true;
}

static void deliver(struct model *m)
{
    adit_bytes payload;
    uint32_t id, at = m->n_delivered;
    bool has = adit_reliable_next_in(&m->r, &id, &payload);

    check(has == m->was_kept[at]);
    if (!has)
        return;
    check(id == m->first + at && payload.n == (at % 3 ? 1 : 0));
    check(payload.n == 0 || payload.p[0] == (uint8_t)at);
    m->n_delivered++;
}

static void acknowledge(struct model *m, uint32_t back)
{
    uint32_t id = m->first + m->n_sent - back, at = m->n_sent - back;

    adit_reliable_acked(&m->r, &id, 1, m->now);
    if (at < m->n_sent)
        m->was_acked[at] = true;
}

static void transmit(struct model *m, size_t max_acks)
{
    enum adit_op op;
    struct adit_ctrl c;
    size_t n_acks = adit_reliable_ack_count(&m->r, max_acks);

    while (adit_reliable_next_out(&m->r, m->now, max_acks, &op, &c)) {
        uint32_t at = c.packet_id - m->first;

        check(c.n_acks == n_acks && !c.is_ack_only);
        check(op == ADIT_OP_CONTROL_V1 && at < IDS && !m->was_acked[at]);
        m->n_sent = at + 1 > m->n_sent ? at + 1 : m->n_sent;
        n_acks = adit_reliable_ack_count(&m->r, max_acks);
    }
    while (adit_reliable_next_ack(&m->r, max_acks, &c))
        check(c.n_acks <= max_acks && c.n_acks > 0);
    check(max_acks == 0 || adit_reliable_deadline(&m->r) > m->now.mono_ns);
}

static void queue(struct model *m, uint32_t argument)
{
    bool is_open = m->r.next_out_id - m->first - m->n_acked < ADIT_SEND_WINDOW;
    adit_err e =
        adit_reliable_send(&m->r, ADIT_OP_CONTROL_V1, adit_bytes_of(&argument, argument % 4), m->now);

    check(e == (is_open ? ADIT_OK : ADIT_E_QUEUE));
}

static void operate(struct model *m, unsigned what, uint32_t argument)
{
    switch (what) {
    case 0:
    case 1:
        receive(m, argument);
        break;
    case 2:
        deliver(m);
        break;
    case 3:
        queue(m, argument);
        break;
    case 4:
        acknowledge(m, argument % 10);
        break;
    case 5:
        transmit(m, argument % (ADIT_ACKS_MAX + 1));
        break;
    case 6:
        m->now.mono_ns += argument * 300 * ADIT_NS_PER_MS;
        break;
    default:
        adit_reliable_retry_all(&m->r, m->now);
        break;
    }
    /* The oldest id that is not acknowledged is where the send window begins. */
    while (m->n_acked < m->n_sent && m->was_acked[m->n_acked])
        m->n_acked++;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct model m;

    memset(&m, 0, sizeof m);
    adit_reliable_init(&m.r, 2 * ADIT_NS_PER_S);
    /* The first byte puts the ids near their wrap, or not. */
    m.first = n > 0 && data[0] & 0x80 ? 0U - (data[0] & 0x7F) : 0;
    m.r.next_in_id = m.r.next_out_id = m.first;
    for (size_t i = 1; i < n && m.n_delivered < IDS - 32 && m.n_sent < IDS - 32; i++)
        operate(&m, data[i] >> 5, data[i] & 31);
    adit_reliable_fini(&m.r);
    return 0;
}
