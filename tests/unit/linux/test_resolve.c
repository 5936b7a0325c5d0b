/* SPDX-License-Identifier: Apache-2.0 */
#include "../unit.h"

#include "linux/resolve.h"

struct outcome {
    int n_calls;
    adit_err err;
    size_t n;
    char first[ADIT_ADDR_STR_MAX];
    char why[512];
};

static void keep(void *arg, const struct adit_resolved *r)
{
    struct outcome *o = arg;

    o->n_calls++;
    o->err = r->err;
    o->n = r->n;
    snprintf(o->why, sizeof o->why, "%s", r->why);
    if (r->n > 0)
        adit_addr_str(&r->addrs[0], o->first, sizeof o->first);
}

static struct outcome ask(const char *host, const char *port, enum adit_family family)
{
    uv_loop_t loop;
    struct outcome o = {0};

    assert_int_equal(uv_loop_init(&loop), 0);
    assert_non_null(adit_resolve_start(&loop, host, port, family, keep, &o));
    assert_int_equal(o.n_calls, 0); /* never before start() has returned */
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    assert_int_equal(o.n_calls, 1);
    return o;
}

static void literals_come_back_through_the_loop(void **state)
{
    struct outcome o = ask("192.0.2.1", "1194", ADIT_AF_NONE);

    (void)state;
    assert_int_equal(o.err, ADIT_OK);
    assert_int_equal(o.n, 1);
    assert_string_equal(o.first, "192.0.2.1:1194");
    o = ask("2001:db8::1", "443", ADIT_AF_V6);
    assert_string_equal(o.first, "2001:db8::1:443");
}

static void names_are_looked_up(void **state)
{
    struct outcome o = ask("localhost", "1194", ADIT_AF_V4);

    (void)state;
    assert_int_equal(o.err, ADIT_OK);
    assert_string_equal(o.first, "127.0.0.1:1194");
    o = ask("localhost", NULL, ADIT_AF_V4);
    assert_string_equal(o.first, "127.0.0.1:0");
    o = ask("", "1194", ADIT_AF_V4);
    assert_string_equal(o.first, "0.0.0.0:1194");
}

static void failures_name_the_name(void **state)
{
    struct outcome o = ask("no.such.host.invalid.", "1194", ADIT_AF_NONE);

    (void)state;
    assert_int_equal(o.err, ADIT_E_OS);
    assert_int_equal(o.n, 0);
    assert_non_null(strstr(o.why, "Cannot resolve host address: no.such.host.invalid.:1194 ("));
    o = ask("192.0.2.1", "1194", ADIT_AF_V6);
    assert_int_equal(o.err, ADIT_E_OS);
}

static void a_canceled_question_is_not_answered(void **state)
{
    static const char *const hosts[] = {"192.0.2.1", "localhost"};
    uv_loop_t loop;
    struct outcome o = {0};

    (void)state;
    assert_int_equal(uv_loop_init(&loop), 0);
    for (size_t i = 0; i < 2; i++) {
        struct adit_resolve *r = adit_resolve_start(&loop, hosts[i], "1", ADIT_AF_NONE, keep, &o);

        assert_non_null(r);
        adit_resolve_cancel(r);
    }
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    assert_int_equal(o.n_calls, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(literals_come_back_through_the_loop),
        cmocka_unit_test(names_are_looked_up),
        cmocka_unit_test(failures_name_the_name),
        cmocka_unit_test(a_canceled_question_is_not_answered),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
