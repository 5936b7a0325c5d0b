/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `gremlin`: what is done to packets on purpose, to see how both ends bear it. Either words,
 * `loss=5%,late=10%:80ms,cut=2s/30s,seed=7`, or openvpn's form, a number whose bits are ready-made faults.
 * All that is wrong with the words is told at once.
 */
#include <string.h>

#include "conf/set.h"

enum {
    PPM_ALL = 1000000,
    BURST_MAX = 65535,
    WORD_SHOWN = 60,
};

#define HOLD_MAX_NS (60 * 1000000000ULL)
#define CUT_MAX_NS  (86400 * 1000000000ULL)
#define MS          1000000ULL

/* ---- values: each taker moves the cursor behind what it has understood, or says no ---- */

struct cursor {
    const char *p, *end;
};

static bool take_char(struct cursor *c, char want)
{
    if (c->p == c->end || *c->p != want)
        return false;
    c->p++;
    return true;
}

static bool take_unit(struct cursor *c, const char *unit)
{
    size_t n = strlen(unit);

    if ((size_t)(c->end - c->p) < n || memcmp(c->p, unit, n) != 0)
        return false;
    c->p += n;
    return true;
}

static bool take_digits(struct cursor *c, uint64_t *v)
{
    const char *start = c->p;

    for (; c->p < c->end && *c->p >= '0' && *c->p <= '9'; c->p++) {
        uint64_t digit = (uint64_t)(*c->p - '0');

        if (*v > (UINT64_MAX - digit) / 10)
            return false;
        *v = *v * 10 + digit;
    }
    return c->p > start;
}

/* "2.5" with three places is 2500; more places than that are refused, not rounded. */
static bool take_decimal(struct cursor *c, int places, uint64_t *v)
{
    *v = 0;
    if (!take_digits(c, v))
        return false;
    if (take_char(c, '.')) {
        const char *start = c->p;

        if (!take_digits(c, v) || c->p - start > places)
            return false;
        places -= (int)(c->p - start);
    }
    for (; places > 0; places--) {
        if (*v > UINT64_MAX / 10)
            return false;
        *v *= 10;
    }
    return true;
}

static bool take_rate(struct cursor *c, uint32_t *ppm)
{
    struct cursor whole = *c;
    uint64_t v;

    if (!take_decimal(c, 4, &v) || !take_char(c, '%')) {
        *c = whole;
        if (!take_decimal(c, 0, &v) || !take_unit(c, "ppm"))
            return false;
    }
    *ppm = v <= PPM_ALL ? (uint32_t)v : 0;
    return v <= PPM_ALL;
}

static bool take_time(struct cursor *c, uint64_t max_ns, uint64_t *ns)
{
    uint64_t v, unit;

    if (!take_decimal(c, 3, &v))
        return false;
    if (take_unit(c, "us"))
        unit = 1;
    else if (take_unit(c, "ms"))
        unit = 1000;
    else if (take_unit(c, "s"))
        unit = 1000000;
    else
        return false;
    *ns = v <= max_ns / unit ? v * unit : 0;
    return v <= max_ns / unit;
}

/* ---- the words ---- */

static bool take_loss(struct cursor *c, struct adit_conf_gremlin *g)
{
    return take_rate(c, &g->loss_ppm);
}

static bool take_burst(struct cursor *c, struct adit_conf_gremlin *g)
{
    uint64_t n = 0;

    if (!take_rate(c, &g->burst_ppm) || !take_char(c, ':') || !take_digits(c, &n))
        return false;
    g->burst_n = (uint32_t)n;
    return n >= 1 && n <= BURST_MAX;
}

static bool take_dup(struct cursor *c, struct adit_conf_gremlin *g)
{
    return take_rate(c, &g->dup_ppm);
}

static bool take_corrupt(struct cursor *c, struct adit_conf_gremlin *g)
{
    return take_rate(c, &g->corrupt_ppm);
}

static bool take_late(struct cursor *c, struct adit_conf_gremlin *g)
{
    return take_rate(c, &g->late_ppm) && take_char(c, ':') && take_time(c, HOLD_MAX_NS, &g->late_ns);
}

static bool take_delay(struct cursor *c, struct adit_conf_gremlin *g)
{
    return take_time(c, HOLD_MAX_NS, &g->delay_ns);
}

static bool take_jitter(struct cursor *c, struct adit_conf_gremlin *g)
{
    return take_time(c, HOLD_MAX_NS, &g->jitter_ns);
}

static bool take_cut(struct cursor *c, struct adit_conf_gremlin *g)
{
    return take_time(c, CUT_MAX_NS, &g->cut_ns) && take_char(c, '/') &&
           take_time(c, CUT_MAX_NS, &g->cut_every_ns) && g->cut_ns > 0 && g->cut_ns < g->cut_every_ns;
}

static bool take_seed(struct cursor *c, struct adit_conf_gremlin *g)
{
    g->seed = 0;
    return take_digits(c, &g->seed);
}

static const struct word {
    const char *name;
    bool (*take)(struct cursor *c, struct adit_conf_gremlin *g);
    const char *wants;
} words[] = {
    {"loss", take_loss, "a rate: loss=5% or loss=500ppm"},
    {"burst", take_burst, "a rate and a number of packets: burst=1%:8"},
    {"dup", take_dup, "a rate: dup=1% or dup=500ppm"},
    {"corrupt", take_corrupt, "a rate: corrupt=0.5% or corrupt=500ppm"},
    {"late", take_late, "a rate and a time of at most 60s: late=10%:80ms"},
    {"delay", take_delay, "a time of at most 60s: delay=20ms"},
    {"jitter", take_jitter, "a time of at most 60s: jitter=5ms"},
    {"cut", take_cut, "a time within a longer time: cut=2s/30s"},
    {"seed", take_seed, "a number: seed=7"},
};

enum {
    N_WORDS = sizeof words / sizeof words[0],
};

static const struct word *find_word(const char *name, size_t n)
{
    for (size_t i = 0; i < N_WORDS; i++)
        if (strlen(words[i].name) == n && memcmp(words[i].name, name, n) == 0)
            return &words[i];
    return NULL;
}

static int shown(const struct cursor *c)
{
    return c->end - c->p < WORD_SHOWN ? (int)(c->end - c->p) : WORD_SHOWN;
}

static bool read_word(struct adit_fill *f, struct cursor c, struct adit_conf_gremlin *g, unsigned *seen)
{
    const struct cursor whole = c;
    const char *eq = memchr(c.p, '=', (size_t)(c.end - c.p));
    const struct word *w = find_word(c.p, (size_t)((eq ? eq : c.end) - c.p));
    unsigned bit = w ? 1U << (w - words) : 0;

    if (!w)
        return adit_fill_error(f, "value",
                               "`gremlin` does not know `%.*s`; it knows loss, burst, dup, corrupt, late, "
                               "delay, jitter, cut and seed, or one number from 0 to 127",
                               shown(&whole), whole.p);
    c.p = eq ? eq + 1 : c.end;
    if (!w->take(&c, g) || c.p != c.end)
        return adit_fill_error(f, "value", "`gremlin`: `%.*s`: `%s` takes %s", shown(&whole), whole.p,
                               w->name, w->wants);
    if (*seen & bit)
        return adit_fill_error(f, "value", "`gremlin`: `%s` is there twice; write it once", w->name);
    *seen |= bit;
    return true;
}

static bool read_words(struct adit_fill *f, const char *text, struct adit_conf_gremlin *g)
{
    unsigned seen = 0;
    bool is_good = true;

    for (;;) {
        size_t n = strcspn(text, ",");

        is_good &= read_word(f, (struct cursor){.p = text, .end = text + n}, g, &seen);
        if (text[n] == 0)
            return is_good;
        text += n + 1;
    }
}

/* ---- openvpn's form ---- */

/* What openvpn's bits mean is written nowhere; these are ours, in the order of the words. */
static void put_bits(uint64_t bits, struct adit_conf_gremlin *g)
{
    static const struct adit_conf_gremlin faults = {
        .loss_ppm = 20000,
        .burst_ppm = 2000,
        .burst_n = 8,
        .dup_ppm = 20000,
        .corrupt_ppm = 10000,
        .late_ppm = 50000,
        .late_ns = 50 * MS,
        .delay_ns = 50 * MS,
        .jitter_ns = 10 * MS,
        .cut_ns = 5000 * MS,
        .cut_every_ns = 60000 * MS,
    };

    *g = faults;
    g->seed = 1;
    g->loss_ppm *= bits & 1;
    g->burst_ppm *= bits >> 1 & 1;
    g->dup_ppm *= bits >> 2 & 1;
    g->corrupt_ppm *= bits >> 3 & 1;
    g->late_ppm *= bits >> 4 & 1;
    g->delay_ns *= bits >> 5 & 1;
    g->jitter_ns *= bits >> 5 & 1;
    g->cut_ns *= bits >> 6 & 1;
    g->cut_every_ns *= bits >> 6 & 1;
}

static bool has_faults(const struct adit_conf_gremlin *g)
{
    return g->loss_ppm || g->burst_ppm || g->dup_ppm || g->corrupt_ppm || (g->late_ppm && g->late_ns) ||
           g->delay_ns || g->jitter_ns || g->cut_ns;
}

bool adit_set_gremlin(struct adit_fill *f, const struct adit_words *w)
{
    const char *text = w->v[1];
    struct adit_conf_gremlin g = {.seed = 1};
    uint64_t bits;

    if (*text && text[strspn(text, "0123456789")] == 0) {
        if (!adit_fill_num(f, text, 0, 127, &bits))
            return false;
        put_bits(bits, &g);
    } else if (!read_words(f, text, &g)) {
        return false;
    }
    g.is_on = has_faults(&g);
    f->c->gremlin = g;
    if (g.is_on)
        adit_fill_warn(f, "gremlin",
                       "`gremlin` loses and spoils packets on purpose; remove it where people use the VPN");
    return true;
}
