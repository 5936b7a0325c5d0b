/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole profile from a stranger, keys and certificates inside, as an embedding program would be given one:
 * the text is judged, and what is accepted becomes an engine that starts, hears a datagram and ends. A
 * refusal has its reasons in the report. Behind the mark "%%" in the input stands a name of ours for long
 * material.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/pem.h"
#include "adit/adit.h"

enum {
    TEXT_MAX = 16384,
    REPORT_MAX = 700,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check(bool is_right)
{
    if (!is_right)
        abort();
}

static int draw(void *ctx, uint8_t *dst, size_t n)
{
    (void)ctx;
    memset(dst, 7, n);
    return 1;
}

static void put_log(void *ctx, int level, const char *line)
{
    (void)ctx;
    check(level >= 0 && level <= 4 && strlen(line) < 4096);
}

/* The fuzzer need not find a certificate: "%%A" is one. */
static const char *material_of(uint8_t name)
{
    switch (name) {
    case 'A':
        return pem_ca;
    case 'S':
        return pem_server_cert;
    case 's':
        return pem_server_key;
    case 'C':
        return pem_client_cert;
    case 'c':
        return pem_client_key;
    default:
        return NULL;
    }
}

static size_t expand(const uint8_t *data, size_t n, char *text)
{
    size_t at = 0;

    for (size_t i = 0; i < n && at < TEXT_MAX; i++) {
        const char *m = i + 2 < n && data[i] == '%' && data[i + 1] == '%' ? material_of(data[i + 2]) : NULL;

        if (m && strlen(m) <= TEXT_MAX - at) {
            memcpy(text + at, m, strlen(m));
            at += strlen(m);
            i += 2;
        } else {
            text[at++] = (char)data[i];
        }
    }
    return at;
}

static void check_report(const char *report, bool is_accepted)
{
    size_t n = strlen(report);

    check(n < REPORT_MAX && (is_accepted || n > 0));
    for (size_t i = 0; i < n; i++)
        check(report[i] == '\n' || ((uint8_t)report[i] >= ' ' && report[i] != 127));
}

static void run(struct adit_engine *e, struct adit_time now)
{
    static const struct adit_endpoint from = {.family = 4, .ip = {192, 0, 2, 9}, .port = 9};
    uint8_t hello[] = {7 << 3, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0, 0}, b[ADIT_DATAGRAM_CAP];
    struct adit_datagram out = {.b = b, .cap = sizeof b};
    struct adit_received got;
    struct adit_fact fact;

    for (int i = 0; i < 8; i++) {
        (void)adit_engine_recv(e, &from, hello, sizeof hello, now, &got);
        while (adit_engine_next_fact(e, &fact))
            ;
        while (adit_engine_next_datagram(e, now, &out))
            check(out.n > 0);
        now.mono_ns += 2000000000;
        adit_engine_tick(e, now);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static char text[TEXT_MAX];
    struct adit_engine_params p = {.callbacks = {.random = draw, .log = put_log},
                                   .server = {.family = 4, .ip = {192, 0, 2, 1}, .port = 1194}};
    const struct adit_time now = {.mono_ns = 1000, .wall_s = 1800000000};
    char report[REPORT_MAX];
    const char *host, *port;
    struct adit_config *c;
    struct adit_engine *e;
    size_t text_n = expand(data, n, text);
    /* An exact allocation, so that a sanitizer sees a read one byte too far. */
    char *exact = malloc(text_n > 0 ? text_n : 1);

    check(exact != NULL);
    memcpy(exact, text, text_n);
    c = adit_config_new(exact, text_n, report, sizeof report);
    free(exact);
    check_report(report, c != NULL);
    if (!c)
        return 0;
    for (size_t i = 0; adit_config_remote(c, i, &host, &port); i++)
        check(host && port);
    p.config = c;
    e = adit_engine_new(&p, now, report, sizeof report);
    check_report(report, e != NULL);
    if (e)
        run(e, now);
    adit_engine_free(e);
    adit_config_free(c);
    return 0;
}
