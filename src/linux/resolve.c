/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request is freed by whatever libuv calls last: the getaddrinfo callback, or the close callback of the
 * timer that stands in for it when there is nothing to look up.
 */
#include "linux/resolve.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "linux/sock.h"

struct adit_resolve {
    union {
        uv_getaddrinfo_t lookup;
        uv_timer_t literal;
    };
    adit_resolve_cb cb; /* NULL: canceled */
    void *arg;
    char name[320]; /* for messages: host and port */
    bool is_literal;
    struct adit_addr addr; /* is_literal */
};

static void free_timer(uv_handle_t *h)
{
    adit_free(h->data);
}

static void answer_literal(uv_timer_t *timer)
{
    struct adit_resolve *r = timer->data;
    struct adit_resolved answer = {.err = ADIT_OK, .why = "", .addrs = &r->addr, .n = 1};
    adit_resolve_cb cb = r->cb;

    r->cb = NULL;
    cb(r->arg, &answer);
    uv_close((uv_handle_t *)timer, free_timer);
}

static bool is_known(const struct adit_addr *list, size_t n, const struct adit_addr *a)
{
    for (size_t i = 0; i < n; i++)
        if (adit_addr_eq(&list[i], a))
            return true;
    return false;
}

static size_t collect(const struct addrinfo *list, struct adit_addr *out)
{
    size_t n = 0;

    for (; list && n < ADIT_RESOLVE_MAX; list = list->ai_next)
        if (adit_sockaddr_get(list->ai_addr, list->ai_addrlen, &out[n]) && !is_known(out, n, &out[n]))
            n++;
    return n;
}

/* In the system's words, which are those of openvpn's log; libuv's own differ. */
static const char *reason(int status)
{
    switch (status) {
    case 0:
        return "it has no address";
    case UV_EAI_AGAIN:
        return gai_strerror(EAI_AGAIN);
    case UV_EAI_NONAME:
        return gai_strerror(EAI_NONAME);
    case UV_EAI_FAIL:
        return gai_strerror(EAI_FAIL);
    case UV_EAI_SERVICE:
        return gai_strerror(EAI_SERVICE);
    default:
        return uv_strerror(status);
    }
}

static void answer_lookup(uv_getaddrinfo_t *lookup, int status, struct addrinfo *list)
{
    struct adit_resolve *r = lookup->data;
    struct adit_addr addrs[ADIT_RESOLVE_MAX];
    struct adit_resolved answer = {.err = ADIT_OK, .why = "", .addrs = addrs};
    char why[448];

    if (status == 0)
        answer.n = collect(list, addrs);
    uv_freeaddrinfo(list);
    if (answer.n == 0) {
        answer.err = ADIT_E_OS;
        answer.is_temporary = status == UV_EAI_AGAIN;
        snprintf(why, sizeof why, "Cannot resolve host address: %s (%s)", r->name, reason(status));
        answer.why = why;
    }
    if (r->cb)
        r->cb(r->arg, &answer);
    adit_free(r);
}

static bool parse_port(const char *s, uint16_t *out)
{
    char *end;
    unsigned long v;

    *out = 0;
    if (!s)
        return true;
    if (*s < '0' || *s > '9')
        return false;
    v = strtoul(s, &end, 10);
    *out = (uint16_t)v;
    return *end == '\0' && v <= UINT16_MAX;
}

static bool is_literal(const char *host, const char *port, enum adit_family family, struct adit_addr *out)
{
    return host && parse_port(port, &out->port) && adit_ip_parse(host, &out->ip) == ADIT_OK &&
           (family == ADIT_AF_NONE || out->ip.family == family);
}

static int start_lookup(uv_loop_t *loop, struct adit_resolve *r, const char *host, const char *port,
                        enum adit_family family)
{
    struct addrinfo hints = {
        .ai_family = family == ADIT_AF_V4   ? AF_INET
                     : family == ADIT_AF_V6 ? AF_INET6
                                            : AF_UNSPEC,
        .ai_socktype = SOCK_DGRAM, /* one answer per address; ports of services are the same for tcp */
        .ai_flags = host ? 0 : AI_PASSIVE,
    };

    r->lookup.data = r;
    return uv_getaddrinfo(loop, &r->lookup, answer_lookup, host, port, &hints);
}

static int start_literal(uv_loop_t *loop, struct adit_resolve *r)
{
    int status = uv_timer_init(loop, &r->literal);

    if (status != 0)
        return status;
    r->literal.data = r;
    return uv_timer_start(&r->literal, answer_literal, 0, 0);
}

struct adit_resolve *adit_resolve_start(uv_loop_t *loop, const char *host, const char *port,
                                        enum adit_family family, adit_resolve_cb cb, void *arg)
{
    struct adit_resolve *r = adit_alloc(sizeof *r);
    int status;

    if (!r)
        return NULL;
    if (host && !*host)
        host = NULL;
    r->cb = cb;
    r->arg = arg;
    snprintf(r->name, sizeof r->name, "%s:%s", host ? host : "*", port ? port : "");
    r->is_literal = is_literal(host, port, family, &r->addr);
    status = r->is_literal ? start_literal(loop, r) : start_lookup(loop, r, host, port, family);
    if (status == 0)
        return r;
    adit_free(r);
    return NULL;
}

void adit_resolve_cancel(struct adit_resolve *r)
{
    if (!r || !r->cb)
        return;
    r->cb = NULL;
    if (r->is_literal)
        uv_close((uv_handle_t *)&r->literal, free_timer);
    else
        (void)uv_cancel((uv_req_t *)&r->lookup); /* too late is fine: the callback finds cb NULL */
}
