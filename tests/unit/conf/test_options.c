/* SPDX-License-Identifier: Apache-2.0 */
#include "../unit.h"

#include <stdlib.h>

#include "conf/options.h"

struct name {
    const char *name, *alias_of, *args_min, *args_max, *is_in_file, *is_inline, *is_in_connection, *pushable,
        *status;
};

#define NAME(n, al, mi, ma, fi, in, co, pu, st) {n, al, mi, ma, fi, in, co, pu, st},
static const struct name names[] = {
#include "names.def"
};

static void every_name_of_the_inventory_has_a_row(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (!adit_opt_find(names[i].name))
            fail_msg("`%s` has no row", names[i].name);
}

static void rows_have_unique_names(void **state)
{
    (void)state;
    for (size_t i = 0; i < adit_n_opts; i++)
        for (size_t j = i + 1; j < adit_n_opts; j++)
            assert_string_not_equal(adit_opts[i].name, adit_opts[j].name);
}

static void aliases_lead_to_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < adit_n_opts; i++)
        if (adit_opts[i].kind == ADIT_OPT_ALIAS) {
            assert_non_null(adit_opt_find(adit_opts[i].target));
            assert_ptr_equal(adit_opt_find(adit_opts[i].name), adit_opt_find(adit_opts[i].target));
        }
    assert_string_equal(adit_opt_find("ncp-ciphers")->name, "data-ciphers");
}

static void rows_take_as_many_words_as_openvpn(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const struct name *n = &names[i];
        const struct adit_opt *o = adit_opt_find(n->name);

        if (*n->args_min == '-' || o->kind == ADIT_OPT_GONE || o->kind == ADIT_OPT_WINDOWS)
            continue;
        /* These take one more word in some release. */
        if (strcmp(n->name, "connection") == 0 || strcmp(n->name, "dhcp-option") == 0)
            continue;
        if (o->args_min != (unsigned)atoi(n->args_min))
            fail_msg("`%s` takes at least %u words", n->name, o->args_min);
        if (*n->args_max != '*' && o->args_max != (unsigned)atoi(n->args_max))
            fail_msg("`%s` takes at most %u words", n->name, o->args_max);
    }
}

static void rows_stand_where_openvpn_lets_them(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const struct name *n = &names[i];
        const struct adit_opt *o = adit_opt_find(n->name);

        if (o->kind == ADIT_OPT_GONE)
            continue;
        if ((strcmp(n->is_inline, "yes") == 0) != !!(o->where & ADIT_OPT_INLINE))
            fail_msg("`%s`: inline", n->name);
        if (strcmp(n->is_in_connection, "unchecked") != 0 &&
            (strcmp(n->is_in_connection, "yes") == 0) != !!(o->where & ADIT_OPT_CONN))
            fail_msg("`%s`: within <connection>", n->name);
    }
}

/* The permission to push: exactly what the inventory says, where openvpn checks at all. */
static void rows_are_pushable_as_in_openvpn(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const struct name *n = &names[i];
        const struct adit_opt *o = adit_opt_find(n->name);
        unsigned want = strcmp(n->pushable, "yes") == 0                   ? ADIT_OPT_PUSH
                        : strcmp(n->pushable, "unless-route-nopull") == 0 ? ADIT_OPT_PUSH_ROUTE
                                                                          : 0;

        if (strcmp(n->pushable, "unchecked") == 0)
            continue;
        if ((o->where & (ADIT_OPT_PUSH | ADIT_OPT_PUSH_ROUTE)) != want)
            fail_msg("`%s`: pushed", n->name);
    }
}

static void names_that_are_gone_or_foreign_are_so(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        enum adit_opt_kind kind = adit_opt_find(names[i].name)->kind;

        if (strcmp(names[i].status, "removed") == 0)
            assert_int_equal(kind, ADIT_OPT_GONE);
        if (strcmp(names[i].status, "windows-only") == 0 && kind != ADIT_OPT_IDLE)
            assert_int_equal(kind, ADIT_OPT_WINDOWS);
    }
}

static void the_nearest_name_is_suggested(void **state)
{
    static const char *const pairs[][2] = {
        {"keepalve", "keepalive"},
        {"topolgy", "topology"},
        {"tls-atuh", "tls-auth"},
        {"push-", "push"},
        {"redirect-gatway", "redirect-gateway"},
        {"comp-lz0", "comp-lzo"},
        {"remote-cert-tsl", "remote-cert-tls"},
        {"cihper", "cipher"},
        {"data-cipher", "data-ciphers"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        const struct adit_opt *o = adit_opt_nearest(pairs[i][0]);

        assert_non_null(o);
        assert_string_equal(o->name, pairs[i][1]);
    }
    assert_null(adit_opt_nearest("xyzzyplugh"));
    assert_null(adit_opt_nearest("q"));
    assert_null(adit_opt_nearest(""));
}

static void rows_with_help_have_words_for_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < adit_n_opts; i++) {
        const struct adit_opt *o = &adit_opts[i];

        assert_non_null(o->help);
        assert_non_null(o->args);
        if (o->kind == ADIT_OPT_DO || o->kind == ADIT_OPT_PUSHED)
            assert_non_null(o->set);
        if (o->kind == ADIT_OPT_WORD)
            assert_non_null(o->words);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_name_of_the_inventory_has_a_row),
        cmocka_unit_test(rows_have_unique_names),
        cmocka_unit_test(aliases_lead_to_rows),
        cmocka_unit_test(rows_take_as_many_words_as_openvpn),
        cmocka_unit_test(rows_stand_where_openvpn_lets_them),
        cmocka_unit_test(rows_are_pushable_as_in_openvpn),
        cmocka_unit_test(names_that_are_gone_or_foreign_are_so),
        cmocka_unit_test(the_nearest_name_is_suggested),
        cmocka_unit_test(rows_with_help_have_words_for_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
