/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Has removed what vault/retention.h names: looks at the volumes every second, removes in batches
 * through their processes (one batch a volume at a time), removes the keys of hours in which
 * nothing is left, and says of a volume that it is full when nothing more may go.
 *
 * What holds for a stream is kept in the index, so that it holds while the manager is away and
 * after a camera was removed. Of a stream of which nothing is known, nothing is removed but to keep
 * recording, until a manager has said all that it knows.
 */
#ifndef CUSTOS_RECORDER_PARENT_RETENTION_H
#define CUSTOS_RECORDER_PARENT_RETENTION_H

#include "vault/retention.h"

struct parent;
struct parent_stream;
struct parent_retention;

/* Once the index is open; borrows p. */
struct parent_retention *parent_retention_new(struct parent *p);
/* Before parent_storage_free. */
struct parent_retention *parent_retention_free(struct parent_retention *r);
/* What its timer does every second. */
void parent_retention_tick(struct parent_retention *r);
/* Something changed that may let it remove more: it looks at once. r may be NULL. */
void parent_retention_wake(struct parent_retention *r);

struct parent_retention_removed {
        uint64_t segments[RETENTION_REASONS], bytes;
};
/* Since this process began. */
const struct parent_retention_removed *parent_retention_removed(const struct parent_retention *r);
/* The minimum days that hold for a stream, 0 where nothing is known. */
unsigned parent_retention_min_days(const struct parent_retention *r, const char *stream);
/* Its minimum days gave way within the last ten minutes: FAULT_BELOW_MINIMUM. */
bool parent_retention_below_minimum(const struct parent_stream *t, int64_t wall_us);
/* The time by which footage ages (vault/retention_clock.h). */
int64_t parent_retention_now(struct parent_retention *r);
/* That is not the wall clock's, which is ahead of it: FAULT_CLOCK_STEPPED. */
bool parent_retention_held(const struct parent_retention *r);

#endif
