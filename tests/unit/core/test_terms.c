/* SPDX-License-Identifier: Apache-2.0 */
/* What two configurations say to each other of their replay windows. */
#include "../unit.h"

#include "core/terms.h"
#include "wire/packet.h"

#define FILES "dev tun\nca c\ncert c\nkey k\n"

struct side {
    const struct adit_conf *conf;
    struct adit_terms terms;
};

static void make(struct side *s, const char *text)
{
    const struct adit_conf_source source = {0};
    const struct adit_log log = {0};
    struct adit_conf_report report = {0};

    assert_int_equal(adit_conf_parse("t", adit_bytes_str(text), &source, &report, &s->conf), ADIT_OK);
    adit_conf_report_fini(&report);
    assert_int_equal(adit_terms_init(&s->terms, s->conf, &log), ADIT_OK);
}

static void make_both(struct side *client, struct side *server)
{
    make(client, "client\nremote h\nreplay-window 512\n" FILES);
    make(server, "server 10.8.0.0 255.255.255.0\ndh none\nreplay-window 1024\n" FILES);
}

/* The options that the server adds for a client that says `peer_info`; how many bytes. */
static size_t serve(const struct side *server, const char *peer_info, struct adit_agreed *a, char *dst,
                    size_t cap)
{
    struct adit_wr w = adit_wr_of(dst, cap);
    const struct adit_lease lease = {0};
    const char *reason = NULL;
    struct adit_peer_info info;

    adit_peer_info_parse(adit_bytes_str(peer_info), &info);
    assert_int_equal(adit_terms_agree_server(&server->terms, &info, adit_bytes_str(""), 3, a, &reason),
                     ADIT_OK);
    adit_terms_push(&server->terms, &lease, a, &info, &w);
    assert_int_equal(adit_wr_end(&w), ADIT_OK);
    return adit_wr_len(&w);
}

static void pull(const struct side *client, const char *options, size_t n, struct adit_agreed *a,
                 uint32_t *window)
{
    struct adit_conf_report report = {0};
    const struct adit_pushed *pushed;
    const char *reason = NULL;

    assert_int_equal(
        adit_pushed_new(client->conf, &client->conf->conns[0], adit_bytes_of(options, n), &report, &pushed),
        ADIT_OK);
    assert_int_equal(report.n, 0);
    assert_int_equal(adit_terms_agree_client(&client->terms, pushed, adit_bytes_str(""), a, &reason),
                     ADIT_OK);
    *window = pushed->peer_window;
    adit_pushed_free(pushed);
    adit_conf_report_fini(&report);
}

static void both_ends_hear_of_the_others_window(void **state)
{
    struct adit_agreed at_server, at_client;
    struct side client, server;
    uint32_t window;
    char options[512];
    size_t n;

    (void)state;
    make_both(&client, &server);
    assert_non_null(strstr(client.terms.peer_info, "\nIV_REPLAY_WINDOW=512\n"));
    n = serve(&server, client.terms.peer_info, &at_server, options, sizeof options);
    pull(&client, options, n, &at_client, &window);
    assert_int_equal(window, 1024);
    adit_conf_free(client.conf);
    adit_conf_free(server.conf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_ends_hear_of_the_others_window),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
