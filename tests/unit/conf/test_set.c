/* SPDX-License-Identifier: Apache-2.0 */
/* Values, one option at a time: what is refused, and what the accepted ones become. */
#include "conf_test.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))
#define AB   "ABABABABABABABABABABABABABABABABABABABABABABABABABABABABABABABAB"

/* On line 7 of a client's configuration. */
static const struct {
    const char *line, *rule;
} wrong[] = {
    {"port 65536", "number"},
    {"port -1", "number"},
    {"lport 12x", "number"},
    {"rport \"\"", "number"},
    {"proto foo", "value"},
    {"proto-force foo", "value"},
    {"remote h 1 foo", "value"},
    {"remote h 70000", "number"},
    {"bind foo", "value"},
    {"local 1.2.3.4 1194", "not-supported"},
    {"multihome same-interface", "not-supported"},
    {"resolv-retry x", "number"},
    {"connect-retry x", "number"},
    {"tun-mtu 99", "number"},
    {"tun-mtu 65537", "number"},
    {"tun-mtu 1400 x", "number"},
    {"tun-mtu-max 1599", "number"},
    {"mssfix 153", "number"},
    {"mssfix 1400 foo", "value"},
    {"mssfix mtu", "number"},
    {"max-packet-size 153", "number"},
    {"mtu-disc foo", "value"},
    {"mark 3x", "number"},
    {"socket-flags FOO", "value"},
    {"sndbuf 10000000000", "number"},
    {"dev-type foo", "value"},
    {"topology foo", "value"},
    {"topology", "words"},
    {"ifconfig foo bar", "address"},
    {"ifconfig fd00::1 fd00::2", "address"},
    {"ifconfig-ipv6 fd00::1/20 fd00::2", "number"},
    {"ifconfig-ipv6 fd00::1/126 fd00::2", "number"},
    {"ifconfig-ipv6 1.2.3.4/24 fd00::2", "address"},
    {"route 1.2.3.4 255.0.255.0", "netmask"},
    {"route 1.2.3.4 255.255.255.255 default -3", "number"},
    {"route default", "address"},
    {"route 10.0.0.256", "address"},
    {"route 10.8.0.0 255.255.0.0 10.8.0", "address"},
    {"route \"a b\"", "address"},
    {"route-ipv6 foo", "address"},
    {"route-ipv6 foo/200", "address"},
    {"route-ipv6 fd::1/200", "address"},
    {"route-ipv6 fd::/64 gateway.example", "address"},
    {"route-ipv6 fd::/64 1.2.3.4", "address"},
    {"route-gateway foo", "address"},
    {"route-ipv6-gateway 1.2.3.4", "address"},
    {"redirect-gateway foo", "value"},
    {"dhcp-option DNS foo", "address"},
    {"dhcp-option DNS6 1.2.3.4", "address"},
    {"dhcp-option DOMAIN", "words"},
    {"dns server 0 address foo", "address"},
    {"dns server 0 address 1.2.3.4:", "address"},
    {"dns server 0 address [1.2.3.4]:53", "address"},
    {"dns server 200 address 1.2.3.4", "number"},
    {"dns server 0 dnssec maybe", "value"},
    {"dns foo", "words"},
    {"keepalive 10 15", "keepalive"},
    {"keepalive 0 15", "number"},
    {"ping 100000000000", "number"},
    {"ping-restart 86401", "number"},
    {"explicit-exit-notify x", "number"},
    {"inactive x", "number"},
    {"remap-usr1 SIGFOO", "value"},
    {"tls-auth k 2", "value"},
    {"key-direction 2", "value"},
    {"tls-crypt-v2 k foo", "value"},
    {"crl-verify d foo", "value"},
    {"tls-version-min 1.5", "value"},
    {"tls-version-min 1.2 foo", "value"},
    {"tls-version-max 1", "value"},
    {"tls-cert-profile foo", "value"},
    {"remote-cert-tls foo", "value"},
    {"remote-cert-ku xx", "value"},
    {"remote-cert-ku 10000", "value"},
    {"verify-x509-name a b", "value"},
    {"peer-fingerprint 00:11", "fingerprint"},
    {"peer-fingerprint xx", "fingerprint"},
    {"peer-fingerprint " AB "AB", "fingerprint"},
    {"reneg-sec 10 20", "number"},
    {"hand-window 0", "number"},
    {"replay-window 65537", "number"},
    {"replay-window 64 601", "number"},
    {"allow-compression yes", "not-supported"},
    {"allow-compression foo", "value"},
    {"auth-retry foo", "value"},
    {"pull-filter foo bar", "value"},
    {"status-version 4", "number"},
    {"status f x", "number"},
    {"nice 21", "number"},
    {"nice --3", "number"},
    {"verb 12", "number"},
    {"verb 4x", "number"},
    {"script-security 4", "number"},
    {"setenv GENERIC_CONFIG 1", "generic-config"},
    {"setenv-safe \"a b\" c", "value"},
    {"setenv a b c", "words"},
    {"genkey foo", "value"},
    {"genkey secret f metadata", "value"},
    {"peer-id 1", "pushed-only"},
    {"adit-replay-window 64", "pushed-only"},
    {"auth-token x", "pushed-only"},
    {"disable", "place"},
    {"iroute 1.2.3.4", "place"},
    {"adit-key-derivation foo", "value"},
    {"adit-workers 1025", "number"},
    {"adit-busy-poll 1001", "number"},
    {"adit-offload foo", "value"},
    {"adit-offload tun-in none", "value"},
    {"adit-engine openssl", "value"},
    {"adit-steer ebpf", "value"},
    {"gremlin \"\"", "value"},
    {"gremlin 128", "number"},
    {"gremlin -1", "value"},
    {"gremlin 0x3", "value"},
    {"gremlin foo", "value"},
    {"gremlin los=5%", "value"},
    {"gremlin loss", "value"},
    {"gremlin loss=", "value"},
    {"gremlin loss=5", "value"},
    {"gremlin loss=5%%", "value"},
    {"gremlin loss=-5%", "value"},
    {"gremlin loss=.5%", "value"},
    {"gremlin loss=5.%", "value"},
    {"gremlin loss=101%", "value"},
    {"gremlin loss=0.00001%", "value"},
    {"gremlin loss=0.5ppm", "value"},
    {"gremlin loss=99999999999999999999999%", "value"},
    {"gremlin loss=18446744073709551615%", "value"},
    {"gremlin loss=5%,", "value"},
    {"gremlin loss=5%,,dup=1%", "value"},
    {"gremlin loss=5%,loss=5%", "value"},
    {"gremlin burst=1%", "value"},
    {"gremlin burst=1%:0", "value"},
    {"gremlin burst=1%:65536", "value"},
    {"gremlin late=10%", "value"},
    {"gremlin late=80ms", "value"},
    {"gremlin delay=20", "value"},
    {"gremlin delay=61s", "value"},
    {"gremlin delay=1.0001s", "value"},
    {"gremlin delay=18446744073709551615s", "value"},
    {"gremlin cut=2s", "value"},
    {"gremlin cut=0s/2s", "value"},
    {"gremlin cut=2s/2s", "value"},
    {"gremlin cut=2s/86401s", "value"},
    {"gremlin seed=", "value"},
    {"gremlin seed=18446744073709551616", "value"},
    {"gremlin 1 2", "words"},
    {"gremlin", "words"},
    {"compress", "not-supported"},
    {"management localhost 1", "not-supported"},
};

static void values_that_make_no_sense_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < N(wrong); i++) {
        struct reading r = {0};
        char text[512];

        (void)snprintf(text, sizeof text, CLIENT "%s\n", wrong[i].line);
        read_text(&r, text);
        if (!find_diag(&r.report, wrong[i].rule))
            print_message("%s\n", wrong[i].line);
        assert_diag(&r, wrong[i].rule, ADIT_CONF_ERROR, 7);
        assert_int_equal(r.err, ADIT_E_CONFIG);
        done(&r);
    }
}

static void routes_may_lead_to_names_of_hosts(void **state)
{
    struct reading r = {0};

    (void)state;
    read_text(&r, CLIENT "route intra.example\nroute 10.0.0.0 255.0.0.0 gw_1.example 4\n"
                         "route-ipv6 intra.example/128\nlocal here.example\nlport openvpn\n");
    assert_reads(&r);
    assert_int_equal(r.c->routes.v[0].net.kind, ADIT_ROUTE_END_NAME);
    assert_string_equal(r.c->routes.v[0].net.name, "intra.example");
    assert_int_equal(r.c->routes.v[0].bits, 32);
    assert_int_equal(r.c->routes.v[1].net.kind, ADIT_ROUTE_END_IP);
    assert_int_equal(r.c->routes.v[1].gateway.kind, ADIT_ROUTE_END_NAME);
    assert_int_equal(r.c->routes.v[1].at.line, 8);
    assert_int_equal(r.c->routes_ipv6.v[0].net.kind, ADIT_ROUTE_END_NAME);
    assert_string_equal(r.c->routes_ipv6.v[0].net.name, "intra.example");
    assert_int_equal(r.c->routes_ipv6.v[0].bits, 128);
    assert_string_equal(r.c->conns[0].local, "here.example");
    assert_int_equal(r.c->conns[0].local_at.line, 10);
    assert_int_equal(r.c->conns[0].lport_at.line, 11);
    done(&r);
}

static void routes_keep_what_was_written(void **state)
{
    struct reading r = {0};

    (void)state;
    read_text(&r, CLIENT
              "route 10.1.2.3 255.255.0.0 net_gateway 7\nroute 10.9.8.7\nroute 1.2.3.4 default remote_host\n"
              "route-ipv6 2001:db8::1/32 fd00::1 5\nroute-ipv6 fd01::5\nroute-metric 3\nroute-delay\n"
              "redirect-gateway def1 !ipv4\nredirect-private ipv6\n");
    assert_reads(&r);
    assert_int_equal(r.c->routes.n, 3);
    assert_int_equal(adit_ip_v4_host(&r.c->routes.v[0].net.ip), 0x0a010000);
    assert_int_equal(r.c->routes.v[0].bits, 16);
    assert_int_equal(r.c->routes.v[0].gateway.kind, ADIT_ROUTE_END_NET_GATEWAY);
    assert_int_equal(r.c->routes.v[0].metric, 7);
    assert_diag(&r, "route-host-bits", ADIT_CONF_WARNING, 7);
    assert_int_equal(r.c->routes.v[1].net.kind, ADIT_ROUTE_END_IP);
    assert_string_equal(r.c->routes.v[1].net.name, "10.9.8.7");
    assert_int_equal(r.c->routes.v[1].metric, -1);
    assert_int_equal(r.c->routes.v[2].bits, 32);
    assert_int_equal(r.c->routes.v[2].gateway.kind, ADIT_ROUTE_END_REMOTE_HOST);
    assert_int_equal(r.c->routes_ipv6.v[0].bits, 32);
    assert_int_equal(r.c->routes_ipv6.v[0].net.ip.b[15], 0);
    assert_int_equal(r.c->routes_ipv6.v[0].metric, 5);
    assert_int_equal(r.c->routes_ipv6.v[1].bits, 64);
    assert_diag(&r, "bits", ADIT_CONF_WARNING, 11);
    assert_int_equal(r.c->route_metric, 3);
    assert_true(r.c->has_route_delay);
    assert_int_equal(r.c->route_delay_s, 0);
    assert_int_equal(r.c->route_delay_window_s, 30);
    assert_int_equal(r.c->redirect, ADIT_REDIRECT_ON | ADIT_REDIRECT_GATEWAY | ADIT_REDIRECT_DEF1 |
                                        ADIT_REDIRECT_NO_IPV4 | ADIT_REDIRECT_IPV6);
    done(&r);
}

static void tls_values_are_kept(void **state)
{
    struct reading r = {0};

    (void)state;
    read_text(&r, CLIENT "tls-auth ta.key 1\ntls-version-min 1.5 or-highest\nremote-cert-ku a0 0x\n");
    assert_diag(&r, "value", ADIT_CONF_ERROR, 9);
    done(&r);
    read_text(&r, CLIENT "tls-auth ta.key 1\ntls-version-min 1.5 or-highest\nremote-cert-ku a0 \"\" 88\n"
                         "verify-x509-name srv- name-prefix\ncrl-verify d dir\npeer-fingerprint " AB
                         "\n<peer-fingerprint>\n# c\n" AB
                         " ; x\n\n</peer-fingerprint>\nreneg-sec 100 50\nreneg-bytes 7\n"
                         "replay-window 128\nauth-user-pass\ncipher AES-256-CBC\nkeepalive 1 2\n");
    assert_reads(&r);
    assert_int_equal(r.c->conns[0].key_direction, ADIT_DIRECTION_1);
    assert_string_equal(r.c->conns[0].tls_auth.path, "ta.key");
    assert_int_equal(r.c->tls_min, ADIT_TLS_1_3);
    assert_int_equal(r.c->n_remote_ku, 2);
    assert_int_equal(r.c->remote_ku[1], 0x88);
    assert_int_equal(r.c->x509_name_kind, ADIT_X509_NAME_PREFIX);
    assert_true(r.c->is_crl_dir);
    assert_int_equal(r.c->fingerprints.n, 2);
    assert_int_equal(strlen(r.c->fingerprints.v[1]), 64);
    assert_int_equal(strncmp(r.c->fingerprints.v[1], "abab", 4), 0);
    assert_int_equal(r.c->reneg_s, 100);
    assert_int_equal(r.c->reneg_min_s, 50);
    assert_int_equal(r.c->reneg_bytes, 7);
    assert_int_equal(r.c->replay_window, 128);
    assert_int_equal(r.c->replay_s, 15);
    assert_true(r.c->has_auth_user_pass && !adit_file_ref_is_set(&r.c->auth_user_pass));
    assert_string_equal(r.c->cipher, "AES-256-CBC");
    done(&r);
}

static void process_values_are_kept(void **state)
{
    struct reading r = {0};

    (void)state;
    read_text(
        &r, CLIENT
        "daemon vpn\nlog a\nlog-append b\nstatus s 7\nstatus-version 3\nnice -5\nremap-usr1 SIGTERM\n"
        "ping-exit 3\nping-restart 4\nconnect-retry 100000 400\nmark 77\nsetenv-safe X y\ninactive 5 6\n"
        "adit-key-derivation ekm\nauth-retry nointeract\nexplicit-exit-notify\nexplicit-exit-notify 3\n");
    assert_reads(&r);
    assert_true(r.c->is_daemon);
    assert_string_equal(r.c->daemon_name, "vpn");
    assert_string_equal(r.c->log_file, "b");
    assert_true(r.c->is_log_append);
    assert_int_equal(r.c->status_s, 7);
    assert_int_equal(r.c->status_version, 3);
    assert_int_equal(r.c->nice, -5);
    assert_int_equal(r.c->remap_usr1, ADIT_USR1_AS_TERM);
    assert_int_equal(r.c->ping_exit_s, 0);
    assert_int_equal(r.c->ping_restart_s, 4);
    assert_int_equal(r.c->conns[0].connect_retry_s, 65535);
    assert_int_equal(r.c->conns[0].connect_retry_max_s, 65535);
    assert_true(r.c->has_mark);
    assert_string_equal(r.c->env.v[0].name, "OPENVPN_X");
    assert_int_equal(r.c->inactive_bytes, 6);
    assert_int_equal(r.c->key_derivation, ADIT_KEY_DERIVATION_EKM);
    assert_int_equal(r.c->auth_retry, ADIT_AUTH_RETRY_NOINTERACT);
    assert_int_equal(r.c->conns[0].exit_notify, 3);
    done(&r);
}

static void gremlin_words_become_rates_and_times(void **state)
{
    struct reading r = {0};

    (void)state;
    read_text(&r, CLIENT "gremlin loss=5%,dup=500ppm,corrupt=0.0001%,late=10%:80ms,delay=1.5s,jitter=5us,"
                         "cut=2s/30s,burst=100%:65535,seed=18446744073709551615\n");
    assert_reads(&r);
    assert_diag(&r, "gremlin", ADIT_CONF_WARNING, 7);
    assert_true(r.c->gremlin.is_on);
    assert_true(r.c->gremlin.seed == UINT64_MAX);
    assert_int_equal(r.c->gremlin.loss_ppm, 50000);
    assert_int_equal(r.c->gremlin.dup_ppm, 500);
    assert_int_equal(r.c->gremlin.corrupt_ppm, 1);
    assert_int_equal(r.c->gremlin.late_ppm, 100000);
    assert_int_equal(r.c->gremlin.late_ns, 80000000);
    assert_int_equal(r.c->gremlin.delay_ns, 1500000000);
    assert_int_equal(r.c->gremlin.jitter_ns, 5000);
    assert_int_equal(r.c->gremlin.cut_ns, 2000000000);
    assert_int_equal(r.c->gremlin.cut_every_ns, 30000000000);
    assert_int_equal(r.c->gremlin.burst_ppm, 1000000);
    assert_int_equal(r.c->gremlin.burst_n, 65535);
    done(&r);
}

static void a_gremlin_number_is_a_set_of_faults(void **state)
{
    struct reading r = {0};

    (void)state;
    read_text(&r, CLIENT "gremlin loss=5%\ngremlin 12\n");
    assert_reads(&r);
    assert_true(r.c->gremlin.is_on);
    assert_int_equal(r.c->gremlin.loss_ppm, 0);
    assert_int_equal(r.c->gremlin.dup_ppm, 20000);
    assert_int_equal(r.c->gremlin.corrupt_ppm, 10000);
    assert_int_equal(r.c->gremlin.seed, 1);
    done(&r);
    read_text(&r, CLIENT "gremlin 127\n");
    assert_reads(&r);
    assert_true(r.c->gremlin.loss_ppm && r.c->gremlin.burst_n && r.c->gremlin.late_ns &&
                r.c->gremlin.delay_ns && r.c->gremlin.jitter_ns && r.c->gremlin.cut_ns);
    assert_true(r.c->gremlin.cut_ns < r.c->gremlin.cut_every_ns);
    done(&r);
}

static void a_gremlin_without_faults_is_off(void **state)
{
    static const char *const lines[] = {"", "gremlin 0\n", "gremlin seed=7\n",
                                        "gremlin loss=0%,late=5%:0ms\n"};

    (void)state;
    for (size_t i = 0; i < N(lines); i++) {
        struct reading r = {0};
        char text[512];

        (void)snprintf(text, sizeof text, CLIENT "%s", lines[i]);
        read_text(&r, text);
        assert_reads(&r);
        assert_false(r.c->gremlin.is_on);
        assert_null(find_diag(&r.report, "gremlin"));
        done(&r);
    }
}

static void every_wrong_gremlin_word_is_told(void **state)
{
    struct reading r = {0};

    (void)state;
    read_text(&r, CLIENT "gremlin loss=5,dup=1%,lat=2%,delay=x\nverb 99\n");
    assert_int_equal(r.report.n_errors, 4);
    done(&r);
}

static void offload_is_where_it_is_named(void **state)
{
    struct reading r = {0};

    (void)state;
    read_text(&r, CLIENT "adit-offload udp-out tun-in\n");
    assert_non_null(r.c);
    assert_true(r.c->offload_off.is_set);
    assert_false(r.c->offload_off.udp_out || r.c->offload_off.tun_in);
    assert_true(r.c->offload_off.udp_in && r.c->offload_off.tun_out);
    done(&r);
    read_text(&r, CLIENT "adit-offload none\nadit-engine evp\n");
    assert_non_null(r.c);
    assert_true(r.c->offload_off.udp_in && r.c->offload_off.udp_out && r.c->offload_off.tun_in &&
                r.c->offload_off.tun_out);
    assert_int_equal(r.c->engine, ADIT_ENGINE_EVP);
    done(&r);
    read_text(&r, CLIENT "adit-offload none\nadit-offload all\n");
    assert_non_null(r.c);
    assert_true(r.c->offload_off.is_set);
    assert_false(r.c->offload_off.udp_in || r.c->offload_off.udp_out || r.c->offload_off.tun_in ||
                 r.c->offload_off.tun_out);
    done(&r);
}

static void steering_can_be_left_to_the_kernel(void **state)
{
    struct reading r = {0};

    (void)state;
    read_text(&r, CLIENT);
    assert_non_null(r.c);
    assert_int_equal(r.c->steer, ADIT_STEER_AUTO);
    done(&r);
    read_text(&r, CLIENT "adit-steer flow\n");
    assert_non_null(r.c);
    assert_int_equal(r.c->steer, ADIT_STEER_FLOW);
    done(&r);
}

static void defaults_are_openvpns_but_for_the_replay_window(void **state)
{
    struct reading r = {0};

    (void)state;
    read_text(&r, CLIENT);
    assert_reads(&r);
    assert_int_equal(r.c->verb, 1);
    assert_int_equal(r.c->hand_window_s, 60);
    assert_int_equal(r.c->tran_window_s, 3600);
    assert_int_equal(r.c->tls_timeout_s, 2);
    assert_int_equal(r.c->reneg_s, 3600);
    assert_int_equal(r.c->replay_window, 2048);
    assert_int_equal(r.c->max_clients, 1024);
    assert_int_equal(r.c->connect_freq_initial_n, 100);
    assert_int_equal(r.c->connect_freq_initial_s, 10);
    assert_int_equal(r.c->conns[0].connect_timeout_s, 120);
    assert_int_equal(r.c->conns[0].connect_retry_s, 1);
    assert_int_equal(r.c->conns[0].connect_retry_max_s, 300);
    assert_int_equal(r.c->conns[0].max_packet_size, 1250);
    assert_int_equal(r.c->conns[0].tun_mtu_max, 1600);
    assert_int_equal(r.c->resolv_retry_s, UINT32_MAX);
    assert_int_equal(r.c->script_security, 1);
    assert_int_equal(r.c->topology, ADIT_TOPOLOGY_NET30);
    done(&r);
}

static void pushes_with_commas_are_refused(void **state)
{
    struct reading r = {0};

    (void)state;
    read_text(&r, "server 10.8.0.0 255.255.255.0\n" SERVER "push a,b\nserver 10.8.0.0 255.255.255.0 foo\n"
                  "ifconfig-pool 10.8.0.9 10.8.0.7\nifconfig-pool 10.0.0.7 10.8.0.7\nverify-client-cert "
                  "foo\nmax-clients x\n");
    assert_int_equal(r.report.n_errors, 6);
    assert_diag(&r, "push-comma", ADIT_CONF_ERROR, 6);
    assert_diag(&r, "ifconfig-pool", ADIT_CONF_ERROR, 8);
    done(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_that_make_no_sense_are_refused),
        cmocka_unit_test(routes_may_lead_to_names_of_hosts),
        cmocka_unit_test(routes_keep_what_was_written),
        cmocka_unit_test(tls_values_are_kept),
        cmocka_unit_test(process_values_are_kept),
        cmocka_unit_test(gremlin_words_become_rates_and_times),
        cmocka_unit_test(a_gremlin_number_is_a_set_of_faults),
        cmocka_unit_test(a_gremlin_without_faults_is_off),
        cmocka_unit_test(every_wrong_gremlin_word_is_told),
        cmocka_unit_test(offload_is_where_it_is_named),
        cmocka_unit_test(steering_can_be_left_to_the_kernel),
        cmocka_unit_test(defaults_are_openvpns_but_for_the_replay_window),
        cmocka_unit_test(pushes_with_commas_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
