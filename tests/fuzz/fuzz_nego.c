/* SPDX-License-Identifier: Apache-2.0 */
/* First byte: which reader; the rest is its text. What a peer writes leads to a choice or to none. */
#include <stdlib.h>
#include <string.h>

#include "proto/nego.h"
#include "proto/replay.h"
#include "wire/packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check(bool is_right)
{
    if (!is_right)
        abort();
}

static bool lies_in(adit_bytes part, adit_bytes whole)
{
    return part.n == 0 || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n);
}

static void read_peer_info(adit_bytes text)
{
    struct adit_cipher_list own;
    struct adit_peer_info p;
    const struct adit_cipher *c;
    struct adit_agreed a = {.want_ekm = true, .want_cc_exit = true};
    uint8_t buf[512];
    struct adit_wr w = adit_wr_of(buf, sizeof buf);

    adit_peer_info_parse(text, &p);
    check(p.ciphers.n <= ADIT_CIPHERS_MAX);
    check(p.replay_window <= ADIT_REPLAY_BITS_MAX && (p.has_replay_window || p.replay_window == 0));
    check(lies_in(p.iv_ver, text) && lies_in(p.iv_gui_ver, text) && lies_in(p.iv_plat, text));
    check(adit_cipher_list_parse("DEFAULT", &own, NULL) == ADIT_OK);
    c = adit_nego_cipher(&own, &p, text, NULL);
    check(!c || adit_cipher_list_has(&own, c));
    a.cipher = c;
    adit_agreed_push(&a, &p, 1500, 2048, &w);
    check(adit_wr_end(&w) == ADIT_OK);
}

static void read_occ(adit_bytes text)
{
    static const char *const names[] = {"cipher", "comp-lzo", "V4", ""};
    adit_bytes value;

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (adit_occ_get(text, names[i], &value))
            check(lies_in(value, text));
}

static void read_flags(adit_bytes text)
{
    struct adit_agreed a = {0};
    unsigned unknown;

    adit_protocol_flags_parse(text, &a, &unknown);
    check(unknown <= text.n);
}

static void read_list(adit_bytes text)
{
    struct adit_cipher_list l;
    adit_bytes bad;
    char *s = malloc(text.n + 1);

    if (!s)
        return;
    if (text.n > 0)
        memcpy(s, text.p, text.n);
    s[text.n] = '\0';
    if (adit_cipher_list_parse(s, &l, &bad) == ADIT_OK)
        check(l.n > 0 && l.n <= ADIT_CIPHERS_MAX);
    else
        check(lies_in(bad, adit_bytes_str(s)));
    free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static void (*const readers[])(adit_bytes) = {read_peer_info, read_occ, read_flags, read_list};

    if (n == 0 || n > ADIT_RECORD_MAX)
        return 0;
    readers[data[0] % 4](adit_bytes_of(data + 1, n - 1));
    return 0;
}
