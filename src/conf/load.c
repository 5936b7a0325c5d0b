/* SPDX-License-Identifier: Apache-2.0 */
/* From files and the command line to a frozen value: lex, fill, rules, freeze. */
#include <string.h>

#include "base/mem.h"
#include "conf/fill.h"

enum { DEPTH_MAX = 10 };

/* What stands behind the pointer that users have. */
struct frozen {
    struct adit_conf conf; /* first: the pointers are the same */
    struct adit_arena arena;
    struct adit_strs lines; /* for adit_conf_print() */
};

/* ---- text ---- */

/* The lines up to the end tag, in the arena. NULL: there is no end tag, or no memory. */
static const char *take_block(struct adit_fill *f, adit_bytes *text, adit_bytes name)
{
    adit_bytes start = *text, line;

    while (adit_lex_line(text, &line)) {
        f->at.line++;
        if (adit_lex_is_end_tag(line, name))
            return adit_arena_text(f->a, (const char *)start.p, (size_t)(line.p - start.p));
    }
    return NULL;
}

static void read_block(struct adit_fill *f, adit_bytes *text, adit_bytes tag)
{
    struct adit_place opened = f->at;
    adit_bytes start = *text;
    char *name = adit_arena_text(f->a, (const char *)tag.p, tag.n);
    const char *block = name ? take_block(f, text, tag) : NULL;
    struct adit_place closed = f->at;

    f->at = opened;
    if (block && memchr(start.p, 0, (size_t)(text->p - start.p)))
        adit_fill_error(f, "syntax", "the block <%s> has a zero byte in it; remove it", name);
    else if (block && strlen(block) == 0)
        adit_fill_error(f, "inline", "the block <%s> is empty", name);
    else if (block)
        adit_fill_inline(f, name, block);
    else if (!f->a->is_short)
        adit_fill_error(f, "inline", "the block <%s> has no end; add a line </%s>", name, name);
    f->at = closed;
}

static void read_line(struct adit_fill *f, adit_bytes line, adit_bytes *rest)
{
    struct adit_words w;
    enum adit_lex_fault fault;
    adit_bytes tag;

    if (line.n > ADIT_LEX_LINE_MAX) {
        adit_fill_error(f, "line-length",
                        "this line is longer than %d characters; shorten it, or use an inline block",
                        ADIT_LEX_LINE_MAX);
        return;
    }
    fault = adit_lex_words(f->a, line, &w);
    if (fault) {
        adit_fill_error(f, "syntax", "%s", adit_lex_fault_text(fault));
        return;
    }
    if (w.n == 0)
        return;
    if (strncmp(w.v[0], "--", 2) == 0)
        w.v[0] += 2;
    if (w.n == 1 && adit_lex_tag(w.v[0], &tag))
        read_block(f, rest, tag);
    else
        adit_fill_option(f, &w);
}

void adit_load_text(struct adit_fill *f, adit_bytes text)
{
    adit_bytes line;

    while (adit_lex_line(&text, &line)) {
        f->at.line++;
        read_line(f, line, &text);
    }
}

/*
 * One error for a whole file that is no text, in place of one for each of its lines: a key or an archive
 * given by mistake, or what an editor of Windows calls Unicode.
 */
static bool is_text(struct adit_fill *f, const char *path, adit_bytes text)
{
    bool is_utf16 = text.n >= 2 && (memcmp(text.p, "\xff\xfe", 2) == 0 || memcmp(text.p, "\xfe\xff", 2) == 0);

    if (is_utf16)
        adit_fill_error(f, "config-file", "`%s` is UTF-16 text; save it as UTF-8", path);
    else if (text.n > 0 && memchr(text.p, 0, text.n))
        adit_fill_error(f, "config-file",
                        "`%s` is no text (there are zero bytes in it); name a file with options", path);
    else
        return true;
    f->is_lost = true;
    return false;
}

void adit_load_file(struct adit_fill *f, const char *path)
{
    struct adit_place outer = f->at;
    const char *name = adit_arena_str(f->a, path);
    char *text = NULL;
    size_t n = 0;

    if (f->depth >= DEPTH_MAX) {
        adit_fill_error(f, "config-depth",
                        "configuration files are nested more than %d deep; does `%s` read itself?", DEPTH_MAX,
                        path);
        return;
    }
    if (!name || !f->src || !f->src->read_file || f->src->read_file(f->src->ctx, path, &text, &n)) {
        adit_fill_error(f, "config-file", "the configuration file `%s` cannot be read%s", path,
                        adit_fill_why(f));
        f->is_lost = true;
        return;
    }
    if (!f->c->config_name)
        f->c->config_name = name;
    if (is_text(f, path, adit_bytes_of(text, n))) {
        f->depth++;
        f->at = (struct adit_place){.file = name};
        adit_load_text(f, adit_lex_skip_bom(adit_bytes_of(text, n)));
        f->at = outer;
        f->depth--;
    }
    adit_free_secret(text, n);
}

/* ---- the command line ---- */

static bool is_option(const char *arg)
{
    return strncmp(arg, "--", 2) == 0;
}

/* With these nothing else has to be there: after a mistake in them nothing else is missing. */
static bool stands_alone(const char *name)
{
    return strcmp(name, "config") == 0 || strcmp(name, "genkey") == 0 || strncmp(name, "show-", 5) == 0;
}

/* One option: its name without dashes, and what follows up to the next. Returns how many were used. */
static size_t read_arg(struct adit_fill *f, const char *const *args, size_t n)
{
    struct adit_words w = {.n = 1};
    size_t used = 1;

    if (!is_option(args[0])) {
        adit_fill_error(
            f, "command-line",
            "`%s` stands where an option should; options begin with --, and a file is named with --config",
            args[0]);
        f->is_lost = true;
        return 1;
    }
    w.v[0] = adit_arena_str(f->a, args[0] + 2);
    for (; used < n && !is_option(args[used]); used++) {
        if (w.n == ADIT_LEX_WORDS_MAX)
            w.is_cut = true;
        else
            w.v[w.n++] = adit_arena_str(f->a, args[used]);
    }
    if (!f->a->is_short) {
        size_t errors_before = f->report->n_errors;

        adit_fill_option(f, &w);
        f->is_lost |= f->report->n_errors > errors_before && stands_alone(w.v[0]);
    }
    return used;
}

static void read_args(struct adit_fill *f, const char *const *args, size_t n)
{
    f->at = (struct adit_place){.file = "[command line]", .line = 1};
    if (n == 1 && !is_option(args[0])) {
        adit_load_file(f, args[0]);
        return;
    }
    for (size_t i = 0; i < n;) {
        f->at.line = (unsigned)i + 1;
        i += read_arg(f, args + i, n - i);
    }
}

/* ---- freezing ---- */

/* Of options that a later occurrence replaces, only the last line stays. */
static void keep_lines(const struct adit_fill *f, struct frozen *z)
{
    for (size_t i = 0; i < f->lines.n; i++) {
        bool is_replaced = false;

        for (size_t j = i + 1; j < f->lines.n; j++)
            is_replaced |= f->line_rows[j] == f->line_rows[i];
        if (!is_replaced || adit_opts[f->line_rows[i]].where & ADIT_OPT_MULTI)
            adit_strs_add(&z->arena, &z->lines, f->lines.v[i]);
    }
}

static adit_err finish(struct adit_fill *f, struct frozen *z, size_t errors_before,
                       const struct adit_conf **out)
{
    f->at = (struct adit_place){0};
    /* What seems to be missing may stand in what could not be read. */
    if (z->conf.task == ADIT_TASK_RUN && !f->is_lost) {
        adit_conf_expand(f);
        adit_conf_resolve(f);
        adit_conf_check(f);
    }
    keep_lines(f, z);
    if (z->arena.is_short || f->report->is_short_of_memory) {
        adit_conf_free(&z->conf);
        return ADIT_E_MEMORY;
    }
    if (f->report->n_errors > errors_before && z->conf.task != ADIT_TASK_HELP &&
        z->conf.task != ADIT_TASK_VERSION) {
        adit_conf_free(&z->conf);
        return ADIT_E_CONFIG;
    }
    *out = &z->conf;
    return ADIT_OK;
}

static bool start(struct adit_fill *f, struct frozen **out, const struct adit_conf_source *src,
                  struct adit_conf_report *report)
{
    struct frozen *z = adit_alloc(sizeof *z);

    if (!z)
        return false;
    adit_conf_defaults(&z->conf);
    *f = (struct adit_fill){
        .a = &z->arena, .c = &z->conf, .conn = &z->conf.conn, .report = report, .src = src};
    f->given = adit_arena_alloc(&z->arena, adit_n_opts * sizeof *f->given);
    if (!f->given) {
        adit_conf_free(&z->conf);
        return false;
    }
    *out = z;
    return true;
}

adit_err adit_conf_load(const char *const *args, size_t n_args, const struct adit_conf_source *src,
                        struct adit_conf_report *report, const struct adit_conf **out)
{
    size_t errors_before = report->n_errors;
    struct adit_fill f;
    struct frozen *z;

    *out = NULL;
    if (!start(&f, &z, src, report))
        return ADIT_E_MEMORY;
    read_args(&f, args, n_args);
    return finish(&f, z, errors_before, out);
}

adit_err adit_conf_parse(const char *name, adit_bytes text, const struct adit_conf_source *src,
                         struct adit_conf_report *report, const struct adit_conf **out)
{
    size_t errors_before = report->n_errors;
    struct adit_fill f;
    struct frozen *z;

    *out = NULL;
    if (!start(&f, &z, src, report))
        return ADIT_E_MEMORY;
    f.at.file = f.c->config_name = adit_arena_str(f.a, name);
    f.depth = 1;
    if (f.at.file)
        adit_load_text(&f, adit_lex_skip_bom(text));
    return finish(&f, z, errors_before, out);
}

void adit_conf_free(const struct adit_conf *c)
{
    struct frozen *z = (struct frozen *)(uintptr_t)c;

    if (!z)
        return;
    adit_arena_fini(&z->arena);
    adit_free_secret(z, sizeof *z);
}

void adit_conf_print(const struct adit_conf *c, void (*put)(void *ctx, const char *line), void *ctx)
{
    const struct frozen *z = (const struct frozen *)(uintptr_t)c;

    for (size_t i = 0; i < z->lines.n; i++)
        put(ctx, z->lines.v[i]);
}
