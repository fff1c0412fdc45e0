/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What retention and the storage page ask the index. Each question reads few rows, however many
 * segments there are: sums are kept by triggers in the transaction that changes a row (schema in
 * index_parts.h).
 */
#ifndef CUSTOS_VAULT_INDEX_RETENTION_H
#define CUSTOS_VAULT_INDEX_RETENTION_H

#include "vault/index.h"
#include "vault/retention_clock.h"
#include "vault/retention.h"

/* What a stream has on a volume, what is being written included. */
struct index_usage {
        char stream[HEAD_PATH_MAX];
        uint32_t volume;
        uint64_t bytes;
        uint64_t segments;
        bool open; /* something is being written there */
};
/* By stream, then volume. *ret is the caller's (free). */
int index_retention_usage(
        struct index *ix, struct index_usage **ret, size_t *ret_n, struct err *e) MUST_USE;

/* The oldest segment that has ended of that stream on that volume, behind the position: 1, or 0. */
int index_retention_next(struct index *ix, uint32_t volume, const char *stream,
        const struct retention_position *after, struct retention_segment *ret,
        struct err *e) MUST_USE;
/* When the newest frame came that is in the index at all, of streams with usage; 0: nothing. */
int index_retention_newest(struct index *ix, int64_t *ret_us, struct err *e) MUST_USE;

/* Bytes of segments with anything in [from_us, to_us], volume by volume, as many rows as `rows` and
 * beginning behind *at (INT64_MIN at first), which is moved on. 1: there are more; 0: done. */
int index_retention_sum(struct index *ix, const char *stream, int64_t from_us, int64_t to_us,
        struct retention_position *at, unsigned rows,
        void (*on_segment)(void *owner, uint32_t volume, uint64_t bytes), void *owner,
        struct err *e) MUST_USE;

/* What was recorded since that time (in whole hours), and from when: by what has ended, and what is
 * being written. Nothing of what a rebuild found. */
int index_retention_flow(struct index *ix, int64_t since_us,
        void (*on_flow)(
                void *owner, const char *stream, uint32_t volume, uint64_t bytes, int64_t from_us),
        void *owner, struct err *e) MUST_USE;
int index_retention_flow_forget(struct index *ix, int64_t before_us, struct err *e) MUST_USE;

/* Damaged segments of a volume, and when its oldest check was (0: something was never checked). */
int index_retention_checks(struct index *ix, uint32_t volume, unsigned *ret_damaged,
        int64_t *ret_checked_us, struct err *e) MUST_USE;

/* Hours whose keys may go */

struct index_hour {
        int64_t hour; /* since 1970 */
        uint32_t volume;
        char stream[HEAD_PATH_MAX];
};
/* The first hour behind *at (hour INT64_MIN: from the beginning), before before_hour, in which a
 * segment was removed: 1, or 0. */
int index_retention_emptied(struct index *ix, const struct index_hour *at, int64_t before_hour,
        struct index_hour *ret, struct err *e) MUST_USE;
/* Whether a segment is left there that may need a key of that hour: one whose name or frames are
 * of it, or of the hours beside it (files are made ahead of need). 1 or 0. */
int index_retention_hour_used(struct index *ix, const struct index_hour *h, struct err *e) MUST_USE;
int index_retention_hour_done(struct index *ix, const struct index_hour *h, struct err *e) MUST_USE;

/* What holds for a stream, known though its camera was removed and the manager is away. */
struct index_terms {
        char stream[HEAD_PATH_MAX];
        unsigned min_days, max_days;
        uint64_t quota_mb;
};
int index_retention_terms_put(
        struct index *ix, const struct index_terms *t, struct err *e) MUST_USE;
int index_retention_terms_remove(struct index *ix, const char *stream, struct err *e) MUST_USE;
int index_retention_terms(struct index *ix,
        void (*on_terms)(void *owner, const struct index_terms *t), void *owner,
        struct err *e) MUST_USE;

/* What the clock by which footage ages was last. 1, 0 where nothing was kept yet. */
int index_retention_aging(
        struct index *ix, struct retention_clock_kept *ret, struct err *e) MUST_USE;
int index_retention_aging_put(
        struct index *ix, const struct retention_clock_kept *kept, struct err *e) MUST_USE;

#endif
