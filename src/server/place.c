/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where admitted clients are: one to a place, which is a socket and an address. Workers know the places of
 * their own peers only; here are all of them. A client on a stream has the stream for itself, and no place.
 */
#include "server/parts.h"

#include <string.h>

/* Fields by themselves: what lies between them is compared, too. */
void adit_place_key_set(struct adit_place_key *key, int link, const struct adit_addr *remote)
{
    memset(key, 0, sizeof *key);
    key->link = link;
    if (!remote)
        return;
    memcpy(key->remote.ip.b, remote->ip.b, sizeof key->remote.ip.b);
    key->remote.ip.family = remote->ip.family;
    key->remote.port = remote->port;
    key->remote.scope = remote->scope;
}

struct adit_caller *adit_place_find(const struct adit_server *sv, int link, const struct adit_addr *remote)
{
    struct adit_place_key key;
    struct adit_caller *c;

    adit_place_key_set(&key, link, remote);
    HASH_FIND(hh_place, sv->places, &key, sizeof key, c);
    return c;
}

void adit_place_take(struct adit_caller *c)
{
    if (c->is_stream || !c->is_admitted || c->has_place)
        return;
    adit_place_key_set(&c->place, c->way.link, &c->way.remote);
    HASH_ADD(hh_place, c->sv->places, place, sizeof c->place, c);
    c->has_place = true;
}

void adit_place_leave(struct adit_caller *c)
{
    if (c->has_place)
        HASH_DELETE(hh_place, c->sv->places, c);
    c->has_place = false;
}
