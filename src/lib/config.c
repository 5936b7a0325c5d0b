/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "lib/parts.h"

void adit_report_begin(struct adit_report *r, char *text, size_t cap)
{
    *r = (struct adit_report){.text = text, .cap = text ? cap : 0};
    if (r->cap > 0)
        text[0] = '\0';
}

void adit_report_line(struct adit_report *r, const char *line)
{
    int n;

    if (r->n + 1 >= r->cap)
        return;
    n = snprintf(r->text + r->n, r->cap - r->n, "%s\n", line);
    r->n = n > 0 && r->n + (size_t)n < r->cap ? r->n + (size_t)n : r->cap - 1;
}

const char *adit_version(void)
{
    return ADIT_VERSION;
}

static bool is_udp(const struct adit_conf *c)
{
    bool all = c->conn.proto == ADIT_PROTO_UDP || c->n_conns > 0;

    for (size_t i = 0; i < c->n_conns; i++)
        all = all && c->conns[i].proto == ADIT_PROTO_UDP;
    return all;
}

/* What the programs can, and the library cannot. NULL: it can. */
static const char *find_fault(const struct adit_conf *c)
{
    if (c->task != ADIT_TASK_RUN)
        return "error: the text asks for something else than a VPN (help, genkey, show-...)";
    if (c->mode != ADIT_MODE_SERVER && !c->want_pull)
        return "error: neither a client (client, or pull and tls-client) nor a server (server, or mode "
               "server)";
    if (!is_udp(c))
        return "error: proto: the library speaks UDP only";
    if (c->ca_path)
        return "error: capath: the library opens no files; put the certificates into <ca>...</ca>";
    if (c->is_crl_dir)
        return "error: crl-verify: the library opens no files; put the list into "
               "<crl-verify>...</crl-verify>";
    if (c->gremlin.is_on)
        return "error: gremlin: the library carries no packets; spoil them where you send them";
    return NULL;
}

struct adit_config *adit_config_new(const char *text, size_t n, char *report, size_t cap)
{
    struct adit_conf_source source = {0};
    struct adit_conf_report found = {0};
    struct adit_report out;
    struct adit_config *c = adit_alloc(sizeof *c);
    const char *fault;
    char line[640];
    adit_err e;

    adit_report_begin(&out, report, cap);
    if (!c)
        return NULL;
    e = adit_conf_parse("config", adit_bytes_of(text, n), &source, &found, &c->conf);
    for (size_t i = 0; i < found.n; i++)
        adit_report_line(&out, adit_conf_diag_str(&found.diags[i], line, sizeof line));
    adit_conf_report_fini(&found);
    if (e == ADIT_OK) {
        fault = find_fault(c->conf);
        if (!fault)
            return c;
        adit_report_line(&out, fault);
    } else if (out.n == 0) {
        adit_report_line(&out, adit_err_text(e));
    }
    adit_config_free(c);
    return NULL;
}

void adit_config_free(struct adit_config *c)
{
    if (c)
        adit_conf_free(c->conf);
    adit_free(c);
}

int adit_config_is_server(const struct adit_config *c)
{
    return c->conf->mode == ADIT_MODE_SERVER;
}

int adit_config_remote(const struct adit_config *c, size_t i, const char **host, const char **port)
{
    if (i >= c->conf->n_conns || !c->conf->conns[i].remote)
        return 0;
    *host = c->conf->conns[i].remote;
    *port = c->conf->conns[i].rport;
    return 1;
}
