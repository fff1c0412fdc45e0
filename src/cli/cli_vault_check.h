/* SPDX-License-Identifier: GPL-3.0-or-later */
/* custos vault check: seals and chains by verify/, keys, index and content by vault/, said
 * together. */
#ifndef CUSTOS_CLI_CLI_VAULT_CHECK_H
#define CUSTOS_CLI_CLI_VAULT_CHECK_H

#include <stdbool.h>

struct cli_vault_check_options {
        const char *state, *vault;
        const char *key, *kit; /* files; both NULL: nothing is decrypted */
        const char *trust;     /* 64 hex digits, or NULL */
        bool json;
};

/* Prints what was found; returns the exit code. */
int cli_vault_check(const struct cli_vault_check_options *o);

#endif
