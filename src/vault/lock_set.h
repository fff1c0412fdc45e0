/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What all locks together cover: disjoint ranges of time for each stream, to be asked for every
 * segment that retention looks at. Pure. The locks themselves are in lock_record.h.
 */
#ifndef CUSTOS_VAULT_LOCK_SET_H
#define CUSTOS_VAULT_LOCK_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/own.h"

#define LOCK_SET_MAX 10000 /* locks of one recorder */

struct lock_set; /* owned */

struct lock_set *lock_set_new(void);
struct lock_set *lock_set_free(struct lock_set *s);
void lock_set_freep(struct lock_set **s);
/* [from_us, to_us], both inclusive. Not after lock_set_seal. */
void lock_set_add(struct lock_set *s, const char *stream, int64_t from_us, int64_t to_us);
/* Sorts and joins what overlaps; needed before the questions below. */
void lock_set_seal(struct lock_set *s);

/* True when any part of [first_us, last_us] is locked. ret_to_us (may be NULL): the end of the
 * range that covers it; whatever of this stream ends between last_us and there is locked as well.
 */
bool lock_set_covers(const struct lock_set *s, const char *stream, int64_t first_us,
        int64_t last_us, int64_t *ret_to_us);
/* The joined ranges by stream and time, at 0, 1, ...; false behind the last. stream is borrowed. */
bool lock_set_range(const struct lock_set *s, size_t at, const char **ret_stream,
        int64_t *ret_from_us, int64_t *ret_to_us);

#endif
