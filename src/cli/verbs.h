/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verbs of the command line. argv[0] is the verb; the result is the exit code of the program. Each has a
 * usage, which is shown when it is asked for (by main()), and by the verb where its words make no sense.
 */
#ifndef ADIT_CLI_VERBS_H
#define ADIT_CLI_VERBS_H

/* setup DIR --endpoint HOST[:PORT] [--proto udp|tcp] [--network PREFIX] [--key-type ecdsa|ed25519|rsa] */
extern const char adit_usage_setup[];
int adit_verb_setup(int argc, char **argv);

/* profile add|list|show|renew|revoke DIR [NAME] [--days N] */
extern const char adit_usage_profile[];
int adit_verb_profile(int argc, char **argv);

/* server DIR */
extern const char adit_usage_server[];
int adit_verb_server(int argc, char **argv);

/* connect FILE */
extern const char adit_usage_connect[];
int adit_verb_connect(int argc, char **argv);

/* check FILE */
extern const char adit_usage_check[];
int adit_verb_check(int argc, char **argv);

#endif
