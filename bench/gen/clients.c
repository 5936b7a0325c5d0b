/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many OpenVPN clients in one process: real handshakes by libadit, one UDP socket each. Then each in turn
 * sends a small packet through its tunnel, an ICMP echo request to the server's inner address, and the
 * answers are counted: a load in which no two packets in a row belong to one peer. Works against any OpenVPN
 * server with `dev tun`, `topology subnet` and room for the clients (openvpn: max-clients,
 * connect-freq-initial).
 *
 *   bench-clients CONFIG SERVER_IP PORT INNER_IP CLIENTS PARALLEL WINDOW SECONDS
 *
 * CONFIG is a client's file with keys and certificates inside. At most PARALLEL handshakes are under way.
 * When all are up it prints a line of JSON and keeps the tunnels alive until there is a line on its standard
 * input; then it sends for SECONDS with at most WINDOW requests unanswered, and prints the other line.
 */
#include <adit/adit.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "gen.h"

enum {
    CLIENTS_MAX = 100000,
    EVENTS = 256,
    READS = 8, /* datagrams of one client before the next has its turn */
    TEXT_CAP = 65536,
    PACKET_LEN = 64,   /* of the IP packet */
    SCAN_MS = 5,       /* between two looks at the deadlines of all clients */
    CALM_SCAN_MS = 50, /* when all are up, and only pings are due */
    CONNECT_S = 120,   /* for all */
    LOST_MS = 100,     /* without any answer: what is under way is lost */
};

struct client {
    struct adit_engine *engine;
    int fd;
    bool is_up;
    uint64_t started_ns;
    uint8_t inner[4];
};

static struct {
    struct adit_config *config;
    struct gen_address server;
    struct adit_endpoint endpoint;
    uint8_t target[4];
    struct client *clients;
    uint32_t *connect_us;
    size_t n, n_started, n_up, parallel, window;
    int epoll;
    uint64_t next_scan_ns;
    size_t in_flight;
    uint64_t answers, lost;
} g;

static struct adit_time now(void)
{
    return (struct adit_time){.mono_ns = gen_now_ns(), .wall_s = time(NULL)};
}

static int draw(void *ctx, uint8_t *dst, size_t n)
{
    (void)ctx;
    return getrandom(dst, n, 0) == (ssize_t)n;
}

static void read_config(const char *path)
{
    static char text[TEXT_CAP], report[4096];
    FILE *f = fopen(path, "r");
    size_t n = f ? fread(text, 1, sizeof text, f) : 0;

    if (!f)
        gen_stop_errno(path);
    fclose(f);
    g.config = adit_config_new(text, n, report, sizeof report);
    if (!g.config)
        gen_stop(report);
}

static struct adit_endpoint endpoint_of(const struct gen_address *a)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)&a->sa;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&a->sa;
    struct adit_endpoint e = {.family = a->sa.ss_family == AF_INET ? 4 : 6};

    if (e.family == 4)
        memcpy(e.ip, &v4->sin_addr, 4);
    else
        memcpy(e.ip, &v6->sin6_addr, 16);
    e.port = ntohs(e.family == 4 ? v4->sin_port : v6->sin6_port);
    return e;
}

/* A full buffer of the machine is a loss as on any way. */
static void put(struct client *c, const struct adit_datagram *d)
{
    if (send(c->fd, d->b, d->n, 0) < 0 && errno != EAGAIN && errno != ENOBUFS && errno != ECONNREFUSED)
        gen_stop_errno("send");
}

static void flush(struct client *c)
{
    uint8_t b[ADIT_DATAGRAM_CAP];
    struct adit_datagram d = {.b = b, .cap = sizeof b};
    struct adit_fact f;

    while (adit_engine_next_datagram(c->engine, now(), &d))
        put(c, &d);
    while (adit_engine_next_fact(c->engine, &f)) {
        if (f.kind == ADIT_FACT_CLOSED)
            gen_stop(f.reason);
        if (f.kind != ADIT_FACT_UP || c->is_up)
            continue;
        c->is_up = true;
        memcpy(c->inner, f.v4.ip, 4);
        g.connect_us[g.n_up++] = (uint32_t)((gen_now_ns() - c->started_ns) / 1000);
    }
}

static void start_one(void)
{
    static char report[4096];
    struct client *c = &g.clients[g.n_started++];
    struct adit_engine_params p = {.config = g.config, .callbacks = {.random = draw}, .server = g.endpoint};
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};

    c->fd = socket(g.server.sa.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || connect(c->fd, (const struct sockaddr *)&g.server.sa, g.server.n) != 0)
        gen_stop_errno("a socket");
    if (epoll_ctl(g.epoll, EPOLL_CTL_ADD, c->fd, &event) != 0)
        gen_stop_errno("epoll_ctl");
    c->started_ns = gen_now_ns();
    c->engine = adit_engine_new(&p, now(), report, sizeof report);
    if (!c->engine)
        gen_stop(report);
    flush(c);
}

static void note_answer(const uint8_t *packet, size_t n)
{
    bool is_reply = n >= 28 && packet[0] == 0x45 && packet[9] == IPPROTO_ICMP && packet[20] == 0;

    if (!is_reply)
        return;
    g.answers++;
    g.in_flight -= g.in_flight > 0;
}

static void read_some(struct client *c)
{
    static uint8_t b[TEXT_CAP];
    struct adit_received got;
    bool is_control = !c->is_up;

    /* A tunnel that is up has one datagram as a rule; epoll tells of a second. */
    for (int i = 0; i < (c->is_up ? 1 : READS); i++) {
        ssize_t n = recv(c->fd, b, sizeof b, 0);

        if (n < 0)
            break;
        if (adit_engine_recv(c->engine, &g.endpoint, b, (size_t)n, now(), &got))
            note_answer(got.packet, got.n);
        else
            is_control = true;
    }
    if (is_control)
        flush(c);
}

static void tick_due(uint64_t at)
{
    if (at < g.next_scan_ns)
        return;
    g.next_scan_ns = at + UINT64_C(1000000) * (g.n_up < g.n ? SCAN_MS : CALM_SCAN_MS);
    for (size_t i = 0; i < g.n_started; i++) {
        if (adit_engine_deadline(g.clients[i].engine) > at)
            continue;
        adit_engine_tick(g.clients[i].engine, now());
        flush(&g.clients[i]);
    }
}

/* One turn: whoever has something to read, and whoever has waited long enough. */
static void turn(int timeout_ms)
{
    struct epoll_event events[EVENTS];
    int n = epoll_wait(g.epoll, events, EVENTS, timeout_ms);

    for (int i = 0; i < n; i++)
        read_some(events[i].data.ptr);
    tick_due(gen_now_ns());
}

static void connect_all(void)
{
    uint64_t start = gen_now_ns(), end = start + GEN_S_NS * CONNECT_S;
    double seconds, middle;

    while (g.n_up < g.n) {
        while (g.n_started < g.n && g.n_started - g.n_up < g.parallel)
            start_one();
        turn(SCAN_MS);
        if (gen_now_ns() > end)
            gen_stop("not all clients were connected in time");
    }
    seconds = (double)(gen_now_ns() - start) / 1e9;
    middle = gen_quantile(g.connect_us, g.n, 0.5) / 1000;
    printf("{\"clients\": %zu, \"seconds\": %.6f, \"p50_ms\": %.3f, \"p99_ms\": %.3f}\n", g.n, seconds,
           middle, gen_quantile(g.connect_us, g.n, 0.99) / 1000);
    fflush(stdout);
}

static void stay_until_told(void)
{
    struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
    char line[16];

    while (poll(&in, 1, 0) == 0)
        turn(SCAN_MS);
    if (read(STDIN_FILENO, line, sizeof line) <= 0)
        exit(0);
}

static uint16_t checksum(const uint8_t *b, size_t n)
{
    uint32_t sum = 0;

    for (size_t i = 0; i + 1 < n; i += 2)
        sum += (uint32_t)(b[i] << 8 | b[i + 1]);
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

static void put_checksum(uint8_t *b, size_t n, size_t at)
{
    uint16_t sum = checksum(b, n);

    b[at] = (uint8_t)(sum >> 8);
    b[at + 1] = (uint8_t)sum;
}

static void ask(struct client *c, uint16_t number)
{
    uint8_t packet[PACKET_LEN] = {0x45, 0, 0, PACKET_LEN, 0, 0, 0x40, 0, 64, IPPROTO_ICMP};
    uint8_t b[PACKET_LEN + ADIT_OVERHEAD];
    struct adit_datagram d = {.b = b, .cap = sizeof b};

    memcpy(packet + 12, c->inner, 4);
    memcpy(packet + 16, g.target, 4);
    put_checksum(packet, 20, 10);
    packet[20] = 8; /* echo request */
    packet[26] = (uint8_t)(number >> 8);
    packet[27] = (uint8_t)number;
    put_checksum(packet + 20, PACKET_LEN - 20, 2);
    if (!adit_engine_send(c->engine, packet, sizeof packet, now(), &d))
        gen_stop(d.why);
    put(c, &d);
    g.in_flight++;
}

/* Sends until `end`, one client after the other. */
static void send_in_turn(uint64_t end)
{
    static size_t next;
    static uint16_t number;
    uint64_t at, answers = g.answers, quiet_since = gen_now_ns();

    while ((at = gen_now_ns()) < end) {
        for (; g.in_flight < g.window; next = (next + 1) % g.n)
            ask(&g.clients[next], number++);
        turn(1);
        if (g.answers != answers) {
            answers = g.answers;
            quiet_since = at;
        } else if (at - quiet_since > UINT64_C(1000000) * LOST_MS) {
            g.lost += g.in_flight;
            g.in_flight = 0;
            quiet_since = at;
        }
    }
}

static void run_traffic(double seconds)
{
    uint64_t start, answers, lost;

    send_in_turn(gen_now_ns() + UINT64_C(1000000) * GEN_SKIP_MS);
    start = gen_now_ns();
    answers = g.answers;
    lost = g.lost;
    send_in_turn(start + (uint64_t)(seconds * 1e9));
    printf("{\"answers\": %llu, \"lost\": %llu, \"seconds\": %.6f}\n",
           (unsigned long long)(g.answers - answers), (unsigned long long)(g.lost - lost),
           (double)(gen_now_ns() - start) / 1e9);
    fflush(stdout);
}

static void make_room(size_t n)
{
    struct rlimit files;

    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    g.n = n;
    g.clients = calloc(n, sizeof *g.clients);
    g.connect_us = calloc(n, sizeof *g.connect_us);
    g.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (!g.clients || !g.connect_us || g.epoll < 0)
        gen_stop("no memory");
}

static void leave(void)
{
    for (size_t i = 0; i < g.n_started; i++) {
        adit_engine_free(g.clients[i].engine);
        close(g.clients[i].fd);
    }
    adit_config_free(g.config);
    free(g.clients);
    free(g.connect_us);
    close(g.epoll);
}

int main(int argc, char **argv)
{
    gen_name = "bench-clients";
    if (argc != 9)
        gen_stop("CONFIG SERVER_IP PORT INNER_IP CLIENTS PARALLEL WINDOW SECONDS");
    read_config(argv[1]);
    g.server = gen_address_of(argv[2], argv[3]);
    g.endpoint = endpoint_of(&g.server);
    if (inet_pton(AF_INET, argv[4], g.target) != 1)
        gen_stop("the inner address is not one of IPv4");
    make_room((size_t)gen_number(argv[5], 1, CLIENTS_MAX));
    g.parallel = (size_t)gen_number(argv[6], 1, CLIENTS_MAX);
    g.window = (size_t)gen_number(argv[7], 1, 100000);
    connect_all();
    stay_until_told();
    run_traffic(gen_number(argv[8], 0.01, 3600));
    leave();
    return 0;
}
