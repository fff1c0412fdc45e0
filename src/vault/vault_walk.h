/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The segment files of a vault, by its directories alone (docs/spec/vault.md section 1). Names of
 * another form are not looked at: they are not the recorder's. */
#ifndef CUSTOS_VAULT_VAULT_WALK_H
#define CUSTOS_VAULT_VAULT_WALK_H

#include "base/err.h"
#include "seal/head.h"

/* Each callback returns 0 to go on; anything else ends the walk and is returned. Names ascend. */
int vault_walk_streams(const char *vault,
        int (*on_stream)(void *owner, const char *stream, struct err *e), void *owner,
        struct err *e) MUST_USE;
/* All segments of a stream; below: only of this directory of it ("2026-11-22", "2026-11-22/17"), or
 * NULL. */
int vault_walk_segments(const char *vault, const char *stream, const char *below,
        int (*on_segment)(void *owner, const char *object_key, struct err *e), void *owner,
        struct err *e) MUST_USE;
/* The hour directory ("2026-11-22/16") of the stream that comes before this one by name;
 * ERR_NOT_FOUND when there is none. */
#define VAULT_WALK_HOUR_ROOM 14
int vault_walk_hour_before(const char *vault, const char *stream, const char *hour,
        char ret[static VAULT_WALK_HOUR_ROOM], struct err *e) MUST_USE;
/* All key store files: keys/<stream>/<date>/<file>, whatever their names; relative to the vault, in
 * no order. */
int vault_walk_keys(const char *vault, int (*on_key)(void *owner, const char *name, struct err *e),
        void *owner, struct err *e) MUST_USE;
/* All lock files: locks/<file>, whatever their names; relative to the vault, ascending. */
int vault_walk_locks(const char *vault,
        int (*on_lock)(void *owner, const char *name, struct err *e), void *owner,
        struct err *e) MUST_USE;
/* The time in an object key's name; SEAL_UNKNOWN_US (the smallest i64) where it has none. */
int64_t vault_walk_time_of(const char *object_key);

#endif
