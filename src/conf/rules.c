/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What options may not stand together, and what may not be missing: one function per rule, each looks at the
 * whole configuration and reports under the rule's own name at the place of the option that is at fault. All
 * rules are asked, so that all errors are told at once.
 */
#include <string.h>

#include "conf/fill.h"

enum { DATA_CIPHERS_MAX = 127 }; /* characters, 8.3 */

static bool is_given(const struct adit_fill *f, const char *name)
{
    return adit_fill_given(f, name) != NULL;
}

/* Reports are about this option. */
static void point_at(struct adit_fill *f, const char *name)
{
    const struct adit_place *p = adit_fill_given(f, name);

    f->at = p ? *p : (struct adit_place){0};
}

static bool is_server(const struct adit_fill *f)
{
    return f->c->mode == ADIT_MODE_SERVER;
}

/* ---- roles ---- */

static void check_one_tls_role(struct adit_fill *f, const char *rule)
{
    if (!f->c->is_tls_client || !f->c->is_tls_server)
        return;
    point_at(f, is_given(f, "client") ? "client" : "tls-client");
    adit_fill_error(
        f, rule,
        "this end cannot be TLS client and TLS server at once; a server has no `client` or `tls-client`");
}

static void check_some_tls_role(struct adit_fill *f, const char *rule)
{
    if (!f->c->is_tls_client && !f->c->is_tls_server && !is_server(f))
        adit_fill_error(
            f, rule,
            "what shall this end be? Add `client`, `server NETWORK NETMASK`, or tls-client or tls-server");
}

static void check_server_has_tls(struct adit_fill *f, const char *rule)
{
    if (!is_server(f) || f->c->is_tls_server)
        return;
    point_at(f, "mode");
    adit_fill_error(f, rule, "`mode server` needs tls-server");
}

static void check_pull_has_tls_client(struct adit_fill *f, const char *rule)
{
    if (!f->c->want_pull || f->c->is_tls_client || is_server(f))
        return;
    point_at(f, "pull");
    adit_fill_error(f, rule, "`pull` needs tls-client");
}

static void check_not_in_server(struct adit_fill *f, const char *rule)
{
    static const struct {
        const char *name, *instead;
    } rows[] = {
        {"remote", "clients call the server; remove it"},
        {"connection", "clients call the server; remove it"},
        {"pull", "remove it"},
        {"nobind", "a server needs a fixed port; remove it"},
        {"redirect-gateway", "to move the clients' default route write push \"redirect-gateway\""},
        {"redirect-private", "for clients write push \"redirect-private\""},
        {"route-delay", "remove it"},
        {"auth-user-pass", "it belongs into the clients' configuration"},
        {"auth-retry", "it belongs into the clients' configuration"},
        {"route-nopull", "it belongs into the clients' configuration"},
    };

    if (!is_server(f))
        return;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (!is_given(f, rows[i].name))
            continue;
        point_at(f, rows[i].name);
        adit_fill_error(f, rule, "`%s` cannot be used by a server: %s", rows[i].name, rows[i].instead);
    }
}

static void check_only_in_server(struct adit_fill *f, const char *rule)
{
    static const char *const names[] = {"client-to-client",      "duplicate-cn",       "ifconfig-pool",
                                        "ifconfig-pool-persist", "ifconfig-ipv6-pool", "connect-freq",
                                        "verify-client-cert"};

    for (size_t i = 0; i < sizeof names / sizeof names[0] && !is_server(f); i++) {
        if (!is_given(f, names[i]))
            continue;
        point_at(f, names[i]);
        adit_fill_error(f, rule, "`%s` is for servers; add `server NETWORK NETMASK`, or remove it", names[i]);
    }
}

static void check_useless_in_client(struct adit_fill *f, const char *rule)
{
    static const char *const names[] = {"push",
                                        "max-clients",
                                        "max-routes-per-client",
                                        "connect-freq-initial",
                                        "force-tls-key-material-export",
                                        "dh"};

    for (size_t i = 0; i < sizeof names / sizeof names[0] && !f->c->is_tls_server; i++) {
        if (!is_given(f, names[i]))
            continue;
        point_at(f, names[i]);
        adit_fill_warn(f, rule, "`%s` has no effect here; it belongs into a server's configuration",
                       names[i]);
    }
}

static void check_useless_in_server(struct adit_fill *f, const char *rule)
{
    if (!is_server(f) || !is_given(f, "pull-filter"))
        return;
    point_at(f, "pull-filter");
    adit_fill_warn(f, rule, "`pull-filter` has no effect in a server");
}

static void check_auth_user_pass_pulls(struct adit_fill *f, const char *rule)
{
    if (!f->c->has_auth_user_pass || f->c->want_pull || is_server(f))
        return;
    point_at(f, "auth-user-pass");
    adit_fill_error(f, rule, "`auth-user-pass` needs `client` (or pull)");
}

/* ---- a server's addresses ---- */

static void check_server_device(struct adit_fill *f, const char *rule)
{
    if (!is_server(f) || f->c->dev_type != ADIT_DEV_NULL)
        return;
    point_at(f, "dev");
    adit_fill_error(f, rule, "a server needs a device of type tun or tap, not `%s`", f->c->dev);
}

static void check_one_pool(struct adit_fill *f, const char *rule)
{
    if (is_given(f, "server") && is_given(f, "ifconfig-pool") && !f->is_nopool) {
        point_at(f, "ifconfig-pool");
        adit_fill_error(
            f, rule,
            "`server` makes a pool already; write `server NETWORK NETMASK nopool`, or remove ifconfig-pool");
    }
    if (is_given(f, "server-ipv6") && is_given(f, "ifconfig-ipv6-pool")) {
        point_at(f, "ifconfig-ipv6-pool");
        adit_fill_error(f, rule, "`server-ipv6` makes a pool already; remove ifconfig-ipv6-pool");
    }
}

static void check_ipv6_pool_has_address(struct adit_fill *f, const char *rule)
{
    if (f->c->pool_ipv6.bits == 0 || f->c->ifconfig_ipv6.is_set)
        return;
    point_at(f, "ifconfig-ipv6-pool");
    adit_fill_error(f, rule, "`ifconfig-ipv6-pool` needs ifconfig-ipv6, the server's own address");
}

static void check_keepalive_alone(struct adit_fill *f, const char *rule)
{
    static const char *const names[] = {"ping", "ping-restart", "ping-exit"};

    for (size_t i = 0; i < 3 && is_given(f, "keepalive"); i++) {
        if (!is_given(f, names[i]))
            continue;
        point_at(f, names[i]);
        adit_fill_error(f, rule, "`keepalive` sets `%s` already; remove one of them", names[i]);
    }
}

static void check_server_keepalive(struct adit_fill *f, const char *rule)
{
    if (is_server(f) && !is_given(f, "keepalive") && !is_given(f, "ping"))
        adit_fill_warn(f, rule, "without `keepalive 10 60` neither end notices that the other is gone");
}

static void check_connect_freq_udp(struct adit_fill *f, const char *rule)
{
    if (!is_server(f) || !is_given(f, "connect-freq") || f->c->conn.proto == ADIT_PROTO_UDP)
        return;
    point_at(f, "connect-freq");
    adit_fill_error(f, rule, "`connect-freq` works with proto udp only; use max-clients");
}

/* ---- connections ---- */

static void check_server_proto(struct adit_fill *f, const char *rule)
{
    if (!is_server(f) || f->c->conn.proto != ADIT_PROTO_TCP_CLIENT)
        return;
    point_at(f, "proto");
    adit_fill_error(f, rule, "a server cannot call; write proto tcp-server");
}

static void check_client_proto(struct adit_fill *f, const char *rule)
{
    for (size_t i = 0; i < f->c->n_conns && f->c->want_pull; i++) {
        if (f->c->conns[i].proto != ADIT_PROTO_TCP_SERVER)
            continue;
        point_at(f, "proto");
        adit_fill_error(f, rule, "a client cannot wait for calls; write proto tcp-client");
        return;
    }
}

static void check_remote(struct adit_fill *f, const char *rule)
{
    bool needs_one =
        f->c->want_pull || f->c->conn.is_nobind_given || f->c->conn.proto == ADIT_PROTO_TCP_CLIENT;

    if (is_server(f) || !needs_one || (f->c->n_conns > 0 && f->c->conns[0].remote) || f->c->n_conns == 0)
        return;
    point_at(f, is_given(f, "client") ? "client" : "nobind");
    adit_fill_error(f, rule, "there is no remote; add `remote HOST PORT`");
}

static void check_nobind(struct adit_fill *f, const char *rule)
{
    for (size_t i = 0; i < f->c->n_conns; i++) {
        const struct adit_conf_conn *conn = &f->c->conns[i];
        const char *other = conn->is_bind_given    ? "bind"
                            : conn->is_lport_given ? "lport"
                            : conn->local          ? "local"
                                                   : NULL;

        if (!conn->is_nobind_given || !other)
            continue;
        point_at(f, other);
        adit_fill_error(f, rule, "`%s` and `nobind` contradict each other; remove one", other);
        return;
    }
}

static void check_remote_is_not_local(struct adit_fill *f, const char *rule)
{
    for (size_t i = 0; i < f->c->n_conns; i++) {
        const struct adit_conf_conn *conn = &f->c->conns[i];

        if (!conn->remote || !conn->local || !conn->lport || strcmp(conn->remote, conn->local) != 0 ||
            strcmp(conn->rport, conn->lport) != 0)
            continue;
        point_at(f, "local");
        adit_fill_error(f, rule, "`remote` and `local` are the same address and port");
        return;
    }
}

static void check_one_wrapping(struct adit_fill *f, const char *rule)
{
    for (size_t i = 0; i < f->c->n_conns; i++) {
        const struct adit_conf_conn *conn = &f->c->conns[i];
        bool has_auth = adit_file_ref_is_set(&conn->tls_auth),
             has_crypt = adit_file_ref_is_set(&conn->tls_crypt);
        bool has_v2 = adit_file_ref_is_set(&conn->tls_crypt_v2);

        if (!(has_auth && has_crypt) && !(has_v2 && (has_auth || has_crypt) && !f->c->is_tls_server))
            continue;
        point_at(f, has_v2 ? "tls-crypt-v2" : "tls-crypt");
        adit_fill_error(f, rule, "%s; keep the one that the other end has",
                        f->c->is_tls_server
                            ? "`tls-auth` and `tls-crypt` exclude each other"
                            : "`tls-auth`, `tls-crypt` and `tls-crypt-v2` exclude each other");
        return;
    }
}

static void check_one_mtu(struct adit_fill *f, const char *rule)
{
    /* link-mtu has no effect, but a file with both was refused before. */
    if (!is_given(f, "link-mtu") || !is_given(f, "tun-mtu"))
        return;
    point_at(f, "link-mtu");
    adit_fill_error(f, rule, "`link-mtu` and `tun-mtu` exclude each other; remove link-mtu");
}

/* ---- TLS ---- */

static void check_peer_can_be_verified(struct adit_fill *f, const char *rule)
{
    const struct adit_conf *c = f->c;

    if (adit_file_ref_is_set(&c->ca) || c->ca_path || adit_file_ref_is_set(&c->pkcs12) ||
        c->fingerprints.n > 0)
        return;
    f->at = (struct adit_place){0};
    adit_fill_error(f, rule,
                    "nothing says which certificates the peer may have; add ca, capath or peer-fingerprint");
}

static void check_own_certificate(struct adit_fill *f, const char *rule)
{
    const struct adit_conf *c = f->c;
    bool has_cert = adit_file_ref_is_set(&c->cert), has_key = adit_file_ref_is_set(&c->key);

    f->at = (struct adit_place){0};
    if (adit_file_ref_is_set(&c->pkcs12)) {
        point_at(f, has_cert ? "cert" : "key");
        if (has_cert || has_key)
            adit_fill_error(f, rule, "`pkcs12` brings certificate and key; remove cert and key");
        return;
    }
    if (has_cert && !has_key)
        adit_fill_error(f, rule, "`cert` needs `key`, its private key");
    else if (has_key && !has_cert)
        adit_fill_error(f, rule, "`key` needs `cert`, its certificate");
    else if (!has_cert && c->is_tls_server)
        adit_fill_error(f, rule, "a server needs a certificate; add cert and key, or pkcs12");
    else if (!has_cert && !c->has_auth_user_pass)
        adit_fill_error(f, rule,
                        "nothing tells the server who this is; add cert and key, pkcs12, or auth-user-pass");
}

static void check_server_is_verified(struct adit_fill *f, const char *rule)
{
    const struct adit_conf *c = f->c;

    if (!c->is_tls_client || c->remote_cert != ADIT_REMOTE_CERT_ANY || c->remote_eku || c->x509_name ||
        c->fingerprints.n > 0)
        return;
    f->at = (struct adit_place){0};
    adit_fill_warn(f, rule, "every client of this CA could play the server; add `remote-cert-tls server`");
}

static void check_tls_versions(struct adit_fill *f, const char *rule)
{
    if (f->c->tls_max == ADIT_TLS_UNSET || f->c->tls_min <= f->c->tls_max)
        return;
    point_at(f, "tls-version-min");
    adit_fill_error(f, rule, "`tls-version-min` is newer than `tls-version-max`");
}

/* Clients without a certificate need some other proof, and none is built yet. */
static void check_clients_are_verified(struct adit_fill *f, const char *rule)
{
    if (!is_server(f) || f->c->client_cert == ADIT_CLIENT_CERT_REQUIRE)
        return;
    point_at(f, "verify-client-cert");
    adit_fill_error(
        f, rule,
        "`verify-client-cert none` and `optional` need a check of passwords (auth-user-pass-verify), "
        "which is not supported yet");
}

static void check_data_ciphers_fit(struct adit_fill *f, const char *rule)
{
    if (!f->c->data_ciphers || strlen(f->c->data_ciphers) <= DATA_CIPHERS_MAX)
        return;
    point_at(f, "data-ciphers");
    adit_fill_error(f, rule, "`data-ciphers` is longer than %d characters; name fewer ciphers",
                    DATA_CIPHERS_MAX);
}

static void check_key_derivation(struct adit_fill *f, const char *rule)
{
    if (f->c->key_derivation != ADIT_KEY_DERIVATION_PRF || !f->c->is_ekm_forced)
        return;
    point_at(f, "adit-key-derivation");
    adit_fill_error(f, rule,
                    "`adit-key-derivation prf` and `force-tls-key-material-export` contradict each other");
}

/* ---- process ---- */

static void check_user_keeps_device(struct adit_fill *f, const char *rule)
{
    if ((!f->c->user && !f->c->group) || f->c->is_persist_tun)
        return;
    point_at(f, f->c->user ? "user" : "group");
    adit_fill_warn(f, rule, "without persist-tun a restart cannot open the device again as another user");
}

void adit_conf_check(struct adit_fill *f)
{
    static const struct {
        const char *name;
        void (*check)(struct adit_fill *f, const char *rule);
    } rules[] = {
        {"one-tls-role", check_one_tls_role},
        {"some-tls-role", check_some_tls_role},
        {"server-needs-tls-server", check_server_has_tls},
        {"pull-needs-tls-client", check_pull_has_tls_client},
        {"not-in-server", check_not_in_server},
        {"only-in-server", check_only_in_server},
        {"useless-in-client", check_useless_in_client},
        {"useless-in-server", check_useless_in_server},
        {"auth-user-pass-needs-pull", check_auth_user_pass_pulls},
        {"server-device", check_server_device},
        {"one-pool", check_one_pool},
        {"ipv6-pool-needs-address", check_ipv6_pool_has_address},
        {"keepalive-alone", check_keepalive_alone},
        {"server-keepalive", check_server_keepalive},
        {"connect-freq-udp", check_connect_freq_udp},
        {"server-proto", check_server_proto},
        {"client-proto", check_client_proto},
        {"remote-missing", check_remote},
        {"nobind-alone", check_nobind},
        {"remote-is-local", check_remote_is_not_local},
        {"one-wrapping", check_one_wrapping},
        {"one-mtu", check_one_mtu},
        {"peer-verification", check_peer_can_be_verified},
        {"own-certificate", check_own_certificate},
        {"server-verification", check_server_is_verified},
        {"tls-versions", check_tls_versions},
        {"client-verification", check_clients_are_verified},
        {"data-ciphers-length", check_data_ciphers_fit},
        {"key-derivation", check_key_derivation},
        {"user-keeps-device", check_user_keeps_device},
    };

    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        f->at = (struct adit_place){0};
        rules[i].check(f, rules[i].name);
    }
    f->at = (struct adit_place){0};
}
