/* SPDX-License-Identifier: Apache-2.0 */
/* The socket to one address, and its way into the plane. */
#include "client/parts.h"

#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "host/outside.h"
#include "host/words.h"

/* ---- material of a connection entry ---- */

/* All of them once, at the start: later the files may be out of reach (user, group), and keys are always
 * kept. */
adit_err adit_client_load_wraps(struct adit_client *c)
{
    adit_err e = ADIT_OK;

    c->all_wraps = adit_alloc(c->conf->n_conns * sizeof *c->all_wraps);
    if (!c->all_wraps)
        return ADIT_E_MEMORY;
    for (size_t i = 0; i < c->conf->n_conns; i++) {
        adit_err one = adit_wraps_load(&c->all_wraps[i], c->conf, &c->conf->conns[i], c->terms.auth, c->log);

        if (one != ADIT_OK)
            e = one; /* go on: every unusable key is told at once */
    }
    return e;
}

void adit_client_free_wraps(struct adit_client *c)
{
    for (size_t i = 0; c->all_wraps && i < c->conf->n_conns; i++)
        adit_wraps_free(&c->all_wraps[i]);
    adit_free(c->all_wraps);
    c->all_wraps = NULL;
}

/* ---- the way into the plane ---- */

/* Which end of which socket this is. */
static void log_link(struct adit_client *c, int fd, const struct adit_addr *remote)
{
    char text[ADIT_WORDS_ADDR_MAX];
    struct adit_addr local = {.port = 0};
    const char *proto;

    if (adit_socket_local(fd, &local) != ADIT_OK)
        local.ip.family = ADIT_AF_NONE;
    proto = adit_words_proto(c->conn->proto, remote ? remote->ip.family : local.ip.family);
    if (c->conn->is_bound)
        adit_note(c->log, NULL, "%s link local (bound): %s", proto,
                  adit_words_addr(&local, text, sizeof text));
    else
        adit_note(c->log, NULL, "%s link local: (not bound)", proto);
    adit_note(c->log, NULL, "%s link remote: %s", proto,
              remote ? adit_words_addr(remote, text, sizeof text) : "[AF_UNSPEC]");
}

/* The descriptor goes to the plane; from here on bytes come as notes. */
static void hand_over(struct adit_client *c, int fd, const struct adit_addr *remote, bool is_connected)
{
    struct adit_way way = {.link = c->next_link++};

    if (remote)
        way.remote = *remote;
    c->way = way;
    c->link = way.link;
    log_link(c, fd, remote);
    adit_host_add_link(c->h, c->link, fd, c->is_tcp, is_connected);
}

/* ---- UDP ---- */

static void open_udp(struct adit_client *c, const struct adit_addr *remote)
{
    /* A peer that may float answers from anywhere, so its socket must not be tied to one address. */
    bool want_connect = remote && !c->conn->can_float && c->params.role != ADIT_ROLE_P2P_SERVER;
    int fd = adit_outside_socket(c->h, c->conn, ADIT_SOCKET_UDP, &c->local, remote);
    struct adit_fail fail;

    if (fd < 0) {
        adit_client_restart(c, "socket-error");
        return;
    }
    if (want_connect && adit_socket_connect(fd, remote, &fail) != ADIT_OK) {
        adit_warn(c->log, NULL, "%s", fail.text);
        close(fd);
        adit_client_restart(c, "socket-error");
        return;
    }
    hand_over(c, fd, remote, want_connect);
    if (c->params.role != ADIT_ROLE_P2P_SERVER)
        adit_client_begin_session(c);
}

/* ---- TCP ---- */

static void stop_tcp_poll(struct adit_client *c)
{
    if (c->is_tcp_polled) {
        uv_poll_stop(&c->tcp_poll);
        c->is_tcp_polled = false;
    }
}

static void say_established(const struct adit_client *c, const struct adit_addr *remote)
{
    char text[ADIT_WORDS_ADDR_MAX];

    adit_note(c->log, NULL, "TCP connection established with %s", adit_words_addr(remote, text, sizeof text));
}

static void on_tcp_writable(uv_poll_t *handle, int status, int events)
{
    struct adit_client *c = handle->data;
    struct adit_fail fail;
    int fd = c->tcp_fd;

    (void)status;
    (void)events;
    stop_tcp_poll(c);
    uv_close((uv_handle_t *)handle, NULL);
    c->tcp_fd = -1;
    if (adit_socket_connected(fd, &c->way.remote, &fail) != ADIT_OK) {
        adit_note(c->log, NULL, "TCP: %s", fail.text);
        close(fd);
        adit_client_restart(c, "connection-failed");
        return;
    }
    say_established(c, &c->way.remote);
    hand_over(c, fd, &c->way.remote, true);
    adit_client_begin_session(c);
}

static void on_tcp_caller(uv_poll_t *handle, int status, int events)
{
    struct adit_client *c = handle->data;
    struct adit_addr peer;
    int fd;

    (void)status;
    (void)events;
    if (adit_socket_accept(c->tcp_fd, true, &fd, &peer) != ADIT_OK)
        return;
    if (c->link != ADIT_LINK_NONE) {
        close(fd); /* one peer at a time */
        return;
    }
    say_established(c, &peer);
    hand_over(c, fd, &peer, true);
    adit_client_await_answer(c, c->conf->hand_window_s);
}

static void poll_tcp(struct adit_client *c, int fd, int events, uv_poll_cb cb)
{
    c->tcp_fd = fd;
    c->tcp_poll.data = c;
    uv_poll_init(&c->h->loop, &c->tcp_poll, fd);
    uv_poll_start(&c->tcp_poll, events, cb);
    c->is_tcp_polled = true;
}

static void connect_tcp(struct adit_client *c, const struct adit_addr *remote)
{
    char text[ADIT_WORDS_ADDR_MAX];
    int fd = adit_outside_socket(c->h, c->conn, ADIT_SOCKET_TCP_CONNECT, &c->local, remote);
    struct adit_fail fail;
    adit_err e;

    if (fd < 0) {
        adit_client_restart(c, "socket-error");
        return;
    }
    c->way.remote = *remote;
    adit_note(c->log, NULL, "Attempting to establish TCP connection with %s",
              adit_words_addr(remote, text, sizeof text));
    e = adit_socket_connect(fd, remote, &fail);
    if (e == ADIT_OK || e == ADIT_E_EMPTY) {
        poll_tcp(c, fd, UV_WRITABLE, on_tcp_writable);
        adit_client_await_answer(c, c->conn->connect_timeout_s);
        return;
    }
    adit_note(c->log, NULL, "TCP: %s", fail.text);
    close(fd);
    adit_client_restart(c, "connection-failed");
}

static void listen_tcp(struct adit_client *c)
{
    int fd = adit_outside_socket(c->h, c->conn, ADIT_SOCKET_TCP_LISTEN, &c->local, NULL);

    if (fd < 0)
        adit_client_exit(c, "socket-error", 1);
    else
        poll_tcp(c, fd, UV_READABLE, on_tcp_caller);
}

/* ---- both ---- */

static adit_err make_door(struct adit_client *c)
{
    struct adit_door_params p = adit_outside_door(c->conf, c->conn, c->wraps);

    c->has_door = true;
    return adit_door_init(&c->door, &p, &c->h->env.rng);
}

void adit_client_open_link(struct adit_client *c, const struct adit_addr *remote)
{
    bool is_server = c->params.role == ADIT_ROLE_P2P_SERVER;

    c->is_tcp = c->conn->proto != ADIT_PROTO_UDP;
    adit_terms_for(&c->terms, c->conn, c->is_tcp);
    c->wraps = &c->all_wraps[c->conn - c->conf->conns];
    if (is_server && make_door(c) != ADIT_OK) {
        adit_client_exit(c, "crypto-error", 1);
        return;
    }
    if (!c->is_tcp)
        open_udp(c, remote);
    else if (c->conn->proto == ADIT_PROTO_TCP_SERVER)
        listen_tcp(c);
    else
        connect_tcp(c, remote);
}

void adit_client_close_link(struct adit_client *c)
{
    if (c->is_tcp_polled) {
        stop_tcp_poll(c);
        uv_close((uv_handle_t *)&c->tcp_poll, NULL);
    }
    if (c->tcp_fd >= 0)
        close(c->tcp_fd);
    c->tcp_fd = -1;
    if (c->link != ADIT_LINK_NONE)
        adit_host_del_link(c->h, c->link);
    c->link = ADIT_LINK_NONE;
    if (c->has_door)
        adit_door_fini(&c->door);
    c->has_door = false;
}
