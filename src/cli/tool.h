/* SPDX-License-Identifier: Apache-2.0 */
/* What openvpn's command line does besides running: keys, lists, version, help. Results are exit codes. */
#ifndef ADIT_CLI_TOOL_H
#define ADIT_CLI_TOOL_H

#include "conf/conf.h"

int adit_tool_genkey(const struct adit_conf *c);
int adit_tool_show_ciphers(void);
int adit_tool_show_digests(void);
int adit_tool_show_tls(const struct adit_conf *c);
int adit_tool_show_groups(void);
int adit_tool_version(bool is_openvpn);
int adit_tool_help(void);

#endif
