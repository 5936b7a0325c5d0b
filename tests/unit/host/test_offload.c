/* SPDX-License-Identifier: Apache-2.0 */
#include "../said.h"
#include "../unit.h"

#include "host/offload.h"

static char said[SAID_MAX];

static struct adit_host_offload plan(const struct adit_conf_offload *off, const char *release)
{
    const struct adit_log log = {.put = keep_said, .ctx = said, .verb = 3};
    const struct adit_conf c = {.offload_off = *off};
    struct adit_quirks q = adit_quirks_of(release);

    said[0] = '\0';
    return adit_host_offload(&c, &q, &log);
}

static void trains_go_everywhere_on_a_sound_kernel(void **state)
{
    struct adit_host_offload o = plan(&(struct adit_conf_offload){0}, "6.18.44");

    (void)state;
    assert_true(o.tun_in && o.tun_out && o.tun_out_udp && o.udp_in && o.udp_out);
    assert_string_equal(said, "");
}

static void a_quirk_switches_one_place_off_and_says_so(void **state)
{
    struct adit_host_offload o = plan(&(struct adit_conf_offload){0}, "7.0.3");

    (void)state;
    assert_true(o.tun_in && o.tun_out && o.tun_out_udp && o.udp_in);
    assert_false(o.udp_out);
    assert_non_null(strstr(said, "no trains for udp-out: Linux 7.0 to 7.1.4 damages"));
    o = plan(&(struct adit_conf_offload){0}, "6.5.0-45-generic");
    assert_true(o.tun_out && o.udp_out);
    assert_false(o.tun_out_udp);
    assert_non_null(strstr(said, "VXLAN"));
}

static void what_was_asked_for_is_done_whatever_the_kernel(void **state)
{
    struct adit_host_offload o = plan(&(struct adit_conf_offload){.is_set = true, .udp_in = true}, "7.0.3");

    (void)state;
    assert_true(o.tun_in && o.tun_out && o.tun_out_udp && o.udp_out);
    assert_false(o.udp_in);
    assert_string_equal(said, "");
    o = plan(&(struct adit_conf_offload){.is_set = true, .tun_out = true}, "6.18.44");
    assert_false(o.tun_out || o.tun_out_udp);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trains_go_everywhere_on_a_sound_kernel),
        cmocka_unit_test(a_quirk_switches_one_place_off_and_says_so),
        cmocka_unit_test(what_was_asked_for_is_done_whatever_the_kernel),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
