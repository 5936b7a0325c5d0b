/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The trial of the fast engine before its first use. This program brings an engine of its own in the place of
 * ipsec-mb: EVP with one fault. A faulty one must never be given a key; the choice is made once per process,
 * so every fault has its own.
 */
#include "../unit.h"

#include <sys/wait.h>
#include <unistd.h>

#include "crypto/aead_parts.h"

enum fault {
    NONE,
    DOES_NOT_START,
    DOES_NOT_EXPAND,
    TEXT, /* these two only where the length is `at` */
    TAG,
    OPENS_WRONG,
    REFUSES_GOOD,
    TAKES_ANY_TAG,
};

static struct {
    enum fault fault;
    size_t at;
    const char *cipher; /* whose packets are spoiled */
    size_t n_calls;     /* packets that went through this engine */
} engine;

const char adit_aead_imb_name[] = "faulty 1.0";

static const struct adit_aead_ops *evp(const struct adit_aead *a)
{
    return adit_aead_evp_ops(a->cipher);
}

static bool has_fault(const struct adit_aead *a, enum fault f)
{
    return engine.fault == f && strcmp(a->cipher->name, engine.cipher) == 0;
}

static adit_err expand(struct adit_aead *a, void *room)
{
    return has_fault(a, DOES_NOT_EXPAND) ? ADIT_E_CRYPTO : evp(a)->expand(a, room);
}

static void drop(struct adit_aead *a)
{
    evp(a)->drop(a);
}

/* Another cipher that agrees with itself: what it spoils in sealing it undoes in opening, which is in place.
 */
static void spoil(const struct adit_aead *a, struct adit_aead_op *op)
{
    if (op->src.n == engine.at && has_fault(a, TEXT))
        op->dst[engine.at - 1] ^= 1;
    if (op->src.n == engine.at && has_fault(a, TAG))
        op->tag[15] ^= 1;
}

static void seal(struct adit_aead *a, struct adit_aead_op *ops, size_t n)
{
    evp(a)->seal(a, ops, n);
    engine.n_calls += n;
    for (size_t i = 0; i < n; i++)
        spoil(a, &ops[i]);
}

static void open_all(struct adit_aead *a, struct adit_aead_op *ops, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (ops[i].src.p == ops[i].dst)
            spoil(a, &ops[i]);
    }
    evp(a)->open(a, ops, n);
    engine.n_calls += n;
    for (size_t i = 0; i < n; i++) {
        if (ops[i].src.n == engine.at && has_fault(a, OPENS_WRONG))
            ops[i].dst[0] ^= 1;
        if (has_fault(a, TAKES_ANY_TAG))
            ops[i].err = ADIT_OK;
        if (has_fault(a, REFUSES_GOOD))
            ops[i].err = ADIT_E_AUTH;
    }
}

const struct adit_aead_ops *adit_aead_imb_ops(const struct adit_cipher *c)
{
    static const struct adit_aead_ops ops = {
        .room = 0, .expand = expand, .drop = drop, .seal = seal, .open = open_all};

    return strncmp(c->name, "ARIA", 4) == 0 || c->kind != ADIT_CIPHER_AEAD ? NULL : &ops;
}

bool adit_aead_imb_start(const char **text)
{
    *text = engine.fault == DOES_NOT_START ? "no such luck" : "with luck";
    return engine.fault != DOES_NOT_START;
}

/* ---- tests ---- */

/* In a child: seals one packet with every cipher, and says whether the engine had a hand in it. */
static bool is_used(const char *cipher)
{
    uint8_t key[32] = {1}, b[32] = {0}, tag[16];
    struct adit_aead *a = adit_aead_new(adit_cipher_find(cipher), key, true);
    size_t before = engine.n_calls;

    assert_non_null(a);
    assert_int_equal(adit_aead_seal(a, key, adit_bytes_of(key, 8), b, sizeof b, b, tag), ADIT_OK);
    adit_aead_free(a);
    return engine.n_calls > before;
}

/* Each in a process of its own; `want` is how the engine's name begins. */
static void try(enum fault f, size_t at, const char *cipher, const char *want, bool want_used)
{
    int status;
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        bool is_good;

        engine.fault = f;
        engine.at = at;
        engine.cipher = cipher;
        is_good = strcmp(adit_aead_engine_name(), want) == 0 && is_used("AES-256-GCM") == want_used &&
                  is_used("CHACHA20-POLY1305") == want_used && !is_used("ARIA-256-GCM");
        if (!is_good)
            print_error("%s, wanted %s\n", adit_aead_engine_name(), want);
        _exit(is_good ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void a_good_engine_is_used_for_what_it_serves(void **state)
{
    (void)state;
    try(NONE, 0, "", "faulty 1.0 (with luck, agrees with OpenSSL)", true);
}

static void an_engine_that_does_not_start_is_not_used(void **state)
{
    (void)state;
    try(DOES_NOT_START, 0, "", "OpenSSL (no such luck)", false);
    try(DOES_NOT_EXPAND, 0, "AES-192-GCM", "OpenSSL (ipsec-mb differs: AES-192-GCM, 0 bytes)", false);
}

static void an_engine_that_differs_anywhere_is_not_used(void **state)
{
    (void)state;
    try(TEXT, 1, "AES-128-GCM", "OpenSSL (ipsec-mb differs: AES-128-GCM, 1 bytes)", false);
    try(TEXT, 1399, "AES-192-GCM", "OpenSSL (ipsec-mb differs: AES-192-GCM, 1399 bytes)", false);
    try(TEXT, 9000, "CHACHA20-POLY1305", "OpenSSL (ipsec-mb differs: CHACHA20-POLY1305, 9000 bytes)", false);
    try(TAG, 0, "CHACHA20-POLY1305", "OpenSSL (ipsec-mb differs: CHACHA20-POLY1305, 0 bytes)", false);
    try(TAG, 17, "AES-256-GCM", "OpenSSL (ipsec-mb differs: AES-256-GCM, 17 bytes)", false);
    try(OPENS_WRONG, 64, "AES-256-GCM", "OpenSSL (ipsec-mb differs: AES-256-GCM, 64 bytes)", false);
    try(REFUSES_GOOD, 0, "AES-256-GCM", "OpenSSL (ipsec-mb differs: AES-256-GCM, 0 bytes)", false);
    try(TAKES_ANY_TAG, 0, "AES-128-GCM", "OpenSSL (ipsec-mb differs: AES-128-GCM, 0 bytes)", false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_engine_is_used_for_what_it_serves),
        cmocka_unit_test(an_engine_that_does_not_start_is_not_used),
        cmocka_unit_test(an_engine_that_differs_anywhere_is_not_used),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
