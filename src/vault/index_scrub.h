/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the index knows of checks: which ended segment was looked at longest ago, and what was found
 * wrong. A segment's damage stays until a later check of the same segment finds nothing, or its row
 * goes. Columns checked_us and damage of index.h's table; how many there are is in
 * index_retention.h, for the status.
 */
#ifndef CUSTOS_VAULT_INDEX_SCRUB_H
#define CUSTOS_VAULT_INDEX_SCRUB_H

#include "vault/index.h"

#define INDEX_SCRUB_TEXT_MAX 600

/* The ended segment of this volume whose check is the oldest (one that never was first), if that is
 * before before_us; ERR_NOT_FOUND when there is none. */
int index_scrub_next(struct index *ix, uint32_t volume, int64_t before_us,
        struct index_segment *ret, int64_t *ret_checked_us, struct err *e) MUST_USE;
/* damage: one sentence of at most INDEX_SCRUB_TEXT_MAX bytes; NULL: nothing is wrong. No row of
 * that key any more: nothing happens. */
int index_scrub_set(struct index *ix, const char *object_key, int64_t checked_us,
        const char *damage, struct err *e) MUST_USE;

struct index_scrub_damage {
        struct index_segment segment;
        int64_t checked_us;
        char text[INDEX_SCRUB_TEXT_MAX + 1];
};
/* Damaged segments with an id above after_id, ascending; at most limit. on_damage as in index.h. */
int index_scrub_damaged(struct index *ix, int64_t after_id, unsigned limit,
        int (*on_damage)(void *owner, const struct index_scrub_damage *d, struct err *e),
        void *owner, struct err *e) MUST_USE;

/* Arrival of the newest frame that lies on a volume; ERR_NOT_FOUND when nothing does. */
int index_scrub_newest(struct index *ix, uint32_t volume, int64_t *ret_us, struct err *e) MUST_USE;

#endif
