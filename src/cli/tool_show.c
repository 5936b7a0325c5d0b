/* SPDX-License-Identifier: Apache-2.0 */
/* --show-ciphers and its like, --version, --help. */
#include "cli/tool.h"

#include <openssl/ec.h>
#include <openssl/objects.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "crypto/cipher.h"
#include "crypto/mac.h"
#include "core/terms.h"

int adit_tool_show_ciphers(void)
{
    const struct adit_cipher *c;

    printf("The following ciphers and cipher modes are known. Ciphers of the data channel are chosen with\n"
           "data-ciphers; AEAD ciphers need no auth, and are the ones that this version speaks.\n\n");
    for (size_t i = 0; (c = adit_cipher_at(i)) != NULL; i++) {
        if (c->kind != ADIT_CIPHER_NONE)
            printf("%s  (%d bit key, %d bit block%s)\n", c->name, c->key_len * 8, c->block_len * 8,
                   c->kind == ADIT_CIPHER_AEAD ? "" : "; known, not supported yet");
    }
    return 0;
}

int adit_tool_show_digests(void)
{
    const struct adit_digest *d;

    printf("The following message digests are available for use with auth, which tls-auth uses.\n\n");
    for (size_t i = 0; (d = adit_digest_at(i)) != NULL; i++)
        printf("%s %d bit digest size\n", d->name, d->len * 8);
    return 0;
}

static void show_tls_of(SSL_CTX *ctx, int version, const char *title)
{
    SSL *ssl;
    STACK_OF(SSL_CIPHER) * list;

    if (SSL_CTX_set_min_proto_version(ctx, version) != 1 || SSL_CTX_set_max_proto_version(ctx, version) != 1)
        return;
    printf("\n%s\n\n", title);
    ssl = SSL_new(ctx);
    list = ssl ? SSL_get1_supported_ciphers(ssl) : NULL;
    for (int i = 0; list && i < sk_SSL_CIPHER_num(list); i++) {
        char name[128];

        /* IANA's name; tls-cipher takes it with dashes. */
        snprintf(name, sizeof name, "%s", SSL_CIPHER_standard_name(sk_SSL_CIPHER_value(list, i)));
        for (char *p = name; version != TLS1_3_VERSION && *p; p++) {
            if (*p == '_')
                *p = '-';
        }
        printf("%s\n", name);
    }
    sk_SSL_CIPHER_free(list);
    SSL_free(ssl);
}

int adit_tool_show_tls(const struct adit_conf *c)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_method());

    if (!ctx)
        return 1;
    SSL_CTX_set_cipher_list(ctx, "DEFAULT:!EXP:!LOW:!MEDIUM:!kDH:!kECDH:!DSS:!PSK:!SRP:!kRSA");
    if (c->tls_ciphersuites && SSL_CTX_set_ciphersuites(ctx, c->tls_ciphersuites) != 1)
        fprintf(stderr, "tls-ciphersuites: '%s' holds nothing that the TLS library knows\n",
                c->tls_ciphersuites);
    printf("Available TLS Ciphers, listed in order of preference:\n");
    show_tls_of(ctx, TLS1_3_VERSION, "For TLS 1.3 (using --tls-ciphersuites):");
    show_tls_of(ctx, TLS1_2_VERSION, "For TLS 1.2 and older (using --tls-cipher):");
    SSL_CTX_free(ctx);
    return 0;
}

int adit_tool_show_groups(void)
{
    size_t n = EC_get_builtin_curves(NULL, 0);
    EC_builtin_curve *curves = OPENSSL_malloc(n * sizeof *curves);

    printf("Available Elliptic curves/groups:\n\nX25519\nX448\n");
    if (!curves)
        return 1;
    EC_get_builtin_curves(curves, n);
    for (size_t i = 0; i < n; i++) {
        const char *name = OBJ_nid2sn(curves[i].nid);

        if (name)
            printf("%s\n", name);
    }
    OPENSSL_free(curves);
    return 0;
}

int adit_tool_version(bool is_openvpn)
{
    /* Programs that wrap openvpn parse the first words. */
    if (is_openvpn)
        printf("OpenVPN " ADIT_IV_VER " (Adit " ADIT_VERSION ") [SSL (OpenSSL)] [EPOLL] [AEAD]\n");
    else
        printf("Adit " ADIT_VERSION ", speaks OpenVPN " ADIT_IV_VER " [SSL (OpenSSL)] [EPOLL] [AEAD]\n");
    printf("library versions: %s, libuv %s\n", OpenSSL_version(OPENSSL_VERSION), uv_version_string());
    printf("Licensed under the Apache License, Version 2.0\n");
    return 0;
}

static void print_line(void *ctx, const char *line)
{
    (void)ctx;
    printf("%s\n", line);
}

int adit_tool_help(void)
{
    printf("Adit " ADIT_VERSION ": an OpenVPN-compatible VPN\n\n"
           "  adit setup DIR --endpoint HOST[:PORT]     make a CA, a server and its configuration\n"
           "  adit profile add DIR NAME                 make a client: one file, NAME.ovpn\n"
           "  adit profile list|show|renew|revoke DIR [NAME]\n"
           "  adit server DIR                           run what setup made\n"
           "  adit connect FILE                         run a client and watch it\n"
           "  adit check FILE                           say what a configuration means, and what is wrong "
           "with it\n"
           "  adit --config FILE [--OPTION ...]         openvpn's command line; also: adit FILE\n\n"
           "Options, in a file without the dashes:\n\n");
    adit_conf_help(print_line, NULL);
    return 1; /* openvpn's --help ends with 1 */
}
