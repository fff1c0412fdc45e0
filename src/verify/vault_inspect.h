/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * All streams of one or several volumes, or one stream, from their directories (docs/spec/vault.md
 * section 1). Reads what is there by itself; keys, index and lock are not looked at.
 */
#ifndef CUSTOS_VERIFY_VAULT_INSPECT_H
#define CUSTOS_VERIFY_VAULT_INSPECT_H

#include "verify/signers.h"
#include "verify/verify.h"

/* A vault, or one stream's directory in it. */
int vault_inspect(const char *path, const struct verify_options *o, struct signers *signers,
        struct verdict *v, struct err *e) MUST_USE;
int vault_inspect_all(const struct verify_vault *vaults, unsigned n, const char *stream,
        const struct verify_options *o, struct signers *signers, struct verdict *v,
        struct err *e) MUST_USE;

#endif
