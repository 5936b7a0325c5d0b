/* SPDX-License-Identifier: Apache-2.0 */
/* Asking the person at the terminal, before the program begins its work. */
#ifndef ADIT_LINUX_CONSOLE_H
#define ADIT_LINUX_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/*
 * One line, without its end; not shown while typed unless want_echo. ADIT_E_FILE: there is no terminal, or no
 * answer. ADIT_E_SHUTDOWN: a signal that ends programs came (Ctrl-C); it is delivered when the terminal is as
 * it was before.
 */
ADIT_MUST_USE adit_err adit_console_ask(const char *prompt, bool want_echo, char *dst, size_t cap);

#endif
