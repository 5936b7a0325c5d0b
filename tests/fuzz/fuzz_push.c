/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a server pushes, options separated by commas as on the wire, on top of one configuration. No report
 * has a byte that a terminal would obey, and nothing pushed reaches what only the user may set.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "conf/conf.h"
#include "conf/pushed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const char own[] =
    "client\nremote h\nca c\nauth-user-pass\nremote-cert-tls server\nroute 10.0.0.0 255.0.0.0\n"
    "dhcp-option DNS 1.2.3.4\nsetenv A b\npull-filter ignore \"dns \"\npull-filter reject reject\n";

static void check_report(const struct adit_conf_report *report)
{
    for (size_t i = 0; i < report->n; i++)
        for (const char *p = report->diags[i].text; *p; p++)
            assert(*p >= ' ' && *p != 127);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct adit_conf_report report = {0};
    const struct adit_conf *c;
    const struct adit_pushed *p;
    uint8_t *options = malloc(n > 0 ? n : 1);
    adit_err err;

    assert(options);
    for (size_t i = 0; i < n; i++)
        options[i] = data[i] == ',' ? 0 : data[i];
    err = adit_conf_parse("own", adit_bytes_str(own), NULL, &report, &c);
    assert(err == ADIT_OK && report.n == 0);
    err = adit_pushed_new(c, &c->conns[0], adit_bytes_of(options, n), &report, &p);
    free(options);
    assert((err == ADIT_OK) == (p != NULL));
    assert(err == ADIT_OK || err == ADIT_E_PUSH_REFUSED);
    check_report(&report);
    if (p) {
        assert(p->routes.n >= 1 && p->dns_lines.n >= 1);
        assert(strcmp(p->dns_lines.v[0], "dhcp-option DNS 1.2.3.4") == 0);
        for (size_t i = 1; i < p->env.n; i++)
            assert(strncmp(p->env.v[i].name, "OPENVPN_", 8) == 0);
        for (size_t i = 0; i < p->routes.n; i++)
            assert(p->routes.v[i].bits <= 32);
        assert(p->tun_mtu >= 100 && p->tun_mtu <= 1600);
        assert(p->peer_id <= ADIT_PUSHED_NO_PEER_ID);
        assert(p->peer_window <= 65536);
        assert(p->is_rejected == (p->rejected_by != NULL));
    }
    adit_pushed_free(p);
    adit_conf_free(c);
    adit_conf_report_fini(&report);
    return 0;
}
