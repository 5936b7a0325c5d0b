/* SPDX-License-Identifier: Apache-2.0 */
/* Two engines joined in memory, with bytes delivered in pieces of any size. */
#include "../said.h"
#include "../unit.h"

#include <stdlib.h>

#include "base/env.h"
#include "proto/tls_ossl.h"
#include "test_certs.h"

/* ---- fixtures ---- */

static struct test_pair *ca, *ca_rsa, *other_ca, *server, *client, *expired, *as_server, *stranger, *no_cn,
    *bare;

static char log_text[SAID_MAX];
static uint64_t seed = 20270115;

static const struct adit_env env = {.log = {.put = keep_said, .ctx = log_text, .verb = 3}};
static const adit_now now = {.mono_ns = 1, .wall_s = TEST_NOW};

static struct test_pair *leaf(struct test_pair *issuer, const char *kind, const char *cn, const char *eku)
{
    return test_pair_new(issuer,
                         &(struct test_want){.kind = kind, .cn = cn, .eku = eku, .ku = "digitalSignature"});
}

static int set_up(void **state)
{
    (void)state;
    ca = test_ca("EC", "Test CA");
    ca_rsa = test_ca("RSA", "RSA CA");
    other_ca = test_ca("EC", "Other CA");
    server = leaf(ca, "EC", "server", "serverAuth");
    client = leaf(ca, "EC", "client", "clientAuth");
    as_server = leaf(ca, "EC", "wrong", "serverAuth");
    stranger = leaf(other_ca, "EC", "stranger", "clientAuth");
    no_cn = leaf(ca, "EC", NULL, "clientAuth");
    bare = test_pair_new(ca, &(struct test_want){.kind = "EC", .cn = "bare"});
    expired = test_pair_new(
        ca, &(struct test_want){.kind = "EC", .cn = "old", .eku = "clientAuth", .to = TEST_NOW - DAY});
    return 0;
}

static int tear_down(void **state)
{
    struct test_pair *all[] = {ca,      ca_rsa,    other_ca, server, client,
                               expired, as_server, stranger, no_cn,  bare};

    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        test_pair_free(all[i]);
    return 0;
}

static struct adit_tls_params params_of(const struct test_pair *own, const char *ca_pem)
{
    struct adit_tls_params p = {0};

    if (ca_pem)
        p.ca = adit_bytes_str(ca_pem);
    if (own) {
        p.cert = adit_bytes_str(own->cert_pem);
        p.key = adit_bytes_str(own->key_pem);
    }
    return p;
}

/* ---- a link of two engines ---- */

struct link {
    struct adit_tls_ctx *ctx[2];
    struct adit_tls *tls[2]; /* 0: client, 1: server */
    enum adit_tls_state state[2];
    adit_err why[2];
};

static const struct adit_tls_ops *const ops = &adit_tls_ossl;

static struct adit_tls_ctx *ctx_of(const struct adit_tls_params *p, bool is_server)
{
    char why[512] = "";
    struct adit_tls_ctx *c = adit_tls_ctx_new(p, &env, is_server, why, sizeof why);

    if (!c)
        fail_msg("context: %s", why);
    return c;
}

static void link_connect(struct link *l)
{
    for (int i = 0; i < 2; i++) {
        l->tls[i] = ops->make(l->ctx[i], i == 1, now);
        assert_non_null(l->tls[i]);
        assert_string_equal(ops->describe(l->tls[i]), "");
        l->why[i] = ADIT_OK;
    }
}

static void link_open(struct link *l, const struct adit_tls_params *c, const struct adit_tls_params *s)
{
    l->ctx[0] = ctx_of(c, false);
    l->ctx[1] = ctx_of(s, true);
    log_text[0] = '\0';
    link_connect(l);
}

static void link_close(struct link *l)
{
    for (int i = 0; i < 2; i++)
        ops->free(l->tls[i]);
    for (int i = 0; i < 2; i++)
        adit_tls_ctx_free(l->ctx[i]);
}

/* Moves one piece of random size from `from` to the other end. */
static bool carry(struct link *l, int from)
{
    struct adit_rng rng = adit_rng_seeded(&seed);
    uint8_t piece[1500];
    size_t before = ops->pending(l->tls[from]);
    size_t n = ops->drain(l->tls[from], piece, 1 + adit_rng_below(&rng, sizeof piece));

    seed++;
    assert_int_equal(ops->pending(l->tls[from]), before - n);
    if (n > 0)
        assert_int_equal(ops->feed(l->tls[!from], adit_bytes_of(piece, n)), ADIT_OK);
    return n > 0;
}

/* Until nothing moves any more; a read after each step notices what comes after the handshake. */
static void link_run(struct link *l)
{
    bool moved = true;

    for (int round = 0; moved; round++) {
        assert_true(round < 100000);
        moved = false;
        for (int i = 0; i < 2; i++) {
            uint8_t b[64];
            size_t n;

            l->state[i] = ops->step(l->tls[i], &l->why[i]);
            if (l->state[i] == ADIT_TLS_UP && ops->read(l->tls[i], b, sizeof b, &n) != ADIT_OK)
                l->state[i] = ops->step(l->tls[i], &l->why[i]);
            moved |= carry(l, i);
        }
    }
}

static void assert_link_up(struct link *l)
{
    for (int i = 0; i < 2; i++)
        if (l->state[i] != ADIT_TLS_UP)
            fail_msg("end %d is in state %d: %s", i, l->state[i], ops->describe(l->tls[i]));
}

static void assert_has(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("\"%s\" is not in: %s", part, text);
}

/* The end `who` refuses with this error and text, and the other one learns by an alert. */
static void assert_refused(struct link *l, int who, adit_err why, const char *part)
{
    link_run(l);
    assert_int_equal(l->state[who], ADIT_TLS_FAILED);
    assert_has(ops->describe(l->tls[who]), part);
    assert_int_equal(l->why[who], why);
    assert_int_equal(l->state[!who], ADIT_TLS_FAILED);
    assert_int_equal(l->why[!who], ADIT_E_TLS_ALERT);
    assert_has(ops->describe(l->tls[!who]), "the peer sent the alert");
    assert_int_equal(ops->write(l->tls[who], adit_bytes_str("x")), ADIT_E_STATE);
}

/* ---- what works ---- */

static void exchange(struct link *l, int from, size_t len)
{
    static uint8_t sent[16384], got[20000];
    size_t n = 0;

    steps(sent, len, 7);
    assert_int_equal(ops->write(l->tls[from], adit_bytes_of(sent, len)), ADIT_OK);
    assert_int_equal(ops->write(l->tls[from], adit_bytes_of("second", 7)), ADIT_OK);
    while (carry(l, from))
        ;
    assert_int_equal(ops->read(l->tls[!from], got, sizeof got, &n), ADIT_OK);
    assert_int_equal(n, len);
    assert_memory_equal(got, sent, len);
    assert_int_equal(ops->read(l->tls[!from], got, sizeof got, &n), ADIT_OK);
    assert_int_equal(n, 7);
    assert_memory_equal(got, "second", 7);
    assert_int_equal(ops->read(l->tls[!from], got, sizeof got, &n), ADIT_OK);
    assert_int_equal(n, 0);
}

static void assert_same_keys(struct link *l)
{
    uint8_t a[256], b[256], c[256];

    assert_int_equal(ops->export_key(l->tls[0], "EXPORTER-OpenVPN-datakeys", a, sizeof a), ADIT_OK);
    assert_int_equal(ops->export_key(l->tls[1], "EXPORTER-OpenVPN-datakeys", b, sizeof b), ADIT_OK);
    assert_int_equal(ops->export_key(l->tls[1], "EXPORTER-OpenVPN-dynamic-tls-crypt", c, sizeof c), ADIT_OK);
    assert_memory_equal(a, b, sizeof a);
    assert_memory_not_equal(a, c, sizeof a);
}

static void one_kind(const char *kind, const char *version, const char *shown)
{
    struct test_pair *root = strcmp(kind, "RSA") == 0 ? ca_rsa : test_ca(kind, "Kind CA");
    struct test_pair *s = leaf(root, kind, "server", "serverAuth"),
                     *c = leaf(root, kind, "client", "clientAuth");
    struct adit_tls_params sp = params_of(s, root->cert_pem), cp = params_of(c, root->cert_pem);
    struct link l;
    char want[64];

    cp.version_max = version;
    link_open(&l, &cp, &sp);
    link_run(&l);
    assert_link_up(&l);
    snprintf(want, sizeof want, "Control Channel: TLSv%s, cipher TLSv%s ", version, version);
    assert_has(ops->describe(l.tls[1]), want);
    assert_has(ops->describe(l.tls[1]), shown);
    assert_same_keys(&l);
    exchange(&l, 0, 2048);
    exchange(&l, 1, 1);
    exchange(&l, 0, 16384);
    link_close(&l);
    test_pair_free(s);
    test_pair_free(c);
    if (root != ca_rsa)
        test_pair_free(root);
}

static void every_kind_of_key_works_with_both_versions(void **state)
{
    (void)state;
    one_kind("RSA", "1.2", "peer certificate: 2048 bits RSA, signature: RSA-SHA256");
    one_kind("RSA", "1.3", "peer certificate: 2048 bits RSA, signature: RSA-SHA256");
    one_kind("EC", "1.2", "peer certificate: 256 bits ECprime256v1, signature: ecdsa-with-SHA256");
    one_kind("EC", "1.3", "peer certificate: 256 bits ECprime256v1, signature: ecdsa-with-SHA256");
    one_kind("ED25519", "1.2", "peer certificate: 256 bits ED25519, signature: ED25519");
    one_kind("ED25519", "1.3", "peer certificate: 256 bits ED25519, signature: ED25519");
}

static void identity_names_the_peer_and_logs_the_chain(void **state)
{
    struct adit_tls_params sp = params_of(server, ca->cert_pem), cp = params_of(client, ca->cert_pem);
    const struct adit_identity *id;
    uint8_t leaf_hash[32], hashes[64], chain[32];
    struct link l;

    (void)state;
    link_open(&l, &cp, &sp);
    link_run(&l);
    assert_link_up(&l);
    id = ops->identity(l.tls[1]);
    X509_digest(client->cert, EVP_sha256(), leaf_hash, NULL);
    X509_digest(ca->cert, EVP_sha256(), hashes, NULL);
    memcpy(hashes + 32, leaf_hash, 32);
    EVP_Digest(hashes, 64, chain, NULL, EVP_sha256(), NULL);
    assert_true(id->has_cert);
    assert_string_equal(id->common_name, "client");
    assert_string_equal(id->subject, "C=XX, O=Org, CN=client");
    assert_memory_equal(id->sha256, leaf_hash, 32);
    assert_memory_equal(id->chain_sha256, chain, 32);
    assert_string_equal(ops->identity(l.tls[0])->common_name, "server");
    assert_has(log_text, "VERIFY OK: depth=1, C=XX, O=Org, CN=Test CA\n");
    assert_has(log_text, "VERIFY OK: depth=0, C=XX, O=Org, CN=client\n");
    link_close(&l);
}

static void names_are_cleaned_of_control_characters(void **state)
{
    struct test_pair *odd = leaf(ca, "EC", "-M\xc3\xbc\nller", "clientAuth");
    struct adit_tls_params sp = params_of(server, ca->cert_pem), cp = params_of(odd, ca->cert_pem);
    struct link l;

    (void)state;
    link_open(&l, &cp, &sp);
    link_run(&l);
    assert_link_up(&l);
    assert_string_equal(ops->identity(l.tls[1])->common_name, "-M\xc3\xbc_ller");
    assert_string_equal(ops->identity(l.tls[1])->subject, "C=XX, O=Org, CN=-M\xc3\xbc\\0Aller");
    link_close(&l);
    test_pair_free(odd);
}

static void a_second_handshake_has_new_keys_and_the_same_identity(void **state)
{
    struct adit_tls_params sp = params_of(server, ca->cert_pem), cp = params_of(client, ca->cert_pem);
    struct adit_identity first;
    struct adit_tls *old[2];
    uint8_t a[32], b[32];
    struct link l;

    (void)state;
    link_open(&l, &cp, &sp);
    link_run(&l);
    assert_link_up(&l);
    first = *ops->identity(l.tls[1]);
    assert_int_equal(ops->export_key(l.tls[1], "x", a, 32), ADIT_OK);
    old[0] = l.tls[0];
    old[1] = l.tls[1];
    link_connect(&l); /* while the first still lives */
    link_run(&l);
    assert_link_up(&l);
    assert_int_equal(ops->export_key(l.tls[1], "x", b, 32), ADIT_OK);
    assert_memory_not_equal(a, b, 32);
    assert_memory_equal(first.chain_sha256, ops->identity(l.tls[1])->chain_sha256, 32);
    ops->free(old[0]);
    ops->free(old[1]);
    link_close(&l);
}

/* Is the certificate in what this end says first? Only before TLS 1.3, which encrypts it. */
static bool is_sent(struct link *l, int from, X509 *x)
{
    static uint8_t flight[16384];
    uint8_t der[4096], *end = der;
    int der_len = i2d_X509(x, &end);
    size_t n;

    ops->step(l->tls[from], &l->why[from]);
    n = ops->drain(l->tls[from], flight, sizeof flight);
    assert_int_equal(ops->feed(l->tls[!from], adit_bytes_of(flight, n)), ADIT_OK);
    assert_true(der_len > 0 && n > 0);
    return memmem(flight, n, der, (size_t)der_len) != NULL;
}

static void the_leaf_is_sent_and_the_root_is_not(void **state)
{
    struct adit_tls_params sp = params_of(server, ca->cert_pem), cp = params_of(client, ca->cert_pem);
    X509 *which[] = {server->cert, ca->cert};
    char both[10000];
    struct link l;

    (void)state;
    snprintf(both, sizeof both, "%s%s", server->cert_pem, ca->cert_pem);
    sp.cert = adit_bytes_str(both);
    cp.version_max = "1.2";
    for (int i = 0; i < 2; i++) {
        link_open(&l, &cp, &sp);
        assert_false(is_sent(&l, 0, which[i])); /* the client's hello */
        assert_int_equal(is_sent(&l, 1, which[i]), i == 0);
        link_run(&l);
        assert_link_up(&l);
        link_close(&l);
    }
}

static void intermediates_are_sent_from_cert_and_extra_certs(void **state)
{
    struct test_pair *mid = test_pair_new(ca, &(struct test_want){.kind = "EC", .cn = "Mid", .is_ca = true});
    struct test_pair *c = leaf(mid, "EC", "deep", "clientAuth");
    struct adit_tls_params sp = params_of(server, ca->cert_pem), cp = params_of(c, ca->cert_pem);
    char both[8192];
    struct link l;

    (void)state;
    snprintf(both, sizeof both, "%s%s", c->cert_pem, mid->cert_pem);
    cp.cert = adit_bytes_str(both);
    link_open(&l, &cp, &sp);
    link_run(&l);
    assert_link_up(&l);
    assert_has(log_text,
               "VERIFY OK: depth=2, C=XX, O=Org, CN=Test CA\nVERIFY OK: depth=1, C=XX, O=Org, CN=Mid\n");
    link_close(&l);
    cp = params_of(c, ca->cert_pem);
    cp.extra_certs = adit_bytes_str(mid->cert_pem);
    link_open(&l, &cp, &sp);
    link_run(&l);
    assert_link_up(&l);
    link_close(&l);
    test_pair_free(c);
    test_pair_free(mid);
}

static void several_cas_are_all_trusted(void **state)
{
    struct adit_tls_params sp = params_of(server, NULL), cp = params_of(stranger, ca->cert_pem);
    char both[10000];
    struct link l;

    (void)state;
    snprintf(both, sizeof both, "a comment\n%s\n%s", ca->cert_pem, other_ca->cert_pem);
    sp.ca = adit_bytes_str(both);
    link_open(&l, &cp, &sp);
    link_run(&l);
    assert_link_up(&l);
    link_close(&l);
}

static void pkcs12_holds_everything(void **state)
{
    STACK_OF(X509) *cas = sk_X509_new_null();
    struct adit_tls_params sp = params_of(server, ca->cert_pem), cp = {.key_password = "pw"};
    uint8_t der[8192], *end = der;
    char why[512];
    PKCS12 *p12;
    struct link l;
    int n;

    (void)state;
    sk_X509_push(cas, ca->cert);
    p12 = PKCS12_create("pw", "x", client->key, client->cert, cas, 0, 0, 0, 0, 0);
    n = i2d_PKCS12(p12, &end);
    assert_true(n > 0 && (size_t)n < sizeof der);
    cp.pkcs12 = adit_bytes_of(der, (size_t)n);
    link_open(&l, &cp, &sp);
    link_run(&l);
    assert_link_up(&l);
    link_close(&l);
    cp.key_password = "no";
    assert_null(adit_tls_ctx_new(&cp, &env, false, why, sizeof why));
    assert_string_equal(why, "pkcs12: cannot be decrypted: the password is wrong");
    PKCS12_free(p12);
    sk_X509_free(cas);
}

static void keys_load_in_every_form(void **state)
{
    struct adit_tls_params p = params_of(client, ca->cert_pem);
    char pem[4096], why[512];
    BIO *bio = BIO_new(BIO_s_mem());

    (void)state;
    PEM_write_bio_PrivateKey_traditional(bio, client->key, NULL, NULL, 0, NULL, NULL);
    pem_of(bio, pem, sizeof pem);
    assert_has(pem, "BEGIN EC PRIVATE KEY");
    p.key = adit_bytes_str(pem);
    adit_tls_ctx_free(ctx_of(&p, false));

    bio = BIO_new(BIO_s_mem());
    PEM_write_bio_PrivateKey(bio, client->key, EVP_aes_256_cbc(), (const unsigned char *)"secret", 6, NULL,
                             NULL);
    pem_of(bio, pem, sizeof pem);
    p.key = adit_bytes_str(pem);
    assert_null(adit_tls_ctx_new(&p, &env, false, why, sizeof why));
    assert_has(why, "key: encrypted, and no password was given: use askpass");
    p.key_password = "wrong";
    assert_null(adit_tls_ctx_new(&p, &env, false, why, sizeof why));
    assert_has(why, "key: cannot be decrypted: the password is wrong");
    p.key_password = "secret";
    adit_tls_ctx_free(ctx_of(&p, false));
}

static void cipher_names_are_translated(void **state)
{
    struct adit_tls_params sp = params_of(server, ca->cert_pem), cp = params_of(client, ca->cert_pem);
    struct link l;

    (void)state;
    cp.version_max = "1.2";
    cp.cipher_list = "TLS-NO-SUCH:TLS-ECDHE-ECDSA-WITH-CHACHA20-POLY1305-SHA256";
    link_open(&l, &cp, &sp);
    link_run(&l);
    assert_link_up(&l);
    assert_has(ops->describe(l.tls[0]), "cipher TLSv1.2 ECDHE-ECDSA-CHACHA20-POLY1305,");
    link_close(&l);
    cp = params_of(client, ca->cert_pem);
    cp.ciphersuites = "TLS-AES-128-GCM-SHA256";
    cp.groups = "secp384r1";
    link_open(&l, &cp, &sp);
    link_run(&l);
    assert_link_up(&l);
    assert_has(ops->describe(l.tls[0]), "TLSv1.3 TLS_AES_128_GCM_SHA256");
    assert_has(ops->describe(l.tls[0]), "384 bits");
    link_close(&l);
}

static void a_client_without_certificate_is_let_in_where_allowed(void **state)
{
    static const enum adit_verify_client modes[] = {ADIT_VERIFY_OPTIONAL, ADIT_VERIFY_NONE};
    struct adit_tls_params sp = params_of(server, ca->cert_pem), cp = params_of(NULL, ca->cert_pem);
    struct link l;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        sp.verify_client = modes[i];
        link_open(&l, &cp, &sp);
        link_run(&l);
        assert_link_up(&l);
        assert_false(ops->identity(l.tls[1])->has_cert);
        assert_string_equal(ops->identity(l.tls[1])->common_name, "");
        link_close(&l);
    }
    sp.verify_client = ADIT_VERIFY_OPTIONAL;
    cp = params_of(expired, ca->cert_pem); /* optional does not mean unchecked */
    link_open(&l, &cp, &sp);
    assert_refused(&l, 1, ADIT_E_CERTIFICATE, "certificate has expired");
    link_close(&l);
    sp.verify_client = ADIT_VERIFY_REQUIRE;
    cp = params_of(NULL, ca->cert_pem);
    link_open(&l, &cp, &sp);
    assert_refused(&l, 1, ADIT_E_CERTIFICATE, "the peer sent no certificate");
    link_close(&l);
}

/* ---- what is refused ---- */

static void a_bad_client_certificate_is_refused_with_its_reason(void **state)
{
    static const struct {
        struct test_pair **who;
        const char *text;
    } rows[] = {
        {&expired, "VERIFY ERROR: depth=0, error=certificate has expired: C=XX, O=Org, CN=old, serial="},
        {&as_server, "VERIFY ERROR: depth=0, error=unsuitable certificate purpose: C=XX, O=Org, CN=wrong"},
        {&stranger,
         "VERIFY ERROR: depth=0, error=unable to get local issuer certificate: C=XX, O=Org, CN=stranger"},
        {&no_cn, "VERIFY ERROR: could not extract CN from X509 subject string ('C=XX, O=Org')"},
    };
    static const char *const versions[] = {"1.2", "1.3"};

    (void)state;
    for (size_t i = 0; i < 2 * sizeof rows / sizeof rows[0]; i++) {
        struct adit_tls_params sp = params_of(server, ca->cert_pem),
                               cp = params_of(*rows[i / 2].who, ca->cert_pem);
        struct link l;

        cp.version_max = versions[i % 2];
        link_open(&l, &cp, &sp);
        assert_refused(&l, 1, ADIT_E_CERTIFICATE, rows[i / 2].text);
        assert_false(ops->identity(l.tls[1])->has_cert);
        link_close(&l);
    }
}

static void the_time_that_counts_is_the_one_passed_in(void **state)
{
    struct adit_tls_params sp = params_of(server, ca->cert_pem), cp = params_of(client, ca->cert_pem);
    struct link l;

    (void)state;
    link_open(&l, &cp, &sp);
    ops->free(l.tls[1]);
    l.tls[1] = ops->make(l.ctx[1], true, (adit_now){.wall_s = TEST_NOW - 366 * (int64_t)DAY});
    assert_refused(&l, 1, ADIT_E_CERTIFICATE, "error=certificate is not yet valid");
    link_close(&l);
}

static void revoked_certificates_are_refused_and_a_missing_list_is_a_warning(void **state)
{
    struct adit_tls_params sp = params_of(server, ca->cert_pem), cp = params_of(client, ca->cert_pem);
    char crl[4096], why[512];
    struct link l;

    (void)state;
    test_crl(ca, client, false, crl, sizeof crl);
    sp.crl = adit_bytes_str(crl);
    link_open(&l, &cp, &sp);
    assert_refused(&l, 1, ADIT_E_CERTIFICATE,
                   "VERIFY ERROR: depth=0, error=certificate revoked: C=XX, O=Org, CN=client");
    assert_has(ops->describe(l.tls[0]), "revoked");
    /* The same context takes a newer list. */
    test_crl(ca, server, false, crl, sizeof crl);
    assert_int_equal(adit_tls_ctx_set_crl(l.ctx[1], adit_bytes_str("x"), why, sizeof why), ADIT_E_CONFIG);
    assert_has(why, "crl-verify: no revocation list could be read");
    assert_int_equal(adit_tls_ctx_set_crl(l.ctx[1], adit_bytes_str(crl), why, sizeof why), ADIT_OK);
    ops->free(l.tls[0]);
    ops->free(l.tls[1]);
    link_connect(&l);
    link_run(&l);
    assert_link_up(&l);
    link_close(&l);

    test_crl(other_ca, stranger, false, crl, sizeof crl);
    sp.crl = adit_bytes_str(crl);
    link_open(&l, &cp, &sp);
    link_run(&l);
    assert_link_up(&l);
    assert_has(log_text, "unable to get certificate CRL");
    link_close(&l);

    test_crl(ca, NULL, true, crl, sizeof crl);
    sp.crl = adit_bytes_str(crl);
    link_open(&l, &cp, &sp);
    assert_refused(&l, 1, ADIT_E_CERTIFICATE, "error=CRL has expired");
    link_close(&l);
}

static void names_are_compared_as_asked(void **state)
{
    static const struct {
        enum adit_x509_name_rule rule;
        const char *name;
        bool ok;
    } rows[] = {
        {ADIT_X509_NAME, "server", true},     {ADIT_X509_NAME, "serve", false},
        {ADIT_X509_NAME, "server2", false},   {ADIT_X509_PREFIX, "serv", true},
        {ADIT_X509_PREFIX, "erver", false},   {ADIT_X509_SUBJECT, "C=XX, O=Org, CN=server", true},
        {ADIT_X509_SUBJECT, "server", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct adit_tls_params sp = params_of(server, ca->cert_pem), cp = params_of(client, ca->cert_pem);
        struct link l;

        cp.name_rule = rows[i].rule;
        cp.name = rows[i].name;
        link_open(&l, &cp, &sp);
        if (rows[i].ok) {
            link_run(&l);
            assert_link_up(&l);
        } else {
            assert_refused(&l, 0, ADIT_E_CERTIFICATE,
                           "VERIFY X509NAME ERROR: C=XX, O=Org, CN=server, must be ");
        }
        link_close(&l);
    }
}

static void key_usage_is_compared_as_asked(void **state)
{
    static const uint16_t too_much[] = {0xa0, 0x20}, fits[] = {0x20, 0x80};
    static const struct {
        struct test_pair **who;
        const uint16_t *kus;
        const char *eku, *fault;
    } rows[] = {
        {&client, NULL, "TLS Web Client Authentication", NULL},
        {&client, fits, "1.3.6.1.5.5.7.3.2", NULL},
        {&client, too_much, NULL,
         "VERIFY KU ERROR: C=XX, O=Org, CN=client: the certificate has key usage 0080"},
        {&client, NULL, "1.2.3.4", "extended key usage is TLS Web Client Authentication, expected 1.2.3.4"},
        {&bare, NULL, NULL, "VERIFY KU ERROR: C=XX, O=Org, CN=bare: the certificate has no key usage"},
        {&expired, fits, NULL, "certificate has expired"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct adit_tls_params sp = params_of(server, ca->cert_pem),
                               cp = params_of(*rows[i].who, ca->cert_pem);
        struct link l;

        sp.want_ku = true;
        sp.kus = rows[i].kus;
        sp.n_kus = rows[i].kus ? 2 : 0;
        sp.remote_cert_eku = rows[i].eku;
        link_open(&l, &cp, &sp);
        if (rows[i].fault) {
            assert_refused(&l, 1, ADIT_E_CERTIFICATE, rows[i].fault);
        } else {
            link_run(&l);
            assert_link_up(&l);
            assert_has(log_text, "VERIFY KU OK\nVERIFY EKU OK\nVERIFY OK: depth=0");
        }
        link_close(&l);
    }
}

static void a_fingerprint_replaces_the_ca_or_adds_to_it(void **state)
{
    struct adit_tls_params sp = params_of(server, NULL), cp = params_of(expired, ca->cert_pem);
    uint8_t hashes[2][32] = {{1}};
    struct link l;

    (void)state;
    sp.fingerprints = (const uint8_t(*)[32])hashes;
    sp.n_fingerprints = 2;
    link_open(&l, &cp, &sp);
    assert_refused(&l, 1, ADIT_E_CERTIFICATE,
                   "certificate hash verification failed. (got certificate fingerprint: ");
    link_close(&l);
    X509_digest(expired->cert, EVP_sha256(), hashes[1], NULL);
    link_open(&l, &cp, &sp); /* expired, of an unknown CA: only the fingerprint counts */
    link_run(&l);
    assert_link_up(&l);
    assert_string_equal(ops->identity(l.tls[1])->common_name, "old");
    link_close(&l);
    sp.ca = adit_bytes_str(ca->cert_pem);
    link_open(&l, &cp, &sp);
    assert_refused(&l, 1, ADIT_E_CERTIFICATE, "certificate has expired");
    link_close(&l);
}

static void chains_above_the_limit_are_refused(void **state)
{
    struct test_pair *chain[18] = {ca};
    static char pem[18 * 4096];
    struct link l;

    (void)state;
    for (int n = 15; n <= 16; n++) { /* n: depth of the root */
        struct adit_tls_params sp = params_of(server, ca->cert_pem), cp;

        pem[0] = '\0';
        for (int i = 1; i <= n; i++)
            chain[i] = i == n
                           ? leaf(chain[i - 1], "EC", "end", "clientAuth")
                           : test_pair_new(chain[i - 1], &(struct test_want){.kind = "EC",
                                                                             .cn = (char[]){'A' + (char)i, 0},
                                                                             .is_ca = true});
        for (int i = n; i >= 1; i--)
            strcat(pem, chain[i]->cert_pem);
        cp = params_of(chain[n], ca->cert_pem);
        cp.cert = adit_bytes_str(pem);
        link_open(&l, &cp, &sp);
        if (n < 16) {
            link_run(&l);
            assert_link_up(&l);
        } else {
            assert_refused(&l, 1, ADIT_E_CERTIFICATE, "error=certificate chain too long");
        }
        link_close(&l);
        for (int i = 1; i <= n; i++)
            test_pair_free(chain[i]);
    }
}

static void ends_without_common_ground_say_so(void **state)
{
    struct adit_tls_params sp = params_of(server, ca->cert_pem), cp = params_of(client, ca->cert_pem);
    struct link l;

    (void)state;
    cp.version_max = "1.2";
    sp.version_min = "1.3";
    link_open(&l, &cp, &sp);
    assert_refused(&l, 1, ADIT_E_TLS, "compare tls-version-min");
    link_close(&l);
    sp.version_min = NULL;
    cp.cipher_list = "TLS-ECDHE-RSA-WITH-AES-256-GCM-SHA384"; /* the server's key is ECDSA */
    link_open(&l, &cp, &sp);
    assert_refused(&l, 1, ADIT_E_TLS, "no cipher in common");
    link_close(&l);
}

static void weak_keys_need_their_profile(void **state)
{
    struct test_pair *weak = leaf(ca, "RSA1024", "weak", "clientAuth");
    struct adit_tls_params sp = params_of(server, ca->cert_pem), cp = params_of(weak, ca->cert_pem);
    char why[512];
    struct link l;

    (void)state;
    cp.cert_profile = "preferred";
    assert_null(adit_tls_ctx_new(&cp, &env, false, why, sizeof why));
    assert_has(why, "cert: OpenSSL refuses it (ee key too small)");
    cp.cert_profile = "insecure";
    sp.cert_profile = "preferred";
    link_open(&l, &cp, &sp);
    assert_refused(&l, 1, ADIT_E_CERTIFICATE, "(too weak for tls-cert-profile)");
    link_close(&l);
    test_pair_free(weak);
}

static void garbage_fails_the_handshake_and_nothing_else(void **state)
{
    struct adit_tls_params sp = params_of(server, ca->cert_pem), cp = params_of(client, ca->cert_pem);
    uint8_t out[64];
    struct link l;
    size_t n = 1;

    (void)state;
    link_open(&l, &cp, &sp);
    assert_int_equal(ops->step(l.tls[1], &l.why[1]), ADIT_TLS_HANDSHAKE);
    assert_int_equal(ops->feed(l.tls[1], adit_bytes_str("GET / HTTP/1.0\r\n\r\n")), ADIT_OK);
    assert_int_equal(ops->step(l.tls[1], &l.why[1]), ADIT_TLS_FAILED);
    assert_int_equal(l.why[1], ADIT_E_TLS);
    assert_has(ops->describe(l.tls[1]), "OpenSSL: error:");
    assert_int_equal(ops->read(l.tls[1], out, sizeof out, &n), ADIT_E_TLS);
    assert_int_equal(n, 0);
    assert_int_equal(ops->export_key(l.tls[1], "x", out, sizeof out), ADIT_E_STATE);
    assert_int_equal(ops->step(l.tls[1], &l.why[1]), ADIT_TLS_FAILED);
    link_close(&l);
}

static void a_changed_byte_after_the_handshake_ends_the_connection(void **state)
{
    struct adit_tls_params sp = params_of(server, ca->cert_pem), cp = params_of(client, ca->cert_pem);
    uint8_t record[256];
    size_t n, got;
    struct link l;

    (void)state;
    link_open(&l, &cp, &sp);
    link_run(&l);
    assert_link_up(&l);
    assert_int_equal(ops->write(l.tls[0], adit_bytes_str("hello")), ADIT_OK);
    n = ops->drain(l.tls[0], record, sizeof record);
    record[n - 1] ^= 1;
    assert_int_equal(ops->feed(l.tls[1], adit_bytes_of(record, n)), ADIT_OK);
    assert_int_equal(ops->read(l.tls[1], record, sizeof record, &got), ADIT_E_TLS);
    assert_int_equal(got, 0);
    link_run(&l);
    assert_int_equal(l.why[0], ADIT_E_TLS_ALERT);
    assert_has(ops->describe(l.tls[0]), "bad record mac");
    link_close(&l);
}

/* ---- configuration errors ---- */

static void assert_why(const struct adit_tls_params *p, bool is_server, const char *part)
{
    char why[512] = "";

    assert_null(adit_tls_ctx_new(p, &env, is_server, why, sizeof why));
    assert_has(why, part);
}

static void configuration_errors_name_option_and_cause(void **state)
{
    const struct adit_tls_params good = params_of(server, ca->cert_pem);
    struct adit_tls_params p = good;
    char damaged[8192];

    (void)state;
    p.key = adit_bytes_str(client->key_pem);
    assert_why(&p, true, "key: does not belong to the certificate (cert)");
    p = good, p.key = adit_bytes_str(server->cert_pem);
    assert_why(&p, true, "key: no private key could be read");
    p = good, p.cert = adit_bytes_str(server->key_pem);
    assert_why(&p, true, "cert: no certificate found in it");
    p = good, p.cert = p.key = (adit_bytes){0};
    assert_why(&p, true, "cert: missing: a TLS server needs cert and key");
    p = good, p.key = (adit_bytes){0};
    assert_why(&p, true, "key: missing");
    p = good, p.ca = (adit_bytes){0};
    assert_why(&p, true, "ca: missing");
    snprintf(damaged, sizeof damaged, "%s%s", ca->cert_pem, other_ca->cert_pem);
    damaged[strlen(ca->cert_pem) + 80] = '*'; /* not base64 */
    p = good, p.ca = adit_bytes_str(damaged);
    assert_why(&p, true, "ca: the certificate that begins at or after line ");
    p = good, p.version_min = "1.4";
    assert_why(&p, true, "tls-version-min: unknown version 1.4");
    p.version_min_or_highest = true;
    adit_tls_ctx_free(ctx_of(&p, true));
    p = good, p.version_max = "1.1";
    assert_why(&p, true, "tls-version-max: 1.1 is below tls-version-min (1.2, the default)");
    p = good, p.cipher_list = "FOO";
    assert_why(&p, true, "tls-cipher: no suite of this list exists here: FOO");
    p = good, p.groups = "foo:prime256v1";
    assert_why(&p, true, "tls-groups: foo:prime256v1: ");
    p = good, p.cert_profile = "foo";
    assert_why(&p, true, "tls-cert-profile: unknown profile foo");
    p = good, p.dh = adit_bytes_str(server->cert_pem);
    assert_why(&p, true, "dh: no usable Diffie-Hellman parameters");
    p = good, p.crl = adit_bytes_str(server->cert_pem);
    assert_why(&p, true, "crl-verify: no revocation list could be read");
    p = good, p.pkcs12 = adit_bytes_str("x");
    assert_why(&p, true, "pkcs12: cannot be read");
    p = good, p.name_rule = ADIT_X509_NAME;
    assert_why(&p, true, "verify-x509-name: no name");
    p = good, p.ciphersuites = "TLS_NO_SUCH_SUITE";
    assert_why(&p, true, "tls-ciphersuites: not a list of TLS 1.3 suites: TLS_NO_SUCH_SUITE");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_key_works_with_both_versions),
        cmocka_unit_test(identity_names_the_peer_and_logs_the_chain),
        cmocka_unit_test(names_are_cleaned_of_control_characters),
        cmocka_unit_test(a_second_handshake_has_new_keys_and_the_same_identity),
        cmocka_unit_test(the_leaf_is_sent_and_the_root_is_not),
        cmocka_unit_test(intermediates_are_sent_from_cert_and_extra_certs),
        cmocka_unit_test(several_cas_are_all_trusted),
        cmocka_unit_test(pkcs12_holds_everything),
        cmocka_unit_test(keys_load_in_every_form),
        cmocka_unit_test(cipher_names_are_translated),
        cmocka_unit_test(a_client_without_certificate_is_let_in_where_allowed),
        cmocka_unit_test(a_bad_client_certificate_is_refused_with_its_reason),
        cmocka_unit_test(the_time_that_counts_is_the_one_passed_in),
        cmocka_unit_test(revoked_certificates_are_refused_and_a_missing_list_is_a_warning),
        cmocka_unit_test(names_are_compared_as_asked),
        cmocka_unit_test(key_usage_is_compared_as_asked),
        cmocka_unit_test(a_fingerprint_replaces_the_ca_or_adds_to_it),
        cmocka_unit_test(chains_above_the_limit_are_refused),
        cmocka_unit_test(ends_without_common_ground_say_so),
        cmocka_unit_test(weak_keys_need_their_profile),
        cmocka_unit_test(garbage_fails_the_handshake_and_nothing_else),
        cmocka_unit_test(a_changed_byte_after_the_handshake_ends_the_connection),
        cmocka_unit_test(configuration_errors_name_option_and_cause),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
