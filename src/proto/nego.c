/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Capabilities and what two ends settle on. Text of a peer is only read here: a name that is not known is
 * skipped, a number that is none counts as absent. Protocol text: 6.4, 8.
 */
#include "proto/nego.h"

#include <string.h>

#include "proto/replay.h"
#include "proto/words.h"
#include "wire/packet.h"

enum {
    CIPHER_NAME_MAX = 64, /* with NUL; longer names are not known */
    NCP_VERSION = 2,
};

/* In the order of preference that 2.6 and 2.7 have. */
static const char *const default_ciphers[] = {"AES-256-GCM", "AES-128-GCM", "CHACHA20-POLY1305"};

/* ---- lists of ciphers ---- */

static const struct adit_cipher *find_cipher(adit_bytes name)
{
    char s[CIPHER_NAME_MAX];

    if (name.n == 0 || name.n >= sizeof s || memchr(name.p, 0, name.n))
        return NULL;
    memcpy(s, name.p, name.n);
    s[name.n] = '\0';
    return adit_cipher_find(s);
}

bool adit_cipher_list_has(const struct adit_cipher_list *l, const struct adit_cipher *c)
{
    for (size_t i = 0; i < l->n; i++)
        if (l->c[i] == c)
            return true;
    return false;
}

/* False if there is no place for one more. */
static bool append_cipher(struct adit_cipher_list *l, const struct adit_cipher *c)
{
    if (adit_cipher_list_has(l, c))
        return true;
    if (l->n == ADIT_CIPHERS_MAX)
        return false;
    l->c[l->n++] = c;
    return true;
}

static bool append_defaults(struct adit_cipher_list *l)
{
    for (size_t i = 0; i < sizeof default_ciphers / sizeof default_ciphers[0]; i++) {
        const struct adit_cipher *c = adit_cipher_find(default_ciphers[i]);

        if (c && !append_cipher(l, c))
            return false;
    }
    return true;
}

/* One word of a configured list. */
static bool append_word(struct adit_cipher_list *l, adit_bytes word)
{
    bool is_optional = word.n > 0 && word.p[0] == '?';
    const struct adit_cipher *c;

    if (word.n == 0)
        return true;
    if (is_word(word, "DEFAULT"))
        return append_defaults(l);
    c = find_cipher(is_optional ? without_first(word, 1) : word);
    return c ? append_cipher(l, c) : is_optional;
}

/* How long the list is as text, with its NUL: what a peer gets to read as IV_CIPHERS. */
static size_t list_text_len(const struct adit_cipher_list *l)
{
    size_t n = 0;

    for (size_t i = 0; i < l->n; i++)
        n += strlen(l->c[i]->name) + 1;
    return n;
}

adit_err adit_cipher_list_parse(const char *text, struct adit_cipher_list *out, adit_bytes *bad)
{
    struct adit_rd r = adit_rd_of(adit_bytes_str(text));
    struct adit_cipher_list l = {0};
    adit_bytes word = adit_bytes_str(text);

    while (take_word(&r, ':', &word)) {
        if (append_word(&l, word) && list_text_len(&l) <= ADIT_CIPHER_LIST_LEN)
            continue;
        if (bad)
            *bad = word;
        return ADIT_E_CONFIG;
    }
    if (l.n == 0) {
        if (bad)
            *bad = adit_bytes_str(text);
        return ADIT_E_CONFIG;
    }
    *out = l;
    return ADIT_OK;
}

/* ---- peer info ---- */

/* A decimal number and nothing else; 0 if it is none, or does not fit. */
static uint32_t number_of(adit_bytes text)
{
    uint64_t v = 0;

    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] < '0' || text.p[i] > '9')
            return 0;
        v = v * 10 + (uint64_t)(text.p[i] - '0');
        if (v > UINT32_MAX)
            return 0;
    }
    return (uint32_t)v;
}

bool adit_peer_info_get(adit_bytes text, const char *name, adit_bytes *value)
{
    struct adit_rd r = adit_rd_of(text);
    size_t n = strlen(name);
    adit_bytes line;

    while (take_word(&r, '\n', &line)) {
        if (line.n <= n || line.p[n] != '=' || !has_prefix(line, name))
            continue;
        *value = without_first(line, n + 1);
        return true;
    }
    return false;
}

static adit_bytes value_or_empty(adit_bytes text, const char *name)
{
    adit_bytes value;

    return adit_peer_info_get(text, name, &value) ? value : adit_bytes_of("", 0);
}

/* What the peer can do: IV_CIPHERS, or for want of it what IV_NCP promises. */
static void read_peer_ciphers(adit_bytes text, struct adit_peer_info *p)
{
    struct adit_rd r;
    adit_bytes list, name;

    p->has_ciphers = adit_peer_info_get(text, "IV_CIPHERS", &list);
    if (!p->has_ciphers)
        list = adit_bytes_str(p->iv_ncp >= NCP_VERSION ? "AES-256-GCM:AES-128-GCM" : "");
    r = adit_rd_of(list);
    while (p->ciphers.n < ADIT_CIPHERS_MAX && take_word(&r, ':', &name)) {
        const struct adit_cipher *c = find_cipher(name);

        if (c)
            (void)append_cipher(&p->ciphers, c);
    }
}

static void read_replay_window(adit_bytes text, struct adit_peer_info *p)
{
    adit_bytes value;
    uint32_t n;

    p->has_replay_window = adit_peer_info_get(text, "IV_REPLAY_WINDOW", &value);
    if (!p->has_replay_window)
        return;
    n = number_of(value);
    p->replay_window = n <= ADIT_REPLAY_BITS_MAX ? n : 0;
}

void adit_peer_info_parse(adit_bytes text, struct adit_peer_info *out)
{
    *out = (struct adit_peer_info){
        .iv_proto = number_of(value_or_empty(text, "IV_PROTO")),
        .iv_ncp = number_of(value_or_empty(text, "IV_NCP")),
        .iv_mtu = number_of(value_or_empty(text, "IV_MTU")),
        .iv_ver = value_or_empty(text, "IV_VER"),
        .iv_gui_ver = value_or_empty(text, "IV_GUI_VER"),
        .iv_plat = value_or_empty(text, "IV_PLAT"),
    };
    read_replay_window(text, out);
    read_peer_ciphers(text, out);
}

static void write_line(struct adit_wr *w, const char *name, const char *value)
{
    write_str(w, name);
    write_str(w, "=");
    write_str(w, value);
    write_str(w, "\n");
}

static void write_number_line(struct adit_wr *w, const char *name, uint32_t v)
{
    char digits[12];

    snprintf(digits, sizeof digits, "%u", (unsigned)v);
    write_line(w, name, digits);
}

/* IV_NCP=2 promises both of these ciphers, so 2.x leaves it away when its list lacks one. */
static bool keeps_ncp_promise(const char *ciphers)
{
    struct adit_rd r = adit_rd_of(adit_bytes_str(ciphers));
    bool has_128 = false, has_256 = false;
    adit_bytes name;

    while (take_word(&r, ':', &name)) {
        has_128 = has_128 || is_word(name, "AES-128-GCM");
        has_256 = has_256 || is_word(name, "AES-256-GCM");
    }
    return has_128 && has_256;
}

static bool is_pushed_info_only(adit_bytes line)
{
    static const char *const names[] = {"UV_", "IV_HWADDR=", "IV_SSL=", "IV_PLAT_VER="};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (has_prefix(line, names[i]))
            return true;
    return false;
}

static void write_extra(struct adit_wr *w, const struct adit_peer_info_own *own)
{
    struct adit_rd r = adit_rd_of(adit_bytes_str(own->extra));
    adit_bytes line;

    while (take_word(&r, '\n', &line)) {
        if (line.n == 0 || (own->detail < 3 && is_pushed_info_only(line)))
            continue;
        adit_wr_bytes(w, line);
        write_str(w, "\n");
    }
}

void adit_peer_info_build(const struct adit_peer_info_own *own, struct adit_wr *w)
{
    bool is_full = own->detail >= 2, does_pull = is_full && own->mtu > 0;

    if (own->detail == 0)
        return;
    if (is_full) {
        write_line(w, "IV_VER", own->version);
        write_line(w, "IV_PLAT", "linux");
        write_line(w, "IV_TCPNL", "1");
    }
    if (does_pull) {
        write_number_line(w, "IV_MTU", own->mtu);
        write_number_line(w, "IV_REPLAY_WINDOW", own->replay_window);
        if (keeps_ncp_promise(own->ciphers))
            write_number_line(w, "IV_NCP", NCP_VERSION);
    }
    write_line(w, "IV_CIPHERS", own->ciphers);
    write_number_line(w, "IV_PROTO", own->iv_proto);
    if (is_full && own->extra)
        write_extra(w, own);
    if (is_full && own->gui)
        write_line(w, "IV_GUI_VER", own->gui);
}

/* ---- settling ---- */

const struct adit_cipher *adit_nego_cipher(const struct adit_cipher_list *own,
                                           const struct adit_peer_info *peer, adit_bytes peer_occ,
                                           const struct adit_cipher *fallback)
{
    bool gave_list = peer->has_ciphers || peer->iv_ncp >= NCP_VERSION;
    const struct adit_cipher *c;
    adit_bytes name;

    for (size_t i = 0; i < own->n; i++)
        if (adit_cipher_list_has(&peer->ciphers, own->c[i]))
            return own->c[i];
    if (gave_list)
        return NULL;
    if (!adit_occ_get(peer_occ, "cipher", &name))
        return fallback;
    c = find_cipher(is_word(name, "[null-cipher]") ? adit_bytes_str("none") : name);
    return c && adit_cipher_list_has(own, c) ? c : NULL;
}

void adit_protocol_flags_parse(adit_bytes words, struct adit_agreed *a, unsigned *unknown)
{
    struct adit_rd r = adit_rd_of(words);
    adit_bytes word;

    *unknown = 0;
    while (take_word(&r, ' ', &word)) {
        if (is_word(word, "cc-exit"))
            a->want_cc_exit = true;
        else if (is_word(word, "tls-ekm"))
            a->want_ekm = true;
        else if (is_word(word, "dyn-tls-crypt"))
            a->want_dyn_tls_crypt = true;
        else if (is_word(word, "aead-epoch"))
            a->want_epoch = true;
        else if (word.n > 0)
            (*unknown)++;
    }
}

static void end_option(struct adit_wr *w)
{
    adit_wr_u8(w, 0);
}

static void push_number(struct adit_wr *w, const char *name, uint32_t v)
{
    write_str(w, name);
    write_number(w, v);
    end_option(w);
}

/* Before protocol-flags there was a word of its own for the exporter, which peers without CC_EXIT still get.
 */
static void push_flags(const struct adit_agreed *a, bool knows_flags, struct adit_wr *w)
{
    const struct {
        bool is_on;
        const char *word;
    } flags[] = {
        {a->want_cc_exit, " cc-exit"},
        {a->want_ekm && knows_flags, " tls-ekm"},
        {a->want_dyn_tls_crypt, " dyn-tls-crypt"},
        {a->want_epoch, " aead-epoch"},
    };
    bool is_begun = false;

    if (a->want_ekm && !knows_flags) {
        write_str(w, "key-derivation tls-ekm");
        end_option(w);
    }
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        if (!flags[i].is_on)
            continue;
        if (!is_begun)
            write_str(w, "protocol-flags");
        write_str(w, flags[i].word);
        is_begun = true;
    }
    if (is_begun)
        end_option(w);
}

void adit_agreed_push(const struct adit_agreed *a, const struct adit_peer_info *peer, unsigned tun_mtu,
                      uint32_t replay_window, struct adit_wr *w)
{
    if (a->peer_id != ADIT_PEER_ID_NONE)
        push_number(w, "peer-id ", a->peer_id);
    if (a->cipher && (peer->has_ciphers || peer->iv_ncp >= NCP_VERSION)) {
        write_str(w, "cipher ");
        write_str(w, a->cipher->name);
        end_option(w);
    }
    push_flags(a, peer->iv_proto & ADIT_IV_CC_EXIT, w);
    if (peer->iv_mtu > 0 && tun_mtu > 0)
        push_number(w, "tun-mtu ", tun_mtu);
    /* openvpn would warn of an option that it does not know. */
    if (peer->has_replay_window)
        push_number(w, "adit-replay-window ", replay_window);
}
