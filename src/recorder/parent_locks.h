/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Locks: what retention may not remove. Each is a row of the index and a small file on every volume
 * (vault/lock_record.h), so that it holds without the manager, and on another machine. A lock holds
 * from the moment in which it is answered.
 */
#ifndef CUSTOS_RECORDER_PARENT_LOCKS_H
#define CUSTOS_RECORDER_PARENT_LOCKS_H

#include <jansson.h>

#include "base/err.h"
#include "vault/lock_set.h"

struct parent;
struct parent_locks;

struct parent_locks *parent_locks_new(struct parent *p); /* borrows p */
struct parent_locks *parent_locks_free(struct parent_locks *l);
/* What its timer does: tells volumes of locks, and counts a slice of what is locked. */
void parent_locks_tick(struct parent_locks *l);

/* What is locked now; borrowed until the next request. On failure nothing may be removed. */
int parent_locks_set(struct parent_locks *l, const struct lock_set **ret, struct err *e) MUST_USE;
/* Bytes of the volume's segments that a lock holds: as last counted, within the last minutes. */
uint64_t parent_locks_bytes(const struct parent_locks *l, uint32_t volume);

/* Requests of the manager (docs/spec/link.md section 3). */
int parent_locks_add(struct parent *p, json_t *body, json_t **ret, struct err *e) MUST_USE;
int parent_locks_list(struct parent *p, json_t *body, json_t **ret, struct err *e) MUST_USE;
int parent_locks_remove(struct parent *p, json_t *body, json_t **ret, struct err *e) MUST_USE;

#endif
