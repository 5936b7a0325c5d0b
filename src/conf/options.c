/* SPDX-License-Identifier: Apache-2.0 */
/* The table that conf/options.def describes, and the search in it. */
#include "conf/options.h"

#include <string.h>

#include "conf/set.h"

enum {
    CONN = ADIT_OPT_CONN,
    INL = ADIT_OPT_INLINE,
    CCD = ADIT_OPT_CCD,
    PUSH = ADIT_OPT_PUSH,
    ROUTE = ADIT_OPT_PUSH_ROUTE,
    SECRET = ADIT_OPT_SECRET,
    MULTI = ADIT_OPT_MULTI,
    NOFILE = ADIT_OPT_NO_FILE,

    ANY = ADIT_LEX_WORDS_MAX - 1,
    MAX_S = 100000000, /* seconds: more than three years */
    NAME_MAX_LEN = 64,
};

static const struct adit_opt_word words_mode[] = {{"p2p", ADIT_MODE_P2P}, {"server", ADIT_MODE_SERVER}, {0}};

static const struct adit_opt_word words_dev_type[] = {{"tun", ADIT_DEV_TUN}, {"tap", ADIT_DEV_TAP}, {0}};

static const struct adit_opt_word words_topology[] = {
    {"net30", ADIT_TOPOLOGY_NET30}, {"p2p", ADIT_TOPOLOGY_P2P}, {"subnet", ADIT_TOPOLOGY_SUBNET}, {0}};

static const struct adit_opt_word words_mtu_disc[] = {
    {"no", ADIT_MTU_DISC_NO}, {"maybe", ADIT_MTU_DISC_MAYBE}, {"yes", ADIT_MTU_DISC_YES}, {0}};

static const struct adit_opt_word words_usr1[] = {
    {"SIGHUP", ADIT_USR1_AS_HUP}, {"SIGTERM", ADIT_USR1_AS_TERM}, {0}};

static const struct adit_opt_word words_direction[] = {{"0", ADIT_DIRECTION_0}, {"1", ADIT_DIRECTION_1}, {0}};

static const struct adit_opt_word words_cert_profile[] = {{"insecure", ADIT_CERT_PROFILE_INSECURE},
                                                          {"legacy", ADIT_CERT_PROFILE_LEGACY},
                                                          {"preferred", ADIT_CERT_PROFILE_PREFERRED},
                                                          {"suiteb", ADIT_CERT_PROFILE_SUITEB},
                                                          {0}};

static const struct adit_opt_word words_remote_cert[] = {
    {"client", ADIT_REMOTE_CERT_CLIENT}, {"server", ADIT_REMOTE_CERT_SERVER}, {0}};

static const struct adit_opt_word words_auth_retry[] = {{"none", ADIT_AUTH_RETRY_NONE},
                                                        {"interact", ADIT_AUTH_RETRY_INTERACT},
                                                        {"nointeract", ADIT_AUTH_RETRY_NOINTERACT},
                                                        {0}};

static const struct adit_opt_word words_key_derivation[] = {{"auto", ADIT_KEY_DERIVATION_AUTO},
                                                            {"prf", ADIT_KEY_DERIVATION_PRF},
                                                            {"ekm", ADIT_KEY_DERIVATION_EKM},
                                                            {0}};

static const struct adit_opt_word words_engine[] = {
    {"auto", ADIT_ENGINE_AUTO}, {"evp", ADIT_ENGINE_EVP}, {0}};

static const struct adit_opt_word words_steer[] = {{"auto", ADIT_STEER_AUTO}, {"flow", ADIT_STEER_FLOW}, {0}};

/* The offset of a field, which must have this type. */
#define FIELD_OF(type, f)                                                                                    \
    .field = offsetof(struct adit_conf, f) +                                                                 \
             0 * sizeof(char[_Generic(((struct adit_conf *)0)->f, type : 1, default                          \
                                      : -1)]),                                                               \
    .size = sizeof(type)

/* Numbers have two widths. */
#define NUM_FIELD(f)                                                                                         \
    .field = offsetof(struct adit_conf, f) +                                                                 \
             0 * sizeof(char[_Generic(((struct adit_conf *)0)->f, uint32_t : 1, uint64_t : 1, default        \
                                      : -1)]),                                                               \
    .size = sizeof(((struct adit_conf *)0)->f)

#define FLAG(n, w, f, h)                                                                                     \
    {.name = n, .kind = ADIT_OPT_FLAG, .where = w, FIELD_OF(bool, f), .args = "", .help = h},
#define NUM(n, w, f, l, u, d, ar, h)                                                                         \
    {.name = n,                                                                                              \
     .kind = ADIT_OPT_NUM,                                                                                   \
     .where = w,                                                                                             \
     .args_min = 1,                                                                                          \
     .args_max = 1,                                                                                          \
     NUM_FIELD(f),                                                                                           \
     .lo = l,                                                                                                \
     .hi = u,                                                                                                \
     .def = d,                                                                                               \
     .args = ar,                                                                                             \
     .help = h},
#define TEXT(n, w, f, ar, h)                                                                                 \
    {.name = n,                                                                                              \
     .kind = ADIT_OPT_TEXT,                                                                                  \
     .where = w,                                                                                             \
     .args_min = 1,                                                                                          \
     .args_max = 1,                                                                                          \
     FIELD_OF(const char *, f),                                                                              \
     .args = ar,                                                                                             \
     .help = h},
#define FILE_REF(n, w, f, ar, h)                                                                             \
    {.name = n,                                                                                              \
     .kind = ADIT_OPT_FILE,                                                                                  \
     .where = w,                                                                                             \
     .args_min = 1,                                                                                          \
     .args_max = 1,                                                                                          \
     FIELD_OF(struct adit_file_ref, f),                                                                      \
     .args = ar,                                                                                             \
     .help = h},
#define WORD(n, w, f, type, wo, d, ar, h)                                                                    \
    {.name = n,                                                                                              \
     .kind = ADIT_OPT_WORD,                                                                                  \
     .where = w,                                                                                             \
     .args_min = 1,                                                                                          \
     .args_max = 1,                                                                                          \
     FIELD_OF(type, f),                                                                                      \
     .words = wo,                                                                                            \
     .def = d,                                                                                               \
     .args = ar,                                                                                             \
     .help = h},
#define DO(n, w, mi, ma, fn, ar, h)                                                                          \
    {.name = n,                                                                                              \
     .kind = ADIT_OPT_DO,                                                                                    \
     .where = w,                                                                                             \
     .args_min = mi,                                                                                         \
     .args_max = ma,                                                                                         \
     .set = adit_##fn,                                                                                       \
     .args = ar,                                                                                             \
     .help = h},
#define PUSHED(n, w, mi, ma, fn, h)                                                                          \
    {.name = n,                                                                                              \
     .kind = ADIT_OPT_PUSHED,                                                                                \
     .where = w,                                                                                             \
     .args_min = mi,                                                                                         \
     .args_max = ma,                                                                                         \
     .set = adit_##fn,                                                                                       \
     .args = "",                                                                                             \
     .help = h},
#define ALIAS(n, t) {.name = n, .kind = ADIT_OPT_ALIAS, .target = t, .args = "", .help = ""},
#define LATER(n, w, mi, ma, ar, h)                                                                           \
    {.name = n, .kind = ADIT_OPT_LATER, .where = w, .args_min = mi, .args_max = ma, .args = ar, .help = h},
#define IDLE(n, w, mi, ma, why)                                                                              \
    {.name = n, .kind = ADIT_OPT_IDLE, .where = w, .args_min = mi, .args_max = ma, .args = "", .help = why},
#define GONE(n, instead) {.name = n, .kind = ADIT_OPT_GONE, .args_max = ANY, .args = "", .help = instead},
#define WINDOWS(n, w)                                                                                        \
    {.name = n, .kind = ADIT_OPT_WINDOWS, .where = w, .args_max = ANY, .args = "", .help = ""},

/* clang-format off */
const struct adit_opt adit_opts[] = {
#include "conf/options.def"
};
/* clang-format on */

const size_t adit_n_opts = sizeof adit_opts / sizeof adit_opts[0];

static const struct adit_opt *find_row(const char *name)
{
    for (size_t i = 0; i < adit_n_opts; i++)
        if (strcmp(adit_opts[i].name, name) == 0)
            return &adit_opts[i];
    return NULL;
}

const struct adit_opt *adit_opt_find(const char *name)
{
    const struct adit_opt *o = find_row(name);

    return o && o->kind == ADIT_OPT_ALIAS ? find_row(o->target) : o;
}

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* Edit distance in which swapping two neighbours costs one, as typing errors do. Names are short. */
static unsigned distance(const char *a, const char *b)
{
    unsigned rows[3][NAME_MAX_LEN + 1];
    unsigned *two_up = rows[0], *up = rows[1], *row = rows[2];
    size_t na = strlen(a), nb = strlen(b);

    for (size_t j = 0; j <= nb; j++)
        up[j] = (unsigned)j;
    for (size_t i = 1; i <= na; i++) {
        unsigned *spare = two_up;

        row[0] = (unsigned)i;
        for (size_t j = 1; j <= nb; j++) {
            row[j] = least(least(up[j], row[j - 1]) + 1, up[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = least(row[j], two_up[j - 2] + 1);
        }
        two_up = up;
        up = row;
        row = spare;
    }
    return up[nb];
}

const struct adit_opt *adit_opt_nearest(const char *name)
{
    size_t n = strlen(name);
    unsigned best = (unsigned)(n < 6 ? 2 : n / 3 + 1); /* farther is no spelling of it */
    const struct adit_opt *nearest = NULL;

    if (n < 2 || n > NAME_MAX_LEN)
        return NULL;
    for (size_t i = 0; i < adit_n_opts; i++) {
        const struct adit_opt *o = &adit_opts[i];
        unsigned d;

        if (o->kind == ADIT_OPT_GONE || o->kind == ADIT_OPT_WINDOWS || o->kind == ADIT_OPT_PUSHED)
            continue;
        d = distance(name, o->name);
        if (d < best) {
            best = d;
            nearest = o;
        }
    }
    return nearest;
}
