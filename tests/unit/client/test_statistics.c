/* SPDX-License-Identifier: Apache-2.0 */
/* What SIGUSR2 puts into the log of a client, once the plane has answered. */
#include "rig.h"

static void answer(struct rig *r, adit_peer peer)
{
    struct adit_note note = {.kind = ADIT_NOTE_COUNTERS, .peer = peer};

    if (peer == ADIT_NO_PEER) {
        note.hauls.reads = (struct adit_haul){.calls = 2, .packets = 82};
        note.hauls.sends = (struct adit_haul){.calls = 4, .packets = 82, .bytes = 123456};
        note.counters.drops[ADIT_E_NO_PEER] = 3;
        note.counters.drops[ADIT_E_QUEUE] = 4;
    } else {
        note.counters.link_tx_bytes = 777;
        note.counters.drops[ADIT_E_QUEUE] = 5;
    }
    adit_client_on_note(&r->c, &note);
}

static void statistics_tell_calls_and_drops(void **state)
{
    struct rig r;

    (void)state;
    start(&r);
    r.c.wants_log_stats = true;
    answer(&r, ADIT_CLIENT_PEER);
    assert_string_equal(r.said, ""); /* half of the answer */
    answer(&r, ADIT_NO_PEER);
    assert_non_null(strstr(r.said, "OpenVPN STATISTICS\n"));
    assert_non_null(strstr(r.said, "TCP/UDP write bytes,777\n"));
    assert_non_null(
        strstr(r.said, "END\ndata channel: sent 123.5 kB in 82 packets, 41.0 per read, 20.5 per send; "));
    assert_non_null(strstr(r.said, "dropped,NO_PEER,3 (no peer for this packet)\n"));
    assert_non_null(strstr(r.said, "dropped,QUEUE,9 (queue full)\n"));
    assert_null(strstr(r.said, "REPLAY")); /* there was none */
    r.said[0] = '\0';
    answer(&r, ADIT_CLIENT_PEER);
    answer(&r, ADIT_NO_PEER);
    assert_string_equal(r.said, ""); /* nobody has asked again */
    stop(&r);
}

static void they_come_while_the_old_peer_goes(void **state)
{
    struct rig r;

    (void)state;
    start(&r);
    r.c.gone_due = 1;
    r.c.wants_log_stats = true;
    answer(&r, ADIT_CLIENT_PEER);
    answer(&r, ADIT_NO_PEER);
    assert_non_null(strstr(r.said, "TCP/UDP write bytes,0\n"));
    assert_non_null(strstr(r.said, "dropped,QUEUE,4 (queue full)\n"));
    stop(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statistics_tell_calls_and_drops),
        cmocka_unit_test(they_come_while_the_old_peer_goes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
