/* SPDX-License-Identifier: Apache-2.0 */
/* In the place of aead_imb.c where ipsec-mb does not exist: the engine that is never ready. */
#include "crypto/aead_parts.h"

const char adit_aead_imb_name[] = "ipsec-mb";

const struct adit_aead_ops *adit_aead_imb_ops(const struct adit_cipher *c)
{
    (void)c;
    return NULL;
}

bool adit_aead_imb_start(const char **text)
{
    *text = "built without ipsec-mb";
    return false;
}
