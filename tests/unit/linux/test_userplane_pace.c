/* SPDX-License-Identifier: Apache-2.0 */
/* What comes after a pause is sent at once, and an answer that the kernel has ready is taken in the same
 * turn. */
#include "userplane_rig.h"

#include "clock.h"

enum {
    PAUSE_NS = 1000000,
    START_NS = 1000000000,
};

static struct duo d;

static void begin(void)
{
    clock_stands_ns = START_NS;
    duo_start(&d, false, 0);
    pump_some(&d.client, &d.server);
}

static void end(void)
{
    duo_stop(&d);
    clock_stands_ns = 0;
}

static void pause_then_say(uint64_t pause_ns, unsigned count)
{
    clock_stands_ns += pause_ns;
    for (uint32_t i = 0; i < count; i++)
        say_inner(&d.client, CLIENT_IP, SERVER_IP, i);
}

static void assert_sent(struct end *e, uint64_t calls, uint64_t packets)
{
    drops(e, ADIT_NO_PEER, ADIT_E_OS); /* asks for the counters */
    assert_int_equal(e->hauls.sends.calls, calls);
    assert_int_equal(e->hauls.sends.packets, packets);
}

static void the_first_after_a_pause_goes_by_itself(void **state)
{
    (void)state;
    begin();
    pause_then_say(PAUSE_NS, 5);
    adit_userplane_turn(d.client.plane);
    assert_sent(&d.client, 1, 1);
    pump_some(&d.client, &d.server);
    assert_sent(&d.client, 2, 5);
    end();
}

static void without_a_pause_they_go_together(void **state)
{
    (void)state;
    begin();
    pause_then_say(0, 5);
    adit_userplane_turn(d.client.plane);
    pause_then_say(PAUSE_NS, 5); /* which may have been spent on the turn before */
    adit_userplane_turn(d.client.plane);
    assert_sent(&d.client, 2, 10);
    pump_some(&d.client, &d.server);
    end();
}

static void answer(void *ctx)
{
    (void)ctx;
    say_inner(&d.server, SERVER_IP, CLIENT_IP, 0);
}

/* Turns of the server until it has answered one more. */
static unsigned turns_to_answer(uint64_t so_far)
{
    unsigned n = 0;

    pause_then_say(PAUSE_NS, 1);
    adit_userplane_turn(d.client.plane);
    do {
        assert_true(++n < 100);
        adit_userplane_turn(d.server.plane);
        drops(&d.server, ADIT_NO_PEER, ADIT_E_OS);
    } while (d.server.hauls.sends.packets == so_far);
    pump_some(&d.client, &d.server);
    return n;
}

static void an_answer_goes_in_the_turn_of_its_question(void **state)
{
    (void)state;
    begin();
    d.server.device.on_write = answer;
    assert_true(turns_to_answer(0) > 1); /* what nobody knows yet */
    assert_int_equal(turns_to_answer(1), 1);
    assert_int_equal(turns_to_answer(2), 1);
    end();
}

static void who_does_not_answer_is_asked_in_vain_once(void **state)
{
    (void)state;
    begin();
    d.server.device.on_write = answer;
    turns_to_answer(0);
    d.server.device.on_write = NULL;
    for (int i = 0; i < 2; i++) {
        pause_then_say(PAUSE_NS, 1);
        pump_some(&d.client, &d.server);
    }
    d.server.device.on_write = answer;
    assert_true(turns_to_answer(1) > 1);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_after_a_pause_goes_by_itself),
        cmocka_unit_test(without_a_pause_they_go_together),
        cmocka_unit_test(an_answer_goes_in_the_turn_of_its_question),
        cmocka_unit_test(who_does_not_answer_is_asked_in_vain_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
