/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The gaps that the next seal will carry (docs/spec/seal.md section 1): one of each cause, so that
 * they always fit. */
#ifndef CUSTOS_VAULT_GAP_LIST_H
#define CUSTOS_VAULT_GAP_LIST_H

#include "seal/seal.h"

struct gap_list {
        unsigned n;
        struct seal_gap gaps[SEAL_GAPS_MAX];
};

/* A gap of a cause that is there already is joined with it: from the earlier beginning to this end.
 */
void gap_list_add(
        struct gap_list *l, unsigned cause, int64_t from_us, int64_t to_us, uint32_t frames);
void gap_list_join(struct gap_list *l, const struct seal_gap *gaps, unsigned n);
bool gap_list_has(const struct gap_list *l, unsigned cause);

#endif
