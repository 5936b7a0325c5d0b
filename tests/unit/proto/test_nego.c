/* SPDX-License-Identifier: Apache-2.0 */
#include "../unit.h"

#include "proto/nego.h"
#include "wire/packet.h"

static const struct adit_cipher *cipher(const char *name)
{
    const struct adit_cipher *c = adit_cipher_find(name);

    assert_non_null(c);
    return c;
}

/* The names of a list, joined again. */
static const char *names_of(const struct adit_cipher_list *l)
{
    static char s[ADIT_CIPHERS_MAX * 32];

    s[0] = '\0';
    for (size_t i = 0; i < l->n; i++) {
        strcat(s, i > 0 ? ":" : "");
        strcat(s, l->c[i]->name);
    }
    return s;
}

static const char *parse_list(const char *text)
{
    struct adit_cipher_list l;

    assert_int_equal(adit_cipher_list_parse(text, &l, NULL), ADIT_OK);
    return names_of(&l);
}

static void assert_text(adit_bytes got, const char *want)
{
    assert_int_equal(got.n, strlen(want));
    if (got.n > 0)
        assert_memory_equal(got.p, want, got.n);
}

#define DEFAULTS "AES-256-GCM:AES-128-GCM:CHACHA20-POLY1305"

static void reads_cipher_lists(void **state)
{
    (void)state;
    assert_string_equal(parse_list("AES-128-GCM"), "AES-128-GCM");
    assert_string_equal(parse_list("DEFAULT"), DEFAULTS);
    assert_string_equal(parse_list("AES-192-GCM:DEFAULT:AES-128-CBC"),
                        "AES-192-GCM:" DEFAULTS ":AES-128-CBC");
    assert_string_equal(parse_list("?NO-SUCH:AES-256-GCM:?chacha20-poly1305:?"),
                        "AES-256-GCM:CHACHA20-POLY1305");
    assert_string_equal(parse_list("aes-256-gcm:AES-128-GCM:AES-256-GCM"), "AES-256-GCM:AES-128-GCM");
    assert_string_equal(parse_list(":AES-256-GCM::none:"), "AES-256-GCM:none");
}

static void says_which_cipher_is_bad(void **state)
{
    static const struct {
        const char *text, *bad;
    } rows[] = {
        {"AES-256-GCM:NO-SUCH:AES-128-GCM", "NO-SUCH"},
        {"default", "default"},
        {"", ""},
        {"?NO-SUCH", "?NO-SUCH"},
        {"AES-256-GCM:AES-256-GCMAES-256-GCMAES-256-GCMAES-256-GCMAES-256-GCMAES-256-GCM",
         "AES-256-GCMAES-256-GCMAES-256-GCMAES-256-GCMAES-256-GCMAES-256-GCM"},
        /* 12 * 11 - 1 = 131 characters */
        {"AES-128-GCM:AES-192-GCM:AES-256-GCM:AES-128-CBC:AES-192-CBC:AES-256-CBC:AES-128-CFB:AES-192-CFB:"
         "AES-256-CFB:AES-128-OFB:AES-192-OFB",
         "AES-192-OFB"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct adit_cipher_list l = {.n = 77};
        adit_bytes bad;

        assert_int_equal(adit_cipher_list_parse(rows[i].text, &l, &bad), ADIT_E_CONFIG);
        assert_text(bad, rows[i].bad);
        assert_int_equal(l.n, 77);
    }
}

/* What 2.6.14 sends as a client with "setenv IV_GUI_VER" and "setenv IV_SSO". */
#define PEER_2_6                                                                                             \
    "IV_VER=2.6.14\nIV_PLAT=linux\nIV_TCPNL=1\nIV_MTU=1600\nIV_NCP=2\nIV_CIPHERS=" DEFAULTS                  \
    "\nIV_PROTO=990\nIV_LZO_STUB=1\nIV_COMP_STUB=1\nIV_COMP_STUBv2=1\nIV_GUI_VER=x_y\nIV_SSO=webauth\n"

static struct adit_peer_info peer_of(const char *text)
{
    struct adit_peer_info p;

    adit_peer_info_parse(adit_bytes_str(text), &p);
    return p;
}

static void reads_peer_info_of_2_6(void **state)
{
    struct adit_peer_info p = peer_of(PEER_2_6);
    adit_bytes value;

    (void)state;
    assert_int_equal(p.iv_proto, ADIT_IV_DATA_V2 | ADIT_IV_REQUEST_PUSH | ADIT_IV_TLS_KEY_EXPORT |
                                     ADIT_IV_AUTH_PENDING_KW | 1 << 6 | ADIT_IV_CC_EXIT |
                                     ADIT_IV_AUTH_FAIL_TEMP | ADIT_IV_DYN_TLS_CRYPT);
    assert_int_equal(p.iv_ncp, 2);
    assert_int_equal(p.iv_mtu, 1600);
    assert_true(p.has_ciphers);
    assert_string_equal(names_of(&p.ciphers), DEFAULTS);
    assert_text(p.iv_ver, "2.6.14");
    assert_text(p.iv_plat, "linux");
    assert_text(p.iv_gui_ver, "x_y");
    assert_true(adit_peer_info_get(adit_bytes_str(PEER_2_6), "IV_SSO", &value));
    assert_text(value, "webauth");
}

static void finds_lines_by_their_whole_name(void **state)
{
    const char *text = "XIV_A=1\nIV_AB=2\nIV_A\nIV_A=\nIV_A=3\n=4\nIV_LAST=5";
    adit_bytes value;

    (void)state;
    assert_true(adit_peer_info_get(adit_bytes_str(text), "IV_A", &value));
    assert_text(value, "");
    assert_true(adit_peer_info_get(adit_bytes_str(text), "IV_LAST", &value));
    assert_text(value, "5");
    assert_false(adit_peer_info_get(adit_bytes_str(text), "IV_", &value));
    assert_false(adit_peer_info_get(adit_bytes_str(text), "V_A", &value));
    assert_false(adit_peer_info_get(adit_bytes_str(""), "IV_A", &value));
}

static void numbers_that_are_none_count_as_zero(void **state)
{
    static const struct {
        const char *text;
        uint32_t iv_proto;
    } rows[] = {
        {"IV_PROTO=2\n", 2},
        {"IV_PROTO=4294967295\n", 4294967295},
        {"IV_PROTO=4294967296\n", 0},
        {"IV_PROTO=4294967298\n", 0},
        {"IV_PROTO=99999999999999999999999\n", 0},
        {"IV_PROTO=-2\n", 0},
        {"IV_PROTO=0x2\n", 0},
        {"IV_PROTO=2 \n", 0},
        {"IV_PROTO=\n", 0},
        {"", 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_true(peer_of(rows[i].text).iv_proto == rows[i].iv_proto);
}

/* 0 may be said, and is not the same as silence. */
static void a_replay_window_is_one_that_can_be(void **state)
{
    static const struct {
        const char *text;
        bool has;
        uint32_t window;
    } rows[] = {
        {"IV_REPLAY_WINDOW=2048\n", true, 2048},
        {"IV_REPLAY_WINDOW=65536\n", true, 65536},
        {"IV_REPLAY_WINDOW=65537\n", true, 0},
        {"IV_REPLAY_WINDOW=0\n", true, 0},
        {"IV_REPLAY_WINDOW=2048 15\n", true, 0},
        {"IV_REPLAY_WINDOW=\n", true, 0},
        {"IV_REPLAY_WINDOW\n", false, 0},
        {"IV_REPLAY_WINDOWS=7\n", false, 0},
        {PEER_2_6, false, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct adit_peer_info p = peer_of(rows[i].text);

        assert_int_equal(p.has_replay_window, rows[i].has);
        assert_int_equal(p.replay_window, rows[i].window);
    }
}

static void peer_ciphers_known_unknown_and_implied(void **state)
{
    struct adit_peer_info p = peer_of("IV_NCP=2\n");
    char many[2048] = "IV_CIPHERS=";

    (void)state;
    assert_false(p.has_ciphers);
    assert_string_equal(names_of(&p.ciphers), "AES-256-GCM:AES-128-GCM");
    assert_int_equal(peer_of("IV_NCP=1\n").ciphers.n, 0);
    p = peer_of("IV_CIPHERS=NEW-1:aes-128-gcm::?AES-256-GCM:DEFAULT:CHACHA20-POLY1305\nIV_NCP=2\n");
    assert_true(p.has_ciphers);
    assert_string_equal(names_of(&p.ciphers), "AES-128-GCM:CHACHA20-POLY1305");
    p = peer_of("IV_CIPHERS=\n");
    assert_true(p.has_ciphers);
    assert_int_equal(p.ciphers.n, 0);

    /* More than there are places for, repeats among them. */
    for (size_t i = 0; adit_cipher_at(i) && i < 40; i++) {
        strcat(strcat(many, adit_cipher_at(i)->name), ":");
        strcat(strcat(many, adit_cipher_at(i)->name), ":");
    }
    p = peer_of(many);
    assert_int_equal(p.ciphers.n, ADIT_CIPHERS_MAX);
    for (size_t i = 0; i < p.ciphers.n; i++)
        assert_ptr_equal(p.ciphers.c[i], adit_cipher_at(i));
}

static const char *build_peer_info(struct adit_peer_info_own own)
{
    static char s[2048];
    struct adit_wr w = adit_wr_of(s, sizeof s - 1);

    adit_peer_info_build(&own, &w);
    assert_int_equal(adit_wr_end(&w), ADIT_OK);
    s[adit_wr_len(&w)] = '\0';
    return s;
}

static void builds_peer_info_by_level(void **state)
{
    struct adit_peer_info_own own = {
        .iv_proto = 990,
        .mtu = 1600,
        .replay_window = 2048,
        .ciphers = DEFAULTS,
        .version = "2.6.14",
        .gui = "x_y",
        .extra =
            "IV_LZO_STUB=1\nIV_COMP_STUB=1\nIV_COMP_STUBv2=1\nIV_PLAT_VER=6\nIV_SSL=o\nIV_HWADDR=0\nUV_X=1\n",
    };

    (void)state;
    assert_string_equal(build_peer_info(own), "");
    own.detail = 1;
    assert_string_equal(build_peer_info(own), "IV_CIPHERS=" DEFAULTS "\nIV_PROTO=990\n");
    own.detail = 2;
    assert_string_equal(
        build_peer_info(own),
        "IV_VER=2.6.14\nIV_PLAT=linux\nIV_TCPNL=1\nIV_MTU=1600\nIV_REPLAY_WINDOW=2048\nIV_NCP=2\n"
        "IV_CIPHERS=" DEFAULTS
        "\nIV_PROTO=990\nIV_LZO_STUB=1\nIV_COMP_STUB=1\nIV_COMP_STUBv2=1\nIV_GUI_VER=x_y\n");
    own.detail = 3;
    assert_non_null(
        strstr(build_peer_info(own),
               "\nIV_COMP_STUBv2=1\nIV_PLAT_VER=6\nIV_SSL=o\nIV_HWADDR=0\nUV_X=1\nIV_GUI_VER=x_y\n"));
}

/* As 2.6.14 does with "data-ciphers AES-256-GCM:AES-256-CBC", and at ends that do not pull. */
static void promises_ncp_only_when_it_holds(void **state)
{
    struct adit_peer_info_own own = {
        .detail = 2,
        .iv_proto = 990,
        .mtu = 1600,
        .ciphers = "AES-256-GCM:AES-256-CBC",
        .version = "2.6.14",
    };

    (void)state;
    assert_string_equal(build_peer_info(own),
                        "IV_VER=2.6.14\nIV_PLAT=linux\nIV_TCPNL=1\nIV_MTU=1600\n"
                        "IV_REPLAY_WINDOW=0\nIV_CIPHERS=AES-256-GCM:AES-256-CBC\nIV_PROTO=990\n");
    own.ciphers = DEFAULTS;
    own.mtu = 0;
    own.detail = 3;
    assert_string_equal(build_peer_info(own),
                        "IV_VER=2.6.14\nIV_PLAT=linux\nIV_TCPNL=1\nIV_CIPHERS=" DEFAULTS "\nIV_PROTO=990\n");
}

static void peer_info_is_read_as_it_was_built(void **state)
{
    struct adit_peer_info p = peer_of(build_peer_info((struct adit_peer_info_own){.detail = 2,
                                                                                  .iv_proto = 8094,
                                                                                  .mtu = 9000,
                                                                                  .replay_window = 512,
                                                                                  .ciphers = DEFAULTS,
                                                                                  .version = "2.7.6",
                                                                                  .gui = "Adit_1"}));

    (void)state;
    assert_int_equal(p.iv_proto, 8094);
    assert_int_equal(p.iv_mtu, 9000);
    assert_int_equal(p.replay_window, 512);
    assert_int_equal(p.iv_ncp, 2);
    assert_string_equal(names_of(&p.ciphers), DEFAULTS);
    assert_text(p.iv_ver, "2.7.6");
    assert_text(p.iv_gui_ver, "Adit_1");
}

static const char *build_occ(struct adit_occ o)
{
    static char s[600];
    struct adit_wr w = adit_wr_of(s, sizeof s - 1);

    adit_occ_build(&o, &w);
    assert_int_equal(adit_wr_end(&w), ADIT_OK);
    s[adit_wr_len(&w)] = '\0';
    return s;
}

/* Each row: what a 2.6.14 end printed as its own string, and as what it expects of its peer. */
static void options_strings_of_2_6(void **state)
{
    const struct {
        struct adit_occ o;
        const char *own, *peer;
    } rows[] = {
        {{.is_server = true,
          .keydir = -1,
          .tun_mtu = 1500,
          .link_mtu = 1541,
          .auth = "SHA1",
          .keysize_bits = 128},
         "V4,dev-type tun,link-mtu 1541,tun-mtu 1500,proto UDPv4,auth SHA1,keysize 128,key-method "
         "2,tls-server",
         "V4,dev-type tun,link-mtu 1541,tun-mtu 1500,proto UDPv4,auth SHA1,keysize 128,key-method "
         "2,tls-client"},
        {{.keydir = 1,
          .has_tls_auth = true,
          .has_fragment = true,
          .tun_mtu = 1400,
          .link_mtu = 4 + adit_occ_link_mtu(1400, false, cipher("AES-256-GCM"), 20),
          .cipher = "AES-256-GCM",
          .auth = "[null-digest]",
          .keysize_bits = 256},
         "V4,dev-type tun,link-mtu 1453,tun-mtu 1400,proto UDPv4,mtu-dynamic,keydir 1,cipher AES-256-GCM,"
         "auth [null-digest],keysize 256,tls-auth,key-method 2,tls-client",
         "V4,dev-type tun,link-mtu 1453,tun-mtu 1400,proto UDPv4,mtu-dynamic,keydir 0,cipher AES-256-GCM,"
         "auth [null-digest],keysize 256,tls-auth,key-method 2,tls-server"},
        {{.keydir = -1,
          .has_comp = true,
          .tun_mtu = 1500,
          .link_mtu = 1 + adit_occ_link_mtu(1500, false, cipher("AES-128-CBC"), 32),
          .cipher = "AES-128-CBC",
          .auth = "SHA256",
          .keysize_bits = 128},
         "V4,dev-type tun,link-mtu 1570,tun-mtu 1500,proto UDPv4,comp-lzo,cipher AES-128-CBC,auth "
         "SHA256,keysize 128,"
         "key-method 2,tls-client",
         "V4,dev-type tun,link-mtu 1570,tun-mtu 1500,proto UDPv4,comp-lzo,cipher AES-128-CBC,auth "
         "SHA256,keysize 128,"
         "key-method 2,tls-server"},
        {{.is_p2p = true,
          .is_ipv6_p2p = true,
          .keydir = -1,
          .tun_mtu = 1500,
          .link_mtu = adit_occ_link_mtu(1500, false, cipher("AES-256-CBC"), 20),
          .ifconfig = "10.1.0.1 10.1.0.2",
          .cipher = "AES-256-CBC",
          .auth = "SHA1",
          .keysize_bits = 256},
         "V4,dev-type tun,link-mtu 1557,tun-mtu 1500,proto UDPv4,tun-ipv6,ifconfig 10.1.0.1 10.1.0.2,"
         "cipher AES-256-CBC,auth SHA1,keysize 256,key-method 2,tls-client",
         "V4,dev-type tun,link-mtu 1557,tun-mtu 1500,proto UDPv4,tun-ipv6,ifconfig 10.1.0.2 10.1.0.1,"
         "cipher AES-256-CBC,auth SHA1,keysize 256,key-method 2,tls-server"},
        {{.is_p2p = true,
          .is_tap = true,
          .is_tcp = true,
          .keydir = -1,
          .tun_mtu = 1500,
          .link_mtu = 32 + adit_occ_link_mtu(1500, true, cipher("AES-128-GCM"), 20),
          .ifconfig = "10.1.0.0 255.255.255.0",
          .is_ifconfig_net = true,
          .cipher = "AES-128-GCM",
          .auth = "[null-digest]",
          .keysize_bits = 128},
         "V4,dev-type tap,link-mtu 1583,tun-mtu 1500,proto TCPv4_CLIENT,ifconfig 10.1.0.0 255.255.255.0,"
         "cipher AES-128-GCM,auth [null-digest],keysize 128,key-method 2,tls-client",
         "V4,dev-type tap,link-mtu 1583,tun-mtu 1500,proto TCPv4_SERVER,ifconfig 10.1.0.0 255.255.255.0,"
         "cipher AES-128-GCM,auth [null-digest],keysize 128,key-method 2,tls-server"},
        {{.is_p2p = true,
          .is_tcp = true,
          .is_server = true,
          .keydir = -1,
          .tun_mtu = 1500,
          .link_mtu = adit_occ_link_mtu(1500, true, NULL, 20),
          .ifconfig = "10.1.0.0 255.255.255.0",
          .is_ifconfig_net = true,
          .cipher = "BF-CBC",
          .auth = "SHA1",
          .keysize_bits = 128},
         "V4,dev-type tun,link-mtu 1543,tun-mtu 1500,proto TCPv4_SERVER,ifconfig 10.1.0.0 255.255.255.0,"
         "cipher BF-CBC,auth SHA1,keysize 128,key-method 2,tls-server",
         "V4,dev-type tun,link-mtu 1543,tun-mtu 1500,proto TCPv4_CLIENT,ifconfig 10.1.0.0 255.255.255.0,"
         "cipher BF-CBC,auth SHA1,keysize 128,key-method 2,tls-client"},
        {{.is_p2p = true,
          .keydir = -1,
          .tun_mtu = 1500,
          .link_mtu = adit_occ_link_mtu(1500, false, cipher("none"), 0),
          .ifconfig = "10.1.0.1 10.1.0.2",
          .cipher = "none",
          .auth = "[null-digest]"},
         "V4,dev-type tun,link-mtu 1505,tun-mtu 1500,proto UDPv4,ifconfig 10.1.0.1 10.1.0.2,cipher "
         "[null-cipher],"
         "auth [null-digest],keysize 0,key-method 2,tls-client",
         "V4,dev-type tun,link-mtu 1505,tun-mtu 1500,proto UDPv4,ifconfig 10.1.0.2 10.1.0.1,cipher "
         "[null-cipher],"
         "auth [null-digest],keysize 0,key-method 2,tls-server"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct adit_occ peer = adit_occ_mirror(&rows[i].o);

        assert_string_equal(build_occ(rows[i].o), rows[i].own);
        assert_string_equal(build_occ(peer), rows[i].peer);
        assert_string_equal(build_occ(adit_occ_mirror(&peer)), rows[i].own);
    }
}

static void link_mtu_of_each_kind_of_cipher(void **state)
{
    (void)state;
    assert_int_equal(adit_occ_link_mtu(1500, false, NULL, 20), 1541);
    assert_int_equal(adit_occ_link_mtu(1500, false, NULL, 32), 1553);
    assert_int_equal(adit_occ_link_mtu(1400, false, cipher("AES-128-CBC"), 20), 1457);
    assert_int_equal(adit_occ_link_mtu(1400, false, cipher("none"), 0), 1405);
    assert_int_equal(adit_occ_link_mtu(1400, false, cipher("AES-256-GCM"), 20), 1449);
    assert_int_equal(adit_occ_link_mtu(1500, true, cipher("AES-128-CFB"), 20), 1563);
    assert_int_equal(adit_occ_link_mtu(1500, false, cipher("none"), 20), 1525);
}

static void options_string_is_searched_by_field(void **state)
{
    adit_bytes occ = adit_bytes_str("V4,link-mtu 1500,xcipher A,ciphers B,comp-lzo,cipher AES-256-CBC,auth");
    adit_bytes value;

    (void)state;
    assert_true(adit_occ_get(occ, "cipher", &value));
    assert_text(value, "AES-256-CBC");
    assert_true(adit_occ_get(occ, "comp-lzo", &value));
    assert_text(value, "");
    assert_false(adit_occ_get(occ, "comp", &value));
    assert_false(adit_occ_get(occ, "tun-mtu", &value));
    assert_false(adit_occ_get(adit_bytes_of("", 0), "cipher", &value));
}

static void server_chooses_the_first_of_its_own_list(void **state)
{
    static const struct {
        const char *peer, *occ, *fallback, *want;
    } rows[] = {
        {"IV_CIPHERS=CHACHA20-POLY1305:AES-128-GCM\n", "V4", NULL, "AES-128-GCM"},
        {"IV_CIPHERS=CHACHA20-POLY1305\nIV_NCP=2\n", "V4", NULL, "CHACHA20-POLY1305"},
        {"IV_CIPHERS=AES-192-GCM\n", "V4,cipher AES-256-GCM", "AES-256-CBC", NULL},
        {"IV_CIPHERS=NEW-1\n", "V4,cipher AES-256-GCM", "AES-256-CBC", NULL},
        {"IV_NCP=2\n", "V4,cipher AES-128-CBC", NULL, "AES-256-GCM"},
        {"", "V4,cipher AES-128-CBC,auth SHA1", NULL, "AES-128-CBC"},
        {"", "V4,cipher aes-128-cbc", NULL, "AES-128-CBC"},
        {"", "V4,cipher AES-192-CBC", "AES-256-CBC", NULL},
        {"", "V4,cipher NEW-1", "AES-256-CBC", NULL},
        {"", "V4,cipher [null-cipher]", "AES-256-CBC", "none"},
        {"", "V4,auth SHA1", "AES-256-CBC", "AES-256-CBC"},
        {"", "", NULL, NULL},
    };
    struct adit_cipher_list own;

    (void)state;
    assert_int_equal(adit_cipher_list_parse(DEFAULTS ":AES-128-CBC:none", &own, NULL), ADIT_OK);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct adit_peer_info peer = peer_of(rows[i].peer);
        const struct adit_cipher *fallback = rows[i].fallback ? cipher(rows[i].fallback) : NULL;

        assert_ptr_equal(adit_nego_cipher(&own, &peer, adit_bytes_str(rows[i].occ), fallback),
                         rows[i].want ? cipher(rows[i].want) : NULL);
    }
}

static void reads_protocol_flags(void **state)
{
    struct adit_agreed a = {0};
    unsigned unknown = 7;

    (void)state;
    adit_protocol_flags_parse(adit_bytes_str("tls-ekm  cc-exit "), &a, &unknown);
    assert_true(a.want_ekm && a.want_cc_exit);
    assert_false(a.want_dyn_tls_crypt || a.want_epoch);
    assert_int_equal(unknown, 0);
    adit_protocol_flags_parse(adit_bytes_str("new aead-epoch TLS-EKM dyn-tls-crypt cc-exits"), &a, &unknown);
    assert_true(a.want_epoch && a.want_dyn_tls_crypt);
    assert_int_equal(unknown, 3);
    adit_protocol_flags_parse(adit_bytes_of("", 0), &a, &unknown);
    assert_int_equal(unknown, 0);
}

/* The pushed options, joined with commas. */
static const char *push(struct adit_agreed a, const char *peer_info, unsigned tun_mtu)
{
    static char s[512];
    struct adit_peer_info peer = peer_of(peer_info);
    struct adit_wr w = adit_wr_of(s, sizeof s);
    size_t n;

    adit_agreed_push(&a, &peer, tun_mtu, 512, &w);
    assert_int_equal(adit_wr_end(&w), ADIT_OK);
    n = adit_wr_len(&w);
    s[n] = '\0';
    for (size_t i = 0; i + 1 < n; i++)
        s[i] = s[i] == '\0' ? ',' : s[i];
    return s;
}

static void pushes_what_was_agreed(void **state)
{
    struct adit_agreed a = {
        .cipher = cipher("AES-256-GCM"),
        .want_ekm = true,
        .want_dyn_tls_crypt = true,
        .want_cc_exit = true,
    };

    (void)state;
    assert_string_equal(push(a, PEER_2_6, 1500), "peer-id 0,cipher AES-256-GCM,"
                                                 "protocol-flags cc-exit tls-ekm dyn-tls-crypt,tun-mtu 1500");
    a.want_epoch = true;
    assert_string_equal(push(a, PEER_2_6, 0), "peer-id 0,cipher AES-256-GCM,"
                                              "protocol-flags cc-exit tls-ekm dyn-tls-crypt aead-epoch");
    a = (struct adit_agreed){.cipher = cipher("AES-256-GCM"), .want_ekm = true, .peer_id = 16777214};
    assert_string_equal(push(a, "IV_NCP=2\nIV_PROTO=8\n", 1500),
                        "peer-id 16777214,cipher AES-256-GCM,key-derivation tls-ekm");
    a = (struct adit_agreed){.cipher = cipher("AES-256-GCM"), .peer_id = ADIT_PEER_ID_NONE};
    assert_string_equal(push(a, "", 1500), "");
}

/* openvpn must never see that option. */
static void says_its_replay_window_to_those_that_said_theirs(void **state)
{
    struct adit_agreed a = {.cipher = cipher("AES-256-GCM"), .peer_id = ADIT_PEER_ID_NONE};

    (void)state;
    assert_string_equal(push(a, "IV_REPLAY_WINDOW=2048\n", 0), "adit-replay-window 512");
    assert_string_equal(push(a, "IV_REPLAY_WINDOW=0\n", 0), "adit-replay-window 512");
    assert_string_equal(push(a, "IV_MTU=1600\nIV_REPLAY_WINDOW=64\n", 1500),
                        "tun-mtu 1500,adit-replay-window 512");
    assert_null(strstr(push(a, PEER_2_6, 1500), "replay"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_cipher_lists),
        cmocka_unit_test(says_which_cipher_is_bad),
        cmocka_unit_test(reads_peer_info_of_2_6),
        cmocka_unit_test(finds_lines_by_their_whole_name),
        cmocka_unit_test(numbers_that_are_none_count_as_zero),
        cmocka_unit_test(a_replay_window_is_one_that_can_be),
        cmocka_unit_test(peer_ciphers_known_unknown_and_implied),
        cmocka_unit_test(builds_peer_info_by_level),
        cmocka_unit_test(promises_ncp_only_when_it_holds),
        cmocka_unit_test(peer_info_is_read_as_it_was_built),
        cmocka_unit_test(options_strings_of_2_6),
        cmocka_unit_test(link_mtu_of_each_kind_of_cipher),
        cmocka_unit_test(options_string_is_searched_by_field),
        cmocka_unit_test(server_chooses_the_first_of_its_own_list),
        cmocka_unit_test(reads_protocol_flags),
        cmocka_unit_test(pushes_what_was_agreed),
        cmocka_unit_test(says_its_replay_window_to_those_that_said_theirs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
