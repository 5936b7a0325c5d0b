/* SPDX-License-Identifier: Apache-2.0 */
#include "pair.h"

#include <stdio.h>
#include <string.h>

#include "../pem.h"
#include "../unit.h"

static struct adit_tls_ctx *make_tls(const struct adit_env *env, bool is_server, const char *peer_usage)
{
    struct adit_tls_params p = {
        .ca = adit_bytes_str(pem_ca),
        .cert = adit_bytes_str(is_server ? pem_server_cert : pem_client_cert),
        .key = adit_bytes_str(is_server ? pem_server_key : pem_client_key),
        .remote_cert_eku = peer_usage,
        .want_ku = true,
    };
    char why[512] = "";
    struct adit_tls_ctx *ctx = adit_tls_ctx_new(&p, env, is_server, why, sizeof why);

    if (!ctx)
        fail_msg("%s", why);
    return ctx;
}

struct adit_tls_ctx *pair_tls_refusing_servers(const struct pair *p)
{
    return make_tls(&p->client.env, false, "TLS Web Client Authentication");
}

static void make_end(struct pair *p, struct pair_end *end, bool is_server)
{
    end->env.rng = adit_rng_seeded(&p->seed);
    end->tls = make_tls(&end->env, is_server,
                        is_server ? "TLS Web Client Authentication" : "TLS Web Server Authentication");
    end->tx_key = -1;
    end->params = (struct adit_session_params){
        .role = is_server ? ADIT_ROLE_SERVER : ADIT_ROLE_CLIENT,
        .tls = &adit_tls_ossl,
        .tls_ctx = end->tls,
        .hand_window_s = 60,
        .tran_window_s = 3600,
        .reneg_max_s = 3600,
        .tls_timeout_s = 2,
        .replay_window = 64,
        .replay_s = 15,
        .max_packet_size = 1250,
        .options = is_server ? "V4,dev-type tun,tls-server" : "V4,dev-type tun,tls-client",
        .peer_info = is_server ? "" : "IV_VER=test\nIV_PROTO=990\nIV_NCP=2\nIV_CIPHERS=AES-256-GCM\n",
    };
}

static void make_wraps(struct pair *p)
{
    const struct adit_digest *sha1 = adit_digest_find("SHA1");

    switch (p->wrap) {
    case PAIR_BARE:
        break;
    case PAIR_TLS_AUTH:
        p->client.wrap = adit_wrap_key_auth(&p->static_key, sha1, ADIT_KEYDIR_1);
        p->server.wrap = adit_wrap_key_auth(&p->static_key, sha1, ADIT_KEYDIR_0);
        break;
    case PAIR_TLS_CRYPT:
        p->client.wrap = adit_wrap_key_crypt(&p->static_key, false);
        p->server.wrap = adit_wrap_key_crypt(&p->static_key, true);
        break;
    case PAIR_TLS_CRYPT_V2:
        p->v2_client.kc = p->static_key;
        assert_int_equal(adit_wkc_wrap(&p->v2_server, adit_bytes_of("\1\0\0\0\0e\0\0\0", 9), &p->v2_client),
                         ADIT_OK);
        p->client.wrap = adit_wrap_key_crypt(&p->static_key, false);
        break;
    }
}

void pair_init(struct pair *p, enum pair_wrap wrap, uint64_t seed)
{
    struct adit_door_params door = {
        .hand_window_s = 60, .initial_n = 100, .initial_s = 10, .replay_window = 64, .replay_s = 15};

    memset(p, 0, sizeof *p);
    p->wrap = wrap;
    p->seed = seed;
    p->delay_ns = 20 * ADIT_NS_PER_MS;
    p->now = (struct adit_now){.mono_ns = 1000 * ADIT_NS_PER_S, .wall_s = 1800000000};
    p->client_addr = (struct adit_addr){.ip = adit_ip_v4(0xc6336401), .port = 40000};
    p->agreed = (struct adit_agreed){.cipher = adit_cipher_find("AES-256-GCM"),
                                     .want_ekm = true,
                                     .want_cc_exit = true,
                                     .want_dyn_tls_crypt = true,
                                     .peer_id = 7};
    p->push = "route 192.0.2.0 255.255.255.0\0ping 10\0ifconfig 10.8.0.2 255.255.255.0\0";
    p->push_n = sizeof "route 192.0.2.0 255.255.255.0\0ping 10\0ifconfig 10.8.0.2 255.255.255.0";
    steps(p->static_key.b, sizeof p->static_key.b, 3);
    steps(p->v2_server.b, sizeof p->v2_server.b, 9);
    make_end(p, &p->client, false);
    make_end(p, &p->server, true);
    make_wraps(p);
    door.wrap = p->server.wrap;
    door.v2 = wrap == PAIR_TLS_CRYPT_V2 ? &p->v2_server : NULL;
    door.is_bare_allowed = wrap == PAIR_BARE;
    assert_int_equal(adit_door_init(&p->door, &door, &p->server.env.rng), ADIT_OK);
}

void pair_start(struct pair *p)
{
    struct adit_session_start st = {
        .wrap = p->client.wrap,
        .wrap_static = p->wrap == PAIR_BARE ? NULL : &p->static_key,
        .is_v2 = p->wrap == PAIR_TLS_CRYPT_V2,
        .is_tcp = p->is_tcp,
    };

    if (st.is_v2)
        st.wkc = adit_bytes_of(p->v2_client.wkc, p->v2_client.wkc_len);
    p->client.s = adit_session_connect(&p->client.params, &st, &p->client.env, p->now);
    assert_non_null(p->client.s);
}

void pair_fini(struct pair *p)
{
    adit_session_free(p->client.s);
    adit_session_free(p->server.s);
    adit_tls_ctx_free(p->client.tls);
    adit_tls_ctx_free(p->server.tls);
    adit_wrap_key_free(p->client.wrap);
    adit_wrap_key_free(p->server.wrap);
    adit_door_fini(&p->door);
}

/* ---- the link ---- */

static bool chance(struct pair *p, unsigned percent)
{
    struct adit_rng rng = adit_rng_seeded(&p->seed);

    return percent > 0 && adit_rng_below(&rng, 100) < percent;
}

static void put(struct pair *p, struct pair_link *l, adit_bytes packet)
{
    unsigned i = l->n_sent++;
    unsigned copies = 1 + (chance(p, l->dup_percent) ? 1U : 0U);

    if ((i < 64 && (l->lose_mask >> i & 1)) || chance(p, l->loss_percent))
        return;
    for (; copies > 0 && l->n < PAIR_QUEUE; copies--) {
        struct pair_packet *q = &l->q[l->n++];

        memcpy(q->b, packet.p, packet.n);
        q->n = packet.n;
        q->at_ns = p->now.mono_ns + p->delay_ns * (chance(p, l->reorder_percent) ? 3 : 1);
    }
}

static bool take(struct pair_link *l, uint64_t now_ns, struct pair_packet *out)
{
    for (size_t i = 0; i < l->n; i++) {
        if (l->q[i].at_ns > now_ns)
            continue;
        *out = l->q[i];
        memmove(&l->q[i], &l->q[i + 1], (--l->n - i) * sizeof l->q[0]);
        return true;
    }
    return false;
}

static uint64_t next_arrival(const struct pair_link *l)
{
    uint64_t at = ADIT_NEVER;

    for (size_t i = 0; i < l->n; i++)
        at = adit_earlier(at, l->q[i].at_ns);
    return at;
}

/* ---- the hosts ---- */

static void answer(struct pair *p, struct pair_end *end, const struct adit_event *ev)
{
    if (ev->kind == ADIT_EV_AUTH_WANTED) {
        end->n_wanted++;
        assert_non_null(ev->identity);
        assert_string_equal(ev->identity->common_name, "client");
        if (p->refuse)
            assert_int_equal(adit_session_refuse(end->s, p->refuse, p->now), ADIT_OK);
        else
            assert_int_equal(
                adit_session_admit(end->s, &p->agreed, adit_bytes_of(p->push, p->push_n), p->now), ADIT_OK);
    } else if (ev->kind == ADIT_EV_PUSHED) {
        assert_true(ev->options.n < sizeof end->pushed);
        memcpy(end->pushed, ev->options.p, ev->options.n);
        assert_int_equal(adit_session_apply(end->s, &p->agreed, p->now), ADIT_OK);
    }
}

static void handle_event(struct pair *p, struct pair_end *end, const struct adit_event *ev)
{
    assert_false(end->is_closed);
    switch (ev->kind) {
    case ADIT_EV_KEYS:
        end->keys[ev->key_id] = ev->keys;
        end->has_keys[ev->key_id] = true;
        end->n_keys++;
        if (end->tx_key < 0)
            end->tx_key = ev->key_id;
        break;
    case ADIT_EV_KEY_USE:
        assert_true(end->has_keys[ev->key_id]);
        end->tx_key = ev->key_id;
        break;
    case ADIT_EV_KEY_DROP:
        assert_int_not_equal(end->tx_key, ev->key_id);
        end->has_keys[ev->key_id] = false;
        break;
    case ADIT_EV_UP:
        end->is_up = true;
        break;
    case ADIT_EV_CLOSED:
        end->is_closed = true;
        end->reason = ev->reason;
        adit_log_clean(ev->text, end->text, sizeof end->text);
        break;
    case ADIT_EV_AUTH_WANTED:
    case ADIT_EV_PUSHED:
        answer(p, end, ev);
        break;
    case ADIT_EV_TLS_UP:
    case ADIT_EV_TEXT:
        break;
    }
}

static void pump(struct pair *p, struct pair_end *end)
{
    uint8_t buf[ADIT_CTRL_PACKET_MAX];
    struct adit_event ev;

    while (end->s && adit_session_next_event(end->s, &ev))
        handle_event(p, end, &ev);
    for (;;) {
        struct adit_wr w = adit_wr_of(buf, sizeof buf);

        if (!end->s || !adit_session_next_tx(end->s, p->now, &w))
            break;
        /* The budget of 1.9: what goes out fits max-packet-size with IPv4 and UDP headers around it. */
        assert_true(adit_wr_len(&w) + 28 <= end->params.max_packet_size);
        put(p, &end->out, adit_wr_view(&w));
    }
}

static void admit(struct pair *p, const struct adit_admission *adm)
{
    struct adit_session_start st = {
        .wrap = p->server.wrap, .is_v2 = adm->is_v2, .is_tcp = p->is_tcp, .subject = "198.51.100.1:40000"};

    if (adm->is_v2) {
        st.wrap = adit_wrap_key_crypt(&adm->kc, true);
        st.owns_wrap = true;
        st.wrap_static = &adm->kc;
    } else if (p->wrap != PAIR_BARE) {
        st.wrap_static = &p->static_key;
    }
    adit_session_free(p->server.s);
    p->server.s = adit_session_accept(&p->server.params, &st, &adm->remote,
                                      adm->has_cookie ? &adm->cookie : NULL, &p->server.env, p->now);
    assert_non_null(p->server.s);
    p->n_admitted++;
}

static void at_server(struct pair *p, adit_bytes packet)
{
    uint8_t buf[ADIT_CTRL_PACKET_MAX];
    struct adit_wr reply = adit_wr_of(buf, sizeof buf);
    struct adit_admission adm;
    enum adit_door_verdict verdict;
    adit_err why = ADIT_OK;

    if (p->server.s && memcmp(packet.p + 1, adit_session_remote_sid(p->server.s)->b, ADIT_SID_LEN) == 0) {
        p->n_dropped += adit_session_recv(p->server.s, packet, p->now) != ADIT_OK;
        return;
    }
    verdict = p->is_tcp ? adit_door_recv_stream(&p->door, packet, p->now, &adm, &why)
                        : adit_door_recv(&p->door, &p->client_addr, packet, p->now, &reply, &adm, &why);
    if (verdict == ADIT_DOOR_REPLY) {
        put(p, &p->server.out, adit_wr_view(&reply));
    } else if (verdict == ADIT_DOOR_ADMIT) {
        admit(p, &adm);
        assert_int_equal(adit_session_recv(p->server.s, packet, p->now), ADIT_OK);
    } else {
        p->n_dropped++;
    }
}

static void deliver(struct pair *p)
{
    struct pair_packet q;

    while (take(&p->client.out, p->now.mono_ns, &q)) {
        at_server(p, adit_bytes_of(q.b, q.n));
        pump(p, &p->server);
    }
    while (take(&p->server.out, p->now.mono_ns, &q)) {
        p->n_dropped += adit_session_recv(p->client.s, adit_bytes_of(q.b, q.n), p->now) != ADIT_OK;
        pump(p, &p->client);
    }
}

bool pair_run(struct pair *p, uint64_t seconds, bool (*is_done)(struct pair *p))
{
    uint64_t end_ns = p->now.mono_ns + seconds * ADIT_NS_PER_S;

    for (;;) {
        uint64_t next = adit_earlier(next_arrival(&p->client.out), next_arrival(&p->server.out));

        pump(p, &p->client);
        pump(p, &p->server);
        if (is_done && is_done(p))
            return true;
        next = adit_earlier(next, adit_earlier(next_arrival(&p->client.out), next_arrival(&p->server.out)));
        if (!p->client.is_closed)
            next = adit_earlier(next, adit_session_deadline(p->client.s));
        if (p->server.s && !p->server.is_closed)
            next = adit_earlier(next, adit_session_deadline(p->server.s));
        if (next > end_ns) {
            p->now.wall_s += (int64_t)((end_ns - p->now.mono_ns) / ADIT_NS_PER_S);
            p->now.mono_ns = end_ns;
            return is_done == NULL;
        }
        if (next > p->now.mono_ns) {
            p->now.wall_s += (int64_t)((next - p->now.mono_ns) / ADIT_NS_PER_S);
            p->now.mono_ns = next;
        }
        deliver(p);
        if (!p->client.is_closed)
            adit_session_tick(p->client.s, p->now);
        if (p->server.s && !p->server.is_closed)
            adit_session_tick(p->server.s, p->now);
    }
}

bool pair_is_up(struct pair *p)
{
    return p->client.is_up && p->server.is_up;
}

bool pair_has_same_keys(const struct pair *p, uint8_t key_id)
{
    return p->client.has_keys[key_id] && p->server.has_keys[key_id] &&
           memcmp(p->client.keys[key_id].block.b, p->server.keys[key_id].block.b, ADIT_KEY_BLOCK_LEN) == 0;
}
