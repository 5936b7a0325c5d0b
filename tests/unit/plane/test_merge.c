/* SPDX-License-Identifier: Apache-2.0 */
#include "../unit.h"

#include "merge_rig.h"
#include "plane/segment.h"

enum {
    GIVEN_MAX = RIG_PACKETS,
};

static struct adit_merge merge;
static struct rig_list in, work, out;
static const char *wrong;
static struct {
    struct adit_offload offload;
    size_t n;
    unsigned packets, n_parts;
    const uint8_t *head, *second;
    void *owner;
} given[GIVEN_MAX];
static unsigned n_given;
static size_t gap; /* between packets that are added */

static void take(void *ctx, const struct adit_gather *g)
{
    const char *said = rig_split(g, &out);

    assert_ptr_equal(ctx, &out);
    assert_true(n_given < GIVEN_MAX);
    given[n_given].offload = g->offload;
    given[n_given].n = g->n;
    given[n_given].packets = g->packets;
    given[n_given].head = g->parts[0].p;
    given[n_given].n_parts = g->n_parts;
    given[n_given].second = g->n_parts > 1 ? g->parts[1].p : NULL;
    given[n_given++].owner = g->owner;
    wrong = wrong ? wrong : said;
}

static void begin(void)
{
    memset(&merge, 0, sizeof merge);
    merge.sink = take;
    merge.ctx = &out;
    merge.want_tcp4 = merge.want_tcp6 = merge.want_udp = true;
    rig_clear(&in);
    rig_clear(&work);
    rig_clear(&out);
    n_given = 0;
    gap = 0;
    wrong = NULL;
}

/* Adds what `in` has got; it is kept to compare with. */
static void add_all(void)
{
    while (work.count < in.count) {
        unsigned i = work.count;

        assert_true(rig_add(&work, rig_at(&in, i), in.e[i].n, in.e[i].owner));
        if (work.used + gap + in.used - in.e[i].at - in.e[i].n <= RIG_BYTES)
            work.used += gap;
        adit_merge_add(&merge, rig_at(&work, i), in.e[i].n, in.e[i].owner);
    }
}

static void end(void)
{
    adit_merge_flush(&merge);
    assert_int_equal(merge.n_flows, 0);
    assert_int_equal(merge.used, 0);
    if (!wrong)
        wrong = rig_compare(&in, &out);
    if (wrong)
        fail_msg("%s", wrong);
}

static void run(void)
{
    add_all();
    end();
}

static struct rig_flow flow_of(bool is_v6, bool is_tcp)
{
    return (struct rig_flow){.is_v6 = is_v6,
                             .is_tcp = is_tcp,
                             .is_df = true,
                             .ttl = 64,
                             .options_len = 12,
                             .sport = 1000,
                             .dport = 443,
                             .id = 0xFFFE,
                             .id_step = 1,
                             .window = 500,
                             .seq = 0xFFFFFF00,
                             .ack = 77,
                             .segment = 100};
}

static void emit(struct rig_flow *f, enum rig_deed deed)
{
    static struct rig_chance c = {.state = 5};

    rig_emit(&in, f, &c, deed);
}

static void emit_many(struct rig_flow *f, unsigned count)
{
    while (count-- > 0)
        emit(f, RIG_PLAIN);
}

#define for_each_kind(f)                                                                                     \
    for (unsigned kind_ = 0; kind_ < 4; kind_++)                                                             \
        for (struct rig_flow f = flow_of(kind_ & 1, kind_ & 2), *once_ = &f; once_; once_ = NULL)

static void packets_in_sequence_become_one(void **state)
{
    (void)state;
    for_each_kind(f)
    {
        size_t head = (f.is_v6 ? 40 : 20) + (f.is_tcp ? 32 : 8);

        begin();
        emit_many(&f, 5);
        add_all();
        assert_int_equal(n_given, 0);
        end();
        assert_int_equal(n_given, 1);
        assert_int_equal(given[0].packets, 5);
        assert_int_equal(given[0].n, head + 500);
        assert_int_equal(given[0].offload.segment, 100);
        assert_ptr_equal(given[0].head, rig_at(&work, 0)); /* nothing was copied */
        assert_ptr_equal(given[0].second, rig_at(&work, 1) + head);
    }
}

/* The whole of it in bytes, so that not only our own reading of it is asked. */
static void a_super_packet_has_this_head(void **state)
{
    struct rig_flow f = flow_of(false, true);

    (void)state;
    begin();
    f.options_len = 0;
    f.id = 0x1234;
    f.seq = 0x01020304;
    emit(&f, RIG_PLAIN);
    emit(&f, RIG_PUSH);
    run();
    assert_int_equal(n_given, 1);
    assert_hex(rig_at(&work, 0), 40,
               "450000f0 12344000 400613d0 0a010001 0a020001 03e801bb 01020304 0000004d 501801f4 14e70000");
}

static void a_shorter_one_ends_it(void **state)
{
    (void)state;
    for_each_kind(f)
    {
        begin();
        emit_many(&f, 3);
        f.segment = 99;
        emit(&f, RIG_PLAIN);
        add_all();
        assert_int_equal(n_given, 1); /* nothing is held any longer */
        assert_int_equal(given[0].packets, 4);
        f.segment = 100;
        emit_many(&f, 2);
        run();
        assert_int_equal(n_given, 2);
        assert_int_equal(given[1].packets, 2);
    }
}

static void a_larger_one_begins_anew(void **state)
{
    (void)state;
    for_each_kind(f)
    {
        begin();
        emit_many(&f, 3);
        f.segment = 101;
        emit_many(&f, 2);
        run();
        assert_int_equal(n_given, 2);
        assert_int_equal(given[0].packets, 3);
        assert_int_equal(given[1].offload.segment, 101);
    }
}

static void a_push_ends_it_and_is_kept(void **state)
{
    struct rig_flow f = flow_of(true, true);

    (void)state;
    begin();
    emit_many(&f, 3);
    emit(&f, RIG_PUSH);
    add_all();
    assert_int_equal(n_given, 1);
    assert_int_equal(given[0].packets, 4);
    assert_int_equal(given[0].head[40 + 13], 0x18);
    emit(&f, RIG_PUSH); /* as the first it is the last, too */
    add_all();
    assert_int_equal(n_given, 2);
    run();
}

/* Every bit of the second packet's header, its checksums made good again: none but PSH may change. */
static void a_header_that_differs_in_one_bit_stays_apart(void **state)
{
    (void)state;
    for_each_kind(f)
    {
        size_t ip_len = f.is_v6 ? 40 : 20, head = ip_len + (f.is_tcp ? 32 : 8),
               csum = ip_len + (f.is_tcp ? 16 : 6);

        for (size_t bit = 0; bit < head * 8; bit++) {
            struct rig_flow g = f;
            bool is_push = f.is_tcp && bit == (ip_len + 13) * 8 + 3;
            uint8_t *b;

            if (bit / 16 == csum / 2 || (!f.is_v6 && bit / 16 == 5))
                continue;
            begin();
            emit_many(&g, 2);
            b = rig_at(&in, 1);
            b[bit / 8] ^= (uint8_t)(1U << bit % 8);
            rig_finish(&g, b, in.e[1].n);
            run();
            if (n_given != (is_push ? 1 : 2))
                fail_msg("bit %zu", bit);
        }
    }
}

static void a_bit_that_fell_over_stays_alone(void **state)
{
    (void)state;
    for_each_kind(f)
    {
        size_t n = (f.is_v6 ? 40 : 20) + (f.is_tcp ? 32U : 8U) + f.segment;

        for (size_t bit = 0; bit < n * 8; bit++) {
            for (unsigned which = 0; which < 3; which++) {
                struct rig_flow g = f;

                begin();
                emit_many(&g, 3);
                rig_at(&in, which)[bit / 8] ^= (uint8_t)(1U << bit % 8);
                run();
                /* In an IPv6 header there are bits that no checksum covers, but they must be alike. */
                assert_true(n_given >= 2);
            }
        }
    }
}

static void identifications_count_up(void **state)
{
    (void)state;
    for (unsigned is_tcp = 0; is_tcp < 2; is_tcp++) {
        for (unsigned is_df = 0; is_df < 2; is_df++) {
            for (uint16_t step = 0; step < 4; step++) {
                struct rig_flow f = flow_of(false, is_tcp);

                begin();
                f.is_df = is_df;
                f.id_step = step;
                emit_many(&f, 4); /* beyond 65535 */
                run();
                assert_int_equal(n_given, step == 1 ? 1 : 4);
            }
        }
    }
}

static void no_more_than_fits(void **state)
{
    (void)state;
    for_each_kind(f)
    {
        size_t head = (f.is_v6 ? 40 : 20) + (f.is_tcp ? 32 : 8);

        begin();
        f.segment = (65535 - head) / 5;
        emit_many(&f, 6);
        run();
        assert_int_equal(n_given, 2);
        assert_int_equal(given[0].packets, 5);

        begin();
        f.segment++;
        emit_many(&f, 6);
        run();
        assert_int_equal(n_given, 2);
        assert_int_equal(given[0].packets, (65535 - head) % 5 == 4 ? 5 : 4);

        begin();
        f.segment = 65535 - head;
        emit_many(&f, 2);
        run();
        assert_int_equal(n_given, 2);
    }
}

static void the_last_byte_that_fits(void **state)
{
    (void)state;
    for (size_t over = 0; over < 2; over++) {
        for_each_kind(f)
        {
            size_t head = (f.is_v6 ? 40 : 20) + (f.is_tcp ? 32 : 8);

            begin();
            f.segment = 30000;
            emit_many(&f, 2);
            f.segment = 65535 - head - 60000 + over;
            emit(&f, RIG_PLAIN);
            run();
            assert_int_equal(n_given, 1 + over);
        }
    }
}

static void no_more_packets_than_a_kernel_takes(void **state)
{
    (void)state;
    for_each_kind(f)
    {
        unsigned max = f.is_tcp ? ADIT_MERGE_PARTS : ADIT_MERGE_UDP_PARTS;

        begin();
        f.segment = 8;
        emit_many(&f, 2 * max + 1);
        add_all();
        assert_int_equal(n_given, 2);
        run();
        assert_int_equal(n_given, 3);
        assert_int_equal(given[0].packets, max);
        assert_int_equal(given[1].packets, max);
        assert_int_equal(given[2].packets, 1);
    }
}

static void what_cannot_be_merged_goes_after_what_its_flow_had(void **state)
{
    static const enum rig_deed deeds[] = {RIG_EMPTY,    RIG_NO_CSUM,    RIG_BAD_LEN,       RIG_TRAILER,
                                          RIG_FRAGMENT, RIG_IP_OPTIONS, RIG_OTHER_PROTOCOL};

    (void)state;
    for_each_kind(f)
    {
        for (size_t i = 0; i < sizeof deeds / sizeof *deeds; i++) {
            struct rig_flow g = f, other = f;

            if (deeds[i] == RIG_NO_CSUM && f.is_tcp)
                continue;
            begin();
            other.addr = 9;
            emit_many(&other, 2);
            emit_many(&g, 2);
            emit(&g, deeds[i]);
            add_all();
            assert_int_equal(n_given, 2); /* but not the one between other addresses */
            assert_int_equal(given[0].packets, 2);
            assert_int_equal(given[1].packets, 1);
            emit_many(&other, 2);
            run();
            assert_int_equal(given[2].packets, 4);
        }
    }
}

/* Where an IPv6 header has its addresses an IPv4 packet has anything. */
static void ipv6_flushes_no_ipv4(void **state)
{
    struct rig_flow f = flow_of(false, false);
    uint8_t b[48] = {0x60, 0, 0, 0, 0, 8, 59, 9};

    (void)state;
    begin();
    emit_many(&f, 2);
    memcpy(b + 8, rig_at(&in, 0) + 8, 32);
    rig_add(&in, b, sizeof b, NULL);
    add_all();
    assert_int_equal(n_given, 1);
    assert_int_equal(given[0].n, sizeof b);
    run();
}

static void datagrams_without_a_checksum_stay_alone(void **state)
{
    (void)state;
    for (unsigned is_v6 = 0; is_v6 < 2; is_v6++) {
        struct rig_flow f = flow_of(is_v6, false);

        begin();
        f.is_vxlan = true;
        for (unsigned i = 0; i < 5; i++)
            emit(&f, RIG_NO_CSUM);
        add_all();
        assert_int_equal(n_given, 5);
        run();
    }
}

/* Zero and all ones are the same sum, of which a kernel writes one: ones in UDP, zero elsewhere. */
static void a_checksum_that_a_kernel_writes_otherwise_stays_alone(void **state)
{
    (void)state;
    for_each_kind(f)
    {
        for (unsigned is_ones = 0; is_ones < 2; is_ones++) {
            size_t csum = (f.is_v6 ? 40 : 20) + (f.is_tcp ? 16 : 6);
            struct rig_flow g = f;

            begin();
            emit_many(&g, 2);
            for (unsigned i = 0; i < 2; i++) {
                rig_bend(rig_at(&in, i), in.e[i].n, rig_at(&in, i) + csum);
                rig_put(rig_at(&in, i) + csum, is_ones ? 0xFFFF : 0, 2);
            }
            run();
            assert_int_equal(n_given, f.is_tcp == is_ones ? 2 : 1);
        }
    }
}

static void so_does_the_checksum_of_an_ipv4_header(void **state)
{
    (void)state;
    for (unsigned is_ones = 0; is_ones < 2; is_ones++) {
        struct rig_flow f = flow_of(false, true);
        uint8_t *b;

        begin();
        emit(&f, RIG_PLAIN);
        b = rig_at(&in, 0);
        f.id = (uint16_t)rig_sum(rig_get(b + 4, 2), b + 10, 2);
        f.id--;
        rig_clear(&in);
        emit_many(&f, 2);
        b = rig_at(&in, 1);
        assert_int_equal(rig_get(b + 10, 2), 0);
        rig_put(b + 10, is_ones ? 0xFFFF : 0, 2);
        run();
        assert_int_equal(n_given, is_ones ? 2 : 1);
    }
}

static void reserved_bits_stay_alone(void **state)
{
    (void)state;
    for (unsigned bit = 0; bit < 4; bit++) {
        struct rig_flow f = flow_of(false, true);

        begin();
        emit_many(&f, 4);
        for (unsigned i = 1; i < 3; i++) {
            rig_at(&in, i)[32] |= (uint8_t)(1U << bit);
            rig_finish(&f, rig_at(&in, i), in.e[i].n);
        }
        run();
        assert_int_equal(n_given, 4);
    }
}

static void flags_other_than_push_stay_alone(void **state)
{
    (void)state;
    for (unsigned flags = 0; flags < 256; flags++) {
        struct rig_flow f = flow_of(false, true);
        uint8_t *b;

        if ((flags & ~8U) == 0x10)
            continue;
        begin();
        emit_many(&f, 5);
        for (unsigned i = 2; i < 4; i++) {
            b = rig_at(&in, i);
            b[33] = (uint8_t)flags;
            rig_finish(&f, b, in.e[i].n);
        }
        run();
        assert_int_equal(n_given, 4);
        assert_int_equal(given[0].packets, 2);
    }
}

static void owners_stay_apart(void **state)
{
    (void)state;
    for_each_kind(f)
    {
        char owners[2];
        struct rig_flow g = f;

        begin();
        f.owner = &owners[0];
        g.owner = &owners[1];
        for (unsigned i = 0; i < 4; i++) {
            emit(&f, RIG_PLAIN);
            emit(&g, RIG_PLAIN);
        }
        emit(&f, RIG_FRAGMENT);
        add_all();
        assert_int_equal(n_given, 2); /* the other's is held still */
        assert_ptr_equal(given[0].owner, &owners[0]);
        assert_int_equal(given[0].packets, 4);
        run();
        assert_int_equal(n_given, 3);
        assert_ptr_equal(given[2].owner, &owners[1]);
        assert_int_equal(given[2].packets, 4);
    }
}

static void flows_take_turns(void **state)
{
    static struct rig_flow flows[ADIT_MERGE_FLOWS];

    (void)state;
    begin();
    for (unsigned i = 0; i < ADIT_MERGE_FLOWS; i++) {
        flows[i] = flow_of(i & 1, i & 2);
        flows[i].sport = (uint16_t)(1000 + i);
    }
    for (unsigned i = 0; i < 10 * ADIT_MERGE_FLOWS; i++)
        emit(&flows[i % ADIT_MERGE_FLOWS], RIG_PLAIN);
    run();
    assert_int_equal(n_given, ADIT_MERGE_FLOWS);
    for (unsigned i = 0; i < n_given; i++)
        assert_int_equal(given[i].packets, 10);
}

static void one_flow_too_many_and_the_oldest_goes(void **state)
{
    (void)state;
    begin();
    for (unsigned i = 0; i < ADIT_MERGE_FLOWS + 3; i++) {
        struct rig_flow f = flow_of(false, true);

        f.sport = (uint16_t)(1000 + i);
        emit_many(&f, 2);
        add_all();
        assert_int_equal(n_given, i < ADIT_MERGE_FLOWS ? 0 : i - ADIT_MERGE_FLOWS + 1);
    }
    run();
    assert_int_equal(n_given, ADIT_MERGE_FLOWS + 3);
    for (unsigned i = 0; i < n_given; i++) {
        assert_int_equal(given[i].packets, 2);
        assert_int_equal(rig_get(given[i].head + 20, 2), 1000 + i);
    }
}

static void what_the_device_does_not_take_passes_singly(void **state)
{
    (void)state;
    for (unsigned want = 0; want < 8; want++) {
        for_each_kind(f)
        {
            bool is_wanted = f.is_tcp ? want & (f.is_v6 ? 2 : 1) : want & 4;

            begin();
            merge.want_tcp4 = want & 1;
            merge.want_tcp6 = want & 2;
            merge.want_udp = want & 4;
            emit_many(&f, 3);
            add_all();
            assert_int_equal(n_given, is_wanted ? 0 : 3);
            run();
            assert_int_equal(n_given, is_wanted ? 1 : 3);
        }
    }
}

/* The shortest packets of each kind, cut everywhere, in memory that ends where they end. */
static void runts_pass(void **state)
{
    (void)state;
    for_each_kind(f)
    {
        size_t n;

        f.segment = 1;
        begin();
        emit(&f, RIG_PLAIN);
        n = in.e[0].n;
        for (size_t cut = 0; cut <= n; cut++) {
            uint8_t *exact = test_malloc(cut > 0 ? cut : 1);

            begin();
            emit(&f, RIG_PLAIN);
            in.e[0].n = cut;
            memcpy(exact, rig_at(&in, 0), cut);
            adit_merge_add(&merge, exact, cut, f.owner);
            adit_merge_add(&merge, exact, cut, f.owner);
            adit_merge_flush(&merge);
            assert_int_equal(out.count, 2);
            assert_int_equal(out.e[0].n, cut);
            test_free(exact);
        }
    }
}

static void begin_near(size_t at)
{
    begin();
    merge.gap_max = ADIT_MERGE_GAP_MAX;
    gap = at;
}

static void short_payloads_are_moved_together(void **state)
{
    (void)state;
    for_each_kind(f)
    {
        for (size_t at = 0; at <= ADIT_MERGE_GAP_MAX + 1; at++) {
            begin_near(at);
            emit_many(&f, 5);
            run();
            assert_int_equal(given[0].packets, 5);
            assert_int_equal(given[0].n_parts, at <= ADIT_MERGE_GAP_MAX ? 1 : 5);
        }
    }
}

static void long_ones_stay_where_they_are(void **state)
{
    (void)state;
    for_each_kind(f)
    {
        for (f.segment = 250; f.segment < 260; f.segment++) {
            begin_near(24);
            emit_many(&f, 5);
            run();
            assert_int_equal(given[0].packets, 5);
            assert_int_equal(given[0].n_parts, f.segment <= 256 ? 1 : 5);
        }
    }
}

static void nothing_is_moved_over_another_flow(void **state)
{
    (void)state;
    for_each_kind(f)
    {
        struct rig_flow other = f;

        other.sport++;
        begin_near(24);
        emit_many(&f, 3);
        emit_many(&other, 2);
        emit_many(&f, 3);
        emit_many(&other, 2);
        run();
        assert_int_equal(n_given, 2);
        assert_int_equal(given[0].n_parts, 2);
        assert_int_equal(given[1].n_parts, 2);
    }
}

/* What another host is sent goes through both: merged by the one, taken apart by the other. */
static void take_apart(void *ctx, const struct adit_gather *g)
{
    static uint8_t all[65536 + ADIT_SEGMENT_HEAD_MAX];
    struct adit_segments segments;
    uint8_t *b;
    size_t n = 0;

    (void)ctx;
    for (unsigned i = 0; i < g->n_parts; n += g->parts[i++].n)
        memcpy(all + n, g->parts[i].p, g->parts[i].n);
    n_given++;
    if (g->packets == 1) {
        assert_true(rig_add(&out, all, n, g->owner));
        return;
    }
    assert_int_equal(adit_segments_begin(&segments, all, n, &g->offload), ADIT_OK);
    while (adit_segments_next(&segments, &b, &n))
        assert_true(rig_add(&out, b, n, g->owner));
}

static void our_own_segments_are_what_went_in(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct rig_chance c = {.state = seed * 0xD1342543DE82EF95U};

        begin();
        merge.sink = take_apart;
        rig_burst(&in, &c, 200, SIZE_MAX);
        run();
        assert_true(n_given <= in.count);
    }
}

static void bursts_come_out_as_they_went_in(void **state)
{
    unsigned long packets = 0, writes = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= 150; seed++) {
        struct rig_chance c = {.state = seed * 0x9E3779B97F4A7C15U};

        begin_near(seed % (ADIT_MERGE_GAP_MAX + 3));
        if (seed % 4 == 0)
            merge.gap_max = 0;
        rig_burst(&in, &c, 200, SIZE_MAX);
        add_all();
        adit_merge_flush(&merge);
        if (!wrong)
            wrong = rig_compare(&in, &out);
        if (wrong)
            fail_msg("seed %lu: %s", (unsigned long)seed, wrong);
        packets += in.count;
        writes += n_given;
    }
    print_message("%lu packets in %lu writes\n", packets, writes);
    assert_true(writes < packets * 2 / 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packets_in_sequence_become_one),
        cmocka_unit_test(a_super_packet_has_this_head),
        cmocka_unit_test(a_shorter_one_ends_it),
        cmocka_unit_test(a_larger_one_begins_anew),
        cmocka_unit_test(a_push_ends_it_and_is_kept),
        cmocka_unit_test(a_header_that_differs_in_one_bit_stays_apart),
        cmocka_unit_test(a_bit_that_fell_over_stays_alone),
        cmocka_unit_test(identifications_count_up),
        cmocka_unit_test(no_more_than_fits),
        cmocka_unit_test(the_last_byte_that_fits),
        cmocka_unit_test(no_more_packets_than_a_kernel_takes),
        cmocka_unit_test(what_cannot_be_merged_goes_after_what_its_flow_had),
        cmocka_unit_test(ipv6_flushes_no_ipv4),
        cmocka_unit_test(datagrams_without_a_checksum_stay_alone),
        cmocka_unit_test(a_checksum_that_a_kernel_writes_otherwise_stays_alone),
        cmocka_unit_test(so_does_the_checksum_of_an_ipv4_header),
        cmocka_unit_test(reserved_bits_stay_alone),
        cmocka_unit_test(flags_other_than_push_stay_alone),
        cmocka_unit_test(owners_stay_apart),
        cmocka_unit_test(flows_take_turns),
        cmocka_unit_test(one_flow_too_many_and_the_oldest_goes),
        cmocka_unit_test(what_the_device_does_not_take_passes_singly),
        cmocka_unit_test(runts_pass),
        cmocka_unit_test(short_payloads_are_moved_together),
        cmocka_unit_test(long_ones_stay_where_they_are),
        cmocka_unit_test(nothing_is_moved_over_another_flow),
        cmocka_unit_test(our_own_segments_are_what_went_in),
        cmocka_unit_test(bursts_come_out_as_they_went_in),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
