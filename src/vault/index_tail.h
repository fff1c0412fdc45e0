/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the index knows of where streams end, on each volume (docs/design/storage.md, "Leaving a
 * volume"). Each fails with ERR_NOT_FOUND where there is no such row. */
#ifndef CUSTOS_VAULT_INDEX_TAIL_H
#define CUSTOS_VAULT_INDEX_TAIL_H

#include "seal/seal.h"
#include "vault/index.h"

int index_tail_find(struct index *ix, const char *object_key, struct index_segment *ret,
        struct err *e) MUST_USE;
/* The stream's last segment with something durable in it, of rows up to this one. */
int index_tail_durable(struct index *ix, const char *stream, int64_t up_to_id,
        struct index_segment *ret, struct err *e) MUST_USE;
/* The segment of a stream that was made last on this volume; durable: of those with something
 * durable in them. */
int index_tail_newest_on(struct index *ix, const char *stream, uint32_t volume, bool durable,
        struct index_segment *ret, struct err *e) MUST_USE;
/* The stream goes on behind this seal, and nobody knows what its rows that have not ended hold:
 * when their volumes answer again, what is sealed there behind it is a second history. Where a row
 * has such a bound, that one stays. */
int index_tail_leave(struct index *ix, const char *stream, const struct seal_link *behind,
        struct err *e) MUST_USE;
/* The bound of the segment of a stream that was made last on this volume, if that has not ended. */
int index_tail_bound(struct index *ix, const char *stream, uint32_t volume, struct seal_link *ret,
        struct err *e) MUST_USE;
/* Rows of the stream on this volume that have not ended. on_segment must not change the index. */
int index_tail_open(struct index *ix, const char *stream, uint32_t volume,
        int (*on_segment)(void *owner, const struct index_segment *s, struct err *e), void *owner,
        struct err *e) MUST_USE;

#endif
