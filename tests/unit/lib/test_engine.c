/* SPDX-License-Identifier: Apache-2.0 */
/* A client and a server through the public header only, datagrams carried by hand, in virtual time. */
#include <stdbool.h>

#include "../pem.h"
#include "../unit.h"
#include "adit/adit.h"

struct end {
    struct adit_config *config;
    struct adit_engine *e;
    struct adit_endpoint at;
    unsigned n_up, n_renewed, n_closed;
    struct adit_fact up;
    char name[64], reason[256], pushed[512];
    uint8_t got[64];
    size_t got_n;
};

struct pair {
    struct end client, server;
    struct adit_time now;
    uint64_t seed;
};

static const char hex_key[] = "-----BEGIN OpenVPN Static key V1-----\n"
                              "000102030405060708090a0b0c0d0e0f\n101112131415161718191a1b1c1d1e1f\n"
                              "202122232425262728292a2b2c2d2e2f\n303132333435363738393a3b3c3d3e3f\n"
                              "404142434445464748494a4b4c4d4e4f\n505152535455565758595a5b5c5d5e5f\n"
                              "606162636465666768696a6b6c6d6e6f\n707172737475767778797a7b7c7d7e7f\n"
                              "808182838485868788898a8b8c8d8e8f\n909192939495969798999a9b9c9d9e9f\n"
                              "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf\nb0b1b2b3b4b5b6b7b8b9babbbcbdbebf\n"
                              "c0c1c2c3c4c5c6c7c8c9cacbcccdcecf\nd0d1d2d3d4d5d6d7d8d9dadbdcdddedf\n"
                              "e0e1e2e3e4e5e6e7e8e9eaebecedeeef\nf0f1f2f3f4f5f6f7f8f9fafbfcfdfeff\n"
                              "-----END OpenVPN Static key V1-----\n";

static int draw(void *ctx, uint8_t *dst, size_t n)
{
    uint64_t *seed = ctx;

    for (size_t i = 0; i < n; i++) {
        *seed = *seed * 6364136223846793005ULL + 1442695040888963407ULL;
        dst[i] = (uint8_t)(*seed >> 56);
    }
    return 1;
}

static void make_config(struct end *end, bool is_server, const char *wrap)
{
    static char text[16384];
    char report[2048], block[2048] = "";

    if (wrap[0])
        snprintf(block, sizeof block, "%s<%s>\n%s</%s>\n",
                 strcmp(wrap, "tls-auth") ? ""
                 : is_server              ? "key-direction 0\n"
                                          : "key-direction 1\n",
                 wrap, hex_key, wrap);
    snprintf(text, sizeof text,
             "%s\ndev tun\nproto udp\n%s<ca>\n%s</ca>\n<cert>\n%s</cert>\n<key>\n%s</key>\n",
             is_server ? "server 10.8.0.0 255.255.255.0\ntopology subnet\ndh none\nkeepalive 10 60\n"
                         "push \"route 192.0.2.0 255.255.255.0\""
                       : "client\nremote vpn.example 1194\nremote-cert-tls server",
             block, pem_ca, is_server ? pem_server_cert : pem_client_cert,
             is_server ? pem_server_key : pem_client_key);
    end->config = adit_config_new(text, strlen(text), report, sizeof report);
    if (!end->config)
        fail_msg("%s", report);
}

static void make_end(struct pair *p, struct end *end, bool is_server, const char *wrap)
{
    struct adit_engine_params params = {.callbacks = {.random = draw, .ctx = &p->seed}};
    char report[2048];

    make_config(end, is_server, wrap);
    end->at = (struct adit_endpoint){.family = 4, .ip = {198, 51, 100, is_server ? 1 : 2}, .port = 1194};
    params.config = end->config;
    params.server = p->server.at;
    end->e = adit_engine_new(&params, p->now, report, sizeof report);
    if (!end->e)
        fail_msg("%s", report);
}

static void take_facts(struct end *end)
{
    struct adit_fact f;

    while (adit_engine_next_fact(end->e, &f)) {
        end->n_up += f.kind == ADIT_FACT_UP;
        end->n_renewed += f.kind == ADIT_FACT_RENEWED;
        end->n_closed += f.kind == ADIT_FACT_CLOSED;
        if (f.kind == ADIT_FACT_UP) {
            end->up = f;
            snprintf(end->name, sizeof end->name, "%s", f.name);
            snprintf(end->pushed, sizeof end->pushed, "%s", f.pushed);
        }
        snprintf(end->reason, sizeof end->reason, "%s", f.reason);
    }
}

static void hear(struct pair *p, struct end *from, struct end *to, struct adit_datagram *d)
{
    struct adit_received got;

    if (adit_engine_recv(to->e, &from->at, d->b, d->n, p->now, &got)) {
        assert_true(got.n <= sizeof to->got);
        memcpy(to->got, got.packet, got.n);
        to->got_n = got.n;
    }
    take_facts(to);
}

static bool carry(struct pair *p, struct end *from, struct end *to)
{
    uint8_t b[ADIT_DATAGRAM_CAP];
    struct adit_datagram d = {.b = b, .cap = sizeof b};
    bool any = false;

    take_facts(from);
    while (adit_engine_next_datagram(from->e, p->now, &d)) {
        assert_memory_equal(&d.to.ip, &to->at.ip, 4);
        hear(p, from, to, &d);
        any = true;
    }
    return any;
}

static void run(struct pair *p, unsigned seconds)
{
    uint64_t end_ns = p->now.mono_ns + seconds * 1000000000ULL;

    for (;;) {
        uint64_t a, b;

        while (carry(p, &p->client, &p->server) | carry(p, &p->server, &p->client))
            ;
        a = adit_engine_deadline(p->client.e);
        b = adit_engine_deadline(p->server.e);
        a = a < b ? a : b;
        if (a > end_ns)
            break;
        if (a > p->now.mono_ns)
            p->now.mono_ns = a;
        p->now.mono_ns += 1000000;
        adit_engine_tick(p->client.e, p->now);
        adit_engine_tick(p->server.e, p->now);
    }
    p->now.mono_ns = end_ns;
}

static void send_one(struct pair *p, struct end *from, struct end *to, uint8_t src, uint8_t dst, uint8_t mark)
{
    uint8_t packet[28] = {0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 10, 8, 0, src, 10, 8, 0, dst, mark};
    uint8_t b[sizeof packet + ADIT_OVERHEAD];
    struct adit_datagram d = {.b = b, .cap = sizeof b};

    to->got_n = 0;
    if (!adit_engine_send(from->e, packet, sizeof packet, p->now, &d))
        fail_msg("%s", d.why);
    hear(p, from, to, &d);
    assert_int_equal(to->got_n, sizeof packet);
    assert_memory_equal(to->got, packet, sizeof packet);
}

static void check_wrap(const char *wrap)
{
    struct pair p = {.now = {.mono_ns = 5000000000ULL, .wall_s = 1800000000}, .seed = 7};

    make_end(&p, &p.server, true, wrap);
    make_end(&p, &p.client, false, wrap);
    run(&p, 10);
    assert_int_equal(p.client.n_up, 1);
    assert_int_equal(p.server.n_up, 1);
    assert_string_equal(p.server.name, "client");
    assert_string_equal(p.client.name, "server");
    assert_string_equal(p.client.pushed, "route 192.0.2.0 255.255.255.0");
    assert_int_equal(p.client.up.v4.ip[3], 2);
    assert_int_equal(p.client.up.v4.bits, 24);
    assert_memory_equal(p.client.up.v4.ip, p.server.up.v4.ip, 4);
    send_one(&p, &p.client, &p.server, 2, 1, 1);
    send_one(&p, &p.server, &p.client, 1, 2, 2);
    adit_engine_renegotiate(p.client.e, ADIT_ALL_PEERS, p.now);
    run(&p, 130); /* pings keep it alive, too */
    assert_int_equal(p.client.n_renewed, 1);
    assert_int_equal(p.server.n_renewed, 1);
    send_one(&p, &p.client, &p.server, 2, 1, 3);
    send_one(&p, &p.server, &p.client, 1, 2, 4);
    assert_int_equal(p.client.n_closed + p.server.n_closed, 0);
    adit_engine_close(p.client.e, 0, p.now);
    run(&p, 10);
    assert_int_equal(p.client.n_closed, 1);
    assert_int_equal(p.server.n_closed, 1);
    assert_non_null(strstr(p.server.reason, "exits"));
    adit_engine_free(p.client.e);
    adit_engine_free(p.server.e);
    adit_config_free(p.client.config);
    adit_config_free(p.server.config);
}

static void two_engines_live_through_a_whole_connection(void **state)
{
    (void)state;
    check_wrap("");
}

static void tls_auth_and_tls_crypt_protect_it(void **state)
{
    (void)state;
    check_wrap("tls-auth");
    check_wrap("tls-crypt");
}

static void errors_of_a_configuration_are_lines_of_text(void **state)
{
    static const char text[] = "client\ndev tun\nremote a 1194\nnonsense 1\n",
                      files[] = "client\ndev tun\n"
                                "remote a 1194\nca ca.crt\ncert c.crt\nkey c.key\n",
                      spoilt[] = "client\nremote a 1194\nca ca.crt\ncert c.crt\nkey c.key\n"
                                 "gremlin loss=5%\n";
    struct adit_engine_params params = {.callbacks = {.random = draw}};
    struct adit_config *c;
    char report[1024];

    (void)state;
    assert_null(adit_config_new(text, strlen(text), report, sizeof report));
    assert_non_null(strstr(report, "nonsense"));
    assert_int_equal(report[strlen(report) - 1], '\n');
    assert_null(adit_config_new(spoilt, strlen(spoilt), report, sizeof report));
    assert_non_null(strstr(report, "gremlin: the library carries no packets"));
    c = adit_config_new(files, strlen(files), report, sizeof report);
    assert_non_null(c);
    params.config = c;
    assert_null(adit_engine_new(&params, (struct adit_time){1, 1}, report, sizeof report));
    assert_non_null(strstr(report, "ca: the library opens no files"));
    adit_config_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_engines_live_through_a_whole_connection),
        cmocka_unit_test(tls_auth_and_tls_crypt_protect_it),
        cmocka_unit_test(errors_of_a_configuration_are_lines_of_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
