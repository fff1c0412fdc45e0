/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * custos verify: is this segment, export or vault what a recorder sealed? Offline, without keys.
 *
 * Exit codes: 0 authentic, 1 not authentic, 2 cannot tell (no fingerprint, nothing readable), 64
 * wrong use.
 */
#ifndef CUSTOS_CLI_CLI_VERIFY_H
#define CUSTOS_CLI_CLI_VERIFY_H

#include <jansson.h>

#include "vault/vault_set.h"
#include "verify/verify.h"

int cli_verify(int argc, char **argv);

/* Shared with export: the items as people read them, and as JSON (returns owned). */
void cli_verify_print_items(const struct verdict *v);
json_t *cli_verify_items_json(const struct verdict *v);

/* verify_vaults of what the set holds. */
int cli_verify_set(const struct vault_set *set, const char *stream, const struct verify_options *o,
        struct verdict *v, struct err *e) MUST_USE;

#endif
