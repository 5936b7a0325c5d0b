/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The options string ("OCC"): nothing depends on it but a cipher for old peers, so it only has to look as
 * 2.x expects it, field by field and in this order. Protocol text: 6.3, 11.3.
 */
#include <string.h>

#include "proto/nego.h"
#include "proto/words.h"

enum {
    LINK_OPCODE = 1,
    LINK_TCP_HEAD = 2,
    LINK_PACKET_ID = 4,
    LINK_AEAD = 4 + 16 + 12 + 16, /* packet id, tag, IV, and a block that AEAD does not need */
    LINK_BF_CBC = 2 * 8,
};

static void write_field(struct adit_wr *w, const char *name, const char *value)
{
    write_str(w, ",");
    write_str(w, name);
    if (!value)
        return;
    write_str(w, " ");
    write_str(w, value);
}

static void write_number_field(struct adit_wr *w, const char *name, uint32_t v)
{
    write_field(w, name, "");
    write_number(w, v);
}

static const char *proto_name(const struct adit_occ *o)
{
    if (!o->is_tcp)
        return "UDPv4";
    return o->is_server ? "TCPv4_SERVER" : "TCPv4_CLIENT";
}

static void write_ifconfig(struct adit_wr *w, const struct adit_occ *o)
{
    const char *space = strchr(o->ifconfig, ' ');

    if (!o->is_ifconfig_turned || !space) {
        write_field(w, "ifconfig", o->ifconfig);
        return;
    }
    write_field(w, "ifconfig", space + 1);
    write_str(w, " ");
    adit_wr_bytes(w, adit_bytes_of(o->ifconfig, (size_t)(space - o->ifconfig)));
}

void adit_occ_build(const struct adit_occ *o, struct adit_wr *w)
{
    write_str(w, "V4");
    write_field(w, "dev-type", o->is_tap ? "tap" : "tun");
    write_number_field(w, "link-mtu", o->link_mtu);
    write_number_field(w, "tun-mtu", o->tun_mtu);
    write_field(w, "proto", proto_name(o));
    if (o->is_p2p && o->is_ipv6_p2p)
        write_field(w, "tun-ipv6", NULL);
    if (o->is_p2p && o->ifconfig)
        write_ifconfig(w, o);
    if (o->has_comp)
        write_field(w, "comp-lzo", NULL);
    if (o->has_fragment)
        write_field(w, "mtu-dynamic", NULL);
    if (o->keydir >= 0)
        write_field(w, "keydir", o->keydir ? "1" : "0");
    if (o->cipher)
        write_field(w, "cipher", strcmp(o->cipher, "none") == 0 ? "[null-cipher]" : o->cipher);
    if (o->auth)
        write_field(w, "auth", o->auth);
    write_number_field(w, "keysize", o->keysize_bits);
    if (o->has_tls_auth)
        write_field(w, "tls-auth", NULL);
    write_field(w, "key-method", "2");
    write_field(w, o->is_server ? "tls-server" : "tls-client", NULL);
}

struct adit_occ adit_occ_mirror(const struct adit_occ *o)
{
    struct adit_occ m = *o;

    m.is_server = !o->is_server;
    if (o->keydir >= 0)
        m.keydir = !o->keydir;
    if (!o->is_tap && !o->is_ifconfig_net)
        m.is_ifconfig_turned = !o->is_ifconfig_turned;
    return m;
}

bool adit_occ_get(adit_bytes occ, const char *name, adit_bytes *value)
{
    struct adit_rd r = adit_rd_of(occ);
    size_t n = strlen(name);
    adit_bytes field;

    while (take_word(&r, ',', &field)) {
        if (!has_prefix(field, name) || (field.n > n && field.p[n] != ' '))
            continue;
        *value = without_first(field, field.n > n ? n + 1 : n);
        return true;
    }
    return false;
}

/* The overhead of encryption as it was counted when link-mtu was still an option. */
static unsigned link_crypto_len(const struct adit_cipher *cipher, unsigned digest_len)
{
    if (!cipher)
        return LINK_PACKET_ID + digest_len + LINK_BF_CBC;
    switch (cipher->kind) {
    case ADIT_CIPHER_AEAD:
        return LINK_AEAD;
    case ADIT_CIPHER_CBC:
        return LINK_PACKET_ID + digest_len + 2U * cipher->block_len;
    case ADIT_CIPHER_CFB_OFB:
        return 2 * LINK_PACKET_ID + digest_len + cipher->iv_len + cipher->block_len;
    case ADIT_CIPHER_NONE:
        break;
    }
    return LINK_PACKET_ID + digest_len;
}

unsigned adit_occ_link_mtu(unsigned tun_mtu, bool is_tcp, const struct adit_cipher *cipher,
                           unsigned digest_len)
{
    return tun_mtu + LINK_OPCODE + (is_tcp ? LINK_TCP_HEAD : 0U) + link_crypto_len(cipher, digest_len);
}
