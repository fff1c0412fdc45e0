/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Tamper stories in a line or two: what was recorded is a string (segment_builder.h), an attack is
 * one edit, and what the verifier says is a string again, one letter for each fragment that was
 * recorded:
 *
 *     a authentic            c cannot tell     e edited      m removed (missing)   r reordered
 *     d duplicated           t truncated       f foreign     k key not trusted     . nothing was
 * said about it
 *
 * Where several things are said about the time of a fragment, the worst counts. A test includes
 * tamper.c behind segment_builder.c.
 */
#ifndef CUSTOS_TEST_TAMPER_H
#define CUSTOS_TEST_TAMPER_H

#include "segment_builder.h"
#include "verify/verify.h"

#define TAMPER_ROOM 256

/* One letter for each fragment of all segments of b, '|' between segments. */
void tamper_letters(
        const struct segment_builder *b, const struct verdict *v, char to[static TAMPER_ROOM]);
/* Every item that names a fault names a file and a time. */
bool tamper_is_located(const struct verdict *v);
void tamper_print(const struct verdict *v);
/* True when some item of that kind has a text with `part` in it. */
bool tamper_says(const struct verdict *v, enum verdict_kind kind, const char *part);

/* Edits of a file's bytes. */
void tamper_cut(struct buf *file, uint64_t from, uint64_t to);
void tamper_insert(struct buf *file, uint64_t at, struct bytes what);
void tamper_flip(struct buf *file, uint64_t bit);
struct buf tamper_copy(const struct buf *file);

/* Edits of whole fragments of a segment; places are those of the builder. Made from the end to the
 * beginning, they may be combined. */
struct bytes tamper_fragment(const struct segment_builder_segment *s, unsigned fragment);
void tamper_drop(const struct segment_builder_segment *s, struct buf *file, unsigned fragment);
void tamper_swap(const struct segment_builder_segment *s, struct buf *file, unsigned a, unsigned b);

#endif
