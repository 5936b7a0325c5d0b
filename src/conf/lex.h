/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text to words, as openvpn does it: a word is bare, or stands in double or single quotes and ends with them;
 * # and ; begin a comment where a word could begin; a backslash takes a blank, a double quote or a backslash
 * literally, except within single quotes. Protocol text: 9.2, 10.1.
 */
#ifndef ADIT_CONF_LEX_H
#define ADIT_CONF_LEX_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"
#include "base/err.h"
#include "conf/arena.h"

enum {
    ADIT_LEX_WORDS_MAX = 16, /* with the option's name; openvpn reads no more */
    ADIT_LEX_LINE_MAX = 254, /* characters, without the line's end */
};

struct adit_words {
    const char *v[ADIT_LEX_WORDS_MAX];
    size_t n;
    bool is_cut; /* there were more */
};

enum adit_lex_fault {
    ADIT_LEX_FINE,
    ADIT_LEX_NO_QUOTE,        /* " is missing */
    ADIT_LEX_NO_SINGLE_QUOTE, /* ' is missing */
    ADIT_LEX_BACKSLASH,
    ADIT_LEX_NUL,
    ADIT_LEX_MEMORY,
};

/* One line without its end. Words lie in the arena. */
enum adit_lex_fault adit_lex_words(struct adit_arena *a, adit_bytes line, struct adit_words *out);

/* The next line of a text, without its \n (a \r stays: it counts as a blank); false at the end. */
bool adit_lex_line(adit_bytes *text, adit_bytes *line);

/* Skips a UTF-8 byte order mark. */
adit_bytes adit_lex_skip_bom(adit_bytes text);

/* `<name>`: the name's extent within the word; false if the word is no opening tag. */
bool adit_lex_tag(const char *word, adit_bytes *name);

/* Does the line (blanks before it allowed) begin with `</name>`? */
bool adit_lex_is_end_tag(adit_bytes line, adit_bytes name);

/* What a person is told; never NULL. */
const char *adit_lex_fault_text(enum adit_lex_fault f);

#endif
