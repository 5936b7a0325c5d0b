/* SPDX-License-Identifier: Apache-2.0 */
/* One row per rule at least: a text that breaks it, and where that is told. `good` is the nearest text that
 * does not. */
#include "conf_test.h"

#define S "server 10.8.0.0 255.255.255.0\n" SERVER "keepalive 10 60\n" /* 6 lines */
#define P "tls-client\nca c\ncert c\nkey k\nremote-cert-tls server\n"  /* 5 lines */

static const struct row {
    const char *rule;
    enum adit_conf_severity severity;
    unsigned line;
    const char *text;
    const char *good;
} rows[] = {
    {"one-tls-role", ADIT_CONF_ERROR, 7, S "client\n", S},
    {"one-tls-role", ADIT_CONF_ERROR, 7, S "tls-client\n", S},
    {"some-tls-role", ADIT_CONF_ERROR, 0, "ca c\nremote h\n", P},
    {"server-needs-tls-server", ADIT_CONF_ERROR, 1, "mode server\n" SERVER,
     "mode server\ntls-server\n" SERVER},
    {"pull-needs-tls-client", ADIT_CONF_ERROR, 1, "pull\ntls-server\nremote h\n" SERVER,
     "pull\n" P "remote h\n"},
    {"not-in-server", ADIT_CONF_ERROR, 7, S "remote h\n", S},
    {"not-in-server", ADIT_CONF_ERROR, 7, S "pull\n", S},
    {"not-in-server", ADIT_CONF_ERROR, 7, S "nobind\n", S},
    {"not-in-server", ADIT_CONF_ERROR, 7, S "redirect-gateway\n", S "push redirect-gateway\n"},
    {"not-in-server", ADIT_CONF_ERROR, 7, S "route-delay 3\n", S},
    {"not-in-server", ADIT_CONF_ERROR, 7, S "auth-user-pass f\n", S},
    {"only-in-server", ADIT_CONF_ERROR, 7, CLIENT "client-to-client\n", S "client-to-client\n"},
    {"only-in-server", ADIT_CONF_ERROR, 7, CLIENT "duplicate-cn\n", S "duplicate-cn\n"},
    {"only-in-server", ADIT_CONF_ERROR, 7, CLIENT "ifconfig-pool 1.2.3.4 1.2.3.5\n", S},
    {"only-in-server", ADIT_CONF_ERROR, 7, CLIENT "ifconfig-pool-persist f\n", S "ifconfig-pool-persist f\n"},
    {"only-in-server", ADIT_CONF_ERROR, 7, CLIENT "connect-freq 1 1\n", S "connect-freq 1 1\n"},
    {"only-in-server", ADIT_CONF_ERROR, 7, CLIENT "verify-client-cert require\n",
     S "verify-client-cert require\n"},
    {"useless-in-client", ADIT_CONF_WARNING, 7, CLIENT "push x\n", S "push x\n"},
    {"useless-in-client", ADIT_CONF_WARNING, 7, CLIENT "max-clients 3\n", S "max-clients 3\n"},
    {"useless-in-client", ADIT_CONF_WARNING, 7, CLIENT "dh none\n", S},
    {"useless-in-server", ADIT_CONF_WARNING, 7, S "pull-filter accept x\n", CLIENT "pull-filter accept x\n"},
    {"auth-user-pass-needs-pull", ADIT_CONF_ERROR, 6, P "auth-user-pass f\n", CLIENT "auth-user-pass f\n"},
    {"server-device", ADIT_CONF_ERROR, 7, S "dev null\n", S "dev tun3\n"},
    {"one-pool", ADIT_CONF_ERROR, 7, S "ifconfig-pool 1.2.3.4 1.2.3.5\n",
     "server 1.2.3.0 255.255.255.0 nopool\nifconfig-pool 1.2.3.4 1.2.3.5\n" SERVER},
    {"one-pool", ADIT_CONF_ERROR, 8, S "server-ipv6 fd00::/64\nifconfig-ipv6-pool fd01::/64\n",
     S "server-ipv6 fd00::/64\n"},
    {"ipv6-pool-needs-address", ADIT_CONF_ERROR, 7, S "ifconfig-ipv6-pool fd00::/64\n",
     S "ifconfig-ipv6-pool fd00::/64\nifconfig-ipv6 fd00::1/64 fd00::2\n"},
    {"keepalive-alone", ADIT_CONF_ERROR, 7, S "ping 4\n", S},
    {"keepalive-alone", ADIT_CONF_ERROR, 7, CLIENT "ping-exit 4\nkeepalive 5 20\n",
     CLIENT "keepalive 5 20\n"},
    {"server-keepalive", ADIT_CONF_WARNING, 0, "server 10.8.0.0 255.255.255.0\n" SERVER, S},
    {"connect-freq-udp", ADIT_CONF_ERROR, 7, S "connect-freq 1 1\nproto tcp\n", S "connect-freq 1 1\n"},
    {"server-proto", ADIT_CONF_ERROR, 7, S "proto tcp-client\n", S "proto tcp-server\n"},
    {"client-proto", ADIT_CONF_ERROR, 7, CLIENT "proto tcp-server\n", CLIENT "proto tcp-client\n"},
    {"remote-missing", ADIT_CONF_ERROR, 1, "client\nca c\ncert c\nkey k\n", CLIENT},
    {"remote-missing", ADIT_CONF_ERROR, 6, P "nobind\n", P "nobind\nremote h\n"},
    {"nobind-alone", ADIT_CONF_ERROR, 8, CLIENT "nobind\nlport 3\n", CLIENT "nobind\n"},
    {"nobind-alone", ADIT_CONF_ERROR, 8, CLIENT "nobind\nbind\n", CLIENT "bind\n"},
    {"nobind-alone", ADIT_CONF_ERROR, 8, CLIENT "nobind\nlocal 1.2.3.4\n", CLIENT "local 1.2.3.4\n"},
    {"remote-is-local", ADIT_CONF_ERROR, 7, P "remote 127.0.0.1\nlocal 127.0.0.1\n",
     P "remote 127.0.0.1\nlocal 127.0.0.1\nlport 5\n"},
    {"one-wrapping", ADIT_CONF_ERROR, 8, CLIENT "tls-auth a\ntls-crypt b\n", CLIENT "tls-auth a\n"},
    {"one-wrapping", ADIT_CONF_ERROR, 8, CLIENT "tls-crypt a\ntls-crypt-v2 b\n",
     S "tls-crypt a\ntls-crypt-v2 b\n"},
    {"one-wrapping", ADIT_CONF_ERROR, 8, S "tls-auth a\ntls-crypt b\n", S "tls-auth a\ntls-crypt-v2 b\n"},
    {"one-mtu", ADIT_CONF_ERROR, 7, CLIENT "link-mtu 1500\ntun-mtu 1400\n", CLIENT "link-mtu 1500\n"},
    {"peer-verification", ADIT_CONF_ERROR, 0, "client\nremote h\ncert c\nkey k\n",
     "client\nremote h\ncapath d\ncert c\nkey k\n"},
    {"own-certificate", ADIT_CONF_ERROR, 0, "client\nremote h\nca c\n",
     "client\nremote h\nca c\nauth-user-pass\n"},
    {"own-certificate", ADIT_CONF_ERROR, 0, "client\nremote h\nca c\ncert c\n", CLIENT},
    {"own-certificate", ADIT_CONF_ERROR, 0, "client\nremote h\nca c\nkey k\nauth-user-pass\n", CLIENT},
    {"own-certificate", ADIT_CONF_ERROR, 8, CLIENT "pkcs12 p\ncert d\n", "client\nremote h\npkcs12 p\n"},
    {"own-certificate", ADIT_CONF_ERROR, 0, "server 10.8.0.0 255.255.255.0\nca c\n", S},
    {"server-verification", ADIT_CONF_WARNING, 0, "client\nremote h\nca c\nauth-user-pass\n",
     "client\nremote h\nca c\nauth-user-pass\nverify-x509-name s name\n"},
    {"tls-versions", ADIT_CONF_ERROR, 7, CLIENT "tls-version-min 1.3\ntls-version-max 1.2\n",
     CLIENT "tls-version-min 1.2\ntls-version-max 1.2\n"},
    {"client-verification", ADIT_CONF_ERROR, 7, S "verify-client-cert none\n", S "verify-client-cert\n"},
    {"data-ciphers-length", ADIT_CONF_ERROR, 7,
     CLIENT "data-ciphers "
            "AES-256-GCM:AES-256-GCM:AES-256-GCM:AES-256-GCM:AES-256-GCM:AES-256-GCM:AES-256-GCM:AES-256-GCM:"
            "AES-256-GCM:AES-256-GCM:AES-256-GCM\n",
     CLIENT "data-ciphers AES-256-GCM:AES-128-GCM\n"},
    {"key-derivation", ADIT_CONF_ERROR, 8, S "force-tls-key-material-export\nadit-key-derivation prf\n",
     S "force-tls-key-material-export\nadit-key-derivation ekm\n"},
    {"user-keeps-device", ADIT_CONF_WARNING, 7, CLIENT "user nobody\n", CLIENT "user nobody\npersist-tun\n"},
};

static void each_rule_is_told_where_it_is_broken(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct reading r = {0};

        read_text(&r, rows[i].text);
        if (!find_diag(&r.report, rows[i].rule))
            print_message("row %zu: %s\n", i, rows[i].text);
        assert_diag(&r, rows[i].rule, rows[i].severity, rows[i].line);
        assert_int_equal(r.err, r.report.n_errors > 0 ? ADIT_E_CONFIG : ADIT_OK);
        done(&r);
    }
}

static void no_rule_speaks_without_need(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct reading r = {0};

        read_text(&r, rows[i].good);
        if (find_diag(&r.report, rows[i].rule))
            fail_msg("row %zu: %s", i, rows[i].good);
        assert_reads(&r);
        done(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_rule_is_told_where_it_is_broken),
        cmocka_unit_test(no_rule_speaks_without_need),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
