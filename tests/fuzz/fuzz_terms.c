/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What two ends settle on. The input is what a peer says: its peer info and options string to a server, or
 * its pushed options and options string to a client, each ended by a byte 0xff; the first byte chooses the
 * configuration. Checked: what is agreed is something that the configuration allows, a refusal has a text,
 * and what a server then pushes fits and is made of whole strings.
 */
#include <stdlib.h>
#include <string.h>

#include "conf/conf.h"
#include "conf/pushed.h"
#include "core/material.h"
#include "core/terms.h"
#include "wire/packet.h"

enum {
    N_CONFS = 4,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check(bool is_right)
{
    if (!is_right)
        abort();
}

static const char *const texts[N_CONFS] = {
    "client\ndev tun\nremote h\nca c\ncert c\nkey k\n",
    "client\ndev tun\nremote h\nca c\ncert c\nkey k\ndata-ciphers AES-128-GCM\nmssfix 1300\ntls-crypt k\n",
    "server 10.8.0.0 255.255.255.0\nserver-ipv6 fd00::/64\ndev tun\nca c\ncert c\nkey k\ndh none\n"
    "topology subnet\npush \"route 10.9.0.0 255.255.0.0\"\nkeepalive 10 60\n",
    "server 10.8.0.0 255.255.255.0\ndev tun\nca c\ncert c\nkey k\ndh none\ntopology net30\nproto tcp-server\n"
    "data-ciphers CHACHA20-POLY1305:AES-256-GCM\ndata-ciphers-fallback AES-128-GCM\n",
};

static const struct adit_conf *confs[N_CONFS];
static struct adit_terms terms[N_CONFS];

static void prepare(void)
{
    const struct adit_conf_source source = {0};
    const struct adit_log log = {0};

    for (size_t i = 0; i < N_CONFS; i++) {
        struct adit_conf_report report = {0};

        check(adit_conf_parse("fuzz", adit_bytes_str(texts[i]), &source, &report, &confs[i]) == ADIT_OK);
        adit_conf_report_fini(&report);
        check(adit_terms_init(&terms[i], confs[i], &log) == ADIT_OK);
    }
}

static adit_bytes take_part(struct adit_rd *r)
{
    size_t left = adit_rd_left(r);
    const uint8_t *end = left > 0 ? memchr(r->p, 0xff, left) : NULL;
    adit_bytes part = adit_rd_take(r, end ? (size_t)(end - r->p) : left);

    if (end)
        (void)adit_rd_u8(r);
    return part;
}

static void check_agreed(const struct adit_terms *t, const struct adit_agreed *a)
{
    check(a->cipher && a->cipher->kind == ADIT_CIPHER_AEAD);
    check(adit_cipher_list_has(&t->ciphers, a->cipher) || a->cipher == t->fallback);
}

static void check_push(const struct adit_terms *t, const struct adit_agreed *a,
                       const struct adit_peer_info *info)
{
    struct adit_lease lease = {
        .peer_id = a->peer_id, .v4 = adit_ip_v4(0x0a080006), .v4_peer = adit_ip_v4(0x0a080005)};
    uint8_t buf[4096];
    struct adit_wr w = adit_wr_of(buf, sizeof buf);

    lease.v6 = (struct adit_ip){.b = {0xfd, [15] = 7}, .family = ADIT_AF_V6};
    adit_terms_push(t, &lease, a, info, &w);
    check(adit_wr_end(&w) == ADIT_OK && adit_wr_len(&w) > 0 && w.p[-1] == '\0');
    for (size_t i = 0; i < adit_wr_len(&w); i++)
        check(buf[i] == '\0' || (buf[i] >= ' ' && buf[i] < 127));
}

static void serve(struct adit_terms *t, adit_bytes peer_info, adit_bytes options)
{
    const char *reason = NULL;
    struct adit_peer_info info;
    struct adit_agreed a = {.cipher = NULL};

    adit_peer_info_parse(peer_info, &info);
    if (adit_terms_agree_server(t, &info, options, 5, &a, &reason) != ADIT_OK) {
        check(reason && *reason);
        return;
    }
    check_agreed(t, &a);
    check(a.peer_id == 5 || a.peer_id == ADIT_PEER_ID_NONE);
    check_push(t, &a, &info);
    (void)adit_terms_mss(&t->conf->conn, &a, false, true);
}

static void pull(struct adit_terms *t, adit_bytes pushed, adit_bytes options)
{
    struct adit_conf_report report = {0};
    const struct adit_pushed *p = NULL;
    struct adit_agreed a = {.cipher = NULL};
    const char *reason = NULL;
    uint8_t *list = malloc(pushed.n + 1);

    check(list != NULL);
    if (pushed.n > 0)
        memcpy(list, pushed.p, pushed.n);
    list[pushed.n] = '\0';
    if (adit_pushed_new(t->conf, &t->conf->conns[0], adit_bytes_of(list, pushed.n + 1), &report, &p) ==
        ADIT_OK) {
        if (adit_terms_agree_client(t, p, options, &a, &reason) == ADIT_OK)
            check_agreed(t, &a);
        else
            check(reason && *reason);
    }
    adit_pushed_free(p);
    adit_conf_report_fini(&report);
    free(list);
}

static void log_in(adit_bytes text)
{
    struct adit_login l;

    adit_login_read(&l, text);
    check(strlen(l.user) < sizeof l.user && !strchr(l.user, '\n'));
    check(strlen(l.password) < sizeof l.password && !strchr(l.password, '\n'));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct adit_rd in = adit_rd_of(adit_bytes_of(data, n));
    uint8_t kind = adit_rd_u8(&in);
    struct adit_terms *t = &terms[kind % N_CONFS];
    adit_bytes said = take_part(&in), options = take_part(&in);

    if (!confs[0])
        prepare();
    adit_terms_for(t, t->conf->n_conns > 0 ? &t->conf->conns[0] : &t->conf->conn, kind & 8);
    check(strlen(t->options) < sizeof t->options && strlen(t->peer_info) < sizeof t->peer_info);
    if (kind % N_CONFS >= 2)
        serve(t, said, options);
    else
        pull(t, said, options);
    log_in(said);
    return 0;
}
