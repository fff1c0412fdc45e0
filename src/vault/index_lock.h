/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Locks in the index: the same as in the volumes' files, to be asked quickly. */
#ifndef CUSTOS_VAULT_INDEX_LOCK_H
#define CUSTOS_VAULT_INDEX_LOCK_H

#include "vault/index.h"
#include "vault/lock_record.h"

/* text: as in its file (lock_record_format). Replaces one of the same id. */
int index_lock_put(struct index *ix, const char *id, const char *stream, int64_t from_us,
        int64_t to_us, const char *text, struct err *e) MUST_USE;
/* ERR_NOT_FOUND when there is none. */
int index_lock_remove(struct index *ix, const char *id, struct err *e) MUST_USE;
int index_lock_count(struct index *ix, unsigned *ret, struct err *e) MUST_USE;

struct index_lock {
        const char *id, *stream, *text; /* borrowed for the call */
        int64_t from_us, to_us;
};
/* The lock of that id, to on_lock, whose answer is returned; ERR_NOT_FOUND when there is none. */
int index_lock_get(struct index *ix, const char *id,
        int (*on_lock)(void *owner, const struct index_lock *l, struct err *e), void *owner,
        struct err *e) MUST_USE;
/* Those behind that id ("": all), by id. on_lock returns 0 to go on; anything else ends it and is
 * returned. */
int index_lock_each(struct index *ix, const char *after,
        int (*on_lock)(void *owner, const struct index_lock *l, struct err *e), void *owner,
        struct err *e) MUST_USE;

#endif
