/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every packet draws the same few numbers, needed or not: so a rate that is changed, or a cut, leaves the
 * fates of all other packets as they were, and a failing run can be narrowed down fault by fault.
 */
#include "plane/fault.h"

#include <stdarg.h>
#include <stdio.h>

/* splitmix64: one multiplication chain a number, since this is asked for every packet of a simulated link. */
static uint64_t mix(uint64_t z)
{
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
    return z ^ z >> 31;
}

static uint64_t draw(struct adit_fault *f)
{
    return mix(f->chance += 0x9e3779b97f4a7c15ULL);
}

/* A draw serves two questions, one with each half. */
static uint32_t low(uint64_t drawn)
{
    return (uint32_t)drawn;
}

static uint32_t high(uint64_t drawn)
{
    return (uint32_t)(drawn >> 32);
}

static bool hits(uint32_t chance, uint32_t ppm)
{
    return (uint64_t)chance * 1000000 >> 32 < ppm;
}

/* In [0, span). The two halves of the span are scaled apart, so that no span overflows. */
static uint64_t part_of(uint64_t span, uint32_t chance)
{
    return (span >> 32) * chance + ((span & UINT32_MAX) * chance >> 32);
}

void adit_fault_init(struct adit_fault *f, const struct adit_fault_spec *spec, uint64_t seed, uint64_t now_ns)
{
    /* Mixed, so that the streams of neighbouring seeds have nothing in common. */
    *f = (struct adit_fault){.spec = *spec, .chance = mix(seed + 1), .start_ns = now_ns};
}

uint64_t adit_fault_cut_left(const struct adit_fault *f, uint64_t now_ns)
{
    const struct adit_fault_spec *s = &f->spec;
    uint64_t left;

    if (s->cut_every_ns == 0 || now_ns < f->start_ns)
        return 0;
    left = s->cut_every_ns - (now_ns - f->start_ns) % s->cut_every_ns;
    return left <= s->cut_ns ? left : 0;
}

/* Bursts run on while the link is cut, since chance knows nothing of cuts. */
static bool is_lost(struct adit_fault *f, uint64_t drawn)
{
    if (f->burst_left == 0 && hits(high(drawn), f->spec.burst_ppm))
        f->burst_left = f->spec.burst_n;
    if (f->burst_left > 0) {
        f->burst_left--;
        return true;
    }
    return hits(low(drawn), f->spec.loss_ppm);
}

struct adit_fault_fate adit_fault_judge(struct adit_fault *f, uint64_t now_ns)
{
    const struct adit_fault_spec *s = &f->spec;
    uint64_t loss = draw(f), change = draw(f), jitter = draw(f), late = draw(f), lateness = draw(f);
    bool lost = is_lost(f, loss);
    struct adit_fault_fate fate = {.copies = 1};

    f->n_seen++;
    if (adit_fault_cut_left(f, now_ns) > 0) {
        f->n_cut++;
        return (struct adit_fault_fate){.kind = ADIT_FATE_CUT};
    }
    if (lost) {
        f->n_lost++;
        return (struct adit_fault_fate){.kind = ADIT_FATE_LOST};
    }
    if (hits(low(change), s->dup_ppm)) {
        fate.copies = 2;
        f->n_doubled++;
    }
    fate.is_corrupt = hits(high(change), s->corrupt_ppm);
    f->n_corrupt += fate.is_corrupt;
    for (unsigned i = 0; i < fate.copies; i++) {
        fate.delay_ns[i] = s->delay_ns + part_of(s->jitter_ns, i ? high(jitter) : low(jitter));
        if (hits(i ? high(late) : low(late), s->late_ppm)) {
            fate.delay_ns[i] += part_of(s->late_ns, i ? high(lateness) : low(lateness)) + 1;
            f->n_late++;
        }
    }
    return fate;
}

size_t adit_fault_corrupt(struct adit_fault *f, uint8_t *packet, size_t n)
{
    /* Not the stream of the fates: a hash beside it, which leaves their number of draws alone. */
    uint64_t what = mix(f->chance ^ 0xd1b54a32d192ed03ULL), how = mix(what);
    size_t at = part_of(n, low(what));
    unsigned kind = high(what) % 3;

    if (kind == 0 && n > 1)
        return 1 + part_of(n - 1, low(how));
    if (kind == 1)
        packet[at] ^= (uint8_t)(1 + part_of(255, high(how)));
    else
        packet[at] ^= (uint8_t)(1U << (how >> 61));
    return n;
}

/* ---- in words ---- */

struct text {
    char *p;
    size_t n, cap;
};

static void say(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void say(struct text *t, const char *fmt, ...)
{
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(t->p + t->n, t->cap - t->n, fmt, ap);
    va_end(ap);
    t->n = n >= 0 && (size_t)n < t->cap - t->n ? t->n + (size_t)n : t->cap - 1;
}

static void say_rate(struct text *t, uint32_t ppm, const char *what)
{
    if (ppm > 0)
        say(t, "%s%g%% %s", t->n > 0 ? ", " : "", ppm / 1e4, what);
}

static void say_time(struct text *t, const char *before, uint64_t ns)
{
    if (ns >= ADIT_NS_PER_S)
        say(t, "%s%g s", before, (double)ns / 1e9);
    else
        say(t, "%s%g ms", before, (double)ns / 1e6);
}

const char *adit_fault_spec_str(const struct adit_fault_spec *spec, char *dst, size_t cap)
{
    struct text t = {.p = dst, .cap = cap};

    dst[0] = 0;
    say_rate(&t, spec->loss_ppm, "lost");
    say_rate(&t, spec->burst_ppm, "begin a burst of");
    if (spec->burst_ppm > 0)
        say(&t, " %u lost", spec->burst_n);
    say_rate(&t, spec->dup_ppm, "doubled");
    say_rate(&t, spec->corrupt_ppm, "damaged");
    say_rate(&t, spec->late_ppm, "late");
    if (spec->late_ppm > 0)
        say_time(&t, " by up to ", spec->late_ns);
    if (spec->delay_ns + spec->jitter_ns > 0) {
        say_time(&t, t.n > 0 ? ", all held back for " : "all held back for ", spec->delay_ns);
        if (spec->jitter_ns > 0)
            say_time(&t, " to ", spec->delay_ns + spec->jitter_ns);
    }
    if (spec->cut_every_ns > 0) {
        say_time(&t, t.n > 0 ? ", link cut for " : "link cut for ", spec->cut_ns);
        say_time(&t, " of every ", spec->cut_every_ns);
    }
    if (t.n == 0)
        say(&t, "nothing");
    return dst;
}
