/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The order of seals of one stream, judged (docs/spec/seal.md section 3 and 4). Fed with seals in the order in
 * which they were found; says for each whether it follows, and if not, why. Pure bookkeeping: signatures and
 * hashes are checked by the caller.
 */
#ifndef CUSTOS_SEAL_CHAIN_H
#define CUSTOS_SEAL_CHAIN_H

#include "seal/seal.h"

enum verdict_kind {
        VERDICT_AUTHENTIC, VERDICT_EDITED, VERDICT_REMOVED, VERDICT_REORDERED, VERDICT_DUPLICATED, VERDICT_TRUNCATED,
        VERDICT_FOREIGN, VERDICT_KEY_NOT_TRUSTED, VERDICT_CANNOT_TELL,
        VERDICT_GAP, /* honest and sealed: not a fault */
};
const char *verdict_name(enum verdict_kind k);

struct chain; /* owned; one stream */

struct chain *chain_new(const char *stream);
struct chain *chain_free(struct chain *c);
/* Returns what this seal is relative to those before: VERDICT_AUTHENTIC (follows, or is the first seen),
 * REMOVED (something between is missing; *ret_missing seals where countable, else 0), REORDERED, DUPLICATED, FOREIGN. text says it in words. */
enum verdict_kind chain_add(struct chain *c, const struct seal *s, struct bytes payload, uint64_t *ret_missing,
        char *text, size_t text_room);

#endif
