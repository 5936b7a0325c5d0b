/* SPDX-License-Identifier: Apache-2.0 */
/* What the client does when the data plane could not carry out a command: it connects anew. */
#include "rig.h"

/* Of a client that is leaving a restart is the end, which is easily seen. */
static void start_leaving(struct rig *r)
{
    start(r);
    r->c.link = 4;
    r->c.is_leaving = true;
}

static void refuse(struct rig *r, enum adit_cmd_kind cmd, int link)
{
    struct adit_note note = {.kind = ADIT_NOTE_REFUSED};

    note.peer = cmd == ADIT_CMD_LINK_ADD ? ADIT_NO_PEER : ADIT_CLIENT_PEER;
    note.refused.cmd = cmd;
    note.refused.why = ADIT_E_MEMORY;
    note.refused.link = link;
    adit_client_on_note(&r->c, &note);
}

static void what_the_connection_needs_and_does_not_get_ends_it(void **state)
{
    static const struct {
        enum adit_cmd_kind cmd;
        int link;
        const char *said;
    } rows[] = {
        {ADIT_CMD_PEER_NEW, ADIT_LINK_NONE, "refused a peer: out of memory"},
        {ADIT_CMD_KEY_NEW, ADIT_LINK_NONE, "refused keys: out of memory"},
        {ADIT_CMD_LINK_ADD, 4, "refused a socket: out of memory"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct rig r;

        start_leaving(&r);
        refuse(&r, rows[i].cmd, rows[i].link);
        assert_true(r.h.is_stopping);
        assert_non_null(strstr(r.said, rows[i].said));
        stop(&r);
    }
}

static void what_was_before_is_of_no_interest(void **state)
{
    struct rig r;

    (void)state;
    start_leaving(&r);
    refuse(&r, ADIT_CMD_LINK_ADD, 3);
    r.c.gone_due = 1;
    refuse(&r, ADIT_CMD_KEY_NEW, ADIT_LINK_NONE);
    r.c.gone_due = 0;
    r.c.has_peer = false;
    refuse(&r, ADIT_CMD_KEY_NEW, ADIT_LINK_NONE);
    assert_false(r.h.is_stopping);
    assert_string_equal(r.said, "");
    stop(&r);
}

/* Links have names of their own: the peer before has nothing to do with it. */
static void a_socket_is_missed_while_the_peer_before_is_still_going(void **state)
{
    struct rig r;

    (void)state;
    start_leaving(&r);
    r.c.gone_due = 1;
    refuse(&r, ADIT_CMD_LINK_ADD, 4);
    assert_true(r.h.is_stopping);
    stop(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_connection_needs_and_does_not_get_ends_it),
        cmocka_unit_test(what_was_before_is_of_no_interest),
        cmocka_unit_test(a_socket_is_missed_while_the_peer_before_is_still_going),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
