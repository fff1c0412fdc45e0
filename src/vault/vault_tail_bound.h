/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What lies behind the seal with which a stream went on elsewhere (docs/design/storage.md, "Leaving
 * a volume"). For vault_tail, which comes after it. */
#ifndef CUSTOS_VAULT_VAULT_TAIL_BOUND_H
#define CUSTOS_VAULT_VAULT_TAIL_BOUND_H

#include "vault/vault_tail.h"

/* Cuts off the rest of the segment that holds the bound, and segments that continue what was cut or
 * begin behind the bound: of the newest hours, and of those of object_key (may be empty). Counts in
 * tail. Fails where the disk cannot be written to. */
int vault_tail_bound_cut(const char *vault, const char *stream, const char *object_key,
        const struct seal_link *bound, struct vault_tail *tail, struct err *e) MUST_USE;

#endif
