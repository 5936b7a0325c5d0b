/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/lex.h"

#include <string.h>

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* One pass over a line; the word is written where the line is copied to, since it never grows. */
struct scan {
    const char *p, *end;
    char *dst; /* of the word that is being read */
};

/* A backslash and what follows it. At the end of the line it stands for the line's end, as in openvpn. */
static enum adit_lex_fault take_escaped(struct scan *s)
{
    char c = '\n';

    if (++s->p < s->end)
        c = *s->p++;
    if (c != '\\' && c != '"' && !is_blank(c))
        return ADIT_LEX_BACKSLASH;
    *s->dst++ = c;
    return ADIT_LEX_FINE;
}

static enum adit_lex_fault take_single_quoted(struct scan *s)
{
    for (s->p++; s->p < s->end; s->p++) {
        if (*s->p == '\'') {
            s->p++;
            return ADIT_LEX_FINE;
        }
        *s->dst++ = *s->p;
    }
    return ADIT_LEX_NO_SINGLE_QUOTE;
}

static enum adit_lex_fault take_quoted(struct scan *s)
{
    s->p++;
    while (s->p < s->end) {
        enum adit_lex_fault fault;

        if (*s->p == '"') {
            s->p++;
            return ADIT_LEX_FINE;
        }
        if (*s->p != '\\') {
            *s->dst++ = *s->p++;
            continue;
        }
        fault = take_escaped(s);
        if (fault)
            return fault;
    }
    return ADIT_LEX_NO_QUOTE;
}

static enum adit_lex_fault take_bare(struct scan *s)
{
    while (s->p < s->end && !is_blank(*s->p)) {
        enum adit_lex_fault fault;

        if (*s->p != '\\') {
            *s->dst++ = *s->p++;
            continue;
        }
        fault = take_escaped(s);
        if (fault)
            return fault;
    }
    return ADIT_LEX_FINE;
}

/*
 * Blanks before a word, also escaped ones: openvpn looks for the beginning of a word after it has resolved a
 * backslash, so that `\ a` is `a` and `\#` still begins a comment. False: nothing more on this line.
 */
static bool find_word(struct scan *s)
{
    for (; s->p < s->end; s->p++) {
        char c = *s->p;
        bool is_escaped = c == '\\';

        if (is_escaped) {
            if (s->p + 1 == s->end)
                return false;
            c = s->p[1];
        }
        if (c == '#' || c == ';')
            return false;
        if (!is_blank(c))
            return true;
        if (is_escaped)
            s->p++;
    }
    return false;
}

static enum adit_lex_fault take_word(struct scan *s)
{
    if (*s->p == '"')
        return take_quoted(s);
    if (*s->p == '\'')
        return take_single_quoted(s);
    return take_bare(s);
}

enum adit_lex_fault adit_lex_words(struct adit_arena *a, adit_bytes line, struct adit_words *out)
{
    struct scan s = {.p = (const char *)line.p, .end = (const char *)line.p + line.n};

    *out = (struct adit_words){0};
    if (line.n == 0)
        return ADIT_LEX_FINE;
    if (memchr(line.p, 0, line.n))
        return ADIT_LEX_NUL;
    /* Every word costs a character and a blank, quotes or an end; one more for an escaped end of line. */
    s.dst = adit_arena_alloc(a, 2 * line.n + 2);
    if (!s.dst)
        return ADIT_LEX_MEMORY;
    while (find_word(&s)) {
        char *word = s.dst;
        enum adit_lex_fault fault = take_word(&s);

        if (fault)
            return fault;
        *s.dst++ = 0;
        if (out->n == ADIT_LEX_WORDS_MAX)
            out->is_cut = true;
        else
            out->v[out->n++] = word;
    }
    return ADIT_LEX_FINE;
}

bool adit_lex_line(adit_bytes *text, adit_bytes *line)
{
    const uint8_t *nl;

    if (text->n == 0)
        return false;
    nl = memchr(text->p, '\n', text->n);
    *line = adit_bytes_of(text->p, nl ? (size_t)(nl - text->p) : text->n);
    *text = adit_bytes_of(text->p + line->n + (nl != NULL), text->n - line->n - (nl != NULL));
    return true;
}

adit_bytes adit_lex_skip_bom(adit_bytes text)
{
    if (text.n >= 3 && memcmp(text.p, "\xef\xbb\xbf", 3) == 0)
        return adit_bytes_of(text.p + 3, text.n - 3);
    return text;
}

bool adit_lex_tag(const char *word, adit_bytes *name)
{
    size_t n = strlen(word);

    if (n < 3 || word[0] != '<' || word[n - 1] != '>')
        return false;
    *name = adit_bytes_of(word + 1, n - 2);
    return true;
}

bool adit_lex_is_end_tag(adit_bytes line, adit_bytes name)
{
    while (line.n > 0 && is_blank((char)line.p[0]))
        line = adit_bytes_of(line.p + 1, line.n - 1);
    return line.n >= name.n + 3 && line.p[0] == '<' && line.p[1] == '/' && line.p[name.n + 2] == '>' &&
           memcmp(line.p + 2, name.p, name.n) == 0;
}

const char *adit_lex_fault_text(enum adit_lex_fault f)
{
    switch (f) {
    case ADIT_LEX_FINE:
        return "fine";
    case ADIT_LEX_NO_QUOTE:
        return "no closing quotation mark (\") on this line; add it";
    case ADIT_LEX_NO_SINGLE_QUOTE:
        return "no closing single quotation mark (') on this line; add it";
    case ADIT_LEX_BACKSLASH:
        return "a backslash may only stand before a blank, a double quote or a backslash; write \\\\ for one "
               "backslash";
    case ADIT_LEX_NUL:
        return "there is a zero byte on this line; remove it";
    case ADIT_LEX_MEMORY:
        return "out of memory";
    }
    return "unreadable";
}
