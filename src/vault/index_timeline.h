/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a timeline is drawn from: which times of a stream are recorded, and what is missing, with
 * its cause, as the seals say. Each question is one look into an index, so that what a picture of a
 * year costs is the number of its columns and not that of the segments in it.
 */
#ifndef CUSTOS_VAULT_INDEX_TIMELINE_H
#define CUSTOS_VAULT_INDEX_TIMELINE_H

#include "seal/seal.h"
#include "vault/index.h"

/* The first segment of a stream, by its end, that ends at at_us or later: 1 and its times, 0 where
 * there is none. */
int index_timeline_segment(struct index *ix, const char *stream, int64_t at_us,
        int64_t *ret_first_us, int64_t *ret_last_us, struct err *e) MUST_USE;
/* The first gap likewise. frames of it is 0: the index does not know. */
int index_timeline_gap(struct index *ix, const char *stream, int64_t at_us, struct seal_gap *ret,
        struct err *e) MUST_USE;

/* Gaps that a seal of this segment carries. Those without a beginning (nothing was ever recorded
 * before) are left out; a segment that has no row has none. Whoever reads a file again takes away
 * what was there: index_timeline_drop_gaps. */
int index_timeline_put_gaps(struct index *ix, const char *object_key, const struct seal_gap *gaps,
        unsigned n, struct err *e) MUST_USE;
int index_timeline_drop_gaps(struct index *ix, const char *object_key, struct err *e) MUST_USE;

#endif
