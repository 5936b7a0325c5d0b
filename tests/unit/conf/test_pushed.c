/* SPDX-License-Identifier: Apache-2.0 */
#include "conf_test.h"

#include "conf/options.h"

struct name {
    const char *name, *alias_of, *args_min, *args_max, *is_in_file, *is_inline, *is_in_connection, *pushable,
        *status;
};

#define NAME(n, al, mi, ma, fi, in, co, pu, st) {n, al, mi, ma, fi, in, co, pu, st},
static const struct name names[] = {
#include "names.def"
};

/* A client's configuration, and what came of a push on top of it. */
struct pushing {
    struct reading own;
    struct adit_conf_report report;
    const struct adit_pushed *p;
    adit_err err;
};

/* The reply's options with commas between. */
static void push_on(struct pushing *x, const char *conf, const char *reply)
{
    char options[2048];
    size_t n = strlen(reply) + 1;

    read_text(&x->own, conf);
    assert_reads(&x->own);
    memcpy(options, reply, n);
    for (size_t i = 0; i < n; i++)
        options[i] = options[i] == ',' ? 0 : options[i];
    x->err = adit_pushed_new(x->own.c, &x->own.c->conns[0], adit_bytes_of(options, n), &x->report, &x->p);
    /* The value may not lean on the caller's buffer. */
    memset(options, 'x', sizeof options);
}

static void push_done(struct pushing *x)
{
    adit_pushed_free(x->p);
    adit_conf_report_fini(&x->report);
    done(&x->own);
    *x = (struct pushing){0};
}

static void assert_ip(const struct adit_ip *ip, const char *want)
{
    char text[ADIT_IP_STR_MAX];

    assert_string_equal(adit_ip_str(ip, text, sizeof text), want);
}

static void a_servers_reply_is_taken(void **state)
{
    struct pushing x = {0};

    (void)state;
    push_on(
        &x, CLIENT "route 10.1.0.0 255.255.0.0\n",
        "route 1.2.3.0 255.255.255.0 vpn_gateway 7,echo,tun-ipv6,route-gateway 10.8.0.1,topology subnet,ping "
        "10,"
        "ping-restart 60,ifconfig-ipv6 fd00:1::1000/64 fd00:1::1,ifconfig 10.8.0.2 255.255.255.0,peer-id 0,"
        "cipher AES-256-GCM,protocol-flags cc-exit tls-ekm dyn-tls-crypt,tun-mtu 1450,route-ipv6 "
        "2001:db8::/32,"
        "dhcp-option DNS 10.8.0.1,redirect-gateway def1 ipv6,auth-token T,auth-token-user "
        "QQ==,explicit-exit-notify 2,"
        "inactive 100 5,session-timeout 900,sndbuf 1000,rcvbuf 2000,socket-flags TCP_NODELAY,setenv-safe A b,"
        "dns server 1 address 1.2.3.4:53 [2001:db8::1]:53,route-metric 9,verb 5,mute 3,"
        "adit-replay-window 4096");
    assert_int_equal(x.err, ADIT_OK);
    assert_ip(&x.p->ifconfig.local, "10.8.0.2");
    assert_ip(&x.p->ifconfig.remote_or_mask, "255.255.255.0");
    assert_ip(&x.p->ifconfig_ipv6.local, "fd00:1::1000");
    assert_ip(&x.p->route_gateway, "10.8.0.1");
    assert_int_equal(x.p->topology, ADIT_TOPOLOGY_SUBNET);
    assert_int_equal(x.p->routes.n, 2);
    assert_ip(&x.p->routes.v[0].net.ip, "10.1.0.0");
    assert_ip(&x.p->routes.v[1].net.ip, "1.2.3.0");
    assert_int_equal(x.p->routes.v[1].gateway.kind, ADIT_ROUTE_END_VPN_GATEWAY);
    assert_int_equal(x.p->routes.v[1].metric, 7);
    assert_int_equal(x.p->routes_ipv6.n, 1);
    assert_int_equal(x.p->redirect,
                     ADIT_REDIRECT_ON | ADIT_REDIRECT_GATEWAY | ADIT_REDIRECT_DEF1 | ADIT_REDIRECT_IPV6);
    assert_int_equal(x.p->ping_s, 10);
    assert_int_equal(x.p->ping_restart_s, 60);
    assert_int_equal(x.p->peer_id, 0);
    assert_string_equal(x.p->cipher, "AES-256-GCM");
    assert_int_equal(x.p->flags, ADIT_PUSHED_CC_EXIT | ADIT_PUSHED_TLS_EKM | ADIT_PUSHED_DYN_TLS_CRYPT);
    assert_true(x.p->has_tun_mtu);
    assert_int_equal(x.p->tun_mtu, 1450);
    assert_string_equal(x.p->auth_token, "T");
    assert_string_equal(x.p->auth_token_user, "QQ==");
    assert_true(x.p->has_exit_notify);
    assert_int_equal(x.p->exit_notify, 2);
    assert_int_equal(x.p->inactive_s, 100);
    assert_int_equal(x.p->inactive_bytes, 5);
    assert_int_equal(x.p->session_timeout_s, 900);
    assert_int_equal(x.p->sndbuf, 1000);
    assert_int_equal(x.p->rcvbuf, 2000);
    assert_true(x.p->want_tcp_nodelay);
    assert_int_equal(x.p->dns_lines.n, 2);
    assert_string_equal(x.p->dns_lines.v[0], "dhcp-option DNS 10.8.0.1");
    assert_string_equal(x.p->dns_lines.v[1], "dns server 1 address 1.2.3.4:53 [2001:db8::1]:53");
    assert_string_equal(x.p->env.v[0].name, "OPENVPN_A");
    assert_int_equal(x.p->echo.n, 1);
    assert_int_equal(x.p->route_metric, 9);
    assert_int_equal(x.p->verb, 5);
    assert_int_equal(x.p->peer_window, 4096);
    assert_int_equal(x.report.n_errors, 0);
    /* The configuration did not change. */
    assert_int_equal(x.own.c->routes.n, 1);
    assert_int_equal(x.own.c->verb, 1);
    assert_int_equal(x.own.c->replay_window, 2048);
    assert_false(x.own.c->ifconfig.is_set);
    push_done(&x);
}

static void an_empty_reply_leaves_the_configuration(void **state)
{
    struct pushing x = {0};

    (void)state;
    push_on(&x, CLIENT "tun-mtu 1400\nexplicit-exit-notify\n", "");
    assert_int_equal(x.err, ADIT_OK);
    assert_int_equal(x.p->peer_id, ADIT_PUSHED_NO_PEER_ID);
    assert_null(x.p->cipher);
    assert_int_equal(x.p->peer_window, 0);
    assert_int_equal(x.p->ping_restart_s, 120);
    assert_false(x.p->has_tun_mtu);
    assert_int_equal(x.p->tun_mtu, 1400);
    assert_int_equal(x.p->exit_notify, 1);
    assert_int_equal(x.p->topology, ADIT_TOPOLOGY_NET30);
    push_done(&x);
}

/* Every name of the inventory, pushed: what the inventory forbids is told, and changes nothing. */
static void only_what_openvpn_allows_may_be_pushed(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const struct name *n = &names[i];
        bool is_route = strcmp(n->pushable, "unless-route-nopull") == 0;
        bool is_allowed = is_route || strcmp(n->pushable, "yes") == 0;
        struct pushing x = {0};

        if (strcmp(n->pushable, "unchecked") == 0 || strcmp(n->name, "compress") == 0 ||
            strcmp(n->name, "comp-lzo") == 0)
            continue;
        push_on(&x, CLIENT, n->name);
        if (is_allowed && (find_diag(&x.report, "push-forbidden") || find_diag(&x.report, "unknown-option")))
            fail_msg("pushed `%s` was forbidden", n->name);
        if (!is_allowed && !find_diag(&x.report, "push-forbidden"))
            fail_msg("pushed `%s` was allowed", n->name);
        push_done(&x);
        push_on(&x, CLIENT "route-nopull\n", n->name);
        if (is_route != (find_diag(&x.report, "route-nopull") != NULL))
            fail_msg("pushed `%s` with route-nopull", n->name);
        push_done(&x);
    }
}

static void nothing_pushed_names_a_file_or_a_program(void **state)
{
    static const char *const options[] = {
        "ca /etc/passwd", "config x",   "up /bin/sh", "script-security 3", "plugin x", "log /etc/x", "cd /",
        "writepid x",     "setenv A b", "key x",      "auth-user-pass x",  "status x", "user root",  "<ca>",
        "remote h"};

    (void)state;
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        struct pushing x = {0};

        push_on(&x, CLIENT, options[i]);
        assert_int_equal(x.err, ADIT_OK);
        assert_int_equal(x.report.n, 1);
        assert_int_equal(x.report.diags[0].severity, ADIT_CONF_NOTE);
        assert_int_equal(x.p->env.n, 0);
        push_done(&x);
    }
}

static void what_is_not_understood_is_a_note(void **state)
{
    static const struct {
        const char *option, *rule;
    } rows[] = {
        {"nosuch 1", "unknown-option"},
        {"ifconfig foo bar", "address"},
        {"ping x", "number"},
        {"ping 1 2", "words"},
        {"topology foo", "value"},
        {"route \"1.2.3.4", "syntax"},
        {"route host.example", "address"},
        {"lladdr 00:11", "not-supported"},
        {"route-method exe", "no-effect"},
        {"register-dns", "windows-only"},
        {"ifconfig-ipv6 fd00::1/8 fd00::2", "number"},
        {"tun-mtu 90", "number"},
        {"adit-replay-window 65537", "number"},
        {"adit-replay-window -1", "number"},
        {"adit-replay-window", "words"},
        {"adit-replay-window 64 15", "words"},
        {"adit-workers 2", "push-forbidden"},
        {"dns server -1 address 1.2.3.4", "number"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct pushing x = {0};
        char reply[256];

        (void)snprintf(reply, sizeof reply, "%s,ping 7", rows[i].option);
        push_on(&x, CLIENT, reply);
        assert_int_equal(x.err, ADIT_OK);
        assert_int_equal(x.p->ping_s, 7);
        assert_int_equal(x.p->peer_window, 0);
        assert_int_equal(x.report.n_errors, 0);
        if (!find_diag(&x.report, rows[i].rule))
            print_message("%s\n", rows[i].option);
        assert_non_null(find_diag(&x.report, rows[i].rule));
        assert_string_equal(x.report.diags[0].file, "[push]");
        push_done(&x);
    }
}

static void names_in_routes_are_not_taken_from_a_server(void **state)
{
    struct pushing x = {0};

    (void)state;
    push_on(&x, CLIENT, "route host.example");
    assert_int_equal(x.p->routes.n, 0);
    assert_int_equal(x.report.n_errors, 0);
    assert_true(x.report.n > 0);
    push_done(&x);
}

static void texts_of_a_peer_are_cleaned(void **state)
{
    struct pushing x = {0};

    (void)state;
    push_on(&x, CLIENT, "\x1b[31mevil\nline");
    assert_non_null(find_diag(&x.report, "unknown-option"));
    assert_null(strpbrk(find_diag(&x.report, "unknown-option")->text, "\x1b\n"));
    push_done(&x);
}

static void pull_filters_judge_by_the_beginning(void **state)
{
    static const char own[] = CLIENT "pull-filter accept \"route 10.\"\npull-filter ignore \"route \"\n"
                                     "pull-filter reject \"redirect-gateway\"\n";
    struct pushing x = {0};

    (void)state;
    push_on(&x, own, "route 10.1.0.0 255.255.0.0, route 11.1.0.0 255.255.0.0,ping 3");
    assert_int_equal(x.err, ADIT_OK);
    assert_int_equal(x.p->routes.n, 1);
    assert_int_equal(x.p->ping_s, 3);
    assert_false(x.p->is_rejected);
    push_done(&x);
    push_on(&x, own, "ping 3,  redirect-gateway def1,ping 4");
    assert_int_equal(x.err, ADIT_OK);
    assert_true(x.p->is_rejected);
    assert_string_equal(x.p->rejected_by, "redirect-gateway");
    assert_int_equal(x.p->redirect, 0);
    push_done(&x);
}

static void a_pushed_name_of_a_host_is_looked_up_only_where_that_is_allowed(void **state)
{
    const char *reply = "route intra.example 255.255.255.255 gw.example,route-ipv6 intra.example/128";
    struct pushing x = {0};

    (void)state;
    push_on(&x, CLIENT, reply);
    assert_int_equal(x.err, ADIT_OK);
    assert_int_equal(x.p->routes.n + x.p->routes_ipv6.n, 0);
    push_done(&x);
    x = (struct pushing){0};
    push_on(&x, CLIENT "allow-pull-fqdn\n", reply);
    assert_int_equal(x.err, ADIT_OK);
    assert_int_equal(x.p->routes.n, 1);
    assert_int_equal(x.p->routes.v[0].net.kind, ADIT_ROUTE_END_NAME);
    assert_int_equal(x.p->routes.v[0].gateway.kind, ADIT_ROUTE_END_NAME);
    assert_int_equal(x.p->routes_ipv6.n, 1);
    assert_string_equal(x.p->routes_ipv6.v[0].net.name, "intra.example");
    push_done(&x);
}

static void what_must_not_be_ignored_refuses_the_push(void **state)
{
    static const char *const replies[] = {"compress lz4",
                                          "compress",
                                          "comp-lzo no",
                                          "key-derivation foo",
                                          "key-derivation tls-ekm x",
                                          "protocol-flags cc-exit quantum",
                                          "protocol-flags aead-epoch",
                                          "protocol-flags aead-epoch,peer-id 16777215"};

    (void)state;
    for (size_t i = 0; i < sizeof replies / sizeof replies[0]; i++) {
        struct pushing x = {0};

        push_on(&x, CLIENT, replies[i]);
        if (x.err != ADIT_E_PUSH_REFUSED)
            fail_msg("`%s` was taken", replies[i]);
        assert_null(x.p);
        assert_non_null(find_diag(&x.report, "push-refused"));
        push_done(&x);
    }
}

static void framing_that_changes_nothing_is_taken(void **state)
{
    struct pushing x = {0};

    (void)state;
    push_on(&x, CLIENT, "compress stub-v2,protocol-flags aead-epoch,peer-id 3,key-derivation tls-ekm");
    assert_int_equal(x.err, ADIT_OK);
    assert_int_equal(x.p->flags, ADIT_PUSHED_AEAD_EPOCH | ADIT_PUSHED_TLS_EKM);
    push_done(&x);
    push_on(&x, CLIENT "dev tap\n", "compress stub-v2");
    assert_int_equal(x.err, ADIT_E_PUSH_REFUSED);
    push_done(&x);
}

static void a_pushed_mtu_stays_below_its_ceiling(void **state)
{
    struct pushing x = {0};

    (void)state;
    push_on(&x, CLIENT, "tun-mtu 9000");
    assert_int_equal(x.p->tun_mtu, 1600);
    assert_non_null(find_diag(&x.report, "tun-mtu-max"));
    push_done(&x);
    push_on(&x, CLIENT "tun-mtu-max 9000\n", "tun-mtu 9000");
    assert_int_equal(x.p->tun_mtu, 9000);
    push_done(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_servers_reply_is_taken),
        cmocka_unit_test(an_empty_reply_leaves_the_configuration),
        cmocka_unit_test(only_what_openvpn_allows_may_be_pushed),
        cmocka_unit_test(nothing_pushed_names_a_file_or_a_program),
        cmocka_unit_test(what_is_not_understood_is_a_note),
        cmocka_unit_test(names_in_routes_are_not_taken_from_a_server),
        cmocka_unit_test(texts_of_a_peer_are_cleaned),
        cmocka_unit_test(pull_filters_judge_by_the_beginning),
        cmocka_unit_test(a_pushed_name_of_a_host_is_looked_up_only_where_that_is_allowed),
        cmocka_unit_test(what_must_not_be_ignored_refuses_the_push),
        cmocka_unit_test(framing_that_changes_nothing_is_taken),
        cmocka_unit_test(a_pushed_mtu_stays_below_its_ceiling),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
