/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenVPN's options turned into one immutable value. Four pure steps: lex, fill, rules, freeze. Nothing here
 * opens a file: the text of configuration files comes through adit_conf_source, and files that options name
 * (keys, certificates, passwords) are only named; the host reads them.
 *
 * Ownership: an adit_conf lives in one arena and dies whole by adit_conf_free(), which wipes it. Every
 * pointer in it lives as long as it does. Strings are NULL where the option was not given.
 */
#ifndef ADIT_CONF_CONF_H
#define ADIT_CONF_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/bytes.h"
#include "base/err.h"
#include "conf/diag.h"

enum {
    ADIT_CONF_REPLAY_MAX = 65536, /* largest `replay-window`, packets */
};

enum adit_conf_task { /* what the program is asked to do */
                      ADIT_TASK_RUN,
                      ADIT_TASK_HELP,
                      ADIT_TASK_VERSION,
                      ADIT_TASK_GENKEY,
                      ADIT_TASK_SHOW_CIPHERS,
                      ADIT_TASK_SHOW_DIGESTS,
                      ADIT_TASK_SHOW_TLS,
                      ADIT_TASK_SHOW_GROUPS,
};

enum adit_conf_mode {
    ADIT_MODE_P2P, /* also every client */
    ADIT_MODE_SERVER,
};

enum adit_conf_proto {
    ADIT_PROTO_UDP,
    ADIT_PROTO_TCP_CLIENT,
    ADIT_PROTO_TCP_SERVER,
    ADIT_PROTO_TCP, /* only in remotes while they are read; never in a frozen configuration */
};

enum adit_conf_dev_type {
    ADIT_DEV_TUN,
    ADIT_DEV_TAP,
    ADIT_DEV_NULL,
};

enum adit_conf_topology {
    ADIT_TOPOLOGY_NET30,
    ADIT_TOPOLOGY_P2P,
    ADIT_TOPOLOGY_SUBNET,
    ADIT_TOPOLOGY_UNSET, /* never in a frozen configuration */
};

enum adit_conf_key_derivation {
    ADIT_KEY_DERIVATION_AUTO, /* exporter if both can, else PRF */
    ADIT_KEY_DERIVATION_PRF,
    ADIT_KEY_DERIVATION_EKM, /* exporter, or no connection */
};

enum adit_conf_direction {
    ADIT_DIRECTION_BOTH, /* no direction: one key for both ways */
    ADIT_DIRECTION_0,
    ADIT_DIRECTION_1,
};

enum adit_conf_mss_kind {
    ADIT_MSS_OFF,
    ADIT_MSS_PACKET, /* `mssfix N`: our packet without IP and UDP headers */
    ADIT_MSS_MTU,    /* `mssfix N mtu`: with them */
    ADIT_MSS_FIXED,  /* `mssfix N fixed`: the inner MTU */
};

enum adit_conf_mtu_disc {
    ADIT_MTU_DISC_DEFAULT, /* leave the system's setting */
    ADIT_MTU_DISC_NO,
    ADIT_MTU_DISC_MAYBE,
    ADIT_MTU_DISC_YES,
};

enum adit_conf_client_cert {
    ADIT_CLIENT_CERT_REQUIRE,
    ADIT_CLIENT_CERT_OPTIONAL,
    ADIT_CLIENT_CERT_NONE,
};

enum adit_conf_x509_name {
    ADIT_X509_NAME_NONE,
    ADIT_X509_NAME_SUBJECT,
    ADIT_X509_NAME_CN,     /* `name` */
    ADIT_X509_NAME_PREFIX, /* `name-prefix` */
};

enum adit_conf_cert_profile {
    ADIT_CERT_PROFILE_LEGACY,
    ADIT_CERT_PROFILE_INSECURE,
    ADIT_CERT_PROFILE_PREFERRED,
    ADIT_CERT_PROFILE_SUITEB,
};

enum adit_conf_tls_version { /* in rising order */
                             ADIT_TLS_UNSET,
                             ADIT_TLS_1_0,
                             ADIT_TLS_1_1,
                             ADIT_TLS_1_2,
                             ADIT_TLS_1_3,
};

enum adit_conf_remote_cert {
    ADIT_REMOTE_CERT_ANY,
    ADIT_REMOTE_CERT_CLIENT, /* remote-cert-tls client: key usage present, EKU of a TLS client */
    ADIT_REMOTE_CERT_SERVER,
};

enum adit_conf_auth_retry {
    ADIT_AUTH_RETRY_NONE, /* the program ends */
    ADIT_AUTH_RETRY_INTERACT,
    ADIT_AUTH_RETRY_NOINTERACT,
};

enum adit_conf_usr1 {
    ADIT_USR1_PLAIN,
    ADIT_USR1_AS_HUP,
    ADIT_USR1_AS_TERM,
};

enum adit_conf_genkey {
    ADIT_GENKEY_SECRET, /* also tls-auth and tls-crypt: the same file format */
    ADIT_GENKEY_TLS_CRYPT_V2_SERVER,
    ADIT_GENKEY_TLS_CRYPT_V2_CLIENT, /* needs conn.tls_crypt_v2 */
    ADIT_GENKEY_AUTH_TOKEN,
};

/* Flags of redirect-gateway and redirect-private. */
enum {
    ADIT_REDIRECT_ON = 1 << 0,      /* either option was given */
    ADIT_REDIRECT_GATEWAY = 1 << 1, /* redirect-gateway: the default route really moves */
    ADIT_REDIRECT_LOCAL = 1 << 2,
    ADIT_REDIRECT_AUTOLOCAL = 1 << 3,
    ADIT_REDIRECT_DEF1 = 1 << 4,
    ADIT_REDIRECT_BYPASS_DHCP = 1 << 5,
    ADIT_REDIRECT_BYPASS_DNS = 1 << 6,
    ADIT_REDIRECT_BLOCK_LOCAL = 1 << 7,
    ADIT_REDIRECT_IPV6 = 1 << 8,
    ADIT_REDIRECT_NO_IPV4 = 1 << 9,
};

/* Where an option stands. */
struct adit_place {
    const char *file; /* NULL: nowhere */
    unsigned line;
};

/* A file that an option names, or the text that stood in its place (<ca>...</ca>). Both NULL: not given. */
struct adit_file_ref {
    const char *path;
    const char *inline_text; /* lines ended by \n */
};

static inline bool adit_file_ref_is_set(const struct adit_file_ref *f)
{
    return f->path || f->inline_text;
}

struct adit_strs {
    const char **v;
    size_t n;
};

/* `gremlin`: what is done to packets on purpose (plane/fault.h says it in full). Rates in parts per million.
 */
struct adit_conf_gremlin {
    bool is_on; /* there is anything to do */
    uint64_t seed;
    uint32_t loss_ppm, burst_ppm, burst_n, dup_ppm, corrupt_ppm, late_ppm;
    uint64_t late_ns, delay_ns, jitter_ns, cut_every_ns, cut_ns;
};

/* `adit-offload`: where packets come or go in trains; "in" is what comes in from the device or the network.
 */
struct adit_conf_offload {
    bool is_set; /* the option was given */
    bool tun_in, tun_out, udp_in, udp_out;
};

enum adit_conf_engine {
    ADIT_ENGINE_AUTO,
    ADIT_ENGINE_EVP, /* OpenSSL */
};

enum adit_conf_steer {
    ADIT_STEER_AUTO,
    ADIT_STEER_FLOW, /* the kernel's own way */
};

/* One end of a route: where a name may stand for an address. */
enum adit_route_end_kind {
    ADIT_ROUTE_END_DEFAULT, /* not given, or `default` */
    ADIT_ROUTE_END_IP,
    ADIT_ROUTE_END_VPN_GATEWAY,
    ADIT_ROUTE_END_NET_GATEWAY,
    ADIT_ROUTE_END_REMOTE_HOST,
    ADIT_ROUTE_END_NAME, /* of a host: the host of this library looks it up */
};

struct adit_route_end {
    enum adit_route_end_kind kind;
    struct adit_ip ip;
    const char *name; /* as it was written */
};

struct adit_conf_route {
    struct adit_route_end net;
    uint8_t bits;
    struct adit_route_end gateway;
    int metric; /* -1: route-metric */
    struct adit_place at;
};

struct adit_conf_routes {
    struct adit_conf_route *v;
    size_t n;
};

struct adit_conf_setenv {
    const char *name, *value; /* setenv-safe: the name has its OPENVPN_ */
};

struct adit_conf_setenvs {
    struct adit_conf_setenv *v;
    size_t n;
};

enum adit_pull_verdict {
    ADIT_PULL_ACCEPT,
    ADIT_PULL_IGNORE,
    ADIT_PULL_REJECT,
};

struct adit_pull_filter {
    enum adit_pull_verdict verdict;
    const char *prefix;
};

struct adit_pull_filters {
    struct adit_pull_filter *v;
    size_t n;
};

/* ifconfig and ifconfig-ipv6. */
struct adit_ifconfig {
    bool is_set;
    struct adit_ip local;
    struct adit_ip remote_or_mask; /* v4: by topology and device type; v6: the peer */
    uint8_t bits;                  /* v6 */
};

/* What <connection> may change, and every remote may differ in. */
struct adit_conf_conn {
    const char *remote;        /* host; NULL: none */
    const char *rport, *lport; /* number or service name */
    const char *local;         /* host; NULL: any address */
    struct adit_place local_at, lport_at;
    enum adit_conf_proto proto;
    enum adit_family family; /* NONE: any */
    bool is_bound;           /* bind to local and lport */
    bool is_v6_only;         /* bind ipv6only */
    bool is_bind_given, is_nobind_given, is_lport_given, is_rport_given, is_proto_given;
    bool can_float;
    uint32_t connect_retry_s, connect_retry_max_s, connect_retry_max; /* 0: no limit of attempts */
    uint32_t connect_timeout_s;                                       /* also server-poll-timeout */
    uint32_t tun_mtu, occ_mtu, tun_mtu_max, tun_mtu_extra;
    bool is_tun_mtu_given;
    uint32_t max_packet_size; /* of control packets */
    enum adit_conf_mss_kind mss_kind;
    uint32_t mss; /* resolved: meaningful unless OFF */
    bool is_mssfix_given;
    enum adit_conf_mtu_disc mtu_disc;
    uint32_t exit_notify; /* explicit-exit-notify: times (client), 1 restart 2 next server (server); 0: off */
    struct adit_file_ref tls_auth, tls_crypt, tls_crypt_v2;
    enum adit_conf_direction key_direction;
    bool want_force_cookie; /* tls-crypt-v2 ... force-cookie */
};

struct adit_conf {
    enum adit_conf_task task;
    enum adit_conf_mode mode;
    bool is_tls_client, is_tls_server;
    bool want_pull;
    const char *config_name; /* the first configuration file; NULL: none */

    /* genkey */
    enum adit_conf_genkey genkey_kind;
    const char *genkey_file, *genkey_metadata; /* file NULL: standard output */

    /* connection: one entry per remote or <connection>, or exactly one without a remote */
    struct adit_conf_conn conn; /* the defaults; listeners use it */
    struct adit_conf_conn *conns;
    size_t n_conns;
    bool want_remote_random;
    uint32_t resolv_retry_s; /* UINT32_MAX: for ever */
    const char *proto_force; /* "udp" or "tcp"; already applied to conns */
    bool is_multihome;
    uint32_t sndbuf, rcvbuf; /* 0: the system's */
    uint32_t mark;
    bool has_mark;
    bool want_tcp_nodelay; /* also through push */

    /* the device */
    const char *dev; /* NULL: "tun" */
    const char *dev_node;
    enum adit_conf_dev_type dev_type;
    enum adit_conf_topology topology;
    struct adit_ifconfig ifconfig, ifconfig_ipv6;
    bool is_ifconfig_noexec, is_ifconfig_nowarn;
    uint32_t txqueuelen; /* 0: the system's */
    bool is_persist_tun, is_persist_key;

    /* routes of this end */
    struct adit_conf_routes routes, routes_ipv6;
    struct adit_ip route_gateway, route_gateway_ipv6; /* family NONE: not given */
    bool is_route_gateway_dhcp;
    int route_metric; /* -1: the system's */
    bool has_route_delay;
    uint32_t route_delay_s, route_delay_window_s;
    bool is_route_noexec, is_route_nopull;
    bool can_pull_names; /* allow-pull-fqdn */
    uint32_t redirect;   /* ADIT_REDIRECT_* */

    /* server mode; `server` and `server-ipv6` have been expanded into these */
    bool has_pool;
    struct adit_ip pool_start, pool_end, pool_mask; /* mask family NONE: none */
    struct adit_prefix pool_ipv6;                   /* bits 0: none; ip is the first address handed out */
    struct adit_ip server_net, server_mask;         /* as given to `server`; family NONE: not used */
    struct adit_prefix server_ipv6;
    const char *pool_persist_file;
    uint32_t pool_persist_s; /* 0: the file is only read */
    struct adit_strs
        push; /* in the order of sending: `push` lines, then those of server, keepalive, tcp-nodelay */
    bool is_client_to_client, is_duplicate_cn;
    uint32_t max_clients;
    uint32_t connect_freq_n, connect_freq_s;                 /* 0: no limit */
    uint32_t connect_freq_initial_n, connect_freq_initial_s; /* 100 in 10 s */
    enum adit_conf_client_cert client_cert;

    /* keepalive, timeouts */
    uint32_t ping_s, ping_restart_s, ping_exit_s; /* 0: off; at most one of the last two */
    bool is_ping_timer_rem;
    uint32_t inactive_s;
    uint64_t inactive_bytes;
    uint32_t session_timeout_s;

    /* TLS */
    struct adit_file_ref ca, cert, key, extra_certs, pkcs12, dh, crl;
    bool is_dh_none;
    bool is_crl_dir; /* crl.path is a directory */
    const char *ca_path;
    bool has_askpass;
    const char *askpass_file; /* NULL with has_askpass: ask */
    enum adit_conf_tls_version tls_min, tls_max;
    bool is_tls_min_or_highest;
    const char *tls_ciphers, *tls_ciphersuites, *tls_groups, *ecdh_curve;
    enum adit_conf_cert_profile cert_profile;
    enum adit_conf_remote_cert remote_cert;
    bool has_remote_ku;
    uint16_t remote_ku[15];
    size_t n_remote_ku; /* 0 with has_remote_ku: the extension must be there */
    const char *remote_eku;
    enum adit_conf_x509_name x509_name_kind;
    const char *x509_name;
    struct adit_strs fingerprints; /* peer-fingerprint: 64 lower-case hex digits each, without colons */
    bool is_tls_exit;
    uint32_t reneg_s, reneg_min_s;       /* a server picks from [min, reneg_s] per client; 0: never */
    uint64_t reneg_bytes, reneg_packets; /* 0: off */
    bool is_reneg_bytes_given;
    uint32_t hand_window_s, tran_window_s, tls_timeout_s;

    /* data channel */
    const char *cipher;       /* legacy `cipher`; NULL: BF-CBC is what the options string says */
    const char *data_ciphers; /* NULL: the default list; the host checks the names */
    const char *data_ciphers_fallback;
    const char *auth; /* NULL: SHA1 */
    uint32_t replay_window, replay_s;
    bool is_mute_replay;
    bool is_ekm_forced; /* force-tls-key-material-export */

    /* log-in */
    bool has_auth_user_pass;
    struct adit_file_ref auth_user_pass; /* empty with has_auth_user_pass: ask */
    bool is_auth_user_only;              /* `username-only` */
    enum adit_conf_auth_retry auth_retry;
    bool want_push_peer_info;
    struct adit_pull_filters pull_filters;
    struct adit_strs dns_lines; /* whole lines: "dhcp-option DNS 192.0.2.1", "dns server 0 address ..." */

    /* process */
    const char *cd;
    bool is_daemon;
    const char *daemon_name; /* of daemon and syslog; NULL: "openvpn" */
    bool is_syslog;
    const char *log_file;
    bool is_log_append;
    uint32_t verb, mute;
    bool is_log_without_time, is_log_machine_readable, is_errors_to_stderr;
    const char *pid_file;
    const char *status_file;
    uint32_t status_s;
    unsigned status_version;
    const char *user, *group;
    bool has_nice;
    int nice;
    enum adit_conf_usr1 remap_usr1;
    unsigned script_security;
    struct adit_conf_setenvs env;
    struct adit_conf_gremlin gremlin;

    /* ours */
    enum adit_conf_key_derivation key_derivation; /* adit-key-derivation */
    uint32_t workers;                             /* adit-workers; 0: as many as cores */
    uint32_t busy_poll;                           /* adit-busy-poll, microseconds; 0: off */
    struct adit_conf_offload offload_off;         /* adit-offload, turned round */
    enum adit_conf_engine engine;                 /* adit-engine */
    enum adit_conf_steer steer;                   /* adit-steer */
};

struct adit_conf_source {
    /*
     * Gives the whole text of a file, allocated by adit_alloc() and moved to the caller (who wipes it); n
     * bytes. Any error: the file is reported as unreadable. "stdin" and "[stdin]" name the standard input.
     */
    adit_err (*read_file)(void *ctx, const char *path, char **text, size_t *n);
    /* `cd DIR`: changes the directory that later relative paths are relative to, for read_file and the host.
     */
    adit_err (*change_dir)(void *ctx, const char *dir);
    void *ctx;
    /* Optional: why the last of the two failed, in a few words for a person. Lent until the next call. */
    const char *(*why)(void *ctx);
};

/*
 * The command line as openvpn takes it, without the program's name: "--config FILE --verb 4", or one lone
 * file. Everything found goes to the report. ADIT_E_CONFIG: it has errors, and *out is NULL. With task HELP
 * or VERSION no rules are checked.
 */
ADIT_MUST_USE adit_err adit_conf_load(const char *const *args, size_t n_args,
                                      const struct adit_conf_source *src, struct adit_conf_report *report,
                                      const struct adit_conf **out);

/* The same for a text that is already in memory; `name` stands for the file in messages. */
ADIT_MUST_USE adit_err adit_conf_parse(const char *name, adit_bytes text, const struct adit_conf_source *src,
                                       struct adit_conf_report *report, const struct adit_conf **out);

void adit_conf_free(const struct adit_conf *c); /* wipes; NULL allowed */

/*
 * The effective configuration, for people: one line per option that was given or expanded, secrets redacted.
 * `put` is called once per line.
 */
void adit_conf_print(const struct adit_conf *c, void (*put)(void *ctx, const char *line), void *ctx);

/* The text of --help, made of the rows, a line per call. */
void adit_conf_help(void (*put)(void *ctx, const char *line), void *ctx);

#endif
