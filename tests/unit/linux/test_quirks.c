/* SPDX-License-Identifier: Apache-2.0 */
#include "../unit.h"

#include "linux/quirks.h"

/* u: udp-in, o: udp-out, t: tun-out of UDP. */
static void check(const char *release, const char *want)
{
    struct adit_quirks q = adit_quirks_of(release);
    char got[4] = "", *p = got;

    if (q.udp_in)
        *p++ = 'u';
    if (q.udp_out)
        *p++ = 'o';
    if (q.tun_out_udp)
        *p++ = 't';
    *p = '\0';
    if (strcmp(got, want) != 0)
        fail_msg("%s: \"%s\", not \"%s\"", release, got, want);
}

static void kernels_are_known_by_their_numbers(void **state)
{
    (void)state;
    check("4.19.0-27-amd64", "u");
    check("5.11.22", "u");
    check("5.12", "");
    check("6.1.0-40-amd64", "");
    check("6.2.0", "t");
    check("6.8.4-060804-generic", "t");
    check("6.8.5", "");
    check("6.12.48+deb13-amd64", "");
    check("6.18.44", "");
    check("7.0.2-6-pve", "o");
    check("7.1.4", "o");
    check("7.1.5", "");
    check("10.0.0", "");
}

static void what_is_no_release_has_no_quirks(void **state)
{
    (void)state;
    check("", "");
    check("Linux", "");
    check("4", "");
    check("-1.2", "");
    check("99999999999.1.2", "");
}

static void each_says_what_and_why(void **state)
{
    struct adit_quirks q = adit_quirks_of("7.0.0");

    (void)state;
    assert_string_equal(q.udp_out->what, "udp-out");
    assert_non_null(strstr(q.udp_out->why, "7.1.4"));
    (void)adit_quirks_here();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kernels_are_known_by_their_numbers),
        cmocka_unit_test(what_is_no_release_has_no_quirks),
        cmocka_unit_test(each_says_what_and_why),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
