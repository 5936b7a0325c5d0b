/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Both engines against each other, through the interface only. Texts, associated data and tags end where a
 * page ends behind which nothing may be touched: assembly is not instrumented by any sanitizer. The heap of
 * base/mem.h is replaced by one that counts, fails on demand and looks whether secrets are wiped.
 */
#include "../unit.h"

#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "crypto/aead.h"

enum {
    LEN_MAX = 1600,
    PAGE = 4096,
    HEAD = 16, /* before each block: its length, in the room that keeps what follows aligned */
};

static const char *const names[] = {"AES-128-GCM", "AES-192-GCM", "AES-256-GCM", "CHACHA20-POLY1305"};

enum { N_NAMES = sizeof names / sizeof *names };

/* ---- the heap ---- */

static _Thread_local struct {
    size_t n_bytes, n_unwiped, n_failed;
    bool is_empty;
} heap;

void *adit_alloc(size_t n)
{
    char *block = heap.is_empty ? NULL : calloc(1, n + HEAD);

    if (!block) {
        heap.n_failed++;
        return NULL;
    }
    memcpy(block, &n, sizeof n);
    heap.n_bytes += n;
    return block + HEAD;
}

void *adit_realloc(void *p, size_t n)
{
    (void)p;
    (void)n;
    abort();
}

char *adit_strdup(const char *s)
{
    (void)s;
    abort();
}

void adit_free(void *p)
{
    size_t n;
    bool is_wiped = true;

    if (!p)
        return;
    memcpy(&n, (char *)p - HEAD, sizeof n);
    for (size_t i = 0; i < n; i++)
        is_wiped = is_wiped && ((char *)p)[i] == 0;
    heap.n_unwiped += !is_wiped;
    heap.n_bytes -= n;
    free((char *)p - HEAD);
}

void adit_free_secret(void *p, size_t n)
{
    if (p)
        adit_wipe(p, n);
    adit_free(p);
}

/* ---- keys and pages ---- */

static struct adit_aead *make(enum adit_aead_engine e, const char *name, uint8_t first, bool is_seal)
{
    uint8_t key[32];
    struct adit_aead *a;

    steps(key, sizeof key, first);
    adit_aead_prefer(e);
    a = adit_aead_new(adit_cipher_find(name), key, is_seal);
    adit_aead_prefer(ADIT_AEAD_BEST);
    assert_non_null(a);
    return a;
}

/* The last byte of the page before one that cannot be touched is the last of these n bytes. */
static uint8_t *edge(int at, size_t n)
{
    static uint8_t *pages;

    if (!pages) {
        pages = mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        assert_true(pages != MAP_FAILED);
        for (int i = 0; i < 8; i++)
            assert_int_equal(mprotect(pages + (size_t)(2 * i + 1) * PAGE, PAGE, PROT_NONE), 0);
    }
    return pages + (size_t)(2 * at + 1) * PAGE - n;
}

static void fill_nonce(struct adit_aead_op *op, size_t n)
{
    steps(op->nonce, sizeof op->nonce, (uint8_t)n);
    op->nonce[0] = (uint8_t)(n >> 8);
}

/* ---- tests ---- */

struct worker {
    const char *name;
    uint8_t first;
    bool is_good;
};

/* Its own key of each engine; thousands of packets, each compared. */
static void *work(void *arg)
{
    struct worker *w = arg;
    struct adit_cipher const *c = adit_cipher_find(w->name);
    uint8_t key[32], plain[300], text[300], tag[16];
    struct adit_aead *tx, *rx;

    steps(key, sizeof key, w->first);
    steps(plain, sizeof plain, w->first);
    tx = adit_aead_new(c, key, true);
    rx = adit_aead_new(c, key, false);
    w->is_good = tx && rx;
    for (uint8_t i = 0; w->is_good && i < 250; i++) {
        struct adit_aead_op op = {.aad = adit_bytes_of(key, 8),
                                  .src = adit_bytes_of(plain, sizeof plain - i),
                                  .dst = text,
                                  .tag = tag};

        fill_nonce(&op, i);
        adit_aead_seal_many(tx, &op, 1);
        w->is_good = !op.err && memcmp(text, plain, op.src.n) != 0;
        op.src = adit_bytes_of(text, op.src.n);
        adit_aead_open_many(rx, &op, 1);
        w->is_good = w->is_good && !op.err && memcmp(text, plain, op.src.n) == 0;
    }
    adit_aead_free(tx);
    adit_aead_free(rx);
    return NULL;
}

/* The first test: the engines are chosen when two threads want a key at once. */
static void two_threads_use_two_keys(void **state)
{
    struct worker workers[] = {{.name = "AES-256-GCM", .first = 1},
                               {.name = "CHACHA20-POLY1305", .first = 2}};
    pthread_t threads[2];

    (void)state;
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_true(workers[0].is_good);
    assert_true(workers[1].is_good);
}

static void the_engine_has_a_name_and_a_reason(void **state)
{
    const char *name = adit_aead_engine_name();

    (void)state;
    print_message("%s\n", name);
    /* Where the library was built in, only the CPU may speak against it. */
    assert_true(strncmp(name, EXPECTED_ENGINE, strlen(EXPECTED_ENGINE)) == 0 ||
                strncmp(name, "OpenSSL (the CPU", 16) == 0);
    adit_aead_prefer(ADIT_AEAD_EVP);
    assert_string_equal(adit_aead_engine_name(), "OpenSSL (asked for)");
    adit_aead_prefer(ADIT_AEAD_BEST);
    assert_string_equal(adit_aead_engine_name(), name);
}

struct four {
    struct adit_aead *seal, *open, *evp_seal, *evp_open;
};

static struct four make_four(const char *name)
{
    return (struct four){
        .seal = make(ADIT_AEAD_BEST, name, 3, true),
        .open = make(ADIT_AEAD_BEST, name, 3, false),
        .evp_seal = make(ADIT_AEAD_EVP, name, 3, true),
        .evp_open = make(ADIT_AEAD_EVP, name, 3, false),
    };
}

static void free_four(struct four *k)
{
    adit_aead_free(k->seal);
    adit_aead_free(k->open);
    adit_aead_free(k->evp_seal);
    adit_aead_free(k->evp_open);
}

static void opens_to(struct adit_aead *open, struct adit_aead_op op, const uint8_t *dst, const uint8_t *plain)
{
    op.src = adit_bytes_of(op.dst, op.src.n);
    op.dst = (uint8_t *)(uintptr_t)dst;
    adit_aead_open_many(open, &op, 1);
    assert_int_equal(op.err, ADIT_OK);
    assert_memory_equal(dst, plain, op.src.n);
}

/* Sealed alike, out of place and in place; each opens what the other has sealed, out of place and in place.
 */
static void compare(const struct four *k, size_t n, size_t aad_n)
{
    uint8_t *plain = edge(0, n), *text = edge(1, n), *evp_text = edge(2, n), *back = edge(3, n);
    struct adit_aead_op op = {.aad = adit_bytes_of(edge(4, aad_n), aad_n), .src = adit_bytes_of(plain, n)};
    struct adit_aead_op evp_op;

    fill_nonce(&op, n);
    evp_op = op;
    op.dst = text;
    op.tag = edge(5, 16);
    evp_op.dst = evp_text;
    evp_op.tag = edge(6, 16);
    memset(text - 64, 0xa5, 64 + n);
    adit_aead_seal_many(k->seal, &op, 1);
    adit_aead_seal_many(k->evp_seal, &evp_op, 1);
    assert_int_equal(op.err, ADIT_OK);
    assert_int_equal(evp_op.err, ADIT_OK);
    assert_memory_equal(text, evp_text, n);
    assert_memory_equal(op.tag, evp_op.tag, 16);
    for (int i = 1; i <= 64; i++)
        assert_int_equal(text[-i], 0xa5);

    opens_to(k->evp_open, op, back, plain);
    opens_to(k->open, evp_op, back, plain);
    /* `back` is the text again: sealed in place, and opened in place. */
    op.dst = back;
    op.src = adit_bytes_of(back, n);
    adit_aead_seal_many(k->seal, &op, 1);
    assert_int_equal(op.err, ADIT_OK);
    assert_memory_equal(back, evp_text, n);
    assert_memory_equal(op.tag, evp_op.tag, 16);
    opens_to(k->open, op, back, plain);
}

static void both_engines_agree_on_every_length(void **state)
{
    (void)state;
    for (size_t i = 0; i < LEN_MAX; i++)
        edge(0, LEN_MAX)[i] = (uint8_t)(i * 7 + i / 251);
    steps(edge(4, 12), 12, 0x48);
    for (size_t i = 0; i < N_NAMES; i++) {
        struct four k = make_four(names[i]);

        for (size_t n = 0; n <= LEN_MAX; n++) {
            compare(&k, n, 4);
            compare(&k, n, 8);
        }
        compare(&k, 100, 0);
        compare(&k, 100, 12);
        free_four(&k);
    }
}

enum { N_BURST = 40 };

/* A burst is what single packets are, and a forged one among them spoils only itself. */
static void a_burst_is_as_its_packets_one_by_one(void **state)
{
    static uint8_t plain[N_BURST][LEN_MAX], text[N_BURST][LEN_MAX], tags[N_BURST][16];
    static struct adit_aead_op ops[N_BURST];

    (void)state;
    for (size_t i = 0; i < 2 * N_NAMES; i++) {
        enum adit_aead_engine e = i < N_NAMES ? ADIT_AEAD_BEST : ADIT_AEAD_EVP;
        struct adit_aead *burst = make(e, names[i % N_NAMES], 9, true);
        struct adit_aead *open = make(e, names[i % N_NAMES], 9, false);

        for (size_t j = 0; j < N_BURST; j++) {
            steps(plain[j], LEN_MAX, (uint8_t)j);
            ops[j] = (struct adit_aead_op){.aad = adit_bytes_of(plain[j], 8),
                                           .src = adit_bytes_of(plain[j], j * 37),
                                           .dst = text[j],
                                           .tag = tags[j],
                                           .err = ADIT_E_STATE};
            fill_nonce(&ops[j], j);
        }
        adit_aead_seal_many(burst, ops, 0);
        assert_int_equal(ops[0].err, ADIT_E_STATE);
        adit_aead_seal_many(burst, ops, N_BURST);
        for (size_t j = 0; j < N_BURST; j++) {
            struct adit_aead *fresh = make(e, names[i % N_NAMES], 9, true);
            uint8_t want[LEN_MAX], tag[16];

            assert_int_equal(ops[j].err, ADIT_OK);
            assert_int_equal(
                adit_aead_seal(fresh, ops[j].nonce, ops[j].aad, plain[j], ops[j].src.n, want, tag), ADIT_OK);
            assert_memory_equal(text[j], want, ops[j].src.n);
            assert_memory_equal(tags[j], tag, sizeof tag);
            adit_aead_free(fresh);
            ops[j].src = adit_bytes_of(text[j], ops[j].src.n);
        }
        tags[7][15] ^= 0x80;
        adit_aead_open_many(open, ops, N_BURST);
        for (size_t j = 0; j < N_BURST; j++) {
            assert_int_equal(ops[j].err, j == 7 ? ADIT_E_AUTH : ADIT_OK);
            if (j != 7)
                assert_memory_equal(text[j], plain[j], ops[j].src.n);
        }
        adit_aead_free(burst);
        adit_aead_free(open);
    }
}

enum { TAMPERED = 733 };

/* Every byte of a packet, one at a time, with each engine: the text is longer than any stride of the
 * assembly. */
static void one_changed_byte_of_a_long_packet_is_noticed(void **state)
{
    static uint8_t plain[TAMPERED], text[TAMPERED], back[TAMPERED];

    (void)state;
    steps(plain, sizeof plain, 5);
    for (size_t i = 0; i < 2 * N_NAMES; i++) {
        enum adit_aead_engine e = i < N_NAMES ? ADIT_AEAD_BEST : ADIT_AEAD_EVP;
        struct adit_aead *tx = make(e, names[i % N_NAMES], 4, true),
                         *rx = make(e, names[i % N_NAMES], 4, false);
        uint8_t aad[8], tag[16];
        struct adit_aead_op op = {.aad = adit_bytes_of(aad, sizeof aad),
                                  .src = adit_bytes_of(plain, sizeof plain),
                                  .dst = text,
                                  .tag = tag};
        struct adit_wr parts[] = {
            adit_wr_of(op.nonce, ADIT_AEAD_NONCE_LEN),
            adit_wr_of(aad, sizeof aad),
            adit_wr_of(text, sizeof text),
            adit_wr_of(tag, sizeof tag),
        };

        steps(aad, sizeof aad, 6);
        fill_nonce(&op, 7);
        adit_aead_seal_many(tx, &op, 1);
        assert_int_equal(op.err, ADIT_OK);
        op.src = adit_bytes_of(text, sizeof text);
        op.dst = back;
        for (size_t j = 0; j < sizeof parts / sizeof *parts; j++) {
            for (uint8_t *at = parts[j].p; at < parts[j].end; at++) {
                *at ^= 0x10;
                adit_aead_open_many(rx, &op, 1);
                assert_int_equal(op.err, ADIT_E_AUTH);
                *at ^= 0x10;
            }
        }
        adit_aead_open_many(rx, &op, 1);
        assert_int_equal(op.err, ADIT_OK);
        assert_memory_equal(back, plain, sizeof plain);
        adit_aead_free(tx);
        adit_aead_free(rx);
    }
}

static void an_idle_key_is_small_and_all_of_it_is_wiped(void **state)
{
    uint8_t b[32] = {0}, tag[16];

    (void)state;
    for (size_t i = 0; i < 2 * N_NAMES; i++) {
        enum adit_aead_engine e = i < N_NAMES ? ADIT_AEAD_BEST : ADIT_AEAD_EVP;
        size_t before = heap.n_bytes;
        struct adit_aead *idle = make(e, names[i % N_NAMES], 1, true);
        struct adit_aead *used = make(e, names[i % N_NAMES], 1, true);

        assert_true(heap.n_bytes - before <= 2 * 96);
        assert_int_equal(adit_aead_seal(used, b, adit_bytes_of(b, 8), b, sizeof b, b, tag), ADIT_OK);
        adit_aead_free(idle);
        adit_aead_free(used);
        assert_int_equal(heap.n_bytes, before);
        assert_int_equal(heap.n_unwiped, 0);
    }
}

static void what_arrives_takes_no_memory(void **state)
{
    uint8_t b[32] = {0}, tag[16] = {0};

    (void)state;
    for (size_t i = 0; i < 2 * N_NAMES; i++) {
        enum adit_aead_engine e = i < N_NAMES ? ADIT_AEAD_BEST : ADIT_AEAD_EVP;
        struct adit_aead *a = make(e, names[i % N_NAMES], 1, false);
        size_t before = heap.n_bytes;

        assert_int_equal(adit_aead_open(a, b, adit_bytes_of(b, 8), b, sizeof b, tag, b), ADIT_E_AUTH);
        assert_int_equal(heap.n_bytes, before);
        adit_aead_free(a);
    }
    assert_int_equal(heap.n_unwiped, 0);
}

static void without_memory_the_first_use_fails_and_the_next_works(void **state)
{
    struct adit_aead *a = make(ADIT_AEAD_BEST, "AES-128-GCM", 1, true);
    uint8_t b[32] = {0}, key[32] = {0}, tag[16];
    struct adit_aead_op ops[2] = {0};

    (void)state;
    heap.is_empty = true;
    heap.n_failed = 0;
    assert_null(adit_aead_new(adit_cipher_find("AES-128-GCM"), key, true));
    assert_int_equal(heap.n_failed, 1);
    for (int i = 0; i < 2; i++)
        ops[i] = (struct adit_aead_op){.src = adit_bytes_of(b, sizeof b), .dst = b, .tag = tag};
    adit_aead_seal_many(a, ops, 2);
    heap.is_empty = false;
    /* OpenSSL has a heap of its own. */
    if (heap.n_failed > 1) {
        assert_int_equal(ops[0].err, ADIT_E_MEMORY);
        assert_int_equal(ops[1].err, ADIT_E_MEMORY);
    }
    adit_aead_seal_many(a, ops, 2);
    assert_int_equal(ops[0].err, ADIT_OK);
    assert_int_equal(ops[1].err, ADIT_OK);
    adit_aead_free(a);
}

static void too_much_and_nothing_at_all(void **state)
{
    uint8_t b[16] = {0}, tag[16], evp_tag[16];

    (void)state;
    for (size_t i = 0; i < N_NAMES; i++) {
        struct four k = make_four(names[i]);
        struct adit_aead_op op = {.src = adit_bytes_of(b, (size_t)INT_MAX + 1), .dst = b, .tag = tag};
        struct adit_aead *all[] = {k.seal, k.evp_seal, k.open, k.evp_open};

        for (size_t j = 0; j < 4; j++) {
            (j < 2 ? adit_aead_seal_many : adit_aead_open_many)(all[j], &op, 1);
            assert_int_equal(op.err, ADIT_E_TOO_BIG);
        }
        op = (struct adit_aead_op){.tag = tag};
        adit_aead_seal_many(k.seal, &op, 1);
        assert_int_equal(op.err, ADIT_OK);
        op.tag = evp_tag;
        adit_aead_seal_many(k.evp_seal, &op, 1);
        assert_int_equal(op.err, ADIT_OK);
        assert_memory_equal(tag, evp_tag, sizeof tag);
        adit_aead_open_many(k.open, &op, 1);
        assert_int_equal(op.err, ADIT_OK);
        free_four(&k);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_threads_use_two_keys),
        cmocka_unit_test(the_engine_has_a_name_and_a_reason),
        cmocka_unit_test(both_engines_agree_on_every_length),
        cmocka_unit_test(a_burst_is_as_its_packets_one_by_one),
        cmocka_unit_test(one_changed_byte_of_a_long_packet_is_noticed),
        cmocka_unit_test(an_idle_key_is_small_and_all_of_it_is_wiped),
        cmocka_unit_test(what_arrives_takes_no_memory),
        cmocka_unit_test(without_memory_the_first_use_fails_and_the_next_works),
        cmocka_unit_test(too_much_and_nothing_at_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
