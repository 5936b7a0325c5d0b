/* SPDX-License-Identifier: Apache-2.0 */
/* What a client gets once it is known: a name of its own, a number, addresses, options. */
#include "server/parts.h"

#include <stdio.h>
#include <string.h>

#include "host/words.h"

enum {
    PUSH_LIST_MAX = 64 * 1024,
};

static const char full_reason[] = "TEMP[backoff 15]:the server is full";

static bool can_hear_temp(const struct adit_peer_info *info)
{
    return info->iv_proto & ADIT_IV_AUTH_FAIL_TEMP;
}

/* A client without that IV_PROTO bit would take AUTH_FAILED for a wrong password and give up: it gets
 * silence. */
static void refuse_full(struct adit_caller *c, const struct adit_peer_info *info)
{
    struct adit_server *sv = c->sv;

    sv->drops[ADIT_E_FULL]++;
    if (adit_directory_count(sv->directory) >= sv->conf->max_clients)
        adit_warn(sv->log, c->subject,
                  "MULTI: new incoming connection would exceed maximum number of clients (%u); raise "
                  "max-clients",
                  sv->conf->max_clients);
    else
        adit_warn(sv->log, c->subject,
                  "MULTI: no free --ifconfig-pool addresses are available; enlarge the pool (server, "
                  "ifconfig-pool)");
    if (!can_hear_temp(info) || adit_session_refuse(c->session, full_reason, adit_clock_now()) != ADIT_OK)
        adit_session_end(c->session, ADIT_E_FULL, 0, adit_clock_now());
}

static void refuse(struct adit_caller *c, const char *reason)
{
    adit_error(c->sv->log, c->subject, "client refused: %s", reason);
    if (adit_session_refuse(c->session, reason, adit_clock_now()) != ADIT_OK)
        adit_session_end(c->session, ADIT_E_AUTH_DENIED, 0, adit_clock_now());
}

static void log_no_cipher(const struct adit_caller *c, adit_bytes peer_info)
{
    char theirs[ADIT_CIPHER_LIST_LEN] = "";
    adit_bytes list;

    if (adit_peer_info_get(peer_info, "IV_CIPHERS", &list))
        adit_log_clean(list, theirs, sizeof theirs);
    adit_error(c->sv->log, c->subject,
               "No common cipher between server and client. Server data-ciphers: '%s', client "
               "supported ciphers '%s'",
               c->sv->terms.cipher_text, theirs);
}

static void drop_for(const struct adit_caller *c, struct adit_caller *other, const char *hint)
{
    adit_note(c->sv->log, other->subject, "closed: the client '%s' has connected anew%s", c->name, hint);
    adit_caller_end(other);
}

/* One client of a name at a time, unless duplicate-cn; and of one address and port always. */
static void drop_predecessors(struct adit_caller *c)
{
    struct adit_server *sv = c->sv;
    struct adit_caller *other = c->is_stream ? NULL : adit_place_find(sv, c->way.link, &c->way.remote), *next;

    if (other)
        drop_for(c, other, "");
    if (sv->conf->is_duplicate_cn)
        return;
    HASH_ITER(hh, sv->callers, other, next)
    {
        if (other->is_admitted && strcmp(other->name, c->name) == 0)
            drop_for(c, other, "; use duplicate-cn if several clients share a certificate");
    }
}

static struct adit_peer_spec spec_of(const struct adit_caller *c)
{
    const struct adit_conf *conf = c->sv->conf;
    struct adit_mss mss =
        adit_terms_mss(&conf->conn, &c->agreed, c->is_stream, c->way.remote.ip.family == ADIT_AF_V6);

    return (struct adit_peer_spec){
        .peer = c->lease.peer_id,
        .link = c->way.link,
        .remote = c->way.remote,
        .local = c->way.local,
        .wire_peer_id = c->agreed.peer_id,
        .may_float = !c->is_stream,
        .check_source = conf->dev_type == ADIT_DEV_TUN,
        .mss4 = mss.v4,
        .mss6 = mss.v6,
        .ping_s = c->is_up ? conf->ping_s : 0,
        .silent_s = conf->ping_restart_s,
        .replay_window = conf->replay_window,
        .replay_s = conf->replay_s,
        .peer_window = c->peer_window,
        .limit = {.bytes = conf->reneg_bytes, .packets = conf->reneg_packets},
    };
}

/* It may receive from now on. Nothing is sent to it yet, since the client does not have its keys. */
static void add_peer(struct adit_caller *c)
{
    struct adit_peer_spec spec = spec_of(c);

    c->sv->by_peer[c->lease.peer_id] = c;
    c->is_admitted = true;
    adit_place_take(c);
    adit_host_set_peer(c->sv->h, &spec, true);
}

static void log_learned(const struct adit_caller *c, const struct adit_ip *ip)
{
    char text[ADIT_IP_STR_MAX];

    adit_ip_str(ip, text, sizeof text);
    adit_info(c->sv->log, c->subject, "MULTI: Learn: %s -> %s", text, c->subject);
    adit_info(c->sv->log, c->subject, "MULTI: primary virtual %s for %s: %s",
              ip->family == ADIT_AF_V6 ? "IPv6" : "IP", c->subject, text);
}

static void set_peer(const struct adit_caller *c)
{
    struct adit_peer_spec spec = spec_of(c);

    adit_host_set_peer(c->sv->h, &spec, false);
}

void adit_caller_open(struct adit_caller *c)
{
    const struct adit_ip *ips[] = {&c->lease.v4, &c->lease.v6};

    set_peer(c);
    for (size_t i = 0; i < 2; i++) {
        struct adit_prefix p = {.ip = *ips[i], .bits = ips[i]->family == ADIT_AF_V6 ? 128 : 32};

        if (ips[i]->family == ADIT_AF_NONE)
            continue;
        log_learned(c, ips[i]);
        adit_host_route(c->sv->h, ADIT_CMD_ROUTE_ADD, c->lease.peer_id, &p);
    }
}

/* ---- admission ---- */

static adit_bytes build_push(const struct adit_caller *c, const struct adit_peer_info *info, uint8_t *buf,
                             size_t cap)
{
    struct adit_wr w = adit_wr_of(buf, cap);

    adit_terms_push(&c->sv->terms, &c->lease, &c->agreed, info, &w);
    if (w.bad)
        adit_error(c->sv->log, c->subject, "push: the list of options is too long; the end is left out");
    return adit_wr_view(&w);
}

/* The last line under the bare address, as in openvpn: from here on the name stands before it. */
static void take_name(struct adit_caller *c, const struct adit_identity *id)
{
    char text[ADIT_WORDS_ADDR_MAX];

    snprintf(c->name, sizeof c->name, "%s", id->has_cert ? id->common_name : "");
    adit_note(c->sv->log, c->subject, "[%s] Peer Connection Initiated with %s",
              c->name[0] ? c->name : "UNDEF", adit_words_addr(&c->way.remote, text, sizeof text));
    adit_caller_name_subject(c);
}

static void log_lease(const struct adit_caller *c)
{
    char v4[ADIT_IP_STR_MAX] = "(Not enabled)", v6[ADIT_IP_STR_MAX] = "(Not enabled)";

    if (c->lease.v4.family != ADIT_AF_NONE)
        adit_ip_str(&c->lease.v4, v4, sizeof v4);
    if (c->lease.v6.family != ADIT_AF_NONE)
        adit_ip_str(&c->lease.v6, v6, sizeof v6);
    adit_info(c->sv->log, c->subject, "MULTI_sva: pool returned IPv4=%s, IPv6=%s", v4, v6);
}

/* Certificates were compared by the session; what was agreed stays, but for what the client says of itself.
 */
static void renew(struct adit_caller *c, const struct adit_event *ev)
{
    struct adit_peer_info info;

    adit_peer_info_parse(ev->peer_info, &info);
    if (info.replay_window != c->peer_window) {
        c->peer_window = info.replay_window;
        set_peer(c);
    }
    if (adit_session_admit(c->session, &c->agreed, adit_bytes_of(NULL, 0), adit_clock_now()) != ADIT_OK)
        adit_session_end(c->session, ADIT_E_STATE, 0, adit_clock_now());
}

void adit_caller_admit(struct adit_caller *c, const struct adit_event *ev)
{
    static uint8_t list[PUSH_LIST_MAX]; /* of the one policy thread; too large for its stack */
    struct adit_server *sv = c->sv;
    struct adit_peer_info info;
    const char *reason = NULL;
    adit_err e;

    if (ev->is_renewal) {
        renew(c, ev);
        return;
    }
    adit_peer_info_parse(ev->peer_info, &info);
    adit_words_peer_info(sv->log, c->subject, ev->peer_info);
    take_name(c, ev->identity);
    if (!ev->identity->has_cert) {
        refuse(c, "no certificate was shown, and this server has no other way to know its clients");
        return;
    }
    e = adit_terms_agree_server(&sv->terms, &info, ev->peer_options, 0, &c->agreed, &reason);
    if (e != ADIT_OK) {
        if (e == ADIT_E_NO_CIPHER)
            log_no_cipher(c, ev->peer_info);
        refuse(c, reason);
        return;
    }
    drop_predecessors(c);
    e = adit_directory_join(sv->directory, c->name, &c->lease);
    if (e != ADIT_OK) {
        refuse_full(c, &info);
        return;
    }
    if (c->agreed.peer_id != ADIT_PEER_ID_NONE)
        c->agreed.peer_id = c->lease.peer_id;
    c->peer_window = info.replay_window;
    add_peer(c);
    log_lease(c);
    adit_info(sv->log, c->subject, "Data Channel: cipher '%s', peer-id: %d", c->agreed.cipher->name,
              c->agreed.peer_id == ADIT_PEER_ID_NONE ? -1 : (int)c->agreed.peer_id);
    if (adit_session_admit(c->session, &c->agreed, build_push(c, &info, list, sizeof list),
                           adit_clock_now()) != ADIT_OK)
        adit_session_end(c->session, ADIT_E_MEMORY, 0, adit_clock_now());
}
