/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Words of the log that other programs look for, where client and server say the same: they are openvpn's to
 * the letter.
 */
#ifndef ADIT_HOST_WORDS_H
#define ADIT_HOST_WORDS_H

#include "conf/conf.h"
#include "core/session.h"

enum {
    ADIT_WORDS_ADDR_MAX = ADIT_ADDR_STR_MAX + 16,
};

/* "[AF_INET]192.0.2.1:1194"; "[AF_INET][undef]:1194" for every address of the machine, "[AF_UNSPEC]" for
 * none. Returns dst. */
const char *adit_words_addr(const struct adit_addr *a, char *dst, size_t cap);

/* "UDPv4", "TCPv6_SERVER" */
const char *adit_words_proto(enum adit_conf_proto proto, enum adit_family family);

/* The peer is heard for the first time. */
void adit_words_first_packet(const struct adit_log *log, const char *subject, const struct adit_addr *from,
                             const struct adit_sid *sid);

void adit_words_peer_info(const struct adit_log *log, const char *subject, adit_bytes peer_info);

/* Why a handshake failed, if the event ends one; false: it ends something else. */
bool adit_words_tls_error(const struct adit_log *log, const char *subject, const struct adit_event *ev,
                          uint32_t hand_window_s);

#endif
