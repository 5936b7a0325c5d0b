/* SPDX-License-Identifier: Apache-2.0 */
/* One option at a time: find its row, see whether it may stand here, fill its field. */
#include "conf/fill.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "conf/set.h"

enum {
    MESSAGE_MAX = 512,
    DEFAULT_BITS = 64, /* of IPv6 networks, as in openvpn */
};

static void report(struct adit_fill *f, enum adit_conf_severity severity, const char *rule, const char *fmt,
                   va_list ap) __attribute__((format(printf, 4, 0)));

static void report(struct adit_fill *f, enum adit_conf_severity severity, const char *rule, const char *fmt,
                   va_list ap)
{
    char text[MESSAGE_MAX], clean[MESSAGE_MAX];

    (void)vsnprintf(text, sizeof text, fmt, ap);
    /* Words of a peer stand in it. */
    if (f->pushed)
        adit_conf_report_add(f->report, severity, f->at.file, f->at.line, rule, "%s",
                             adit_log_clean(adit_bytes_str(text), clean, sizeof clean));
    else
        adit_conf_report_add(f->report, severity, f->at.file, f->at.line, rule, "%s", text);
}

bool adit_fill_error(struct adit_fill *f, const char *rule, const char *fmt, ...)
{
    enum adit_conf_severity severity = f->pushed        ? ADIT_CONF_NOTE
                                       : f->is_optional ? ADIT_CONF_WARNING
                                                        : ADIT_CONF_ERROR;
    va_list ap;

    va_start(ap, fmt);
    report(f, severity, rule, fmt, ap);
    va_end(ap);
    return false;
}

void adit_fill_warn(struct adit_fill *f, const char *rule, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    report(f, f->pushed ? ADIT_CONF_NOTE : ADIT_CONF_WARNING, rule, fmt, ap);
    va_end(ap);
}

void adit_fill_note(struct adit_fill *f, const char *rule, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    report(f, ADIT_CONF_NOTE, rule, fmt, ap);
    va_end(ap);
}

const char *adit_fill_why(const struct adit_fill *f)
{
    const char *why = f->src && f->src->why ? f->src->why(f->src->ctx) : NULL;
    const char *text = why ? adit_arena_format(f->a, ": %s", why) : NULL;

    return text ? text : "";
}

const struct adit_place *adit_fill_given(const struct adit_fill *f, const char *name)
{
    const struct adit_opt *o = adit_opt_find(name);
    const struct adit_place *p = o && f->given ? &f->given[adit_opt_index(o)] : NULL;

    return p && p->file ? p : NULL;
}

/* ---- values ---- */

bool adit_fill_num(struct adit_fill *f, const char *text, uint64_t lo, uint64_t hi, uint64_t *out)
{
    uint64_t v = 0;
    bool is_good = *text != 0;

    for (const char *p = text; *p && is_good; p++) {
        uint64_t digit = (uint64_t)(*p - '0');

        is_good = *p >= '0' && *p <= '9' && v <= (UINT64_MAX - digit) / 10;
        v = v * 10 + digit;
    }
    if (!is_good || v < lo || v > hi) {
        if (hi == UINT64_MAX)
            return adit_fill_error(f, "number", "`%s` takes a number of at least %llu, not `%s`",
                                   f->row->name, (unsigned long long)lo, text);
        return adit_fill_error(f, "number", "`%s` takes a number from %llu to %llu, not `%s`", f->row->name,
                               (unsigned long long)lo, (unsigned long long)hi, text);
    }
    *out = v;
    return true;
}

bool adit_fill_num32(struct adit_fill *f, const char *text, uint32_t lo, uint32_t hi, uint32_t *out)
{
    uint64_t v;

    if (!adit_fill_num(f, text, lo, hi, &v))
        return false;
    *out = (uint32_t)v;
    return true;
}

bool adit_fill_v4(struct adit_fill *f, const char *text, struct adit_ip *out)
{
    struct adit_ip ip;

    if (adit_ip_parse(text, &ip) || ip.family != ADIT_AF_V4)
        return adit_fill_error(f, "address", "`%s`: `%s` is no IPv4 address; write it as 192.0.2.1",
                               f->row->name, text);
    *out = ip;
    return true;
}

bool adit_fill_v6(struct adit_fill *f, const char *text, struct adit_ip *out)
{
    struct adit_ip ip;

    if (adit_ip_parse(text, &ip) || ip.family != ADIT_AF_V6)
        return adit_fill_error(f, "address", "`%s`: `%s` is no IPv6 address; write it as 2001:db8::1",
                               f->row->name, text);
    *out = ip;
    return true;
}

bool adit_fill_prefix6(struct adit_fill *f, const char *text, struct adit_prefix *out)
{
    struct adit_prefix p = {.bits = DEFAULT_BITS};
    bool has_bits = strchr(text, '/') != NULL;

    if ((has_bits ? adit_prefix_parse(text, &p) : adit_ip_parse(text, &p.ip)) || p.ip.family != ADIT_AF_V6)
        return adit_fill_error(f, "address", "`%s`: `%s` is no IPv6 network; write it as 2001:db8::/64",
                               f->row->name, text);
    if (!has_bits)
        adit_fill_warn(f, "bits", "`%s %s` is taken for %s/%d; write that", f->row->name, text, text,
                       DEFAULT_BITS);
    *out = p;
    return true;
}

/* ---- where the value goes ---- */

/* Within <connection> the fields of `conn` are those of the block. */
static void *field_of(struct adit_fill *f)
{
    size_t offset = f->row->field;
    size_t conn = offsetof(struct adit_conf, conn);

    if (offset >= conn && offset < conn + sizeof f->c->conn)
        return (char *)f->conn + (offset - conn);
    return (char *)f->c + offset;
}

static void put_num(void *field, size_t size, uint64_t v)
{
    if (size == sizeof(uint32_t))
        memcpy(field, &(uint32_t){(uint32_t)v}, sizeof(uint32_t));
    else
        memcpy(field, &v, sizeof v);
}

static bool fill_num(struct adit_fill *f, const struct adit_words *w)
{
    uint64_t v;

    if (!adit_fill_num(f, w->v[1], f->row->lo, f->row->hi, &v))
        return false;
    put_num(field_of(f), f->row->size, v);
    return true;
}

static bool fill_word(struct adit_fill *f, const struct adit_words *w)
{
    for (const struct adit_opt_word *p = f->row->words; p->name; p++)
        if (strcmp(p->name, w->v[1]) == 0) {
            put_num(field_of(f), sizeof(int), (uint64_t)p->value);
            return true;
        }
    return adit_fill_error(f, "value", "`%s` takes %s, not `%s`", f->row->name, f->row->args, w->v[1]);
}

static bool fill_file(struct adit_fill *f, const struct adit_words *w)
{
    struct adit_file_ref *ref = field_of(f);

    if (f->is_inline)
        *ref = (struct adit_file_ref){.inline_text = w->v[1]};
    else
        *ref = (struct adit_file_ref){.path = w->v[1]};
    return true;
}

static bool fill_row(struct adit_fill *f, const struct adit_words *w)
{
    const struct adit_opt *o = f->row;

    switch (o->kind) {
    case ADIT_OPT_FLAG:
        *(bool *)field_of(f) = true;
        return true;
    case ADIT_OPT_NUM:
        return fill_num(f, w);
    case ADIT_OPT_TEXT:
        memcpy(field_of(f), &w->v[1], sizeof w->v[1]);
        return true;
    case ADIT_OPT_FILE:
        return fill_file(f, w);
    case ADIT_OPT_WORD:
        return fill_word(f, w);
    case ADIT_OPT_DO:
        return o->set(f, w);
    case ADIT_OPT_PUSHED:
        if (f->pushed)
            return o->set(f, w);
        return adit_fill_error(f, "pushed-only", "`%s` is for servers to push; remove it", o->name);
    case ADIT_OPT_IDLE:
        adit_fill_note(f, "no-effect", "`%s` has no effect: %s", o->name, o->help);
        return true;
    case ADIT_OPT_LATER:
        if (f->pushed)
            return adit_fill_error(f, "not-supported", "pushed `%s` was ignored: it is not supported yet",
                                   o->name);
        return adit_fill_error(
            f, "not-supported",
            "`%s` is known, not supported yet; remove it, or write `setenv opt %s ...` if it does "
            "not matter",
            o->name, o->name);
    case ADIT_OPT_GONE:
        return adit_fill_error(f, "removed", "`%s` does not exist any more: %s", o->name, o->help);
    case ADIT_OPT_WINDOWS:
        return adit_fill_error(f, "windows-only", "`%s` works on Windows only; remove it", o->name);
    case ADIT_OPT_ALIAS: /* resolved before */
        break;
    }
    return false;
}

void adit_conf_defaults(struct adit_conf *c)
{
    for (size_t i = 0; i < adit_n_opts; i++) {
        const struct adit_opt *o = &adit_opts[i];

        if (o->kind == ADIT_OPT_NUM)
            put_num((char *)c + o->field, o->size, o->def);
        if (o->kind == ADIT_OPT_WORD)
            put_num((char *)c + o->field, sizeof(int), o->def);
    }
    c->resolv_retry_s = UINT32_MAX;
    c->route_metric = -1;
    c->route_delay_window_s = 30;
    c->pool_persist_s = 600;
    c->connect_freq_initial_n = 100;
    c->connect_freq_initial_s = 10;
    c->reneg_s = 3600;
    c->replay_window = 2048; /* trains of 64 packets may overtake each other */
    c->replay_s = 15;
    c->status_s = 60;
    c->status_version = 1;
    c->conn.connect_retry_s = 1;
    c->conn.connect_retry_max_s = 300;
    c->conn.tun_mtu = 1500;
    c->conn.max_packet_size = 1250;
}

/* ---- one option ---- */

static bool is_tolerated(struct adit_fill *f, const char *name)
{
    if (f->is_optional)
        return true;
    for (size_t i = 0; i < f->may_be_unknown.n; i++)
        if (strcmp(f->may_be_unknown.v[i], name) == 0) {
            adit_fill_note(f, "unknown-option",
                           "`%s` is unknown and was skipped, as ignore-unknown-option asks", name);
            return true;
        }
    if (!f->is_forward_compatible)
        return false;
    adit_fill_warn(f, "unknown-option", "`%s` is unknown and was skipped", name);
    return true;
}

static void complain_unknown(struct adit_fill *f, const char *name)
{
    const struct adit_opt *nearest;

    if (is_tolerated(f, name))
        return;
    nearest = f->pushed ? NULL : adit_opt_nearest(name);
    if (nearest)
        adit_fill_error(f, "unknown-option", "`%s` is no option; did you mean `%s`?", name, nearest->name);
    else
        adit_fill_error(f, "unknown-option", "`%s` is no option", name);
}

static bool may_be_pushed(struct adit_fill *f)
{
    unsigned where = f->row->where;

    if (where & ADIT_OPT_PUSH)
        return true;
    if (!(where & ADIT_OPT_PUSH_ROUTE))
        return adit_fill_error(f, "push-forbidden", "pushed `%s` was ignored: a server may not set it",
                               f->row->name);
    if (f->c->is_route_nopull)
        return adit_fill_error(f, "route-nopull", "pushed `%s` was ignored, as route-nopull asks",
                               f->row->name);
    return true;
}

static bool is_in_place(struct adit_fill *f)
{
    if (f->pushed)
        return may_be_pushed(f);
    if (f->row->where & ADIT_OPT_NO_FILE)
        return adit_fill_error(f, "place", "`%s` belongs in the file of one client (client-config-dir)",
                               f->row->name);
    if (f->conn != &f->c->conn && !(f->row->where & ADIT_OPT_CONN))
        return adit_fill_error(f, "place", "`%s` cannot stand within <connection>; put it outside",
                               f->row->name);
    return true;
}

static bool has_right_words(struct adit_fill *f, const struct adit_words *w)
{
    const struct adit_opt *o = f->row;
    size_t n = w->n - 1;

    if (w->is_cut)
        adit_fill_warn(f, "too-many-words", "`%s`: only the first %d words count", o->name,
                       ADIT_LEX_WORDS_MAX);
    if (o->kind == ADIT_OPT_GONE || o->kind == ADIT_OPT_WINDOWS || (n >= o->args_min && n <= o->args_max))
        return true;
    if (o->args_max == 0)
        return adit_fill_error(f, "words", "`%s` takes nothing after it", o->name);
    return adit_fill_error(f, "words", "`%s` has too %s words after it; write `%s %s`", o->name,
                           n < o->args_min ? "few" : "many", o->name, o->args);
}

void adit_fill_line(struct adit_fill *f, const struct adit_opt *row, const char *line)
{
    size_t *rows = adit_arena_grow(f->a, f->line_rows, f->n_line_rows, sizeof *rows);

    if (!line || !rows)
        return;
    f->line_rows = rows;
    f->line_rows[f->n_line_rows++] = adit_opt_index(row);
    adit_strs_add(f->a, &f->lines, line);
}

static void remember(struct adit_fill *f, const struct adit_words *w)
{
    if (f->given)
        f->given[adit_opt_index(f->row)] = f->at;
    /* The lines of a nested file speak for themselves. */
    if (f->pushed || f->row->kind == ADIT_OPT_IDLE || f->row->set == adit_set_config)
        return;
    adit_fill_line(f, f->row,
                   f->is_inline ? adit_arena_format(f->a, "<%s> (inline)", f->row->name)
                                : adit_words_line(f->a, w, 0));
}

static void apply(struct adit_fill *f, const struct adit_words *w)
{
    const struct adit_opt *outer = f->row;

    f->row = adit_opt_find(w->v[0]);
    if (!f->row)
        complain_unknown(f, w->v[0]);
    else if (is_in_place(f) && has_right_words(f, w) && fill_row(f, w))
        remember(f, w);
    f->row = outer;
}

/* `setenv opt NAME ...`: the option itself, if there is one. */
static bool take_optional(struct adit_fill *f, const struct adit_words *w)
{
    struct adit_words rest = {.n = w->n > 2 ? w->n - 2 : 0, .is_cut = w->is_cut};

    if (f->is_optional || w->n < 2 || strcmp(w->v[0], "setenv") != 0 || strcmp(w->v[1], "opt") != 0)
        return false;
    memcpy(rest.v, w->v + 2, rest.n * sizeof rest.v[0]);
    if (rest.n == 0) {
        adit_fill_warn(f, "setenv-opt", "`setenv opt` without an option has no effect");
        return true;
    }
    f->is_optional = true;
    apply(f, &rest);
    f->is_optional = false;
    return true;
}

void adit_fill_option(struct adit_fill *f, const struct adit_words *w)
{
    f->is_inline = false;
    if (f->pushed || !take_optional(f, w))
        apply(f, w);
}

void adit_fill_inline(struct adit_fill *f, const char *name, const char *text)
{
    struct adit_words w = {.v = {name, text}, .n = 2};
    const struct adit_opt *o = adit_opt_find(name);

    if (o && o->kind != ADIT_OPT_GONE && o->kind != ADIT_OPT_WINDOWS && !(o->where & ADIT_OPT_INLINE)) {
        adit_fill_error(f, "inline", "`%s` cannot be a block; write it on one line", name);
        return;
    }
    f->is_inline = true;
    apply(f, &w);
    f->is_inline = false;
}

/* ---- back to text ---- */

static bool needs_quotes(const char *word)
{
    return *word == 0 || strpbrk(word, " \t\n\v\f\r\"'\\#;") != NULL;
}

const char *adit_words_line(struct adit_arena *a, const struct adit_words *w, size_t from)
{
    size_t need = 1;
    char *line, *p;

    for (size_t i = from; i < w->n; i++)
        need += 2 * strlen(w->v[i]) + 3;
    line = p = adit_arena_alloc(a, need);
    if (!line)
        return NULL;
    for (size_t i = from; i < w->n; i++) {
        bool is_quoted = needs_quotes(w->v[i]);

        if (i > from)
            *p++ = ' ';
        if (is_quoted)
            *p++ = '"';
        for (const char *s = w->v[i]; *s; s++) {
            if (*s == '"' || *s == '\\')
                *p++ = '\\';
            *p++ = *s;
        }
        if (is_quoted)
            *p++ = '"';
    }
    return line;
}
