/* SPDX-License-Identifier: Apache-2.0 */
#include "host/words.h"

#include <stdio.h>
#include <string.h>

enum {
    INFO_LINE_MAX = 256,
    INFO_LINES_MAX = 64, /* more than any client has; a peer must not fill the log */
};

static bool is_any(const struct adit_ip *ip)
{
    static const uint8_t zero[sizeof ip->b];

    return memcmp(ip->b, zero, ip->family == ADIT_AF_V6 ? 16 : 4) == 0;
}

const char *adit_words_addr(const struct adit_addr *a, char *dst, size_t cap)
{
    const char *six = a->ip.family == ADIT_AF_V6 ? "6" : "";
    char text[ADIT_ADDR_STR_MAX];

    if (a->ip.family == ADIT_AF_NONE)
        snprintf(dst, cap, "[AF_UNSPEC]");
    else if (is_any(&a->ip))
        snprintf(dst, cap, "[AF_INET%s][undef]:%u", six, a->port);
    else
        snprintf(dst, cap, "[AF_INET%s]%s", six, adit_addr_str(a, text, sizeof text));
    return dst;
}

const char *adit_words_proto(enum adit_conf_proto proto, enum adit_family family)
{
    if (proto == ADIT_PROTO_UDP)
        return family == ADIT_AF_V6 ? "UDPv6" : "UDPv4";
    if (proto == ADIT_PROTO_TCP_SERVER)
        return family == ADIT_AF_V6 ? "TCPv6_SERVER" : "TCPv4_SERVER";
    return family == ADIT_AF_V6 ? "TCPv6_CLIENT" : "TCPv4_CLIENT";
}

void adit_words_first_packet(const struct adit_log *log, const char *subject, const struct adit_addr *from,
                             const struct adit_sid *sid)
{
    const uint8_t *b = sid->b;
    char text[ADIT_WORDS_ADDR_MAX];

    adit_info(log, subject, "TLS: Initial packet from %s, sid=%02x%02x%02x%02x %02x%02x%02x%02x",
              adit_words_addr(from, text, sizeof text), b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]);
}

void adit_words_peer_info(const struct adit_log *log, const char *subject, adit_bytes peer_info)
{
    char text[INFO_LINE_MAX];

    for (int i = 0; i < INFO_LINES_MAX && peer_info.n > 0 && peer_info.p[0]; i++) {
        const uint8_t *end = memchr(peer_info.p, '\n', peer_info.n);
        size_t n = end ? (size_t)(end - peer_info.p) : strnlen((const char *)peer_info.p, peer_info.n);

        adit_info(log, subject, "peer info: %s",
                  adit_log_clean(adit_bytes_of(peer_info.p, n), text, sizeof text));
        if (!end)
            return;
        peer_info = adit_bytes_of(end + 1, peer_info.n - n - 1);
    }
}

/* False: it is another end. */
static bool say_tls_reason(const struct adit_log *log, const char *subject, const struct adit_event *ev,
                           uint32_t hand_window_s)
{
    char text[512];

    adit_log_clean(ev->text, text, sizeof text);
    switch (ev->reason) {
    case ADIT_E_HAND_WINDOW:
        adit_error(log, subject,
                   "TLS Error: TLS key negotiation failed to occur within %u seconds (check your network "
                   "connectivity)",
                   hand_window_s);
        return true;
    case ADIT_E_TLS:
    case ADIT_E_TLS_ALERT:
    case ADIT_E_CERTIFICATE:
        if (strncmp(text, "VERIFY ERROR", strlen("VERIFY ERROR")) == 0)
            adit_error(log, subject, "%s", text);
        else
            adit_error(log, subject, "TLS Error: %s", text[0] ? text : adit_err_text(ev->reason));
        return true;
    default:
        return false;
    }
}

bool adit_words_tls_error(const struct adit_log *log, const char *subject, const struct adit_event *ev,
                          uint32_t hand_window_s)
{
    if (!say_tls_reason(log, subject, ev, hand_window_s))
        return false;
    adit_error(log, subject, "TLS Error: TLS handshake failed");
    return true;
}
