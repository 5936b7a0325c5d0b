/* SPDX-License-Identifier: Apache-2.0 */
#include "../unit.h"

#include <stdlib.h>

#include "base/rng.h"
#include "proto/reliable.h"

#define T (2 * ADIT_NS_PER_S)

static adit_now at_ms(uint64_t ms)
{
    return (adit_now){.mono_ns = ms * ADIT_NS_PER_MS};
}

static adit_bytes text(const char *s)
{
    return adit_bytes_str(s);
}

/* Queues a packet and lets it go at once. */
static void send_one(struct adit_reliable *r, const char *payload, adit_now now)
{
    struct adit_ctrl c;
    enum adit_op op;

    assert_int_equal(adit_reliable_send(r, ADIT_OP_CONTROL_V1, text(payload), now), ADIT_OK);
    assert_true(adit_reliable_next_out(r, now, ADIT_ACKS_CTRL_MAX, &op, &c));
}

static void ack_one(struct adit_reliable *r, uint32_t id, adit_now now)
{
    adit_reliable_acked(r, &id, 1, now);
}

/* The id of the next packet that is due, or -1. */
static int64_t next_id(struct adit_reliable *r, adit_now now)
{
    struct adit_ctrl c;
    enum adit_op op;

    return adit_reliable_next_out(r, now, ADIT_ACKS_CTRL_MAX, &op, &c) ? (int64_t)c.packet_id : -1;
}

static void sends_in_order_with_opcode_and_payload(void **state)
{
    struct adit_reliable r;
    struct adit_ctrl c;
    enum adit_op op;

    (void)state;
    adit_reliable_init(&r, T);
    assert_int_equal(adit_reliable_send(&r, ADIT_OP_HARD_RESET_CLIENT_V2, text(""), at_ms(0)), ADIT_OK);
    assert_int_equal(adit_reliable_send(&r, ADIT_OP_CONTROL_V1, text("hello"), at_ms(0)), ADIT_OK);
    assert_true(adit_reliable_next_out(&r, at_ms(0), 4, &op, &c));
    assert_int_equal(op, ADIT_OP_HARD_RESET_CLIENT_V2);
    assert_int_equal(c.packet_id, 0);
    assert_int_equal(c.payload.n, 0);
    assert_int_equal(c.n_acks, 0);
    assert_false(c.is_ack_only);
    assert_true(adit_reliable_next_out(&r, at_ms(0), 4, &op, &c));
    assert_int_equal(op, ADIT_OP_CONTROL_V1);
    assert_int_equal(c.packet_id, 1);
    assert_true(adit_bytes_eq(c.payload, text("hello")));
    assert_false(adit_reliable_next_out(&r, at_ms(0), 4, &op, &c));
    adit_reliable_fini(&r);
}

static void send_window_is_measured_from_the_oldest(void **state)
{
    struct adit_reliable r;

    (void)state;
    adit_reliable_init(&r, T);
    assert_true(adit_reliable_all_acked(&r));
    for (int i = 0; i < ADIT_SEND_WINDOW; i++)
        send_one(&r, "x", at_ms(0));
    assert_false(adit_reliable_can_send(&r));
    assert_int_equal(adit_reliable_send(&r, ADIT_OP_CONTROL_V1, text("x"), at_ms(0)), ADIT_E_QUEUE);
    ack_one(&r, 3, at_ms(0));
    assert_false(adit_reliable_can_send(&r));
    ack_one(&r, 0, at_ms(0));
    assert_true(adit_reliable_can_send(&r));
    send_one(&r, "x", at_ms(0));
    assert_false(adit_reliable_can_send(&r));
    for (uint32_t id = 0; id <= 6; id++)
        ack_one(&r, id, at_ms(0));
    assert_true(adit_reliable_all_acked(&r));
    adit_reliable_fini(&r);
}

static void what_is_not_heard_is_said_again_and_later_less_often(void **state)
{
    static const uint64_t tries_s[] = {0, 2, 4, 6, 8, 10, 12, 14, 16, 20, 24, 28, 32};
    struct adit_reliable r;

    (void)state;
    adit_reliable_init(&r, T);
    assert_true(adit_reliable_deadline(&r) == ADIT_NEVER);
    assert_int_equal(adit_reliable_send(&r, ADIT_OP_CONTROL_V1, text("x"), at_ms(0)), ADIT_OK);
    for (size_t i = 0; i < sizeof tries_s / sizeof tries_s[0]; i++) {
        assert_true(adit_reliable_deadline(&r) == tries_s[i] * ADIT_NS_PER_S);
        if (i > 0)
            assert_int_equal(next_id(&r, at_ms(tries_s[i] * 1000 - 1)), -1);
        assert_int_equal(next_id(&r, at_ms(tries_s[i] * 1000)), 0);
        assert_int_equal(next_id(&r, at_ms(tries_s[i] * 1000)), -1);
    }
    ack_one(&r, 0, at_ms(70000));
    assert_true(adit_reliable_deadline(&r) == ADIT_NEVER);
    adit_reliable_fini(&r);
}

static void a_huge_time_never_overflows(void **state)
{
    struct adit_reliable r;

    (void)state;
    adit_reliable_init(&r, ADIT_NEVER / 3 * 2);
    assert_int_equal(adit_reliable_send(&r, ADIT_OP_CONTROL_V1, text("x"), at_ms(0)), ADIT_OK);
    assert_int_equal(next_id(&r, at_ms(0)), 0);
    assert_true(adit_reliable_deadline(&r) == ADIT_NEVER / 3 * 2);
    assert_int_equal(next_id(&r, (adit_now){.mono_ns = ADIT_NEVER / 3 * 2}), 0);
    assert_true(adit_reliable_deadline(&r) == ADIT_NEVER);
    adit_reliable_fini(&r);
}

static void three_later_acks_retransmit_at_once(void **state)
{
    struct adit_reliable r;

    (void)state;
    adit_reliable_init(&r, T);
    for (int i = 0; i < 6; i++)
        send_one(&r, "x", at_ms(0));
    ack_one(&r, 2, at_ms(10));
    ack_one(&r, 3, at_ms(10));
    ack_one(&r, 3, at_ms(10)); /* lists repeat ids: that is no news */
    ack_one(&r, 2, at_ms(10));
    assert_int_equal(next_id(&r, at_ms(10)), -1);
    ack_one(&r, 4, at_ms(20));
    assert_int_equal(next_id(&r, at_ms(20)), 0);
    assert_int_equal(next_id(&r, at_ms(20)), 1);
    assert_int_equal(next_id(&r, at_ms(20)), -1);
    /* The count begins anew, and the time, too. */
    ack_one(&r, 5, at_ms(30));
    assert_int_equal(next_id(&r, at_ms(30)), -1);
    assert_int_equal(next_id(&r, at_ms(2019)), -1);
    assert_int_equal(next_id(&r, at_ms(2020)), 0);
    adit_reliable_fini(&r);
}

static void later_acks_count_from_the_last_try(void **state)
{
    struct adit_reliable r;

    (void)state;
    adit_reliable_init(&r, T);
    for (int i = 0; i < 6; i++)
        send_one(&r, "x", at_ms(0));
    ack_one(&r, 1, at_ms(10));
    ack_one(&r, 2, at_ms(10));
    assert_int_equal(next_id(&r, at_ms(2000)), 0);
    while (next_id(&r, at_ms(2000)) >= 0)
        ;
    ack_one(&r, 3, at_ms(2010));
    ack_one(&r, 4, at_ms(2010));
    assert_int_equal(next_id(&r, at_ms(2010)), -1);
    ack_one(&r, 5, at_ms(2010));
    assert_int_equal(next_id(&r, at_ms(2010)), 0);
    adit_reliable_fini(&r);
}

static void acks_of_unknown_and_unsent_ids_are_ignored(void **state)
{
    static const uint32_t ids[] = {0, 1, 77, 0xffffffff};
    struct adit_reliable r;

    (void)state;
    adit_reliable_init(&r, T);
    assert_int_equal(adit_reliable_send(&r, ADIT_OP_CONTROL_V1, text("x"), at_ms(0)), ADIT_OK);
    adit_reliable_acked(&r, ids, 4, at_ms(0));
    assert_false(adit_reliable_all_acked(&r));
    assert_int_equal(next_id(&r, at_ms(0)), 0);
    adit_reliable_acked(&r, ids + 1, 3, at_ms(0));
    assert_false(adit_reliable_all_acked(&r));
    adit_reliable_acked(&r, ids, 1, at_ms(0));
    assert_true(adit_reliable_all_acked(&r));
    adit_reliable_fini(&r);
}

static void retry_all_resets_the_time(void **state)
{
    struct adit_reliable r;

    (void)state;
    adit_reliable_init(&r, T);
    send_one(&r, "x", at_ms(0));
    send_one(&r, "y", at_ms(0));
    ack_one(&r, 1, at_ms(0));
    for (int s = 2; s <= 16; s += 2)
        assert_int_equal(next_id(&r, at_ms((uint64_t)s * 1000)), 0);
    assert_true(adit_reliable_deadline(&r) == 20000 * ADIT_NS_PER_MS);
    adit_reliable_retry_all(&r, at_ms(16500));
    assert_true(adit_reliable_deadline(&r) == 16500 * ADIT_NS_PER_MS);
    assert_int_equal(next_id(&r, at_ms(16500)), 0);
    assert_int_equal(next_id(&r, at_ms(16500)), -1);
    assert_true(adit_reliable_deadline(&r) == 18500 * ADIT_NS_PER_MS);
    adit_reliable_fini(&r);
}

/* The next payload must have this id and text. */
static void assert_next_in(struct adit_reliable *r, uint32_t id, const char *want)
{
    uint32_t got;
    adit_bytes payload;

    assert_true(adit_reliable_next_in(r, &got, &payload));
    assert_int_equal(got, id);
    assert_true(adit_bytes_eq(payload, text(want)));
}

static void delivers_in_order_and_once(void **state)
{
    struct adit_reliable r;
    adit_bytes payload;
    uint32_t id;

    (void)state;
    adit_reliable_init(&r, T);
    assert_int_equal(adit_reliable_received(&r, 2, text("c")), ADIT_OK);
    assert_int_equal(adit_reliable_received(&r, 1, text("")), ADIT_OK);
    assert_false(adit_reliable_next_in(&r, &id, &payload));
    assert_int_equal(adit_reliable_received(&r, 2, text("other")), ADIT_E_REPLAY);
    assert_int_equal(adit_reliable_received(&r, 0, text("a")), ADIT_OK);
    assert_next_in(&r, 0, "a");
    assert_next_in(&r, 1, "");
    assert_int_equal(adit_reliable_received(&r, 0, text("a")), ADIT_E_REPLAY);
    assert_next_in(&r, 2, "c");
    assert_false(adit_reliable_next_in(&r, &id, &payload));
    adit_reliable_fini(&r);
}

/* Also near the wrap of ids, where "before" and "after" are only a matter of distance. */
static void receive_window_edges(void **state)
{
    static const uint32_t firsts[] = {0, 100, 0xfffffff8, 0xffffffff};

    (void)state;
    for (size_t i = 0; i < sizeof firsts / sizeof firsts[0]; i++) {
        uint32_t first = firsts[i];
        struct adit_reliable r;
        struct adit_ctrl c;

        adit_reliable_init(&r, T);
        r.next_in_id = first;
        assert_int_equal(adit_reliable_received(&r, first + ADIT_RECV_WINDOW, text("x")), ADIT_E_WINDOW);
        assert_int_equal(adit_reliable_received(&r, first + 0x7fffffff, text("x")), ADIT_E_WINDOW);
        assert_false(adit_reliable_next_ack(&r, 8, &c));
        for (uint32_t n = ADIT_RECV_WINDOW; n-- > 0;)
            assert_int_equal(adit_reliable_received(&r, first + n, text("x")), ADIT_OK);
        for (uint32_t n = 0; n < ADIT_RECV_WINDOW; n++) {
            assert_next_in(&r, first + n, "x");
            /* While one payload is still lent, the window has moved on and is full again. */
            assert_int_equal(adit_reliable_received(&r, first + n + ADIT_RECV_WINDOW, text("x")), ADIT_OK);
        }
        assert_int_equal(adit_reliable_received(&r, first - 1, text("x")), ADIT_E_REPLAY);
        assert_int_equal(adit_reliable_received(&r, r.next_in_id + 0x80000000U, text("x")), ADIT_E_REPLAY);
        adit_reliable_fini(&r);
    }
}

static void big_payloads_are_refused_without_ack(void **state)
{
    static const uint8_t big[ADIT_CTRL_PAYLOAD_MAX + 1];
    struct adit_reliable r;
    struct adit_ctrl c;

    (void)state;
    adit_reliable_init(&r, T);
    assert_int_equal(adit_reliable_received(&r, 0, adit_bytes_of(big, sizeof big)), ADIT_E_TOO_BIG);
    assert_false(adit_reliable_next_ack(&r, 8, &c));
    assert_int_equal(adit_reliable_received(&r, 0, adit_bytes_of(big, sizeof big - 1)), ADIT_OK);
    adit_reliable_fini(&r);
}

/* The ids of the next pure acknowledgement as text. */
static const char *next_ack(struct adit_reliable *r, size_t max_acks)
{
    static char s[128];
    struct adit_ctrl c;
    size_t n = 1, n_expected = adit_reliable_ack_count(r, max_acks);

    if (!adit_reliable_next_ack(r, max_acks, &c))
        return "none";
    assert_true(c.is_ack_only);
    assert_int_equal(c.n_acks, n_expected);
    s[0] = '[';
    for (size_t i = 0; i < c.n_acks; i++)
        n += (size_t)sprintf(s + n, "%s%u", i > 0 ? "," : "", c.acks[i]);
    strcpy(s + n, "]");
    return s;
}

static void get(struct adit_reliable *r, uint32_t id)
{
    adit_bytes payload;
    uint32_t got;

    assert_true(adit_reliable_received(r, id, text("x")) != ADIT_E_WINDOW);
    while (adit_reliable_next_in(r, &got, &payload))
        ;
}

static void acks_repeat_newest_first(void **state)
{
    struct adit_reliable r;

    (void)state;
    adit_reliable_init(&r, T);
    assert_string_equal(next_ack(&r, 8), "none");
    get(&r, 0);
    assert_true(adit_reliable_deadline(&r) == 0);
    assert_string_equal(next_ack(&r, 8), "[0]");
    assert_true(adit_reliable_deadline(&r) == ADIT_NEVER);
    get(&r, 1);
    assert_string_equal(next_ack(&r, 8), "[1,0]");
    assert_string_equal(next_ack(&r, 8), "none");
    get(&r, 2);
    assert_string_equal(next_ack(&r, 8), "[2,1,0]");
    get(&r, 3);
    get(&r, 4);
    get(&r, 5);
    assert_string_equal(next_ack(&r, 8), "[5,4,3,2,1,0]");
    /* A repeat of an old id brings it to the front. */
    get(&r, 2);
    get(&r, 2);
    assert_string_equal(next_ack(&r, 8), "[2,5,4,3,1,0]");
    for (uint32_t id = 6; id < 11; id++)
        get(&r, id);
    assert_string_equal(next_ack(&r, 4), "[9,8,7,6]");
    assert_string_equal(next_ack(&r, 4), "[10,9,8,7]");
    assert_string_equal(next_ack(&r, 8), "none");
    adit_reliable_fini(&r);
}

static void acks_ride_on_packets(void **state)
{
    struct adit_reliable r;
    struct adit_ctrl c;
    enum adit_op op;

    (void)state;
    adit_reliable_init(&r, T);
    for (uint32_t id = 0; id < 6; id++)
        get(&r, id);
    assert_int_equal(adit_reliable_send(&r, ADIT_OP_CONTROL_V1, text("x"), at_ms(0)), ADIT_OK);
    assert_int_equal(adit_reliable_ack_count(&r, 4), 4);
    assert_int_equal(adit_reliable_ack_count(&r, 8), 6);
    assert_true(adit_reliable_next_out(&r, at_ms(0), ADIT_ACKS_CTRL_MAX, &op, &c));
    assert_int_equal(c.n_acks, 4);
    assert_int_equal(c.acks[0], 3);
    assert_int_equal(c.acks[3], 0);
    assert_string_equal(next_ack(&r, 8), "[5,4,3,2,1,0]");
    /* A retransmission carries what is newest by then. */
    assert_true(adit_reliable_next_out(&r, at_ms(2000), ADIT_ACKS_CTRL_MAX, &op, &c));
    assert_int_equal(c.n_acks, 4);
    assert_int_equal(c.acks[0], 5);
    assert_int_equal(c.acks[3], 2);
    adit_reliable_fini(&r);
}

static void with_all_places_taken_an_ack_waits_for_the_repeat(void **state)
{
    struct adit_reliable r;

    (void)state;
    adit_reliable_init(&r, T);
    for (uint32_t id = 0; id < 10; id++)
        get(&r, id);
    assert_string_equal(next_ack(&r, 8), "[7,6,5,4,3,2,1,0]");
    assert_string_equal(next_ack(&r, 8), "none");
    get(&r, 9);
    assert_string_equal(next_ack(&r, 8), "[9,7,6,5,4,3,2,1]");
    adit_reliable_fini(&r);
}

static void resumes_behind_the_door(void **state)
{
    struct adit_reliable r;

    (void)state;
    adit_reliable_init(&r, T);
    adit_reliable_resume(&r);
    assert_true(adit_reliable_all_acked(&r));
    assert_true(adit_reliable_deadline(&r) == ADIT_NEVER);
    assert_string_equal(next_ack(&r, 8), "none");
    ack_one(&r, 0, at_ms(0));
    assert_int_equal(adit_reliable_received(&r, 0, text("")), ADIT_E_REPLAY);
    assert_string_equal(next_ack(&r, 8), "[0]");
    assert_int_equal(adit_reliable_received(&r, 1, text("hello")), ADIT_OK);
    assert_string_equal(next_ack(&r, 8), "[1,0]");
    assert_next_in(&r, 1, "hello");
    assert_int_equal(adit_reliable_send(&r, ADIT_OP_CONTROL_V1, text("x"), at_ms(0)), ADIT_OK);
    assert_int_equal(next_id(&r, at_ms(0)), 1);
    adit_reliable_fini(&r);
}

/* ---- two ends over a link that loses, repeats and reorders, in virtual time ---- */

enum {
    IN_FLIGHT_MAX = 256,
    MESSAGES = 60,
};

struct flying {
    uint64_t arrival_ns;
    int to;
    struct adit_ctrl c;
    uint8_t payload[8];
};

struct link {
    struct flying f[IN_FLIGHT_MAX];
    size_t n;
    struct adit_rng rng;
    uint32_t loss_percent, repeat_percent, spread_ms;
};

struct end {
    struct adit_reliable r;
    uint32_t first_id, n_queued, n_got;
};

static void put_on_link(struct link *l, int to, const struct adit_ctrl *c, adit_now now)
{
    uint32_t copies = 1 + (adit_rng_below(&l->rng, 100) < l->repeat_percent);

    while (copies-- > 0) {
        struct flying *f = &l->f[l->n];

        if (adit_rng_below(&l->rng, 100) < l->loss_percent)
            continue;
        assert_true(l->n < IN_FLIGHT_MAX);
        l->n++;
        *f = (struct flying){.to = to, .c = *c};
        f->arrival_ns = now.mono_ns + (10 + adit_rng_below(&l->rng, l->spread_ms + 1)) * ADIT_NS_PER_MS;
        assert_true(c->payload.n <= sizeof f->payload);
        if (c->payload.n > 0)
            memcpy(f->payload, c->payload.p, c->payload.n);
    }
}

/* What message i must hold; some are empty. */
static adit_bytes message(uint32_t i, uint8_t dst[8])
{
    size_t n = i % 9;

    memset(dst, (int)i, 8);
    return adit_bytes_of(dst, n);
}

static void pump(struct end *e, struct link *l, int to, adit_now now)
{
    struct adit_ctrl c;
    enum adit_op op;
    uint8_t buf[8];

    while (e->n_queued < MESSAGES && adit_reliable_can_send(&e->r)) {
        assert_int_equal(adit_reliable_send(&e->r, ADIT_OP_CONTROL_V1, message(e->n_queued, buf), now),
                         ADIT_OK);
        e->n_queued++;
    }
    while (adit_reliable_next_out(&e->r, now, ADIT_ACKS_CTRL_MAX, &op, &c))
        put_on_link(l, to, &c, now);
    while (adit_reliable_next_ack(&e->r, ADIT_ACKS_MAX, &c))
        put_on_link(l, to, &c, now);
}

static void arrive(struct end *e, const struct flying *f, adit_now now)
{
    adit_bytes payload, want;
    uint32_t id;
    uint8_t buf[8];

    adit_reliable_acked(&e->r, f->c.acks, f->c.n_acks, now);
    if (!f->c.is_ack_only) {
        adit_err err =
            adit_reliable_received(&e->r, f->c.packet_id, adit_bytes_of(f->payload, f->c.payload.n));

        assert_true(err == ADIT_OK || err == ADIT_E_REPLAY);
    }
    while (adit_reliable_next_in(&e->r, &id, &payload)) {
        want = message(e->n_got, buf);
        assert_int_equal(id, e->first_id + e->n_got);
        assert_true(adit_bytes_eq(payload, want));
        e->n_got++;
    }
}

/* Lets everything arrive that is due; when the next thing happens. */
static uint64_t run_link(struct link *l, struct end ends[2], adit_now now)
{
    uint64_t next = ADIT_NEVER;

    for (size_t i = 0; i < l->n;) {
        struct flying f = l->f[i];

        if (f.arrival_ns > now.mono_ns) {
            next = adit_earlier(next, f.arrival_ns);
            i++;
            continue;
        }
        l->f[i] = l->f[--l->n];
        arrive(&ends[f.to], &f, now);
    }
    return next;
}

static bool is_over(const struct end *e)
{
    return e->n_got == MESSAGES && e->n_queued == MESSAGES && adit_reliable_all_acked(&e->r);
}

static void run_conversation(struct link *l, uint32_t first_id)
{
    struct end ends[2] = {{.first_id = first_id}, {.first_id = first_id}};
    adit_now now = at_ms(0);
    int turns = 0;

    for (int i = 0; i < 2; i++) {
        adit_reliable_init(&ends[i].r, T);
        ends[i].r.next_out_id = ends[i].r.next_in_id = first_id;
    }
    while (!is_over(&ends[0]) || !is_over(&ends[1])) {
        uint64_t next = run_link(l, ends, now);

        for (int i = 0; i < 2; i++) {
            pump(&ends[i], l, !i, now);
            assert_true(adit_reliable_deadline(&ends[i].r) > now.mono_ns);
            next = adit_earlier(next, adit_reliable_deadline(&ends[i].r));
        }
        for (size_t i = 0; i < l->n; i++)
            next = adit_earlier(next, l->f[i].arrival_ns);
        if (next != ADIT_NEVER)
            now.mono_ns = next;
        assert_true(++turns < 100000);
    }
    for (int i = 0; i < 2; i++)
        adit_reliable_fini(&ends[i].r);
}

static void everything_arrives_in_order_and_once(void **state)
{
    static const struct {
        const char *name;
        uint32_t loss_percent, repeat_percent, spread_ms;
    } rows[] = {
        {"a good link", 0, 0, 0},
        {"reordering", 0, 0, 500},
        {"repeats", 0, 80, 100},
        {"some loss", 10, 0, 0},
        {"heavy loss", 45, 0, 20},
        {"all of it", 30, 30, 3000},
        {"slower than the timeout", 5, 5, 9000},
    };
    static struct link l;

    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++)
        for (size_t row = 0; row < sizeof rows / sizeof rows[0]; row++) {
            uint64_t chance = seed;
            uint32_t first_id = seed % 2 ? 0 : (uint32_t)(0 - seed);

            print_message("seed %d, %s\n", (int)seed, rows[row].name);
            l = (struct link){
                .rng = adit_rng_seeded(&chance),
                .loss_percent = rows[row].loss_percent,
                .repeat_percent = rows[row].repeat_percent,
                .spread_ms = rows[row].spread_ms,
            };
            run_conversation(&l, first_id);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sends_in_order_with_opcode_and_payload),
        cmocka_unit_test(send_window_is_measured_from_the_oldest),
        cmocka_unit_test(what_is_not_heard_is_said_again_and_later_less_often),
        cmocka_unit_test(a_huge_time_never_overflows),
        cmocka_unit_test(three_later_acks_retransmit_at_once),
        cmocka_unit_test(later_acks_count_from_the_last_try),
        cmocka_unit_test(acks_of_unknown_and_unsent_ids_are_ignored),
        cmocka_unit_test(retry_all_resets_the_time),
        cmocka_unit_test(delivers_in_order_and_once),
        cmocka_unit_test(receive_window_edges),
        cmocka_unit_test(big_payloads_are_refused_without_ack),
        cmocka_unit_test(acks_repeat_newest_first),
        cmocka_unit_test(acks_ride_on_packets),
        cmocka_unit_test(with_all_places_taken_an_ack_waits_for_the_repeat),
        cmocka_unit_test(resumes_behind_the_door),
        cmocka_unit_test(everything_arrives_in_order_and_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
