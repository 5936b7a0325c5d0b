/* SPDX-License-Identifier: Apache-2.0 */
/* A server with several clients through the public header: who may send from where, who goes when. */
#include <stdbool.h>

#include "../pem.h"
#include "../unit.h"
#include "adit/adit.h"

enum {
    N_ENDS = 3, /* the server, two clients */
    IP_LEN = 28,
};

struct end {
    struct adit_config *config;
    struct adit_engine *e;
    struct adit_endpoint at;
    unsigned n_up, n_moved, n_closed;
    struct adit_endpoint moved_to;
    char reason[256];
    bool is_gone; /* off the network */
};

struct net {
    struct end ends[N_ENDS];
    struct adit_time now;
    uint64_t seed;
};

static int draw(void *ctx, uint8_t *dst, size_t n)
{
    uint64_t *seed = ctx;

    for (size_t i = 0; i < n; i++) {
        *seed = *seed * 6364136223846793005ULL + 1442695040888963407ULL;
        dst[i] = (uint8_t)(*seed >> 56);
    }
    return 1;
}

static void make_end(struct net *n, int i, const char *more)
{
    static char text[8192];
    struct end *end = &n->ends[i];
    struct adit_engine_params params = {.callbacks = {.random = draw, .ctx = &n->seed}};
    char report[2048];

    snprintf(
        text, sizeof text, "%s\ndev tun\nproto udp\n%s<ca>\n%s</ca>\n<cert>\n%s</cert>\n<key>\n%s</key>\n",
        i == 0 ? "server 10.8.0.0 255.255.255.0\ntopology subnet\ndh none\nkeepalive 10 60"
               : "client\nremote vpn.example 1194\nremote-cert-tls server",
        more, pem_ca, i == 0 ? pem_server_cert : pem_client_cert, i == 0 ? pem_server_key : pem_client_key);
    end->config = adit_config_new(text, strlen(text), report, sizeof report);
    if (!end->config)
        fail_msg("%s", report);
    end->at = (struct adit_endpoint){.family = 4, .ip = {198, 51, 100, (uint8_t)(i + 1)}, .port = 1194};
    params.config = end->config;
    params.server = n->ends[0].at;
    end->e = adit_engine_new(&params, n->now, report, sizeof report);
    if (!end->e)
        fail_msg("%s", report);
}

static void fini(struct net *n)
{
    for (int i = 0; i < N_ENDS; i++) {
        adit_engine_free(n->ends[i].e);
        adit_config_free(n->ends[i].config);
    }
}

static void take_facts(struct end *end)
{
    struct adit_fact f;

    while (end->e && adit_engine_next_fact(end->e, &f)) {
        end->n_up += f.kind == ADIT_FACT_UP;
        end->n_closed += f.kind == ADIT_FACT_CLOSED;
        end->n_moved += f.kind == ADIT_FACT_MOVED;
        if (f.kind == ADIT_FACT_MOVED)
            end->moved_to = f.remote;
        snprintf(end->reason, sizeof end->reason, "%s", f.reason);
    }
}

static struct end *at(struct net *n, const struct adit_endpoint *to)
{
    for (int i = 0; i < N_ENDS; i++)
        if (n->ends[i].e && !n->ends[i].is_gone && memcmp(&n->ends[i].at.ip, to->ip, sizeof to->ip) == 0)
            return &n->ends[i];
    return NULL;
}

static bool carry(struct net *n, struct end *from)
{
    uint8_t b[ADIT_DATAGRAM_CAP];
    struct adit_datagram d = {.b = b, .cap = sizeof b};
    struct adit_received got;
    bool any = false;

    while (from->e && adit_engine_next_datagram(from->e, n->now, &d)) {
        struct end *to = from->is_gone ? NULL : at(n, &d.to);

        if (to)
            (void)adit_engine_recv(to->e, &from->at, d.b, d.n, n->now, &got);
        any = true;
    }
    return any;
}

static void run(struct net *n, unsigned seconds)
{
    uint64_t end_ns = n->now.mono_ns + seconds * 1000000000ULL;

    for (;;) {
        uint64_t next = end_ns + 1;
        bool any = false;

        for (int i = 0; i < N_ENDS; i++)
            any |= carry(n, &n->ends[i]);
        if (any)
            continue;
        for (int i = 0; i < N_ENDS; i++) {
            take_facts(&n->ends[i]);
            if (n->ends[i].e && adit_engine_deadline(n->ends[i].e) < next)
                next = adit_engine_deadline(n->ends[i].e);
        }
        if (next > end_ns)
            break;
        n->now.mono_ns = (next > n->now.mono_ns ? next : n->now.mono_ns) + 1000000;
        for (int i = 0; i < N_ENDS; i++)
            if (n->ends[i].e)
                adit_engine_tick(n->ends[i].e, n->now);
    }
    n->now.mono_ns = end_ns;
}

static void begin(struct net *n, const char *server)
{
    *n = (struct net){.now = {.mono_ns = 5000000000ULL, .wall_s = 1800000000}, .seed = 9};
    make_end(n, 0, server);
    make_end(n, 1, "");
    run(n, 5);
    assert_int_equal(n->ends[0].n_up, 1);
}

static void join(struct net *n)
{
    make_end(n, 2, "");
    run(n, 5);
    assert_int_equal(n->ends[0].n_up, 2);
    assert_int_equal(n->ends[2].n_up, 1);
}

static void fill_packet(uint8_t packet[IP_LEN], uint8_t src, uint8_t dst)
{
    const uint8_t p[IP_LEN] = {0x45, 0, 0, IP_LEN, 0, 0, 0, 0, 64, 17, 0, 0, 10, 8, 0, src, 10, 8, 0, dst};

    memcpy(packet, p, sizeof p);
}

/* What one end makes of a packet between inner addresses, in b. */
static struct adit_datagram seal(struct net *n, int from, uint8_t src, uint8_t dst, uint8_t *b)
{
    struct adit_datagram d = {.b = b, .cap = IP_LEN + ADIT_OVERHEAD};
    uint8_t packet[IP_LEN];

    fill_packet(packet, src, dst);
    (void)adit_engine_send(n->ends[from].e, packet, sizeof packet, n->now, &d);
    return d;
}

/* NULL: it was taken; else why not. */
static const char *offer(struct net *n, struct adit_datagram *d, const struct adit_endpoint *from)
{
    struct adit_received got;
    int is_packet = adit_engine_recv(n->ends[0].e, from, d->b, d->n, n->now, &got);

    take_facts(&n->ends[0]);
    assert_int_equal(is_packet, got.dropped == NULL);
    return got.dropped;
}

static void a_client_sends_from_its_own_address_only(void **state)
{
    struct net n;
    uint8_t b[IP_LEN + ADIT_OVERHEAD];
    struct adit_datagram d;

    (void)state;
    begin(&n, "duplicate-cn\n");
    join(&n);
    d = seal(&n, 1, 2, 1, b);
    assert_null(offer(&n, &d, &n.ends[1].at));
    d = seal(&n, 1, 3, 1, b);
    assert_non_null(offer(&n, &d, &n.ends[1].at));
    d = seal(&n, 1, 77, 1, b);
    assert_non_null(offer(&n, &d, &n.ends[1].at));
    d = seal(&n, 2, 3, 1, b);
    assert_null(offer(&n, &d, &n.ends[2].at));
    fini(&n);
}

static void an_authentic_packet_moves_a_client_and_no_other(void **state)
{
    const struct adit_endpoint elsewhere = {.family = 4, .ip = {203, 0, 113, 9}, .port = 9};
    struct net n;
    uint8_t b[IP_LEN + ADIT_OVERHEAD];
    struct adit_datagram d;

    (void)state;
    begin(&n, "duplicate-cn\n");
    join(&n);
    d = seal(&n, 1, 2, 1, b);
    d.b[d.n - 1] ^= 1;
    assert_non_null(offer(&n, &d, &elsewhere));
    assert_int_equal(n.ends[0].n_moved, 0);
    d = seal(&n, 0, 1, 2, b);
    assert_memory_equal(d.to.ip, n.ends[1].at.ip, 4);
    /* Where another client is, it cannot move. */
    d = seal(&n, 1, 2, 1, b);
    assert_non_null(offer(&n, &d, &n.ends[2].at));
    assert_int_equal(n.ends[0].n_moved, 0);
    d = seal(&n, 1, 2, 1, b);
    assert_null(offer(&n, &d, &elsewhere));
    assert_int_equal(n.ends[0].n_moved, 1);
    assert_memory_equal(n.ends[0].moved_to.ip, elsewhere.ip, 4);
    d = seal(&n, 0, 1, 2, b);
    assert_memory_equal(d.to.ip, elsewhere.ip, 4);
    assert_int_equal(d.to.port, 9);
    fini(&n);
}

static void who_is_silent_is_given_up(void **state)
{
    struct net n;

    (void)state;
    begin(&n, "duplicate-cn\n");
    join(&n);
    run(&n, 300); /* pings keep both */
    assert_int_equal(n.ends[0].n_closed, 0);
    n.ends[1].is_gone = true;
    run(&n, 110);
    assert_int_equal(n.ends[0].n_closed, 0);
    run(&n, 20); /* keepalive 10 60: a server waits twice as long */
    assert_int_equal(n.ends[0].n_closed, 1);
    assert_int_equal(n.ends[1].n_closed, 1);
    assert_int_equal(n.ends[2].n_closed, 0);
    fini(&n);
}

static void a_client_that_left_leaves_its_place(void **state)
{
    struct net n;
    uint8_t b[IP_LEN + ADIT_OVERHEAD];
    struct adit_datagram d;

    (void)state;
    begin(&n, "duplicate-cn\nmax-clients 1\n");
    d = seal(&n, 0, 1, 2, b);
    assert_true(d.n > 0);
    adit_engine_close(n.ends[1].e, 0, n.now);
    run(&n, 10);
    assert_int_equal(n.ends[0].n_closed, 1);
    d = seal(&n, 0, 1, 2, b);
    assert_int_equal(d.n, 0);
    assert_string_equal(d.why, "no peer owns the inner destination address");
    join(&n);
    d = seal(&n, 0, 1, 2, b);
    assert_memory_equal(d.to.ip, n.ends[2].at.ip, 4);
    fini(&n);
}

static void a_name_has_one_client_unless_it_may_have_more(void **state)
{
    struct net n;

    (void)state;
    begin(&n, "");
    join(&n);
    assert_int_equal(n.ends[0].n_closed, 1);
    fini(&n);
    begin(&n, "duplicate-cn\n");
    join(&n);
    assert_int_equal(n.ends[0].n_closed, 0);
    fini(&n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_sends_from_its_own_address_only),
        cmocka_unit_test(an_authentic_packet_moves_a_client_and_no_other),
        cmocka_unit_test(who_is_silent_is_given_up),
        cmocka_unit_test(a_client_that_left_leaves_its_place),
        cmocka_unit_test(a_name_has_one_client_unless_it_may_have_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
