/* SPDX-License-Identifier: Apache-2.0 */
/* The values are those of openvpn 2.6.14's own dump (--verb 4) and of the push replies that it sends. */
#include "conf_test.h"

static void assert_ip(const struct adit_ip *ip, const char *want)
{
    char text[ADIT_IP_STR_MAX];

    assert_string_equal(adit_ip_str(ip, text, sizeof text), want);
}

static void assert_pushes(const struct adit_conf *c, const char *want)
{
    char text[1024] = "";

    for (size_t i = 0; i < c->push.n; i++)
        (void)snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", i > 0 ? "," : "",
                       c->push.v[i]);
    assert_string_equal(text, want);
}

static const struct server_row {
    const char *options;
    const char *local, *remote_or_mask, *start, *end, *gateway, *push;
} servers[] = {
    {"topology subnet\nserver 10.8.0.0 255.255.255.0", "10.8.0.1", "255.255.255.0", "10.8.0.2", "10.8.0.254",
     "10.8.0.2",
     "route 1.2.3.0 255.255.255.0,echo hi,tun-ipv6,route-gateway 10.8.0.1,topology subnet,ping "
     "10,ping-restart 60"},
    {"server 10.8.0.0 255.255.255.0", "10.8.0.1", "255.255.255.0", "10.8.0.2", "10.8.0.254", "10.8.0.2",
     "route 1.2.3.0 255.255.255.0,echo hi,tun-ipv6,route-gateway 10.8.0.1,topology subnet,ping "
     "10,ping-restart 60"},
    {"topology net30\nserver 10.8.0.0 255.255.255.0", "10.8.0.1", "10.8.0.2", "10.8.0.4", "10.8.0.251", NULL,
     "route 1.2.3.0 255.255.255.0,echo hi,tun-ipv6,route 10.8.0.1,topology net30,ping 10,ping-restart 60"},
    {"topology p2p\nserver 10.8.0.0 255.255.255.0", "10.8.0.1", "10.8.0.2", "10.8.0.4", "10.8.0.251", NULL,
     "route 1.2.3.0 255.255.255.0,echo hi,tun-ipv6,topology p2p,ping 10,ping-restart 60"},
    {"topology net30\nclient-to-client\nserver 10.8.0.0 255.255.255.0", "10.8.0.1", "10.8.0.2", "10.8.0.4",
     "10.8.0.251", NULL,
     "route 1.2.3.0 255.255.255.0,echo hi,tun-ipv6,route 10.8.0.0 255.255.255.0,topology net30,ping "
     "10,ping-restart 60"},
    {"dev tap\nserver 10.8.0.0 255.255.255.0", "10.8.0.1", "255.255.255.0", "10.8.0.2", "10.8.0.254", NULL,
     "route 1.2.3.0 255.255.255.0,echo hi,tun-ipv6,route-gateway 10.8.0.1,ping 10,ping-restart 60"},
    {"topology net30\nserver 10.8.0.0 255.255.255.240", "10.8.0.1", "10.8.0.2", "10.8.0.4", "10.8.0.11", NULL,
     NULL},
    {"topology net30\nserver 10.8.0.0 255.255.255.248", "10.8.0.1", "10.8.0.2", "10.8.0.4", "10.8.0.7", NULL,
     NULL},
    {"topology net30\nserver 10.8.0.0 255.255.0.0", "10.8.0.1", "10.8.0.2", "10.8.0.4", "10.8.255.251", NULL,
     NULL},
    {"topology subnet\nserver 10.8.0.0 255.255.0.0", "10.8.0.1", "255.255.0.0", "10.8.0.2", "10.8.255.254",
     "10.8.0.2", NULL},
    {"topology subnet\nserver 10.8.0.0 255.255.255.248", "10.8.0.1", "255.255.255.248", "10.8.0.2",
     "10.8.0.6", "10.8.0.2", NULL},
    {"route-gateway 10.8.0.77\nserver 10.8.0.0 255.255.255.0", "10.8.0.1", "255.255.255.0", "10.8.0.2",
     "10.8.0.254", "10.8.0.77", NULL},
    {"tcp-nodelay\nproto tcp\nserver 10.8.0.0 255.255.255.0", "10.8.0.1", "255.255.255.0", "10.8.0.2",
     "10.8.0.254", "10.8.0.2",
     "route 1.2.3.0 255.255.255.0,echo hi,tun-ipv6,route-gateway 10.8.0.1,topology subnet,ping "
     "10,ping-restart 60,"
     "socket-flags TCP_NODELAY"},
};

static void server_stands_for_what_openvpn_makes_of_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof servers / sizeof servers[0]; i++) {
        const struct server_row *row = &servers[i];
        struct reading r = {0};
        char text[1024];

        (void)snprintf(text, sizeof text,
                       SERVER
                       "push \"route 1.2.3.0 255.255.255.0\"\nkeepalive 10 60\n%s\nserver-ipv6 fd00:1::/64\n"
                       "push \"echo hi\"\n",
                       row->options);
        read_text(&r, text);
        assert_reads(&r);
        assert_int_equal(r.c->mode, ADIT_MODE_SERVER);
        assert_true(r.c->is_tls_server);
        assert_ip(&r.c->ifconfig.local, row->local);
        assert_ip(&r.c->ifconfig.remote_or_mask, row->remote_or_mask);
        assert_true(r.c->has_pool);
        assert_ip(&r.c->pool_start, row->start);
        assert_ip(&r.c->pool_end, row->end);
        if (row->gateway)
            assert_ip(&r.c->route_gateway, row->gateway);
        else
            assert_int_equal(r.c->route_gateway.family, ADIT_AF_NONE);
        if (row->push)
            assert_pushes(r.c, row->push);
        assert_int_equal(r.c->ping_s, 10);
        assert_int_equal(r.c->ping_restart_s, 120);
        done(&r);
    }
}

static void a_server_of_links_routes_its_network_into_the_device(void **state)
{
    struct reading r = {0};

    (void)state;
    read_text(&r, SERVER "server 10.8.0.0 255.255.255.0\ntopology net30\nkeepalive 10 60\n");
    assert_reads(&r);
    assert_int_equal(r.c->routes.n, 1);
    assert_ip(&r.c->routes.v[0].net.ip, "10.8.0.0");
    assert_int_equal(r.c->routes.v[0].bits, 24);
    assert_int_equal(r.c->pool_mask.family, ADIT_AF_NONE);
    done(&r);
}

static void nopool_leaves_the_pool_to_the_user(void **state)
{
    struct reading r = {0};

    (void)state;
    read_text(&r, SERVER "server 10.8.0.0 255.255.255.0 nopool\nkeepalive 10 60\n");
    assert_reads(&r);
    assert_false(r.c->has_pool);
    assert_ip(&r.c->pool_mask, "255.255.255.0");
    done(&r);
}

static void server_ipv6_counts_from_the_address_given(void **state)
{
    static const struct {
        const char *net, *local, *remote, *pool;
    } rows[] = {
        {"fd00:1::/64", "fd00:1::1", "fd00:1::2", "fd00:1::1000"},
        {"fd00::5/64", "fd00::6", "fd00::7", "fd00::1005"},
        {"fd00::5/111", "fd00::6", "fd00::7", "fd00::1005"},
        {"fd00::/112", "fd00::1", "fd00::2", "fd00::2"},
        {"fd00::/124", "fd00::1", "fd00::2", "fd00::2"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct reading r = {0};
        char text[512];

        (void)snprintf(text, sizeof text, SERVER "server-ipv6 %s\nkeepalive 10 60\n", rows[i].net);
        read_text(&r, text);
        assert_reads(&r);
        assert_ip(&r.c->ifconfig_ipv6.local, rows[i].local);
        assert_ip(&r.c->ifconfig_ipv6.remote_or_mask, rows[i].remote);
        assert_ip(&r.c->pool_ipv6.ip, rows[i].pool);
        assert_pushes(r.c, "tun-ipv6,ping 10,ping-restart 60");
        done(&r);
    }
}

static void networks_that_do_not_fit_are_refused(void **state)
{
    static const struct {
        const char *line, *rule;
    } rows[] = {
        {"server 10.8.0.1 255.255.255.0", "netmask"},
        {"server 10.8.0.0 255.0.255.0", "netmask"},
        {"server 10.8.0.0 255.255.255.252", "server-netmask"},
        {"server 10.0.0.0 255.0.0.0", "server-netmask"},
        {"server 10.8.0.0 255.255.255.0 foo", "value"},
        {"server-ipv6 fd00::/125", "number"},
        {"server-ipv6 fd00::/48", "number"},
        {"server-ipv6 fd00::x", "address"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct reading r = {0};
        char text[512];

        (void)snprintf(text, sizeof text, SERVER "keepalive 10 60\n%s\n", rows[i].line);
        read_text(&r, text);
        assert_int_equal(r.err, ADIT_E_CONFIG);
        assert_diag(&r, rows[i].rule, ADIT_CONF_ERROR, 6);
        done(&r);
    }
}

static void a_peer_keeps_its_own_keepalive(void **state)
{
    struct reading r = {0};

    (void)state;
    read_text(&r, CLIENT "keepalive 5 20\n");
    assert_reads(&r);
    assert_int_equal(r.c->ping_s, 5);
    assert_int_equal(r.c->ping_restart_s, 20);
    assert_int_equal(r.c->push.n, 0);
    done(&r);
    read_text(&r, CLIENT "ping-restart 0\n");
    assert_reads(&r);
    assert_int_equal(r.c->ping_restart_s, 0);
    done(&r);
}

static void addresses_are_bound_as_in_openvpn(void **state)
{
    static const struct {
        const char *text;
        bool is_bound;
        const char *lport;
    } rows[] = {
        {CLIENT, false, NULL},
        {CLIENT "port 7\n", false, NULL},
        {CLIENT "bind\nproto tcp\n", true, "1194"},
        {CLIENT "lport 0\n", true, "0"},
        {CLIENT "local 127.0.0.1\nlport 9\n", true, "9"},
        {"tls-client\nca c\ncert c\nkey k\nremote h\n", true, "1194"},
        {"tls-client\nca c\ncert c\nkey k\nremote h\nproto tcp-client\n", false, NULL},
        {"tls-client\nca c\ncert c\nkey k\nremote h\nproto tcp-client\nlport 33\n", true, "33"},
        {"server 10.8.0.0 255.255.255.0\n" SERVER "port 51\nproto tcp\n", true, "51"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct reading r = {0};

        read_text(&r, rows[i].text);
        assert_reads(&r);
        assert_int_equal(r.c->conns[0].is_bound, rows[i].is_bound);
        if (rows[i].lport)
            assert_string_equal(r.c->conns[0].lport, rows[i].lport);
        else
            assert_null(r.c->conns[0].lport);
        done(&r);
    }
}

static void tcp_is_called_or_awaited_by_role(void **state)
{
    struct reading r = {0};

    (void)state;
    read_text(&r, "server 10.8.0.0 255.255.255.0\n" SERVER "proto tcp4\n");
    assert_reads(&r);
    assert_int_equal(r.c->conn.proto, ADIT_PROTO_TCP_SERVER);
    assert_int_equal(r.c->conn.family, ADIT_AF_V4);
    done(&r);
    read_text(&r, CLIENT "proto tcp\n");
    assert_reads(&r);
    assert_int_equal(r.c->conns[0].proto, ADIT_PROTO_TCP_CLIENT);
    done(&r);
    read_text(&r, "tls-client\nca c\ncert c\nkey k\nproto tcp\n");
    assert_diag(&r, "proto-tcp", ADIT_CONF_ERROR, 5);
    done(&r);
}

static void remotes_become_connections(void **state)
{
    struct reading r = {0};

    (void)state;
    read_text(&r, "client\nca c\ncert c\nkey k\nremote a 5\nremote b\nproto tcp\nport 7\nremote c 8 udp6\n");
    assert_reads(&r);
    assert_int_equal(r.c->n_conns, 3);
    assert_string_equal(r.c->conns[0].rport, "5");
    assert_string_equal(r.c->conns[1].rport, "7");
    assert_int_equal(r.c->conns[1].proto, ADIT_PROTO_TCP_CLIENT);
    assert_int_equal(r.c->conns[2].proto, ADIT_PROTO_UDP);
    assert_int_equal(r.c->conns[2].family, ADIT_AF_V6);
    done(&r);
    read_text(&r, "client\nca c\ncert c\nkey k\nremote a 5\nremote c 8 tcp\nproto-force tcp\n");
    assert_reads(&r);
    assert_int_equal(r.c->n_conns, 1);
    assert_string_equal(r.c->conns[0].remote, "c");
    done(&r);
    read_text(&r, CLIENT "proto-force tcp\n");
    assert_diag(&r, "proto-force", ADIT_CONF_ERROR, 7);
    done(&r);
}

static void mssfix_has_openvpns_defaults(void **state)
{
    static const struct {
        const char *text;
        enum adit_conf_mss_kind kind;
        uint32_t mss;
    } rows[] = {
        {"", ADIT_MSS_MTU, 1492},
        {"mssfix\n", ADIT_MSS_MTU, 1492},
        {"tun-mtu 1400\n", ADIT_MSS_FIXED, 1400},
        {"tun-mtu 1400\nmssfix\n", ADIT_MSS_FIXED, 1400},
        {"mssfix 1300\n", ADIT_MSS_PACKET, 1300},
        {"mssfix 1300 mtu\n", ADIT_MSS_MTU, 1300},
        {"mssfix 1300 fixed\n", ADIT_MSS_FIXED, 1300},
        {"mssfix 0\n", ADIT_MSS_OFF, 0},
        {"max-packet-size 1000\n", ADIT_MSS_MTU, 1000},
        {"max-packet-size 1000\nmssfix 1200\n", ADIT_MSS_PACKET, 1200},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct reading r = {0};
        char text[512];

        (void)snprintf(text, sizeof text, CLIENT "%s", rows[i].text);
        read_text(&r, text);
        assert_reads(&r);
        assert_int_equal(r.c->conns[0].mss_kind, rows[i].kind);
        assert_int_equal(r.c->conns[0].mss, rows[i].mss);
        done(&r);
    }
}

static void devices_are_told_by_name_or_type(void **state)
{
    static const struct {
        const char *text;
        enum adit_conf_dev_type type;
    } rows[] = {
        {"", ADIT_DEV_TUN},
        {"dev tun7\n", ADIT_DEV_TUN},
        {"dev tap\n", ADIT_DEV_TAP},
        {"dev null\n", ADIT_DEV_NULL},
        {"dev vpn0\ndev-type tap\n", ADIT_DEV_TAP},
        {"dev-type tap\ndev tun3\n", ADIT_DEV_TAP},
    };
    struct reading r = {0};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[512];

        (void)snprintf(text, sizeof text, CLIENT "%s", rows[i].text);
        read_text(&r, text);
        assert_reads(&r);
        assert_int_equal(r.c->dev_type, rows[i].type);
        done(&r);
    }
    read_text(&r, CLIENT "dev vpn0\n");
    assert_diag(&r, "dev-type", ADIT_CONF_ERROR, 7);
    done(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(server_stands_for_what_openvpn_makes_of_it),
        cmocka_unit_test(a_server_of_links_routes_its_network_into_the_device),
        cmocka_unit_test(nopool_leaves_the_pool_to_the_user),
        cmocka_unit_test(server_ipv6_counts_from_the_address_given),
        cmocka_unit_test(networks_that_do_not_fit_are_refused),
        cmocka_unit_test(a_peer_keeps_its_own_keepalive),
        cmocka_unit_test(addresses_are_bound_as_in_openvpn),
        cmocka_unit_test(tcp_is_called_or_awaited_by_role),
        cmocka_unit_test(remotes_become_connections),
        cmocka_unit_test(mssfix_has_openvpns_defaults),
        cmocka_unit_test(devices_are_told_by_name_or_type),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
