/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The library through its public header: a server and up to two clients with real TLS and real data keys, in
 * virtual time. The input delivers, loses, repeats, reorders and damages their datagrams, invents others,
 * moves clients to other addresses, hands in packets of the device, renegotiates and says goodbye. The first
 * byte says how the control channel is protected, and how many clients there are.
 *
 * Checked: an engine comes to rest; a packet that comes out of a tunnel went into one, unchanged; UP, RENEWED
 * and CLOSED come in that order; what can be printed is printable. OpenSSL's randomness is replaced, so that
 * an input does the same each time.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/rand.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/pem.h"
#include "adit/adit.h"
#include "base/bytes.h"
#include "base/err.h"

enum {
    N_ENDS = 3, /* the server, two clients */
    N_WRAPS = 3,
    QUEUE = 24,
    STEPS_MAX = 300,
    TURNS_MAX = 60,
    DATAGRAMS_MAX = 200,
    PACKET_MAX = 96,
    N_SENT = 64,
    N_IDS = 8,
    PROTOCOL_TCP = 6, /* mssfix may change such packets */
};

#define MS UINT64_C(1000000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check(bool is_right)
{
    if (!is_right)
        abort();
}

/* ---- chance, the engine's and OpenSSL's ---- */

static uint64_t seed;

static int draw(void *ctx, uint8_t *dst, size_t n)
{
    (void)ctx;
    for (size_t i = 0; i < n; i++) {
        seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
        dst[i] = (uint8_t)(seed >> 56);
    }
    return 1;
}

static int draw_for_tls(unsigned char *dst, int n)
{
    return draw(NULL, dst, (size_t)n);
}

static int is_ready(void)
{
    return 1;
}

/* ---- configurations, made once ---- */

static struct adit_config *configs[N_WRAPS][2]; /* of the client, of the server */

static size_t write_key(char *dst, size_t cap, const char *option, bool is_server)
{
    size_t n = 0;

    if (!option)
        return 0;
    if (strcmp(option, "tls-auth") == 0)
        n += (size_t)snprintf(dst, cap, "key-direction %d\n", is_server ? 0 : 1);
    n += (size_t)snprintf(dst + n, cap - n, "<%s>\n-----BEGIN OpenVPN Static key V1-----\n", option);
    for (int i = 0; i < 256; i++)
        n += (size_t)snprintf(dst + n, cap - n, "%02x%s", i, i % 16 == 15 ? "\n" : "");
    n += (size_t)snprintf(dst + n, cap - n, "-----END OpenVPN Static key V1-----\n</%s>\n", option);
    check(n < cap);
    return n;
}

static struct adit_config *make_config(int wrap, bool is_server)
{
    static const char *const options[N_WRAPS] = {NULL, "tls-auth", "tls-crypt"};
    static char text[16384], report[2048];
    size_t n = write_key(text, sizeof text, options[wrap], is_server);
    struct adit_config *c;

    n += (size_t)snprintf(
        text + n, sizeof text - n, "%s\ndev tun\n<ca>\n%s</ca>\n<cert>\n%s</cert>\n<key>\n%s</key>\n",
        is_server ? "server 10.8.0.0 255.255.255.0\nserver-ipv6 fd00::/64\ntopology subnet\ndh none\n"
                    "keepalive 5 60\nmssfix 1300\nduplicate-cn\nreneg-sec 600\n"
                    "push \"route 192.0.2.0 255.255.255.0\""
                  : "client\nremote vpn.example\nremote-cert-tls server\nreneg-sec 900",
        pem_ca, is_server ? pem_server_cert : pem_client_cert, is_server ? pem_server_key : pem_client_key);
    c = adit_config_new(text, n, report, sizeof report);
    if (!c)
        fputs(report, stderr);
    check(c != NULL);
    return c;
}

static void prepare(void)
{
    static const RAND_METHOD method = {.bytes = draw_for_tls, .pseudorand = draw_for_tls, .status = is_ready};

    check(RAND_set_rand_method(&method) == 1);
    for (int wrap = 0; wrap < N_WRAPS; wrap++)
        for (int is_server = 0; is_server < 2; is_server++)
            configs[wrap][is_server] = make_config(wrap, is_server);
}

/* ---- the world ---- */

struct datagram {
    uint8_t b[ADIT_DATAGRAM_CAP];
    size_t n;
    struct adit_endpoint to;
};

struct end {
    struct adit_engine *e;
    struct adit_endpoint at;
    struct datagram out[QUEUE];
    size_t n_out;
    uint8_t is_up[N_IDS]; /* by peer */
    bool is_over;         /* a client that is closed */
};

struct sent {
    uint8_t b[PACKET_MAX];
    size_t n;
};

struct world {
    struct end ends[N_ENDS];
    int n_ends;
    struct adit_time now;
    struct adit_rd in;
    struct sent sent[N_SENT]; /* packets that went into a tunnel */
    size_t n_sent;
};

static bool is_server(const struct world *w, const struct end *e)
{
    return e == &w->ends[0];
}

static void check_text(const char *s)
{
    for (; *s; s++)
        check((unsigned char)*s >= ' ' && *s != 127);
}

static void take_facts(struct world *w, struct end *e)
{
    struct adit_fact f;

    while (adit_engine_next_fact(e->e, &f)) {
        uint8_t *is_up = &e->is_up[f.peer % N_IDS];

        check(!e->is_over);
        check_text(f.name);
        check(f.kind != ADIT_FACT_UP || (!*is_up && f.mtu > 0 && f.v4.family == 4));
        check(f.kind == ADIT_FACT_UP || f.kind == ADIT_FACT_CLOSED || *is_up);
        if (f.kind == ADIT_FACT_CLOSED)
            check_text(f.reason);
        *is_up = f.kind != ADIT_FACT_CLOSED;
        e->is_over = f.kind == ADIT_FACT_CLOSED && !is_server(w, e);
    }
}

static void take_datagrams(struct world *w, struct end *e)
{
    struct datagram *d, spare;

    for (int i = 0;; i++) {
        struct adit_datagram out = {.cap = ADIT_DATAGRAM_CAP};

        check(i < DATAGRAMS_MAX);
        d = e->n_out < QUEUE ? &e->out[e->n_out] : &spare;
        out.b = d->b;
        if (!adit_engine_next_datagram(e->e, w->now, &out))
            return;
        check(out.n > 0 && out.n <= ADIT_DATAGRAM_CAP && out.to.family != 0);
        d->n = out.n;
        d->to = out.to;
        e->n_out += d != &spare;
    }
}

/* What a program's loop does until it may sleep. */
static void turn(struct world *w, struct end *e)
{
    take_facts(w, e);
    take_datagrams(w, e);
    for (int i = 0; adit_engine_deadline(e->e) <= w->now.mono_ns; i++) {
        check(i < TURNS_MAX);
        adit_engine_tick(e->e, w->now);
        take_facts(w, e);
        take_datagrams(w, e);
    }
}

/* ---- packets of the device ---- */

static bool may_change(const uint8_t *p, size_t n)
{
    return n < 10 || (p[0] >> 4 == 4 ? p[9] : p[6]) == PROTOCOL_TCP;
}

static void remember(struct world *w, const uint8_t *p, size_t n)
{
    struct sent *s = &w->sent[w->n_sent++ % N_SENT];

    memcpy(s->b, p, n);
    s->n = n;
}

static bool was_sent(const struct world *w, const uint8_t *p, size_t n)
{
    if (w->n_sent > N_SENT || may_change(p, n))
        return true; /* it may be, and has been forgotten */
    for (size_t i = 0; i < w->n_sent; i++)
        if (w->sent[i].n == n && memcmp(w->sent[i].b, p, n) == 0)
            return true;
    return false;
}

static void send_packet(struct world *w, struct end *e, const uint8_t *p, size_t n)
{
    uint8_t packet[PACKET_MAX], b[PACKET_MAX + ADIT_OVERHEAD];
    struct adit_datagram out = {.b = b, .cap = n + ADIT_OVERHEAD};
    struct datagram *d = &e->out[e->n_out];

    check(n <= sizeof packet);
    memcpy(packet, p, n);
    if (!adit_engine_send(e->e, packet, n, w->now, &out)) {
        check(out.why != NULL);
        return;
    }
    check(out.n > 0 && out.n <= n + ADIT_OVERHEAD);
    remember(w, p, n);
    if (e->n_out == QUEUE)
        return;
    memcpy(d->b, out.b, out.n);
    d->n = out.n;
    d->to = out.to;
    e->n_out++;
}

/* ---- steps ---- */

static struct end *at_endpoint(struct world *w, const struct adit_endpoint *to)
{
    for (int i = 0; i < w->n_ends; i++)
        if (memcmp(&w->ends[i].at.ip, &to->ip, sizeof to->ip) == 0 && w->ends[i].at.port == to->port)
            return &w->ends[i];
    return NULL;
}

static void arrive(struct world *w, const struct adit_endpoint *from, struct end *to, const uint8_t *b,
                   size_t n)
{
    /* An exact allocation, so that a sanitizer sees a read one byte too far. */
    uint8_t *copy = malloc(n > 0 ? n : 1), packet[PACKET_MAX];
    struct adit_received got;
    size_t got_n = 0;

    check(copy != NULL);
    if (n > 0)
        memcpy(copy, b, n);
    if (adit_engine_recv(to->e, from, copy, n, w->now, &got)) {
        check(got.packet > copy && got.packet + got.n <= copy + n && got.n <= sizeof packet);
        check(was_sent(w, got.packet, got.n));
        memcpy(packet, got.packet, got.n);
        got_n = got.n;
    }
    free(copy);
    turn(w, to);
    if (got_n > 0 && is_server(w, to))
        send_packet(w, to, packet, got_n); /* for another client, perhaps */
}

static void take_front(struct end *e)
{
    e->n_out--;
    memmove(e->out, e->out + 1, e->n_out * sizeof e->out[0]);
}

static void deliver(struct world *w, struct end *from, bool is_kept)
{
    static struct datagram d;
    struct end *to;

    if (from->n_out == 0)
        return;
    d = from->out[0];
    if (!is_kept)
        take_front(from);
    to = at_endpoint(w, &d.to);
    if (to)
        arrive(w, &from->at, to, d.b, d.n);
}

static void damage(struct world *w, struct end *from)
{
    size_t at = adit_rd_u16(&w->in);
    uint8_t with = adit_rd_u8(&w->in);
    struct datagram *d = &from->out[0];

    if (from->n_out == 0)
        return;
    if (with == 0)
        d->n = at % (d->n + 1); /* cut short */
    else if (d->n > 0)
        d->b[at % d->n] ^= with;
}

static void rotate(struct end *e)
{
    static struct datagram d;

    if (e->n_out < 2)
        return;
    d = e->out[0];
    take_front(e);
    e->out[e->n_out++] = d;
}

/* A datagram of the input's, with the head of one that is under way if there is one. */
static void invent(struct world *w, struct end *from, struct end *to)
{
    uint8_t shape = adit_rd_u8(&w->in), b[ADIT_DATAGRAM_CAP];
    size_t kept = from->n_out > 0 ? (size_t)(shape >> 4) * 4 : 0;
    adit_bytes tail = adit_rd_take(&w->in, shape & 15);

    if (from->n_out > 0 && kept > from->out[0].n)
        kept = from->out[0].n;
    if (kept > 0)
        memcpy(b, from->out[0].b, kept);
    if (tail.n > 0)
        memcpy(b + kept, tail.p, tail.n);
    arrive(w, &from->at, to, b, kept + tail.n);
}

static void pass_time(struct world *w)
{
    static const uint32_t spans_ms[] = {1, 100, 1000, 2000, 6000, 31000, 61000, 700000};
    uint64_t ms = spans_ms[adit_rd_u8(&w->in) % 8];

    w->now.mono_ns += ms * MS;
    w->now.wall_s += (int64_t)(ms / 1000);
    for (int i = 0; i < w->n_ends; i++)
        turn(w, &w->ends[i]);
}

/* An IPv4 or IPv6 packet between inner addresses whose last bytes the input gives, or its bytes as they are.
 */
static void send_some(struct world *w, struct end *e)
{
    uint8_t shape = adit_rd_u8(&w->in), p[PACKET_MAX] = {0};
    size_t head = shape & 0x40 ? 40 : 20;
    adit_bytes more;

    if (shape & 0x80) {
        more = adit_rd_take(&w->in, shape & 0x3f);
        if (more.n > 0)
            memcpy(p, more.p, more.n);
        send_packet(w, e, p, more.n);
        return;
    }
    if (shape & 0x40) {
        memcpy(p, (uint8_t[]){0x60, 0, 0, 0, 0, 0, 17, 64, 0xfd}, 9);
        p[23] = adit_rd_u8(&w->in);
        p[24] = 0xfd;
        p[39] = adit_rd_u8(&w->in);
    } else {
        memcpy(p, (uint8_t[]){0x45, 0, 0, 20, 0, 0, 0, 0, 64, 17, 0, 0, 10, 8, 0, 0, 10, 8, 0, 0}, 20);
        p[15] = adit_rd_u8(&w->in);
        p[19] = adit_rd_u8(&w->in);
    }
    send_packet(w, e, p, head + (shape & 0x1f));
}

static void act(struct world *w, struct end *e)
{
    uint8_t what = adit_rd_u8(&w->in);
    uint32_t peer = what & 8 ? ADIT_ALL_PEERS : what & 7;

    if (what < 0xa0)
        send_some(w, e);
    else if (what < 0xc0)
        adit_engine_renegotiate(e->e, peer, w->now);
    else if (what < 0xd0)
        adit_engine_close(e->e, peer, w->now);
    else if (!is_server(w, e))
        e->at.port = (uint16_t)(40000 + what % 4); /* behind a NAT that forgot it, or took another's place */
    turn(w, e);
}

static void step(struct world *w)
{
    uint8_t b = adit_rd_u8(&w->in);
    int client = w->n_ends > 2 && b & 0x40 ? 2 : 1;
    struct end *from = &w->ends[b & 0x80 ? 0 : client], *to = &w->ends[b & 0x80 ? client : 0];

    switch (b & 7) {
    case 0:
        deliver(w, from, false);
        break;
    case 1:
        deliver(w, from, true);
        break;
    case 2:
        if (from->n_out > 0)
            take_front(from);
        break;
    case 3:
        damage(w, from);
        break;
    case 4:
        rotate(from);
        break;
    case 5:
        invent(w, from, to);
        break;
    case 6:
        pass_time(w);
        break;
    default:
        act(w, from);
        break;
    }
}

/* All that is under way arrives: most inputs should come up, and spend their steps on what is behind. */
static void settle(struct world *w, int rounds)
{
    for (int i = 0; i < rounds; i++)
        for (int k = 0; k < w->n_ends; k++)
            deliver(w, &w->ends[k], false);
    w->now.mono_ns += 1100 * MS;
    for (int k = 0; k < w->n_ends; k++)
        turn(w, &w->ends[k]);
    for (int i = 0; i < rounds; i++)
        for (int k = 0; k < w->n_ends; k++)
            deliver(w, &w->ends[k], false);
}

static void make_end(struct world *w, int i, int wrap)
{
    struct adit_engine_params p = {.config = configs[wrap][i == 0], .callbacks = {.random = draw}};
    struct end *e = &w->ends[i];
    char report[512];

    e->at = (struct adit_endpoint){.family = 4, .ip = {198, 51, 100, (uint8_t)(1 + i)}, .port = 1194};
    if (i > 0)
        e->at = (struct adit_endpoint){.family = 4, .ip = {203, 0, 113, 1}, .port = (uint16_t)(40000 + i)};
    p.server = w->ends[0].at;
    e->e = adit_engine_new(&p, w->now, report, sizeof report);
    check(e->e != NULL);
    turn(w, e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct world w;
    uint8_t kind;

    seed = 1;
    if (!configs[0][0])
        prepare();
    w = (struct world){.now = {.mono_ns = 5000 * MS, .wall_s = 1800000000}};
    w.in = adit_rd_of(adit_bytes_of(data, n));
    kind = adit_rd_u8(&w.in);
    w.n_ends = kind & 4 ? N_ENDS : N_ENDS - 1;
    for (int i = 0; i < w.n_ends; i++)
        make_end(&w, i, (kind & 3) % N_WRAPS);
    if (kind & 8)
        settle(&w, 16);
    for (int i = 0; i < STEPS_MAX && adit_rd_left(&w.in) > 0; i++)
        step(&w);
    for (int i = 0; i < w.n_ends; i++)
        adit_engine_free(w.ends[i].e);
    return 0;
}
