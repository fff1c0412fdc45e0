/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The order of seals of one stream, judged (docs/spec/seal.md section 3 and 4). Fed with seals in
 * the order in which they were found; says for each whether it follows, and if not, why. Pure
 * bookkeeping: signatures and hashes are checked by the caller, who feeds only seals whose
 * signature is good.
 *
 * Best answers come in two passes over the same seals in the same order: chain_announce for each,
 * then chain_judge for each. Then a hole whose seals stand elsewhere is a matter of order and not
 * of removal, and the fewest possible seals are called reordered. Without the first pass a hole is
 * called removed when it is met, and what turns up later is called reordered.
 *
 * Not in here: times, files, certificates.
 */
#ifndef CUSTOS_SEAL_CHAIN_H
#define CUSTOS_SEAL_CHAIN_H

#include "seal/seal.h"

enum verdict_kind {
        VERDICT_AUTHENTIC,
        VERDICT_EDITED,
        VERDICT_REMOVED,
        VERDICT_REORDERED,
        VERDICT_DUPLICATED,
        VERDICT_TRUNCATED,
        VERDICT_FOREIGN,
        VERDICT_KEY_NOT_TRUSTED,
        VERDICT_CANNOT_TELL,
        VERDICT_GAP,  /* honest and sealed: not a fault */
        VERDICT_NOTE, /* worth knowing, not a fault: an open end, another file name */
};
const char *verdict_name(enum verdict_kind k);

/* What the chain needs of a seal: a fifth of struct seal, so that a year of a stream can be held.
 */
struct chain_seal {
        struct seal_link self, previous;
        bool has_gap;
};
void chain_seal_of(const struct seal *s, struct bytes payload, struct chain_seal *ret);

#define CHAIN_TEXT_ROOM 240

struct chain; /* owned; one stream */

struct chain *chain_new(const char *stream);
struct chain *chain_free(struct chain *c);
void chain_freep(struct chain **c);

/* First pass. */
void chain_announce(struct chain *c, const struct chain_seal *s);
/* Second pass (or the only one). Returns what this seal is relative to those before:
 * VERDICT_AUTHENTIC (follows, or is the first seen), REMOVED (something between is missing;
 * *ret_missing seals where countable, else 0), REORDERED, DUPLICATED, FOREIGN. text says it in
 * words, and is empty for AUTHENTIC. */
enum verdict_kind chain_judge(struct chain *c, const struct chain_seal *s, uint64_t *ret_missing,
        char *text, size_t text_room);
/* Between two chain_judge: here stood n seals that cannot be read (CHAIN_MANY where nobody knows).
 * The caller has reported them; a hole of that size is not reported again. */
#define CHAIN_MANY UINT32_MAX
void chain_skip(struct chain *c, uint32_t n);
/* chain_judge for a parsed seal; FOREIGN too when it is of another stream. */
enum verdict_kind chain_add(struct chain *c, const struct seal *s, struct bytes payload,
        uint64_t *ret_missing, char *text, size_t text_room);

#endif
