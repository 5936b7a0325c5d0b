/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One result type for everything that can fail. An error knows its fate: what the caller has to do about
 * it (see base/err.def), so that nobody guesses. Success is 0.
 */
#ifndef ADIT_BASE_ERR_H
#define ADIT_BASE_ERR_H

#define ADIT_MUST_USE __attribute__((warn_unused_result))

typedef enum adit_err {
    ADIT_OK = 0,
#define ERR(name, fate, text) ADIT_E_##name,
#include "base/err.def"
#undef ERR
    ADIT_ERR_COUNT
} adit_err;

enum adit_fate {
    ADIT_FATE_NONE, /* of ADIT_OK */
    ADIT_FATE_DROP,
    ADIT_FATE_END,
    ADIT_FATE_HOST,
};

enum adit_fate adit_err_fate(adit_err e);

/* One line for a person, without a final stop; never NULL. */
const char *adit_err_text(adit_err e);

/* The row's name ("HAND_WINDOW"), for counters and JSON; never NULL. */
const char *adit_err_name(adit_err e);

#endif
