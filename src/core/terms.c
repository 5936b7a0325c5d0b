/* SPDX-License-Identifier: Apache-2.0 */
#include "core/terms.h"

#include <stdio.h>
#include <string.h>

enum {
    TAP_EXTRA = 32,    /* what 2.x adds to link-mtu for an Ethernet device */
    BF_CBC_BITS = 128, /* the legacy default of `cipher` still speaks in the options string */
};

/* ---- reading the configuration ---- */

static adit_err read_ciphers(struct adit_terms *t, const struct adit_log *log)
{
    const char *text = t->conf->data_ciphers ? t->conf->data_ciphers : "DEFAULT";
    struct adit_wr w = adit_wr_of(t->cipher_text, sizeof t->cipher_text - 1);
    adit_bytes bad = {NULL, 0};

    if (adit_cipher_list_parse(text, &t->ciphers, &bad) != ADIT_OK) {
        adit_error(log, NULL,
                   "data-ciphers: '%.*s' is not a data cipher of this program (see --show-ciphers); "
                   "write ?NAME for one that may be missing",
                   (int)bad.n, bad.p ? (const char *)bad.p : "");
        return ADIT_E_CONFIG;
    }
    for (size_t i = 0; i < t->ciphers.n; i++) {
        if (i > 0)
            adit_wr_u8(&w, ':');
        adit_wr_bytes(&w, adit_bytes_str(t->ciphers.c[i]->name));
    }
    t->cipher_text[adit_wr_len(&w)] = '\0';
    if (!t->conf->data_ciphers_fallback)
        return ADIT_OK;
    t->fallback = adit_cipher_find(t->conf->data_ciphers_fallback);
    if (t->fallback)
        return ADIT_OK;
    adit_error(log, NULL,
               "data-ciphers-fallback: '%s' is not a data cipher of this program (see --show-ciphers)",
               t->conf->data_ciphers_fallback);
    return ADIT_E_CONFIG;
}

/* Only the classic AEAD format is spoken so far; a list that holds others is refused rather than half obeyed.
 */
static adit_err check_formats(const struct adit_terms *t, const struct adit_log *log)
{
    for (size_t i = 0; i < t->ciphers.n; i++) {
        if (t->ciphers.c[i]->kind == ADIT_CIPHER_AEAD)
            continue;
        adit_error(log, NULL,
                   "data-ciphers: %s is known, not supported yet (use AES-256-GCM, AES-192-GCM, "
                   "AES-128-GCM or CHACHA20-POLY1305)",
                   t->ciphers.c[i]->name);
        return ADIT_E_CONFIG;
    }
    if (t->fallback && t->fallback->kind != ADIT_CIPHER_AEAD) {
        adit_error(log, NULL, "data-ciphers-fallback: %s is known, not supported yet", t->fallback->name);
        return ADIT_E_CONFIG;
    }
    return ADIT_OK;
}

static uint32_t iv_proto_of(const struct adit_conf *c)
{
    uint32_t v = ADIT_IV_DATA_V2 | ADIT_IV_CC_EXIT | ADIT_IV_DYN_TLS_CRYPT;

    if (c->want_pull)
        v |= ADIT_IV_REQUEST_PUSH | ADIT_IV_AUTH_PENDING_KW | ADIT_IV_AUTH_FAIL_TEMP;
    else
        v |= ADIT_IV_NCP_P2P;
    if (c->key_derivation != ADIT_KEY_DERIVATION_PRF)
        v |= ADIT_IV_TLS_KEY_EXPORT;
    return v;
}

static void build_peer_info(struct adit_terms *t)
{
    const struct adit_conf *c = t->conf;
    char extra[512] = "", gui[64] = "Adit_" ADIT_VERSION;
    struct adit_peer_info_own own = {
        .detail = c->mode == ADIT_MODE_SERVER ? 0
                  : !c->want_pull             ? 1
                  : c->want_push_peer_info    ? 3
                                              : 2,
        .iv_proto = iv_proto_of(c),
        .mtu = c->want_pull ? c->conn.tun_mtu_max : 0,
        .replay_window = c->replay_window,
        .ciphers = t->cipher_text,
        .version = ADIT_IV_VER,
    };
    struct adit_wr w = adit_wr_of(t->peer_info, sizeof t->peer_info - 1);
    struct adit_wr more = adit_wr_of(extra, sizeof extra - 1);

    for (size_t i = 0; i < c->env.n; i++) {
        const char *name = c->env.v[i].name;

        if (strcmp(name, "IV_GUI_VER") == 0)
            snprintf(gui, sizeof gui, "%s", c->env.v[i].value);
        else if (strcmp(name, "IV_SSO") == 0 || (c->want_push_peer_info && strncmp(name, "UV_", 3) == 0)) {
            adit_wr_bytes(&more, adit_bytes_str(name));
            adit_wr_u8(&more, '=');
            adit_wr_bytes(&more, adit_bytes_str(c->env.v[i].value));
            adit_wr_u8(&more, '\n');
        }
    }
    own.gui = gui;
    own.extra = extra;
    if (own.detail > 0)
        adit_peer_info_build(&own, &w);
    t->peer_info[adit_wr_len(&w)] = '\0';
}

adit_err adit_terms_init(struct adit_terms *t, const struct adit_conf *c, const struct adit_log *log)
{
    adit_err e;

    *t = (struct adit_terms){.conf = c};
    if (c->dev_type == ADIT_DEV_TAP) {
        adit_error(log, NULL, "dev tap is known, not supported yet; use dev tun");
        return ADIT_E_CONFIG;
    }
    e = read_ciphers(t, log);
    if (e == ADIT_OK)
        e = check_formats(t, log);
    if (e != ADIT_OK)
        return e;
    if (c->cipher && !adit_cipher_find(c->cipher)) {
        adit_error(log, NULL, "cipher: '%s' is not a cipher of this program (see --show-ciphers)", c->cipher);
        return ADIT_E_CONFIG;
    }
    if (!c->auth || strcmp(c->auth, "none") != 0) {
        t->auth = adit_digest_find(c->auth ? c->auth : "SHA1");
        if (!t->auth) {
            adit_error(log, NULL, "auth: '%s' is not a digest of this program (see --show-digests)", c->auth);
            return ADIT_E_CONFIG;
        }
    }
    build_peer_info(t);
    return ADIT_OK;
}

/* Does ifconfig name a network and its mask, rather than two ends? */
static bool is_network(const struct adit_conf *c)
{
    return c->dev_type == ADIT_DEV_TAP || c->topology == ADIT_TOPOLOGY_SUBNET;
}

/* "A B" as the peer would write it about itself (6.3). */
static const char *p2p_ifconfig(const struct adit_conf *c, char *dst, size_t cap)
{
    char a[ADIT_IP_STR_MAX], b[ADIT_IP_STR_MAX];

    if (c->mode == ADIT_MODE_SERVER || c->want_pull || !c->ifconfig.is_set || c->is_ifconfig_nowarn)
        return NULL;
    if (is_network(c)) {
        uint32_t mask = adit_ip_v4_host(&c->ifconfig.remote_or_mask);
        struct adit_ip net = adit_ip_v4(adit_ip_v4_host(&c->ifconfig.local) & mask);

        snprintf(dst, cap, "%s %s", adit_ip_str(&net, a, sizeof a),
                 adit_ip_str(&c->ifconfig.remote_or_mask, b, sizeof b));
    } else {
        snprintf(dst, cap, "%s %s", adit_ip_str(&c->ifconfig.remote_or_mask, a, sizeof a),
                 adit_ip_str(&c->ifconfig.local, b, sizeof b));
    }
    return dst;
}

void adit_terms_for(struct adit_terms *t, const struct adit_conf_conn *conn, bool is_tcp)
{
    const struct adit_conf *c = t->conf;
    const struct adit_cipher *legacy = c->cipher ? adit_cipher_find(c->cipher) : NULL;
    bool is_p2p = c->mode == ADIT_MODE_P2P && !c->want_pull;
    bool is_listed = legacy && adit_cipher_list_has(&t->ciphers, legacy);
    char ifconfig[2 * ADIT_IP_STR_MAX];
    struct adit_wr w = adit_wr_of(t->options, sizeof t->options - 1);
    struct adit_occ occ = {
        .is_tap = c->dev_type == ADIT_DEV_TAP,
        .is_tcp = is_tcp,
        .is_ipv6_p2p = is_p2p && c->ifconfig_ipv6.is_set,
        .is_server = c->is_tls_server,
        .is_p2p = is_p2p,
        .has_tls_auth = adit_file_ref_is_set(&conn->tls_auth),
        .keydir = conn->key_direction == ADIT_DIRECTION_BOTH ? -1 : conn->key_direction == ADIT_DIRECTION_1,
        .tun_mtu = conn->occ_mtu ? conn->occ_mtu : conn->tun_mtu,
        .ifconfig = p2p_ifconfig(c, ifconfig, sizeof ifconfig),
        .is_ifconfig_net = is_network(c),
        .cipher = legacy && (is_p2p || (is_listed && legacy->kind != ADIT_CIPHER_NONE)) ? legacy->name : NULL,
        .auth = legacy && legacy->kind == ADIT_CIPHER_AEAD ? "[null-digest]"
                : t->auth                                  ? t->auth->name
                                                           : "[null-digest]",
        .keysize_bits = legacy ? legacy->key_len * 8U : BF_CBC_BITS,
    };

    if (!occ.has_tls_auth)
        occ.keydir = -1;
    occ.link_mtu = adit_occ_link_mtu(occ.tun_mtu, is_tcp, legacy, t->auth ? t->auth->len : 0);
    if (occ.is_tap)
        occ.link_mtu += TAP_EXTRA;
    adit_occ_build(&occ, &w);
    t->options[adit_wr_len(&w)] = '\0';
}

struct adit_session_params adit_terms_params(const struct adit_terms *t, const struct adit_conf_conn *conn)
{
    const struct adit_conf *c = t->conf;
    struct adit_session_params p = {
        .hand_window_s = c->hand_window_s,
        .tran_window_s = c->tran_window_s,
        .reneg_min_s = c->reneg_min_s,
        .reneg_max_s = c->reneg_s,
        .tls_timeout_s = c->tls_timeout_s,
        .replay_window = c->replay_window,
        .replay_s = c->replay_s,
        .max_packet_size = conn->max_packet_size,
        .options = t->options,
        .peer_info = t->peer_info,
    };

    if (c->mode == ADIT_MODE_SERVER)
        p.role = ADIT_ROLE_SERVER;
    else if (c->want_pull)
        p.role = ADIT_ROLE_CLIENT;
    else
        p.role = c->is_tls_server ? ADIT_ROLE_P2P_SERVER : ADIT_ROLE_P2P_CLIENT;
    return p;
}

/* ---- settling ---- */

static const char no_shared_cipher[] = "Data channel cipher negotiation failed (no shared cipher)";
static const char no_exporter[] =
    "Client incompatible with this server. Keying Material Exporters (RFC 5705) support "
    "missing. Upgrade to a client that supports this feature (OpenVPN 2.6.0+).";

static void agree_flags(const struct adit_terms *t, uint32_t iv_proto, struct adit_agreed *out)
{
    out->want_ekm = (iv_proto & ADIT_IV_TLS_KEY_EXPORT) && t->conf->key_derivation != ADIT_KEY_DERIVATION_PRF;
    out->want_cc_exit = iv_proto & ADIT_IV_CC_EXIT;
    out->want_dyn_tls_crypt = (iv_proto & ADIT_IV_DYN_TLS_CRYPT) && (iv_proto & ADIT_IV_CC_EXIT);
}

static bool needs_ekm(const struct adit_conf *c)
{
    return c->is_ekm_forced || c->key_derivation == ADIT_KEY_DERIVATION_EKM;
}

adit_err adit_terms_agree_server(const struct adit_terms *t, const struct adit_peer_info *peer,
                                 adit_bytes peer_options, uint32_t peer_id, struct adit_agreed *out,
                                 const char **reason)
{
    *out = (struct adit_agreed){.peer_id = peer->iv_proto & ADIT_IV_DATA_V2 ? peer_id : ADIT_PEER_ID_NONE};
    out->cipher = adit_nego_cipher(&t->ciphers, peer, peer_options, t->fallback);
    if (!out->cipher) {
        *reason = no_shared_cipher;
        return ADIT_E_NO_CIPHER;
    }
    agree_flags(t, peer->iv_proto, out);
    if (needs_ekm(t->conf) && !out->want_ekm) {
        *reason = no_exporter;
        return ADIT_E_AUTH_DENIED;
    }
    return ADIT_OK;
}

/* The peer's legacy cipher, where nothing was pushed or announced. */
static const struct adit_cipher *cipher_of_options(const struct adit_terms *t, adit_bytes options)
{
    char name[64];
    const struct adit_cipher *cipher;
    adit_bytes value;

    if (!adit_occ_get(options, "cipher", &value) || value.n >= sizeof name)
        return t->fallback;
    memcpy(name, value.p, value.n);
    name[value.n] = '\0';
    cipher = adit_cipher_find(name);
    return cipher && adit_cipher_list_has(&t->ciphers, cipher) ? cipher : t->fallback;
}

adit_err adit_terms_agree_client(const struct adit_terms *t, const struct adit_pushed *pushed,
                                 adit_bytes peer_options, struct adit_agreed *out, const char **reason)
{
    *out = (struct adit_agreed){
        .peer_id = pushed->peer_id,
        .want_ekm = pushed->flags & ADIT_PUSHED_TLS_EKM,
        .want_cc_exit = pushed->flags & ADIT_PUSHED_CC_EXIT,
        .want_dyn_tls_crypt = pushed->flags & ADIT_PUSHED_DYN_TLS_CRYPT,
    };
    if (pushed->cipher) {
        out->cipher = adit_cipher_find(pushed->cipher);
        if (out->cipher && !adit_cipher_list_has(&t->ciphers, out->cipher) && out->cipher != t->fallback)
            out->cipher = NULL;
        *reason =
            "the server chose a cipher that data-ciphers does not allow; add it there, or change the server";
    } else {
        out->cipher = cipher_of_options(t, peer_options);
        *reason =
            "the server told no data cipher that data-ciphers allows; data-ciphers-fallback may name one";
    }
    if (!out->cipher)
        return ADIT_E_NO_CIPHER;
    if (t->conf->key_derivation == ADIT_KEY_DERIVATION_EKM && !out->want_ekm) {
        *reason = "adit-key-derivation ekm: the server did not agree to keys from the TLS exporter";
        return ADIT_E_NO_CIPHER;
    }
    return ADIT_OK;
}

adit_err adit_terms_agree_p2p(const struct adit_terms *t, const struct adit_peer_info *peer,
                              adit_bytes peer_options, struct adit_agreed *out, const char **reason)
{
    const struct adit_cipher_list *server = t->conf->is_tls_server ? &t->ciphers : &peer->ciphers;
    const struct adit_cipher_list *client = t->conf->is_tls_server ? &peer->ciphers : &t->ciphers;

    *out = (struct adit_agreed){.peer_id = ADIT_PEER_ID_NONE};
    *reason = no_shared_cipher;
    if (!(peer->iv_proto & ADIT_IV_NCP_P2P)) {
        out->cipher = cipher_of_options(t, peer_options);
        return out->cipher ? ADIT_OK : ADIT_E_NO_CIPHER;
    }
    for (size_t i = 0; i < server->n && !out->cipher; i++) {
        if (adit_cipher_list_has(client, server->c[i]))
            out->cipher = server->c[i];
    }
    if (!out->cipher)
        out->cipher = t->fallback;
    agree_flags(t, peer->iv_proto, out);
    if (peer->iv_proto & ADIT_IV_DATA_V2)
        out->peer_id = ADIT_PEER_ID_P2P;
    return out->cipher ? ADIT_OK : ADIT_E_NO_CIPHER;
}

/* ---- the push list ---- */

static void put(struct adit_wr *w, const char *text)
{
    adit_wr_bytes(w, adit_bytes_of(text, strlen(text) + 1));
}

static void put_v4(const struct adit_conf *conf, const struct adit_lease *lease, struct adit_wr *w)
{
    struct adit_ip second = conf->pool_mask;
    char line[128], a[ADIT_IP_STR_MAX], b[ADIT_IP_STR_MAX];

    if (lease->v4.family == ADIT_AF_NONE)
        return;
    if (conf->topology == ADIT_TOPOLOGY_NET30 && conf->dev_type == ADIT_DEV_TUN)
        second = lease->v4_peer;
    else if (conf->topology == ADIT_TOPOLOGY_P2P && conf->dev_type == ADIT_DEV_TUN)
        second = conf->ifconfig.local;
    else if (second.family == ADIT_AF_NONE)
        second = conf->ifconfig.remote_or_mask;
    snprintf(line, sizeof line, "ifconfig %s %s", adit_ip_str(&lease->v4, a, sizeof a),
             adit_ip_str(&second, b, sizeof b));
    put(w, line);
}

static void put_v6(const struct adit_conf *conf, const struct adit_lease *lease, struct adit_wr *w)
{
    char line[128], a[ADIT_IP_STR_MAX], b[ADIT_IP_STR_MAX];

    if (lease->v6.family == ADIT_AF_NONE)
        return;
    snprintf(line, sizeof line, "ifconfig-ipv6 %s/%u %s", adit_ip_str(&lease->v6, a, sizeof a),
             conf->pool_ipv6.bits, adit_ip_str(&conf->ifconfig_ipv6.local, b, sizeof b));
    put(w, line);
}

void adit_terms_push(const struct adit_terms *t, const struct adit_lease *lease,
                     const struct adit_agreed *agreed, const struct adit_peer_info *info, struct adit_wr *w)
{
    const struct adit_conf *conf = t->conf;

    for (size_t i = 0; i < conf->push.n; i++)
        put(w, conf->push.v[i]);
    put_v6(conf, lease, w);
    put_v4(conf, lease, w);
    adit_agreed_push(agreed, info, conf->conn.tun_mtu, conf->replay_window, w);
}

/* ---- mssfix ---- */

struct adit_mss adit_terms_mss(const struct adit_conf_conn *conn, const struct adit_agreed *agreed,
                               bool is_tcp, bool is_ipv6)
{
    static const enum adit_mss_rule rules[] = {
        [ADIT_MSS_OFF] = ADIT_MSS_RULE_OFF,
        [ADIT_MSS_PACKET] = ADIT_MSS_RULE_PACKET,
        [ADIT_MSS_MTU] = ADIT_MSS_RULE_MTU,
        [ADIT_MSS_FIXED] = ADIT_MSS_RULE_FIXED,
    };
    struct adit_path path = {
        .cipher = agreed->cipher,
        .is_v2 = agreed->peer_id != ADIT_PEER_ID_NONE,
        .is_tcp = is_tcp,
        .is_ipv6 = is_ipv6,
    };

    return adit_mss_of(rules[conn->mss_kind], conn->mss, &path);
}
