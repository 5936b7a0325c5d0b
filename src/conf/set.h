/* SPDX-License-Identifier: Apache-2.0 */
/* The setters that the rows of conf/options.def name, made of the rows themselves. */
#ifndef ADIT_CONF_SET_H
#define ADIT_CONF_SET_H

#include "conf/fill.h"

#define FLAG(name, where, field, help)
#define NUM(name, where, field, lo, hi, def, args, help)
#define TEXT(name, where, field, args, help)
#define FILE_REF(name, where, field, args, help)
#define WORD(name, where, field, type, words, def, args, help)
#define ALIAS(name, target)
#define LATER(name, where, min, max, args, help)
#define IDLE(name, where, min, max, why)
#define GONE(name, instead)
#define WINDOWS(name, where)
#define DO(name, where, min, max, fn, args, help)                                                            \
    bool adit_##fn(struct adit_fill *f, const struct adit_words *w);
#define PUSHED(name, where, min, max, fn, help)                                                              \
    bool adit_##fn(struct adit_fill *f, const struct adit_words *w);
#include "conf/options.def"
#undef FLAG
#undef NUM
#undef TEXT
#undef FILE_REF
#undef WORD
#undef ALIAS
#undef LATER
#undef IDLE
#undef GONE
#undef WINDOWS
#undef DO
#undef PUSHED

#endif
