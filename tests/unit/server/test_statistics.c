/* SPDX-License-Identifier: Apache-2.0 */
/* What SIGUSR2 puts into the log of a server, once the plane has answered for every client and for nobody. */
#include "server/parts.h"

#include "../said.h"
#include "../unit.h"
#include "plane/routes.h"

enum {
    CLIENTS = 3,
};

struct rig {
    struct adit_plane plane; /* only counts what it is asked */
    unsigned n_asked;
    struct adit_host h;
    struct adit_conf conf;
    struct adit_log log;
    struct adit_server sv;
    struct adit_caller callers[CLIENTS];
    char said[SAID_MAX];
};

static struct rig r;

static adit_err post(struct adit_plane *plane, struct adit_cmd *cmd)
{
    (void)plane;
    assert_int_equal(cmd->kind, ADIT_CMD_COUNT);
    assert_true(cmd->peer == ADIT_NO_PEER || cmd->peer < CLIENTS);
    r.n_asked++;
    return ADIT_OK;
}

static void start(unsigned n_callers)
{
    static const struct adit_plane_ops ops = {.post = post};

    memset(&r, 0, sizeof r);
    r.plane.ops = &ops;
    r.h.plane = &r.plane;
    r.conf.status_version = 1;
    r.log = (struct adit_log){.put = keep_said, .ctx = r.said, .verb = 1};
    r.sv = (struct adit_server){.h = &r.h, .conf = &r.conf, .log = &r.log, .n_callers = n_callers};
    for (unsigned i = 0; i < n_callers; i++) {
        struct adit_caller *c = &r.callers[i];

        c->is_admitted = true;
        c->lease.peer_id = i;
        c->key.sid.b[0] = (uint8_t)(i + 1);
        c->counters.drops[ADIT_E_REPLAY] = 10;
        HASH_ADD(hh, r.sv.callers, key, sizeof c->key, c);
    }
}

static void stop(void)
{
    HASH_CLEAR(hh, r.sv.callers);
}

static void answer(adit_peer peer)
{
    struct adit_note note = {.kind = ADIT_NOTE_COUNTERS, .peer = peer};

    if (peer == ADIT_NO_PEER) {
        note.hauls.receives = (struct adit_haul){.calls = 10, .packets = 400, .bytes = 500000};
        note.hauls.writes = (struct adit_haul){.calls = 8, .packets = 400};
        note.hauls.handed = 7;
        note.counters.drops[ADIT_E_NO_ROUTE] = 2;
    }
    adit_server_counted(&r.sv, &note);
}

static void statistics_tell_calls_and_drops_of_all(void **state)
{
    struct adit_counters last = {.drops[ADIT_E_REPLAY] = 5};

    (void)state;
    start(CLIENTS);
    r.sv.drops[ADIT_E_RATE] = 1;
    adit_server_counted_last(&r.sv, &last); /* of one that is gone */
    r.sv.wants_log_stats = true;
    adit_server_count(&r.sv);
    adit_server_count(&r.sv); /* served by the same answers */
    assert_int_equal(r.n_asked, CLIENTS + 1);
    for (adit_peer i = 0; i < CLIENTS; i++)
        answer(i);
    assert_string_equal(r.said, "");
    answer(ADIT_NO_PEER);
    assert_non_null(strstr(r.said, "OpenVPN CLIENT LIST\n"));
    assert_non_null(strstr(r.said,
                           "END\ndata channel: sent 0 bytes in 0 packets; received 500.0 kB in 400 packets, "
                           "40.0 per receive, 50.0 per write; 7 passed between workers\n"));
    assert_non_null(strstr(r.said, "dropped,REPLAY,35 ("));
    assert_non_null(strstr(r.said, "dropped,NO_ROUTE,2 ("));
    assert_non_null(strstr(r.said, "dropped,RATE,1 ("));
    assert_null(strstr(r.said, "dropped,QUEUE"));
    stop();
}

static void a_server_without_clients_has_statistics_too(void **state)
{
    (void)state;
    start(0);
    r.sv.wants_log_stats = true;
    adit_server_count(&r.sv);
    assert_int_equal(r.n_asked, 1);
    answer(ADIT_NO_PEER);
    assert_non_null(strstr(r.said, "GLOBAL STATS\n"));
    assert_non_null(strstr(r.said, "dropped,NO_ROUTE,2 ("));
    stop();
}

static void before_there_is_a_plane_nothing_is_asked(void **state)
{
    (void)state;
    start(0);
    r.h.plane = NULL;
    adit_server_count(&r.sv);
    assert_int_equal(r.sv.n_counts_due, 0);
    stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statistics_tell_calls_and_drops_of_all),
        cmocka_unit_test(a_server_without_clients_has_statistics_too),
        cmocka_unit_test(before_there_is_a_plane_nothing_is_asked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
