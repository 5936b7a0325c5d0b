/* SPDX-License-Identifier: Apache-2.0 */
#include "tls_link.h"

static const adit_now now = {.mono_ns = 1, .wall_s = WALL_S};

void assert_has(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("\"%s\" is not in: %s", part, text);
}

void tls_link_set_up(struct tls_link *l, struct sim_tls_shape shape, uint64_t seed)
{
    static const char *const names[2] = {"client", "server"};

    memset(l, 0, sizeof *l);
    l->piece = WHOLE;
    for (int i = 0; i < 2; i++) {
        l->seed[i] = seed * 2 + (uint64_t)i;
        l->rng[i] = adit_rng_seeded(&l->seed[i]);
        l->ctx[i] = (struct sim_tls_ctx){.rng = &l->rng[i],
                                         .shape = shape,
                                         .common_name = names[i],
                                         .authority = 7,
                                         .trusted_authority = 7,
                                         .not_before_s = WALL_S - DAY_S,
                                         .not_after_s = WALL_S + DAY_S,
                                         .has_cert = true,
                                         .wants_cert = true};
    }
}

bool tls_link_connect(struct tls_link *l)
{
    for (int i = 0; i < 2; i++) {
        l->tls[i] = ops->make(&l->ctx[i], i == SERVER, now);
        if (!l->tls[i])
            return false;
        assert_string_equal(ops->describe(l->tls[i]), "");
    }
    return true;
}

void tls_link_close(struct tls_link *l)
{
    for (int i = 0; i < 2; i++) {
        ops->free(l->tls[i]);
        l->tls[i] = NULL;
        assert_int_equal(l->ctx[i].n_live, 0);
    }
}

void tls_link_note(struct tls_link *l, adit_err e)
{
    if (e == ADIT_E_MEMORY)
        l->has_no_memory = true;
}

void tls_link_turn(struct tls_link *l, int end)
{
    struct adit_tls *t = l->tls[end];
    size_t n = 1;

    l->state[end] = ops->step(t, &l->why[end]);
    while (l->state[end] == ADIT_TLS_UP && n > 0) {
        uint8_t b[4096];
        adit_err e = ops->read(t, b, sizeof b, &n);

        l->state[end] = ops->step(t, &l->why[end]);
        assert_int_equal(e, l->state[end] == ADIT_TLS_FAILED ? l->why[end] : ADIT_OK);
        assert_true(n <= STREAM_MAX - l->n_got[end]);
        memcpy(l->got[end] + l->n_got[end], b, n);
        l->n_got[end] += n;
        l->n_records[end] += n > 0;
    }
    tls_link_note(l, l->why[end]);
}

void tls_link_deliver(struct tls_link *l, int to, const uint8_t *p, size_t n)
{
    for (size_t k; n > 0; p += k, n -= k) {
        k = n < l->piece ? n : l->piece;
        tls_link_note(l, ops->feed(l->tls[to], adit_bytes_of(p, k)));
        tls_link_turn(l, to);
    }
}

static void deliver_damaged(struct tls_link *l, int from, uint8_t *p, size_t n)
{
    const struct tls_damage *d = &l->damage;
    size_t start = l->n_stream[from] - n, at = d->at - start;

    if (d->from != from || d->at < start || at >= n || d->flip + d->n_cut + d->n_repeat == 0) {
        tls_link_deliver(l, !from, p, n);
        return;
    }
    p[at] ^= d->flip;
    if (d->n_repeat > 0) {
        assert_true(d->n_repeat <= n - at);
        tls_link_deliver(l, !from, p, at + d->n_repeat);
    } else {
        tls_link_deliver(l, !from, p, at);
        at += d->n_cut < n - at ? d->n_cut : n - at;
    }
    tls_link_deliver(l, !from, p + at, n - at);
}

bool tls_link_carry(struct tls_link *l, int from)
{
    static uint8_t buf[STREAM_MAX];
    size_t pending = ops->pending(l->tls[from]);
    size_t n = ops->drain(l->tls[from], buf, sizeof buf);

    assert_int_equal(n, pending < sizeof buf ? pending : sizeof buf);
    assert_int_equal(ops->pending(l->tls[from]), pending - n);
    if (n > 0 && n <= STREAM_MAX - l->n_stream[from]) {
        memcpy(l->stream[from] + l->n_stream[from], buf, n);
        l->n_stream[from] += n;
    }
    deliver_damaged(l, from, buf, n);
    return n > 0;
}

/* Until nothing moves any more. */
void tls_link_run(struct tls_link *l)
{
    bool moved = true;

    while (moved) {
        moved = false;
        for (int i = 0; i < 2; i++) {
            tls_link_turn(l, i);
            moved |= tls_link_carry(l, i);
        }
    }
}

void tls_link_open(struct tls_link *l)
{
    assert_true(tls_link_connect(l));
    tls_link_run(l);
}

void assert_link_up(const struct tls_link *l)
{
    for (int i = 0; i < 2; i++)
        if (l->state[i] != ADIT_TLS_UP)
            fail_msg("end %d is in state %d: %s", i, (int)l->state[i], ops->describe(l->tls[i]));
}

/* One end failed for this reason, and the other was told. */
void assert_link_failed(const struct tls_link *l, int who, adit_err why, const char *text, const char *alert)
{
    assert_int_equal(l->state[who], ADIT_TLS_FAILED);
    assert_int_equal(l->why[who], why);
    assert_has(ops->describe(l->tls[who]), text);
    assert_int_equal(l->state[!who], ADIT_TLS_FAILED);
    assert_int_equal(l->why[!who], ADIT_E_TLS_ALERT);
    assert_has(ops->describe(l->tls[!who]), alert);
}

void tls_link_export(struct tls_link *l, int end, const char *label, uint8_t out[EXPORT_LEN])
{
    assert_int_equal(ops->export_key(l->tls[end], label, out, EXPORT_LEN), ADIT_OK);
}

bool tls_link_is_agreed(struct tls_link *l)
{
    uint8_t a[EXPORT_LEN], b[EXPORT_LEN];

    tls_link_export(l, CLIENT, "label", a);
    tls_link_export(l, SERVER, "label", b);
    return memcmp(a, b, sizeof a) == 0;
}
