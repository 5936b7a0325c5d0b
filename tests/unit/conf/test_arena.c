/* SPDX-License-Identifier: Apache-2.0 */
/*
 * This program has its own base/mem, which counts and can fail any one allocation: reading and pushing
 * survive every one of them, say so, and give everything back, wiped.
 */
#include "conf_test.h"

#include <stdlib.h>

#include "conf/arena.h"

static size_t n_live, n_made, failing_one; /* the number of the allocation that fails; 0: none */
static bool found_secret;

static bool must_fail(void)
{
    return ++n_made == failing_one;
}

void *adit_alloc(size_t n)
{
    void *p = must_fail() ? NULL : calloc(1, n);

    n_live += p != NULL;
    return p;
}

void *adit_realloc(void *p, size_t n)
{
    void *q = must_fail() ? NULL : realloc(p, n);

    n_live += q && !p;
    return q;
}

char *adit_strdup(const char *s)
{
    char *p = must_fail() ? NULL : strdup(s);

    n_live += p != NULL;
    return p;
}

void adit_free(void *p)
{
    n_live -= p != NULL;
    free(p);
}

void adit_free_secret(void *p, size_t n)
{
    if (!p)
        return;
    adit_wipe(p, n);
    for (size_t i = 0; i < n; i++)
        found_secret |= ((unsigned char *)p)[i] != 0;
    n_live--;
    free(p);
}

static void arrays_grow_and_keep_their_elements(void **state)
{
    struct adit_arena a = {0};
    int *v = NULL, *copy;

    (void)state;
    for (int i = 0; i < 5000; i++) {
        v = adit_arena_grow(&a, v, (size_t)i, sizeof *v);
        assert_non_null(v);
        v[i] = i;
    }
    copy = adit_arena_clone(&a, v, 5000, sizeof *v);
    copy = adit_arena_grow(&a, copy, 5000, sizeof *v);
    copy[5000] = 1;
    for (int i = 0; i < 5000; i++)
        assert_true(v[i] == i && copy[i] == i);
    assert_null(adit_arena_clone(&a, NULL, 0, 4));
    assert_string_equal(adit_arena_format(&a, "%d-%s", 7, "x"), "7-x");
    assert_null(adit_arena_alloc(&a, SIZE_MAX - 3));
    assert_true(a.is_short);
    adit_arena_fini(&a);
    assert_int_equal(n_live, 0);
}

static const char server[] = "server 10.8.0.0 255.255.255.0\nserver-ipv6 fd00::/64\ntopology net30\n" SERVER
                             "keepalive 10 60\npush \"echo a\"\nroute 1.2.3.0 255.255.255.0\nconfig "
                             "b.conf\n<tls-crypt>\nSECRET\n</tls-crypt>\nfast-io\n"
                             "setenv-safe A b\n";

static const char client[] =
    "client\nca c\nauth-user-pass\nremote-cert-tls server\nroute 1.2.3.0\n<connection>\nremote a\n"
    "</connection>\n";

static void push_once(struct reading *r)
{
    static const char options[] =
        "route 1.2.3.4\0ifconfig 1.2.3.4 1.2.3.5\0dhcp-option DNS 1.2.3.4\0setenv-safe A b\0nosuch";
    const struct adit_pushed *p;
    adit_err err =
        adit_pushed_new(r->c, &r->c->conns[0], adit_bytes_of(options, sizeof options), &r->report, &p);

    assert_true(err == ADIT_OK || err == ADIT_E_MEMORY);
    assert_true((err == ADIT_OK) == (p != NULL));
    adit_pushed_free(p);
}

/* Fails the allocations one after the other, until there are no more; how many there were. */
static size_t read_without(const char *conf)
{
    static const struct file files[] = {{"b.conf", "verb 3\npush \"echo b\"\n"}, {0}};

    for (failing_one = 1;; failing_one++) {
        struct reading r = {.folder = {.files = files}};
        bool is_enough;

        n_made = 0;
        read_text(&r, conf);
        if (r.err == ADIT_OK)
            push_once(&r);
        else
            assert_true(r.err == ADIT_E_MEMORY || r.err == ADIT_E_CONFIG);
        is_enough = n_made < failing_one;
        done(&r);
        assert_int_equal(n_live, 0);
        if (is_enough)
            return n_made;
    }
}

static void every_lost_allocation_is_survived(void **state)
{
    (void)state;
    assert_true(read_without(server) > 8);
    assert_true(read_without(client) > 4);
    failing_one = 0;
    assert_false(found_secret);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arrays_grow_and_keep_their_elements),
        cmocka_unit_test(every_lost_allocation_is_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
