/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

struct row {
    enum adit_fate fate;
    const char *name;
    const char *text;
};

static const struct row rows[ADIT_ERR_COUNT] = {
    [ADIT_OK] = {ADIT_FATE_NONE, "OK", "no error"},
#define ERR(name, fate, text) [ADIT_E_##name] = {ADIT_FATE_##fate, #name, text},
#include "base/err.def"
#undef ERR
};

static const struct row *row_of(adit_err e)
{
    static const struct row unknown = {ADIT_FATE_HOST, "UNKNOWN", "unknown error"};

    return (unsigned)e < ADIT_ERR_COUNT ? &rows[e] : &unknown;
}

enum adit_fate adit_err_fate(adit_err e)
{
    return row_of(e)->fate;
}

const char *adit_err_text(adit_err e)
{
    return row_of(e)->text;
}

const char *adit_err_name(adit_err e)
{
    return row_of(e)->name;
}
