/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A person's new password, from where nobody else can read it: the terminal without echo, a file of
 * mode 0600, or standard input; never an argument. */
#ifndef CUSTOS_CLI_CLI_PASSWORD_H
#define CUSTOS_CLI_CLI_PASSWORD_H

#include "base/secret.h"

/* file: "-" is standard input, to the end of its first line; NULL: the terminal, asked twice.
 * ERR_INVALID: there is no terminal, or both are not the same. The caller wipes ret. */
int cli_password_read(const char *file, struct secret *ret, struct err *e) MUST_USE;

#endif
