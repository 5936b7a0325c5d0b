/* SPDX-License-Identifier: Apache-2.0 */
/* Setters of options that only servers say. Their words come from a peer. */
#include <string.h>

#include "conf/set.h"

/* For what must not be ignored: the whole push is refused. */
static bool refuse(struct adit_fill *f, const char *why)
{
    f->is_refused = true;
    adit_conf_report_add(f->report, ADIT_CONF_ERROR, f->at.file, f->at.line, "push-refused", "%s", why);
    return false;
}

bool adit_set_auth_token(struct adit_fill *f, const struct adit_words *w)
{
    f->pushed->auth_token = w->v[1];
    return true;
}

bool adit_set_auth_token_user(struct adit_fill *f, const struct adit_words *w)
{
    f->pushed->auth_token_user = w->v[1];
    return true;
}

bool adit_set_peer_id(struct adit_fill *f, const struct adit_words *w)
{
    return adit_fill_num32(f, w->v[1], 0, ADIT_PUSHED_NO_PEER_ID, &f->pushed->peer_id);
}

bool adit_set_peer_window(struct adit_fill *f, const struct adit_words *w)
{
    return adit_fill_num32(f, w->v[1], 0, ADIT_CONF_REPLAY_MAX, &f->pushed->peer_window);
}

bool adit_set_key_derivation(struct adit_fill *f, const struct adit_words *w)
{
    if (w->n != 2 || strcmp(w->v[1], "tls-ekm") != 0)
        return refuse(f, "the server asks for a key derivation that this end does not know");
    f->pushed->flags |= ADIT_PUSHED_TLS_EKM;
    return true;
}

/* With an unknown flag the data channel would not work, so that it is better to stop here and say why. */
bool adit_set_protocol_flags(struct adit_fill *f, const struct adit_words *w)
{
    static const struct adit_opt_word words[] = {{"cc-exit", ADIT_PUSHED_CC_EXIT},
                                                 {"tls-ekm", ADIT_PUSHED_TLS_EKM},
                                                 {"dyn-tls-crypt", ADIT_PUSHED_DYN_TLS_CRYPT},
                                                 {"aead-epoch", ADIT_PUSHED_AEAD_EPOCH},
                                                 {0}};

    for (size_t i = 1; i < w->n; i++) {
        const struct adit_opt_word *p = words;

        while (p->name && strcmp(p->name, w->v[i]) != 0)
            p++;
        if (!p->name)
            return refuse(f, "the server uses a protocol flag that this end does not know");
        f->pushed->flags |= (uint32_t)p->value;
    }
    return true;
}

/* Parts of a reply have been put together before; the marker itself says nothing more. */
bool adit_set_push_continuation(struct adit_fill *f, const struct adit_words *w)
{
    uint64_t v;

    return adit_fill_num(f, w->v[1], 0, 2, &v);
}
