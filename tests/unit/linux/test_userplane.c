/* SPDX-License-Identifier: Apache-2.0 */
/* Packets: both ways, floating, replay, sources, relaying, keepalive, trouble of the path. */
#include "userplane_rig.h"

static void exchange_packets(struct duo *d)
{
    for (uint32_t i = 0; i < 100; i++) {
        say_inner(&d->client, CLIENT_IP, SERVER_IP, i);
        assert_inner(&d->server, &d->client, i);
        say_inner(&d->server, SERVER_IP, CLIENT_IP, 1000 + i);
        assert_inner(&d->client, &d->server, 1000 + i);
    }
    assert_int_equal(drops(&d->server, 0, ADIT_E_AUTH), 0);
    assert_int_equal(d->server.counters.rx_packets, 100);
    assert_int_equal(d->server.counters.rx_bytes, 100 * INNER_LEN);
    assert_int_equal(d->server.counters.tx_packets, 100);
    assert_int_equal(d->server.counters.link_tx_bytes, 100 * (INNER_LEN + 24));
}

static void packets_go_both_ways(bool has_thread, uint32_t wire_id)
{
    struct duo d;

    duo_start(&d, has_thread, wire_id);
    exchange_packets(&d);
    duo_stop(&d);
}

static void packets_go_both_ways_in_one_thread(void **state)
{
    (void)state;
    packets_go_both_ways(false, 0);
}

static void packets_go_both_ways_with_worker_threads(void **state)
{
    (void)state;
    packets_go_both_ways(true, 0);
}

static void packets_go_both_ways_with_busy_threads(void **state)
{
    struct duo d;

    (void)state;
    end_begin(&d.server, (struct adit_userplane_params){.want_thread = true, .busy_poll_us = 200});
    end_begin(&d.client, (struct adit_userplane_params){
                             .want_thread = true, .is_single_peer = true, .busy_poll_us = 200});
    duo_join(&d, 0);
    exchange_packets(&d);
    duo_stop(&d);
}

static void version_one_finds_its_peer_by_address(void **state)
{
    (void)state;
    packets_go_both_ways(false, ADIT_PEER_ID_NONE);
}

static void control_bytes_go_up_and_down(void **state)
{
    struct duo d;
    struct adit_cmd cmd = {.kind = ADIT_CMD_CTRL_TX};
    struct adit_note note;

    (void)state;
    duo_start(&d, false, 0);
    cmd.ctrl.link = LINK;
    cmd.ctrl.remote = d.server_at;
    cmd.ctrl.n = ADIT_CTRL_PACKET_MAX;
    steps(cmd.ctrl.b, sizeof cmd.ctrl.b, 0x20);
    post(&d.client, &cmd);
    expect_note(&d.server, &d.client, ADIT_NOTE_CTRL_RX, &note);
    assert_int_equal(note.ctrl.link, LINK);
    assert_true(adit_addr_eq(&note.ctrl.remote, &d.client_at));
    assert_int_equal(note.ctrl.n, ADIT_CTRL_PACKET_MAX);
    assert_memory_equal(note.ctrl.b, cmd.ctrl.b, ADIT_CTRL_PACKET_MAX);
    cmd.ctrl.n++;
    assert_int_equal(d.client.plane->ops->post(d.client.plane, &cmd), ADIT_E_TOO_BIG);
    cmd.ctrl.n = 20;
    cmd.ctrl.link = 77; /* gone, or never there: lost, not wrong */
    post(&d.client, &cmd);
    assert_int_equal(drops(&d.client, ADIT_NO_PEER, ADIT_E_STATE), 1);
    duo_stop(&d);
}

/* Policy does not look, strangers send: data still passes, and the notes about peers, too. */
static void a_flood_of_control_packets_starves_nobody(void **state)
{
    struct duo d;
    struct raw stranger;
    uint8_t ctrl[100] = {0x38};
    struct adit_note note;

    (void)state;
    duo_start(&d, false, 0);
    raw_start(&stranger, 0, 9);
    for (uint32_t i = 0; i < 40; i++) {
        for (int k = 0; k < 50; k++)
            send_raw(stranger.fd, &d.server_at, ctrl, sizeof ctrl);
        say_inner(&d.client, CLIENT_IP, SERVER_IP, i);
        assert_inner(&d.server, &d.client, i);
    }
    /* The first packet under a key is told in spite of the full ring. */
    key_new(&d.server, 0, true, 1, 7);
    key_new(&d.client, 0, false, 1, 7);
    key_use(&d.client, 0, 1);
    say_inner(&d.client, CLIENT_IP, SERVER_IP, 99);
    assert_inner(&d.server, &d.client, 99);
    do {
        expect_note(&d.server, NULL, ADIT_NOTE_PEER_ACTIVE, &note);
    } while (note.key_id != 1);
    assert_true(drops(&d.server, ADIT_NO_PEER, ADIT_E_QUEUE) > 0);
    raw_stop(&stranger);
    duo_stop(&d);
}

static void opcodes_of_nobody_are_counted(void **state)
{
    struct duo d;
    struct raw stranger;
    uint8_t b[40] = {0x08};

    (void)state;
    duo_start(&d, false, 0);
    raw_start(&stranger, 0, 9);
    send_raw(stranger.fd, &d.server_at, b, sizeof b);
    send_raw(stranger.fd, &d.server_at, b, 0);
    b[0] = 0x48, b[3] = 99;
    send_raw(stranger.fd, &d.server_at, b, sizeof b);
    pump_some(&d.server, NULL);
    assert_int_equal(drops(&d.server, ADIT_NO_PEER, ADIT_E_OPCODE), 1);
    assert_int_equal(drops(&d.server, ADIT_NO_PEER, ADIT_E_NO_PEER), 1);
    raw_stop(&stranger);
    duo_stop(&d);
}

static void a_replayed_packet_is_delivered_once(void **state)
{
    struct end s;
    struct adit_addr at;
    struct raw r;
    uint8_t packet[2048];
    size_t n;

    (void)state;
    end_start(&s, false, false, false);
    raw_start(&r, 0, 3);
    link_add(&s, LINK, udp(&at), false);
    server_peer(&s, 0, &r.at, 3);
    n = raw_inner(&r, CLIENT_IP, SERVER_IP, 5, packet);
    for (int i = 0; i < 3; i++)
        send_raw(r.fd, &at, packet, n);
    assert_inner(&s, NULL, 5);
    pump_some(&s, NULL);
    assert_false(has_inner(&s));
    assert_int_equal(drops(&s, 0, ADIT_E_REPLAY), 2);
    raw_stop(&r);
    end_stop(&s);
}

static void a_peer_moves_with_its_first_authentic_packet(void **state)
{
    struct duo d;
    struct raw elsewhere;
    struct adit_peer_spec moved;
    struct adit_addr new_at;
    struct adit_note note;
    uint8_t forged[80] = {0x48, 0, 0, 0, 0, 0, 9, 9};

    (void)state;
    duo_start(&d, false, 0);
    say_inner(&d.client, CLIENT_IP, SERVER_IP, 1);
    assert_inner(&d.server, &d.client, 1);
    /* A forged packet from elsewhere changes nothing. */
    raw_start(&elsewhere, 0, 77);
    send_raw(elsewhere.fd, &d.server_at, forged, sizeof forged);
    pump_some(&d.server, NULL);
    assert_int_equal(drops(&d.server, 0, ADIT_E_AUTH), 1);
    assert_int_equal(count_notes(&d.server, ADIT_NOTE_PEER_FLOATED), 0);
    say_inner(&d.server, SERVER_IP, CLIENT_IP, 2);
    assert_inner(&d.client, &d.server, 2);
    /* The client gets another socket. */
    link_add(&d.client, LINK_2, udp(&new_at), false);
    moved = d.on_client;
    moved.link = LINK_2;
    peer_cmd(&d.client, ADIT_CMD_PEER_SET, &moved);
    link_del(&d.client, LINK);
    say_inner(&d.client, CLIENT_IP, SERVER_IP, 3);
    assert_inner(&d.server, &d.client, 3);
    expect_note(&d.server, NULL, ADIT_NOTE_PEER_FLOATED, &note);
    assert_int_equal(note.peer, 0);
    assert_int_equal(note.moved.link, LINK);
    assert_true(adit_addr_eq(&note.moved.remote, &new_at));
    say_inner(&d.server, SERVER_IP, CLIENT_IP, 4);
    assert_inner(&d.client, &d.server, 4);
    /* A change of something else, written before policy knew of the move, does not undo it. */
    d.on_server.ping_s = 600;
    peer_cmd(&d.server, ADIT_CMD_PEER_SET, &d.on_server);
    say_inner(&d.server, SERVER_IP, CLIENT_IP, 5);
    assert_inner(&d.client, &d.server, 5);
    raw_stop(&elsewhere);
    duo_stop(&d);
}

static void nobody_floats_onto_another_peer(void **state)
{
    struct end s;
    struct adit_addr at;
    struct raw a, b;
    struct adit_note note;
    uint8_t packet[2048];
    size_t n;

    (void)state;
    end_start(&s, false, false, false);
    raw_start(&a, 0, 3);
    raw_start(&b, 1, 4);
    link_add(&s, LINK, udp(&at), false);
    server_peer(&s, 0, &a.at, 3);
    server_peer(&s, 1, &b.at, 4);
    n = raw_inner(&a, CLIENT_IP, SERVER_IP, 1, packet);
    send_raw(b.fd, &at, packet, n);
    expect_note(&s, NULL, ADIT_NOTE_FLOAT_CLASH, &note);
    assert_int_equal(note.peer, 0);
    assert_int_equal(note.moved.other, 1);
    assert_true(adit_addr_eq(&note.moved.remote, &b.at));
    assert_false(has_inner(&s));
    assert_int_equal(drops(&s, 0, ADIT_E_FLOAT), 1);
    /* Both are where they were. */
    say_inner(&s, SERVER_IP, CLIENT_IP, 1);
    say_inner(&s, SERVER_IP, CLIENT_IP + 1, 1);
    pump_some(&s, NULL);
    assert_true(recv(a.fd, packet, sizeof packet, MSG_DONTWAIT) > 0);
    assert_true(recv(b.fd, packet, sizeof packet, MSG_DONTWAIT) > 0);
    /* When the other is gone, the way is free. */
    plain_cmd(&s, ADIT_CMD_PEER_DEL, 1);
    n = raw_inner(&a, CLIENT_IP, SERVER_IP, 2, packet);
    send_raw(b.fd, &at, packet, n);
    assert_inner(&s, NULL, 2);
    expect_note(&s, NULL, ADIT_NOTE_PEER_FLOATED, &note);
    raw_stop(&a);
    raw_stop(&b);
    end_stop(&s);
}

static void without_leave_to_float_a_strange_address_is_refused(void **state)
{
    struct duo d;
    struct raw r;
    uint8_t packet[2048];

    (void)state;
    duo_start(&d, false, 0);
    raw_start(&r, 0, 3);
    d.on_server.may_float = false;
    peer_cmd(&d.server, ADIT_CMD_PEER_SET, &d.on_server);
    send_raw(r.fd, &d.server_at, packet, raw_inner(&r, CLIENT_IP, SERVER_IP, 1, packet));
    pump_some(&d.server, NULL);
    assert_false(has_inner(&d.server));
    assert_int_equal(drops(&d.server, 0, ADIT_E_FLOAT), 1);
    raw_stop(&r);
    duo_stop(&d);
}

static void sources_and_destinations_are_checked(void **state)
{
    struct duo d;

    (void)state;
    duo_start(&d, false, 0);
    say_inner(&d.client, CLIENT_IP + 5, SERVER_IP, 1);
    say_inner(&d.client, SERVER_IP, SERVER_IP, 2);
    say_inner(&d.server, SERVER_IP, CLIENT_IP + 9, 3);
    assert_int_equal(send(d.client.inner, "not IP", 6, 0), 6);
    pump_some(&d.server, &d.client);
    assert_false(has_inner(&d.server));
    assert_false(has_inner(&d.client));
    assert_int_equal(drops(&d.server, 0, ADIT_E_SOURCE), 2);
    assert_int_equal(drops(&d.server, ADIT_NO_PEER, ADIT_E_NO_ROUTE), 1);
    assert_int_equal(drops(&d.client, ADIT_NO_PEER, ADIT_E_MALFORMED), 1);
    /* A network behind the client. */
    route(&d.server, ADIT_CMD_ROUTE_ADD, 0, "192.168.5.0/24");
    say_inner(&d.client, 0xc0a80507, SERVER_IP, 4);
    assert_inner(&d.server, &d.client, 4);
    say_inner(&d.server, SERVER_IP, 0xc0a80508, 5);
    assert_inner(&d.client, &d.server, 5);
    route(&d.server, ADIT_CMD_ROUTE_DEL, 0, "192.168.5.0/24");
    say_inner(&d.client, 0xc0a80507, SERVER_IP, 6);
    pump_some(&d.server, &d.client);
    assert_int_equal(drops(&d.server, 0, ADIT_E_SOURCE), 3);
    duo_stop(&d);
}

static void a_new_peer_inherits_nothing(void **state)
{
    struct duo d;
    struct adit_note note;

    (void)state;
    duo_start(&d, false, 0);
    say_inner(&d.client, CLIENT_IP, SERVER_IP, 1);
    assert_inner(&d.server, &d.client, 1);
    plain_cmd(&d.server, ADIT_CMD_PEER_DEL, 0);
    expect_note(&d.server, NULL, ADIT_NOTE_PEER_GONE, &note);
    assert_int_equal(note.counters.rx_packets, 1);
    peer_cmd(&d.server, ADIT_CMD_PEER_NEW, &d.on_server);
    say_inner(&d.client, CLIENT_IP, SERVER_IP, 2);
    pump_some(&d.server, &d.client);
    assert_int_equal(drops(&d.server, 0, ADIT_E_NO_KEY), 1);
    key_new(&d.server, 0, true, 0, 3);
    say_inner(&d.client, CLIENT_IP, SERVER_IP, 3);
    pump_some(&d.server, &d.client);
    assert_int_equal(drops(&d.server, 0, ADIT_E_SOURCE), 1); /* no route either */
    assert_false(has_inner(&d.server));
    duo_stop(&d);
}

static void clients_reach_each_other_when_told(void **state)
{
    struct end s;
    struct adit_addr at;
    struct raw a, b;
    uint8_t packet[2048];
    struct adit_open_op op = {.packet = packet};

    (void)state;
    for (int want = 0; want < 2; want++) {
        end_start(&s, false, false, want);
        raw_start(&a, 0, 3);
        raw_start(&b, 1, 4);
        link_add(&s, LINK, udp(&at), false);
        server_peer(&s, 0, &a.at, 3);
        server_peer(&s, 1, &b.at, 4);
        send_raw(a.fd, &at, packet, raw_inner(&a, CLIENT_IP, CLIENT_IP + 1, 8, packet));
        pump_some(&s, NULL);
        op.n = (size_t)recv(b.fd, packet, sizeof packet, MSG_DONTWAIT);
        if (want) {
            adit_rx_open(&b.rx, &op, 1, (adit_now){0});
            assert_int_equal(op.err, ADIT_OK);
            assert_int_equal(number_of(op.payload.p), 8);
            assert_false(has_inner(&s));
        } else {
            assert_int_equal(op.n, (size_t)-1);
            assert_inner(&s, NULL, 8);
        }
        raw_stop(&a);
        raw_stop(&b);
        end_stop(&s);
    }
}

static void the_tunnel_does_not_carry_itself(void **state)
{
    struct duo d;
    uint8_t b[INNER_LEN];
    struct adit_wr w;

    (void)state;
    duo_start(&d, false, 0);
    inner_packet(b, CLIENT_IP, INADDR_LOOPBACK, 1);
    b[9] = IPPROTO_UDP;
    w = adit_wr_of(b + 22, 2);
    adit_wr_u16(&w, d.server_at.port);
    assert_int_equal(send(d.client.inner, b, sizeof b, 0), sizeof b);
    b[9] = IPPROTO_TCP;
    assert_int_equal(send(d.client.inner, b, sizeof b, 0), sizeof b);
    pump_some(&d.client, &d.server);
    assert_int_equal(drops(&d.client, 0, ADIT_E_RECURSIVE), 1);
    assert_int_equal(d.client.counters.tx_packets, 1);
    duo_stop(&d);
}

/* A TCP SYN with an MSS of 1460. */
static const char *const syn_hex = "4500002c 00000000 40060000 0a080002 0a080001"
                                   "1000 0050 00000001 00000000 6002 ffff 0000 0000 020405b4";

static void syns_are_lowered_in_both_directions(void **state)
{
    struct duo d;
    uint8_t b[2048];
    size_t n;

    (void)state;
    duo_start(&d, false, 0);
    d.on_client.mss4 = 1300;
    d.on_server.mss4 = 1200;
    peer_cmd(&d.client, ADIT_CMD_PEER_SET, &d.on_client);
    n = unhex(syn_hex, b, sizeof b);
    assert_int_equal(send(d.client.inner, b, n, 0), n);
    assert_true(expect_inner(&d.server, &d.client, b, &n));
    assert_int_equal(b[42] << 8 | b[43], 1300);
    peer_cmd(&d.server, ADIT_CMD_PEER_SET, &d.on_server);
    n = unhex(syn_hex, b, sizeof b);
    assert_int_equal(send(d.client.inner, b, n, 0), n);
    assert_true(expect_inner(&d.server, &d.client, b, &n));
    assert_int_equal(b[42] << 8 | b[43], 1200);
    duo_stop(&d);
}

static void pings_and_exit_messages_stay_inside(void **state)
{
    struct end s;
    struct adit_addr at;
    struct raw r;
    struct adit_note note;

    (void)state;
    end_start(&s, false, false, false);
    raw_start(&r, 0, 3);
    link_add(&s, LINK, udp(&at), false);
    server_peer(&s, 0, &r.at, 3);
    raw_say(&r, &at, adit_bytes_of(adit_ping_payload, sizeof adit_ping_payload));
    expect_note(&s, NULL, ADIT_NOTE_PEER_ACTIVE, &note);
    assert_int_equal(note.key_id, 0);
    raw_say(&r, &at, adit_bytes_of(adit_occ_exit_payload, sizeof adit_occ_exit_payload));
    raw_say(&r, &at, adit_bytes_of(adit_occ_exit_payload, sizeof adit_occ_exit_payload));
    pump_some(&s, NULL);
    assert_int_equal(count_notes(&s, ADIT_NOTE_PEER_EXIT), 1);
    assert_false(has_inner(&s));
    assert_int_equal(drops(&s, 0, ADIT_E_MALFORMED), 0);
    assert_int_equal(s.counters.rx_packets, 0);
    assert_true(s.counters.link_rx_bytes > 0);
    raw_stop(&r);
    end_stop(&s);
}

static void saying_exit_is_heard(void **state)
{
    struct duo d;
    struct adit_note note;

    (void)state;
    duo_start(&d, false, 0);
    plain_cmd(&d.client, ADIT_CMD_SAY_EXIT, 0);
    expect_note(&d.server, &d.client, ADIT_NOTE_PEER_EXIT, &note);
    assert_int_equal(note.peer, 0);
    duo_stop(&d);
}

static void an_idle_peer_pings_and_a_mute_one_is_reported(void **state)
{
    struct duo d;
    struct adit_note note;

    (void)state;
    duo_start(&d, true, 0);
    d.on_client.ping_s = 1;
    d.on_client.silent_s = 1;
    peer_cmd(&d.client, ADIT_CMD_PEER_SET, &d.on_client);
    expect_note(&d.server, NULL, ADIT_NOTE_PEER_ACTIVE, &note); /* only a ping can be it */
    expect_note(&d.client, NULL, ADIT_NOTE_PEER_SILENT, &note);
    assert_int_equal(note.peer, 0);
    expect_note(&d.client, NULL, ADIT_NOTE_PEER_SILENT, &note);
    duo_stop(&d);
}

static void a_worn_key_is_told_once(void **state)
{
    struct duo d;
    struct adit_note note;

    (void)state;
    duo_start(&d, false, 0);
    d.on_client.limit.packets = 10;
    peer_cmd(&d.client, ADIT_CMD_PEER_SET, &d.on_client);
    for (uint32_t i = 0; i < 9; i++) {
        say_inner(&d.client, CLIENT_IP, SERVER_IP, i);
        assert_inner(&d.server, &d.client, i);
    }
    assert_int_equal(count_notes(&d.client, ADIT_NOTE_KEY_WORN), 0);
    say_inner(&d.server, SERVER_IP, CLIENT_IP, 100); /* counts for both directions */
    assert_inner(&d.client, &d.server, 100);
    expect_note(&d.client, NULL, ADIT_NOTE_KEY_WORN, &note);
    assert_int_equal(note.key_id, 0);
    say_inner(&d.client, CLIENT_IP, SERVER_IP, 11);
    assert_inner(&d.server, &d.client, 11);
    assert_int_equal(count_notes(&d.client, ADIT_NOTE_KEY_WORN), 0);
    /* The next key starts anew. */
    key_new(&d.client, 0, false, 1, 8);
    key_use(&d.client, 0, 1);
    key_new(&d.server, 0, true, 1, 8);
    for (uint32_t i = 0; i < 10; i++) {
        say_inner(&d.client, CLIENT_IP, SERVER_IP, i);
        assert_inner(&d.server, &d.client, i);
    }
    expect_note(&d.client, NULL, ADIT_NOTE_KEY_WORN, &note);
    assert_int_equal(note.key_id, 1);
    duo_stop(&d);
}

static void trouble_on_the_path_is_counted_and_passes(void **state)
{
    struct duo d;
    struct adit_cmd cmd = {.kind = ADIT_CMD_LINK_ADD};
    struct adit_addr at, nobody;
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd, dead = udp(&nobody);

    (void)state;
    close(dead);
    duo_start(&d, false, 0);
    /* A connected socket whose other side does not listen: ECONNREFUSED comes back. */
    fd = udp(&at);
    sa.sin_port = htons(nobody.port);
    assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof sa), 0);
    cmd.link = (struct adit_link_spec){.link = LINK_2, .fd = fd, .is_connected = true};
    post(&d.client, &cmd);
    d.on_client.link = LINK_2;
    peer_cmd(&d.client, ADIT_CMD_PEER_SET, &d.on_client);
    for (uint32_t i = 0; i < 10; i++) {
        say_inner(&d.client, CLIENT_IP, SERVER_IP, i);
        pump_some(&d.client, &d.server);
    }
    assert_true(drops(&d.client, 0, ADIT_E_OS) + drops(&d.client, ADIT_NO_PEER, ADIT_E_OS) > 0);
    d.on_client.link = LINK;
    peer_cmd(&d.client, ADIT_CMD_PEER_SET, &d.on_client);
    say_inner(&d.client, CLIENT_IP, SERVER_IP, 77);
    assert_inner(&d.server, &d.client, 77);
    duo_stop(&d);
}

static void a_device_can_come_later_and_go(void **state)
{
    struct duo d;

    (void)state;
    for (int has_thread = 0; has_thread < 2; has_thread++) {
        duo_start(&d, has_thread, 0);
        adit_userplane_attach(d.server.plane, NULL);
        say_inner(&d.client, CLIENT_IP, SERVER_IP, 1);
        for (int i = 0; i < 1000 && drops(&d.server, 0, ADIT_E_STATE) == 0; i++)
            pump(&d.server, &d.client);
        assert_int_equal(drops(&d.server, 0, ADIT_E_STATE), 1);
        adit_userplane_attach(d.server.plane, &d.server.device.d);
        say_inner(&d.client, CLIENT_IP, SERVER_IP, 2);
        assert_inner(&d.server, &d.client, 2);
        say_inner(&d.server, SERVER_IP, CLIENT_IP, 3);
        assert_inner(&d.client, &d.server, 3);
        duo_stop(&d);
    }
}

/* The address that the client spoke to is the one that answers. */
static void answers_come_from_the_address_spoken_to(void **state)
{
    struct end s;
    struct raw r;
    struct sockaddr_in any = {.sin_family = AF_INET}, from;
    socklen_t n = sizeof any;
    int fd = socket(AF_INET, SOCK_DGRAM, 0), on = 1;
    struct adit_peer_spec spec;
    struct adit_note note;
    uint8_t b[2048] = {0x38};

    (void)state;
    end_start(&s, false, false, false);
    raw_start(&r, 0, 3);
    assert_int_equal(setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on), 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&any, sizeof any), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&any, &n), 0);
    link_add(&s, LINK, fd, false);
    any.sin_addr.s_addr = htonl(0x7f000009);
    assert_int_equal(sendto(r.fd, b, 30, 0, (struct sockaddr *)&any, sizeof any), 30);
    expect_note(&s, NULL, ADIT_NOTE_CTRL_RX, &note);
    assert_int_equal(adit_ip_v4_host(&note.ctrl.local.ip), 0x7f000009);
    assert_int_equal(note.ctrl.local.port, ntohs(any.sin_port));
    spec = server_peer(&s, 0, &r.at, 3);
    spec.local = note.ctrl.local;
    peer_cmd(&s, ADIT_CMD_PEER_SET, &spec);
    say_inner(&s, SERVER_IP, CLIENT_IP, 1);
    pump_some(&s, NULL);
    n = sizeof from;
    assert_true(recvfrom(r.fd, b, sizeof b, MSG_DONTWAIT, (struct sockaddr *)&from, &n) > 0);
    assert_int_equal(ntohl(from.sin_addr.s_addr), 0x7f000009);
    raw_stop(&r);
    end_stop(&s);
}

/* An IPv4 client on a dual-stack socket is an IPv4 client. */
static void a_dual_stack_socket_speaks_both(void **state)
{
    struct end s;
    struct raw r;
    struct sockaddr_in6 sa = {.sin6_family = AF_INET6};
    socklen_t n = sizeof sa;
    int fd = socket(AF_INET6, SOCK_DGRAM, 0), off = 0;
    struct adit_addr at = {.ip = adit_ip_v4(INADDR_LOOPBACK)};
    struct adit_note note;
    uint8_t b[2048] = {0x38};

    (void)state;
    if (fd < 0 || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) != 0 ||
        bind(fd, (struct sockaddr *)&sa, sizeof sa) != 0)
        skip();
    assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &n), 0);
    at.port = ntohs(sa.sin6_port);
    end_start(&s, false, false, false);
    raw_start(&r, 0, 3);
    link_add(&s, LINK, fd, false);
    send_raw(r.fd, &at, b, 30);
    expect_note(&s, NULL, ADIT_NOTE_CTRL_RX, &note);
    assert_true(adit_addr_eq(&note.ctrl.remote, &r.at));
    server_peer(&s, 0, &r.at, 3);
    send_raw(r.fd, &at, b, raw_inner(&r, CLIENT_IP, SERVER_IP, 1, b));
    assert_inner(&s, NULL, 1);
    say_inner(&s, SERVER_IP, CLIENT_IP, 2);
    pump_some(&s, NULL);
    assert_true(recv(r.fd, b, sizeof b, MSG_DONTWAIT) > 0);
    raw_stop(&r);
    end_stop(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packets_go_both_ways_in_one_thread),
        cmocka_unit_test(packets_go_both_ways_with_worker_threads),
        cmocka_unit_test(packets_go_both_ways_with_busy_threads),
        cmocka_unit_test(version_one_finds_its_peer_by_address),
        cmocka_unit_test(control_bytes_go_up_and_down),
        cmocka_unit_test(a_flood_of_control_packets_starves_nobody),
        cmocka_unit_test(opcodes_of_nobody_are_counted),
        cmocka_unit_test(a_replayed_packet_is_delivered_once),
        cmocka_unit_test(a_peer_moves_with_its_first_authentic_packet),
        cmocka_unit_test(nobody_floats_onto_another_peer),
        cmocka_unit_test(without_leave_to_float_a_strange_address_is_refused),
        cmocka_unit_test(sources_and_destinations_are_checked),
        cmocka_unit_test(a_new_peer_inherits_nothing),
        cmocka_unit_test(clients_reach_each_other_when_told),
        cmocka_unit_test(the_tunnel_does_not_carry_itself),
        cmocka_unit_test(syns_are_lowered_in_both_directions),
        cmocka_unit_test(pings_and_exit_messages_stay_inside),
        cmocka_unit_test(saying_exit_is_heard),
        cmocka_unit_test(an_idle_peer_pings_and_a_mute_one_is_reported),
        cmocka_unit_test(a_worn_key_is_told_once),
        cmocka_unit_test(trouble_on_the_path_is_counted_and_passes),
        cmocka_unit_test(a_device_can_come_later_and_go),
        cmocka_unit_test(answers_come_from_the_address_spoken_to),
        cmocka_unit_test(a_dual_stack_socket_speaks_both),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
