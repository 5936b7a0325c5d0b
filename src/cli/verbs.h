/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs of the command line. argv[0] is the verb; the result is the exit code of the program. */
#ifndef ADIT_CLI_VERBS_H
#define ADIT_CLI_VERBS_H

/* setup DIR --endpoint HOST[:PORT] [--proto udp|tcp] [--network PREFIX] [--key-type ecdsa|ed25519|rsa] */
int adit_verb_setup(int argc, char **argv);

/* profile add|list|show|renew|revoke DIR [NAME] [--days N] */
int adit_verb_profile(int argc, char **argv);

/* server DIR */
int adit_verb_server(int argc, char **argv);

/* connect FILE */
int adit_verb_connect(int argc, char **argv);

/* check FILE */
int adit_verb_check(int argc, char **argv);

#endif
