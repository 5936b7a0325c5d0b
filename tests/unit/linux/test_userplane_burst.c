/* SPDX-License-Identifier: Apache-2.0 */
/* Several packets of the device at a time: whatever is done first for all of them, each arrives once, in
 * order. */
#include "userplane_rig.h"

#include <netinet/udp.h>
#include <sys/eventfd.h>

#include "../plane/merge_rig.h"

enum {
    CLIENTS = 3,
    PACKETS = 50,
    WRITES = 8,
};

/* Gives one numbered packet after the other, to each client in turn; keeps what is written. */
struct burst_device {
    struct adit_device d;
    int fd;
    uint32_t n_given;
    uint32_t left;
    uint8_t got[WRITES][2048];
    unsigned n_got, packets[WRITES];
};

static adit_err read_numbered(struct adit_device *d, struct adit_train *t)
{
    struct burst_device *dev = (struct burst_device *)d;
    uint64_t count;

    if (dev->left == 0) {
        (void)!read(dev->fd, &count, sizeof count);
        return ADIT_E_EMPTY;
    }
    dev->left--;
    t->n = inner_packet(t->b, SERVER_IP, CLIENT_IP + dev->n_given % CLIENTS, dev->n_given);
    dev->n_given++;
    return ADIT_OK;
}

static adit_err keep_written(struct adit_device *d, const struct adit_gather *g)
{
    struct burst_device *dev = (struct burst_device *)d;

    assert_true(dev->n_got < WRITES && g->n <= sizeof dev->got[0]);
    adit_gather_copy(g, dev->got[dev->n_got]);
    dev->packets[dev->n_got++] = g->packets;
    return ADIT_OK;
}

static int burst_wait_fd(const struct adit_device *d)
{
    return ((const struct burst_device *)d)->fd;
}

static void burst_free(struct adit_device *d)
{
    (void)d;
}

static const struct adit_device_ops burst_ops = {read_numbered, keep_written, burst_wait_fd, burst_free};

/* A server with clients that the test plays itself. */
struct office {
    struct end s;
    struct burst_device dev;
    struct adit_addr at;
    struct raw clients[CLIENTS];
};

static void office_start(struct office *o)
{
    const int yes = 1;
    int fd = udp(&o->at);

    assert_int_equal(setsockopt(fd, SOL_UDP, UDP_GRO, &yes, sizeof yes), 0);
    end_start(&o->s, false, false, false);
    o->dev = (struct burst_device){.d.ops = &burst_ops, .d.takes_udp = true};
    o->dev.fd = eventfd(0, EFD_NONBLOCK);
    adit_userplane_attach(o->s.plane, &o->dev.d);
    link_add(&o->s, LINK, fd, false);
    for (adit_peer i = 0; i < CLIENTS; i++) {
        raw_start(&o->clients[i], i, (uint8_t)(3 + i));
        server_peer(&o->s, i, &o->clients[i].at, (uint8_t)(3 + i));
    }
    pump_some(&o->s, NULL);
}

static void office_stop(struct office *o)
{
    for (int i = 0; i < CLIENTS; i++)
        raw_stop(&o->clients[i]);
    end_stop(&o->s);
    close(o->dev.fd);
}

static uint32_t next_number(struct raw *r)
{
    uint8_t packet[2048];
    ssize_t n = recv(r->fd, packet, sizeof packet, MSG_DONTWAIT);
    struct adit_open_op op = {.packet = packet, .n = (size_t)n};

    assert_true(n > 0);
    adit_rx_open(&r->rx, &op, 1, (adit_now){0});
    assert_int_equal(op.err, ADIT_OK);
    return number_of(op.payload.p);
}

static void what_is_read_together_reaches_each_client_in_order(void **state)
{
    const uint64_t one = 1;
    static struct office o;
    uint8_t b[2048];

    (void)state;
    office_start(&o);
    o.dev.left = PACKETS;
    assert_int_equal(write(o.dev.fd, &one, sizeof one), sizeof one);
    pump_some(&o.s, NULL);
    assert_int_equal(o.dev.n_given, PACKETS);
    for (uint32_t i = 0; i < PACKETS; i++)
        assert_int_equal(next_number(&o.clients[i % CLIENTS]), i);
    for (int i = 0; i < CLIENTS; i++)
        assert_int_equal(recv(o.clients[i].fd, b, sizeof b, MSG_DONTWAIT), -1);
    office_stop(&o);
}

/* One of a flow that can be merged unless it has no checksum. */
static void put_udp(struct raw *r, uint8_t *train, size_t *n, uint16_t id, bool has_csum)
{
    struct rig_flow f = {.sport = 7, .dport = 8, .ttl = 64, .is_df = true};
    uint8_t b[256];
    size_t len = rig_build(&f, b, 100, 0, (uint8_t)id);

    rig_put(b + 4, id, 2);
    rig_put(b + 12, CLIENT_IP, 4);
    rig_put(b + 16, SERVER_IP, 4);
    rig_finish(&f, b, len);
    if (!has_csum)
        rig_put(b + 26, 0, 2);
    *n += raw_seal(r, adit_bytes_of(b, len), train + *n, 256);
}

static void what_is_merged_does_not_overtake_what_is_not(void **state)
{
    static const struct {
        uint16_t id;
        unsigned packets;
    } want[] = {{1, 1}, {2, 2}, {4, 1}, {5, 2}};
    static struct office o;
    uint8_t train[8 * 256];
    size_t n = 0;
    int segment;

    (void)state;
    office_start(&o);
    for (uint16_t id = 1; id <= 6; id++)
        put_udp(&o.clients[0], train, &n, id, id != 1 && id != 4);
    segment = (int)(n / 6);
    assert_int_equal(setsockopt(o.clients[0].fd, SOL_UDP, UDP_SEGMENT, &segment, sizeof segment), 0);
    send_raw(o.clients[0].fd, &o.at, train, n);
    pump_some(&o.s, NULL);
    assert_int_equal(o.dev.n_got, sizeof want / sizeof *want);
    for (unsigned i = 0; i < o.dev.n_got; i++) {
        assert_int_equal(rig_get(o.dev.got[i] + 4, 2), want[i].id);
        assert_int_equal(o.dev.packets[i], want[i].packets);
    }
    office_stop(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_read_together_reaches_each_client_in_order),
        cmocka_unit_test(what_is_merged_does_not_overtake_what_is_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
