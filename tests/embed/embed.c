/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libadit in a program, from the installed header alone: a server and a client in one process, with an array
 * in place of the network and a number in place of the clock. A real program puts a socket and a device
 * there.
 *
 *   cc embed.c $(pkg-config --cflags --libs adit) && ./a.out server.conf client.conf
 */
#include <adit/adit.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

static int draw(void *ctx, uint8_t *dst, size_t n)
{
    (void)ctx;
    return getrandom(dst, n, 0) == (ssize_t)n;
}

static struct adit_config *read_config(const char *path)
{
    static char text[65536], report[4096];
    FILE *f = fopen(path, "r");
    size_t n = f ? fread(text, 1, sizeof text, f) : 0;
    struct adit_config *c = adit_config_new(text, n, report, sizeof report);

    if (f)
        fclose(f);
    fputs(report, stderr);
    return c;
}

static struct adit_engine *make(const struct adit_config *c, struct adit_endpoint server,
                                struct adit_time now)
{
    struct adit_engine_params p = {.config = c, .callbacks = {.random = draw}, .server = server};
    static char report[4096];
    struct adit_engine *e = adit_engine_new(&p, now, report, sizeof report);

    fputs(report, stderr);
    return e;
}

/* Counts the facts of one kind, and tells all. */
static int tell(const char *who, struct adit_engine *e, enum adit_fact_kind kind)
{
    struct adit_fact f;
    int n = 0;

    while (adit_engine_next_fact(e, &f)) {
        printf("%s: fact %d about peer %u (%s) %s\n", who, (int)f.kind, (unsigned)f.peer, f.name, f.reason);
        n += f.kind == kind;
    }
    return n;
}

/* All datagrams of one end to the other; the number of them. */
static int carry(struct adit_engine *from, const struct adit_endpoint *at, struct adit_engine *to,
                 struct adit_time now)
{
    uint8_t b[ADIT_DATAGRAM_CAP];
    struct adit_datagram d = {.b = b, .cap = sizeof b};
    struct adit_received got;
    int n = 0;

    for (; adit_engine_next_datagram(from, now, &d); n++)
        adit_engine_recv(to, at, d.b, d.n, now, &got);
    return n;
}

/* An IPv4 packet through the tunnel; 1 if it came out as it went in. */
static int pass(struct adit_engine *client, const struct adit_endpoint *at, struct adit_engine *server,
                struct adit_time now)
{
    uint8_t packet[20] = {0x45, 0, 0, 20, 0, 0, 0, 0, 64, 59, 0, 0, 10, 8, 0, 2, 10, 8, 0, 1};
    uint8_t b[sizeof packet + ADIT_OVERHEAD];
    struct adit_datagram d = {.b = b, .cap = sizeof b};
    struct adit_received got;

    return adit_engine_send(client, packet, sizeof packet, now, &d) &&
           adit_engine_recv(server, at, d.b, d.n, now, &got) && got.n == sizeof packet &&
           memcmp(got.packet, packet, sizeof packet) == 0;
}

int main(int argc, char **argv)
{
    struct adit_endpoint here = {.family = 4, .ip = {192, 0, 2, 1}, .port = 1194};
    struct adit_endpoint there = {.family = 4, .ip = {192, 0, 2, 2}, .port = 40000};
    struct adit_time now = {.mono_ns = 1, .wall_s = 1800000000};
    struct adit_config *cs = argc == 3 ? read_config(argv[1]) : NULL, *cc = cs ? read_config(argv[2]) : NULL;
    struct adit_engine *s = cc ? make(cs, here, now) : NULL, *c = s ? make(cc, here, now) : NULL;
    int n_up = 0, is_good = 0;

    for (int turn = 0; c && turn < 1000 && n_up < 2; turn++) {
        while (carry(c, &there, s, now) + carry(s, &here, c, now) > 0)
            n_up += tell("client", c, ADIT_FACT_UP) + tell("server", s, ADIT_FACT_UP);
        now.mono_ns += 50000000; /* a real program waits for adit_engine_deadline() or its socket */
        adit_engine_tick(c, now);
        adit_engine_tick(s, now);
    }
    if (n_up == 2)
        is_good = pass(c, &there, s, now);
    printf("libadit %s: %s\n", adit_version(), is_good ? "a packet came through" : "no packet came through");
    adit_engine_free(c);
    adit_engine_free(s);
    adit_config_free(cc);
    adit_config_free(cs);
    return is_good ? 0 : 1;
}
