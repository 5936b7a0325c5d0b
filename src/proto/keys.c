/* SPDX-License-Identifier: Apache-2.0 */
/* The classic derivation of data keys: pre-master to master to the block of 256 bytes. Protocol text: 6.6. */
#include "proto/keys.h"

#include "crypto/kdf.h"

enum {
    MASTER_LEN = 48,
};

adit_err adit_keys_prf(const struct adit_key_source *client, const struct adit_key_source *server,
                       const struct adit_sid *client_sid, const struct adit_sid *server_sid,
                       struct adit_key_block *out)
{
    const adit_bytes pre_master = adit_bytes_of(client->pre_master, sizeof client->pre_master);
    const adit_bytes for_master[] = {
        adit_bytes_of(client->random1, sizeof client->random1),
        adit_bytes_of(server->random1, sizeof server->random1),
    };
    const adit_bytes for_keys[] = {
        adit_bytes_of(client->random2, sizeof client->random2),
        adit_bytes_of(server->random2, sizeof server->random2),
        adit_bytes_of(client_sid->b, sizeof client_sid->b),
        adit_bytes_of(server_sid->b, sizeof server_sid->b),
    };
    uint8_t master[MASTER_LEN];
    adit_err e = adit_prf(pre_master, "OpenVPN master secret", for_master, 2, master, sizeof master);

    if (!e)
        e = adit_prf(adit_bytes_of(master, sizeof master), "OpenVPN key expansion", for_keys, 4, out->b,
                     sizeof out->b);
    adit_wipe(master, sizeof master);
    if (e)
        adit_wipe(out, sizeof *out);
    return e;
}
