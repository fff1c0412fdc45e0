/* SPDX-License-Identifier: GPL-3.0-or-later */
/* custos vault check: seals and chains by verify/, keys, index and content by vault/, said
 * together. */
#ifndef CUSTOS_CLI_CLI_VAULT_CHECK_H
#define CUSTOS_CLI_CLI_VAULT_CHECK_H

#include "cli/cli_args.h"

/* Prints what was found; returns the exit code. With --key or --recovery-kit it decrypts too. */
int cli_vault_check(const struct cli_args *a);

#endif
