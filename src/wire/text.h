/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text messages on the control channel (PUSH_REQUEST, AUTH_FAILED, ...): one record may hold several, each
 * ended by NUL. Protocol text: 9.1; push chunks: 9.2.
 */
#ifndef ADIT_WIRE_TEXT_H
#define ADIT_WIRE_TEXT_H

#include "base/bytes.h"

enum adit_text_kind {
    ADIT_TEXT_UNKNOWN,
    ADIT_TEXT_AUTH_FAILED,
    ADIT_TEXT_PUSH_REQUEST,
    ADIT_TEXT_PUSH_REPLY,
    ADIT_TEXT_PUSH_UPDATE,
    ADIT_TEXT_RESTART,
    ADIT_TEXT_HALT,
    ADIT_TEXT_INFO_PRE,
    ADIT_TEXT_INFO,
    ADIT_TEXT_CR_RESPONSE,
    ADIT_TEXT_AUTH_PENDING,
    ADIT_TEXT_EXIT,
};

/*
 * Takes the next message of a record: text without NUL and without trailing CR and LF, lent. Returns false
 * at the end of the record. *e is ADIT_OK, or ADIT_E_TEXT for a message with forbidden characters or without
 * its NUL (skip it and go on). Empty messages are skipped.
 */
bool adit_text_next(struct adit_rd *record, adit_bytes *text, adit_err *e);

/*
 * Recognises by prefix, in the order of 2.x. *rest is what follows the word and one comma ("" if none):
 * "AUTH_FAILED,reason" gives "reason".
 */
enum adit_text_kind adit_text_kind_of(adit_bytes text, adit_bytes *rest);

enum {
    ADIT_TEXT_MAX = 1024,       /* one message as sent, with NUL */
    ADIT_PUSH_CHUNK_MAX = 940,  /* a chunk of PUSH_REPLY is closed before it would exceed this */
    ADIT_PUSH_OPTION_MAX = 255, /* one pushed option */
};

/*
 * Cuts a list of options, each a NUL-terminated string one after another in `options` (as
 * "route 10.0.0.0 255.0.0.0\0ping 10\0"), into PUSH_REPLY messages. *at is the caller's position, 0 at
 * first. Writes one message without NUL and returns true; false when all were written. A list that fits
 * into one message carries no push-continuation; an empty list gives one bare "PUSH_REPLY".
 */
bool adit_push_chunk(adit_bytes options, size_t *at, bool *is_done, struct adit_wr *w);

#endif
